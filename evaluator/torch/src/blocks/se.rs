//! Squeeze and excitation: channels gated by their means over time.

use spaces::sequence::Settings;
use tch::{Kind, Tensor};

use super::mlp::perceptron;
use super::{TorchBlock, TorchWeights};

pub struct Se;

impl TorchBlock for Se {
    fn forward(
        &self,
        settings: &Settings,
        weights: &TorchWeights,
        x: &Tensor,
        mask: Option<&Tensor>,
    ) -> Tensor {
        let means = if settings.word("context") == "all" { mean(x, mask) } else { running_means(x) };
        let tensors = ["w_1", "b_1", "w_2", "b_2"].map(|name| &weights[name]);
        x * perceptron(&means, "relu", tensors).sigmoid()
    }
}

/// B×1×D, over real steps.
fn mean(x: &Tensor, mask: Option<&Tensor>) -> Tensor {
    match mask {
        None => x.mean_dim(1, true, None),
        Some(mask) => (mask / mask.sum_dim_intlist(1, true, None)).unsqueeze(1).bmm(x),
    }
}

/// B×L×D, over the steps up to each: padding comes after the real ones.
pub fn running_means(x: &Tensor) -> Tensor {
    let counts = Tensor::arange_start(1, x.size()[1] + 1, (Kind::Int64, x.device()));
    x.cumsum(1, None) / counts.unsqueeze(1)
}
