//! Evaluators of deeds: one that has them done, and one that knows what comes of them.

use std::collections::BTreeMap;
use std::sync::Mutex;

use evaluator::{EvalError, Evaluator, Job, Limits, Outcome, WorkerPool};
use hashing::Context;
use serde_json::{Value, json};
use tasks::Verdict;

use crate::deeds::{Deed, scored};
use crate::pools::command;

/// Sends deeds to workers and counts how often.
pub struct Remote {
    pool: WorkerPool,
    attempts: Mutex<BTreeMap<Deed, u64>>,
    /// Sent instead of what a deed would be.
    instead: BTreeMap<Deed, Value>,
}

impl Remote {
    pub fn new(workers: usize, limits: Limits) -> Self {
        let pool = WorkerPool::start(command("worker", json!("pid")), workers, limits).unwrap();
        Self { pool, attempts: Mutex::default(), instead: BTreeMap::new() }
    }

    /// With another request for one deed.
    pub fn with(mut self, deed: Deed, request: Value) -> Self {
        self.instead.insert(deed, request);
        self
    }

    /// How often each deed was sent.
    pub fn attempts(&self) -> BTreeMap<Deed, u64> {
        self.attempts.lock().unwrap().clone()
    }
}

impl Evaluator<Deed> for Remote {
    fn context(&self) -> Context {
        context()
    }

    fn evaluate(&self, deed: &Deed, job: &Job) -> Result<Outcome, EvalError> {
        *self.attempts.lock().unwrap().entry(*deed).or_default() += 1;
        let request = self.instead.get(deed).cloned().unwrap_or_else(|| deed.request());
        let reply = self.pool.call(&request, job.control)?;
        let score = reply.as_f64().ok_or(EvalError::Refused { message: reply.to_string() })?;
        Ok(Outcome { verdict: scored(score), steps: 1, seconds: None, provenance: "a worker".to_string() })
    }
}

/// What an undisturbed study finds, without a process.
pub struct Undisturbed(pub Limits);

impl Evaluator<Deed> for Undisturbed {
    fn context(&self) -> Context {
        context()
    }

    fn evaluate(&self, deed: &Deed, _: &Job) -> Result<Outcome, EvalError> {
        let verdict = deed.verdict(self.0);
        // A worker that failed does not say how far it got.
        let steps = u64::from(matches!(verdict, Verdict::Scored(_)));
        Ok(Outcome { verdict, steps, seconds: None, provenance: String::new() })
    }
}

fn context() -> Context {
    Context::new().with("evaluator", "deeds v1")
}
