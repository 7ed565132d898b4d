//! What a handful of numbers tells: their mean, their deviation, and how far chance alone would carry them.

use std::f64::consts::{FRAC_PI_2, PI};

/// Confidence of every interval.
pub const CONFIDENCE: f64 = 0.95;

/// Exactly the value of equal values. Of nothing: `None`.
pub fn mean(values: &[f64]) -> Option<f64> {
    let first = *values.first()?;
    Some(first + values.iter().map(|value| value - first).sum::<f64>() / values.len() as f64)
}

/// With n − 1 in the denominator; of fewer than two values: `None`.
pub fn deviation(values: &[f64]) -> Option<f64> {
    (values.len() > 1).then(|| (squares(values) / (values.len() - 1) as f64).sqrt())
}

/// Sum of the squared distances from the mean.
pub fn squares(values: &[f64]) -> f64 {
    let mean = mean(values).unwrap_or(0.0);
    values.iter().map(|value| (value - mean).powi(2)).sum()
}

/// The interval of Student's t around the mean of two or more values.
pub fn mean_interval(values: &[f64]) -> Option<(f64, f64)> {
    let (mean, deviation) = (mean(values)?, deviation(values)?);
    let quantile = t_quantile(1.0 - (1.0 - CONFIDENCE) / 2.0, values.len() as u64 - 1);
    let half = quantile * deviation / (values.len() as f64).sqrt();
    Some((mean - half, mean + half))
}

/// The value that Student's t with so many degrees of freedom (1 or more) stays under with this probability (from 0.5
/// to below 1).
pub fn t_quantile(probability: f64, freedom: u64) -> f64 {
    let (mut low, mut high) = (0.0, FRAC_PI_2);
    for _ in 0..100 {
        let angle = (low + high) / 2.0;
        if (1.0 + t_inside(angle, freedom)) / 2.0 < probability { low = angle } else { high = angle }
    }
    (freedom as f64).sqrt() * high.tan()
}

/// Probability that |t| is under √ν · tan(angle): the finite series of Abramowitz and Stegun, 26.7.3 and 26.7.4.
fn t_inside(angle: f64, freedom: u64) -> f64 {
    let (sin, cos) = angle.sin_cos();
    let odd = freedom % 2 == 1;
    let (mut term, mut sum) = if odd { (cos, 0.0) } else { (1.0, 0.0) };
    let mut power = if odd { 1 } else { 0 };
    while power + 2 <= freedom {
        sum += term;
        term *= cos * cos * (power + 1) as f64 / (power + 2) as f64;
        power += 2;
    }
    if odd { 2.0 / PI * (angle + sin * sum) } else { sin * sum }
}

/// Wilson's interval of the share that `hits` of `of` stand for.
pub fn wilson(hits: usize, of: usize) -> Option<(f64, f64)> {
    /// Of the normal distribution, at 0.975.
    const QUANTILE: f64 = 1.959_963_984_540_054;
    if of == 0 {
        return None;
    }
    let (n, square) = (of as f64, QUANTILE * QUANTILE);
    let share = hits as f64 / n;
    let center = share + square / (2.0 * n);
    let half = QUANTILE * (share * (1.0 - share) / n + square / (4.0 * n * n)).sqrt();
    let bound = |value: f64| (value / (1.0 + square / n)).clamp(0.0, 1.0);
    // At the ends the bound is exact, and rounding would miss it.
    let low = if hits == 0 { 0.0 } else { bound(center - half) };
    let high = if hits == of { 1.0 } else { bound(center + half) };
    Some((low, high))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_deviation_needs_two_values_and_equal_values_have_none() {
        assert_eq!((mean(&[]), deviation(&[])), (None, None));
        assert_eq!((mean(&[3.0]), deviation(&[3.0])), (Some(3.0), None));
        assert_eq!((mean(&[1.0, 3.0]), deviation(&[1.0, 3.0])), (Some(2.0), Some(2f64.sqrt())));
        assert_eq!((mean(&[0.1; 7]), deviation(&[0.1; 7])), (Some(0.1), Some(0.0)));
    }

    #[test]
    fn quantiles_of_t_are_those_of_the_tables() {
        for (probability, freedom, value) in [
            (0.975, 1, 12.7062),
            (0.975, 2, 4.3027),
            (0.975, 3, 3.1824),
            (0.975, 4, 2.7764),
            (0.95, 5, 2.0150),
            (0.995, 10, 3.1693),
            (0.9995, 7, 5.4079),
            (0.975, 30, 2.0423),
            (0.975, 120, 1.9799),
            (0.975, 100_000, 1.9600),
        ] {
            let found = t_quantile(probability, freedom);
            assert!((found - value).abs() < 6e-5, "{probability} {freedom}: {found}, not {value}");
        }
    }

    #[test]
    fn intervals_are_those_of_worked_examples() {
        let (low, high) = mean_interval(&[1.0, 2.0, 3.0, 4.0, 5.0]).unwrap();
        assert!((low - 1.036_757).abs() < 1e-5 && (high - 4.963_243).abs() < 1e-5, "{low} {high}");
        assert_eq!(mean_interval(&[1.0]), None);
        for (hits, of, bounds) in
            [(0, 10, (0.0, 0.277_533)), (1, 10, (0.017_876, 0.404_150)), (10, 10, (0.722_467, 1.0))]
        {
            let (low, high) = wilson(hits, of).unwrap();
            assert!((low - bounds.0).abs() < 1e-5 && (high - bounds.1).abs() < 1e-5, "{hits}: {low} {high}");
        }
        assert_eq!(wilson(0, 0), None);
        assert_eq!((wilson(0, 1000).unwrap().0, wilson(1000, 1000).unwrap().1), (0.0, 1.0));
    }
}
