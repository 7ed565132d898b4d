//! The target of a table as classes: its values, or bins of its numbers.

use std::collections::HashMap;

use super::column::NO_CLASS;
use super::intervals::Intervals;
use crate::table::{Chunk, Kind, Table, date, number};
use crate::{DataError, quote};

/// How cells of the target become numbers of classes.
#[derive(Clone, Debug)]
pub enum Target {
    Names {
        known: HashMap<Vec<u8>, u32>,
        names: Vec<String>,
    },
    /// The least number of each bin.
    Bins {
        kind: Kind,
        lows: Vec<f64>,
    },
    /// Every row is of this class, out of so many.
    Same {
        class: u32,
        classes: usize,
    },
}

/// Most classes of a target: a table of counts has a column for each.
pub const MOST_CLASSES: usize = 256;
/// Different numbers up to which a target of numbers is taken for classes.
const FEW_VALUES: usize = 20;

/// Whether a target is of numbers and not of classes: it has numbers, and many of them. Asked before any row is read.
pub fn is_of_numbers(table: &Table, column: usize) -> bool {
    let is_number = matches!(table.kinds[column], Kind::Numeric | Kind::Integer | Kind::Date);
    is_number && table.values_at_first(column) > FEW_VALUES
}

impl Target {
    pub fn names() -> Self {
        Self::Names { known: HashMap::new(), names: Vec::new() }
    }

    /// Bins of about equally many rows; reads the whole table.
    pub fn bins(table: &mut Table, column: usize, bins: usize) -> Result<Self, DataError> {
        let kind = if table.kinds[column] == Kind::Date { Kind::Date } else { Kind::Numeric };
        let mut intervals = Intervals::of(1, &[]);
        let mut chunk = Chunk::default();
        while table.read(&mut chunk)? {
            for row in 0..chunk.rows() {
                if let Some(value) = value(kind, chunk.cell(row, column)) {
                    intervals.add(value, 0);
                }
            }
        }
        let lows = intervals.quantiles(bins).lows;
        Ok(Self::Bins { kind, lows })
    }

    pub fn classes(&self) -> usize {
        match self {
            Self::Names { names, .. } => names.len(),
            Self::Bins { lows, .. } => lows.len(),
            Self::Same { classes, .. } => *classes,
        }
    }

    /// What the classes are called.
    pub fn labels(&self) -> Vec<String> {
        match self {
            Self::Names { names, .. } => names.clone(),
            Self::Bins { lows, .. } => lows.iter().map(|low| format!("from {low}")).collect(),
            Self::Same { classes, .. } => (0..*classes).map(|class| class.to_string()).collect(),
        }
    }

    /// The class of each row; [`NO_CLASS`] where the target is missing or no number.
    pub fn classify(
        &mut self,
        chunk: &Chunk,
        column: usize,
        table: &Table,
        classes: &mut Vec<u32>,
    ) -> Result<(), DataError> {
        classes.clear();
        for row in 0..chunk.rows() {
            let cell = || chunk.cell(row, column);
            classes.push(match self {
                Self::Same { class, .. } => *class,
                _ if table.is_missing(cell()) => NO_CLASS,
                Self::Bins { kind, lows } => value(*kind, cell()).map_or(NO_CLASS, |value| bin(lows, value)),
                Self::Names { known, names } => class_of(cell(), known, names)
                    .map_err(|what| too_many(table, chunk.line(row), column, &what))?,
            });
        }
        Ok(())
    }
}

fn value(kind: Kind, cell: &[u8]) -> Option<f64> {
    if kind == Kind::Date { date(cell) } else { number(cell) }
}

fn bin(lows: &[f64], value: f64) -> u32 {
    (lows.partition_point(|low| *low <= value).max(1) - 1) as u32
}

fn class_of(cell: &[u8], known: &mut HashMap<Vec<u8>, u32>, names: &mut Vec<String>) -> Result<u32, String> {
    if let Some(class) = known.get(cell) {
        return Ok(*class);
    }
    let name = String::from_utf8_lossy(cell).into_owned();
    if names.len() == MOST_CLASSES {
        return Err(name);
    }
    known.insert(cell.to_vec(), names.len() as u32);
    names.push(name);
    Ok(names.len() as u32 - 1)
}

fn too_many(table: &Table, line: u64, column: usize, class: &str) -> DataError {
    let place = crate::Place { path: table.path.clone(), line, column: None };
    let what = format!(
        "target {} has more than {MOST_CLASSES} classes ({} is one too many); if its values are numbers, declare it numeric",
        quote(&table.names[column]),
        quote(class)
    );
    DataError::Malformed { place, what }
}
