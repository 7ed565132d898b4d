//! Counts of numbers by intervals, in bounded memory: fine cells while rows stream by, quantile bins at the end.
//!
//! Cells are only ever joined, so each bin at the end is a fixed set of numbers whatever the order of the rows: it
//! cannot take up anything about the target, or about time, that the numbers do not hold.

/// Neighboring cells [lows[i], lows[i + 1]); the last one ends at `high`, included.
#[derive(Clone, Debug)]
pub struct Intervals {
    classes: usize,
    lows: Vec<f64>,
    high: f64,
    counts: Vec<u32>,
    /// Whether cells are more than one number wide.
    wide: bool,
}

/// Numbers that share a bin, with counts for each class.
#[derive(Clone, Debug)]
pub struct Bins {
    pub lows: Vec<f64>,
    pub counts: Vec<u32>,
}

impl Intervals {
    /// At this number cells are joined, to half of it at the most.
    pub const CELLS: usize = 1024;
    /// So many different numbers are kept apart before cells are joined for the first time.
    pub const EXACT: usize = 4096;

    /// A cell for each of these values, of which there is at least one, in rising order.
    pub fn of(classes: usize, values: &[(f64, &[u32])]) -> Self {
        let mut intervals = Self {
            classes,
            lows: values.iter().map(|(value, _)| *value).collect(),
            high: values.last().map_or(f64::NEG_INFINITY, |(value, _)| *value),
            counts: values.iter().flat_map(|(_, counts)| counts.iter().copied()).collect(),
            wide: false,
        };
        intervals.join_if_full();
        intervals
    }

    pub fn add(&mut self, value: f64, class: u32) {
        let cell = if value > self.high {
            self.high = value;
            self.open(self.lows.len(), value)
        } else {
            match self.lows.partition_point(|low| *low <= value) {
                0 => self.open(0, value),
                above if self.wide || self.lows[above - 1] == value => above - 1,
                above => self.open(above, value),
            }
        };
        self.counts[cell * self.classes + class as usize] += 1;
        self.join_if_full();
    }

    pub fn widen(&mut self, classes: usize) {
        let old = std::mem::replace(&mut self.classes, classes);
        let mut counts = vec![0; self.lows.len() * classes];
        for (wide, row) in counts.chunks_exact_mut(classes).zip(self.counts.chunks_exact(old.max(1))) {
            wide[..row.len()].copy_from_slice(row);
        }
        self.counts = counts;
    }

    fn open(&mut self, at: usize, low: f64) -> usize {
        self.lows.insert(at, low);
        let from = at * self.classes;
        self.counts.splice(from..from, std::iter::repeat_n(0, self.classes));
        at
    }

    fn join_if_full(&mut self) {
        if self.lows.len() <= if self.wide { Self::CELLS } else { Self::EXACT } {
            return;
        }
        // Two neighbors that were not joined hold more than this together, so at most half the cells are left.
        let most = self.total() / (Self::CELLS as u64 / 4);
        let mut number = 0;
        let mut mass = 0;
        let places: Vec<usize> = (0..self.lows.len())
            .map(|cell| {
                let own = self.mass(cell);
                if cell > 0 && mass + own > most {
                    number += 1;
                    mass = 0;
                }
                mass += own;
                number
            })
            .collect();
        let Bins { lows, counts } = self.joined(&places);
        self.lows = lows;
        self.counts = counts;
        self.wide = true;
    }

    fn mass(&self, cell: usize) -> u64 {
        let row = &self.counts[cell * self.classes..(cell + 1) * self.classes];
        row.iter().map(|count| u64::from(*count)).sum()
    }

    fn total(&self) -> u64 {
        self.counts.iter().map(|count| u64::from(*count)).sum()
    }

    /// Cells with equal numbers in `places`, which rise, become one.
    fn joined(&self, places: &[usize]) -> Bins {
        let mut bins = Bins { lows: Vec::new(), counts: Vec::new() };
        let mut last = None;
        for (cell, place) in places.iter().enumerate() {
            let row = &self.counts[cell * self.classes..(cell + 1) * self.classes];
            if last == Some(place) {
                let start = bins.counts.len() - self.classes;
                bins.counts[start..].iter_mut().zip(row).for_each(|(sum, count)| *sum += count);
            } else {
                bins.lows.push(self.lows[cell]);
                bins.counts.extend(row);
            }
            last = Some(place);
        }
        bins
    }

    /// At most so many bins of about equally many cases: a cell goes where its middle lies among all cases.
    pub fn quantiles(&self, bins: usize) -> Bins {
        if self.lows.len() <= bins {
            return Bins { lows: self.lows.clone(), counts: self.counts.clone() };
        }
        let total = self.total().max(1) as f64;
        let mut before = 0.0;
        let place = |cell| {
            let mass = self.mass(cell) as f64;
            let middle = (before + mass / 2.0) / total;
            before += mass;
            ((middle * bins as f64) as usize).min(bins - 1)
        };
        let places: Vec<usize> = (0..self.lows.len()).map(place).collect();
        self.joined(&places)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: impl Iterator<Item = (f64, u32)>) -> Intervals {
        let mut intervals = Intervals::of(2, &[]);
        values.for_each(|(value, class)| intervals.add(value, class));
        intervals
    }

    fn masses(bins: &Bins) -> Vec<u32> {
        bins.counts.chunks(2).map(|row| row.iter().sum()).collect()
    }

    #[test]
    fn bins_are_even_whatever_the_order_of_the_rows() {
        let up = of((0..20_000).map(|i| (f64::from(i), i as u32 % 2)));
        let down = of((0..20_000).rev().map(|i| (f64::from(i), i as u32 % 2)));
        let mixed = of((0..20_000u64).map(|i| ((i * 7919 % 20_000) as f64, i as u32 % 2)));
        for intervals in [up, down, mixed] {
            assert!(intervals.lows.len() <= Intervals::CELLS);
            let bins = intervals.quantiles(32);
            let masses = masses(&bins);
            assert_eq!((bins.lows.len(), masses.iter().sum::<u32>()), (32, 20_000));
            assert!(masses.iter().all(|mass| (450..800).contains(mass)), "{masses:?}");
        }
    }

    #[test]
    fn a_value_that_recurs_keeps_a_bin_of_its_own() {
        let bins = of((0..10_000u32).map(|i| (f64::from(if i % 2 == 0 { 0 } else { i }), 0))).quantiles(8);
        assert!(masses(&bins).iter().any(|mass| *mass >= 5000), "{bins:?}");
        assert!(bins.lows.contains(&0.0));
    }

    #[test]
    fn few_values_are_left_alone() {
        let bins = of([3.0, 1.0, 3.0, 2.0].into_iter().map(|value| (value, 1))).quantiles(32);
        assert_eq!((bins.lows, bins.counts), (vec![1.0, 2.0, 3.0], vec![0, 1, 0, 1, 0, 2]));
    }
}
