//! What is printed as a table can be had as JSON and CSV.

use std::io::{self, Write};

use serde_json::{Map, Value};

use super::args::Format;
use super::failure::{Failure, Outcome};
use super::plain::plain;

/// Named columns and rows of JSON values.
pub struct Table {
    columns: Vec<String>,
    rows: Vec<Vec<Value>>,
}

impl Table {
    pub fn new(columns: &[impl ToString]) -> Self {
        Self { columns: columns.iter().map(ToString::to_string).collect(), rows: Vec::new() }
    }

    /// Panics if there are more or fewer cells than columns.
    pub fn row(&mut self, cells: Vec<Value>) {
        assert_eq!(cells.len(), self.columns.len(), "one cell a column");
        self.rows.push(cells);
    }

    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// To stdout: aligned columns, a JSON array of objects, or CSV with a header.
    pub fn print(&self, format: Format) -> Outcome {
        match format {
            Format::Table => print(&self.aligned()),
            Format::Json => print_json(&Value::Array(self.objects())),
            Format::Csv => print_exactly(&self.csv()),
        }
    }

    /// A single row as `name  value` lines, one JSON object, or CSV.
    pub fn print_single(&self, format: Format) -> Outcome {
        let row = self.rows.first().expect("a single row");
        match format {
            Format::Table => {
                let width = self.columns.iter().map(|name| name.len()).max().unwrap_or(0);
                let line = |(name, value): (&String, &Value)| format!("{name:width$}  {}\n", text(value));
                print(&self.columns.iter().zip(row).map(line).collect::<String>())
            }
            Format::Json => print_json(&self.object(row)),
            Format::Csv => print_exactly(&self.csv()),
        }
    }

    /// A JSON object for each row.
    pub fn objects(&self) -> Vec<Value> {
        self.rows.iter().map(|row| self.object(row)).collect()
    }

    fn object(&self, row: &[Value]) -> Value {
        let names = self.columns.iter().cloned();
        Value::Object(names.zip(row.iter().cloned()).collect::<Map<_, _>>())
    }

    /// Aligned columns.
    pub fn aligned(&self) -> String {
        let mut table = comfy_table::Table::new();
        table.load_style(comfy_table::presets::NOTHING);
        table.set_header(&self.columns);
        for row in &self.rows {
            table.add_row(row.iter().map(text));
        }
        for (index, column) in table.column_iter_mut().enumerate() {
            if self.rows.iter().all(|row| row[index].is_number() || row[index].is_null()) {
                column.set_cell_alignment(comfy_table::CellAlignment::Right);
            }
        }
        table.lines().map(|line| format!("{}\n", line.trim_end())).collect()
    }

    fn csv(&self) -> String {
        let line = |cells: Vec<String>| cells.join(",") + "\n";
        let header = line(self.columns.iter().map(|name| quoted(name)).collect());
        let rows = self.rows.iter().map(|row| line(row.iter().map(|cell| quoted(&exact(cell))).collect()));
        std::iter::once(header).chain(rows).collect()
    }
}

/// For people: rounded, nothing for null.
fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Number(number) if number.is_f64() => rounded(number.as_f64().expect("checked just now")),
        other => other.to_string(),
    }
}

/// Four decimals; none of a large whole number, and a power of ten where the number is tiny or huge.
pub fn rounded(number: f64) -> String {
    if number != 0.0 && number.abs() < 1e-3 {
        format!("{number:.2e}")
    } else if number.abs() >= 1e4 && number.fract() == 0.0 {
        format!("{number:.0}")
    } else if number.abs() >= 1e9 {
        format!("{number:.6e}")
    } else {
        format!("{number:.4}")
    }
}

/// For programs: every digit.
fn exact(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn quoted(cell: &str) -> String {
    if cell.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", cell.replace('"', "\"\""))
    } else {
        cell.into()
    }
}

/// Prints JSON with indentation and a line end.
pub fn print_json(value: &Value) -> Outcome {
    print_exactly(&format!("{value:#}\n"))
}

/// To stdout, for people: in plain text.
pub fn print(text: &str) -> Outcome {
    print_exactly(&plain(text))
}

/// To stdout, for programs. A reader that has gone (`| head`) is not an error.
pub fn print_exactly(text: &str) -> Outcome {
    match io::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::failed(format!("cannot write to standard output: {error}")))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let mut table = Table::new(&["name", "score"]);
        table.row(vec!["a, \"b\"".into(), 0.123456789.into()]);
        table.row(vec!["c".into(), Value::Null]);
        table
    }

    #[test]
    fn csv_quotes_what_it_must_and_keeps_every_digit() {
        assert_eq!(table().csv(), "name,score\n\"a, \"\"b\"\"\",0.123456789\nc,\n");
    }

    #[test]
    fn tables_round_for_people() {
        let aligned = table().aligned();
        assert!(aligned.contains("0.1235") && !aligned.contains("0.12345"), "{aligned}");
        assert_eq!(
            [85_164_544.0, 12_345.5, 3.0, 7.24035389544241e14 + 0.25, 4.7e-6].map(|n| text(&n.into())),
            ["85164544", "12345.5000", "3.0000", "7.240354e14", "4.70e-6"]
        );
    }
}
