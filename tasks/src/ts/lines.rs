//! Lines of an untrusted text, one at a time: bounded, decoded, without blanks and comments.

use std::io::{BufRead, Read};
use std::path::PathBuf;

use super::fault::Fault;
use crate::{DataError, Place};

/// How much text is read before giving up, in bytes after decompression.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Default: 64 MiB. The longest lines of the UEA archive have a few.
    pub line: u64,
    /// Default: 4 GiB.
    pub total: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { line: 1 << 26, total: 1 << 32 }
    }
}

/// A cursor over the lines that carry something.
pub(super) struct Lines<R> {
    path: PathBuf,
    reader: R,
    compressed: bool,
    limits: Limits,
    buffer: Vec<u8>,
    number: u64,
    total: u64,
}

impl<R: BufRead> Lines<R> {
    /// `path` is for messages; `compressed` says that a failing `reader` means a damaged gzip stream.
    pub fn new(path: PathBuf, reader: R, compressed: bool, limits: Limits) -> Self {
        Self { path, reader, compressed, limits, buffer: Vec::new(), number: 0, total: 0 }
    }

    /// The next line that is neither blank nor a comment, without its end; `None` after the last. Comments begin
    /// with `#` or, in some archive files, `%`. They may be in any encoding; everything else must be UTF-8.
    pub fn advance(&mut self) -> Result<Option<&str>, DataError> {
        loop {
            if !self.fill()? {
                return Ok(None);
            }
            if !matches!(self.buffer.trim_ascii_start().first(), None | Some(b'#' | b'%')) {
                break;
            }
        }
        match std::str::from_utf8(&self.buffer) {
            Ok(text) => Ok(Some(text.trim_end())),
            Err(error) => Err(self.error(self.undecodable(error.valid_up_to()))),
        }
    }

    /// `fault`, on the line that was read last (on the first, where none was).
    pub fn error(&self, fault: Fault) -> DataError {
        let place = Place { path: self.path.clone(), line: self.number.max(1), column: fault.column };
        DataError::Malformed { place, what: fault.what }
    }

    /// Whether the file holds no line at all, as far as was read.
    pub fn is_empty(&self) -> bool {
        self.number == 0
    }

    /// Reads one line of whatever kind into the buffer; false at the end.
    fn fill(&mut self) -> Result<bool, DataError> {
        self.buffer.clear();
        let mut bounded = (&mut self.reader).take(self.limits.line.saturating_add(1));
        let count = bounded.read_until(b'\n', &mut self.buffer).map_err(|source| self.failed(source))?;
        if count == 0 {
            return Ok(false);
        }
        self.number += 1;
        self.total = self.total.saturating_add(count as u64);
        self.check_limits(count as u64)?;
        if self.number == 1 && self.buffer.starts_with(b"\xef\xbb\xbf") {
            self.buffer.drain(..3);
        }
        Ok(true)
    }

    fn check_limits(&self, count: u64) -> Result<(), DataError> {
        let Limits { line, total } = self.limits;
        if count > line {
            return Err(
                self.error(Fault::new(format!("line longer than {line} bytes; break long series up")))
            );
        }
        if self.total > total {
            let what = format!("more than {total} bytes of text; take fewer cases or shorter series");
            return Err(self.error(Fault::new(what)));
        }
        Ok(())
    }

    fn undecodable(&self, valid: usize) -> Fault {
        let before = String::from_utf8_lossy(&self.buffer[..valid]);
        Fault::at(
            &before,
            valid,
            "text is not UTF-8; save the file as UTF-8, without compression if it ends in .ts",
        )
    }

    fn failed(&self, source: std::io::Error) -> DataError {
        let path = self.path.clone();
        if self.compressed {
            DataError::Damaged { path, line: self.number + 1, source }
        } else {
            DataError::Unreadable { path, source }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(bytes: &[u8], limits: Limits) -> Result<Vec<String>, String> {
        let mut lines = Lines::new("x.ts".into(), bytes, false, limits);
        let mut seen = Vec::new();
        while let Some(line) = lines.advance().map_err(|error| error.to_string())? {
            seen.push(line.to_string());
        }
        Ok(seen)
    }

    #[test]
    fn blanks_comments_line_ends_and_a_byte_order_mark_are_dropped() {
        let text = b"\xef\xbb\xbf@a\r\n\n  \t\n # caf\xe9\n%# c\n b \nlast";
        assert_eq!(all(text, Limits::default()).unwrap(), ["@a", " b", "last"]);
    }

    #[test]
    fn bytes_that_are_not_utf8_have_an_address() {
        let error = all("@a\né\u{e9}".as_bytes(), Limits::default()).unwrap();
        assert_eq!(error, ["@a", "éé"]);
        let error = all(b"@a\n\xc3\xa9\xe9 b", Limits::default()).unwrap_err();
        assert!(error.starts_with("x.ts:2:2: text is not UTF-8"), "{error}");
    }

    #[test]
    fn endless_lines_and_endless_files_are_cut() {
        let limits = Limits { line: 4, total: 10 };
        assert_eq!(all(b"abc\nabc\n", limits).unwrap().len(), 2);
        assert!(all(b"ab\nabcde\n", limits).unwrap_err().starts_with("x.ts:2: line longer than 4 bytes"));
        assert!(all(b"abc\nabc\nabc\n", limits).unwrap_err().starts_with("x.ts:3: more than 10 bytes"));
    }
}
