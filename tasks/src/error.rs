//! What is wrong with a data set, where, and what to do about it.

use std::fmt;
use std::io;
use std::path::PathBuf;

/// Why data cannot be used. Each message names the thing and the remedy.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// The operating system would not give the file.
    #[error("{}: {}; check the path and its permissions", path.display(), cause(source))]
    Unreadable { path: PathBuf, source: io::Error },
    /// A gzip stream that is cut short or altered; `line` is the first one that is not whole.
    #[error("{}:{line}: gzip stream cut short or damaged ({}); fetch the file again", path.display(), cause(source))]
    Damaged { path: PathBuf, line: u64, source: io::Error },
    /// A place in the file that breaks the format, or uses a part of it that is not supported.
    #[error("{place}: {what}")]
    Malformed { place: Place, what: String },
    /// No such data at this path, or more than one data set.
    #[error("{}: {what}", path.display())]
    NotLocated { path: PathBuf, what: String },
    /// A table lacks a column that it was asked for.
    #[error("{}: no column `{column}`; the columns are: {}", path.display(), known.join(", "))]
    NoColumn { path: PathBuf, column: String, known: Vec<String> },
    /// `.ts` files have one target.
    #[error("unknown target `{0}`: a .ts file has one target, `class`; name that one or none")]
    UnknownTarget(String),
    /// Not a share between 0 and 1, nor a number of folds.
    #[error("validation `{given}`: {what}; give a share such as 0.2 or a number of folds such as kfold:5")]
    Validation { given: String, what: String },
    /// The labels do not allow a split.
    #[error("no validation split: {0}")]
    Split(String),
    /// A problem that cannot be made so small.
    #[error("no problem: {0}")]
    Size(String),
}

/// A place in a file. Lines and columns are counted from 1, columns in characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    pub path: PathBuf,
    pub line: u64,
    pub column: Option<u64>,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.path.display(), self.line)?;
        self.column.map_or(Ok(()), |column| write!(f, ":{column}"))
    }
}

/// What the operating system said, in the voice of our messages.
fn cause(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "no such file".to_string(),
        io::ErrorKind::PermissionDenied => "permission denied".to_string(),
        io::ErrorKind::IsADirectory => "is a folder, not a file".to_string(),
        io::ErrorKind::UnexpectedEof => "unexpected end".to_string(),
        _ => error.to_string().to_lowercase(),
    }
}

/// `text`, quoted, and cut where it is too long to show.
pub fn quote(text: &str) -> String {
    const SHOWN: usize = 40;
    let tail = if text.chars().nth(SHOWN).is_some() { "…" } else { "" };
    let head: String =
        text.chars().take(SHOWN).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
    format!("`{head}{tail}`")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_reads_like_a_compiler_message() {
        let mut place = Place { path: "a.ts".into(), line: 3, column: None };
        assert_eq!(place.to_string(), "a.ts:3");
        place.column = Some(7);
        assert_eq!(place.to_string(), "a.ts:3:7");
    }

    #[test]
    fn long_and_unprintable_text_is_shown_safely() {
        assert_eq!(quote("a b"), "`a b`");
        assert_eq!(quote("\u{1b}[31m"), "`\u{fffd}[31m`");
        assert_eq!(quote(&"é".repeat(41)), format!("`{}…`", "é".repeat(40)));
    }
}
