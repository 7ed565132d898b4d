//! Metrics, each by its formula.

use std::f64::consts::LN_2;

use crate::Metric;

/// Log loss clips probabilities to [1e-15, 1 − 1e-15], so that one certain mistake costs 34.5 nats and not infinity.
const CLIP: f64 = 1e-15;

impl Metric {
    /// The score of predicted `probabilities` (cases × `classes`, row-major) against the true `labels` (one a case).
    ///
    /// The predicted class is the most probable one, the lowest among equals. Balanced accuracy is the mean over the
    /// classes that occur in the truth; macro F1 the mean over those that occur in truth or prediction. Log loss
    /// clips probabilities to [1e-15, 1 − 1e-15]. The area under the curve is that of the second of two classes.
    ///
    /// NaN if there are no cases, if the shapes disagree, if a label is not below `classes`, if a probability is NaN, or
    /// if the metric says nothing of such cases.
    pub fn score(self, probabilities: &[f64], classes: usize, labels: &[usize]) -> f64 {
        let shaped = labels.len().checked_mul(classes) == Some(probabilities.len());
        let labelled = !labels.is_empty() && labels.iter().all(|label| *label < classes);
        if !shaped || !labelled || probabilities.iter().any(|p| p.is_nan()) {
            return f64::NAN;
        }
        match self {
            Self::LogLoss => return log_loss(probabilities, classes, labels),
            Self::BitsPerCharacter => return log_loss(probabilities, classes, labels) / LN_2,
            Self::Auc => return auc(probabilities, classes, labels),
            Self::Rmse | Self::Mae | Self::R2 => return f64::NAN,
            _ => {}
        }
        let tally = Tally::new(probabilities, classes, labels);
        match self {
            Self::Accuracy => tally.hits.iter().sum::<f64>() / labels.len() as f64,
            Self::BalancedAccuracy => tally.mean(|hits, truth, _| hits / truth),
            _ => tally.mean(|hits, truth, predicted| 2.0 * hits / (truth + predicted)),
        }
    }

    /// The score of predicted numbers against the true ones. NaN if there are none, if their counts disagree, or if the
    /// metric is of classes; of numbers that are all the same no share of their variance can be told.
    pub fn score_numbers(self, predicted: &[f64], truths: &[f64]) -> f64 {
        if predicted.len() != truths.len() || truths.is_empty() {
            return f64::NAN;
        }
        let count = truths.len() as f64;
        let mean = |values: &mut dyn Iterator<Item = f64>| values.sum::<f64>() / count;
        let errors = || predicted.iter().zip(truths).map(|(predicted, truth)| predicted - truth);
        let squared = mean(&mut errors().map(|error| error * error));
        match self {
            Self::Rmse => libm::sqrt(squared),
            Self::Mae => mean(&mut errors().map(f64::abs)),
            Self::R2 => {
                let center = mean(&mut truths.iter().copied());
                1.0 - squared / mean(&mut truths.iter().map(|truth| (truth - center) * (truth - center)))
            }
            _ => f64::NAN,
        }
    }
}

/// The probability that a case of the second class is given a higher one than a case of the first; ties count half (Mann
/// and Whitney 1947). NaN where one of the classes has no case.
fn auc(probabilities: &[f64], classes: usize, labels: &[usize]) -> f64 {
    if classes != 2 {
        return f64::NAN;
    }
    let mut cases: Vec<(f64, usize)> =
        probabilities.chunks_exact(2).zip(labels).map(|(row, label)| (row[1], *label)).collect();
    cases.sort_by(|(a, _), (b, _)| a.total_cmp(b));
    let (mut below, mut pairs) = (0.0, 0.0);
    for ties in cases.chunk_by(|(a, _), (b, _)| a == b) {
        let second = ties.iter().filter(|(_, label)| *label == 1).count() as f64;
        let first = ties.len() as f64 - second;
        pairs += second * (below + 0.5 * first);
        below += first;
    }
    pairs / (below * (cases.len() as f64 - below))
}

/// Mean of −ln p(true class). By `libm`, which gives the same digits on every machine.
fn log_loss(probabilities: &[f64], classes: usize, labels: &[usize]) -> f64 {
    let rows = probabilities.chunks_exact(classes).zip(labels);
    let total: f64 = rows.map(|(row, label)| -libm::log(row[*label].clamp(CLIP, 1.0 - CLIP))).sum();
    total / labels.len() as f64
}

/// For each class the number of cases that are it, that are predicted to be it, and both.
struct Tally {
    hits: Vec<f64>,
    truth: Vec<f64>,
    predicted: Vec<f64>,
}

impl Tally {
    fn new(probabilities: &[f64], classes: usize, labels: &[usize]) -> Self {
        let none = vec![0.0; classes];
        let mut tally = Self { hits: none.clone(), truth: none.clone(), predicted: none };
        for (row, label) in probabilities.chunks_exact(classes).zip(labels) {
            let guess = most_probable(row);
            tally.truth[*label] += 1.0;
            tally.predicted[guess] += 1.0;
            tally.hits[guess] += f64::from(u8::from(guess == *label));
        }
        tally
    }

    /// The mean of `value` over the classes for which it is a number: 0/0 is a class with nothing to say.
    fn mean(&self, value: impl Fn(f64, f64, f64) -> f64) -> f64 {
        let rows = self.hits.iter().zip(&self.truth).zip(&self.predicted);
        let values = rows.map(|((hits, truth), predicted)| value(*hits, *truth, *predicted));
        let (sum, count) = values
            .filter(|value| !value.is_nan())
            .fold((0.0, 0.0), |(sum, count), value| (sum + value, count + 1.0));
        sum / count
    }
}

/// The index of the greatest number, the lowest among equals.
fn most_probable(row: &[f64]) -> usize {
    (1..row.len()).fold(0, |best, class| if row[class] > row[best] { class } else { best })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_area_under_the_curve_counts_ordered_pairs_and_half_of_the_ties() {
        let auc = |second: &[f64], labels: &[usize]| {
            let rows: Vec<f64> = second.iter().flat_map(|p| [1.0 - p, *p]).collect();
            Metric::Auc.score(&rows, 2, labels)
        };
        assert_eq!(auc(&[0.1, 0.4, 0.35, 0.8], &[0, 0, 1, 1]), 0.75);
        assert_eq!(auc(&[0.5, 0.5, 0.5], &[0, 1, 1]), 0.5);
        assert_eq!(auc(&[0.9, 0.2], &[1, 0]), 1.0);
        assert!(auc(&[0.9, 0.2], &[1, 1]).is_nan());
        assert!(Metric::Auc.score(&[0.2, 0.3, 0.5], 3, &[0]).is_nan());
    }

    #[test]
    fn numbers_are_scored_by_their_errors() {
        let score = |metric: Metric| metric.score_numbers(&[1.0, 2.0, 5.0], &[1.0, 3.0, 3.0]);
        assert!(close(score(Metric::Rmse), (5.0f64 / 3.0).sqrt()) && close(score(Metric::Mae), 1.0));
        assert!(close(score(Metric::R2), 1.0 - 5.0 / (8.0 / 3.0)));
        assert!(score(Metric::Accuracy).is_nan() && Metric::Rmse.score_numbers(&[1.0], &[]).is_nan());
        assert!(Metric::Rmse.score(&[0.5, 0.5], 2, &[0]).is_nan());
    }

    fn close(a: f64, b: f64) -> bool {
        (a - b).abs() < 1e-12
    }

    /// Truth 0 0 0 1 1 2, predictions 0 0 1 1 1 0 of four classes.
    const LABELS: [usize; 6] = [0, 0, 0, 1, 1, 2];
    const ROWS: [[f64; 4]; 6] = [
        [0.7, 0.1, 0.1, 0.1],
        [0.5, 0.2, 0.2, 0.1],
        [0.2, 0.6, 0.1, 0.1],
        [0.1, 0.8, 0.1, 0.0],
        [0.3, 0.4, 0.2, 0.1],
        [0.5, 0.2, 0.25, 0.05],
    ];

    #[test]
    fn scores_equal_those_computed_by_hand() {
        let score = |metric: Metric| metric.score(ROWS.as_flattened(), 4, &LABELS);
        assert!(close(score(Metric::Accuracy), 4.0 / 6.0));
        assert!(close(score(Metric::BalancedAccuracy), (2.0 / 3.0 + 1.0 + 0.0) / 3.0));
        // F1: 2·2/(3+3), 2·2/(2+3), 0/(1+0); the fourth class neither occurs nor is predicted.
        assert!(close(score(Metric::MacroF1), (2.0 / 3.0 + 4.0 / 5.0 + 0.0) / 3.0));
        let product = 0.7 * 0.5 * 0.2 * 0.8 * 0.4 * 0.25_f64;
        assert!(close(score(Metric::LogLoss), -product.ln() / 6.0));
        assert!(close(score(Metric::BitsPerCharacter), -product.log2() / 6.0));
    }

    #[test]
    fn a_class_that_is_only_predicted_lowers_macro_f1_and_not_balanced_accuracy() {
        let probabilities = [1.0, 0.0, 0.0, 1.0];
        assert!(close(Metric::MacroF1.score(&probabilities, 2, &[0, 0]), (2.0 / 3.0 + 0.0) / 2.0));
        assert!(close(Metric::BalancedAccuracy.score(&probabilities, 2, &[0, 0]), 0.5));
    }

    #[test]
    fn ties_go_to_the_lower_class() {
        let third = 1.0 / 3.0;
        assert_eq!(Metric::Accuracy.score(&[third; 3], 3, &[0]), 1.0);
        assert_eq!(Metric::Accuracy.score(&[0.2, 0.4, 0.4], 3, &[1]), 1.0);
        assert_eq!(Metric::Accuracy.score(&[0.2, 0.4, 0.4], 3, &[2]), 0.0);
    }

    #[test]
    fn log_loss_is_clipped_at_both_ends() {
        assert!(close(Metric::LogLoss.score(&[1.0, 0.0], 2, &[1]), -f64::ln(1e-15)));
        let certain = Metric::LogLoss.score(&[1.0, 0.0], 2, &[0]);
        assert!(certain > 0.0 && certain < 2e-15, "{certain}");
    }

    #[test]
    fn perfect_predictions_score_best() {
        for metric in Metric::ALL {
            let score = metric.score(&[1.0, 0.0, 0.0, 1.0], 2, &[0, 1]);
            let best = if metric.higher_is_better() { 1.0 } else { 0.0 };
            assert!(close(score, best), "{metric}: {score}");
        }
    }

    #[test]
    fn what_cannot_be_scored_is_nan() {
        let odd: [(&[f64], usize, &[usize]); 7] = [
            (&[], 0, &[]),
            (&[], 2, &[]),
            (&[], 0, &[0]),
            (&[0.5, 0.5], 2, &[2]),
            (&[0.5, 0.5, 1.0], 2, &[0]),
            (&[0.5, f64::NAN], 2, &[0]),
            (&[0.5], usize::MAX, &[0, 1]),
        ];
        for metric in Metric::ALL {
            for (probabilities, classes, labels) in odd {
                assert!(
                    metric.score(probabilities, classes, labels).is_nan(),
                    "{metric} {probabilities:?} {classes}"
                );
            }
        }
    }
}
