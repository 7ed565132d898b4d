//! Diagonal linear recurrence h_t = a_t ∘ h_{t−1} + b_t, from h = 0, a step at a time: moving memory is what it costs.

use tch::{Kind, Tensor};

use super::{Real, Work, fresh_numbers, numbers, vectorized};
use crate::custom::{Functions, Operation};

static SCAN: Operation = Operation::new(&Functions { forward, backward });

/// a, b and h are B×L×….
pub fn linear_scan(a: &Tensor, b: &Tensor) -> Tensor {
    SCAN.apply(&[a, b])
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

/// Steps of a case, and numbers of a step.
fn sizes(x: &Tensor) -> (usize, usize) {
    let size = x.size();
    (size[1] as usize, size[2..].iter().product::<i64>() as usize)
}

fn forward_in<T: Real>(inputs: &[Tensor]) -> Tensor {
    let (a, b) = (inputs[0].contiguous(), inputs[1].contiguous());
    let mut h = Tensor::empty(b.size(), (T::KIND, b.device()));
    let (length, width) = sizes(&b);
    vectorized(Forward::<T> { length, width, a: numbers(&a), b: numbers(&b), h: fresh_numbers(&mut h) });
    h
}

fn backward_in<T: Real>(tensors: &[Tensor], gradient: &Tensor) -> Vec<Tensor> {
    let (a, h, gradient) = (tensors[0].contiguous(), &tensors[2], gradient.contiguous());
    let [mut of_a, mut of_b] = [(); 2].map(|()| Tensor::empty(a.size(), (T::KIND, a.device())));
    let (length, width) = sizes(&a);
    vectorized(Backward::<T> {
        length,
        width,
        a: numbers(&a),
        h: numbers(h),
        gradient: numbers(&gradient),
        of_a: fresh_numbers(&mut of_a),
        of_b: fresh_numbers(&mut of_b),
    });
    vec![of_a, of_b]
}

struct Forward<'a, T> {
    length: usize,
    width: usize,
    a: &'a [T],
    b: &'a [T],
    h: &'a mut [T],
}

struct Backward<'a, T> {
    length: usize,
    width: usize,
    a: &'a [T],
    h: &'a [T],
    gradient: &'a [T],
    of_a: &'a mut [T],
    /// λ_t = g_t + a_{t+1} λ_{t+1}; the gradient of a_t is λ_t h_{t−1}.
    of_b: &'a mut [T],
}

impl<T: Real> Work for Forward<'_, T> {
    #[inline(always)]
    fn run(self) {
        let (width, case) = (self.width, self.length * self.width);
        let cases = self.a.chunks_exact(case).zip(self.b.chunks_exact(case));
        for ((a, b), h) in cases.zip(self.h.chunks_exact_mut(case)) {
            h[..width].copy_from_slice(&b[..width]);
            for at in (width..case).step_by(width) {
                let (before, after) = h.split_at_mut(at);
                let (before, after) = (&before[at - width..][..width], &mut after[..width]);
                let (a, b) = (&a[at..][..width], &b[at..][..width]);
                for i in 0..width {
                    after[i] = a[i] * before[i] + b[i];
                }
            }
        }
    }
}

impl<T: Real> Work for Backward<'_, T> {
    #[inline(always)]
    fn run(self) {
        let (width, case) = (self.width, self.length * self.width);
        let read = self.a.chunks_exact(case).zip(self.h.chunks_exact(case));
        let read = read.zip(self.gradient.chunks_exact(case));
        let made = self.of_a.chunks_exact_mut(case).zip(self.of_b.chunks_exact_mut(case));
        for (((a, h), gradient), (of_a, of_b)) in read.zip(made) {
            let last = case - width;
            of_b[last..].copy_from_slice(&gradient[last..]);
            for at in (width..case).step_by(width).rev() {
                let (earlier, later) = of_b.split_at_mut(at);
                let (earlier, later) = (&mut earlier[at - width..][..width], &later[..width]);
                let (a, of_a) = (&a[at..][..width], &mut of_a[at..][..width]);
                let (h, gradient) = (&h[at - width..][..width], &gradient[at - width..][..width]);
                for i in 0..width {
                    of_a[i] = later[i] * h[i];
                    earlier[i] = gradient[i] + a[i] * later[i];
                }
            }
            of_a[..width].fill(T::default());
        }
    }
}
