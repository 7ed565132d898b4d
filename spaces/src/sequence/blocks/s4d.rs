//! Diagonal state space (S4D-Lin): per channel, N/2 complex modes A_n = −½ + iπn under zero-order hold,
//! h_n[t] = e^{ΔA_n} h_n[t−1] + (e^{ΔA_n} − 1)/A_n · u[t], v[t] = 2 Re Σ_n C_n h_n[t] + D u[t];
//! then y = GLU(W gelu(v) + b). The convolution with K_l = 2 Re Σ_n C_n (e^{ΔA_n} − 1)/A_n e^{lΔA_n} is the same map.

use multiversion::multiversion;

use crate::sequence::math::{Lanes, Matrix, cos, exp, gelu, linear, sigmoid, sin};
use crate::sequence::{Block, Gene, Init, Place, Settings, Tensor, Weights};

pub struct S4d;

impl Block for S4d {
    fn name(&self) -> &'static str {
        "s4d"
    }

    fn place(&self) -> Place {
        Place::Token
    }

    fn source(&self) -> &'static str {
        "Gu et al. 2022, arXiv 2206.11893"
    }

    fn genes(&self) -> Vec<Gene> {
        vec![Gene::numbers("state", &[16, 4, 8, 32])]
    }

    fn causal(&self, _: &Settings) -> bool {
        true
    }

    /// A = −exp(log_decay) + i·frequency, so that every mode decays.
    fn tensors(&self, settings: &Settings, width: usize) -> Vec<Tensor> {
        let modes = vec![width, settings.number("state") / 2];
        let tensor = |name, shape: &[usize], init, probe| Tensor {
            name,
            shape: shape.into(),
            init,
            probe,
            decay: false,
        };
        vec![
            tensor("log_step", &[width], Init::Drawn(log_step), (-1.0, 0.5)),
            tensor("log_decay", &modes, Init::Constant(0.5f64.ln()), (-0.7, 0.4)),
            tensor("frequency", &modes, Init::Indexed(frequency), (0.0, 2.0)),
            tensor("c_re", &modes, Init::Normal(0.5f64.sqrt()), (0.0, 0.5)),
            tensor("c_im", &modes, Init::Normal(0.5f64.sqrt()), (0.0, 0.5)),
            tensor("d", &[width], Init::Normal(1.0), (0.0, 1.0)),
            Tensor::matrix("w", 2 * width, width),
            Tensor::bias("b", 2 * width, width),
        ]
    }

    fn forward(&self, _: &Settings, weights: &Weights, x: &Matrix) -> Matrix {
        let modes = ["log_decay", "frequency", "c_re", "c_im"].map(|name| &weights[name]);
        let scan = Scan { u: x, log_step: &weights["log_step"], modes, d: &weights["d"] };
        let mut v = Matrix::zeros(x.rows, x.columns);
        for first in (0..x.columns).step_by(Lanes::COUNT) {
            run(&scan, first, &mut v);
        }
        let y = linear(&v.map(gelu), &weights["w"], &weights["b"]);
        let gate = y.columns(x.columns, x.columns).map(sigmoid);
        y.columns(0, x.columns).zip(&gate, |value, gate| value * gate)
    }

    fn multiply_adds(&self, settings: &Settings, width: usize, length: usize) -> u64 {
        let kernel = 4 * width * length * settings.number("state") / 2;
        convolution_multiply_adds(width, length) + (kernel + 2 * length * width * width) as u64
    }

    fn python(&self) -> &'static str {
        include_str!("s4d.py")
    }

    fn python_shared(&self) -> &'static [&'static str] {
        &[super::CONVOLVED]
    }
}

/// Of a convolution with a kernel as long as the sequence, by FFT of length 2L with 5·n·log₂n real operations a
/// transform, three transforms a channel.
pub fn convolution_multiply_adds(width: usize, length: usize) -> u64 {
    let padded = (2 * length).next_power_of_two();
    (width * 3 * 5 * padded * padded.ilog2() as usize / 2) as u64
}

/// Δ is log-uniform in [1e-3, 1e-1].
pub fn log_step(rng: &mut hashing::Rng) -> f64 {
    rng.between(1e-3f64.ln(), 1e-1f64.ln())
}

fn frequency(index: usize, shape: &[usize]) -> f64 {
    std::f64::consts::PI * (index % shape[1]) as f64
}

/// What the recurrence reads.
struct Scan<'a> {
    u: &'a Matrix,
    log_step: &'a [f64],
    /// log_decay, frequency, real and imaginary part of C.
    modes: [&'a [f64]; 4],
    d: &'a [f64],
}

/// One mode of eight channels.
struct Mode {
    /// e^{ΔA}.
    decay: Complex,
    /// 2 C (e^{ΔA} − 1)/A: the factors that do not depend on time.
    out: Complex,
    h: Complex,
}

/// The recurrence of the channels from `first` on, side by side.
#[multiversion(targets("x86_64+avx+avx2"))]
fn run(scan: &Scan, first: usize, v: &mut Matrix) {
    let count = scan.modes[0].len() / scan.d.len();
    let step = Lanes::load(scan.log_step, first).map(exp);
    let mut modes = Vec::with_capacity(count);
    for n in 0..count {
        let [log_decay, frequency, re, im] = scan.modes.map(|all| Lanes::load_column(all, count, n, first));
        let (a, c) = (Complex(-log_decay.map(exp), frequency), Complex(re, im));
        let decay = Complex(step * a.0, step * a.1).exp();
        let gain = Complex(decay.0 - Lanes::all(1.0), decay.1).over(a);
        let out = Complex(2.0 * c.0, 2.0 * c.1).times(gain);
        modes.push(Mode { decay, out, h: Complex(Lanes::ZERO, Lanes::ZERO) });
    }
    let d = Lanes::load(scan.d, first);
    for t in 0..v.rows {
        let u = Lanes::load(scan.u.row(t), first);
        let mut sum = d * u;
        for Mode { decay, out, h } in &mut modes {
            let Complex(re, im) = h.times(*decay);
            *h = Complex(re + u, im);
            sum += h.times(*out).0;
        }
        sum.store(v.row_mut(t), first);
    }
}

/// Of channels side by side: real and imaginary parts.
#[derive(Clone, Copy)]
struct Complex(Lanes, Lanes);

impl Complex {
    #[inline(always)]
    fn exp(self) -> Self {
        let size = self.0.map(exp);
        Self(size * self.1.map(cos), size * self.1.map(sin))
    }

    #[inline(always)]
    fn times(self, other: Self) -> Self {
        Self(self.0 * other.0 - self.1 * other.1, self.0 * other.1 + self.1 * other.0)
    }

    #[inline(always)]
    fn over(self, other: Self) -> Self {
        let inverse = (other.0 * other.0 + other.1 * other.1).map(|square| 1.0 / square);
        let Self(re, im) = self.times(Self(other.0, -other.1));
        Self(re * inverse, im * inverse)
    }
}
