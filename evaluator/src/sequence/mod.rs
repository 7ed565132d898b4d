//! Sequence classifiers, trained and scored in worker processes: the side of the parent, which needs no libtorch.
//!
//! A [`SequenceTask`] says what is asked; it is every worker's setup request and, as a `Context`, part of every key.
//! [`recipe`] holds the numbers of training that no genome may choose. [`Request`] and [`Reply`] are what goes over
//! the pipe, and [`SequenceEvaluator`] is the `Evaluator` that sends them. The other side is `evaluator/torch`.

mod evaluator;
mod left;
mod messages;
pub mod recipe;
mod steps;
mod task;

pub use evaluator::{Fit, SequenceEvaluator};
pub use left::{digest_of, weights_name};
pub use messages::{
    AT_PREFIX, CHECKPOINT, Fold, Measured, NEAREST_MEAN, Predictions, Ready, Reply, Request, Summary,
};
pub use steps::{Part, Steps};
pub use task::{DeviceChoice, Kept, SequenceTask, SizeLimits};
