//! What perceptrons over a table are asked: data, columns, target, split, metric, and how long to train.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use hashing::{Context, Digest};
use serde::{Deserialize, Serialize};
use spaces::mlp::{Genome, Network, Shape};
use tasks::tabular::{Encoder, Frame, Goal, LARGEST, RARE, Reading, SplitBy, Target, Wanted, divide, read};
use tasks::{DataError, Metric, Reason, Split, Validation};

use crate::sequence::{DeviceChoice, SizeLimits, recipe};

/// Version of training and scoring. Goes up with every change that can move a score, and so starts a new set of keys;
/// the pinned loss in `evaluator/torch` fails when it should have.
pub const VERSION: u64 = 1;

/// Default largest fidelity.
const EPOCHS: u64 = 20;
/// Default share of the rows that are held back for a test.
const TEST: f64 = 0.2;
/// Of the stream that deals out the test rows; that of the validation rows has seed 0.
const TEST_SEED: u64 = 1;

/// The question put to every candidate of a study. Plain data: the setup request of every worker.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TableTask {
    /// The file of the table.
    pub train: PathBuf,
    /// The column that is predicted.
    pub target: String,
    pub goal: Goal,
    /// Columns that are read; a masked column is one that is not named here.
    pub columns: Vec<String>,
    #[serde(default)]
    pub split: SplitBy,
    /// Share of the rows that are held back for a test; 0 where a file has them.
    pub test_share: f64,
    pub validation: Validation,
    /// The objective. Every metric is scored whichever this is.
    pub metric: Metric,
    /// The largest fidelity: epochs of a full training.
    pub epochs: u64,
    pub batch_size: usize,
    pub device: DeviceChoice,
    pub limits: SizeLimits,
    /// [`Frame::fingerprint`] of what is read; a worker that reads something else refuses to work.
    pub data: Digest,
    /// Class names, sorted; none of a target of numbers.
    pub classes: Vec<String>,
    /// Rows that are not held back for a test.
    pub rows: usize,
    /// Rows that are.
    pub test_rows: usize,
    /// What the columns come to, where all these rows are trained on.
    pub numbers: usize,
    pub flags: usize,
    pub values: Vec<usize>,
    #[serde(default, skip_serializing_if = "Reading::is_default")]
    pub reading: Reading,
}

/// What somebody chooses about the data of a task; the rest follows.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub struct Choices {
    pub target: String,
    #[serde(default)]
    pub goal: Option<Goal>,
    /// Default: all that are not otherwise needed.
    #[serde(default)]
    pub columns: Option<Vec<String>>,
    #[serde(default)]
    pub split: SplitBy,
    /// Default: 0.2.
    #[serde(default)]
    pub test_share: Option<f64>,
    #[serde(default)]
    pub validation: Option<Validation>,
    #[serde(default)]
    pub reading: Reading,
    /// Columns not to read.
    #[serde(skip)]
    pub ignored: Vec<String>,
}

impl Choices {
    pub fn read(&self, train: &Path) -> Result<Frame, DataError> {
        let wanted = Wanted {
            target: &self.target,
            goal: self.goal,
            split: &self.split,
            columns: self.columns.as_deref(),
            ignored: &self.ignored,
        };
        read(train, &self.reading, &wanted)
    }
}

impl TableTask {
    /// The task of this table with every other choice at its default. `frame` was read from `train`.
    pub fn of(frame: &Frame, train: &Path, choices: &Choices) -> Result<Self, DataError> {
        let goal = if frame.target.classes().is_empty() { Goal::Regression } else { Goal::Classification };
        let metric = match frame.target.classes().len() {
            0 => Metric::Rmse,
            2 => Metric::Auc,
            _ => Metric::Accuracy,
        };
        let mut task = Self {
            train: train.to_path_buf(),
            target: choices.target.clone(),
            goal,
            columns: frame.names(),
            split: choices.split.clone(),
            test_share: choices.test_share.unwrap_or(TEST),
            validation: Validation::Holdout(TEST),
            metric,
            epochs: EPOCHS,
            batch_size: 0,
            device: DeviceChoice::Cpu,
            limits: SizeLimits::default(),
            data: frame.fingerprint(),
            classes: frame.target.classes().to_vec(),
            rows: 0,
            test_rows: 0,
            numbers: 0,
            flags: 0,
            values: Vec::new(),
            reading: choices.reading.clone(),
        };
        let Split { train: rows, validation: test } = task.parts(frame)?;
        (task.rows, task.test_rows) = (rows.len(), test.len());
        task.validation = choices.validation.unwrap_or_else(|| task.default_validation());
        task.batch_size = (rows.len() / 64).next_power_of_two().clamp(16, 512);
        check_classes(&frame.target, &task.splits(frame)?)?;
        let encoder = Encoder::fit(frame, &rows);
        (task.numbers, task.flags, task.values) = (encoder.numbers(), encoder.flags(), encoder.values());
        Ok(task)
    }

    /// By the number of rows; what is later judges once.
    fn default_validation(&self) -> Validation {
        match self.split {
            SplitBy::Time(_) => Validation::Holdout(TEST),
            _ => Validation::default_for(self.rows),
        }
    }

    /// Reads the table again. An error where it has changed.
    pub fn frame(&self) -> Result<Frame, String> {
        let choices = Choices {
            target: self.target.clone(),
            goal: Some(self.goal),
            columns: Some(self.columns.clone()),
            split: self.split.clone(),
            reading: self.reading.clone(),
            ..Choices::default()
        };
        let frame = choices.read(&self.train).map_err(|error| error.to_string())?;
        let found = frame.fingerprint();
        if found != self.data {
            let (path, found, wanted) = (self.train.display(), found.short(), self.data.short());
            return Err(format!(
                "{path} has changed: its content is {found}, the study's {wanted}; restore it"
            ));
        }
        Ok(frame)
    }

    /// All rows: those to train and validate on, and those that are held back for a test.
    pub fn parts(&self, frame: &Frame) -> Result<Split, DataError> {
        let all: Vec<usize> = (0..frame.rows()).collect();
        if self.test_share == 0.0 {
            return Ok(Split { train: all, validation: Vec::new() });
        }
        let validation = Validation::Holdout(self.test_share);
        Ok(divide(frame, &all, &validation, TEST_SEED)?.remove(0))
    }

    /// The rows that are not held back for a test, split to train and to validate.
    pub fn splits(&self, frame: &Frame) -> Result<Vec<Split>, DataError> {
        divide(frame, &self.parts(frame)?.train, &self.validation, 0)
    }

    /// What is scored.
    pub fn metrics(&self) -> Vec<Metric> {
        match self.classes.len() {
            0 => Metric::OF_NUMBERS.to_vec(),
            2 => [&[Metric::Auc][..], &Metric::ALL].concat(),
            _ => Metric::ALL.to_vec(),
        }
    }

    /// What early stopping goes by.
    pub fn loss(&self) -> Metric {
        if self.classes.is_empty() { Metric::Rmse } else { Metric::LogLoss }
    }

    /// Of the networks that are trained on all rows but those of the test.
    pub fn shape(&self) -> Shape {
        Shape {
            numbers: self.numbers,
            flags: self.flags,
            values: self.values.clone(),
            outputs: self.classes.len().max(1),
        }
    }

    /// Of the networks that are trained on what this encoder was fit to.
    pub fn shape_of(&self, encoder: &Encoder) -> Shape {
        let (numbers, flags, values) = (encoder.numbers(), encoder.flags(), encoder.values());
        Shape { numbers, flags, values, ..self.shape() }
    }

    /// Parameters, and multiply-adds of one row.
    pub fn sizes(&self, genome: &Genome) -> [u64; 2] {
        let network = Network::new(genome, &self.shape());
        [network.parameters(), network.multiply_adds()]
    }

    /// The limit that this candidate breaks, if it does: the same on every machine.
    pub fn too_large(&self, genome: &Genome) -> Option<Reason> {
        let limits = [("parameters", self.limits.parameters), ("multiply-adds", self.limits.multiply_adds)];
        let sizes = limits.into_iter().zip(self.sizes(genome));
        let above = |((what, limit), value): ((&str, u64), u64)| {
            (value > limit).then(|| Reason::TooLarge { what: what.to_string(), value, limit })
        };
        sizes.into_iter().find_map(above)
    }

    /// Everything that a verdict depends on besides the candidate, the fidelity and the seed. How the file is written, what
    /// else is in it, threads and the version of libtorch are not part of it.
    pub fn context(&self) -> Context {
        let direction = if self.metric.higher_is_better() { "higher is better" } else { "lower is better" };
        let SizeLimits { parameters, multiply_adds } = self.limits;
        let (first, second) = recipe::BETAS;
        let loss = if self.classes.is_empty() {
            "squared error of the standardized target"
        } else {
            "cross-entropy"
        };
        Context::new()
            .with("evaluator", format_args!("table {VERSION}"))
            .with("data", self.data)
            .with("target", format_args!("{}, {}", self.target, self.goal))
            .with("columns", self.columns.join(", "))
            .with("metric", format_args!("{}, {direction}", self.metric))
            .with("split", format_args!("{}, {} seed 0", self.split, self.validation))
            .with("test", format_args!("{} seed {TEST_SEED}", self.test_share))
            .with(
                "preprocessing",
                format_args!(
                    "by training rows: numbers standardized, cut off at {LARGEST}, flags of missing; words in fewer than {RARE} rows are one"
                ),
            )
            .with("loss", loss)
            .with("batch size", self.batch_size)
            .with("largest fidelity", format_args!("{} epochs", self.epochs))
            .with(
                "optimizer",
                format_args!("adamw {first} {second} {:e}, clip {}", recipe::EPSILON, recipe::CLIP),
            )
            .with("schedule", format_args!("linear warm-up {}, cosine to 0", recipe::WARM_UP))
            .with("early stopping", format_args!("{}, patience {}", self.loss(), recipe::patience(self.epochs)))
            .with("seeds", "one stream for each of fold, initialization, batches and dropout")
            .with("dtype", "f32")
            .with("device", self.device)
            .with("limits", format_args!("{parameters} parameters, {multiply_adds} multiply-adds"))
    }
}

/// Rows of one class alone teach nothing, and of two classes no area under a curve can be told from them.
fn check_classes(target: &Target, splits: &[Split]) -> Result<(), DataError> {
    let Target::Classes { names, labels } = target else { return Ok(()) };
    let count = |rows: &[usize]| rows.iter().map(|row| labels[*row]).collect::<BTreeSet<_>>().len();
    for Split { train, validation } in splits {
        if count(train) < 2 {
            let what = "all rows to train on are of one class; name another target, or split otherwise";
            return Err(DataError::Split(what.into()));
        }
        if names.len() == 2 && count(validation) < 2 {
            let what =
                "all rows to validate on are of one class; validate on more of them, or split otherwise";
            return Err(DataError::Split(what.into()));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use tasks::table::Kind;
    use tasks::tabular::{Cells, Column, Keys};

    use super::*;

    /// Two columns of 60 rows, one of words, and two classes.
    fn frame() -> Frame {
        let numbers = (0..60).map(|row| if row % 7 == 0 { f64::NAN } else { f64::from(row) });
        let codes = (0..60).map(|row| row % 3).collect();
        let words = Cells::Words { names: ["a", "b", "c"].map(String::from).to_vec(), codes };
        let column = |name: &str, kind, cells| Column { name: name.into(), kind, cells };
        Frame {
            columns: vec![
                column("age", Kind::Numeric, Cells::Numbers(numbers.collect())),
                column("job", Kind::Categorical, words),
            ],
            target: Target::Classes {
                names: vec!["no".into(), "yes".into()],
                labels: (0..60).map(|row| row % 2).collect(),
            },
            keys: Keys::None,
            unlabeled: 0,
            skipped: (0, None),
        }
    }

    fn task() -> TableTask {
        let choices = Choices { target: "y".into(), ..Choices::default() };
        TableTask::of(&frame(), Path::new("here/t.csv"), &choices).unwrap()
    }

    #[test]
    fn what_is_left_out_follows_from_the_table() {
        let task = task();
        assert_eq!((task.rows, task.test_rows, task.metric), (48, 12, Metric::Auc));
        assert_eq!((task.numbers, task.flags, task.values.as_slice()), (1, 1, &[5][..]));
        assert_eq!((task.validation, task.batch_size, task.epochs), (Validation::KFold(5), 16, 20));
        assert_eq!(task.columns, ["age", "job"]);
        let regression = Frame { target: Target::Numbers((0..60).map(f64::from).collect()), ..frame() };
        let task = TableTask::of(&regression, Path::new("t.csv"), &Choices::default()).unwrap();
        assert_eq!((task.goal, task.metric, task.shape().outputs), (Goal::Regression, Metric::Rmse, 1));
    }

    #[test]
    fn no_row_is_in_two_parts() {
        let (frame, task) = (frame(), task());
        let test = task.parts(&frame).unwrap().validation;
        for Split { train, validation } in task.splits(&frame).unwrap() {
            let mut all = [train, validation, test.clone()].concat();
            all.sort_unstable();
            assert!(all.into_iter().eq(0..60));
        }
    }

    #[test]
    fn whatever_moves_a_verdict_is_in_the_context() {
        type Change = fn(&mut TableTask);
        let changes: [(&str, Change); 12] = [
            ("data", |task| task.data = Digest([2; 32])),
            ("target", |task| task.target = "z".into()),
            ("target", |task| task.goal = Goal::Regression),
            ("columns", |task| drop(task.columns.pop())),
            ("metric", |task| task.metric = Metric::LogLoss),
            ("split", |task| task.validation = Validation::Holdout(0.3)),
            ("split", |task| task.split = SplitBy::Group("store".into())),
            ("test", |task| task.test_share = 0.3),
            ("batch size", |task| task.batch_size = 32),
            ("largest fidelity", |task| task.epochs = 41),
            ("device", |task| task.device = DeviceChoice::Cuda),
            ("limits", |task| task.limits.parameters = 1),
        ];
        for (name, change) in changes {
            let mut other = task();
            change(&mut other);
            let (before, after) = (task().context(), other.context());
            assert!(before.differences(&after).iter().any(|(differs, ..)| *differs == name), "{name}");
        }
        let elsewhere = TableTask { train: "/there/u.csv".into(), ..task() };
        assert_eq!(task().context(), elsewhere.context());
    }

    #[test]
    fn a_task_survives_json() {
        let json = serde_json::to_string(&task()).unwrap();
        assert_eq!(serde_json::from_str::<TableTask>(&json).unwrap(), task());
    }

    #[test]
    fn a_target_that_is_always_the_same_is_refused() {
        let labels = vec![0; 60];
        let same = Frame { target: Target::Classes { names: vec!["no".into()], labels }, ..frame() };
        let error = TableTask::of(&same, Path::new("t.csv"), &Choices::default()).unwrap_err().to_string();
        assert!(error.contains("of one class"), "{error}");
    }

    #[test]
    fn what_is_too_large_says_by_how_much() {
        let genome = Genome::default();
        assert_eq!(task().too_large(&genome), None);
        let limits = SizeLimits { multiply_adds: 10, ..SizeLimits::default() };
        let Some(Reason::TooLarge { what, value, limit: 10 }) =
            (TableTask { limits, ..task() }).too_large(&genome)
        else {
            panic!()
        };
        assert_eq!((what.as_str(), value), ("multiply-adds", (10 * 64 + 64 * 64 + 64 * 2) as u64));
    }
}
