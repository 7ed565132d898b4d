//! Gated perceptron on every step.

use spaces::sequence::Settings;
use tch::Tensor;

use super::{TorchBlock, TorchWeights, activate, linear};

pub struct Glu;

impl TorchBlock for Glu {
    fn forward(&self, settings: &Settings, weights: &TorchWeights, x: &Tensor, _: Option<&Tensor>) -> Tensor {
        let gate = activate(settings.word("activation"), &linear(x, &weights["w_g"]));
        linear(&(gate * linear(x, &weights["w_v"])), &weights["w_o"])
    }
}
