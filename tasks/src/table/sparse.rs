//! Rows that name their columns: a first pass collects the names, a second reads the rows.

use std::collections::HashMap;

use super::Chunk;
use crate::quote;

/// Most columns of a file whose rows name them.
pub const MOST: usize = 100_000;

/// Names in the order in which they were met.
#[derive(Default)]
pub struct Names {
    places: HashMap<String, usize>,
    pub list: Vec<String>,
}

impl Names {
    /// Adds a name, if it is new.
    pub fn meet(&mut self, name: &str) -> Result<(), String> {
        if self.places.contains_key(name) {
            return Ok(());
        }
        if self.list.len() == MOST {
            return Err(format!("column {} is one too many; at most {MOST} are read", quote(name)));
        }
        self.places.insert(name.to_string(), self.list.len());
        self.list.push(name.to_string());
        Ok(())
    }

    pub fn place(&self, name: &str) -> Option<usize> {
        self.places.get(name).copied()
    }
}

/// The cells of one row, set in any order.
pub struct Row {
    cells: Vec<Vec<u8>>,
    set: Vec<usize>,
    /// What stands in cells that are not set.
    absent: &'static [u8],
}

impl Row {
    pub fn new(columns: usize, absent: &'static [u8]) -> Self {
        Self { cells: vec![Vec::new(); columns], set: Vec::new(), absent }
    }

    /// The cell, to be written to.
    pub fn cell(&mut self, column: usize) -> &mut Vec<u8> {
        self.set.push(column);
        &mut self.cells[column]
    }

    /// Moves the row into the chunk.
    pub fn finish(&mut self, line: u64, chunk: &mut Chunk) {
        let cells = self.cells.iter();
        chunk.push(line, cells.map(|cell| if cell.is_empty() { self.absent } else { cell.as_slice() }));
        self.clear();
    }

    pub fn clear(&mut self) {
        for column in self.set.drain(..) {
            self.cells[column].clear();
        }
    }
}
