//! How the machine can fail an evaluation, and which of it is worth a second try.

use thiserror::Error;

/// How much of what a worker says is repeated in messages and records, in characters.
const REPEATED: usize = 400;

/// The machine failed, not the candidate. Every message is one line.
#[derive(Clone, Debug, PartialEq, Error)]
pub enum EvalError {
    /// The worker's process ended or fell silent. `stderr` is the end of what it said.
    #[error("worker died: {cause}{}", last_words(stderr))]
    Died { cause: String, stderr: String },
    #[error("time limit of {seconds} s passed")]
    TimeLimit { seconds: f64 },
    /// In bytes.
    #[error("memory limit of {} MiB passed: {} MiB resident", limit >> 20, resident >> 20)]
    MemoryLimit { limit: u64, resident: u64 },
    #[error("cancelled")]
    Cancelled,
    /// The worker sent what is not an answer.
    #[error("worker broke the protocol: {}{}", start(&printable(what)), last_words(stderr))]
    Protocol { what: String, stderr: String },
    /// The worker answered that it cannot evaluate this.
    #[error("worker refused: {message}")]
    Refused { message: String },
    /// No worker can be had; a second try would fail alike.
    #[error("cannot start worker: {what}; {remedy}")]
    Start { what: String, remedy: String },
}

impl EvalError {
    /// Whether a fresh worker might do better. A worker that refuses tells of the machine (a disk that is full, a file
    /// that is gone): neither a second try nor the candidate can help that.
    pub fn worth_a_second_try(&self) -> bool {
        matches!(
            self,
            Self::Died { .. } | Self::TimeLimit { .. } | Self::MemoryLimit { .. } | Self::Protocol { .. }
        )
    }

    /// What `Reason::Unstable` says of it: no figures of this one run, no stderr.
    pub fn cause(&self) -> String {
        match self {
            Self::Died { cause, .. } => format!("worker died: {cause}"),
            Self::TimeLimit { .. } => "time limit".to_string(),
            Self::MemoryLimit { .. } => "memory limit".to_string(),
            Self::Protocol { what, .. } => format!("protocol broken: {}", start(&printable(what))),
            Self::Cancelled | Self::Refused { .. } | Self::Start { .. } => self.to_string(),
        }
    }

    /// The limit that was passed, in seconds or bytes: under a higher one the candidate may yet work.
    pub fn limit(&self) -> Option<f64> {
        match self {
            Self::TimeLimit { seconds } => Some(*seconds),
            Self::MemoryLimit { limit, .. } => Some(*limit as f64),
            _ => None,
        }
    }
}

/// The end of a message: what the last panic begins with, whose backtrace may follow, or else the last few lines.
fn last_words(stderr: &str) -> String {
    let lines: Vec<&str> = stderr.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let panic = lines.iter().rposition(|line| line.contains(" panicked at "));
    let words = match panic {
        Some(first) => {
            start(&printable(&lines[first..].iter().take(4).copied().collect::<Vec<_>>().join(" | ")))
        }
        None => end(&printable(&lines[lines.len().saturating_sub(4)..].join(" | "))),
    };
    if words.is_empty() { words } else { format!("; it last said: {words}") }
}

/// One line that a terminal takes as text.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// What a message begins with.
fn start(text: &str) -> String {
    match text.char_indices().nth(REPEATED) {
        Some((cut, _)) => format!("{}…", &text[..cut]),
        None => text.to_string(),
    }
}

/// What a message ends with: of last words, the last.
fn end(text: &str) -> String {
    match text.char_indices().nth_back(REPEATED - 1) {
        Some((cut, _)) if cut > 0 => format!("…{}", &text[cut..]),
        _ => text.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_one_line_and_end_with_the_last_words() {
        let stderr = "one\n\ntwo\nthree\nfour\nfive\n".to_string();
        let died = EvalError::Died { cause: "exit code 3".to_string(), stderr };
        assert_eq!(died.to_string(), "worker died: exit code 3; it last said: two | three | four | five");
        assert_eq!(died.cause(), "worker died: exit code 3");
    }

    #[test]
    fn of_a_panic_the_beginning_is_kept() {
        let frames: String = (0..50).map(|n| format!("  frame #{n}: somewhere\n")).collect();
        let stderr = format!("noise\nthread 'main' (7) panicked at main.rs:1:\nno such tensor\n{frames}");
        let died = EvalError::Died { cause: "exit code 101".to_string(), stderr };
        let expected = "thread 'main' (7) panicked at main.rs:1: | no such tensor | frame #0: somewhere | frame #1: somewhere";
        assert_eq!(died.to_string(), format!("worker died: exit code 101; it last said: {expected}"));
    }

    #[test]
    fn what_a_worker_says_is_repeated_in_part_and_without_control_characters() {
        let stderr = format!("\x1b[31m{}\x07 the end\r\n", "ü".repeat(2000));
        let died = EvalError::Died { cause: "exit code 3".to_string(), stderr: stderr.clone() }.to_string();
        assert!(died.contains("said: …ü") && died.ends_with("ü  the end"), "{died}");
        let broken = EvalError::Protocol { what: format!("no kind `{stderr}`"), stderr };
        for message in [died, broken.to_string(), broken.cause()] {
            assert!(message.chars().count() < 3 * REPEATED, "{message}");
            assert!(!message.contains(char::is_control), "{message:?}");
        }
        let whole = "x".repeat(REPEATED);
        assert_eq!((start(&whole), end(&whole)), (whole.clone(), whole));
    }

    #[test]
    fn only_limits_that_were_passed_are_named() {
        assert_eq!(EvalError::TimeLimit { seconds: 2.5 }.limit(), Some(2.5));
        assert_eq!(
            EvalError::MemoryLimit { limit: 1 << 30, resident: 2 << 30 }.limit(),
            Some(1_073_741_824.0)
        );
        assert_eq!(EvalError::Refused { message: String::new() }.limit(), None);
    }
}
