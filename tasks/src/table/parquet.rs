//! Parquet: columns with names and types, a row group after the other.

use std::fs::File;
use std::panic::{self, AssertUnwindSafe};
use std::path::{Path, PathBuf};

use ::parquet::errors::ParquetError;
use ::parquet::file::reader::{FileReader, SerializedFileReader};
use ::parquet::record::Field;
use ::parquet::record::reader::RowIter;

use super::input::{Progress, open_file};
use super::open::{Opened, Rows};
use super::{BadRows, Chunk, Format};
use crate::{DataError, Place};

pub fn open(path: &Path) -> Result<Opened, DataError> {
    let (file, _) = open_file(path)?;
    let (names, total, rows) = quietly(|| opened(file)).map_err(|why| damaged(path, 1, &why))?;
    let progress = Progress::of_length(total);
    let rows = ParquetRows { path: path.to_path_buf(), rows, number: 0, progress: progress.clone() };
    Ok(Opened::new(Format::Parquet, names, progress, Box::new(rows)))
}

type Parts = (Vec<String>, u64, RowIter<'static>);

fn opened(file: File) -> Result<Parts, ParquetError> {
    let reader = SerializedFileReader::new(file)?;
    let metadata = reader.metadata().file_metadata();
    let names = metadata.schema().get_fields().iter().map(|field| field.name().to_string()).collect();
    let total = metadata.num_rows().max(0) as u64;
    Ok((names, total, RowIter::from_file_into(Box::new(reader))))
}

struct ParquetRows {
    path: PathBuf,
    rows: RowIter<'static>,
    number: u64,
    progress: Progress,
}

impl Rows for ParquetRows {
    fn read(&mut self, chunk: &mut Chunk, _: &mut BadRows) -> Result<(), DataError> {
        let (rows, number) = (&mut self.rows, &mut self.number);
        let read = quietly(|| {
            while !chunk.is_full() {
                let Some(row) = rows.next().transpose()? else { break };
                *number += 1;
                let cells: Vec<String> = row.get_column_iter().map(|(_, field)| text(field)).collect();
                chunk.push(*number, cells.iter().map(String::as_bytes));
            }
            Ok(())
        });
        self.progress.set(self.number);
        read.map_err(|why| damaged(&self.path, self.number + 1, &why))
    }
}

/// The reader of this format panics on some files that are damaged; that is an error like any other.
fn quietly<T>(read: impl FnOnce() -> Result<T, ParquetError>) -> Result<T, String> {
    let shown = panic::take_hook();
    panic::set_hook(Box::new(|_| {}));
    let read = panic::catch_unwind(AssertUnwindSafe(read));
    panic::set_hook(shown);
    read.unwrap_or_else(|_| Err(ParquetError::General("the file is damaged".into())))
        .map_err(|error| error.to_string())
}

fn damaged(path: &Path, row: u64, why: &str) -> DataError {
    let place = Place { path: path.to_path_buf(), line: row, column: None };
    let remedy = if why.contains("Disabled feature") {
        "write the file with snappy, gzip or no compression"
    } else {
        "write the file again; the number is that of the row"
    };
    DataError::Malformed { place, what: format!("not readable as Parquet ({why}): {remedy}") }
}

/// A cell as it would stand in a CSV file; lists are joined by `|`.
fn text(field: &Field) -> String {
    match field {
        Field::Null => String::new(),
        Field::Str(text) => text.clone(),
        Field::Bytes(bytes) => String::from_utf8_lossy(bytes.data()).into_owned(),
        Field::Bool(value) => value.to_string(),
        Field::Float16(value) => value.to_string(),
        Field::Float(value) => value.to_string(),
        Field::Double(value) => value.to_string(),
        Field::ListInternal(list) => list.elements().iter().map(text).collect::<Vec<_>>().join("|"),
        other => other.to_string().split(" +00:00").next().unwrap_or_default().to_string(),
    }
}
