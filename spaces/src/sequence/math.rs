//! The little mathematics that definitions are written in. Transcendental functions come from `libm`, in Rust, so
//! that a definition gives the same bits on every machine.

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
        self.data.iter_mut().for_each(|x| *x = f(*x));
        self
    }

    /// Elementwise `f(self, other)`.
    pub fn zip(mut self, other: &Self, f: impl Fn(f64, f64) -> f64) -> Self {
        assert_eq!((self.rows, self.columns), (other.rows, other.columns));
        self.data.iter_mut().zip(&other.data).for_each(|(x, y)| *x = f(*x, *y));
        self
    }

    /// Columns `from..from + count`.
    pub fn columns(&self, from: usize, count: usize) -> Self {
        let data = (0..self.rows).flat_map(|row| self.row(row)[from..from + count].iter().copied()).collect();
        Self::new(self.rows, count, data)
    }

    /// The rows in reverse order of time.
    pub fn reversed(&self) -> Self {
        let data = (0..self.rows).rev().flat_map(|row| self.row(row).iter().copied()).collect();
        Self::new(self.rows, self.columns, data)
    }
}

/// x·Wᵀ + b for every row; `weight` is outputs × inputs, `bias` may be empty.
pub fn linear(x: &Matrix, weight: &[f64], bias: &[f64]) -> Matrix {
    let outputs = weight.len() / x.columns;
    let mut y = Matrix::zeros(x.rows, outputs);
    for t in 0..x.rows {
        let input = x.row(t);
        for (o, out) in y.row_mut(t).iter_mut().enumerate() {
            *out =
                dot(&weight[o * input.len()..][..input.len()], input) + bias.get(o).copied().unwrap_or(0.0);
        }
    }
    y
}

pub fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// In place, with the largest value subtracted first.
pub fn softmax(values: &mut [f64]) {
    let max = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    values.iter_mut().for_each(|v| *v = libm::exp(*v - max));
    let sum: f64 = values.iter().sum();
    values.iter_mut().for_each(|v| *v /= sum);
}

pub fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + libm::exp(-x))
}

pub fn silu(x: f64) -> f64 {
    x * sigmoid(x)
}

/// ln(1 + eˣ).
pub fn softplus(x: f64) -> f64 {
    if x > 30.0 { x } else { libm::log1p(libm::exp(x)) }
}

/// x·Φ(x), with the exact error function.
pub fn gelu(x: f64) -> f64 {
    0.5 * x * (1.0 + libm::erf(x * std::f64::consts::FRAC_1_SQRT_2))
}

/// The activations that genes may name.
pub const ACTIVATIONS: [&str; 4] = ["gelu", "relu", "silu", "tanh"];

/// Panics on a name that is not in [`ACTIVATIONS`] (or `sigmoid`, for gates): genomes are checked when they are made.
pub fn activation(name: &str) -> fn(f64) -> f64 {
    match name {
        "gelu" => gelu,
        "relu" => |x| x.max(0.0),
        "silu" => silu,
        "tanh" => libm::tanh,
        "sigmoid" => sigmoid,
        _ => panic!("no activation `{name}`"),
    }
}

/// (x − mean)/√(variance + 1e-5) · gain + bias, over the channels of each row (Ba et al. 2016).
pub fn layer_norm(x: &Matrix, gain: &[f64], bias: &[f64]) -> Matrix {
    each_row(x, |row| {
        let n = row.len() as f64;
        let mean = row.iter().sum::<f64>() / n;
        let variance = row.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / n;
        let scale = 1.0 / libm::sqrt(variance + EPSILON);
        row.iter_mut().zip(gain).zip(bias).for_each(|((x, g), b)| *x = (*x - mean) * scale * g + b);
    })
}

/// x/√(mean x² + 1e-5) · gain, over the channels of each row (Zhang and Sennrich 2019).
pub fn rms_norm(x: &Matrix, gain: &[f64]) -> Matrix {
    each_row(x, |row| {
        let square = dot(row, row) / row.len() as f64;
        let scale = 1.0 / libm::sqrt(square + EPSILON);
        row.iter_mut().zip(gain).for_each(|(x, g)| *x *= scale * g);
    })
}

/// Added to variances before the root.
pub const EPSILON: f64 = 1e-5;

fn each_row(x: &Matrix, f: impl Fn(&mut [f64])) -> Matrix {
    let mut y = x.clone();
    (0..y.rows).for_each(|row| f(y.row_mut(row)));
    y
}
