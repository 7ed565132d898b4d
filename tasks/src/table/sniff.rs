//! Finds out, from the first lines of a text, what separates its cells and whether the first row names the columns.

use super::number::number;
use csv_core::{ReadFieldResult, Reader, ReaderBuilder};

/// What the first lines look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dialect {
    pub delimiter: u8,
    pub header: bool,
}

const DELIMITERS: [u8; 4] = [b',', b'\t', b';', b'|'];
const ROWS: usize = 100;

/// `whole` says that `text` is all there is; otherwise its last row may be cut and does not count.
pub fn sniff(text: &[u8], whole: bool, delimiter: Option<u8>, header: Option<bool>) -> Dialect {
    let delimiter = delimiter.unwrap_or_else(|| most_even(text, whole));
    let header = header.unwrap_or_else(|| is_header(&rows(text, whole, delimiter)));
    Dialect { delimiter, header }
}

/// The delimiter that cuts most rows into the same number of cells, more than one; of equals, into more cells.
fn most_even(text: &[u8], whole: bool) -> u8 {
    let evenness = |delimiter: &u8| {
        let rows = rows(text, whole, *delimiter);
        let cells = rows.first().map_or(0, Vec::len);
        let same = rows.iter().filter(|row| row.len() == cells).count();
        if cells > 1 { (same * 1000 / rows.len(), cells) } else { (0, 0) }
    };
    let best = DELIMITERS.iter().rev().max_by_key(|delimiter| evenness(delimiter));
    *best.expect("there are some")
}

/// Names are no numbers, and do not occur again below.
fn is_header(rows: &[Vec<Vec<u8>>]) -> bool {
    let Some((first, others)) = rows.split_first() else { return true };
    let is_value = |(place, cell): (usize, &Vec<u8>)| {
        let recurs = || others.iter().any(|row| row.get(place) == Some(cell));
        number(cell).is_some() || (!cell.is_empty() && recurs())
    };
    !first.iter().enumerate().any(is_value)
}

fn rows(text: &[u8], whole: bool, delimiter: u8) -> Vec<Vec<Vec<u8>>> {
    let mut reader = ReaderBuilder::new().delimiter(delimiter).build();
    let (mut rows, mut row, mut cell) = (Vec::new(), Vec::new(), Vec::new());
    let mut rest = text;
    while rows.len() < ROWS {
        let (result, used, piece) = field(&mut reader, rest);
        cell.extend(piece);
        rest = &rest[used..];
        match result {
            ReadFieldResult::Field { record_end } => {
                row.push(std::mem::take(&mut cell));
                if record_end {
                    rows.push(std::mem::take(&mut row));
                }
            }
            // An empty input tells the reader that this was the end.
            ReadFieldResult::InputEmpty if !whole => break,
            ReadFieldResult::End => break,
            ReadFieldResult::InputEmpty | ReadFieldResult::OutputFull => {}
        }
    }
    rows
}

fn field(reader: &mut Reader, input: &[u8]) -> (ReadFieldResult, usize, Vec<u8>) {
    let mut output = [0; 256];
    let (result, used, written) = reader.read_field(input, &mut output);
    (result, used, output[..written].to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> (char, bool) {
        let dialect = sniff(text.as_bytes(), true, None, None);
        (dialect.delimiter.into(), dialect.header)
    }

    #[test]
    fn the_delimiter_cuts_rows_evenly() {
        assert_eq!(of("a,b\n1,2\n"), (',', true));
        assert_eq!(of("a\tb, c\n1\t2,3,4\n"), ('\t', true));
        assert_eq!(of("a;b\n1,5;2,5\n3;4,5\n"), (';', true));
        assert_eq!(of("a|b|c\n\"x|y\"|2|3\n"), ('|', true));
        assert_eq!(of("only\nx\n"), (',', true));
        assert_eq!(of(""), (',', true));
    }

    #[test]
    fn a_first_row_of_values_is_no_header() {
        assert!(!of("5.1,3.5,setosa\n4.9,3.0,setosa\n").1);
        assert!(!of("red,round\nblue,round\n").1);
        assert!(of("color,shape\nblue,round\nred,round\n").1);
        assert!(of(",shape\n0,round\n").1, "the first column of an index has no name");
    }

    #[test]
    fn a_cut_row_is_not_looked_at() {
        assert_eq!(sniff(b"a,b\n1,2\n3", false, None, None), Dialect { delimiter: b',', header: true });
    }
}
