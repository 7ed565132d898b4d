//! The space of register programs: which registers, operations, sizes and mutations there are.

use hashing::Rng;

use super::mutation::{crossed, first_writable, random};
use super::{Function, Instruction, Kind, Malformed, Memory, Mutation, Operation, Program, canonicalize};
use crate::Space;

/// Programs over one memory, with rules for each of their functions. Default: [`ProgramSpace::wide`].
#[derive(Clone, Debug)]
pub struct ProgramSpace {
    pub memory: Memory,
    rules: [Rules; 3],
    mutations: Vec<Mutation>,
    mutable: Vec<Function>,
    starts_empty: bool,
}

/// What one function can be.
#[derive(Clone, Debug, PartialEq)]
pub struct Rules {
    /// Those that mutations draw from; without any, the function is never changed.
    pub operations: Vec<Operation>,
    /// How many instructions it has at first, at least and at most.
    pub initial: usize,
    pub least: usize,
    pub most: usize,
}

impl Rules {
    /// Always as many instructions.
    pub fn fixed(operations: &[Operation], size: usize) -> Self {
        Self { operations: operations.to_vec(), initial: size, least: size, most: size }
    }
}

impl ProgramSpace {
    /// Rules of `setup`, `predict` and `learn`. Errors name what cannot be: sizes that contradict each other, an
    /// operation on a kind of register that the memory has none of, no mutation.
    pub fn new(memory: Memory, rules: [Rules; 3], mutations: &[Mutation]) -> Result<Self, Malformed> {
        if mutations.is_empty() {
            return Err(Malformed("no mutation; name at least one".into()));
        }
        for (function, rules) in Function::ALL.into_iter().zip(&rules) {
            check_rules(function, rules, &memory)?;
        }
        let with_operations = |function: &Function| !rules[*function as usize].operations.is_empty();
        let mutable: Vec<Function> = Function::ALL.into_iter().filter(with_operations).collect();
        if mutable.is_empty() {
            return Err(Malformed("no operation in any function; name at least one".into()));
        }
        Ok(Self { memory, rules, mutations: mutations.to_vec(), mutable, starts_empty: false })
    }

    /// The programs that it draws are made of no-ops, to be filled by mutations.
    pub fn starting_empty(mut self) -> Self {
        self.starts_empty = true;
        self
    }

    /// The published demonstration: linear regression from 6 operations, with 10, 2 and 8 instructions on 4 scalars, 3
    /// vectors and a matrix.
    pub fn linear() -> Self {
        let operations = [
            find("constant", &[], Kind::Scalar, 1),
            find("dot", &[Kind::Vector; 2], Kind::Scalar, 0),
            find("subtract", &[Kind::Scalar; 2], Kind::Scalar, 0),
            find("multiply", &[Kind::Scalar; 2], Kind::Scalar, 0),
            find("multiply", &[Kind::Scalar, Kind::Vector], Kind::Vector, 0),
            find("add", &[Kind::Vector; 2], Kind::Vector, 0),
        ];
        let rules = [10, 2, 8].map(|size| Rules::fixed(&operations, size));
        let memory = Memory::new(4, 3, 1).expect("8 registers fit");
        let mutations =
            [Mutation::AlterArgument, Mutation::RandomizeInstruction, Mutation::RandomizeFunction];
        Self::new(memory, rules, &mutations).expect("the published space is one")
    }

    /// All published operations, up to 21, 21 and 45 instructions on 8 scalars, 14 vectors and 3 matrices: the sizes of
    /// the published search over images, from programs of no-ops.
    pub fn wide() -> Self {
        let operations: Vec<Operation> = Operation::all().filter(|it| it.is_published()).collect();
        let rules = [(7, 21), (11, 21), (23, 45)].map(|(initial, most)| Rules {
            operations: operations.clone(),
            initial,
            least: 1,
            most,
        });
        let memory = Memory::new(8, 14, 3).expect("25 registers fit");
        Self::new(memory, rules, &Mutation::ALL).expect("every kind has registers").starting_empty()
    }

    pub fn rules(&self, function: Function) -> &Rules {
        &self.rules[function as usize]
    }

    pub fn mutations(&self) -> &[Mutation] {
        &self.mutations
    }

    /// Functions that mutations change.
    pub(super) fn mutable(&self) -> &[Function] {
        &self.mutable
    }

    /// One of the mutations, in place, without allocating where there is room.
    pub fn mutate_in_place(&self, program: &mut Program, rng: &mut Rng) {
        rng.choose(&self.mutations).apply(self, program, rng);
    }
}

fn find(name: &str, operands: &[Kind], out: Kind, settings: usize) -> Operation {
    Operation::find(name, operands, out, settings).expect("it is in the table")
}

fn check_rules(function: Function, rules: &Rules, memory: &Memory) -> Result<(), Malformed> {
    let Rules { operations, initial, least, most } = rules;
    let name = function.name();
    if !(least..=most).contains(&initial) {
        return Err(Malformed(format!(
            "`{name}` begins with {initial} instructions, which is not between {least} and {most}"
        )));
    }
    for operation in operations.iter().filter(|operation| **operation != Operation::NO_OP) {
        let out = operation.out();
        let lacks = |kind: &&Kind| memory.count(**kind) == 0;
        let unwritable = memory.count(out) <= first_writable(out) && memory.count(out) > 0;
        if let Some(kind) = operation.operands().iter().chain([&out]).find(lacks) {
            let (operation, kind) = (operation.name(), kind.name());
            return Err(Malformed(format!("`{name}` has `{operation}`, but the memory has no {kind}")));
        }
        if unwritable {
            let (operation, kind) = (operation.name(), out.name());
            return Err(Malformed(format!("`{name}` has `{operation}`, but there is no {kind} to write to")));
        }
    }
    Ok(())
}

impl Default for ProgramSpace {
    fn default() -> Self {
        Self::wide()
    }
}

impl Space for ProgramSpace {
    type Candidate = Program;

    fn name(&self) -> &str {
        "program v1"
    }

    fn sample(&self, rng: &mut Rng) -> Program {
        let mut program = Program::default();
        for function in Function::ALL {
            let rules = self.rules(function);
            let is_empty = self.starts_empty || rules.operations.is_empty();
            let instruction = |_| if is_empty { Instruction::NO_OP } else { random(self, rules, rng) };
            *program.function_mut(function) = (0..rules.initial).map(instruction).collect();
        }
        program
    }

    fn mutate(&self, parent: &Program, rng: &mut Rng) -> Program {
        let mut child = parent.clone();
        self.mutate_in_place(&mut child, rng);
        child
    }

    fn crossover(&self, a: &Program, b: &Program, rng: &mut Rng) -> Option<Program> {
        Some(crossed(self, a, b, rng))
    }

    fn canonicalize(&self, candidate: &Program) -> Program {
        canonicalize(candidate)
    }

    fn check(&self, candidate: &Program) -> Result<(), String> {
        self.memory.check(candidate).map_err(|error| error.to_string())?;
        for function in Function::ALL {
            let (count, Rules { most, .. }) = (candidate.function(function).len(), self.rules(function));
            if count > *most {
                return Err(format!("`{}` has {count} instructions; at most {most} fit", function.name()));
            }
        }
        Ok(())
    }
}
