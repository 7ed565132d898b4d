//! Depthwise convolution: y[t, d] = b[d] + Σ_j w[d, j] · x[t − j·dilation, d], each channel by itself; or, where it
//! looks to both sides, with (j − (kernel − 1)/2) in place of j.

use multiversion::multiversion;

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
        "depthwise part of Chollet 2017, arXiv 1610.02357; dilation: Yu and Koltun 2015, arXiv 1511.07122"
    }

    fn genes(&self) -> Vec<Gene> {
        vec![
            Gene::numbers("kernel", &[5, 3, 9]),
            Gene::numbers("dilation", &[1, 2, 4]),
            Gene::words("sides", &["past", "both"]),
        ]
    }

    fn causal(&self, settings: &Settings) -> bool {
        settings.word("sides") == "past"
    }

    fn tensors(&self, settings: &Settings, width: usize) -> Vec<Tensor> {
        let kernel = settings.number("kernel");
        vec![Tensor::matrix("w", width, kernel), Tensor::bias("b", width, kernel)]
    }

    fn forward(&self, settings: &Settings, weights: &Weights, x: &Matrix) -> Matrix {
        let count = settings.number("kernel");
        let ahead = if settings.word("sides") == "both" { count / 2 } else { 0 };
        let taps = Taps { count, dilation: settings.number("dilation"), ahead };
        convolution(x, &weights["w"], &weights["b"], taps)
    }

    fn multiply_adds(&self, settings: &Settings, width: usize, length: usize) -> u64 {
        (settings.number("kernel") * width * length) as u64
    }

    fn python(&self) -> &'static str {
        include_str!("convolution.py")
    }

    fn python_shared(&self) -> &'static [&'static str] {
        &[super::DEPTHWISE]
    }
}

/// Tap j looks (j − ahead)·dilation steps back.
#[derive(Clone, Copy, Debug)]
pub struct Taps {
    pub count: usize,
    pub dilation: usize,
    pub ahead: usize,
}

/// `w` is channels × taps, `b` a number a channel or none.
#[multiversion(targets("x86_64+avx+avx2"))]
pub fn convolution(x: &Matrix, w: &[f64], b: &[f64], taps: Taps) -> Matrix {
    let w = Matrix::transposed(x.columns, taps.count, w);
    let mut y = Matrix::zeros(x.rows, x.columns);
    for t in 0..x.rows {
        let y = y.row_mut(t);
        for j in 0..taps.count {
            let from = (t + taps.ahead * taps.dilation).checked_sub(j * taps.dilation);
            let Some(from) = from.filter(|from| *from < x.rows) else { continue };
            y.iter_mut().zip(w.row(j)).zip(x.row(from)).for_each(|((y, w), x)| *y += w * x);
        }
        y.iter_mut().zip(b).for_each(|(y, b)| *y += b);
    }
    y
}

/// `w` is channels × kernel; column j looks j steps back.
pub fn causal_convolution(x: &Matrix, w: &[f64], b: &[f64], kernel: usize) -> Matrix {
    convolution(x, w, b, Taps { count: kernel, dilation: 1, ahead: 0 })
}
