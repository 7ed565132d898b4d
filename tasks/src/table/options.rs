//! How a table is to be read, and what becomes of rows that cannot be.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Kind;
use crate::DataError;

/// What to do with a row that breaks the format, or the declared type of a column.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnBadRow {
    #[default]
    Stop,
    Skip,
}

#[derive(Clone, Debug)]
pub struct ReadOptions {
    /// Default: found out from the first lines.
    pub delimiter: Option<u8>,
    /// Whether the first row names the columns. Default: found out.
    pub header: Option<bool>,
    pub on_bad_row: OnBadRow,
    /// Cells that mean "not known", beside empty ones.
    pub missing: Vec<String>,
    /// Types by the names of columns; `*` means all others. Default: found out from the first rows.
    pub types: BTreeMap<String, Kind>,
}

impl ReadOptions {
    pub const MISSING: [&str; 9] = ["NA", "N/A", "NaN", "nan", "NULL", "null", "None", "none", "?"];
}

impl Default for ReadOptions {
    fn default() -> Self {
        Self {
            delimiter: None,
            header: None,
            on_bad_row: OnBadRow::Stop,
            missing: Self::MISSING.map(String::from).to_vec(),
            types: BTreeMap::new(),
        }
    }
}

/// Counts the rows that were passed over, and keeps what was wrong with the first.
#[derive(Clone, Debug, Default)]
pub struct BadRows {
    policy: OnBadRow,
    pub skipped: u64,
    pub first: Option<String>,
}

impl BadRows {
    pub fn new(policy: OnBadRow) -> Self {
        Self { policy, ..Self::default() }
    }

    /// The error, unless such rows are to be passed over.
    pub fn refuse(&mut self, error: DataError) -> Result<(), DataError> {
        if self.policy == OnBadRow::Stop {
            return Err(error);
        }
        self.skipped += 1;
        self.first.get_or_insert_with(|| error.to_string());
        Ok(())
    }
}
