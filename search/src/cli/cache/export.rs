//! `fecund cache export`: all evaluations as one table, for a spreadsheet, a dataframe, or `fecund cache import`.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::Path;

use super::flat::Flat;
use super::{csv_file, parquet_file, records_of};
use crate::cli::args::{CacheExportArgs, FlatFormat};
use crate::cli::failure::{Failure, Outcome};

pub fn export(args: &CacheExportArgs) -> Outcome {
    let named = args.to.as_deref().and_then(Path::extension).is_some_and(|ending| ending == "parquet");
    let format = args.format.unwrap_or(if named { FlatFormat::Parquet } else { FlatFormat::Csv });
    let records = records_of(&args.run)?;
    let flat = Flat::of(&records);
    let untried = records.iter().filter(|(_, record)| record.evaluations.is_empty()).count();
    if untried > 0 {
        say!("fecund: {untried} keys without an evaluation have no row");
    }
    match (&args.to, format) {
        (None, FlatFormat::Csv) => to_stdout(&flat),
        (None, FlatFormat::Parquet) => {
            Err(Failure::usage("--format parquet needs --to FILE: it is no format for a terminal"))
        }
        (Some(file), format) => to_file(file, |to| write(&flat, format, to)),
    }
}

fn write(flat: &Flat, format: FlatFormat, to: &mut (impl Write + Send)) -> io::Result<()> {
    match format {
        FlatFormat::Csv => csv_file::write(flat, to).map_err(io::Error::other),
        FlatFormat::Parquet => parquet_file::write(flat, to).map_err(io::Error::other),
    }
}

/// A reader that has gone (`| head`) is not an error.
fn to_stdout(flat: &Flat) -> Outcome {
    let written = csv_file::write(flat, io::stdout().lock());
    match written.map_err(csv::Error::into_kind) {
        Err(csv::ErrorKind::Io(error)) if error.kind() != ErrorKind::BrokenPipe => {
            Err(Failure::failed(format!("cannot write to standard output: {error}")))
        }
        _ => Ok(()),
    }
}

/// Writes beside the file and renames, so that it is never seen half written. Behind a link its target is written; what
/// is no file, such as a pipe, is written as it is.
fn to_file(file: &Path, write: impl FnOnce(&mut File) -> io::Result<()>) -> Outcome {
    let file = &fs::canonicalize(file).unwrap_or_else(|_| file.to_path_buf());
    if file.metadata().is_ok_and(|there| !there.is_file()) {
        let written = File::options().write(true).open(file).and_then(|mut to| write(&mut to));
        return written.map_err(|error| Failure::file("write", file, &error));
    }
    let name = file.file_name().ok_or_else(|| Failure::usage(format!("{} is no file", file.display())))?;
    let draft = file.with_file_name(format!(".{}.{}.new", name.to_string_lossy(), std::process::id()));
    let written = File::create(&draft).and_then(|mut to| write(&mut to).and_then(|()| to.sync_all()));
    written.and_then(|()| fs::rename(&draft, file)).map_err(|error| {
        let _ = fs::remove_file(&draft);
        Failure::file("write", file, &error)
    })
}
