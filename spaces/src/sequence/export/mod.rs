//! What leaves the search: a network as a PyTorch module, as a drawing, as text and as JSON.
//!
//! A caller writes a folder: `model.py` ([`model_py`]), `model.safetensors` (the tensors of [`Network`] under their
//! full names, with `input.mean` and `input.scale`), `architecture.json` ([`architecture_json`]), `architecture.svg`
//! ([`drawing`]) and `README.md` ([`readme`]).
//!
//! [`Network`]: super::Network

mod architecture;
mod drawing;
mod head;
mod python;
mod readme;

pub use architecture::{architecture_json, read_architecture};
pub use drawing::drawing;
pub use python::model_py;
pub use readme::{Facts, readme};
