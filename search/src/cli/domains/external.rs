//! Any space whose candidates somebody else evaluates, by `fecund ask` and `fecund tell`.

use std::collections::BTreeSet;
use std::marker::PhantomData;

use evaluator::{EvalError, Evaluator, Job, Limits, Outcome as Found};
use hashing::{Context, Fidelity};
use serde::{Deserialize, Serialize};
use serde_json::json;
use spaces::Space;

use crate::Objective;
use crate::cli::args::{CreateArgs, ExportArgs, SearchArgs};
use crate::cli::ask_tell::cannot_search;
use crate::cli::domain::{Domain, written};
use crate::cli::export::genome;
use crate::cli::failure::{Failure, Outcome};
use crate::cli::run_folder::RunFolder;

/// The `kind` of these tasks in `study.toml`; others have none.
pub const KIND: &str = "external";

/// What is asked of a trainer that this program does not know.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, bound = "")]
pub struct ExternalDomain<S> {
    kind: Kind,
    /// The score that decides.
    pub objective: String,
    pub higher_is_better: bool,
    /// Further scores that are always told.
    pub scores: Vec<String>,
    /// What judges, in the words of who made the run.
    pub evaluator: String,
    /// The largest.
    fidelity: u64,
    /// Fidelities at which candidates are compared before that, the lowest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    lower_fidelities: Vec<u64>,
    #[serde(skip)]
    space: PhantomData<fn() -> S>,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    External,
}

impl<S> Clone for ExternalDomain<S> {
    fn clone(&self) -> Self {
        let Self { objective, scores, evaluator, lower_fidelities, .. } = self;
        Self {
            objective: objective.clone(),
            scores: scores.clone(),
            evaluator: evaluator.clone(),
            lower_fidelities: lower_fidelities.clone(),
            ..*self
        }
    }
}

impl<S> ExternalDomain<S> {
    pub fn new(args: &CreateArgs) -> Result<Self, Failure> {
        let mut fidelities = args.fidelity.as_ref().map_or(vec![1], |given| given.0.clone());
        let task = Self {
            kind: Kind::External,
            objective: args.objective.clone(),
            higher_is_better: !args.minimize,
            scores: args.scores.clone(),
            evaluator: args.evaluator.clone(),
            fidelity: fidelities.pop().unwrap_or(1),
            lower_fidelities: fidelities,
            space: PhantomData,
        };
        let mut names = BTreeSet::new();
        for name in task.told() {
            if name.trim().is_empty() {
                return Err(Failure::usage("a score without a name; name it in --objective and --scores"));
            }
            if !names.insert(name) {
                return Err(Failure::usage(format!("the score `{name}` is named twice; name it once")));
            }
        }
        Ok(task)
    }

    /// Names of the scores that are always told, the objective first.
    pub fn told(&self) -> impl Iterator<Item = &String> {
        std::iter::once(&self.objective).chain(&self.scores)
    }

    fn direction(&self) -> &'static str {
        if self.higher_is_better { "higher is better" } else { "lower is better" }
    }

    pub fn elsewhere(&self) -> Elsewhere {
        let metric = format!("{}, {}", self.objective, self.direction());
        let others = self.scores.join(", ");
        let context = Context::new()
            .with("evaluator", format_args!("external: {}", self.evaluator))
            .with("metric", metric)
            .with("scores", others)
            // A lower fidelity may be the beginning of a schedule that knows its end.
            .with("largest fidelity", self.fidelity);
        Elsewhere(context)
    }
}

/// Stands for a trainer that answers by `fecund tell`. What was told lies in the cache when the study looks there, so
/// whatever comes here has not been told.
pub struct Elsewhere(Context);

impl<C> Evaluator<C> for Elsewhere {
    fn context(&self) -> Context {
        self.0.clone()
    }

    fn evaluate(&self, _: &C, _: &Job) -> Result<Found, EvalError> {
        Err(EvalError::Cancelled)
    }
}

impl<S: Space + Default + 'static> Domain for ExternalDomain<S> {
    type Space = S;
    type Evaluator = Elsewhere;

    fn of(args: &SearchArgs) -> Result<Self, Failure> {
        Err(cannot_search(args))
    }

    fn space(&self) -> Result<S, Failure> {
        Ok(S::default())
    }

    fn objective(&self) -> Objective {
        Objective::new(&self.objective, self.higher_is_better)
    }

    fn open(&mut self, _: usize, _: Limits) -> Result<Elsewhere, Failure> {
        Ok(self.elsewhere())
    }

    fn describe(&self, _: &Elsewhere, _: usize) -> String {
        format!("{}, {}; verdicts from outside: {}", self.objective, self.direction(), self.evaluator)
    }

    fn columns(&self) -> Vec<String> {
        self.told().cloned().collect()
    }

    fn summary(&self, canonical: &S::Candidate) -> String {
        written(canonical)
    }

    fn export(folder: RunFolder<Self>, args: &ExportArgs) -> Outcome {
        let evaluator = json!(folder.settings.task.evaluator);
        genome(&folder, args, "its trainer is not here", ("evaluator", evaluator))
    }

    fn fidelity(&self) -> Fidelity {
        Fidelity(self.fidelity)
    }

    fn lower_fidelities(&self) -> Vec<Fidelity> {
        self.lower_fidelities.iter().copied().map(Fidelity).collect()
    }
}
