//! Lightnet: attention whose weights are a softmax of the keys alone, over all steps or over those up to t. For each
//! head, with q = silu(W_q x), k = W_k x, v = W_v x, all of one size, o_t = S_tᵀ q_t where row n of S_t is the mean of
//! v_s under the weights e^{k_sn}; y = W_o (rms(o) ∘ silu(W_g U_g x)).
//!
//! A running mean is a recurrence whose decay is a ratio of normalizers,
//! S_t = e^{z_{t−1} − z_t} ∘ S_{t−1} + e^{k_t − z_t} v_tᵀ with z = log Σ e^k. Here weights and their sum are kept
//! relative to the largest k so far instead: nothing overflows.

use crate::sequence::math::{Matrix, exp, linear, rms_norm, silu};
use crate::sequence::{Block, Gene, Place, Settings, Tensor, Weights};

pub struct Lightnet;

/// Rank of the gate, in the proportion of the published 128 of 1,024.
fn rank(width: usize) -> usize {
    width.div_ceil(8)
}

impl Block for Lightnet {
    fn name(&self) -> &'static str {
        "lightnet"
    }

    fn place(&self) -> Place {
        Place::Token
    }

    fn source(&self) -> &'static str {
        "Qin et al. 2024, arXiv 2405.21022"
    }

    fn genes(&self) -> Vec<Gene> {
        vec![Gene::numbers("heads", &[4, 2, 8]), Gene::flag("causal", true)]
    }

    fn causal(&self, settings: &Settings) -> bool {
        settings.flag("causal")
    }

    /// A mean over all steps does not know their order.
    fn reversible(&self, settings: &Settings) -> bool {
        !settings.flag("causal")
    }

    /// `w_g` applies `u_g`.
    fn tensors(&self, _: &Settings, width: usize) -> Vec<Tensor> {
        let mut all: Vec<_> = ["w_q", "w_k", "w_v"].map(|name| Tensor::matrix(name, width, width)).into();
        all.push(Tensor::matrix("u_g", rank(width), width));
        all.push(Tensor::matrix("w_g", width, rank(width)));
        all.push(Tensor::gain("gain", width));
        all.push(Tensor::matrix("w_o", width, width));
        all
    }

    fn forward(&self, settings: &Settings, weights: &Weights, x: &Matrix) -> Matrix {
        let [q, k, v] = ["w_q", "w_k", "w_v"].map(|name| linear(x, &weights[name], &[]));
        let q = q.map(silu);
        let size = x.columns / settings.number("heads");
        let mut o = Matrix::zeros(x.rows, x.columns);
        for first in (0..x.columns).step_by(size) {
            let mut means = Means::new(first, size);
            if settings.flag("causal") {
                for t in 0..x.rows {
                    means.add(k.row(t), v.row(t));
                    means.read(q.row(t), o.row_mut(t));
                }
            } else {
                (0..x.rows).for_each(|t| means.add(k.row(t), v.row(t)));
                (0..x.rows).for_each(|t| means.read(q.row(t), o.row_mut(t)));
            }
        }
        let gate = linear(&linear(x, &weights["u_g"], &[]), &weights["w_g"], &[]).map(silu);
        linear(&rms_norm(&o, &weights["gain"]).zip(&gate, |o, g| o * g), &weights["w_o"], &[])
    }

    fn multiply_adds(&self, settings: &Settings, width: usize, length: usize) -> u64 {
        let size = width / settings.number("heads");
        (length * width * (4 * width + 2 * rank(width) + 3 * size + 2)) as u64
    }

    fn python(&self) -> &'static str {
        include_str!("lightnet.py")
    }

    fn python_shared(&self) -> &'static [&'static str] {
        &[super::LINEAR_SCAN]
    }
}

/// The weighted means of one head, over the steps so far.
struct Means {
    first: usize,
    size: usize,
    /// For each key: the largest, Σ e^{k − largest}, and Σ e^{k − largest} v in a row of `sums`.
    largest: Vec<f64>,
    totals: Vec<f64>,
    sums: Vec<f64>,
}

impl Means {
    fn new(first: usize, size: usize) -> Self {
        let (largest, totals) = (vec![f64::NEG_INFINITY; size], vec![0.0; size]);
        Self { first, size, largest, totals, sums: vec![0.0; size * size] }
    }

    fn add(&mut self, k: &[f64], v: &[f64]) {
        let (k, v) = (&k[self.first..][..self.size], &v[self.first..][..self.size]);
        for (n, sums) in self.sums.chunks_exact_mut(self.size).enumerate() {
            let before = self.largest[n];
            let largest = if k[n] > before { k[n] } else { before };
            let (decay, weight) = (exp(before - largest), exp(k[n] - largest));
            self.largest[n] = largest;
            self.totals[n] = decay * self.totals[n] + weight;
            sums.iter_mut().zip(v).for_each(|(sum, v)| *sum = decay * *sum + weight * v);
        }
    }

    fn read(&self, q: &[f64], o: &mut [f64]) {
        let o = &mut o[self.first..][..self.size];
        for (n, sums) in self.sums.chunks_exact(self.size).enumerate() {
            let weight = q[self.first + n] / self.totals[n];
            o.iter_mut().zip(sums).for_each(|(o, sum)| *o += weight * sum);
        }
    }
}
