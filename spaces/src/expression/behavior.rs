//! An expression on the probe: its value at a few generic points, poles and gaps in its domain included.

use hashing::{Behavior, HashError, Probe, Response, Value};

use super::expression::COMPLETE;
use super::operation::Tracked;
use super::{Binary, Expression, Node, Unary};
use crate::Candidate;

/// Points in each draw.
const POINTS: usize = 32;

impl Candidate for Expression {}

impl Behavior for Expression {
    /// One row for each point. Constants are functions of their own, since x + 1 is not x + 2; identically zero is the
    /// constant class. What is undefined at every point has no response that is finite.
    fn respond(&self, probe: &mut Probe) -> Result<Response, HashError> {
        let mut stack: Vec<Value> = Vec::with_capacity(self.inputs().len() + self.nodes().len());
        for name in self.inputs() {
            let input = probe.input(name, POINTS);
            stack.push(probe.node([input], 2 * POINTS, |[u], x| spread(u, x)));
        }
        for node in self.nodes() {
            let value = match node {
                Node::Input(i) => stack[*i],
                Node::Constant(c) => probe.node([], 2 * POINTS, |[], y| each(y, |_| Tracked::constant(*c))),
                Node::Unary(unary) => {
                    let x = stack.pop().expect(COMPLETE);
                    probe.node([x], 2 * POINTS, |[x], y| apply_unary(*unary, x, y))
                }
                Node::Binary(binary) => {
                    let (b, a) = (stack.pop().expect(COMPLETE), stack.pop().expect(COMPLETE));
                    probe.node([a, b], 2 * POINTS, |[a, b], y| apply_binary(*binary, a, b, y))
                }
            };
            stack.push(value);
        }
        let result = stack.pop().expect(COMPLETE);
        Ok(Response::rows(probe.node([result], POINTS, |[y], out| squash(y, out)), 1))
    }
}

/// Values, and then their errors: as many of one as of the other.
type Points = [[f64; POINTS]; 2];

fn points(x: &[f64]) -> &Points {
    x.as_chunks().0.first_chunk().expect("a node has a value and an error at every point")
}

/// Most points within ±2, some out to ±17, so that bounds such as max(x, 10) show; none within 1/16 of zero, where
/// 1/x + (x − 1/x) would lose its digits.
fn spread(u: &[f64], x: &mut [f64]) {
    let (values, errors) = x.split_at_mut(POINTS);
    values.iter_mut().zip(u).for_each(|(x, u)| *x = 0.0625f64.copysign(*u) + u + u * u * u * u * u);
    errors.fill(0.0);
}

#[inline(always)]
fn each(out: &mut [f64], mut value: impl FnMut(usize) -> Tracked) {
    let (values, errors) = out.split_at_mut(POINTS);
    for i in 0..POINTS {
        Tracked { value: values[i], error: errors[i] } = value(i);
    }
}

/// Runs `$body` with the operation as a constant, so that each has a loop of its own.
macro_rules! with_constant {
    ($operation:expr, $kind:ident { $($variant:ident)* }, $constant:ident => $body:expr) => {
        match $operation {
            $($kind::$variant => {
                const $constant: $kind = $kind::$variant;
                $body
            })*
        }
    };
}

fn apply_unary(unary: Unary, x: &[f64], y: &mut [f64]) {
    let [values, errors] = points(x);
    with_constant!(
        unary,
        Unary { Negate Inverse Absolute Square Root Exp Log Tanh Sigmoid Relu },
        OPERATION => each(y, |i| OPERATION.track(Tracked { value: values[i], error: errors[i] }))
    );
}

fn apply_binary(binary: Binary, a: &[f64], b: &[f64], y: &mut [f64]) {
    let ([a, da], [b, db]) = (points(a), points(b));
    with_constant!(
        binary,
        Binary { Add Subtract Multiply Divide Minimum Maximum },
        OPERATION => each(y, |i| {
            let (a, b) = (Tracked { value: a[i], error: da[i] }, Tracked { value: b[i], error: db[i] });
            OPERATION.track(a, b)
        })
    );
}

/// Logarithmic, so that a pole does not flush the other points, and with alternating signs, so that a constant is not
/// the constant class. A point where the function is undefined is worth more than any other.
fn squash(y: &[f64], out: &mut [f64]) {
    let mut most = 0.0f64;
    for (s, y) in out.iter_mut().zip(y) {
        *s = libm::log1p(y.abs()).copysign(*y);
        most = if s.abs() > most { s.abs() } else { most };
    }
    if y[..POINTS].iter().all(|y| y.is_nan()) {
        return;
    }
    let undefined = if most == 0.0 { 1.0 } else { 3.0 * most };
    for (i, s) in out.iter_mut().enumerate() {
        *s = if s.is_nan() { undefined } else { *s };
        *s = if i % 2 == 0 { *s } else { -*s };
    }
}
