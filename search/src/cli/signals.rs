//! Ctrl-C once: finish what is running. Twice: drop it. Once more: end at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

use evaluator::Control;

use super::failure::Failure;

/// What was pressed so far.
#[derive(Clone, Default)]
pub struct Signals {
    /// Nothing more should start.
    pub interrupted: Arc<AtomicBool>,
    /// Cancelled at the second time.
    pub control: Control,
    pressed: Arc<AtomicBool>,
}

/// A file that may not grow (`ulimit -f`) is an error where it is written, like a full disk, and not the end of this
/// process without a word.
pub fn survive_file_limits() {
    // SAFETY: ignoring a signal runs no code.
    unsafe { libc::signal(libc::SIGXFSZ, libc::SIG_IGN) };
}

impl Signals {
    /// For work that goes on in pieces: the first signal interrupts, the second cancels.
    pub fn watch() -> Result<Self, Failure> {
        Self::default().watched()
    }

    /// For work in one piece: the first signal cancels.
    pub fn watch_to_cancel() -> Result<Self, Failure> {
        let signals = Self::default();
        signals.pressed.store(true, SeqCst);
        signals.watched()
    }

    /// Whether a signal came.
    pub fn pressed(&self) -> bool {
        self.pressed.load(SeqCst)
    }

    fn watched(self) -> Result<Self, Failure> {
        let signals = self.clone();
        let handler = move || {
            signals.interrupted.store(true, SeqCst);
            if signals.control.cancelled() {
                // What was acknowledged is on the disk; nothing more is waited for.
                std::process::exit(130);
            }
            if signals.pressed.swap(true, SeqCst) {
                signals.control.cancel();
            } else {
                say!("fecund: finishing the evaluations under way; Ctrl-C again drops them");
            }
        };
        ctrlc::set_handler(handler)
            .map_err(|error| Failure::failed(format!("cannot watch for Ctrl-C: {error}")))?;
        Ok(self)
    }
}
