//! CSV, TSV and their kin: quotes, line ends of all systems, rows with too few or too many cells.

use std::path::Path;

use csv_core::{ReadRecordResult, Reader, ReaderBuilder};

use super::input::Input;
use super::lines::LONGEST;
use super::open::{Opened, Rows};
use super::sniff::sniff;
use super::{BadRows, Chunk, Format, ReadOptions};
use crate::DataError;

pub fn open(path: &Path, options: &ReadOptions) -> Result<Opened, DataError> {
    let mut input = Input::open(path)?;
    let dialect = sniffed(&mut input, options)?;
    let reader = ReaderBuilder::new().delimiter(dialect.delimiter).build();
    let mut rows = DelimitedRows { record: Record::default(), input, reader, columns: 0, first: None };
    if !rows.advance()? {
        return Err(rows.input.error(1, None, "the file is empty; give a table with a row of names"));
    }
    rows.columns = rows.record.ends.len();
    let names = if dialect.header {
        let name = |place| String::from_utf8_lossy(rows.record.cell(place)).trim().to_string();
        (0..rows.columns).map(name).collect()
    } else {
        rows.first = Some(rows.record.clone());
        vec![String::new(); rows.columns]
    };
    let mut opened = Opened::new(Format::Delimited, names, rows.input.progress().clone(), Box::new(rows));
    opened.dialect = Some(dialect);
    Ok(opened)
}

fn sniffed(input: &mut Input, options: &ReadOptions) -> Result<super::sniff::Dialect, DataError> {
    const SAMPLE: usize = 1 << 16;
    let text = input.fill()?;
    let sample = &text[..text.len().min(SAMPLE)];
    let whole = sample.len() == text.len() && text.len() < SAMPLE / 2;
    Ok(sniff(sample, whole, options.delimiter, options.header))
}

struct DelimitedRows {
    input: Input,
    reader: Reader,
    record: Record,
    columns: usize,
    /// A first row that turned out not to be names.
    first: Option<Record>,
}

/// The row that was read last.
#[derive(Clone, Default)]
struct Record {
    line: u64,
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Record {
    fn cell(&self, place: usize) -> &[u8] {
        let start = if place == 0 { 0 } else { self.ends[place - 1] };
        &self.bytes[start..self.ends[place]]
    }
}

impl Rows for DelimitedRows {
    fn read(&mut self, chunk: &mut Chunk, bad: &mut BadRows) -> Result<(), DataError> {
        if let Some(first) = self.first.take() {
            chunk.push_joined(first.line, &first.bytes, &first.ends);
        }
        while !chunk.is_full() && self.advance()? {
            let Record { line, bytes, ends } = &self.record;
            if ends.len() == self.columns {
                chunk.push_joined(*line, bytes, ends);
            } else {
                bad.refuse(self.uneven())?;
            }
        }
        Ok(())
    }
}

impl DelimitedRows {
    /// Reads the next row; false at the end.
    fn advance(&mut self) -> Result<bool, DataError> {
        self.skip_blank_lines()?;
        let record = &mut self.record;
        record.line = self.input.line();
        let (mut written, mut cells) = (0, 0);
        loop {
            let input = self.input.fill()?;
            record.bytes.resize(record.bytes.len().max(written + 4096), 0);
            record.ends.resize(record.ends.len().max(cells + self.columns + 64), 0);
            let (result, used, more, ended) =
                self.reader.read_record(input, &mut record.bytes[written..], &mut record.ends[cells..]);
            self.input.consume(used);
            (written, cells) = (written + more, cells + ended);
            match result {
                ReadRecordResult::Record => break,
                ReadRecordResult::End => return Ok(false),
                _ if written > LONGEST => return Err(self.endless()),
                _ => {}
            }
        }
        record.bytes.truncate(written);
        record.ends.truncate(cells);
        Ok(true)
    }

    fn skip_blank_lines(&mut self) -> Result<(), DataError> {
        loop {
            let bytes = self.input.fill()?;
            let blank = bytes.iter().take_while(|byte| matches!(byte, b'\n' | b'\r')).count();
            if blank == 0 {
                return Ok(());
            }
            self.input.consume(blank);
        }
    }

    fn uneven(&self) -> DataError {
        let Record { line, bytes, ends } = &self.record;
        let lines = bytes.iter().filter(|byte| **byte == b'\n').count();
        let quote = if lines > 0 {
            format!("; it runs over {} lines, so a quote may be open", lines + 1)
        } else {
            String::new()
        };
        let what = format!(
            "{} cells where the first row has {}{quote}; mend the row or pass over such rows",
            ends.len(),
            self.columns
        );
        self.input.error(*line, None, what)
    }

    fn endless(&self) -> DataError {
        self.input.error(
            self.record.line,
            None,
            "a row longer than 64 MiB begins here; is a quote left open?",
        )
    }
}
