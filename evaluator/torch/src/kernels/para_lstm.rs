//! Long short-term memory with coupled gates whose state meets itself only channel by channel: f = σ(x_f + α_f ∘ h + π_f ∘ c),
//! n = tanh(x_n + α_n ∘ h), c ← n + f ∘ (c − n), o = σ(x_o + α_o ∘ h + π_o ∘ c), h ← o ∘ tanh c, from zero; a step at a
//! time.
//!
//! Nothing but c and h is kept: the way back computes the gates anew.

use tch::{Kind, Tensor};

use super::{Channels, Real, Work, fresh_numbers, neighbors, numbers, over_channels, store, vectorized};
use crate::custom::{Functions, Operation};

static PARA_LSTM: Operation = Operation::new(&Functions { forward, backward });

/// x is B×L×3D with f, n, o side by side, α is 3×D in the same order, π is 2×D for f and o; h is B×L×D.
pub fn para_lstm(x: &Tensor, alpha: &Tensor, peephole: &Tensor) -> Tensor {
    PARA_LSTM.apply(&[x, alpha, peephole])
}

/// Also h and c, to be kept.
fn forward(inputs: &[Tensor]) -> Vec<Tensor> {
    match inputs[0].kind() {
        Kind::Double => forward_in::<f64>(inputs),
        _ => forward_in::<f32>(inputs),
    }
}

fn backward(tensors: &[Tensor], gradient: &Tensor) -> Vec<Tensor> {
    match gradient.kind() {
        Kind::Double => backward_in::<f64>(tensors, gradient),
        _ => backward_in::<f32>(tensors, gradient),
    }
}

/// α_f, α_n, α_o, π_f, π_o in one row of 5D numbers.
fn recurrent(alpha: &Tensor, peephole: &Tensor) -> Tensor {
    Tensor::cat(&[alpha, peephole], 0).contiguous()
}

fn forward_in<T: Real>(inputs: &[Tensor]) -> Vec<Tensor> {
    let (x, recurrent) = (inputs[0].contiguous(), recurrent(&inputs[1], &inputs[2]));
    let (batch, length, three) = x.size3().expect("x is B×L×3D");
    let [mut h, mut c] = [(); 2].map(|()| Tensor::empty([batch, length, three / 3], (T::KIND, x.device())));
    vectorized(Forward::<T> {
        length: length as usize,
        x: numbers(&x),
        recurrent: numbers(&recurrent),
        h: fresh_numbers(&mut h),
        c: fresh_numbers(&mut c),
    });
    vec![h.shallow_clone(), h, c]
}

fn backward_in<T: Real>(tensors: &[Tensor], gradient: &Tensor) -> Vec<Tensor> {
    let (x, recurrent) = (tensors[0].contiguous(), recurrent(&tensors[1], &tensors[2]));
    let gradient = gradient.contiguous();
    let mut of_x = Tensor::empty(x.size(), (T::KIND, x.device()));
    let mut of_recurrent = Tensor::zeros(recurrent.size(), (T::KIND, x.device()));
    vectorized(Backward::<T> {
        length: x.size()[1] as usize,
        x: numbers(&x),
        recurrent: numbers(&recurrent),
        h: numbers(&tensors[3]),
        c: numbers(&tensors[4]),
        gradient: numbers(&gradient),
        of_x: fresh_numbers(&mut of_x),
        of_recurrent: fresh_numbers(&mut of_recurrent),
    });
    vec![of_x, of_recurrent.narrow(0, 0, 3), of_recurrent.narrow(0, 3, 2)]
}

struct Forward<'a, T> {
    length: usize,
    x: &'a [T],
    recurrent: &'a [T],
    h: &'a mut [T],
    c: &'a mut [T],
}

struct Backward<'a, T> {
    length: usize,
    x: &'a [T],
    recurrent: &'a [T],
    h: &'a [T],
    c: &'a [T],
    gradient: &'a [T],
    of_x: &'a mut [T],
    of_recurrent: &'a mut [T],
}

/// One channel after a step.
struct Stepped<T> {
    f: T,
    n: T,
    o: T,
    c: T,
    tanh_c: T,
}

/// `w` is α_f, α_n, α_o, π_f, π_o.
#[inline(always)]
fn stepped<T: Real>(x: [T; 3], w: [T; 5], h: T, c: T) -> Stepped<T> {
    let f = (x[0] + w[0] * h + w[3] * c).sigmoid();
    let n = (x[1] + w[1] * h).tanh();
    let c = n + f * (c - n);
    let o = (x[2] + w[2] * h + w[4] * c).sigmoid();
    Stepped { f, n, o, c, tanh_c: c.tanh() }
}

/// What a step reads: rows of its gates, the weights and the states before.
#[derive(Clone, Copy)]
struct Step<'a, T> {
    x: &'a [T],
    recurrent: &'a [T],
    h: &'a [T],
    c: &'a [T],
}

impl<T: Real> Step<'_, T> {
    /// The rows that lie in `all`, of N channels.
    #[inline(always)]
    fn rows<const N: usize, const ROWS: usize>(&self, all: &[T], first: usize) -> [[T; N]; ROWS] {
        std::array::from_fn(|row| neighbors(all, row * self.h.len() + first))
    }
}

struct ForwardStep<'a, T> {
    step: Step<'a, T>,
    h: &'a mut [T],
    c: &'a mut [T],
}

impl<T: Real> Channels for ForwardStep<'_, T> {
    #[inline(always)]
    fn at<const N: usize>(&mut self, first: usize) {
        let x: [[T; N]; 3] = self.step.rows(self.step.x, first);
        let w: [[T; N]; 5] = self.step.rows(self.step.recurrent, first);
        let mut h: [T; N] = neighbors(self.step.h, first);
        let mut c: [T; N] = neighbors(self.step.c, first);
        for l in 0..N {
            let w = [w[0][l], w[1][l], w[2][l], w[3][l], w[4][l]];
            let after = stepped([x[0][l], x[1][l], x[2][l]], w, h[l], c[l]);
            c[l] = after.c;
            h[l] = after.o * after.tanh_c;
        }
        store(h, self.h, first);
        store(c, self.c, first);
    }
}

struct BackwardStep<'a, T> {
    step: Step<'a, T>,
    gradient: &'a [T],
    /// What later steps add to the gradients of h and c.
    carried_h: &'a mut [T],
    carried_c: &'a mut [T],
    of_x: &'a mut [T],
    of_recurrent: &'a mut [T],
}

impl<T: Real> Channels for BackwardStep<'_, T> {
    #[inline(always)]
    fn at<const N: usize>(&mut self, first: usize) {
        let (one, width) = (T::of(1.0), self.step.h.len());
        let x: [[T; N]; 3] = self.step.rows(self.step.x, first);
        let w: [[T; N]; 5] = self.step.rows(self.step.recurrent, first);
        let mut of_w: [[T; N]; 5] = self.step.rows(self.of_recurrent, first);
        let mut of_x = [[T::default(); N]; 3];
        let [h, c, gradient]: [[T; N]; 3] =
            [self.step.h, self.step.c, self.gradient].map(|row| neighbors(row, first));
        let mut carried_h: [T; N] = neighbors(self.carried_h, first);
        let mut carried_c: [T; N] = neighbors(self.carried_c, first);
        for l in 0..N {
            let w = [w[0][l], w[1][l], w[2][l], w[3][l], w[4][l]];
            let Stepped { f, n, o, c: after, tanh_c } = stepped([x[0][l], x[1][l], x[2][l]], w, h[l], c[l]);
            let of_h = gradient[l] + carried_h[l];
            let of_o = of_h * tanh_c * o * (one - o);
            let of_c = carried_c[l] + of_h * o * (one - tanh_c * tanh_c) + of_o * w[4];
            let of_f = of_c * (c[l] - n) * f * (one - f);
            let of_n = of_c * (one - f) * (one - n * n);
            carried_c[l] = of_c * f + of_f * w[3];
            carried_h[l] = of_f * w[0] + of_n * w[1] + of_o * w[2];
            (of_x[0][l], of_x[1][l], of_x[2][l]) = (of_f, of_n, of_o);
            of_w[0][l] += of_f * h[l];
            of_w[1][l] += of_n * h[l];
            of_w[2][l] += of_o * h[l];
            of_w[3][l] += of_f * c[l];
            of_w[4][l] += of_o * after;
        }
        store(carried_h, self.carried_h, first);
        store(carried_c, self.carried_c, first);
        of_x.into_iter().enumerate().for_each(|(row, made)| store(made, self.of_x, row * width + first));
        let of_w = of_w.into_iter().enumerate();
        of_w.for_each(|(row, made)| store(made, self.of_recurrent, row * width + first));
    }
}

impl<T: Real> Work for Forward<'_, T> {
    #[inline(always)]
    fn run(self) {
        let width = self.recurrent.len() / 5;
        let zero = vec![T::default(); width];
        let cases = self.x.chunks_exact(3 * self.length * width);
        let made = self.h.chunks_exact_mut(self.length * width);
        for ((x, h), c) in cases.zip(made).zip(self.c.chunks_exact_mut(self.length * width)) {
            let (mut before_h, mut before_c): (&[T], &[T]) = (&zero, &zero);
            let steps = x.chunks_exact(3 * width).zip(h.chunks_exact_mut(width));
            for ((x, h), c) in steps.zip(c.chunks_exact_mut(width)) {
                let step = Step { x, recurrent: self.recurrent, h: before_h, c: before_c };
                over_channels(width, ForwardStep { step, h, c });
                (before_h, before_c) = (h, c);
            }
        }
    }
}

impl<T: Real> Work for Backward<'_, T> {
    #[inline(always)]
    fn run(self) {
        let width = self.recurrent.len() / 5;
        let zero = vec![T::default(); width];
        let (mut carried_h, mut carried_c) = (zero.clone(), zero.clone());
        let steps = self.x.chunks_exact(3 * width).zip(self.gradient.chunks_exact(width));
        let steps = steps.zip(self.of_x.chunks_exact_mut(3 * width)).enumerate();
        for (number, ((x, gradient), of_x)) in steps.rev() {
            if (number + 1).is_multiple_of(self.length) {
                carried_h.fill(T::default());
                carried_c.fill(T::default());
            }
            let [h, c] = [self.h, self.c].map(|states| match number % self.length {
                0 => &zero,
                _ => &states[(number - 1) * width..][..width],
            });
            let step = Step { x, recurrent: self.recurrent, h, c };
            let (carried_h, carried_c) = (&mut carried_h[..], &mut carried_c[..]);
            let of_recurrent = &mut *self.of_recurrent;
            over_channels(width, BackwardStep { step, gradient, carried_h, carried_c, of_x, of_recurrent });
        }
    }
}
