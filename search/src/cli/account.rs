//! What a run has used up, summed over resumes, in two files of its folder: `seconds` and `processor_seconds`.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use super::bounded::read_text;
use super::failure::Failure;
use crate::{Clock, SystemClock};

const BETWEEN_SAVES: Duration = Duration::from_secs(1);

/// Of a run so far, in seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Spent {
    /// By the clock.
    pub time: f64,
    /// Of processors, by the search and all its workers. A run of an older program begins at zero.
    pub processor_time: f64,
}

/// Keeps the account of a run while it is driven: every second, whatever the search waits for, and at the end. To lose a
/// second of it, by `kill -9`, is no reason to stop a search; neither is a disk that does not take it.
pub struct Account {
    entries: Arc<Entries>,
    /// Dropped to end the thread.
    ending: Option<Sender<()>>,
    keeper: Option<JoinHandle<()>>,
}

struct Entries {
    run: PathBuf,
    before: Spent,
    clock: SystemClock,
    processor_began: Duration,
    last: Mutex<Spent>,
}

impl Spent {
    /// As the folder has it. What cannot be read counts as nothing.
    pub fn of(run: &Path) -> Self {
        let number = |file| {
            let text = read_text(&run.join(file)).unwrap_or_default();
            let number =
                text.trim().parse().ok().filter(|seconds: &f64| seconds.is_finite() && *seconds >= 0.0);
            number.unwrap_or(0.0)
        };
        Self { time: number("seconds"), processor_time: number("processor_seconds") }
    }

    fn save(self, run: &Path) {
        for (file, seconds) in [("seconds", self.time), ("processor_seconds", self.processor_time)] {
            let (path, draft) = (run.join(file), run.join(format!("{file}.new")));
            // By renaming, so that it is never seen half written.
            let _ = fs::write(&draft, format!("{seconds:.3}\n")).and_then(|()| fs::rename(&draft, &path));
        }
    }
}

impl Account {
    /// Counts on from what the folder has: time from now, processor time from when this process had used so much.
    pub fn open(run: &Path, processor_began: Duration) -> Result<Self, Failure> {
        let (clock, before) = (SystemClock::default(), Spent::of(run));
        let (run, last) = (run.to_path_buf(), Mutex::new(before));
        let entries = Arc::new(Entries { run, before, clock, processor_began, last });
        let (ending, ended) = channel();
        let kept = Arc::clone(&entries);
        let keep = move || {
            while ended.recv_timeout(BETWEEN_SAVES) == Err(RecvTimeoutError::Timeout) {
                kept.keep();
            }
            kept.keep();
        };
        let keeper = std::thread::Builder::new().name("account".into()).spawn(keep);
        let keeper = keeper.map_err(|error| Failure::failed(format!("cannot start a thread: {error}")))?;
        Ok(Self { entries, ending: Some(ending), keeper: Some(keeper) })
    }

    /// By now.
    pub fn spent_now(&self) -> Spent {
        self.entries.now()
    }

    /// By now; processor time as of a second ago, since to look takes longer than many a trial.
    pub fn spent(&self) -> Spent {
        let last = *self.entries.last.lock().expect("nobody panics with it");
        Spent { time: self.entries.time(), ..last }
    }
}

impl Entries {
    fn time(&self) -> f64 {
        self.before.time + self.clock.now().as_secs_f64()
    }

    fn now(&self) -> Spent {
        let used = self.clock.processor_time().saturating_sub(self.processor_began);
        Spent { time: self.time(), processor_time: self.before.processor_time + used.as_secs_f64() }
    }

    fn keep(&self) {
        let spent = self.now();
        *self.last.lock().expect("nobody panics with it") = spent;
        spent.save(&self.run);
    }
}

impl Drop for Account {
    fn drop(&mut self) {
        drop(self.ending.take());
        if let Some(keeper) = self.keeper.take() {
            let _ = keeper.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_goes_on_from_what_the_folder_has_even_of_an_older_program() {
        let run = tempfile::tempdir().unwrap();
        assert_eq!(Spent::of(run.path()), Spent::default());
        fs::write(run.path().join("seconds"), "12.500\n").unwrap();
        let before = Spent { time: 12.5, processor_time: 0.0 };
        assert_eq!(Spent::of(run.path()), before);
        let began = SystemClock::default().processor_time();
        let account = Account::open(run.path(), began).unwrap();
        let until = SystemClock::default().processor_time() + Duration::from_millis(30);
        while SystemClock::default().processor_time() < until {}
        assert!(account.spent().time > 12.5 && account.spent_now().processor_time >= 0.03);
        drop(account);
        let after = Spent::of(run.path());
        assert!(after.time > 12.5 && after.processor_time >= 0.03, "{after:?}");
        fs::write(run.path().join("processor_seconds"), "nan").unwrap();
        assert_eq!(Spent::of(run.path()), Spent { processor_time: 0.0, ..after });
    }
}
