//! Long short-term memory, as libtorch defines it: i = σ(s_i), f = σ(s_f), g = tanh(s_g), o = σ(s_o), where
//! s_· = W_i· x + b_i· + W_h· h + b_h·; c ← f ∘ c + i ∘ g, h ← o ∘ tanh(c), from h = c = 0. With peepholes,
//! p_i ∘ c and p_f ∘ c are added to s_i and s_f, and then p_o ∘ c of the new c to s_o.

use multiversion::multiversion;

use crate::sequence::math::{Lanes, Linear, Matrix, linear, sigmoid, tanh};
use crate::sequence::{Block, Gene, Init, Place, Settings, Tensor, Weights};

pub struct Lstm;

/// Biases of f start evenly from 0 to ln 64 over the channels, those of i at the opposite: the cells remember for 2 to 65
/// steps. Tallec and Ollivier 2018, arXiv 1804.11188, draw the times uniformly; here they are even on a logarithmic
/// scale. From biases around 0, which halve a cell at every step, selective copying is not learned.
fn remembering(index: usize, shape: &[usize]) -> f64 {
    let width = shape[0] / 4;
    let bias = 64f64.ln() * (index % width) as f64 / (width - 1).max(1) as f64;
    match index / width {
        0 => -bias,
        1 => bias,
        _ => 0.0,
    }
}

impl Block for Lstm {
    fn name(&self) -> &'static str {
        "lstm"
    }

    fn place(&self) -> Place {
        Place::Token
    }

    fn source(&self) -> &'static str {
        "Hochreiter and Schmidhuber 1997, with the forget gate of Gers, Schmidhuber and Cummins 2000, and the \
         peepholes of Gers and Schmidhuber 2000"
    }

    fn genes(&self) -> Vec<Gene> {
        vec![Gene::flag("peepholes", false)]
    }

    fn causal(&self, _: &Settings) -> bool {
        true
    }

    /// Rows in the order i, f, g, o.
    fn tensors(&self, settings: &Settings, width: usize) -> Vec<Tensor> {
        let mut tensors = vec![
            Tensor::matrix("w_ih", 4 * width, width),
            Tensor::matrix("w_hh", 4 * width, width),
            Tensor { init: Init::Indexed(remembering), ..Tensor::bias("b_ih", 4 * width, width) },
            Tensor::bias("b_hh", 4 * width, width),
        ];
        if settings.flag("peepholes") {
            tensors.extend(PEEPHOLES.map(|name| Tensor::bias(name, width, width)));
        }
        tensors
    }

    fn forward(&self, settings: &Settings, weights: &Weights, x: &Matrix) -> Matrix {
        let width = x.columns;
        let from_input = linear(x, &weights["w_ih"], &weights["b_ih"]);
        let state = Linear::new(&weights["w_hh"], width, &weights["b_hh"]);
        let mut from_state = vec![0.0; 4 * width];
        let (mut h, mut c) = (vec![0.0; width], vec![0.0; width]);
        let closed = vec![0.0; width];
        let peepholes =
            PEEPHOLES.map(|name| if settings.flag("peepholes") { &weights[name] } else { &closed[..] });
        let mut y = Matrix::zeros(x.rows, width);
        for t in 0..x.rows {
            state.apply_to_rows(&h, &mut from_state);
            step(from_input.row(t), &from_state, peepholes, &mut c, &mut h);
            y.row_mut(t).copy_from_slice(&h);
        }
        y
    }

    fn multiply_adds(&self, settings: &Settings, width: usize, length: usize) -> u64 {
        let peepholes = if settings.flag("peepholes") { 3 * width } else { 0 };
        (length * (8 * width * width + peepholes)) as u64
    }

    fn python(&self) -> &'static str {
        include_str!("lstm.py")
    }
}

/// Looked through by i, f and o.
const PEEPHOLES: [&str; 3] = ["p_i", "p_f", "p_o"];

/// From the products with x and with h to the next c and h.
#[multiversion(targets("x86_64+avx+avx2"))]
fn step(from_input: &[f64], from_state: &[f64], peepholes: [&[f64]; 3], c: &mut [f64], h: &mut [f64]) {
    let width = h.len();
    for first in (0..width).step_by(Lanes::COUNT) {
        let load = |from: &[f64], row: usize| Lanes::load(from, row * width + first);
        let sum = |row| load(from_input, row) + load(from_state, row);
        let [p_i, p_f, p_o] = peepholes.map(|peephole| Lanes::load(peephole, first));
        let before = Lanes::load(c, first);
        let (i, f) = ((sum(0) + p_i * before).map(sigmoid), (sum(1) + p_f * before).map(sigmoid));
        let next = f * before + i * sum(2).map(tanh);
        let o = (sum(3) + p_o * next).map(sigmoid);
        next.store(c, first);
        (o * next.map(tanh)).store(h, first);
    }
}
