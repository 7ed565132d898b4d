//! Feedforward sequential memory, plain and gated.

use spaces::sequence::Settings;
use tch::Tensor;

use super::convolution::{Taps, convolution};
use super::{TorchBlock, TorchWeights, linear};

pub struct Fsmn;
pub struct GatedFsmn;

impl TorchBlock for Fsmn {
    fn forward(
        &self,
        settings: &Settings,
        weights: &TorchWeights,
        x: &Tensor,
        mask: Option<&Tensor>,
    ) -> Tensor {
        memory(settings, weights, x, mask)
    }
}

impl TorchBlock for GatedFsmn {
    fn forward(
        &self,
        settings: &Settings,
        weights: &TorchWeights,
        x: &Tensor,
        mask: Option<&Tensor>,
    ) -> Tensor {
        let [gate, u] =
            [["w_f", "b_f"], ["w_g", "b_g"]].map(|[w, b]| x.linear(&weights[w], Some(&weights[b])).silu());
        gate * (&u + memory(settings, weights, &u, mask))
    }
}

fn memory(settings: &Settings, weights: &TorchWeights, u: &Tensor, mask: Option<&Tensor>) -> Tensor {
    let p = linear(&u.linear(&weights["w_1"], Some(&weights["b_1"])).relu(), &weights["w_2"]);
    let no_bias = Tensor::zeros([u.size()[2]], (u.kind(), u.device()));
    let taps = Taps::new(settings, settings.number("taps") - 1);
    convolution(&p, mask, &weights["w_memory"], &no_bias, taps) + p
}
