//! What the cache did, computed from the trials in their order.

use std::collections::{BTreeMap, HashMap};

use hashing::{Class, Digest, Key};
use serde::Serialize;
use tasks::{Reason, Verdict};

use crate::trial::{Miss, Origin, Trial};

/// Counts and seconds. `proposals = misses + partial_hits + full_hits + shared`.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Statistics {
    pub proposals: u64,
    pub misses: u64,
    pub partial_hits: u64,
    pub full_hits: u64,
    pub shared: u64,
    /// Answered because the canonical form was the same as an earlier one's.
    pub structural: u64,
    /// Answered although the canonical form was new: only the probe knew.
    pub functional: u64,
    /// Misses because the store could not be read.
    pub unreadable: u64,
    /// Evaluations really made: misses and partial hits that were not ruled out before training.
    pub trained: u64,
    /// Trials whose candidate cannot work.
    pub invalid: u64,
    /// Trials whose candidate may work, but the table that is replayed has no row for it.
    pub not_in_table: u64,
    /// Trials whose response to the probe is not finite: identified by structure alone.
    pub unhashable: u64,
    pub hashing_seconds: f64,
    /// By the clock, or by what the evaluator says that a verdict cost.
    pub evaluation_seconds: f64,
    pub saved_seconds: f64,
    pub by_operator: BTreeMap<String, Tally>,
    #[serde(skip)]
    forms: HashMap<Key, Vec<Digest>>,
}

/// Proposals and how many of them were answered without an evaluation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    pub proposals: u64,
    pub answered: u64,
}

impl Statistics {
    pub fn of<'a, C: 'a>(trials: impl IntoIterator<Item = &'a Trial<C>>) -> Self {
        let mut statistics = Self::default();
        trials.into_iter().for_each(|trial| statistics.add(trial));
        statistics
    }

    /// Trials come in the order of their numbers.
    pub fn add<C>(&mut self, trial: &Trial<C>) {
        self.proposals += 1;
        match trial.origin {
            Origin::Miss(reason) => {
                self.misses += 1;
                self.unreadable += u64::from(reason == Miss::Unreadable);
            }
            Origin::PartialHit => self.partial_hits += 1,
            Origin::FullHit => self.full_hits += 1,
            Origin::Shared => self.shared += 1,
        }
        self.trained += u64::from(trial.is_trained());
        match trial.verdict {
            Verdict::Scored(_) => {}
            Verdict::Invalid(Reason::NotInTable) => self.not_in_table += 1,
            Verdict::Invalid(_) => self.invalid += 1,
        }
        self.unhashable += u64::from(trial.identity.class == Class::Unhashable);
        self.hashing_seconds += trial.times.hashing;
        self.evaluation_seconds += trial.times.evaluation;
        self.saved_seconds += trial.times.saved;
        let answered = !trial.origin.is_evaluated();
        self.count_stage(trial, answered);
        let tally = self.by_operator.entry(trial.operator.clone()).or_default();
        tally.proposals += 1;
        tally.answered += u64::from(answered);
    }

    fn count_stage<C>(&mut self, trial: &Trial<C>, answered: bool) {
        let forms = self.forms.entry(trial.key).or_default();
        let known = forms.contains(&trial.identity.structural);
        if !known {
            forms.push(trial.identity.structural);
        }
        match (answered, known) {
            (true, true) => self.structural += 1,
            (true, false) => self.functional += 1,
            (false, _) => {}
        }
    }

    /// Share of the proposals answered without an evaluation, in [0, 1].
    pub fn hit_rate(&self) -> f64 {
        (self.full_hits + self.shared) as f64 / self.proposals.max(1) as f64
    }

    /// Share of hashing in the seconds spent on hashing and evaluations.
    pub fn hashing_share(&self) -> f64 {
        let spent = self.evaluation_seconds + self.hashing_seconds;
        if spent > 0.0 { self.hashing_seconds / spent } else { 0.0 }
    }

    /// Seconds that the same proposals would have taken without reuse, over what they took with it, hashing included.
    pub fn speedup(&self) -> f64 {
        let spent = self.evaluation_seconds + self.hashing_seconds;
        if spent > 0.0 { (self.evaluation_seconds + self.saved_seconds) / spent } else { 1.0 }
    }
}
