//! Selective state space with one decay a head (Mamba-2), in chunks.

use spaces::sequence::Settings;
use spaces::sequence::math::EPSILON;
use tch::Tensor;

use super::convolution::causal_convolution;
use super::{TorchBlock, TorchWeights, linear};
use crate::matrix_state::matrix_state;

pub struct Mamba2;

impl TorchBlock for Mamba2 {
    fn forward(&self, settings: &Settings, weights: &TorchWeights, x: &Tensor, _: Option<&Tensor>) -> Tensor {
        let (state, heads) = (settings.number("state") as i64, settings.number("heads") as i64);
        let inner = weights["gain"].size()[0];
        let made = linear(x, &weights["w_in"]).split_with_sizes([inner, inner + 2 * state, heads], -1);
        let mixed = causal_convolution(&made[1], &weights["w_conv"], &weights["b_conv"]).silu();
        let mixed = mixed.split_with_sizes([inner, state, state], -1);
        // B×L×H, then ×P; B and C are the same for all heads.
        let step = (&made[2] + &weights["b_dt"]).softplus();
        let (u, [b, c]) = (mixed[0].unflatten(-1, [heads, -1]), [1, 2].map(|i| mixed[i].unsqueeze(2)));
        let log_decay = -(&step * weights["log_a"].exp());
        let v = matrix_state(&log_decay, &c, &b, &(&u * step.unsqueeze(-1)));
        let v = v + u * weights["d"].unsqueeze(-1);
        let (gated, gain) = (v.flatten(2, 3) * made[0].silu(), &weights["gain"]);
        linear(&gated.rms_norm(gain.size(), Some(gain), EPSILON), &weights["w_out"])
    }
}
