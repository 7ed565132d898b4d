//! The flat form of a cache as CSV: a header, then a line for each evaluation.

use std::io::{Read, Write};

use csv::{ReaderBuilder, StringRecord, WriterBuilder};

use super::flat::{Cell, Entry, Flat, Reading, Refused};

pub fn write(flat: &Flat, to: impl Write) -> Result<(), csv::Error> {
    let mut writer = WriterBuilder::new().from_writer(to);
    writer.write_record(flat.columns.iter().map(|(name, _)| name))?;
    for row in &flat.rows {
        writer.write_record(row.iter().map(|cell| cell.as_ref().map_or(String::new(), Cell::shown)))?;
    }
    Ok(writer.flush()?)
}

/// Shows each line after the header, with its number, to `visit`. An error is said with its line.
pub fn read(
    from: impl Read,
    visit: &mut dyn FnMut(u64, Result<Entry, Refused>),
) -> Result<(), (u64, Refused)> {
    let mut reader = ReaderBuilder::new().has_headers(false).flexible(true).from_reader(from);
    let mut line = StringRecord::new();
    if !more(&mut reader, &mut line)? {
        return Err((1, Refused { field: "header".into(), why: "there is nothing in this file".into() }));
    }
    let columns: Vec<String> = line.iter().map(String::from).collect();
    let reading = Reading::of(&columns).map_err(|refused| (1, refused))?;
    while more(&mut reader, &mut line)? {
        let number = line.position().map_or(1, csv::Position::line);
        if line.len() != columns.len() {
            let why =
                format!("{} cells, and the header has {}; is a quote missing?", line.len(), columns.len());
            visit(number, Err(Refused { field: "line".into(), why }));
            continue;
        }
        let cell =
            |text| Some(text).filter(|text: &&str| !text.is_empty()).map(|text| Cell::Text(text.into()));
        visit(number, reading.entry(&line.iter().map(cell).collect::<Vec<_>>()));
    }
    Ok(())
}

/// Whether there was one more line.
fn more(reader: &mut csv::Reader<impl Read>, line: &mut StringRecord) -> Result<bool, (u64, Refused)> {
    reader.read_record(line).map_err(|error| {
        let number = error.position().map_or(1, csv::Position::line);
        let why = match error.kind() {
            csv::ErrorKind::Utf8 { .. } => "not UTF-8".into(),
            _ => error.to_string(),
        };
        (number, Refused { field: "line".into(), why })
    })
}
