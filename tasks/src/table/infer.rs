//! Types of columns, by their first cells.

use std::collections::{BTreeSet, VecDeque};

use super::number::{date, integer, number};
use super::open::is_missing;
use super::{Chunk, Kind};

/// Share of numbers from which on a column is numeric; what else it holds are words for what has no number.
const MOSTLY: f64 = 0.95;
/// Separators of several values in a cell.
const SEPARATORS: [u8; 3] = [b'|', b';', b','];

/// Whether a cell that is not missing can be of a type that was declared.
pub fn parses(kind: Kind, cell: &[u8]) -> bool {
    match kind {
        Kind::Numeric => number(cell).is_some(),
        Kind::Integer => integer(cell).is_some(),
        Kind::Date => date(cell).is_some(),
        Kind::Boolean => is_boolean(cell),
        Kind::Categorical | Kind::Text | Kind::Multi => true,
    }
}

pub fn infer(head: &VecDeque<Chunk>, columns: usize, missing: &[Vec<u8>]) -> Vec<Kind> {
    let cells = |column| {
        let all =
            head.iter().flat_map(move |chunk| (0..chunk.rows()).map(move |row| chunk.cell(row, column)));
        all.filter(|cell| !is_missing(cell, missing)).collect::<Vec<_>>()
    };
    (0..columns).map(|column| kind_of(&cells(column))).collect()
}

fn kind_of(cells: &[&[u8]]) -> Kind {
    let all = |holds: fn(&[u8]) -> bool| cells.iter().all(|cell| holds(cell));
    if cells.is_empty() {
        return Kind::Categorical;
    }
    if all(is_boolean) {
        return Kind::Boolean;
    }
    if all(|cell| integer(cell).is_some()) {
        return if all(is_exact) { Kind::Integer } else { Kind::Categorical };
    }
    if all(|cell| date(cell).is_some()) {
        return Kind::Date;
    }
    if is_mostly_numeric(cells) {
        return Kind::Numeric;
    }
    of_words(cells)
}

/// Whole numbers beyond this are not told apart as numbers: such a column holds codes.
fn is_exact(cell: &[u8]) -> bool {
    integer(cell).is_some_and(|value| value.unsigned_abs() <= 1 << 53)
}

fn is_boolean(cell: &[u8]) -> bool {
    matches!(cell, b"0" | b"1")
        || ["true", "false", "yes", "no", "t", "f", "y", "n"]
            .iter()
            .any(|word| cell.eq_ignore_ascii_case(word.as_bytes()))
}

/// Numbers with leading zeros are codes.
fn is_mostly_numeric(cells: &[&[u8]]) -> bool {
    let is_code = |cell: &&[u8]| cell.len() > 1 && cell[0] == b'0' && cell.iter().all(u8::is_ascii_digit);
    let numbers = cells.iter().filter(|cell| number(cell).is_some() && !is_code(cell)).count();
    numbers as f64 >= MOSTLY * cells.len() as f64
}

fn of_words(cells: &[&[u8]]) -> Kind {
    let distinct = cells.iter().collect::<BTreeSet<_>>().len();
    if SEPARATORS.iter().any(|separator| is_multi(cells, *separator, distinct)) {
        return Kind::Multi;
    }
    let words: usize = cells.iter().map(|cell| cell.split(u8::is_ascii_whitespace).count()).sum();
    let sentences = words >= 4 * cells.len() && 2 * distinct > cells.len();
    if sentences { Kind::Text } else { Kind::Categorical }
}

/// Half the cells hold several values, and the values recur more than the cells do.
fn is_multi(cells: &[&[u8]], separator: u8, distinct: usize) -> bool {
    let several = cells.iter().filter(|cell| cell.contains(&separator)).count();
    if 2 * several < cells.len() {
        return false;
    }
    let values: BTreeSet<_> = cells.iter().flat_map(|cell| cell.split(|byte| *byte == separator)).collect();
    let has_spaces = values.iter().filter(|value| value.trim_ascii().contains(&b' ')).count();
    2 * values.len() < distinct && 2 * has_spaces < values.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(cells: &[&str]) -> Kind {
        kind_of(&cells.iter().map(|cell| cell.as_bytes()).collect::<Vec<_>>())
    }

    #[test]
    fn types_are_found_out_from_cells() {
        assert_eq!(of(&["1.5", "2", "-3e4"]), Kind::Numeric);
        assert_eq!(of(&["1", "2", "-30"]), Kind::Integer);
        assert_eq!(of(&["0", "1", "1"]), Kind::Boolean);
        assert_eq!(of(&["Yes", "no"]), Kind::Boolean);
        assert_eq!(of(&["2024-01-31", "2024-02-01 10:00"]), Kind::Date);
        assert_eq!(of(&["01234", "10115"]), Kind::Categorical);
        assert_eq!(of(&["a", "b", "1"]), Kind::Categorical);
        assert_eq!(of(&[]), Kind::Categorical);
        assert_eq!(of(&["it is a cat", "is this a dog", "so it goes on"]), Kind::Text);
    }

    #[test]
    fn a_few_words_among_numbers_are_values_of_their_own() {
        let mut cells = vec!["1.5"; 99];
        cells.push("unknown");
        assert_eq!(of(&cells), Kind::Numeric);
        cells.extend(["low"; 9]);
        assert_eq!(of(&cells), Kind::Categorical);
    }

    #[test]
    fn several_values_in_a_cell_recur() {
        let values = ["a|b", "a|c", "b|c", "a|b|c", "c|a", "b|a", "c|b", "c|b|a", "b|c|a"];
        assert_eq!(of(&values), Kind::Multi);
        assert_eq!(of(&["Smith, John", "Doe, Jane", "Roe, Jim"]), Kind::Categorical);
    }
}
