//! Scalable neural network kernel: a perceptron whose inputs and parameters meet in one product, y = Ψ Φ(x) +
//! b. Φ(x) = relu(G x)/√m, or exp(G u − |u|²/2)/√m with u = x/width^¼, are m features under a G of fixed
//! normal numbers; Ψ is trained. Products of features approach a kernel, E Φ(x)·Φ(w) = |x||w| (sin θ + (π −
//! θ) cos θ)/2π or e^{u·v}: no layer relu(w·x) is the same map.

use crate::sequence::math::{Matrix, dot, exp, fixed_normals, linear, relu};
use crate::sequence::{Block, Gene, Place, Settings, Tensor, Weights};

pub struct Snnk;

impl Block for Snnk {
    fn name(&self) -> &'static str {
        "snnk"
    }

    fn place(&self) -> Place {
        Place::Channel
    }

    fn source(&self) -> &'static str {
        "Sehanobish et al. 2023, arXiv 2310.13225, with the positive features of Choromanski et al. 2020, \
         arXiv 2009.14794"
    }

    fn genes(&self) -> Vec<Gene> {
        vec![Gene::numbers("features", &[64, 32, 128]), Gene::words("kernel", &["relu", "exponential"])]
    }

    fn causal(&self, _: &Settings) -> bool {
        true
    }

    fn tensors(&self, settings: &Settings, width: usize) -> Vec<Tensor> {
        let features = settings.number("features");
        vec![Tensor::matrix("psi", width, features), Tensor::bias("b", width, features)]
    }

    fn forward(&self, settings: &Settings, weights: &Weights, x: &Matrix) -> Matrix {
        let features = features(settings.number("features"), settings.word("kernel"), x);
        linear(&features, &weights["psi"], &weights["b"])
    }

    fn multiply_adds(&self, settings: &Settings, width: usize, length: usize) -> u64 {
        (2 * settings.number("features") * length * width) as u64
    }

    fn python(&self) -> &'static str {
        include_str!("snnk.py")
    }

    fn python_shared(&self) -> &'static [&'static str] {
        &[include_str!("shared/fixed_normals.py")]
    }
}

/// Φ of every row.
fn features(count: usize, kernel: &str, x: &Matrix) -> Matrix {
    let scale = 1.0 / (count as f64).sqrt();
    let g = fixed_normals(count, x.columns);
    if kernel == "relu" {
        return linear(x, &g, &[]).map(|x| relu(x) * scale);
    }
    let shrink = 1.0 / (x.columns as f64).sqrt().sqrt();
    let u = x.clone().map(|x| x * shrink);
    let mut exponents = linear(&u, &g, &[]);
    for t in 0..x.rows {
        let half_square = 0.5 * dot(u.row(t), u.row(t));
        exponents.row_mut(t).iter_mut().for_each(|exponent| *exponent -= half_square);
    }
    exponents.map(|x| exp(x) * scale)
}

#[cfg(test)]
mod tests {
    use std::f64::consts::PI;

    use hashing::Rng;

    use super::*;

    const WIDTH: usize = 16;

    /// The root mean square over pairs of vectors of how far the product of their features is from the
    /// kernel.
    fn error(count: usize, kernel: &str, expected: fn(&[f64], &[f64]) -> f64) -> f64 {
        const PAIRS: u64 = 200;
        let square = |pair| {
            let mut rng = Rng::named(0, "pair", pair);
            let x = Matrix::new(2, WIDTH, (0..2 * WIDTH).map(|_| 0.5 * rng.normal()).collect());
            let features = features(count, kernel, &x);
            let found = dot(features.row(0), features.row(1));
            (found - expected(x.row(0), x.row(1))).powi(2)
        };
        ((0..PAIRS).map(square).sum::<f64>() / PAIRS as f64).sqrt()
    }

    fn arc_cosine(x: &[f64], w: &[f64]) -> f64 {
        let sizes = (dot(x, x) * dot(w, w)).sqrt();
        let cos = dot(x, w) / sizes;
        let angle = libm::acos(cos);
        sizes * (libm::sin(angle) + (PI - angle) * cos) / (2.0 * PI)
    }

    fn exponential(x: &[f64], w: &[f64]) -> f64 {
        libm::exp(dot(x, w) / (WIDTH as f64).sqrt())
    }

    #[test]
    fn products_of_features_approach_the_kernel_as_fast_as_chance_does() {
        for (kernel, expected) in
            [("relu", arc_cosine as fn(&[f64], &[f64]) -> f64), ("exponential", exponential)]
        {
            let [few, many] = [64, 4096].map(|count| error(count, kernel, expected));
            // Of 64 times as many features one expects an eighth.
            assert!((0.06..0.25).contains(&(many / few)), "{kernel}: {few} to {many}");
        }
    }

    #[test]
    fn the_kernel_of_rectified_features_is_no_rectified_product() {
        let rectified = |x: &[f64], w: &[f64]| relu(dot(x, w));
        assert!(error(4096, "relu", rectified) > 5.0 * error(4096, "relu", arc_cosine));
    }
}
