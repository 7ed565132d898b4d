//! Kernels for the processor: what libtorch would do in dozens of small operations, in one pass over the data, with
//! gradients. Vectors are as wide as the processor's; sums have a fixed order and products are never fused with sums,
//! so that the same numbers come out whatever the width.

pub mod attention;
pub mod convolution;
pub mod elman;
pub mod gru;
pub mod linear_scan;
pub mod matrix_state;
pub mod para_gru;
pub mod para_lstm;
pub mod recurrence;
pub mod selective_scan;

use std::ops::{Add, AddAssign, Div, Mul, Neg, Sub};

use tch::{Device, Kind, Tensor};

/// Whether these kernels can run on such tensors.
pub fn suit(x: &Tensor) -> bool {
    x.device() == Device::Cpu && matches!(x.kind(), Kind::Float | Kind::Double)
}

/// A number of a kernel.
pub trait Real:
    Copy
    + Default
    + PartialOrd
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Neg<Output = Self>
    + AddAssign
    + 'static
{
    const KIND: Kind;

    fn of(value: f64) -> Self;

    /// eˣ and eˣ − 1, both without loss of digits.
    fn exponential(self) -> (Self, Self);

    #[inline(always)]
    fn sigmoid(self) -> Self {
        Self::of(1.0) / (Self::of(1.0) + (-self).exponential().0)
    }

    #[inline(always)]
    fn tanh(self) -> Self {
        let change = (self + self).exponential().1;
        change / (change + Self::of(2.0))
    }
}

impl Real for f64 {
    const KIND: Kind = Kind::Double;

    #[inline(always)]
    fn of(value: f64) -> Self {
        value
    }

    #[inline(always)]
    fn exponential(self) -> (Self, Self) {
        // Bounded so that quotients of exponentials stay finite.
        let x = if self > 600.0 { 600.0 } else { self };
        (x.exp(), x.exp_m1())
    }
}

impl Real for f32 {
    const KIND: Kind = Kind::Float;

    #[inline(always)]
    fn of(value: f64) -> Self {
        value as Self
    }

    /// 2ᵏ eʳ with |r| ≤ ln 2 / 2 and the polynomial of Cephes; within [e⁻⁸⁷, e⁸⁷], not a number where x is not.
    #[inline(always)]
    fn exponential(self) -> (Self, Self) {
        /// Adding it rounds to an integer, which then stands in the lowest bits.
        const ROUND: f32 = 12_582_912.0;
        let x = if self < -87.0 { -87.0 } else { self };
        let x = if x > 87.0 { 87.0 } else { x };
        let rounded = x * std::f32::consts::LOG2_E + ROUND;
        let k = rounded - ROUND;
        // ln 2 in two parts, the first of which has few digits.
        let r = x - k * 0.693_359_4 + k * 2.121_944_4e-4;
        let power = Self::from_bits((rounded.to_bits() << 23).wrapping_add(0x3f80_0000));
        let mut q = 1.987_569_1e-4;
        for coefficient in [1.398_2e-3, 8.333_452e-3, 4.166_579_6e-2, 1.666_666_5e-1, 0.5] {
            q = q * r + coefficient;
        }
        let change = (q * r * r + r) * power;
        (change + power, change + (power - 1.0))
    }
}

/// A loop over numbers, to be compiled for several processors: `run` and all that it calls has to be inlined.
pub trait Work {
    fn run(self);
}

/// Runs it with the widest vectors of this processor.
pub fn vectorized(work: impl Work) {
    #[cfg(target_arch = "x86_64")]
    {
        #[target_feature(enable = "avx512f,avx512vl,avx512dq,avx512bw")]
        fn sixteen(work: impl Work) {
            work.run();
        }
        #[target_feature(enable = "avx2")]
        fn eight(work: impl Work) {
            work.run();
        }
        if is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512vl")
            && is_x86_feature_detected!("avx512dq")
            && is_x86_feature_detected!("avx512bw")
        {
            // SAFETY: the processor has them.
            return unsafe { sixteen(work) };
        }
        if is_x86_feature_detected!("avx2") {
            // SAFETY: the processor has it.
            return unsafe { eight(work) };
        }
    }
    work.run();
}

/// The numbers of a contiguous tensor.
pub fn numbers<T: Real>(x: &Tensor) -> &[T] {
    assert!(x.is_contiguous() && x.kind() == T::KIND && x.device() == Device::Cpu);
    if x.numel() == 0 {
        return &[];
    }
    // SAFETY: contiguous numbers of this kind in memory, which live as long as the tensor; nobody writes them meanwhile.
    unsafe { std::slice::from_raw_parts(x.data_ptr().cast(), x.numel()) }
}

/// The numbers of a contiguous tensor that nobody else knows yet.
pub fn fresh_numbers<T: Real>(x: &mut Tensor) -> &mut [T] {
    assert!(x.is_contiguous() && x.kind() == T::KIND && x.device() == Device::Cpu);
    if x.numel() == 0 {
        return &mut [];
    }
    // SAFETY: as above, and borrowed for writing.
    unsafe { std::slice::from_raw_parts_mut(x.data_ptr().cast(), x.numel()) }
}

/// Numbers that are worked on at once. Widths of the inner dimension of Mamba are multiples.
pub const LANES: usize = 16;

/// As many neighbors, from `at`. Loops work on copies and put results back: only then does the compiler know that
/// nothing overlaps.
#[inline(always)]
pub fn lanes<T: Real>(x: &[T], at: usize) -> [T; LANES] {
    x[at..at + LANES].try_into().expect("as many")
}

#[inline(always)]
pub fn lanes_mut<T: Real>(x: &mut [T], at: usize) -> &mut [T; LANES] {
    (&mut x[at..at + LANES]).try_into().expect("as many")
}

/// What is done to the channels of a step, N of them side by side.
pub trait Channels {
    fn at<const N: usize>(&mut self, first: usize);
}

/// All channels, in blocks as wide as possible.
#[inline(always)]
pub fn over_channels(width: usize, mut channels: impl Channels) {
    let mut first = 0;
    while first + LANES <= width {
        channels.at::<LANES>(first);
        first += LANES;
    }
    while first + 8 <= width {
        channels.at::<8>(first);
        first += 8;
    }
    while first < width {
        channels.at::<1>(first);
        first += 1;
    }
}

/// As [`lanes`], N of them.
#[inline(always)]
pub fn neighbors<T: Real, const N: usize>(x: &[T], at: usize) -> [T; N] {
    x[at..at + N].try_into().expect("as many")
}

/// Overwrites N numbers from `at` on.
#[inline(always)]
pub fn store<T: Real, const N: usize>(values: [T; N], x: &mut [T], at: usize) {
    x[at..at + N].copy_from_slice(&values);
}

/// Σ x, in an order that does not depend on the processor.
#[inline(always)]
pub fn sum<T: Real>(x: [T; LANES]) -> T {
    let mut x = x;
    let mut half = LANES / 2;
    while half > 0 {
        for i in 0..half {
            x[i] += x[i + half];
        }
        half /= 2;
    }
    x[0]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn single_precision_exponentials_are_those_of_double() {
        for i in -8_700..=8_700 {
            for x in [i as f32 * 0.01, i as f32 * 1e-5] {
                let ((exp, change), exact) = (x.exponential(), f64::from(x));
                assert!((f64::from(exp) / exact.exp() - 1.0).abs() < 3e-7, "{x}: {exp}");
                assert!(x == 0.0 || (f64::from(change) / exact.exp_m1() - 1.0).abs() < 3e-7, "{x}: {change}");
                assert!((f64::from(x.sigmoid()) * (1.0 + (-exact).exp()) - 1.0).abs() < 4e-7, "{x}");
                let tanh = f64::from(Real::tanh(x));
                assert!(x == 0.0 || (tanh / exact.tanh() - 1.0).abs() < 4e-7, "{x}: {tanh}");
            }
        }
    }

    #[test]
    fn far_out_they_stay_finite_and_not_a_number_stays() {
        for x in [f32::INFINITY, 1e30, f32::NEG_INFINITY, -1e30] {
            assert!(x.exponential().0.is_finite() && Real::tanh(x).abs() == 1.0, "{x}");
            assert_eq!(x.sigmoid() > 0.5, x > 0.0);
        }
        assert!(f32::NAN.exponential().0.is_nan() && f32::NAN.sigmoid().is_nan());
    }
}
