//! Squeeze and excitation: y_t = σ(W_2 relu(W_1 z_t + b_1) + b_2) ∘ x_t, where z_t is the mean of x over all
//! steps, or over those up to t. W_1 makes ⌈width/reduction⌉ channels.

use super::mlp::perceptron;
use crate::sequence::math::{Matrix, running_means, sigmoid};
use crate::sequence::{Block, Gene, Place, Settings, Tensor, Weights};

pub struct Se;

impl Block for Se {
    fn name(&self) -> &'static str {
        "se"
    }

    fn place(&self) -> Place {
        Place::Channel
    }

    fn source(&self) -> &'static str {
        "Hu, Shen and Sun 2018, arXiv 1709.01507, over time in place of space"
    }

    fn genes(&self) -> Vec<Gene> {
        vec![Gene::numbers("reduction", &[4, 2, 8]), Gene::words("context", &["all", "past"])]
    }

    fn causal(&self, settings: &Settings) -> bool {
        settings.word("context") == "past"
    }

    fn reads_other_steps(&self, _: &Settings) -> bool {
        true
    }

    fn tensors(&self, settings: &Settings, width: usize) -> Vec<Tensor> {
        let hidden = width.div_ceil(settings.number("reduction"));
        let first = Tensor::matrix("w_1", hidden, width);
        vec![
            // So that hardly any of the few rectifiers is off.
            Tensor { probe: (0.0, 0.5 * first.probe.1), ..first },
            Tensor { probe: (2.0, 0.3), ..Tensor::bias("b_1", hidden, width) },
            Tensor::matrix("w_2", width, hidden),
            Tensor::bias("b_2", width, hidden),
        ]
    }

    fn forward(&self, settings: &Settings, weights: &Weights, x: &Matrix) -> Matrix {
        let mut means = running_means(x);
        if settings.word("context") == "all" {
            let last = means.row(x.rows - 1).to_vec();
            means = Matrix::new(1, x.columns, last);
        }
        let gates =
            perceptron(&means, "relu", ["w_1", "b_1", "w_2", "b_2"].map(|name| &weights[name])).map(sigmoid);
        let mut y = x.clone();
        for t in 0..x.rows {
            let gate = gates.row(t.min(gates.rows - 1));
            y.row_mut(t).iter_mut().zip(gate).for_each(|(y, gate)| *y *= gate);
        }
        y
    }

    fn multiply_adds(&self, settings: &Settings, width: usize, length: usize) -> u64 {
        let gates = if settings.word("context") == "all" { 1 } else { length };
        (2 * gates * width * width.div_ceil(settings.number("reduction")) + 2 * length * width) as u64
    }

    fn python(&self) -> &'static str {
        include_str!("se.py")
    }
}
