//! libsvm and svmlight: `label index:value index:value # comment`; an index that is not named has the value 0.

use std::path::Path;

use super::input::Input;
use super::lines::{Lines, words};
use super::number::number;
use super::open::{Opened, Rows};
use super::sparse::{Names, Row};
use super::{BadRows, Chunk, Format};
use crate::{DataError, quote};

/// Column of the label; the others are named by their index.
const LABEL: &str = "label";

pub fn open(path: &Path) -> Result<Opened, DataError> {
    let names = indices(path)?;
    let lines = Lines::new(Input::open(path)?);
    let progress = lines.input.progress().clone();
    let list = names.list.clone();
    let row = Row::new(list.len(), b"0");
    Ok(Opened::new(Format::Libsvm, list, progress, Box::new(LibsvmRows { lines, names, row })))
}

/// The indices of the file, sorted. What is wrong with a line is said when it is read again.
fn indices(path: &Path) -> Result<Names, DataError> {
    let mut lines = Lines::new(Input::open(path)?);
    let mut indices = std::collections::BTreeSet::new();
    while let Some(line) = lines.advance()? {
        indices.extend(
            line.split_ascii_whitespace()
                .skip(1)
                .take_while(|word| !word.starts_with('#'))
                .filter_map(|word| word.split_once(':').and_then(|(index, _)| index.parse::<u64>().ok())),
        );
    }
    let mut names = Names::default();
    for name in std::iter::once(LABEL.to_string()).chain(indices.iter().map(u64::to_string)) {
        names.meet(&name).map_err(|what| lines.input.error(lines.number(), None, what))?;
    }
    Ok(names)
}

struct LibsvmRows {
    lines: Lines,
    names: Names,
    row: Row,
}

impl Rows for LibsvmRows {
    fn read(&mut self, chunk: &mut Chunk, bad: &mut BadRows) -> Result<(), DataError> {
        while !chunk.is_full() {
            let Some(line) = self.lines.advance()? else { break };
            match fill(line, &self.names, &mut self.row) {
                Ok(true) => self.row.finish(self.lines.number(), chunk),
                Ok(false) => {}
                Err((offset, what)) => {
                    self.row.clear();
                    bad.refuse(self.lines.error(offset, what))?;
                }
            }
        }
        Ok(())
    }
}

/// Writes a line into the row; false if it holds nothing but a comment.
fn fill(line: &str, names: &Names, row: &mut Row) -> Result<bool, (usize, String)> {
    let mut words = words(line).take_while(|(_, word)| !word.starts_with('#'));
    let Some((_, label)) = words.next() else { return Ok(false) };
    row.cell(0).extend(label.bytes());
    for (offset, word) in words.filter(|(_, word)| !word.starts_with("qid:")) {
        let pair = word.split_once(':').filter(|(_, value)| number(value.as_bytes()).is_some());
        let named = pair.and_then(|(index, value)| Some((index.parse::<u64>().ok()?, value)));
        let Some((index, value)) = named else {
            return Err((offset, format!("{} is not index:value, such as 3:0.5", quote(word))));
        };
        let cell = row.cell(names.place(&index.to_string()).expect("met in the first pass"));
        if !cell.is_empty() {
            return Err((offset, format!("index {index} stands twice in this row")));
        }
        cell.extend(value.bytes());
    }
    Ok(true)
}
