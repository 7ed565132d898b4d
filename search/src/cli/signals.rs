//! Ctrl-C once: finish what is running. Twice: drop it.

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
