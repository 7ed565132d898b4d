//! What the parent asks a worker about a table, and what it answers. JSON on the pipe, floats bit for bit.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use spaces::mlp::Genome;
use tasks::tabular::Target;
use tasks::{Metric, Scores};

use super::TableTask;
use crate::Outcome;
use crate::sequence::Ready;

/// The first message: unlike that about sequences, it names what it is about.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Setup {
    pub table: TableTask,
}

/// A request after the setup.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "snake_case")]
pub enum Request {
    /// Train on each split for at most `fidelity` epochs, score on its validation part, and leave weights and a
    /// [`crate::sequence::Summary`] in the folder `artifacts`, which appears complete or not at all.
    Evaluate { genome: Genome, fidelity: u64, seed: u64, artifacts: PathBuf },
    /// Train on the whole training part for `epochs` epochs and write the weights to the file `to`.
    Fit { genome: Genome, seed: u64, epochs: u64, to: PathBuf },
    /// What a network with the weights in a file says of rows: those of the file `data`, or those that were held back for
    /// a test. The weights are of the training on this split, or on the whole training part.
    Predict {
        genome: Genome,
        weights: PathBuf,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        split: Option<usize>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        data: Option<PathBuf>,
    },
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
}

/// What is said of rows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Predictions {
    /// Of classes their number; of numbers 1.
    pub outputs: usize,
    /// Rows × outputs, row-major: probabilities of the classes, or the number in its own unit.
    pub said: Vec<f64>,
    /// The class or number of each row, `None` where the file does not tell.
    pub truths: Vec<Option<f64>>,
}

impl Predictions {
    /// With the truths of these rows.
    pub fn of(target: &Target, rows: &[usize], outputs: usize, said: Vec<f64>) -> Self {
        let truth = |row: &usize| {
            target.is_known(*row).then(|| match target {
                Target::Classes { labels, .. } => f64::from(labels[*row]),
                Target::Numbers(numbers) => numbers[*row],
            })
        };
        Self { outputs, said, truths: rows.iter().map(truth).collect() }
    }

    /// Of the rows whose truth is known, and how many these are.
    pub fn scores(&self, metrics: &[Metric]) -> (Scores, usize) {
        let rows = self.said.chunks_exact(self.outputs).zip(&self.truths);
        let known: Vec<(&[f64], f64)> = rows.filter_map(|(said, truth)| Some((said, (*truth)?))).collect();
        let said: Vec<f64> = known.iter().flat_map(|(said, _)| *said).copied().collect();
        let truths: Vec<f64> = known.iter().map(|(_, truth)| *truth).collect();
        let labels: Vec<usize> = truths.iter().map(|truth| *truth as usize).collect();
        let score = |metric: &Metric| match self.outputs {
            1 => metric.score_numbers(&said, &truths),
            classes => metric.score(&said, classes, &labels),
        };
        let scores = metrics.iter().map(|metric| (metric.name().to_string(), score(metric)));
        (Scores(scores.filter(|(_, score)| score.is_finite()).collect()), known.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_rows_whose_truth_is_known_are_scored() {
        let classes = Predictions {
            outputs: 2,
            said: vec![0.9, 0.1, 0.2, 0.8, 0.4, 0.6],
            truths: vec![Some(0.0), None, Some(0.0)],
        };
        let (scores, rows) = classes.scores(&[Metric::Accuracy, Metric::Auc]);
        assert_eq!((scores.0.get("accuracy"), rows), (Some(&0.5), 2));
        assert_eq!(scores.0.get("auc"), None, "of one class no area can be told");
        let numbers = Predictions { outputs: 1, said: vec![1.0, 2.0], truths: vec![Some(0.0), Some(3.0)] };
        assert_eq!(numbers.scores(&[Metric::Mae]).0.0["mae"], 1.0);
    }

    #[test]
    fn requests_say_what_they_ask() {
        let request =
            Request::Predict { genome: Genome::default(), weights: "w".into(), split: None, data: None };
        let json = serde_json::to_value(&request).unwrap();
        assert_eq!(json["ask"], "predict");
        assert_eq!(serde_json::from_value::<Request>(json).unwrap(), request);
    }
}
