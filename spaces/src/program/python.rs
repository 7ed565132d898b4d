//! A program as a Python class with NumPy, and as JSON with a field for everything: for readers other than this one.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde_json::{Value, json};

use super::{FEATURES, Function, Instruction, Kind, LABEL, PREDICTION, Program, Register};

/// A module with the class `Learner`: made for a number of features, it predicts the label of an example, then learns
/// the right one. Its numbers are those of [`Machine`](super::Machine) up to rounding; its random draws are NumPy's own.
pub fn python(program: &Program) -> String {
    let mut text = String::from(HEAD);
    let registers: BTreeSet<Register> = used(program);
    for register in registers {
        line(&mut text, &format!("self.{register} = {}", zeros(register.kind)));
    }
    body(&mut text, program, Function::Setup);
    text.push_str("\n    def predict(self, features):\n");
    line(&mut text, &format!("self.{FEATURES} = np.asarray(features, dtype=np.float64)"));
    line(&mut text, &format!("self.{LABEL} = np.float64(0.0)"));
    body(&mut text, program, Function::Predict);
    line(&mut text, &format!("return self.{PREDICTION}"));
    text.push_str("\n    def learn(self, label):\n");
    line(&mut text, &format!("self.{LABEL} = np.float64(label)"));
    body(&mut text, program, Function::Learn);
    text
}

const HEAD: &str = r#""""A learning algorithm: call predict with the features of an example, then learn with its label."""

import numpy as np


def place(fraction, size):
    """The element at this fraction of the size; beyond the ends, the first or last."""
    return int(min(max(fraction * size, 0), size - 1))


class Learner:
    def __init__(self, features, seed=0):
        n = features
        rng = self.rng = np.random.default_rng(seed)
        np.seterr(all="ignore")
"#;

fn line(text: &mut String, code: &str) {
    writeln!(text, "        {code}").expect("a string takes everything");
}

/// Those that the program names, and those that have a meaning.
fn used(program: &Program) -> BTreeSet<Register> {
    let named = program.instructions().flat_map(|(_, i)| i.operands().chain([i.out()]));
    named.chain([LABEL, PREDICTION, FEATURES]).collect()
}

fn zeros(kind: Kind) -> &'static str {
    match kind {
        Kind::Scalar => "np.float64(0.0)",
        Kind::Vector => "np.zeros(n)",
        Kind::Matrix => "np.zeros((n, n))",
    }
}

fn body(text: &mut String, program: &Program, function: Function) {
    let instructions = program.function(function);
    let needs = |what: &str| instructions.iter().any(|instruction| expression(instruction).contains(what));
    if function != Function::Setup && needs("n") {
        line(text, "n, rng = len(self.v0), self.rng");
    }
    for instruction in instructions.iter().filter(|instruction| !instruction.is_no_op()) {
        match assigned(instruction) {
            Some(element) => {
                let (out, operand) = (instruction.out(), instruction.operands().next());
                let operand = operand.expect("what it sets an element of");
                line(text, &format!("self.{out} = self.{operand}.copy()"));
                line(text, &format!("self.{out}{element}"));
            }
            None => line(text, &format!("self.{} = {}", instruction.out(), expression(instruction))),
        }
    }
}

/// The element that an instruction sets, if it sets one.
fn assigned(instruction: &Instruction) -> Option<String> {
    let place = |fraction: &f64| format!("place({fraction:?}, n)");
    match instruction.settings() {
        _ if !instruction.operation().sets_in_place() => None,
        [i, value] => Some(format!("[{}] = {value:?}", place(i))),
        [i, j, value] => Some(format!("[{}, {}] = {value:?}", place(i), place(j))),
        _ => None,
    }
}

fn expression(instruction: &Instruction) -> String {
    let operands: Vec<String> = instruction.operands().map(|operand| format!("self.{operand}")).collect();
    let kinds = instruction.operation().operands();
    let a = operands.first().map_or("", String::as_str);
    let b = operands.get(1).map_or("", String::as_str);
    let shape = ["()", "n", "(n, n)"][instruction.out().kind as usize];
    let settings = instruction.settings();
    match (instruction.operation().name(), kinds) {
        ("add", _) => format!("{a} + {b}"),
        ("subtract", _) => format!("{a} - {b}"),
        ("multiply", _) => format!("{a} * {b}"),
        ("divide", _) => format!("{a} / {b}"),
        ("reciprocal", _) => format!("1.0 / {a}"),
        ("heaviside", _) => format!("np.heaviside({a}, 0.0)"),
        ("matmul", _) => format!("{a} @ {b}"),
        ("transpose", _) => format!("{a}.T.copy()"),
        ("broadcast", _) => format!("np.full(n, {a})"),
        ("rows", _) => format!("np.tile({a}, (n, 1))"),
        ("columns", _) => format!("np.tile({a}, (n, 1)).T.copy()"),
        ("row_means", _) => format!("np.mean({a}, axis=1)"),
        ("column_means", _) => format!("np.mean({a}, axis=0)"),
        ("deviation", _) => format!("np.std({a})"),
        ("row_deviations", _) => format!("np.std({a}, axis=1)"),
        ("norm", _) => format!("np.sqrt(np.sum({a} * {a}))"),
        ("row_norms", _) => format!("np.sqrt(np.sum({a} * {a}, axis=1))"),
        ("column_norms", _) => format!("np.sqrt(np.sum({a} * {a}, axis=0))"),
        ("constant", _) if instruction.out().kind == Kind::Scalar => format!("np.float64({:?})", settings[0]),
        ("constant", _) => format!("np.full({shape}, {:?})", settings[0]),
        ("set", _) => "place(n)".into(),
        ("uniform", _) => format!("rng.uniform({:?}, {:?}, {shape})", settings[0], settings[1]),
        ("gaussian", _) => format!("rng.normal({:?}, {:?}, {shape})", settings[0], settings[1]),
        // Those that NumPy calls by our names.
        (name, _) => format!("np.{name}({})", operands.join(", ")),
    }
}

/// The functions as lists of instructions, each with `operation`, `out`, `operands` and `settings`.
pub fn json(program: &Program) -> Value {
    let written = |instruction: &Instruction| {
        let operands: Vec<String> = instruction.operands().map(|operand| operand.to_string()).collect();
        let out = (!instruction.is_no_op()).then(|| instruction.out().to_string());
        json!({
            "operation": instruction.operation().name(),
            "out": out,
            "operands": operands,
            "settings": instruction.settings(),
        })
    };
    let functions = Function::ALL.map(|function| {
        let instructions: Vec<Value> = program.function(function).iter().map(written).collect();
        (function.name().to_string(), Value::Array(instructions))
    });
    Value::Object(functions.into_iter().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn python_reads_like_the_program() {
        let program: Program =
            "def setup():\n s2 = constant(0.1)\ndef predict():\n s1 = dot(v0, v1)\ndef learn():\n v1 = set(v1, 0.5, 2)"
                .parse()
                .unwrap();
        let text = python(&program);
        for line in [
            "        self.v1 = np.zeros(n)\n",
            "        self.s2 = np.float64(0.1)\n",
            "        self.s1 = np.dot(self.v0, self.v1)\n        return self.s1\n",
            "        self.v1[place(0.5, n)] = 2.0\n",
        ] {
            assert!(text.contains(line), "{text}");
        }
        let json = json(&program);
        assert_eq!(json["predict"][0]["operands"], serde_json::json!(["v0", "v1"]));
        assert_eq!(json["learn"][0]["settings"], serde_json::json!([0.5, 2.0]));
    }
}
