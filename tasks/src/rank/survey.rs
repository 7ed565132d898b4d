//! One pass over a table: every column counts against the classes of the target.

use super::column::{Column, NO_CLASS};
use super::digest::Digests;
use super::target::Target;
use crate::DataError;
use crate::table::{Chunk, Table};

/// What is counted of a table. A chunk is first classified, then absorbed by every column, in any order.
pub struct Survey {
    pub target: Target,
    /// Of the target, in the table.
    pub at: usize,
    /// Columns that are counted, with their places in the table.
    pub columns: Vec<(usize, Column)>,
    /// Rows of each class.
    pub classes: Vec<u64>,
    /// Rows whose target is missing; nothing else of them is counted.
    pub unlabeled: u64,
    /// Copies of the target are recognized by these.
    pub digests: Digests,
    missing: Vec<Vec<u8>>,
    of_chunk: Vec<u32>,
}

/// The columns, and what each of them needs of the chunk that was classified last.
pub struct Parts<'a> {
    pub columns: &'a mut [(usize, Column)],
    /// Of each row.
    pub classes: &'a [u32],
    /// Words for what is not known.
    pub missing: &'a [Vec<u8>],
}

impl Survey {
    /// `ignored` columns are not counted. `memory` bounds, in bytes, what all the counts take together.
    pub fn new(table: &Table, target: Target, at: usize, ignored: &[usize], memory: u64) -> Self {
        let classes = target.classes().max(2);
        let places: Vec<usize> =
            (0..table.names.len()).filter(|place| *place != at && !ignored.contains(place)).collect();
        // Key, slots, counts, and the room of growing.
        let value = 2 * (8 + 8 + 4 * classes as u64);
        let most = memory / places.len().max(1) as u64 / value;
        let column = |place: &usize| (*place, Column::new(table.kinds[*place], classes, most as usize));
        Self {
            columns: places.iter().map(column).collect(),
            classes: vec![0; classes],
            unlabeled: 0,
            digests: Digests::default(),
            missing: table.missing().to_vec(),
            of_chunk: Vec::new(),
            target,
            at,
        }
    }

    /// Finds the classes of the rows of a chunk.
    pub fn classify(&mut self, chunk: &Chunk, table: &Table) -> Result<(), DataError> {
        self.target.classify(chunk, self.at, table, &mut self.of_chunk)?;
        let classes = self.target.classes();
        if classes > self.classes.len() {
            self.classes.resize(classes, 0);
            self.columns.iter_mut().for_each(|(_, column)| column.widen(classes));
        }
        for class in &self.of_chunk {
            match *class {
                NO_CLASS => self.unlabeled += 1,
                class => {
                    self.classes[class as usize] += 1;
                    self.digests.add(0, u64::from(class) + 2);
                }
            }
        }
        Ok(())
    }

    /// The classes of the rows of a chunk that was counted before; nothing is counted.
    pub fn classes_of(&mut self, chunk: &Chunk, table: &Table) -> Result<Vec<u32>, DataError> {
        let mut classes = Vec::new();
        self.target.classify(chunk, self.at, table, &mut classes)?;
        Ok(classes)
    }

    /// A place in the table, and that among the columns that are counted. Panics if that column is not.
    pub fn place(&self, in_table: usize) -> (usize, usize) {
        let found = self.columns.iter().position(|(place, _)| *place == in_table);
        (in_table, found.expect("the column is counted"))
    }

    /// The columns, and what each of them needs beside the chunk that was classified last.
    pub fn parts(&mut self) -> Parts<'_> {
        Parts { columns: &mut self.columns, classes: &self.of_chunk, missing: &self.missing }
    }

    /// Counts the chunk that was classified last, one column after the other.
    pub fn absorb(&mut self, chunk: &Chunk) {
        let Parts { columns, classes, missing } = self.parts();
        for (place, column) in columns {
            column.absorb(chunk, *place, classes, missing);
        }
    }

    pub fn rows(&self) -> u64 {
        self.classes.iter().sum()
    }

    /// Whether two columns hold the same up to the names of their values; both count every value by itself.
    pub fn are_renamed(a: &Column, b: &Column) -> bool {
        let exact = |column: &Column| !column.cardinality().1 && column.first_word.is_none();
        exact(a) && exact(b) && a.digests.renamed == b.digests.renamed
    }
}
