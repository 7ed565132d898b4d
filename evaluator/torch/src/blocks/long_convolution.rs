//! Convolution with a kernel that a small network makes of the distance in time, gated by the mean of the past.

use spaces::sequence::Settings;
use tch::Tensor;

use super::se::running_means;
use super::{TorchBlock, TorchWeights, linear};
use crate::convolve::convolve;

pub struct LongConvolution;

/// Steps of one unit of the coordinate.
const UNIT: f64 = 64.0;

impl TorchBlock for LongConvolution {
    fn forward(&self, _: &Settings, weights: &TorchWeights, x: &Tensor, mask: Option<&Tensor>) -> Tensor {
        // t + 1, L×1.
        let terms = Tensor::arange_start(1, x.size()[1] + 1, (x.kind(), x.device())).unsqueeze(1);
        let gate = running_means(x).linear(&weights["w_z"], Some(&weights["b_z"]));
        let u = linear(x, &weights["w_u"]);
        let y = convolve(&u, &kernel(weights, &(&terms / UNIT)), mask) / terms.sqrt();
        linear(&(y * gate), &weights["w_out"])
    }
}

/// D×L, at coordinates L×1.
fn kernel(weights: &TorchWeights, c: &Tensor) -> Tensor {
    let wave = |f, phi| (c * &weights[f] + &weights[phi]).sin();
    let layers = [["f_1", "phi_1", "v_1", "a_1"], ["f_2", "phi_2", "v_2", "a_2"]];
    let last = layers.iter().fold(wave("f_0", "phi_0"), |o, [f, phi, v, a]| {
        wave(*f, *phi) * o.linear(&weights[*v], Some(&weights[*a]))
    });
    last.linear(&weights["w_k"], Some(&weights["b_k"])).transpose(0, 1)
}
