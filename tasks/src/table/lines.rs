//! Lines of a text, one at a time, bounded.

use super::input::Input;
use crate::DataError;

/// Most bytes of a line or a row: 64 MiB.
pub const LONGEST: usize = 1 << 26;

pub struct Lines {
    pub input: Input,
    buffer: Vec<u8>,
    number: u64,
}

impl Lines {
    pub fn new(input: Input) -> Self {
        Self { input, buffer: Vec::new(), number: 0 }
    }

    /// Of the line that was read last, from 1.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// The next line that is not blank, without its end.
    pub fn advance(&mut self) -> Result<Option<&str>, DataError> {
        loop {
            if !self.read()? {
                return Ok(None);
            }
            if !self.buffer.trim_ascii().is_empty() {
                break;
            }
        }
        match str::from_utf8(self.buffer.trim_ascii_end()) {
            Ok(text) => Ok(Some(text)),
            Err(error) => {
                let before = String::from_utf8_lossy(&self.buffer[..error.valid_up_to()]);
                let column = before.chars().count() as u64 + 1;
                Err(self.input.error(self.number, Some(column), "text is not UTF-8; save the file as UTF-8"))
            }
        }
    }

    /// `what` is wrong, so many characters into the line that was read last.
    pub fn error(&self, offset: usize, what: impl Into<String>) -> DataError {
        let before =
            self.buffer.get(..offset).map_or(0, |before| String::from_utf8_lossy(before).chars().count());
        self.input.error(self.number, Some(before as u64 + 1), what)
    }

    fn read(&mut self) -> Result<bool, DataError> {
        self.buffer.clear();
        self.number = self.input.line();
        loop {
            let bytes = self.input.fill()?;
            if bytes.is_empty() {
                return Ok(!self.buffer.is_empty());
            }
            let end = bytes.iter().position(|byte| *byte == b'\n');
            let count = end.map_or(bytes.len(), |end| end + 1);
            self.buffer.extend_from_slice(&bytes[..count]);
            self.input.consume(count);
            if self.buffer.len() > LONGEST {
                return Err(self.input.error(
                    self.number,
                    None,
                    "line longer than 64 MiB; is this the right format?",
                ));
            }
            if end.is_some() {
                return Ok(true);
            }
        }
    }
}

/// The words of a line, and how many bytes into it each begins.
pub fn words(line: &str) -> impl Iterator<Item = (usize, &str)> {
    line.split_ascii_whitespace().map(|word| (word.as_ptr() as usize - line.as_ptr() as usize, word))
}
