//! A program as the interpreter runs it: live instructions only, registers replaced by their places in memory.

use std::sync::OnceLock;

use hashing::Mark;
use spaces::program::{
    FEATURES, Function, Instruction, Kind, LABEL, Live, Memory, Operation, PREDICTION, Register, moments,
    stream,
};

/// What to do, whatever the kind of register that it is done to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verb {
    Add,
    Subtract,
    Multiply,
    Divide,
    Minimum,
    Maximum,
    Abs,
    Reciprocal,
    Heaviside,
    Sin,
    Cos,
    Tan,
    Arcsin,
    Arccos,
    Arctan,
    Exp,
    Log,
    Scale,
    Dot,
    Outer,
    MatrixVector,
    MatrixMatrix,
    Transpose,
    Broadcast,
    Rows,
    Columns,
    Mean,
    RowMeans,
    ColumnMeans,
    Deviation,
    RowDeviations,
    Norm,
    RowNorms,
    ColumnNorms,
    Constant,
    SetVector,
    SetMatrix,
    Uniform,
    Gaussian,
}

/// An instruction. Places count numbers, of which every task has its own.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step {
    pub verb: Verb,
    /// Of the first operand where the result has another; else of the result.
    pub kind: Kind,
    pub out: u32,
    pub a: u32,
    pub b: u32,
    /// Constants; mean and standard deviation of what is drawn.
    pub settings: [f64; 3],
    /// Of what is drawn.
    pub stream: Mark,
}

/// A program for so many features. One value serves any number of programs.
#[derive(Debug, Default)]
pub(super) struct Code {
    pub steps: [Vec<Step>; 3],
    pub places: Places,
    /// See [`Live::predicts_without_traces`].
    pub stateless: bool,
}

/// Where the registers lie that have a meaning outside, and how many numbers there are.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Places {
    pub label: usize,
    pub prediction: usize,
    pub features: usize,
    pub all: usize,
}

impl Code {
    pub fn fill(&mut self, live: &Live, memory: &Memory, features: usize) {
        let place = |register: Register| memory.place(register, features);
        self.places = Places {
            label: place(LABEL),
            prediction: place(PREDICTION),
            features: place(FEATURES),
            all: memory.len(features),
        };
        self.stateless = live.predicts_without_traces();
        for function in Function::ALL {
            let instructions = live.program().function(function);
            let steps = instructions
                .iter()
                .enumerate()
                .map(|(i, instruction)| step(function, &instructions[..i], instruction, memory, features));
            let all = &mut self.steps[function as usize];
            all.clear();
            all.extend(steps);
        }
    }

    pub fn function(&self, function: Function) -> &[Step] {
        &self.steps[function as usize]
    }
}

/// An instruction of a function, after these.
pub(super) fn step(
    function: Function,
    before: &[Instruction],
    instruction: &Instruction,
    memory: &Memory,
    features: usize,
) -> Step {
    let operation = instruction.operation();
    let place = |register: Register| memory.place(register, features) as u32;
    let mut operands = [0; 2];
    operands.iter_mut().zip(instruction.operands()).for_each(|(to, operand)| *to = place(operand));
    let mut settings = [0.0; 3];
    settings[..operation.settings()].copy_from_slice(instruction.settings());
    let mut draws = Mark::default();
    if operation.is_random() {
        (settings[0], settings[1]) = moments(instruction);
        let rank = before.iter().filter(|other| other.draws_like(instruction)).count();
        draws = stream(draws, function, instruction, rank);
    }
    let verb = verb(operation);
    let reduces = matches!(verb, Verb::Mean | Verb::Deviation | Verb::Norm);
    let kind = if reduces { operation.operands()[0] } else { operation.out() };
    Step {
        verb,
        kind,
        out: place(instruction.out()),
        a: operands[0],
        b: operands[1],
        settings,
        stream: draws,
    }
}

/// By a table that is made once.
fn verb(operation: Operation) -> Verb {
    static TABLE: OnceLock<Vec<Verb>> = OnceLock::new();
    let known = |operation| named(operation).unwrap_or_else(|| panic!("`{operation:?}` has no verb"));
    TABLE.get_or_init(|| Operation::all().map(known).collect())[operation.number()]
}

fn named(operation: Operation) -> Option<Verb> {
    use Kind::{Matrix, Scalar, Vector};
    use Verb::*;
    Some(match (operation.name(), operation.operands()) {
        ("add", _) => Add,
        ("subtract", _) => Subtract,
        ("multiply", [Scalar, Vector | Matrix]) => Scale,
        ("multiply", _) => Multiply,
        ("divide", _) => Divide,
        ("minimum", _) => Minimum,
        ("maximum", _) => Maximum,
        ("abs", _) => Abs,
        ("reciprocal", _) => Reciprocal,
        ("heaviside", _) => Heaviside,
        ("sin", _) => Sin,
        ("cos", _) => Cos,
        ("tan", _) => Tan,
        ("arcsin", _) => Arcsin,
        ("arccos", _) => Arccos,
        ("arctan", _) => Arctan,
        ("exp", _) => Exp,
        ("log", _) => Log,
        ("dot", _) => Dot,
        ("outer", _) => Outer,
        ("matmul", [_, Vector]) => MatrixVector,
        ("matmul", _) => MatrixMatrix,
        ("transpose", _) => Transpose,
        ("broadcast", _) => Broadcast,
        ("rows", _) => Rows,
        ("columns", _) => Columns,
        ("mean", _) => Mean,
        ("row_means", _) => RowMeans,
        ("column_means", _) => ColumnMeans,
        ("deviation", _) => Deviation,
        ("row_deviations", _) => RowDeviations,
        ("norm", _) => Norm,
        ("row_norms", _) => RowNorms,
        ("column_norms", _) => ColumnNorms,
        // A no-op is never live.
        ("constant", _) | ("no_op", _) => Constant,
        ("set", [Vector]) => SetVector,
        ("set", _) => SetMatrix,
        ("uniform", _) => Uniform,
        ("gaussian", _) => Gaussian,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_has_a_verb() {
        assert!(Operation::all().all(|operation| named(operation).is_some()));
    }
}
