//! How much a column tells about the target, above what chance would show.
//!
//! Mutual information in nats, its expectation under permutation (Vinh, Epps and Bailey 2010), how far the two are
//! apart in deviations, and the adjusted mutual information, which is an effect size: 0 by chance, 1 for a renamed copy.

use libm::sqrt;

use super::null::{Null, entropy, xlogx};
use super::tail::gamma_above;

/// Rows of a contingency table: for each value of a column, how many cases of each class.
pub trait Contingency {
    fn for_each(&self, visit: &mut dyn FnMut(&[u32]));
}

impl Contingency for [Vec<u32>] {
    fn for_each(&self, visit: &mut dyn FnMut(&[u32])) {
        self.iter().for_each(|row| visit(row));
    }
}

/// What a contingency table shows.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Relevance {
    /// Mutual information with the target.
    pub information: f64,
    /// The same of a permuted target, on average.
    pub expected: f64,
    /// Deviation of the same.
    pub deviation: f64,
    /// (information − expected) / deviation.
    pub z: f64,
    /// Probability that chance shows as much.
    pub p: f64,
    /// Adjusted mutual information, arithmetic mean.
    pub adjusted: f64,
    /// Share of the target's entropy that is explained, chance subtracted.
    pub explained: f64,
}

/// How often each value occurs.
pub fn totals(table: &(impl Contingency + ?Sized)) -> Vec<u64> {
    let mut totals = Vec::new();
    table.for_each(&mut |row| totals.push(row.iter().map(|count| u64::from(*count)).sum()));
    totals
}

/// `null` must be prepared for every total of the table, and of its classes.
pub fn relevance(table: &(impl Contingency + ?Sized), null: &Null) -> Relevance {
    let rows = null.rows() as f64;
    let mut sums = Sums::new(null.classes().len());
    table.for_each(&mut |row| sums.add(row, null));
    if rows == 0.0 {
        return Relevance { p: 1.0, ..Relevance::default() };
    }
    let marginal = null.entropy() - (sums.own - xlogx(rows)) / rows;
    let relation = |joint: f64| (joint - xlogx(rows)) / rows + marginal;
    let (information, expected) = (relation(sums.joint).max(0.0), relation(sums.expected).max(0.0));
    let deviation = sqrt(sums.variance(null).max(0.0)) / rows;
    let own = entropy(&sums.totals);
    let (z, p) = significance(information, expected, deviation);
    Relevance {
        information,
        expected,
        deviation,
        z,
        p,
        adjusted: adjusted(information, expected, (own + null.entropy()) / 2.0),
        explained: adjusted(information, expected, null.entropy()),
    }
}

/// The distribution of chance is close to a gamma with this mean and deviation: exactly so (χ²) where counts are large.
fn significance(information: f64, expected: f64, deviation: f64) -> (f64, f64) {
    // Nothing but rounding moves where every permutation shows the same.
    if deviation <= 1e-12 * (1.0 + expected) {
        return (0.0, 1.0);
    }
    let z = (information - expected) / deviation;
    let shape = (expected / deviation).powi(2);
    let scale = deviation * deviation / expected;
    (z, gamma_above(shape, information / scale))
}

fn adjusted(information: f64, expected: f64, most: f64) -> f64 {
    let room = most - expected;
    let room = if room < 0.0 { room.min(-f64::EPSILON) } else { room.max(f64::EPSILON) };
    (information - expected) / room
}

struct Sums {
    joint: f64,
    own: f64,
    expected: f64,
    curved: f64,
    linear: f64,
    slopes: Vec<f64>,
    width: f64,
    totals: Vec<u64>,
    /// Of deviations times odds of the value, and of the squares of these.
    tied: (f64, f64),
}

impl Sums {
    fn new(classes: usize) -> Self {
        let zero = 0.0;
        Self {
            joint: zero,
            own: zero,
            expected: zero,
            curved: zero,
            linear: zero,
            slopes: vec![zero; classes],
            width: zero,
            totals: Vec::new(),
            tied: (zero, zero),
        }
    }

    fn add(&mut self, row: &[u32], null: &Null) {
        let total: u64 = row.iter().map(|count| u64::from(*count)).sum();
        if total == 0 {
            return;
        }
        let moments = null.of(total);
        self.joint += row.iter().map(|count| xlogx(f64::from(*count))).sum::<f64>();
        self.own += xlogx(total as f64);
        self.expected += moments.expected;
        self.curved += moments.curved;
        self.linear += moments.linear;
        self.slopes.iter_mut().zip(&moments.slopes).for_each(|(sum, slope)| *sum += slope);
        self.width += null.width(total);
        self.totals.push(total);
        if total < null.rows() {
            let tied = sqrt(moments.curved) * total as f64 / (null.rows() - total) as f64;
            self.tied.0 += tied;
            self.tied.1 += tied * tied;
        }
    }

    /// The counts of a class add up to a fixed number: what follows from that alone does not vary, and what one value
    /// gets the others lack. What is not linear in two counts correlates by the square of their correlation, which is
    /// −√(odds · odds).
    fn variance(&self, null: &Null) -> f64 {
        let (sum, squares) = self.tied;
        let tied = (sum * sum - squares).max(0.0);
        self.curved + tied + (self.linear - null.explained(&self.slopes, self.width)).max(0.0)
    }
}
