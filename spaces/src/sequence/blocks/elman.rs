//! Elman's network: h_t = f(W_ih x_t + b_ih + W_hh h_{t−1} + b_hh), from h = 0, with f = tanh or relu.
//!
//! Le, Jaitly and Hinton start W_hh of rectifiers at the identity; here it starts as all matrices do.

use crate::sequence::math::{Linear, Matrix, activate, linear};
use crate::sequence::{Block, Gene, Place, Settings, Tensor, Weights};

pub struct Elman;

/// The choices for f.
pub const ACTIVATIONS: [&str; 2] = ["tanh", "relu"];

impl Block for Elman {
    fn name(&self) -> &'static str {
        "elman"
    }

    fn place(&self) -> Place {
        Place::Token
    }

    fn source(&self) -> &'static str {
        "Elman 1990, with the rectifier of Le, Jaitly and Hinton 2015, arXiv 1504.00941"
    }

    fn genes(&self) -> Vec<Gene> {
        vec![Gene::words("activation", &ACTIVATIONS)]
    }

    fn causal(&self, _: &Settings) -> bool {
        true
    }

    fn tensors(&self, _: &Settings, width: usize) -> Vec<Tensor> {
        vec![
            Tensor::matrix("w_ih", width, width),
            Tensor::matrix("w_hh", width, width),
            Tensor::bias("b_ih", width, width),
            Tensor::bias("b_hh", width, width),
        ]
    }

    fn forward(&self, settings: &Settings, weights: &Weights, x: &Matrix) -> Matrix {
        let from_input = linear(x, &weights["w_ih"], &weights["b_ih"]);
        let state = Linear::new(&weights["w_hh"], x.columns, &weights["b_hh"]);
        states(settings.word("activation"), &from_input, &state, &vec![0.0; x.columns])
    }

    fn multiply_adds(&self, _: &Settings, width: usize, length: usize) -> u64 {
        (2 * length * width * width) as u64
    }

    fn python(&self) -> &'static str {
        include_str!("elman.py")
    }
}

/// h_t = f(from_input_t + state(h_{t−1})), from h = `start`.
pub fn states(activation: &str, from_input: &Matrix, state: &Linear, start: &[f64]) -> Matrix {
    let mut h = Matrix::new(1, start.len(), start.to_vec());
    let mut from_state = Matrix::zeros(1, start.len());
    let mut y = Matrix::zeros(from_input.rows, start.len());
    for t in 0..from_input.rows {
        state.apply_to_rows(&h.data, &mut from_state.data);
        let sums = from_input.row(t).iter().zip(&from_state.data);
        h.data.iter_mut().zip(sums).for_each(|(h, (x, s))| *h = x + s);
        h = activate(h, activation);
        y.row_mut(t).copy_from_slice(&h.data);
    }
    y
}
