//! Perceptrons over tables, trained and scored in worker processes: the side of the parent, which needs no libtorch.
//!
//! A [`TableTask`] says what is asked; it is every worker's setup request and, as a `Context`, part of every key.
//! [`Request`] and [`Reply`] are what goes over the pipe, and [`TableEvaluator`] is the `Evaluator` that sends them. The
//! numbers of training that no genome may choose are those of [`crate::sequence::recipe`].

mod evaluator;
mod messages;
mod task;

pub use evaluator::TableEvaluator;
pub use messages::{Predictions, Reply, Request, Setup};
pub use task::{Choices, TableTask, VERSION};
