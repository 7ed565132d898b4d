//! What sequence classifiers are asked: data, split, metric, how long to train, and on which device.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use hashing::{Context, Digest};
use serde::{Deserialize, Serialize};
use spaces::sequence::{Genome, Network, Shape};
use tasks::{DataError, Metric, Reason, Sequences, Validation};

use super::recipe;

/// The question put to every candidate of a study. Plain data: the setup request of every worker.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SequenceTask {
    /// File of the training cases.
    pub train: PathBuf,
    /// [`Sequences::fingerprint`] of that file's content; a worker that reads something else refuses to work.
    pub data: Digest,
    /// Numbers per time step.
    pub channels: usize,
    /// Class names; labels are indices into them.
    pub classes: Vec<String>,
    /// Number of training cases.
    pub cases: usize,
    /// Time steps of the longest training case.
    pub longest: usize,
    pub validation: Validation,
    /// The objective. Every metric is scored whichever this is.
    pub metric: Metric,
    /// The largest fidelity: epochs of a full training.
    pub epochs: u64,
    pub batch_size: usize,
    pub device: DeviceChoice,
    pub limits: SizeLimits,
}

/// Where training runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DeviceChoice {
    #[default]
    Cpu,
    Cuda,
    /// CUDA where it can be had, else the processor.
    Auto,
}

/// Sizes above which a candidate is turned away untrained, whatever the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SizeLimits {
    /// Trainable numbers. Default: 2 million.
    pub parameters: u64,
    /// Multiply-adds of one forward pass over the longest training case. Default: 2 billion.
    pub multiply_adds: u64,
}

/// Default largest fidelity.
const EPOCHS: u64 = 20;

impl Default for SizeLimits {
    fn default() -> Self {
        Self { parameters: 2_000_000, multiply_adds: 2_000_000_000 }
    }
}

impl SequenceTask {
    /// The task of this training file with every choice at its default: validation by the number of cases, accuracy,
    /// the processor, and [`SequenceTask::default_effort`].
    pub fn read(train: &Path) -> Result<Self, DataError> {
        Ok(Self::of(&Sequences::read(train)?, train))
    }

    /// As [`SequenceTask::read`], of data that has been read from `train` already.
    pub fn of(data: &Sequences, train: &Path) -> Self {
        let cases = data.cases.len();
        let (epochs, batch_size) = Self::default_effort(cases);
        Self {
            train: train.to_path_buf(),
            data: data.fingerprint(),
            channels: data.channels,
            classes: data.classes.clone(),
            cases,
            longest: data.longest(),
            validation: Validation::default_for(cases),
            metric: Metric::Accuracy,
            epochs,
            batch_size,
            device: DeviceChoice::Cpu,
            limits: SizeLimits::default(),
        }
    }

    /// A task that has no training part: its workers can only predict.
    pub fn for_prediction(channels: usize, classes: Vec<String>) -> Self {
        Self::of(&nothing(channels, classes), Path::new(""))
    }

    /// The training part of a task that has none.
    pub fn no_data(&self) -> Sequences {
        nothing(self.channels, self.classes.clone())
    }

    /// Whether there is anything to train on.
    pub fn can_train(&self) -> bool {
        self.cases > 0
    }

    /// Epochs and batch size for so many training cases. A small data set takes small batches, so that an epoch is
    /// several steps. With these, attention or GRU with an MLP at width 32 takes 2 to 3.5 s of processor time on
    /// Japanese Vowels (270 cases, five folds), an MLP alone 0.8 s. 40 epochs take twice that or more, for a lower log
    /// loss and the same test accuracy within 0.3 points (two seeds).
    pub fn default_effort(cases: usize) -> (u64, usize) {
        let batch_size = (cases / 8).next_power_of_two().clamp(4, 32);
        (EPOCHS, batch_size)
    }

    /// What the task fixes of every network.
    pub fn shape(&self) -> Shape {
        Shape { channels: self.channels, classes: self.classes.len() }
    }

    /// Why this candidate is not trained at all, if it is not: one of the limits, the same on every machine.
    pub fn too_large(&self, genome: &Genome) -> Option<Reason> {
        let network = Network::new(genome, self.shape());
        let above = |what: &str, value: u64, limit: u64| {
            (value > limit).then(|| Reason::TooLarge { what: what.to_string(), value, limit })
        };
        above("parameters", network.parameters(), self.limits.parameters).or_else(|| {
            above("multiply-adds", network.multiply_adds(self.longest), self.limits.multiply_adds)
        })
    }

    /// Everything that a verdict depends on besides the candidate, the fidelity and the seed. Paths, threads and the
    /// version of libtorch are provenance and not part of it.
    pub fn context(&self) -> Context {
        let direction = if self.metric.higher_is_better() { "higher is better" } else { "lower is better" };
        let SizeLimits { parameters, multiply_adds } = self.limits;
        let (first, second) = recipe::BETAS;
        Context::new()
            .with("evaluator", format_args!("sequence {}", recipe::VERSION))
            .with("data", self.data)
            .with("split", format_args!("{} seed 0", self.validation))
            .with("preprocessing", "channels standardized on the training part")
            .with("metric", format_args!("{}, {direction}", self.metric))
            .with("loss", "cross-entropy")
            .with("batch size", self.batch_size)
            .with("largest fidelity", format_args!("{} epochs", self.epochs))
            .with(
                "optimizer",
                format_args!("adamw {first} {second} {:e}, clip {}", recipe::EPSILON, recipe::CLIP),
            )
            .with("schedule", format_args!("linear warm-up {}, cosine to 0", recipe::WARM_UP))
            .with("early stopping", format_args!("log loss, patience {}", recipe::patience(self.epochs)))
            .with("seeds", "one stream for each of fold, initialization, batches and dropout")
            .with("dtype", "f32")
            .with("device", self.device)
            .with("limits", format_args!("{parameters} parameters, {multiply_adds} multiply-adds"))
    }
}

fn nothing(channels: usize, classes: Vec<String>) -> Sequences {
    Sequences { name: String::new(), channels, classes, cases: Vec::new() }
}

impl fmt::Display for DeviceChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Cpu => "cpu",
            Self::Cuda => "cuda",
            Self::Auto => "auto",
        })
    }
}

impl FromStr for DeviceChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "cpu" => Ok(Self::Cpu),
            "cuda" => Ok(Self::Cuda),
            "auto" => Ok(Self::Auto),
            _ => Err(format!("no device `{}`; known: cpu, cuda, auto", text.escape_default())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task() -> SequenceTask {
        SequenceTask {
            train: "here/X_TRAIN.ts".into(),
            data: Digest([1; 32]),
            channels: 12,
            classes: vec!["a".into(), "b".into()],
            cases: 270,
            longest: 29,
            validation: Validation::KFold(5),
            metric: Metric::Accuracy,
            epochs: 40,
            batch_size: 32,
            device: DeviceChoice::Cpu,
            limits: SizeLimits::default(),
        }
    }

    #[test]
    fn whatever_moves_a_verdict_is_in_the_context() {
        type Change = fn(&mut SequenceTask);
        let changes: [(&str, Change); 8] = [
            ("data", |task| task.data = Digest([2; 32])),
            ("split", |task| task.validation = Validation::Holdout(0.2)),
            ("metric", |task| task.metric = Metric::LogLoss),
            ("batch size", |task| task.batch_size = 16),
            ("largest fidelity", |task| task.epochs = 41),
            ("device", |task| task.device = DeviceChoice::Cuda),
            ("limits", |task| task.limits.parameters = 1),
            ("limits", |task| task.limits.multiply_adds = 1),
        ];
        for (name, change) in changes {
            let mut other = task();
            change(&mut other);
            let (before, after) = (task().context(), other.context());
            assert!(before.differences(&after).iter().any(|(differs, ..)| *differs == name), "{name}");
        }
    }

    #[test]
    fn where_the_file_lies_is_not_in_the_context() {
        let elsewhere = SequenceTask { train: "/there/Y.ts".into(), ..task() };
        assert_eq!(task().context(), elsewhere.context());
    }

    #[test]
    fn a_task_survives_json() {
        let json = serde_json::to_string(&task()).unwrap();
        assert_eq!(serde_json::from_str::<SequenceTask>(&json).unwrap(), task());
    }

    #[test]
    fn what_is_too_large_says_by_how_much() {
        let genome: Genome = serde_json::from_str(r#"{"layers": [{"token": {"kind": "gru"}}]}"#).unwrap();
        assert_eq!(task().too_large(&genome), None);
        let small = |limits| SequenceTask { limits, ..task() }.too_large(&genome);
        let parameters = small(SizeLimits { parameters: 10, ..SizeLimits::default() });
        let operations = small(SizeLimits { multiply_adds: 10, ..SizeLimits::default() });
        for (reason, name) in [(parameters, "parameters"), (operations, "multiply-adds")] {
            let Some(Reason::TooLarge { what, value, limit: 10 }) = reason else { panic!("{reason:?}") };
            assert!(what == name && value > 10);
        }
    }

    #[test]
    fn small_data_take_small_batches() {
        assert_eq!([2, 40, 270, 100_000].map(|cases| SequenceTask::default_effort(cases).1), [4, 8, 32, 32]);
    }

    #[test]
    fn devices_are_named_as_they_are_written() {
        for device in [DeviceChoice::Cpu, DeviceChoice::Cuda, DeviceChoice::Auto] {
            assert_eq!(device.to_string().parse(), Ok(device));
            assert_eq!(serde_json::to_string(&device).unwrap(), format!("\"{device}\""));
        }
        assert!("gpu".parse::<DeviceChoice>().unwrap_err().contains("known: cpu"));
    }
}
