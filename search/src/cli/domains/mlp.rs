//! Perceptrons over the columns of a table, trained by worker processes.

use std::path::{Path, PathBuf};

use evaluator::Limits;
use evaluator::sequence::DeviceChoice;
use evaluator::tabular::{Choices, TableEvaluator, TableTask};
use hashing::Fidelity;
use serde::{Deserialize, Serialize};
use spaces::mlp::{self, Genome, MlpSpace};
use tasks::Validation;
use tasks::tabular::{Frame, Goal};

use crate::cli::args::{ExportArgs, Prune, SearchArgs};
use crate::cli::domain::{Domain, text_of};
use crate::cli::export;
use crate::cli::failure::{Failure, Outcome};
use crate::cli::judge::Judge;
use crate::cli::plain::counted;
use crate::cli::rank::prune::{Dropped, judge};
use crate::cli::rank::reading;
use crate::cli::run_folder::{RunFolder, absolute};
use crate::{Constraint, Objective};

/// What is searched, and how it is trained and tested.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MlpDomain {
    /// Most hidden layers.
    pub max_depth: usize,
    /// Units of a hidden layer. Default: those that the space has.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub widths: Vec<usize>,
    /// A file with the test part, if rows are not held back for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test: Option<PathBuf>,
    /// Epochs at which candidates are compared before they are trained to the end, the lowest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lower_fidelities: Vec<u64>,
    pub training: TableTask,
    /// Columns of the table that are not read, as `--prune` found.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dropped: Vec<Dropped>,
}

/// Of a written form.
const COSTS: [&str; 2] = ["parameters", "multiply_adds"];

impl Domain for MlpDomain {
    type Space = MlpSpace;
    type Evaluator = TableEvaluator;

    const EVALUATED: &'static str = "trained";
    const NEXT: &'static str = "test";

    fn of(args: &SearchArgs) -> Result<Self, Failure> {
        let given = &args.sequence;
        args.refuse(&[given.given_of_stacks(), args.replay.given(), args.program.given()].concat())?;
        let train = absolute(args.data()?)?;
        let mut choices = choices(args)?;
        let mut frame = choices.read(&train)?;
        say_unread(&frame, &train);
        let dropped = prune(args.table.prune.as_ref(), &mut frame, &mut choices, &train)?;
        let mut training = TableTask::of(&frame, &train, &choices)?;
        if let Some(metric) = given.metric {
            let known = training.metrics();
            if !known.contains(&metric) {
                let known = known.iter().map(|metric| metric.name()).collect::<Vec<_>>().join(", ");
                return Err(Failure::usage(format!(
                    "--metric {metric} does not apply to this target; known: {known}"
                )));
            }
            training.metric = metric;
        }
        training.device = given.device.unwrap_or(DeviceChoice::Cpu);
        let mut lower_fidelities = given.fidelity.as_ref().map_or(Vec::new(), |given| given.0.clone());
        training.epochs = lower_fidelities.pop().or(given.epochs).unwrap_or(training.epochs);
        let most = &args.constraints;
        let raised = |given: Option<u64>, fixed: u64| given.map_or(fixed, |given| given.max(fixed));
        training.limits.parameters = raised(most.max_parameters, training.limits.parameters);
        training.limits.multiply_adds = raised(most.max_multiply_adds, training.limits.multiply_adds);
        let test = given.test.as_deref().map(absolute).transpose()?;
        let max_depth = given.max_depth.map(|depth| depth as usize);
        Ok(Self {
            widths: given.widths.clone(),
            lower_fidelities,
            test,
            dropped,
            ..Self::around(training, max_depth)
        })
    }

    fn of_written(written: &toml::Table, folder: &Path) -> Result<Self, Failure> {
        let train = folder.join(text_of(written, "training.train", "the file of the table")?);
        text_of(written, "training.target", "the column that is predicted")?;
        let training = written.get("training").cloned().unwrap_or_else(|| toml::Table::new().into());
        let choices: Choices = training.try_into().map_err(|error: toml::de::Error| {
            Failure::failed(format!("task.training: {}", error.message()))
        })?;
        // A file with the test part leaves all rows of the other one to train on.
        let test_share = choices.test_share.or(written.contains_key("test").then_some(0.0));
        let choices = Choices { test_share, ..choices };
        let frame = choices.read(&train)?;
        Ok(Self::around(TableTask::of(&frame, &train, &choices)?, None))
    }

    const FACTS: &'static [&'static str] = &[
        "training.data",
        "training.classes",
        "training.rows",
        "training.test_rows",
        "training.numbers",
        "training.flags",
        "training.values",
    ];

    fn files(&mut self) -> Vec<(&'static str, &mut PathBuf)> {
        let test = self.test.as_mut().map(|test| ("test", test));
        [("training.train", &mut self.training.train)].into_iter().chain(test).collect()
    }

    fn space(&self) -> Result<MlpSpace, Failure> {
        let all = mlp::Limits::default();
        let widths = if self.widths.is_empty() { all.widths } else { self.widths.clone() };
        let categories = !self.training.values.is_empty();
        MlpSpace::new(mlp::Limits { max_depth: self.max_depth, widths, categories }).map_err(Failure::usage)
    }

    /// The metric decides, then the loss that early stopping goes by, unless the metric says the same.
    fn objective(&self) -> Objective {
        let (metric, loss) = (self.training.metric, self.training.loss());
        let objective = Objective::new(metric.name(), metric.higher_is_better());
        if metric == loss { objective } else { objective.then(loss.name(), loss.higher_is_better()) }
    }

    fn high(&self) -> Vec<String> {
        let metrics = self.training.metrics().into_iter();
        metrics.filter(|metric| metric.higher_is_better()).map(|metric| metric.name().to_string()).collect()
    }

    fn against(&self) -> Vec<String> {
        vec![COSTS[0].into()]
    }

    fn costs(&self) -> Vec<String> {
        COSTS.map(String::from).into()
    }

    /// The limits of the task, which its workers would find one training later.
    fn constraints(&self) -> Vec<Constraint> {
        let limits = &self.training.limits;
        let most = [limits.parameters, limits.multiply_adds];
        COSTS.iter().zip(most).map(|(name, most)| Constraint::on_cost(name, most as f64)).collect()
    }

    /// `auto` becomes a device here; a resume must not land on another.
    fn open(&mut self, jobs: usize, limits: Limits) -> Result<TableEvaluator, Failure> {
        let evaluator = TableEvaluator::start(self.training.clone(), jobs, limits)?;
        self.training = evaluator.task().clone();
        Ok(evaluator)
    }

    fn describe(&self, evaluator: &TableEvaluator, jobs: usize) -> String {
        let TableTask { rows, test_rows, columns, values, classes, target, .. } = &self.training;
        let TableTask { validation, split, epochs, .. } = &self.training;
        let what = match classes.len() {
            0 => format!("`{target}` is a number"),
            classes => format!("`{target}` is one of {classes} classes"),
        };
        let held = if *test_rows > 0 { format!(", {test_rows} held back to test") } else { String::new() };
        let lower: String = self.lower_fidelities.iter().map(|epochs| format!("{epochs} → ")).collect();
        format!(
            "{}{held}; {}, {} of them of words; {what}; {validation} {split}, {lower}{}; {}; {}",
            counted(*rows, "row"),
            counted(columns.len(), "column"),
            values.len(),
            counted(*epochs as usize, "epoch"),
            counted(jobs, "job"),
            evaluator.provenance(),
        )
    }

    /// The metric that decides, the others, and what the form costs.
    fn columns(&self) -> Vec<String> {
        let metrics = self.training.metrics().into_iter().filter(|metric| *metric != self.training.metric);
        let metrics = std::iter::once(self.training.metric).chain(metrics);
        metrics.map(|metric| metric.name().to_string()).chain(COSTS.map(String::from)).collect()
    }

    fn summary(&self, canonical: &Genome) -> String {
        canonical.summary()
    }

    fn export(folder: RunFolder<Self>, args: &ExportArgs) -> Outcome {
        export::perceptron(&Judge::of(folder, 1)?, args)
    }

    fn check_data(&self) -> Outcome {
        self.training.frame().map(drop).map_err(Failure::failed)
    }

    fn fidelity(&self) -> Fidelity {
        Fidelity(self.training.epochs)
    }

    fn lower_fidelities(&self) -> Vec<Fidelity> {
        self.lower_fidelities.iter().copied().map(Fidelity).collect()
    }
}

impl MlpDomain {
    /// A task with every choice of the space at its default.
    fn around(training: TableTask, max_depth: Option<usize>) -> Self {
        let max_depth = max_depth.unwrap_or(mlp::Limits::default().max_depth);
        let (widths, lower_fidelities, dropped) = (Vec::new(), Vec::new(), Vec::new());
        Self { max_depth, widths, test: None, lower_fidelities, training, dropped }
    }
}

/// What the options say about the data.
fn choices(args: &SearchArgs) -> Result<Choices, Failure> {
    let (given, of_table) = (&args.sequence, &args.table);
    let target = given.target.clone().ok_or_else(|| {
        Failure::usage("--space mlp needs --target COLUMN, the column that is predicted; `fecund rank` tells of the others")
    })?;
    let goal = given.task.as_deref().map(str::parse::<Goal>).transpose().map_err(Failure::usage)?;
    Ok(Choices {
        target,
        goal,
        columns: None,
        split: of_table.split.clone().unwrap_or_default(),
        test_share: given.test.as_ref().map(|_| 0.0).or(of_table.test_share),
        validation: given.validation,
        reading: reading::reading(&of_table.reading)?,
        ignored: of_table.ignore.clone(),
    })
}

/// Leaves the columns in the frame that are kept, and names them in the choices.
fn prune(
    asked: Option<&Prune>,
    frame: &mut Frame,
    choices: &mut Choices,
    path: &Path,
) -> Result<Vec<Dropped>, Failure> {
    let judged: Vec<(String, Option<String>)> = match asked {
        None | Some(Prune::Off) => return Ok(Vec::new()),
        Some(Prune::Auto) => {
            let validation = *choices.validation.get_or_insert(Validation::Holdout(0.2));
            if let Validation::KFold(_) = validation {
                let why = "ranks on rows that judge nothing, and of folds every row judges once";
                return Err(Failure::usage(format!(
                    "--prune auto {why}; give a share, as in --validation 0.2"
                )));
            }
            let task = TableTask::of(frame, path, choices)?;
            judge(frame, &task.splits(frame)?[0].train, &choices.target, path)?
        }
        Some(Prune::Names(names)) => {
            let known = frame.names();
            if let Some(unknown) = names.iter().find(|name| !known.contains(name)) {
                let known = known.join(", ");
                return Err(Failure::usage(format!(
                    "--prune: no column `{unknown}` and no such file; columns: {known}"
                )));
            }
            let why =
                |name: &String| (!names.contains(name)).then(|| "not among those that --prune names".into());
            known.iter().map(|name| (name.clone(), why(name))).collect()
        }
    };
    let kept = |name: &String| judged.iter().any(|(judged, why)| judged == name && why.is_none());
    frame.columns.retain(|column| kept(&column.name));
    let (names, all) = (frame.names(), judged.len());
    if names.is_empty() {
        let target = &choices.target;
        let why = format!("none of {all} columns tells more about `{target}` than noise does, one by one");
        return Err(Failure::usage(format!(
            "--prune: {why}; leave it out, or name columns (`fecund rank --by pairs` may show some)"
        )));
    }
    let shown = names.iter().take(SHOWN).cloned().collect::<Vec<_>>().join(", ");
    let more = if names.len() > SHOWN { ", …" } else { "" };
    say!(
        "fecund: {} of {all} columns are kept: {shown}{more}; study.toml says why the others are not",
        names.len()
    );
    choices.columns = Some(names);
    let dropped = judged.into_iter().filter_map(|(column, why)| Some(Dropped { column, why: why? }));
    Ok(dropped.collect())
}

/// Columns whose names are said.
const SHOWN: usize = 20;

/// Rows that nothing is learned from.
fn say_unread(frame: &Frame, path: &Path) {
    if frame.unlabeled > 0 {
        let rows = counted(frame.unlabeled as usize, "row");
        say!("warning: {}: {rows} left out, whose target is not known", path.display());
    }
    if let (skipped @ 1.., Some(first)) = &frame.skipped {
        say!("warning: {} passed over; the first: {first}", counted(*skipped as usize, "row"));
    }
}
