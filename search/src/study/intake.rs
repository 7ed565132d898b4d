//! What comes back of evaluations: it is remembered, then believed, and at the end waited for.

use std::time::Duration;

use evaluator::EvalError;
use spaces::Space;
use storage::{Purpose, Subject};

use super::{Pending, Study, StudyError};
use crate::executor::Finished;
use crate::known::Finding;
use crate::plan::Stop;
use crate::recorder::{Refused, remember};

/// Most time for which finished evaluations wait for one more.
const LONGEST_LINGER: Duration = Duration::from_millis(1);

impl<S: Space + 'static> Study<S> {
    /// Waits for an evaluation, or for the end of a budget of time: what is under way then is cancelled.
    pub(super) fn wait(&mut self) -> Result<(), StudyError> {
        let patience = self.meter.patience(&self.plan, &*self.clock).filter(|_| !self.deadline.cancelled());
        self.take_finished(patience)?;
        if self.used_up().is_some() {
            self.deadline.cancel();
        }
        Ok(())
    }

    /// Takes what has finished, all at once, if the first of it comes within this time; settles what can be settled.
    /// `false` if nothing came. Where remembering waits for a disk, what finishes within a part of that wait shares it.
    pub(super) fn take_finished(&mut self, within: Option<Duration>) -> Result<bool, StudyError> {
        let mut finished = Vec::from_iter(self.executor.next(within));
        if finished.is_empty() {
            return Ok(false);
        }
        let awaited = self.under_way.len() + self.audits.len();
        while let Some(another) =
            self.executor.next(Some(if finished.len() < awaited { self.linger } else { Duration::ZERO }))
        {
            finished.push(another);
        }
        self.take(finished)?;
        self.settle_ready()?;
        Ok(true)
    }

    /// Remembers what was found, then believes it. The first failure of an evaluator is returned.
    fn take(&mut self, mut finished: Vec<Finished>) -> Result<(), StudyError> {
        let start = self.clock.now();
        let refused = self.remember(&mut finished);
        self.linger = (self.clock.now().saturating_sub(start) / 4).min(LONGEST_LINGER);
        let mut result = Ok(());
        for Finished { number, purpose, key, found, measures, remade, .. } in finished {
            if remade > 0 {
                self.observer.noticed(&format!(
                    "what {remade} ancestors of trial {number} left was lost; they were trained again"
                ));
            }
            if let (Ok(_), Some(error)) = (&found, refused.get(&key)) {
                self.observer.noticed(&format!(
                    "the verdict of trial {number} is not in the cache: {error}; the trial keeps it"
                ));
            }
            if !measures.is_empty()
                && let Some(pending) = self.pending_mut(number)
            {
                let form = pending.identified.identity.structural;
                self.measures.insert(form, measures);
            }
            result = result.and(self.believe(number, purpose, found));
        }
        result
    }

    fn remember(&self, finished: &mut [Finished]) -> Refused {
        let (space, scheme) = (self.space.name().to_string(), self.hasher.scheme());
        let subject = |fidelity| Subject { space: space.clone(), scheme: scheme.clone(), fidelity };
        remember(&*self.store, subject, finished)
    }

    fn believe(
        &mut self,
        number: u64,
        purpose: Purpose,
        found: Result<storage::Evaluation, EvalError>,
    ) -> Result<(), StudyError> {
        match (purpose, found) {
            (Purpose::Search, found) if self.under_way.remove(&number) => match found {
                Ok(evaluation) => self.found(number, Finding::of(&evaluation)),
                Err(EvalError::Cancelled) => {}
                Err(error) => return Err(StudyError::Evaluator(error)),
            },
            (Purpose::Audit, found) if self.audits.remove(&number) => {
                if let Err(error) = found
                    && error != EvalError::Cancelled
                {
                    self.observer.noticed(&format!("the answer of trial {number} was not checked: {error}"));
                }
            }
            _ => self.observer.noticed(&format!("a late evaluation of trial {number} is kept and not used")),
        }
        Ok(())
    }

    fn found(&mut self, number: u64, found: Finding) {
        let pending = self.pending_mut(number).expect("a trial is pending until it is answered");
        pending.lookup.found = Some(found);
    }

    fn pending_mut(&mut self, number: u64) -> Option<&mut Pending<S::Candidate>> {
        let position =
            self.pending.binary_search_by_key(&number, |pending| pending.identified.number).ok()?;
        Some(&mut self.pending[position])
    }

    /// Waits for everything under way. After an interruption the trials that miss an answer are dropped; their
    /// proposals will be made again.
    pub(super) fn drain(&mut self, stop: Stop) -> Result<Stop, StudyError> {
        while !self.under_way.is_empty() || !self.audits.is_empty() {
            self.wait()?;
        }
        self.cut_short = !self.pending.is_empty();
        self.ledger.sync().map_err(StudyError::Ledger)?;
        Ok(match self.used_up() {
            Some(Stop::EvaluationTime(budget)) => Stop::EvaluationTime(budget),
            _ if !self.cut_short => stop,
            used_up => used_up.unwrap_or(Stop::Interrupted),
        })
    }

    /// After a failure: starts nothing more, and waits for what is running, so that its records reach the store.
    pub(super) fn abandon(&mut self) {
        self.cut_short = true;
        self.plan.interrupted.store(true, std::sync::atomic::Ordering::Relaxed);
        while !self.under_way.is_empty() || !self.audits.is_empty() {
            let mut finished = Vec::from_iter(self.executor.next(None));
            self.remember(&mut finished);
            for Finished { number, purpose, .. } in finished {
                let waited = if purpose == Purpose::Audit { &mut self.audits } else { &mut self.under_way };
                waited.remove(&number);
            }
        }
    }
}
