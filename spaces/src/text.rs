//! What every reader of text says when it cannot go on.

use std::fmt;

/// Where a text stops making sense, and what would make sense there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseError {
    /// Counted from 1; `None` in texts of one line.
    pub line: Option<usize>,
    /// In characters, counted from 1.
    pub column: usize,
    pub expected: String,
    /// What stands there instead.
    pub found: String,
}

impl std::error::Error for ParseError {}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(line) = self.line {
            write!(f, "line {line}, ")?;
        }
        write!(f, "column {}: expected {}, found {}", self.column, self.expected, self.found)
    }
}

/// The shortest text that reads back as the same number.
pub(crate) fn number(value: f64) -> String {
    if value.fract() == 0.0 && value.abs() < 1e15 { format!("{value}") } else { format!("{value:?}") }
}
