//! Forms of one linear map that does not change in time, v[t] = Σ_n c_n h_n[t], h_n[t] = a_n h_n[t−1] + u[t] with 16
//! modes a channel: milliseconds of forward and backward pass, the least of several, on one thread in single precision.
//!
//! Convolutions include the making of their kernel K_l = Σ_n c_n a_n^l.

use std::time::Instant;

use tch::{Device, Kind, Tensor};
use torch::convolve::{by_fft, by_terms, convolve};
use torch::scan::scan;

const SINGLE: (Kind, Device) = (Kind::Float, Device::Cpu);
const BATCH: i64 = 8;
const WIDTH: i64 = 64;
const MODES: i64 = 16;

/// From a and c (D×N) and u (B×L×D) to v.
type Form = fn(&Tensor, &Tensor, &Tensor) -> Tensor;

/// With the longest sequence on which it ends in reasonable time.
const FORMS: [(&str, Form, i64); 5] = [
    ("loop over unbind", by_loop, 4096),
    ("scan (K1)", by_scan, 4096),
    ("terms", |a, c, u| by_terms(u, &kernel(a, c, u.size()[1])), 4096),
    ("FFT (K5)", |a, c, u| by_fft(u, &kernel(a, c, u.size()[1])), 1 << 14),
    ("as it is chosen", |a, c, u| convolve(u, &kernel(a, c, u.size()[1]), None), 1 << 14),
];

fn main() {
    tch::set_num_threads(1);
    tch::manual_seed(0);
    println!("{:>6}{}", "steps", FORMS.map(|(name, ..)| format!("{name:>18}")).concat());
    for length in [16, 32, 64, 128, 256, 512, 1024, 4096, 1 << 14] {
        let cell = |(_, form, longest): (&str, Form, i64)| {
            if length > longest {
                format!("{:>18}", "—")
            } else {
                format!("{:>18.2}", milliseconds(form, length))
            }
        };
        println!("{length:>6}{}", FORMS.map(cell).concat());
    }
}

fn milliseconds(form: Form, length: i64) -> f64 {
    let leaf = |x: Tensor| x.set_requires_grad(true);
    let a = leaf(Tensor::rand([WIDTH, MODES], SINGLE) * 0.2 + 0.8);
    let c = leaf(Tensor::randn([WIDTH, MODES], SINGLE));
    let u = leaf(Tensor::randn([BATCH, length, WIDTH], SINGLE));
    let run = |_| {
        let start = Instant::now();
        let _ = Tensor::run_backward(&[form(&a, &c, &u).sum(None)], &[&a, &c, &u], false, false);
        start.elapsed().as_secs_f64() * 1e3
    };
    (0..5).map(run).fold(f64::INFINITY, f64::min)
}

/// D×L.
fn kernel(a: &Tensor, c: &Tensor, length: i64) -> Tensor {
    let powers = (a.log().unsqueeze(-1) * Tensor::arange(length, SINGLE)).exp();
    c.unsqueeze(1).matmul(&powers).squeeze_dim(1)
}

fn by_loop(a: &Tensor, c: &Tensor, u: &Tensor) -> Tensor {
    let mut h = Tensor::zeros([BATCH, WIDTH, MODES], SINGLE);
    let step = |u: Tensor| {
        h = u.unsqueeze(-1).addcmul(a, &h);
        (&h * c).sum_dim_intlist(-1, false, None)
    };
    Tensor::stack(&u.unbind(1).into_iter().map(step).collect::<Vec<_>>(), 1)
}

fn by_scan(a: &Tensor, c: &Tensor, u: &Tensor) -> Tensor {
    let input = u.unsqueeze(-1).expand([-1, -1, -1, MODES], false).contiguous();
    (scan(&a.expand_as(&input), &input) * c).sum_dim_intlist(-1, false, None)
}
