//! The instructions that predictions need, found without allocating: what is left when dead code is gone.

use super::memory::{Memory, Registers};
use super::{FEATURES, Function, Instruction, LABEL, PREDICTION, Program};

/// A program without its dead instructions. One value serves any number of programs, so that their memory is used again.
#[derive(Clone, Debug, Default)]
pub struct Live {
    program: Program,
    carried: Registers,
    stateless: bool,
    /// Of each function, what every instruction writes and reads.
    touched: [Vec<Touched>; 3],
}

#[derive(Clone, Copy, Debug)]
struct Touched {
    writes: Registers,
    reads: Registers,
}

impl Live {
    /// Of a program that fits the memory.
    pub fn of(program: &Program, memory: &Memory) -> Self {
        let mut live = Self::default();
        live.fill(program, memory);
        live
    }

    /// Keeps the live instructions of a program that fits the memory: what a prediction needs, and what that needs, in
    /// this example or a later one. A register that only feeds itself is dead.
    pub fn fill(&mut self, program: &Program, memory: &Memory) {
        for function in Function::ALL {
            let touched =
                program.function(function).iter().map(|instruction| Touched::of(instruction, memory));
            let all = &mut self.touched[function as usize];
            all.clear();
            all.extend(touched);
        }
        let [label, features, prediction] = [LABEL, FEATURES, PREDICTION].map(|it| memory.set(it));
        let (mut before_predict, mut before_learn) = (0, 0);
        loop {
            // The label and the features are written from outside, before `learn` and `predict`.
            self.carried = before_predict & !(label | features);
            let after_predict = self.carried | (before_learn & !label) | prediction;
            let next_predict = self.before(Function::Predict, after_predict);
            let next_learn = self.before(Function::Learn, self.carried);
            if (next_predict, next_learn) == (before_predict, before_learn) {
                self.keep(program, Function::Predict, after_predict);
                self.keep(program, Function::Learn, self.carried);
                self.keep(program, Function::Setup, self.carried);
                self.stateless = self.is_stateless(memory);
                return;
            }
            (before_predict, before_learn) = (next_predict, next_learn);
        }
    }

    /// What is left of it.
    pub fn program(&self) -> &Program {
        &self.program
    }

    /// Registers that one example leaves to the next.
    pub(super) fn carried(&self) -> Registers {
        self.carried
    }

    /// No prediction depends on an earlier one but through what was learned: `predict` writes nothing that it leaves to
    /// the next example.
    pub fn predicts_without_traces(&self) -> bool {
        self.stateless
    }

    /// Nothing is learned: every prediction is a function of the features, and perhaps of earlier predictions.
    pub fn learns(&self) -> bool {
        !self.program.learn.is_empty()
    }

    fn before(&self, function: Function, after: Registers) -> Registers {
        self.touched[function as usize].iter().rev().fold(after, |live, touched| touched.before(live))
    }

    fn keep(&mut self, program: &Program, function: Function, mut live: Registers) {
        let kept = self.program.function_mut(function);
        kept.clear();
        for (instruction, touched) in
            program.function(function).iter().zip(&self.touched[function as usize]).rev()
        {
            if touched.writes & live != 0 {
                kept.push(*instruction);
            }
            live = touched.before(live);
        }
        kept.reverse();
    }

    fn is_stateless(&self, memory: &Memory) -> bool {
        let writes = self.program.predict.iter().fold(0, |set, it| set | Touched::of(it, memory).writes);
        writes & self.carried == 0
    }
}

impl Touched {
    fn of(instruction: &Instruction, memory: &Memory) -> Self {
        if instruction.is_no_op() {
            return Self { writes: 0, reads: 0 };
        }
        let reads = instruction.operands().fold(0, |set, operand| set | memory.set(operand));
        Self { writes: memory.set(instruction.out()), reads }
    }

    fn before(self, live: Registers) -> Registers {
        if self.writes & live == 0 { live } else { live & !self.writes | self.reads }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn live(text: &str) -> (String, bool, bool) {
        let program = text.parse().unwrap();
        let live = Live::of(&program, &Memory::of(&program).unwrap());
        (live.program().to_string(), live.predicts_without_traces(), live.learns())
    }

    #[test]
    fn what_no_prediction_needs_is_gone_and_what_later_ones_need_stays() {
        let text = "def setup():\n s2 = constant(1)\n s3 = constant(2)\n s4 = constant(3)\ndef predict():\n s5 = sin(s3)\n \
            s1 = multiply(s2, s2)\n no_op()\ndef learn():\n s4 = add(s4, s3)\n v0 = abs(v0)\n s0 = sin(s0)\n";
        let expected =
            "def setup():\n    s2 = constant(1)\ndef predict():\n    s1 = multiply(s2, s2)\ndef learn():\n";
        assert_eq!(live(text), (expected.into(), true, false));
        let text = "def predict():\n s2 = abs(s3)\ndef learn():\n s3 = sin(s0)\n s1 = add(s1, s2)\n";
        let (program, stateless, learns) = live(text);
        // What `learn` leaves in `s1` is the next prediction, as `predict` does not write it.
        assert_eq!(program.lines().count(), 6, "{program}");
        assert!(stateless && learns);
    }

    #[test]
    fn a_prediction_that_counts_examples_leaves_traces() {
        let (_, stateless, learns) = live("def predict():\n s3 = constant(1)\n s1 = add(s1, s3)");
        assert!(!stateless && !learns);
    }
}
