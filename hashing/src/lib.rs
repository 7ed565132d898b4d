//! What a candidate *is*: an identity made from what it computes, and the key under which its verdict is remembered.
//!
//! A candidate is anything with a [`Behavior`]: an architecture, a program, a feature rule. [`FunctionalHasher`] runs
//! it on a fixed probe, with parameters drawn by the role that each part plays, and digests what comes out;
//! [`TwoStage`] puts a structural digest in front, so that a form seen before is not run again. An [`Identity`]
//! together with the space, the hashing scheme, the [`Context`] and the [`Fidelity`] makes a [`Key`].
//!
//! ```
//! use hashing::{Behavior, CandidateHasher, HashError, KeyWriter, Keyed, Probe, Response, TwoStage};
//!
//! /// w·x, written once or as the sum of a list of terms that all use the same weight.
//! struct Terms(Vec<f64>);
//! impl Keyed for Terms {
//!     fn write_key(&self, out: &mut KeyWriter) {
//!         out.list(&self.0, |out, term| out.f64(*term));
//!     }
//! }
//! impl Behavior for Terms {
//!     fn respond(&self, probe: &mut Probe) -> Result<Response, HashError> {
//!         let x = probe.input("x", 8);
//!         let group = probe.group("weight", &[x]);
//!         let weight = probe.tensor(group, "w", 1, 0.0, 1.0);
//!         let terms: Vec<_> = self.0.iter().map(|term| {
//!             probe.node([x, weight], 8, |[x, w], y| y.iter_mut().zip(x).for_each(|(y, x)| *y = term * w[0] * x))
//!         }).collect();
//!         Ok(Response::rows(probe.sum(&terms), 1))
//!     }
//! }
//! let hasher = TwoStage::default();
//! let (once, twice) = (hasher.identify(&Terms(vec![3.0])).unwrap(), hasher.identify(&Terms(vec![1.0, 2.0])).unwrap());
//! assert_ne!(once.structural, twice.structural);
//! assert_eq!(once.fingerprint, twice.fingerprint);
//! ```
//!
//! Read next: [`FunctionalHasher`] for the method, `docs/architecture.md` for where it stands.

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
