//! `fecund test` and `predict`: what the models of a run are worth, and what they say.

mod sequences;
mod tables;

use std::path::{Path, PathBuf};

use evaluator::sequence::{Fit, Summary, weights_name};
use evaluator::{Control, EvalError, Evaluator, Job, Limits};
use hashing::Fidelity;
use serde_json::{Map, Value, json};
use tasks::Verdict;

use super::args::{ConfirmArgs, PredictArgs, TestArgs, WhichArgs};
use super::bounded;
use super::domain::{Candidate, Domain};
use super::domains;
use super::failure::{Failure, Outcome};
use super::run_folder::{self, RunFolder};
use super::signals::Signals;
use super::table::Table;
use crate::Trial;
use crate::lineage::Lineage;

/// A domain whose candidates are trained, and leave weights.
pub trait Trained: Domain {
    /// Trains on the whole training part; see [`evaluator::sequence::SequenceEvaluator::fit`].
    fn fit(
        evaluator: &Self::Evaluator,
        form: &Candidate<Self>,
        fit: &Fit,
        control: &Control,
    ) -> Result<evaluator::Outcome, EvalError>;

    /// Why a whole training part is nothing that can be trained on, if it is not. Default: it can.
    fn cannot_refit(&self) -> Option<&'static str> {
        None
    }

    /// Scores on the test part, and of how many cases, where that is known.
    fn test(judge: &Judge<Self>, model: &Model<Self>) -> Result<(Tested, Option<usize>), Failure>;

    /// What a model says of the cases in a file.
    fn predict(judge: &Judge<Self>, model: &Model<Self>, data: &Path) -> Result<Table, Failure>;
}

/// A run with workers that can train and predict.
pub struct Judge<D: Domain> {
    pub folder: RunFolder<D>,
    pub evaluator: D::Evaluator,
    pub control: Control,
    lineage: Lineage<Candidate<D>>,
}

/// Scores by name, in the order that they are shown in.
pub type Tested = Vec<(String, f64)>;

/// A trained model of a run.
pub struct Model<D: Domain> {
    pub trial: Trial<Candidate<D>>,
    /// The form that was trained: that of the trial which paid.
    pub form: Candidate<D>,
    pub weights: PathBuf,
    /// Trained on the whole training part; else on that of the first split.
    pub refit: bool,
}

impl<D: Domain> Model<D> {
    /// Of one of several tasks, by its number.
    pub fn weights_of(&self, part: usize) -> PathBuf {
        if part == 0 { self.weights.clone() } else { self.weights.with_file_name(weights_name(part)) }
    }
}

impl<D: Trained> Judge<D> {
    pub fn open(run: &Path, jobs: usize) -> Result<Self, Failure> {
        Self::of(RunFolder::open(run)?, jobs)
    }

    /// With `jobs` workers.
    pub fn of(mut folder: RunFolder<D>, jobs: usize) -> Result<Self, Failure> {
        let evaluator = folder.settings.task.open(jobs, Limits::default())?;
        let lineage = folder.lineage(&folder.trials()?)?;
        Ok(Self { evaluator, folder, lineage, control: Signals::watch_to_cancel()?.control })
    }

    /// The weights of a trial, trained again where they are not kept.
    pub fn model(&self, which: WhichArgs) -> Result<Model<D>, Failure> {
        if let Some(why) = self.folder.settings.task.cannot_refit().filter(|_| which.refit) {
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
    fn summary(
        &self,
        trial: &Trial<Candidate<D>>,
        form: &Candidate<D>,
        artifacts: &Path,
    ) -> Result<Summary<Candidate<D>>, Failure> {
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
        evaluator: &impl Evaluator<Candidate<D>>,
        form: &Candidate<D>,
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
        trial: &Trial<Candidate<D>>,
        form: &Candidate<D>,
        summary: &Summary<Candidate<D>>,
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
        match D::fit(&self.evaluator, form, &fit, &self.control)?.verdict {
            Verdict::Scored(_) => Ok(file),
            Verdict::Invalid(reason) => {
                Err(Failure::failed(format!("trial {} on the whole training part: {reason}", trial.number)))
            }
        }
    }

    /// Scores on the test part, every metric. Also written into `tests.jsonl` of the run.
    pub fn test(&self, model: &Model<D>) -> Result<Tested, Failure> {
        let (scores, cases) = D::test(self, model)?;
        let named: Map<_, _> = scores.iter().map(|(name, score)| (name.clone(), (*score).into())).collect();
        let mut line = json!({"trial": model.trial.number, "refit": model.refit, "scores": named});
        if let Some(cases) = cases {
            line["cases"] = cases.into();
        }
        self.folder.append("tests.jsonl", &line)?;
        Ok(scores)
    }
}

pub fn test<D: Trained>(args: &TestArgs) -> Outcome {
    let judge = Judge::<D>::open(&args.run, 1)?;
    let model = judge.model(args.which)?;
    let scores = judge.test(&model)?;
    let names = scores.iter().map(|(name, _)| name.as_str());
    let columns: Vec<_> = ["trial", "refit"].into_iter().chain(names).chain(["model"]).collect();
    let mut table = Table::new(&columns);
    let mut row = vec![model.trial.number.into(), model.refit.into()];
    row.extend(scores.iter().map(|(_, score)| Value::from(*score)));
    row.push(judge.folder.settings.task.summary(&model.form).into());
    table.row(row);
    table.print(args.format)
}

/// Of a run, or of an export.
pub fn predict(args: &PredictArgs) -> Outcome {
    if sequences::is_export(&args.model) {
        return sequences::predict_with_export(args);
    }
    if tables::is_export(&args.model) {
        return Err(tables::answers_by_itself(&args.model, &args.data));
    }
    domains::of_run(&args.model).and_then(|runs| (runs.predict)(args))
}

pub fn predict_with_run<D: Trained>(args: &PredictArgs) -> Outcome {
    let judge = Judge::<D>::open(&args.model, 1)?;
    let model = judge.model(args.which)?;
    D::predict(&judge, &model, &args.data)?.print(args.format)
}

pub fn refuse_test(args: &TestArgs) -> Outcome {
    Err(no_models(&args.run)?)
}

pub fn refuse_predict(args: &PredictArgs) -> Outcome {
    Err(no_models(&args.model)?)
}

pub fn refuse_confirm(args: &ConfirmArgs) -> Outcome {
    Err(no_models(&args.run)?)
}

/// Why there is nothing to test, confirm or predict with in this run.
fn no_models(run: &Path) -> Result<Failure, Failure> {
    let (shown, export) = (run.display(), format!("`fecund export {}` a candidate", run.display()));
    let (why, ways) = if domains::is_external(run)? {
        let why = format!("the models of {shown} are its trainer's, and none of them is here");
        (why, format!("`fecund leaderboard {shown}` shows what it told, {export}"))
    } else {
        let space = run_folder::space_of(run)?;
        let why = format!("{shown}: a run over {space} replays a table and trains no models");
        (why, format!("see `fecund leaderboard {shown}` for its scores, {export}"))
    };
    Ok(Failure::usage(format!("{why} to test, confirm or predict with; {ways}")))
}
