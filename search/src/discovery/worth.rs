//! What hashing costs and saves, measured: of some proposals, how long they took to answer, and how long a bare evaluation
//! takes. Whoever looks at it is told; the search itself never does.

use std::ops::AddAssign;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::processor::of_thread;

/// Seconds of processor time, of the proposals that were timed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Worth {
    pub timed: u64,
    /// Answered as they were: symbol, probe, look-up, and training where it was needed.
    pub with: f64,
    /// Evaluated from nothing.
    pub without: f64,
}

/// One proposal among so many is timed: a share of the time that is not felt.
pub const EVERY: u64 = 512;
/// Fewer tell nothing.
const LEAST: u64 = 100;

impl Worth {
    pub fn add(&mut self, with: Duration, without: Duration) {
        self.timed += 1;
        self.with += with.as_secs_f64();
        self.without += without.as_secs_f64();
    }

    /// Seconds of this many proposals with hashing and without.
    pub fn seconds(&self, proposals: u64) -> [f64; 2] {
        let share = proposals as f64 / self.timed.max(1) as f64;
        [self.with * share, self.without * share]
    }

    /// What to say where hashing does not pay.
    pub fn warning(&self, proposals: u64) -> Option<String> {
        if self.timed < LEAST || self.with <= self.without {
            return None;
        }
        let [with, without] = self.seconds(proposals);
        Some(format!(
            "hashing costs more than it saves: {with:.1} s of processor time with it, {without:.1} s without (measured on {} \
             of {proposals} programs); try --no-cache",
            self.timed
        ))
    }
}

/// What this thread uses of a processor for some work, without what looking at the clock takes.
pub fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let [before, start] = [of_thread(), of_thread()];
    let result = work();
    let used = of_thread().saturating_sub(start);
    (result, used.saturating_sub(start.saturating_sub(before)))
}

impl AddAssign for Worth {
    fn add_assign(&mut self, other: Self) {
        self.timed += other.timed;
        self.with += other.with;
        self.without += other.without;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_said_where_answers_take_longer_than_evaluations() {
        let measured = |with, without, times| {
            let mut worth = Worth::default();
            (0..times).for_each(|_| worth.add(Duration::from_micros(with), Duration::from_micros(without)));
            worth
        };
        assert_eq!(measured(3, 9, 1000).warning(512_000), None);
        assert_eq!(measured(9, 3, 99).warning(512_000), None, "too few to tell");
        let said = measured(9, 3, 1000).warning(1_000_000).unwrap();
        assert!(
            said.starts_with("hashing costs more than it saves: 9.0 s") && said.contains("3.0 s without"),
            "{said}"
        );
    }
}
