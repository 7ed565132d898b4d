//! What sequence classifiers are asked: data, split, metric, how long to train, and on which device.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use hashing::{Context, Digest, KeyWriter};
use serde::{Deserialize, Serialize};
use spaces::sequence::{Genome, Shape};
use tasks::mad::Mad;
use tasks::pointing::Pointing;
use tasks::{DataError, Metric, Reason, Sequences, Text, Validation, Windows};

use super::recipe;
use super::steps::{Part, Steps};

/// The question put to every candidate of a study. Plain data: the setup request of every worker.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SequenceTask {
    /// File of the training cases; empty where they are generated.
    #[serde(default, skip_serializing_if = "is_no_path")]
    pub train: PathBuf,
    /// [`Sequences::fingerprint`] or [`Text::fingerprint`] of that file's content, or of what is generated; a worker that
    /// reads something else refuses to work.
    pub data: Digest,
    /// Numbers per time step.
    pub channels: usize,
    /// Where not all channels of the files are read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kept: Option<Kept>,
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
    /// What is asked at the steps, where cases have no class. Then every candidate sees one split.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub steps: Option<Steps>,
}

/// Channels that are read, of so many in the files; a masked channel is one that is not named here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kept {
    pub channels: Vec<usize>,
    pub of: usize,
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
/// Of the MAD protocol.
const PUBLISHED_EPOCHS: u64 = 200;

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
            kept: None,
            classes: data.classes.clone(),
            cases,
            longest: data.longest(),
            validation: Validation::default_for(cases),
            metric: Metric::Accuracy,
            epochs,
            batch_size,
            device: DeviceChoice::Cpu,
            limits: SizeLimits::default(),
            steps: None,
        }
    }

    /// As [`SequenceTask::of`], of some channels of the data alone.
    pub fn of_kept(data: Sequences, train: &Path, kept: Option<Kept>) -> Self {
        match kept {
            None => Self::of(&data, train),
            Some(kept) => {
                Self { kept: Some(kept.clone()), ..Self::of(&data.with_channels(&kept.channels), train) }
            }
        }
    }

    /// The training cases, with the channels that are read.
    pub fn sequences(&self) -> Result<Sequences, DataError> {
        let data = Sequences::read(&self.train)?;
        match &self.kept {
            None => Ok(data),
            Some(kept) if kept.of == data.channels => Ok(data.with_channels(&kept.channels)),
            Some(kept) => {
                let what = format!("{} channels, and the study read some of {}", data.channels, kept.of);
                Err(DataError::NotLocated { path: self.train.clone(), what })
            }
        }
    }

    /// The cases of another file, with the channels that are read; see [`Sequences::read_like`].
    pub fn read_like(&self, path: &Path, train: &Sequences) -> Result<Sequences, DataError> {
        let Some(kept) = &self.kept else { return Sequences::read_like(path, train) };
        let whole = Sequences { channels: kept.of, ..nothing(kept.of, train.classes.clone()) };
        Ok(Sequences::read_like(path, &whole)?.with_channels(&kept.channels))
    }

    /// Tasks of MAD, which are generated. Every candidate sees the same cases; a test draws others.
    pub fn of_mad(tasks: Vec<Mad>) -> Self {
        let full = tasks.iter().any(|task| *task == task.task.published());
        let (epochs, batch_size) = if full { (PUBLISHED_EPOCHS, 128) } else { (EPOCHS, 16) };
        let steps = Steps::Mad(tasks);
        let mut writer = KeyWriter::new("fecund generated v1");
        writer.text(&steps.describe());
        let empty = Self::of(&nothing(0, Vec::new()), Path::new(""));
        let task = Self { data: writer.finish(), epochs, batch_size, steps: Some(steps), ..empty };
        let Some(largest) = task.parts().into_iter().max_by_key(|part| part.classes.len()) else {
            return task;
        };
        let cases = task.generated().iter().map(|task| task.training).sum();
        let longest = task.generated().iter().map(Mad::steps).max().unwrap_or(0);
        Self { channels: largest.shape.channels, classes: largest.classes, cases, longest, ..task }
    }

    /// A task that is generated and answered by positions. Every candidate sees the same cases; a test draws others.
    pub fn of_pointing(task: Pointing) -> Self {
        let (channels, cases, longest) = (task.task.channels(), task.training, task.longest);
        let steps = Steps::Pointing(task);
        let mut writer = KeyWriter::new("fecund generated v1");
        writer.text(&steps.describe());
        let empty = Self::of(&nothing(channels, Vec::new()), Path::new(""));
        Self { data: writer.finish(), cases, longest, batch_size: 32, steps: Some(steps), ..empty }
    }

    /// The next character of a text that was read from `train`.
    pub fn of_text(text: &Text, windows: Windows, train: &Path) -> Result<Self, DataError> {
        let (training, _) = text.split(&windows)?;
        let classes = text.alphabet.iter().map(char::to_string).collect();
        let empty = Self::of(&nothing(text.alphabet.len(), classes), train);
        Ok(Self {
            data: text.fingerprint(),
            cases: training.cases(),
            longest: windows.length,
            metric: Metric::BitsPerCharacter,
            batch_size: 16,
            steps: Some(Steps::Text(windows)),
            ..empty
        })
    }

    /// The tasks of MAD, if it is they.
    pub fn generated(&self) -> &[Mad] {
        match &self.steps {
            Some(Steps::Mad(tasks)) => tasks,
            _ => &[],
        }
    }

    /// Training cases that an epoch of a part takes.
    pub fn epoch_of(&self, part: usize) -> usize {
        match &self.steps {
            None => self.cases,
            Some(Steps::Mad(tasks)) => tasks.get(part).map_or(self.cases, |task| task.epoch),
            Some(Steps::Text(windows)) => windows.epoch,
            Some(Steps::Pointing(task)) => task.epoch,
        }
    }

    /// The characters of a text.
    pub fn alphabet(&self) -> Vec<char> {
        self.classes.iter().filter_map(|class| class.chars().next()).collect()
    }

    /// What is trained by itself, at least one.
    pub fn parts(&self) -> Vec<Part> {
        if let Some(Steps::Pointing(task)) = &self.steps {
            return vec![Part::pointing(task)];
        }
        match self.generated() {
            [] => {
                let shape = Shape { channels: self.channels, classes: self.classes.len() };
                vec![Part::whole(shape, self.classes.clone(), self.longest)]
            }
            [one] => vec![Part::of(one, true)],
            several => several.iter().map(|task| Part::of(task, false)).collect(),
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

    /// What the task fixes of every network, where there is one model.
    pub fn shape(&self) -> Shape {
        Shape { channels: self.channels, classes: self.classes.len() }
    }

    /// Parameters, and multiply-adds of a forward pass over the longest training case; of several parts the most.
    pub fn sizes(&self, genome: &Genome) -> [u64; 2] {
        let sizes = |part: &Part| {
            let network = part.network(genome);
            [network.parameters(), network.multiply_adds(part.longest)]
        };
        let most = |[a, b]: [u64; 2], [c, d]: [u64; 2]| [a.max(c), b.max(d)];
        self.parts().iter().map(sizes).fold([0, 0], most)
    }

    /// Why this candidate is not trained at all, if it is not: the same on every machine.
    pub fn refusal(&self, genome: &Genome) -> Option<Reason> {
        let unfit = self.steps.as_ref().and_then(|steps| steps.unfit(genome));
        unfit.map(|what| Reason::Malformed { what }).or_else(|| self.too_large(genome))
    }

    /// The limit that this candidate breaks, if it does.
    pub fn too_large(&self, genome: &Genome) -> Option<Reason> {
        let [parameters, multiply_adds] = self.sizes(genome);
        let above = |what: &str, value: u64, limit: u64| {
            (value > limit).then(|| Reason::TooLarge { what: what.to_string(), value, limit })
        };
        above("parameters", parameters, self.limits.parameters)
            .or_else(|| above("multiply-adds", multiply_adds, self.limits.multiply_adds))
    }

    /// Everything that a verdict depends on besides the candidate, the fidelity and the seed. Paths, threads and the
    /// version of libtorch are provenance and not part of it.
    pub fn context(&self) -> Context {
        let direction = if self.metric.higher_is_better() { "higher is better" } else { "lower is better" };
        let SizeLimits { parameters, multiply_adds } = self.limits;
        let (first, second) = recipe::BETAS;
        let context = Context::new()
            .with("evaluator", format_args!("sequence {}", recipe::VERSION))
            .with("data", self.data)
            .with("metric", format_args!("{}, {direction}", self.metric));
        let context = match &self.steps {
            None => context
                .with("split", format_args!("{} seed 0", self.validation))
                .with("preprocessing", "channels standardized on the training part")
                .with("loss", "cross-entropy"),
            Some(steps) => {
                let [preprocessing, loss] = steps.training();
                let context = context.with("steps", steps.describe());
                context.with("preprocessing", preprocessing).with("loss", loss)
            }
        };
        context
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

fn is_no_path(path: &Path) -> bool {
    path.as_os_str().is_empty()
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
    use tasks::mad::Kind;

    use super::*;

    fn task() -> SequenceTask {
        SequenceTask {
            train: "here/X_TRAIN.ts".into(),
            data: Digest([1; 32]),
            channels: 12,
            kept: None,
            classes: vec!["a".into(), "b".into()],
            cases: 270,
            longest: 29,
            validation: Validation::KFold(5),
            metric: Metric::Accuracy,
            epochs: 40,
            batch_size: 32,
            device: DeviceChoice::Cpu,
            limits: SizeLimits::default(),
            steps: None,
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
    fn whatever_moves_the_verdict_of_a_generated_task_is_in_its_context() {
        let context = |change: fn(&mut Mad)| {
            let mut tasks = vec![Kind::NoisyInContextRecall.small(), Kind::Compression.small()];
            change(&mut tasks[0]);
            SequenceTask::of_mad(tasks).context()
        };
        let changes: [fn(&mut Mad); 8] = [
            |task| task.epoch -= 1,
            |task| task.vocabulary += 1,
            |task| task.length += 2,
            |task| task.training += 1,
            |task| task.validation += 1,
            |task| task.noise -= 1,
            |task| task.noise_share = 0.3,
            |task| task.seed = 1,
        ];
        for change in changes {
            let (before, after) = (context(|_| ()), context(change));
            assert!(before.differences(&after).iter().any(|(name, ..)| *name == "steps"));
        }
        assert!(context(|_| ()).get("split").is_none());
    }

    #[test]
    fn whatever_moves_the_verdict_of_a_pointing_task_is_in_its_context() {
        use tasks::pointing::{Kind, Pointing};
        let context = |change: fn(&mut Pointing)| {
            let mut task = Kind::ConvexHull.small();
            change(&mut task);
            SequenceTask::of_pointing(task).context()
        };
        let changes: [fn(&mut Pointing); 7] = [
            |task| task.task = Kind::Sort,
            |task| task.shortest -= 1,
            |task| task.longest += 1,
            |task| task.training += 1,
            |task| task.epoch -= 1,
            |task| task.validation += 1,
            |task| task.seed = 1,
        ];
        for change in changes {
            let (before, after) = (context(|_| ()), context(change));
            assert!(before.differences(&after).iter().any(|(name, ..)| *name == "steps"));
        }
        assert!(context(|_| ()).get("loss").unwrap().contains("position"));
    }

    #[test]
    fn a_suite_costs_what_its_largest_part_costs() {
        let genome: Genome = serde_json::from_str(r#"{"pooling": "none"}"#).unwrap();
        let suite = SequenceTask::of_mad(Kind::ALL.map(Kind::small).into());
        let alone = Kind::ALL.map(|kind| SequenceTask::of_mad(vec![kind.small()]).sizes(&genome));
        assert_eq!(suite.sizes(&genome)[0], alone.iter().map(|sizes| sizes[0]).max().unwrap());
        assert_eq!(suite.sizes(&genome)[1], alone.iter().map(|sizes| sizes[1]).max().unwrap());
        assert_eq!((suite.parts().len(), suite.cases, suite.longest), (6, 5 * 12_800 + 800, 64));
        assert!(matches!(
            suite.refusal(&Genome { pooling: Default::default(), ..genome.clone() }),
            Some(Reason::Malformed { .. })
        ));
        assert_eq!(suite.refusal(&genome), None);
    }

    #[test]
    fn a_generated_task_survives_json() {
        let task = SequenceTask::of_mad(vec![Kind::SelectiveCopying.small()]);
        let json = serde_json::to_string(&task).unwrap();
        assert!(!json.contains("\"train\""), "{json}");
        assert_eq!(serde_json::from_str::<SequenceTask>(&json).unwrap(), task);
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
