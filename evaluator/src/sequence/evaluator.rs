//! The evaluator of sequence classifiers: sends genomes to worker processes that train them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use hashing::Context;
use spaces::sequence::Genome;
use tasks::Scores;

use super::{Predictions, Reply, Request, SequenceTask, Summary, recipe};
use crate::trainers::{Trainers, unexpected};
use crate::{Control, EvalError, Evaluator, Job, Limits, Outcome};

/// Trains and scores genomes in worker processes.
#[derive(Debug)]
pub struct SequenceEvaluator {
    trainers: Trainers,
    task: SequenceTask,
}

/// A training on the whole training part.
#[derive(Clone, Copy, Debug)]
pub struct Fit<'a> {
    pub seed: u64,
    pub epochs: u64,
    /// The file to write.
    pub to: &'a Path,
    pub parents: &'a [PathBuf],
}

impl SequenceEvaluator {
    /// Starts the first of `workers` processes, which reads the data and finds the device.
    pub fn start(task: SequenceTask, workers: usize, limits: Limits) -> Result<Self, EvalError> {
        let trainers = Trainers::start(&task, recipe::VERSION, workers, limits)?;
        // The device that `auto` came to is part of the context.
        let task = SequenceTask { device: trainers.ready.device, ..task };
        Ok(Self { trainers, task })
    }

    /// The task, with the device that was found.
    pub fn task(&self) -> &SequenceTask {
        &self.task
    }

    /// Versions and device of the workers.
    pub fn provenance(&self) -> &str {
        &self.trainers.ready.provenance
    }

    /// Trains on all training cases for `epochs` epochs of the full schedule, without early stopping, and writes the
    /// weights to the file `to`. One that inherits starts from the first split of its `parents`, folders of evaluations. A
    /// verdict `Invalid` means that there is no file; else it is `Scored` with no scores.
    pub fn fit(&self, genome: &Genome, fit: &Fit, control: &Control) -> Result<Outcome, EvalError> {
        let Fit { seed, epochs, to, parents } = *fit;
        let (to, parents) = (to.to_path_buf(), parents.to_vec());
        let request = Request::Fit { genome: genome.clone(), seed, epochs, to, parents };
        match self.trainers.ask(&request, control)? {
            Reply::Fitted(outcome) => Ok(outcome),
            other => Err(unexpected(&other)),
        }
    }

    /// Class probabilities of the cases of a data file, under weights written by [`SequenceEvaluator::fit`] or kept
    /// from an evaluation.
    pub fn predict(
        &self,
        genome: &Genome,
        weights: &Path,
        data: &Path,
        control: &Control,
    ) -> Result<Predictions, EvalError> {
        let (weights, data) = (weights.to_path_buf(), data.to_path_buf());
        match self.trainers.ask(&Request::Predict { genome: genome.clone(), weights, data }, control)? {
            Reply::Predicted(predictions) => Ok(predictions),
            other => Err(unexpected(&other)),
        }
    }

    /// Scores of the encoder on the cases of a data file, under the weights of [`SequenceEvaluator::fit`], or under those of
    /// this split of an evaluation: `accuracy_at_W` for each prefix that the head learned to read, and
    /// `nearest_mean_accuracy`, by the nearest mean of the cases that it was trained on.
    pub fn score_encoder(
        &self,
        genome: &Genome,
        weights: &Path,
        split: Option<usize>,
        data: &Path,
        control: &Control,
    ) -> Result<Scores, EvalError> {
        let (genome, weights, data) = (genome.clone(), weights.to_path_buf(), data.to_path_buf());
        match self.trainers.ask(&Request::Encoder { genome, weights, split, data }, control)? {
            Reply::Tested(scores) => Ok(scores),
            other => Err(unexpected(&other)),
        }
    }

    /// Scores of a genome on the test cases of a task with targets at the steps: those that are drawn for it, or those of
    /// the file `data`. The weights of every part lie in the folder `artifacts`, kept from an evaluation.
    pub fn test(
        &self,
        genome: &Genome,
        artifacts: &Path,
        data: Option<&Path>,
        control: &Control,
    ) -> Result<Scores, EvalError> {
        let (artifacts, data) = (artifacts.to_path_buf(), data.map(Path::to_path_buf));
        match self.trainers.ask(&Request::Test { genome: genome.clone(), artifacts, data }, control)? {
            Reply::Tested(scores) => Ok(scores),
            other => Err(unexpected(&other)),
        }
    }
}

impl Evaluator<Genome> for SequenceEvaluator {
    fn context(&self) -> Context {
        self.task.context()
    }

    fn evaluate(&self, genome: &Genome, job: &Job) -> Result<Outcome, EvalError> {
        let request = Request::Evaluate {
            genome: genome.clone(),
            fidelity: job.fidelity.0,
            seed: job.seed,
            artifacts: job.artifacts.to_path_buf(),
            previous: job.previous.map(Path::to_path_buf),
            checkpoint: job.fidelity.0 < self.task.epochs,
            parents: job.parents.to_vec(),
        };
        match self.trainers.ask(&request, job.control)? {
            Reply::Evaluated(outcome) => Ok(outcome),
            other => Err(unexpected(&other)),
        }
    }

    /// Parameters, and multiply-adds of one forward pass over the longest training case.
    fn costs(&self, genome: &Genome) -> BTreeMap<String, f64> {
        let [parameters, multiply_adds] = self.task.sizes(genome).map(|size| size as f64);
        [("parameters".into(), parameters), ("multiply_adds".into(), multiply_adds)].into()
    }

    /// Milliseconds of a forward pass over one case and over 32 of the longest training case's length, in a worker:
    /// `latency_1_ms` and `latency_32_ms`, medians of several runs.
    fn measure(&self, genome: &Genome, control: &Control) -> Result<BTreeMap<String, f64>, EvalError> {
        match self.trainers.ask(&Request::Measure { genome: genome.clone() }, control)? {
            Reply::Measured(measured) => Ok(measured.costs),
            other => Err(unexpected(&other)),
        }
    }

    fn is_whole(&self, artifacts: &Path) -> bool {
        Summary::<Genome>::read(artifacts).is_ok_and(|summary| summary.is_whole_in(artifacts))
    }
}
