//! Selective state space with one decay a head (Mamba-2): (z, u, B, C, δ) = W_in x; (u, B, C) ← silu(conv(u, B, C));
//! Δ = softplus(δ + b_dt); for each head with A < 0 and the skip D, h_t = e^{Δ_t A} h_{t−1} + Δ_t B_t u_tᵀ,
//! v_t = C_tᵀ h_t + D u_t; y = W_out rms(v ∘ silu(z)).

use multiversion::multiversion;

use super::convolution::causal_convolution;
use super::mamba::step_bias;
use crate::sequence::math::{Lanes, Matrix, exp, linear, rms_norm, silu, softplus};
use crate::sequence::{Block, Gene, Init, Place, Settings, Tensor, Weights};

pub struct Mamba2;

/// Inner width over width.
const EXPAND: usize = 2;
/// Steps of the short convolution.
const KERNEL: usize = 4;

impl Block for Mamba2 {
    fn name(&self) -> &'static str {
        "mamba2"
    }

    fn place(&self) -> Place {
        Place::Token
    }

    fn source(&self) -> &'static str {
        "Dao and Gu 2024, arXiv 2405.21060"
    }

    fn genes(&self) -> Vec<Gene> {
        vec![Gene::numbers("state", &[16, 32, 64]), Gene::numbers("heads", &[4, 2, 8])]
    }

    fn causal(&self, _: &Settings) -> bool {
        true
    }

    /// `w_in` makes the rows z (inner), u (inner), B (state), C (state), δ (heads), in this order.
    fn tensors(&self, settings: &Settings, width: usize) -> Vec<Tensor> {
        let (inner, state, heads) = (EXPAND * width, settings.number("state"), settings.number("heads"));
        let convolved = inner + 2 * state;
        let of_heads = |name, init, probe| Tensor { name, shape: vec![heads], init, probe, decay: false };
        vec![
            Tensor::matrix("w_in", inner + convolved + heads, width),
            Tensor::matrix("w_conv", convolved, KERNEL),
            Tensor::bias("b_conv", convolved, KERNEL),
            of_heads("b_dt", Init::Drawn(step_bias), (-1.0, 0.5)),
            of_heads("log_a", Init::Drawn(|rng| libm::log(rng.between(1.0, 16.0))), (0.0, 0.7)),
            of_heads("d", Init::Constant(1.0), (1.0, 0.5)),
            Tensor::gain("gain", inner),
            Tensor::matrix("w_out", width, inner),
        ]
    }

    fn forward(&self, settings: &Settings, weights: &Weights, x: &Matrix) -> Matrix {
        let (inner, state, heads) = (EXPAND * x.columns, settings.number("state"), settings.number("heads"));
        let convolved = inner + 2 * state;
        let made = linear(x, &weights["w_in"], &[]);
        let mixed = made.columns(inner, convolved);
        let mixed = causal_convolution(&mixed, &weights["w_conv"], &weights["b_conv"], KERNEL).map(silu);
        let mut step = made.columns(inner + convolved, heads);
        step.data.iter_mut().zip(weights["b_dt"].iter().cycle()).for_each(|(step, b)| *step += b);
        let step = step.map(softplus);
        let rates: Vec<f64> = weights["log_a"].iter().map(|log_a| -exp(*log_a)).collect();
        let mut decay = step.clone();
        decay.data.iter_mut().zip(rates.iter().cycle()).for_each(|(step, rate)| *step *= rate);
        let decay = decay.map(exp);
        let size = inner / heads;
        let scan = Scan {
            decay: repeated(&decay, size),
            step: repeated(&step, size),
            u: mixed.columns(0, inner),
            b: mixed.columns(inner, state),
            c: mixed.columns(inner + state, state),
            d: weights["d"].iter().flat_map(|d| std::iter::repeat_n(*d, size)).collect(),
        };
        let mut v = Matrix::zeros(x.rows, inner);
        for first in (0..inner).step_by(Lanes::COUNT) {
            run(&scan, first, &mut v);
        }
        let gate = made.columns(0, inner).map(silu);
        linear(&rms_norm(&v.zip(&gate, |v, z| v * z), &weights["gain"]), &weights["w_out"], &[])
    }

    fn multiply_adds(&self, settings: &Settings, width: usize, length: usize) -> u64 {
        let (inner, state, heads) = (EXPAND * width, settings.number("state"), settings.number("heads"));
        let convolved = inner + 2 * state;
        let projections = width * (inner + convolved + heads) + width * inner;
        (length * (projections + convolved * KERNEL + inner * (3 * state + 3))) as u64
    }

    fn python(&self) -> &'static str {
        include_str!("mamba2.py")
    }

    fn python_shared(&self) -> &'static [&'static str] {
        &[super::LINEAR_SCAN, super::MATRIX_STATE, super::DEPTHWISE]
    }
}

/// Every number `times` times, side by side.
fn repeated(x: &Matrix, times: usize) -> Matrix {
    let data = x.data.iter().flat_map(|value| std::iter::repeat_n(*value, times)).collect();
    Matrix::new(x.rows, x.columns * times, data)
}

/// What the recurrence reads: steps in rows, channels in columns.
struct Scan {
    decay: Matrix,
    step: Matrix,
    u: Matrix,
    b: Matrix,
    c: Matrix,
    d: Vec<f64>,
}

/// The recurrence of the channels from `first` on, side by side.
#[multiversion(targets("x86_64+avx+avx2"))]
fn run(scan: &Scan, first: usize, v: &mut Matrix) {
    let mut states = vec![Lanes::ZERO; scan.b.columns];
    let d = Lanes::load(&scan.d, first);
    for t in 0..v.rows {
        let [decay, step, u] = [&scan.decay, &scan.step, &scan.u].map(|x| Lanes::load(x.row(t), first));
        let (input, mut sum) = (step * u, d * u);
        for ((h, b), c) in states.iter_mut().zip(scan.b.row(t)).zip(scan.c.row(t)) {
            *h = decay * *h + *b * input;
            sum += *c * *h;
        }
        sum.store(v.row_mut(t), first);
    }
}
