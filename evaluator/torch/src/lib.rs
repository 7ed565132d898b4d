//! Training with libtorch.

mod artifacts;
pub mod blocks;
mod custom;
pub mod data;
pub mod device;
mod dropout;
mod kernels;
mod model;
pub mod optimizer;
pub mod scan;
mod service;
mod steps;
pub mod train;
pub mod weights;

pub use dropout::Dropout;
pub use model::{Batch, LoadError, Model};
pub use service::Service;
