//! What a number comes to over the seeds.

use search::cli::sample::{deviation, mean, mean_interval};

/// Mean, deviation, and standard error of the mean.
pub struct Figure {
    pub mean: f64,
    pub deviation: f64,
    pub error: f64,
    /// Of Student's t, at 95 %.
    pub interval: (f64, f64),
}

impl Figure {
    /// Of two values or more.
    pub fn of(values: &[f64]) -> Self {
        let deviation = deviation(values).expect("two seeds or more");
        Self {
            mean: mean(values).expect("two seeds or more"),
            deviation,
            error: deviation / (values.len() as f64).sqrt(),
            interval: mean_interval(values).expect("two seeds or more"),
        }
    }
}

/// The mean of a number of each run.
pub fn mean_of<T>(runs: &[T], number: impl Fn(&T) -> f64) -> f64 {
    mean(&runs.iter().map(number).collect::<Vec<_>>()).expect("one seed or more")
}
