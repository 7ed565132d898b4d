//! Numbers of a few rows, spread over the whole table: the same rows for every column.

/// Every k-th number, k doubling as the table turns out longer.
#[derive(Clone, Debug)]
pub struct Probe {
    numbers: Vec<f64>,
    stride: u64,
    next: u64,
}

impl Default for Probe {
    fn default() -> Self {
        Self { numbers: Vec::new(), stride: 1, next: 0 }
    }
}

impl Probe {
    const MOST: usize = 2048;

    /// The number of the next row; NaN where there is none.
    pub fn add(&mut self, number: f64) {
        if self.next > 0 {
            self.next -= 1;
            return;
        }
        self.numbers.push(number);
        if self.numbers.len() == Self::MOST {
            let mut at = 0;
            self.numbers.retain(|_| {
                at += 1;
                at % 2 == 1
            });
            self.stride *= 2;
            // The row that was taken last had an odd place and is gone.
            self.next = self.stride / 2 - 1;
        } else {
            self.next = self.stride - 1;
        }
    }

    pub fn rows(&self) -> usize {
        self.numbers.len()
    }

    /// The place of each number among the different ones; `None` where there is no number in most of the rows, or
    /// all are the same.
    pub fn ranks(&self) -> Option<Vec<u32>> {
        let mut sorted: Vec<f64> = self.numbers.iter().copied().filter(|number| !number.is_nan()).collect();
        sorted.sort_by(f64::total_cmp);
        sorted.dedup();
        if sorted.len() * 2 < self.numbers.len().max(4) {
            return None;
        }
        let place = |number: &f64| sorted.partition_point(|other| other < number) as u32;
        Some(
            self.numbers
                .iter()
                .map(|number| if number.is_nan() { u32::MAX } else { place(number) })
                .collect(),
        )
    }
}

/// The same ranks from the top.
pub fn reversed(ranks: &[u32]) -> Vec<u32> {
    let most = ranks.iter().filter(|rank| **rank != u32::MAX).max().copied().unwrap_or(0);
    ranks.iter().map(|rank| if *rank == u32::MAX { *rank } else { most - rank }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_rows_are_probed_of_every_column_and_ranks_survive_a_monotone_map() {
        let (mut plain, mut mapped, mut falling) = (Probe::default(), Probe::default(), Probe::default());
        for row in 0..30_000u64 {
            let number = (row * 7919 % 30_011) as f64;
            plain.add(number);
            mapped.add((number + 1.0).ln());
            falling.add(-number);
        }
        assert!((1024..=2048).contains(&plain.rows()), "{}", plain.rows());
        let ranks = plain.ranks().unwrap();
        assert_eq!(mapped.ranks().unwrap(), ranks);
        assert_eq!(falling.ranks().unwrap(), reversed(&ranks));
        assert!(plain.numbers.windows(2).all(|pair| pair[0] != pair[1]));
    }
}
