//! A program: three lists of instructions on typed registers.

use hashing::{KeyWriter, Keyed};

use super::operation::{OPERANDS, SETTINGS};
use super::{Kind, Operation};

/// The parts of a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Function {
    Setup,
    Predict,
    Learn,
}

/// A place for a number, a vector or a matrix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Register {
    pub kind: Kind,
    pub number: u8,
}

/// `s0`: the label while the program learns, 0 while it predicts.
pub const LABEL: Register = Register { kind: Kind::Scalar, number: 0 };
/// `s1`: what the program predicts.
pub const PREDICTION: Register = Register { kind: Kind::Scalar, number: 1 };
/// `v0`: the features of the example.
pub const FEATURES: Register = Register { kind: Kind::Vector, number: 0 };

/// An operation, where its result goes, and where its operands come from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Instruction {
    operation: Operation,
    out: u8,
    operands: [u8; OPERANDS],
    settings: [f64; SETTINGS],
}

/// A register program. In text it is as the documentation of the module shows; that is also how it is serialized.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Program {
    pub setup: Vec<Instruction>,
    pub predict: Vec<Instruction>,
    pub learn: Vec<Instruction>,
}

/// Parts that do not make an instruction.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Malformed(pub(super) String);

impl Function {
    pub const ALL: [Self; 3] = [Self::Setup, Self::Predict, Self::Learn];

    pub fn name(self) -> &'static str {
        match self {
            Self::Setup => "setup",
            Self::Predict => "predict",
            Self::Learn => "learn",
        }
    }
}

impl Register {
    /// 0, 1, … over all registers of all kinds.
    pub(super) fn index(self) -> usize {
        self.kind as usize * REGISTERS + usize::from(self.number)
    }

    /// Has a meaning outside of the program.
    pub(super) fn is_fixed(self) -> bool {
        [LABEL, PREDICTION, FEATURES].contains(&self)
    }
}

/// Of each kind.
pub(super) const REGISTERS: usize = 256;

impl Instruction {
    pub const NO_OP: Self =
        Self { operation: Operation::NO_OP, out: 0, operands: [0; OPERANDS], settings: [0.0; SETTINGS] };

    /// Errors if the numbers of operands and settings are not those of the operation, or a setting is not finite.
    pub fn new(operation: Operation, out: u8, operands: &[u8], settings: &[f64]) -> Result<Self, Malformed> {
        let (name, expected) = (operation.name(), (operation.operands().len(), operation.settings()));
        if (operands.len(), settings.len()) != expected {
            let (operands, settings) = expected;
            return Err(Malformed(format!("`{name}` has {operands} operands and {settings} settings")));
        }
        if let Some(setting) = settings.iter().find(|setting| !setting.is_finite()) {
            return Err(Malformed(format!(
                "`{name}` has a setting of {setting}, which is not a finite number"
            )));
        }
        if operation == Operation::NO_OP {
            return Ok(Self::NO_OP);
        }
        let mut instruction = Self { operation, out, operands: [0; OPERANDS], settings: [0.0; SETTINGS] };
        instruction.operands[..operands.len()].copy_from_slice(operands);
        // −0 is 0.
        instruction.settings.iter_mut().zip(settings).for_each(|(to, from)| *to = from + 0.0);
        Ok(instruction)
    }

    pub fn operation(&self) -> Operation {
        self.operation
    }

    pub fn out(&self) -> Register {
        Register { kind: self.operation.out(), number: self.out }
    }

    pub fn operands(&self) -> impl DoubleEndedIterator<Item = Register> + '_ {
        let kinds = self.operation.operands().iter();
        kinds.zip(self.operands).map(|(kind, number)| Register { kind: *kind, number })
    }

    pub fn settings(&self) -> &[f64] {
        &self.settings[..self.operation.settings()]
    }

    pub fn is_no_op(&self) -> bool {
        self.operation == Operation::NO_OP
    }

    /// Both have the operation and the settings of the other.
    pub fn draws_like(&self, other: &Self) -> bool {
        self.operation == other.operation && self.settings() == other.settings()
    }

    /// With the first two operands exchanged.
    pub(super) fn swapped(mut self) -> Self {
        self.operands.swap(0, 1);
        self
    }

    /// With other registers of the same kinds.
    pub fn renamed(mut self, mut rename: impl FnMut(Register) -> u8) -> Self {
        let kinds = self.operation.operands();
        for (kind, number) in kinds.iter().zip(&mut self.operands) {
            *number = rename(Register { kind: *kind, number: *number });
        }
        self.out = rename(self.out());
        self
    }

    /// What a random instruction is called in its stream; `None` for all others.
    pub(super) fn stream(&self, function: Function) -> Option<String> {
        self.operation.is_random().then(|| {
            let settings = self.settings().iter().map(|setting| format!("{setting:e}"));
            let settings: Vec<_> = settings.collect();
            let (name, kind) = (self.operation.name(), self.operation.out().name());
            format!("{} {kind} {name} {}", function.name(), settings.join(","))
        })
    }
}

impl Program {
    pub fn function(&self, function: Function) -> &[Instruction] {
        match function {
            Function::Setup => &self.setup,
            Function::Predict => &self.predict,
            Function::Learn => &self.learn,
        }
    }

    pub fn function_mut(&mut self, function: Function) -> &mut Vec<Instruction> {
        match function {
            Function::Setup => &mut self.setup,
            Function::Predict => &mut self.predict,
            Function::Learn => &mut self.learn,
        }
    }

    /// Becomes the other one, in the memory that it has.
    pub fn copy(&mut self, other: &Self) {
        for function in Function::ALL {
            let instructions = self.function_mut(function);
            instructions.clear();
            instructions.extend_from_slice(other.function(function));
        }
    }

    /// Function by function.
    pub fn instructions(&self) -> impl Iterator<Item = (Function, &Instruction)> {
        Function::ALL
            .into_iter()
            .flat_map(|function| self.function(function).iter().map(move |i| (function, i)))
    }
}

impl Keyed for Program {
    fn write_key(&self, out: &mut KeyWriter) {
        for function in Function::ALL {
            out.list(self.function(function), |out, instruction| {
                let operation = instruction.operation;
                out.text(operation.name());
                out.u64(operation.out() as u64);
                out.u64(u64::from(instruction.out));
                let operands: Vec<Register> = instruction.operands().collect();
                out.list(&operands, |out, register| {
                    out.u64(register.kind as u64);
                    out.u64(u64::from(register.number));
                });
                out.list(instruction.settings(), |out, setting| out.f64(*setting));
            });
        }
    }
}
