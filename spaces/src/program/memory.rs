//! How many registers there are of each kind; few enough that a set of them is one word.

use super::program::{Function, Instruction, Malformed, Program, Register};
use super::{FEATURES, Kind, LABEL, PREDICTION};

/// Registers of each kind, at most 64 together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory {
    counts: [u8; 3],
}

/// A set of registers: bit i is the register with the index i.
pub(super) type Registers = u64;

impl Memory {
    /// Errors where the label, the prediction or the features have no place, or there are more than 64 registers.
    pub fn new(scalars: u8, vectors: u8, matrices: u8) -> Result<Self, Malformed> {
        let total = [scalars, vectors, matrices].into_iter().map(u32::from).sum::<u32>();
        if scalars < 2 || vectors < 1 {
            return Err(Malformed(
                "a memory has at least 2 scalars, for label and prediction, and 1 vector, for the features"
                    .into(),
            ));
        }
        if total > Registers::BITS {
            return Err(Malformed(format!("a memory of {total} registers; at most {} fit", Registers::BITS)));
        }
        Ok(Self { counts: [scalars, vectors, matrices] })
    }

    /// The smallest that this program fits into.
    pub fn of(program: &Program) -> Result<Self, Malformed> {
        let registers = program.instructions().flat_map(|(_, i)| i.operands().chain([i.out()]));
        let mut counts = [0u8; 3];
        for Register { kind, number } in registers.chain([LABEL, PREDICTION, FEATURES]) {
            let count = &mut counts[kind as usize];
            *count = number.saturating_add(1).max(*count);
        }
        Self::new(counts[0], counts[1], counts[2])
    }

    pub fn count(&self, kind: Kind) -> u8 {
        self.counts[kind as usize]
    }

    /// Of all kinds.
    pub(super) fn registers(&self) -> usize {
        self.counts.into_iter().map(usize::from).sum()
    }

    /// Numbers in all registers together, for so many features.
    pub fn len(&self, features: usize) -> usize {
        Kind::ALL.into_iter().map(|kind| usize::from(self.count(kind)) * kind.len(features)).sum()
    }

    /// Where the numbers of a register begin, for so many features: scalars, then vectors, then matrices.
    pub fn place(&self, Register { kind, number }: Register, features: usize) -> usize {
        let [scalars, vectors, _] = self.counts.map(usize::from);
        let number = usize::from(number);
        match kind {
            Kind::Scalar => number,
            Kind::Vector => scalars + number * features,
            Kind::Matrix => scalars + (vectors + number * features) * features,
        }
    }

    /// Why the program does not fit, if it does not.
    pub fn check(&self, program: &Program) -> Result<(), Malformed> {
        let all = program.instructions().filter(|(_, instruction)| !instruction.is_no_op());
        for (function, instruction) in all {
            self.check_instruction(function, instruction)?;
        }
        Ok(())
    }

    fn check_instruction(&self, function: Function, instruction: &Instruction) -> Result<(), Malformed> {
        let registers = || instruction.operands().chain([instruction.out()]);
        match registers().find(|register| register.number >= self.count(register.kind)) {
            Some(register) => Err(Malformed(format!(
                "`{instruction}` in `{}`: there is no `{register}`, but {} registers of that kind",
                function.name(),
                self.count(register.kind)
            ))),
            None => Ok(()),
        }
    }

    pub(super) fn index(&self, Register { kind, number }: Register) -> usize {
        let [scalars, vectors, _] = self.counts.map(usize::from);
        let before = match kind {
            Kind::Scalar => 0,
            Kind::Vector => scalars,
            Kind::Matrix => scalars + vectors,
        };
        before + usize::from(number)
    }

    pub(super) fn set(&self, register: Register) -> Registers {
        1 << self.index(register)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn registers_lie_side_by_side() {
        let memory = Memory::new(4, 3, 1).unwrap();
        let register = |kind, number| Register { kind, number };
        assert_eq!(memory.len(4), 4 + 12 + 16);
        assert_eq!(memory.place(register(Kind::Vector, 2), 4), 12);
        assert_eq!(memory.place(register(Kind::Matrix, 0), 4), 16);
        assert_eq!(memory.index(register(Kind::Matrix, 0)), 7);
    }

    #[test]
    fn what_does_not_fit_is_told() {
        let program: Program = "def learn():\n v3 = abs(v0)\n no_op()".parse().unwrap();
        let error = Memory::new(4, 3, 1).unwrap().check(&program).unwrap_err().to_string();
        assert_eq!(error, "`v3 = abs(v0)` in `learn`: there is no `v3`, but 3 registers of that kind");
        assert_eq!(Memory::of(&program), Memory::new(2, 4, 0));
        assert!(Memory::new(1, 1, 0).is_err());
        assert_eq!(
            Memory::new(40, 20, 5).unwrap_err().to_string(),
            "a memory of 65 registers; at most 64 fit"
        );
    }
}
