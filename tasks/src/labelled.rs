//! Rows of numbers with a class each, from any table.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};

use flate2::read::GzDecoder;
use hashing::{Digest, KeyWriter};

use crate::table::{Chunk, ReadOptions, Table, number};
use crate::{DataError, quote};

/// A labelled table, in memory. Columns that hold anything but numbers are left out; a number that is not known is NaN.
#[derive(Clone, Debug, PartialEq)]
pub struct Labelled {
    pub columns: Vec<String>,
    /// Row by row.
    numbers: Vec<f64>,
    /// Of each row, the place of its class in `classes`.
    labels: Vec<usize>,
    pub classes: Vec<String>,
    /// Columns that are no numbers.
    pub left_out: Vec<String>,
}

/// More values of a target are no classes.
const MOST_CLASSES: usize = 256;
/// Half a gibibyte.
const MOST_NUMBERS: usize = 1 << 26;

/// scikit-learn's digits; see `data/digits/README.md`.
const DIGITS: &[u8] = include_bytes!("../../data/digits/digits.csv.gz");

impl Labelled {
    /// Of a CSV, libsvm, Vowpal Wabbit, ARFF or Parquet file. Rows whose target is not known are passed over.
    pub fn read(path: &Path, target: &str) -> Result<Self, DataError> {
        let mut table = Table::open(path, None, &ReadOptions::default())?;
        let target = table.column(target)?;
        let names: Vec<String> = table.names.clone();
        let mut rows = Rows::new(names.len(), path);
        let mut chunk = Chunk::new(names.len());
        while table.read(&mut chunk)? {
            for row in 0..chunk.rows() {
                let class = chunk.cell(row, target);
                if !table.is_missing(class) {
                    rows.meet(class)?;
                    let cells = (0..names.len()).filter(|column| *column != target);
                    rows.add(cells.map(|column| (column, chunk.cell(row, column))), |it| {
                        table.is_missing(it)
                    })?;
                }
            }
        }
        rows.labelled(&names, target)
    }

    /// 1,797 pictures of handwritten digits, 8 × 8 pixels from 0 to 16.
    pub fn digits() -> Self {
        let mut text = String::new();
        GzDecoder::new(DIGITS).read_to_string(&mut text).expect("the file is part of this program");
        let (mut numbers, mut labels) = (Vec::new(), Vec::new());
        for line in text.lines() {
            let mut cells = line.split(',').map(|cell| cell.parse::<f64>().expect("a whole number"));
            numbers.extend(cells.by_ref().take(64));
            labels.push(cells.next().expect("the digit") as usize);
        }
        let columns = (0..64).map(|pixel| format!("pixel_{}_{}", pixel / 8, pixel % 8)).collect();
        let classes = (0..10).map(|digit| digit.to_string()).collect();
        Self { columns, numbers, labels, classes, left_out: Vec::new() }
    }

    pub fn rows(&self) -> usize {
        self.labels.len()
    }

    pub fn row(&self, row: usize) -> &[f64] {
        let width = self.columns.len();
        &self.numbers[row * width..(row + 1) * width]
    }

    /// Rows of this class, in the order of the table.
    pub fn of_class(&self, class: usize) -> Vec<usize> {
        (0..self.rows()).filter(|row| self.labels[*row] == class).collect()
    }

    /// Of everything that a problem can be made of.
    pub fn fingerprint(&self) -> Digest {
        let mut writer = KeyWriter::new("fecund labelled v1");
        writer.list(&self.columns, |writer, name| writer.text(name));
        writer.list(&self.classes, |writer, name| writer.text(name));
        writer.list(&self.labels, |writer, label| writer.u64(*label as u64));
        writer.list(&self.numbers, |writer, number| writer.f64(*number));
        writer.finish()
    }
}

/// What has been read so far.
struct Rows {
    path: PathBuf,
    width: usize,
    /// With a NaN in the place of the target.
    numbers: Vec<f64>,
    labels: Vec<usize>,
    classes: BTreeMap<Vec<u8>, usize>,
    is_text: Vec<bool>,
}

impl Rows {
    fn new(width: usize, path: &Path) -> Self {
        let (numbers, labels, classes) = Default::default();
        Self { path: path.to_path_buf(), width, numbers, labels, classes, is_text: vec![false; width] }
    }

    fn refused(&self, what: String) -> DataError {
        DataError::NotLocated { path: self.path.clone(), what }
    }

    fn meet(&mut self, class: &[u8]) -> Result<(), DataError> {
        let next = self.classes.len();
        let label = *self.classes.entry(class.to_vec()).or_insert(next);
        if label >= MOST_CLASSES {
            let what = format!("the target has more than {MOST_CLASSES} values; name a column of classes");
            return Err(self.refused(what));
        }
        self.labels.push(label);
        Ok(())
    }

    fn add<'a>(
        &mut self,
        cells: impl Iterator<Item = (usize, &'a [u8])>,
        is_missing: impl Fn(&[u8]) -> bool,
    ) -> Result<(), DataError> {
        let start = self.numbers.len();
        if start + self.width > MOST_NUMBERS {
            return Err(self.refused(format!("it has more than {MOST_NUMBERS} numbers; give fewer rows")));
        }
        self.numbers.resize(start + self.width, f64::NAN);
        for (column, cell) in cells {
            match number(cell) {
                Some(number) => self.numbers[start + column] = number,
                None => self.is_text[column] |= !is_missing(cell),
            }
        }
        Ok(())
    }

    fn labelled(self, names: &[String], target: usize) -> Result<Labelled, DataError> {
        let is_number = |column: &usize| {
            let has_any = || self.numbers.iter().skip(*column).step_by(self.width).any(|it| !it.is_nan());
            *column != target && !self.is_text[*column] && has_any()
        };
        let (kept, others): (Vec<usize>, Vec<usize>) = (0..names.len()).partition(is_number);
        let named = |columns: Vec<usize>| columns.into_iter().map(|it| names[it].clone()).collect::<Vec<_>>();
        let left_out = named(others.into_iter().filter(|column| *column != target).collect());
        if kept.is_empty() {
            let target = quote(&names[target]);
            return Err(self.refused(format!("no column of numbers beside the target {target}")));
        }
        if self.classes.len() < 2 {
            let (target, count) = (quote(&names[target]), self.classes.len());
            return Err(self.refused(format!("{count} classes in {target}; there must be two at least")));
        }
        let numbers = self.numbers.chunks_exact(self.width);
        let numbers = numbers.flat_map(|row| kept.iter().map(|column| row[*column])).collect();
        // Classes in the order of their names, whatever comes first in the table.
        let mut place = vec![0; self.classes.len()];
        self.classes.values().enumerate().for_each(|(now, met)| place[*met] = now);
        let classes = self.classes.keys().map(|class| String::from_utf8_lossy(class).into_owned()).collect();
        let labels = self.labels.iter().map(|met| place[*met]).collect();
        Ok(Labelled { columns: named(kept), numbers, labels, classes, left_out })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, target: &str) -> Result<Labelled, DataError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.csv");
        std::fs::write(&path, text).unwrap();
        Labelled::read(&path, target)
    }

    #[test]
    fn a_table_is_its_columns_of_numbers_and_its_classes() {
        let table = read("a,kind,word,b\n1,pear,x,2\n,apple,y,4\n5,,z,6\n7,pear,x,\n", "kind").unwrap();
        assert_eq!(
            (table.columns.as_slice(), table.left_out.as_slice()),
            (&["a".into(), "b".into()][..], &["word".into()][..])
        );
        assert_eq!((table.classes.as_slice(), table.rows()), (&["apple".into(), "pear".into()][..], 3));
        assert_eq!((table.of_class(0), table.of_class(1)), (vec![1], vec![0, 2]));
        assert!(table.row(1)[0].is_nan() && table.row(2)[1].is_nan());
        assert_eq!(table.row(0), [1.0, 2.0]);
        let other = read("a,kind,word,b\n1,pear,x,2\n,apple,y,4\n5,,z,6\n8,pear,x,\n", "kind").unwrap();
        assert_ne!(table.fingerprint(), other.fingerprint());
    }

    #[test]
    fn what_cannot_be_told_apart_is_refused_in_words() {
        let said = |text, target| read(text, target).unwrap_err().to_string();
        assert!(said("a,b\n1,2\n", "c").contains("no column `c`; the columns are: a, b"));
        assert!(said("a,b\n1,2\n3,2\n", "b").contains("1 classes in `b`"));
        assert!(said("a,b\nx,2\ny,3\n", "b").contains("no column of numbers"));
        let many: String = (0..300).map(|n| format!("{n},{n}\n")).collect();
        assert!(said(&format!("a,b\n{many}"), "b").contains("more than 256 values"));
    }

    #[test]
    fn the_digits_are_all_there() {
        let digits = Labelled::digits();
        assert_eq!((digits.rows(), digits.columns.len(), digits.left_out.len()), (1797, 64, 0));
        let counts: Vec<usize> = (0..10).map(|digit| digits.of_class(digit).len()).collect();
        assert_eq!(counts, [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]);
        let all = (0..digits.rows()).flat_map(|row| digits.row(row));
        assert_eq!(all.clone().sum::<f64>(), 561_718.0);
        assert!(all.into_iter().all(|pixel| (0.0..=16.0).contains(pixel)));
    }
}
