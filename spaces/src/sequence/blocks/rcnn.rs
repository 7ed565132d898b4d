//! Recurrent convolution: what stands left and right of every step, by a recurrence each, and the step
//! between them: l_t = f(W_l l_{t−1} + V_l x_{t−1}) from l_1 = s_l, r_t = f(W_r r_{t+1} + V_r x_{t+1}) from
//! r_L = s_r, y_t = tanh(W [l_t; x_t; r_t] + b). Pooled by the maximum over time, it is the text classifier
//! of the paper.

use super::elman::{ACTIVATIONS, states};
use crate::sequence::math::{Linear, Matrix, linear, tanh};
use crate::sequence::{Block, Gene, Init, Place, Settings, Tensor, Weights};

pub struct Rcnn;

impl Block for Rcnn {
    fn name(&self) -> &'static str {
        "rcnn"
    }

    fn place(&self) -> Place {
        Place::Token
    }

    fn source(&self) -> &'static str {
        "Lai, Xu, Liu and Zhao 2015, Recurrent Convolutional Neural Networks for Text Classification"
    }

    fn genes(&self) -> Vec<Gene> {
        vec![Gene::words("activation", &ACTIVATIONS)]
    }

    fn causal(&self, _: &Settings) -> bool {
        false
    }

    /// Both contexts are as wide as a step.
    fn tensors(&self, _: &Settings, width: usize) -> Vec<Tensor> {
        let start = |name| Tensor { init: Init::Constant(0.0), ..Tensor::bias(name, width, 1) };
        // Strong enough for the first step of a probe to be felt in the last.
        let recurrent = |name| {
            let matrix = Tensor::matrix(name, width, width);
            Tensor { probe: (0.0, 1.3 * matrix.probe.1), ..matrix }
        };
        vec![
            recurrent("w_l"),
            Tensor::matrix("v_l", width, width),
            start("start_l"),
            recurrent("w_r"),
            Tensor::matrix("v_r", width, width),
            start("start_r"),
            Tensor::matrix("w", width, 3 * width),
            Tensor::bias("b", width, 3 * width),
        ]
    }

    fn forward(&self, settings: &Settings, weights: &Weights, x: &Matrix) -> Matrix {
        let activation = settings.word("activation");
        let left = before(activation, x, ["v_l", "w_l", "start_l"].map(|name| &weights[name]));
        let right = ["v_r", "w_r", "start_r"].map(|name| &weights[name]);
        let right = before(activation, &x.reversed(), right).reversed();
        let mut all = Matrix::zeros(x.rows, 3 * x.columns);
        for (number, part) in [&left, x, &right].into_iter().enumerate() {
            all.set_columns(number * x.columns, part);
        }
        linear(&all, &weights["w"], &weights["b"]).map(tanh)
    }

    fn multiply_adds(&self, _: &Settings, width: usize, length: usize) -> u64 {
        (7 * length * width * width) as u64
    }

    fn python(&self) -> &'static str {
        include_str!("rcnn.py")
    }
}

/// What the recurrence over x made of the steps before each.
fn before(activation: &str, x: &Matrix, [v, w, start]: [&[f64]; 3]) -> Matrix {
    let width = x.columns;
    let states = states(activation, &linear(x, v, &[]), &Linear::new(w, width, &[]), start);
    let mut before = Matrix::zeros(x.rows, width);
    let (first, rest) = before.data.split_at_mut(width);
    first.copy_from_slice(start);
    rest.copy_from_slice(&states.data[..(x.rows - 1) * width]);
    before
}
