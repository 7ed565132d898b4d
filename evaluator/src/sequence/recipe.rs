//! How a network is trained, apart from its genes: the numbers that are the same for every candidate.

use std::f64::consts::PI;

/// Version of training and scoring. Goes up with every change that can move a score, and so starts a new set of keys;
/// the pinned loss in `evaluator/torch` fails when it should have.
pub const VERSION: u64 = 1;

/// AdamW's decay of the first and the second moment (Loshchilov & Hutter 2019, their defaults).
pub const BETAS: (f64, f64) = (0.9, 0.999);
/// AdamW's guard against division by zero.
pub const EPSILON: f64 = 1e-8;
/// Largest global Euclidean norm of the gradients; longer ones are shortened to it.
pub const CLIP: f64 = 1.0;
/// Share of all steps over which the learning rate rises from 0 to its peak.
pub const WARM_UP: f64 = 0.05;
/// Epochs without a lower validation log loss after which training stops, as a share of the largest fidelity.
pub const PATIENCE: f64 = 0.25;
/// Fewest epochs of patience.
pub const LEAST_PATIENCE: u64 = 5;

/// The learning rate as a share of its peak at `step` (counted from 0) of `total`: linear warm-up, then half a cosine
/// down to 0. Depends on the study's largest fidelity alone, so that a lower fidelity is a prefix of a higher one.
pub fn schedule(step: u64, total: u64) -> f64 {
    let (done, total) = ((step + 1) as f64, total.max(1) as f64);
    let warm = (WARM_UP * total).max(1.0);
    if done <= warm {
        return done / warm;
    }
    let share = ((done - warm) / (total - warm + 1.0)).clamp(0.0, 1.0);
    0.5 * (1.0 + f64::cos(PI * share))
}

/// Steps that one epoch of `cases` takes; the last batch may be smaller.
pub fn steps_per_epoch(cases: usize, batch_size: usize) -> u64 {
    cases.div_ceil(batch_size.max(1)) as u64
}

/// Epochs without improvement after which training stops, where `largest` is the largest fidelity.
pub fn patience(largest: u64) -> u64 {
    ((largest as f64 * PATIENCE).ceil() as u64).max(LEAST_PATIENCE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_rises_to_its_peak_and_falls_to_nearly_nothing() {
        for total in [20, 100, 1000] {
            let rates: Vec<f64> = (0..total).map(|step| schedule(step, total)).collect();
            let peak = (WARM_UP * total as f64) as usize - 1;
            assert_eq!(rates[peak], 1.0);
            assert!(rates[..=peak].windows(2).all(|pair| pair[0] < pair[1]));
            assert!(rates[peak..].windows(2).all(|pair| pair[0] > pair[1]));
            assert!(rates[total as usize - 1] < 0.01 && rates[total as usize - 1] > 0.0);
        }
    }

    #[test]
    fn odd_totals_give_rates_between_zero_and_one() {
        for total in [0, 1, 2, 3] {
            assert!((0..10).all(|step| (0.0..=1.0).contains(&schedule(step, total))), "{total}");
        }
        assert_eq!(schedule(u64::MAX - 1, 10), 0.0);
    }

    #[test]
    fn an_epoch_covers_every_case() {
        assert_eq!([steps_per_epoch(64, 32), steps_per_epoch(65, 32), steps_per_epoch(1, 32)], [2, 3, 1]);
        assert_eq!(steps_per_epoch(5, 0), 5);
    }
}
