//! The worker's service: answers the requests of a study.

use std::path::Path;

use evaluator::sequence::{Fold, Predictions, Ready, Reply, Request, SequenceTask, Summary, recipe};
use evaluator::{Control, Outcome};
use hashing::Rng;
use spaces::sequence::{Genome, Network};
use tasks::{Metric, Reason, Scaler, Scores, Sequences, Split, Verdict};
use tch::Device;

use crate::artifacts::{Folder, write_file};
use crate::data::{Cases, KIND};
use crate::train::{Effort, Stop, Trainer, predict};
use crate::{Model, device, weights};

/// A task with its data in memory.
pub struct Service {
    task: SequenceTask,
    data: Sequences,
    splits: Vec<Split>,
    device: Device,
}

/// One evaluation: what its folds share.
struct Evaluation<'a> {
    network: Network,
    effort: Effort,
    seed: u64,
    folder: &'a Folder,
    control: &'a Control,
}

impl Service {
    /// Reads the training data and finds the device. An error says what to mend.
    pub fn new(task: SequenceTask) -> Result<Self, String> {
        let data = match task.can_train() {
            true => Sequences::read(&task.train).map_err(|error| error.to_string())?,
            false => task.no_data(),
        };
        Self::with_data(task, data)
    }

    /// As [`Service::new`], with data that have been read already.
    pub fn with_data(task: SequenceTask, data: Sequences) -> Result<Self, String> {
        let shape = (data.channels, &data.classes, data.longest());
        if data.fingerprint() != task.data || shape != (task.channels, &task.classes, task.longest) {
            let (path, found, wanted) = (task.train.display(), data.fingerprint().short(), task.data.short());
            return Err(format!(
                "{path} has changed: its content is {found}, the study's {wanted}; restore it"
            ));
        }
        let splits = match task.can_train() {
            true => {
                task.validation.splits(&data.labels(), &data.classes, 0).map_err(|error| error.to_string())?
            }
            false => Vec::new(),
        };
        let device = device::find(task.device)?;
        Ok(Self { splits, task, data, device })
    }

    /// What the parent is told first.
    pub fn ready(&self) -> Ready {
        let (device, provenance) = (device::class(self.device), device::provenance(self.device));
        Ready { version: recipe::VERSION, device, provenance }
    }

    /// Answers one request. An error costs the worker its place: what is the candidate's fault is a verdict instead.
    pub fn answer(&self, request: &Request, control: &Control) -> Result<Reply, String> {
        match request {
            Request::Evaluate { .. } | Request::Fit { .. } if !self.task.can_train() => {
                Err("this worker was started without training data and can only predict".into())
            }
            Request::Evaluate { genome, fidelity, seed, artifacts } => {
                self.evaluate(genome, *fidelity, *seed, artifacts, control).map(Reply::Evaluated)
            }
            Request::Fit { genome, seed, epochs, to } => {
                self.fit(genome, *seed, *epochs, to, control).map(Reply::Fitted)
            }
            Request::Predict { genome, weights, data } => {
                self.predict(genome, weights, data).map(Reply::Predicted)
            }
        }
    }

    /// The mean over the splits of every metric on the validation part, each at the epoch of its lowest validation log
    /// loss; `best_epoch` is the mean of these epochs. The first split that cannot be trained makes the verdict.
    fn evaluate(
        &self,
        genome: &Genome,
        fidelity: u64,
        seed: u64,
        artifacts: &Path,
        control: &Control,
    ) -> Result<Outcome, String> {
        let effort = self.effort(fidelity)?;
        if let Some(reason) = self.task.too_large(genome) {
            return Ok(self.outcome(Verdict::Invalid(reason), 0));
        }
        let folder = Folder::new(artifacts)?;
        let network = Network::new(genome, self.task.shape());
        let evaluation = Evaluation { network, effort, seed, folder: &folder, control };
        let mut folds = Vec::new();
        for number in 0..self.splits.len() {
            match self.fold(&evaluation, number)? {
                Ok(fold) => folds.push(fold),
                Err(reason) => return Ok(self.outcome(Verdict::Invalid(reason), steps(&folds))),
            }
        }
        let scored = self.outcome(Verdict::Scored(mean_scores(&folds)), steps(&folds));
        folder.finish(&Summary { version: recipe::VERSION, fidelity, seed, folds })?;
        Ok(scored)
    }

    /// Trains on one split, scores it and leaves its weights in the folder.
    fn fold(&self, evaluation: &Evaluation, number: usize) -> Result<Result<Fold, Reason>, String> {
        let Evaluation { network, effort, control, .. } = evaluation;
        let split = &self.splits[number];
        let scaler = Scaler::fit(&self.data, &split.train);
        let cases = |indices| Cases::new(&self.data, indices, &scaler, self.device);
        let (train, validation) = (cases(&split.train), cases(&split.validation));
        let seed = Rng::named(evaluation.seed, "fold", number as u64).next_u64();
        let mut trainer = Trainer::new(network, &train, *effort, seed, self.device);
        let folds = self.splits.len() as f64;
        let progress = |share: f64| control.set_progress((number as f64 + share) / folds);
        let best = match trainer.run_until_best(&validation, control, progress) {
            Ok(best) => best,
            Err(stop) => return reason(stop).map(Err),
        };
        weights::write(
            &trainer.model,
            &scaler,
            &evaluation.folder.file(&format!("fold-{number}.safetensors")),
        )?;
        let score =
            |metric: Metric| metric.score(&best.probabilities, self.task.classes.len(), validation.labels());
        let scores = Metric::ALL.map(|metric| (metric.name().to_string(), score(metric)));
        let scores = Scores(scores.into());
        Ok(Ok(Fold { best_epoch: best.epoch, epochs: best.trained, steps: trainer.steps, scores }))
    }

    /// Trains on all cases for so many epochs of the full schedule.
    fn fit(
        &self,
        genome: &Genome,
        seed: u64,
        epochs: u64,
        to: &Path,
        control: &Control,
    ) -> Result<Outcome, String> {
        let effort = self.effort(epochs)?;
        let all: Vec<usize> = (0..self.data.cases.len()).collect();
        let scaler = Scaler::fit(&self.data, &all);
        let cases = Cases::new(&self.data, &all, &scaler, self.device);
        let network = Network::new(genome, self.task.shape());
        let seed = Rng::named(seed, "fit", 0).next_u64();
        let mut trainer = Trainer::new(&network, &cases, effort, seed, self.device);
        if let Err(stop) = trainer.run(control) {
            return Ok(self.outcome(Verdict::Invalid(reason(stop)?), trainer.steps));
        }
        write_file(to, |path| weights::write(&trainer.model, &scaler, path))?;
        Ok(self.outcome(Verdict::Scored(Scores::default()), trainer.steps))
    }

    fn predict(&self, genome: &Genome, weights: &Path, data: &Path) -> Result<Predictions, String> {
        let data = Sequences::read_like(data, &self.data).map_err(|error| error.to_string())?;
        let network = Network::new(genome, self.task.shape());
        weights::check_size(&network, weights)?;
        let mut model = Model::new(&network, 0, KIND, self.device);
        let scaler = weights::read(&mut model, data.channels, weights)?;
        let all: Vec<usize> = (0..data.cases.len()).collect();
        let cases = Cases::new(&data, &all, &scaler, self.device);
        let probabilities = predict(&model, &cases);
        Ok(Predictions { classes: self.task.classes.len(), probabilities, labels: data.labels() })
    }

    fn effort(&self, epochs: u64) -> Result<Effort, String> {
        let SequenceTask { epochs: largest, batch_size, .. } = self.task;
        if epochs == 0 || epochs > largest {
            return Err(format!("{epochs} epochs are not between 1 and the study's {largest}"));
        }
        Ok(Effort { largest, epochs, batch_size })
    }

    fn outcome(&self, verdict: Verdict, steps: u64) -> Outcome {
        Outcome { verdict, steps, seconds: None, provenance: device::provenance(self.device) }
    }
}

/// What a stop says of the candidate; an error where it says nothing.
fn reason(stop: Stop) -> Result<Reason, String> {
    match stop {
        Stop::NotFinite { step } => Ok(Reason::NotFinite { step }),
        Stop::Cancelled => Err("cancelled".to_string()),
    }
}

fn steps(folds: &[Fold]) -> u64 {
    folds.iter().map(|fold| fold.steps).sum()
}

/// The mean over the folds of every metric, and of the kept epoch under the name `best_epoch`.
fn mean_scores(folds: &[Fold]) -> Scores {
    let mean = |value: &dyn Fn(&Fold) -> f64| folds.iter().map(value).sum::<f64>() / folds.len() as f64;
    let metrics = Metric::ALL.map(|metric| (metric.name(), mean(&|fold| fold.scores.0[metric.name()])));
    let epoch = ("best_epoch", mean(&|fold| fold.best_epoch as f64));
    Scores(metrics.into_iter().chain([epoch]).map(|(name, value)| (name.to_string(), value)).collect())
}
