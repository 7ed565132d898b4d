//! ParaLSTM: long short-term memory with coupled input and forget gates and peepholes, whose state meets itself only
//! channel by channel, so that Newton's method solves all steps at once. f = σ(x_f + α_f ∘ h + π_f ∘ c),
//! n = tanh(x_n + α_n ∘ h), c ← n + f ∘ (c − n), o = σ(x_o + α_o ∘ h + π_o ∘ c), h ← o ∘ tanh c, from zero, with
//! (x_f, x_n, x_o) = W_x u + b inside of the block of `gated.rs`.
//!
//! α = tanh(a) and π = tanh(p) lie within ±1, unlike in the paper, where they are free: Newton's method needs them small.

use multiversion::multiversion;

use super::gated;
use crate::sequence::math::{Lanes, Matrix, sigmoid, tanh};
use crate::sequence::{Block, Gene, Init, Place, Settings, Tensor, Weights};

pub struct ParaLstm;

impl Block for ParaLstm {
    fn name(&self) -> &'static str {
        "para-lstm"
    }

    fn place(&self) -> Place {
        Place::Token
    }

    fn source(&self) -> &'static str {
        "Danieli et al. 2025, arXiv 2510.21450"
    }

    fn genes(&self) -> Vec<Gene> {
        Vec::new()
    }

    fn causal(&self, _: &Settings) -> bool {
        true
    }

    fn tensors(&self, _: &Settings, width: usize) -> Vec<Tensor> {
        let recurrent = |name, gates| gated::recurrent(name, gates, width);
        gated::tensors(width, 3, Init::Indexed(lasting), vec![recurrent("a", 3), recurrent("p", 2)])
    }

    fn forward(&self, _: &Settings, weights: &Weights, x: &Matrix) -> Matrix {
        gated::forward(weights, x, |made| {
            let mut h = Matrix::zeros(made.rows, x.columns);
            for first in (0..x.columns).step_by(Lanes::COUNT) {
                run(made, &weights["a"], &weights["p"], first, &mut h);
            }
            h
        })
    }

    fn multiply_adds(&self, _: &Settings, width: usize, length: usize) -> u64 {
        gated::multiply_adds(width, length, 3) + (7 * width * length) as u64
    }

    fn python(&self) -> &'static str {
        include_str!("para_lstm.py")
    }

    fn python_shared(&self) -> &'static [&'static str] {
        &[super::DEPTHWISE, gated::PYTHON]
    }
}

/// Biases of f from 3 to 6, as those of xLSTM start (Beck et al. 2024, arXiv 2405.04517): the state lasts from 20 to 400
/// steps. In the paper they go from 0 to −1, which forgets half of it in a step or less; so started, this learns
/// selective copying not at all.
fn lasting(index: usize, shape: &[usize]) -> f64 {
    gated::spread(index, shape).map_or(0.0, |share| 3.0 + 3.0 * share)
}

/// The channels from `first` on, side by side.
#[multiversion(targets("x86_64+avx+avx2"))]
fn run(made: &Matrix, a: &[f64], p: &[f64], first: usize, states: &mut Matrix) {
    let width = states.columns;
    let load = |row: &[f64], gate: usize| Lanes::load(row, gate * width + first);
    let [a_f, a_n, a_o] = [0, 1, 2].map(|gate| load(a, gate).map(tanh));
    let [p_f, p_o] = [0, 1].map(|gate| load(p, gate).map(tanh));
    let (mut c, mut h) = (Lanes::ZERO, Lanes::ZERO);
    for t in 0..made.rows {
        let row = made.row(t);
        let f = (load(row, 0) + a_f * h + p_f * c).map(sigmoid);
        let n = (load(row, 1) + a_n * h).map(tanh);
        c = n + f * (c - n);
        let o = (load(row, 2) + a_o * h + p_o * c).map(sigmoid);
        h = o * c.map(tanh);
        h.store(states.row_mut(t), first);
    }
}
