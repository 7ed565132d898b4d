//! The evaluator of perceptrons over tables: sends genomes to worker processes that train them.

use std::collections::BTreeMap;
use std::path::Path;

use hashing::Context;
use spaces::mlp::Genome;

use super::{Predictions, Reply, Request, Setup, TableTask, VERSION};
use crate::sequence::Fit;
use crate::trainers::{Trainers, unexpected};
use crate::{Control, EvalError, Evaluator, Job, Limits, Outcome};

/// Trains and scores genomes in worker processes.
#[derive(Debug)]
pub struct TableEvaluator {
    trainers: Trainers,
    task: TableTask,
}

impl TableEvaluator {
    /// Starts the first of `workers` processes, which reads the table and finds the device.
    pub fn start(task: TableTask, workers: usize, limits: Limits) -> Result<Self, EvalError> {
        let setup = Setup { table: task.clone() };
        let trainers = Trainers::start(&setup, VERSION, workers, limits)?;
        // The device that `auto` came to is part of the context.
        let task = TableTask { device: trainers.ready.device, ..task };
        Ok(Self { trainers, task })
    }

    /// The task, with the device that was found.
    pub fn task(&self) -> &TableTask {
        &self.task
    }

    /// Versions and device of the workers.
    pub fn provenance(&self) -> &str {
        &self.trainers.ready.provenance
    }

    /// Trains on the whole training part for `epochs` epochs of the full schedule, without early stopping, and writes the
    /// weights to the file `to`. A verdict `Invalid` means that there is no file; else it is `Scored` with no scores.
    pub fn fit(&self, genome: &Genome, fit: &Fit, control: &Control) -> Result<Outcome, EvalError> {
        let Fit { seed, epochs, to, .. } = *fit;
        let request = Request::Fit { genome: genome.clone(), seed, epochs, to: to.to_path_buf() };
        match self.trainers.ask(&request, control)? {
            Reply::Fitted(outcome) => Ok(outcome),
            other => Err(unexpected(&other)),
        }
    }

    /// What a network says of the rows of a file, or of those that were held back for a test. Its weights were written by
    /// [`TableEvaluator::fit`], or kept from an evaluation on this split.
    pub fn predict(
        &self,
        genome: &Genome,
        weights: &Path,
        split: Option<usize>,
        data: Option<&Path>,
        control: &Control,
    ) -> Result<Predictions, EvalError> {
        let (weights, data) = (weights.to_path_buf(), data.map(Path::to_path_buf));
        let request = Request::Predict { genome: genome.clone(), weights, split, data };
        match self.trainers.ask(&request, control)? {
            Reply::Predicted(predictions) => Ok(predictions),
            other => Err(unexpected(&other)),
        }
    }
}

impl Evaluator<Genome> for TableEvaluator {
    fn context(&self) -> Context {
        self.task.context()
    }

    fn evaluate(&self, genome: &Genome, job: &Job) -> Result<Outcome, EvalError> {
        let request = Request::Evaluate {
            genome: genome.clone(),
            fidelity: job.fidelity.0,
            seed: job.seed,
            artifacts: job.artifacts.to_path_buf(),
        };
        match self.trainers.ask(&request, job.control)? {
            Reply::Evaluated(outcome) => Ok(outcome),
            other => Err(unexpected(&other)),
        }
    }

    /// Parameters, and multiply-adds of one row.
    fn costs(&self, genome: &Genome) -> BTreeMap<String, f64> {
        let [parameters, multiply_adds] = self.task.sizes(genome).map(|size| size as f64);
        [("parameters".into(), parameters), ("multiply_adds".into(), multiply_adds)].into()
    }
}
