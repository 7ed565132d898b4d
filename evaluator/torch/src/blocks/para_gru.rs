//! ParaGRU: by our own kernel on the processor, by Newton's method elsewhere.

use spaces::sequence::Settings;
use tch::Tensor;

use super::{TorchBlock, TorchWeights, gated};
use crate::kernels;
use crate::newton::{self, Cell};
use crate::scan::scan;

pub struct ParaGru;

impl TorchBlock for ParaGru {
    fn forward(&self, settings: &Settings, weights: &TorchWeights, x: &Tensor, _: Option<&Tensor>) -> Tensor {
        gated::forward(weights, x, |made| {
            if settings.word("recurrence") == "none" {
                let [z, n] = parts(made);
                return scan(&(-&z).sigmoid(), &(z.sigmoid() * n.tanh()));
            }
            let alpha = weights["a"].tanh();
            if kernels::suit(x) { kernels::para_gru::para_gru(made, &alpha) } else { by_newton(made, &alpha) }
        })
    }
}

/// As [`kernels::para_gru::para_gru`], in operations of libtorch.
pub fn by_newton(x: &Tensor, alpha: &Tensor) -> Tensor {
    newton::states(&Diagonal { x, alpha }).squeeze_dim(2)
}

/// x is B×L×3D with z, r, n side by side, α is 3×D.
struct Diagonal<'a> {
    x: &'a Tensor,
    alpha: &'a Tensor,
}

/// Equal parts of the last dimension.
fn parts<const N: usize>(x: &Tensor) -> [Tensor; N] {
    x.chunk(N as i64, -1).try_into().expect("as many gates")
}

impl Diagonal<'_> {
    /// z, r, n, from the states before, B×L×D.
    fn gates(&self, input: &Tensor, before: &Tensor) -> [Tensor; 3] {
        let ([x_z, x_r, x_n], alpha) = (parts(input), self.alpha);
        let z = x_z.addcmul(&alpha.get(0), before).sigmoid_();
        let r = x_r.addcmul(&alpha.get(1), before).sigmoid_();
        let n = x_n.addcmul(&(&r * before), &alpha.get(2)).tanh_();
        [z, r, n]
    }
}

impl Cell for Diagonal<'_> {
    fn state(&self) -> (i64, i64) {
        (1, self.alpha.size()[1])
    }

    fn input(&self) -> &Tensor {
        self.x
    }

    fn step(&self, input: &Tensor, before: &Tensor) -> Tensor {
        let before = before.squeeze_dim(2);
        let [z, _, n] = self.gates(input, &before);
        before.lerp_tensor(&n, &z).unsqueeze(2)
    }

    /// J = (1 − z) + (n − h) α_z z (1 − z) + z α_n (1 − n²) (r + h α_r r (1 − r)).
    fn linearized(&self, input: &Tensor, before: &Tensor) -> (Tensor, Tensor) {
        let before = before.squeeze_dim(2);
        let [z, r, n] = self.gates(input, &before);
        let [a_z, a_r, a_n] = [0, 1, 2].map(|gate| self.alpha.get(gate));
        let (past, change): (Tensor, Tensor) = (1.0 - &z, &n - &before);
        let after = before.addcmul(&z, &change);
        let through_r = r.addcmul(&(&before * a_r), &(&r - r.square()));
        let through_n = (&z - &z * n.square()) * a_n;
        let slope = past.addcmul(&(change * a_z), &(&z * &past)).addcmul(&through_n, &through_r);
        (after.unsqueeze(2), slope.unsqueeze(2).unsqueeze(2))
    }
}

#[cfg(test)]
mod tests {
    use tch::{Device, Kind};

    use super::super::tests::assert_same;
    use super::*;

    #[test]
    fn newton_finds_what_our_kernel_computes_step_by_step() {
        for length in [1, 2, 29, 300] {
            let (kernel, newton) = (
                |all: &[Tensor]| kernels::para_gru::para_gru(&all[0], &all[1].tanh()),
                |all: &[Tensor]| by_newton(&all[0], &all[1].tanh()),
            );
            assert_same(kernel, newton, &[vec![3, length, 24], vec![3, 8]]);
        }
    }

    #[test]
    fn newton_keeps_its_digits_in_single_precision() {
        let x = Tensor::arange(3 * 400 * 24, (Kind::Float, Device::Cpu)).sin().view([3, 400, 24]) * 2.0;
        let alpha = Tensor::arange(24, (Kind::Float, Device::Cpu)).cos().view([3, 8]).set_requires_grad(true);
        let run = |form: fn(&Tensor, &Tensor) -> Tensor| {
            let h = form(&x, &alpha);
            let gradient = Tensor::run_backward(&[h.square().sum(None)], &[&alpha], false, false);
            [h.detach(), gradient[0].shallow_clone()]
        };
        for (found, expected) in run(by_newton).iter().zip(&run(kernels::para_gru::para_gru)) {
            let error = (found - expected).abs().max() / expected.abs().max();
            assert!(error.double_value(&[]) < 1e-5, "{error:?}");
        }
    }
}
