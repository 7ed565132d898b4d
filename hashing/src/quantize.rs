//! Numbers to bits that do not notice rounding noise.

/// Rounds to the nearest number with `bits` mantissa bits; what is below 1e-9 of `scale` is zero.
///
/// Truncation instead of rounding would split values that sit on a power of two, where sums written in different
/// orders land on either side. Noise of relative size ε still splits a value that sits on an edge between two buckets,
/// with a probability of about ε · 2^bits.
pub fn quantize(value: f64, bits: u32, scale: f64) -> u64 {
    if value.abs() <= 1e-9 * scale {
        return 0;
    }
    let dropped = 52 - bits;
    (value.to_bits() + (1 << (dropped - 1))) >> dropped << dropped
}

/// A few random projections of a long list of values, rounded: the fewer numbers are rounded, the less often one of
/// them sits on an edge.
pub type Projection = [u64; WIDTH];

const WIDTH: usize = 4;
const TABLE: usize = 1024;

/// The fixed directions onto which values are projected.
pub struct Projector {
    directions: Vec<[f64; WIDTH]>,
}

impl Projector {
    pub fn new(seed: u64) -> Self {
        let mut flat = vec![0.0; TABLE * WIDTH];
        crate::Mark(seed).then_text("projections").fill_uniform(&mut flat, 0.0, 1.0);
        let directions = flat.chunks_exact(WIDTH).map(|row| [row[0], row[1], row[2], row[3]]).collect();
        Self { directions }
    }

    /// `None` if a value is not finite.
    pub fn project(&self, values: &[f64], bits: u32) -> Option<Projection> {
        let mut sums = [0.0; WIDTH];
        let mut scale = 0.0;
        for (round, chunk) in values.chunks(TABLE).enumerate() {
            // The table is used again for long lists, each time with another weight.
            let weight = 1.0 / (1.0 + 0.618_033_988_749_894_8 * round as f64);
            for (value, direction) in chunk.iter().zip(&self.directions) {
                let value = weight * value;
                scale = if value.abs() > scale { value.abs() } else { scale };
                for (sum, d) in sums.iter_mut().zip(direction) {
                    *sum += d * value;
                }
            }
        }
        sums.iter().all(|sum| sum.is_finite()).then(|| sums.map(|sum| quantize(sum, bits, scale)))
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
        let projection = projector.project(&values, 24).unwrap();
        for i in [0, 1023, 1024, 4999] {
            let mut other = values.clone();
            other[i] += 0.01;
            assert_ne!(projector.project(&other, 24).unwrap(), projection, "{i}");
            other[i] = f64::NAN;
            assert_eq!(projector.project(&other, 24), None);
            other[i] = f64::INFINITY;
            assert_eq!(projector.project(&other, 24), None);
        }
    }
}
