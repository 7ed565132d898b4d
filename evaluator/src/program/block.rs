//! Some tasks side by side, and a learner for each of them: it is trained, predicts, and can go back to a moment before.

use std::ops::Range;

use hashing::Mark;
use multiversion::multiversion;
use spaces::program::Function;
use tasks::{Fitness, Problem};

use super::batch::{Batch, Rows};
use super::code::{Code, Places};
use super::judge::Rules;
use super::lanes::{Draws, Lanes, execute};

/// Up to L tasks with F features.
pub(super) struct Block<const F: usize, const L: usize> {
    batch: Batch<L>,
    tasks: usize,
    fitness: Fitness,
    /// A larger error ends the learner of its task.
    limit: f64,
    seeds: [u64; L],
    learner: Learner<L>,
    /// What [`save`](Tasks::save) kept.
    saved: Learner<L>,
    trace: Trace<L>,
}

/// The state of a program that learns, for every task.
#[derive(Clone)]
struct Learner<const L: usize> {
    memory: Vec<Lanes<L>>,
    /// 1 where the task goes on, 0 where it has failed.
    alive: Lanes<L>,
    /// Predictions so far: the executions of random instructions are counted by it.
    time: u64,
}

/// Rounded errors of all examples seen, mixed task by task.
struct Trace<const L: usize>([u64; L]);

/// A [`Block`] of any size.
pub(super) trait Tasks: Send {
    /// A learner that has been set up and has seen nothing.
    fn start(&mut self, code: &Code);
    /// Learns from some of the training examples, in the order of this epoch. False when every task has failed.
    fn train(&mut self, code: &Code, epoch: usize, examples: Range<usize>, traced: bool) -> bool;
    /// Predicts the first of the validation examples; adds up the losses of all tasks, `None` for one that has failed.
    fn validate(&mut self, code: &Code, count: usize, traced: bool, losses: &mut Vec<Option<f64>>);
    /// Keeps the state of the learner, its memory only if asked to.
    fn save(&mut self, memory: bool);
    /// Goes back to what was saved.
    fn restore(&mut self, memory: bool);
    /// Whatever was traced since the start.
    fn mark(&self, start: Mark) -> Mark;
}

impl<const F: usize, const L: usize> Block<F, L> {
    /// Of at least one problem and at most L, all of one size. The random numbers of task i follow from `first` + i.
    pub fn new(problems: &[Problem], rules: &Rules, first: u64) -> Self {
        let Rules { fitness, largest_error: limit, epochs, .. } = *rules;
        let learner = Learner { memory: Vec::new(), alive: [1.0; L], time: 0 };
        Self {
            batch: Batch::new(problems, epochs, first),
            tasks: problems.len(),
            fitness,
            limit,
            seeds: std::array::from_fn(|lane| first + lane as u64),
            saved: learner.clone(),
            learner,
            trace: Trace([0; L]),
        }
    }

    fn go(&mut self, code: &Code, stage: Stage, examples: Range<usize>, traced: bool) -> Lanes<L> {
        let Self { batch, fitness, limit, seeds, learner, trace, .. } = self;
        let rows = match stage {
            Stage::Setup => &batch.training[0],
            Stage::Training(epoch) => &batch.training[epoch],
            Stage::Validation => &batch.validation,
        };
        let course = Course { code, rows, seeds, stage, fitness: *fitness, limit: *limit };
        walk::<F, L>(&course, examples, learner, traced.then_some(trace))
    }
}

impl<const F: usize, const L: usize> Tasks for Block<F, L> {
    fn start(&mut self, code: &Code) {
        let Learner { memory, alive, time } = &mut self.learner;
        memory.clear();
        memory.resize(code.places.all, [0.0; L]);
        (*alive, *time) = ([1.0; L], 0);
        self.trace = Trace([0; L]);
        self.go(code, Stage::Setup, 0..1, false);
    }

    fn train(&mut self, code: &Code, epoch: usize, examples: Range<usize>, traced: bool) -> bool {
        self.go(code, Stage::Training(epoch), examples, traced);
        self.learner.goes_on()
    }

    fn validate(&mut self, code: &Code, count: usize, traced: bool, losses: &mut Vec<Option<f64>>) {
        let sums = self.go(code, Stage::Validation, 0..count, traced);
        let alive = sums.iter().zip(self.learner.alive).take(self.tasks);
        losses.extend(alive.map(|(sum, alive)| (alive > 0.0).then_some(*sum)));
    }

    fn save(&mut self, memory: bool) {
        self.saved.take_over(&self.learner, memory);
    }

    fn restore(&mut self, memory: bool) {
        self.learner.take_over(&self.saved, memory);
    }

    fn mark(&self, start: Mark) -> Mark {
        self.trace.0[..self.tasks].iter().fold(start, |mark, word| mark.then(*word))
    }
}

impl<const L: usize> Learner<L> {
    fn goes_on(&self) -> bool {
        // One after the other, a sum of so many would be waited for.
        self.alive.iter().fold(0, |any, alive| any | alive.to_bits()) != 0
    }

    /// Ends the tasks whose error is NaN or beyond the limit. False when none is left.
    #[inline(always)]
    fn survive(&mut self, errors: &Lanes<L>, limit: f64) -> bool {
        for (alive, error) in self.alive.iter_mut().zip(errors) {
            *alive = if *error <= limit { *alive } else { 0.0 };
        }
        self.goes_on()
    }

    fn take_over(&mut self, other: &Self, memory: bool) {
        (self.alive, self.time) = (other.alive, other.time);
        if memory {
            self.memory.clone_from(&other.memory);
        }
    }
}

/// What a learner goes through.
struct Course<'a, const L: usize> {
    code: &'a Code,
    rows: &'a Rows<L>,
    seeds: &'a [u64; L],
    stage: Stage,
    fitness: Fitness,
    limit: f64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Setup,
    /// In this epoch.
    Training(usize),
    Validation,
}

impl Stage {
    /// What is run for each example.
    fn functions(self) -> &'static [Function] {
        match self {
            Self::Setup => &[Function::Setup],
            Self::Training(_) => &[Function::Predict, Function::Learn],
            Self::Validation => &[Function::Predict],
        }
    }
}

/// Runs the functions of the stage for every example, until all tasks have failed; the losses of all predictions. There is
/// one place where steps are executed, since it is compiled for every size and instruction set.
#[multiversion(targets("x86_64+avx+avx2"))]
fn walk<const F: usize, const L: usize>(
    course: &Course<L>,
    examples: Range<usize>,
    learner: &mut Learner<L>,
    mut trace: Option<&mut Trace<L>>,
) -> Lanes<L> {
    let Places { label, prediction, features, .. } = course.code.places;
    let mut losses = [0.0; L];
    for i in examples {
        let (example, labels) = course.rows.example::<F>(i);
        let draws = Draws { seeds: course.seeds, execution: learner.time };
        if course.stage != Stage::Setup {
            learner.memory[features..features + F].copy_from_slice(example);
            learner.memory[label] = [0.0; L];
        }
        for function in course.stage.functions() {
            for step in course.code.function(*function) {
                execute::<F, L>(step, &mut learner.memory, &draws);
            }
            if *function != Function::Predict {
                continue;
            }
            learner.time += 1;
            let errors = judge(course, labels, &mut learner.memory[prediction], &mut losses);
            let going = learner.survive(&errors, course.limit);
            if let Some(trace) = &mut trace {
                trace.add(&errors, &learner.alive);
            }
            if !going {
                return losses;
            }
            learner.memory[label] = *labels;
        }
    }
    losses
}

/// The errors of predictions, whose losses are added. In training, what stands for a class becomes its probability.
#[inline(always)]
fn judge<const L: usize>(
    course: &Course<L>,
    labels: &Lanes<L>,
    predictions: &mut Lanes<L>,
    losses: &mut Lanes<L>,
) -> Lanes<L> {
    if course.fitness == Fitness::SquashedError {
        let errors = errors(labels, predictions);
        *losses = std::array::from_fn(|lane| losses[lane] + errors[lane] * errors[lane]);
        return errors;
    }
    let probabilities = predictions.map(sigmoid);
    if matches!(course.stage, Stage::Training(_)) {
        *predictions = probabilities;
        return errors(labels, predictions);
    }
    let wrong = std::array::from_fn(|lane| wrong_side(probabilities[lane], labels[lane]));
    *losses = std::array::from_fn(|lane| losses[lane] + wrong[lane]);
    wrong
}

#[inline(always)]
fn errors<const L: usize>(labels: &Lanes<L>, predictions: &Lanes<L>) -> Lanes<L> {
    std::array::from_fn(|lane| (labels[lane] - predictions[lane]).abs())
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + libm::exp(-x))
}

/// 1 where a probability is on the other side of 1/2 than its label; infinite where it is none.
fn wrong_side(probability: f64, label: f64) -> f64 {
    if !(0.0..=1.0).contains(&probability) {
        return f64::INFINITY;
    }
    f64::from(u8::from((probability > 0.5) != (label > 0.5)))
}

impl<const L: usize> Trace<L> {
    /// Errors e as e/(1 + e), rounded to 27 bits; one word for all tasks that have failed.
    #[inline(always)]
    fn add(&mut self, errors: &Lanes<L>, alive: &Lanes<L>) {
        // Added to this, a number below 2^52 stands in the last bits of the sum, rounded to the nearest.
        const TO_BITS: f64 = (1u64 << 52) as f64;
        const SCALE: f64 = (1u64 << 27) as f64;
        const FAILED: f64 = 2.0 * SCALE;
        let rounded: Lanes<L> = std::array::from_fn(|lane| {
            let squashed = errors[lane] / (1.0 + errors[lane]) * SCALE;
            TO_BITS + if alive[lane] > 0.0 { squashed } else { FAILED }
        });
        for (word, rounded) in self.0.iter_mut().zip(rounded) {
            *word = (word.rotate_left(23) ^ rounded.to_bits()).wrapping_mul(ODD);
        }
    }
}

/// Mixes a word into the others.
const ODD: u64 = 0x9e37_79b9_7f4a_7c15;
