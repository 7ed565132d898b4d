//! Causal depthwise convolution, y[t, d] = b[d] + Σ_j w[d, j] · x[t − j·dilation, d], a step at a time.

use tch::{Kind, Tensor};

use super::{Real, Work, fresh_numbers, numbers, vectorized};
use crate::custom::{Functions, Operation};

static DENSE: Operation = Operation::new(&Functions { forward: forward::<1>, backward: backward::<1> });
static EVERY_2: Operation = Operation::new(&Functions { forward: forward::<2>, backward: backward::<2> });
static EVERY_4: Operation = Operation::new(&Functions { forward: forward::<4>, backward: backward::<4> });

/// x is B×L×D, w is D×kernel, b is D, y is B×L×D. Panics on a dilation other than 1, 2 and 4, which no gene lists.
pub fn causal_convolution(x: &Tensor, w: &Tensor, b: &Tensor, dilation: i64) -> Tensor {
    let operation = match dilation {
        1 => &DENSE,
        2 => &EVERY_2,
        4 => &EVERY_4,
        other => panic!("no dilation {other}"),
    };
    operation.apply(&[x, w, b])
}

fn forward<const DILATION: usize>(inputs: &[Tensor]) -> Vec<Tensor> {
    match inputs[0].kind() {
        Kind::Double => forward_in::<f64, DILATION>(inputs),
        _ => forward_in::<f32, DILATION>(inputs),
    }
}

fn backward<const DILATION: usize>(inputs: &[Tensor], gradient: &Tensor) -> Vec<Tensor> {
    match gradient.kind() {
        Kind::Double => backward_in::<f64, DILATION>(inputs, gradient),
        _ => backward_in::<f32, DILATION>(inputs, gradient),
    }
}

fn forward_in<T: Real, const DILATION: usize>(inputs: &[Tensor]) -> Vec<Tensor> {
    let (x, w, b) = (inputs[0].contiguous(), inputs[1].transpose(0, 1).contiguous(), inputs[2].contiguous());
    let mut y = x.empty_like();
    let (_, length, width) = x.size3().expect("x is B×L×D");
    vectorized(Forward::<T, DILATION> {
        length: length as usize,
        width: width as usize,
        x: numbers(&x),
        w: numbers(&w),
        b: numbers(&b),
        y: fresh_numbers(&mut y),
    });
    vec![y]
}

fn backward_in<T: Real, const DILATION: usize>(inputs: &[Tensor], gradient: &Tensor) -> Vec<Tensor> {
    let (x, w) = (inputs[0].contiguous(), inputs[1].transpose(0, 1).contiguous());
    let gradient = gradient.contiguous();
    let (mut of_x, mut of_w, mut of_b) = (x.empty_like(), w.zeros_like(), inputs[2].zeros_like());
    let (_, length, width) = x.size3().expect("x is B×L×D");
    vectorized(Backward::<T, DILATION> {
        length: length as usize,
        width: width as usize,
        x: numbers(&x),
        w: numbers(&w),
        gradient: numbers(&gradient),
        of_x: fresh_numbers(&mut of_x),
        of_w: fresh_numbers(&mut of_w),
        of_b: fresh_numbers(&mut of_b),
    });
    vec![of_x, of_w.transpose(0, 1), of_b]
}

struct Forward<'a, T, const DILATION: usize> {
    length: usize,
    width: usize,
    x: &'a [T],
    w: &'a [T],
    b: &'a [T],
    y: &'a mut [T],
}

struct Backward<'a, T, const DILATION: usize> {
    length: usize,
    width: usize,
    x: &'a [T],
    w: &'a [T],
    gradient: &'a [T],
    of_x: &'a mut [T],
    of_w: &'a mut [T],
    of_b: &'a mut [T],
}

/// Widths are multiples.
const PART: usize = 8;

#[inline(always)]
fn part<T: Real>(x: &[T], at: usize) -> [T; PART] {
    x[at..at + PART].try_into().expect("as many")
}

#[inline(always)]
fn part_mut<T: Real>(x: &mut [T], at: usize) -> &mut [T; PART] {
    (&mut x[at..at + PART]).try_into().expect("as many")
}

impl<T: Real, const DILATION: usize> Work for Forward<'_, T, DILATION> {
    #[inline(always)]
    fn run(self) {
        let width = self.width;
        for (row, y) in self.y.chunks_exact_mut(width).enumerate() {
            let past = (row % self.length / DILATION).min(self.w.len() / width - 1);
            for d in (0..width).step_by(PART) {
                let mut made = part(self.b, d);
                for back in 0..=past {
                    let w = part(self.w, back * width + d);
                    let x = part(self.x, (row - back * DILATION) * width + d);
                    for l in 0..PART {
                        made[l] += w[l] * x[l];
                    }
                }
                *part_mut(y, d) = made;
            }
        }
    }
}

impl<T: Real, const DILATION: usize> Work for Backward<'_, T, DILATION> {
    #[inline(always)]
    fn run(self) {
        let (width, kernel) = (self.width, self.w.len() / self.width);
        for (row, of_x) in self.of_x.chunks_exact_mut(width).enumerate() {
            let t = row % self.length;
            let taps = |steps: usize| (steps / DILATION).min(kernel - 1);
            let (past, future) = (taps(t), taps(self.length - 1 - t));
            for d in (0..width).step_by(PART) {
                let gradient = part(self.gradient, row * width + d);
                let (mut made, mut of_b) = ([T::default(); PART], part(self.of_b, d));
                for l in 0..PART {
                    of_b[l] += gradient[l];
                }
                *part_mut(self.of_b, d) = of_b;
                for ahead in 0..=future {
                    let w = part(self.w, ahead * width + d);
                    let later = part(self.gradient, (row + ahead * DILATION) * width + d);
                    for l in 0..PART {
                        made[l] += w[l] * later[l];
                    }
                }
                *part_mut(of_x, d) = made;
                for back in 0..=past {
                    let x = part(self.x, (row - back * DILATION) * width + d);
                    let mut of_w = part(self.of_w, back * width + d);
                    for l in 0..PART {
                        of_w[l] += gradient[l] * x[l];
                    }
                    *part_mut(self.of_w, back * width + d) = of_w;
                }
            }
        }
    }
}
