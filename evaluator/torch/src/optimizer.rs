//! AdamW on one flat buffer: m ← β₁ m + (1 − β₁) g, v ← β₂ v + (1 − β₂) g²,
//! θ ← θ − η (m̂ / (√v̂ + ε) + λ θ), where m̂ = m / (1 − β₁ᵗ) and v̂ = v / (1 − β₂ᵗ).
//!
//! Loshchilov & Hutter 2019, arXiv 1711.05101, in the form of PyTorch. All parameters lie in one tensor, so that a
//! step is a handful of operations however many layers there are.

use evaluator::sequence::recipe::{BETAS, EPSILON};
use tch::{Tensor, no_grad};

/// The state of the optimizer: two moments for every parameter.
#[derive(Debug)]
pub struct AdamW {
    first: Tensor,
    second: Tensor,
    /// λ where weight decay applies, else 0.
    decay: Option<Tensor>,
    steps: i32,
}

impl AdamW {
    /// For parameters like `flat`; `decay_mask` is 1 where weight decay applies, else 0.
    pub fn new(flat: &Tensor, decay_mask: &Tensor, weight_decay: f64) -> Self {
        let decay = (weight_decay > 0.0).then(|| no_grad(|| decay_mask.to_kind(flat.kind()) * weight_decay));
        no_grad(|| Self { first: flat.zeros_like(), second: flat.zeros_like(), decay, steps: 0 })
    }

    /// The first and the second moment, as they are now.
    pub fn moments(&self) -> [&Tensor; 2] {
        [&self.first, &self.second]
    }

    /// Goes on after so many steps that ended with these moments, which have the shape of the parameters.
    pub fn resume(&mut self, [first, second]: [&Tensor; 2], steps: u64) {
        no_grad(|| {
            self.first.copy_(first);
            self.second.copy_(second);
        });
        // β to the power of either is zero.
        self.steps = i32::try_from(steps).unwrap_or(i32::MAX);
    }

    /// One step down the gradient (of the same shape as `flat`), in place, with learning rate `rate`.
    pub fn step(&mut self, flat: &mut Tensor, gradient: &Tensor, rate: f64) {
        self.steps += 1;
        let correction = |beta: f64| 1.0 - beta.powi(self.steps);
        let (first, second) = (correction(BETAS.0), correction(BETAS.1));
        no_grad(|| {
            if let Some(decay) = &self.decay {
                let _ = flat.addcmul_(&(decay * -rate), &flat.shallow_clone());
            }
            let _ = self.first.lerp_(gradient, 1.0 - BETAS.0);
            let _ = self.second.lerp_(&gradient.square(), 1.0 - BETAS.1);
            // √v̂ + ε, over the factor of m in the step.
            let mut divisor = self.second.sqrt();
            let _ =
                divisor.g_mul_scalar_(-first / (rate * second.sqrt())).g_add_scalar_(-first * EPSILON / rate);
            let _ = flat.addcdiv_(&self.first, &divisor);
        });
    }
}

#[cfg(test)]
mod tests {
    use tch::{Device, Kind};

    use super::*;

    /// The formula, number by number.
    fn reference(theta: &mut [f64], gradients: &[Vec<f64>], decays: &[f64], rates: &[f64]) {
        let (mut m, mut v) = (vec![0.0; theta.len()], vec![0.0; theta.len()]);
        for (t, (g, rate)) in gradients.iter().zip(rates).enumerate() {
            let t = t as i32 + 1;
            for i in 0..theta.len() {
                m[i] = BETAS.0 * m[i] + (1.0 - BETAS.0) * g[i];
                v[i] = BETAS.1 * v[i] + (1.0 - BETAS.1) * g[i] * g[i];
                let (m, v) = (m[i] / (1.0 - BETAS.0.powi(t)), v[i] / (1.0 - BETAS.1.powi(t)));
                theta[i] -= rate * (m / (v.sqrt() + EPSILON) + decays[i] * theta[i]);
            }
        }
    }

    #[test]
    fn steps_follow_the_formula() {
        let gradients: Vec<Vec<f64>> = (0..10)
            .map(|t| (0..4).map(|i| f64::sin((3 * t + 5 * i) as f64) * 10f64.powi(i - 2)).collect())
            .collect();
        let rates: Vec<f64> = (0..10).map(|t| 0.01 * f64::from(t + 1)).collect();
        let mut expected = vec![1.0, -2.0, 0.5, 3.0];
        let mut flat = Tensor::from_slice(&expected);
        let mask = Tensor::from_slice(&[1.0, 0.0, 1.0, 0.0]);
        let mut optimizer = AdamW::new(&flat, &mask, 0.1);
        for (gradient, rate) in gradients.iter().zip(&rates) {
            optimizer.step(&mut flat, &Tensor::from_slice(gradient), *rate);
        }
        reference(&mut expected, &gradients, &[0.1, 0.0, 0.1, 0.0], &rates);
        let found = Vec::<f64>::try_from(&flat).unwrap();
        assert!(found.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-12), "{found:?} {expected:?}");
    }

    #[test]
    fn an_optimizer_goes_on_where_another_ended() {
        let gradient = Tensor::from_slice(&[0.3f32, -2.0, 1e-6]);
        let start = || Tensor::from_slice(&[1f32, 2.0, 3.0]);
        let fresh = |flat: &Tensor| AdamW::new(flat, &flat.ones_like(), 0.1);
        let (mut whole, mut parts) = (start(), start());
        let mut optimizer = fresh(&whole);
        (0..7).for_each(|_| optimizer.step(&mut whole, &gradient, 0.01));
        let (mut first, mut second) = (fresh(&parts), fresh(&parts));
        (0..3).for_each(|_| first.step(&mut parts, &gradient, 0.01));
        second.resume(first.moments(), 3);
        (0..4).for_each(|_| second.step(&mut parts, &gradient, 0.01));
        assert_eq!(Vec::<f32>::try_from(&parts).unwrap(), Vec::<f32>::try_from(&whole).unwrap());
    }

    #[test]
    fn a_parameter_without_gradient_stays() {
        let mut flat = Tensor::ones([3], (Kind::Float, Device::Cpu));
        let mut optimizer = AdamW::new(&flat, &flat.zeros_like(), 0.1);
        let gradient = flat.zeros_like();
        optimizer.step(&mut flat, &gradient, 0.1);
        assert_eq!(Vec::<f32>::try_from(&flat).unwrap(), [1.0; 3]);
    }
}
