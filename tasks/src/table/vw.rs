//! Vowpal Wabbit: `label 'tag |namespace feature feature:value |namespace …`; a namespace is a column.
//!
//! The cell of a namespace is its features without a value, as they stand; a namespace that a row lacks is missing
//! there. A feature with a value is a column of its own, `namespace^feature`.

use std::path::Path;

use super::input::Input;
use super::lines::{Lines, words};
use super::number::number;
use super::open::{Opened, Rows};
use super::sparse::{Names, Row};
use super::{BadRows, Chunk, Format};
use crate::{DataError, quote};

const LABEL: &str = "label";
/// Name of the column of a namespace without a name.
const NAMELESS: &str = "features";

pub fn open(path: &Path) -> Result<Opened, DataError> {
    let names = namespaces(path)?;
    let lines = Lines::new(Input::open(path)?);
    let progress = lines.input.progress().clone();
    let list = names.list.clone();
    let row = Row::new(list.len(), b"");
    Ok(Opened::new(Format::Vw, list, progress, Box::new(VwRows { lines, names, row })))
}

fn namespaces(path: &Path) -> Result<Names, DataError> {
    let mut lines = Lines::new(Input::open(path)?);
    let mut names = Names::default();
    names.meet(LABEL).expect("the first name fits");
    while let Some(line) = lines.advance()? {
        let mut refused = None;
        // What is wrong with the line itself is said when it is read again.
        let _ = visit(line, &mut |column, _| {
            if let Err(what) = names.meet(column) {
                refused.get_or_insert(what);
            }
        });
        if let Some(what) = refused {
            return Err(lines.error(0, what));
        }
    }
    Ok(names)
}

struct VwRows {
    lines: Lines,
    names: Names,
    row: Row,
}

impl Rows for VwRows {
    fn read(&mut self, chunk: &mut Chunk, bad: &mut BadRows) -> Result<(), DataError> {
        while !chunk.is_full() {
            let Some(line) = self.lines.advance()? else { break };
            let (names, row) = (&self.names, &mut self.row);
            let filled = visit(line, &mut |column, text| {
                let cell = row.cell(names.place(column).expect("met in the first pass"));
                if !cell.is_empty() {
                    cell.push(b' ');
                }
                cell.extend(text.bytes());
            });
            match filled {
                Ok(()) => self.row.finish(self.lines.number(), chunk),
                Err((offset, what)) => {
                    self.row.clear();
                    bad.refuse(self.lines.error(offset, what))?;
                }
            }
        }
        Ok(())
    }
}

/// Shows each value of a line with its column.
fn visit(line: &str, show: &mut impl FnMut(&str, &str)) -> Result<(), (usize, String)> {
    let Some(bar) = line.find('|') else {
        return Err((0, "no `|`; a row is `label |namespace feature …`".into()));
    };
    label(&line[..bar], show)?;
    for section in line[bar + 1..].split('|') {
        let start = section.as_ptr() as usize - line.as_ptr() as usize;
        let name = section.split_ascii_whitespace().next().filter(|_| !section.starts_with([' ', '\t']));
        let namespace = name.map_or(NAMELESS, |name| name.split(':').next().unwrap_or(name));
        for (offset, word) in words(section).skip(usize::from(name.is_some())) {
            feature(namespace, word, show).map_err(|what| (start + offset, what))?;
        }
    }
    Ok(())
}

/// A label, an importance, a base and a tag, of which any may be absent.
fn label(text: &str, show: &mut impl FnMut(&str, &str)) -> Result<(), (usize, String)> {
    // A last word that touches the bar is a tag.
    let tag = if text.ends_with([' ', '\t']) { "" } else { text.rsplit([' ', '\t']).next().unwrap_or("") };
    let before = &text[..text.len() - tag.len()];
    // Some writers leave no space behind a label that stands alone.
    let before = if before.is_empty() && number(tag.as_bytes()).is_some() { tag } else { before };
    let numbers = words(before).filter(|(_, word)| !word.starts_with('\''));
    for (place, (offset, word)) in numbers.enumerate() {
        if place > 0 && number(word.as_bytes()).is_none() {
            return Err((offset, format!("{} is no importance; tags begin with '", quote(word))));
        }
        if place == 0 {
            show(LABEL, word);
        }
    }
    Ok(())
}

fn feature(namespace: &str, word: &str, show: &mut impl FnMut(&str, &str)) -> Result<(), String> {
    match word.rsplit_once(':') {
        None => show(namespace, word),
        Some((name, value)) if number(value.as_bytes()).is_some() => {
            show(&format!("{namespace}^{name}"), value);
        }
        Some((_, value)) => {
            return Err(format!("value {} of feature {} is no number", quote(value), quote(word)));
        }
    }
    Ok(())
}
