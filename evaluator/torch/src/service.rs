//! The worker's service: answers the requests of a study.

use std::path::Path;

use evaluator::sequence::{Measured, Predictions, Ready, Reply, Request, SequenceTask, recipe};
use evaluator::{Control, Outcome};
use hashing::Rng;
use spaces::sequence::{Genome, Network};
use tasks::{Reason, Scaler, Scores, Sequences, Split, Verdict};
use tch::Device;

use crate::artifacts::write_file;
use crate::data::{Cases, KIND};
use crate::evaluation::{Evaluation, Wanted};
use crate::train::{Effort, Stop, Trainer, predict};
use crate::{Model, device, latency, weights};

/// What a request that was given up is answered with.
const CANCELLED: &str = "cancelled";

/// A task with its data in memory.
pub struct Service {
    pub(crate) task: SequenceTask,
    pub(crate) data: Sequences,
    pub(crate) splits: Vec<Split>,
    pub(crate) device: Device,
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
            Request::Predict { genome, weights, data } => {
                self.predict(genome, weights, data).map(Reply::Predicted)
            }
            _ if !self.task.can_train() => {
                Err("this worker was started without training data and can only predict".into())
            }
            Request::Evaluate { genome, fidelity, seed, artifacts, previous, checkpoint } => {
                let (fidelity, seed, checkpoint) = (*fidelity, *seed, *checkpoint);
                let previous = previous.as_deref();
                let wanted = Wanted { genome, fidelity, seed, artifacts, previous, checkpoint };
                self.evaluate(&wanted, control).map(Reply::Evaluated)
            }
            Request::Fit { genome, seed, epochs, to } => {
                self.fit(genome, *seed, *epochs, to, control).map(Reply::Fitted)
            }
            Request::Measure { genome } => self.measure(genome, control).map(Reply::Measured),
        }
    }

    fn evaluate(&self, wanted: &Wanted, control: &Control) -> Result<Outcome, String> {
        let effort = self.effort(wanted.fidelity)?;
        if let Some(reason) = self.task.too_large(wanted.genome) {
            return Ok(self.outcome(Verdict::Invalid(reason), 0));
        }
        let network = Network::new(wanted.genome, self.task.shape());
        Evaluation { service: self, wanted, network, effort, control }.run()
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

    /// What is too large to be trained is not run either.
    fn measure(&self, genome: &Genome, control: &Control) -> Result<Measured, String> {
        if self.task.too_large(genome).is_some() {
            return Ok(Measured::default());
        }
        let network = Network::new(genome, self.task.shape());
        let costs = latency::measure(&network, self.task.longest, self.device, control)
            .map_err(|_| CANCELLED.to_string())?;
        Ok(Measured { costs })
    }

    fn effort(&self, epochs: u64) -> Result<Effort, String> {
        let SequenceTask { epochs: largest, batch_size, .. } = self.task;
        if epochs == 0 || epochs > largest {
            return Err(format!("{epochs} epochs are not between 1 and the study's {largest}"));
        }
        Ok(Effort { largest, epochs, batch_size })
    }

    pub(crate) fn outcome(&self, verdict: Verdict, steps: u64) -> Outcome {
        Outcome { verdict, steps, seconds: None, provenance: device::provenance(self.device) }
    }
}

/// What a stop says of the candidate; an error where it says nothing.
pub(crate) fn reason(stop: Stop) -> Result<Reason, String> {
    match stop {
        Stop::NotFinite { step } => Ok(Reason::NotFinite { step }),
        Stop::Cancelled => Err(CANCELLED.to_string()),
    }
}
