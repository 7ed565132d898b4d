//! Two-layer perceptron on every step.

use spaces::sequence::Settings;
use tch::Tensor;

use super::{TorchBlock, TorchWeights, activate};

pub struct Mlp;

impl TorchBlock for Mlp {
    fn forward(&self, settings: &Settings, weights: &TorchWeights, x: &Tensor, _: Option<&Tensor>) -> Tensor {
        let hidden = x.linear(&weights["w_1"], Some(&weights["b_1"]));
        activate(settings.word("activation"), &hidden).linear(&weights["w_2"], Some(&weights["b_2"]))
    }
}
