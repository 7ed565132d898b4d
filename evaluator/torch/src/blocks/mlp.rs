//! Two-layer perceptron on every step.

use spaces::sequence::Settings;
use tch::Tensor;

use super::{TorchBlock, TorchWeights, activate};

pub struct Mlp;

impl TorchBlock for Mlp {
    fn forward(&self, settings: &Settings, weights: &TorchWeights, x: &Tensor, _: Option<&Tensor>) -> Tensor {
        let tensors = ["w_1", "b_1", "w_2", "b_2"].map(|name| &weights[name]);
        perceptron(x, settings.word("activation"), tensors)
    }
}

/// W_2 act(W_1 x + b_1) + b_2, over the last dimension.
pub fn perceptron(x: &Tensor, activation: &str, [w_1, b_1, w_2, b_2]: [&Tensor; 4]) -> Tensor {
    activate(activation, &x.linear(w_1, Some(b_1))).linear(w_2, Some(b_2))
}
