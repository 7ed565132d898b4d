//! Independent samples: the smallest strategy.

use hashing::Rng;
use spaces::Space;

use super::breeding::sample;
use crate::strategy::{Proposal, Strategy};

pub struct RandomSearch;

impl<S: Space> Strategy<S> for RandomSearch {
    fn propose(&self, space: &S, rng: &mut Rng) -> Proposal<S::Candidate> {
        sample(space, rng)
    }
}
