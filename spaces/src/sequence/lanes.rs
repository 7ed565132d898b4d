//! Eight numbers that are computed side by side: formulas read as for one of them, and compile to vectors.

use std::ops::{Add, AddAssign, Mul, Neg, Sub};

/// Eight numbers; operators and functions work on each of them alone.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Lanes(pub [f64; Lanes::COUNT]);

impl Lanes {
    pub const COUNT: usize = 8;
    pub const ZERO: Self = Self([0.0; Self::COUNT]);

    #[inline(always)]
    pub fn all(value: f64) -> Self {
        Self([value; Self::COUNT])
    }

    /// The numbers from `first` on; zero beyond the end.
    #[inline(always)]
    pub fn load(values: &[f64], first: usize) -> Self {
        let values = &values[first..];
        let mut lanes = Self::ZERO;
        match values.first_chunk() {
            Some(all) => lanes.0 = *all,
            None => lanes.0[..values.len()].copy_from_slice(values),
        }
        lanes
    }

    /// Overwrites the numbers from `first` on, up to the end.
    #[inline(always)]
    pub fn store(self, values: &mut [f64], first: usize) {
        let values = &mut values[first..];
        match values.first_chunk_mut() {
            Some(all) => *all = self.0,
            None => values.copy_from_slice(&self.0[..values.len()]),
        }
    }

    /// Element `column` of eight rows of `columns` numbers, from row `first` on; zero beyond the end.
    #[inline]
    pub fn load_column(values: &[f64], columns: usize, column: usize, first: usize) -> Self {
        let mut lanes = Self::ZERO;
        let rows = values[first * columns..].chunks_exact(columns);
        lanes.0.iter_mut().zip(rows).for_each(|(lane, row)| *lane = row[column]);
        lanes
    }

    /// Overwrites element `column` of eight rows, from row `first` on, up to the end.
    #[inline]
    pub fn store_column(self, values: &mut [f64], columns: usize, column: usize, first: usize) {
        let rows = values[first * columns..].chunks_exact_mut(columns);
        rows.zip(self.0).for_each(|(row, x)| row[column] = x);
    }

    #[inline(always)]
    pub fn map(self, f: impl Fn(f64) -> f64) -> Self {
        let mut lanes = self;
        lanes.0.iter_mut().for_each(|x| *x = f(*x));
        lanes
    }

    #[inline(always)]
    pub fn zip(self, other: Self, f: impl Fn(f64, f64) -> f64) -> Self {
        let mut lanes = self;
        lanes.0.iter_mut().zip(other.0).for_each(|(x, y)| *x = f(*x, y));
        lanes
    }
}

impl Add for Lanes {
    type Output = Self;
    #[inline(always)]
    fn add(self, other: Self) -> Self {
        self.zip(other, |x, y| x + y)
    }
}

impl AddAssign for Lanes {
    #[inline(always)]
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Sub for Lanes {
    type Output = Self;
    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        self.zip(other, |x, y| x - y)
    }
}

impl Mul for Lanes {
    type Output = Self;
    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        self.zip(other, |x, y| x * y)
    }
}

impl Mul<Lanes> for f64 {
    type Output = Lanes;
    #[inline(always)]
    fn mul(self, other: Lanes) -> Lanes {
        other.map(|x| self * x)
    }
}

impl Neg for Lanes {
    type Output = Self;
    #[inline(always)]
    fn neg(self) -> Self {
        self.map(|x| -x)
    }
}
