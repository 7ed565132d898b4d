//! A space whose classes are known, an evaluator that counts, and studies over them.

#![allow(dead_code, reason = "each test target uses its own part")]

use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use evaluator::{EvalError, Evaluator, Job, Outcome};
use hashing::{CandidateHasher, Context, Rng, TwoStage};
use search::{Objective, Plan, RegularizedEvolution, Study, Threads, Trial};
use spaces::Candidate;
use spaces::cell201::{Cell, CellSpace};
use tasks::{Scores, Verdict};

/// Scores a cell by its canonical form and counts how often it is asked. Takes a time that depends on the form.
#[derive(Clone, Default)]
pub struct Counting {
    pub evaluations: Arc<AtomicU64>,
    pub seen: Arc<Mutex<Vec<Cell>>>,
    pub pause: bool,
    pub by_function: bool,
}

impl Counting {
    pub fn slow() -> Self {
        Self { pause: true, ..Self::default() }
    }

    pub fn count(&self) -> u64 {
        self.evaluations.load(SeqCst)
    }
}

/// A score of how the cell is written: what evolution can climb.
pub fn score(cell: &Cell) -> f64 {
    let weights = [0.0, 1.0, 3.0, 4.0, 2.0];
    cell.operations.iter().map(|operation| weights[*operation as usize]).sum()
}

/// A score of what the cell computes: equal functions score alike, however they are written.
pub fn score_of_function(cell: &Cell) -> f64 {
    let fingerprint = TwoStage::default().identify(cell).unwrap().fingerprint;
    f64::from(fingerprint.0.0[0])
}

impl Evaluator<Cell> for Counting {
    fn context(&self) -> Context {
        Context::new().with("evaluator", "counting v1")
    }

    fn evaluate(&self, cell: &Cell, job: &Job) -> Result<Outcome, EvalError> {
        self.evaluations.fetch_add(1, SeqCst);
        self.seen.lock().unwrap().push(*cell);
        if self.pause {
            std::thread::sleep(Duration::from_micros(Rng::named(job.seed, "pause", 0).below(3000) as u64));
        }
        let scores = Scores(
            [("score".to_string(), if self.by_function { score_of_function(cell) } else { score(cell) })]
                .into(),
        );
        Ok(Outcome { verdict: Verdict::Scored(scores), steps: 10, seconds: None, provenance: String::new() })
    }
}

pub fn objective() -> Objective {
    Objective::new("score", true)
}

pub fn evolution() -> RegularizedEvolution<CellSpace> {
    RegularizedEvolution::new(objective())
}

pub fn plan(trials: u64) -> Plan<Cell> {
    Plan { trials: Some(trials), window: 12, ..Plan::default() }
}

pub fn study(evaluator: &Counting, plan: Plan<Cell>, jobs: usize) -> Study<CellSpace> {
    Study::new(CellSpace::default(), evaluator.clone(), evolution(), plan)
        .with_executor(Threads::new(jobs).unwrap())
}

pub fn assert_same<C: Candidate>(a: &[Trial<C>], b: &[Trial<C>]) {
    assert_eq!(a.len(), b.len());
    for (a, b) in a.iter().zip(b) {
        assert!(a.same_as(b), "{a:?}\n{b:?}");
    }
}
