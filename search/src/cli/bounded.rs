//! Text of files that may come from anywhere: read up to a length, and no further.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// No file of a run, and no list of candidates, is longer: 256 MiB.
const LONGEST: u64 = 1 << 28;

pub fn read_text(path: &Path) -> io::Result<String> {
    read_from(File::open(path)?)
}

pub fn read_from(input: impl Read) -> io::Result<String> {
    text(input, LONGEST)
}

fn text(input: impl Read, longest: u64) -> io::Result<String> {
    let mut text = String::new();
    input.take(longest + 1).read_to_string(&mut text)?;
    if text.len() as u64 > longest {
        return Err(io::Error::other(format!("it is longer than {longest} bytes; give less at a time")));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_long_is_not_read_to_its_end() {
        assert_eq!(text(&b"1234"[..], 4).unwrap(), "1234");
        let error = text(io::repeat(b'x'), 4).unwrap_err().to_string();
        assert_eq!(error, "it is longer than 4 bytes; give less at a time");
    }
}
