//! Gated recurrent unit, as libtorch defines it:
//! r = σ(W_ir x + b_ir + W_hr h + b_hr), z = σ(W_iz x + b_iz + W_hz h + b_hz),
//! n = tanh(W_in x + b_in + r ∘ (W_hn h + b_hn)), h ← (1 − z) ∘ n + z ∘ h, from h = 0.

use crate::sequence::math::{Matrix, linear, sigmoid};
use crate::sequence::{Block, Gene, Place, Settings, Tensor, Weights};

pub struct Gru;

impl Block for Gru {
    fn name(&self) -> &'static str {
        "gru"
    }

    fn place(&self) -> Place {
        Place::Token
    }

    fn source(&self) -> &'static str {
        "Cho et al. 2014, arXiv 1406.1078, with the reset gate of cuDNN"
    }

    fn genes(&self) -> Vec<Gene> {
        Vec::new()
    }

    fn causal(&self, _: &Settings) -> bool {
        true
    }

    /// Rows in the order r, z, n.
    fn tensors(&self, _: &Settings, width: usize) -> Vec<Tensor> {
        vec![
            Tensor::matrix("w_ih", 3 * width, width),
            Tensor::matrix("w_hh", 3 * width, width),
            Tensor::bias("b_ih", 3 * width, width),
            Tensor::bias("b_hh", 3 * width, width),
        ]
    }

    fn forward(&self, _: &Settings, weights: &Weights, x: &Matrix) -> Matrix {
        let d = x.columns;
        let inputs = linear(x, &weights["w_ih"], &weights["b_ih"]);
        let mut h = Matrix::zeros(1, d);
        let mut y = Matrix::zeros(x.rows, d);
        for t in 0..x.rows {
            let from_input = inputs.row(t);
            let from_state = linear(&h, &weights["w_hh"], &weights["b_hh"]);
            for (i, out) in y.row_mut(t).iter_mut().enumerate() {
                let gate = |g: usize| sigmoid(from_input[g * d + i] + from_state.data[g * d + i]);
                let (r, z) = (gate(0), gate(1));
                let n = libm::tanh(from_input[2 * d + i] + r * from_state.data[2 * d + i]);
                *out = (1.0 - z) * n + z * h.data[i];
            }
            h.data.copy_from_slice(y.row(t));
        }
        y
    }

    fn multiply_adds(&self, _: &Settings, width: usize, length: usize) -> u64 {
        (6 * length * width * width) as u64
    }

    fn python(&self) -> &'static str {
        include_str!("gru.py")
    }
}
