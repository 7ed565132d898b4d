//! Diagonal state space, as a convolution with the kernel
//! K_l = 2 Re Σ_n C_n (e^{ΔA_n} − 1)/A_n e^{lΔA_n}, by FFT.

use spaces::sequence::Settings;
use tch::Tensor;

use super::{TorchBlock, TorchWeights};
use crate::convolve::convolve;

pub struct S4d;

impl TorchBlock for S4d {
    fn forward(&self, _: &Settings, weights: &TorchWeights, x: &Tensor, mask: Option<&Tensor>) -> Tensor {
        let length = x.size()[1];
        let v = convolve(x, &kernel(weights, length), mask) + x * &weights["d"];
        v.gelu("none").linear(&weights["w"], Some(&weights["b"])).glu(-1)
    }
}

/// D×L.
fn kernel(weights: &TorchWeights, length: i64) -> Tensor {
    let step = weights["log_step"].exp().unsqueeze(1);
    // A and ΔA as real and imaginary parts, D×N/2.
    let (a_re, a_im) = (-weights["log_decay"].exp(), &weights["frequency"]);
    let (re, im) = (&step * &a_re, &step * a_im);
    let (gain_re, gain_im) = divide(expm1(&re, &im), (&a_re, a_im));
    let (c_re, c_im) = (&weights["c_re"], &weights["c_im"]);
    let first_re = (c_re * &gain_re - c_im * &gain_im) * 2.0;
    let first_im = (c_re * &gain_im + c_im * &gain_re) * 2.0;
    // Powers l = 0..L as D×N/2×L.
    let time = Tensor::arange(length, (re.kind(), re.device()));
    let (size, angle) = ((re.unsqueeze(-1) * &time).exp(), im.unsqueeze(-1) * &time);
    let waves = angle.cos() * first_re.unsqueeze(-1) - angle.sin() * first_im.unsqueeze(-1);
    (size * waves).sum_dim_intlist(1, false, None)
}

/// eᶻ − 1 without loss of digits where z is small: (eᵃ − 1) cos b − 2 sin²(b/2) + i eᵃ sin b.
fn expm1(re: &Tensor, im: &Tensor) -> (Tensor, Tensor) {
    let half = (im * 0.5).sin();
    (re.expm1() * im.cos() - half.square() * 2.0, re.exp() * im.sin())
}

fn divide((re, im): (Tensor, Tensor), (by_re, by_im): (&Tensor, &Tensor)) -> (Tensor, Tensor) {
    let square = by_re.square() + by_im.square();
    ((&re * by_re + &im * by_im) / &square, (im * by_re - re * by_im) / square)
}
