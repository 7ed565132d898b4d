//! Runs a program, without allocating once it runs.

use hashing::Mark;

use super::operation::{Arithmetic, OPERANDS, SETTINGS};
use super::program::REGISTERS;
use super::{FEATURES, Function, Kind, LABEL, Operation, PREDICTION, Program, Register};

/// The memory of a program for so many features, and where its instructions find their registers in it.
pub struct Machine {
    features: usize,
    /// Scalars, vectors, matrices.
    memory: Vec<f64>,
    /// Where registers of each kind begin.
    starts: [usize; 3],
    /// The result of an instruction that may also be its operand.
    scratch: Vec<f64>,
    functions: [Vec<Step>; 3],
}

struct Step {
    operation: Operation,
    out: usize,
    operands: [usize; OPERANDS],
    lengths: [usize; OPERANDS],
    settings: [f64; SETTINGS],
    /// Number among the random instructions of the program, and how often it was executed.
    random: usize,
    executed: usize,
}

/// One execution of a random instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Draw {
    /// Number of the instruction among the random ones of the program: `setup` first, then `predict`, then `learn`.
    pub instruction: usize,
    /// How often the instruction was executed before.
    pub execution: usize,
}

impl Machine {
    /// Panics if there are no features.
    pub fn new(program: &Program, features: usize) -> Self {
        assert!(features > 0, "a vector has at least one number");
        let registers = program.instructions().flat_map(|(_, i)| i.operands().chain([i.out()]));
        let mut counts = [0; 3];
        for Register { kind, number } in registers.chain([LABEL, PREDICTION, FEATURES]) {
            let count = &mut counts[kind as usize];
            *count = (usize::from(number) + 1).max(*count);
        }
        let lengths = Kind::ALL.map(|kind| counts[kind as usize] * kind.len(features));
        let starts = [0, lengths[0], lengths[0] + lengths[1]];
        let mut machine = Self {
            features,
            memory: vec![0.0; lengths.iter().sum()],
            starts,
            scratch: vec![0.0; Kind::Matrix.len(features)],
            functions: Default::default(),
        };
        let mut random = 0;
        machine.functions = Function::ALL.map(|function| {
            let steps = program.function(function).iter().map(|instruction| {
                let mut step = Step {
                    operation: instruction.operation(),
                    out: machine.place(instruction.out()),
                    operands: [0; OPERANDS],
                    lengths: [0; OPERANDS],
                    settings: [0.0; SETTINGS],
                    random,
                    executed: 0,
                };
                for (i, operand) in instruction.operands().enumerate() {
                    step.operands[i] = machine.place(operand);
                    step.lengths[i] = operand.kind.len(features);
                }
                step.settings[..instruction.settings().len()].copy_from_slice(instruction.settings());
                random += usize::from(step.operation.is_random());
                step
            });
            steps.collect()
        });
        machine
    }

    fn place(&self, Register { kind, number }: Register) -> usize {
        self.starts[kind as usize] + usize::from(number) * kind.len(self.features)
    }

    /// What a register holds. Panics if the program does not use it.
    pub fn register(&mut self, register: Register) -> &mut [f64] {
        let start = self.place(register);
        let length = register.kind.len(self.features);
        &mut self.memory[start..start + length]
    }

    /// `noise` fills in the results of random instructions.
    pub fn setup(&mut self, noise: impl FnMut(Draw, &mut [f64])) {
        self.run(Function::Setup, noise);
    }

    /// The prediction for an example. Panics if the number of features is another one.
    pub fn predict(&mut self, features: &[f64], noise: impl FnMut(Draw, &mut [f64])) -> f64 {
        let start = self.place(FEATURES);
        self.memory[start..start + self.features].copy_from_slice(features);
        let label = self.place(LABEL);
        self.memory[label] = 0.0;
        self.run(Function::Predict, noise);
        self.memory[self.place(PREDICTION)]
    }

    /// After the prediction for the example.
    pub fn learn(&mut self, label: f64, noise: impl FnMut(Draw, &mut [f64])) {
        let place = self.place(LABEL);
        self.memory[place] = label;
        self.run(Function::Learn, noise);
    }

    fn run(&mut self, function: Function, mut noise: impl FnMut(Draw, &mut [f64])) {
        let Self { features, memory, scratch, functions, .. } = self;
        for step in &mut functions[function as usize] {
            let length = step.operation.out().len(*features);
            let (out, [a, b]) = (step.out, step.operands);
            match step.operation.row().arithmetic {
                Arithmetic::Map(f) => (0..length).for_each(|i| memory[out + i] = f(memory[a + i])),
                Arithmetic::Zip(f) | Arithmetic::Commuting(f) => {
                    (0..length).for_each(|i| memory[out + i] = f(memory[a + i], memory[b + i]));
                }
                Arithmetic::General(f) | Arithmetic::Symmetric(f) => {
                    let (a, b) = (&memory[a..a + step.lengths[0]], &memory[b..b + step.lengths[1]]);
                    f(a, b, &step.settings, *features, &mut scratch[..length]);
                    memory[out..out + length].copy_from_slice(&scratch[..length]);
                }
                Arithmetic::Random { .. } => {
                    let draw = Draw { instruction: step.random, execution: step.executed };
                    noise(draw, &mut memory[out..out + length]);
                    step.executed += 1;
                }
                Arithmetic::Nothing => {}
            }
        }
    }
}

/// The random numbers of a program. The stream of an instruction is named by its function, operation and settings, and
/// by its rank among those that are equal in all of these; never by its position, so that another order of the
/// instructions changes nothing.
pub struct Noise {
    instructions: Vec<Source>,
}

struct Source {
    stream: Mark,
    mean: f64,
    deviation: f64,
    normal: bool,
}

impl Noise {
    pub fn new(program: &Program, seed: u64) -> Self {
        let mut names: Vec<String> = Vec::new();
        let mut instructions = Vec::new();
        for (function, instruction) in program.instructions() {
            let Some(name) = instruction.stream(function) else { continue };
            let rank = names.iter().filter(|before| **before == name).count();
            let (mean, deviation) = moments(instruction);
            let normal =
                matches!(instruction.operation().row().arithmetic, Arithmetic::Random { normal: true, .. });
            let stream = Mark::default().then(seed).then_text(&name).then(rank as u64);
            instructions.push(Source { stream, mean, deviation, normal });
            names.push(name);
        }
        Self { instructions }
    }

    /// Panics if the program has no such random instruction.
    pub fn fill(&self, draw: Draw, out: &mut [f64]) {
        let Source { stream, mean, deviation, normal } = &self.instructions[draw.instruction];
        let stream = stream.then(draw.execution as u64);
        if !normal {
            return stream.fill_uniform(out, *mean, *deviation);
        }
        fill_normal(stream, out, *mean, *deviation);
    }
}

/// Normal numbers; number i depends on the stream and on i alone.
pub fn fill_normal(stream: Mark, out: &mut [f64], mean: f64, deviation: f64) {
    for (i, out) in out.iter_mut().enumerate() {
        // Box and Muller's transform of two numbers in [0, 1).
        let mut uniform = [0.0; 2];
        stream.then(i as u64).fill_uniform(&mut uniform, 0.5, 1.0 / 12f64.sqrt());
        let radius = libm::sqrt(-2.0 * libm::log(1.0 - uniform[0].clamp(0.0, 1.0 - f64::EPSILON)));
        *out = mean + deviation * radius * libm::cos(std::f64::consts::TAU * uniform[1]);
    }
}

/// Mean and standard deviation of a random instruction.
pub fn moments(instruction: &super::Instruction) -> (f64, f64) {
    match (instruction.operation().row().arithmetic, instruction.settings()) {
        (Arithmetic::Random { moments, .. }, [a, b]) => moments(*a, *b),
        _ => (0.0, 0.0),
    }
}

const _: () = assert!(REGISTERS == u8::MAX as usize + 1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gradient_descent_learns_a_line() {
        let text = "def predict():\n s1 = dot(v0, v1)\ndef learn():\n s2 = subtract(s0, s1)\n v2 = multiply(s2, v0)\n \
            s3 = constant(0.1)\n v2 = multiply(s3, v2)\n v1 = add(v1, v2)\n";
        let mut machine = Machine::new(&text.parse().unwrap(), 2);
        let none = |_, _: &mut [f64]| panic!("nothing is random");
        machine.setup(none);
        let examples = [[1.0, 0.5], [-0.5, 1.0], [0.3, -1.2], [1.1, 1.3]];
        for _ in 0..500 {
            for x in examples {
                machine.predict(&x, none);
                machine.learn(2.0 * x[0] - 3.0 * x[1], none);
            }
        }
        assert!((machine.predict(&[10.0, 1.0], none) - 17.0).abs() < 1e-6);
    }

    #[test]
    fn results_may_replace_their_operands() {
        let text = "def setup():\n m1 = constant(2)\n m1 = set(m1, 0, 0.5, 1)\n m1 = matmul(m1, m1)\ndef predict():\n \
            v0 = matmul(m1, v0)\n s1 = mean(v0)\n";
        let mut machine = Machine::new(&text.parse().unwrap(), 2);
        let none = |_, _: &mut [f64]| panic!("nothing is random");
        machine.setup(none);
        // [2 1; 2 2]² = [6 4; 8 6], times [1, 1].
        assert_eq!(machine.predict(&[1.0, 1.0], none), 12.0);
    }

    #[test]
    fn noise_has_its_moments_and_follows_the_instruction_not_its_place() {
        let a: Program = "def setup():\n v1 = gaussian(1, 2)\n v2 = uniform(0, 4)\n v3 = gaussian(1, 2)\n"
            .parse()
            .unwrap();
        let b: Program = "def setup():\n v2 = uniform(0, 4)\n v1 = gaussian(1, 2)\n v3 = gaussian(1, 2)\n"
            .parse()
            .unwrap();
        let fill = |program: &Program, instruction| {
            let mut out = vec![0.0; 20_000];
            Noise::new(program, 3).fill(Draw { instruction, execution: 5 }, &mut out);
            out
        };
        assert_eq!((fill(&a, 0), fill(&a, 1), fill(&a, 2)), (fill(&b, 1), fill(&b, 0), fill(&b, 2)));
        assert_ne!(fill(&a, 0), fill(&a, 2));
        for (i, mean, variance) in [(0, 1.0, 4.0), (1, 2.0, 16.0 / 12.0)] {
            let x = fill(&a, i);
            let n = x.len() as f64;
            let m = x.iter().sum::<f64>() / n;
            let v = x.iter().map(|x| (x - m) * (x - m)).sum::<f64>() / n;
            assert!((m - mean).abs() < 0.06 && (v - variance).abs() < 0.15, "{m} {v}");
        }
    }
}
