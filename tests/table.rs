//! Tables of every format: what is read, and what is said of what cannot be read.

use std::fs;
use std::io::Write;
use std::path::PathBuf;

use flate2::Compression;
use flate2::write::GzEncoder;
use tasks::table::{Chunk, Kind, OnBadRow, ReadOptions, Table};
use tempfile::TempDir;

struct Written(TempDir, PathBuf);

fn file(name: &str, bytes: impl AsRef<[u8]>) -> Written {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    fs::write(&path, bytes).unwrap();
    Written(folder, path)
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

/// All cells, row by row, with the line of each row.
fn rows(table: &mut Table) -> Result<Vec<(u64, Vec<String>)>, String> {
    let mut chunk = Chunk::default();
    let mut rows = Vec::new();
    while table.read(&mut chunk).map_err(|error| error.to_string())? {
        for row in 0..chunk.rows() {
            let cell = |column| String::from_utf8_lossy(chunk.cell(row, column)).into_owned();
            rows.push((chunk.line(row), (0..chunk.columns()).map(cell).collect()));
        }
    }
    Ok(rows)
}

struct Read {
    names: Vec<String>,
    kinds: Vec<Kind>,
    rows: Vec<(u64, Vec<String>)>,
    skipped: u64,
}

fn read_with(name: &str, bytes: impl AsRef<[u8]>, options: &ReadOptions) -> Result<Read, String> {
    let written = file(name, bytes);
    let strip = |error: String| error.replace(&format!("{}/", written.0.path().display()), "");
    let mut table = Table::open(&written.1, None, options).map_err(|error| strip(error.to_string()))?;
    let rows = rows(&mut table).map_err(strip)?;
    Ok(Read { names: table.names.clone(), kinds: table.kinds.clone(), rows, skipped: table.bad.skipped })
}

fn read(name: &str, bytes: impl AsRef<[u8]>) -> Read {
    read_with(name, bytes, &ReadOptions::default()).unwrap()
}

fn refused(name: &str, bytes: impl AsRef<[u8]>) -> String {
    read_with(name, bytes, &ReadOptions::default()).err().expect("a refusal")
}

fn cells(read: &Read) -> Vec<Vec<&str>> {
    read.rows.iter().map(|(_, cells)| cells.iter().map(String::as_str).collect()).collect()
}

#[test]
fn csv_of_any_system_is_read_plain_and_compressed() {
    let text = "\u{feff}name,\"a, b\",x-y\r\n\"says \"\"hi\"\"\",1,\r\n\r\n\"two\nlines\",2,z\r\n";
    for bytes in [text.as_bytes().to_vec(), gzip(text.as_bytes())] {
        let read = read("t.csv", bytes);
        assert_eq!(read.names, ["name", "a, b", "x-y"]);
        assert_eq!(cells(&read), [["says \"hi\"", "1", ""], ["two\nlines", "2", "z"]]);
        assert_eq!(read.rows.iter().map(|(line, _)| *line).collect::<Vec<_>>(), [2, 4]);
    }
}

#[test]
fn columns_without_a_name_or_with_a_name_that_was_there_get_one() {
    assert_eq!(read("t.csv", "a,,a\nx,y,z\n").names, ["a", "2", "a.3"]);
    assert_eq!(read("t.csv", "1.5,2\n3,4\n").names, ["1", "2"]);
    assert_eq!(cells(&read("t.csv", "1.5,2\n3,4\n")), [["1.5", "2"], ["3", "4"]]);
}

#[test]
fn uneven_rows_stop_with_their_line_or_are_counted() {
    let text = "a,b\n1,2\n3\n4,5\n6,7,8\n";
    let error = refused("t.csv", text);
    assert!(error.starts_with("t.csv:3: 1 cells where the first row has 2"), "{error}");
    let skip = ReadOptions { on_bad_row: OnBadRow::Skip, ..ReadOptions::default() };
    let read = read_with("t.csv", text, &skip).unwrap();
    assert_eq!((cells(&read), read.skipped), (vec![vec!["1", "2"], vec!["4", "5"]], 2));
}

#[test]
fn an_open_quote_is_named_with_the_line_in_which_it_begins() {
    let error = refused("t.csv", "a,b\n1,2\n\"3,4\n5,6\n7,8\n");
    assert!(error.starts_with("t.csv:3: ") && error.contains("a quote may be open"), "{error}");
}

#[test]
fn a_cell_that_breaks_a_declared_type_is_named_with_line_and_column() {
    let types = [("age".to_string(), Kind::Numeric)].into();
    let options = ReadOptions { types, ..ReadOptions::default() };
    let error = read_with("t.csv", "id,age\na,1\nb,NA\nc,old\n", &options).err().unwrap();
    assert!(
        error.starts_with("t.csv:4: column `age` (number 2) is declared numeric, but holds `old`"),
        "{error}"
    );
    let skip = ReadOptions { on_bad_row: OnBadRow::Skip, ..options };
    let read = read_with("t.csv", "id,age\na,1\nb,NA\nc,old\n", &skip).unwrap();
    assert_eq!((read.rows.len(), read.skipped), (2, 1));
    let unknown =
        ReadOptions { types: [("agge".to_string(), Kind::Numeric)].into(), ..ReadOptions::default() };
    let error = read_with("t.csv", "id,age\na,1\n", &unknown).err().unwrap();
    assert!(error.contains("no column `agge`; the columns are: id, age"), "{error}");
}

#[test]
fn libsvm_rows_name_their_columns_and_lack_zeros() {
    let read = read("t.svm", "# head\n+1 3:0.5 10:2 # note\n-1 qid:4 1:1\n");
    assert_eq!(read.names, ["label", "1", "3", "10"]);
    assert_eq!(cells(&read), [["+1", "0", "0.5", "2"], ["-1", "1", "0", "0"]]);
    let error = refused("t.svm", "1 1:1\n0 2:x\n");
    assert!(error.starts_with("t.svm:2:3: `2:x` is not index:value"), "{error}");
    let error = refused("t.svm", "1 1:1 1:2\n");
    assert!(error.starts_with("t.svm:1:7: index 1 stands twice"), "{error}");
}

#[test]
fn vw_namespaces_are_columns_and_may_be_absent() {
    let text = "1 0.5 'id1|color red |size big:2.5 small\n-1 |color blue\n|size small huge\n";
    let read = read("t.vw.gz", gzip(text.as_bytes()));
    assert_eq!(read.names, ["label", "color", "size^big", "size"]);
    let expected = [["1", "red", "2.5", "small"], ["-1", "blue", "", ""], ["", "", "", "small huge"]];
    assert_eq!(cells(&read), expected);
    let error = refused("t.vw", "1 |a b\n1 a b\n");
    assert!(error.starts_with("t.vw:2:1: no `|`"), "{error}");
    let error = refused("t.vw", "1 |a b:c\n");
    assert!(error.starts_with("t.vw:1:6: value `c` of feature `b:c` is no number"), "{error}");
}

#[test]
fn arff_states_its_types_and_may_be_sparse() {
    let text = "% made by hand\n@RELATION t\n@attribute 'body mass' REAL\n@attribute kind {cat,'big dog'}\n\
        @attribute note string\n@DATA\n1.5,cat,'it''s'\n% nothing\n?,'big dog',\"a,b\"\n{0 2, 2 x}\n";
    let read = read("t.arff", text);
    assert_eq!(read.names, ["body mass", "kind", "note"]);
    assert_eq!(read.kinds[..2], [Kind::Numeric, Kind::Categorical]);
    assert_eq!(cells(&read)[1..], [["?", "big dog", "a,b"], ["2", "cat", "x"]]);
    let error = refused("t.arff", "@relation t\n@attribute a numeric\n@data\n1\nx\n");
    assert!(
        error.starts_with("t.arff:5: column `a` (number 1) is declared numeric, but holds `x`"),
        "{error}"
    );
    let error = refused("t.arff", "@relation t\n@attribute a relational\n@data\n");
    assert!(error.starts_with("t.arff:2:1: type `relational` of attribute `a` is not known"), "{error}");
}

#[test]
fn damaged_and_absent_files_are_named() {
    let whole = gzip("a,b\n1,2\n".repeat(1000).as_bytes());
    let error = refused("t.csv.gz", &whole[..whole.len() - 9]);
    assert!(error.starts_with("t.csv.gz:") && error.contains("gzip stream cut short"), "{error}");
    assert!(refused("t.csv", "").starts_with("t.csv:1: the file is empty"));
    let error = refused("t.parquet", b"PAR1 this is no footer PAR1");
    assert!(error.starts_with("t.parquet:") && error.contains("not readable as Parquet"), "{error}");
}

#[test]
fn a_file_longer_than_its_first_rows_is_read_to_its_end() {
    let rows = 3 * Table::HEAD + 7;
    let text: String = std::iter::once("n,c\n".to_string())
        .chain((0..rows).map(|row| format!("{row},{}\n", row % 7)))
        .collect();
    let read = read("t.csv", gzip(text.as_bytes()));
    assert_eq!((read.rows.len(), &read.rows[rows - 1].1[0]), (rows, &(rows - 1).to_string()));
    assert_eq!(read.kinds, [Kind::Integer, Kind::Integer]);
}

/// Two columns, of which the second may be null.
fn parquet(texts: &[&str], numbers: &[Option<f64>]) -> Vec<u8> {
    use parquet::data_type::{ByteArray, ByteArrayType, DoubleType};
    let schema = "message t { required binary name (UTF8); optional double size; }";
    let schema = std::sync::Arc::new(parquet::schema::parser::parse_message_type(schema).unwrap());
    let mut bytes = Vec::new();
    let mut writer =
        parquet::file::writer::SerializedFileWriter::new(&mut bytes, schema, Default::default()).unwrap();
    let mut group = writer.next_row_group().unwrap();
    let texts: Vec<ByteArray> = texts.iter().map(|text| ByteArray::from(*text)).collect();
    let mut column = group.next_column().unwrap().unwrap();
    column.typed::<ByteArrayType>().write_batch(&texts, None, None).unwrap();
    column.close().unwrap();
    let known: Vec<i16> = numbers.iter().map(|number| i16::from(number.is_some())).collect();
    let values: Vec<f64> = numbers.iter().copied().flatten().collect();
    let mut column = group.next_column().unwrap().unwrap();
    column.typed::<DoubleType>().write_batch(&values, Some(&known), None).unwrap();
    column.close().unwrap();
    group.close().unwrap();
    writer.close().unwrap();
    bytes
}

#[test]
fn parquet_is_told_by_its_first_bytes_and_nulls_are_missing() {
    let bytes = parquet(&["a", "b,c", "d"], &[Some(1.5), None, Some(-2.0)]);
    let read = read("no-ending", bytes);
    assert_eq!(
        (read.names.as_slice(), read.kinds[1]),
        (&["name".to_string(), "size".into()][..], Kind::Numeric)
    );
    assert_eq!(cells(&read), [["a", "1.5"], ["b,c", ""], ["d", "-2"]]);
}
