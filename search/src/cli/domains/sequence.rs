//! Sequence classifiers, trained by worker processes.

use std::path::{Path, PathBuf};

use evaluator::Limits;
use evaluator::sequence::{DeviceChoice, SequenceEvaluator, SequenceTask};
use hashing::Fidelity;
use serde::{Deserialize, Serialize};
use spaces::sequence::{self, Genome, SequenceSpace};
use tasks::{Metric, Sequences, check_target, locate};

use crate::cli::args::{ExportArgs, SearchArgs};
use crate::cli::domain::{Domain, text_of};
use crate::cli::failure::{Failure, Outcome};
use crate::cli::goals::LATENCY;
use crate::cli::plain::counted;
use crate::cli::run_folder::{RunFolder, absolute};
use crate::cli::{export, judge};
use crate::{Constraint, Objective};

/// What is searched, and how it is trained and tested.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SequenceDomain {
    /// Blocks that may be used.
    pub blocks: Vec<String>,
    pub max_depth: usize,
    /// The test part, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test: Option<PathBuf>,
    pub training: SequenceTask,
    /// Epochs at which candidates are compared before they are trained to the end, the lowest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lower_fidelities: Vec<u64>,
}

/// Of a written form.
const COSTS: [&str; 2] = ["parameters", "multiply_adds"];

impl Domain for SequenceDomain {
    type Space = SequenceSpace;
    type Evaluator = SequenceEvaluator;

    const EVALUATED: &'static str = "trained";
    const NEXT: &'static str = "test";

    fn of(args: &SearchArgs) -> Result<Self, Failure> {
        args.refuse(&args.replay.given())?;
        let given = &args.sequence;
        check_target(given.target.as_deref()).map_err(|error| Failure::usage(error.to_string()))?;
        let location = locate(args.data()?, given.test.as_deref())?;
        let train = absolute(&location.train)?;
        let data = Sequences::read(&train)?;
        let mut training = SequenceTask::of(&data, &train);
        training.metric = given.metric.unwrap_or(Metric::Accuracy);
        training.device = given.device.unwrap_or(DeviceChoice::Cpu);
        training.validation = given.validation.unwrap_or(training.validation);
        let mut fidelities = given.fidelity.as_ref().map_or(Vec::new(), |given| given.0.clone());
        training.epochs = fidelities.pop().or(given.epochs).unwrap_or(training.epochs);
        let most = &args.constraints;
        let raised = |given: Option<u64>, fixed: u64| given.map_or(fixed, |given| given.max(fixed));
        training.limits.parameters = raised(most.max_parameters, training.limits.parameters);
        training.limits.multiply_adds = raised(most.max_multiply_adds, training.limits.multiply_adds);
        training.validation.splits(&data.labels(), &data.classes, 0)?;
        let all = sequence::Limits::default();
        Ok(Self {
            blocks: if given.blocks.is_empty() { all.blocks } else { given.blocks.clone() },
            max_depth: given.max_depth.map_or(all.max_depth, |depth| depth as usize),
            test: location.test.as_deref().map(absolute).transpose()?,
            training,
            lower_fidelities: fidelities,
        })
    }

    fn of_written(written: &toml::Table, folder: &Path) -> Result<Self, Failure> {
        let train = text_of(written, "training.train", "the file of the training cases")?;
        let location = locate(&folder.join(train), None)?;
        let data = Sequences::read(&location.train)?;
        let all = sequence::Limits::default();
        Ok(Self {
            blocks: all.blocks,
            max_depth: all.max_depth,
            test: location.test.as_deref().map(absolute).transpose()?,
            training: SequenceTask::of(&data, &location.train),
            lower_fidelities: Vec::new(),
        })
    }

    const FACTS: &'static [&'static str] =
        &["training.data", "training.channels", "training.classes", "training.cases", "training.longest"];

    fn files(&mut self) -> Vec<(&'static str, &mut PathBuf)> {
        let test = self.test.as_mut().map(|test| ("test", test));
        std::iter::once(("training.train", &mut self.training.train)).chain(test).collect()
    }

    fn space(&self) -> Result<SequenceSpace, Failure> {
        let Self { blocks, max_depth, .. } = self.clone();
        SequenceSpace::new(sequence::Limits { max_depth, blocks, ..sequence::Limits::default() })
            .map_err(Failure::usage)
    }

    /// The metric decides, then log loss.
    fn objective(&self) -> Objective {
        let metric = self.training.metric;
        let objective = Objective::new(metric.name(), metric.higher_is_better());
        if metric == Metric::LogLoss { objective } else { objective.then(Metric::LogLoss.name(), false) }
    }

    fn against(&self) -> Vec<String> {
        vec![COSTS[0].into()]
    }

    fn costs(&self) -> Vec<String> {
        COSTS.map(String::from).into()
    }

    fn measures(&self) -> Vec<String> {
        vec![LATENCY.into(), "latency_32_ms".into()]
    }

    /// The limits of the task, which its workers would find one training later.
    fn constraints(&self) -> Vec<Constraint> {
        let limits = &self.training.limits;
        let most = [limits.parameters, limits.multiply_adds];
        COSTS.iter().zip(most).map(|(name, most)| Constraint::on_cost(name, most as f64)).collect()
    }

    /// `auto` becomes a device here; a resume must not land on another.
    fn open(&mut self, jobs: usize, limits: Limits) -> Result<SequenceEvaluator, Failure> {
        let evaluator = SequenceEvaluator::start(self.training.clone(), jobs, limits)?;
        self.training = evaluator.task().clone();
        Ok(evaluator)
    }

    fn describe(&self, evaluator: &SequenceEvaluator, jobs: usize) -> String {
        let SequenceTask { cases, channels, classes, longest, validation, epochs, .. } = &self.training;
        let lower: String = self.lower_fidelities.iter().map(|epochs| format!("{epochs} → ")).collect();
        format!(
            "{cases} training cases, {channels} channels, {} classes, up to {longest} steps; {validation}, {lower}{}; \
             {}; {}",
            classes.len(),
            counted(*epochs as usize, "epoch"),
            counted(jobs, "job"),
            evaluator.provenance(),
        )
    }

    /// Accuracy, the metric that decides, and log loss; what the form costs.
    fn columns(&self) -> Vec<String> {
        let mut metrics = vec![Metric::Accuracy, self.training.metric, Metric::LogLoss];
        metrics.dedup();
        let metrics = metrics.iter().map(|metric| metric.name());
        metrics.chain(COSTS).map(String::from).collect()
    }

    fn summary(&self, canonical: &Genome) -> String {
        canonical.summary()
    }

    fn export(folder: RunFolder<Self>, args: &ExportArgs) -> Outcome {
        export::model(&judge::Judge::of(folder, 1)?, args)
    }

    fn check_data(&self) -> Outcome {
        let train = &self.training.train;
        if Sequences::read(train)?.fingerprint() == self.training.data {
            return Ok(());
        }
        let message =
            format!("{} is not the data that this run began with; start a new run", train.display());
        Err(Failure::failed(message))
    }

    fn fidelity(&self) -> Fidelity {
        Fidelity(self.training.epochs)
    }

    fn lower_fidelities(&self) -> Vec<Fidelity> {
        self.lower_fidelities.iter().copied().map(Fidelity).collect()
    }
}
