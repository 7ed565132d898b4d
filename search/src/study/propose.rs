//! Propose: what comes next, and at which fidelity.

use hashing::{Fidelity, Fingerprint, Key, Rng};
use spaces::Space;

use super::{Identified, Study};
use crate::Proposal;
use crate::halving::Halving;

/// The operator of a proposal that goes on at a higher fidelity.
pub(super) const PROMOTE: &str = "promote";

impl<S: Space + 'static> Study<S> {
    /// What is enqueued; after that a promotion, if one is due; else what the strategy says, at the lowest fidelity.
    pub(super) fn propose(&self, number: u64) -> (Proposal<S::Candidate>, Fidelity) {
        if let Some(candidate) = self.plan.enqueued.get(number as usize) {
            let proposal =
                Proposal { candidate: candidate.clone(), operator: "enqueue", parents: Vec::new() };
            return (proposal, self.lowest());
        }
        if let Some((trial, fidelity)) = self.halving.as_ref().and_then(Halving::next) {
            let candidate = self.trials[trial as usize].candidate.clone();
            return (Proposal { candidate, operator: PROMOTE, parents: vec![trial] }, fidelity);
        }
        let rng = &mut Rng::named(self.plan.seed, "propose", number);
        (self.with_parents(self.strategy.propose(&self.space, rng)), self.lowest())
    }

    pub(super) fn lowest(&self) -> Fidelity {
        self.halving.as_ref().map_or(self.plan.fidelity, Halving::lowest)
    }

    /// The key of the same function at the next lower fidelity.
    pub(super) fn previous(&self, identified: &Identified<S::Candidate>) -> Option<Key> {
        let below = self.halving.as_ref()?.below(identified.fidelity)?;
        Some(self.key(&identified.identity, below))
    }

    /// Nobody proposes this function at this fidelity again.
    pub(super) fn promote(&mut self, fingerprint: Fingerprint, fidelity: Option<Fidelity>) {
        if let (Some(halving), Some(fidelity)) = (&mut self.halving, fidelity) {
            halving.promoted(fingerprint, fidelity);
        }
    }
}
