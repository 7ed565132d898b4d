//! Who proposes.

use std::num::NonZeroUsize;

use hashing::Rng;
use serde::{Deserialize, Serialize};
use spaces::Space;

use crate::{Objective, Trial};

/// A candidate and how it was made.
#[derive(Clone, Debug, PartialEq)]
pub struct Proposal<C> {
    pub candidate: C,
    pub operator: &'static str,
    /// Numbers of the trials that it was made from.
    pub parents: Vec<u64>,
}

/// Proposes candidates. Its state is a function of the trials observed, in their order, and of nothing else; so a
/// resumed study is one that observes them again.
pub trait Strategy<S: Space>: Send {
    fn propose(&self, space: &S, rng: &mut Rng) -> Proposal<S::Candidate>;

    /// Trials come in the order of their numbers.
    fn observe(&mut self, _trial: &Trial<S::Candidate>) {}
}

impl<S: Space, T: Strategy<S> + ?Sized> Strategy<S> for Box<T> {
    fn propose(&self, space: &S, rng: &mut Rng) -> Proposal<S::Candidate> {
        (**self).propose(space, rng)
    }

    fn observe(&mut self, trial: &Trial<S::Candidate>) {
        (**self).observe(trial)
    }
}

/// A named strategy, as the command line offers it.
pub struct Listed<S: Space> {
    pub name: &'static str,
    pub summary: &'static str,
    /// Whether it has a population and tournaments.
    pub sized: bool,
    pub make: fn(&Objective, Sizes) -> Box<dyn Strategy<S>>,
}

/// How large a strategy's population and tournaments are, where it has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sizes {
    /// Trials alive at once. Default: 16.
    pub population: NonZeroUsize,
    /// Members drawn, with replacement, for each tournament. Default: 4.
    pub tournament: NonZeroUsize,
}

impl Default for Sizes {
    fn default() -> Self {
        Self { population: SIXTEEN, tournament: FOUR }
    }
}

const SIXTEEN: NonZeroUsize = NonZeroUsize::new(16).expect("not zero");
const FOUR: NonZeroUsize = NonZeroUsize::new(4).expect("not zero");
