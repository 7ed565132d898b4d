//! Multi-head attention: our own kernel for short sequences on the processor, libtorch's elsewhere.

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
        let (batch, length, width) = x.size3().expect("x is B×L×D");
        let (heads, causal) = (settings.number("heads") as i64, settings.flag("causal"));
        // B×L×heads×d, a view.
        let split = |name| linear(x, &weights[name]).view([batch, length, heads, -1]);
        let [q, k, v] = ["w_q", "w_k", "w_v"].map(split);
        let mixed = if kernels::suit(x) && length <= SHORT {
            kernels::attention::attention(&q, &k, &v, mask, causal)
        } else {
            fused([&q, &k, &v], mask, causal)
        };
        linear(&mixed.reshape([batch, length, width]), &weights["w_o"])
    }
}

/// By libtorch.
fn fused(inputs: [&Tensor; 3], mask: Option<&Tensor>, causal: bool) -> Tensor {
    // B×heads×L×d.
    let [q, k, v] = inputs.map(|x| x.transpose(1, 2));
    // B×1×1×L: which keys are real. A causal step sees no padding, which is at the end.
    let keys = mask.filter(|_| !causal).map(|mask| mask.to_kind(Kind::Bool).unsqueeze(1).unsqueeze(1));
    Tensor::scaled_dot_product_attention(&q, &k, &v, keys, 0.0, causal, None, false).transpose(1, 2)
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
