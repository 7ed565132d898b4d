//! The block around a cell that runs channel by channel.

use spaces::sequence::math::EPSILON;
use tch::Tensor;

use super::convolution::causal_convolution;
use super::{TorchWeights, linear};

/// `cell` makes the states, B×L×D, from its gates side by side.
pub fn forward(weights: &TorchWeights, x: &Tensor, cell: impl Fn(&Tensor) -> Tensor) -> Tensor {
    let both = linear(x, &weights["w_in"]).chunk(2, -1);
    let u = causal_convolution(&both[0], &weights["w_conv"], &weights["b_conv"]).silu();
    let h = cell(&u.linear(&weights["w_x"], Some(&weights["b_x"].flatten(0, 1))));
    let gain = &weights["gain"];
    let h = h.rms_norm(gain.size(), Some(gain), EPSILON);
    linear(&(h * both[1].silu()), &weights["w_out"])
}
