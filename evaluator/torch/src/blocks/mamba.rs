//! Selective state space (Mamba-1), by a chunked scan.

use spaces::sequence::Settings;
use tch::Tensor;

use super::convolution::causal_convolution;
use super::{TorchBlock, TorchWeights, linear};
use crate::scan::scan;

pub struct Mamba;

impl TorchBlock for Mamba {
    fn forward(&self, settings: &Settings, weights: &TorchWeights, x: &Tensor, _: Option<&Tensor>) -> Tensor {
        let (state, rank) = (settings.number("state") as i64, weights["w_dt"].size()[1]);
        let both = linear(x, &weights["w_in"]).chunk(2, -1);
        // u, Δ: B×L×E; B, C: B×L×N.
        let u = causal_convolution(&both[0], &weights["w_conv"], &weights["b_conv"]).silu();
        let made = linear(&u, &weights["w_x"]).split_with_sizes([rank, state, state], -1);
        let step = made[0].linear(&weights["w_dt"], Some(&weights["b_dt"])).softplus();
        let zoh = settings.word("discretization") == "zoh";
        let (decay, input) = discretize(&weights["log_a"], &step, &made[1], &u, zoh);
        let h = scan(&decay, &input);
        let v = made[2].unsqueeze(2).matmul(&h).squeeze_dim(2) + &u * &weights["d"];
        linear(&(v * both[1].silu()), &weights["w_out"])
    }
}

/// What the state is multiplied by and what is added to it at every step, B×L×N×E: the long dimension last, which
/// makes broadcasts and sums over N fast.
fn discretize(log_a: &Tensor, step: &Tensor, b: &Tensor, u: &Tensor, zoh: bool) -> (Tensor, Tensor) {
    let a = -log_a.transpose(0, 1).contiguous().exp();
    let b = b.unsqueeze(-1);
    let exponent = step.unsqueeze(2) * &a;
    if zoh {
        // (eᶻ − 1)/A without loss of digits where z is small.
        let change = exponent.expm1();
        let input = &change * b * (u.unsqueeze(2) / a);
        (change + 1.0, input)
    } else {
        (exponent.exp(), (step * u).unsqueeze(2) * b)
    }
}
