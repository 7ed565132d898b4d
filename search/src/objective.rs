//! What is sought: metrics in the order in which they decide, and which trials are the best by them.

use std::cmp::Ordering;
use std::collections::HashMap;

use hashing::Fingerprint;
use serde::{Deserialize, Serialize};
use tasks::Verdict;

use crate::Trial;

/// Metrics, the first of which decides; each later one breaks the ties of those before it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Objective(pub Vec<Goal>);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Goal {
    /// Name of a score; in a [`Tradeoff`](crate::Tradeoff) of a cost or a measure, too.
    pub metric: String,
    pub higher_is_better: bool,
}

impl Objective {
    /// One metric, that decides alone.
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

    /// `Greater` if `a` is better: what has a score, then what breaks no constraint, then what was trained further, then
    /// what scores more. So a score at a low fidelity never stands against one at a high.
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
