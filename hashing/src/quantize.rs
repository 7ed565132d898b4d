//! Numbers to bits that do not notice rounding noise.

use crate::{Digest, KeyWriter, Rng};

/// Rounds to the nearest number with `bits` mantissa bits; what is below 1e-9 of `scale` is zero.
///
/// Truncation instead of rounding would split values that sit on a power of two, where sums written in different
/// orders land on either side.
pub fn quantize(value: f64, bits: u32, scale: f64) -> u64 {
    if value.abs() <= 1e-9 * scale {
        return 0;
    }
    let dropped = 52 - bits;
    (value.to_bits() + (1 << (dropped - 1))) >> dropped << dropped
}

/// Digests long lists of values as a few random projections of them: the fewer numbers are rounded, the less often
/// one of them sits on the edge between two buckets.
pub struct Projector {
    directions: Vec<[f64; Projector::WIDTH]>,
}

impl Projector {
    const WIDTH: usize = 4;
    const TABLE: usize = 4096;

    pub fn new(seed: u64) -> Self {
        let mut rng = Rng::named(seed, "projections", 0);
        let directions = (0..Self::TABLE).map(|_| std::array::from_fn(|_| rng.between(-1.0, 1.0))).collect();
        Self { directions }
    }

    /// `None` if a value is not finite.
    pub fn digest(&self, values: &[f64], bits: u32) -> Option<Digest> {
        let mut sums = [0.0; Self::WIDTH];
        let mut scale: f64 = 0.0;
        for (round, chunk) in values.chunks(Self::TABLE).enumerate() {
            // The table is used again for long lists, each time with another weight.
            let weight = 1.0 / (1.0 + 0.618_033_988_749_894_8 * round as f64);
            for (value, direction) in chunk.iter().zip(&self.directions) {
                scale = scale.max(value.abs());
                for (sum, d) in sums.iter_mut().zip(direction) {
                    *sum += weight * d * value;
                }
            }
        }
        if !sums.iter().all(|sum| sum.is_finite()) {
            return None;
        }
        let mut out = KeyWriter::new("fecund values v1");
        out.u64(values.len() as u64);
        sums.iter().for_each(|sum| out.u64(quantize(*sum, bits, scale)));
        Some(out.finish())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_around_a_power_of_two_falls_into_one_bucket() {
        for power in [0.25, 0.5, 1.0, 2.0, 1024.0] {
            let exact = quantize(power, 24, 1.0);
            assert_eq!(quantize(power * (1.0 - 1e-15), 24, 1.0), exact);
            assert_eq!(quantize(power * (1.0 + 1e-15), 24, 1.0), exact);
        }
    }

    #[test]
    fn sign_counts_and_zero_has_none() {
        assert_ne!(quantize(1.0, 24, 1.0), quantize(-1.0, 24, 1.0));
        assert_eq!(quantize(-0.0, 24, 0.0), quantize(0.0, 24, 0.0));
        assert_eq!(quantize(-1e-12, 24, 1.0), 0);
        assert_ne!(quantize(1e-12, 24, 1e-12), 0);
    }

    #[test]
    fn bits_that_are_kept_tell_values_apart() {
        assert_ne!(quantize(1.0 + 2f64.powi(-23), 24, 1.0), quantize(1.0, 24, 1.0));
        assert_eq!(quantize(1.0 + 2f64.powi(-26), 24, 1.0), quantize(1.0, 24, 1.0));
    }

    #[test]
    fn a_projection_sees_every_position_and_refuses_what_is_not_finite() {
        let projector = Projector::new(0);
        let values: Vec<f64> = (0..5000).map(|i| f64::from(i).sin()).collect();
        let digest = projector.digest(&values, 24).unwrap();
        for i in [0, 4095, 4096, 4999] {
            let mut other = values.clone();
            other[i] += 0.01;
            assert_ne!(projector.digest(&other, 24).unwrap(), digest, "{i}");
            other[i] = f64::NAN;
            assert_eq!(projector.digest(&other, 24), None);
        }
        assert_ne!(projector.digest(&values[..4999], 24).unwrap(), digest);
    }
}
