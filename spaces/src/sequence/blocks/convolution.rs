//! Depthwise causal convolution: y[t, d] = b[d] + Σ_j w[d, j] · x[t − j, d], each channel by itself.

use crate::sequence::math::Matrix;
use crate::sequence::{Block, Gene, Place, Settings, Tensor, Weights};

pub struct Convolution;

impl Block for Convolution {
    fn name(&self) -> &'static str {
        "convolution"
    }

    fn place(&self) -> Place {
        Place::Token
    }

    fn source(&self) -> &'static str {
        "depthwise part of Chollet 2017, arXiv 1610.02357"
    }

    fn genes(&self) -> Vec<Gene> {
        vec![Gene::numbers("kernel", &[5, 3, 9])]
    }

    fn causal(&self, _: &Settings) -> bool {
        true
    }

    fn tensors(&self, settings: &Settings, width: usize) -> Vec<Tensor> {
        let kernel = settings.number("kernel");
        vec![Tensor::matrix("w", width, kernel), Tensor::bias("b", width, kernel)]
    }

    fn forward(&self, settings: &Settings, weights: &Weights, x: &Matrix) -> Matrix {
        causal_convolution(x, &weights["w"], &weights["b"], settings.number("kernel"))
    }

    fn multiply_adds(&self, settings: &Settings, width: usize, length: usize) -> u64 {
        (settings.number("kernel") * width * length) as u64
    }

    fn python(&self) -> &'static str {
        include_str!("convolution.py")
    }
}

/// `w` is channels × kernel; column j looks j steps back.
pub fn causal_convolution(x: &Matrix, w: &[f64], b: &[f64], kernel: usize) -> Matrix {
    let w = Matrix::transposed(x.columns, kernel, w);
    let mut y = Matrix::zeros(x.rows, x.columns);
    for t in 0..x.rows {
        let y = y.row_mut(t);
        for j in 0..kernel.min(t + 1) {
            y.iter_mut().zip(w.row(j)).zip(x.row(t - j)).for_each(|((y, w), x)| *y += w * x);
        }
        y.iter_mut().zip(b).for_each(|(y, b)| *y += b);
    }
    y
}
