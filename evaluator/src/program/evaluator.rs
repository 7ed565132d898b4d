//! Programs as candidates of a study: one judge for each evaluation under way.

use std::sync::{Mutex, PoisonError};

use hashing::Context;
use spaces::program::Program;
use tasks::{Part, Problem, Scores, Verdict};

use super::{Judge, NoJudge, ProgramTask};
use crate::{EvalError, Evaluator, Job, Outcome};

/// Judges any number of programs at once, by the problems of a search.
pub struct Programs {
    task: ProgramTask,
    problems: Vec<Problem>,
    /// Those that nobody uses at the moment.
    judges: Mutex<Vec<Judge>>,
}

/// The score that decides, and the live instructions that are run for each example.
pub const FITNESS: &str = "fitness";
pub const INSTRUCTIONS: &str = "instructions";

impl Programs {
    pub fn new(task: ProgramTask) -> Result<Self, NoJudge> {
        let problems = task.problems(Part::Search)?;
        let programs = Self { task, problems, judges: Mutex::default() };
        programs.put_back(programs.judge()?);
        Ok(programs)
    }

    fn judge(&self) -> Result<Judge, NoJudge> {
        let idle = self.judges.lock().unwrap_or_else(PoisonError::into_inner).pop();
        idle.map_or_else(|| Judge::new(&self.problems, self.task.space().memory, self.task.rules()), Ok)
    }

    fn put_back(&self, judge: Judge) {
        self.judges.lock().unwrap_or_else(PoisonError::into_inner).push(judge);
    }
}

impl Evaluator<Program> for Programs {
    fn context(&self) -> Context {
        self.task.context()
    }

    fn evaluate(&self, program: &Program, _: &Job) -> Result<Outcome, EvalError> {
        let mut judge = self.judge().expect("one was made of the same problems");
        let fitness = judge.judge(program);
        let instructions = judge.instructions();
        self.put_back(judge);
        let scores = [(FITNESS.to_string(), fitness), (INSTRUCTIONS.to_string(), instructions as f64)];
        Ok(Outcome {
            verdict: Verdict::Scored(Scores(scores.into())),
            steps: (self.problems[0].training.len() * self.task.epochs * self.problems.len()) as u64,
            seconds: None,
            provenance: format!("{} problems", self.problems.len()),
        })
    }
}
