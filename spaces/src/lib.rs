//! What can be proposed: search spaces and the candidates in them.
//!
//! [`Space`] draws, mutates and canonicalizes candidates; a [`Candidate`] can be written as JSON, digested part by
//! part ([`hashing::Keyed`]) and run on a probe ([`hashing::Behavior`]). [`sequence`] holds stacks of token and
//! channel mixers, [`cell`] the 15,625 cells of a published benchmark, as the smallest example of a space. [`nb_macro`]
//! is another published one; its candidates are [`Tabulated`]: a table tells how each of them was judged.
//!
//! ```
//! use hashing::{CandidateHasher, Rng, TwoStage};
//! use spaces::{Space, cell::CellSpace};
//!
//! let (space, hasher) = (CellSpace::default(), TwoStage::default());
//! let cell = space.sample(&mut Rng::named(0, "example", 0));
//! let canonical = space.canonicalize(&cell);
//! assert_eq!(hasher.identify(&cell).unwrap().fingerprint, hasher.identify(&canonical).unwrap().fingerprint);
//! ```

pub mod cell;
pub mod nb_macro;
pub mod sequence;
mod space;
mod tabulated;

pub use space::{Candidate, Space};
pub use tabulated::Tabulated;
