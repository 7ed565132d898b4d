//! Tails of distributions, and false-discovery rates.

use libm::{erfc, exp, lgamma, log, sqrt};

/// Probability that a gamma variable of this shape and scale 1 exceeds `x`.
pub fn gamma_above(shape: f64, x: f64) -> f64 {
    const WIDE: f64 = 1e5;
    if x <= 0.0 {
        return 1.0;
    }
    if shape > WIDE {
        // Wilson and Hilferty: the cube root is nearly normal.
        let part = 1.0 / (9.0 * shape);
        let z = (libm::cbrt(x / shape) - (1.0 - part)) / sqrt(part);
        return 0.5 * erfc(z / std::f64::consts::SQRT_2);
    }
    let front = exp(shape * log(x) - x - lgamma(shape));
    if x < shape + 1.0 {
        (1.0 - front * series(shape, x)).clamp(0.0, 1.0)
    } else {
        front * fraction(shape, x)
    }
}

/// Lower incomplete gamma, over its front.
fn series(shape: f64, x: f64) -> f64 {
    let (mut term, mut sum, mut at) = (1.0 / shape, 1.0 / shape, shape);
    while term > sum * f64::EPSILON {
        at += 1.0;
        term *= x / at;
        sum += term;
    }
    sum
}

/// Upper incomplete gamma, over its front, by its continued fraction (modified Lentz).
fn fraction(shape: f64, x: f64) -> f64 {
    const TINY: f64 = 1e-300;
    const STEPS: u32 = 100_000;
    let mut b = x + 1.0 - shape;
    let mut c = 1.0 / TINY;
    let mut d = 1.0 / b;
    let mut product = d;
    for step in 1..STEPS {
        let i = f64::from(step);
        let a = -i * (i - shape);
        b += 2.0;
        let nonzero = |value: f64| if value.abs() < TINY { TINY } else { value };
        d = 1.0 / nonzero(a * d + b);
        c = nonzero(b + a / c);
        product *= d * c;
        if (d * c - 1.0).abs() < f64::EPSILON {
            break;
        }
    }
    product
}

/// Benjamini and Hochberg's q value of each p value: the false-discovery rate of keeping all that are no larger.
pub fn q_values(p: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p.len()).collect();
    order.sort_by(|a, b| p[*b].total_cmp(&p[*a]));
    let mut q = vec![1.0; p.len()];
    let mut least: f64 = 1.0;
    for (behind, index) in order.into_iter().enumerate() {
        let rank = p.len() - behind;
        least = least.min(p[index] * p.len() as f64 / rank as f64);
        q[index] = least;
    }
    q
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values of scipy.stats.gamma.sf (1.15).
    #[test]
    fn tails_are_those_of_scipy() {
        for (shape, x, expected) in [
            (0.5, 1.920_729_410_347_062, 0.049_999_999_999_999_89),
            (3.0, 10.0, 0.002_769_395_715_511_575),
            (50.0, 40.0, 0.929_664_933_340_605_1),
            (0.5, 200.0, 5.507_248_237_212_379e-89),
        ] {
            let found = gamma_above(shape, x);
            assert!((found / expected - 1.0).abs() < 1e-6, "{shape} {x}: {found}");
        }
        assert!((gamma_above(2e5, 2e5 + 2.0 * sqrt(2e5)) - 0.022_9).abs() < 2e-4);
    }

    #[test]
    fn q_values_never_fall_below_those_of_smaller_p() {
        let q = q_values(&[0.01, 0.04, 0.03, 0.5]);
        let expected = [0.04, 0.04 * 4.0 / 3.0, 0.04 * 4.0 / 3.0, 0.5];
        assert!(q.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-12), "{q:?}");
        assert!(q_values(&[]).is_empty());
    }
}
