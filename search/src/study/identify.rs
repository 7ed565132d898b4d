//! Canonicalize and fingerprint: what a candidate is, under which keys it is known, and why it need not be evaluated, if so.

use hashing::{Class, Fidelity, Identity, Key};
use spaces::Space;
use tasks::Reason;

use super::Study;
use crate::Proposal;
use crate::plan::Stop;

/// A proposal that knows what it is.
pub(super) struct Identified<C> {
    pub number: u64,
    pub proposal: Proposal<C>,
    pub fidelity: Fidelity,
    pub canonical: C,
    pub identity: Identity,
    pub key: Key,
    /// The key at the largest fidelity, from which seeds are made.
    pub full: Key,
    /// Why no evaluation is needed, if none is.
    pub ruled_out: Option<Reason>,
    pub hashing_seconds: f64,
}

impl<S: Space + 'static> Study<S> {
    pub(super) fn identify(
        &self,
        number: u64,
        proposal: Proposal<S::Candidate>,
        fidelity: Fidelity,
    ) -> Identified<S::Candidate> {
        let start = self.clock.now();
        let (canonical, identity, ruled_out) = self.recognize(&proposal.candidate);
        let [key, full] = [fidelity, self.plan.fidelity].map(|fidelity| self.key(&identity, fidelity));
        let hashing_seconds = self.clock.now().saturating_sub(start).as_secs_f64();
        Identified { number, proposal, fidelity, canonical, identity, key, full, ruled_out, hashing_seconds }
    }

    /// The canonical form, what it is, and why no evaluation is needed, if none is.
    pub(super) fn recognize(&self, candidate: &S::Candidate) -> (S::Candidate, Identity, Option<Reason>) {
        let canonical = self.space.canonicalize(candidate);
        let structure_only = || crate::structural_identity(&canonical);
        let checked = self.space.check(&canonical).and_then(|()| self.check_parents(&canonical));
        let checked = checked.map_err(|what| Reason::Malformed { what });
        let (identity, ruled_out) = match checked {
            Err(reason) => (structure_only(), Some(reason)),
            Ok(()) if let Some(reason) = self.too_large(&canonical) => (structure_only(), Some(reason)),
            Ok(()) => match self.hasher.identify(&canonical) {
                Ok(identity) if identity.class == Class::Constant => (identity, Some(Reason::IgnoresInput)),
                Ok(identity) => (identity, None),
                Err(error) => (structure_only(), Some(Reason::Malformed { what: error.to_string() })),
            },
        };
        (canonical, identity, ruled_out)
    }

    /// By the costs of this very form. Known by its form alone, such a candidate answers for no other.
    fn too_large(&self, canonical: &S::Candidate) -> Option<Reason> {
        let constraints = &self.plan.constraints;
        let costs = (!constraints.is_empty()).then(|| self.evaluator.costs(canonical))?;
        constraints.iter().find_map(|constraint| constraint.too_large(&costs))
    }

    /// Of this function at this fidelity.
    pub(super) fn key(&self, identity: &Identity, fidelity: Fidelity) -> Key {
        let scheme = self.hasher.scheme();
        Key::of(self.space.name(), &scheme, &identity.fingerprint, &self.context, fidelity)
    }

    /// Why known functions only are proposed.
    pub(super) fn nothing_new(&self) -> Stop {
        let is_met = |candidate| self.met.contains(&self.key(&self.recognize(&candidate).1, self.lowest()));
        match self.whole {
            Some(all) if all(&self.space).all(is_met) => Stop::Exhausted(self.met.len() as u64),
            _ if self.ruled_out_in_a_row > 0 => Stop::RuledOut(self.known_in_a_row, self.ruled_out_in_a_row),
            _ => Stop::Converged(self.known_in_a_row),
        }
    }
}
