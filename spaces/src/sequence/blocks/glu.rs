//! Gated perceptron on every step: y = W_o (act(W_g x) ∘ W_v x), with `ratio` times the width inside. By
//! activation it is SwiGLU (silu), GEGLU (gelu), GLU (sigmoid), ReGLU (relu) or bilinear (identity).

use crate::sequence::math::{Matrix, activate, linear};
use crate::sequence::{Block, Gene, Place, Settings, Tensor, Weights};

pub struct Glu;

impl Block for Glu {
    fn name(&self) -> &'static str {
        "glu"
    }

    fn place(&self) -> Place {
        Place::Channel
    }

    fn source(&self) -> &'static str {
        "Shazeer 2020, arXiv 2002.05202"
    }

    fn genes(&self) -> Vec<Gene> {
        let activations = ["silu", "gelu", "sigmoid", "relu", "tanh", "identity"];
        vec![Gene::numbers("ratio", &[2, 1, 4]), Gene::words("activation", &activations)]
    }

    fn causal(&self, _: &Settings) -> bool {
        true
    }

    fn tensors(&self, settings: &Settings, width: usize) -> Vec<Tensor> {
        let hidden = settings.number("ratio") * width;
        vec![
            Tensor::matrix("w_g", hidden, width),
            Tensor::matrix("w_v", hidden, width),
            Tensor::matrix("w_o", width, hidden),
        ]
    }

    fn forward(&self, settings: &Settings, weights: &Weights, x: &Matrix) -> Matrix {
        let gate = activate(linear(x, &weights["w_g"], &[]), settings.word("activation"));
        let value = linear(x, &weights["w_v"], &[]);
        linear(&gate.zip(&value, |g, v| g * v), &weights["w_o"], &[])
    }

    fn multiply_adds(&self, settings: &Settings, width: usize, length: usize) -> u64 {
        (3 * settings.number("ratio") * length * width * width) as u64
    }

    fn python(&self) -> &'static str {
        include_str!("glu.py")
    }
}
