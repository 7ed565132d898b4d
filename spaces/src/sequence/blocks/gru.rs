//! Gated recurrent unit, as libtorch defines it:
//! r = σ(W_ir x + b_ir + W_hr h + b_hr), z = σ(W_iz x + b_iz + W_hz h + b_hz),
//! n = tanh(W_in x + b_in + r ∘ (W_hn h + b_hn)), h ← (1 − z) ∘ n + z ∘ h, from h = 0.

use multiversion::multiversion;

use crate::sequence::math::{Lanes, Linear, Matrix, linear, sigmoid, tanh};
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
        let width = x.columns;
        let from_input = linear(x, &weights["w_ih"], &weights["b_ih"]);
        let state = Linear::new(&weights["w_hh"], width, &weights["b_hh"]);
        let mut from_state = vec![0.0; 3 * width];
        let mut h = vec![0.0; width];
        let mut y = Matrix::zeros(x.rows, width);
        for t in 0..x.rows {
            state.apply_to_rows(&h, &mut from_state);
            step(from_input.row(t), &from_state, &mut h);
            y.row_mut(t).copy_from_slice(&h);
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

/// From the products with x and with h to the next h.
#[multiversion(targets("x86_64+avx+avx2"))]
pub fn step(from_input: &[f64], from_state: &[f64], h: &mut [f64]) {
    let width = h.len();
    for first in (0..width).step_by(Lanes::COUNT) {
        let load = |from: &[f64], row: usize| Lanes::load(from, row * width + first);
        let r = (load(from_input, 0) + load(from_state, 0)).map(sigmoid);
        let z = (load(from_input, 1) + load(from_state, 1)).map(sigmoid);
        let n = (load(from_input, 2) + r * load(from_state, 2)).map(tanh);
        let next = (Lanes::all(1.0) - z) * n + z * Lanes::load(h, first);
        next.store(h, first);
    }
}
