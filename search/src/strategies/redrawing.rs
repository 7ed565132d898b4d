//! Draws a proposal again where it computes what a parent of it computes, or what was proposed too often: for searches
//! that count their proposals. (Where only evaluations count, the cache answers such a proposal for nothing.)

use std::collections::HashMap;
use std::num::NonZeroUsize;

use hashing::{CandidateHasher, Fingerprint, Rng};
use spaces::Space;

use crate::Trial;
use crate::strategy::{Proposal, Strategy};

/// A strategy around a strategy. What it hashes is in the time of nobody's trial.
pub struct Redrawing<S: Space> {
    inner: Box<dyn Strategy<S>>,
    hasher: Box<dyn CandidateHasher<S::Candidate>>,
    /// Most draws after the first of a proposal.
    redraws: usize,
    /// Trials of one function, beyond which it is avoided.
    most_visits: Option<NonZeroUsize>,
    /// Of the trials observed, by number.
    fingerprints: Vec<Fingerprint>,
    visits: HashMap<Fingerprint, usize>,
}

impl<S: Space> Redrawing<S> {
    /// The hasher must be like that of the study.
    pub fn new(
        inner: impl Strategy<S> + 'static,
        hasher: impl CandidateHasher<S::Candidate> + 'static,
        redraws: usize,
        most_visits: Option<NonZeroUsize>,
    ) -> Self {
        let (inner, hasher) = (Box::new(inner), Box::new(hasher));
        Self { inner, hasher, redraws, most_visits, fingerprints: Vec::new(), visits: HashMap::new() }
    }

    /// What cannot be hashed is taken as it is.
    fn is_stale(&self, space: &S, proposal: &Proposal<S::Candidate>) -> bool {
        let Ok(identity) = self.hasher.identify(&space.canonicalize(&proposal.candidate)) else {
            return false;
        };
        let fingerprint = identity.fingerprint;
        let visits = self.visits.get(&fingerprint).copied().unwrap_or(0);
        self.most_visits.is_some_and(|most| visits >= most.get())
            || proposal.parents.iter().any(|parent| self.fingerprints[*parent as usize] == fingerprint)
    }
}

/// Statistics by operator count what was drawn again.
fn again(operator: &'static str) -> &'static str {
    match operator {
        "sample" => "sample again",
        "mutate" => "mutate again",
        "crossover" => "crossover again",
        _ => "again",
    }
}

impl<S: Space> Strategy<S> for Redrawing<S> {
    fn propose(&self, space: &S, rng: &mut Rng) -> Proposal<S::Candidate> {
        let mut proposal = self.inner.propose(space, rng);
        for _ in 0..self.redraws {
            if !self.is_stale(space, &proposal) {
                break;
            }
            proposal = self.inner.propose(space, rng);
            proposal.operator = again(proposal.operator);
        }
        proposal
    }

    fn observe(&mut self, trial: &Trial<S::Candidate>) {
        self.fingerprints.push(trial.identity.fingerprint);
        *self.visits.entry(trial.identity.fingerprint).or_default() += 1;
        self.inner.observe(trial);
    }
}
