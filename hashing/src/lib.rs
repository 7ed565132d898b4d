//! What a candidate *is*: an identity made from what it computes, and the key under which its verdict is remembered.
//!
//! A candidate is anything with a [`Behavior`]: an architecture, a program, a feature rule. [`FunctionalHasher`] runs
//! it on a fixed probe, with parameters drawn by the role that each part plays, and digests what comes out;
//! [`TwoStage`] puts a structural digest in front, so that a form seen before is not run again. An [`Identity`]
//! together with the space, the hashing scheme, the [`Context`] and the [`Fidelity`] makes a [`Key`].
//!
#![doc = "```"]
#![doc = include_str!("../examples/branches.rs")]
#![doc = "```"]
//!
//! Read next: [`guide`], the method with its proofs and its figures; [`FunctionalHasher`], which follows it.

#[doc = include_str!("../../docs/hashing.md")]
pub mod guide {}

mod digest;
mod identity;
mod keyed;
mod mark;
mod probe;
mod quantize;
mod refine;
mod rng;
mod trace;
mod two_stage;

pub use digest::{Digest, ParseDigestError};
pub use identity::{Class, Context, Fidelity, Fingerprint, Identity, Key};
pub use keyed::{KeyWriter, Keyed};
pub use mark::Mark;
pub use probe::{Behavior, Group, HashError, Probe, Response, Value};

pub use refine::{FunctionalHasher, Scheme};
pub use rng::Rng;
pub use trace::{Comparison, Difference, DrawTrace, RoleCount, Trace};
pub use two_stage::{CandidateHasher, TwoStage};
