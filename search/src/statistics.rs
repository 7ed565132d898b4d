//! What the cache did, computed from the trials in their order.

use std::collections::{BTreeMap, HashMap};
use std::ops::AddAssign;

use hashing::{Class, Digest, Key};
use serde::Serialize;
use tasks::{Reason, Verdict};

use crate::trial::{Miss, Origin, Trial};

/// Counts, steps and seconds.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Statistics {
    /// Of all trials.
    #[serde(flatten)]
    pub total: Tally,
    /// Misses that were known, and drawn to be evaluated anew.
    pub forgotten: u64,
    /// Misses because the store could not be read.
    pub unreadable: u64,
    /// Evaluations really made: misses and partial hits that were not ruled out before training.
    pub trained: u64,
    /// Answered proposals that would have been trained without reuse.
    pub spared: u64,
    /// Trials whose candidate cannot work.
    pub invalid: u64,
    /// Trials whose candidate may work, but the table that is replayed has no row for it.
    pub not_in_table: u64,
    /// Trials whose response to the probe is not finite: identified by structure alone.
    pub unhashable: u64,
    /// Canonical forms, digests and probes, of all trials.
    pub hashing_seconds: f64,
    /// By the clock, or by what the evaluator says that a verdict cost.
    pub evaluation_seconds: f64,
    /// What the evaluations took whose verdicts answered other trials.
    pub saved_seconds: f64,
    /// Training steps that were made.
    pub steps: u64,
    /// Training steps that the answered trials did without.
    pub saved_steps: u64,
    /// Of trials without a score, by the reason.
    pub failures: BTreeMap<&'static str, Tally>,
    /// By what proposed them.
    pub by_operator: BTreeMap<String, Tally>,
    /// From generation 0 on: candidates that were made from no other. One that was made from others is one later than
    /// the latest of them.
    pub by_generation: Vec<Tally>,
    /// Where the study has several.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub by_fidelity: BTreeMap<u64, Tally>,
    #[serde(skip)]
    forms: HashMap<Key, Vec<Digest>>,
    /// Of each trial.
    #[serde(skip)]
    generations: Vec<usize>,
}

/// How proposals were answered: `proposals = misses + partial_hits + full_hits + shared`, and
/// `full_hits + shared = structural + functional`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    pub proposals: u64,
    pub misses: u64,
    pub partial_hits: u64,
    pub full_hits: u64,
    pub shared: u64,
    /// Answered because the canonical form was the same as an earlier one's.
    pub structural: u64,
    /// Answered although the canonical form was new: only the probe knew.
    pub functional: u64,
}

impl Tally {
    /// Proposals answered without an evaluation.
    pub fn answered(&self) -> u64 {
        self.full_hits + self.shared
    }

    fn count(&mut self, origin: Origin, known_form: bool) {
        self.proposals += 1;
        *match origin {
            Origin::Miss(_) => &mut self.misses,
            Origin::PartialHit => &mut self.partial_hits,
            Origin::FullHit => &mut self.full_hits,
            Origin::Shared => &mut self.shared,
        } += 1;
        if !origin.is_evaluated() {
            *if known_form { &mut self.structural } else { &mut self.functional } += 1;
        }
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.proposals += other.proposals;
        self.misses += other.misses;
        self.partial_hits += other.partial_hits;
        self.full_hits += other.full_hits;
        self.shared += other.shared;
        self.structural += other.structural;
        self.functional += other.functional;
    }
}

impl Statistics {
    pub fn of<'a, C: 'a>(trials: impl IntoIterator<Item = &'a Trial<C>>) -> Self {
        let mut statistics = Self::default();
        trials.into_iter().for_each(|trial| statistics.add(trial));
        statistics
    }

    /// Trials come in the order of their numbers.
    pub fn add<C>(&mut self, trial: &Trial<C>) {
        self.count_answer(trial);
        self.count_verdict(trial);
        self.count_cost(trial);
    }

    fn count_answer<C>(&mut self, trial: &Trial<C>) {
        let known_form = self.knows_form(trial) || trial.form_is_recorded;
        let generation = self.generation(trial);
        let operator = self.by_operator.entry(trial.operator.clone()).or_default();
        self.by_generation.resize(self.by_generation.len().max(generation + 1), Tally::default());
        let generation = &mut self.by_generation[generation];
        let mut tallies = vec![&mut self.total, operator, generation];
        if let Some(fidelity) = trial.fidelity() {
            tallies.push(self.by_fidelity.entry(fidelity.0).or_default());
        }
        if let Verdict::Invalid(reason) = &trial.verdict {
            tallies.push(self.failures.entry(reason.name()).or_default());
        }
        tallies.into_iter().for_each(|tally| tally.count(trial.origin, known_form));
    }

    /// Whether a trial with this canonical form came before. It has by now.
    fn knows_form<C>(&mut self, trial: &Trial<C>) -> bool {
        let forms = self.forms.entry(trial.key).or_default();
        let known = forms.contains(&trial.identity.structural);
        if !known {
            forms.push(trial.identity.structural);
        }
        known
    }

    fn generation<C>(&mut self, trial: &Trial<C>) -> usize {
        let of = |parent: &u64| self.generations.get(*parent as usize).map(|generation| generation + 1);
        let generation = trial.parents.iter().filter_map(of).max().unwrap_or(0);
        self.generations.push(generation);
        generation
    }

    fn count_verdict<C>(&mut self, trial: &Trial<C>) {
        match &trial.verdict {
            Verdict::Scored(_) => {}
            Verdict::Invalid(Reason::NotInTable) => self.not_in_table += 1,
            Verdict::Invalid(_) => self.invalid += 1,
        }
        self.unhashable += u64::from(trial.identity.class == Class::Unhashable);
        self.forgotten += u64::from(trial.origin == Origin::Miss(Miss::Forgotten));
        self.unreadable += u64::from(trial.origin == Origin::Miss(Miss::Unreadable));
        self.trained += u64::from(trial.is_trained());
        self.spared += u64::from(!trial.origin.is_evaluated() && !trial.is_ruled_out());
    }

    fn count_cost<C>(&mut self, trial: &Trial<C>) {
        self.hashing_seconds += trial.times.hashing;
        self.evaluation_seconds += trial.times.evaluation;
        self.saved_seconds += trial.times.saved;
        let steps = if trial.origin.is_evaluated() { &mut self.steps } else { &mut self.saved_steps };
        *steps = steps.saturating_add(trial.steps);
    }

    /// Share of the proposals answered without an evaluation, in [0, 1].
    pub fn hit_rate(&self) -> f64 {
        self.total.answered() as f64 / self.total.proposals.max(1) as f64
    }

    /// Share of hashing in the seconds spent on hashing and evaluations.
    pub fn hashing_share(&self) -> f64 {
        let spent = self.evaluation_seconds + self.hashing_seconds;
        if spent > 0.0 { self.hashing_seconds / spent } else { 0.0 }
    }

    /// Evaluations that the same proposals would have taken without reuse, over those that they took.
    pub fn speedup_by_evaluations(&self) -> f64 {
        gain(self.trained as f64, self.spared as f64, 0.0)
    }

    /// The same in training steps.
    pub fn speedup_by_steps(&self) -> f64 {
        gain(self.steps as f64, self.saved_steps as f64, 0.0)
    }

    /// The same in seconds, with hashing among what reuse costs. Seconds of a processor, where an evaluation keeps one
    /// busy, as a training does.
    pub fn speedup_by_seconds(&self) -> f64 {
        gain(self.evaluation_seconds, self.saved_seconds, self.hashing_seconds)
    }
}

/// Of nothing spent and nothing saved, as where no evaluation says what it took: 1.
fn gain(spent: f64, saved: f64, overhead: f64) -> f64 {
    if spent + saved > 0.0 && spent + overhead > 0.0 { (spent + saved) / (spent + overhead) } else { 1.0 }
}
