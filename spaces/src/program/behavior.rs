//! A program on the probe: it is set up, learns from a few examples and predicts a few others.

use hashing::{Behavior, HashError, Probe, Response, Value};

use super::machine::moments;
use super::{Draw, Function, Machine, Program};
use crate::Candidate;

/// Features, and the names of what is drawn for that many. Two sizes, so that the mean of the features is not a third
/// of their sum.
const SIZES: [(usize, [&str; 3]); 2] =
    [(3, ["features 3", "labels 3", "noise 3"]), (5, ["features 5", "labels 5", "noise 5"])];
/// Examples of each size and draw.
const TRAINING: usize = 6;
const VALIDATION: usize = 4;
const EXAMPLES: usize = TRAINING + VALIDATION;
/// Prediction and error.
const COLUMNS: usize = 2;

type Rows = [[f64; COLUMNS]; EXAMPLES];

/// A larger error is a failure, as in AutoML-Zero, where labels are of order one too.
const LARGEST_ERROR: f64 = 100.0;

impl Candidate for Program {}

impl Behavior for Program {
    /// One row for each example of each size: prediction and error. Programs that fail (a prediction is not finite, or
    /// an error beyond ±100) have the same rows everywhere, so that they are the constant class: failed programs, and
    /// no others, since errors follow the labels. One that fails under a single draw is a function of its own.
    ///
    /// A random instruction is a group: its numbers follow the part it plays, whatever its place.
    fn respond(&self, probe: &mut Probe) -> Result<Response, HashError> {
        let noise = draw_noise(self, probe);
        let mut rows = [[[0.0; COLUMNS]; EXAMPLES]; SIZES.len()];
        let mut works = true;
        for (((size, names), noise), rows) in SIZES.into_iter().zip(&noise).zip(&mut rows) {
            let [features, labels, _] = names;
            let features = probe.input(features, EXAMPLES * size);
            let labels = probe.input(labels, EXAMPLES);
            let mut machine = Machine::new(self, size);
            works = works && learn(&mut machine, size, probe, noise, [features, labels], rows);
        }
        if !works {
            rows = Default::default();
        }
        Ok(Response::rows(probe.record(rows.as_flattened().as_flattened()), COLUMNS))
    }
}

/// For each size, the numbers of every random instruction, execution by execution.
fn draw_noise(program: &Program, probe: &mut Probe) -> [Vec<Value>; SIZES.len()] {
    let mut noise: [Vec<Value>; SIZES.len()] = Default::default();
    for (function, instruction) in program.instructions() {
        let Some(stream) = instruction.stream(function) else { continue };
        let group = probe.group(&stream, &[]);
        let executions = match function {
            Function::Setup => 1,
            Function::Predict => EXAMPLES,
            Function::Learn => TRAINING,
        };
        let (mean, deviation) = moments(instruction);
        for ((size, [_, _, name]), noise) in SIZES.into_iter().zip(&mut noise) {
            let length = executions * instruction.out().kind.len(size);
            noise.push(probe.tensor(group, name, length, mean, deviation));
        }
    }
    noise
}

/// False as soon as the program fails.
fn learn(
    machine: &mut Machine,
    size: usize,
    probe: &Probe,
    noise: &[Value],
    [features, labels]: [Value; 2],
    rows: &mut Rows,
) -> bool {
    let fill = |Draw { instruction, execution }, out: &mut [f64]| {
        let start = execution * out.len();
        out.copy_from_slice(&probe.read(noise[instruction])[start..start + out.len()]);
    };
    machine.setup(fill);
    let examples = probe.read(features).chunks_exact(size).zip(probe.read(labels));
    for (i, ((features, label), row)) in examples.zip(rows).enumerate() {
        let prediction = machine.predict(features, fill);
        let error = label - prediction;
        // NaN is in no range.
        if !(-LARGEST_ERROR..=LARGEST_ERROR).contains(&error) {
            return false;
        }
        *row = [prediction, error];
        if i < TRAINING {
            machine.learn(*label, fill);
        }
    }
    true
}
