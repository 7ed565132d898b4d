//! The two traits of a search space.

use std::fmt::Debug;

use hashing::{Behavior, Key, Keyed, Rng};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::Niche;

/// A point of a search space: plain data, written as JSON wherever it is kept.
pub trait Candidate:
    Clone + Debug + PartialEq + Serialize + DeserializeOwned + Keyed + Behavior + Send + Sync + 'static
{
    /// Which sort of candidate it is; its canonical form is of the same. Default: all are of one.
    fn niche(&self) -> Niche {
        Niche::default()
    }

    /// Keys of the evaluations whose artifacts its own evaluation starts from. They are part of its key. Default: it starts
    /// from nothing.
    fn parents(&self) -> &[Key] {
        &[]
    }

    /// The same candidate with these parents. Default: it can have none.
    fn inheriting(self, _parents: Vec<Key>) -> Self {
        self
    }
}

/// Where candidates come from.
pub trait Space: Send + Sync {
    type Candidate: Candidate;

    /// Names the space and the version of its genomes, as in `sequence v6`. Part of every key.
    fn name(&self) -> &str;

    /// Draws a valid candidate.
    fn sample(&self, rng: &mut Rng) -> Self::Candidate;

    /// A valid neighbor of a valid parent. From any candidate to any other in a bounded number of steps.
    fn mutate(&self, parent: &Self::Candidate, rng: &mut Rng) -> Self::Candidate;

    /// A valid child of two valid parents, made of parts of both; of two equal parents it is that parent. `None` where
    /// they have no child. Default: nobody has one.
    fn crossover(
        &self,
        _a: &Self::Candidate,
        _b: &Self::Candidate,
        _rng: &mut Rng,
    ) -> Option<Self::Candidate> {
        None
    }

    /// One spelling for what is known to be equal. Idempotent; never changes behavior.
    fn canonicalize(&self, candidate: &Self::Candidate) -> Self::Candidate;

    /// Why this candidate is outside the space, if it is. Default: it is inside.
    fn check(&self, _candidate: &Self::Candidate) -> Result<(), String> {
        Ok(())
    }
}

/// A space small enough to be listed.
pub trait Enumerated: Space {
    /// Every candidate as it can be written, each once, always in the same order.
    fn all(&self) -> impl Iterator<Item = Self::Candidate> + Send;
}
