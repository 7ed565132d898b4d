//! How long a command waits for another that writes the same run.

use std::time::{Duration, Instant};

use storage::StoreError;

#[derive(Clone, Copy, Debug)]
pub struct Patience(Duration);

/// Between two attempts.
const PAUSE: Duration = Duration::from_millis(20);

impl Patience {
    /// For commands that take as long as it takes.
    pub const NONE: Self = Self(Duration::ZERO);
    /// For commands that are done in a moment: ten seconds.
    pub const SHORT: Self = Self(Duration::from_secs(10));

    /// Tries again as long as another process has the lock. The last attempt says which.
    pub fn wait<T>(self, mut attempt: impl FnMut() -> Result<T, StoreError>) -> Result<T, StoreError> {
        let started = Instant::now();
        loop {
            match attempt() {
                Err(StoreError::Locked { .. }) if started.elapsed() < self.0 => std::thread::sleep(PAUSE),
                done => return done,
            }
        }
    }
}
