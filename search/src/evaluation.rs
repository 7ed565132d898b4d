//! One evaluation, as it runs on a thread of the executor: judge, then remember before anybody is told.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use evaluator::{Control, EvalError, Evaluator, Job, Outcome};
use hashing::Key;
use serde::Serialize;
use storage::{Purpose, Record, Store, StoreError, Subject};
use tasks::{Reason, Verdict};

use crate::executor::Finished;
use crate::known::Finding;

pub(crate) struct Evaluation<C> {
    /// The trial that pays, or is audited.
    pub number: u64,
    pub purpose: Purpose,
    pub key: Key,
    /// Which of the key's seeds.
    pub seed: u64,
    pub subject: Subject,
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
    /// Folder with a folder for each key.
    pub artifacts: PathBuf,
    pub control: Control,
    /// Set when no further evaluation should start.
    pub interrupted: Arc<AtomicBool>,
    /// After which none should start either.
    pub deadline: Option<Instant>,
}

impl<C: Serialize> Evaluation<C> {
    /// May run again where its first run was given up: whichever is remembered first is what both report.
    pub fn run(&self) -> Finished {
        let start = Instant::now();
        let judged = self.judge();
        let told = judged.as_ref().ok().and_then(|outcome| outcome.seconds);
        let seconds = told.unwrap_or_else(|| start.elapsed().as_secs_f64());
        let (found, stored) = match judged {
            Ok(outcome) => {
                let found = Finding { verdict: finite(&outcome), seconds, steps: outcome.steps };
                let (first, stored) = self.remember(&found, outcome.provenance);
                (Ok(first.unwrap_or(found)), stored)
            }
            Err(error) => (Err(error), Ok(())),
        };
        Finished { number: self.number, purpose: self.purpose, found, stored }
    }

    fn judge(&self) -> Result<Outcome, EvalError> {
        let Conditions { artifacts, interrupted, deadline, .. } = &self.conditions;
        if let Some(reason) = &self.ruled_out {
            let verdict = Verdict::Invalid(reason.clone());
            let provenance = "ruled out before training".into();
            return Ok(Outcome { verdict, steps: 0, seconds: None, provenance });
        }
        if interrupted.load(Relaxed) || deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            return Err(EvalError::Cancelled);
        }
        // What the first seed leaves behind is kept under the key's name; of the others only the verdict is wanted.
        let folder = match self.seed {
            0 => artifacts.join(self.key.to_string()),
            seed => artifacts.join(format!("{}.{seed}", self.key)),
        };
        let outcome = self.evaluate(&folder);
        if self.seed > 0 {
            let _ = std::fs::remove_dir_all(&folder);
        }
        outcome
    }

    fn evaluate(&self, artifacts: &Path) -> Result<Outcome, EvalError> {
        let (fidelity, seed) = (self.subject.fidelity, self.key.seed(self.seed));
        let job = Job { fidelity, seed, artifacts, control: &self.conditions.control };
        self.evaluator.evaluate(&self.canonical, &job)
    }

    /// Adds to the record of the key. Where another run of this evaluation was remembered first, that is returned.
    fn remember(&self, found: &Finding, provenance: String) -> (Option<Finding>, Result<(), StoreError>) {
        // One record is changed at a time: without reuse, equal keys are evaluated side by side.
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let form = form(&self.canonical);
        let mut record = match self.store.get(&self.key) {
            Ok(Some(record)) => record,
            Ok(None) => Record::new(self.subject.clone(), form.clone()),
            Err(error) => return (None, Err(error)),
        };
        let study = &self.conditions.study;
        let first = record.evaluation_of(study, self.number, self.purpose).map(Finding::of);
        record.evaluations.push(storage::Evaluation {
            verdict: found.verdict.clone(),
            purpose: if first.is_some() { Purpose::Late } else { self.purpose },
            form: (form != record.form).then_some(form),
            seed: self.key.seed(self.seed),
            seconds: found.seconds,
            steps: found.steps,
            study: study.clone(),
            trial: self.number,
            provenance,
        });
        (first, self.store.put(&self.key, &record))
    }
}

/// A candidate as records name it: canonical JSON, if it is a canonical form.
pub(crate) fn form(candidate: &impl Serialize) -> String {
    serde_json::to_string(candidate).expect("candidates are plain data with string keys")
}

/// What an evaluator says, held to its law: scores are finite, or there are none.
fn finite(outcome: &Outcome) -> Verdict {
    match &outcome.verdict {
        Verdict::Scored(scores) if !scores.0.values().all(|score| score.is_finite()) => {
            Verdict::Invalid(Reason::NotFinite { step: outcome.steps })
        }
        verdict => verdict.clone(),
    }
}
