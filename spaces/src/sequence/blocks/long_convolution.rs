//! Convolution with a kernel that a small network makes of the distance in time, gated by its context:
//! o_0(c) = sin(f_0 c + φ_0), o_i(c) = sin(f_i c + φ_i) ∘ (V_i o_{i−1}(c) + a_i), K_l = W_K o_2(c_l) + b_K;
//! y[t] = W_out (s_t Σ_{l≤t} K_l ∘ u[t − l] ∘ (W_z m_t + b_z)), u = W_u x, with the mean m_t of the steps up to t.
//!
//! The source takes coordinates relative to the size of the input, and scales K by its root. Here c_l = (l + 1)/64
//! whatever the length, and s_t = (t + 1)^−½ scales each sum by the root of its terms: a step does not know how long the
//! sequence goes on, sequences of all lengths share one kernel, and beyond the lengths that were trained it is
//! extrapolated. The source's context is the mean over a batch; here every sequence has its own, and only its past.

use multiversion::multiversion;

use super::s4d::convolution_multiply_adds;
use crate::sequence::math::{Matrix, linear, running_means, sin};
use crate::sequence::{Block, Gene, Init, Place, Settings, Tensor, Weights};

pub struct LongConvolution;

/// Steps of one unit of the coordinate.
const UNIT: f64 = 64.0;

impl Block for LongConvolution {
    fn name(&self) -> &'static str {
        "long-convolution"
    }

    fn place(&self) -> Place {
        Place::Token
    }

    fn source(&self) -> &'static str {
        "Zhang 2024, arXiv 2401.17948; the small network: Romero et al. 2021, arXiv 2110.08059"
    }

    fn genes(&self) -> Vec<Gene> {
        vec![Gene::numbers("hidden", &[16, 8, 32])]
    }

    fn causal(&self, _: &Settings) -> bool {
        true
    }

    fn tensors(&self, settings: &Settings, width: usize) -> Vec<Tensor> {
        let hidden = settings.number("hidden");
        let filter = |name, init| Tensor { name, shape: vec![hidden], init, probe: (0.0, 2.0), decay: false };
        let bias = |name, len, value, spread| Tensor {
            name,
            shape: vec![len],
            init: Init::Constant(value),
            probe: (value, spread),
            decay: false,
        };
        vec![
            filter("f_0", Init::Drawn(frequency::<6>)),
            bias("phi_0", hidden, 0.0, 1.0),
            filter("f_1", Init::Drawn(frequency::<3>)),
            bias("phi_1", hidden, 0.0, 1.0),
            filter("f_2", Init::Drawn(frequency::<2>)),
            bias("phi_2", hidden, 0.0, 1.0),
            spread_evenly("v_1", hidden, hidden),
            bias("a_1", hidden, 1.0, 0.5),
            spread_evenly("v_2", hidden, hidden),
            bias("a_2", hidden, 1.0, 0.5),
            spread_evenly("w_k", width, hidden),
            bias("b_k", width, 0.0, 0.5),
            Tensor::matrix("w_u", width, width),
            Tensor::matrix("w_z", width, width),
            bias("b_z", width, 1.0, 0.5),
            Tensor::matrix("w_out", width, width),
        ]
    }

    fn forward(&self, _: &Settings, weights: &Weights, x: &Matrix) -> Matrix {
        let u = linear(x, &weights["w_u"], &[]);
        let gate = linear(&running_means(x), &weights["w_z"], &weights["b_z"]);
        let mut y = Matrix::zeros(x.rows, x.columns);
        convolve(&u, &kernel(weights, x.rows), &mut y);
        for t in 0..x.rows {
            let scale = 1.0 / (t as f64 + 1.0).sqrt();
            y.row_mut(t).iter_mut().for_each(|y| *y *= scale);
        }
        linear(&y.zip(&gate, |y, gate| y * gate), &weights["w_out"], &[])
    }

    fn multiply_adds(&self, settings: &Settings, width: usize, length: usize) -> u64 {
        let hidden = settings.number("hidden");
        let kernel = length * (2 * hidden * hidden + hidden * width);
        convolution_multiply_adds(width, length) + (kernel + 3 * length * width * width) as u64
    }

    fn python(&self) -> &'static str {
        include_str!("long_convolution.py")
    }

    fn python_shared(&self) -> &'static [&'static str] {
        &[super::CONVOLVED]
    }
}

/// 2π·g·r with g of the gamma distribution of this shape, a sum of exponential ones, and r uniform in ±1.
fn frequency<const SHAPE: usize>(rng: &mut hashing::Rng) -> f64 {
    let gamma: f64 = (0..SHAPE).map(|_| -libm::log(rng.between(f64::MIN_POSITIVE, 1.0))).sum();
    2.0 * std::f64::consts::PI * gamma * rng.between(-1.0, 1.0)
}

/// Uniform in ±√(3/inputs), which keeps the variance.
fn spread_evenly(name: &'static str, rows: usize, inputs: usize) -> Tensor {
    let init = Init::Uniform((3.0 / inputs as f64).sqrt());
    Tensor { init, ..Tensor::matrix(name, rows, inputs) }
}

/// K, steps × channels.
fn kernel(weights: &Weights, length: usize) -> Matrix {
    let wave = |[f, phi]: [&str; 2]| {
        let (f, phi) = (&weights[f], &weights[phi]);
        let mut angles = Matrix::zeros(length, f.len());
        for l in 0..length {
            let c = (l as f64 + 1.0) / UNIT;
            angles.row_mut(l).iter_mut().zip(f).zip(phi).for_each(|((angle, f), phi)| *angle = f * c + phi);
        }
        angles.map(sin)
    };
    let layers = [["f_1", "phi_1", "v_1", "a_1"], ["f_2", "phi_2", "v_2", "a_2"]];
    let last = layers.iter().fold(wave(["f_0", "phi_0"]), |o, [f, phi, v, a]| {
        linear(&o, &weights[*v], &weights[*a]).zip(&wave([f, phi]), |o, wave| o * wave)
    });
    linear(&last, &weights["w_k"], &weights["b_k"])
}

/// y[t] += Σ_{l≤t} K_l ∘ u[t − l].
#[multiversion(targets("x86_64+avx+avx2"))]
fn convolve(u: &Matrix, kernel: &Matrix, y: &mut Matrix) {
    for t in 0..u.rows {
        for l in 0..=t {
            let terms = kernel.row(l).iter().zip(u.row(t - l));
            y.row_mut(t).iter_mut().zip(terms).for_each(|(y, (k, u))| *y += k * u);
        }
    }
}
