//! One spelling for programs that differ in dead instructions, the names of registers, the order of independent
//! instructions, or the order of operands that commute.

use hashing::Mark;

use super::program::REGISTERS;
use super::{FEATURES, Function, Instruction, Kind, LABEL, PREDICTION, Program, Register};

/// Dead instructions gone, the others in one order, operands that commute too, and registers named in the order of
/// their first use. Idempotent; never changes behavior.
pub fn canonicalize(program: &Program) -> Program {
    let live = without_dead(program);
    let marks = Marks::of(&live);
    renamed(&marks.ordered(&live))
}

type Registers = [bool; REGISTERS * Kind::ALL.len()];

/// The least set of live instructions: what a prediction needs, and what that needs, in this example or a later one. A
/// register that only feeds itself is dead.
fn without_dead(program: &Program) -> Program {
    let none = [false; REGISTERS * Kind::ALL.len()];
    let (mut before_predict, mut before_learn) = (none, none);
    loop {
        // The label and the features are written from outside, before `learn` and `predict`.
        let mut kept = before_predict;
        kept[LABEL.index()] = false;
        kept[FEATURES.index()] = false;
        let mut learned = before_learn;
        learned[LABEL.index()] = false;
        let mut predicted: Registers = std::array::from_fn(|i| kept[i] || learned[i]);
        predicted[PREDICTION.index()] = true;

        let mut lives = Program::default();
        let next_predict = backwards(&program.predict, predicted, &mut lives.predict);
        let next_learn = backwards(&program.learn, kept, &mut lives.learn);
        if (next_predict, next_learn) == (before_predict, before_learn) {
            backwards(&program.setup, kept, &mut lives.setup);
            return lives;
        }
        (before_predict, before_learn) = (next_predict, next_learn);
    }
}

/// What is live before these instructions, if `live` is what lives after them; and the instructions that are needed.
fn backwards(instructions: &[Instruction], mut live: Registers, needed: &mut Vec<Instruction>) -> Registers {
    for instruction in instructions.iter().rev() {
        if !instruction.is_no_op() && std::mem::take(&mut live[instruction.out().index()]) {
            instruction.operands().for_each(|operand| live[operand.index()] = true);
            needed.push(*instruction);
        }
    }
    needed.reverse();
    live
}

/// Where an operand comes from: an instruction of the same function, or what was in the register before it.
#[derive(Clone, Copy)]
enum Source {
    Instruction(usize),
    Before(Register),
}

/// Marks that do not depend on how a program is written: of each instruction by what it does, where its operands come
/// from and where its result goes; of each register by who writes and reads it across functions. Refined round by
/// round, as colors of a graph are.
struct Marks {
    instructions: Vec<Mark>,
    registers: Vec<Mark>,
    sources: Vec<Vec<Source>>,
}

impl Marks {
    fn of(program: &Program) -> Self {
        let (sources, last) = sources(program);
        let start = |(function, instruction): (Function, &Instruction)| {
            let settings = instruction.settings().iter();
            let kind = Mark::default().then(function as u64).then(instruction.operation().number() as u64);
            settings.fold(kind, |mark, setting| mark.then(setting.to_bits()))
        };
        let instructions = program.instructions().map(start).collect();
        let registers = Kind::ALL.into_iter().flat_map(|kind| {
            (0..=u8::MAX).map(move |number| {
                let register = Register { kind, number };
                let name = if register.is_fixed() { 1 + u64::from(number) } else { 0 };
                Mark::default().then(kind as u64).then(name)
            })
        });
        let mut marks = Self { instructions, registers: registers.collect(), sources };
        let mut classes = 0;
        loop {
            marks.refine(program, &last);
            let mut distinct = marks.instructions.clone();
            distinct.sort_unstable();
            distinct.dedup();
            if distinct.len() <= classes {
                return marks;
            }
            classes = distinct.len();
        }
    }

    /// One round: each mark takes in those around it.
    fn refine(&mut self, program: &Program, last: &[bool]) {
        let mut instructions = Vec::with_capacity(self.instructions.len());
        let mut readers = vec![0u64; self.instructions.len()];
        let mut around = vec![0u64; self.registers.len()];
        for (i, (function, instruction)) in program.instructions().enumerate() {
            let mut from: Vec<Mark> = self.sources[i].iter().map(|source| self.source(*source)).collect();
            let commutes = instruction.operation().commutes();
            if commutes {
                from.sort_unstable();
            }
            let mark = self.instructions[i];
            instructions.push(from.iter().fold(mark, |mark, from| mark.then(from.0)));
            for (place, source) in self.sources[i].iter().enumerate() {
                // Sums, since readers have no order.
                let role = mark.then(if commutes { 0 } else { place as u64 }).0;
                let sum = match source {
                    Source::Instruction(source) => &mut readers[*source],
                    Source::Before(register) => &mut around[register.index()],
                };
                *sum = sum.wrapping_add(role);
            }
            if last[i] {
                let sum = &mut around[instruction.out().index()];
                *sum = sum.wrapping_add(mark.then(2 + function as u64).0);
            }
        }
        for (i, (_, instruction)) in program.instructions().enumerate() {
            let register = if last[i] { self.registers[instruction.out().index()].0 } else { 0 };
            instructions[i] = instructions[i].then(readers[i]).then(register);
        }
        self.instructions = instructions;
        self.registers.iter_mut().zip(around).for_each(|(mark, around)| *mark = mark.then(around));
    }

    fn source(&self, source: Source) -> Mark {
        match source {
            Source::Instruction(i) => self.instructions[i],
            Source::Before(register) => self.registers[register.index()],
        }
    }

    /// Of the instructions that can come next, always the one with the least mark. Equal ones keep their order.
    fn ordered(&self, program: &Program) -> Program {
        let mut ordered = Program::default();
        let mut first = 0;
        for function in Function::ALL {
            let instructions = program.function(function);
            let mut left: Vec<usize> = (0..instructions.len()).collect();
            while !left.is_empty() {
                let free = |i: &usize| {
                    left.iter()
                        .take_while(|j| *j < i)
                        .all(|j| independent(&instructions[*j], &instructions[*i]))
                };
                let next =
                    left.iter().copied().filter(free).min_by_key(|i| (self.instructions[first + i], *i));
                let next = next.expect("the first of them is free");
                left.retain(|i| *i != next);
                ordered.function_mut(function).push(self.sorted(&instructions[next], first + next));
            }
            first += instructions.len();
        }
        ordered
    }

    /// Operands that commute by their marks. Equal ones keep their order.
    fn sorted(&self, instruction: &Instruction, index: usize) -> Instruction {
        match &self.sources[index][..] {
            [a, b] if instruction.operation().commutes() && self.source(*b) < self.source(*a) => {
                instruction.swapped()
            }
            _ => *instruction,
        }
    }
}

/// Neither reads or writes what the other writes.
fn independent(a: &Instruction, b: &Instruction) -> bool {
    let reads = |reader: &Instruction, writer: &Instruction| {
        reader.operands().any(|register| register == writer.out())
    };
    a.out() != b.out() && !reads(a, b) && !reads(b, a)
}

/// Of every operand of every instruction; and whether an instruction is the last of its function to write its register.
fn sources(program: &Program) -> (Vec<Vec<Source>>, Vec<bool>) {
    let (mut sources, mut last) = (Vec::new(), Vec::new());
    for function in Function::ALL {
        let first = sources.len();
        let instructions = program.function(function);
        for (i, instruction) in instructions.iter().enumerate() {
            let source = |operand: Register| {
                let writer = instructions[..i].iter().rposition(|before| before.out() == operand);
                writer.map_or(Source::Before(operand), |writer| Source::Instruction(first + writer))
            };
            sources.push(instruction.operands().map(source).collect());
            last.push(instructions[i + 1..].iter().all(|after| after.out() != instruction.out()));
        }
    }
    (sources, last)
}

/// Numbers from 2 (`s0` and `s1` have a meaning) and from 1 (so has `v0`), in the order of first use; matrices from 0.
fn renamed(program: &Program) -> Program {
    let mut names: Vec<Option<u8>> = vec![None; REGISTERS * Kind::ALL.len()];
    let mut next = [2, 1, 0];
    let mut rename = |register: Register| {
        if register.is_fixed() {
            return register.number;
        }
        *names[register.index()].get_or_insert_with(|| {
            let number = &mut next[register.kind as usize];
            *number += 1;
            *number - 1
        })
    };
    let mut renamed = Program::default();
    for (function, instruction) in program.instructions() {
        renamed.function_mut(function).push(instruction.renamed(&mut rename));
    }
    renamed
}

#[cfg(test)]
mod tests {
    use super::*;

    fn canonical(text: &str) -> String {
        canonicalize(&text.parse().unwrap()).to_string()
    }

    #[test]
    fn what_no_prediction_needs_is_gone() {
        let text = "def setup():\n s2 = constant(1)\n s3 = constant(2)\n s4 = constant(3)\ndef predict():\n s5 = sin(s3)\n \
            s1 = multiply(s2, s2)\ndef learn():\n s4 = add(s4, s3)\n v0 = abs(v0)\n s0 = sin(s0)\n";
        let expected =
            "def setup():\n    s2 = constant(1)\ndef predict():\n    s1 = multiply(s2, s2)\ndef learn():\n";
        assert_eq!(canonical(text), expected);
    }

    #[test]
    fn what_learning_needs_later_stays() {
        let text = "def setup():\ndef predict():\n    s2 = abs(s3)\ndef learn():\n    s3 = sin(s0)\n    s1 = add(s1, s2)\n";
        let with_learning = canonical(text);
        // `s1` is not written by `predict`: what `learn` leaves there is the next prediction.
        assert_eq!(with_learning.lines().count(), 6, "{with_learning}");
    }
}
