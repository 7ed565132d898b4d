//! The space of programs: mutations stay inside and reach what they should, text comes back, and every way to write a
//! program keeps its symbol.

use std::collections::HashSet;

use hashing::{Mark, Rng};
use spaces::Space;
use spaces::program::{
    FEATURES, Function, Instruction, Kind, LABEL, Live, Memory, Mutation, Operation, Program, ProgramSpace,
    Register, Rules, canonicalize, symbol,
};

fn spaces() -> [ProgramSpace; 2] {
    [ProgramSpace::linear(), ProgramSpace::wide()]
}

/// After so many mutations.
fn grown(space: &ProgramSpace, mutations: usize, rng: &mut Rng) -> Program {
    let mut program = space.sample(rng);
    (0..mutations).for_each(|_| space.mutate_in_place(&mut program, rng));
    program
}

#[test]
fn whatever_is_drawn_or_mutated_lies_inside_and_comes_back_from_its_text() {
    for space in spaces() {
        let mut rng = Rng::named(0, "inside", 0);
        let mut other = space.sample(&mut rng);
        for _ in 0..2000 {
            let program = grown(&space, 5, &mut rng);
            let child = space.crossover(&program, &other, &mut rng).unwrap();
            for program in [&program, &child] {
                assert_eq!(space.check(program), Ok(()), "{program}");
                assert_eq!(program.to_string().parse::<Program>().unwrap(), *program);
                for function in Function::ALL {
                    let Rules { operations, least, most, .. } = space.rules(function);
                    let instructions = program.function(function);
                    assert!((*least..=*most).contains(&instructions.len()));
                    let allowed = |i: &Instruction| i.is_no_op() || operations.contains(&i.operation());
                    assert!(instructions.iter().all(allowed));
                }
                let written = program.instructions().filter(|(_, i)| !i.is_no_op()).map(|(_, i)| i.out());
                assert!(written.into_iter().all(|out| out != LABEL && out != FEATURES), "{program}");
            }
            assert_eq!(space.crossover(&program, &program, &mut rng), Some(program.clone()));
            other = program;
        }
    }
}

/// How many instructions differ.
fn distance(a: &Program, b: &Program) -> usize {
    a.instructions().zip(b.instructions()).filter(|((_, a), (_, b))| a != b).count()
}

fn size(program: &Program) -> usize {
    program.instructions().count()
}

#[test]
fn every_mutation_does_what_its_name_says() {
    let wide = ProgramSpace::wide();
    for mutation in Mutation::ALL {
        let rules = Function::ALL.map(|function| wide.rules(function).clone());
        let space = ProgramSpace::new(wide.memory, rules, &[mutation]).unwrap();
        let mut rng = Rng::named(1, "mutation", mutation as u64);
        let (mut changed, mut sizes, mut far) = (0, HashSet::new(), 0);
        for _ in 0..300 {
            let parent = space.sample(&mut rng);
            let child = space.mutate(&parent, &mut rng);
            changed += usize::from(child != parent);
            far = far.max(distance(&parent, &child));
            sizes.insert(size(&child) as isize - size(&parent) as isize);
        }
        let (expected_sizes, expected_far) = match mutation {
            Mutation::Identity => ([0].into(), 0),
            Mutation::AlterArgument | Mutation::RandomizeInstruction => ([0].into(), 1),
            Mutation::RandomizeFunction => ([0].into(), 23),
            Mutation::RandomizeProgram => ([0].into(), 41),
            Mutation::InsertInstruction => ([1].into(), 41),
            Mutation::RemoveInstruction => ([-1].into(), 41),
            Mutation::TradeInstruction => ([0].into(), 23),
        };
        assert_eq!(sizes, expected_sizes, "{mutation:?}");
        assert!(far <= expected_far, "{mutation:?}: {far}");
        assert_eq!(changed == 0, mutation == Mutation::Identity);
    }
}

#[test]
fn sizes_have_bounds_and_functions_without_operations_stay() {
    let add = Operation::find("add", &[Kind::Scalar; 2], Kind::Scalar, 0).unwrap();
    let rules = Rules { operations: vec![add], initial: 2, least: 1, most: 3 };
    let still = Rules { operations: vec![], initial: 2, least: 2, most: 2 };
    let memory = Memory::new(4, 1, 0).unwrap();
    let mutations = [Mutation::InsertInstruction, Mutation::RemoveInstruction];
    let space = ProgramSpace::new(memory, [still.clone(), rules.clone(), still], &mutations).unwrap();
    let mut rng = Rng::named(2, "sizes", 0);
    let sizes: HashSet<usize> = (0..200).map(|_| grown(&space, 20, &mut rng).predict.len()).collect();
    assert_eq!(sizes, HashSet::from([1, 2, 3]));
    assert!(grown(&space, 50, &mut rng).setup.iter().all(Instruction::is_no_op));
}

#[test]
fn what_makes_no_space_is_told_with_the_function_and_the_remedy() {
    let dot = Operation::find("outer", &[Kind::Vector; 2], Kind::Matrix, 0).unwrap();
    let memory = Memory::new(2, 1, 0).unwrap();
    let made = |rules: [Rules; 3], mutations: &[Mutation]| {
        ProgramSpace::new(memory, rules, mutations).map(|_| ()).unwrap_err().to_string()
    };
    let none = || Rules::fixed(&[], 0);
    let message = made([none(), Rules::fixed(&[dot], 1), none()], &Mutation::ALL);
    assert_eq!(message, "`predict` has `outer`, but the memory has no matrix");
    let message = made([none(), none(), Rules { initial: 4, ..none() }], &Mutation::ALL);
    assert_eq!(message, "`learn` begins with 4 instructions, which is not between 0 and 0");
    assert_eq!(made([none(), none(), none()], &[]), "no mutation; name at least one");
    let message = made([none(), none(), none()], &Mutation::ALL);
    assert_eq!(message, "no operation in any function; name at least one");
}

/// A rewriting that changes no prediction; false where the program has no place for it.
type Rewriting = fn(&mut Program, &mut Rng) -> bool;

const REWRITINGS: [(&str, Rewriting); 6] = [
    ("a no-op", no_op),
    ("a dead write", dead_write),
    ("other names", renaming),
    ("operands that commute", commuted),
    ("another order", reordered),
    ("a repetition", repeated),
];

/// One register of each kind is left to dead writes.
fn memory() -> Memory {
    Memory::new(9, 15, 4).unwrap()
}

fn random_place<'a>(program: &'a mut Program, rng: &mut Rng) -> (&'a mut Vec<Instruction>, usize) {
    let instructions = program.function_mut(*rng.choose(&Function::ALL));
    let place = rng.below(instructions.len() + 1);
    (instructions, place)
}

fn no_op(program: &mut Program, rng: &mut Rng) -> bool {
    let (instructions, place) = random_place(program, rng);
    instructions.insert(place, Instruction::NO_OP);
    true
}

fn dead_write(program: &mut Program, rng: &mut Rng) -> bool {
    let operations: Vec<Operation> = Operation::all().filter(|it| *it != Operation::NO_OP).collect();
    let operation = *rng.choose(&operations);
    let unused = memory().count(operation.out()) - 1;
    let operands: Vec<u8> = operation.operands().iter().map(|_| 0).collect();
    let settings = vec![0.5; operation.settings()];
    let (instructions, place) = random_place(program, rng);
    // A draw of its own kind would take the rank of an equal one that lives.
    instructions.insert(place, Instruction::new(operation, unused, &operands, &settings).unwrap());
    true
}

fn renaming(program: &mut Program, rng: &mut Rng) -> bool {
    let mut numbers = Kind::ALL.map(|kind| (first(kind)..memory().count(kind) - 1).collect::<Vec<u8>>());
    numbers.iter_mut().for_each(|numbers| rng.shuffle(numbers));
    let rename = |Register { kind, number }: Register| {
        let at = number.checked_sub(first(kind)).map(usize::from);
        at.and_then(|at| numbers[kind as usize].get(at).copied()).unwrap_or(number)
    };
    for function in Function::ALL {
        for instruction in program.function_mut(function).iter_mut().filter(|i| !i.is_no_op()) {
            *instruction = instruction.renamed(rename);
        }
    }
    true
}

/// `s0`, `s1` and `v0` have a meaning.
fn first(kind: Kind) -> u8 {
    [2, 1, 0][kind as usize]
}

fn commuted(program: &mut Program, rng: &mut Rng) -> bool {
    let (instructions, place) = random_place(program, rng);
    let Some(instruction) = instructions.get_mut(place).filter(|i| i.operation().commutes()) else {
        return false;
    };
    let operands: Vec<u8> = instruction.operands().rev().map(|register| register.number).collect();
    let out = instruction.out().number;
    *instruction = Instruction::new(instruction.operation(), out, &operands, &[]).unwrap();
    true
}

fn reordered(program: &mut Program, rng: &mut Rng) -> bool {
    let (instructions, place) = random_place(program, rng);
    let Some([a, b]) = instructions.get(place..).and_then(|rest| rest.first_chunk()).copied() else {
        return false;
    };
    let reads = |reader: Instruction, writer: Instruction| reader.operands().any(|it| it == writer.out());
    let independent = a.out() != b.out() && !reads(a, b) && !reads(b, a);
    if independent {
        instructions.swap(place, place + 1);
    }
    independent
}

fn repeated(program: &mut Program, rng: &mut Rng) -> bool {
    let (instructions, place) = random_place(program, rng);
    let Some(again) = instructions.get(place).copied().filter(|i| !i.operation().is_random()) else {
        return false;
    };
    let reads_itself = again.operands().any(|operand| operand == again.out());
    if !reads_itself {
        instructions.insert(place, again);
    }
    !reads_itself
}

fn symbol_of(program: &Program) -> Mark {
    symbol(&Live::of(program, &memory()), &memory())
}

/// Half small programs of six operations, half large ones of all.
fn random_programs(count: u64) -> impl Iterator<Item = (Program, Rng)> {
    let spaces = spaces();
    (0..count).map(move |n| {
        let mut rng = Rng::named(0, "metamorphic", n);
        let space = &spaces[n as usize % 2];
        let mut program = grown(space, if n % 2 == 0 { 10 } else { 60 }, &mut rng);
        if n % 2 == 1 {
            // Something is predicted.
            let dot = Operation::find("dot", &[Kind::Vector; 2], Kind::Scalar, 0).unwrap();
            program.predict.push(Instruction::new(dot, 1, &[0, 1 + rng.below(5) as u8], &[]).unwrap());
        }
        (program, rng)
    })
}

#[test]
fn ten_thousand_programs_keep_their_symbol_however_they_are_rewritten() {
    let mut counts = [[0u32; 2]; REWRITINGS.len()];
    for (program, mut rng) in random_programs(10_000) {
        for (counts, (name, rewrite)) in counts.iter_mut().zip(REWRITINGS) {
            let mut other = program.clone();
            if !rewrite(&mut other, &mut rng) {
                continue;
            }
            counts[0] += 1;
            counts[1] += u32::from(symbol_of(&other) != symbol_of(&program));
            // Equal draws that change places are other draws: their ranks are.
            let draws = program.instructions().any(|(_, i)| i.operation().is_random());
            assert!(draws || symbol_of(&other) == symbol_of(&program), "{name}:\n{program}\n{other}");
        }
    }
    for ([tried, split], (name, _)) in counts.iter().zip(REWRITINGS) {
        println!("{name}: {split} of {tried} symbols differ");
        assert!(1000 * split <= *tried, "{name}");
    }
}

#[test]
fn canonical_forms_of_ten_thousand_programs_have_the_symbol_of_the_program() {
    let mut split = 0;
    for (program, _) in random_programs(10_000) {
        let canonical = canonicalize(&program);
        // The canonical form numbers registers by first use, and may need other numbers, but never more.
        let memory = Memory::new(30, 20, 10).unwrap();
        let of = |program: &Program| symbol(&Live::of(program, &memory), &memory);
        split += usize::from(of(&program) != of(&canonical));
        assert_eq!(Live::of(&canonical, &memory).program(), &canonical, "{program}");
    }
    println!("{split} of 10000 canonical forms have another symbol");
    assert!(split <= 10);
}
