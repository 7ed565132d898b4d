//! An evaluator whose scores depend on the seed, and an executor that does as it is told.

#![allow(dead_code, reason = "each test target uses its own part")]

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use evaluator::{EvalError, Evaluator, Job, Outcome};
use hashing::{Context, Rng};
use search::{Executor, Finished, Task};
use spaces::cell201::Cell;
use tasks::{Reason, Scores, Verdict};

use crate::cells::score;

/// A score with noise that depends on the seed; remembers which seeds it was asked for.
#[derive(Clone, Default)]
pub struct Noisy {
    seeds: Arc<Mutex<Vec<u64>>>,
    /// Whether it takes some time and fails under some seeds, in several ways.
    pub fails: bool,
}

impl Noisy {
    pub fn failing() -> Self {
        Self { fails: true, ..Self::default() }
    }

    pub fn seeds(&self) -> Vec<u64> {
        self.seeds.lock().unwrap().clone()
    }
}

impl Evaluator<Cell> for Noisy {
    fn context(&self) -> Context {
        Context::new().with("evaluator", "noisy v1")
    }

    fn evaluate(&self, cell: &Cell, job: &Job) -> Result<Outcome, EvalError> {
        self.seeds.lock().unwrap().push(job.seed);
        let mut rng = Rng::named(job.seed, "noise", 0);
        let scores = Scores([("score".to_string(), score(cell) + rng.normal())].into());
        let (mut verdict, mut steps) = (Verdict::Scored(scores), 10);
        if self.fails {
            std::thread::sleep(Duration::from_micros(rng.below(40) as u64));
            steps = rng.below(90) as u64;
            verdict = match rng.below(12) {
                0 => Verdict::Invalid(Reason::NotFinite { step: 3 }),
                1 => Verdict::Invalid(Reason::Unstable { cause: "worker died".into(), limit: None }),
                2 => Verdict::Invalid(Reason::NotInTable),
                _ => verdict,
            };
        }
        Ok(Outcome { verdict, steps, seconds: Some(2.0), provenance: String::new() })
    }
}

/// Runs a task at once, hands out in order what that made of it, and says so where a study waits for what will never
/// come.
pub struct AtOnce {
    run: fn(&Task) -> Vec<Finished>,
    finished: VecDeque<Finished>,
}

impl AtOnce {
    pub fn new(run: fn(&Task) -> Vec<Finished>) -> Self {
        Self { run, finished: VecDeque::new() }
    }
}

impl Executor for AtOnce {
    fn submit(&mut self, task: Task) {
        self.finished.extend((self.run)(&task));
    }

    fn next(&mut self, within: Option<Duration>) -> Option<Finished> {
        let next = self.finished.pop_front();
        assert!(next.is_some() || within.is_some(), "the study waits for ever: nothing is under way");
        next
    }

    fn width(&self) -> usize {
        1
    }
}
