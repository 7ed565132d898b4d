//! Evaluate: what is not answered is sent to the evaluator.

use std::sync::Arc;

use hashing::Key;
use spaces::Space;
use storage::Purpose;

use super::{Identified, Study};
use crate::evaluation::Evaluation;
use crate::known::Lookup;

impl<S: Space + 'static> Study<S> {
    /// Sends what is not answered to the evaluator, unless this study paid for it before it was resumed.
    pub(super) fn evaluate(&mut self, identified: &Identified<S::Candidate>, lookup: &Lookup) {
        self.meet(identified.key, identified.ruled_out.is_some());
        self.promote(identified.identity.fingerprint, Some(identified.fidelity));
        if !lookup.origin.is_evaluated() {
            return;
        }
        self.payers.entry(identified.key).or_default().push(identified.number);
        self.trained += u64::from(identified.ruled_out.is_none());
        if lookup.found.is_none() {
            self.under_way.insert(identified.number);
            self.submit(identified, Purpose::Search, lookup.seed);
            self.observer.started(identified.number, self.under_way.len());
        }
    }

    pub(super) fn submit(&mut self, identified: &Identified<S::Candidate>, purpose: Purpose, seed: u64) {
        let evaluation = Evaluation {
            number: identified.number,
            purpose,
            key: identified.key,
            fidelity: identified.fidelity,
            seed,
            full: identified.full,
            previous: self.previous(identified),
            canonical: identified.canonical.clone(),
            ruled_out: identified.ruled_out.clone(),
            evaluator: Arc::clone(&self.evaluator),
            lineage: Arc::clone(&self.lineage),
            is_first: self.payers.get(&identified.key).and_then(|payers| payers.first())
                == Some(&identified.number),
            conditions: self.plan.conditions(&self.deadline, &self.clock),
        };
        self.executor.submit(Arc::new(move || evaluation.run()));
    }

    /// Counts a proposal of this function.
    pub(super) fn meet(&mut self, key: Key, is_ruled_out: bool) {
        let is_new = self.met.insert(key);
        if is_new && !is_ruled_out {
            (self.known_in_a_row, self.ruled_out_in_a_row) = (0, 0);
        } else {
            self.known_in_a_row += 1;
            self.ruled_out_in_a_row += u64::from(is_new);
        }
    }
}
