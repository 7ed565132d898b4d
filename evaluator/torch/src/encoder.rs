//! Scores of an encoder beside those of its whole head: by prefixes that the head learned to read, and without a head.

use evaluator::sequence::{AT_PREFIX, NEAREST_MEAN};
use tasks::Metric;

use crate::data::Cases;
use crate::train::predict_by;
use crate::{Model, nearness};

/// `accuracy_at_W` for the width W of every prefix that the head learned to read, but the whole.
pub fn by_prefixes(model: &Model, cases: &Cases) -> impl Iterator<Item = (String, f64)> {
    let score = move |width: &i64| {
        let logits = |batch: &_, _: &_| model.forward_at(batch, *width);
        (format!("{AT_PREFIX}{width}"), accuracy(predict_by(cases, logits), cases))
    };
    model.prefixes().iter().skip(1).map(score)
}

/// `nearest_mean_accuracy`: by the nearest mean of a class, of what the head reads of the training cases.
pub fn by_nearest_mean(model: &Model, train: &Cases, cases: &Cases) -> (String, f64) {
    (NEAREST_MEAN.into(), accuracy(nearness(model, train, cases), cases))
}

/// What is not a number is no likelihood at all: a score always is one.
fn accuracy(mut likelihoods: Vec<f64>, cases: &Cases) -> f64 {
    likelihoods.iter_mut().filter(|number| number.is_nan()).for_each(|number| *number = f64::NEG_INFINITY);
    Metric::Accuracy.score(&likelihoods, cases.classes(), cases.labels())
}
