//! Record and settle: proposals become trials, in the order of their numbers.

use spaces::Space;

use super::{Pending, Study, StudyError};
use crate::Trial;
use crate::known::{Finding, Lookup};
use crate::trial::{Rung, Times};

impl<S: Space + 'static> Study<S> {
    /// Turns pending proposals into trials, in order, as far as they are answered and their seconds may be spent.
    pub(super) fn settle_ready(&mut self) -> Result<(), StudyError> {
        while !self.meter.is_paid_up(&self.plan)
            && let Some(answer) = self.pending.front().and_then(|pending| self.answer(&pending.lookup))
        {
            let pending = self.pending.pop_front().expect("looked at just now");
            self.audit(&pending, &answer.verdict);
            let trial = self.settle(pending, answer);
            self.ledger.append(&trial).map_err(StudyError::Ledger)?;
            self.observer.settled(&trial);
            self.meter.count(&trial);
            if self.plan.inherit {
                self.lineage.learn(&trial, &self.space, self.plan.fidelity);
            }
            self.trials.push(trial);
        }
        Ok(())
    }

    fn answer(&self, lookup: &Lookup) -> Option<Finding> {
        lookup.answer(self.plan.wanted(), &self.trials)
    }

    fn settle(&self, pending: Pending<S::Candidate>, answer: Finding) -> Trial<S::Candidate> {
        let Pending { identified, lookup } = pending;
        let own = lookup.found.unwrap_or_else(|| answer.clone());
        let evaluated = lookup.origin.is_evaluated();
        let (evaluation, saved) = if evaluated { (own.seconds, 0.0) } else { (0.0, answer.seconds) };
        let measures = self.measures.get(&identified.identity.structural).cloned().unwrap_or_default();
        let breaks = self.plan.broken_by(&answer.verdict, &measures);
        Trial {
            number: identified.number,
            operator: identified.proposal.operator.into(),
            parents: identified.proposal.parents,
            identity: identified.identity,
            key: identified.key,
            origin: lookup.origin,
            payer: lookup.payer,
            measured: (own.verdict != answer.verdict).then_some(own.verdict),
            verdict: answer.verdict,
            seed: lookup.seed,
            form_is_recorded: lookup.form_is_recorded,
            steps: own.steps,
            costs: self.evaluator.costs(&identified.canonical),
            measures,
            breaks,
            rung: self
                .halving
                .as_ref()
                .map(|_| Rung { fidelity: identified.fidelity, full: identified.full }),
            times: Times { hashing: identified.hashing_seconds, evaluation, saved },
            candidate: identified.proposal.candidate,
        }
    }
}
