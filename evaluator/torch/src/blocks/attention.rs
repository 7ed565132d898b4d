//! Multi-head attention: our own kernel for short sequences on the processor, libtorch's elsewhere. Groups are cases of
//! their own.

use spaces::sequence::Settings;
use tch::{Kind, Tensor};

use super::{TorchBlock, TorchWeights, linear};
use crate::kernels;

/// Steps up to which our own kernel is faster.
const SHORT: i64 = 128;

pub struct Attention;

impl TorchBlock for Attention {
    fn forward(
        &self,
        settings: &Settings,
        weights: &TorchWeights,
        x: &Tensor,
        mask: Option<&Tensor>,
    ) -> Tensor {
        let mixed = match Groups::of(settings, x, mask) {
            None => attend(settings, weights, x, mask, None),
            Some(groups) => {
                let real = groups.real.to_kind(x.kind());
                let mixed = attend(settings, weights, &groups.split(x), Some(&real), Some(&groups.steps));
                groups.join(&mixed, x.size()[0])
            }
        };
        linear(&mixed, &weights["w_o"])
    }
}

/// The mixed values of every case of `x`, B×L×D. `steps` are the times of its steps, 0 to L where it is `None`.
fn attend(
    settings: &Settings,
    weights: &TorchWeights,
    x: &Tensor,
    mask: Option<&Tensor>,
    steps: Option<&Tensor>,
) -> Tensor {
    let (batch, length, width) = x.size3().expect("x is B×L×D");
    let (heads, causal) = (settings.number("heads") as i64, settings.flag("causal"));
    // B×L×heads×d, a view.
    let split = |name| linear(x, &weights[name]).view([batch, length, heads, -1]);
    let [mut q, mut k, v] = ["w_q", "w_k", "w_v"].map(split);
    if settings.word("position") == "rotary" {
        let from_zero = || Tensor::arange(length, (Kind::Int64, x.device())).unsqueeze(0);
        let steps = steps.map_or_else(from_zero, Tensor::shallow_clone).unsqueeze(-1);
        [q, k] = [&q, &k].map(|x| rotate(x, &steps));
    }
    let mixed = match settings.word("alpha") {
        "softmax" if kernels::suit(x) && length <= SHORT => {
            kernels::attention::attention(&q, &k, &v, mask, causal)
        }
        "softmax" => fused([&q, &k, &v], mask, causal),
        alpha => sparse([&q, &k, &v], mask, causal, alpha),
    };
    mixed.reshape([batch, length, width])
}

/// By libtorch.
fn fused(inputs: [&Tensor; 3], mask: Option<&Tensor>, causal: bool) -> Tensor {
    // B×heads×L×d.
    let [q, k, v] = inputs.map(|x| x.transpose(1, 2));
    // B×1×1×L: which keys are real. A causal step sees no padding, which is at the end.
    let keys = mask.filter(|_| !causal).map(real_keys);
    Tensor::scaled_dot_product_attention(&q, &k, &v, keys, 0.0, causal, None, false).transpose(1, 2)
}

fn real_keys(mask: &Tensor) -> Tensor {
    mask.to_kind(Kind::Bool).unsqueeze(1).unsqueeze(1)
}

/// With shares by entmax.
fn sparse(inputs: [&Tensor; 3], mask: Option<&Tensor>, causal: bool, alpha: &str) -> Tensor {
    let [q, k, v] = inputs.map(|x| x.transpose(1, 2));
    let scores = q.matmul(&k.transpose(-1, -2)) * (*q.size().last().expect("channels") as f64).powf(-0.5);
    let length = scores.size()[2];
    let past = || Tensor::ones([length, length], (Kind::Bool, scores.device())).tril(0);
    let seen = if causal { Some(past()) } else { mask.map(real_keys) };
    let scores = seen.map_or_else(
        || scores.shallow_clone(),
        |seen| scores.masked_fill(&seen.logical_not(), f64::NEG_INFINITY),
    );
    entmax(&scores, alpha).matmul(&v).transpose(1, 2)
}

/// Over the last dimension. The threshold is found without gradients; those of the shares p are
/// s ∘ (∂z − Σ s ∂z/Σ s) with s = p^{2−α}, which the second summand has whose value is zero.
fn entmax(scores: &Tensor, alpha: &str) -> Tensor {
    let (shares, slopes) = tch::no_grad(|| {
        let shifted = scores - scores.amax(-1, true);
        match alpha {
            "1.5" => {
                let z = (shifted * 0.5).clamp_min(-2.0);
                let root = (&z - threshold_of_squares(&z)).relu();
                (root.square(), root)
            }
            _ => {
                let z = shifted.clamp_min(-2.0);
                let shares = (&z - threshold_of_sums(&z)).relu();
                let slopes = shares.gt(0.0).to_kind(z.kind());
                (shares, slopes)
            }
        }
    });
    if !scores.requires_grad() {
        return shares;
    }
    let seen = scores.masked_fill(&slopes.eq(0.0), 0.0);
    let mean = (&slopes * &seen).sum_dim_intlist(-1, true, None) / slopes.sum_dim_intlist(-1, true, None);
    let moved = slopes * (seen - mean);
    shares + (&moved - moved.detach())
}

/// Over the last dimension: of z largest first, the sums of the first k and k itself.
fn sorted(z: &Tensor) -> (Tensor, Tensor) {
    let k = Tensor::arange_start(1, z.size().last().expect("keys") + 1, (z.kind(), z.device()));
    (z.sort(-1, true).0, k)
}

/// The τ of Σ max(z − τ, 0) = 1.
fn threshold_of_sums(z: &Tensor) -> Tensor {
    let (z, k) = sorted(z);
    let sums = z.cumsum(-1, z.kind());
    let count = (&z * k).greater_tensor(&(&sums - 1.0)).sum_dim_intlist(-1, true, Kind::Int64);
    (sums.gather(-1, &(&count - 1), false) - 1.0) / count
}

/// The τ of Σ max(z − τ, 0)² = 1.
fn threshold_of_squares(z: &Tensor) -> Tensor {
    let (z, k) = sorted(z);
    let sums = z.cumsum(-1, z.kind());
    let means = &sums / &k;
    let rests: Tensor = (1.0 - (z.square().cumsum(-1, z.kind()) - sums * &means)) / k;
    let thresholds = means - rests.clamp_min(0.0).sqrt();
    let count = thresholds.less_equal_tensor(&z).sum_dim_intlist(-1, true, Kind::Int64);
    thresholds.gather(-1, &(count - 1), false)
}

/// Turns pairs of channels of x, …×d, by t·10000^(−2i/d), with the times t of the dimensions before the last one. A
/// last channel without a partner keeps its cosine part.
pub fn rotate(x: &Tensor, steps: &Tensor) -> Tensor {
    let size = *x.size().last().expect("channels");
    let pairs = Tensor::arange_start_step(0, size, 2, (x.kind(), x.device()));
    let frequencies = (pairs * (-(1e4f64.ln()) / size as f64)).exp();
    let angles = steps.to_kind(x.kind()).unsqueeze(-1) * frequencies;
    let (sin, cos) = (angles.sin(), angles.cos());
    let pairs = x.constant_pad_nd([0, size % 2]).unflatten(-1, [-1, 2]);
    let (a, b) = (pairs.select(-1, 0), pairs.select(-1, 1));
    let turned = Tensor::stack(&[&a * &cos - &b * &sin, a * sin + b * cos], -1);
    turned.flatten(-2, -1).narrow(-1, 0, size)
}

/// How the steps of a batch are cut into groups.
struct Groups {
    /// The step at every place: (B·groups)×steps of a group. A place without a step repeats the last one.
    steps: Tensor,
    /// Which places have a step, so too; the first always, so that no group is empty.
    real: Tensor,
    /// The place of every step among those of its case, B×L.
    places: Tensor,
}

impl Groups {
    /// `None` where there is one.
    fn of(settings: &Settings, x: &Tensor, mask: Option<&Tensor>) -> Option<Self> {
        let count = settings.number("groups") as i64;
        if count == 1 {
            return None;
        }
        let (batch, length, _) = x.size3().expect("x is B×L×D");
        let whole = (Kind::Int64, x.device());
        let lengths = mask.map_or_else(
            || Tensor::full([batch, 1], length, whole),
            |mask| mask.sum_dim_intlist(1, true, Kind::Int64),
        );
        let rows = (length + count - 1) / count;
        let (row, number) = (Tensor::arange(rows, whole), Tensor::arange(count, whole).unsqueeze(1));
        let t = Tensor::arange(length, whole).unsqueeze(0).expand([batch, length], false);
        let divide = |t: &Tensor, by: &Tensor| t.divide_tensor_mode(by, "floor");
        let (steps, places) = if settings.flag("strided") {
            let by = &Tensor::full([1], count, whole);
            (
                (&row * by + number).expand([batch, count, rows], false),
                t.remainder(count) * rows + divide(&t, by),
            )
        } else {
            // ⌈n/groups⌉ steps a group.
            let sizes = &divide(&(&lengths + (count - 1)), &Tensor::full([1], count, whole));
            let steps = number * sizes.unsqueeze(-1) + &row;
            let beyond = row.greater_equal_tensor(&sizes.unsqueeze(-1));
            (steps.masked_fill(&beyond, length), divide(&t, sizes) * rows + t.remainder_tensor(sizes))
        };
        let last = lengths.unsqueeze(-1) - 1;
        let real = steps.less_equal_tensor(&last).logical_or(&row.eq(0));
        Some(Self {
            steps: steps.minimum(&last).flatten(0, 1),
            real: real.flatten(0, 1),
            places: places.clamp_max(count * rows - 1),
        })
    }

    /// B×L×D to (B·groups)×steps of a group×D.
    fn split(&self, x: &Tensor) -> Tensor {
        let (batch, _, width) = x.size3().expect("x is B×L×D");
        let steps = self.steps.reshape([batch, -1, 1]).expand([-1, -1, width], false);
        x.gather(1, &steps, false).view([-1, self.steps.size()[1], width])
    }

    /// Back to B×L×D.
    fn join(&self, y: &Tensor, batch: i64) -> Tensor {
        let width = y.size()[2];
        y.reshape([batch, -1, width]).gather(
            1,
            &self.places.unsqueeze(-1).expand([-1, -1, width], false),
            false,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::assert_same;
    use super::*;

    #[test]
    fn our_kernel_is_that_of_libtorch() {
        for (length, causal) in [(1, false), (29, false), (29, true), (70, true)] {
            let (ours, libtorch) = (
                |all: &[Tensor]| kernels::attention::attention(&all[0], &all[1], &all[2], None, causal),
                |all: &[Tensor]| fused([&all[0], &all[1], &all[2]], None, causal),
            );
            assert_same(
                ours,
                libtorch,
                &[vec![3, length, 2, 4], vec![3, length, 2, 4], vec![3, length, 2, 4]],
            );
        }
    }
}
