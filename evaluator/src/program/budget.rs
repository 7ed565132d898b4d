//! How much a training step may cost: some times what it costs a program that is known to be good.

use spaces::program::{Instruction, Program};

/// A largest cost of one training step, dead instructions included, so that it can be known before anything is run.
#[derive(Clone, Debug, PartialEq)]
pub struct Budget {
    baseline: Program,
    /// Default in AutoML-Zero: 2.
    factor: f64,
}

impl Budget {
    /// So many times what a step of this program costs.
    pub fn new(baseline: Program, factor: f64) -> Self {
        Self { baseline, factor }
    }

    /// Whether the program can be trained. One that cannot is judged untrained.
    pub fn allows(&self, program: &Program, features: usize) -> bool {
        step_cost(program, features) as f64 <= self.factor * step_cost(&self.baseline, features) as f64
    }
}

/// Numbers that `predict` and `learn` write or read together, and the multiplications of products of matrices.
pub fn step_cost(program: &Program, features: usize) -> usize {
    program.predict.iter().chain(&program.learn).map(|instruction| cost(instruction, features)).sum()
}

fn cost(instruction: &Instruction, features: usize) -> usize {
    if instruction.is_no_op() {
        return 0;
    }
    let operation = instruction.operation();
    let touched: usize =
        operation.operands().iter().chain([&operation.out()]).map(|kind| kind.len(features)).sum();
    let products = if operation.name() == "matmul" { features * operation.out().len(features) } else { 0 };
    touched + products
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_with_twice_the_work_is_just_allowed() {
        let read = |text: &str| text.parse::<Program>().unwrap();
        let baseline = read("def predict():\n s1 = dot(v0, v1)");
        assert_eq!(step_cost(&baseline, 4), 9);
        let budget = Budget::new(baseline, 2.0);
        assert!(budget.allows(
            &read("def predict():\n s1 = dot(v0, v1)\ndef learn():\n s2 = dot(v0, v1)\n no_op()"),
            4
        ));
        assert!(!budget.allows(&read("def learn():\n m0 = matmul(m0, m0)"), 4));
    }
}
