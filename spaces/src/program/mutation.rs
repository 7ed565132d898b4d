//! The mutations of AutoML-Zero (Real et al. 2020, arXiv 2003.03384), and how random instructions are made for them.

use hashing::Rng;

use super::space::{ProgramSpace, Rules};
use super::{Function, Instruction, Kind, Operation, Program};

/// What can be done to a program. Where it cannot be done (nothing to remove, no room to insert), nothing happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Mutation {
    /// One operand, result or constant of an instruction is another one.
    AlterArgument,
    /// An instruction is a new one.
    RandomizeInstruction,
    /// All instructions of a function are new ones.
    RandomizeFunction,
    InsertInstruction,
    RemoveInstruction,
    /// One is inserted, and one removed.
    TradeInstruction,
    /// All instructions are new ones.
    RandomizeProgram,
    Identity,
}

impl Mutation {
    pub const ALL: [Self; 8] = [
        Self::AlterArgument,
        Self::RandomizeInstruction,
        Self::RandomizeFunction,
        Self::InsertInstruction,
        Self::RemoveInstruction,
        Self::TradeInstruction,
        Self::RandomizeProgram,
        Self::Identity,
    ];

    /// Does it to a random function that has operations to choose from.
    pub(super) fn apply(self, space: &ProgramSpace, program: &mut Program, rng: &mut Rng) {
        let function = *rng.choose(space.mutable());
        let rules = space.rules(function);
        let instructions = program.function_mut(function);
        let count = instructions.len();
        match self {
            Self::AlterArgument if count > 0 => {
                let instruction = &mut instructions[rng.below(count)];
                *instruction = altered(space, *instruction, rng);
            }
            Self::RandomizeInstruction if count > 0 => {
                instructions[rng.below(count)] = random(space, rules, rng);
            }
            Self::RandomizeFunction => {
                instructions.iter_mut().for_each(|instruction| *instruction = random(space, rules, rng));
            }
            Self::InsertInstruction if count < rules.most => {
                instructions.insert(rng.below(count + 1), random(space, rules, rng));
            }
            Self::RemoveInstruction if count > rules.least => drop(instructions.remove(rng.below(count))),
            Self::TradeInstruction if count > 0 => {
                instructions.insert(rng.below(count + 1), random(space, rules, rng));
                instructions.remove(rng.below(count + 1));
            }
            Self::RandomizeProgram => {
                for function in space.mutable() {
                    let rules = space.rules(*function);
                    let all = program.function_mut(*function).iter_mut();
                    all.for_each(|instruction| *instruction = random(space, rules, rng));
                }
            }
            _ => {}
        }
    }
}

/// An instruction with one of the operations that the function may have.
pub(super) fn random(space: &ProgramSpace, rules: &Rules, rng: &mut Rng) -> Instruction {
    let operation = *rng.choose(&rules.operations);
    if operation == Operation::NO_OP {
        return Instruction::NO_OP;
    }
    let mut operands = [0; 2];
    let kinds = operation.operands();
    for (operand, kind) in operands.iter_mut().zip(kinds) {
        *operand = readable(space, *kind, rng);
    }
    let out = writable(space, operation.out(), rng);
    if operation.sets_in_place() {
        operands[0] = out;
    }
    let mut settings = [0.0; 3];
    let count = operation.settings();
    for (place, setting) in settings.iter_mut().enumerate().take(count) {
        let (low, high) = operation.range(place);
        *setting = rng.between(low, high);
    }
    made(operation, out, &operands[..kinds.len()], &mut settings[..count])
}

/// The operands, the result and (all of them together) the constants are equally likely to change. Constants change by
/// a factor exp(z), z standard normal, or with a probability of 0.1 in their sign; places of elements are drawn anew.
fn altered(space: &ProgramSpace, instruction: Instruction, rng: &mut Rng) -> Instruction {
    let operation = instruction.operation();
    if operation == Operation::NO_OP {
        return instruction;
    }
    let mut operands = [0; 2];
    let kinds = operation.operands();
    operands.iter_mut().zip(instruction.operands()).for_each(|(number, operand)| *number = operand.number);
    let mut out = instruction.out().number;
    let mut settings = [0.0; 3];
    let count = operation.settings();
    settings[..count].copy_from_slice(instruction.settings());
    let alterable = if operation.sets_in_place() { 0 } else { kinds.len() };
    match rng.below(alterable + 1 + usize::from(count > 0)) {
        place if place < alterable => operands[place] = readable(space, kinds[place], rng),
        place if place == alterable => out = writable(space, operation.out(), rng),
        _ => {
            let place = rng.below(count);
            settings[place] = altered_setting(operation, place, settings[place], rng);
        }
    }
    if operation.sets_in_place() {
        operands[0] = out;
    }
    made(operation, out, &operands[..kinds.len()], &mut settings[..count])
}

fn altered_setting(operation: Operation, place: usize, setting: f64, rng: &mut Rng) -> f64 {
    let (low, high) = operation.range(place);
    let is_place = operation.sets_in_place() && place + 1 < operation.settings();
    let is_deviation = operation.name() == "gaussian" && place == 1;
    let scaled = |rng: &mut Rng| (setting * libm::exp(rng.normal())).clamp(-LARGEST, LARGEST);
    match (is_place, is_deviation) {
        (true, _) => rng.between(low, high),
        (_, true) => scaled(rng),
        _ if rng.chance(0.1) => -setting,
        _ => scaled(rng),
    }
}

/// Larger constants are not reached by altering, so that they stay finite.
const LARGEST: f64 = 1e12;

/// The lower bound of a uniform distribution stands first.
fn made(operation: Operation, out: u8, operands: &[u8], settings: &mut [f64]) -> Instruction {
    if operation.name() == "uniform" {
        settings.sort_unstable_by(f64::total_cmp);
    }
    Instruction::new(operation, out, operands, settings).expect("as many as it has, all of them finite")
}

fn readable(space: &ProgramSpace, kind: Kind, rng: &mut Rng) -> u8 {
    rng.below(usize::from(space.memory.count(kind))) as u8
}

/// All but the label and the features.
fn writable(space: &ProgramSpace, kind: Kind, rng: &mut Rng) -> u8 {
    let first = first_writable(kind);
    first + rng.below(usize::from(space.memory.count(kind) - first)) as u8
}

/// `s0` is the label, and `v0` the features.
pub(super) fn first_writable(kind: Kind) -> u8 {
    match kind {
        Kind::Scalar | Kind::Vector => 1,
        Kind::Matrix => 0,
    }
}

/// A child that has each function from one of its parents; and where it has one from both, a cut through it.
pub(super) fn crossed(space: &ProgramSpace, a: &Program, b: &Program, rng: &mut Rng) -> Program {
    let mut child = a.clone();
    for function in Function::ALL {
        let (a, b) = (a.function(function), b.function(function));
        let cut = rng.below(a.len().min(b.len()) + 1);
        let (head, tail) = if rng.chance(0.5) { (a, b) } else { (b, a) };
        let instructions = child.function_mut(function);
        instructions.clear();
        instructions.extend_from_slice(&head[..cut]);
        instructions.extend_from_slice(&tail[cut..]);
        debug_assert!(instructions.len() <= space.rules(function).most);
    }
    child
}
