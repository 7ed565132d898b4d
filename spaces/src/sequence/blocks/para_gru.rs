//! ParaGRU: a gated recurrent unit whose state meets itself only channel by channel, so that Newton's method solves all
//! steps at once. z = σ(x_z + α_z ∘ h), r = σ(x_r + α_r ∘ h), n = tanh(x_n + α_n ∘ r ∘ h), h ← h + z ∘ (n − h), from
//! h = 0, with (x_z, x_r, x_n) = W_x u + b inside of the block of `gated.rs`.
//!
//! α = tanh(a) lies within ±1, unlike in the paper, where it is free: Newton's method needs it small.
//!
//! With the recurrence `none`, α = 0: the reset gate is dead and h ← h + z ∘ (n − h) is linear in h. It is minGRU, but
//! that n keeps its tanh.

use multiversion::multiversion;

use super::gated;
use crate::sequence::math::{Lanes, Matrix, sigmoid, tanh};
use crate::sequence::{Block, Gene, Init, Place, Settings, Tensor, Weights};

pub struct ParaGru;

fn recurs(settings: &Settings) -> bool {
    settings.word("recurrence") == "diagonal"
}

/// z, r, n, or z and n.
fn gates(settings: &Settings) -> usize {
    if recurs(settings) { 3 } else { 2 }
}

impl Block for ParaGru {
    fn name(&self) -> &'static str {
        "para-gru"
    }

    fn place(&self) -> Place {
        Place::Token
    }

    fn source(&self) -> &'static str {
        "Danieli et al. 2025, arXiv 2510.21450; without recurrence Feng et al. 2024, arXiv 2410.01201"
    }

    fn genes(&self) -> Vec<Gene> {
        vec![Gene::words("recurrence", &["diagonal", "none"])]
    }

    fn causal(&self, _: &Settings) -> bool {
        true
    }

    fn tensors(&self, settings: &Settings, width: usize) -> Vec<Tensor> {
        let cell = if recurs(settings) { vec![gated::recurrent("a", 3, width)] } else { Vec::new() };
        gated::tensors(width, gates(settings), Init::Indexed(slow), cell)
    }

    fn forward(&self, settings: &Settings, weights: &Weights, x: &Matrix) -> Matrix {
        gated::forward(weights, x, |made| {
            let mut h = Matrix::zeros(made.rows, x.columns);
            for first in (0..x.columns).step_by(Lanes::COUNT) {
                if recurs(settings) {
                    recurrent(made, &weights["a"], first, &mut h);
                } else {
                    linear(made, first, &mut h);
                }
            }
            h
        })
    }

    fn multiply_adds(&self, settings: &Settings, width: usize, length: usize) -> u64 {
        gated::multiply_adds(width, length, gates(settings)) + ((gates(settings) + 1) * width * length) as u64
    }

    fn python(&self) -> &'static str {
        include_str!("para_gru.py")
    }

    fn python_shared(&self) -> &'static [&'static str] {
        &[super::LINEAR_SCAN, super::DEPTHWISE, gated::PYTHON]
    }
}

/// Biases of z from 0 to −1, as in the paper: the state changes slowly.
fn slow(index: usize, shape: &[usize]) -> f64 {
    gated::spread(index, shape).map_or(0.0, |share| -share)
}

/// The channels from `first` on, side by side.
#[multiversion(targets("x86_64+avx+avx2"))]
fn recurrent(made: &Matrix, a: &[f64], first: usize, states: &mut Matrix) {
    let width = states.columns;
    let load = |row: &[f64], gate: usize| Lanes::load(row, gate * width + first);
    let [a_z, a_r, a_n] = [0, 1, 2].map(|gate| load(a, gate).map(tanh));
    let mut h = Lanes::ZERO;
    for t in 0..made.rows {
        let row = made.row(t);
        let z = (load(row, 0) + a_z * h).map(sigmoid);
        let r = (load(row, 1) + a_r * h).map(sigmoid);
        let n = (load(row, 2) + a_n * r * h).map(tanh);
        h = h + z * (n - h);
        h.store(states.row_mut(t), first);
    }
}

#[multiversion(targets("x86_64+avx+avx2"))]
fn linear(made: &Matrix, first: usize, states: &mut Matrix) {
    let width = states.columns;
    let mut h = Lanes::ZERO;
    for t in 0..made.rows {
        let [z, n] = [0, 1].map(|gate| Lanes::load(made.row(t), gate * width + first));
        h = h + z.map(sigmoid) * (n.map(tanh) - h);
        h.store(states.row_mut(t), first);
    }
}
