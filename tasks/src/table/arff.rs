//! ARFF (Weka): a header that states names and types, then rows, dense or sparse.

use std::path::Path;

use super::input::Input;
use super::lines::Lines;
use super::open::{Opened, Rows};
use super::{BadRows, Chunk, Format, Kind};
use crate::{DataError, quote};

pub fn open(path: &Path) -> Result<Opened, DataError> {
    let mut lines = Lines::new(Input::open(path)?);
    let attributes = header(&mut lines)?;
    let progress = lines.input.progress().clone();
    let names = attributes.iter().map(|attribute| attribute.name.clone()).collect();
    let stated = attributes.iter().map(|attribute| attribute.kind).collect();
    let opened = Opened::new(Format::Arff, names, progress, Box::new(ArffRows { lines, attributes }));
    Ok(Opened { stated, ..opened })
}

struct Attribute {
    name: String,
    /// `None` where the type says no more than that it is text.
    kind: Option<Kind>,
    /// What a sparse row means where it names no value: 0, or the first of the nominal ones.
    zero: String,
}

fn header(lines: &mut Lines) -> Result<Vec<Attribute>, DataError> {
    let mut attributes = Vec::new();
    loop {
        let Some(line) = lines.advance()? else {
            return Err(lines.error(0, "no @data; the rows of an ARFF file stand behind it"));
        };
        let line = line.trim();
        let word = line.split_ascii_whitespace().next().unwrap_or_default().to_lowercase();
        match word.as_str() {
            "@data" if attributes.is_empty() => return Err(lines.error(0, "no @attribute before @data")),
            "@data" => return Ok(attributes),
            "@attribute" => match attribute(line[word.len()..].trim_start()) {
                Ok(attribute) => attributes.push(attribute),
                Err(what) => return Err(lines.error(0, what)),
            },
            "@relation" => {}
            _ if line.starts_with('%') => {}
            _ => {
                let what = format!("{} is no @relation, @attribute or @data", quote(line));
                return Err(lines.error(0, what));
            }
        }
    }
}

fn attribute(text: &str) -> Result<Attribute, String> {
    let (name, kind) = match text.chars().next() {
        Some(mark @ ('\'' | '"')) => {
            text[1..].split_once(mark).ok_or_else(|| format!("the quote of {} is open", quote(text)))?
        }
        _ => text.split_once([' ', '\t']).ok_or_else(|| format!("attribute {} has no type", quote(text)))?,
    };
    let kind = kind.trim();
    let lower = kind.to_lowercase();
    let of_numbers = |kind| Ok(Attribute { name: name.to_string(), kind: Some(kind), zero: "0".into() });
    if let Some(values) = kind.strip_prefix('{') {
        let values = cells(values.trim_end_matches('}'))?;
        let zero = values.into_iter().next().unwrap_or_default();
        return Ok(Attribute { name: name.to_string(), kind: Some(Kind::Categorical), zero });
    }
    match lower.split_ascii_whitespace().next() {
        Some("numeric" | "real" | "integer") => of_numbers(Kind::Numeric),
        Some("string" | "date") => Ok(Attribute { name: name.to_string(), kind: None, zero: String::new() }),
        _ => Err(format!("type {} of attribute {} is not known", quote(kind), quote(name))),
    }
}

struct ArffRows {
    lines: Lines,
    attributes: Vec<Attribute>,
}

impl Rows for ArffRows {
    fn read(&mut self, chunk: &mut Chunk, bad: &mut BadRows) -> Result<(), DataError> {
        while !chunk.is_full() {
            let Some(line) = self.lines.advance()? else { break };
            let line = line.trim();
            if line.starts_with('%') {
                continue;
            }
            let row = match line.strip_prefix('{') {
                Some(sparse) => sparse_row(sparse, &self.attributes),
                None => cells(line),
            };
            match row.and_then(|row| self.checked(row)) {
                Ok(row) => chunk.push(self.lines.number(), row.iter().map(String::as_bytes)),
                Err(what) => bad.refuse(self.lines.error(0, what))?,
            }
        }
        Ok(())
    }
}

impl ArffRows {
    fn checked(&self, row: Vec<String>) -> Result<Vec<String>, String> {
        let (cells, attributes) = (row.len(), self.attributes.len());
        if cells == attributes { Ok(row) } else { Err(format!("{cells} cells for {attributes} attributes")) }
    }
}

/// `{0 x, 3 y}`: pairs of a number, from 0, and a value.
fn sparse_row(text: &str, attributes: &[Attribute]) -> Result<Vec<String>, String> {
    let mut row: Vec<String> = attributes.iter().map(|attribute| attribute.zero.clone()).collect();
    let text = text.strip_suffix('}').ok_or("a sparse row begins with { and ends with }")?;
    for pair in cells(text)?.iter().filter(|pair| !pair.is_empty()) {
        let (place, value) =
            pair.split_once(' ').ok_or_else(|| format!("{} is no `number value`", quote(pair)))?;
        let cell = place.parse::<usize>().ok().and_then(|place| row.get_mut(place));
        *cell.ok_or_else(|| format!("no attribute number {}", quote(place)))? = value.trim().to_string();
    }
    Ok(row)
}

/// Cells between commas; quotes of either kind, and backslashes inside them.
fn cells(text: &str) -> Result<Vec<String>, String> {
    let (mut cells, mut cell, mut open) = (Vec::new(), String::new(), None);
    let mut characters = text.chars();
    while let Some(c) = characters.next() {
        match (c, open) {
            ('\\', Some(_)) => cell.extend(characters.next()),
            (c, Some(mark)) if c == mark => open = None,
            ('\'' | '"', None) => open = Some(c),
            (',', None) => cells.push(std::mem::take(&mut cell).trim().to_string()),
            (c, _) => cell.push(c),
        }
    }
    cells.push(cell.trim().to_string());
    if open.is_some() { Err("a quote is left open".into()) } else { Ok(cells) }
}
