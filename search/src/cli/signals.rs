//! Ctrl-C once: finish what is running. Twice: drop it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

use evaluator::Control;

use super::failure::{Failure, Outcome};

/// Sets `interrupted` at the first signal and cancels `control` at the second.
pub fn watch(interrupted: Arc<AtomicBool>, control: Control, pressed: Arc<AtomicBool>) -> Outcome {
    let handler = move || {
        if pressed.swap(true, SeqCst) {
            control.cancel();
        } else {
            eprintln!("fecund: finishing the evaluations under way; Ctrl-C again drops them");
        }
        interrupted.store(true, SeqCst);
    };
    ctrlc::set_handler(handler).map_err(|error| Failure::failed(format!("cannot watch for Ctrl-C: {error}")))
}
