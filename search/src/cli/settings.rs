//! `study.toml`: everything that a run was made with.

use std::path::{Path, PathBuf};

use evaluator::Limits;
use hashing::{Behavior, CandidateHasher, Context, Keyed, TwoStage};
use serde::{Deserialize, Serialize};
use spaces::Space;

use super::args::BudgetArgs;
use super::domain::{Candidate, Domain};
use super::failure::Failure;
use super::keeper::Keep;
use crate::{Constraint, Listed, Options, strategies};

/// The settings of a run. The version goes up when a field changes its meaning or its place.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, bound = "D: Domain")]
pub struct Settings<D: Domain> {
    pub version: u32,
    /// Names the study in the records that it pays for.
    pub study: String,
    /// The command that made the run.
    pub command: String,
    /// Name of the space, as `fecund list spaces` has it.
    pub space: String,
    pub strategy: String,
    /// A strategy that gets the same budget afterwards, in a run of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub baseline: Option<String>,
    /// Of the strategy, where it heeds them.
    #[serde(default, alias = "sizes")]
    pub options: Options,
    pub seed: u64,
    pub window: u64,
    pub jobs: usize,
    pub reuse: bool,
    #[serde(default = "one")]
    pub evaluations_per_key: u64,
    /// Share of the full hits that are evaluated anew.
    #[serde(default)]
    pub forget: f64,
    /// Share of the answers that are checked.
    #[serde(default)]
    pub audit: f64,
    /// Verdicts that the cache held when the search began.
    #[serde(default)]
    pub warm: u64,
    /// Folder of the cache, if it is not the run's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache: Option<PathBuf>,
    pub budget: Budget,
    pub limits: Limits,
    /// Of what trainings leave.
    #[serde(default)]
    pub keep: Keep,
    /// What is asked of the candidates.
    pub task: D,
    /// Scheme of the fingerprints.
    pub scheme: String,
    /// What every key is made with; a resume under another one is refused.
    pub context: Context,
    /// What a candidate may cost, besides what the task limits.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub constraints: Vec<Constraint>,
    /// Candidates that are proposed first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub enqueued: Vec<Candidate<D>>,
}

/// As much of `study.toml` as tells how to read the rest.
#[derive(Deserialize)]
pub struct Header {
    pub version: u32,
    pub space: String,
    #[serde(default)]
    pub task: TaskHeader,
}

/// As much of a task as tells what judges, where it is not what the space is searched with.
#[derive(Default, Deserialize)]
pub struct TaskHeader {
    pub kind: Option<String>,
}

impl Header {
    /// Of a version that can be read.
    pub fn checked(self, file: &Path) -> Result<Self, Failure> {
        if (1..=VERSION).contains(&self.version) {
            return Ok(self);
        }
        let (file, version) = (file.display(), self.version);
        let message =
            format!("{file}: version {version} is not known; this program reads version {VERSION} and older");
        Err(Failure::failed(message))
    }
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
    /// Of processors, by the search and its workers; where seconds are simulated, of evaluations. In seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_time: Option<f64>,
}

pub const VERSION: u32 = 2;
/// Trainings of a search that names no budget.
pub const DEFAULT_TRAININGS: u64 = 60;

impl<D: Domain> Settings<D> {
    /// Of a file of this version or the one before.
    pub fn read(text: &str) -> Result<Self, toml::de::Error> {
        // The format has no whole numbers above 2^63, and a table that settings are compared as can hold none.
        toml::from_str::<toml::Table>(text)?;
        toml::from_str(moved_text(text).as_deref().unwrap_or(text))
    }

    /// Why a run cannot go on under this program, if it cannot: its keys would be others.
    pub fn check_keys(&self, context: &Context) -> Result<(), Failure> {
        let changed = self.changed_keys(context);
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

    /// What makes the keys of this program others, under this context.
    pub fn changed_keys(&self, context: &Context) -> Vec<String> {
        let scheme = hashing_scheme::<Candidate<D>>();
        let mut changed: Vec<String> = self
            .context
            .differences(context)
            .into_iter()
            .map(|(name, was, is)| {
                format!("{name} was `{}`, is `{}`", was.unwrap_or_default(), is.unwrap_or_default())
            })
            .collect();
        if self.scheme != scheme {
            changed.push(format!("hashing was `{}`, is `{scheme}`", self.scheme));
        }
        changed
    }

    /// The strategy by its name, not made yet.
    pub fn listed_strategy(&self) -> Result<Listed<D::Space>, Failure> {
        listed_strategy(&self.strategy)
    }
}

/// The strategy of this name, not made yet.
pub fn listed_strategy<S: Space + 'static>(name: &str) -> Result<Listed<S>, Failure> {
    let mut known = strategies::<S>();
    match known.iter().position(|listed| listed.name == name) {
        Some(position) => Ok(known.swap_remove(position)),
        None => {
            let names: Vec<_> = known.iter().map(|listed| listed.name).collect();
            Err(Failure::usage(format!("no strategy `{name}`; known: {}", names.join(", "))))
        }
    }
}

fn one() -> u64 {
    1
}

/// What a file of version 1 says, as this version says it; `None` of any other.
pub fn moved_text(text: &str) -> Option<String> {
    let table: toml::Table = toml::from_str(text).ok()?;
    let version = table.get("version").and_then(toml::Value::as_integer);
    (version == Some(1)).then(|| moved(table).to_string())
}

/// Version 1 knew sequences only, and kept what they need beside their task.
fn moved(mut old: toml::Table) -> toml::Table {
    let mut task = toml::Table::new();
    for (from, to) in
        [("blocks", "blocks"), ("max_depth", "max_depth"), ("test", "test"), ("task", "training")]
    {
        task.extend(old.remove(from).map(|value| (to.to_string(), value)));
    }
    old.insert("task".into(), task.into());
    old.insert("version".into(), i64::from(VERSION).into());
    old
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
pub fn hashing_scheme<C: Keyed + Behavior>() -> String {
    CandidateHasher::<C>::scheme(&TwoStage::default())
}

impl Budget {
    pub fn of(args: &BudgetArgs) -> Self {
        Self {
            trials: args.trials,
            trainings: args.trainings,
            time: args.time.map(|time| time.as_secs_f64()),
            cpu_time: args.cpu_time.map(|time| time.as_secs_f64()),
        }
    }

    /// With what `args` names instead of what was before.
    pub fn changed(self, args: &BudgetArgs) -> Self {
        let new = Self::of(args);
        Self {
            trials: new.trials.or(self.trials),
            trainings: new.trainings.or(self.trainings),
            time: new.time.or(self.time),
            cpu_time: new.cpu_time.or(self.cpu_time),
        }
    }

    pub fn or_default(self) -> Self {
        if self == Self::default() { Self { trainings: Some(DEFAULT_TRAININGS), ..self } } else { self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::domains::SequenceDomain;

    const VERSION_1: &str = r#"
        version = 1
        study = "seq-1-2"
        command = "fecund search --data x"
        space = "sequence"
        blocks = ["gru", "mlp"]
        max_depth = 5
        strategy = "evolution"
        seed = 3
        window = 8
        jobs = 2
        reuse = true
        test = "/data/X_TEST.ts"
        scheme = "functional-v1"
        [budget]
        trials = 1
        [limits]
        [task]
        train = "/data/X_TRAIN.ts"
        data = "d1dea063e752a90bf4adde4f424ffbde30de5bf0f528a63bc07ae77522f8ad0a"
        channels = 12
        classes = ["1", "2"]
        cases = 270
        longest = 26
        validation = "kfold:5"
        metric = "accuracy"
        epochs = 20
        batch_size = 32
        device = "cpu"
        [task.limits]
        parameters = 2000000
        multiply_adds = 2000000000
        [context]
        dtype = "f32"
        [[enqueued]]
        width = 16
    "#;

    #[test]
    fn a_file_of_the_version_before_is_read_and_written_as_this_one() {
        let settings = Settings::<SequenceDomain>::read(VERSION_1).unwrap();
        let task = &settings.task;
        assert_eq!((task.blocks.len(), task.max_depth, task.training.epochs), (2, 5, 20));
        assert_eq!(task.test, Some("/data/X_TEST.ts".into()));
        assert_eq!((&settings.options, settings.enqueued[0].width), (&Options::default(), 16));
        let written = toml::to_string(&settings).unwrap();
        let again = Settings::<SequenceDomain>::read(&written).unwrap();
        assert_eq!((again.version, again.task), (VERSION, settings.task));
        assert_eq!(again.enqueued, settings.enqueued);
    }

    #[test]
    fn a_field_that_is_not_known_is_named() {
        for unknown in ["colour = 1", "sizes = { population = 0, tournament = 1 }"] {
            let text = VERSION_1.replace("seed = 3", &format!("seed = 3\n{unknown}"));
            let error = Settings::<SequenceDomain>::read(&text).err().expect(unknown).to_string();
            assert!(error.contains("colour") || error.contains("zero"), "{error}");
        }
    }
}
