//! What chance alone would show: moments of the mutual information of a column with a permuted target.
//!
//! Under a permutation a value that occurs a times meets x_c cases of class c, x_c hypergeometric. So the expectation
//! of Σ x ln x, and what its variance is made of, are functions of a alone: one table serves every column.

use std::collections::HashMap;

use libm::{log, sqrt};

use super::hypergeometric::Hypergeometric;

/// Class counts of the target, and the moments for every count of a value that was asked for.
#[derive(Clone, Debug)]
pub struct Null {
    rows: u64,
    classes: Vec<u64>,
    known: HashMap<u64, Moments>,
}

/// Of g = Σ_c x_c ln x_c for a value that occurs so often.
#[derive(Clone, Debug)]
pub struct Moments {
    pub expected: f64,
    /// Variance of what is not linear in the x_c.
    pub curved: f64,
    /// Variance of what is.
    pub linear: f64,
    /// Covariances of g with each x_c.
    pub slopes: Vec<f64>,
}

/// x ln x, and 0 at 0.
pub fn xlogx(x: f64) -> f64 {
    if x > 0.0 { x * log(x) } else { 0.0 }
}

impl Null {
    pub fn new(classes: &[u64]) -> Self {
        Self { rows: classes.iter().sum(), classes: classes.to_vec(), known: HashMap::new() }
    }

    pub fn rows(&self) -> u64 {
        self.rows
    }

    pub fn classes(&self) -> &[u64] {
        &self.classes
    }

    /// Entropy of the target, in nats.
    pub fn entropy(&self) -> f64 {
        entropy(&self.classes)
    }

    /// Computes what is not known yet.
    pub fn prepare(&mut self, counts: impl IntoIterator<Item = u64>) {
        for count in counts {
            if !self.known.contains_key(&count) {
                let moments = self.compute(count);
                self.known.insert(count, moments);
            }
        }
    }

    /// Takes over moments that [`Null::compute`] found elsewhere, such as on other threads.
    pub fn insert(&mut self, count: u64, moments: Moments) {
        self.known.insert(count, moments);
    }

    pub fn is_known(&self, count: u64) -> bool {
        self.known.contains_key(&count)
    }

    /// Panics if this count was not prepared.
    pub fn of(&self, count: u64) -> &Moments {
        self.known.get(&count).expect("prepared for every count")
    }

    pub fn compute(&self, count: u64) -> Moments {
        if self.classes.len() == 2 { self.of_two(count) } else { self.of_several(count) }
    }

    fn draws(&self, class: usize, count: u64) -> Hypergeometric {
        Hypergeometric { all: self.rows, marked: self.classes[class], drawn: count }
    }

    /// Of two classes one number says all, so the variance is exact for each value.
    fn of_two(&self, count: u64) -> Moments {
        let draws = self.draws(0, count);
        let g = |x: u64| xlogx(x as f64) + xlogx((count - x) as f64);
        let Line { mean, variance, slope } = Line::of(&draws, g);
        let spread = draws.variance();
        let linear = if spread > 0.0 { slope * slope / spread } else { 0.0 };
        Moments { expected: mean, curved: (variance - linear).max(0.0), linear, slopes: vec![slope, -slope] }
    }

    /// Each class by itself is exact. What is not linear in the counts of two classes correlates like their squares do
    /// where counts are large: by the square of the correlation of the counts.
    fn of_several(&self, count: u64) -> Moments {
        let lines: Vec<Line> = (0..self.classes.len())
            .map(|class| Line::of(&self.draws(class, count), |x| xlogx(x as f64)))
            .collect();
        let spreads: Vec<f64> = (0..lines.len()).map(|class| self.draws(class, count).variance()).collect();
        let bends: Vec<f64> = lines.iter().zip(&spreads).map(|(line, spread)| line.bend(*spread)).collect();
        let curved = self.shares().enumerate().flat_map(|(c, p)| {
            let bends = &bends;
            self.shares().enumerate().map(move |(d, q)| {
                let squared = if c == d { 1.0 } else { p * q / ((1.0 - p) * (1.0 - q)) };
                squared * bends[c] * bends[d]
            })
        });
        let curved = curved.filter(|term| term.is_finite()).sum();
        let slopes = self.slopes(&lines);
        let linear = self.explained(&slopes, self.width(count));
        Moments { expected: lines.iter().map(|line| line.mean).sum(), curved, linear, slopes }
    }

    fn shares(&self) -> impl Iterator<Item = f64> {
        self.classes.iter().map(|class| *class as f64 / self.rows as f64)
    }

    /// Given x_d, the mean of x_c is linear in it.
    fn slopes(&self, lines: &[Line]) -> Vec<f64> {
        let ratio = |d: usize| lines[d].slope / (self.rows - self.classes[d]).max(1) as f64;
        let all: f64 = (0..lines.len()).map(ratio).sum();
        let own = |c: usize| lines[c].slope - self.classes[c] as f64 * (all - ratio(c));
        (0..lines.len()).map(own).collect()
    }

    /// Number by which shares p(1 − p) and −pq have to be multiplied to be the covariances of the counts.
    pub fn width(&self, count: u64) -> f64 {
        let (rows, count) = (self.rows as f64, count as f64);
        count * (rows - count) / (rows - 1.0).max(1.0)
    }

    /// Variance that a regression on the counts explains, given covariances with them.
    pub fn explained(&self, slopes: &[f64], width: f64) -> f64 {
        if width <= 0.0 {
            return 0.0;
        }
        let squares = slopes.iter().zip(self.shares());
        squares.map(|(slope, share)| slope * slope / share).filter(|term| term.is_finite()).sum::<f64>()
            / width
    }
}

/// Moments of a function of one hypergeometric number.
struct Line {
    mean: f64,
    variance: f64,
    /// Covariance with the number.
    slope: f64,
}

impl Line {
    fn of(draws: &Hypergeometric, g: impl Fn(u64) -> f64) -> Self {
        // Centered where the weight is, so that no digits are lost.
        let center = draws.mean();
        let origin = g(center as u64);
        let (mut weights, mut first, mut second, mut mixed) = (0.0, 0.0, 0.0, 0.0);
        draws.visit(|x, weight| {
            let value = g(x) - origin;
            weights += weight;
            first += weight * value;
            second += weight * value * value;
            mixed += weight * value * (x as f64 - center);
        });
        let mean = first / weights;
        let variance = (second / weights - mean * mean).max(0.0);
        Self { mean: mean + origin, variance, slope: mixed / weights }
    }

    /// Deviation of what is not linear in the number.
    fn bend(&self, spread: f64) -> f64 {
        let linear = if spread > 0.0 { self.slope * self.slope / spread } else { 0.0 };
        sqrt((self.variance - linear).max(0.0))
    }
}

/// In nats.
pub fn entropy(counts: &[u64]) -> f64 {
    let all: f64 = counts.iter().map(|count| *count as f64).sum();
    if all == 0.0 {
        return 0.0;
    }
    log(all) - counts.iter().map(|count| xlogx(*count as f64)).sum::<f64>() / all
}
