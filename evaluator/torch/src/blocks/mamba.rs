//! Selective state space (Mamba-1), by our own kernel on the processor, by a chunked scan elsewhere.

use spaces::sequence::Settings;
use tch::Tensor;

use super::convolution::causal_convolution;
use super::{TorchBlock, TorchWeights, linear};
use crate::kernels::{self, selective_scan::selective_scan};
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
        let log_a = &weights["log_a"];
        let scan = if kernels::suit(x) { selective_scan } else { plain_scan };
        let v = scan(log_a, &step, &made[1], &made[2], &u, zoh);
        let v = v.addcmul(&u, &weights["d"]);
        linear(&(v * both[1].silu()), &weights["w_out"])
    }
}

/// In operations of libtorch.
fn plain_scan(log_a: &Tensor, step: &Tensor, b: &Tensor, c: &Tensor, u: &Tensor, zoh: bool) -> Tensor {
    let (decay, input) = discretize(log_a, step, b, u, zoh);
    c.unsqueeze(2).matmul(&scan(&decay, &input)).squeeze_dim(2)
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

#[cfg(test)]
mod tests {
    use super::super::tests::assert_same;
    use super::*;

    #[test]
    fn our_kernel_is_the_plain_scan() {
        for (length, state, zoh) in [(1, 8, false), (29, 16, false), (150, 16, true), (128, 1, true)] {
            let rows = |columns| vec![3, length, columns];
            let shapes = [vec![32, state], rows(32), rows(state), rows(state), rows(32)];
            // Steps are positive.
            let with = |scan: fn(&Tensor, &Tensor, &Tensor, &Tensor, &Tensor, bool) -> Tensor| {
                move |all: &[Tensor]| scan(&all[0], &all[1].softplus(), &all[2], &all[3], &all[4], zoh)
            };
            assert_same(with(selective_scan), with(plain_scan), &shapes);
        }
    }
}
