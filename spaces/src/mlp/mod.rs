//! Multilayer perceptrons over the columns of a table: numbers, whether they are known, and embedded categories.
//!
//! [`Genome`] is the plain data, [`Network`] its tensors over a table of a certain [`Shape`] and its `f64` definition, which
//! the libtorch form and the exported PyTorch are tested against.

mod behavior;
pub mod export;
mod genome;
mod network;
mod space;

pub use genome::{Activation, Genome, Norm, Training};
pub use network::{Inputs, Layer, Network, Shape, TABLE};
pub use space::{Limits, MlpSpace};
