//! The operations, one a line: name, operands, result, number of settings, arithmetic.
//!
//! All 64 of AutoML-Zero (Real et al. 2020, arXiv 2003.03384, table S1) and its no-op, and three that are not there: the
//! means of columns, and constant vectors and matrices.

use super::program::Malformed;

/// What a register holds, for n features.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A number, as in `s0`.
    Scalar,
    /// n numbers, as in `v0`.
    Vector,
    /// n × n numbers, row-major, as in `m0`.
    Matrix,
}

/// One of the operations that an instruction can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Operation(u8);

pub(super) struct Row {
    name: &'static str,
    operands: &'static [Kind],
    out: Kind,
    /// How many constants it has besides its operands.
    settings: usize,
    pub(super) arithmetic: Arithmetic,
}

/// Operands, settings and the number of features to the result.
type Formula = fn(&[f64], &[f64], &[f64], usize, &mut [f64]);

#[derive(Clone, Copy)]
pub(super) enum Arithmetic {
    /// Element by element.
    Map(fn(f64) -> f64),
    /// Element by element.
    Zip(fn(f64, f64) -> f64),
    /// As `Zip`, where the operands can change places.
    Commuting(fn(f64, f64) -> f64),
    General(Formula),
    /// As `General`, where the operands can change places.
    Symmetric(Formula),
    /// The settings to mean and standard deviation, and how a number is made from uniform ones.
    Random {
        moments: fn(f64, f64) -> (f64, f64),
        normal: bool,
    },
    /// Writes nothing, not even the register that it names.
    Nothing,
}

use Arithmetic::{Commuting, General, Map, Nothing, Random, Symmetric, Zip};
use Kind::{Matrix as M, Scalar as S, Vector as V};

#[rustfmt::skip]
static ROWS: [Row; 68] = [
    row("add", &[S, S], S, 0, Commuting(|a, b| a + b)),
    row("add", &[V, V], V, 0, Commuting(|a, b| a + b)),
    row("add", &[M, M], M, 0, Commuting(|a, b| a + b)),
    row("subtract", &[S, S], S, 0, Zip(|a, b| a - b)),
    row("subtract", &[V, V], V, 0, Zip(|a, b| a - b)),
    row("subtract", &[M, M], M, 0, Zip(|a, b| a - b)),
    row("multiply", &[S, S], S, 0, Commuting(|a, b| a * b)),
    row("multiply", &[V, V], V, 0, Commuting(|a, b| a * b)),
    row("multiply", &[M, M], M, 0, Commuting(|a, b| a * b)),
    row("multiply", &[S, V], V, 0, General(scale)),
    row("multiply", &[S, M], M, 0, General(scale)),
    row("divide", &[S, S], S, 0, Zip(|a, b| a / b)),
    row("divide", &[V, V], V, 0, Zip(|a, b| a / b)),
    row("divide", &[M, M], M, 0, Zip(|a, b| a / b)),
    row("minimum", &[S, S], S, 0, Commuting(minimum)),
    row("minimum", &[V, V], V, 0, Commuting(minimum)),
    row("minimum", &[M, M], M, 0, Commuting(minimum)),
    row("maximum", &[S, S], S, 0, Commuting(maximum)),
    row("maximum", &[V, V], V, 0, Commuting(maximum)),
    row("maximum", &[M, M], M, 0, Commuting(maximum)),
    row("abs", &[S], S, 0, Map(f64::abs)),
    row("abs", &[V], V, 0, Map(f64::abs)),
    row("abs", &[M], M, 0, Map(f64::abs)),
    row("reciprocal", &[S], S, 0, Map(|a| 1.0 / a)),
    row("reciprocal", &[V], V, 0, Map(|a| 1.0 / a)),
    row("reciprocal", &[M], M, 0, Map(|a| 1.0 / a)),
    row("heaviside", &[S], S, 0, Map(heaviside)),
    row("heaviside", &[V], V, 0, Map(heaviside)),
    row("heaviside", &[M], M, 0, Map(heaviside)),
    row("sin", &[S], S, 0, Map(libm::sin)),
    row("cos", &[S], S, 0, Map(libm::cos)),
    row("tan", &[S], S, 0, Map(libm::tan)),
    row("arcsin", &[S], S, 0, Map(libm::asin)),
    row("arccos", &[S], S, 0, Map(libm::acos)),
    row("arctan", &[S], S, 0, Map(libm::atan)),
    row("exp", &[S], S, 0, Map(libm::exp)),
    row("log", &[S], S, 0, Map(libm::log)),
    row("dot", &[V, V], S, 0, Symmetric(dot)),
    row("outer", &[V, V], M, 0, General(outer)),
    row("matmul", &[M, V], V, 0, General(|a, b, _, n, y| matmul(a, b, n, 1, y))),
    row("matmul", &[M, M], M, 0, General(|a, b, _, n, y| matmul(a, b, n, n, y))),
    row("transpose", &[M], M, 0, General(|a, _, _, n, y| each(n, y, |i, j| a[j * n + i]))),
    row("broadcast", &[S], V, 0, General(|a, _, _, _, y| y.fill(a[0]))),
    row("rows", &[V], M, 0, General(|a, _, _, n, y| each(n, y, |_, j| a[j]))),
    row("columns", &[V], M, 0, General(|a, _, _, n, y| each(n, y, |i, _| a[i]))),
    row("mean", &[V], S, 0, General(|a, _, _, _, y| y[0] = mean(a))),
    row("mean", &[M], S, 0, General(|a, _, _, _, y| y[0] = mean(a))),
    row("row_means", &[M], V, 0, General(|a, _, _, n, y| by_row(a, n, y, mean))),
    row("column_means", &[M], V, 0, General(|a, _, _, n, y| by_column(a, n, y, |sum, x| sum + x / n as f64))),
    row("deviation", &[V], S, 0, General(|a, _, _, _, y| y[0] = deviation(a))),
    row("deviation", &[M], S, 0, General(|a, _, _, _, y| y[0] = deviation(a))),
    row("row_deviations", &[M], V, 0, General(|a, _, _, n, y| by_row(a, n, y, deviation))),
    row("norm", &[V], S, 0, General(|a, _, _, _, y| y[0] = norm(a))),
    row("norm", &[M], S, 0, General(|a, _, _, _, y| y[0] = norm(a))),
    row("row_norms", &[M], V, 0, General(|a, _, _, n, y| by_row(a, n, y, norm))),
    row("column_norms", &[M], V, 0, General(column_norms)),
    row("constant", &[], S, 1, General(|_, _, c, _, y| y.fill(c[0]))),
    row("constant", &[], V, 1, General(|_, _, c, _, y| y.fill(c[0]))),
    row("constant", &[], M, 1, General(|_, _, c, _, y| y.fill(c[0]))),
    // The operand, with the element at these places (fractions of the size) set to a constant.
    row("set", &[V], V, 2, General(|a, _, c, n, y| { y.copy_from_slice(a); y[place(c[0], n)] = c[1]; })),
    row("set", &[M], M, 3, General(|a, _, c, n, y| { y.copy_from_slice(a); y[place(c[0], n) * n + place(c[1], n)] = c[2]; })),
    // From the first setting to the second.
    row("uniform", &[], S, 2, Random { moments: uniform, normal: false }),
    row("uniform", &[], V, 2, Random { moments: uniform, normal: false }),
    row("uniform", &[], M, 2, Random { moments: uniform, normal: false }),
    // Mean and standard deviation.
    row("gaussian", &[], S, 2, Random { moments: |mean, deviation| (mean, deviation), normal: true }),
    row("gaussian", &[], V, 2, Random { moments: |mean, deviation| (mean, deviation), normal: true }),
    row("gaussian", &[], M, 2, Random { moments: |mean, deviation| (mean, deviation), normal: true }),
    row("no_op", &[], S, 0, Nothing),
];

const fn row(
    name: &'static str,
    operands: &'static [Kind],
    out: Kind,
    settings: usize,
    arithmetic: Arithmetic,
) -> Row {
    Row { name, operands, out, settings, arithmetic }
}

/// Most operands and most settings of an operation.
pub(super) const OPERANDS: usize = 2;
pub(super) const SETTINGS: usize = 3;

impl Kind {
    pub const ALL: [Self; 3] = [Self::Scalar, Self::Vector, Self::Matrix];

    /// Numbers in a register, for so many features.
    pub fn len(self, features: usize) -> usize {
        match self {
            Self::Scalar => 1,
            Self::Vector => features,
            Self::Matrix => features * features,
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Scalar => "scalar",
            Self::Vector => "vector",
            Self::Matrix => "matrix",
        }
    }

    pub(super) fn letter(self) -> char {
        match self {
            Self::Scalar => 's',
            Self::Vector => 'v',
            Self::Matrix => 'm',
        }
    }
}

impl Operation {
    /// Does nothing: a place for an instruction, in programs of a fixed size.
    pub const NO_OP: Self = Self(ROWS.len() as u8 - 1);

    pub fn all() -> impl Iterator<Item = Self> {
        (0..ROWS.len() as u8).map(Self)
    }

    /// The operation of this name between these kinds, with so many settings.
    pub fn find(name: &str, operands: &[Kind], out: Kind, settings: usize) -> Result<Self, Malformed> {
        let fits = |operation: &Self| {
            let row = operation.row();
            row.name == name && row.operands == operands && row.out == out && row.settings == settings
        };
        Self::all().find(fits).ok_or_else(|| {
            let operands = operands.iter().map(|kind| kind.name()).chain((0..settings).map(|_| "number"));
            let operands: Vec<_> = operands.collect();
            Malformed(format!("no operation `{name}({}) → {}`", operands.join(", "), out.name()))
        })
    }

    pub fn name(self) -> &'static str {
        self.row().name
    }

    pub fn operands(self) -> &'static [Kind] {
        self.row().operands
    }

    pub fn out(self) -> Kind {
        self.row().out
    }

    /// How many constants it has besides its operands.
    pub fn settings(self) -> usize {
        self.row().settings
    }

    /// The operands can change places.
    pub fn commutes(self) -> bool {
        matches!(self.row().arithmetic, Commuting(_) | Symmetric(_))
    }

    /// Its result is drawn at every execution.
    pub fn is_random(self) -> bool {
        matches!(self.row().arithmetic, Random { .. })
    }

    /// Its result is its operand with one element set: in programs that are searched, the same register.
    pub fn sets_in_place(self) -> bool {
        self.row().name == "set"
    }

    /// From where to where a setting is drawn, as published: values, means and bounds in [−1, 1), standard deviations and
    /// places in [0, 1).
    pub fn range(self, setting: usize) -> (f64, f64) {
        let is_place = self.sets_in_place() && setting + 1 < self.settings();
        let is_deviation = self.row().name == "gaussian" && setting == 1;
        if is_place || is_deviation { (0.0, 1.0) } else { (-1.0, 1.0) }
    }

    /// Fills its result with its only setting.
    pub fn is_constant(self) -> bool {
        self.operands().is_empty() && self.settings() == 1
    }

    /// Whether it is one of the 65 that AutoML-Zero has, its no-op included.
    pub fn is_published(self) -> bool {
        let row = self.row();
        row.name != "column_means" && !(row.name == "constant" && row.out != S)
    }

    /// Its place in [`all`](Self::all).
    pub fn number(self) -> usize {
        usize::from(self.0)
    }

    pub(super) fn row(self) -> &'static Row {
        &ROWS[usize::from(self.0)]
    }
}

/// Of a uniform distribution.
fn uniform(low: f64, high: f64) -> (f64, f64) {
    (0.5 * (low + high), (high - low) / 12f64.sqrt())
}

/// Not that of `f64`, which drops NaN.
fn minimum(a: f64, b: f64) -> f64 {
    if a.is_nan() || a < b { a } else { b }
}

fn maximum(a: f64, b: f64) -> f64 {
    if a.is_nan() || a > b { a } else { b }
}

/// 1 above zero, 0 elsewhere.
fn heaviside(a: f64) -> f64 {
    if a.is_nan() { a } else { f64::from(a > 0.0) }
}

fn scale(a: &[f64], b: &[f64], _: &[f64], _: usize, y: &mut [f64]) {
    y.iter_mut().zip(b).for_each(|(y, b)| *y = a[0] * b);
}

fn dot(a: &[f64], b: &[f64], _: &[f64], _: usize, y: &mut [f64]) {
    y[0] = a.iter().zip(b).map(|(a, b)| a * b).sum();
}

/// y[i, j] = a[i] · b[j].
fn outer(a: &[f64], b: &[f64], _: &[f64], n: usize, y: &mut [f64]) {
    each(n, y, |i, j| a[i] * b[j]);
}

/// y[i, j] = Σ a[i, k] · b[k, j], for b of so many columns.
fn matmul(a: &[f64], b: &[f64], n: usize, columns: usize, y: &mut [f64]) {
    for (y, a) in y.chunks_exact_mut(columns).zip(a.chunks_exact(n)) {
        for (j, y) in y.iter_mut().enumerate() {
            *y = a.iter().zip(b[j..].iter().step_by(columns)).map(|(a, b)| a * b).sum();
        }
    }
}

fn each(n: usize, y: &mut [f64], value: impl Fn(usize, usize) -> f64) {
    for (i, row) in y.chunks_exact_mut(n).enumerate() {
        row.iter_mut().enumerate().for_each(|(j, y)| *y = value(i, j));
    }
}

fn by_row(a: &[f64], n: usize, y: &mut [f64], value: fn(&[f64]) -> f64) {
    y.iter_mut().zip(a.chunks_exact(n)).for_each(|(y, row)| *y = value(row));
}

fn by_column(a: &[f64], n: usize, y: &mut [f64], add: impl Fn(f64, f64) -> f64) {
    y.fill(0.0);
    for row in a.chunks_exact(n) {
        y.iter_mut().zip(row).for_each(|(y, x)| *y = add(*y, *x));
    }
}

fn column_norms(a: &[f64], _: &[f64], _: &[f64], n: usize, y: &mut [f64]) {
    by_column(a, n, y, |sum, x| sum + x * x);
    y.iter_mut().for_each(|y| *y = y.sqrt());
}

fn mean(a: &[f64]) -> f64 {
    a.iter().sum::<f64>() / a.len() as f64
}

/// Of the population: √(Σ (x − mean)² / n).
fn deviation(a: &[f64]) -> f64 {
    let mean = mean(a);
    (a.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / a.len() as f64).sqrt()
}

/// Euclidean, and that of Frobenius.
fn norm(a: &[f64]) -> f64 {
    a.iter().map(|x| x * x).sum::<f64>().sqrt()
}

/// The element at this fraction of the size; beyond the ends, the first or last.
fn place(fraction: f64, n: usize) -> usize {
    ((fraction * n as f64) as usize).min(n - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_operations_are_64_and_the_no_op() {
        assert_eq!(Operation::all().filter(|operation| operation.is_published()).count(), 65);
        assert_eq!((Operation::NO_OP.name(), Operation::NO_OP.number()), ("no_op", 67));
    }

    #[test]
    fn names_and_kinds_tell_operations_apart() {
        for operation in Operation::all() {
            let (operands, out) = (operation.operands(), operation.out());
            assert_eq!(Operation::find(operation.name(), operands, out, operation.settings()), Ok(operation));
            assert!(operands.len() <= OPERANDS && operation.settings() <= SETTINGS);
        }
        let error = Operation::find("dot", &[Kind::Vector], Kind::Scalar, 1).unwrap_err();
        assert_eq!(error.to_string(), "no operation `dot(vector, number) → scalar`");
    }

    fn general(name: &str, operands: &[Kind], out: Kind, a: &[f64], b: &[f64]) -> Vec<f64> {
        let operation = Operation::find(name, operands, out, 0).unwrap();
        let mut y = vec![0.0; out.len(2)];
        match operation.row().arithmetic {
            General(f) | Symmetric(f) => f(a, b, &[], 2, &mut y),
            _ => panic!("{name} goes element by element"),
        }
        y
    }

    #[test]
    fn linear_algebra_is_that_of_the_textbook() {
        let (m, v) = ([1.0, 2.0, 3.0, 4.0], [5.0, 6.0]);
        assert_eq!(general("matmul", &[M, V], V, &m, &v), [17.0, 39.0]);
        assert_eq!(general("matmul", &[M, M], M, &m, &m), [7.0, 10.0, 15.0, 22.0]);
        assert_eq!(general("transpose", &[M], M, &m, &[]), [1.0, 3.0, 2.0, 4.0]);
        assert_eq!(general("outer", &[V, V], M, &v, &[1.0, 2.0]), [5.0, 10.0, 6.0, 12.0]);
        assert_eq!(general("dot", &[V, V], S, &v, &v), [61.0]);
        assert_eq!(general("rows", &[V], M, &v, &[]), [5.0, 6.0, 5.0, 6.0]);
        assert_eq!(general("columns", &[V], M, &v, &[]), [5.0, 5.0, 6.0, 6.0]);
        assert_eq!(general("row_means", &[M], V, &m, &[]), [1.5, 3.5]);
        assert_eq!(general("column_means", &[M], V, &m, &[]), [2.0, 3.0]);
        assert_eq!(general("row_deviations", &[M], V, &m, &[]), [0.5, 0.5]);
        assert_eq!(general("row_norms", &[M], V, &m, &[]), [5f64.sqrt(), 5.0]);
        assert_eq!(general("column_norms", &[M], V, &m, &[]), [10f64.sqrt(), 20f64.sqrt()]);
        assert_eq!((place(0.0, 4), place(0.5, 4), place(1.0, 4), place(-1.0, 4)), (0, 2, 3, 0));
    }
}
