//! Multi-head attention: y = W_o · concat_h softmax(q_h k_hᵀ/√d_h) v_h, over all steps or over those up to t.

use crate::sequence::math::{Matrix, linear, product, softmax};
use crate::sequence::{Block, Gene, Place, Settings, Tensor, Weights};

pub struct Attention;

impl Block for Attention {
    fn name(&self) -> &'static str {
        "attention"
    }

    fn place(&self) -> Place {
        Place::Token
    }

    fn source(&self) -> &'static str {
        "Vaswani et al. 2017, arXiv 1706.03762"
    }

    fn genes(&self) -> Vec<Gene> {
        vec![Gene::numbers("heads", &[4, 1, 2, 8]), Gene::flag("causal", false)]
    }

    fn causal(&self, settings: &Settings) -> bool {
        settings.flag("causal")
    }

    /// Without positions and without a mask, attention does not know the order of steps.
    fn reversible(&self, settings: &Settings) -> bool {
        !settings.flag("causal")
    }

    /// No biases: one on the keys would be dead under the softmax.
    fn tensors(&self, _: &Settings, width: usize) -> Vec<Tensor> {
        ["w_q", "w_k", "w_v", "w_o"].map(|name| Tensor::matrix(name, width, width)).into()
    }

    fn forward(&self, settings: &Settings, weights: &Weights, x: &Matrix) -> Matrix {
        let [q, k, v] = ["w_q", "w_k", "w_v"].map(|name| linear(x, &weights[name], &[]));
        let size = x.columns / settings.number("heads");
        let scale = 1.0 / (size as f64).sqrt();
        let mut mixed = Matrix::zeros(x.rows, x.columns);
        for first in (0..x.columns).step_by(size) {
            let [q, k, v] = [&q, &k, &v].map(|all| all.columns(first, size));
            let mut scores = linear(&q, &k.data, &[]).map(|score| scale * score);
            if settings.flag("causal") {
                (0..x.rows).for_each(|t| scores.row_mut(t)[t + 1..].fill(f64::NEG_INFINITY));
            }
            mixed.set_columns(first, &product(&softmax(scores), &v));
        }
        linear(&mixed, &weights["w_o"], &[])
    }

    fn multiply_adds(&self, _: &Settings, width: usize, length: usize) -> u64 {
        (4 * length * width * width + 2 * length * length * width) as u64
    }

    fn python(&self) -> &'static str {
        include_str!("attention.py")
    }
}
