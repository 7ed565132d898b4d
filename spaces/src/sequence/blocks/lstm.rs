//! Long short-term memory, as libtorch defines it:
//! i = σ(s_i), f = σ(s_f), g = tanh(s_g), o = σ(s_o), where s_· = W_i· x + b_i· + W_h· h + b_h·;
//! c ← f ∘ c + i ∘ g, h ← o ∘ tanh(c), from h = c = 0.

use multiversion::multiversion;

use crate::sequence::math::{Lanes, Linear, Matrix, linear, sigmoid, tanh};
use crate::sequence::{Block, Gene, Place, Settings, Tensor, Weights};

pub struct Lstm;

impl Block for Lstm {
    fn name(&self) -> &'static str {
        "lstm"
    }

    fn place(&self) -> Place {
        Place::Token
    }

    fn source(&self) -> &'static str {
        "Hochreiter and Schmidhuber 1997, with the forget gate of Gers, Schmidhuber and Cummins 2000"
    }

    fn genes(&self) -> Vec<Gene> {
        Vec::new()
    }

    fn causal(&self, _: &Settings) -> bool {
        true
    }

    /// Rows in the order i, f, g, o.
    fn tensors(&self, _: &Settings, width: usize) -> Vec<Tensor> {
        vec![
            Tensor::matrix("w_ih", 4 * width, width),
            Tensor::matrix("w_hh", 4 * width, width),
            Tensor::bias("b_ih", 4 * width, width),
            Tensor::bias("b_hh", 4 * width, width),
        ]
    }

    fn forward(&self, _: &Settings, weights: &Weights, x: &Matrix) -> Matrix {
        let width = x.columns;
        let from_input = linear(x, &weights["w_ih"], &weights["b_ih"]);
        let state = Linear::new(&weights["w_hh"], width, &weights["b_hh"]);
        let mut from_state = vec![0.0; 4 * width];
        let (mut h, mut c) = (vec![0.0; width], vec![0.0; width]);
        let mut y = Matrix::zeros(x.rows, width);
        for t in 0..x.rows {
            state.apply_to_rows(&h, &mut from_state);
            step(from_input.row(t), &from_state, &mut c, &mut h);
            y.row_mut(t).copy_from_slice(&h);
        }
        y
    }

    fn multiply_adds(&self, _: &Settings, width: usize, length: usize) -> u64 {
        (8 * length * width * width) as u64
    }

    fn python(&self) -> &'static str {
        include_str!("lstm.py")
    }
}

/// From the products with x and with h to the next c and h.
#[multiversion(targets("x86_64+avx+avx2"))]
fn step(from_input: &[f64], from_state: &[f64], c: &mut [f64], h: &mut [f64]) {
    let width = h.len();
    for first in (0..width).step_by(Lanes::COUNT) {
        let load = |from: &[f64], row: usize| Lanes::load(from, row * width + first);
        let sum = |row| load(from_input, row) + load(from_state, row);
        let (i, f) = (sum(0).map(sigmoid), sum(1).map(sigmoid));
        let (g, o) = (sum(2).map(tanh), sum(3).map(sigmoid));
        let next = f * Lanes::load(c, first) + i * g;
        next.store(c, first);
        (o * next.map(tanh)).store(h, first);
    }
}
