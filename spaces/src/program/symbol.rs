//! What a program computes, as one word that does not depend on how it is written: the first of the two keys.
//!
//! Every value gets a mark made from the operation and the marks of its operands; so names, order, repetition and dead
//! code do not show. A register that lives from one example to the next is marked by what `setup` leaves in it and by
//! what `predict` and `learn` make of it, refined round by round as the colors of a graph are. Two registers with one
//! mark hold the same numbers at all times, and two programs with one symbol predict the same.

use hashing::Mark;

use super::live::Live;
use super::memory::{Memory, Registers};
use super::{FEATURES, Function, Instruction, Kind, LABEL, Operation, PREDICTION, Program};

type Marks = [Mark; Registers::BITS as usize];

/// The symbol of a program that fits this memory.
pub fn symbol(live: &Live, memory: &Memory) -> Mark {
    let program = live.program();
    let [label, features, prediction] = [LABEL, FEATURES, PREDICTION].map(|it| memory.index(it));
    let mut before = zeros(memory);
    run(Function::Setup, &program.setup, memory, &mut before);
    let zero = constant(Kind::Scalar, 0.0);
    (before[label], before[features]) = (zero, Mark(1));
    // A register that changes is never taken for a constant that it equals at first.
    let changing = live.carried() & written(live, memory);
    members(changing).for_each(|i| before[i] = CHANGING.then(before[i].0));
    let mut classes = distinct(changing, &before).count();
    let all = memory.registers();
    let (mut predicted, mut learned) = (before, before);
    loop {
        predicted[..all].copy_from_slice(&before[..all]);
        run(Function::Predict, &program.predict, memory, &mut predicted);
        learned[..all].copy_from_slice(&predicted[..all]);
        learned[label] = Mark(2);
        run(Function::Learn, &program.learn, memory, &mut learned);
        for i in members(changing) {
            before[i] = before[i].then(predicted[i].0).then(learned[i].0);
        }
        let now = distinct(changing, &before).count();
        if now <= classes {
            // All of them count: two programs whose registers have the same marks now will have so for ever.
            let sum = distinct(changing, &before).fold(0u64, |sum, mark| sum.wrapping_add(mark.0));
            return predicted[prediction].then(sum);
        }
        classes = now;
    }
}

/// Marks registers that change from example to example.
const CHANGING: Mark = Mark(0);

/// What `predict` and `learn` write.
fn written(live: &Live, memory: &Memory) -> Registers {
    let Program { predict, learn, .. } = live.program();
    predict.iter().chain(learn).fold(0, |set, instruction| set | memory.set(instruction.out()))
}

/// Registers hold zeros at first.
fn zeros(memory: &Memory) -> Marks {
    let mut marks = [Mark::default(); Registers::BITS as usize];
    let mut next = 0;
    for kind in Kind::ALL {
        let count = usize::from(memory.count(kind));
        marks[next..next + count].fill(constant(kind, 0.0));
        next += count;
    }
    marks
}

fn constant(kind: Kind, value: f64) -> Mark {
    Mark(3).then(kind as u64).then(value.to_bits())
}

fn run(function: Function, instructions: &[Instruction], memory: &Memory, marks: &mut Marks) {
    for (i, instruction) in instructions.iter().enumerate() {
        let operation = instruction.operation();
        marks[memory.index(instruction.out())] = if operation.is_random() {
            drawn(function, &instructions[..i], instruction)
        } else if operation.is_constant() {
            constant(operation.out(), instruction.settings()[0])
        } else {
            let settings = instruction.settings().iter();
            let start = settings.fold(kind_of(operation), |mark, setting| mark.then(setting.to_bits()));
            operands(instruction, memory, marks).fold(start, |mark, operand| mark.then(operand.0))
        };
    }
}

fn kind_of(operation: Operation) -> Mark {
    Mark(4 + operation.number() as u64)
}

/// Those that commute in the order of their marks.
fn operands<'a>(
    instruction: &'a Instruction,
    memory: &'a Memory,
    marks: &'a Marks,
) -> impl Iterator<Item = Mark> + use<> {
    let mut two = [Mark::default(); 2];
    let mut count = 0;
    for operand in instruction.operands() {
        two[count] = marks[memory.index(operand)];
        count += 1;
    }
    if instruction.operation().commutes() && two[1] < two[0] {
        two.swap(0, 1);
    }
    two.into_iter().take(count)
}

/// A draw is known by its function, operation and settings, and by its rank among those that are equal in all of these:
/// whoever runs a program draws by the same [`stream`].
fn drawn(function: Function, before: &[Instruction], instruction: &Instruction) -> Mark {
    let rank = before.iter().filter(|other| other.draws_like(instruction)).count();
    stream(Mark::default(), function, instruction, rank)
}

/// What the random numbers of an instruction follow from. `rank` counts the instructions before it, of the same
/// function, that have its operation and settings.
pub fn stream(seed: Mark, function: Function, instruction: &Instruction, rank: usize) -> Mark {
    let start = seed.then(function as u64).then(instruction.operation().number() as u64);
    let settings = instruction.settings().iter();
    settings.fold(start, |mark, setting| mark.then(setting.to_bits())).then(rank as u64)
}

fn members(mut set: Registers) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let next = (set != 0).then_some(set.trailing_zeros() as usize)?;
        set &= set - 1;
        Some(next)
    })
}

/// Each mark of these registers once.
fn distinct(set: Registers, marks: &Marks) -> impl Iterator<Item = Mark> {
    let is_first = move |i: &usize| members(set).take_while(|j| j < i).all(|j| marks[j] != marks[*i]);
    members(set).filter(is_first).map(|i| marks[i])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Mark {
        let program: Program = text.replace("; ", "\n").parse().unwrap();
        let memory = Memory::new(8, 6, 3).unwrap();
        symbol(&Live::of(&program, &memory), &memory)
    }

    #[test]
    fn names_order_repetition_and_dead_code_do_not_show() {
        let plain = of(
            "def setup():; s2 = constant(0.1); v1 = gaussian(0, 1); def predict():; s1 = dot(v0, v1); \
                        def learn():; s3 = subtract(s0, s1); s3 = multiply(s3, s2); v2 = multiply(s3, v0); v1 = add(v1, v2)",
        );
        let other = of(
            "def setup():; v3 = gaussian(0, 1); s7 = constant(0.1); s6 = sin(s7); def predict():; no_op(); \
                        s1 = dot(v3, v0); def learn():; s5 = subtract(s0, s1); s5 = subtract(s0, s1); \
                        s4 = multiply(s7, s5); v5 = multiply(s4, v0); v3 = add(v5, v3); s0 = abs(s0)",
        );
        assert_eq!(plain, other);
    }

    #[test]
    fn every_wire_and_number_shows() {
        let text = "def setup():; s2 = constant(0.1); v1 = gaussian(0, 1); def predict():; s1 = dot(v0, v1); \
                    def learn():; s3 = subtract(s0, s1); v2 = multiply(s3, v0); v1 = add(v1, v2)";
        let edits = [
            ("0, 1)", "0, 2)"),
            ("gaussian", "uniform"),
            ("subtract(s0, s1)", "subtract(s1, s0)"),
            ("multiply(s3, v0)", "multiply(s2, v0)"),
            ("add(v1, v2)", "add(v1, v1)"),
            ("dot(v0, v1)", "dot(v0, v0)"),
            ("s1 = dot(v0, v1)", "s1 = norm(v1)"),
        ];
        for (from, to) in edits {
            assert_ne!(of(&text.replace(from, to)), of(text), "{to}");
        }
    }

    #[test]
    fn a_chain_of_registers_is_as_long_as_it_is() {
        // The prediction is 1 from the third or from the fourth example on.
        let three = "def setup():; s6 = constant(1); def predict():; s1 = add(s2, s2); \
                     def learn():; s2 = add(s3, s7); s3 = add(s4, s7); s4 = add(s6, s7)";
        let four = "def setup():; s6 = constant(1); def predict():; s1 = add(s2, s2); \
                    def learn():; s2 = add(s3, s7); s3 = add(s4, s7); s4 = add(s5, s7); s5 = add(s6, s7)";
        assert_ne!(of(three), of(four));
    }

    #[test]
    fn a_register_that_is_zero_at_first_is_no_zero() {
        let learn = "def learn():; s3 = subtract(s0, s1)";
        let [zero, square] =
            ["s0", "s3"].map(|s| of(&format!("def predict():; s1 = multiply(s3, {s}); {learn}")));
        assert_ne!(zero, square);
    }

    #[test]
    fn registers_that_hold_the_same_are_one() {
        let twice = "def setup():; v1 = gaussian(0, 1); def predict():; v2 = add(v1, v1); s1 = dot(v0, v2)";
        let copies = "def setup():; v1 = gaussian(0, 1); v3 = gaussian(0, 1); def predict():; v2 = add(v1, v3); s1 = dot(v0, v2)";
        assert_ne!(of(twice), of(copies));
        let sums = "def predict():; v2 = add(v1, v1); s1 = dot(v0, v2); def learn():; v1 = add(v1, v0)";
        let two = "def predict():; v2 = add(v1, v3); s1 = dot(v0, v2); def learn():; v1 = add(v1, v0); v3 = add(v0, v3)";
        assert_eq!(of(sums), of(two));
    }
}
