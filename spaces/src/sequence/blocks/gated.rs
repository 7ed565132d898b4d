//! The block around a cell that runs channel by channel: (u, g) = W_in x; u ← silu(conv(u)); the cell makes h from
//! W_x u + b, a row of gates for each; y = W_out (rms(h) ∘ silu(g)).
//!
//! It is that of Danieli et al. 2025, arXiv 2510.21450, but for their W_x in blocks, one a head, and the scale that they
//! train of the residual.

use super::convolution::causal_convolution;
use crate::sequence::math::{Matrix, linear, rms_norm, silu};
use crate::sequence::{Init, Tensor, Weights};

/// `class GatedCell(nn.Module)`, whose heirs define `cell(made)`; needs [`DEPTHWISE`](super::DEPTHWISE).
pub const PYTHON: &str = include_str!("shared/gated_cell.py");

/// Steps of the short convolution.
const KERNEL: usize = 4;

/// `w_x` and `b_x` have the gates in rows, `b_x` starts so; `cell` is what the cell itself trains.
pub fn tensors(width: usize, gates: usize, start: Init, cell: Vec<Tensor>) -> Vec<Tensor> {
    // As Xavier draws each gate.
    let xavier = Init::Uniform((3.0 / width as f64).sqrt());
    let mut all = vec![
        Tensor::matrix("w_in", 2 * width, width),
        Tensor::matrix("w_conv", width, KERNEL),
        Tensor::bias("b_conv", width, KERNEL),
        Tensor { init: xavier, ..Tensor::matrix("w_x", gates * width, width) },
        Tensor { init: start, shape: vec![gates, width], ..Tensor::bias("b_x", width, 1) },
    ];
    all.extend(cell);
    all.extend([Tensor::gain("gain", width), Tensor::matrix("w_out", width, width)]);
    all
}

/// Evenly from 0 to 1 over the channels of the first gate, `None` elsewhere.
pub fn spread(index: usize, shape: &[usize]) -> Option<f64> {
    (index < shape[1]).then(|| index as f64 / (shape[1] - 1).max(1) as f64)
}

/// Weights from the state of a channel to its own gates. They are read through tanh: see the cells.
pub fn recurrent(name: &'static str, gates: usize, width: usize) -> Tensor {
    let init = Init::Normal(2.0 / (5.0 * width as f64).sqrt());
    Tensor { name, shape: vec![gates, width], init, probe: (0.0, 0.7), decay: false }
}

pub fn forward(weights: &Weights, x: &Matrix, cell: impl Fn(&Matrix) -> Matrix) -> Matrix {
    let width = x.columns;
    let both = linear(x, &weights["w_in"], &[]);
    let u = causal_convolution(&both.columns(0, width), &weights["w_conv"], &weights["b_conv"], KERNEL);
    let h = cell(&linear(&u.map(silu), &weights["w_x"], &weights["b_x"]));
    let gate = both.columns(width, width).map(silu);
    linear(&rms_norm(&h, &weights["gain"]).zip(&gate, |h, g| h * g), &weights["w_out"], &[])
}

/// Of all but the cell.
pub fn multiply_adds(width: usize, length: usize, gates: usize) -> u64 {
    (length * width * ((3 + gates) * width + KERNEL + 2)) as u64
}
