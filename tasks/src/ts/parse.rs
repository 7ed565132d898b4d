//! A whole `.ts` file: opened, unpacked, header and cases joined.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use flate2::bufread::MultiGzDecoder;

use super::case::CaseReader;
use super::fault::Fault;
use super::header::Header;
use super::lines::{Limits, Lines};
use crate::locate::Name;
use crate::{Case, DataError, Sequences};

/// Reads the file at `path`, with labels and channels as in `like` if that is given.
pub(crate) fn read(path: &Path, like: Option<&Sequences>) -> Result<Sequences, DataError> {
    let name = Name::of(path)?;
    let unreadable = |source| DataError::Unreadable { path: path.to_path_buf(), source };
    let file = BufReader::new(File::open(path).map_err(unreadable)?);
    let mut data = if name.compressed {
        let text = BufReader::new(MultiGzDecoder::new(file));
        parse(Lines::new(path.to_path_buf(), text, true, Limits::default()), like, Room::default())?
    } else {
        parse(Lines::new(path.to_path_buf(), file, false, Limits::default()), like, Room::default())?
    };
    if data.name.is_empty() {
        data.name = name.stem.to_string();
    }
    Ok(data)
}

/// How much is kept in memory before giving up: text of two bytes becomes a number of eight.
#[derive(Clone, Copy, Debug)]
struct Room {
    /// Default: 268 million, 2 GiB. The largest problem of the UEA archive has 150 million.
    values: usize,
    /// Default: 16.8 million.
    cases: usize,
}

impl Default for Room {
    fn default() -> Self {
        Self { values: 1 << 28, cases: 1 << 24 }
    }
}

impl Room {
    /// What is left behind a case.
    fn after(self, case: &Case) -> Result<Self, Fault> {
        let left = self.values.checked_sub(case.values.len()).zip(self.cases.checked_sub(1));
        let full =
            || Fault::new("too many cases or values to keep in memory; take fewer cases or shorter series");
        left.map(|(values, cases)| Self { values, cases }).ok_or_else(full)
    }
}

/// The data in `lines`; its name is empty if the header gives none.
fn parse<R: BufRead>(
    mut lines: Lines<R>,
    like: Option<&Sequences>,
    mut room: Room,
) -> Result<Sequences, DataError> {
    let header = read_header(&mut lines)?;
    let mut reader = CaseReader::new(&header, like);
    let mut cases = Vec::new();
    while let Some(line) = lines.advance()? {
        match reader.read(line).and_then(|case| Ok((room.after(&case)?, case))) {
            Ok((left, case)) => {
                room = left;
                cases.push(case);
            }
            Err(fault) => return Err(lines.error(fault)),
        }
    }
    if cases.is_empty() {
        return Err(
            lines.error(Fault::new("no case after `@data`; the file may be cut short, fetch it again"))
        );
    }
    let channels = reader.channels();
    let classes = like.map_or(&header.classes, |like| &like.classes).clone();
    Ok(Sequences { name: header.name.unwrap_or_default(), channels, classes, cases })
}

/// The header up to `@data`.
fn read_header<R: BufRead>(lines: &mut Lines<R>) -> Result<Header, DataError> {
    let mut header = Header::default();
    while let Some(line) = lines.advance()? {
        match header.take(line) {
            Ok(true) => return Ok(header),
            Ok(false) => {}
            Err(fault) => return Err(lines.error(fault)),
        }
    }
    let what = if lines.is_empty() {
        "file is empty; give a .ts file with a header, `@data` and cases"
    } else {
        "no `@data` line; put it between the header and the first case"
    };
    Err(lines.error(Fault::new(what)))
}

#[cfg(test)]
mod tests {
    use hashing::Rng;

    use super::*;

    const VALID: &str = "# made up\n@problemName Two\n@timeStamps false\n@missing false\n@univariate false\n\
                         @dimensions 2\n@equalLength false\n@classLabel true a b\n@data\n\
                         1,2.5,-3e-2:4,5,6:a\n\n# between\n7,8:9,10:b\n-1:1:a\n";

    fn text(bytes: &[u8]) -> Result<Sequences, DataError> {
        text_in(bytes, Room::default())
    }

    fn text_in(bytes: &[u8], room: Room) -> Result<Sequences, DataError> {
        parse(Lines::new("x.ts".into(), bytes, false, Limits::default()), None, room)
    }

    #[test]
    fn a_valid_file_is_read() {
        let data = text(VALID.as_bytes()).unwrap();
        assert_eq!((data.name.as_str(), data.channels, data.cases.len()), ("Two", 2, 3));
        assert_eq!(data.labels(), [0, 1, 0]);
        assert_eq!(text(VALID.replace('\n', "\r\n").as_bytes()).unwrap(), data);
    }

    #[test]
    fn more_than_there_is_room_for_is_refused() {
        let error =
            |values, cases| text_in(VALID.as_bytes(), Room { values, cases }).unwrap_err().to_string();
        assert!(text_in(VALID.as_bytes(), Room { values: 12, cases: 3 }).is_ok());
        assert!(error(11, 3).starts_with("x.ts:14: too many cases or values"), "{}", error(11, 3));
        assert!(error(12, 2).starts_with("x.ts:14: too many cases or values"), "{}", error(12, 2));
    }

    #[test]
    fn each_incomplete_file_says_what_it_lacks() {
        let bad = [
            ("", "x.ts:1: file is empty; give"),
            ("\n\n", "x.ts:2: no `@data` line; put it"),
            ("# only a comment", "x.ts:1: no `@data` line"),
            ("@problemName x\n@classLabel true a\n", "x.ts:2: no `@data` line"),
            (
                "@classLabel true a\n1,2:a\n",
                "x.ts:2: `1,2:a` is neither a header line nor a comment; put `@data`",
            ),
            ("@classLabel true a\n@data\n", "x.ts:2: no case after `@data`"),
            ("@problemName x\n@data\n1:a\n", "x.ts:2: no `@classLabel` before `@data`"),
            ("time,value\n0,1\n", "x.ts:1: `time,value` is neither"),
            ("@classLabel true a\n@data\n1:a\n@data\n", "x.ts:4: no class at the end"),
            ("@classLabel true a\n@data\n1,?:a\n", "x.ts:3:3: value 2 of dimension 1 is missing (`?`)"),
            ("@targetlabel true\n@data\n1:0.5\n", "x.ts:1: regression targets are not supported"),
        ];
        for (file, expected) in bad {
            let error = text(file.as_bytes()).unwrap_err().to_string();
            assert!(error.starts_with(expected), "{file:?}: {error}");
            assert!(!error.ends_with('.'), "{error}");
        }
    }

    #[test]
    fn random_bytes_never_panic() {
        let mut rng = Rng::named(1, "bytes", 0);
        for _ in 0..2_000 {
            let bytes: Vec<u8> = (0..rng.below(200)).map(|_| rng.next_u64() as u8).collect();
            assert!(text(&bytes).is_err());
        }
    }

    #[test]
    fn mutated_files_never_panic_and_what_is_read_is_whole() {
        let pieces: [&[u8]; 12] = [
            b":",
            b",",
            b"@data",
            b"\n",
            b"?",
            b"\xff",
            b"-",
            b"1e999",
            b"true",
            b"\x00",
            b"#",
            "é".as_bytes(),
        ];
        let (mut rng, mut read) = (Rng::named(2, "mutations", 0), 0);
        for _ in 0..20_000 {
            let mut bytes = VALID.as_bytes().to_vec();
            for _ in 0..=rng.below(3) {
                mutate(&mut bytes, pieces[rng.below(pieces.len())], &mut rng);
            }
            let Ok(data) = text(&bytes) else { continue };
            read += 1;
            assert!(!data.cases.is_empty() && data.channels > 0);
            for case in &data.cases {
                assert!(case.length > 0 && case.values.len() == case.length * data.channels);
                assert!(case.label < data.classes.len() && case.values.iter().all(|value| value.is_finite()));
            }
        }
        assert!(read > 500, "{read}");
    }

    /// Replaces up to four bytes somewhere by `piece`, or cuts the rest off.
    fn mutate(bytes: &mut Vec<u8>, piece: &[u8], rng: &mut Rng) {
        let at = rng.below(bytes.len() + 1);
        let end = bytes.len().min(at + rng.below(5));
        if rng.chance(0.1) {
            bytes.truncate(at);
        } else {
            bytes.splice(at..end, piece.iter().copied());
        }
    }

    #[test]
    fn announced_sizes_cost_nothing() {
        let huge = u64::MAX.to_string();
        let file = format!("@dimensions {huge}\n@seriesLength {huge}\n@classLabel true a\n@data\n1:a\n");
        assert!(text(file.as_bytes()).unwrap_err().to_string().contains("1 dimension where the header says"));
    }
}
