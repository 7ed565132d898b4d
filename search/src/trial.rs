//! A trial: one proposal, what it was identified as, and the verdict that answered it.

use std::cmp::Ordering;
use std::collections::{BTreeMap, HashMap};

use hashing::{Class, Fidelity, Fingerprint, Identity, Key};
use serde::{Deserialize, Serialize};
use tasks::{Reason, Verdict};

/// One life of a candidate. Kept as proposed: mutation starts from that; the canonical form is what is identified and
/// trained.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Trial<C> {
    pub number: u64,
    pub candidate: C,
    /// What proposed it: `sample`, `mutate`, `enqueue`, …
    pub operator: String,
    /// Numbers of the trials that it was made from.
    pub parents: Vec<u64>,
    pub identity: Identity,
    pub key: Key,
    pub origin: Origin,
    /// The trial of this study that paid for the key, where it is another one.
    pub payer: Option<u64>,
    /// The mean over the key's evaluations, up to as many as the study wants.
    pub verdict: Verdict,
    /// What this trial's own evaluation found, where the verdict is the mean of it and others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub measured: Option<Verdict>,
    /// Which of the key's seeds its own evaluation took.
    #[serde(default)]
    pub seed: u64,
    /// Answered by earlier studies, which trained this very form.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub form_is_recorded: bool,
    /// Training steps of the evaluation that answered: spent if this trial paid, saved otherwise.
    #[serde(default)]
    pub steps: u64,
    /// Of this candidate's own canonical form, never recalled by a functional key: `parameters`, `multiply_adds`, …
    pub costs: BTreeMap<String, f64>,
    /// What running this candidate's own canonical form took on this machine, by the clock: `latency_1_ms`, … A search
    /// reads it only where it is asked to weigh it. Empty where that form was not measured in this study.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub measures: BTreeMap<String, f64>,
    /// The constraint that it breaks by what was measured, in words. Such a trial keeps its verdict, and ranks below all
    /// that break none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub breaks: Option<String>,
    /// At which fidelity, where the study has several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rung: Option<Rung>,
    /// Recorded, never read by the search.
    pub times: Times,
}

/// A fidelity among several.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rung {
    pub fidelity: Fidelity,
    /// Key of the same function at the largest fidelity. Seeds are made from it at every fidelity, so that a lower one
    /// is the beginning of a higher.
    pub full: Key,
}

/// Where a verdict is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// Evaluated.
    Miss(Miss),
    /// Known, but with fewer evaluations than wanted: evaluated once more.
    PartialHit,
    /// Answered from the cache.
    FullHit,
    /// Equal to a trial inside its window, which pays.
    Shared,
}

/// Why a trial was evaluated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Miss {
    Unseen,
    /// Known and drawn to be evaluated anew.
    Forgotten,
    /// The store could not be read.
    Unreadable,
    /// Reuse is switched off.
    Disabled,
}

/// In seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Times {
    /// Canonical form, structural digest and probe.
    pub hashing: f64,
    /// What this trial's evaluation took; 0 if it was answered from elsewhere.
    pub evaluation: f64,
    /// What the evaluation that answered took, where another one paid.
    pub saved: f64,
}

impl Origin {
    pub fn is_evaluated(self) -> bool {
        matches!(self, Self::Miss(_) | Self::PartialHit)
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Miss(_) => "miss",
            Self::PartialHit => "partial hit",
            Self::FullHit => "full hit",
            Self::Shared => "shared",
        }
    }
}

impl<C> Trial<C> {
    /// The key that the seeds of its evaluations are made from.
    pub fn seed_key(&self) -> Key {
        self.rung.map_or(self.key, |rung| rung.full)
    }

    /// Where the study has several.
    pub fn fidelity(&self) -> Option<Fidelity> {
        self.rung.map(|rung| rung.fidelity)
    }

    /// What decides before any score does: whether there is one, whether it breaks no constraint (Deb et al. 2002), and
    /// how far it was trained.
    pub(crate) fn tier(&self) -> (bool, bool, Option<Fidelity>) {
        (matches!(self.verdict, Verdict::Scored(_)), self.breaks.is_none(), self.fidelity())
    }

    /// Whether this one stands for their function, rather than an earlier trial of it.
    pub(crate) fn follows(&self, earlier: &Self) -> bool {
        let learned = self.verdict != earlier.verdict || (self.breaks.is_none() && earlier.breaks.is_some());
        self.fidelity() > earlier.fidelity() || (self.fidelity() == earlier.fidelity() && learned)
    }

    /// Whether it was evaluated for real: not answered, and not ruled out before training.
    pub fn is_trained(&self) -> bool {
        self.origin.is_evaluated() && !self.is_ruled_out()
    }

    /// Whether the study itself found that it cannot work, without an evaluator.
    pub fn is_ruled_out(&self) -> bool {
        match self.verdict {
            Verdict::Invalid(Reason::IgnoresInput) => self.identity.class == Class::Constant,
            Verdict::Invalid(Reason::Malformed { .. } | Reason::TooLarge { .. }) => {
                self.identity.class == Class::Unhashable
            }
            _ => false,
        }
    }
}

impl<C: PartialEq> Trial<C> {
    /// Whether two runs made the same trial; what the clock said may differ.
    pub fn same_as(&self, other: &Self) -> bool
    where
        C: Clone,
    {
        let (times, measures) = (Times::default(), BTreeMap::new());
        let timeless =
            |trial: &Self| Self { times, measures: measures.clone(), breaks: None, ..trial.clone() };
        timeless(self) == timeless(other)
    }
}

/// What is sought: metrics in the order in which they decide.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Objective(pub Vec<Goal>);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Goal {
    pub metric: String,
    pub higher_is_better: bool,
}

impl Objective {
    pub fn new(metric: &str, higher_is_better: bool) -> Self {
        Self(vec![Goal { metric: metric.into(), higher_is_better }])
    }

    /// With one more metric to break ties.
    pub fn then(mut self, metric: &str, higher_is_better: bool) -> Self {
        self.0.push(Goal { metric: metric.into(), higher_is_better });
        self
    }

    /// Whether this metric has a part in it.
    pub fn names(&self, metric: &str) -> bool {
        self.0.iter().any(|goal| goal.metric == metric)
    }

    /// The value of the first metric.
    pub fn value(&self, verdict: &Verdict) -> Option<f64> {
        verdict.score(&self.0.first()?.metric)
    }

    /// A trial of each of the `top` best functions, the best first; equals in the order of their numbers. Of several
    /// trials of one function those at the highest fidelity count, and of them the last verdict, not the luckiest; the
    /// first trial that has it is shown, if one of them can in a form that breaks no constraint. Functions without a score,
    /// and those that break a constraint in every form, are left out.
    pub fn best<'a, C>(&self, trials: &'a [Trial<C>], top: usize) -> Vec<&'a Trial<C>> {
        self.ranked(last_verdicts(trials).into_values().filter(|trial| self.counts(trial)), top)
    }

    /// A trial of each of the `top` best functions that have a score and break a constraint in every form.
    pub fn out_of_bounds<'a, C>(&self, trials: &'a [Trial<C>], top: usize) -> Vec<&'a Trial<C>> {
        let out = |trial: &&Trial<C>| trial.breaks.is_some() && self.value(&trial.verdict).is_some();
        self.ranked(last_verdicts(trials).into_values().filter(out), top)
    }

    /// The `top` best, the best first; equals in the order of their numbers.
    fn ranked<'a, C>(&self, trials: impl Iterator<Item = &'a Trial<C>>, top: usize) -> Vec<&'a Trial<C>> {
        let mut ranked: Vec<_> = trials.collect();
        ranked.sort_by(|a, b| self.rank(b, a).then(a.number.cmp(&b.number)));
        ranked.truncate(top);
        ranked
    }

    /// Whether it has a value, and breaks no constraint.
    pub(crate) fn counts<C>(&self, trial: &Trial<C>) -> bool {
        trial.breaks.is_none() && self.value(&trial.verdict).is_some()
    }

    /// `Greater` if `a` is better: what has a score, then what breaks no constraint, then what was trained further, then what scores more. So a score at
    /// a low fidelity never stands against one at a high.
    pub fn rank<C>(&self, a: &Trial<C>, b: &Trial<C>) -> Ordering {
        a.tier().cmp(&b.tier()).then_with(|| self.compare(&a.verdict, &b.verdict))
    }

    /// `Greater` if `a` is better. No score is worse than any; NaN counts as no score.
    pub fn compare(&self, a: &Verdict, b: &Verdict) -> Ordering {
        self.worth(a).cmp(&self.worth(b))
    }

    /// Numbers that are compared one after the other; higher is better.
    pub(crate) fn worth(&self, verdict: &Verdict) -> Vec<i64> {
        let worth = |goal: &Goal| {
            let score = verdict.score(&goal.metric).filter(|score| !score.is_nan());
            in_order(
                score.map_or(f64::NEG_INFINITY, |score| if goal.higher_is_better { score } else { -score }),
            )
        };
        self.0.iter().map(worth).collect()
    }
}

/// A whole number for each `f64`, in the order of `f64::total_cmp`.
fn in_order(number: f64) -> i64 {
    let bits = number.to_bits() as i64;
    bits ^ (((bits >> 63) as u64) >> 1) as i64
}

/// Of each function, at its highest fidelity, the first trial that has its last verdict; one that breaks no constraint, if
/// there is one.
pub(crate) fn last_verdicts<C>(trials: &[Trial<C>]) -> HashMap<Fingerprint, &Trial<C>> {
    let mut last: HashMap<Fingerprint, &Trial<C>> = HashMap::new();
    for trial in trials {
        let shown = last.entry(trial.identity.fingerprint).or_insert(trial);
        if trial.follows(shown) {
            *shown = trial;
        }
    }
    last
}

#[cfg(test)]
mod tests {
    use tasks::{Reason, Scores};

    use super::*;

    fn scored(accuracy: f64, log_loss: f64) -> Verdict {
        Verdict::Scored(Scores([("accuracy".into(), accuracy), ("log_loss".into(), log_loss)].into()))
    }

    #[test]
    fn later_metrics_break_ties_and_invalid_is_worst() {
        let objective = Objective::new("accuracy", true).then("log_loss", false);
        assert_eq!(objective.compare(&scored(0.9, 1.0), &scored(0.8, 0.1)), Ordering::Greater);
        assert_eq!(objective.compare(&scored(0.9, 0.2), &scored(0.9, 0.1)), Ordering::Less);
        assert_eq!(objective.compare(&scored(0.9, 0.2), &scored(0.9, 0.2)), Ordering::Equal);
        let invalid = Verdict::Invalid(Reason::IgnoresInput);
        assert_eq!(objective.compare(&scored(0.0, 99.0), &invalid), Ordering::Greater);
        assert_eq!(objective.compare(&scored(f64::NAN, 0.0), &scored(0.0, 0.0)), Ordering::Less);
    }
}
