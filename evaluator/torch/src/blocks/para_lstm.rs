//! ParaLSTM: by our own kernel on the processor, by Newton's method elsewhere.

use spaces::sequence::Settings;
use tch::Tensor;

use super::{TorchBlock, TorchWeights, gated};
use crate::kernels;
use crate::newton::{self, Cell};

pub struct ParaLstm;

impl TorchBlock for ParaLstm {
    fn forward(&self, _: &Settings, weights: &TorchWeights, x: &Tensor, _: Option<&Tensor>) -> Tensor {
        let [alpha, peephole] = ["a", "p"].map(|name| weights[name].tanh());
        gated::forward(weights, x, |made| {
            if kernels::suit(x) {
                kernels::para_lstm::para_lstm(made, &alpha, &peephole)
            } else {
                by_newton(made, &alpha, &peephole)
            }
        })
    }
}

/// As [`kernels::para_lstm::para_lstm`], in operations of libtorch.
pub fn by_newton(x: &Tensor, alpha: &Tensor, peephole: &Tensor) -> Tensor {
    newton::states(&Peepholes { x, alpha, peephole }).select(2, 1)
}

/// x is B×L×3D with f, n, o side by side, α is 3×D, π is 2×D; the state is c, h.
struct Peepholes<'a> {
    x: &'a Tensor,
    alpha: &'a Tensor,
    peephole: &'a Tensor,
}

/// All B×L×D.
struct Gates {
    f: Tensor,
    n: Tensor,
    o: Tensor,
    c: Tensor,
}

impl Peepholes<'_> {
    fn gates(&self, input: &Tensor, before: &Tensor) -> Gates {
        let (x, c, h) = (input.chunk(3, -1), before.select(2, 0), before.select(2, 1));
        let [a_f, a_n, a_o] = [0, 1, 2].map(|gate| self.alpha.get(gate));
        let [p_f, p_o] = [0, 1].map(|gate| self.peephole.get(gate));
        let f = x[0].addcmul(&a_f, &h).addcmul(&p_f, &c).sigmoid();
        let n = x[1].addcmul(&a_n, &h).tanh();
        let c = n.lerp_tensor(&c, &f);
        let o = x[2].addcmul(&a_o, &h).addcmul(&p_o, &c).sigmoid();
        Gates { f, n, o, c }
    }
}

impl Cell for Peepholes<'_> {
    fn state(&self) -> (i64, i64) {
        (2, self.alpha.size()[1])
    }

    fn input(&self) -> &Tensor {
        self.x
    }

    fn step(&self, input: &Tensor, before: &Tensor) -> Tensor {
        let Gates { o, c, .. } = self.gates(input, before);
        let h = o * c.tanh();
        Tensor::stack(&[c, h], 2)
    }

    /// c′ is derived through f and n; h′ through c′ and o, where κ = ∂h′/∂c′.
    fn linearized(&self, input: &Tensor, before: &Tensor) -> (Tensor, Tensor) {
        let Gates { f, n, o, c } = self.gates(input, before);
        let [a_f, a_n, a_o] = [0, 1, 2].map(|gate| self.alpha.get(gate));
        let [p_f, p_o] = [0, 1].map(|gate| self.peephole.get(gate));
        let by_f = (before.select(2, 0) - &n) * &f * (1.0 - &f);
        let by_n = (1.0 - &f) * (1.0 - n.square());
        let tanh_c = c.tanh();
        let by_o = &tanh_c * &o * (1.0 - &o);
        let after = Tensor::stack(&[&c, &(&o * &tanh_c)], 2);
        let kappa = o * (1.0 - tanh_c.square()) + &by_o * p_o;
        let c_c = f + &by_f * p_f;
        let c_h = by_f * a_f + by_n * a_n;
        let (h_c, h_h) = (&kappa * &c_c, kappa * &c_h + by_o * a_o);
        (after, Tensor::stack(&[c_c, c_h, h_c, h_h], 2).unflatten(2, [2, 2]))
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::assert_same;
    use super::*;

    #[test]
    fn newton_finds_what_our_kernel_computes_step_by_step() {
        for length in [1, 2, 29, 300] {
            let (kernel, newton) = (
                |all: &[Tensor]| kernels::para_lstm::para_lstm(&all[0], &all[1].tanh(), &all[2].tanh()),
                |all: &[Tensor]| by_newton(&all[0], &all[1].tanh(), &all[2].tanh()),
            );
            assert_same(kernel, newton, &[vec![3, length, 24], vec![3, 8], vec![2, 8]]);
        }
    }
}
