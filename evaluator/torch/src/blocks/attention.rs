//! Multi-head attention by libtorch's fused kernel.

use spaces::sequence::Settings;
use tch::{Kind, Tensor};

use super::{TorchBlock, TorchWeights, linear};

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
        // B×heads×L×d, a view.
        let split = |name| linear(x, &weights[name]).view([batch, length, heads, -1]).transpose(1, 2);
        let [q, k, v] = ["w_q", "w_k", "w_v"].map(split);
        // B×1×1×L: which keys are real. A causal step sees no padding, which is at the end.
        let keys = mask.filter(|_| !causal).map(|mask| mask.to_kind(Kind::Bool).unsqueeze(1).unsqueeze(1));
        let mixed = Tensor::scaled_dot_product_attention(&q, &k, &v, keys, 0.0, causal, None, false);
        linear(&mixed.transpose(1, 2).reshape([batch, length, width]), &weights["w_o"])
    }
}
