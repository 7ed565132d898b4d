//! Inherit: children are given the artifacts of their parents to start from.

use hashing::Key;
use spaces::{Candidate, Space};

use super::Study;
use crate::Proposal;
use crate::lineage::is_parent;

impl<S: Space + 'static> Study<S> {
    /// A child names the keys of the trials that it was made from, as far as these have scores. A function of the trials
    /// that the strategy has observed, as the child itself.
    pub(super) fn with_parents(&self, proposal: Proposal<S::Candidate>) -> Proposal<S::Candidate> {
        if !self.plan.inherit {
            return proposal;
        }
        let mut keys: Vec<Key> = Vec::new();
        let parents = proposal.parents.iter().map(|parent| &self.trials[*parent as usize]);
        for parent in parents.filter(|parent| is_parent(parent)) {
            if !keys.contains(&parent.key) {
                keys.push(parent.key);
            }
        }
        Proposal { candidate: proposal.candidate.inheriting(keys), ..proposal }
    }

    /// Whether this candidate can start from what it names, which trials that were observed must have left.
    pub(super) fn check_parents(&self, candidate: &S::Candidate) -> Result<(), String> {
        let observed = &self.trials[..self.observed.min(self.trials.len())];
        let is_there = |key: &&Key| observed.iter().any(|trial| trial.key == **key && is_parent(trial));
        match candidate.parents() {
            [] => Ok(()),
            _ if !self.plan.inherit => {
                Err("it inherits weights, and this search does not; give --inherit, or leave `inherits` out"
                    .into())
            }
            parents => match parents.iter().find(|key| !is_there(key)) {
                None => Ok(()),
                Some(lost) => Err(format!(
                    "it inherits from {lost}, which no scored trial before it has; leave that out of `inherits`"
                )),
            },
        }
    }
}
