//! One spelling for expressions that are equal by the rules of sums, products, signs, minima and maxima.
//!
//! A sum is a list of terms with coefficients, a product a coefficient with factors above and below, a minimum a list
//! of operands and a bound; each list is sorted. No rule changes where the function is defined: 0 · log x stays, and
//! so does 1/(1/x), which is undefined at 0.

use std::cmp::Ordering;

use super::expression::{COMPLETE, fold};
use super::operation::Tracked;
use super::{Binary, Expression, Node, Unary};

/// Constants folded, sums and products flattened, signs moved outwards, commutative operands in one order. Idempotent;
/// never changes behavior (beyond the order of rounding, and numbers near the ends of the range of `f64`).
pub fn canonicalize(expression: &Expression) -> Expression {
    Expression::of(expression.inputs(), Form::read(expression.nodes()).write())
}

/// Nodes in post-order.
type Code = Vec<Node>;

/// What has been read, in parts that can still be joined with others.
#[derive(Clone, Debug)]
enum Form {
    Constant(f64),
    /// Σ coefficient · term + constant.
    Sum {
        terms: Vec<(f64, Code)>,
        constant: f64,
    },
    /// coefficient · Π over / Π under.
    Product {
        coefficient: f64,
        over: Vec<Code>,
        under: Vec<Code>,
    },
    /// The smallest or largest of the operands and the bound.
    Extreme {
        which: Binary,
        operands: Vec<Code>,
        bound: Option<f64>,
    },
}

impl Form {
    fn read(nodes: &[Node]) -> Self {
        fold(nodes, |node, stack: &mut Vec<Self>| match node {
            Node::Input(_) => Self::atom(vec![node]),
            Node::Constant(c) => Self::Constant(c),
            Node::Unary(unary) => stack.pop().expect(COMPLETE).applied(unary),
            Node::Binary(binary) => {
                let right = stack.pop().expect(COMPLETE);
                stack.pop().expect(COMPLETE).combined(binary, right)
            }
        })
    }

    fn atom(code: Code) -> Self {
        Self::Product { coefficient: 1.0, over: vec![code], under: Vec::new() }
    }

    /// An operation on this.
    fn applied(self, unary: Unary) -> Self {
        if let Self::Constant(c) = self {
            return match unary.track(Tracked::constant(c)).value {
                value if value.is_finite() => Self::Constant(value + 0.0),
                _ => Self::atom(vec![Node::constant(c), Node::Unary(unary)]),
            };
        }
        match unary {
            Unary::Negate => self.times(-1.0),
            Unary::Inverse => self.inverse(),
            Unary::Relu => self.combined(Binary::Maximum, Self::Constant(0.0)),
            Unary::Absolute if self.is_never_negative() => self,
            Unary::Absolute | Unary::Square if self.is_negated() => self.times(-1.0).applied(unary),
            Unary::Tanh if self.is_negated() => self.times(-1.0).applied(unary).times(-1.0),
            _ => {
                let mut code = self.write();
                code.push(Node::Unary(unary));
                Self::atom(code)
            }
        }
    }

    fn combined(self, binary: Binary, right: Self) -> Self {
        match binary {
            Binary::Add => self.plus(right),
            Binary::Subtract => self.plus(right.times(-1.0)),
            Binary::Multiply => self.multiplied(right),
            Binary::Divide => self.multiplied(right.inverse()),
            Binary::Minimum | Binary::Maximum => self.extreme(binary, right),
        }
    }

    fn plus(self, other: Self) -> Self {
        let (mut terms, a) = self.into_terms();
        let (more, b) = other.into_terms();
        terms.extend(more);
        match joined(Binary::Add, a, b) {
            Some(constant) => summed(terms, constant),
            // Too large to be one constant.
            None => {
                terms.push((b, vec![Node::Constant(1.0)]));
                summed(terms, a)
            }
        }
    }

    fn into_terms(self) -> (Vec<(f64, Code)>, f64) {
        match self {
            Self::Constant(c) => (Vec::new(), c),
            Self::Sum { terms, constant } => (terms, constant),
            Self::Product { coefficient, over, under } => {
                let term = Self::Product { coefficient: 1.0, over, under }.write();
                (vec![(coefficient, term)], 0.0)
            }
            Self::Extreme { .. } => (vec![(1.0, self.write())], 0.0),
        }
    }

    fn multiplied(self, other: Self) -> Self {
        match (self, other) {
            (Self::Constant(c), form) | (form, Self::Constant(c)) => form.times(c),
            (a, b) => {
                let (a, mut over, mut under) = a.into_factors();
                let (b, more_over, more_under) = b.into_factors();
                over.extend(more_over);
                under.extend(more_under);
                let coefficient = joined(Binary::Multiply, a, b).unwrap_or_else(|| {
                    over.push(vec![Node::constant(b)]);
                    a
                });
                Self::product(coefficient, over, under)
            }
        }
    }

    fn into_factors(self) -> (f64, Vec<Code>, Vec<Code>) {
        match self {
            Self::Product { coefficient, over, under } => (coefficient, over, under),
            other => (1.0, vec![other.write()], Vec::new()),
        }
    }

    /// Sorted; a single factor is what it is.
    fn product(coefficient: f64, mut over: Vec<Code>, mut under: Vec<Code>) -> Self {
        over.sort_by(compare);
        under.sort_by(compare);
        if let ([factor], []) = (&over[..], &under[..])
            && (coefficient == 1.0 || coefficient == -1.0 && is_sum(factor))
            && factor.len() > 1
        {
            let form = Self::read(factor);
            return if coefficient < 0.0 { form.times(-1.0) } else { form };
        }
        Self::Product { coefficient, over, under }
    }

    /// c times this.
    fn times(self, c: f64) -> Self {
        if c == 1.0 {
            return self;
        }
        match self {
            Self::Constant(value) => match joined(Binary::Multiply, value, c) {
                Some(value) => Self::Constant(value),
                None => Self::Product {
                    coefficient: c,
                    over: vec![vec![Node::constant(value)]],
                    under: Vec::new(),
                },
            },
            Self::Sum { terms, constant } if c == -1.0 => {
                let negated = terms.into_iter().map(|(coefficient, term)| (-coefficient + 0.0, term));
                Self::Sum { terms: negated.collect(), constant: -constant + 0.0 }
            }
            other => {
                let (coefficient, mut over, under) = other.into_factors();
                let coefficient = joined(Binary::Multiply, coefficient, c).unwrap_or_else(|| {
                    over.push(vec![Node::constant(coefficient)]);
                    c
                });
                Self::product(coefficient, over, under)
            }
        }
    }

    fn inverse(self) -> Self {
        if let Self::Constant(_) = self {
            return self.applied(Unary::Inverse);
        }
        let (coefficient, over, under) = self.into_factors();
        let reciprocal = Some(1.0 / coefficient + 0.0).filter(|c| c.is_finite() && *c != 0.0);
        match (reciprocal, &under[..]) {
            (Some(reciprocal), []) => Self::product(reciprocal, Vec::new(), over),
            (reciprocal, _) => {
                let inside = if reciprocal.is_some() { 1.0 } else { coefficient };
                let factor = Self::Product { coefficient: inside, over, under }.write();
                Self::product(reciprocal.unwrap_or(1.0), Vec::new(), vec![factor])
            }
        }
    }

    fn extreme(self, which: Binary, other: Self) -> Self {
        let (mut operands, a) = self.into_operands(which);
        let (more, b) = other.into_operands(which);
        operands.extend(more);
        operands.sort_by(compare);
        operands.dedup_by(|a, b| compare(a, b).is_eq());
        let bound = match (a, b) {
            (Some(a), Some(b)) => Some(which.apply(a, b)),
            (a, b) => a.or(b),
        };
        match (&operands[..], bound) {
            ([], Some(bound)) => Self::Constant(bound),
            ([operand], None) => Self::read(operand),
            _ => Self::Extreme { which, operands, bound },
        }
    }

    fn into_operands(self, which: Binary) -> (Vec<Code>, Option<f64>) {
        match self {
            Self::Constant(c) => (Vec::new(), Some(c)),
            Self::Extreme { which: same, operands, bound } if same == which => (operands, bound),
            other => (vec![other.write()], None),
        }
    }

    fn is_negated(&self) -> bool {
        matches!(self, Self::Product { coefficient, .. } if *coefficient < 0.0)
    }

    fn is_never_negative(&self) -> bool {
        match self {
            Self::Extreme { which: Binary::Maximum, bound, .. } => bound.is_some_and(|bound| bound >= 0.0),
            Self::Product { coefficient, over, under } => {
                *coefficient >= 0.0 && over.iter().chain(under).all(|factor| never_negative(factor))
            }
            _ => false,
        }
    }

    fn write(self) -> Code {
        match self {
            Self::Constant(c) => vec![Node::constant(c)],
            Self::Sum { terms, constant } => write_sum(&terms, constant),
            Self::Product { coefficient, over, under } => write_product(coefficient, &over, &under),
            Self::Extreme { which, operands, bound } => write_extreme(which, &operands, bound),
        }
    }
}

/// Equal terms joined, sums among them opened, in order; a single term is what it is.
fn summed(mut terms: Vec<(f64, Code)>, mut constant: f64) -> Form {
    loop {
        terms.sort_by(|(a, x), (b, y)| compare(x, y).then(a.total_cmp(b)));
        let mut merged: Vec<(f64, Code)> = Vec::with_capacity(terms.len());
        for (coefficient, term) in terms {
            let joins = merged.last().filter(|(_, last)| *last == term);
            match joins.and_then(|(before, _)| joined(Binary::Add, *before, coefficient)) {
                Some(sum) => merged.last_mut().expect("it was just seen").0 = sum,
                None => merged.push((coefficient, term)),
            }
        }
        terms = merged;
        let Some(open) = terms.iter().position(|(c, term)| c.abs() == 1.0 && is_sum(term)) else { break };
        let (sign, term) = terms.swap_remove(open);
        let (inner, more) = Form::read(&term).times(sign).into_terms();
        let Some(sum) = joined(Binary::Add, constant, more) else {
            terms.push((sign, term));
            break;
        };
        constant = sum;
        terms.extend(inner);
    }
    match &terms[..] {
        [] => Form::Constant(constant),
        [(coefficient, term)] if constant == 0.0 => Form::read(term).times(*coefficient),
        _ => Form::Sum { terms, constant },
    }
}

fn is_sum(code: &[Node]) -> bool {
    matches!(code.last(), Some(Node::Binary(Binary::Add | Binary::Subtract)))
}

fn never_negative(code: &[Node]) -> bool {
    use Unary::{Absolute, Exp, Relu, Root, Sigmoid, Square};
    matches!(code.last(), Some(Node::Unary(Absolute | Exp | Relu | Root | Sigmoid | Square)))
}

/// Two constants as one, if that is finite and neither rounds to zero on the way.
fn joined(binary: Binary, a: f64, b: f64) -> Option<f64> {
    let value = binary.track(Tracked::constant(a), Tracked::constant(b)).value;
    let vanishes = binary == Binary::Multiply && value == 0.0 && a != 0.0 && b != 0.0;
    (value.is_finite() && !vanishes).then_some(value + 0.0)
}

fn write_sum(terms: &[(f64, Code)], constant: f64) -> Code {
    let mut code = Code::new();
    for (coefficient, term) in terms {
        let first = code.is_empty();
        let shown = if first { *coefficient } else { coefficient.abs() };
        code.extend(scaled(shown, term));
        if !first {
            code.push(Node::Binary(if *coefficient < 0.0 { Binary::Subtract } else { Binary::Add }));
        }
    }
    if constant != 0.0 {
        code.push(Node::constant(constant.abs()));
        code.push(Node::Binary(if constant < 0.0 { Binary::Subtract } else { Binary::Add }));
    }
    code
}

/// A term, itself written with coefficient 1, times a coefficient.
fn scaled(coefficient: f64, term: &Code) -> Code {
    if coefficient == 1.0 {
        return term.clone();
    }
    match Form::read(term) {
        Form::Product { over, under, .. } => write_product(coefficient, &over, &under),
        _ => write_product(coefficient, std::slice::from_ref(term), &[]),
    }
}

fn write_product(coefficient: f64, over: &[Code], under: &[Code]) -> Code {
    let mut code = Code::new();
    let mut above = over.iter();
    let mut below = under.iter();
    let sign = coefficient == -1.0 && !over.is_empty();
    if coefficient != 1.0 && !sign {
        code.push(Node::constant(coefficient));
    } else if let Some(first) = above.next() {
        code.extend(first);
    } else if let Some(first) = below.next() {
        code.extend(first);
        code.push(Node::Unary(Unary::Inverse));
    }
    for factor in above {
        code.extend(factor);
        code.push(Node::Binary(Binary::Multiply));
    }
    for factor in below {
        code.extend(factor);
        code.push(Node::Binary(Binary::Divide));
    }
    if sign {
        code.push(Node::Unary(Unary::Negate));
    }
    code
}

fn write_extreme(which: Binary, operands: &[Code], bound: Option<f64>) -> Code {
    let mut code = operands[0].clone();
    for operand in &operands[1..] {
        code.extend(operand);
        code.push(Node::Binary(which));
    }
    match bound {
        Some(0.0) if which == Binary::Maximum => code.push(Node::Unary(Unary::Relu)),
        Some(bound) => code.extend([Node::constant(bound), Node::Binary(which)]),
        None => {}
    }
    code
}

/// Short before long, then node by node.
fn compare(a: &Code, b: &Code) -> Ordering {
    let nodes = || a.iter().zip(b).map(|(a, b)| compare_nodes(*a, *b)).find(|order| order.is_ne());
    a.len().cmp(&b.len()).then_with(|| nodes().unwrap_or(Ordering::Equal))
}

fn compare_nodes(a: Node, b: Node) -> Ordering {
    let rank = |node| match node {
        Node::Input(i) => (0, i),
        Node::Constant(_) => (1, 0),
        Node::Unary(unary) => (2, unary as usize),
        Node::Binary(binary) => (3, binary as usize),
    };
    match (a, b) {
        (Node::Constant(a), Node::Constant(b)) => a.total_cmp(&b),
        (a, b) => rank(a).cmp(&rank(b)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_spelling_for_each() {
        let cases = [
            ("x - y + 0", "x - y"),
            ("-y - -x", "x - y"),
            ("--x", "x"),
            ("x + x + 2 * 3 * x", "8 * x"),
            ("z * (y * x) / (2 * w)", "0.5 * x * y * z / w"),
            ("x / y / z", "x / y / z"),
            ("x * inv(z * y)", "x / y / z"),
            ("1 / (1 / x)", "inv(inv(x))"),
            ("-(x - 1)", "-x + 1"),
            ("max(y, max(relu(x), -1))", "relu(max(x, y))"),
            ("max(x, x)", "x"),
            ("max(x, y) + 1 - 1", "max(x, y)"),
            ("abs(-3 * square(-x))", "3 * square(x)"),
            ("tanh(-x)", "-tanh(x)"),
            ("0.1 + 0.2 - 0.3", "0"),
            ("1 / 0 + 2", "inv(0) + 2"),
            ("0 * log(x) + x - x", "0 * x + 0 * log(x)"),
            ("0.5 * (x + y) + (y + x) / 2 + z", "x + y + z"),
        ];
        for (text, expected) in cases {
            assert_eq!(canonicalize(&text.parse().unwrap()).to_string(), expected, "{text}");
        }
    }
}
