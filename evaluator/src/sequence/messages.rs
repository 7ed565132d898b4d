//! What the parent asks a worker, and what it answers. JSON on the pipe, floats bit for bit.

use std::collections::BTreeMap;
use std::path::PathBuf;

use hashing::Digest;
use serde::{Deserialize, Serialize};
use spaces::sequence::Genome;
use tasks::Scores;

use super::DeviceChoice;
use crate::Outcome;

/// A request after the setup, which is a [`super::SequenceTask`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "snake_case")]
pub enum Request {
    /// Train on each split for at most `fidelity` epochs, score on its validation part, and leave weights and a
    /// [`Summary`] in the folder `artifacts`, which appears complete or not at all.
    Evaluate {
        genome: Genome,
        fidelity: u64,
        seed: u64,
        artifacts: PathBuf,
        /// The folder that the same evaluation left at a lower fidelity. Splits whose checkpoint there fits go on from
        /// it; the others train from the start. The answer is the same, but for its provenance.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        previous: Option<PathBuf>,
        /// Whether to leave a checkpoint of each split beside its weights, for a higher fidelity to go on from.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        checkpoint: bool,
        /// Folders that the evaluations left whose keys the genome names under `inherits`, in that order. Each split starts
        /// from theirs of the same number.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        parents: Vec<PathBuf>,
    },
    /// Train on all training cases for `epochs` epochs and write the weights to the file `to`. One that inherits starts
    /// from the first split of its `parents`.
    Fit {
        genome: Genome,
        seed: u64,
        epochs: u64,
        to: PathBuf,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        parents: Vec<PathBuf>,
    },
    /// Class probabilities of the cases in the file `data` under the weights in a file.
    Predict { genome: Genome, weights: PathBuf, data: PathBuf },
    /// Scores of the encoder on the cases in the file `data` under the weights in a file: accuracy by each prefix that its
    /// head learned to read, and by the nearest mean of a class. These are of the cases that it was trained on: those of
    /// the split, or all.
    Encoder {
        genome: Genome,
        weights: PathBuf,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        split: Option<usize>,
        data: PathBuf,
    },
    /// Scores on the test cases of a task with targets at the steps, those that are drawn for it or those of the file
    /// `data`, under the weights in a folder.
    Test {
        genome: Genome,
        artifacts: PathBuf,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        data: Option<PathBuf>,
    },
    /// How long a forward pass takes here, at the length of the longest training case.
    Measure { genome: Genome },
}

/// The answer to a [`Request`], or to the setup.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "snake_case")]
pub enum Reply {
    Ready(Ready),
    Evaluated(Outcome),
    /// The file is written. `verdict` of the outcome is `Scored` with nothing in it, or `Invalid`, with no file.
    Fitted(Outcome),
    Predicted(Predictions),
    Measured(Measured),
    /// The answer to `Test` and to `Encoder`.
    Tested(Scores),
}

/// What a worker has found when it is set up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ready {
    /// Version of training, [`super::recipe::VERSION`] of the program that trains.
    pub version: u64,
    /// `cpu` or `cuda`, never `auto`.
    pub device: DeviceChoice,
    /// libtorch, threads, device: recorded with every verdict.
    pub provenance: String,
}

/// Predicted classes of a data file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Predictions {
    /// Number of classes.
    pub classes: usize,
    /// Cases × classes, row-major; each row adds up to 1.
    pub probabilities: Vec<f64>,
    /// The class of each case as the file gives it.
    pub labels: Vec<usize>,
}

/// Name of a score: accuracy by the nearest mean of a class, of what the head of a network reads. Without training of its
/// own it says what the rest of the network is worth.
pub const NEAREST_MEAN: &str = "nearest_mean_accuracy";

/// Start of the names of scores: accuracy by so many first channels of what the head reads.
pub const AT_PREFIX: &str = "accuracy_at_";

/// What running a network takes on the machine of the worker.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// `latency_B_ms`: milliseconds of a forward pass of B cases, the median of several. Nothing of a network above the
    /// limits of the task.
    pub costs: BTreeMap<String, f64>,
}

/// Ending of a checkpoint's file name in the folder of an evaluation: `fold-K.checkpoint` lies beside
/// `fold-K.safetensors`. Whoever removes it costs a later evaluation time and nothing else.
pub const CHECKPOINT: &str = "checkpoint";

/// `summary.json` in the folder of an evaluation: how each split went.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Summary<G = Genome> {
    /// Version of training, [`super::recipe::VERSION`].
    pub version: u64,
    pub fidelity: u64,
    pub seed: u64,
    /// The form that was trained. Not in a summary that an earlier program wrote.
    #[serde(default = "none", skip_serializing_if = "Option::is_none")]
    pub genome: Option<G>,
    /// One for each split, or for each of several tasks; its weights are `fold-K.safetensors`, K from 0.
    pub folds: Vec<Fold>,
}

/// One split: trained on its training part, scored on its validation part.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Fold {
    /// The epoch, counted from 1, whose weights were kept: that of the lowest validation log loss, the first among
    /// equals.
    pub best_epoch: u64,
    /// Epochs trained before training stopped.
    pub epochs: u64,
    /// Steps of the optimizer.
    pub steps: u64,
    /// Every metric of the validation part at the kept epoch.
    pub scores: Scores,
    /// Of the file of weights, by [`digest_of`](super::digest_of).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weights: Option<Digest>,
    /// Of the values that training began with; where all of them came from parents, the parents' root. Two trainings
    /// with one root are relatives: their weights go back to the same draw.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub root: Option<Digest>,
    /// Share of the parameters whose values came from parents, in [0, 1].
    #[serde(default, skip_serializing_if = "is_zero")]
    pub inherited: f64,
}

fn is_zero(share: &f64) -> bool {
    *share == 0.0
}

impl<G> Default for Summary<G> {
    fn default() -> Self {
        Self { version: 0, fidelity: 0, seed: 0, genome: None, folds: Vec::new() }
    }
}

/// Unlike `Default::default`, asks nothing of the genome.
fn none<G>() -> Option<G> {
    None
}

impl<G> Summary<G> {
    /// The mean of the kept epochs, rounded, at least 1: how long to train on all cases.
    pub fn mean_best_epoch(&self) -> u64 {
        let sum: u64 = self.folds.iter().map(|fold| fold.best_epoch).sum();
        let mean = sum as f64 / self.folds.len().max(1) as f64;
        (mean.round() as u64).max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_say_what_they_ask() {
        let genome: Genome = serde_json::from_str("{}").unwrap();
        let fit = Request::Fit {
            genome,
            seed: u64::MAX,
            epochs: 3,
            to: "w.safetensors".into(),
            parents: Vec::new(),
        };
        let json = serde_json::to_value(&fit).unwrap();
        assert_eq!(json["ask"], "fit");
        assert_eq!(serde_json::from_value::<Request>(json).unwrap(), fit);
    }

    #[test]
    fn an_evaluation_that_neither_follows_nor_leads_is_asked_for_as_before() {
        let genome: Genome = serde_json::from_str("{}").unwrap();
        let (artifacts, previous) = (PathBuf::from("new"), Some(PathBuf::from("old")));
        let alone = Request::Evaluate {
            genome: genome.clone(),
            fidelity: 9,
            seed: 1,
            artifacts: artifacts.clone(),
            previous: None,
            checkpoint: false,
            parents: Vec::new(),
        };
        let json = serde_json::to_value(&alone).unwrap();
        let new = ["previous", "checkpoint", "parents"];
        assert!(new.iter().all(|field| json.get(field).is_none()), "{json}");
        assert_eq!(serde_json::from_value::<Request>(json).unwrap(), alone);
        let (checkpoint, parents) = (true, vec!["parent".into()]);
        let amid =
            Request::Evaluate { genome, fidelity: 3, seed: 1, artifacts, previous, checkpoint, parents };
        let json = serde_json::to_value(&amid).unwrap();
        assert_eq!((&json["previous"], &json["checkpoint"]), (&"old".into(), &true.into()));
        assert_eq!(json["parents"][0], "parent");
        assert_eq!(serde_json::from_value::<Request>(json).unwrap(), amid);
    }

    #[test]
    fn the_mean_epoch_is_rounded_and_at_least_one() {
        let summary = |epochs: &[u64]| {
            let folds = epochs.iter().map(|&best_epoch| Fold { best_epoch, ..Fold::default() });
            Summary::<Genome> { folds: folds.collect(), ..Summary::default() }
        };
        assert_eq!(summary(&[3, 4]).mean_best_epoch(), 4);
        assert_eq!(summary(&[10, 11, 11]).mean_best_epoch(), 11);
        assert_eq!(summary(&[]).mean_best_epoch(), 1);
    }
}
