//! A table of any format: opened, its columns named and typed, and handed out in chunks.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io::Read;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::infer::{infer, parses};
use super::input::{Progress, open_file};
use super::sniff::Dialect;
use super::{BadRows, Chunk, Kind, ReadOptions, arff, delimited, libsvm, parquet, vw};
use crate::{DataError, Place, quote};

/// How the rows are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    #[serde(rename = "csv")]
    Delimited,
    Libsvm,
    Vw,
    Arff,
    Parquet,
}

impl Format {
    pub const ALL: [Self; 5] = [Self::Delimited, Self::Libsvm, Self::Vw, Self::Arff, Self::Parquet];

    pub fn name(self) -> &'static str {
        match self {
            Self::Delimited => "csv",
            Self::Libsvm => "libsvm",
            Self::Vw => "vw",
            Self::Arff => "arff",
            Self::Parquet => "parquet",
        }
    }

    /// By the first bytes where they are telling, else by the ending of the name; `.gz` is passed over.
    pub fn of(path: &Path) -> Result<Self, DataError> {
        let mut magic = Vec::new();
        let unreadable = |source| DataError::Unreadable { path: path.to_path_buf(), source };
        open_file(path)?.0.take(4).read_to_end(&mut magic).map_err(unreadable)?;
        if magic == b"PAR1" {
            return Ok(Self::Parquet);
        }
        let name = path.file_name().map_or(String::new(), |name| name.to_string_lossy().to_lowercase());
        let ending = name.trim_end_matches(".gz").rsplit('.').next().map(str::to_string);
        Ok(match ending.as_deref() {
            Some("svm" | "libsvm" | "svmlight") => Self::Libsvm,
            Some("vw") => Self::Vw,
            Some("arff") => Self::Arff,
            _ => Self::Delimited,
        })
    }
}

/// Rows of one file, in its order.
pub(super) trait Rows: Send {
    /// Appends rows until the chunk is full or none is left.
    fn read(&mut self, chunk: &mut Chunk, bad: &mut BadRows) -> Result<(), DataError>;
}

/// Where all rows have been read.
struct NoMore;

impl Rows for NoMore {
    fn read(&mut self, _: &mut Chunk, _: &mut BadRows) -> Result<(), DataError> {
        Ok(())
    }
}

/// What a format knows of a file that it has opened.
pub(super) struct Opened {
    pub format: Format,
    /// Empty names are filled in later.
    pub names: Vec<String>,
    /// Types that the file itself states.
    pub stated: Vec<Option<Kind>>,
    pub dialect: Option<Dialect>,
    pub progress: Progress,
    pub rows: Box<dyn Rows>,
}

impl Opened {
    pub fn new(format: Format, names: Vec<String>, progress: Progress, rows: Box<dyn Rows>) -> Self {
        let stated = vec![None; names.len()];
        Self { format, names, stated, dialect: None, progress, rows }
    }
}

/// An open file whose rows are read once, from the first to the last.
pub struct Table {
    pub path: PathBuf,
    pub format: Format,
    pub dialect: Option<Dialect>,
    pub names: Vec<String>,
    pub kinds: Vec<Kind>,
    pub bad: BadRows,
    pub progress: Progress,
    /// Columns whose type was given or stated: their cells must be of it.
    declared: Vec<usize>,
    missing: Vec<Vec<u8>>,
    rows: Box<dyn Rows>,
    /// Rows that were read to find the types out.
    head: VecDeque<Chunk>,
}

impl Table {
    /// Rows by which types are found out.
    pub const HEAD: usize = 10 * Chunk::ROWS;

    pub fn open(path: &Path, format: Option<Format>, options: &ReadOptions) -> Result<Self, DataError> {
        let opened = match format.map_or_else(|| Format::of(path), Ok)? {
            Format::Delimited => delimited::open(path, options),
            Format::Libsvm => libsvm::open(path),
            Format::Vw => vw::open(path),
            Format::Arff => arff::open(path),
            Format::Parquet => parquet::open(path),
        }?;
        let names = unique(opened.names);
        let given = given_kinds(path, &names, &options.types)?;
        let mut table = Self {
            path: path.to_path_buf(),
            format: opened.format,
            dialect: opened.dialect,
            kinds: Vec::new(),
            bad: BadRows::new(options.on_bad_row),
            progress: opened.progress,
            declared: Vec::new(),
            missing: options.missing.iter().map(|word| word.clone().into_bytes()).collect(),
            rows: opened.rows,
            head: VecDeque::new(),
            names,
        };
        table.read_head()?;
        let known: Vec<_> =
            given.iter().zip(&opened.stated).map(|(given, stated)| given.or(*stated)).collect();
        let found = infer(&table.head, table.names.len(), &table.missing);
        table.kinds = known.iter().zip(found).map(|(known, found)| known.unwrap_or(found)).collect();
        table.declared = (0..known.len()).filter(|place| known[*place].is_some()).collect();
        Ok(table)
    }

    /// Rows that are in memory already; an empty cell is one that is not known.
    pub fn in_memory(path: &Path, names: Vec<String>, kinds: Vec<Kind>, rows: Vec<Chunk>) -> Self {
        Self {
            path: path.to_path_buf(),
            format: Format::Delimited,
            dialect: None,
            names,
            kinds,
            bad: BadRows::default(),
            progress: Progress::default(),
            declared: Vec::new(),
            missing: Vec::new(),
            rows: Box::new(NoMore),
            head: rows.into(),
        }
    }

    /// Number of the column of this name.
    pub fn column(&self, name: &str) -> Result<usize, DataError> {
        self.names
            .iter()
            .position(|known| known == name)
            .ok_or_else(|| no_column(&self.path, name, &self.names))
    }

    /// Whether a cell says that its value is not known.
    pub fn is_missing(&self, cell: &[u8]) -> bool {
        is_missing(cell, &self.missing)
    }

    /// Words that mean "not known", beside the empty one.
    pub fn missing(&self) -> &[Vec<u8>] {
        &self.missing
    }

    /// The next rows; false when there are none.
    pub fn read(&mut self, chunk: &mut Chunk) -> Result<bool, DataError> {
        loop {
            match self.head.pop_front() {
                Some(head) => *chunk = head,
                None => self.read_rows(chunk)?,
            }
            if chunk.is_empty() {
                return Ok(false);
            }
            self.check_kinds(chunk)?;
            if !chunk.is_empty() {
                return Ok(true);
            }
        }
    }

    fn read_rows(&mut self, chunk: &mut Chunk) -> Result<(), DataError> {
        if chunk.columns() == self.names.len() {
            chunk.clear();
        } else {
            *chunk = Chunk::new(self.names.len());
        }
        self.rows.read(chunk, &mut self.bad)
    }

    fn read_head(&mut self) -> Result<(), DataError> {
        for _ in 0..Self::HEAD / Chunk::ROWS {
            let mut chunk = Chunk::new(self.names.len());
            self.rows.read(&mut chunk, &mut self.bad)?;
            if chunk.is_empty() {
                break;
            }
            self.head.push_back(chunk);
        }
        Ok(())
    }

    /// Cells of declared columns are of their type; rows in which they are not are refused.
    fn check_kinds(&mut self, chunk: &mut Chunk) -> Result<(), DataError> {
        let mut refused = Vec::new();
        for row in 0..chunk.rows() {
            let fits = |column: &&usize| {
                let cell = chunk.cell(row, **column);
                is_missing(cell, &self.missing) || parses(self.kinds[**column], cell)
            };
            if let Some(column) = self.declared.iter().find(|column| !fits(column)) {
                let error = self.misfit(chunk, row, *column);
                self.bad.refuse(error)?;
                refused.push(row);
            }
        }
        if !refused.is_empty() {
            chunk.retain(|row| refused.binary_search(&row).is_err());
        }
        Ok(())
    }

    fn misfit(&self, chunk: &Chunk, row: usize, column: usize) -> DataError {
        let place = Place { path: self.path.clone(), line: chunk.line(row), column: None };
        let cell = quote(&String::from_utf8_lossy(chunk.cell(row, column)));
        let (name, kind) = (quote(&self.names[column]), self.kinds[column]);
        let what = format!(
            "column {name} (number {}) is declared {kind}, but holds {cell}; mend the cell, or declare another type",
            column + 1
        );
        DataError::Malformed { place, what }
    }

    /// Different values of a column among the first rows; asked before any row is read.
    pub fn values_at_first(&self, column: usize) -> usize {
        let cells =
            self.head.iter().flat_map(|chunk| (0..chunk.rows()).map(move |row| chunk.cell(row, column)));
        cells.filter(|cell| !self.is_missing(cell)).collect::<BTreeSet<_>>().len()
    }
}

pub(super) fn is_missing(cell: &[u8], words: &[Vec<u8>]) -> bool {
    cell.is_empty() || (cell.len() <= 16 && words.iter().any(|word| word == cell))
}

fn no_column(path: &Path, column: &str, known: &[String]) -> DataError {
    DataError::NoColumn { path: path.to_path_buf(), column: column.to_string(), known: known.to_vec() }
}

/// Types by column; `*` stands for those that are not named.
fn given_kinds(
    path: &Path,
    names: &[String],
    types: &BTreeMap<String, Kind>,
) -> Result<Vec<Option<Kind>>, DataError> {
    let unknown = types.keys().find(|name| *name != "*" && !names.contains(name));
    if let Some(unknown) = unknown {
        return Err(no_column(path, unknown, names));
    }
    let others = types.get("*").copied();
    Ok(names.iter().map(|name| types.get(name).copied().or(others)).collect())
}

/// Numbers the columns without a name, and those whose name was there before.
fn unique(names: Vec<String>) -> Vec<String> {
    let mut seen = BTreeSet::new();
    let mut unique = Vec::with_capacity(names.len());
    for (place, name) in names.into_iter().enumerate() {
        let mut fresh = if name.is_empty() { (place + 1).to_string() } else { name };
        while !seen.insert(fresh.clone()) {
            fresh = format!("{fresh}.{}", place + 1);
        }
        unique.push(fresh);
    }
    unique
}
