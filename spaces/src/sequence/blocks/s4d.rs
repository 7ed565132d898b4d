//! Diagonal state space (S4D-Lin): per channel, N/2 complex modes A_n = −½ + iπn under zero-order hold,
//! h_n[t] = e^{ΔA_n} h_n[t−1] + (e^{ΔA_n} − 1)/A_n · u[t], v[t] = 2 Re Σ_n C_n h_n[t] + D u[t];
//! then y = GLU(W gelu(v) + b). The convolution with K_l = 2 Re Σ_n C_n (e^{ΔA_n} − 1)/A_n e^{lΔA_n} is the same map.

use crate::sequence::math::{Matrix, gelu, linear, sigmoid};
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

    fn forward(&self, settings: &Settings, weights: &Weights, x: &Matrix) -> Matrix {
        let modes = settings.number("state") / 2;
        let mut v = Matrix::zeros(x.rows, x.columns);
        for channel in 0..x.columns {
            let step = libm::exp(weights["log_step"][channel]);
            for t in 0..x.rows {
                v.row_mut(t)[channel] = weights["d"][channel] * x.at(t, channel);
            }
            for mode in channel * modes..(channel + 1) * modes {
                let a = Complex(-libm::exp(weights["log_decay"][mode]), weights["frequency"][mode]);
                let c = Complex(weights["c_re"][mode], weights["c_im"][mode]);
                let decay = Complex(step * a.0, step * a.1).exp();
                let gain = Complex(decay.0 - 1.0, decay.1).over(a);
                let mut h = Complex(0.0, 0.0);
                for t in 0..x.rows {
                    let u = x.at(t, channel);
                    h = h.times(decay).plus(Complex(gain.0 * u, gain.1 * u));
                    v.row_mut(t)[channel] += 2.0 * c.times(h).0;
                }
            }
        }
        let y = linear(&v.map(gelu), &weights["w"], &weights["b"]);
        y.columns(0, x.columns).zip(&y.columns(x.columns, x.columns), |value, gate| value * sigmoid(gate))
    }

    /// By FFT of length 2L with 5·n·log₂n real operations a transform, three transforms a channel.
    fn multiply_adds(&self, settings: &Settings, width: usize, length: usize) -> u64 {
        let padded = (2 * length).next_power_of_two();
        let transforms = 3 * 5 * padded * padded.ilog2() as usize / 2;
        let kernel = 4 * length * settings.number("state") / 2;
        (width * (transforms + kernel) + 2 * length * width * width) as u64
    }

    fn python(&self) -> &'static str {
        include_str!("s4d.py")
    }
}

/// Δ is log-uniform in [1e-3, 1e-1].
fn log_step(rng: &mut hashing::Rng) -> f64 {
    rng.between(1e-3f64.ln(), 1e-1f64.ln())
}

fn frequency(index: usize, shape: &[usize]) -> f64 {
    std::f64::consts::PI * (index % shape[1]) as f64
}

#[derive(Clone, Copy)]
struct Complex(f64, f64);

impl Complex {
    fn exp(self) -> Self {
        let size = libm::exp(self.0);
        Self(size * libm::cos(self.1), size * libm::sin(self.1))
    }

    fn plus(self, other: Self) -> Self {
        Self(self.0 + other.0, self.1 + other.1)
    }

    fn times(self, other: Self) -> Self {
        Self(self.0 * other.0 - self.1 * other.1, self.0 * other.1 + self.1 * other.0)
    }

    fn over(self, other: Self) -> Self {
        let square = other.0 * other.0 + other.1 * other.1;
        let Self(re, im) = self.times(Self(other.0, -other.1));
        Self(re / square, im / square)
    }
}
