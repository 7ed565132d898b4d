//! The flat form of a cache as Parquet, which dataframes and databases read: columns may be null, nothing is compressed.

use std::fs::File;
use std::io::{self, Write};
use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;

use parquet::basic::{ConvertedType, Repetition, Type as Physical};
use parquet::data_type::{ByteArray, ByteArrayType, DoubleType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::file::writer::{SerializedColumnWriter, SerializedFileWriter};
use parquet::record::Field;
use parquet::schema::types::{Type, TypePtr};

use super::flat::{Cell, Entry, Flat, Kind, Reading, Refused, Row};

/// The first and the last bytes of a file.
pub const MAGIC: &[u8] = b"PAR1";

/// Rows that are written, and read, at once.
const ROW_GROUP: usize = 1 << 16;

pub fn write(flat: &Flat, to: impl Write + Send) -> Result<(), ParquetError> {
    let columns = flat.columns.iter().map(|(name, kind)| column_type(name, *kind));
    let columns = columns.collect::<Result<_, _>>()?;
    let schema = Arc::new(Type::group_type_builder("evaluations").with_fields(columns).build()?);
    let mut writer = SerializedFileWriter::new(to, schema, Arc::default())?;
    for rows in flat.rows.chunks(ROW_GROUP) {
        let mut group = writer.next_row_group()?;
        for (place, (_, kind)) in flat.columns.iter().enumerate() {
            let column =
                group.next_column()?.ok_or_else(|| ParquetError::EOF("a column is missing".into()))?;
            write_column(column, rows, place, *kind)?;
        }
        group.close()?;
    }
    writer.close().map(drop)
}

fn column_type(name: &str, kind: Kind) -> Result<TypePtr, ParquetError> {
    let (physical, converted) = match kind {
        Kind::Text => (Physical::BYTE_ARRAY, ConvertedType::UTF8),
        Kind::Whole => (Physical::INT64, ConvertedType::UINT_64),
        Kind::Number => (Physical::DOUBLE, ConvertedType::NONE),
    };
    let builder = Type::primitive_type_builder(name, physical).with_converted_type(converted);
    builder.with_repetition(Repetition::OPTIONAL).build().map(Arc::new)
}

fn write_column(
    mut column: SerializedColumnWriter,
    rows: &[Row],
    place: usize,
    kind: Kind,
) -> Result<(), ParquetError> {
    let present: Vec<i16> = rows.iter().map(|row| i16::from(row[place].is_some())).collect();
    let cells = rows.iter().filter_map(|row| row[place].as_ref());
    match kind {
        Kind::Text => {
            let texts: Vec<_> = cells.map(|cell| ByteArray::from(cell.shown().into_bytes())).collect();
            column.typed::<ByteArrayType>().write_batch(&texts, Some(&present), None)?;
        }
        Kind::Whole => {
            let wholes: Vec<_> = cells.filter_map(Cell::whole).map(|whole| whole as i64).collect();
            column.typed::<Int64Type>().write_batch(&wholes, Some(&present), None)?;
        }
        Kind::Number => {
            let numbers: Vec<_> = cells.filter_map(Cell::number).collect();
            column.typed::<DoubleType>().write_batch(&numbers, Some(&present), None)?;
        }
    }
    column.close()
}

/// Shows each row, numbered from 1, to `visit`. An error is said with its row; 0 is the file as a whole.
///
/// The reader of this format panics on some files that are damaged; that is an error like any other.
pub fn read(from: File, visit: &mut dyn FnMut(u64, Result<Entry, Refused>)) -> Result<(), (u64, Refused)> {
    let shown = panic::take_hook();
    panic::set_hook(Box::new(|_| {}));
    let mut row = 0;
    let read = panic::catch_unwind(AssertUnwindSafe(|| read_rows(from, &mut row, visit)));
    panic::set_hook(shown);
    let damaged = |_| Err(Refused { field: "file".into(), why: "damaged".into() });
    read.unwrap_or_else(damaged).map_err(|refused| (row, refused))
}

fn read_rows(
    from: File,
    number: &mut u64,
    visit: &mut dyn FnMut(u64, Result<Entry, Refused>),
) -> Result<(), Refused> {
    let reader = SerializedFileReader::new(from).map_err(unreadable)?;
    let schema = reader.metadata().file_metadata().schema_descr_ptr();
    let columns: Vec<String> = schema.columns().iter().map(|column| column.path().string()).collect();
    let reading = Reading::of(&columns)?;
    for row in reader.get_row_iter(None).map_err(unreadable)? {
        *number += 1;
        let fields = row.map_err(unreadable)?.into_columns();
        let cells = fields.into_iter().map(|(name, field)| cell(&name, field));
        visit(*number, cells.collect::<Result<Vec<_>, _>>().and_then(|cells| reading.entry(&cells)));
    }
    Ok(())
}

fn unreadable(error: ParquetError) -> Refused {
    let why = error.to_string();
    let compressed = why.contains("Disabled feature");
    let why = if compressed { format!("{why}: write the file without compression") } else { why };
    Refused { field: "file".into(), why }
}

fn cell(name: &str, field: Field) -> Result<Option<Cell<'static>>, Refused> {
    let refused = |why: String| Refused { field: name.into(), why };
    let whole = |number: i64| {
        u64::try_from(number).map(Cell::Whole).map_err(|_| refused(format!("{number} is below zero")))
    };
    Ok(Some(match field {
        Field::Null => return Ok(None),
        Field::Str(text) => Cell::Text(text.into()),
        Field::Bytes(bytes) => match String::from_utf8(bytes.data().to_vec()) {
            Ok(text) => Cell::Text(text.into()),
            Err(_) => return Err(refused("not UTF-8".into())),
        },
        Field::ULong(number) => Cell::Whole(number),
        Field::UInt(number) => Cell::Whole(number.into()),
        Field::Long(number) => whole(number)?,
        Field::Int(number) => whole(number.into())?,
        Field::Double(number) => Cell::Number(number),
        other => return Err(refused(format!("{other} is neither text nor a number"))),
    }))
}

/// Whether a file is of this format.
pub fn is_parquet(mut file: &File) -> io::Result<bool> {
    use std::io::{Read, Seek};
    let mut start = [0; 4];
    let whole = file.read_exact(&mut start);
    file.rewind()?;
    Ok(whole.is_ok() && start == *MAGIC)
}

#[cfg(test)]
mod tests {
    use storage::conformance::{sample_key, sample_record};

    use super::*;

    fn read_bytes(bytes: &[u8]) -> (Vec<Entry>, bool) {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        let mut entries = Vec::new();
        let read = read(file, &mut |_, entry| entries.extend(entry.ok()));
        (entries, read.is_ok())
    }

    #[test]
    fn a_damaged_file_is_read_or_refused_without_panic() {
        let records: Vec<_> = (0..40).map(|n| (sample_key(n), sample_record(n))).collect();
        let mut sound = Vec::new();
        write(&Flat::of(&records), &mut sound).unwrap();
        // Of 60 evaluations, two have a score that is not finite.
        assert_eq!(read_bytes(&sound).0.len(), 58);
        let mut rng = hashing::Rng::named(1, "parquet", 0);
        let mut refused = 0;
        for _ in 0..2_000 {
            let mut bytes = sound.clone();
            let end = if rng.chance(0.2) { rng.below(bytes.len()) } else { bytes.len() };
            bytes.truncate(end);
            // The end of the file says what the rest is: damage there is the worst.
            let from = if rng.chance(0.5) { bytes.len() / 2 } else { 0 };
            for _ in 0..3 {
                let at = from + rng.below((bytes.len() - from).max(1));
                bytes.iter_mut().skip(at).take(1).for_each(|byte| *byte = rng.next_u64() as u8);
            }
            refused += usize::from(!read_bytes(&bytes).1);
        }
        assert!(refused > 500, "{refused} of 2000 refused");
    }
}
