//! Two-layer perceptron on every step: y = W_2 act(W_1 x + b_1) + b_2.

use crate::sequence::math::{ACTIVATIONS, Matrix, activate, linear};
use crate::sequence::{Block, Gene, Place, Settings, Tensor, Weights};

pub struct Mlp;

impl Block for Mlp {
    fn name(&self) -> &'static str {
        "mlp"
    }

    fn place(&self) -> Place {
        Place::Channel
    }

    fn source(&self) -> &'static str {
        "the feed-forward part of Vaswani et al. 2017, arXiv 1706.03762"
    }

    fn genes(&self) -> Vec<Gene> {
        vec![Gene::numbers("ratio", &[2, 1, 4]), activation()]
    }

    fn causal(&self, _: &Settings) -> bool {
        true
    }

    fn tensors(&self, settings: &Settings, width: usize) -> Vec<Tensor> {
        let hidden = settings.number("ratio") * width;
        vec![
            Tensor::matrix("w_1", hidden, width),
            Tensor::bias("b_1", hidden, width),
            Tensor::matrix("w_2", width, hidden),
            Tensor::bias("b_2", width, hidden),
        ]
    }

    fn forward(&self, settings: &Settings, weights: &Weights, x: &Matrix) -> Matrix {
        perceptron(x, settings.word("activation"), ["w_1", "b_1", "w_2", "b_2"].map(|name| &weights[name]))
    }

    fn multiply_adds(&self, settings: &Settings, width: usize, length: usize) -> u64 {
        (2 * settings.number("ratio") * length * width * width) as u64
    }

    fn python(&self) -> &'static str {
        include_str!("mlp.py")
    }
}

/// The choices for act.
pub fn activation() -> Gene {
    Gene::words("activation", &ACTIVATIONS)
}

pub fn perceptron(x: &Matrix, activation: &str, [w_1, b_1, w_2, b_2]: [&[f64]; 4]) -> Matrix {
    linear(&activate(linear(x, w_1, b_1), activation), w_2, b_2)
}
