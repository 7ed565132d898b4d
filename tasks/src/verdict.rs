//! What an evaluation says of a candidate. Both kinds of answer are remembered.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The outcome of an evaluation: a candidate that cannot work is a value, not an error.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    Scored(Scores),
    Invalid(Reason),
}

/// Scores by the name of their metric; the study's objective is one of them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Scores(pub BTreeMap<String, f64>);

/// Why a candidate has no score.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// The loss or a gradient left the finite numbers at this step.
    NotFinite { step: u64 },
    /// The candidate's output does not depend on its input.
    IgnoresInput,
    /// The candidate breaks a rule of its space.
    Malformed { what: String },
    /// Predicted cost above a deterministic limit.
    TooLarge { what: String, value: u64, limit: u64 },
    /// The machine failed twice on it. Answers only under the same or a lower limit.
    Unstable { cause: String, limit: Option<f64> },
    /// The published table that answers has no row for it.
    NotInTable,
    /// Whoever evaluates outside of this program found that it cannot work. Another seed may do better.
    Rejected { why: String },
}

/// How predictions are scored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Metric {
    /// Share of cases whose most probable class is the true one. Higher is better.
    Accuracy,
    /// Mean over classes of the share of their cases that are recognized. Higher is better.
    BalancedAccuracy,
    /// Mean over classes of the harmonic mean of precision and recall. Higher is better.
    MacroF1,
    /// Mean of −ln p(true class), in nats. Lower is better.
    LogLoss,
    /// Mean of −log₂ p(next character), of text alone. Lower is better.
    BitsPerCharacter,
    /// Area under the curve of hits against false alarms, of two classes alone. Higher is better.
    Auc,
    /// Root of the mean squared error, of numbers. Lower is better.
    Rmse,
    /// Mean absolute error, of numbers. Lower is better.
    Mae,
    /// Share of the variance that is explained, of numbers. Higher is better.
    R2,
}

impl Verdict {
    pub fn score(&self, metric: &str) -> Option<f64> {
        match self {
            Self::Scored(scores) => scores.0.get(metric).copied(),
            Self::Invalid(_) => None,
        }
    }
}

impl Reason {
    /// In one word, as statistics have it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::NotFinite { .. } => "not_finite",
            Self::IgnoresInput => "ignores_input",
            Self::Malformed { .. } => "malformed",
            Self::TooLarge { .. } => "too_large",
            Self::Unstable { .. } => "unstable",
            Self::NotInTable => "not_in_table",
            Self::Rejected { .. } => "rejected",
        }
    }

    /// Whether another seed, machine or time would find the same.
    pub fn is_certain(&self) -> bool {
        !matches!(self, Self::NotFinite { .. } | Self::Unstable { .. } | Self::Rejected { .. })
    }
}

impl Metric {
    /// Those of cases with a class each.
    pub const ALL: [Self; 4] = [Self::Accuracy, Self::BalancedAccuracy, Self::MacroF1, Self::LogLoss];

    /// Those of rows with a number each.
    pub const OF_NUMBERS: [Self; 3] = [Self::Rmse, Self::Mae, Self::R2];

    pub fn name(self) -> &'static str {
        match self {
            Self::Accuracy => "accuracy",
            Self::BalancedAccuracy => "balanced_accuracy",
            Self::MacroF1 => "macro_f1",
            Self::LogLoss => "log_loss",
            Self::BitsPerCharacter => "bits_per_character",
            Self::Auc => "auc",
            Self::Rmse => "rmse",
            Self::Mae => "mae",
            Self::R2 => "r2",
        }
    }

    pub fn higher_is_better(self) -> bool {
        !matches!(self, Self::LogLoss | Self::BitsPerCharacter | Self::Rmse | Self::Mae)
    }
}

impl FromStr for Metric {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let known = Self::ALL.into_iter().chain([Self::Auc]).chain(Self::OF_NUMBERS);
        known.clone().find(|metric| metric.name() == name.replace('-', "_")).ok_or_else(|| {
            let known: Vec<_> = known.map(Self::name).collect();
            format!("unknown metric `{name}`; known: {}", known.join(", "))
        })
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFinite { step } => write!(f, "not finite at step {step}"),
            Self::IgnoresInput => write!(f, "ignores its input"),
            Self::Malformed { what } => write!(f, "malformed: {what}"),
            Self::TooLarge { what, value, limit } => write!(f, "{what} {value} above the limit {limit}"),
            Self::Unstable { cause, .. } => write!(f, "failed twice: {cause}"),
            Self::NotInTable => write!(f, "not in the table"),
            Self::Rejected { why } => write!(f, "rejected: {why}"),
        }
    }
}
