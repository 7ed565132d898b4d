//! One evaluation, as it runs on a thread of the executor: judge, then remember before anybody is told.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use evaluator::{Control, EvalError, Evaluator, Job, Outcome};
use hashing::{Fidelity, Key};
use serde::Serialize;
use storage::{Record, Store, StoreError};
use tasks::{Reason, Verdict};

use crate::executor::Finished;

pub(crate) struct Evaluation<C> {
    /// The trial that pays.
    pub number: u64,
    pub key: Key,
    pub canonical: C,
    pub ruled_out: Option<Reason>,
    pub evaluator: Arc<dyn Evaluator<C>>,
    pub store: Arc<dyn Store>,
    pub conditions: Conditions,
    /// Held while a record is read, extended and written.
    pub turn: Arc<Mutex<()>>,
}

/// What the study gives to each of its evaluations.
pub(crate) struct Conditions {
    pub study: String,
    pub fidelity: Fidelity,
    pub artifacts: PathBuf,
    pub control: Control,
    /// Set when no further evaluation should start.
    pub interrupted: Arc<AtomicBool>,
    /// After which none should start either.
    pub deadline: Option<Instant>,
}

impl<C: Serialize> Evaluation<C> {
    pub fn run(self) -> Finished {
        let start = Instant::now();
        let seed = self.key.seed(0);
        let outcome = self.judge(seed);
        let told = outcome.as_ref().ok().and_then(|outcome| outcome.seconds);
        let seconds = told.unwrap_or_else(|| start.elapsed().as_secs_f64());
        let stored = match &outcome {
            Ok(outcome) => self.remember(outcome, seed, seconds),
            Err(_) => Ok(()),
        };
        Finished { number: self.number, outcome, seconds, stored }
    }

    fn judge(&self, seed: u64) -> Result<Outcome, EvalError> {
        let Conditions { fidelity, artifacts, control, interrupted, deadline, .. } = &self.conditions;
        if let Some(reason) = &self.ruled_out {
            let verdict = Verdict::Invalid(reason.clone());
            return Ok(Outcome {
                verdict,
                steps: 0,
                seconds: None,
                provenance: "ruled out before training".into(),
            });
        }
        if interrupted.load(Relaxed) || deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            return Err(EvalError::Cancelled);
        }
        self.evaluator.evaluate(&self.canonical, &Job { fidelity: *fidelity, seed, artifacts, control })
    }

    fn remember(&self, outcome: &Outcome, seed: u64, seconds: f64) -> Result<(), StoreError> {
        let evaluation = storage::Evaluation {
            verdict: outcome.verdict.clone(),
            purpose: storage::Purpose::Search,
            form: None,
            seed,
            seconds,
            steps: outcome.steps,
            study: self.conditions.study.clone(),
            trial: self.number,
            provenance: outcome.provenance.clone(),
        };
        // One record is changed at a time: without reuse, equal keys are evaluated side by side.
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let form =
            serde_json::to_string(&self.canonical).expect("candidates are plain data with string keys");
        let mut record =
            self.store.get(&self.key)?.unwrap_or(Record { subject: None, form, evaluations: Vec::new() });
        record.evaluations.push(evaluation);
        self.store.put(&self.key, &record)
    }
}
