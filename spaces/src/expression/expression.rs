//! An expression: a list of nodes, operands before operators.

use hashing::{KeyWriter, Keyed};

use super::operation::Tracked;
use super::{Binary, Unary};

/// A function of named inputs.
///
/// Its value is a finite number, or undefined: division by zero, roots below zero, logarithms at zero and below, and
/// everything beyond the range of `f64`. What is computed from something undefined is undefined.
///
/// In text it is infix, as in `log(x) + 2 * max(y, -0.5)`; that is also how it is serialized. Names that are not
/// letters, digits, `_` and `.` stand between backticks.
#[derive(Clone, Debug, PartialEq)]
pub struct Expression {
    /// Each once, in alphabetical order.
    inputs: Vec<String>,
    /// In post-order: what is computed last stands last.
    nodes: Vec<Node>,
}

/// A step of an expression: puts a number on a stack, or replaces the topmost ones.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Node {
    /// By its place among the inputs.
    Input(usize),
    /// Finite; zero has no sign.
    Constant(f64),
    Unary(Unary),
    Binary(Binary),
}

/// A constant that is not a finite number.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[error("{0} is not a finite number")]
pub struct NotFinite(pub f64);

impl Expression {
    pub fn input(name: &str) -> Self {
        Self { inputs: vec![name.into()], nodes: vec![Node::Input(0)] }
    }

    pub fn constant(value: f64) -> Result<Self, NotFinite> {
        let finite = value.is_finite().then(|| Node::constant(value));
        finite.map(|node| Self { inputs: Vec::new(), nodes: vec![node] }).ok_or(NotFinite(value))
    }

    pub fn unary(operation: Unary, mut operand: Self) -> Self {
        operand.nodes.push(Node::Unary(operation));
        operand
    }

    pub fn binary(operation: Binary, left: &Self, right: &Self) -> Self {
        let mut inputs = [&left.inputs[..], &right.inputs].concat();
        inputs.sort_unstable();
        inputs.dedup();
        let mut nodes = Vec::with_capacity(left.nodes.len() + right.nodes.len() + 1);
        for side in [left, right] {
            nodes.extend(side.nodes.iter().map(|node| node.moved(&side.inputs, &inputs)));
        }
        nodes.push(Node::Binary(operation));
        Self { inputs, nodes }
    }

    /// A complete post-order list, over names that may be listed more than once, or without being used.
    pub(super) fn of(names: &[String], nodes: Vec<Node>) -> Self {
        let used = nodes.iter().filter_map(|node| if let Node::Input(i) = node { Some(*i) } else { None });
        let mut inputs: Vec<String> = used.map(|i| names[i].clone()).collect();
        inputs.sort_unstable();
        inputs.dedup();
        let nodes = nodes.iter().map(|node| node.moved(names, &inputs)).collect();
        Self { inputs, nodes }
    }

    /// In alphabetical order.
    pub fn inputs(&self) -> &[String] {
        &self.inputs
    }

    /// In post-order.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// The value where the inputs, in alphabetical order, have these values: NaN if it is undefined. Rounding noise is
    /// noticed on the way: what is no larger than the error that it may have is zero.
    ///
    /// Panics if there are fewer values than inputs.
    pub fn evaluate(&self, values: &[f64]) -> f64 {
        let result = self.fold(|node, stack: &mut Vec<Tracked>| match node {
            Node::Input(i) => Tracked::exact(values[i]),
            Node::Constant(c) => Tracked::constant(c),
            Node::Unary(unary) => unary.track(stack.pop().expect(COMPLETE)),
            Node::Binary(binary) => {
                let right = stack.pop().expect(COMPLETE);
                binary.track(stack.pop().expect(COMPLETE), right)
            }
        });
        result.value
    }

    /// Walks the nodes with a stack, from which `step` takes the operands of a node.
    pub(super) fn fold<T>(&self, step: impl FnMut(Node, &mut Vec<T>) -> T) -> T {
        fold(&self.nodes, step)
    }
}

/// Why operands are on the stack.
pub(super) const COMPLETE: &str = "operands stand before their operator";

pub(super) fn fold<T>(nodes: &[Node], mut step: impl FnMut(Node, &mut Vec<T>) -> T) -> T {
    let mut stack = Vec::new();
    for node in nodes {
        let value = step(*node, &mut stack);
        stack.push(value);
    }
    stack.pop().expect(COMPLETE)
}

impl Node {
    /// −0 is 0.
    pub(super) fn constant(value: f64) -> Self {
        Self::Constant(value + 0.0)
    }

    fn moved(self, from: &[String], to: &[String]) -> Self {
        match self {
            Self::Input(i) => Self::Input(to.binary_search(&from[i]).expect("every name was collected")),
            other => other,
        }
    }
}

impl Keyed for Expression {
    fn write_key(&self, out: &mut KeyWriter) {
        out.list(&self.nodes, |out, node| match node {
            Node::Input(i) => out.text(&self.inputs[*i]),
            Node::Constant(c) => out.f64(*c),
            Node::Unary(unary) => out.u64(*unary as u64),
            Node::Binary(binary) => out.u64(Unary::ALL.len() as u64 + *binary as u64),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_make_what_their_text_says() {
        let x = Expression::input("x");
        let root = Expression::unary(Unary::Root, x.clone());
        let sum = Expression::binary(Binary::Subtract, &root, &Expression::input("a"));
        assert_eq!(sum, "sqrt(x) - a".parse().unwrap());
        assert_eq!(sum.inputs(), ["a", "x"]);
        assert_eq!(sum.evaluate(&[1.0, 9.0]), 2.0);
        assert!(sum.evaluate(&[1.0, -9.0]).is_nan());
        assert_eq!(Expression::constant(-0.0), Expression::constant(0.0));
        assert_eq!(Expression::constant(f64::INFINITY), Err(NotFinite(f64::INFINITY)));
    }
}
