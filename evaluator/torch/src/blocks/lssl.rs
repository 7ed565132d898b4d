//! Linear state space layer, as a convolution with the kernel K_l = C Ā^l B̄.

use spaces::sequence::Settings;
use tch::{Kind, Tensor};

use super::{TorchBlock, TorchWeights};
use crate::convolve::convolve;

pub struct Lssl;

impl TorchBlock for Lssl {
    fn forward(
        &self,
        settings: &Settings,
        weights: &TorchWeights,
        x: &Tensor,
        mask: Option<&Tensor>,
    ) -> Tensor {
        let implicit = if settings.word("discretization") == "bilinear" { 0.5 } else { 1.0 };
        let kernel = kernel(weights, implicit, x.size()[1]);
        let v = convolve(x, &kernel, mask) + x * &weights["d"];
        v.gelu("none").linear(&weights["w"], Some(&weights["b"]))
    }
}

/// D×L. In double precision: states grow before they decay, so that sums and their gradients lose digits.
fn kernel(weights: &TorchWeights, implicit: f64, length: i64) -> Tensor {
    let [log_step, c] = ["log_step", "c"].map(|name| weights[name].to_kind(Kind::Double));
    let (a, b) = discretized(&log_step, c.size()[1], implicit);
    let kernel = c.unsqueeze(1).matmul(&states(a, b, length)).squeeze_dim(1);
    kernel.to_kind(weights["c"].kind())
}

/// Ā, D×N×N, and B̄, D×N×1, with α = `implicit`.
fn discretized(log_step: &Tensor, state: i64, implicit: f64) -> (Tensor, Tensor) {
    let options = (log_step.kind(), log_step.device());
    let step = log_step.exp().view([-1, 1, 1]);
    let n = Tensor::arange(state, options);
    let b = (&n * 2.0 + 1.0).sqrt().unsqueeze(1);
    let a = -(&b * b.transpose(0, 1)).tril(-1) - (n + 1.0).diag(0);
    let (one, a) = (Tensor::eye(state, options), &step * a);
    let known = Tensor::cat(&[&one + &a * (1.0 - implicit), step * b], 2);
    let solved = (one - a * implicit).linalg_solve_triangular(&known, false, true, false);
    (solved.narrow(2, 0, state), solved.narrow(2, state, 1))
}

/// Ā^l B̄ for l from 0 to L, D×N×L: those of twice as many steps are those so far and Ā^k of them.
fn states(mut power: Tensor, mut states: Tensor, length: i64) -> Tensor {
    while states.size()[2] < length {
        states = Tensor::cat(&[&states, &power.matmul(&states)], 2);
        power = power.matmul(&power);
    }
    states.narrow(2, 0, length)
}

#[cfg(test)]
mod tests {
    use tch::Device;

    use super::*;

    /// Eigenvalues of A are −(n + 1): those of Ā are (1 − (1 − α)Δ(n + 1))/(1 + αΔ(n + 1)), inside the unit circle.
    #[test]
    fn states_decay_at_the_rates_of_the_discretized_eigenvalues() {
        for implicit in [0.5, 1.0] {
            let step = 0.1f64;
            let (a, b) = discretized(&Tensor::from_slice(&[step.ln()]), 4, implicit);
            assert_eq!((a.size(), b.size(), a.device()), (vec![1, 4, 4], vec![1, 4, 1], Device::Cpu));
            for n in 0..4 {
                let rate = step * f64::from(n + 1);
                let expected = (1.0 - (1.0 - implicit) * rate) / (1.0 + implicit * rate);
                let found = a.double_value(&[0, n.into(), n.into()]);
                assert!((found - expected).abs() < 1e-14, "{found} {expected}");
            }
            let late = states(a, b, 3000).select(2, 2999).abs().max().double_value(&[]);
            assert!(late < 1e-100, "{late:e}");
        }
    }
}
