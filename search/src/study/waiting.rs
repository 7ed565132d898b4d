//! What a study waits for: for evaluators that answer later than a study runs.

use hashing::{Fidelity, Key};
use serde::Serialize;
use spaces::Space;

use super::propose::PROMOTE;
use super::{Pending, Study};
use crate::evaluation::form;

/// A proposal whose evaluation has not come.
#[derive(Clone, Debug, PartialEq)]
pub struct Waiting<'a, C> {
    /// Of the trial that it will be.
    pub number: u64,
    pub operator: &'static str,
    /// Numbers of the trials that it was made from.
    pub parents: &'a [u64],
    /// As proposed.
    pub candidate: &'a C,
    /// The form to evaluate.
    pub canonical: &'a C,
    pub key: Key,
    /// Of the evaluation.
    pub seed: u64,
    pub fidelity: Fidelity,
}

impl<C: Serialize> Waiting<'_, C> {
    /// The form to evaluate as records name it.
    pub fn form(&self) -> String {
        form(self.canonical)
    }

    /// The trial of this function at the next lower fidelity, if that led to this proposal.
    pub fn goes_on_from(&self) -> Option<u64> {
        self.parents.first().copied().filter(|_| self.operator == PROMOTE)
    }
}

impl<S: Space + 'static> Study<S> {
    /// The proposals that have to be evaluated before a study can go on that was cut short, the oldest first. What
    /// waits for an equal one of them is not among them.
    pub fn waiting(&self) -> impl Iterator<Item = Waiting<'_, S::Candidate>> {
        let unanswered = |it: &&Pending<_>| it.lookup.origin.is_evaluated() && it.lookup.found.is_none();
        self.pending.iter().filter(unanswered).map(|Pending { identified, lookup }| Waiting {
            number: identified.number,
            operator: identified.proposal.operator,
            parents: &identified.proposal.parents,
            candidate: &identified.proposal.candidate,
            canonical: &identified.canonical,
            key: identified.key,
            seed: identified.full.seed(lookup.seed),
            fidelity: identified.fidelity,
        })
    }

    /// Proposals so far, settled or not.
    pub fn proposed(&self) -> u64 {
        self.trials.len() as u64 + self.pending.len() as u64
    }
}
