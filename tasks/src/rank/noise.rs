//! Columns of pure noise: what the best of them scores is the line below which nothing counts.
//!
//! They are never written out: given how often each value occurs, its counts of classes are drawn as a permutation of
//! the target would give them.

use hashing::Rng;

use super::hypergeometric::Hypergeometric;
use super::null::Null;
use super::relevance::Contingency;

/// A control by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Control {
    pub number: u64,
    pub cardinality: u64,
    /// Values are equally frequent, or the v-th in proportion to 1 / v.
    pub even: bool,
}

impl Control {
    pub const CARDINALITIES: [u64; 5] = [2, 10, 100, 1_000, 10_000];

    /// So many controls, evenly of each cardinality that the rows allow (two rows a value) and of both shapes.
    pub fn all(number: u64, rows: u64) -> Vec<Self> {
        let kinds = Self::CARDINALITIES.len() as u64;
        (0..number)
            .map(|number| Self {
                number,
                cardinality: Self::CARDINALITIES[(number % kinds) as usize].min(rows / 2).max(1),
                even: (number / kinds).is_multiple_of(2),
            })
            .collect()
    }

    /// How often each value occurs; they sum to the rows.
    pub fn totals(&self, rows: u64) -> Vec<u64> {
        let values = self.cardinality;
        if self.even {
            return (0..values).map(|value| rows / values + u64::from(value < rows % values)).collect();
        }
        let harmonic: f64 = (1..=values).map(|value| 1.0 / value as f64).sum();
        // Each value takes one case first.
        let free = (rows - values) as f64;
        let mut totals: Vec<u64> =
            (1..=values).map(|value| 1 + (free / harmonic / value as f64) as u64).collect();
        totals[0] += rows - totals.iter().sum::<u64>();
        totals
    }

    /// Counts of classes by value, at random.
    pub fn table(&self, null: &Null, seed: u64) -> Drawn {
        let mut rng = Rng::named(seed, "noise control", self.number);
        let mut left = null.classes().to_vec();
        let mut counts = Vec::new();
        for total in self.totals(null.rows()) {
            let (mut all, mut drawn) = (left.iter().sum::<u64>(), total);
            for class in &mut left {
                let marked = *class;
                let hits = Hypergeometric { all, marked, drawn }.draw(&mut rng);
                (all, drawn) = (all - marked, drawn - hits);
                *class -= hits;
                counts.push(hits as u32);
            }
        }
        Drawn { classes: left.len(), counts }
    }
}

/// The counts of a control.
pub struct Drawn {
    classes: usize,
    counts: Vec<u32>,
}

impl Contingency for Drawn {
    fn for_each(&self, visit: &mut dyn FnMut(&[u32])) {
        self.counts.chunks_exact(self.classes).for_each(visit);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rank::relevance;

    #[test]
    fn controls_have_the_rows_and_the_classes_of_the_table() {
        let mut null = Null::new(&[700, 250, 53]);
        for control in Control::all(20, 1003) {
            let totals = control.totals(1003);
            assert_eq!(totals.iter().sum::<u64>(), 1003, "{control:?}");
            null.prepare(totals.iter().copied());
            let table = control.table(&null, 1);
            let sums = (0..3).map(|class| table.counts.iter().skip(class).step_by(3).sum::<u32>());
            assert_eq!(sums.collect::<Vec<_>>(), [700, 250, 53]);
            assert!(
                totals
                    .iter()
                    .zip(table.counts.chunks(3))
                    .all(|(a, row)| *a == u64::from(row.iter().sum::<u32>()))
            );
        }
    }

    /// The heart of the matter: under chance, z has mean 0 and deviation 1 at every cardinality and number of classes.
    #[test]
    fn z_of_noise_is_standard_and_p_is_uniform() {
        for classes in [&[5000, 5000][..], &[9000, 1000], &[6000, 3000, 1000], &[1000; 10], &[9900, 100]] {
            let mut null = Null::new(classes);
            for cardinality in [2, 10, 100, 1000, 5000] {
                for even in [true, false] {
                    let control = |number| Control { number, cardinality, even };
                    null.prepare(control(0).totals(10_000));
                    let found: Vec<_> =
                        (0..200).map(|number| relevance(&control(number).table(&null, 5), &null)).collect();
                    let mean = found.iter().map(|found| found.z).sum::<f64>() / 200.0;
                    let square = found.iter().map(|found| (found.z - mean).powi(2)).sum::<f64>() / 200.0;
                    let small = found.iter().filter(|found| found.p < 0.1).count();
                    let what = format!("{classes:?} {cardinality} {even}: {mean} {square} {small}");
                    assert!(mean.abs() < 0.35 && (0.5..1.9).contains(&square), "{what}");
                    assert!((4..45).contains(&small), "{what}");
                }
            }
        }
    }
}
