//! The judge of programs: what they are known by, and their fitness over all tasks.

use std::ops::Range;

use hashing::Mark;
use serde::{Deserialize, Serialize};
use spaces::program::{Live, Memory, Program, symbol};
use tasks::{DataError, Fitness, Problem};

use super::block::{Block, Tasks};
use super::budget::Budget;
use super::code::Code;

/// How programs are judged.
#[derive(Clone, Debug)]
pub struct Rules {
    pub fitness: Fitness,
    /// A learner whose error is NaN or larger has failed at its task, which counts as a fitness of 0. Default: 100.
    pub largest_error: f64,
    /// How the tasks make one number. Default: the mean.
    pub combination: Combination,
    /// Passes over the training examples, each after the first in an order of its own; the best validation after any of
    /// them counts. Default: 1.
    pub epochs: usize,
    /// A program that costs more is not trained. Default: no limit.
    pub budget: Option<Budget>,
    /// Examples of the probe: so many to learn from, then so many to predict. Default: 10 and 10.
    pub probe: [usize; 2],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Combination {
    Mean,
    Median,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            fitness: Fitness::SquashedError,
            largest_error: 100.0,
            combination: Combination::Mean,
            epochs: 1,
            budget: None,
            probe: [10, 10],
        }
    }
}

/// What a judge cannot be made of.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NoJudge(String);

impl From<DataError> for NoJudge {
    fn from(error: DataError) -> Self {
        Self(error.to_string())
    }
}

/// Judges one program after the other: [`read`](Self::read) it, [`probe`](Self::probe) it if its symbol is unknown, and
/// [`finish`](Self::finish) the training if its probe is unknown too.
pub struct Judge {
    rules: Rules,
    memory: Memory,
    features: usize,
    /// Examples of each task.
    training: usize,
    validation: usize,
    tasks: Vec<Box<dyn Tasks>>,
    live: Live,
    code: Code,
    /// The program that was read may cost what it does.
    trained: bool,
    /// Training examples that the learners have seen, if they have begun.
    seen: Option<usize>,
    /// Of the last predictions, task by task, and how many there were.
    losses: Vec<Option<f64>>,
    predicted: usize,
}

/// Tasks that are run side by side: few, or many.
const FEW: usize = 4;
const MANY: usize = 12;

impl Judge {
    /// For programs that fit the memory. Errors if there are no problems, they differ in size, or their features are not
    /// 4, 8, 16 or 32.
    pub fn new(problems: &[Problem], memory: Memory, rules: Rules) -> Result<Self, NoJudge> {
        let first = problems.first().ok_or_else(|| NoJudge("no problems; give at least one".into()))?;
        let size = |problem: &Problem| {
            let examples = problem.training.iter().chain(&problem.validation);
            let features: Vec<usize> = examples.map(|example| example.features.len()).collect();
            (problem.training.len(), problem.validation.len(), features)
        };
        if problems.iter().any(|problem| size(problem) != size(first)) {
            return Err(NoJudge(
                "problems of different sizes; all have as many examples and features".into(),
            ));
        }
        let (training, validation, features) = size(first);
        let features = features.first().copied().unwrap_or(0);
        if size(first).2.iter().any(|other| *other != features) || training * validation == 0 {
            return Err(NoJudge("a problem without examples, or with features that come and go".into()));
        }
        Ok(Self {
            tasks: blocks(problems, features, &rules)?,
            rules,
            memory,
            features,
            training,
            validation,
            live: Live::default(),
            code: Code::default(),
            trained: true,
            seen: None,
            losses: vec![None; problems.len()],
            predicted: validation,
        })
    }

    /// Takes up a program, which fits the memory, and tells its symbol: equal symbols, equal fitness.
    pub fn read(&mut self, program: &Program) -> Mark {
        self.take_up(program);
        symbol(&self.live, &self.memory).then(u64::from(self.trained))
    }

    /// Trains the program on the examples of the probe and lets it predict the others: equal errors, equal mark. `None` if
    /// it has failed at every task while it learned, and so has a fitness of 0.
    pub fn probe(&mut self) -> Option<Mark> {
        let [training, validation] = self.rules.probe;
        let training = if self.trained { training.min(self.training) } else { 0 };
        self.start();
        if !self.train(0, 0..training, true) {
            return None;
        }
        self.seen = Some(training);
        let traces = !self.code.stateless;
        self.tasks.iter_mut().for_each(|tasks| tasks.save(traces));
        self.validate(validation.min(self.validation), true);
        let start = Mark::default().then(training as u64);
        Some(self.tasks.iter().fold(start, |mark, tasks| tasks.mark(mark)))
    }

    /// The fitness of the program that was read. Goes on where the probe left the learners, if there was one; what the
    /// probe has predicted since leaves no trace.
    pub fn finish(&mut self) -> f64 {
        let mut seen = match self.seen.take() {
            Some(seen) => {
                let traces = !self.code.stateless;
                self.tasks.iter_mut().for_each(|tasks| tasks.restore(traces));
                seen
            }
            None => {
                self.start();
                0
            }
        };
        if !self.trained {
            return self.validated();
        }
        let mut best = 0f64;
        for epoch in 0..self.rules.epochs.max(1) {
            if !self.train(epoch, seen..self.training, false) {
                self.losses.iter_mut().for_each(|loss| *loss = None);
                break;
            }
            seen = 0;
            best = best.max(self.validated());
        }
        best
    }

    /// The fitness, from the beginning.
    pub fn judge(&mut self, program: &Program) -> f64 {
        self.take_up(program);
        self.finish()
    }

    /// Fitness by the last predictions, those of the probe or all, task by task; 0 where the program failed.
    pub fn by_task(&self) -> impl Iterator<Item = f64> {
        self.losses.iter().map(|loss| loss.map_or(0.0, |loss| self.rules.fitness.of(loss, self.predicted)))
    }

    /// Fitness by the last predictions.
    pub fn fitness(&self) -> f64 {
        let by_task = self.by_task();
        match self.rules.combination {
            Combination::Mean => by_task.sum::<f64>() / self.losses.len() as f64,
            Combination::Median => median(by_task.collect()),
        }
    }

    /// Instructions that are run for each training example.
    pub fn instructions(&self) -> usize {
        let program = self.live.program();
        program.predict.len() + program.learn.len()
    }

    pub fn memory(&self) -> &Memory {
        &self.memory
    }

    fn take_up(&mut self, program: &Program) {
        self.live.fill(program, &self.memory);
        self.seen = None;
        self.trained = self.rules.budget.as_ref().is_none_or(|budget| budget.allows(program, self.features));
    }

    fn start(&mut self) {
        self.code.fill(&self.live, &self.memory, self.features);
        self.tasks.iter_mut().for_each(|tasks| tasks.start(&self.code));
    }

    /// False if every task has failed.
    fn train(&mut self, epoch: usize, examples: Range<usize>, traced: bool) -> bool {
        let code = &self.code;
        let going = self.tasks.iter_mut().map(|tasks| tasks.train(code, epoch, examples.clone(), traced));
        going.fold(false, |any, going| any | going)
    }

    fn validate(&mut self, count: usize, traced: bool) {
        self.losses.clear();
        self.predicted = count;
        for tasks in &mut self.tasks {
            tasks.validate(&self.code, count, traced, &mut self.losses);
        }
    }

    fn validated(&mut self) -> f64 {
        self.validate(self.validation, false);
        self.fitness()
    }
}

/// The mean of the two in the middle of an even number.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    let middle = values.len() / 2;
    if values.len() % 2 == 1 { values[middle] } else { 0.5 * (values[middle - 1] + values[middle]) }
}

fn blocks(problems: &[Problem], features: usize, rules: &Rules) -> Result<Vec<Box<dyn Tasks>>, NoJudge> {
    match features {
        4 => Ok(blocks_of::<4>(problems, rules)),
        8 => Ok(blocks_of::<8>(problems, rules)),
        16 => Ok(blocks_of::<16>(problems, rules)),
        32 => Ok(blocks_of::<32>(problems, rules)),
        _ => Err(NoJudge(format!("{features} features; problems have 4, 8, 16 or 32"))),
    }
}

fn blocks_of<const F: usize>(problems: &[Problem], rules: &Rules) -> Vec<Box<dyn Tasks>> {
    let lanes = if problems.len() <= FEW { FEW } else { MANY };
    let block = |(i, problems): (usize, &[Problem])| -> Box<dyn Tasks> {
        let first = (i * lanes) as u64;
        if lanes == FEW {
            Box::new(Block::<F, FEW>::new(problems, rules, first))
        } else {
            Box::new(Block::<F, MANY>::new(problems, rules, first))
        }
    };
    problems.chunks(lanes).enumerate().map(block).collect()
}
