//! A published table: a CSV file, plain or gzipped, with one row for each candidate.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

use csv::StringRecord;
use flate2::bufread::MultiGzDecoder;
use hashing::{Digest, KeyWriter};
use spaces::Tabulated;
use tasks::{DataError, Place, quote};

/// Text that is read before giving up, in bytes after decompression: a small file may unpack to any size.
const MOST_TEXT: u64 = 1 << 30;
/// Published tables have a few; some have one for each epoch.
const MOST_COLUMNS: usize = 1 << 14;

/// Candidates and their numbers. The columns of [`Tabulated::COLUMNS`] name the candidate; of the others, those that
/// hold a finite number in every row are kept.
#[derive(Clone, Debug)]
pub struct Table<C> {
    path: PathBuf,
    columns: Vec<String>,
    rows: Vec<Row<C>>,
}

#[derive(Clone, Debug)]
struct Row<C> {
    candidate: C,
    /// In the file, from 1.
    line: u64,
    /// One for each column.
    values: Vec<f64>,
}

impl<C: Tabulated> Table<C> {
    /// Reads a file with a header. Each column of `asked` must be there and hold numbers only; of the others, those
    /// with a cell that is no finite number are left out. Errors name the file, the line, the column and the remedy:
    /// a column that is missing, a cell that is no number, a row that names no candidate or one that another row
    /// names, a file without rows, a damaged gzip stream, more than 1 GiB of text or 16,384 columns.
    pub fn read(path: &Path, asked: &[&str]) -> Result<Self, DataError> {
        let reading = Reading { path, compressed: path.extension().is_some_and(|end| end == "gz"), line: 1 };
        reading.read(asked)
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Columns of numbers, in the order of the file.
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// Number of rows; at least 1.
    #[expect(clippy::len_without_is_empty, reason = "a table without rows cannot be read")]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    pub fn candidates(&self) -> impl ExactSizeIterator<Item = &C> {
        self.rows.iter().map(|row| &row.candidate)
    }

    /// Numbers of a row, one for each column, and its line in the file. Panics if there is no such row.
    pub fn row(&self, index: usize) -> (&[f64], u64) {
        (&self.rows[index].values, self.rows[index].line)
    }

    /// Identifies the content: columns of numbers and, row by row, the candidate and its numbers. The name of the
    /// file, its compression, and columns that hold no numbers do not count.
    pub fn fingerprint(&self) -> Digest {
        let mut out = KeyWriter::new("fecund table v1");
        out.list(&self.columns, |out, column| out.text(column));
        out.list(&self.rows, |out, row| {
            row.candidate.write_key(out);
            out.list(&row.values, |out, value| out.f64(*value));
        });
        out.finish()
    }
}

/// A file that is being read, as far as messages name it.
struct Reading<'a> {
    path: &'a Path,
    compressed: bool,
    /// Of the row that was begun last.
    line: u64,
}

/// A column that is no name: its place in a row, and its numbers as long as there are only numbers.
struct Column {
    name: String,
    at: usize,
    asked: bool,
    values: Option<Vec<f64>>,
}

impl Reading<'_> {
    fn read<C: Tabulated>(mut self, asked: &[&str]) -> Result<Table<C>, DataError> {
        let mut reader =
            csv::ReaderBuilder::new().from_reader(Bounded { inner: self.open()?, left: MOST_TEXT });
        let header = reader.headers().map_err(|error| self.broken(error))?.clone();
        let names = self.names::<C>(&header)?;
        let mut columns = self.columns(&header, &names, asked)?;
        let (mut candidates, mut lines): (Vec<(C, u64)>, HashMap<Digest, u64>) = Default::default();
        let mut record = StringRecord::new();
        while reader.read_record(&mut record).map_err(|error| self.broken(error))? {
            self.line = record.position().map_or(self.line + 1, csv::Position::line);
            let cells: Vec<&str> = names.iter().map(|at| record.get(*at).unwrap_or_default()).collect();
            let candidate = C::from_row(&cells).map_err(|what| self.malformed(what))?;
            if let Some(first) = lines.insert(candidate.digest(super::evaluator::WRITTEN), self.line) {
                return Err(
                    self.malformed(format!("the candidate of line {first} again; keep one of the two rows"))
                );
            }
            candidates.push((candidate, self.line));
            columns.iter_mut().try_for_each(|column| self.take(column, &record))?;
        }
        if candidates.is_empty() {
            return Err(
                self.malformed("no rows behind the header; give a table with a row for each candidate")
            );
        }
        Ok(table(self.path, candidates, columns))
    }

    fn open(&self) -> Result<Box<dyn Read>, DataError> {
        let unreadable = |source| DataError::Unreadable { path: self.path.to_path_buf(), source };
        // A folder opens, and fails at the first byte.
        let file = File::open(self.path).map_err(unreadable)?;
        if file.metadata().map_err(unreadable)?.is_dir() {
            return Err(unreadable(io::ErrorKind::IsADirectory.into()));
        }
        let file = BufReader::new(file);
        Ok(if self.compressed { Box::new(MultiGzDecoder::new(file)) } else { Box::new(file) })
    }

    /// Places of the columns that name a candidate.
    fn names<C: Tabulated>(&self, header: &StringRecord) -> Result<Vec<usize>, DataError> {
        if header.is_empty() {
            return Err(
                self.malformed("nothing in it; give a table with a header and a row for each candidate")
            );
        }
        if header.len() > MOST_COLUMNS {
            return Err(self.malformed(format!("more than {MOST_COLUMNS} columns; leave some out")));
        }
        let mut seen = HashSet::new();
        if let Some(twice) = header.iter().map(str::trim).find(|name| !seen.insert(*name)) {
            return Err(self.malformed(format!("two columns are called {}; rename one", quote(twice))));
        }
        let place = |column: &&str| header.iter().position(|name| name.trim() == *column);
        let find = |column| {
            place(column).ok_or_else(|| {
                let needed = C::COLUMNS.join(", ");
                let there: Vec<_> = header.iter().map(str::trim).collect();
                let what = format!(
                    "no column `{column}`; a candidate is named by {needed}; the columns are: {}",
                    there.join(", ")
                );
                self.malformed(what)
            })
        };
        C::COLUMNS.iter().map(find).collect()
    }

    /// The other columns, once it is sure that those asked for are among them.
    fn columns(
        &self,
        header: &StringRecord,
        names: &[usize],
        asked: &[&str],
    ) -> Result<Vec<Column>, DataError> {
        let others = header.iter().enumerate().filter(|(at, _)| !names.contains(at));
        let column = |(at, name): (usize, &str)| Column {
            name: name.trim().into(),
            at,
            asked: asked.contains(&name.trim()),
            values: Some(Vec::new()),
        };
        let columns: Vec<Column> = others.map(column).collect();
        match asked.iter().find(|asked| columns.iter().all(|column| column.name != **asked)) {
            None => Ok(columns),
            Some(missing) => Err(DataError::NoColumn {
                path: self.path.to_path_buf(),
                column: missing.to_string(),
                known: columns.into_iter().map(|column| column.name).collect(),
            }),
        }
    }

    /// Adds a row's number to a column; a column that was not asked for is given up at its first cell without one.
    fn take(&self, column: &mut Column, record: &StringRecord) -> Result<(), DataError> {
        let Some(values) = &mut column.values else { return Ok(()) };
        let cell = record.get(column.at).unwrap_or_default().trim();
        match cell.parse::<f64>().ok().filter(|number| number.is_finite()) {
            Some(number) => values.push(number),
            None if column.asked => {
                let shown = if cell.is_empty() { "an empty cell".into() } else { quote(cell) };
                let remedy = "fill it in, leave the row out, or ask for another column";
                return Err(self.malformed(format!(
                    "column `{}`: {shown} is not a finite number; {remedy}",
                    column.name
                )));
            }
            None => column.values = None,
        }
        Ok(())
    }

    fn malformed(&self, what: impl Into<String>) -> DataError {
        let place = Place { path: self.path.to_path_buf(), line: self.line, column: None };
        DataError::Malformed { place, what: what.into() }
    }

    /// What the reader of rows complains of.
    fn broken(&self, error: csv::Error) -> DataError {
        let line = error.position().map_or(self.line, csv::Position::line);
        let here = Reading { line, ..*self };
        match error.into_kind() {
            csv::ErrorKind::Io(source) if source.get_ref().is_some_and(|inner| inner.is::<TooLong>()) => {
                here.malformed(format!("more than {MOST_TEXT} bytes of text; take fewer rows or columns"))
            }
            csv::ErrorKind::Io(source) if self.compressed => {
                DataError::Damaged { path: self.path.to_path_buf(), line: self.line, source }
            }
            csv::ErrorKind::Io(source) => DataError::Unreadable { path: self.path.to_path_buf(), source },
            csv::ErrorKind::UnequalLengths { expected_len, len, .. } => here.malformed(format!(
                "{len} cells where the header has {expected_len}; quote cells that hold a comma"
            )),
            csv::ErrorKind::Utf8 { .. } => here.malformed("text is not UTF-8; save the table as UTF-8"),
            other => here.malformed(format!("no CSV: {other:?}")),
        }
    }
}

fn table<C>(path: &Path, candidates: Vec<(C, u64)>, columns: Vec<Column>) -> Table<C> {
    let numbers: Vec<(String, Vec<f64>)> =
        columns.into_iter().filter_map(|column| Some((column.name, column.values?))).collect();
    let row = |(index, (candidate, line))| Row {
        candidate,
        line,
        values: numbers.iter().map(|(_, values)| values[index]).collect(),
    };
    let rows = candidates.into_iter().enumerate().map(row).collect();
    Table { path: path.to_path_buf(), columns: numbers.into_iter().map(|(name, _)| name).collect(), rows }
}

/// Ends with an error, not silently, after so many bytes.
struct Bounded<R> {
    inner: R,
    left: u64,
}

#[derive(Debug, thiserror::Error)]
#[error("too much text")]
struct TooLong;

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.left = self.left.checked_sub(count as u64).ok_or_else(|| io::Error::other(TooLong))?;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use spaces::nb_macro::Network;

    use super::*;

    const SMALL: &str = "arch,accuracy,note,flops\n22212202,93.1,best,8e7\n00000000,45.5,,1e6\n";

    fn read(name: &str, bytes: impl AsRef<[u8]>, asked: &[&str]) -> Result<Table<Network>, DataError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        Table::read(&path, asked)
    }

    fn zipped(text: &str) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(text.as_bytes()).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn columns_of_numbers_are_kept_and_others_left_out() {
        let table = read("t.csv", SMALL, &["flops"]).unwrap();
        assert_eq!((table.columns(), table.len()), (&["accuracy".to_string(), "flops".to_string()][..], 2));
        assert_eq!(table.row(1), (&[45.5, 1e6][..], 3));
        let names: Vec<_> = table.candidates().map(Network::to_string).collect();
        assert_eq!(names, ["22212202", "00000000"]);
    }

    #[test]
    fn the_fingerprint_is_of_the_content_alone() {
        let fingerprint = |name, bytes: &[u8]| read(name, bytes, &[]).unwrap().fingerprint();
        let plain = fingerprint("a.csv", SMALL.as_bytes());
        assert_eq!(plain, fingerprint("b.csv.gz", &zipped(SMALL)));
        assert_eq!(plain, fingerprint("a.csv", SMALL.replace("best", "good").as_bytes()));
        assert_eq!(
            plain,
            fingerprint("a.csv", format!("\u{feff}{}", SMALL.replace('\n', "\r\n")).as_bytes())
        );
        for (from, to) in [("93.1", "93.2"), ("22212202", "22212201"), ("flops", "params")] {
            assert_ne!(plain, fingerprint("a.csv", SMALL.replace(from, to).as_bytes()), "{from}");
        }
    }

    #[test]
    fn the_fingerprint_is_pinned() {
        let digest = read("t.csv", SMALL, &[]).unwrap().fingerprint().to_string();
        assert_eq!(digest, PINNED, "the encoding drifted: give it a new version, not a new expectation");
    }
    const PINNED: &str = "0d227b4585f3ca61936b799b37064756466a401cde7ea87b973d3b3f60e73b19";

    #[test]
    fn a_damaged_gzip_stream_is_an_error_wherever_it_is_cut() {
        let whole = zipped(SMALL);
        for length in 0..whole.len() {
            let error = read("t.csv.gz", &whole[..length], &["accuracy"]).unwrap_err();
            let empty = length == 0 && matches!(error, DataError::Malformed { .. });
            assert!(empty || matches!(error, DataError::Damaged { .. }), "{length}: {error}");
        }
        assert!(matches!(read("t.csv.gz", SMALL, &[]), Err(DataError::Damaged { .. })));
    }

    #[test]
    fn a_header_of_too_many_columns_is_refused() {
        let names = |count: usize| (1..count).map(|name| format!(",{name}")).collect::<String>();
        let few = format!("arch{}\n00000000{}\n", names(MOST_COLUMNS), ",1".repeat(MOST_COLUMNS - 1));
        assert_eq!(read("t.csv", few, &[]).unwrap().columns().len(), MOST_COLUMNS - 1);
        let error = read("t.csv", format!("arch{}\n", names(MOST_COLUMNS + 1)), &[]).unwrap_err().to_string();
        assert!(error.contains("more than 16384 columns; leave some out"), "{error}");
    }

    #[test]
    fn what_unpacks_without_end_is_given_up() {
        let mut bounded = Bounded { inner: io::repeat(b'x'), left: 100_000 };
        let error = io::copy(&mut bounded, &mut io::sink()).unwrap_err();
        assert!(error.get_ref().is_some_and(|inner| inner.is::<TooLong>()));
    }
}
