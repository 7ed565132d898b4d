//! Answers that are checked by an evaluation which the search does not see.

use spaces::Space;
use storage::Purpose;
use tasks::Verdict;

use super::{Identified, Pending, Study};
use crate::seeds;

impl<S: Space + 'static> Study<S> {
    /// Evaluates some of the answered candidates all the same. Nothing of that comes back into the search.
    pub(super) fn audit(&mut self, Pending { identified, lookup }: &Pending<S::Candidate>, answer: &Verdict) {
        let certain = matches!(answer, Verdict::Invalid(reason) if reason.is_certain());
        if lookup.origin.is_evaluated() || certain || self.is_halted() {
            return;
        }
        if self.plan.audits(identified.number) && !self.is_audited(identified) {
            self.audits.insert(identified.number);
            self.submit(identified, Purpose::Audit, seeds::AUDIT + identified.number);
        }
    }

    /// Whether that was paid for before the study was resumed.
    fn is_audited(&self, Identified { key, number, .. }: &Identified<S::Candidate>) -> bool {
        let record = self.store.get(key).ok().flatten();
        record.is_some_and(|it| it.evaluation_of(&self.plan.study, *number, Purpose::Audit).is_some())
    }
}
