//! Dropout from a named stream of our own, never from libtorch's process-wide generator.

use hashing::Rng;
use tch::{Kind, Tensor};

/// Inverted dropout: what is kept is scaled, so that means stay.
#[derive(Clone, Debug)]
pub struct Dropout {
    /// In 1/65536.
    dropped: u64,
    rng: Rng,
}

const WHOLE: u64 = 1 << 16;

/// Elements that one draw of the stream serves.
const OF_ONE_DRAW: usize = 4;

impl Dropout {
    /// `rate` in [0, 1) is rounded to 1/65536: one draw of the stream serves four elements.
    pub fn new(rate: f64, rng: Rng) -> Self {
        assert!((0.0..1.0).contains(&rate), "dropout {rate} is not in [0, 1)");
        Self { dropped: ((rate * WHOLE as f64).round() as u64).min(WHOLE - 1), rng }
    }

    /// x times a fresh mask; x itself at rate 0.
    pub fn apply(&mut self, x: &Tensor) -> Tensor {
        if self.dropped == 0 { x.shallow_clone() } else { x * self.mask(x) }
    }

    /// The same for x that holds some rows of so many, by their numbers: the mask is a part of the one of all.
    pub fn apply_to_rows(&mut self, x: &Tensor, rows: &Tensor, of: i64) -> Tensor {
        if self.dropped == 0 {
            return x.shallow_clone();
        }
        let width = (x.numel() / rows.numel()) as i64;
        let whole = self.mask(&Tensor::empty([of, width], (x.kind(), x.device())));
        x * whole.index_select(0, rows).view_as(x)
    }

    /// Leaves the stream where [`apply`](Self::apply) to so many elements would.
    pub fn skip(&mut self, elements: usize) {
        if self.dropped > 0 {
            for _ in 0..elements.div_ceil(OF_ONE_DRAW) {
                self.rng.next_u64();
            }
        }
    }

    fn mask(&mut self, like: &Tensor) -> Tensor {
        let kept = (WHOLE as f64 / (WHOLE - self.dropped) as f64) as f32;
        let mut values = vec![kept; like.numel()];
        for four in values.chunks_mut(OF_ONE_DRAW) {
            let draw = self.rng.next_u64();
            for (i, value) in four.iter_mut().enumerate() {
                if draw >> (16 * i) & (WHOLE - 1) < self.dropped {
                    *value = 0.0;
                }
            }
        }
        let mask = Tensor::from_slice(&values).view_as(like);
        if (like.kind(), like.device()) == (Kind::Float, tch::Device::Cpu) {
            return mask;
        }
        mask.to_kind(like.kind()).to_device(like.device())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_repeat_keep_the_mean_and_drop_at_the_rate() {
        let x = Tensor::ones([100, 101], (Kind::Double, tch::Device::Cpu));
        let draw = || Dropout::new(0.3, Rng::named(1, "dropout", 0)).apply(&x);
        let y = draw();
        assert_eq!(y, draw());
        let zeros = y.eq(0.0).to_kind(Kind::Double).mean(None).double_value(&[]);
        assert!((zeros - 0.3).abs() < 0.02, "{zeros}");
        assert!((y.mean(None).double_value(&[]) - 1.0).abs() < 0.03);
    }

    #[test]
    fn a_mask_that_is_skipped_is_the_one_that_would_have_been_drawn() {
        for rate in [0.0, 0.3] {
            let (mut whole, mut part) =
                (Dropout::new(rate, Rng::named(1, "d", 0)), Dropout::new(rate, Rng::named(1, "d", 0)));
            for elements in [1, 4, 7] {
                let _ = whole.apply(&Tensor::ones([elements], (Kind::Float, tch::Device::Cpu)));
                part.skip(elements as usize);
            }
            let x = Tensor::ones([50], (Kind::Float, tch::Device::Cpu));
            assert_eq!(whole.apply(&x), part.apply(&x));
        }
    }

    #[test]
    fn rows_have_the_part_of_the_mask_that_is_theirs() {
        let options = (Kind::Float, tch::Device::Cpu);
        let (mut whole, mut part) =
            (Dropout::new(0.3, Rng::named(1, "d", 0)), Dropout::new(0.3, Rng::named(1, "d", 0)));
        let mask = whole.apply(&Tensor::ones([6, 5], options));
        let rows = Tensor::from_slice(&[4i64, 1]);
        let some = part.apply_to_rows(&Tensor::ones([1, 2, 5], options), &rows, 6);
        assert_eq!(some, mask.index_select(0, &rows).unsqueeze(0));
        let x = Tensor::ones([50], options);
        assert_eq!(whole.apply(&x), part.apply(&x), "both streams go on alike");
    }

    #[test]
    fn a_rate_of_zero_changes_nothing() {
        let x = Tensor::ones([3], (Kind::Float, tch::Device::Cpu));
        assert_eq!(Dropout::new(0.0, Rng::named(1, "dropout", 0)).apply(&x), x);
    }
}
