//! How proposals were answered.

use std::ops::AddAssign;

use serde::{Deserialize, Serialize};

/// Counts of one island, or of all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    pub proposals: u64,
    /// Answered because the symbol was known: nothing was run.
    pub by_symbol: u64,
    /// Answered because the errors on the probe were known.
    pub by_probe: u64,
    /// Answered because it failed at every task, on the probe already.
    pub failed: u64,
    /// Left at what the probe found, below the hurdle.
    pub below_hurdle: u64,
    /// Trained and validated on all examples.
    pub evaluated: u64,
    pub audits: Audits,
}

/// Answers that were checked by an evaluation, which the search did not see.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Audits {
    pub made: u64,
    /// The fitness was another one, by more than [`TOLERANCE`](Self::TOLERANCE).
    pub wrong: u64,
}

impl Audits {
    pub const TOLERANCE: f64 = 1e-6;
}

impl Tally {
    /// The share of the proposals that was answered without training, failures included.
    pub fn hit_rate(&self) -> f64 {
        let answered = self.by_symbol + self.by_probe + self.failed;
        answered as f64 / self.proposals.max(1) as f64
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.proposals += other.proposals;
        self.by_symbol += other.by_symbol;
        self.by_probe += other.by_probe;
        self.failed += other.failed;
        self.below_hurdle += other.below_hurdle;
        self.evaluated += other.evaluated;
        self.audits.made += other.audits.made;
        self.audits.wrong += other.audits.wrong;
    }
}
