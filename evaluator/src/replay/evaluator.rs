//! The evaluator that looks verdicts up.

use std::collections::{BTreeMap, HashMap};
use std::sync::OnceLock;

use hashing::{Context, Digest, Keyed};
use spaces::{Space, Tabulated};
use tasks::{DataError, Place, Reason, Scores, Verdict};

use super::{ReplayTask, Table};
use crate::{EvalError, Evaluator, Job, Outcome};

/// Answers with the row of a candidate: the one that is written like it, else the first one whose canonical form is
/// that of the candidate, else `Verdict::Invalid(Reason::NotInTable)`. Every column of numbers is a score.
pub struct Replay<S: Space> {
    space: S,
    table: Table<S::Candidate>,
    task: ReplayTask,
    /// Place of each row by how its candidate is written.
    written: HashMap<Digest, usize>,
    /// By canonical form; made when it is first needed.
    canonical: OnceLock<HashMap<Digest, usize>>,
    /// Place of the column that costs.
    cost: Option<usize>,
}

impl<S: Space> Replay<S>
where
    S::Candidate: Tabulated,
{
    /// The table must be the one that the task is about, and no evaluation may cost less than nothing.
    pub fn new(space: S, table: Table<S::Candidate>, task: ReplayTask) -> Result<Self, DataError> {
        if table.fingerprint() != task.data {
            let what = "is not the table that this run began with; start a new run".into();
            return Err(DataError::NotLocated { path: table.path().to_path_buf(), what });
        }
        let place = |name: &str| {
            table.columns().iter().position(|column| column == name).ok_or_else(|| DataError::NoColumn {
                path: table.path().to_path_buf(),
                column: name.into(),
                known: table.columns().to_vec(),
            })
        };
        place(&task.objective)?;
        let cost = task.cost.as_ref().map(|cost| place(&cost.column)).transpose()?;
        let written = places(table.candidates().map(|candidate| candidate.digest(WRITTEN)));
        let replay = Self { space, task, written, canonical: OnceLock::new(), cost, table };
        replay.check_costs()?;
        Ok(replay)
    }

    pub fn task(&self) -> &ReplayTask {
        &self.task
    }

    fn check_costs(&self) -> Result<(), DataError> {
        for index in 0..self.table.len() {
            let ((_, line), seconds) = (self.table.row(index), self.seconds(index));
            if let Some(seconds) = seconds.filter(|seconds| !seconds.is_finite() || *seconds < 0.0) {
                let column = self.task.cost.as_ref().map_or("", |cost| &cost.column);
                let place = Place { path: self.table.path().to_path_buf(), line, column: None };
                let what = format!(
                    "column `{column}` makes an evaluation cost {seconds} s; give a cost of zero or more"
                );
                return Err(DataError::Malformed { place, what });
            }
        }
        Ok(())
    }

    /// Simulated seconds of a row.
    fn seconds(&self, index: usize) -> Option<f64> {
        let (column, cost) = (self.cost?, self.task.cost.as_ref()?);
        Some(self.table.row(index).0[column] * cost.factor)
    }

    fn find(&self, candidate: &S::Candidate) -> Option<usize> {
        let form = |candidate: &S::Candidate| self.space.canonicalize(candidate).digest(WRITTEN);
        let by_form = || self.canonical.get_or_init(|| places(self.table.candidates().map(form)));
        let written = self.written.get(&candidate.digest(WRITTEN));
        written.or_else(|| by_form().get(&form(candidate))).copied()
    }
}

/// Domain of the digests that tell how candidates are written.
pub(super) const WRITTEN: &str = "fecund table row v1";

/// Place of each digest; the first one where it comes twice.
fn places(digests: impl Iterator<Item = Digest>) -> HashMap<Digest, usize> {
    let mut places = HashMap::new();
    for (place, digest) in digests.enumerate() {
        places.entry(digest).or_insert(place);
    }
    places
}

impl<S: Space> Evaluator<S::Candidate> for Replay<S>
where
    S::Candidate: Tabulated,
{
    fn context(&self) -> Context {
        self.task.context()
    }

    /// The clock has no part in what a look-up costs where the task names a column for it; a candidate without a row
    /// costs nothing then.
    fn evaluate(&self, candidate: &S::Candidate, _: &Job) -> Result<Outcome, EvalError> {
        let Some(index) = self.find(candidate) else {
            let verdict = Verdict::Invalid(Reason::NotInTable);
            let seconds = self.cost.map(|_| 0.0);
            return Ok(Outcome { verdict, steps: 0, seconds, provenance: "not in the table".into() });
        };
        let (values, line) = self.table.row(index);
        let scores: BTreeMap<_, _> =
            self.table.columns().iter().cloned().zip(values.iter().copied()).collect();
        let provenance = format!("line {line} of the table");
        let verdict = Verdict::Scored(Scores(scores));
        Ok(Outcome { verdict, steps: 1, seconds: self.seconds(index), provenance })
    }
}
