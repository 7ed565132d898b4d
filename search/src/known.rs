//! What is known of a key when it is proposed, and what that answers: the mean over its last evaluations.

use std::collections::BTreeSet;

use hashing::Key;
use storage::{Purpose, Record};
use tasks::{Scores, Verdict};

use crate::{Origin, Plan, Trial};

/// What one evaluation found and took; or several, on average.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    pub verdict: Verdict,
    /// By the clock, or what the evaluator says that the verdict cost.
    pub seconds: f64,
    /// Of training.
    pub steps: u64,
}

/// How a proposal will be answered.
pub(crate) struct Lookup {
    pub origin: Origin,
    /// The trial of this study whose evaluation answers, or was the last to answer.
    pub payer: Option<u64>,
    /// What is known already, the oldest first.
    pub known: Vec<Finding>,
    /// Which of the key's seeds an evaluation takes.
    pub seed: u64,
    /// The record that answers, which other studies made, holds this very form.
    pub form_is_recorded: bool,
    /// What the trial's own evaluation found.
    pub found: Option<Finding>,
}

impl Finding {
    /// Metric by metric over those that have scores; where none has, the last of them. `None` of nothing.
    pub(crate) fn mean(findings: &[Self]) -> Option<Self> {
        let (last, n) = (findings.last()?, findings.len());
        let seconds = mean(&findings.iter().map(|finding| finding.seconds).collect::<Vec<_>>());
        let steps = findings.iter().fold(0, |sum: u64, finding| sum.saturating_add(finding.steps)) / n as u64;
        let scored = findings.iter().filter_map(|finding| match &finding.verdict {
            Verdict::Scored(scores) => Some(scores),
            Verdict::Invalid(_) => None,
        });
        let verdict = mean_scores(&scored.collect::<Vec<_>>()).map_or(last.verdict.clone(), Verdict::Scored);
        Some(Self { verdict, seconds, steps })
    }

    pub(crate) fn of(evaluation: &storage::Evaluation) -> Self {
        let storage::Evaluation { verdict, seconds, steps, .. } = evaluation;
        Self { verdict: verdict.clone(), seconds: *seconds, steps: *steps }
    }

    /// What this trial's evaluation found by itself.
    pub(crate) fn by<C>(trial: &Trial<C>) -> Self {
        let verdict = trial.measured.as_ref().unwrap_or(&trial.verdict).clone();
        Self { verdict, ..Self::answering(trial) }
    }

    /// What this trial answers to one that waits for it.
    pub(crate) fn answering<C>(trial: &Trial<C>) -> Self {
        Self { verdict: trial.verdict.clone(), seconds: trial.times.evaluation, steps: trial.steps }
    }
}

/// Metrics that all of them have.
fn mean_scores(scores: &[&Scores]) -> Option<Scores> {
    let mean = |metric: &String| {
        let values = scores.iter().map(|scores| scores.0.get(metric).copied());
        Some((metric.clone(), mean(&values.collect::<Option<Vec<_>>>()?)))
    };
    Some(Scores(scores.first()?.0.keys().filter_map(mean).collect()))
}

/// Of equal numbers it is that number, bit for bit: where there is no noise, averaging changes nothing. Of finite numbers
/// it is finite.
fn mean(values: &[f64]) -> f64 {
    let (first, n) = (values[0], values.len() as f64);
    if values.iter().all(|value| *value == first) {
        return first;
    }
    let mean = first + values.iter().map(|value| value - first).sum::<f64>() / n;
    if mean.is_finite() { mean } else { values.iter().map(|value| value / n).sum() }
}

impl Lookup {
    /// Without an evaluation of its own.
    pub fn answered(origin: Origin, payer: Option<u64>, known: Vec<Finding>) -> Self {
        Self { origin, payer, known, seed: 0, form_is_recorded: false, found: None }
    }

    /// What answers, as soon as it is known: the mean over the last evaluations, of which there are `wanted` at most.
    pub fn answer<C>(&self, wanted: u64, trials: &[Trial<C>]) -> Option<Finding> {
        if self.origin == Origin::Shared {
            // A payer has a lower number: it is settled whenever this trial is next.
            return Some(Finding::answering(&trials[self.payer? as usize]));
        }
        if self.origin.is_evaluated() {
            self.found.as_ref()?;
        }
        let findings: Vec<_> = self.known.iter().chain(&self.found).cloned().collect();
        let first = findings.len().saturating_sub(wanted as usize);
        Finding::mean(&findings[first..])
    }
}

/// What a record tells a study.
#[derive(Default)]
pub(crate) struct Recalled {
    /// By other studies: one for each seed, the oldest first.
    pub others: Vec<Finding>,
    seeds: BTreeSet<u64>,
    /// By the trial of this very study that asks: it was paid for before the study was resumed.
    pub own: Option<Finding>,
    /// Canonical JSON of what others trained.
    pub forms: BTreeSet<String>,
    /// The store failed.
    pub unreadable: bool,
}

impl Recalled {
    /// Of the evaluations that answer under this plan.
    pub fn of<C>(record: &Record, plan: &Plan<C>, trial: u64) -> Self {
        let mut recalled = Self::default();
        let own = record.evaluation_of(&plan.study, trial, Purpose::Search);
        recalled.own = own.map(Finding::of);
        let others = record.evaluations.iter().filter(|it| it.study != plan.study);
        for evaluation in others.filter(|it| it.purpose == Purpose::Search) {
            if plan.reuse && plan.believes(evaluation) && recalled.seeds.insert(evaluation.seed) {
                recalled.others.push(Finding::of(evaluation));
                recalled.forms.insert(record.form_of(evaluation).to_string());
            }
        }
        recalled
    }

    /// Of a store that failed.
    pub fn unreadable() -> Self {
        Self { unreadable: true, ..Self::default() }
    }

    /// The first of the key's seeds that neither others nor these evaluations of this study took.
    pub fn fresh_seed(&self, key: &Key, own: &[u64]) -> u64 {
        let is_free = |index: &u64| !own.contains(index) && !self.seeds.contains(&key.seed(*index));
        (0..).find(is_free).expect("there are more seeds than evaluations")
    }
}

#[cfg(test)]
mod tests {
    use hashing::Digest;
    use tasks::Reason;

    use super::*;

    fn scored(accuracy: f64, seconds: f64) -> Finding {
        let scores = Scores([("accuracy".to_string(), accuracy)].into());
        Finding { verdict: Verdict::Scored(scores), seconds, steps: 10 }
    }

    fn failed(step: u64) -> Finding {
        Finding { verdict: Verdict::Invalid(Reason::NotFinite { step }), seconds: 1.0, steps: step }
    }

    #[test]
    fn the_mean_is_over_those_that_have_scores() {
        let mean = Finding::mean(&[scored(0.5, 1.0), failed(4), scored(1.0, 4.0)]).unwrap();
        assert_eq!(mean, Finding { steps: 8, ..scored(0.75, 2.0) });
        assert_eq!(Finding::mean(&[failed(4), failed(8)]).unwrap().verdict, failed(8).verdict);
        assert_eq!(Finding::mean(&[]), None);
    }

    #[test]
    fn the_mean_of_one_is_itself_bit_for_bit() {
        for value in [-0.0, 0.1, f64::MIN_POSITIVE] {
            let mean = Finding::mean(&[scored(value, 0.1)]).unwrap();
            assert_eq!(mean.verdict.score("accuracy").unwrap().to_bits(), value.to_bits());
        }
    }

    #[test]
    fn the_mean_of_extremes_is_finite() {
        let most = Finding { steps: u64::MAX, ..scored(f64::MAX, f64::MAX) };
        let least = Finding { steps: u64::MAX, ..scored(f64::MIN, f64::MAX) };
        assert_eq!(
            Finding::mean(&[most, least]),
            Some(Finding { steps: u64::MAX / 2, ..scored(0.0, f64::MAX) })
        );
    }

    #[test]
    fn a_metric_that_not_all_have_is_left_out() {
        let Verdict::Scored(mut scores) = scored(0.5, 1.0).verdict else { unreachable!() };
        scores.0.insert("loss".into(), 2.0);
        let more = Finding { verdict: Verdict::Scored(scores), seconds: 1.0, steps: 10 };
        assert_eq!(Finding::mean(&[more, scored(0.7, 1.0)]).unwrap(), scored(0.6, 1.0));
    }

    #[test]
    fn fresh_seeds_are_none_that_others_or_we_took() {
        let key = Key(Digest([5; 32]));
        let recalled = Recalled { seeds: [key.seed(0), key.seed(2), 17].into(), ..Recalled::default() };
        let cases: [(&[u64], u64); 4] = [(&[], 1), (&[1], 3), (&[1, 3], 4), (&[3], 1)];
        assert_eq!(cases.map(|(own, _)| recalled.fresh_seed(&key, own)), cases.map(|(_, fresh)| fresh));
    }

    #[test]
    fn the_mean_of_equal_scores_is_that_score() {
        for value in [0.1, 93.1267, 1e-300, -7.3] {
            for n in 1..20 {
                assert_eq!(
                    Finding::mean(&vec![scored(value, 1.0); n]).unwrap().verdict,
                    scored(value, 1.0).verdict
                );
            }
        }
    }
}
