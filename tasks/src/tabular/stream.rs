//! Rows of a frame as a stream, for whoever counts streams.

use std::path::Path;

use super::{Cells, Frame, MISSING, Target};
use crate::table::{Chunk, Kind, Table};

impl Frame {
    /// These rows, whose target comes last and is called `target`. Moments are numbers of seconds. `path` is for messages.
    pub fn stream(&self, rows: &[usize], target: &str, path: &Path) -> Table {
        let names = self.columns.iter().map(|column| column.name.clone()).chain([target.to_string()]);
        let of_column = |kind: Kind| if kind == Kind::Date { Kind::Numeric } else { kind };
        let of_target = if self.target.classes().is_empty() { Kind::Numeric } else { Kind::Categorical };
        let kinds = self.columns.iter().map(|column| of_column(column.kind)).chain([of_target]);
        let chunks = rows.chunks(Chunk::ROWS).map(|rows| self.chunk(rows)).collect();
        Table::in_memory(path, names.collect(), kinds.collect(), chunks)
    }

    fn chunk(&self, rows: &[usize]) -> Chunk {
        let mut chunk = Chunk::new(self.columns.len() + 1);
        for row in rows {
            let cells = self.columns.iter().map(|column| match &column.cells {
                Cells::Numbers(numbers) => text(numbers[*row]),
                Cells::Words { names, codes } => word(names, codes[*row]),
            });
            let target = match &self.target {
                Target::Numbers(numbers) => text(numbers[*row]),
                Target::Classes { names, labels } => word(names, labels[*row]),
            };
            let cells: Vec<String> = cells.chain([target]).collect();
            chunk.push(*row as u64 + 1, cells.iter().map(String::as_bytes));
        }
        chunk
    }
}

/// Read back as the same number.
fn text(number: f64) -> String {
    if number.is_nan() { String::new() } else { format!("{number:?}") }
}

fn word(names: &[String], code: u32) -> String {
    if code == MISSING { String::new() } else { names[code as usize].clone() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tabular::{Column, Keys};

    #[test]
    fn cells_are_those_of_the_rows_asked_for() {
        let numbers = Cells::Numbers(vec![0.1, f64::NAN, 3e300]);
        let words = Cells::Words { names: vec!["a".into(), "b".into()], codes: vec![1, 0, MISSING] };
        let column = |name: &str, kind, cells| Column { name: name.into(), kind, cells };
        let frame = Frame {
            columns: vec![column("n", Kind::Date, numbers), column("w", Kind::Categorical, words)],
            target: Target::Numbers(vec![1.0, 2.0, 3.0]),
            keys: Keys::None,
            unlabeled: 0,
            skipped: (0, None),
        };
        let mut table = frame.stream(&[2, 0, 1], "y", Path::new("t.csv"));
        assert_eq!((table.names.join(","), table.kinds[0]), ("n,w,y".into(), Kind::Numeric));
        let mut chunk = Chunk::default();
        assert!(table.read(&mut chunk).unwrap());
        let cells = |row| (0..3).map(|column| chunk.cell(row, column)).collect::<Vec<_>>();
        assert_eq!(cells(0), [&b"3e300"[..], b"", b"3.0"]);
        assert_eq!(cells(1), [&b"0.1"[..], b"b", b"1.0"]);
        assert!(table.is_missing(chunk.cell(2, 0)));
        assert!(!table.read(&mut chunk).unwrap());
    }
}
