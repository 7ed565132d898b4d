//! Imperative code: register programs with `setup`, `predict` and `learn`, as in AutoML-Zero (Real et al. 2020, arXiv
//! 2003.03384).
//!
//! A program has scalars `s0`, `s1`, …, vectors `v0`, … of as many numbers as there are features, and square matrices
//! `m0`, …; all are zero at first. `setup` runs once. For every example the features are in `v0` and 0 is in `s0` when
//! `predict` runs, which leaves its prediction in `s1`; in training, `learn` follows, with the label in `s0`.
//!
//! ```
//! use hashing::{CandidateHasher, TwoStage};
//! use spaces::program::{Program, canonicalize};
//!
//! let sgd: Program = "
//! def setup():
//!     s2 = constant(0.1)
//! def predict():
//!     s1 = dot(v0, v1)
//! def learn():
//!     s3 = subtract(s0, s1)
//!     s3 = multiply(s2, s3)
//!     v2 = multiply(s3, v0)
//!     v1 = add(v1, v2)
//! ".parse().unwrap();
//! let rewritten: Program = "
//! def setup():
//!     s7 = constant(0.1)
//!     s4 = constant(3)
//! def predict():
//!     s1 = dot(v3, v0)
//! def learn():
//!     v2 = multiply(s7, v0)
//!     s5 = subtract(s0, s1)
//!     v2 = multiply(s5, v2)
//!     v3 = add(v3, v2)
//! ".parse().unwrap();
//! let hasher = TwoStage::default();
//! let fingerprint = |program| hasher.identify(&canonicalize(program)).unwrap().fingerprint;
//! assert_eq!(fingerprint(&sgd), fingerprint(&rewritten));
//! ```

mod behavior;
mod canonical;
mod live;
mod machine;
mod memory;
mod mutation;
mod operation;
#[expect(clippy::module_inception, reason = "the file is named after what it defines")]
mod program;
mod python;
mod space;
mod symbol;
mod text;

pub use canonical::canonicalize;
pub use live::Live;
pub use machine::{Draw, Machine, Noise, fill_normal, moments};
pub use memory::Memory;
pub use mutation::Mutation;
pub use operation::{Kind, Operation};
pub use program::{FEATURES, Function, Instruction, LABEL, Malformed, PREDICTION, Program, Register};
pub use python::{json, python};
pub use space::{ProgramSpace, Rules};
pub use symbol::{stream, symbol};
