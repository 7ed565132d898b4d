//! Do candidates that the cache takes for equal score alike? Their differences against the noise of training.

use crate::cli::sample::{CONFIDENCE, mean, mean_interval, squares, t_quantile, wilson};

/// Fresh trainings of two candidates under one key.
#[derive(Clone, Debug, Default)]
pub struct Sides {
    /// Scores of either side.
    pub scores: [Vec<f64>; 2],
    /// Trainings of either side that ended without a score.
    pub unscored: [usize; 2],
    /// Only the probe took them for equal: their canonical forms differ.
    pub functional: bool,
}

/// What all pairs together say.
#[derive(Debug)]
pub struct Agreement {
    pub functional: usize,
    pub structural: usize,
    /// Over the pairs, each the mean of one side less that of the other, with its interval.
    pub difference: Option<f64>,
    pub interval: Option<(f64, f64)>,
    /// Mean absolute difference of two trainings of one form, and of two forms of a pair.
    pub within: Option<f64>,
    pub between: Option<f64>,
    /// Pooled deviation within forms: what training noise amounts to.
    pub noise: Option<f64>,
    /// The difference that noise explains, for forms with the usual number of trainings.
    pub threshold: Option<f64>,
    /// Whether each pair differs by more, in the order given.
    pub differs: Vec<bool>,
    pub rate: Option<f64>,
    pub rate_interval: Option<(f64, f64)>,
}

impl Sides {
    /// Mean of one side less that of the other, where both have scores.
    pub fn difference(&self) -> Option<f64> {
        Some(mean(&self.scores[0])? - mean(&self.scores[1])?)
    }

    /// One side has a score every time, and the other never.
    fn one_never_scores(&self) -> bool {
        let always = |side: usize| self.unscored[side] == 0 && !self.scores[side].is_empty();
        let never = |side: usize| self.unscored[side] > 0 && self.scores[side].is_empty();
        (always(0) && never(1)) || (never(0) && always(1))
    }

    /// √(1/n + 1/m): what the noise of a training is to be multiplied with.
    fn spread(&self) -> f64 {
        let [n, m] = [0, 1].map(|side| self.scores[side].len() as f64);
        (1.0 / n + 1.0 / m).sqrt()
    }
}

impl Agreement {
    /// A pair differs if |difference| > t · s · √(1/n + 1/m). Here s² is the mean of the squared deviations within
    /// forms, pooled over all forms, with ν degrees of freedom; t is the quantile of Student's t with ν at
    /// 1 − 0.05 / (2 · pairs), so that a sample of equal functions shows a difference in one case out of twenty at most.
    pub fn of(pairs: &[Sides]) -> Self {
        let compared: Vec<&Sides> = pairs.iter().filter(|pair| pair.difference().is_some()).collect();
        let (noise, explained) = noise(&compared);
        let exceeds = |pair: &Sides| {
            let explained = explained.unwrap_or(f64::INFINITY);
            let unlike = pair.difference().is_some_and(|found| found.abs() > explained * pair.spread());
            unlike || pair.one_never_scores()
        };
        let differences: Vec<f64> = compared.iter().filter_map(|pair| pair.difference()).collect();
        let differs: Vec<bool> = pairs.iter().map(exceeds).collect();
        let (count, found) = (pairs.len(), differs.iter().filter(|differs| **differs).count());
        let functional = pairs.iter().filter(|pair| pair.functional).count();
        Self {
            functional,
            structural: count - functional,
            difference: mean(&differences),
            interval: mean_interval(&differences),
            within: mean(&compared.iter().flat_map(|pair| within(pair)).collect::<Vec<_>>()),
            between: mean(&compared.iter().flat_map(|pair| between(pair)).collect::<Vec<_>>()),
            noise,
            threshold: explained.zip(compared.first()).map(|(explained, pair)| explained * pair.spread()),
            differs,
            rate: (count > 0).then(|| found as f64 / count as f64),
            rate_interval: wilson(found, count),
        }
    }
}

/// Deviation within forms, pooled, and that times the quantile: what chance explains, but for the numbers of trainings.
fn noise(pairs: &[&Sides]) -> (Option<f64>, Option<f64>) {
    let forms = || pairs.iter().flat_map(|pair| &pair.scores);
    let freedom: usize = forms().map(|scores| scores.len().saturating_sub(1)).sum();
    let sum: f64 = forms().map(|scores| squares(scores)).sum();
    let noise = (freedom > 0).then(|| (sum / freedom as f64).sqrt());
    let alpha = (1.0 - CONFIDENCE) / pairs.len().max(1) as f64;
    (noise, noise.map(|noise| noise * t_quantile(1.0 - alpha / 2.0, freedom as u64)))
}

/// Of any two trainings of one form.
fn within(pair: &Sides) -> Vec<f64> {
    let of = |scores: &Vec<f64>| {
        let later = |place: usize| scores[place + 1..].iter().map(move |other| (scores[place] - other).abs());
        (0..scores.len()).flat_map(later).collect::<Vec<_>>()
    };
    pair.scores.iter().flat_map(of).collect()
}

/// Of any training of one form and any of the other.
fn between(pair: &Sides) -> Vec<f64> {
    let [a, b] = &pair.scores;
    a.iter().flat_map(|a| b.iter().map(move |b| (a - b).abs())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sides(a: &[f64], b: &[f64]) -> Sides {
        Sides { scores: [a.to_vec(), b.to_vec()], ..Sides::default() }
    }

    #[test]
    fn the_figures_are_those_of_a_worked_example() {
        let pairs = [sides(&[1.0, 3.0], &[2.0, 2.0]), sides(&[5.0, 5.0], &[2.0, 4.0])];
        let found = Agreement::of(&pairs);
        // Squares 2, 0, 0, 2 over four degrees of freedom; t at 1 − 0.05 / 4 with four is 3.4954.
        assert_eq!((found.noise, found.difference), (Some(1.0), Some(1.0)));
        assert!((found.threshold.unwrap() - 3.495_4).abs() < 1e-4, "{found:?}");
        assert_eq!((found.within, found.between), (Some(1.0), Some(1.5)));
        assert_eq!((found.differs, found.rate, found.structural), (vec![false, false], Some(0.0), 2));
        let (low, high) = found.interval.unwrap();
        assert!((low + 11.706_2).abs() < 1e-3 && (high - 13.706_2).abs() < 1e-3, "{low} {high}");
    }

    #[test]
    fn without_noise_any_difference_counts_and_with_noise_only_a_large_one() {
        let third = 0.1 + 0.2;
        let exact = Agreement::of(&[sides(&[third; 3], &[third; 3]), sides(&[1.0; 2], &[1.0 + 1e-12; 2])]);
        assert_eq!((exact.noise, exact.differs), (Some(0.0), vec![false, true]));
        let noisy = [
            sides(&[1.0, 1.2], &[1.1, 1.3]),
            sides(&[0.9, 1.1], &[1.0, 1.2]),
            sides(&[1.0, 1.1], &[3.0, 3.2]),
        ];
        assert_eq!(Agreement::of(&noisy).differs, [false, false, true]);
    }

    #[test]
    fn a_side_that_never_scores_differs_from_one_that_always_does() {
        let never = Sides { unscored: [2, 0], ..sides(&[], &[1.0, 1.0]) };
        let neither = Sides { unscored: [2, 2], ..sides(&[], &[]) };
        let at_times = Sides { unscored: [1, 0], ..sides(&[1.0], &[1.0, 1.0]) };
        let found = Agreement::of(&[never, neither, at_times]);
        assert_eq!(found.differs, [true, false, false]);
    }

    #[test]
    fn equal_functions_seldom_differ_and_unequal_ones_are_found() {
        let mut rng = hashing::Rng::named(1, "agreement", 0);
        let mut sample = |shift: f64| {
            let pairs = (0..20).map(|pair| {
                let mut noisy =
                    |center: f64| (0..3).map(|_| center + 0.01 * rng.normal()).collect::<Vec<_>>();
                sides(&noisy(0.5), &noisy(0.5 + if pair == 0 { shift } else { 0.0 }))
            });
            Agreement::of(&pairs.collect::<Vec<_>>()).differs
        };
        let false_alarms = (0..200).filter(|_| sample(0.0).contains(&true)).count();
        assert!(false_alarms > 0 && false_alarms <= 20, "{false_alarms} of 200 samples of equal functions");
        let found = (0..50).filter(|_| sample(0.1)[0]).count();
        assert_eq!(found, 50);
    }
}
