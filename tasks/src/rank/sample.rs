//! Some rows of some columns in memory, as numbers: what columns tell together is counted from these.

use super::column::NO_CLASS;
use super::counts::{ValueCounts, mix};
use super::null::entropy;
use super::relevance::totals;

/// Values as numbers from 0, column by column, and the class of each row.
#[derive(Clone, Debug, Default)]
pub struct Sample {
    codes: Vec<Vec<u32>>,
    known: Vec<ValueCounts>,
    of_row: Vec<u32>,
    classes: usize,
}

impl Sample {
    /// Rows that are kept at the most.
    pub const ROWS: u64 = 32_768;

    pub fn new(columns: usize, classes: usize) -> Self {
        Self {
            codes: vec![Vec::new(); columns],
            known: vec![ValueCounts::new(1); columns],
            of_row: Vec::new(),
            classes,
        }
    }

    /// Adds a row; `key` says of each column what tells its cell apart. A row without a class is left out.
    pub fn push(&mut self, class: u32, key: impl Fn(usize) -> u64) {
        if class == NO_CLASS {
            return;
        }
        for (column, codes) in self.codes.iter_mut().enumerate() {
            codes.push(self.known[column].row_of(key(column)));
        }
        self.of_row.push(class);
    }

    pub fn columns(&self) -> usize {
        self.codes.len()
    }

    pub fn rows(&self) -> usize {
        self.of_row.len()
    }

    /// Rows of each class.
    pub fn class_counts(&self) -> Vec<u64> {
        let mut counts = vec![0; self.classes];
        self.of_row.iter().for_each(|class| counts[*class as usize] += 1);
        counts
    }

    /// How often each combination of values of these columns meets each class. No text is made of a combination.
    pub fn table(&self, columns: &[usize]) -> ValueCounts {
        let mut counts = ValueCounts::new(self.classes);
        for (row, class) in self.of_row.iter().enumerate() {
            counts.add(self.combination(columns, row), *class);
        }
        counts
    }

    /// Of the combinations of values of these columns, in nats.
    pub fn entropy(&self, columns: &[usize]) -> f64 {
        entropy(&totals(&self.table(columns)))
    }

    fn combination(&self, columns: &[usize], row: usize) -> u64 {
        match columns {
            [] => 0,
            [one] => u64::from(self.codes[*one][row]),
            [a, b] => u64::from(self.codes[*a][row]) << 32 | u64::from(self.codes[*b][row]),
            more => more.iter().fold(0, |key, column| mix(key ^ u64::from(self.codes[*column][row]))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn combinations_are_told_apart_that_joined_texts_are_not() {
        let mut sample = Sample::new(2, 2);
        // "1" + "23" and "12" + "3".
        sample.push(0, |column| [1, 23][column]);
        sample.push(1, |column| [12, 3][column]);
        sample.push(NO_CLASS, |_| 0);
        assert_eq!((sample.rows(), sample.table(&[0, 1]).len(), sample.table(&[]).len()), (2, 2, 1));
    }
}
