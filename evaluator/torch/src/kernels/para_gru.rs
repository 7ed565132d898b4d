//! Gated recurrent unit whose state meets itself only channel by channel: z = σ(x_z + α_z ∘ h), r = σ(x_r + α_r ∘ h),
//! n = tanh(x_n + α_n ∘ r ∘ h), h ← h + z ∘ (n − h), from h = 0; a step at a time.
//!
//! Nothing but h is kept: the way back computes the gates anew.

use tch::{Kind, Tensor};

use super::{Channels, Real, Work, fresh_numbers, neighbors, numbers, over_channels, store, vectorized};
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

/// The gates of one channel: z, r, n.
#[inline(always)]
fn gates<T: Real>(x: [T; 3], alpha: [T; 3], h: T) -> [T; 3] {
    let z = (x[0] + alpha[0] * h).sigmoid();
    let r = (x[1] + alpha[1] * h).sigmoid();
    [z, r, (x[2] + alpha[2] * r * h).tanh()]
}

/// What a step reads: rows of its gates, the weights and the state before.
#[derive(Clone, Copy)]
struct Step<'a, T> {
    x: &'a [T],
    alpha: &'a [T],
    before: &'a [T],
}

impl<T: Real> Step<'_, T> {
    fn width(&self) -> usize {
        self.before.len()
    }

    /// The gates in the rows of x or α, of N channels.
    #[inline(always)]
    fn parts<const N: usize>(&self, row: &[T], first: usize) -> [[T; N]; 3] {
        [0, 1, 2].map(|gate| neighbors(row, gate * self.before.len() + first))
    }
}

struct ForwardStep<'a, T> {
    step: Step<'a, T>,
    after: &'a mut [T],
}

impl<T: Real> Channels for ForwardStep<'_, T> {
    #[inline(always)]
    fn at<const N: usize>(&mut self, first: usize) {
        let ([x_z, x_r, x_n], [a_z, a_r, a_n]) =
            (self.step.parts::<N>(self.step.x, first), self.step.parts::<N>(self.step.alpha, first));
        let mut h: [T; N] = neighbors(self.step.before, first);
        for l in 0..N {
            let [z, _, n] = gates([x_z[l], x_r[l], x_n[l]], [a_z[l], a_r[l], a_n[l]], h[l]);
            h[l] = h[l] + z * (n - h[l]);
        }
        store(h, self.after, first);
    }
}

struct BackwardStep<'a, T> {
    step: Step<'a, T>,
    gradient: &'a [T],
    /// What later steps add to the gradient of the state.
    carried: &'a mut [T],
    of_x: &'a mut [T],
    of_alpha: &'a mut [T],
}

impl<T: Real> Channels for BackwardStep<'_, T> {
    #[inline(always)]
    fn at<const N: usize>(&mut self, first: usize) {
        let (one, width) = (T::of(1.0), self.step.width());
        let ([x_z, x_r, x_n], [a_z, a_r, a_n]) =
            (self.step.parts::<N>(self.step.x, first), self.step.parts::<N>(self.step.alpha, first));
        let (before, gradient): ([T; N], [T; N]) =
            (neighbors(self.step.before, first), neighbors(self.gradient, first));
        let mut carried: [T; N] = neighbors(self.carried, first);
        let [mut of_z, mut of_r, mut of_n] = [[T::default(); N]; 3];
        let [mut of_a_z, mut of_a_r, mut of_a_n] = self.step.parts::<N>(self.of_alpha, first);
        for l in 0..N {
            let h = before[l];
            let [z, r, n] = gates([x_z[l], x_r[l], x_n[l]], [a_z[l], a_r[l], a_n[l]], h);
            let g = gradient[l] + carried[l];
            of_z[l] = g * (n - h) * z * (one - z);
            of_n[l] = g * z * (one - n * n);
            of_r[l] = of_n[l] * a_n[l] * h * r * (one - r);
            carried[l] = g * (one - z) + of_z[l] * a_z[l] + of_r[l] * a_r[l] + of_n[l] * a_n[l] * r;
            of_a_z[l] += of_z[l] * h;
            of_a_r[l] += of_r[l] * h;
            of_a_n[l] += of_n[l] * r * h;
        }
        store(carried, self.carried, first);
        let made = [of_z, of_r, of_n].into_iter().zip([of_a_z, of_a_r, of_a_n]);
        for (gate, (of_x, of_alpha)) in made.enumerate() {
            store(of_x, self.of_x, gate * width + first);
            store(of_alpha, self.of_alpha, gate * width + first);
        }
    }
}

impl<T: Real> Work for Forward<'_, T> {
    #[inline(always)]
    fn run(self) {
        let width = self.alpha.len() / 3;
        let zero = vec![T::default(); width];
        let cases = self.x.chunks_exact(3 * self.length * width);
        for (x, h) in cases.zip(self.h.chunks_exact_mut(self.length * width)) {
            let mut before: &[T] = &zero;
            for (x, after) in x.chunks_exact(3 * width).zip(h.chunks_exact_mut(width)) {
                let step = Step { x, alpha: self.alpha, before };
                over_channels(width, ForwardStep { step, after });
                before = after;
            }
        }
    }
}

impl<T: Real> Work for Backward<'_, T> {
    #[inline(always)]
    fn run(self) {
        let width = self.alpha.len() / 3;
        let zero = vec![T::default(); width];
        let mut carried = vec![T::default(); width];
        let steps = self.x.chunks_exact(3 * width).zip(self.gradient.chunks_exact(width));
        let steps = steps.zip(self.of_x.chunks_exact_mut(3 * width)).enumerate();
        for (number, ((x, gradient), of_x)) in steps.rev() {
            if (number + 1).is_multiple_of(self.length) {
                carried.fill(T::default());
            }
            let before = match number % self.length {
                0 => &zero,
                _ => &self.h[(number - 1) * width..][..width],
            };
            let step = Step { x, alpha: self.alpha, before };
            let (carried, of_alpha) = (&mut carried[..], &mut *self.of_alpha);
            over_channels(width, BackwardStep { step, gradient, carried, of_x, of_alpha });
        }
    }
}
