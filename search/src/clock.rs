//! What time it is. Handed in, so that a simulation can drive it.

use std::time::{Duration, Instant};

/// Tells deadlines and what things took; nothing else of a study depends on it.
pub trait Clock: Send + Sync {
    /// Since a moment that stays the same. Never goes back.
    fn now(&self) -> Duration;
}

/// The clock of this machine.
#[derive(Clone, Copy, Debug)]
pub struct SystemClock(Instant);

impl Default for SystemClock {
    fn default() -> Self {
        Self(Instant::now())
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Duration {
        self.0.elapsed()
    }
}
