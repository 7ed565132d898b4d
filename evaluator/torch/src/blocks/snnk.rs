//! Scalable neural network kernel: trained sums of fixed features.

use spaces::sequence::Settings;
use spaces::sequence::math::fixed_normals;
use tch::Tensor;

use super::{TorchBlock, TorchWeights, linear};

pub struct Snnk;

impl TorchBlock for Snnk {
    fn forward(&self, settings: &Settings, weights: &TorchWeights, x: &Tensor, _: Option<&Tensor>) -> Tensor {
        let count = settings.number("features");
        let features = match settings.word("kernel") {
            "relu" => linear(x, &fixed(count, x)).relu(),
            _ => exponential(count, x),
        };
        (features * (count as f64).powf(-0.5)).linear(&weights["psi"], Some(&weights["b"]))
    }
}

fn exponential(count: usize, x: &Tensor) -> Tensor {
    let width = x.size()[2] as f64;
    let u = x * width.powf(-0.25);
    let half_square = u.square().sum_dim_intlist(2, true, None) * 0.5;
    (linear(&u, &fixed(count, x)) - half_square).exp()
}

/// G, features × width, in the kind of x.
fn fixed(count: usize, x: &Tensor) -> Tensor {
    let width = x.size()[2];
    let g = Tensor::from_slice(&fixed_normals(count, width as usize)).view([count as i64, width]);
    g.to_kind(x.kind()).to_device(x.device())
}
