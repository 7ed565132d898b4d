//! What can be proposed: search spaces and the candidates in them.
//!
//! [`Space`] draws, mutates and canonicalizes candidates; a [`Candidate`] can be written as JSON, digested part by
//! part ([`hashing::Keyed`]) and run on a probe ([`hashing::Behavior`]). [`sequence`] holds stacks of token and
//! channel mixers; [`cell201`], [`cell101`], [`nb_graph`] and [`nb_macro`] are published benchmarks, whose classes are
//! known exactly; where a candidate is [`Tabulated`], a table tells how it was judged.
//! [`mlp`] holds perceptrons over tables, [`expression`] lambdas, [`program`] learning algorithms for registers.
//!
//! ```
//! use hashing::{CandidateHasher, Rng, TwoStage};
//! use spaces::{Space, cell201::CellSpace};
//!
//! let (space, hasher) = (CellSpace::default(), TwoStage::default());
//! let cell = space.sample(&mut Rng::named(0, "example", 0));
//! let canonical = space.canonicalize(&cell);
//! assert_eq!(hasher.identify(&cell).unwrap().fingerprint, hasher.identify(&canonical).unwrap().fingerprint);
//! ```

mod cells;
pub mod expression;
pub mod mlp;
pub mod nb_macro;
mod niche;
pub mod program;
pub mod sequence;
mod space;
mod tabulated;
mod text;

pub use cells::{Pooling, cell101, cell201, nb_graph};
pub use niche::Niche;
pub use space::{Candidate, Enumerated, Space};
pub use tabulated::Tabulated;
pub use text::ParseError;
