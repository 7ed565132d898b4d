//! `fecund test` and `predict`: what the models of a run are worth, and what they say.

use std::path::{Path, PathBuf};

use evaluator::sequence::{
    AT_PREFIX, Fit, Predictions, SequenceEvaluator, SequenceTask, Steps, Summary, weights_name,
};
use evaluator::{Control, Evaluator, Job, Limits};
use hashing::Fidelity;
use serde_json::{Map, Value, json};
use spaces::sequence::{Genome, Pooling, export};
use tasks::{Metric, Verdict};

use super::args::{PredictArgs, TestArgs, WhichArgs};
use super::bounded;
use super::domain::Domain;
use super::domains::{self, SequenceDomain};
use super::failure::{Failure, Outcome};
use super::run_folder::{self, RunFolder};
use super::signals::Signals;
use super::table::Table;
use crate::Trial;
use crate::lineage::Lineage;

/// A run with workers that can train and predict.
pub struct Judge {
    pub folder: RunFolder<SequenceDomain>,
    pub evaluator: SequenceEvaluator,
    pub control: Control,
    lineage: Lineage<Genome>,
}

/// Scores by name, in the order that they are shown in.
type Tested = Vec<(String, f64)>;

/// A trained model of a run.
pub struct Model {
    pub trial: Trial<Genome>,
    /// The form that was trained: that of the trial which paid.
    pub form: Genome,
    pub weights: PathBuf,
    /// Trained on the whole training part; else on that of the first split.
    pub refit: bool,
}

impl Model {
    /// Of one of several tasks, by its number.
    pub fn weights_of(&self, part: usize) -> PathBuf {
        if part == 0 { self.weights.clone() } else { self.weights.with_file_name(weights_name(part)) }
    }
}

impl Judge {
    pub fn open(run: &Path, jobs: usize) -> Result<Self, Failure> {
        if domains::is_external(run)? {
            let run = run.display();
            let why = format!("the models of {run} are its trainer's, and none of them is here");
            let ways =
                format!("`fecund leaderboard {run}` shows what it told, `fecund export {run}` a candidate");
            return Err(Failure::usage(format!("{why} to test, confirm or predict with; {ways}")));
        }
        let space = run_folder::space_of(run)?;
        if space != "sequence" {
            let (run, why) =
                (run.display(), format!("a run over {space} replays a table and trains no models"));
            let ways = format!(
                "see `fecund leaderboard {run}` for its scores, `fecund export {run}` for a candidate"
            );
            return Err(Failure::usage(format!("{why} to test, confirm or predict with; {ways}")));
        }
        Self::of(RunFolder::open(run)?, jobs)
    }

    /// With `jobs` workers.
    pub fn of(mut folder: RunFolder<SequenceDomain>, jobs: usize) -> Result<Self, Failure> {
        let evaluator = folder.settings.task.open(jobs, Limits::default())?;
        let lineage = folder.lineage(&folder.trials()?)?;
        Ok(Self { evaluator, folder, lineage, control: Signals::watch_to_cancel()?.control })
    }

    /// The weights of a trial, trained again where they are not kept.
    pub fn model(&self, which: WhichArgs) -> Result<Model, Failure> {
        if which.refit && self.steps().is_some() {
            let why = "a task with targets at the steps validates on cases of their own";
            return Err(Failure::usage(format!("--refit does not apply: {why}; leave it out")));
        }
        let trial = self.folder.choose(which.trial)?;
        if let Verdict::Invalid(reason) = &trial.verdict {
            return Err(Failure::failed(format!("trial {} has no model: {reason}", trial.number)));
        }
        let form = self.folder.trained_form(&trial)?;
        let artifacts = self.folder.artifacts().join(trial.key.to_string());
        let summary = self.summary(&trial, &form, &artifacts)?;
        // What a child made again is of the form that this run met first.
        let form = summary.genome.clone().unwrap_or(form);
        let weights = if which.refit {
            self.refit(&trial, &form, &summary, &artifacts)?
        } else {
            artifacts.join(weights_name(0))
        };
        Ok(Model { trial, form, weights, refit: which.refit })
    }

    /// How the trial's evaluation went, from its artifacts; evaluated again, bit for bit, if they are gone or damaged.
    fn summary(&self, trial: &Trial<Genome>, form: &Genome, artifacts: &Path) -> Result<Summary, Failure> {
        let file = artifacts.join("summary.json");
        let read = || {
            let text = bounded::read_text(&file).map_err(|error| Failure::file("read", &file, &error))?;
            serde_json::from_str(&text)
                .map_err(|error| Failure::failed(format!("{}: {error}", file.display())))
        };
        if read().is_err() {
            say!(
                "fecund: the weights of trial {} are not kept, or damaged; training them again with the same seed",
                trial.number
            );
            let (fidelity, seed) = (self.folder.fidelity(trial), trial.seed_key().seed(0));
            let outcome = self.evaluate(&self.evaluator, form, (fidelity, seed), artifacts)?;
            let evaluations = self.folder.record(trial).map(|record| record.evaluations).unwrap_or_default();
            let before = evaluations.iter().find(|evaluation| evaluation.seed == seed);
            if before.is_some_and(|before| before.verdict != outcome.verdict) {
                say!(
                    "warning: this training scores otherwise than the one in the record; was that made on another machine?"
                );
            }
        }
        read()
    }

    /// Of a form that may inherit, in this folder.
    pub fn evaluate(
        &self,
        evaluator: &impl Evaluator<Genome>,
        form: &Genome,
        (fidelity, seed): (Fidelity, u64),
        artifacts: &Path,
    ) -> Result<evaluator::Outcome, Failure> {
        let control = &self.control;
        let held = self.lineage.hold(form, artifacts, evaluator, control)?;
        let job = Job { fidelity, seed, artifacts, previous: None, parents: &held.parents, control };
        Ok(evaluator.evaluate(form, &job)?)
    }

    fn refit(
        &self,
        trial: &Trial<Genome>,
        form: &Genome,
        summary: &Summary,
        artifacts: &Path,
    ) -> Result<PathBuf, Failure> {
        let file = artifacts.join("refit.safetensors");
        if file.is_file() {
            return Ok(file);
        }
        let epochs = summary.mean_best_epoch();
        say!("fecund: training trial {} on the whole training part for {epochs} epochs", trial.number);
        let held = self.lineage.hold(form, artifacts, &self.evaluator, &self.control)?;
        let (seed, parents) = (trial.seed_key().seed(0), held.parents.as_slice());
        let fit = Fit { seed, epochs, to: &file, parents };
        match self.evaluator.fit(form, &fit, &self.control)?.verdict {
            Verdict::Scored(_) => Ok(file),
            Verdict::Invalid(reason) => {
                Err(Failure::failed(format!("trial {} on the whole training part: {reason}", trial.number)))
            }
        }
    }

    fn steps(&self) -> Option<&Steps> {
        self.folder.settings.task.training.steps.as_ref()
    }

    pub fn predict(&self, model: &Model, data: &Path) -> Result<Predictions, Failure> {
        if self.steps().is_some() {
            return Err(answers_at_steps());
        }
        Ok(self.evaluator.predict(&model.form, &model.weights, data, &self.control)?)
    }

    /// Scores on the test part, every metric. Also written into `tests.jsonl` of the run.
    pub fn test(&self, model: &Model) -> Result<Tested, Failure> {
        let (scores, cases) = match self.steps() {
            None => self.test_cases(model)?,
            Some(steps) => (self.test_steps(model, steps)?, None),
        };
        let named: Map<_, _> = scores.iter().map(|(name, score)| (name.clone(), (*score).into())).collect();
        let mut line = json!({"trial": model.trial.number, "refit": model.refit, "scores": named});
        if let Some(cases) = cases {
            line["cases"] = cases.into();
        }
        self.folder.append("tests.jsonl", &line)?;
        Ok(scores)
    }

    /// Of cases with a class each, and how many these are.
    fn test_cases(&self, model: &Model) -> Result<(Tested, Option<usize>), Failure> {
        let Some(test) = &self.folder.settings.task.test else {
            return Err(Failure::usage("this run has no test part; give one with `fecund predict RUN FILE`"));
        };
        let Predictions { probabilities, classes, labels } = self.predict(model, test)?;
        let score = |metric: Metric| metric.score(&probabilities, classes, &labels);
        let mut scores: Tested = Metric::ALL.map(|metric| (metric.name().to_string(), score(metric))).into();
        let split = (!model.refit).then_some(0);
        let encoder =
            self.evaluator.score_encoder(&model.form, &model.weights, split, test, &self.control)?;
        scores.extend(encoder.0);
        Ok((scores, Some(labels.len())))
    }

    /// What decides first, then the others, the share of errors left out: it is one minus a score.
    fn test_steps(&self, model: &Model, steps: &Steps) -> Result<Tested, Failure> {
        let task = &self.folder.settings.task;
        if matches!(steps, Steps::Text(_)) && task.test.is_none() {
            let why = "this run has no test text";
            return Err(Failure::usage(format!("{why}; name one with --test FILE.txt when you search")));
        }
        let artifacts = model.weights.parent().unwrap_or(Path::new(""));
        let scores = self.evaluator.test(&model.form, artifacts, task.test.as_deref(), &self.control)?.0;
        let columns = task.columns();
        let is_of_prefix = |name: &&String| name.starts_with(AT_PREFIX) && !columns.contains(name);
        let by_prefix: Vec<_> = scores.keys().filter(is_of_prefix).cloned().collect();
        let shown = columns.into_iter().chain(by_prefix);
        Ok(shown.filter_map(|name| Some((name.clone(), *scores.get(&name)?))).collect())
    }
}

fn answers_at_steps() -> Failure {
    let why = "this model tells no class of a series, and a .ts file has one class a series";
    Failure::usage(format!("{why}; `fecund test` scores it, and its exported model.py answers"))
}

pub fn test(args: &TestArgs) -> Outcome {
    let judge = Judge::open(&args.run, 1)?;
    let model = judge.model(args.which)?;
    let scores = judge.test(&model)?;
    let names = scores.iter().map(|(name, _)| name.as_str());
    let columns: Vec<_> = ["trial", "refit"].into_iter().chain(names).chain(["model"]).collect();
    let mut table = Table::new(&columns);
    let mut row = vec![model.trial.number.into(), model.refit.into()];
    row.extend(scores.iter().map(|(_, score)| Value::from(*score)));
    row.push(model.form.summary().into());
    table.row(row);
    table.print(args.format)
}

pub fn predict(args: &PredictArgs) -> Outcome {
    let (classes, predictions) = if args.model.join("architecture.json").is_file() {
        predict_with_export(&args.model, &args.data)?
    } else {
        let judge = Judge::open(&args.model, 1)?;
        let model = judge.model(args.which)?;
        (judge.folder.settings.task.training.classes.clone(), judge.predict(&model, &args.data)?)
    };
    let mut table = Table::new(&["case", "class", "probability", "true_class"]);
    for (case, row) in predictions.probabilities.chunks(predictions.classes).enumerate() {
        let likeliest = (0..row.len())
            .reduce(|best, class| if row[class] > row[best] { class } else { best })
            .unwrap_or(0);
        let truth = predictions.labels.get(case).and_then(|label| classes.get(*label));
        table.row(vec![
            case.into(),
            classes[likeliest].clone().into(),
            row[likeliest].into(),
            truth.cloned().into(),
        ]);
    }
    table.print(args.format)
}

fn predict_with_export(folder: &Path, data: &Path) -> Result<(Vec<String>, Predictions), Failure> {
    let file = folder.join("architecture.json");
    let text = bounded::read_text(&file).map_err(|error| Failure::file("read", &file, &error))?;
    let (network, classes) = export::read_architecture(&text)
        .map_err(|error| Failure::failed(format!("{}: {error}", file.display())))?;
    if network.genome.pooling == Pooling::None {
        return Err(answers_at_steps());
    }
    let task = SequenceTask::for_prediction(network.shape.channels, classes.clone());
    let evaluator = SequenceEvaluator::start(task, 1, Limits::default())?;
    let weights = folder.join("model.safetensors");
    Ok((classes, evaluator.predict(&network.genome, &weights, data, &Signals::watch_to_cancel()?.control)?))
}
