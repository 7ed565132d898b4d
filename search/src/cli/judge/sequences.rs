//! Models of sequences: tested and asked.

use std::path::Path;

use evaluator::sequence::{AT_PREFIX, Fit, Predictions, SequenceEvaluator, SequenceTask, Steps};
use evaluator::{Control, EvalError, Limits};
use spaces::sequence::{Genome, Pooling, export};
use tasks::Metric;

use super::{Judge, Model, Tested, Trained};
use crate::cli::args::PredictArgs;
use crate::cli::bounded;
use crate::cli::domain::Domain;
use crate::cli::domains::SequenceDomain;
use crate::cli::failure::{Failure, Outcome};
use crate::cli::signals::Signals;
use crate::cli::table::Table;

impl Trained for SequenceDomain {
    fn fit(
        evaluator: &SequenceEvaluator,
        form: &Genome,
        fit: &Fit,
        control: &Control,
    ) -> Result<evaluator::Outcome, EvalError> {
        evaluator.fit(form, fit, control)
    }

    fn cannot_refit(&self) -> Option<&'static str> {
        let why = "a task with targets at the steps validates on cases of their own";
        self.training.steps.is_some().then_some(why)
    }

    fn test(judge: &Judge<Self>, model: &Model<Self>) -> Result<(Tested, Option<usize>), Failure> {
        match steps(judge) {
            None => test_cases(judge, model),
            Some(steps) => Ok((test_steps(judge, model, steps)?, None)),
        }
    }

    fn predict(judge: &Judge<Self>, model: &Model<Self>, data: &Path) -> Result<Table, Failure> {
        Ok(table(&judge.folder.settings.task.training.classes, &predictions(judge, model, data)?))
    }
}

fn steps(judge: &Judge<SequenceDomain>) -> Option<&Steps> {
    judge.folder.settings.task.training.steps.as_ref()
}

fn predictions(
    judge: &Judge<SequenceDomain>,
    model: &Model<SequenceDomain>,
    data: &Path,
) -> Result<Predictions, Failure> {
    if steps(judge).is_some() {
        return Err(answers_at_steps());
    }
    Ok(judge.evaluator.predict(&model.form, &model.weights, data, &judge.control)?)
}

/// Of cases with a class each, and how many these are.
fn test_cases(
    judge: &Judge<SequenceDomain>,
    model: &Model<SequenceDomain>,
) -> Result<(Tested, Option<usize>), Failure> {
    let Some(test) = &judge.folder.settings.task.test else {
        return Err(Failure::usage("this run has no test part; give one with `fecund predict RUN FILE`"));
    };
    let Predictions { probabilities, classes, labels } = predictions(judge, model, test)?;
    let score = |metric: Metric| metric.score(&probabilities, classes, &labels);
    let mut scores: Tested = Metric::ALL.map(|metric| (metric.name().to_string(), score(metric))).into();
    let split = (!model.refit).then_some(0);
    let encoder = judge.evaluator.score_encoder(&model.form, &model.weights, split, test, &judge.control)?;
    scores.extend(encoder.0);
    Ok((scores, Some(labels.len())))
}

/// What decides first, then the others, the share of errors left out: it is one minus a score.
fn test_steps(
    judge: &Judge<SequenceDomain>,
    model: &Model<SequenceDomain>,
    steps: &Steps,
) -> Result<Tested, Failure> {
    let task = &judge.folder.settings.task;
    if matches!(steps, Steps::Text(_)) && task.test.is_none() {
        let why = "this run has no test text";
        return Err(Failure::usage(format!("{why}; name one with --test FILE.txt when you search")));
    }
    let artifacts = model.weights.parent().unwrap_or(Path::new(""));
    let scores = judge.evaluator.test(&model.form, artifacts, task.test.as_deref(), &judge.control)?.0;
    let columns = task.columns();
    let is_of_prefix = |name: &&String| name.starts_with(AT_PREFIX) && !columns.contains(name);
    let by_prefix: Vec<_> = scores.keys().filter(is_of_prefix).cloned().collect();
    let shown = columns.into_iter().chain(by_prefix);
    Ok(shown.filter_map(|name| Some((name.clone(), *scores.get(&name)?))).collect())
}

fn answers_at_steps() -> Failure {
    let why = "this model tells no class of a series, and a .ts file has one class a series";
    Failure::usage(format!("{why}; `fecund test` scores it, and its exported model.py answers"))
}

fn table(classes: &[String], predictions: &Predictions) -> Table {
    let mut table = Table::new(&["case", "class", "probability", "true_class"]);
    for (case, row) in predictions.probabilities.chunks(predictions.classes).enumerate() {
        let likeliest = likeliest(row);
        let truth = predictions.labels.get(case).and_then(|label| classes.get(*label));
        table.row(vec![
            case.into(),
            classes[likeliest].clone().into(),
            row[likeliest].into(),
            truth.cloned().into(),
        ]);
    }
    table
}

/// The first of the largest.
pub fn likeliest(row: &[f64]) -> usize {
    (0..row.len()).reduce(|best, class| if row[class] > row[best] { class } else { best }).unwrap_or(0)
}

const ARCHITECTURE: &str = "architecture.json";

pub fn is_export(folder: &Path) -> bool {
    folder.join(ARCHITECTURE).is_file()
}

pub fn predict_with_export(args: &PredictArgs) -> Outcome {
    let file = args.model.join(ARCHITECTURE);
    let text = bounded::read_text(&file).map_err(|error| Failure::file("read", &file, &error))?;
    let (network, classes) = export::read_architecture(&text)
        .map_err(|error| Failure::failed(format!("{}: {error}", file.display())))?;
    if network.genome.pooling == Pooling::None {
        return Err(answers_at_steps());
    }
    let task = SequenceTask::for_prediction(network.shape.channels, classes.clone());
    let evaluator = SequenceEvaluator::start(task, 1, Limits::default())?;
    let weights = args.model.join("model.safetensors");
    let control = Signals::watch_to_cancel()?.control;
    let predictions = evaluator.predict(&network.genome, &weights, &args.data, &control)?;
    table(&classes, &predictions).print(args.format)
}
