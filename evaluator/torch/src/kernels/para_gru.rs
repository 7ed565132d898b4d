//! Gated recurrent unit whose state meets itself only channel by channel: z = σ(x_z + α_z ∘ h), r = σ(x_r + α_r ∘ h),
//! n = tanh(x_n + α_n ∘ r ∘ h), h ← h + z ∘ (n − h), from h = 0; a step at a time.
//!
//! Nothing but h is kept: the way back computes the gates anew.

use tch::{Kind, Tensor};

use super::{Real, Work, fresh_numbers, numbers, vectorized};
use crate::custom::{Functions, Operation};

static PARA_GRU: Operation = Operation::new(&Functions { forward, backward });

/// x is B×L×3D with z, r, n side by side, α is 3×D in the same order; h is B×L×D.
pub fn para_gru(x: &Tensor, alpha: &Tensor) -> Tensor {
    PARA_GRU.apply(&[x, alpha])
}

/// Also h, to be kept.
fn forward(inputs: &[Tensor]) -> Vec<Tensor> {
    let h = match inputs[0].kind() {
        Kind::Double => forward_in::<f64>(inputs),
        _ => forward_in::<f32>(inputs),
    };
    vec![h.shallow_clone(), h]
}

fn backward(tensors: &[Tensor], gradient: &Tensor) -> Vec<Tensor> {
    match gradient.kind() {
        Kind::Double => backward_in::<f64>(tensors, gradient),
        _ => backward_in::<f32>(tensors, gradient),
    }
}

fn forward_in<T: Real>(inputs: &[Tensor]) -> Tensor {
    let (x, alpha) = (inputs[0].contiguous(), inputs[1].contiguous());
    let (batch, length, three) = x.size3().expect("x is B×L×3D");
    let mut h = Tensor::empty([batch, length, three / 3], (T::KIND, x.device()));
    vectorized(Forward::<T> {
        length: length as usize,
        x: numbers(&x),
        alpha: numbers(&alpha),
        h: fresh_numbers(&mut h),
    });
    h
}

fn backward_in<T: Real>(tensors: &[Tensor], gradient: &Tensor) -> Vec<Tensor> {
    let (x, alpha, h) = (tensors[0].contiguous(), tensors[1].contiguous(), &tensors[2]);
    let gradient = gradient.contiguous();
    let mut of_x = Tensor::empty(x.size(), (T::KIND, x.device()));
    let mut of_alpha = Tensor::zeros(alpha.size(), (T::KIND, x.device()));
    vectorized(Backward::<T> {
        length: x.size()[1] as usize,
        x: numbers(&x),
        alpha: numbers(&alpha),
        h: numbers(h),
        gradient: numbers(&gradient),
        of_x: fresh_numbers(&mut of_x),
        of_alpha: fresh_numbers(&mut of_alpha),
    });
    vec![of_x, of_alpha]
}

struct Forward<'a, T> {
    length: usize,
    x: &'a [T],
    alpha: &'a [T],
    h: &'a mut [T],
}

struct Backward<'a, T> {
    length: usize,
    x: &'a [T],
    alpha: &'a [T],
    h: &'a [T],
    gradient: &'a [T],
    of_x: &'a mut [T],
    of_alpha: &'a mut [T],
}

/// Three equal parts of a row.
#[inline(always)]
fn thirds<T>(row: &[T]) -> [&[T]; 3] {
    let width = row.len() / 3;
    [&row[..width], &row[width..][..width], &row[2 * width..][..width]]
}

#[inline(always)]
fn thirds_mut<T>(row: &mut [T]) -> [&mut [T]; 3] {
    let width = row.len() / 3;
    let (first, rest) = row.split_at_mut(width);
    let (second, third) = rest.split_at_mut(width);
    [first, second, &mut third[..width]]
}

/// The gates of one channel, and what the reset gate lets through.
#[inline(always)]
fn gates<T: Real>(x: [T; 3], alpha: [T; 3], h: T) -> [T; 3] {
    let z = (x[0] + alpha[0] * h).sigmoid();
    let r = (x[1] + alpha[1] * h).sigmoid();
    [z, r, (x[2] + alpha[2] * r * h).tanh()]
}

impl<T: Real> Work for Forward<'_, T> {
    #[inline(always)]
    fn run(self) {
        let width = self.alpha.len() / 3;
        let [a_z, a_r, a_n] = thirds(self.alpha);
        let zero = vec![T::default(); width];
        let cases = self.x.chunks_exact(3 * self.length * width);
        for (x, h) in cases.zip(self.h.chunks_exact_mut(self.length * width)) {
            let mut before: &[T] = &zero;
            for (x, h) in x.chunks_exact(3 * width).zip(h.chunks_exact_mut(width)) {
                let [x_z, x_r, x_n] = thirds(x);
                let (a_z, a_r, a_n) = (&a_z[..width], &a_r[..width], &a_n[..width]);
                let (x_z, x_r, x_n) = (&x_z[..width], &x_r[..width], &x_n[..width]);
                let past = &before[..width];
                for i in 0..width {
                    let [z, _, n] = gates([x_z[i], x_r[i], x_n[i]], [a_z[i], a_r[i], a_n[i]], past[i]);
                    h[i] = past[i] + z * (n - past[i]);
                }
                before = h;
            }
        }
    }
}

impl<T: Real> Work for Backward<'_, T> {
    #[inline(always)]
    fn run(self) {
        let (width, one) = (self.alpha.len() / 3, T::of(1.0));
        let case = self.length * width;
        let [a_z, a_r, a_n] = thirds(self.alpha);
        let [of_a_z, of_a_r, of_a_n] = thirds_mut(self.of_alpha);
        let zero = vec![T::default(); width];
        // What later steps add to the gradient of the state.
        let mut carried = vec![T::default(); width];
        let read = self.x.chunks_exact(3 * case).zip(self.h.chunks_exact(case));
        let read = read.zip(self.gradient.chunks_exact(case));
        for (((x, h), gradient), of_x) in read.zip(self.of_x.chunks_exact_mut(3 * case)) {
            carried.fill(T::default());
            for t in (0..self.length).rev() {
                let h = if t == 0 { &zero } else { &h[(t - 1) * width..][..width] };
                let gradient = &gradient[t * width..][..width];
                let [x_z, x_r, x_n] = thirds(&x[3 * t * width..][..3 * width]);
                let [of_z, of_r, of_n] = thirds_mut(&mut of_x[3 * t * width..][..3 * width]);
                let (a_z, a_r, a_n) = (&a_z[..width], &a_r[..width], &a_n[..width]);
                let (x_z, x_r, x_n) = (&x_z[..width], &x_r[..width], &x_n[..width]);
                let (of_a_z, of_a_r) = (&mut of_a_z[..width], &mut of_a_r[..width]);
                let (of_a_n, carried) = (&mut of_a_n[..width], &mut carried[..width]);
                let h = &h[..width];
                for i in 0..width {
                    let h = h[i];
                    let [z, r, n] = gates([x_z[i], x_r[i], x_n[i]], [a_z[i], a_r[i], a_n[i]], h);
                    let g = gradient[i] + carried[i];
                    let through_z = g * (n - h) * z * (one - z);
                    let through_n = g * z * (one - n * n);
                    let through_r = through_n * a_n[i] * h * r * (one - r);
                    carried[i] =
                        g * (one - z) + through_z * a_z[i] + through_r * a_r[i] + through_n * a_n[i] * r;
                    of_z[i] = through_z;
                    of_r[i] = through_r;
                    of_n[i] = through_n;
                    of_a_z[i] += through_z * h;
                    of_a_r[i] += through_r * h;
                    of_a_n[i] += through_n * r * h;
                }
            }
        }
    }
}
