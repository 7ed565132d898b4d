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
        terms: Vec<Term>,
        constant: f64,
    },
    /// coefficient · factors.
    Product {
        coefficient: f64,
        factors: Factors,
    },
    /// The smallest or largest of the operands and the bound.
    Extreme {
        which: Binary,
        operands: Vec<Code>,
        bound: Option<f64>,
    },
}

/// Coefficient and factors.
type Term = (f64, Factors);

/// Π over / Π under, both in order.
#[derive(Clone, Debug, Default, PartialEq)]
struct Factors {
    over: Vec<Code>,
    under: Vec<Code>,
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
        Self::Product { coefficient: 1.0, factors: Factors::one(code) }
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
        let (a, b) = (self.constant(), other.constant());
        let mut terms = self.into_terms();
        terms.extend(other.into_terms());
        let constant = one_constant(a, b, &mut terms);
        summed(terms, constant)
    }

    /// What is added besides the terms.
    fn constant(&self) -> f64 {
        match self {
            Self::Constant(constant) | Self::Sum { constant, .. } => *constant,
            Self::Product { .. } | Self::Extreme { .. } => 0.0,
        }
    }

    /// What is multiplied besides the factors.
    fn coefficient(&self) -> f64 {
        match self {
            Self::Constant(coefficient) | Self::Product { coefficient, .. } => *coefficient,
            Self::Sum { .. } | Self::Extreme { .. } => 1.0,
        }
    }

    /// A product as it is written, where two coefficients do not make one.
    fn unread(self, other: Self) -> Self {
        let mut code = self.write();
        code.extend(other.write());
        code.push(Node::Binary(Binary::Multiply));
        Self::atom(code)
    }

    fn into_terms(self) -> Vec<Term> {
        match self {
            Self::Constant(_) => Vec::new(),
            Self::Sum { terms, .. } => terms,
            Self::Product { coefficient, factors } => vec![(coefficient, factors)],
            Self::Extreme { .. } => vec![(1.0, Factors::one(self.write()))],
        }
    }

    fn multiplied(self, other: Self) -> Self {
        let Some(coefficient) = joined(Binary::Multiply, self.coefficient(), other.coefficient()) else {
            return self.unread(other);
        };
        match (self, other) {
            (Self::Constant(_), Self::Constant(_)) => Self::Constant(coefficient),
            (Self::Constant(c), form) | (form, Self::Constant(c)) if c.abs() == 1.0 => form.times(c),
            (a, b) => Self::product(coefficient, a.into_factors().and(b.into_factors())),
        }
    }

    fn into_factors(self) -> Factors {
        match self {
            Self::Constant(_) => Factors::default(),
            Self::Product { factors, .. } => factors,
            other => Factors::one(other.write()),
        }
    }

    /// A single factor is what it is.
    fn product(coefficient: f64, factors: Factors) -> Self {
        match factors.alone().map(|factor| (coefficient, factor)) {
            Some((1.0, factor)) if is_sum(factor) || is_extreme(factor) => Self::read(factor),
            Some((-1.0, factor)) if is_sum(factor) => Self::read(factor).times(-1.0),
            _ => Self::Product { coefficient, factors },
        }
    }

    /// c times this.
    fn times(self, c: f64) -> Self {
        match self {
            form if c == 1.0 => form,
            Self::Sum { terms, constant } if c == -1.0 => {
                let negated = terms.into_iter().map(|(coefficient, term)| (-coefficient + 0.0, term));
                let mut terms: Vec<Term> = negated.collect();
                in_order(&mut terms);
                Self::Sum { terms, constant: -constant + 0.0 }
            }
            form if c == -1.0 => {
                let coefficient = -form.coefficient() + 0.0;
                match form {
                    Self::Constant(_) => Self::Constant(coefficient),
                    form => Self::product(coefficient, form.into_factors()),
                }
            }
            form => form.multiplied(Self::Constant(c)),
        }
    }

    fn inverse(self) -> Self {
        if let Self::Constant(_) = self {
            return self.applied(Unary::Inverse);
        }
        let coefficient = self.coefficient();
        let factors = self.into_factors();
        let reciprocal = Some(1.0 / coefficient + 0.0).filter(|c| c.is_finite() && *c != 0.0);
        match reciprocal {
            Some(reciprocal) if factors.under.is_empty() => {
                Self::product(reciprocal, Factors { over: Vec::new(), under: factors.over })
            }
            _ => {
                let inside = if reciprocal.is_some() { 1.0 } else { coefficient };
                let divisor = factors.write(inside);
                Self::product(reciprocal.unwrap_or(1.0), Factors { over: Vec::new(), under: vec![divisor] })
            }
        }
    }

    fn extreme(self, which: Binary, other: Self) -> Self {
        let (mut operands, a) = self.into_operands(which);
        let (more, b) = other.into_operands(which);
        operands.extend(more);
        operands.sort_by(|a, b| compare(a, b));
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
            Self::Product { coefficient, factors } => {
                let mut all = factors.over.iter().chain(&factors.under);
                *coefficient >= 0.0 && all.all(|factor| never_negative(factor))
            }
            _ => false,
        }
    }

    fn write(self) -> Code {
        match self {
            Self::Constant(c) => vec![Node::constant(c)],
            Self::Sum { terms, constant } => write_sum(&terms, constant),
            Self::Product { coefficient, factors } => factors.write(coefficient),
            Self::Extreme { which, operands, bound } => write_extreme(which, &operands, bound),
        }
    }
}

impl Factors {
    fn one(code: Code) -> Self {
        Self { over: vec![code], under: Vec::new() }
    }

    /// The only factor.
    fn alone(&self) -> Option<&Code> {
        match (&self.over[..], &self.under[..]) {
            ([factor], []) => Some(factor),
            _ => None,
        }
    }

    fn and(mut self, other: Self) -> Self {
        self.over.extend(other.over);
        self.under.extend(other.under);
        self.over.sort_by(|a, b| compare(a, b));
        self.under.sort_by(|a, b| compare(a, b));
        self
    }

    fn write(&self, coefficient: f64) -> Code {
        let mut code = Code::new();
        let mut above = self.over.iter();
        let mut below = self.under.iter();
        let sign = coefficient == -1.0 && !self.over.is_empty();
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

    /// Short before long, then factor by factor.
    fn compare(&self, other: &Self) -> Ordering {
        let codes = |factors: &Self| factors.over.len() + factors.under.len();
        let length = |factors: &Self| {
            factors.over.iter().chain(&factors.under).map(Vec::len).sum::<usize>() + codes(factors)
        };
        let each = || {
            let (a, b) = (self.over.iter().chain(&self.under), other.over.iter().chain(&other.under));
            a.zip(b).map(|(a, b)| compare(a, b)).find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
        };
        length(self)
            .cmp(&length(other))
            .then(codes(self).cmp(&codes(other)))
            .then(self.over.len().cmp(&other.over.len()))
            .then_with(each)
    }
}

/// The sum of two constants. Where it is too large for a number, the larger one becomes a term without factors.
fn one_constant(a: f64, b: f64, terms: &mut Vec<Term>) -> f64 {
    joined(Binary::Add, a, b).unwrap_or_else(|| {
        let (small, large) = if a.abs() < b.abs() { (a, b) } else { (b, a) };
        terms.push((large, Factors::default()));
        small
    })
}

/// Equal terms joined, sums among them opened, in order; a single term is what it is.
fn summed(mut terms: Vec<Term>, mut constant: f64) -> Form {
    loop {
        terms = merged(terms);
        let open = terms.iter().enumerate().find_map(|(i, (sign, term))| {
            let factor = term.alone().filter(|factor| sign.abs() == 1.0 && is_sum(factor))?;
            Some((i, Form::read(factor).times(*sign)))
        });
        let Some((i, sum)) = open else { break };
        terms.swap_remove(i);
        let more = sum.constant();
        terms.extend(sum.into_terms());
        constant = one_constant(constant, more, &mut terms);
    }
    constant = smallest_constant(&mut terms, constant);
    match terms.pop() {
        None => Form::Constant(constant),
        Some((coefficient, term)) if terms.is_empty() && constant == 0.0 => Form::product(coefficient, term),
        Some(last) => {
            terms.push(last);
            Form::Sum { terms, constant }
        }
    }
}

/// In order, equal terms as one, or as few as their coefficients allow.
fn merged(mut terms: Vec<Term>) -> Vec<Term> {
    in_order(&mut terms);
    let mut merged = Vec::with_capacity(terms.len());
    for equal in terms.chunk_by(|(_, a), (_, b)| a == b) {
        let coefficients = together(equal.iter().map(|(coefficient, _)| *coefficient).collect());
        merged.extend(coefficients.into_iter().map(|coefficient| (coefficient, equal[0].1.clone())));
    }
    in_order(&mut merged);
    merged
}

fn in_order(terms: &mut [Term]) {
    terms.sort_by(|(a, x), (b, y)| x.compare(y).then(a.total_cmp(b)));
}

/// Of the terms without factors and the constant, joined as far as they can be, the smallest; the others stay terms.
fn smallest_constant(terms: &mut Vec<Term>, constant: f64) -> f64 {
    let bare = |(_, term): &Term| *term == Factors::default();
    let constants = terms.iter().filter(|term| bare(term)).map(|(coefficient, _)| *coefficient);
    let constants = together(constants.chain([constant]).collect());
    terms.retain(|term| !bare(term));
    terms.extend(constants[1..].iter().map(|constant| (*constant, Factors::default())));
    in_order(terms);
    constants[0]
}

/// Numbers with the same sum, small before large, of which no two could be one: all have one sign, and any two are
/// beyond the range. So it does not matter how many of them are read at a time.
fn together(mut numbers: Vec<f64>) -> Vec<f64> {
    loop {
        numbers.sort_by(|a, b| a.abs().total_cmp(&b.abs()).then(a.total_cmp(b)));
        let pairs = (1..numbers.len()).flat_map(|j| (0..j).map(move |i| (i, j)));
        let joins = |(i, j): (usize, usize)| Some((i, j, joined(Binary::Add, numbers[i], numbers[j])?));
        let Some((i, j, sum)) = pairs.into_iter().find_map(joins) else { return numbers };
        numbers[i] = sum;
        numbers.swap_remove(j);
    }
}

fn write_sum(terms: &[Term], constant: f64) -> Code {
    let mut code = Code::new();
    for (coefficient, term) in terms {
        if code.is_empty() {
            code = term.write(*coefficient);
        } else {
            code.extend(term.write(coefficient.abs()));
            code.push(Node::Binary(if *coefficient < 0.0 { Binary::Subtract } else { Binary::Add }));
        }
    }
    if constant != 0.0 {
        code.push(Node::constant(constant.abs()));
        code.push(Node::Binary(if constant < 0.0 { Binary::Subtract } else { Binary::Add }));
    }
    code
}

fn is_sum(code: &[Node]) -> bool {
    matches!(code.last(), Some(Node::Binary(Binary::Add | Binary::Subtract)))
}

fn is_extreme(code: &[Node]) -> bool {
    use Node::{Binary as Two, Unary as One};
    matches!(code.last(), Some(Two(Binary::Minimum | Binary::Maximum) | One(Unary::Relu)))
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
fn compare(a: &[Node], b: &[Node]) -> Ordering {
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

    #[test]
    fn sums_at_the_ends_of_the_range_are_spelled_once() {
        let cases = [
            ("x - 1e308 - 1e308 + 1e308", "x - 1e308"),
            ("1e308 * x + 1.5e308 * x - (y + 1.5e308 * x)", "1e308 * x - y"),
            ("-(1e308 * x + 1.5e308 * x)", "-1.5e308 * x - 1e308 * x"),
            ("-(1.7e308 + (x + 1e308))", "-1.7e308 - x - 1e308"),
            ("1.7e308 * x - 1.6e308 * x - (1.7e308 * x + 1e308 * x)", "-1.7e308 * x - 9e307 * x"),
        ];
        for (text, expected) in cases {
            let once = canonicalize(&text.parse().unwrap());
            assert_eq!((once.to_string().as_str(), canonicalize(&once)), (expected, once.clone()), "{text}");
        }
    }
}
