//! Independent samples: the smallest strategy.

use hashing::Rng;
use spaces::Space;

use crate::strategy::{Proposal, Strategy};

pub struct RandomSearch;

impl<S: Space> Strategy<S> for RandomSearch {
    fn propose(&self, space: &S, rng: &mut Rng) -> Proposal<S::Candidate> {
        Proposal { candidate: space.sample(rng), operator: "sample", parents: Vec::new() }
    }
}
