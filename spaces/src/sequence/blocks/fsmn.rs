//! Feedforward sequential memory: p = W_2 relu(W_1 u + b_1), y[t] = p[t] + Σ_j w[j] ∘ p[t − j·dilation], with j from 0
//! to taps − 1, or from 1 − taps on where it looks to both sides.
//!
//! The source adds u to this: here the residual connection of the layer does, and passes on what is not normed.

use super::convolution::{Taps, convolution};
use crate::sequence::math::{Matrix, linear, relu};
use crate::sequence::{Block, Gene, Place, Settings, Tensor, Weights};

pub struct Fsmn;

impl Block for Fsmn {
    fn name(&self) -> &'static str {
        "fsmn"
    }

    fn place(&self) -> Place {
        Place::Token
    }

    fn source(&self) -> &'static str {
        "Zhang et al. 2018, arXiv 1803.05030, as in Zhao et al. 2023, arXiv 2312.11825"
    }

    fn genes(&self) -> Vec<Gene> {
        genes()
    }

    fn causal(&self, settings: &Settings) -> bool {
        settings.word("sides") == "past"
    }

    fn tensors(&self, settings: &Settings, width: usize) -> Vec<Tensor> {
        tensors(settings, width).into()
    }

    fn forward(&self, settings: &Settings, weights: &Weights, x: &Matrix) -> Matrix {
        memory(settings, weights, x)
    }

    fn multiply_adds(&self, settings: &Settings, width: usize, length: usize) -> u64 {
        multiply_adds(settings, width, length)
    }

    fn python(&self) -> &'static str {
        include_str!("fsmn.py")
    }

    fn python_shared(&self) -> &'static [&'static str] {
        &[super::DEPTHWISE, super::MEMORY]
    }
}

pub fn genes() -> Vec<Gene> {
    vec![
        Gene::numbers("taps", &[5, 3, 20]),
        Gene::numbers("dilation", &[1, 2, 4]),
        Gene::words("sides", &["past", "both"]),
    ]
}

fn taps(settings: &Settings) -> Taps {
    let (taps, dilation) = (settings.number("taps"), settings.number("dilation"));
    match settings.word("sides") {
        "past" => Taps { count: taps, dilation, ahead: 0 },
        _ => Taps { count: 2 * taps - 1, dilation, ahead: taps - 1 },
    }
}

/// As many hidden units as channels. Column j of `w_memory` is for the tap that looks (j − ahead)·dilation steps back.
pub fn tensors(settings: &Settings, width: usize) -> [Tensor; 4] {
    [
        Tensor::matrix("w_1", width, width),
        Tensor::bias("b_1", width, width),
        Tensor::matrix("w_2", width, width),
        Tensor::matrix("w_memory", width, taps(settings).count),
    ]
}

/// p + memory of p.
pub fn memory(settings: &Settings, weights: &Weights, u: &Matrix) -> Matrix {
    let p = linear(&linear(u, &weights["w_1"], &weights["b_1"]).map(relu), &weights["w_2"], &[]);
    convolution(&p, &weights["w_memory"], &[], taps(settings)).zip(&p, |memory, p| p + memory)
}

pub fn multiply_adds(settings: &Settings, width: usize, length: usize) -> u64 {
    (length * width * (2 * width + taps(settings).count)) as u64
}
