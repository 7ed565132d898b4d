//! Gated feedforward sequential memory: y = silu(W_f x + b_f) ∘ (u + p + memory of p), u = silu(W_g x + b_g), with p and
//! its memory from u as in `fsmn.rs`.
//!
//! The source has a depthwise convolution of 17 steps on the way to u and to the gate: here layers of their own do that.

use super::fsmn;
use crate::sequence::math::{Matrix, linear, silu};
use crate::sequence::{Block, Gene, Place, Settings, Tensor, Weights};

pub struct GatedFsmn;

impl Block for GatedFsmn {
    fn name(&self) -> &'static str {
        "gated-fsmn"
    }

    fn place(&self) -> Place {
        Place::Token
    }

    fn source(&self) -> &'static str {
        "Zhao et al. 2023, arXiv 2312.11825"
    }

    fn genes(&self) -> Vec<Gene> {
        fsmn::genes()
    }

    fn causal(&self, settings: &Settings) -> bool {
        settings.word("sides") == "past"
    }

    fn tensors(&self, settings: &Settings, width: usize) -> Vec<Tensor> {
        let gates = [
            Tensor::matrix("w_f", width, width),
            Tensor::bias("b_f", width, width),
            Tensor::matrix("w_g", width, width),
            Tensor::bias("b_g", width, width),
        ];
        gates.into_iter().chain(fsmn::tensors(settings, width)).collect()
    }

    fn forward(&self, settings: &Settings, weights: &Weights, x: &Matrix) -> Matrix {
        let [gate, u] =
            [["w_f", "b_f"], ["w_g", "b_g"]].map(|[w, b]| linear(x, &weights[w], &weights[b]).map(silu));
        let remembered = fsmn::memory(settings, weights, &u).zip(&u, |memory, u| u + memory);
        gate.zip(&remembered, |gate, value| gate * value)
    }

    fn multiply_adds(&self, settings: &Settings, width: usize, length: usize) -> u64 {
        (2 * length * width * width) as u64 + fsmn::multiply_adds(settings, width, length)
    }

    fn python(&self) -> &'static str {
        include_str!("gated_fsmn.py")
    }

    fn python_shared(&self) -> &'static [&'static str] {
        &[super::DEPTHWISE, super::MEMORY]
    }
}
