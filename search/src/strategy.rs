//! Who proposes.

use hashing::Rng;
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
    pub make: fn(&Objective) -> Box<dyn Strategy<S>>,
}
