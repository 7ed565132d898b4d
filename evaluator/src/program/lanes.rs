//! Operations over all tasks at once: a number is an array, one element for each task, and lies in memory as such.
//!
//! Sums run in the order of the definitions in `spaces`, so that results are theirs bit for bit (up to the sign of zero).

use hashing::Mark;
use spaces::program::{Kind, fill_normal};

use super::code::{Step, Verb};

/// One number of each task.
pub(super) type Lanes<const L: usize> = [f64; L];

/// Which execution of random instructions this is, and by which seeds.
pub(super) struct Draws<'a, const L: usize> {
    pub seeds: &'a [u64; L],
    pub execution: u64,
}

/// Every number of a register: loops of known lengths. A macro, since closures are not always inlined, and what is not
/// inlined is not compiled for the processor's wider registers.
macro_rules! each {
    ($features:ident, $kind:expr, $m:ident[$($place:expr),+], $i:ident => $body:expr) => {
        match $kind {
            Kind::Scalar => {
                let $i = 0;
                $body;
            }
            Kind::Vector => {
                bounded($m, &[$($place),+], $features);
                for $i in 0..$features {
                    $body;
                }
            }
            Kind::Matrix => {
                bounded($m, &[$($place),+], $features * $features);
                for $i in 0..$features * $features {
                    $body;
                }
            }
        }
    };
}

/// Runs one step for F features.
#[inline(always)]
pub(super) fn execute<const F: usize, const L: usize>(
    step: &Step,
    memory: &mut [Lanes<L>],
    draws: &Draws<L>,
) {
    let s = &Spot { out: step.out as usize, a: step.a as usize, b: step.b as usize, step };
    let m = memory;
    match step.verb {
        Verb::Add => zip::<F, L>(s, m, |a, b| a + b),
        Verb::Subtract => zip::<F, L>(s, m, |a, b| a - b),
        Verb::Multiply => zip::<F, L>(s, m, |a, b| a * b),
        Verb::Divide => zip::<F, L>(s, m, |a, b| a / b),
        Verb::Minimum => zip::<F, L>(s, m, |a, b| if a.is_nan() || a < b { a } else { b }),
        Verb::Maximum => zip::<F, L>(s, m, |a, b| if a.is_nan() || a > b { a } else { b }),
        Verb::Abs => map::<F, L>(s, m, f64::abs),
        Verb::Reciprocal => map::<F, L>(s, m, |a| 1.0 / a),
        Verb::Heaviside => {
            map::<F, L>(s, m, |a| if a.is_nan() { a } else { f64::from(u8::from(a > 0.0)) });
        }
        Verb::Sin => one(s, m, libm::sin),
        Verb::Cos => one(s, m, libm::cos),
        Verb::Tan => one(s, m, libm::tan),
        Verb::Arcsin => one(s, m, libm::asin),
        Verb::Arccos => one(s, m, libm::acos),
        Verb::Arctan => one(s, m, libm::atan),
        Verb::Exp => one(s, m, libm::exp),
        Verb::Log => one(s, m, libm::log),
        Verb::Scale => {
            let factor = m[s.a];
            each!(F, s.step.kind, m[s.out, s.b], i => m[s.out + i] = pairs(factor, m[s.b + i], |a, b| a * b));
        }
        Verb::Dot => m[s.out] = products::<F, L>(m, s.a, s.b, 1),
        Verb::Outer => {
            for i in 0..F {
                for j in 0..F {
                    m[s.out + i * F + j] = pairs(m[s.a + i], m[s.b + j], |a, b| a * b);
                }
            }
        }
        Verb::MatrixVector => {
            let mut result = [[0.0; L]; F];
            for (i, result) in result.iter_mut().enumerate() {
                *result = products::<F, L>(m, s.a + i * F, s.b, 1);
            }
            m[s.out..s.out + F].copy_from_slice(&result);
        }
        Verb::MatrixMatrix => {
            square::<F, L>(s, m, |m, i, j| products::<F, L>(m, s.a + i * F, s.b + j, F));
        }
        Verb::Transpose => square::<F, L>(s, m, |m, i, j| m[s.a + j * F + i]),
        Verb::Broadcast => {
            let value = m[s.a];
            m[s.out..s.out + F].fill(value);
        }
        Verb::Rows => square::<F, L>(s, m, |m, _, j| m[s.a + j]),
        Verb::Columns => square::<F, L>(s, m, |m, i, _| m[s.a + i]),
        Verb::Mean => m[s.out] = mean(m, s.a, length::<F>(s.step.kind)),
        Verb::RowMeans => by_row::<F, L>(s, m, mean),
        Verb::ColumnMeans => by_column::<F, L>(s, m, |x| x / F as f64, |sum| sum),
        Verb::Deviation => m[s.out] = deviation(m, s.a, length::<F>(s.step.kind)),
        Verb::RowDeviations => by_row::<F, L>(s, m, deviation),
        Verb::Norm => m[s.out] = norm(m, s.a, length::<F>(s.step.kind)),
        Verb::RowNorms => by_row::<F, L>(s, m, norm),
        Verb::ColumnNorms => by_column::<F, L>(s, m, |x| x * x, f64::sqrt),
        Verb::Constant => each!(F, s.step.kind, m[s.out], i => m[s.out + i] = [s.step.settings[0]; L]),
        Verb::SetVector => {
            m.copy_within(s.a..s.a + F, s.out);
            m[s.out + index(s.step.settings[0], F)] = [s.step.settings[1]; L];
        }
        Verb::SetMatrix => {
            m.copy_within(s.a..s.a + F * F, s.out);
            m[s.out + index(s.step.settings[0], F) * F + index(s.step.settings[1], F)] =
                [s.step.settings[2]; L];
        }
        Verb::Uniform => draw::<F, L>(s, m, draws, Mark::fill_uniform),
        Verb::Gaussian => draw::<F, L>(s, m, draws, fill_normal),
    }
}

/// Where a step reads and writes.
struct Spot<'a> {
    out: usize,
    a: usize,
    b: usize,
    step: &'a Step,
}

/// Told once that these numbers are there, the compiler does not ask for each of them.
#[inline(always)]
fn bounded<const L: usize>(m: &[Lanes<L>], places: &[usize], length: usize) {
    for place in places {
        assert!(place + length <= m.len(), "registers lie in memory");
    }
}

/// Numbers in a register, known when this is compiled.
#[inline(always)]
fn length<const F: usize>(kind: Kind) -> usize {
    match kind {
        Kind::Scalar => 1,
        Kind::Vector => F,
        Kind::Matrix => F * F,
    }
}

#[inline(always)]
fn pairs<const L: usize>(a: Lanes<L>, b: Lanes<L>, f: impl Fn(f64, f64) -> f64) -> Lanes<L> {
    let mut result = [0.0; L];
    for lane in 0..L {
        result[lane] = f(a[lane], b[lane]);
    }
    result
}

#[inline(always)]
fn zip<const F: usize, const L: usize>(s: &Spot, m: &mut [Lanes<L>], f: impl Fn(f64, f64) -> f64) {
    each!(F, s.step.kind, m[s.out, s.a, s.b], i => m[s.out + i] = pairs(m[s.a + i], m[s.b + i], &f));
}

#[inline(always)]
fn map<const F: usize, const L: usize>(s: &Spot, m: &mut [Lanes<L>], f: impl Fn(f64) -> f64) {
    each!(F, s.step.kind, m[s.out, s.a], i => m[s.out + i] = pairs(m[s.a + i], [0.0; L], |a, _| f(a)));
}

/// Σ a[k] · b[k], over F numbers of which those of `b` lie so far apart.
#[inline(always)]
fn products<const F: usize, const L: usize>(m: &[Lanes<L>], a: usize, b: usize, apart: usize) -> Lanes<L> {
    assert!(a + F <= m.len() && b + (F - 1) * apart < m.len(), "registers lie in memory");
    let mut sum = [0.0; L];
    for k in 0..F {
        let (a, b) = (m[a + k], m[b + k * apart]);
        for lane in 0..L {
            sum[lane] += a[lane] * b[lane];
        }
    }
    sum
}

/// Not inlined into the loops: the function costs more than the call.
#[inline(never)]
fn one<const L: usize>(s: &Spot, m: &mut [Lanes<L>], f: fn(f64) -> f64) {
    m[s.out] = m[s.a].map(f);
}

#[inline(always)]
fn sum<const L: usize>(terms: impl Iterator<Item = Lanes<L>>) -> Lanes<L> {
    terms.fold([0.0; L], |sum, term| pairs(sum, term, |a, b| a + b))
}

/// A matrix whose result may replace its operands.
#[inline(always)]
fn square<const F: usize, const L: usize>(
    s: &Spot,
    m: &mut [Lanes<L>],
    value: impl Fn(&[Lanes<L>], usize, usize) -> Lanes<L>,
) {
    let mut result = [[[0.0; L]; F]; F];
    for (i, row) in result.iter_mut().enumerate() {
        row.iter_mut().enumerate().for_each(|(j, result)| *result = value(m, i, j));
    }
    m[s.out..s.out + F * F].copy_from_slice(result.as_flattened());
}

/// What a stretch of numbers is summed up to.
type Summary<const L: usize> = fn(&[Lanes<L>], usize, usize) -> Lanes<L>;

#[inline(always)]
fn by_row<const F: usize, const L: usize>(s: &Spot, m: &mut [Lanes<L>], value: Summary<L>) {
    let result: [Lanes<L>; F] = std::array::from_fn(|i| value(m, s.a + i * F, F));
    m[s.out..s.out + F].copy_from_slice(&result);
}

#[inline(always)]
fn by_column<const F: usize, const L: usize>(
    s: &Spot,
    m: &mut [Lanes<L>],
    term: impl Fn(f64) -> f64,
    end: impl Fn(f64) -> f64,
) {
    let result: [Lanes<L>; F] =
        std::array::from_fn(|j| sum((0..F).map(|i| m[s.a + i * F + j].map(&term))).map(&end));
    m[s.out..s.out + F].copy_from_slice(&result);
}

fn mean<const L: usize>(m: &[Lanes<L>], start: usize, count: usize) -> Lanes<L> {
    sum(m[start..start + count].iter().copied()).map(|sum| sum / count as f64)
}

fn deviation<const L: usize>(m: &[Lanes<L>], start: usize, count: usize) -> Lanes<L> {
    let mean = mean(m, start, count);
    let squares = m[start..start + count].iter().map(|x| pairs(*x, mean, |x, mean| (x - mean) * (x - mean)));
    sum(squares).map(|sum| (sum / count as f64).sqrt())
}

fn norm<const L: usize>(m: &[Lanes<L>], start: usize, count: usize) -> Lanes<L> {
    sum(m[start..start + count].iter().map(|x| x.map(|x| x * x))).map(f64::sqrt)
}

/// The element at this fraction of the size; beyond the ends, the first or last.
fn index(fraction: f64, size: usize) -> usize {
    ((fraction * size as f64) as usize).min(size - 1)
}

/// Every task by its own stream.
#[inline(never)]
fn draw<const F: usize, const L: usize>(
    s: &Spot,
    m: &mut [Lanes<L>],
    draws: &Draws<L>,
    fill: fn(Mark, &mut [f64], f64, f64),
) {
    let mut numbers = [[0.0; F]; F];
    let numbers = &mut numbers.as_flattened_mut()[..length::<F>(s.step.kind)];
    for (lane, seed) in draws.seeds.iter().enumerate() {
        let stream = s.step.stream.then(*seed).then(draws.execution);
        fill(stream, numbers, s.step.settings[0], s.step.settings[1]);
        numbers.iter().enumerate().for_each(|(i, number)| m[s.out + i][lane] = *number);
    }
}
