//! One evaluation, as it runs on a thread of the executor.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use evaluator::{Control, EvalError, Evaluator, Job, Outcome};
use hashing::{Fidelity, Key};
use serde::Serialize;
use spaces::Candidate;
use storage::Purpose;
use tasks::{Reason, Verdict};

use crate::Clock;
use crate::executor::Finished;
use crate::lineage::{Lineage, Unheld};

pub(crate) struct Evaluation<C> {
    /// The trial that pays, or is audited.
    pub number: u64,
    pub purpose: Purpose,
    pub key: Key,
    pub fidelity: Fidelity,
    /// Which of the seeds.
    pub seed: u64,
    /// The key that seeds are made from.
    pub full: Key,
    /// The key whose evaluation this one may go on from.
    pub previous: Option<Key>,
    pub canonical: C,
    pub ruled_out: Option<Reason>,
    pub evaluator: Arc<dyn Evaluator<C>>,
    pub lineage: Arc<Lineage<C>>,
    /// Nobody in this study has paid for the key before.
    pub is_first: bool,
    pub conditions: Conditions,
}

/// What an evaluation found, and how many ancestors it had to train again.
struct Judged {
    outcome: Outcome,
    remade: usize,
}

/// What the study gives to each of its evaluations.
pub(crate) struct Conditions {
    pub study: String,
    /// Folder with a folder for each key.
    pub artifacts: PathBuf,
    /// Cancelled when the time for searching is up.
    pub control: Control,
    /// Set when no further evaluation should start.
    pub interrupted: Arc<AtomicBool>,
    pub clock: Arc<dyn Clock>,
}

impl<C: Candidate> Evaluation<C> {
    /// May run again where its first run was given up.
    pub fn run(&self) -> Finished {
        let start = self.conditions.clock.now();
        let (judged, remade) = match self.judge() {
            Ok(Judged { outcome, remade }) => (Ok(outcome), remade),
            Err(error) => (Err(error), 0),
        };
        let took = self.conditions.clock.now().saturating_sub(start).as_secs_f64();
        let found = judged.map(|outcome| self.found(outcome, took));
        let measures = self.measure(&found);
        let Self { number, purpose, key, fidelity, .. } = *self;
        Finished { number, purpose, key, fidelity, measures, remade, found }
    }

    fn found(&self, outcome: Outcome, took: f64) -> storage::Evaluation {
        storage::Evaluation {
            verdict: finite(&outcome),
            purpose: self.purpose,
            form: Some(form(&self.canonical)),
            seed: self.full.seed(self.seed),
            seconds: outcome.seconds.unwrap_or(took),
            steps: outcome.steps,
            study: self.conditions.study.clone(),
            trial: self.number,
            provenance: outcome.provenance,
        }
    }

    fn judge(&self) -> Result<Judged, EvalError> {
        let Conditions { artifacts, interrupted, control, .. } = &self.conditions;
        if let Some(reason) = &self.ruled_out {
            let verdict = Verdict::Invalid(reason.clone());
            let provenance = "ruled out before training".into();
            let outcome = Outcome { verdict, steps: 0, seconds: None, provenance };
            return Ok(Judged { outcome, remade: 0 });
        }
        if interrupted.load(Relaxed) || control.cancelled() {
            return Err(EvalError::Cancelled);
        }
        // What the first seed leaves behind is kept under the key's name; of the others only the verdict is wanted.
        // Where nothing is reused, the first seed is taken again and again: others may have begun to inherit from the first.
        let is_kept = self.seed == 0 && self.is_first;
        let folder = match is_kept {
            true => artifacts.join(self.key.to_string()),
            false => artifacts.join(format!("{}.{}-{}", self.key, self.seed, self.number)),
        };
        let previous = self.previous.filter(|_| self.seed == 0).map(|key| artifacts.join(key.to_string()));
        let outcome = self.evaluate(&folder, previous.as_deref());
        if !is_kept {
            let _ = std::fs::remove_dir_all(&folder);
        }
        outcome
    }

    fn evaluate(&self, artifacts: &Path, previous: Option<&Path>) -> Result<Judged, EvalError> {
        let (fidelity, seed, control) = (self.fidelity, self.full.seed(self.seed), &self.conditions.control);
        let held = match self.lineage.hold(&self.canonical, artifacts, &self.evaluator, control) {
            Ok(held) => held,
            Err(Unheld::Failed(error)) => return Err(error),
            Err(Unheld::Invalid(reason)) => {
                return Ok(Judged { outcome: without_parents(reason), remade: 0 });
            }
        };
        let job = Job { fidelity, seed, artifacts, previous, parents: &held.parents, control };
        let outcome = self.evaluator.evaluate(&self.canonical, &job)?;
        Ok(Judged { outcome, remade: held.remade })
    }

    /// Nothing where that fails: the verdict stands without it.
    fn measure(&self, found: &Result<storage::Evaluation, EvalError>) -> BTreeMap<String, f64> {
        let scored = found.as_ref().is_ok_and(|found| matches!(found.verdict, Verdict::Scored(_)));
        if !scored || self.purpose != Purpose::Search {
            return BTreeMap::new();
        }
        self.evaluator.measure(&self.canonical, &self.conditions.control).unwrap_or_default()
    }
}

/// A parent whose artifacts are lost cannot be trained any more, and so neither can the child.
fn without_parents(reason: Reason) -> Outcome {
    let provenance = "the parents that it inherits from cannot be trained again".into();
    Outcome { verdict: Verdict::Invalid(reason), steps: 0, seconds: None, provenance }
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
