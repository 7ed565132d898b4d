//! Training with libtorch: the only crate that links it, and the program `fecund-worker`.
//!
//! [`Model`] is a genome's network on one flat buffer of parameters, each block in `blocks/` equal to its `f64`
//! definition in `spaces`; [`train::Trainer`] trains it, [`Service`] answers the requests of a study. [`tabular`] does the
//! same for tables.
//!
//! Read next: `service.rs`, what a worker is asked; `evaluation.rs`, a training for each split; `train.rs`, one
//! training; `kernels/`, what runs on the CPU.

mod artifacts;
pub mod blocks;
mod checkpoint;
pub mod convolve;
mod custom;
pub mod data;
pub mod device;
mod dropout;
mod encoder;
mod evaluation;
pub mod grid;
mod head;
mod inherit;
pub mod kernels;
mod latency;
pub mod matrix_state;
mod model;
mod nearest_mean;
mod newton;
pub mod optimizer;
mod parameters;
mod passes;
pub mod pointer;
pub mod pointing;
mod prior;
pub mod scan;
mod service;
mod skeleton;
mod snake;
mod steps;
pub mod tabular;
mod tokens;
pub mod train;
pub mod weights;

pub use dropout::Dropout;
pub use model::{Batch, Model};
pub use nearest_mean::nearness;
pub use parameters::{LoadError, Parameters};
pub use service::Service;
