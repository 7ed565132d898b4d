//! A cache as a flat table: a row for each evaluation, a column for each of its fields and of its scores.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashSet};

use hashing::{Fidelity, Key};
use storage::{Evaluation, Purpose, Record, Subject};
use tasks::{Reason, Scores, Verdict};

/// What stands in a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Text,
    Whole,
    Number,
}

/// One place of a row; `None` where it is empty.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell<'a> {
    Text(Cow<'a, str>),
    Whole(u64),
    Number(f64),
}

pub type Row<'a> = Vec<Option<Cell<'a>>>;

/// Columns before those of the scores, in this order.
const FIELDS: [(&str, Kind); 14] = [
    ("key", Kind::Text),
    ("space", Kind::Text),
    ("scheme", Kind::Text),
    ("fidelity", Kind::Whole),
    ("form", Kind::Text),
    ("purpose", Kind::Text),
    ("seed", Kind::Whole),
    ("seconds", Kind::Number),
    ("steps", Kind::Whole),
    ("study", Kind::Text),
    ("trial", Kind::Whole),
    ("provenance", Kind::Text),
    ("kind", Kind::Text),
    ("reason", Kind::Text),
];

/// What stands before the name of a score.
const SCORE: &str = "score.";

/// Most bytes of a form, and of any other text.
const MOST: (usize, usize) = (1 << 20, 1 << 16);

/// Columns and rows of all evaluations, in the order of the records.
pub struct Flat<'a> {
    pub columns: Vec<(String, Kind)>,
    pub rows: Vec<Row<'a>>,
}

/// An evaluation with what its record says of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    pub key: Key,
    pub subject: Option<Subject>,
    /// The form that was trained.
    pub form: String,
    pub evaluation: Evaluation,
}

/// Why a row is not taken.
#[derive(Debug, PartialEq)]
pub struct Refused {
    pub field: String,
    pub why: String,
}

impl<'a> Flat<'a> {
    pub fn of(records: &'a [(Key, Record)]) -> Self {
        let scores = score_names(records);
        let fields = FIELDS.iter().map(|(name, kind)| (name.to_string(), *kind));
        let columns = fields.chain(scores.iter().map(|name| (format!("{SCORE}{name}"), Kind::Number)));
        let rows = records.iter().flat_map(|(key, record)| {
            let scores = &scores;
            record.evaluations.iter().map(move |evaluation| row(*key, record, evaluation, scores))
        });
        Self { columns: columns.collect(), rows: rows.collect() }
    }
}

/// Names of all scores, sorted.
pub fn score_names(records: &[(Key, Record)]) -> BTreeSet<String> {
    let evaluations = records.iter().flat_map(|(_, record)| &record.evaluations);
    let scores = evaluations.filter_map(|evaluation| match &evaluation.verdict {
        Verdict::Scored(scores) => Some(scores.0.keys().cloned()),
        Verdict::Invalid(_) => None,
    });
    scores.flatten().collect()
}

/// In the order of [`FIELDS`], then the scores.
fn row<'a>(key: Key, record: &'a Record, made: &'a Evaluation, scores: &BTreeSet<String>) -> Row<'a> {
    let text = |text: &'a str| Some(Cell::Text(text.into()));
    let subject = record.subject.as_ref();
    let (kind, reason) = match &made.verdict {
        Verdict::Scored(_) => ("scored", None),
        Verdict::Invalid(reason) => ("invalid", Some(Cell::Text(written(reason).into()))),
    };
    let fields = [
        Some(Cell::Text(key.to_string().into())),
        subject.and_then(|subject| text(&subject.space)),
        subject.and_then(|subject| text(&subject.scheme)),
        subject.map(|subject| Cell::Whole(subject.fidelity.0)),
        text(record.form_of(made)),
        text(purpose_name(made.purpose)),
        Some(Cell::Whole(made.seed)),
        Some(Cell::Number(made.seconds)),
        Some(Cell::Whole(made.steps)),
        text(&made.study),
        Some(Cell::Whole(made.trial)),
        text(&made.provenance),
        text(kind),
        reason,
    ];
    fields.into_iter().chain(scores.iter().map(|name| made.verdict.score(name).map(Cell::Number))).collect()
}

/// A reason as JSON, so that its numbers come back.
fn written(reason: &Reason) -> String {
    serde_json::to_string(reason).expect("a reason is plain data")
}

pub fn purpose_name(purpose: Purpose) -> &'static str {
    match purpose {
        Purpose::Search => "search",
        Purpose::Audit => "audit",
        Purpose::Late => "late",
    }
}

/// Reads rows under a header that may have its columns in any order.
pub struct Reading {
    /// Place of each of [`FIELDS`].
    places: Vec<usize>,
    scores: Vec<(usize, String)>,
}

impl Reading {
    /// Every field must be there, once, and what else is there must be a score.
    pub fn of(columns: &[String]) -> Result<Self, Refused> {
        let refused = |field: &str, why: &str| Refused { field: field.into(), why: why.into() };
        let mut seen = HashSet::new();
        if let Some(twice) = columns.iter().find(|name| !seen.insert(name.as_str())) {
            return Err(refused(twice, "this column is there twice"));
        }
        let place = |name: &str| {
            columns.iter().position(|column| column == name).ok_or_else(|| {
                refused(name, "this column is missing; `fecund cache export` writes all that are needed")
            })
        };
        let places = FIELDS.iter().map(|(name, _)| place(name)).collect::<Result<_, _>>()?;
        let mut scores = Vec::new();
        for (place, column) in columns.iter().enumerate() {
            match column.strip_prefix(SCORE) {
                Some(name) => scores.push((place, name.to_string())),
                None if FIELDS.iter().any(|(field, _)| field == column) => {}
                None => return Err(refused(column, "this column is not known; leave it out")),
            }
        }
        Ok(Self { places, scores })
    }

    pub fn entry(&self, cells: &[Option<Cell>]) -> Result<Entry, Refused> {
        let fields = Fields { places: &self.places, cells };
        let key = fields.text("key").parse().map(Key).map_err(|error| refused("key", error))?;
        let entry = Entry {
            key,
            subject: fields.subject()?,
            form: fields.text("form"),
            evaluation: Evaluation {
                verdict: self.verdict(&fields)?,
                purpose: fields.purpose()?,
                form: None,
                seed: fields.whole("seed")?,
                seconds: fields.number("seconds")?,
                steps: fields.whole("steps")?,
                study: fields.text("study"),
                trial: fields.whole("trial")?,
                provenance: fields.text("provenance"),
            },
        };
        entry.check().map(|()| entry)
    }

    fn verdict(&self, fields: &Fields) -> Result<Verdict, Refused> {
        let reason = fields.text("reason");
        let mut scores = BTreeMap::new();
        for (place, name) in &self.scores {
            if let Some(cell) = fields.cells.get(*place).and_then(Option::as_ref) {
                scores.insert(
                    name.clone(),
                    number(cell).map_err(|why| refused(&format!("{SCORE}{name}"), why))?,
                );
            }
        }
        match fields.text("kind").as_str() {
            "scored" if reason.is_empty() => Ok(Verdict::Scored(Scores(scores))),
            "scored" => Err(refused("reason", "what is scored has no reason")),
            "invalid" if scores.is_empty() => serde_json::from_str(&reason)
                .map(Verdict::Invalid)
                .map_err(|error| refused("reason", format!("`{}` is not known: {error}", start(&reason)))),
            "invalid" => Err(refused("kind", "what is invalid has no scores")),
            other => Err(refused("kind", format!("`{}` is neither scored nor invalid", start(other)))),
        }
    }
}

/// Cells of a row by the name of their field.
struct Fields<'a> {
    places: &'a [usize],
    cells: &'a [Option<Cell<'a>>],
}

impl Fields<'_> {
    fn cell(&self, name: &str) -> Option<&Cell<'_>> {
        let field = FIELDS.iter().position(|(field, _)| *field == name)?;
        self.cells.get(self.places[field])?.as_ref()
    }

    /// An empty cell is an empty text.
    fn text(&self, name: &str) -> String {
        self.cell(name).map_or(String::new(), Cell::shown)
    }

    fn whole(&self, name: &str) -> Result<u64, Refused> {
        match self.cell(name) {
            Some(Cell::Whole(whole)) => Ok(*whole),
            Some(Cell::Text(text)) => text.parse().map_err(|_| {
                refused(name, format!("`{}` is not a whole number from 0 to {}", start(text), u64::MAX))
            }),
            // A fraction that looks whole may have lost digits on its way.
            Some(Cell::Number(number)) => Err(refused(name, format!("{number} is not a whole number"))),
            None => Err(refused(name, "an empty cell")),
        }
    }

    fn number(&self, name: &str) -> Result<f64, Refused> {
        let cell = self.cell(name).ok_or_else(|| refused(name, "an empty cell"))?;
        number(cell).map_err(|why| refused(name, why))
    }

    fn subject(&self) -> Result<Option<Subject>, Refused> {
        let (space, scheme) = (self.text("space"), self.text("scheme"));
        if self.cell("fidelity").is_none() && space.is_empty() && scheme.is_empty() {
            return Ok(None);
        }
        Ok(Some(Subject { space, scheme, fidelity: Fidelity(self.whole("fidelity")?) }))
    }

    fn purpose(&self) -> Result<Purpose, Refused> {
        let name = self.text("purpose");
        let known = [Purpose::Search, Purpose::Audit, Purpose::Late];
        known.into_iter().find(|purpose| purpose_name(*purpose) == name).ok_or_else(|| {
            refused("purpose", format!("`{}` is none of search, audit and late", start(&name)))
        })
    }
}

impl Entry {
    /// The form stands once, where it is the record's.
    pub fn append_to(self, record: &mut Record) {
        let form = Some(self.form).filter(|form| *form != record.form);
        record.evaluations.push(Evaluation { form, ..self.evaluation });
    }

    /// What no evaluation of this program breaks, whoever wrote it.
    pub fn check(&self) -> Result<(), Refused> {
        let Evaluation { seconds, study, provenance, .. } = &self.evaluation;
        if !seconds.is_finite() || *seconds < 0.0 {
            return Err(refused("seconds", format!("{seconds} is not a finite number of zero or more")));
        }
        if let Verdict::Scored(scores) = &self.evaluation.verdict
            && let Some((name, score)) = scores.0.iter().find(|(_, score)| !score.is_finite())
        {
            return Err(refused(&format!("score.{name}"), format!("{score} is not a finite number")));
        }
        let subject = self.subject.as_ref();
        let names = subject.map_or([""; 2], |subject| [subject.space.as_str(), subject.scheme.as_str()]);
        let reason = match &self.evaluation.verdict {
            Verdict::Invalid(reason) => written(reason),
            Verdict::Scored(_) => String::new(),
        };
        let texts = [("space", names[0]), ("scheme", names[1]), ("study", study), ("provenance", provenance)];
        short("form", &self.form, MOST.0)?;
        short("reason", &reason, MOST.1)?;
        texts.into_iter().try_for_each(|(field, text)| short(field, text, MOST.1))?;
        let json: Result<serde_json::Value, _> = serde_json::from_str(&self.form);
        json.map(drop).map_err(|error| refused("form", format!("not JSON: {error}")))
    }
}

fn short(field: &str, text: &str, most: usize) -> Result<(), Refused> {
    if text.len() <= most {
        return Ok(());
    }
    Err(refused(field, format!("{} bytes are too many; at most {most} are taken", text.len())))
}

fn refused(field: &str, why: impl ToString) -> Refused {
    Refused { field: field.into(), why: why.to_string() }
}

/// The start of a text that may be long.
fn start(text: &str) -> String {
    text.chars().take(40).collect()
}

fn number(cell: &Cell) -> Result<f64, String> {
    match cell {
        Cell::Number(number) => Ok(*number),
        Cell::Whole(whole) => Err(format!("{whole} is a whole number; write it as a fraction")),
        Cell::Text(text) => text.parse().map_err(|_| format!("`{}` is not a number", start(text))),
    }
}

impl Cell<'_> {
    pub fn whole(&self) -> Option<u64> {
        if let Self::Whole(whole) = self { Some(*whole) } else { None }
    }

    pub fn number(&self) -> Option<f64> {
        if let Self::Number(number) = self { Some(*number) } else { None }
    }

    /// With every digit, so that [`Reading`] finds the same number; a NaN keeps its sign.
    pub fn shown(&self) -> String {
        match self {
            Self::Text(text) => text.to_string(),
            Self::Whole(whole) => whole.to_string(),
            Self::Number(number) if number.is_nan() && number.is_sign_negative() => "-NaN".into(),
            Self::Number(number) => format!("{number:?}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use storage::conformance::{sample_key, sample_record};

    use super::*;

    fn names(flat: &Flat) -> Vec<String> {
        flat.columns.iter().map(|(name, _)| name.clone()).collect()
    }

    #[test]
    fn a_row_says_what_its_evaluation_said_as_text_too() {
        for n in 0..40 {
            let records = [(sample_key(n), sample_record(n))];
            let flat = Flat::of(&records);
            let reading = Reading::of(&names(&flat)).unwrap();
            let is_finite = |made: &Evaluation| !format!("{:?}", made.verdict).contains("inf");
            for (row, made) in flat.rows.iter().zip(&records[0].1.evaluations) {
                if !is_finite(made) {
                    assert_eq!(reading.entry(row).unwrap_err().field, "score.accuracy");
                    continue;
                }
                let as_text: Row = row
                    .iter()
                    .map(|cell| cell.as_ref().map(|cell| Cell::Text(cell.shown().into())))
                    .collect();
                for row in [row, &as_text] {
                    let entry = reading.entry(row).unwrap();
                    let form = records[0].1.form_of(made);
                    assert_eq!((entry.key, entry.form.as_str()), (sample_key(n), form));
                    assert_eq!(entry.subject, records[0].1.subject);
                    let evaluation = Evaluation { form: made.form.clone(), ..entry.evaluation };
                    assert_eq!(format!("{evaluation:?}"), format!("{made:?}"));
                }
            }
        }
    }

    #[test]
    fn what_is_wrong_in_a_row_is_said_with_its_field() {
        let long = || Some(Cell::Text(format!("\"{}\"", "x".repeat(1 << 20)).into()));
        let text = |text: &'static str| Some(Cell::Text(text.into()));
        let records = [(sample_key(7), sample_record(7))];
        let flat = Flat::of(&records);
        let (columns, row) = (names(&flat), &flat.rows[0]);
        let reading = Reading::of(&columns).unwrap();
        assert!(reading.entry(row).is_ok());
        for (field, cell, why) in [
            ("key", text("12"), "64 hexadecimal digits"),
            ("key", None, "64 hexadecimal digits"),
            ("form", text("{"), "not JSON"),
            ("form", None, "not JSON"),
            ("form", long(), "at most 1048576"),
            ("fidelity", None, "empty"),
            ("fidelity", text("-1"), "whole number"),
            ("purpose", text("fun"), "none of search"),
            ("seed", text("1.5"), "whole number"),
            ("seed", text("18446744073709551616"), "whole number"),
            ("seed", Some(Cell::Number(1.0)), "whole number"),
            ("seconds", text("NaN"), "finite"),
            ("seconds", text("inf"), "finite"),
            ("seconds", Some(Cell::Number(-1.0)), "zero or more"),
            ("seconds", text("long"), "not a number"),
            ("steps", None, "empty"),
            ("trial", text("x"), "whole number"),
            ("kind", text("fine"), "neither scored nor invalid"),
            ("reason", text("\"not_in_table\""), "no reason"),
        ] {
            let mut row = row.clone();
            row[columns.iter().position(|column| column == field).unwrap()] = cell;
            let refused = reading.entry(&row).expect_err(field);
            assert!(refused.field == field && refused.why.contains(why), "{refused:?}, not {field}: {why}");
        }
    }
}
