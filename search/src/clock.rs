//! What time it is, and how much of the processors was used. Handed in, so that a simulation can drive it.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use crate::processor;

/// Tells deadlines and what things took; nothing else of a study depends on it.
pub trait Clock: Send + Sync {
    /// Since a moment that stays the same. Never goes back.
    fn now(&self) -> Duration;

    /// Processor time of the study and of all its workers, since a moment that stays the same. Never goes back.
    fn processor_time(&self) -> Duration;
}

/// The clock of this machine. Processor time is that of this process and its children since they were started.
#[derive(Debug)]
pub struct SystemClock {
    began: Instant,
    /// The most processor time that was told, in nanoseconds.
    told: AtomicU64,
}

impl Default for SystemClock {
    fn default() -> Self {
        Self { began: Instant::now(), told: AtomicU64::new(0) }
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Duration {
        self.began.elapsed()
    }

    fn processor_time(&self) -> Duration {
        let seen = processor::own_and_children().as_nanos() as u64;
        Duration::from_nanos(self.told.fetch_max(seen, Relaxed).max(seen))
    }
}
