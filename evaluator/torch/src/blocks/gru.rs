//! Gated recurrent unit: libtorch's own.

use spaces::sequence::Settings;
use tch::Tensor;

use super::{TorchBlock, TorchWeights};

pub struct Gru;

impl TorchBlock for Gru {
    fn forward(&self, _: &Settings, weights: &TorchWeights, x: &Tensor, _: Option<&Tensor>) -> Tensor {
        let (batch, _, width) = x.size3().expect("x is B×L×D");
        let start = Tensor::zeros([1, batch, width], (x.kind(), x.device()));
        let tensors = ["w_ih", "w_hh", "b_ih", "b_hh"].map(|name| &weights[name]);
        // Biases; one layer; no dropout, hence `train` is inert; one direction; batch first.
        x.gru(&start, &tensors, true, 1, 0.0, false, false, true).0
    }
}
