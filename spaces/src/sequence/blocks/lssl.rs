//! Linear state space layer: per channel, ẋ = A x + B u with the fixed HiPPO-LegS matrices
//! A_nk = −√((2n + 1)(2k + 1)) for n > k, −(n + 1) for n = k, 0 for n < k, B_n = √(2n + 1), under a trained step Δ:
//! (I − αΔA) x[t] = (I + (1 − α)ΔA) x[t−1] + ΔB u[t], with α = ½ (bilinear) or 1 (backward Euler);
//! v[t] = ⟨C, x[t]⟩ + D u[t], y = W gelu(v) + b. The convolution with K_l = C Ā^l B̄ is the same map.
//!
//! The source also trains A within its class, or fixes Δ: with A fixed and Δ trained, memory is a polynomial of the past
//! whatever is learned, and its length is learned. One output channel an input channel.

use multiversion::multiversion;

use super::s4d::{convolution_multiply_adds, log_step};
use crate::sequence::math::{Lanes, Matrix, exp, gelu, linear};
use crate::sequence::{Block, Gene, Init, Place, Settings, Tensor, Weights};

pub struct Lssl;

impl Block for Lssl {
    fn name(&self) -> &'static str {
        "lssl"
    }

    fn place(&self) -> Place {
        Place::Token
    }

    fn source(&self) -> &'static str {
        "Gu et al. 2021, arXiv 2110.13985"
    }

    fn genes(&self) -> Vec<Gene> {
        vec![
            Gene::numbers("state", &[16, 4, 8]),
            Gene::words("discretization", &["bilinear", "backward-euler"]),
        ]
    }

    fn causal(&self, _: &Settings) -> bool {
        true
    }

    fn tensors(&self, settings: &Settings, width: usize) -> Vec<Tensor> {
        let tensor = |name, shape, init, probe| Tensor { name, shape, init, probe, decay: false };
        vec![
            tensor("log_step", vec![width], Init::Drawn(log_step), (-1.0, 0.5)),
            tensor("c", vec![width, settings.number("state")], Init::Normal(1.0), (0.0, 0.5)),
            tensor("d", vec![width], Init::Normal(1.0), (0.0, 1.0)),
            Tensor::matrix("w", width, width),
            Tensor::bias("b", width, width),
        ]
    }

    fn forward(&self, settings: &Settings, weights: &Weights, x: &Matrix) -> Matrix {
        let implicit = if settings.word("discretization") == "bilinear" { 0.5 } else { 1.0 };
        let [log_step, c, d] = ["log_step", "c", "d"].map(|name| &weights[name]);
        let layer = Layer { implicit, u: x, log_step, c, d };
        let mut v = Matrix::zeros(x.rows, x.columns);
        for first in (0..x.columns).step_by(Lanes::COUNT) {
            run(&layer, first, &mut v);
        }
        linear(&v.map(gelu), &weights["w"], &weights["b"])
    }

    /// Ā and B̄ by substitution, K by doubling: log₂ L products of Ā's powers, each state once.
    fn multiply_adds(&self, settings: &Settings, width: usize, length: usize) -> u64 {
        let state = settings.number("state");
        let squarings = length.next_power_of_two().ilog2() as usize;
        let kernel = width * (state * state * (length + (squarings + 1) * state) + state * length);
        convolution_multiply_adds(width, length) + (kernel + length * width * width) as u64
    }

    fn python(&self) -> &'static str {
        include_str!("lssl.py")
    }

    fn python_shared(&self) -> &'static [&'static str] {
        &[super::CONVOLVED]
    }
}

/// What the recurrence reads.
struct Layer<'a> {
    /// α.
    implicit: f64,
    u: &'a Matrix,
    log_step: &'a [f64],
    c: &'a [f64],
    d: &'a [f64],
}

/// One state of eight channels.
struct State {
    /// B_n.
    root: f64,
    /// n + 1, and 1/(1 + αΔ(n + 1)).
    rate: f64,
    solved: Lanes,
    c: Lanes,
    x: Lanes,
}

/// The recurrence of the channels from `first` on, side by side. A is lower triangular with A_nk = −B_n B_k below its
/// diagonal: products with it, and solving with it, take the sums Σ_{k<n} B_k x_k alone.
#[multiversion(targets("x86_64+avx+avx2"))]
fn run(layer: &Layer, first: usize, v: &mut Matrix) {
    let (count, one) = (layer.c.len() / layer.d.len(), Lanes::all(1.0));
    let step = Lanes::load(layer.log_step, first).map(exp);
    let (implicit, explicit) = (layer.implicit * step, (1.0 - layer.implicit) * step);
    let mut states = Vec::with_capacity(count);
    for n in 0..count {
        let (root, rate) = ((2.0 * n as f64 + 1.0).sqrt(), n as f64 + 1.0);
        let solved = (one + rate * implicit).map(|x| 1.0 / x);
        let c = Lanes::load_column(layer.c, count, n, first);
        states.push(State { root, rate, solved, c, x: Lanes::ZERO });
    }
    let d = Lanes::load(layer.d, first);
    for t in 0..v.rows {
        let u = Lanes::load(layer.u.row(t), first);
        let (mut sum, mut before, mut now) = (d * u, Lanes::ZERO, Lanes::ZERO);
        for State { root, rate, solved, c, x } in &mut states {
            let known = *x - explicit * (*rate * *x + *root * before) + *root * (step * u);
            before += *root * *x;
            *x = (known - implicit * (*root * now)) * *solved;
            now += *root * *x;
            sum += *c * *x;
        }
        sum.store(v.row_mut(t), first);
    }
}
