//! One column while its rows stream by: what it counts, and which views of it can be scored.

use super::counts::{ValueCounts, key_of, mix};
use super::digest::Digests;
use super::distinct::HyperLogLog;
use super::intervals::Intervals;
use super::probe::Probe;
use super::relevance::Contingency;
use crate::table::{Chunk, Kind, date, number};

/// A class that says: this row does not count.
pub const NO_CLASS: u32 = u32::MAX;

/// How the values of a column are put together for a score.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum View {
    /// Every value by itself.
    Values,
    /// So many buckets, by a hash: there were more values than there is memory for.
    Buckets(u64),
    /// So many bins of neighboring numbers.
    Bins(usize),
}

/// What is counted of a column.
#[derive(Clone, Debug)]
pub struct Column {
    pub kind: Kind,
    classes: usize,
    values: ValueCounts,
    /// Of a column of numbers: what is none, and is not missing either.
    words: ValueCounts,
    pub missing: Vec<u32>,
    intervals: Option<Intervals>,
    distinct: Option<HyperLogLog>,
    pub digests: Digests,
    /// Of a column of numbers.
    pub probe: Probe,
    most: usize,
    /// Where the first word among numbers stands.
    pub first_word: Option<(u64, String)>,
}

enum Cell {
    Missing,
    Word(u64),
    Value(u64),
}

impl Column {
    /// `most` bounds the values that are counted one by one.
    pub fn new(kind: Kind, classes: usize, most: usize) -> Self {
        Self {
            kind,
            classes,
            values: ValueCounts::new(classes),
            words: ValueCounts::new(classes),
            missing: vec![0; classes],
            intervals: None,
            distinct: None,
            digests: Digests::default(),
            probe: Probe::default(),
            most: most.max(Intervals::EXACT),
            first_word: None,
        }
    }

    /// Counts column `number` of the chunk; `classes` has one for each row.
    pub fn absorb(&mut self, chunk: &Chunk, number: usize, classes: &[u32], missing: &[Vec<u8>]) {
        for (row, class) in classes.iter().enumerate() {
            if *class == NO_CLASS {
                continue;
            }
            let text = chunk.cell(row, number);
            let cell = self.read(text, missing);
            if self.kind.is_ordered() {
                self.probe.add(if let Cell::Value(key) = cell { f64::from_bits(key) } else { f64::NAN });
            }
            match cell {
                Cell::Missing => {
                    self.missing[*class as usize] += 1;
                    self.digests.add(0, 0);
                }
                Cell::Word(key) => self.add_word(key, *class, chunk.line(row), text),
                Cell::Value(key) => self.add_value(key, *class),
            }
        }
    }

    fn read(&self, text: &[u8], missing: &[Vec<u8>]) -> Cell {
        if text.is_empty() || (text.len() < 9 && missing.iter().any(|word| word == text)) {
            return Cell::Missing;
        }
        let number = match self.kind {
            Kind::Numeric | Kind::Integer => number(text),
            Kind::Date => date(text),
            Kind::Categorical | Kind::Boolean | Kind::Text | Kind::Multi => return Cell::Value(key_of(text)),
        };
        number.map_or_else(|| Cell::Word(key_of(text)), |number| Cell::Value(number.to_bits()))
    }

    fn add_word(&mut self, key: u64, class: u32, line: u64, text: &[u8]) {
        self.first_word.get_or_insert_with(|| (line, String::from_utf8_lossy(text).into_owned()));
        self.digests.add(key, 1);
        self.words.add(key, class);
        if self.words.len() > self.most {
            self.words.fold(self.most as u64 / 4);
        }
    }

    fn add_value(&mut self, key: u64, class: u32) {
        if let Some(distinct) = &mut self.distinct {
            distinct.add(key);
        }
        if let Some(intervals) = &mut self.intervals {
            intervals.add(f64::from_bits(key), class);
        }
        let counts_values = self.intervals.is_none() || self.kind == Kind::Integer;
        let code = if counts_values { self.values.add(key, class) } else { 0 };
        self.digests.add(key, u64::from(code) + 2);
        let most =
            if self.kind.is_ordered() && self.kind != Kind::Integer { Intervals::EXACT } else { self.most };
        if counts_values && self.values.len() > most {
            self.overflow();
        }
    }

    /// There are too many values to be counted one by one.
    fn overflow(&mut self) {
        let mut distinct = HyperLogLog::default();
        self.values.keys().iter().for_each(|key| distinct.add(*key));
        self.distinct.get_or_insert(distinct);
        if self.kind.is_ordered() && self.intervals.is_none() {
            self.intervals = Some(self.cells());
        }
        if self.kind.is_ordered() && self.kind != Kind::Integer {
            self.values = ValueCounts::new(self.classes);
        } else {
            self.values.fold(self.most as u64 / 4);
        }
    }

    /// A cell for each number, in their order.
    fn cells(&self) -> Intervals {
        let number = |row: usize| (f64::from_bits(self.values.keys()[row]), self.values.row(row));
        let rows: Vec<_> = self.order().into_iter().map(number).collect();
        Intervals::of(self.classes, &rows)
    }

    /// Rows of the values from the least number to the largest, in the order of [`f64::total_cmp`].
    fn order(&self) -> Vec<usize> {
        let rising = |bits: u64| bits as i64 ^ ((bits as i64 >> 63) as u64 >> 1) as i64;
        let keys = self.values.keys().iter().enumerate();
        let mut rows: Vec<(i64, usize)> = keys.map(|(row, key)| (rising(*key), row)).collect();
        rows.sort_unstable();
        rows.into_iter().map(|(_, row)| row).collect()
    }

    pub fn widen(&mut self, classes: usize) {
        self.classes = classes;
        self.values.widen(classes);
        self.words.widen(classes);
        self.missing.resize(classes, 0);
        if let Some(intervals) = &mut self.intervals {
            intervals.widen(classes);
        }
    }

    /// Different values, missing ones not counted; whether that is an estimate.
    pub fn cardinality(&self) -> (f64, bool) {
        let words = self.words.len() as f64;
        match &self.distinct {
            Some(distinct) => (words + distinct.estimate().round(), true),
            None => (words + self.values.len() as f64, false),
        }
    }

    /// Whether it has numbers alone, all of them kept apart.
    pub fn keeps_order(&self) -> bool {
        self.kind.is_ordered() && self.distinct.is_none() && self.words.is_empty()
    }

    /// Order of the numbers, as far as they are kept apart: the row of the least, of the next, and so on.
    pub fn ascending(&self) -> Option<Vec<usize>> {
        self.keeps_order().then(|| self.order())
    }

    /// Values that were met once.
    pub fn singles(&self) -> Option<usize> {
        let once = |row: &[u32]| row.iter().sum::<u32>() == 1;
        let all = self.distinct.is_none();
        all.then(|| self.values.counts().chunks_exact(self.classes).filter(|row| once(row)).count())
    }

    /// The ways to score this column; of whole numbers there may be two, as amounts and as codes.
    pub fn views(&self, bins: usize) -> Vec<(View, Rows<'_>)> {
        let mut views = Vec::new();
        let few = self.distinct.is_none() && self.values.len() <= bins;
        if !self.kind.is_ordered() || self.kind == Kind::Integer || few {
            let view = self.values.buckets().map_or(View::Values, View::Buckets);
            views.push((view, self.rows(self.values.counts().into())));
        }
        if self.kind.is_ordered() && !few {
            let cells = self.intervals.clone().unwrap_or_else(|| self.cells());
            let quantiles = cells.quantiles(bins);
            views.push((View::Bins(quantiles.lows.len()), self.rows(quantiles.counts.into())));
        }
        views
    }

    fn rows<'a>(&'a self, values: std::borrow::Cow<'a, [u32]>) -> Rows<'a> {
        let parts = vec![values, self.words.counts().into(), self.missing.as_slice().into()];
        Rows { classes: self.classes, parts }
    }

    /// Least numbers of the bins of a view that has bins.
    pub fn lows(&self, view: View, bins: usize) -> Option<Vec<f64>> {
        matches!(view, View::Bins(_)).then(|| {
            let cells = self.intervals.clone().unwrap_or_else(|| self.cells());
            cells.quantiles(bins).lows
        })
    }

    /// What tells the cells of a view apart: equal for cells that it counts together (buckets aside).
    pub fn key(&self, lows: Option<&[f64]>, text: &[u8], missing: &[Vec<u8>]) -> u64 {
        match (self.read(text, missing), lows) {
            (Cell::Missing, _) => 0,
            (Cell::Word(key), _) => mix(key) | 1 << 63,
            (Cell::Value(key), None) => mix(key) & !(1 << 63) | 1,
            (Cell::Value(key), Some(lows)) => {
                1 + lows.partition_point(|low| *low <= f64::from_bits(key)) as u64
            }
        }
    }

    /// Cases of each class where the value is missing, and where it is not.
    pub fn presence(&self, classes: &[u64]) -> Vec<Vec<u32>> {
        let present = classes.iter().zip(&self.missing).map(|(all, missing)| *all as u32 - missing);
        vec![self.missing.clone(), present.collect()]
    }
}

/// Counts of a view: values, words among numbers, and what is missing.
pub struct Rows<'a> {
    classes: usize,
    parts: Vec<std::borrow::Cow<'a, [u32]>>,
}

impl Contingency for Rows<'_> {
    fn for_each(&self, visit: &mut dyn FnMut(&[u32])) {
        for part in &self.parts {
            part.chunks_exact(self.classes.max(1)).for_each(&mut *visit);
        }
    }
}
