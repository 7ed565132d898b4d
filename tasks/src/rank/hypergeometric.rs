//! Draws without replacement: probabilities, moments and random numbers of the hypergeometric distribution.
//!
//! Probabilities by Loader's saddle-point form ("Fast and accurate computation of binomial probabilities", 2000), which
//! loses no digits where populations are large.

use hashing::Rng;
use libm::{exp, log, log1p, sqrt};

/// How many of `drawn` cases fall into a class of `marked`, out of `all`.
#[derive(Clone, Copy, Debug)]
pub struct Hypergeometric {
    pub all: u64,
    pub marked: u64,
    pub drawn: u64,
}

/// So many draws are quicker made than computed.
const FEW: u64 = 16;

impl Hypergeometric {
    pub fn least(&self) -> u64 {
        (self.drawn + self.marked).saturating_sub(self.all)
    }

    pub fn most(&self) -> u64 {
        self.drawn.min(self.marked)
    }

    pub fn mean(&self) -> f64 {
        self.drawn as f64 * self.marked as f64 / self.all as f64
    }

    pub fn variance(&self) -> f64 {
        let (all, drawn) = (self.all as f64, self.drawn as f64);
        let share = self.marked as f64 / all;
        drawn * share * (1.0 - share) * (all - drawn) / (all - 1.0).max(1.0)
    }

    fn mode(&self) -> u64 {
        let product = u128::from(self.drawn + 1) * u128::from(self.marked + 1);
        ((product / u128::from(self.all + 2)) as u64).clamp(self.least(), self.most())
    }

    /// Natural logarithm of the probability of `x`, which must be possible.
    pub fn log_probability(&self, x: u64) -> f64 {
        let share = self.drawn as f64 / self.all as f64;
        log_binomial(x, self.marked, share) + log_binomial(self.drawn - x, self.all - self.marked, share)
            - log_binomial(self.drawn, self.all, share)
    }

    /// p(x + 1) / p(x).
    fn ratio(&self, x: u64) -> f64 {
        let up = (self.marked - x) as f64 * (self.drawn - x) as f64;
        up / ((x + 1) as f64 * (self.all - self.marked + x + 1 - self.drawn) as f64)
    }

    /// Calls `visit` with values and weights that sum to about 1 (the caller divides by their sum).
    ///
    /// All values of note, or, where the distribution is wide and smooth, every k-th: sums over a grid of half a
    /// deviation are exact to far below the rounding error (Poisson's summation formula).
    pub fn visit(&self, mut visit: impl FnMut(u64, f64)) {
        let (mode, deviation) = (self.mode(), sqrt(self.variance()));
        let room = (mode - self.least()).min(self.most() - mode) as f64;
        let stride = (deviation / 2.0) as u64;
        if stride < 2 || room < 10.0 * deviation {
            return self.visit_all(mode, visit);
        }
        for step in 0..=(10.0 * deviation) as u64 / stride {
            for x in [mode + step * stride, mode - step * stride] {
                visit(x, exp(self.log_probability(x)) * stride as f64);
                if step == 0 {
                    break;
                }
            }
        }
    }

    fn visit_all(&self, mode: u64, mut visit: impl FnMut(u64, f64)) {
        const NEGLIGIBLE: f64 = 1e-24;
        let top = exp(self.log_probability(mode));
        let (mut x, mut weight) = (mode, top);
        while weight > NEGLIGIBLE {
            visit(x, weight);
            if x == self.most() {
                break;
            }
            weight *= self.ratio(x);
            x += 1;
        }
        let (mut x, mut weight) = (mode, top);
        while x > self.least() {
            x -= 1;
            weight /= self.ratio(x);
            if weight <= NEGLIGIBLE {
                break;
            }
            visit(x, weight);
        }
    }

    fn draw_one_by_one(&self, rng: &mut Rng) -> u64 {
        let mut hits = 0;
        for drawn in 0..self.drawn {
            let share = (self.marked - hits) as f64 / (self.all - drawn) as f64;
            hits += u64::from(rng.chance(share));
        }
        hits
    }

    /// A random number, by searching from the mode outward.
    pub fn draw(&self, rng: &mut Rng) -> u64 {
        if self.least() == self.most() {
            return self.least();
        }
        if self.drawn <= FEW {
            return self.draw_one_by_one(rng);
        }
        let mode = self.mode();
        let top = exp(self.log_probability(mode));
        let mut rest = rng.uniform() - top;
        let (mut above, mut below) = ((mode, top), (mode, top));
        while rest >= 0.0 {
            let mut moved = false;
            if above.0 < self.most() {
                above = (above.0 + 1, above.1 * self.ratio(above.0));
                rest -= above.1;
                moved = true;
                if rest < 0.0 {
                    return above.0;
                }
            }
            if below.0 > self.least() {
                below = (below.0 - 1, below.1 / self.ratio(below.0 - 1));
                rest -= below.1;
                moved = true;
                if rest < 0.0 {
                    return below.0;
                }
            }
            // What rounding left over.
            if !moved || above.1 + below.1 < f64::MIN_POSITIVE {
                break;
            }
        }
        mode
    }
}

/// ln of the binomial probability of `x` in `n` trials.
fn log_binomial(x: u64, n: u64, share: f64) -> f64 {
    let (count, trials) = (x as f64, n as f64);
    if n == 0 {
        return 0.0;
    }
    if x == 0 {
        return trials * log1p(-share);
    }
    if x == n {
        return trials * log(share);
    }
    let misses = trials - count;
    let core = stirling_error(trials)
        - stirling_error(count)
        - stirling_error(misses)
        - deviance(count, trials * share)
        - deviance(misses, trials * (1.0 - share));
    core - 0.5 * log(std::f64::consts::TAU * count * (misses / trials))
}

/// ln n! minus Stirling's formula.
fn stirling_error(n: f64) -> f64 {
    if n <= 15.0 {
        let factorial = libm::lgamma(n + 1.0);
        return factorial - (n + 0.5) * log(n) + n - 0.5 * log(std::f64::consts::TAU);
    }
    let square = n * n;
    (1.0 / 12.0
        - (1.0 / 360.0 - (1.0 / 1260.0 - (1.0 / 1680.0 - 1.0 / 1188.0 / square) / square) / square) / square)
        / n
}

/// x ln(x / mean) + mean − x, without cancellation where the two are close.
fn deviance(x: f64, mean: f64) -> f64 {
    let difference = x - mean;
    if difference.abs() >= 0.1 * (x + mean) {
        return x * log(x / mean) + mean - x;
    }
    let ratio = difference / (x + mean);
    let mut sum = difference * ratio;
    let mut power = 2.0 * x * ratio;
    for odd in (3..).step_by(2) {
        power *= ratio * ratio;
        let next = sum + power / f64::from(odd);
        if next == sum {
            break;
        }
        sum = next;
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probabilities_are_ratios_of_binomial_coefficients() {
        let some = Hypergeometric { all: 10, marked: 4, drawn: 5 };
        // C(4,x) C(6,5-x) / C(10,5)
        for (x, ways) in [(0u64, 6.0), (1, 60.0), (2, 120.0), (3, 60.0), (4, 6.0)] {
            let probability = exp(some.log_probability(x));
            assert!((probability - ways / 252.0).abs() < 1e-15, "{x}: {probability}");
        }
    }

    #[test]
    fn weights_sum_to_one_and_give_the_moments_on_either_path() {
        for (all, marked, drawn) in [
            (6000, 1748, 1),
            (6000, 1748, 3000),
            (100_000, 9_000, 50_000),
            (10_000_000, 3_000_000, 2_500_000),
        ] {
            let some = Hypergeometric { all, marked, drawn };
            let (mut sum, mut mean, mut square) = (0.0, 0.0, 0.0);
            some.visit(|x, weight| {
                let from = x as f64 - some.mean();
                sum += weight;
                mean += weight * from;
                square += weight * from * from;
            });
            assert!((sum - 1.0).abs() < 1e-11, "{some:?}: {sum}");
            assert!(mean.abs() < 1e-9 * some.variance().max(1.0), "{some:?}: {mean}");
            assert!((square / some.variance() - 1.0).abs() < 1e-10, "{some:?}: {square}");
        }
    }

    #[test]
    fn random_numbers_have_the_moments_they_should() {
        let some = Hypergeometric { all: 500, marked: 100, drawn: 60 };
        let mut rng = Rng::named(3, "hypergeometric", 0);
        let draws: Vec<f64> = (0..40_000).map(|_| some.draw(&mut rng) as f64).collect();
        let mean = draws.iter().sum::<f64>() / draws.len() as f64;
        let square = draws.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / draws.len() as f64;
        assert!((mean - some.mean()).abs() < 0.05, "{mean}");
        assert!((square / some.variance() - 1.0).abs() < 0.03, "{square}");
    }
}
