//! The little mathematics that definitions are written in. Sums are taken in the order in which they are written,
//! and functions come from `functions`, so that a definition gives the same bits on every machine.
//!
//! The loops that take the time are compiled for vectors of four numbers as well, and run so where the processor has
//! them: the same operations in the same order, hence the same bits.

use multiversion::multiversion;

pub use super::functions::{cos, exp, gelu, relu, sigmoid, silu, sin, softplus, tanh};
pub use super::lanes::Lanes;

/// Rows (time steps) of numbers (channels), row-major.
#[derive(Clone, Debug, PartialEq)]
pub struct Matrix {
    pub rows: usize,
    pub columns: usize,
    pub data: Vec<f64>,
}

impl Matrix {
    pub fn new(rows: usize, columns: usize, data: Vec<f64>) -> Self {
        assert_eq!(data.len(), rows * columns, "{rows} × {columns}");
        Self { rows, columns, data }
    }

    pub fn zeros(rows: usize, columns: usize) -> Self {
        Self::new(rows, columns, vec![0.0; rows * columns])
    }

    pub fn row(&self, row: usize) -> &[f64] {
        &self.data[row * self.columns..][..self.columns]
    }

    pub fn row_mut(&mut self, row: usize) -> &mut [f64] {
        &mut self.data[row * self.columns..][..self.columns]
    }

    pub fn at(&self, row: usize, column: usize) -> f64 {
        self.data[row * self.columns + column]
    }

    /// Applies `f` to every element.
    pub fn map(mut self, f: impl Fn(f64) -> f64) -> Self {
        map_in_place(&mut self.data, f);
        self
    }

    /// Elementwise `f(self, other)`.
    #[inline]
    pub fn zip(mut self, other: &Self, f: impl Fn(f64, f64) -> f64) -> Self {
        assert_eq!((self.rows, self.columns), (other.rows, other.columns));
        self.data.iter_mut().zip(&other.data).for_each(|(x, y)| *x = f(*x, *y));
        self
    }

    /// Rows become columns.
    pub fn transposed(rows: usize, columns: usize, data: &[f64]) -> Self {
        assert_eq!(data.len(), rows * columns, "{rows} × {columns}");
        let mut flipped = Self::zeros(columns, rows);
        for (i, row) in data.chunks_exact(columns).enumerate() {
            flipped.data[i..].iter_mut().step_by(rows).zip(row).for_each(|(y, x)| *y = *x);
        }
        flipped
    }

    /// Columns `from..from + count`.
    pub fn columns(&self, from: usize, count: usize) -> Self {
        let mut data = Vec::with_capacity(self.rows * count);
        (0..self.rows).for_each(|row| data.extend_from_slice(&self.row(row)[from..from + count]));
        Self::new(self.rows, count, data)
    }

    /// Overwrites the columns from `from` on.
    pub fn set_columns(&mut self, from: usize, other: &Self) {
        for row in 0..self.rows {
            self.row_mut(row)[from..from + other.columns].copy_from_slice(other.row(row));
        }
    }

    /// These rows, in their order.
    pub fn picked(&self, rows: &[usize]) -> Self {
        let mut data = Vec::with_capacity(rows.len() * self.columns);
        rows.iter().for_each(|row| data.extend_from_slice(self.row(*row)));
        Self::new(rows.len(), self.columns, data)
    }

    /// The rows in reverse order of time.
    pub fn reversed(&self) -> Self {
        let mut data = Vec::with_capacity(self.data.len());
        (0..self.rows).rev().for_each(|row| data.extend_from_slice(self.row(row)));
        Self::new(self.rows, self.columns, data)
    }
}

/// x·Wᵀ + b for every row; `weight` is outputs × inputs, `bias` may be empty.
pub fn linear(x: &Matrix, weight: &[f64], bias: &[f64]) -> Matrix {
    Linear::new(weight, x.columns, bias).apply(x)
}

/// [`linear`] with its weights laid out for many rows: eight outputs are computed side by side. Each is the sum over
/// the inputs, from the first to the last, and then the bias.
pub struct Linear<'a> {
    inputs: usize,
    outputs: usize,
    /// For every eight outputs, and for each input, its eight weights. What is beyond the outputs is zero.
    panels: Vec<Lanes>,
    bias: &'a [f64],
}

impl<'a> Linear<'a> {
    pub fn new(weight: &[f64], inputs: usize, bias: &'a [f64]) -> Self {
        let outputs = weight.len() / inputs;
        let mut panels = vec![Lanes::ZERO; outputs.div_ceil(Lanes::COUNT) * inputs];
        for (o, row) in weight.chunks_exact(inputs).enumerate() {
            let panel = &mut panels[o / Lanes::COUNT * inputs..][..inputs];
            panel.iter_mut().zip(row).for_each(|(weights, w)| weights.0[o % Lanes::COUNT] = *w);
        }
        Self { inputs, outputs, panels, bias }
    }

    /// With the weights inputs × outputs, and no bias.
    pub fn transposed(weight: &Matrix) -> Self {
        let (inputs, outputs) = (weight.rows, weight.columns);
        let firsts = (0..outputs).step_by(Lanes::COUNT);
        let panel = |first| (0..inputs).map(move |i| Lanes::load(weight.row(i), first));
        Self { inputs, outputs, panels: firsts.flat_map(panel).collect(), bias: &[] }
    }

    pub fn apply(&self, x: &Matrix) -> Matrix {
        let mut y = Matrix::zeros(x.rows, self.outputs);
        self.apply_to_rows(&x.data, &mut y.data);
        y
    }

    /// For row after row of `x`, overwrites a row of `y`.
    pub fn apply_to_rows(&self, x: &[f64], y: &mut [f64]) {
        apply_to_rows(self, x, y);
        let biased = |y: &mut [f64]| y.iter_mut().zip(self.bias).for_each(|(y, b)| *y += b);
        y.chunks_exact_mut(self.outputs).for_each(biased);
    }

    /// Eight outputs at a time, of as many rows side by side as there are sums in flight.
    #[inline(always)]
    fn apply_to_block<const ROWS: usize>(&self, x: &[f64], y: &mut [f64]) {
        let rows: [&[f64]; ROWS] = std::array::from_fn(|row| &x[row * self.inputs..][..self.inputs]);
        for (i, panel) in self.panels.chunks_exact(self.inputs).enumerate() {
            let mut sums = [Lanes::ZERO; ROWS];
            for (input, weights) in panel.iter().enumerate() {
                for (sum, x) in sums.iter_mut().zip(rows) {
                    *sum += x[input] * *weights;
                }
            }
            for (sum, y) in sums.into_iter().zip(y.chunks_exact_mut(self.outputs)) {
                sum.store(y, i * Lanes::COUNT);
            }
        }
    }
}

#[multiversion(targets("x86_64+avx+avx2"))]
fn apply_to_rows(map: &Linear, x: &[f64], y: &mut [f64]) {
    const ROWS: usize = 4;
    let mut x = x.chunks_exact(ROWS * map.inputs);
    let mut y = y.chunks_exact_mut(ROWS * map.outputs);
    (&mut x).zip(&mut y).for_each(|(x, y)| map.apply_to_block::<ROWS>(x, y));
    let rest = x.remainder().chunks_exact(map.inputs);
    let rest = rest.zip(y.into_remainder().chunks_exact_mut(map.outputs));
    rest.for_each(|(x, y)| map.apply_to_block::<1>(x, y));
}

#[multiversion(targets("x86_64+avx+avx2"))]
fn map_in_place(values: &mut [f64], f: impl Fn(f64) -> f64) {
    values.iter_mut().for_each(|x| *x = f(*x));
}

/// A·B.
pub fn product(a: &Matrix, b: &Matrix) -> Matrix {
    Linear::transposed(b).apply(a)
}

pub fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// eˣ/Σ eˣ over every row, with its largest value subtracted first.
pub fn softmax(x: Matrix) -> Matrix {
    let shifted = each_row(x, |row| {
        let max = row.iter().fold(f64::NEG_INFINITY, |max, x| if *x > max { *x } else { max });
        row.iter_mut().for_each(|x| *x -= max);
    });
    each_row(shifted.map(exp), |row| {
        let inverse = 1.0 / row.iter().sum::<f64>();
        row.iter_mut().for_each(|x| *x *= inverse);
    })
}

/// One row: ln of the mean of every column, whose numbers must be above zero.
pub fn log_of_mean(x: &Matrix) -> Matrix {
    let mean = |column: usize| (0..x.rows).map(|row| x.at(row, column)).sum::<f64>() / x.rows as f64;
    Matrix::new(1, x.columns, (0..x.columns).map(|column| libm::log(mean(column))).collect())
}

/// The activations that genes may name.
pub const ACTIVATIONS: [&str; 4] = ["gelu", "relu", "silu", "tanh"];

/// Panics on a name that is not in [`ACTIVATIONS`] (or, for gates, `sigmoid` or `identity`): genomes are
/// checked when they are made.
pub fn activate(x: Matrix, name: &str) -> Matrix {
    match name {
        "gelu" => x.map(gelu),
        "relu" => x.map(relu),
        "silu" => x.map(silu),
        "tanh" => x.map(tanh),
        "sigmoid" => x.map(sigmoid),
        "identity" => x,
        _ => panic!("no activation `{name}`"),
    }
}

/// Rows × columns of nearly standard normal numbers that depend on their place alone: (ones − 32)/4, of the
/// ones among 64 bits, which are SplitMix64's of that place (Steele, Lea and Flood 2014). Their first columns
/// do not depend on how many there are.
pub fn fixed_normals(rows: usize, columns: usize) -> Vec<f64> {
    let number = |row: usize, column: usize| {
        let place = (row as u64) << 32 | column as u64;
        let z = (place + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        f64::from((z ^ z >> 31).count_ones()) / 4.0 - 8.0
    };
    (0..rows).flat_map(|row| (0..columns).map(move |column| number(row, column))).collect()
}

/// Of every channel, the means of the steps up to each.
pub fn running_means(x: &Matrix) -> Matrix {
    let mut sum = vec![0.0; x.columns];
    let mut means = Matrix::zeros(x.rows, x.columns);
    for t in 0..x.rows {
        let count = (t + 1) as f64;
        for ((mean, sum), x) in means.row_mut(t).iter_mut().zip(&mut sum).zip(x.row(t)) {
            *sum += x;
            *mean = *sum / count;
        }
    }
    means
}

/// (x − mean)/√(variance + 1e-5) · gain + bias, over the channels of each row (Ba et al. 2016).
pub fn layer_norm(x: &Matrix, gain: &[f64], bias: &[f64]) -> Matrix {
    each_row(x.clone(), |row| {
        let n = row.len() as f64;
        let mean = row.iter().sum::<f64>() / n;
        let variance = row.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / n;
        let scale = 1.0 / (variance + EPSILON).sqrt();
        row.iter_mut().zip(gain).zip(bias).for_each(|((x, g), b)| *x = (*x - mean) * scale * g + b);
    })
}

/// x/√(mean x² + 1e-5) · gain, over the channels of each row (Zhang and Sennrich 2019).
pub fn rms_norm(x: &Matrix, gain: &[f64]) -> Matrix {
    each_row(x.clone(), |row| {
        let square = dot(row, row) / row.len() as f64;
        let scale = 1.0 / (square + EPSILON).sqrt();
        row.iter_mut().zip(gain).for_each(|(x, g)| *x *= scale * g);
    })
}

/// Added to variances before the root.
pub const EPSILON: f64 = 1e-5;

fn each_row(mut x: Matrix, f: impl Fn(&mut [f64])) -> Matrix {
    x.data.chunks_exact_mut(x.columns).for_each(f);
    x
}

#[cfg(test)]
mod tests {
    use hashing::Rng;

    use super::*;

    #[test]
    fn products_are_sums_in_the_order_of_the_inputs() {
        let mut rng = Rng::named(0, "product", 0);
        for (rows, inputs, outputs) in [(1, 1, 1), (3, 8, 24), (5, 7, 33), (2, 64, 4)] {
            let mut drawn = |len| (0..len).map(|_| rng.normal()).collect::<Vec<_>>();
            let x = Matrix::new(rows, inputs, drawn(rows * inputs));
            let (weight, bias) = (drawn(outputs * inputs), drawn(outputs));
            let y = linear(&x, &weight, &bias);
            for t in 0..rows {
                for o in 0..outputs {
                    let sum = (0..inputs).fold(0.0, |sum, i| sum + x.at(t, i) * weight[o * inputs + i]);
                    assert_eq!(y.at(t, o).to_bits(), (sum + bias[o]).to_bits());
                }
            }
            let flipped = Matrix::transposed(outputs, inputs, &weight);
            assert_eq!(product(&x, &flipped), linear(&x, &weight, &[]));
        }
    }

    #[test]
    fn fixed_normals_have_the_moments_of_a_normal_distribution() {
        let numbers = fixed_normals(1000, 100);
        let moment = |power| numbers.iter().map(|x| x.powi(power)).sum::<f64>() / numbers.len() as f64;
        for (power, expected, tolerance) in [(1, 0.0, 0.01), (2, 1.0, 0.02), (3, 0.0, 0.05), (4, 3.0, 0.15)] {
            assert!((moment(power) - expected).abs() < tolerance, "{power}: {}", moment(power));
        }
        let neighbors = numbers.windows(2).map(|pair| pair[0] * pair[1]).sum::<f64>() / numbers.len() as f64;
        assert!(neighbors.abs() < 0.02, "{neighbors}");
        assert_eq!(numbers[..2], fixed_normals(1, 2));
        assert_eq!(numbers[..3], [0.25, 0.75, -2.25]);
    }
}
