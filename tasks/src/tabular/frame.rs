//! A table in memory: columns that are read, a target, and what rows may be split by.

use std::fmt;
use std::str::FromStr;

use hashing::{Digest, KeyWriter, Keyed};
use serde::{Deserialize, Serialize};

use crate::table::Kind;

/// What the target of a table is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Goal {
    /// A class.
    Classification,
    /// A number.
    Regression,
}

/// Rows whose target is known, unless they are to be predicted.
#[derive(Clone, Debug, PartialEq)]
pub struct Frame {
    /// In the order of the table.
    pub columns: Vec<Column>,
    pub target: Target,
    pub keys: Keys,
    /// Rows that were left out because their target is not known.
    pub unlabeled: u64,
    /// Rows that break the format and were passed over, and what was wrong with the first.
    pub skipped: (u64, Option<String>),
}

#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    pub name: String,
    pub kind: Kind,
    pub cells: Cells,
}

/// A cell a row.
#[derive(Clone, Debug, PartialEq)]
pub enum Cells {
    /// NaN where the number is not known. Days and moments are seconds.
    Numbers(Vec<f64>),
    /// Codes are indices into the names, in the order of their first row; [`MISSING`] where the word is not known.
    Words { names: Vec<String>, codes: Vec<u32> },
}

/// Code of a word that is not known.
pub const MISSING: u32 = u32::MAX;

#[derive(Clone, Debug, PartialEq)]
pub enum Target {
    /// Labels are indices into the classes, which are sorted; [`MISSING`] where rows are to be predicted.
    Classes { names: Vec<String>, labels: Vec<u32> },
    /// NaN where rows are to be predicted.
    Numbers(Vec<f64>),
}

/// What rows are split by, beside chance: one a row.
#[derive(Clone, Debug, PartialEq)]
pub enum Keys {
    None,
    /// Rows of one number stay together.
    Groups(Vec<u32>),
    /// What is later is held back.
    Times(Vec<f64>),
}

impl Frame {
    pub fn rows(&self) -> usize {
        match &self.target {
            Target::Classes { labels, .. } => labels.len(),
            Target::Numbers(numbers) => numbers.len(),
        }
    }

    /// Of the columns that are there, the target and the keys: a column that is left out counts no more than one that is
    /// not in the file.
    pub fn fingerprint(&self) -> Digest {
        self.digest("fecund table v1")
    }

    /// Names of the columns.
    pub fn names(&self) -> Vec<String> {
        self.columns.iter().map(|column| column.name.clone()).collect()
    }
}

impl Target {
    /// Classes, or 1 for a number.
    pub fn outputs(&self) -> usize {
        match self {
            Self::Classes { names, .. } => names.len(),
            Self::Numbers(_) => 1,
        }
    }

    pub fn classes(&self) -> &[String] {
        match self {
            Self::Classes { names, .. } => names,
            Self::Numbers(_) => &[],
        }
    }

    pub fn is_known(&self, row: usize) -> bool {
        match self {
            Self::Classes { labels, .. } => labels[row] != MISSING,
            Self::Numbers(numbers) => !numbers[row].is_nan(),
        }
    }
}

impl Keyed for Frame {
    fn write_key(&self, out: &mut KeyWriter) {
        out.list(&self.columns, |out, column| {
            out.text(&column.name);
            out.text(column.kind.name());
            match &column.cells {
                Cells::Numbers(numbers) => write_numbers(numbers, out),
                Cells::Words { names, codes } => write_words(names, codes, out),
            }
        });
        match &self.target {
            Target::Numbers(numbers) => write_numbers(numbers, out),
            Target::Classes { names, labels } => write_words(names, labels, out),
        }
        match &self.keys {
            Keys::None => out.text("no keys"),
            Keys::Groups(groups) => write_words(&[], groups, out),
            Keys::Times(times) => write_numbers(times, out),
        }
    }
}

fn write_numbers(numbers: &[f64], out: &mut KeyWriter) {
    out.list(numbers, |out, number| out.f64(*number));
}

fn write_words(names: &[String], codes: &[u32], out: &mut KeyWriter) {
    out.list(names, |out, name| out.text(name));
    out.list(codes, |out, code| out.u64(u64::from(*code)));
}

impl fmt::Display for Goal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Classification => "classification",
            Self::Regression => "regression",
        })
    }
}

impl FromStr for Goal {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "classification" => Ok(Self::Classification),
            "regression" => Ok(Self::Regression),
            _ => Err(format!("no task {}; known: classification, regression", crate::quote(text))),
        }
    }
}
