//! What programs are asked to learn, as plain data: it makes the problems, and the judges that judge by them.

use std::path::PathBuf;

use hashing::{Context, Digest, Rng};
use serde::{Deserialize, Serialize};
use spaces::program::ProgramSpace;
use tasks::{DataError, Family, Fitness, Labelled, Part, Problem, Projected, ProjectedSize, Size};

use super::{Combination, Judge, NoJudge, Rules};

/// Problems of one kind and size, and how programs are judged by them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProgramTask {
    pub learn: Learn,
    /// Where the problems are made of a table.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub table: Option<LabelledTable>,
    pub programs: SpaceName,
    /// Of the problems.
    pub seed: u64,
    /// Numbers of an example.
    pub features: usize,
    /// Problems that every program of a search has to learn.
    pub tasks: usize,
    /// Examples to learn from. Default: 100; of a table, as many as there are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub examples: Option<usize>,
    pub epochs: usize,
    pub combination: Combination,
    /// Examples of the probe: so many to learn from, and as many to predict.
    pub probe: usize,
}

/// A file with a column of classes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LabelledTable {
    pub file: PathBuf,
    pub target: String,
    /// [`Labelled::fingerprint`] of what it held when the task was made.
    pub data: Digest,
}

/// Where problems come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Learn {
    Linear,
    Nonlinear,
    /// Pairs of handwritten digits, projected.
    Digits,
    /// Pairs of classes of a table, projected.
    Classes,
}

/// Which programs there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SpaceName {
    Linear,
    Wide,
}

/// Changes with everything that changes a fitness.
const VERSION: u32 = 1;
/// Examples to learn from, where the problems can have any number.
const EXAMPLES: usize = 100;
/// Examples of a problem that are predicted, at most.
const PREDICTED: usize = 100;
/// Problems that choose among the best programs, as many that nothing is chosen by, and examples of each.
pub const UNSEEN_TASKS: usize = 100;
const UNSEEN_EXAMPLES: usize = 1000;
/// Of all examples of all problems together: half a gibibyte.
const MOST_NUMBERS: usize = 1 << 26;

impl Learn {
    pub const ALL: [Self; 4] = [Self::Linear, Self::Nonlinear, Self::Digits, Self::Classes];

    pub fn name(self) -> &'static str {
        match self {
            Self::Linear => "linear",
            Self::Nonlinear => "nonlinear",
            Self::Digits => "digits",
            Self::Classes => "classes",
        }
    }

    pub fn fitness(self) -> Fitness {
        match self {
            Self::Linear | Self::Nonlinear => Fitness::SquashedError,
            Self::Digits | Self::Classes => Fitness::Accuracy,
        }
    }

    /// The published searches took as many.
    pub fn features(self) -> usize {
        if self.fitness() == Fitness::Accuracy { 16 } else { 4 }
    }
}

impl SpaceName {
    pub fn space(self) -> ProgramSpace {
        match self {
            Self::Linear => ProgramSpace::linear(),
            Self::Wide => ProgramSpace::wide(),
        }
    }
}

impl ProgramTask {
    /// With every choice at its default.
    pub fn new(learn: Learn, table: Option<LabelledTable>) -> Self {
        Self {
            learn,
            table,
            programs: if learn == Learn::Linear { SpaceName::Linear } else { SpaceName::Wide },
            seed: 0,
            features: learn.features(),
            tasks: 10,
            examples: None,
            epochs: 1,
            combination: Combination::Mean,
            probe: 10,
        }
    }

    pub fn space(&self) -> ProgramSpace {
        self.programs.space()
    }

    pub fn rules(&self) -> Rules {
        Rules {
            fitness: self.learn.fitness(),
            combination: self.combination,
            epochs: self.epochs,
            probe: [self.probe; 2],
            ..Rules::default()
        }
    }

    /// All problems of a part. Errors name the part of the size that does not fit, or what is wrong with the table.
    pub fn problems(&self, part: Part) -> Result<Vec<Problem>, DataError> {
        let count = if part == Part::Search { self.tasks } else { UNSEEN_TASKS };
        match self.learn {
            Learn::Linear => self.made(Family::Linear, part, count),
            Learn::Nonlinear => self.made(Family::Nonlinear, part, count),
            Learn::Digits => self.projected(&Labelled::digits(), part, count),
            Learn::Classes => self.projected(&self.labelled()?, part, count),
        }
    }

    /// Judges programs by the problems of a part.
    pub fn judge(&self, part: Part) -> Result<Judge, NoJudge> {
        Judge::new(&self.problems(part)?, self.space().memory, self.rules())
    }

    /// What a fitness depends on.
    pub fn context(&self) -> Context {
        let Self { learn, table, seed, features, tasks, examples, epochs, combination, .. } = self;
        let data = table.as_ref().map_or("none".into(), |table| table.data.to_string());
        let examples = examples.map_or("all".into(), |examples| examples.to_string());
        Context::new()
            .with("evaluator", format_args!("program {VERSION}"))
            .with("task", learn.name())
            .with("data", data)
            .with(
                "problems",
                format_args!("{tasks} of seed {seed}, {features} features, {examples} examples"),
            )
            .with("epochs", epochs)
            .with("metric", format_args!("{combination:?} fitness, higher is better"))
    }

    fn made(&self, family: Family, part: Part, count: usize) -> Result<Vec<Problem>, DataError> {
        let training = if part == Part::Search { self.examples.unwrap_or(EXAMPLES) } else { UNSEEN_EXAMPLES };
        self.check_memory(training, count)?;
        let size = Size { features: self.features, training, validation: training.min(PREDICTED) };
        let seed = match part {
            Part::Search => self.seed,
            Part::Selection => Rng::named(self.seed, "selection", 0).next_u64(),
            Part::Final => Rng::named(self.seed, "final", 0).next_u64(),
        };
        (0..count as u64).map(|number| family.problem(size, seed, number)).collect()
    }

    fn projected(&self, table: &Labelled, part: Part, count: usize) -> Result<Vec<Problem>, DataError> {
        let size = ProjectedSize { features: self.features, training: self.examples, validation: PREDICTED };
        let projected = Projected::new(table, self.seed)?;
        self.check_memory(projected.counts(size)?[0], count)?;
        (0..count as u64).map(|number| projected.problem(part, size, number)).collect()
    }

    fn labelled(&self) -> Result<Labelled, DataError> {
        let Some(LabelledTable { file, target, data }) = &self.table else {
            return Err(DataError::Size("no table; name one with a column of classes".into()));
        };
        let table = Labelled::read(file, target)?;
        if table.fingerprint() != *data {
            let what = "is not the table that this run began with; start a new run".into();
            return Err(DataError::NotLocated { path: file.clone(), what });
        }
        Ok(table)
    }

    /// Every epoch has its own order, and its own copy of the examples.
    fn check_memory(&self, training: usize, count: usize) -> Result<(), DataError> {
        let parts = [count, training, self.features, self.epochs];
        let numbers = parts.into_iter().fold(1, usize::saturating_mul);
        if numbers <= MOST_NUMBERS {
            return Ok(());
        }
        let [count, training, features, epochs] = parts;
        Err(DataError::Size(format!(
            "{count} tasks of {training} examples with {features} features in {epochs} epochs are {numbers} numbers; at \
             most {MOST_NUMBERS} fit, take fewer"
        )))
    }
}
