//! Candidates that published tables have a row for.

use crate::Candidate;

/// A candidate that a table of a published benchmark names in some of its columns; so its verdict can be looked up
/// instead of being trained for.
pub trait Tabulated: Candidate {
    /// Columns that name a candidate in its table.
    const COLUMNS: &'static [&'static str];

    /// The candidate that a row names, from the cells of [`Tabulated::COLUMNS`] in that order. The error says which
    /// cell is wrong and why. Different candidates have different cells.
    fn from_row(cells: &[&str]) -> Result<Self, String>;
}
