//! What is wrong with a line, before it is known which line that is.

/// A message, with the column (in characters, from 1) where there is one.
#[derive(Debug)]
pub(super) struct Fault {
    pub column: Option<u64>,
    pub what: String,
}

impl Fault {
    /// About the line as a whole.
    pub fn new(what: impl Into<String>) -> Self {
        Self { column: None, what: what.into() }
    }

    /// About the piece of `line` that begins `offset` bytes into it.
    pub fn at(line: &str, offset: usize, what: impl Into<String>) -> Self {
        let before = line.char_indices().take_while(|(position, _)| *position < offset).count();
        Self { column: Some(before as u64 + 1), what: what.into() }
    }
}
