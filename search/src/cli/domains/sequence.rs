//! Sequence classifiers, trained by worker processes.

use std::path::{Path, PathBuf};

use evaluator::Limits;
use evaluator::sequence::{DeviceChoice, Kept, NEAREST_MEAN, SequenceEvaluator, SequenceTask, Steps};
use hashing::Fidelity;
use serde::{Deserialize, Serialize};
use spaces::sequence::{self, Genome, SequenceSpace};
use tasks::mad::Kind;
use tasks::pointing::{self, AT_TWICE, Pointing};
use tasks::{Metric, Sequences, Text, Validation, Windows, check_target, locate};

use crate::cli::args::{ExportArgs, Prune, SearchArgs};
use crate::cli::domain::{Domain, text_of};
use crate::cli::failure::{Failure, Outcome};
use crate::cli::goals::LATENCY;
use crate::cli::plain::counted;
use crate::cli::rank::prune::{Dropped, judge_channels};
use crate::cli::run_folder::{RunFolder, absolute};
use crate::cli::{export, judge};
use crate::pareto::SECONDS;
use crate::{Constraint, Objective};

/// What is searched, and how it is trained and tested.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SequenceDomain {
    /// Blocks that may be used.
    pub blocks: Vec<String>,
    pub max_depth: usize,
    /// Channels between layers. Default: those that the space has.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub widths: Vec<usize>,
    /// The test part, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test: Option<PathBuf>,
    pub training: SequenceTask,
    /// Epochs at which candidates are compared before they are trained to the end, the lowest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lower_fidelities: Vec<u64>,
    /// Channels of the files that are not read, as `--prune` found.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dropped: Vec<Dropped>,
    /// Whether children start from the weights of their parents.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub inherit: bool,
}

/// Of a written form.
const COSTS: [&str; 2] = ["parameters", "multiply_adds"];

impl Domain for SequenceDomain {
    type Space = SequenceSpace;
    type Evaluator = SequenceEvaluator;

    const EVALUATED: &'static str = "trained";
    const NEXT: &'static str = "test";

    fn of(args: &SearchArgs) -> Result<Self, Failure> {
        args.refuse(&[args.replay.given(), args.table.given_of_tables(), args.program.given()].concat())?;
        let given = &args.sequence;
        let mut domain = match given.task.as_deref() {
            Some("text") => Self::of_text(args)?,
            Some(name) => Self::of_generated(args, name)?,
            None if args.data.as_deref().is_some_and(is_text) => Self::of_text(args)?,
            None => Self::of_classes(args)?,
        };
        let training = &mut domain.training;
        training.device = given.device.unwrap_or(DeviceChoice::Cpu);
        domain.lower_fidelities = given.fidelity.as_ref().map_or(Vec::new(), |given| given.0.clone());
        training.epochs = domain.lower_fidelities.pop().or(given.epochs).unwrap_or(training.epochs);
        domain.inherit = given.inherit;
        let training = &mut domain.training;
        let most = &args.constraints;
        let raised = |given: Option<u64>, fixed: u64| given.map_or(fixed, |given| given.max(fixed));
        training.limits.parameters = raised(most.max_parameters, training.limits.parameters);
        training.limits.multiply_adds = raised(most.max_multiply_adds, training.limits.multiply_adds);
        if !given.blocks.is_empty() {
            domain.blocks.clone_from(&given.blocks);
        }
        if !given.widths.is_empty() {
            domain.widths.clone_from(&given.widths);
        }
        domain.max_depth = given.max_depth.map_or(domain.max_depth, |depth| depth as usize);
        Ok(domain)
    }

    fn of_written(written: &toml::Table, folder: &Path) -> Result<Self, Failure> {
        let steps = written.get("training").and_then(|training| training.get("steps"));
        let steps = steps.map(|steps| steps.clone().try_into::<Steps>()).transpose();
        let steps =
            steps.map_err(|error| Failure::failed(format!("task.training.steps: {}", error.message())))?;
        if let Some(Steps::Pointing(task)) = steps {
            return Ok(Self::around(SequenceTask::of_pointing(task), None));
        }
        if let Some(Steps::Mad(tasks)) = steps {
            return Ok(Self::around(SequenceTask::of_mad(tasks), None));
        }
        let train = folder.join(text_of(written, "training.train", "the file of the training cases")?);
        if let Some(Steps::Text(windows)) = steps {
            return Self::of_text_in(&train, windows, None);
        }
        let location = locate(&train, None)?;
        let data = Sequences::read(&location.train)?;
        let kept = written.get("training").and_then(|training| training.get("kept"));
        let kept = kept.map(|kept| kept.clone().try_into::<Kept>()).transpose();
        let kept =
            kept.map_err(|error| Failure::failed(format!("task.training.kept: {}", error.message())))?;
        check_kept(kept.as_ref(), &data)?;
        let test = location.test.as_deref().map(absolute).transpose()?;
        Ok(Self::around(SequenceTask::of_kept(data, &location.train, kept), test))
    }

    const FACTS: &'static [&'static str] =
        &["training.data", "training.channels", "training.classes", "training.cases", "training.longest"];

    fn files(&mut self) -> Vec<(&'static str, &mut PathBuf)> {
        let test = self.test.as_mut().map(|test| ("test", test));
        let train = Some(("training.train", &mut self.training.train));
        train.filter(|(_, path)| !path.as_os_str().is_empty()).into_iter().chain(test).collect()
    }

    fn space(&self) -> Result<SequenceSpace, Failure> {
        let Self { blocks, max_depth, widths, .. } = self.clone();
        let all = sequence::Limits::default();
        let points = self.training.steps.as_ref().is_some_and(Steps::points);
        let every_step = self.training.steps.is_some() && !points;
        let widths = if widths.is_empty() { all.widths } else { widths };
        SequenceSpace::new(sequence::Limits { max_depth, blocks, widths, every_step, points })
            .map_err(Failure::usage)
    }

    /// The metric decides, then log loss, unless the metric says the same.
    fn objective(&self) -> Objective {
        let metric = self.training.metric;
        let objective = Objective::new(metric.name(), metric.higher_is_better());
        if metric.higher_is_better() { objective.then(Metric::LogLoss.name(), false) } else { objective }
    }

    fn high(&self) -> Vec<String> {
        match self.training.steps {
            None => vec![NEAREST_MEAN.into()],
            Some(_) => {
                [vec![Metric::Accuracy.name().to_string()], self.names(), self.of_positions()].concat()
            }
        }
    }

    /// Costs and measures; of several tasks the share of errors in each.
    fn goals(&self) -> Vec<String> {
        let errors = self.names().into_iter().map(|name| format!("{name}_error"));
        let goals = [self.costs(), self.measures(), vec![SECONDS.into()]].concat();
        goals.into_iter().chain(errors).collect()
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
        let what = match &self.training.steps {
            None => format!(
                "{cases} training cases, {channels} channels, {} classes, up to {longest} steps; {validation}",
                classes.len()
            ),
            Some(Steps::Mad(tasks)) => {
                let names: Vec<_> = tasks.iter().map(|task| task.task.name()).collect();
                format!("{}, {cases} training cases, up to {longest} steps", names.join(", "))
            }
            Some(Steps::Pointing(Pointing { task, shortest, epoch, .. })) => format!(
                "{}, {cases} training cases, {epoch} an epoch, {shortest} to {longest} steps",
                task.name()
            ),
            Some(Steps::Text(windows)) => {
                let characters = windows.epoch * windows.length;
                format!(
                    "text, {} characters to know, {characters} an epoch, windows of {longest}",
                    classes.len()
                )
            }
        };
        let lower: String = self.lower_fidelities.iter().map(|epochs| format!("{epochs} → ")).collect();
        format!(
            "{what}, {lower}{}; {}; {}",
            counted(*epochs as usize, "epoch"),
            counted(jobs, "job"),
            evaluator.provenance(),
        )
    }

    /// Accuracy, of several tasks that of each, the metric that decides, and log loss; of cases with a class each the accuracy
    /// of the nearest class mean; what the form costs.
    fn columns(&self) -> Vec<String> {
        let mut metrics = vec![Metric::Accuracy, self.training.metric, Metric::LogLoss];
        metrics.dedup();
        let metrics = metrics.iter().map(|metric| metric.name());
        let nearest_mean = self.training.steps.is_none().then_some(NEAREST_MEAN);
        let mut columns: Vec<String> = metrics.chain(nearest_mean).chain(COSTS).map(String::from).collect();
        columns.splice(1..1, self.names());
        columns.splice(1..1, self.of_positions());
        columns
    }

    fn summary(&self, canonical: &Genome) -> String {
        canonical.summary()
    }

    fn export(folder: RunFolder<Self>, args: &ExportArgs) -> Outcome {
        export::model(&judge::Judge::of(folder, 1)?, args)
    }

    fn check_data(&self) -> Outcome {
        let train = &self.training.train;
        let found = match &self.training.steps {
            None => self.training.sequences()?.fingerprint(),
            Some(Steps::Text(_)) => Text::read(train)?.fingerprint(),
            Some(Steps::Mad(_) | Steps::Pointing(_)) => return Ok(()),
        };
        if found == self.training.data {
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

    fn inherits(&self) -> bool {
        self.inherit
    }
}

impl SequenceDomain {
    /// A task with every choice of the space at its default.
    fn around(training: SequenceTask, test: Option<PathBuf>) -> Self {
        let sequence::Limits { blocks, max_depth, .. } = sequence::Limits::default();
        let published = |kind: Kind| training.generated().contains(&kind.published());
        let widths = match training.generated() {
            [] if training.steps.as_ref().is_some_and(Steps::points) => vec![64],
            [] => Vec::new(),
            _ if Kind::ALL.into_iter().any(published) => vec![128],
            _ => vec![64],
        };
        let (lower_fidelities, dropped) = (Vec::new(), Vec::new());
        Self { blocks, max_depth, widths, test, training, lower_fidelities, dropped, inherit: false }
    }

    /// Cases with a class each.
    fn of_classes(args: &SearchArgs) -> Result<Self, Failure> {
        let given = &args.sequence;
        if given.full {
            return Err(Failure::usage("--full does not apply without --task mad"));
        }
        check_target(given.target.as_deref()).map_err(|error| Failure::usage(error.to_string()))?;
        let location = locate(args.data()?, given.test.as_deref())?;
        let train = absolute(&location.train)?;
        let data = Sequences::read(&train)?;
        let (kept, dropped) = prune(args, &data, &train)?;
        let (labels, classes) = (data.labels(), data.classes.clone());
        let is_ranked = args.table.prune == Some(Prune::Auto);
        let mut training = SequenceTask::of_kept(data, &train, kept);
        if is_ranked {
            training.validation = HELD_BACK;
        }
        training.metric = given.metric.unwrap_or(Metric::Accuracy);
        if !Metric::ALL.contains(&training.metric) {
            let known = Metric::ALL.map(Metric::name).join(", ");
            return Err(Failure::usage(format!(
                "--metric {} is of tables; of series: {known}",
                training.metric
            )));
        }
        training.validation = given.validation.unwrap_or(training.validation);
        training.validation.splits(&labels, &classes, 0)?;
        let test = location.test.as_deref().map(absolute).transpose()?;
        Ok(Self { dropped, ..Self::around(training, test) })
    }

    fn of_generated(args: &SearchArgs, name: &str) -> Result<Self, Failure> {
        let data = args.data.as_ref().map(|_| "--data");
        let mut others = [args.sequence.given_of_classes(), data.into_iter().collect()].concat();
        others.extend(args.table.given());
        if let Some(Steps::Pointing(task)) = Steps::pointing(name) {
            others.extend(args.sequence.full.then_some("--full"));
            refuse(&others, name)?;
            return Ok(Self::around(SequenceTask::of_pointing(task), None));
        }
        let Some(Steps::Mad(tasks)) = Steps::mad(name, args.sequence.full) else {
            let kinds = Kind::ALL.iter().map(|kind| format!("mad/{}", kind.name()));
            let pointing = pointing::Kind::ALL.iter().map(|kind| kind.name().to_string());
            let known = kinds.chain(pointing).collect::<Vec<_>>().join(", ");
            return Err(Failure::usage(format!("no task `{name}`; known: mad, {known}, text")));
        };
        refuse(&others, name)?;
        Ok(Self::around(SequenceTask::of_mad(tasks), None))
    }

    fn of_text(args: &SearchArgs) -> Result<Self, Failure> {
        let given = &args.sequence;
        let mut others = given.given_of_classes();
        others.retain(|option| *option != "--test");
        others.extend(given.full.then_some("--full"));
        others.extend(args.table.given());
        refuse(&others, "text")?;
        let test = given.test.as_deref().map(absolute).transpose()?;
        Self::of_text_in(&absolute(args.data()?)?, Windows::default(), test)
    }

    fn of_text_in(train: &Path, windows: Windows, test: Option<PathBuf>) -> Result<Self, Failure> {
        let text = Text::read(train)?;
        Ok(Self::around(SequenceTask::of_text(&text, windows, train)?, test))
    }

    /// Of the scores of a task that is answered by positions: all but the first of a length, which is the accuracy.
    fn of_positions(&self) -> Vec<String> {
        let Some(Steps::Pointing(task)) = &self.training.steps else { return Vec::new() };
        let names = || task.score_names().iter();
        let at_twice = names().map(|name| format!("{name}{AT_TWICE}"));
        names().skip(1).map(ToString::to_string).chain(at_twice).collect()
    }

    /// Of the scores of several tasks.
    fn names(&self) -> Vec<String> {
        let parts = self.training.parts().into_iter();
        parts.map(|part| part.name).filter(|name| !name.is_empty()).collect()
    }
}

/// What validates where channels are ranked, unless it is said: of folds every case judges once.
const HELD_BACK: Validation = Validation::Holdout(0.2);

/// The channels that are read, if not all are, and why the others are not.
fn prune(args: &SearchArgs, data: &Sequences, path: &Path) -> Result<(Option<Kept>, Vec<Dropped>), Failure> {
    let why: Vec<Option<String>> = match &args.table.prune {
        None | Some(Prune::Off) => return Ok((None, Vec::new())),
        Some(Prune::Auto) => {
            let validation = args.sequence.validation.unwrap_or(HELD_BACK);
            if let Validation::KFold(_) = validation {
                let why = "ranks on cases that judge nothing, and of folds every case judges once";
                return Err(Failure::usage(format!(
                    "--prune auto {why}; give a share, as in --validation 0.2"
                )));
            }
            let splits = validation.splits(&data.labels(), &data.classes, 0)?;
            judge_channels(data, &splits[0].train, path)?
        }
        Some(Prune::Names(names)) => {
            let number = |name: &String| name.parse().ok().filter(|channel| *channel < data.channels);
            let number = |name: &String| {
                let last = data.channels - 1;
                number(name).ok_or_else(|| {
                    Failure::usage(format!("--prune: no channel `{name}`; the channels are 0 to {last}"))
                })
            };
            let kept = names.iter().map(number).collect::<Result<Vec<usize>, _>>()?;
            let why = |channel: usize| {
                (!kept.contains(&channel)).then(|| "not among those that --prune names".into())
            };
            (0..data.channels).map(why).collect()
        }
    };
    let channels: Vec<usize> = (0..data.channels).filter(|channel| why[*channel].is_none()).collect();
    if channels.is_empty() {
        let all = data.channels;
        let none = format!(
            "of {all} channels none tells the classes better than noise by its mean, deviation, range or slope"
        );
        return Err(Failure::usage(format!("--prune: {none}; leave it out, or name channels")));
    }
    let shown = channels.iter().map(usize::to_string).collect::<Vec<_>>().join(", ");
    let of = data.channels;
    say!(
        "fecund: {} of {of} channels are kept: {shown}; study.toml says why the others are not",
        channels.len()
    );
    let dropped = why.into_iter().enumerate();
    let dropped =
        dropped.filter_map(|(channel, why)| Some(Dropped { column: channel.to_string(), why: why? }));
    let dropped: Vec<Dropped> = dropped.collect();
    Ok(((!dropped.is_empty()).then_some(Kept { channels, of }), dropped))
}

/// What a study file says must fit the data.
fn check_kept(kept: Option<&Kept>, data: &Sequences) -> Result<(), Failure> {
    let Some(Kept { channels, of }) = kept else { return Ok(()) };
    let rise = channels.windows(2).all(|pair| pair[0] < pair[1]);
    if *of == data.channels && !channels.is_empty() && rise && channels.iter().all(|channel| channel < of) {
        return Ok(());
    }
    let have = data.channels;
    Err(Failure::failed(format!(
        "task.training.kept: {channels:?} of {of} are no channels of data that have {have}"
    )))
}

fn is_text(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "txt")
}

/// Options that were given and do not apply to this task.
fn refuse(given: &[&str], task: &str) -> Result<(), Failure> {
    match given {
        [] => Ok(()),
        [one] => Err(Failure::usage(format!("{one} does not apply to --task {task}"))),
        many => Err(Failure::usage(format!("{} do not apply to --task {task}", many.join(", ")))),
    }
}
