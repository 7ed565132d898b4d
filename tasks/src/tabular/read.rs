//! From a file to a [`Frame`].

use std::collections::HashMap;
use std::path::Path;

use super::{Cells, Column, Frame, Goal, Keys, MISSING, Reading, SplitBy, Target};
use crate::rank::{MOST_CLASSES, is_of_numbers};
use crate::table::{Chunk, Kind, Table, date, number};
use crate::{DataError, Place, quote};

/// Cells that a frame may have: 268 million, 2 GB of numbers.
const MOST_CELLS: u64 = 1 << 28;

/// What is wanted of a table.
#[derive(Clone, Debug)]
pub struct Wanted<'a> {
    pub target: &'a str,
    /// Default: classes, unless it is a number with more than 20 values.
    pub goal: Option<Goal>,
    /// Its column is no input.
    pub split: &'a SplitBy,
    /// Columns to read. Default: all others.
    pub columns: Option<&'a [String]>,
    /// Columns not to read.
    pub ignored: &'a [String],
}

/// Reads a table whose rows tell what they should be answered with; those that do not are left out and counted.
pub fn read(path: &Path, reading: &Reading, wanted: &Wanted) -> Result<Frame, DataError> {
    let mut table = Table::open(path, reading.format, &reading.options())?;
    let target = table.column(wanted.target)?;
    let key = wanted.split.column().map(|name| table.column(name)).transpose()?;
    if key == Some(target) {
        return Err(fault(path, &format!("rows cannot be split by their target {}", quote(wanted.target))));
    }
    let places = places(&table, wanted, target, key)?;
    let by_default = || if is_of_numbers(&table, target) { Goal::Regression } else { Goal::Classification };
    let goal = wanted.goal.unwrap_or_else(by_default);
    let target = Answers { place: Some(target), reader: TargetReader::new(goal, table.kinds[target], None) };
    let keys = key.map(|key| KeyReader::new(key, wanted.split, table.kinds[key]));
    collect(&mut table, &places, target, keys, false)
}

/// Reads rows to be judged or predicted by a model of `train`: the same columns, of the same kinds, and the classes that
/// are known. The target may be missing, in some rows or in all.
pub fn read_like(path: &Path, reading: &Reading, target: &str, train: &Frame) -> Result<Frame, DataError> {
    // Declared types are those of the training file, which may have other columns.
    let reading = Reading { types: Default::default(), ..reading.clone() };
    let mut table = Table::open(path, reading.format, &reading.options())?;
    let mut places = Vec::new();
    for column in &train.columns {
        let place = table.column(&column.name)?;
        table.kinds[place] = column.kind;
        places.push(place);
    }
    let place = table.column(target).ok();
    let reader = match &train.target {
        Target::Classes { names, .. } => {
            TargetReader::new(Goal::Classification, Kind::Categorical, Some(names))
        }
        Target::Numbers(_) => {
            let kind = place.map_or(Kind::Numeric, |place| table.kinds[place]);
            TargetReader::new(Goal::Regression, kind, None)
        }
    };
    collect(&mut table, &places, Answers { place, reader }, None, true)
}

fn places(
    table: &Table,
    wanted: &Wanted,
    target: usize,
    key: Option<usize>,
) -> Result<Vec<usize>, DataError> {
    let named = |names: &[String]| names.iter().map(|name| table.column(name)).collect::<Result<Vec<_>, _>>();
    let ignored = named(wanted.ignored)?;
    let chosen = wanted.columns.map(named).transpose()?;
    let is_input = |place: &usize| {
        let is_wanted = chosen.as_ref().is_none_or(|chosen| chosen.contains(place));
        is_wanted && *place != target && Some(*place) != key && !ignored.contains(place)
    };
    let places: Vec<usize> = (0..table.names.len()).filter(is_input).collect();
    if places.is_empty() {
        return Err(fault(&table.path, "no column is left to learn from; ignore fewer, or name others"));
    }
    Ok(places)
}

fn fault(path: &Path, what: &str) -> DataError {
    DataError::NotLocated { path: path.to_path_buf(), what: what.to_string() }
}

/// Where answers stand, and how they are read.
struct Answers {
    place: Option<usize>,
    reader: TargetReader,
}

fn collect(
    table: &mut Table,
    places: &[usize],
    mut answers: Answers,
    mut keys: Option<KeyReader>,
    keep_unlabeled: bool,
) -> Result<Frame, DataError> {
    let mut readers: Vec<_> =
        places.iter().map(|place| CellReader::new(*place, table.kinds[*place])).collect();
    let (mut chunk, mut rows, mut unlabeled) = (Chunk::default(), 0u64, 0);
    while table.read(&mut chunk)? {
        for row in 0..chunk.rows() {
            let answer = answers.place.map(|place| chunk.cell(row, place));
            let answer = answer.filter(|cell| !table.is_missing(cell));
            let is_known = answers.reader.push(answer, keep_unlabeled).map_err(|what| {
                let place = Place { path: table.path.clone(), line: chunk.line(row), column: None };
                DataError::Malformed { place, what }
            })?;
            if !is_known && !keep_unlabeled {
                unlabeled += 1;
                continue;
            }
            rows += 1;
            readers.iter_mut().for_each(|reader| reader.push(chunk.cell(row, reader.place), table));
            keys.iter_mut().try_for_each(|keys| keys.push(&chunk, row, table))?;
        }
        if rows.saturating_mul(places.len() as u64) > MOST_CELLS {
            let what = format!("more than {MOST_CELLS} cells; take fewer columns or rows");
            return Err(fault(&table.path, &what));
        }
    }
    if rows == 0 {
        let what =
            format!("no row has an answer in its target ({unlabeled} rows without); name another target");
        return Err(fault(&table.path, &what));
    }
    let columns = readers.into_iter().map(|reader| reader.finish(table)).collect();
    Ok(Frame {
        columns,
        target: answers.reader.finish(),
        keys: keys.map_or(Keys::None, KeyReader::finish),
        unlabeled,
        skipped: (table.bad.skipped, table.bad.first.clone()),
    })
}

/// Words by their first row.
#[derive(Default)]
struct Words {
    known: HashMap<Vec<u8>, u32>,
    names: Vec<String>,
}

impl Words {
    fn code(&mut self, cell: &[u8]) -> u32 {
        if let Some(code) = self.known.get(cell) {
            return *code;
        }
        let code = self.names.len() as u32;
        self.known.insert(cell.to_vec(), code);
        self.names.push(String::from_utf8_lossy(cell).into_owned());
        code
    }
}

struct CellReader {
    place: usize,
    kind: Kind,
    numbers: Vec<f64>,
    codes: Vec<u32>,
    words: Words,
}

impl CellReader {
    fn new(place: usize, kind: Kind) -> Self {
        Self { place, kind, numbers: Vec::new(), codes: Vec::new(), words: Words::default() }
    }

    /// A word among numbers is a number that is not known.
    fn push(&mut self, cell: &[u8], table: &Table) {
        let is_missing = table.is_missing(cell);
        if self.kind.is_ordered() {
            let value = if is_missing { None } else { value(self.kind, cell) };
            self.numbers.push(value.unwrap_or(f64::NAN));
        } else {
            self.codes.push(if is_missing { MISSING } else { self.words.code(cell) });
        }
    }

    fn finish(self, table: &Table) -> Column {
        let cells = match self.kind.is_ordered() {
            true => Cells::Numbers(self.numbers),
            false => Cells::Words { names: self.words.names, codes: self.codes },
        };
        Column { name: table.names[self.place].clone(), kind: self.kind, cells }
    }
}

fn value(kind: Kind, cell: &[u8]) -> Option<f64> {
    if kind == Kind::Date { date(cell) } else { number(cell) }
}

enum TargetReader {
    Classes { words: Words, labels: Vec<u32>, is_fixed: bool },
    Numbers { kind: Kind, numbers: Vec<f64> },
}

impl TargetReader {
    /// `known` are the only classes there may be.
    fn new(goal: Goal, kind: Kind, known: Option<&[String]>) -> Self {
        match goal {
            Goal::Regression => Self::Numbers { kind, numbers: Vec::new() },
            Goal::Classification => {
                let mut words = Words::default();
                for name in known.into_iter().flatten() {
                    words.code(name.as_bytes());
                }
                Self::Classes { words, labels: Vec::new(), is_fixed: known.is_some() }
            }
        }
    }

    /// Whether the answer is known; else nothing is kept, unless it is wanted all the same.
    fn push(&mut self, cell: Option<&[u8]>, keep_unlabeled: bool) -> Result<bool, String> {
        match self {
            Self::Numbers { kind, numbers } => {
                let value = cell.and_then(|cell| value(*kind, cell));
                if value.is_some() || keep_unlabeled {
                    numbers.push(value.unwrap_or(f64::NAN));
                }
                Ok(value.is_some())
            }
            Self::Classes { words, labels, is_fixed } => {
                let before = words.names.len();
                let label = cell.map(|cell| words.code(cell));
                if words.names.len() > if *is_fixed { before } else { MOST_CLASSES } {
                    return Err(Self::too_many(words, *is_fixed));
                }
                if label.is_some() || keep_unlabeled {
                    labels.push(label.unwrap_or(MISSING));
                }
                Ok(label.is_some())
            }
        }
    }

    fn too_many(words: &Words, is_fixed: bool) -> String {
        let class = quote(words.names.last().map_or("", String::as_str));
        match is_fixed {
            true => format!("class {class} is not in the training rows; leave such rows out"),
            false => format!(
                "the target has more than {MOST_CLASSES} classes ({class} is one too many); if its values are numbers, \
                 say --task regression"
            ),
        }
    }

    /// Classes by the number that they write, else by name.
    fn finish(self) -> Target {
        match self {
            Self::Numbers { numbers, .. } => Target::Numbers(numbers),
            Self::Classes { words: Words { names, .. }, labels, is_fixed: true } => {
                Target::Classes { names, labels }
            }
            Self::Classes { words: Words { names, .. }, mut labels, .. } => {
                let mut order: Vec<usize> = (0..names.len()).collect();
                let numbers: Option<Vec<f64>> = names.iter().map(|name| number(name.as_bytes())).collect();
                match numbers {
                    Some(numbers) => order.sort_by(|a, b| numbers[*a].total_cmp(&numbers[*b])),
                    None => order.sort_by(|a, b| names[*a].cmp(&names[*b])),
                }
                let mut rank = vec![0; names.len()];
                order.iter().enumerate().for_each(|(place, label)| rank[*label] = place as u32);
                labels.iter_mut().for_each(|label| *label = rank[*label as usize]);
                Target::Classes { names: order.iter().map(|label| names[*label].clone()).collect(), labels }
            }
        }
    }
}

/// Reads what rows are split by.
struct KeyReader {
    place: usize,
    kind: Kind,
    is_time: bool,
    words: Words,
    groups: Vec<u32>,
    times: Vec<f64>,
}

impl KeyReader {
    fn new(place: usize, split: &SplitBy, kind: Kind) -> Self {
        let is_time = matches!(split, SplitBy::Time(_));
        Self { place, kind, is_time, words: Words::default(), groups: Vec::new(), times: Vec::new() }
    }

    /// Rows whose group is not known are one group; a time must be known.
    fn push(&mut self, chunk: &Chunk, row: usize, table: &Table) -> Result<(), DataError> {
        let cell = chunk.cell(row, self.place);
        if !self.is_time {
            self.groups.push(self.words.code(if table.is_missing(cell) { b"" } else { cell }));
            return Ok(());
        }
        let time = if table.is_missing(cell) { None } else { value(self.kind, cell) };
        let time = time.ok_or_else(|| {
            let place = Place { path: table.path.clone(), line: chunk.line(row), column: None };
            let (name, cell) = (quote(&table.names[self.place]), quote(&String::from_utf8_lossy(cell)));
            let what = format!(
                "column {name} holds {cell}, which is no time: give a number or a date such as 2024-05-31"
            );
            DataError::Malformed { place, what }
        })?;
        self.times.push(time);
        Ok(())
    }

    fn finish(self) -> Keys {
        if self.is_time { Keys::Times(self.times) } else { Keys::Groups(self.groups) }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const TABLE: &str = "id,age,job,day,y\n1,30,cook,2024-01-02,yes\n1,,smith,2024-01-01,no\n2,41.5,?,2024-02-01,yes\n\
                         3,oops,cook,2024-03-01,\n";

    fn read_text(text: &str, wanted: &Wanted) -> Result<Frame, DataError> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("t.csv");
        fs::write(&file, text).unwrap();
        let mut reading = Reading::default();
        reading.types.insert("id".into(), Kind::Categorical);
        reading.types.insert("job".into(), Kind::Categorical);
        read(&file, &reading, wanted)
    }

    fn wanted<'a>(target: &'a str, split: &'a SplitBy) -> Wanted<'a> {
        Wanted { target, goal: None, split, columns: None, ignored: &[] }
    }

    #[test]
    fn cells_become_numbers_and_words_and_rows_without_an_answer_are_counted() {
        let frame = read_text(&TABLE.replace("oops", "50"), &wanted("y", &SplitBy::Random)).unwrap();
        assert_eq!((frame.rows(), frame.unlabeled), (3, 1));
        assert_eq!(frame.names(), ["id", "age", "job", "day"]);
        let Cells::Numbers(ages) = &frame.columns[1].cells else { panic!("{frame:?}") };
        assert!(ages[0] == 30.0 && ages[1].is_nan() && ages[2] == 41.5);
        let jobs = Cells::Words { names: vec!["cook".into(), "smith".into()], codes: vec![0, 1, MISSING] };
        assert_eq!(frame.columns[2].cells, jobs);
        let classes = Target::Classes { names: vec!["no".into(), "yes".into()], labels: vec![1, 0, 1] };
        assert_eq!(frame.target, classes);
    }

    #[test]
    fn classes_that_are_numbers_come_in_their_order() {
        let frame = read_text("x,y\n1,10\n2,9\n3,10\n", &wanted("y", &SplitBy::Random));
        // `id` and `job` were declared and are not there.
        assert!(frame.unwrap_err().to_string().contains("no column `id`"));
        let text = TABLE.replace("yes", "10").replace("no", "9").replace("oops", "50");
        let frame = read_text(&text, &wanted("y", &SplitBy::Random)).unwrap();
        assert_eq!(frame.target.classes(), ["9", "10"]);
    }

    #[test]
    fn what_rows_are_split_by_is_no_input() {
        let group = SplitBy::Group("id".into());
        let frame = read_text(TABLE, &wanted("y", &group)).unwrap();
        assert_eq!((frame.keys, frame.columns.len()), (Keys::Groups(vec![0, 0, 1]), 3));
        let time = SplitBy::Time("day".into());
        let frame = read_text(TABLE, &wanted("y", &time)).unwrap();
        let Keys::Times(times) = frame.keys else { panic!() };
        assert!(times[1] < times[0] && times[0] < times[2]);
        let job = SplitBy::Time("job".into());
        let error = read_text(TABLE, &wanted("y", &job)).unwrap_err().to_string();
        assert!(error.contains("t.csv:2") && error.contains("`cook`, which is no time"), "{error}");
        let error = read_text(TABLE, &wanted("y", &SplitBy::Group("y".into()))).unwrap_err().to_string();
        assert!(error.contains("split by their target"), "{error}");
    }

    #[test]
    fn a_column_that_is_left_out_counts_as_one_that_is_not_there() {
        let split = SplitBy::Random;
        let ignored = ["age".to_string()];
        let left_out = read_text(TABLE, &Wanted { ignored: &ignored, ..wanted("y", &split) }).unwrap();
        let absent: String = TABLE
            .lines()
            .map(|line| line.split(',').enumerate().filter(|(place, _)| *place != 1).map(|(_, cell)| cell))
            .map(|cells| cells.collect::<Vec<_>>().join(",") + "\n")
            .collect();
        let absent = read_text(&absent, &wanted("y", &split)).unwrap();
        assert_eq!(left_out.fingerprint(), absent.fingerprint());
        let columns = ["id".to_string(), "job".into(), "day".into()];
        let chosen = read_text(TABLE, &Wanted { columns: Some(&columns), ..wanted("y", &split) }).unwrap();
        assert_eq!(chosen.fingerprint(), absent.fingerprint());
        let all = read_text(TABLE, &wanted("y", &split)).unwrap();
        assert_ne!(all.fingerprint(), absent.fingerprint());
    }

    #[test]
    fn rows_to_predict_need_no_answer_and_only_known_classes() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("new.csv");
        let train = read_text(TABLE, &wanted("y", &SplitBy::Random)).unwrap();
        let like = |text: &str| {
            fs::write(&file, text).unwrap();
            read_like(&file, &Reading::default(), "y", &train)
        };
        let frame = like("job,day,id,age\npilot,2024-01-01,9,1\n").unwrap();
        assert_eq!(frame.names(), train.names());
        assert_eq!(frame.columns.iter().map(|it| it.kind).collect::<Vec<_>>(), {
            train.columns.iter().map(|it| it.kind).collect::<Vec<_>>()
        });
        assert!(!frame.target.is_known(0));
        let error = like("job,day,id,age,y\na,2024-01-01,9,1,perhaps\n").unwrap_err().to_string();
        assert!(error.contains("new.csv:2") && error.contains("class `perhaps` is not in"), "{error}");
        assert!(like("job,day,id\na,2024-01-01,9\n").unwrap_err().to_string().contains("no column `age`"));
    }

    #[test]
    fn a_table_that_leaves_nothing_to_learn_says_so() {
        let ignored = ["id".to_string(), "age".into(), "job".into(), "day".into()];
        let error = read_text(TABLE, &Wanted { ignored: &ignored, ..wanted("y", &SplitBy::Random) });
        assert!(error.unwrap_err().to_string().contains("no column is left"));
        let unlabeled = "id,job,y\n1,a,\n2,b,NA\n";
        let error = read_text(unlabeled, &wanted("y", &SplitBy::Random)).unwrap_err().to_string();
        assert!(error.contains("2 rows without"), "{error}");
    }
}
