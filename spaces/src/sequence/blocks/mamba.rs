//! Selective state space (Mamba-1): (u, z) = W_in x; u ← silu(conv(u)); (δ, B, C) = W_x u; Δ = softplus(W_dt δ + b_dt);
//! h_t = e^{Δ_t A} ∘ h_{t−1} + Δ_t B_t u_t, v_t = ⟨C_t, h_t⟩ + D u_t; y = W_out (v ∘ silu(z)).
//!
//! The input is scaled by Δ (Euler), as the published code does, or by (e^{ΔA} − 1)/A (zero-order hold): two maps.

use super::convolution::causal_convolution;
use multiversion::multiversion;

use crate::sequence::math::{Lanes, Matrix, exp, linear, silu, softplus};
use crate::sequence::{Block, Gene, Init, Place, Settings, Tensor, Weights};

pub struct Mamba;

/// Inner width over width.
pub const EXPAND: usize = 2;
/// Steps of the short convolution.
pub const KERNEL: usize = 4;

/// Rank of the projection that makes Δ: ⌈width/16⌉.
pub fn rank(width: usize) -> usize {
    width.div_ceil(16)
}

impl Block for Mamba {
    fn name(&self) -> &'static str {
        "mamba"
    }

    fn place(&self) -> Place {
        Place::Token
    }

    fn source(&self) -> &'static str {
        "Gu and Dao 2023, arXiv 2312.00752"
    }

    fn genes(&self) -> Vec<Gene> {
        vec![Gene::numbers("state", &[8, 4, 16]), Gene::words("discretization", &["euler", "zoh"])]
    }

    fn causal(&self, _: &Settings) -> bool {
        true
    }

    /// `w_x` makes the rows δ (rank), B (state), C (state), in this order.
    fn tensors(&self, settings: &Settings, width: usize) -> Vec<Tensor> {
        let (inner, state, rank) = (EXPAND * width, settings.number("state"), rank(width));
        let vector = |name, init, probe| Tensor { name, shape: vec![inner], init, probe, decay: false };
        vec![
            Tensor::matrix("w_in", 2 * inner, width),
            Tensor::matrix("w_conv", inner, KERNEL),
            Tensor::bias("b_conv", inner, KERNEL),
            Tensor::matrix("w_x", rank + 2 * state, inner),
            Tensor::matrix("w_dt", inner, rank),
            vector("b_dt", Init::Drawn(step_bias), (-1.0, 0.5)),
            Tensor {
                name: "log_a",
                shape: vec![inner, state],
                init: Init::Indexed(|index, shape| ((index % shape[1] + 1) as f64).ln()),
                probe: (0.0, 0.7),
                decay: false,
            },
            vector("d", Init::Constant(1.0), (1.0, 0.5)),
            Tensor::matrix("w_out", width, inner),
        ]
    }

    fn forward(&self, settings: &Settings, weights: &Weights, x: &Matrix) -> Matrix {
        let (inner, state, rank) = (EXPAND * x.columns, settings.number("state"), rank(x.columns));
        let both = linear(x, &weights["w_in"], &[]);
        let u = causal_convolution(&both.columns(0, inner), &weights["w_conv"], &weights["b_conv"], KERNEL)
            .map(silu);
        let made = linear(&u, &weights["w_x"], &[]);
        let step = linear(&made.columns(0, rank), &weights["w_dt"], &weights["b_dt"]).map(softplus);
        let scan = Scan {
            zoh: settings.word("discretization") == "zoh",
            log_a: &weights["log_a"],
            b: made.columns(rank, state),
            c: made.columns(rank + state, state),
            d: &weights["d"],
            step,
            u,
        };
        let mut v = Matrix::zeros(x.rows, inner);
        for first in (0..inner).step_by(Lanes::COUNT) {
            run(&scan, first, &mut v);
        }
        let gate = both.columns(inner, inner).map(silu);
        linear(&v.zip(&gate, |v, z| v * z), &weights["w_out"], &[])
    }

    fn multiply_adds(&self, settings: &Settings, width: usize, length: usize) -> u64 {
        let (inner, state, rank) = (EXPAND * width, settings.number("state"), rank(width));
        let projections = 3 * width * inner + inner * (rank + 2 * state) + rank * inner;
        (length * (projections + inner * (KERNEL + 4 * state))) as u64
    }

    fn python(&self) -> &'static str {
        super::MAMBA
    }

    fn python_shared(&self) -> &'static [&'static str] {
        &[super::LINEAR_SCAN, super::DEPTHWISE]
    }
}

/// What the recurrence reads: steps in rows.
struct Scan<'a> {
    zoh: bool,
    log_a: &'a [f64],
    b: Matrix,
    c: Matrix,
    d: &'a [f64],
    step: Matrix,
    u: Matrix,
}

/// One state of eight channels.
struct State {
    a: Lanes,
    inverse_of_a: Lanes,
    h: Lanes,
}

/// The recurrence of the channels from `first` on, side by side.
#[multiversion(targets("x86_64+avx+avx2"))]
fn run(scan: &Scan, first: usize, v: &mut Matrix) {
    let count = scan.b.columns;
    let mut states = Vec::with_capacity(count);
    for n in 0..count {
        let a = -Lanes::load_column(scan.log_a, count, n, first).map(exp);
        states.push(State { a, inverse_of_a: a.map(|a| 1.0 / a), h: Lanes::ZERO });
    }
    let d = Lanes::load(scan.d, first);
    for t in 0..v.rows {
        let (u, step) = (Lanes::load(scan.u.row(t), first), Lanes::load(scan.step.row(t), first));
        let mut sum = d * u;
        for ((State { a, inverse_of_a, h }, b), c) in states.iter_mut().zip(scan.b.row(t)).zip(scan.c.row(t))
        {
            let decay = (step * *a).map(exp);
            let scale = if scan.zoh { (decay - Lanes::all(1.0)) * *inverse_of_a } else { step };
            *h = decay * *h + *b * (scale * u);
            sum += *c * *h;
        }
        sum.store(v.row_mut(t), first);
    }
}

/// softplus⁻¹ of a step drawn log-uniform in [1e-3, 1e-1], floored at 1e-4.
pub fn step_bias(rng: &mut hashing::Rng) -> f64 {
    let step = libm::exp(rng.between(1e-3f64.ln(), 1e-1f64.ln())).max(1e-4);
    step + libm::log(-libm::expm1(-step))
}
