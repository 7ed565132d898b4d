//! Standardizes channels: x ↦ (x − mean) / scale, fitted on the training cases alone.

use serde::{Deserialize, Serialize};

use crate::Sequences;

/// Mean and scale (standard deviation, dividing by n) of each channel, in the units of the data.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Scaler {
    pub mean: Vec<f64>,
    /// Positive and finite. 1 for a channel that is constant, and for one whose spread leaves the range of `f64`.
    pub scale: Vec<f64>,
}

impl Scaler {
    /// Over all time steps of `cases`, each step counted once; indices beyond the data are passed over. Mean 0 and
    /// scale 1 where there is nothing to fit.
    pub fn fit(data: &Sequences, cases: &[usize]) -> Self {
        let mut moments = vec![Moments::default(); data.channels];
        for case in cases.iter().filter_map(|case| data.cases.get(*case)) {
            for step in case.values.chunks(data.channels.max(1)) {
                moments.iter_mut().zip(step).for_each(|(moments, value)| moments.add(*value));
            }
        }
        let (mean, scale) = moments.iter().map(Moments::mean_and_scale).unzip();
        Self { mean, scale }
    }

    /// In place. `values` are time-major, steps × channels.
    pub fn apply(&self, values: &mut [f64]) {
        let channels = self.mean.iter().zip(&self.scale).cycle();
        values.iter_mut().zip(channels).for_each(|(value, (mean, scale))| *value = (*value - mean) / scale);
    }
}

/// Welford's running mean and sum of squared deviations: exact for a constant, stable for a large offset.
#[derive(Clone, Copy, Debug, Default)]
struct Moments {
    count: f64,
    mean: f64,
    squares: f64,
}

impl Moments {
    fn add(&mut self, value: f64) {
        self.count += 1.0;
        let before = value - self.mean;
        self.mean += before / self.count;
        self.squares += before * (value - self.mean);
    }

    fn mean_and_scale(&self) -> (f64, f64) {
        let scale = (self.squares / self.count).sqrt();
        let mean = if self.mean.is_finite() { self.mean } else { 0.0 };
        (mean, if scale.is_finite() && scale > 0.0 { scale } else { 1.0 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Case;

    fn data(channels: usize, cases: &[&[f64]]) -> Sequences {
        let case =
            |values: &&[f64]| Case { values: values.to_vec(), length: values.len() / channels, label: 0 };
        Sequences {
            name: "x".into(),
            channels,
            classes: vec!["a".into()],
            cases: cases.iter().map(case).collect(),
        }
    }

    #[test]
    fn mean_and_deviation_are_per_channel_over_the_given_cases() {
        let data = data(2, &[&[1.0, 10.0, 3.0, 30.0], &[99.0, 99.0], &[5.0, 20.0]]);
        let scaler = Scaler::fit(&data, &[0, 2]);
        let deviation = f64::sqrt(8.0 / 3.0);
        assert_eq!(scaler.mean, [3.0, 20.0]);
        assert!(
            (scaler.scale[0] - deviation).abs() < 1e-12
                && (scaler.scale[1] - 10.0 * deviation / 2.0).abs() < 1e-12
        );
        let mut values = data.cases[0].values.clone();
        scaler.apply(&mut values);
        let unit = 2.0 / deviation;
        let expected = [-unit, -unit, 0.0, unit];
        assert!(values.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-12), "{values:?}");
    }

    #[test]
    fn a_constant_channel_is_centred_and_kept_at_scale_one() {
        let scaler = Scaler::fit(&data(1, &[&[0.1; 1000]]), &[0]);
        assert_eq!((scaler.mean[0], scaler.scale[0]), (0.1, 1.0));
    }

    #[test]
    fn a_large_offset_does_not_swallow_the_spread() {
        let scaler = Scaler::fit(&data(1, &[&[1e9 + 1.0, 1e9 - 1.0, 1e9 + 1.0, 1e9 - 1.0]]), &[0]);
        assert!((scaler.scale[0] - 1.0).abs() < 1e-6, "{scaler:?}");
    }

    #[test]
    fn odd_input_never_panics_and_the_numbers_stay_finite() {
        let wild = data(1, &[&[f64::MAX, f64::MIN, f64::MAX]]);
        for scaler in
            [Scaler::fit(&wild, &[0]), Scaler::fit(&wild, &[]), Scaler::fit(&wild, &[7, usize::MAX])]
        {
            assert!(scaler.mean[0].is_finite() && scaler.scale[0].is_finite() && scaler.scale[0] > 0.0);
        }
        let mut values = [1.0, 2.0, 3.0];
        Scaler { mean: vec![], scale: vec![] }.apply(&mut values);
        assert_eq!(values, [1.0, 2.0, 3.0]);
    }
}
