//! Perceptrons over tables: [`Mlp`] is a genome's network, equal to its `f64` definition in `spaces`; [`TableService`]
//! answers the requests of a study.

mod evaluation;
mod model;
mod rows;
mod service;
mod trainer;

pub use model::Mlp;
pub use rows::Rows;
pub use service::TableService;
pub use trainer::{Trainer, predict};
