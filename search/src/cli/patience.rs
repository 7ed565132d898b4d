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

#[cfg(test)]
mod tests {
    use super::*;

    fn locked() -> StoreError {
        StoreError::Locked { path: "run".into(), holder: "process 7 on here".into() }
    }

    #[test]
    fn a_lock_is_waited_for_and_other_failures_are_not() {
        let mut left = 3;
        let opened = Patience::SHORT.wait(|| {
            left -= 1;
            if left > 0 { Err(locked()) } else { Ok(left) }
        });
        assert_eq!(opened.unwrap(), 0);
        let mut attempts = 0;
        let failed = Patience::SHORT.wait(|| {
            attempts += 1;
            Err::<(), _>(StoreError::Missing { dir: "run".into() })
        });
        assert!(failed.is_err() && attempts == 1, "{attempts} attempts");
    }

    #[test]
    fn who_holds_the_lock_too_long_is_named() {
        let started = Instant::now();
        let patience = Duration::from_millis(50);
        let error = Patience(patience).wait(|| Err::<(), _>(locked())).unwrap_err().to_string();
        assert!(error.contains("process 7 on here") && started.elapsed() >= patience, "{error}");
        let mut attempts = 0;
        let failed = Patience::NONE.wait(|| {
            attempts += 1;
            Err::<(), _>(locked())
        });
        assert!(failed.is_err() && attempts == 1, "{attempts} attempts");
    }
}
