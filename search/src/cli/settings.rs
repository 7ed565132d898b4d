//! `study.toml`: everything that a run was made with.

use std::path::PathBuf;
use std::time::Duration;

use evaluator::Limits;
use evaluator::sequence::SequenceTask;
use hashing::{CandidateHasher, Context, TwoStage};
use serde::{Deserialize, Serialize};
use spaces::sequence::{self, Genome, SequenceSpace};
use tasks::Metric;

use super::args::{BudgetArgs, LimitArgs};
use super::failure::Failure;
use crate::{Objective, Strategy, strategies};

/// The settings of a run. The version goes up when a field changes its meaning.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    pub version: u32,
    /// Names the study in the records that it pays for.
    pub study: String,
    /// The command that made the run.
    pub command: String,
    pub space: String,
    /// Blocks that may be used.
    pub blocks: Vec<String>,
    pub max_depth: usize,
    pub strategy: String,
    pub seed: u64,
    pub window: u64,
    pub jobs: usize,
    pub reuse: bool,
    /// The test part, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub test: Option<PathBuf>,
    /// Folder of the cache, if it is not the run's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache: Option<PathBuf>,
    pub budget: Budget,
    pub limits: Limits,
    pub task: SequenceTask,
    /// Scheme of the fingerprints.
    pub scheme: String,
    /// What every key is made with; a resume under another one is refused.
    pub context: Context,
    /// Genomes that are proposed first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub enqueued: Vec<Genome>,
}

/// What a search may use up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Budget {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trials: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trainings: Option<u64>,
    /// In seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time: Option<f64>,
}

pub const VERSION: u32 = 1;
/// Trainings of a search that names no budget.
pub const DEFAULT_TRAININGS: u64 = 60;

impl Settings {
    pub fn space(&self) -> Result<SequenceSpace, Failure> {
        let Self { blocks, max_depth, .. } = self.clone();
        SequenceSpace::new(sequence::Limits { max_depth, blocks, ..sequence::Limits::default() })
            .map_err(Failure::usage)
    }

    /// The metric decides, then log loss.
    pub fn objective(&self) -> Objective {
        let metric = self.task.metric;
        let objective = Objective::new(metric.name(), metric.higher_is_better());
        if metric == Metric::LogLoss { objective } else { objective.then(Metric::LogLoss.name(), false) }
    }

    /// The metrics worth showing: accuracy, the one that decides, and log loss.
    pub fn metrics(&self) -> Vec<&'static str> {
        let mut shown = vec![Metric::Accuracy, self.task.metric, Metric::LogLoss];
        shown.dedup();
        shown.iter().map(|metric| metric.name()).collect()
    }

    /// Why a run cannot go on under this program, if it cannot: its keys would be others.
    pub fn check_keys(&self) -> Result<(), Failure> {
        let (context, scheme) = (self.task.context(), hashing_scheme());
        let mut changed: Vec<String> = self
            .context
            .differences(&context)
            .into_iter()
            .map(|(name, was, is)| {
                format!("{name} was `{}`, is `{}`", was.unwrap_or_default(), is.unwrap_or_default())
            })
            .collect();
        if self.scheme != scheme {
            changed.push(format!("hashing was `{}`, is `{scheme}`", self.scheme));
        }
        if changed.is_empty() {
            return Ok(());
        }
        let why =
            "this run was made by another version of fecund, whose scores do not compare with this one's";
        Err(Failure::failed(format!(
            "{why} ({}); go on with that version, or start a new run",
            changed.join("; ")
        )))
    }

    pub fn strategy(&self) -> Result<Box<dyn Strategy<SequenceSpace>>, Failure> {
        let known = strategies::<SequenceSpace>();
        match known.iter().find(|listed| listed.name == self.strategy) {
            Some(listed) => Ok((listed.make)(&self.objective())),
            None => {
                let names: Vec<_> = known.iter().map(|listed| listed.name).collect();
                Err(Failure::usage(format!("no strategy `{}`; known: {}", self.strategy, names.join(", "))))
            }
        }
    }
}

/// The command as it was typed, quoted where a shell needs it.
pub fn command_line() -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,+@%".contains(c);
    let quoted = |word: String| {
        if !word.is_empty() && word.chars().all(plain) {
            word
        } else {
            format!("'{}'", word.replace('\'', "'\\''"))
        }
    };
    let words = std::env::args().skip(1).map(quoted);
    std::iter::once("fecund".to_string()).chain(words).collect::<Vec<_>>().join(" ")
}

/// Scheme of the fingerprints that this program makes.
pub fn hashing_scheme() -> String {
    CandidateHasher::<Genome>::scheme(&TwoStage::default())
}

impl Budget {
    pub fn of(args: &BudgetArgs) -> Self {
        Self {
            trials: args.trials,
            trainings: args.trainings,
            time: args.time.map(|time| time.as_secs_f64()),
        }
    }

    /// With what `args` names instead of what was before.
    pub fn changed(self, args: &BudgetArgs) -> Self {
        let new = Self::of(args);
        Self {
            trials: new.trials.or(self.trials),
            trainings: new.trainings.or(self.trainings),
            time: new.time.or(self.time),
        }
    }

    pub fn or_default(self) -> Self {
        if self == Self::default() { Self { trainings: Some(DEFAULT_TRAININGS), ..self } } else { self }
    }

    /// Time that is left after `spent` seconds.
    pub fn time_left(&self, spent: f64) -> Option<Duration> {
        self.time.map(|time| Duration::from_secs_f64((time - spent).max(0.0)))
    }
}

impl LimitArgs {
    pub fn limits(&self) -> Limits {
        Limits { seconds: self.max_seconds_per_trial, memory: self.max_memory_per_trial.map(|mib| mib << 20) }
    }
}
