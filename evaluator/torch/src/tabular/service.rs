//! The worker's service for tables: answers the requests of a study.

use std::path::Path;

use evaluator::sequence::Ready;
use evaluator::tabular::{Predictions, Reply, Request, TableTask, VERSION};
use evaluator::{Control, Outcome};
use hashing::Rng;
use spaces::mlp::{Genome, Network};
use tasks::tabular::{Encoder, Frame, read_like};
use tasks::{Scores, Split, Verdict};
use tch::{Device, Tensor};

use super::evaluation::Evaluation;
use super::{Mlp, Rows, Trainer, predict};
use crate::artifacts::write_file;
use crate::data::KIND;
use crate::device;
use crate::service::reason;
use crate::train::Effort;

/// A task with its table in memory.
pub struct TableService {
    pub(super) task: TableTask,
    frame: Frame,
    /// Rows to train and validate on, and those that are held back for a test.
    parts: Split,
    splits: Vec<Split>,
    pub(super) grounds: Vec<Ground>,
    pub(super) device: Device,
}

/// What a split is trained and scored on.
pub struct Ground {
    pub encoder: Encoder,
    pub train: Rows,
    pub validation: Rows,
    /// Rows of the frame.
    pub validated: Vec<usize>,
}

impl TableService {
    /// Reads the table and finds the device. An error says what to mend.
    pub fn new(task: TableTask) -> Result<Self, String> {
        let frame = task.frame()?;
        let parts = task.parts(&frame).map_err(|error| error.to_string())?;
        let splits = task.splits(&frame).map_err(|error| error.to_string())?;
        let device = device::find(task.device)?;
        let ground = |Split { train, validation }: &Split| {
            let encoder = Encoder::fit(&frame, train);
            let rows = |rows: &[usize]| Rows::new(&frame, rows, &encoder, device);
            let (train, validated) = (rows(train), validation.clone());
            Ground { train, validation: rows(validation), validated, encoder }
        };
        let grounds = splits.iter().map(ground).collect();
        Ok(Self { task, frame, parts, splits, grounds, device })
    }

    /// What the parent is told first.
    pub fn ready(&self) -> Ready {
        let (device, provenance) = (device::class(self.device), device::provenance(self.device));
        Ready { version: VERSION, device, provenance }
    }

    /// Answers one request. An error costs the worker its place: what is the candidate's fault is a verdict instead.
    pub fn answer(&self, request: &Request, control: &Control) -> Result<Reply, String> {
        match request {
            Request::Evaluate { genome, fidelity, seed, artifacts } => {
                let effort = self.effort(*fidelity)?;
                if let Some(reason) = self.task.too_large(genome) {
                    return Ok(Reply::Evaluated(self.outcome(Verdict::Invalid(reason), 0)));
                }
                let evaluation = Evaluation { service: self, genome, seed: *seed, effort, control };
                evaluation.run(artifacts).map(Reply::Evaluated)
            }
            Request::Fit { genome, seed, epochs, to } => {
                self.fit(genome, *seed, self.effort(*epochs)?, to, control).map(Reply::Fitted)
            }
            Request::Predict { genome, weights, split, data } => {
                self.predict(genome, weights, *split, data.as_deref()).map(Reply::Predicted)
            }
        }
    }

    /// Trains on all rows that are not held back for a test.
    fn fit(
        &self,
        genome: &Genome,
        seed: u64,
        effort: Effort,
        to: &Path,
        control: &Control,
    ) -> Result<Outcome, String> {
        let encoder = Encoder::fit(&self.frame, &self.parts.train);
        let rows = Rows::new(&self.frame, &self.parts.train, &encoder, self.device);
        let network = Network::new(genome, &self.task.shape_of(&encoder));
        let seed = Rng::named(seed, "fit", 0).next_u64();
        let mut trainer = Trainer::new(&network, &rows, effort, seed, self.device);
        if let Err(stop) = trainer.run(control) {
            return Ok(self.outcome(Verdict::Invalid(reason(stop)?), trainer.steps));
        }
        write_file(to, |path| write_weights(&trainer.model, path))?;
        Ok(self.outcome(Verdict::Scored(Scores::default()), trainer.steps))
    }

    fn predict(
        &self,
        genome: &Genome,
        weights: &Path,
        split: Option<usize>,
        data: Option<&Path>,
    ) -> Result<Predictions, String> {
        let trained = match split {
            None => &self.parts.train,
            Some(number) => {
                &self.splits.get(number).ok_or_else(|| format!("there is no split {number}"))?.train
            }
        };
        let encoder = Encoder::fit(&self.frame, trained);
        let model = self.read_weights(genome, &encoder, weights)?;
        let TableTask { reading, target, .. } = &self.task;
        let read =
            data.map(|data| read_like(data, reading, target, &self.frame).map_err(|error| error.to_string()));
        let read = read.transpose()?;
        let (frame, rows) = match &read {
            Some(frame) => (frame, (0..frame.rows()).collect()),
            None => (&self.frame, self.parts.validation.clone()),
        };
        let said = predict(&model, &Rows::new(frame, &rows, &encoder, self.device), encoder.target);
        Ok(Predictions::of(&frame.target, &rows, self.task.shape().outputs, said))
    }

    /// Files may come from anywhere: names and shapes are checked.
    fn read_weights(&self, genome: &Genome, encoder: &Encoder, path: &Path) -> Result<Mlp, String> {
        let network = Network::new(genome, &self.task.shape_of(encoder));
        let unreadable = |error: String| format!("weights {} unreadable: {error}", path.display());
        let bytes = std::fs::metadata(path).map_err(|error| unreadable(error.to_string()))?.len();
        let parameters = network.parameters();
        if parameters.saturating_mul(4) > bytes {
            return Err(unreadable(format!("{bytes} bytes do not hold {parameters} parameters")));
        }
        let named = Tensor::read_safetensors(path).map_err(|error| unreadable(error.to_string()))?;
        let mut model = Mlp::new(&network, 0, KIND, self.device);
        model.tensors.load(&named).map_err(|error| unreadable(error.to_string()))?;
        Ok(model)
    }

    fn effort(&self, epochs: u64) -> Result<Effort, String> {
        let TableTask { epochs: largest, batch_size, .. } = self.task;
        if epochs == 0 || epochs > largest {
            return Err(format!("{epochs} epochs are not between 1 and the study's {largest}"));
        }
        Ok(Effort { largest, epochs, batch_size })
    }

    pub(super) fn outcome(&self, verdict: Verdict, steps: u64) -> Outcome {
        Outcome { verdict, steps, seconds: None, provenance: device::provenance(self.device) }
    }

    /// What is said of the validation rows of a split, with their truths.
    pub(super) fn validated(&self, model: &Mlp, ground: &Ground) -> Predictions {
        let said = predict(model, &ground.validation, ground.encoder.target);
        Predictions::of(&self.frame.target, &ground.validated, self.task.shape().outputs, said)
    }
}

/// The same weights give the same bytes.
pub fn write_weights(model: &Mlp, path: &Path) -> Result<(), String> {
    Tensor::write_safetensors(&model.tensors.values(), path)
        .map_err(|error| format!("{} not written: {error}", path.display()))
}
