//! The one trait of this crate: a candidate in, a verdict and its cost out.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use hashing::Context;
use serde::{Deserialize, Serialize};
use tasks::Verdict;

use crate::{Control, EvalError, Job};

/// Judges candidates. Knows neither cache nor search. The laws are tested by [`conformance`](crate::conformance).
pub trait Evaluator<C>: Send + Sync {
    /// Everything besides the candidate that the verdict depends on. The same at every call, and of every evaluator
    /// that is made alike.
    fn context(&self) -> Context;

    /// The verdict is a function of candidate, context, fidelity and seed. An error means that the machine failed,
    /// not the candidate. Returns [`EvalError::Cancelled`] within about a second of `job.control` being cancelled, if
    /// it has not finished by then. Scores are finite; what is left on disk lies in `job.artifacts`. Called from
    /// several threads at a time.
    fn evaluate(&self, candidate: &C, job: &Job) -> Result<Outcome, EvalError>;

    /// What this written form costs, by name (`parameters`, `multiply_adds`): known without training, and never
    /// shared by forms of one function. Default: nothing.
    fn costs(&self, _candidate: &C) -> BTreeMap<String, f64> {
        BTreeMap::new()
    }

    /// What running this written form takes on this machine, by name (`latency_1_ms`): by the clock, so that no two
    /// calls need agree, and no verdict. Called once an evaluation is done. Default: nothing.
    fn measure(&self, _candidate: &C, _control: &Control) -> Result<BTreeMap<String, f64>, EvalError> {
        Ok(BTreeMap::new())
    }

    /// Whether an evaluation left this folder, and nothing in it is lost or damaged: others may start from it. Default:
    /// nobody starts from what another left.
    fn is_whole(&self, _artifacts: &Path) -> bool {
        false
    }
}

/// What an evaluation found, and what it took.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    pub verdict: Verdict,
    /// Training steps, or whatever the evaluator counts its cost in.
    pub steps: u64,
    /// What the verdict cost, in seconds, where the clock does not know it: a verdict that is looked up stands for
    /// the training that was published. `None`: what the clock says.
    #[serde(default)]
    pub seconds: Option<f64>,
    /// Where the verdict is from: versions, threads, processor. Recorded, never part of a key.
    pub provenance: String,
}

impl<C, E: Evaluator<C> + ?Sized> Evaluator<C> for Box<E> {
    fn context(&self) -> Context {
        (**self).context()
    }

    fn evaluate(&self, candidate: &C, job: &Job) -> Result<Outcome, EvalError> {
        (**self).evaluate(candidate, job)
    }

    fn costs(&self, candidate: &C) -> BTreeMap<String, f64> {
        (**self).costs(candidate)
    }

    fn measure(&self, candidate: &C, control: &Control) -> Result<BTreeMap<String, f64>, EvalError> {
        (**self).measure(candidate, control)
    }

    fn is_whole(&self, artifacts: &Path) -> bool {
        (**self).is_whole(artifacts)
    }
}

impl<C, E: Evaluator<C> + ?Sized> Evaluator<C> for Arc<E> {
    fn context(&self) -> Context {
        (**self).context()
    }

    fn evaluate(&self, candidate: &C, job: &Job) -> Result<Outcome, EvalError> {
        (**self).evaluate(candidate, job)
    }

    fn costs(&self, candidate: &C) -> BTreeMap<String, f64> {
        (**self).costs(candidate)
    }

    fn measure(&self, candidate: &C, control: &Control) -> Result<BTreeMap<String, f64>, EvalError> {
        (**self).measure(candidate, control)
    }

    fn is_whole(&self, artifacts: &Path) -> bool {
        (**self).is_whole(artifacts)
    }
}

impl<C, E: Evaluator<C> + ?Sized> Evaluator<C> for &E {
    fn context(&self) -> Context {
        (**self).context()
    }

    fn evaluate(&self, candidate: &C, job: &Job) -> Result<Outcome, EvalError> {
        (**self).evaluate(candidate, job)
    }

    fn costs(&self, candidate: &C) -> BTreeMap<String, f64> {
        (**self).costs(candidate)
    }

    fn measure(&self, candidate: &C, control: &Control) -> Result<BTreeMap<String, f64>, EvalError> {
        (**self).measure(candidate, control)
    }

    fn is_whole(&self, artifacts: &Path) -> bool {
        (**self).is_whole(artifacts)
    }
}
