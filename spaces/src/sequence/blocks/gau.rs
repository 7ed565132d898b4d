//! Gated attention unit: quadratic attention within groups of steps plus linear attention over all of them, both from
//! one projection, between two gates.
//!
//! Half of the channels of x come from the step before. (u, v) = silu(W_in x + b_in), z = silu(W_z x + b_z); queries and
//! keys, local and global, are γ_i ∘ z + β_i. With the m_t steps of its group that step t sees, and the n_t of all,
//! M_ts = relu(⟨q_t, k_s⟩/√d)²/m_t, within the group, + ⟨q̄_t, k̄_s⟩/(√d n_t); y = W_out (M u ∘ v ∘ σ(M v ∘ u)).
//!
//! The sources divide ⟨q, k⟩ by the size of a full group before the square and draw γ with a deviation of 0.02, which
//! leaves short sequences next to no attention; here the steps that are there count, and γ has a deviation of 1. Where
//! theirs are causal, what is global comes from the groups before alone; here from the steps of the same group too. The
//! norms and depthwise convolutions that Zhao et al. put into the projections are layers of their own here.

use super::attention::Turns;
use crate::sequence::math::{Matrix, linear, product, relu, sigmoid, silu};
use crate::sequence::{Block, Gene, Init, Place, Settings, Tensor, Weights};

pub struct Gau;

/// Inner width over width.
const EXPAND: usize = 2;

impl Block for Gau {
    fn name(&self) -> &'static str {
        "gau"
    }

    fn place(&self) -> Place {
        Place::Token
    }

    fn source(&self) -> &'static str {
        "Hua et al. 2022, arXiv 2202.10447, as in Zhao et al. 2023, arXiv 2312.11825"
    }

    fn genes(&self) -> Vec<Gene> {
        vec![
            Gene::numbers("group", &[256, 8, 16]),
            Gene::numbers("key", &[16, 8, 32]),
            Gene::flag("causal", false),
            Gene::words("position", &["rotary", "none"]),
        ]
    }

    fn causal(&self, settings: &Settings) -> bool {
        settings.flag("causal")
    }

    /// Rows of γ and β in the order q, k, q̄, k̄; of `w_in` in the order u, v.
    fn tensors(&self, settings: &Settings, width: usize) -> Vec<Tensor> {
        let (inner, key) = (EXPAND * width, settings.number("key"));
        let per_dimension =
            |name, init, probe| Tensor { name, shape: vec![4, key], init, probe, decay: false };
        vec![
            Tensor::matrix("w_in", 2 * inner, width),
            Tensor::bias("b_in", 2 * inner, width),
            Tensor::matrix("w_z", key, width),
            Tensor::bias("b_z", key, width),
            per_dimension("gamma", Init::Normal(1.0), (0.0, 1.0)),
            per_dimension("beta", Init::Constant(0.0), (0.0, 0.5)),
            Tensor::matrix("w_out", width, inner),
        ]
    }

    fn forward(&self, settings: &Settings, weights: &Weights, x: &Matrix) -> Matrix {
        let inner = EXPAND * x.columns;
        let x = shifted(x);
        let values = linear(&x, &weights["w_in"], &weights["b_in"]).map(silu);
        let z = linear(&x, &weights["w_z"], &weights["b_z"]).map(silu);
        let mixed = product(&shares(settings, weights, &z), &values);
        let mut made = Matrix::zeros(x.rows, inner);
        for t in 0..x.rows {
            let ((u, v), (of_u, of_v)) = (values.row(t).split_at(inner), mixed.row(t).split_at(inner));
            for (i, made) in made.row_mut(t).iter_mut().enumerate() {
                *made = of_u[i] * v[i] * sigmoid(of_v[i] * u[i]);
            }
        }
        linear(&made, &weights["w_out"], &[])
    }

    fn multiply_adds(&self, settings: &Settings, width: usize, length: usize) -> u64 {
        let (inner, key, group) = (EXPAND * width, settings.number("key"), settings.number("group"));
        let projections = length * width * (3 * inner + key);
        let (full, rest) = (length / group, length % group);
        let pairs = full * group * group + rest * rest;
        let scores = if settings.flag("causal") { 2 * key } else { key };
        (projections + pairs * (scores + 2 * inner) + 4 * length * key * inner) as u64
    }

    fn python(&self) -> &'static str {
        include_str!("gau.py")
    }

    fn python_shared(&self) -> &'static [&'static str] {
        &[super::ROTATED]
    }
}

/// The first half of the channels from the step before, zero at the start.
fn shifted(x: &Matrix) -> Matrix {
    let mut y = x.clone();
    for t in 0..x.rows {
        let half = &mut y.row_mut(t)[..x.columns / 2];
        match t {
            0 => half.fill(0.0),
            _ => half.copy_from_slice(&x.row(t - 1)[..x.columns / 2]),
        }
    }
    y
}

/// M, steps × steps.
fn shares(settings: &Settings, weights: &Weights, z: &Matrix) -> Matrix {
    let turns = (settings.word("position") == "rotary").then(|| Turns::new(z.rows, z.columns));
    let [q, k, global_q, global_k] = [0, 1, 2, 3].map(|row| {
        let [gamma, beta] = ["gamma", "beta"].map(|name| &weights[name][row * z.columns..][..z.columns]);
        let mut made = z.clone();
        for t in 0..z.rows {
            made.row_mut(t)
                .iter_mut()
                .zip(gamma)
                .zip(beta)
                .for_each(|((z, gamma), beta)| *z = gamma * *z + beta);
        }
        turns.iter().for_each(|turns| turns.apply(&mut made));
        made
    });
    let scale = 1.0 / (z.columns as f64).sqrt();
    let group = settings.number("group");
    let (local, mut all) = (linear(&q, &k.data, &[]), linear(&global_q, &global_k.data, &[]));
    for t in 0..z.rows {
        let seen = if settings.flag("causal") { t + 1 } else { z.rows };
        let first = t / group * group;
        let end = seen.min(first + group);
        let (of_group, of_all) = (1.0 / (end - first) as f64, scale / seen as f64);
        let row = all.row_mut(t);
        row[seen..].fill(0.0);
        row.iter_mut().for_each(|share| *share *= of_all);
        for (share, score) in row[first..end].iter_mut().zip(&local.row(t)[first..end]) {
            let positive = relu(scale * score);
            *share += of_group * positive * positive;
        }
    }
    all
}
