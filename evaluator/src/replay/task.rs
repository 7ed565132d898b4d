//! What a replay is asked: which table, which column decides, and what an evaluation would have cost.

use std::path::PathBuf;

use hashing::{Context, Digest};
use serde::{Deserialize, Serialize};
use spaces::Tabulated;

use super::{Cost, Table};

/// Version of looking up and scoring. Goes up with every change that can move a verdict.
const VERSION: u64 = 1;

/// The question put to every candidate of a study. Plain data.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReplayTask {
    /// File of the table.
    pub table: PathBuf,
    /// [`Table::fingerprint`] of that file's content.
    pub data: Digest,
    /// Candidates in it.
    pub rows: usize,
    /// Columns of numbers, in the order of the file: each is a score.
    pub columns: Vec<String>,
    /// The column that decides.
    pub objective: String,
    pub higher_is_better: bool,
    /// Simulated seconds of an evaluation. Default: none; the clock is asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<Cost>,
}

impl ReplayTask {
    pub fn of<C: Tabulated>(
        table: &Table<C>,
        objective: &str,
        higher_is_better: bool,
        cost: Option<Cost>,
    ) -> Self {
        Self {
            table: table.path().to_path_buf(),
            data: table.fingerprint(),
            rows: table.len(),
            columns: table.columns().to_vec(),
            objective: objective.into(),
            higher_is_better,
            cost,
        }
    }

    /// `higher is better`, or `lower is better`.
    pub fn direction(&self) -> &'static str {
        if self.higher_is_better { "higher is better" } else { "lower is better" }
    }

    /// Everything that a verdict depends on besides the candidate. The cost is in it, so that studies that share a
    /// cache never answer with seconds of another measure.
    pub fn context(&self) -> Context {
        Context::new()
            .with("evaluator", format_args!("replay {VERSION}"))
            .with("data", self.data)
            .with("metric", format_args!("{}, {}", self.objective, self.direction()))
            .with("cost", self.cost.as_ref().map_or("by the clock".into(), Cost::to_string))
    }
}
