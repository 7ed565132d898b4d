//! Long short-term memory with coupled gates whose state meets itself only channel by channel: f = σ(x_f + α_f ∘ h + π_f ∘ c),
//! n = tanh(x_n + α_n ∘ h), c ← n + f ∘ (c − n), o = σ(x_o + α_o ∘ h + π_o ∘ c), h ← o ∘ tanh c, from zero; a step at a
//! time.
//!
//! Nothing but c and h is kept: the way back computes the gates anew.

use tch::{Kind, Tensor};

use super::{Real, Work, fresh_numbers, numbers, vectorized};
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

/// Equal parts of a row, each `width` long.
#[inline(always)]
fn parts<T, const N: usize>(row: &[T], width: usize) -> [&[T]; N] {
    std::array::from_fn(|i| &row[i * width..][..width])
}

#[inline(always)]
fn parts_mut<T, const N: usize>(row: &mut [T], width: usize) -> [&mut [T]; N] {
    let mut rest = row;
    std::array::from_fn(|_| {
        let (part, others) = std::mem::take(&mut rest).split_at_mut(width);
        rest = others;
        part
    })
}

/// The states before step t.
#[inline(always)]
fn before<'a, T>(states: &'a [T], t: usize, zero: &'a [T]) -> &'a [T] {
    if t == 0 { zero } else { &states[(t - 1) * zero.len()..][..zero.len()] }
}

/// One channel after a step.
struct Step<T> {
    f: T,
    n: T,
    o: T,
    c: T,
    tanh_c: T,
}

/// `w` is α_f, α_n, α_o, π_f, π_o.
#[inline(always)]
fn step<T: Real>(x: [T; 3], w: [T; 5], h: T, c: T) -> Step<T> {
    let f = (x[0] + w[0] * h + w[3] * c).sigmoid();
    let n = (x[1] + w[1] * h).tanh();
    let c = n + f * (c - n);
    let o = (x[2] + w[2] * h + w[4] * c).sigmoid();
    Step { f, n, o, c, tanh_c: c.tanh() }
}

impl<T: Real> Work for Forward<'_, T> {
    #[inline(always)]
    fn run(self) {
        let width = self.recurrent.len() / 5;
        let [w_f, w_n, w_o, p_f, p_o] = parts(self.recurrent, width);
        let zero = vec![T::default(); width];
        let cases = self.x.chunks_exact(3 * self.length * width);
        let made = self.h.chunks_exact_mut(self.length * width);
        for ((x, h), c) in cases.zip(made).zip(self.c.chunks_exact_mut(self.length * width)) {
            let (mut past_h, mut past_c): (&[T], &[T]) = (&zero, &zero);
            let steps = x.chunks_exact(3 * width).zip(h.chunks_exact_mut(width));
            for ((x, h), c) in steps.zip(c.chunks_exact_mut(width)) {
                let [x_f, x_n, x_o] = parts(x, width);
                for i in 0..width {
                    let w = [w_f[i], w_n[i], w_o[i], p_f[i], p_o[i]];
                    let step = step([x_f[i], x_n[i], x_o[i]], w, past_h[i], past_c[i]);
                    c[i] = step.c;
                    h[i] = step.o * step.tanh_c;
                }
                (past_h, past_c) = (h, c);
            }
        }
    }
}

impl<T: Real> Work for Backward<'_, T> {
    #[inline(always)]
    fn run(self) {
        let (width, one) = (self.recurrent.len() / 5, T::of(1.0));
        let case = self.length * width;
        let [w_f, w_n, w_o, p_f, p_o] = parts(self.recurrent, width);
        let [of_w_f, of_w_n, of_w_o, of_p_f, of_p_o] = parts_mut(self.of_recurrent, width);
        let zero = vec![T::default(); width];
        // What later steps add to the gradients of h and c.
        let (mut carried_h, mut carried_c) = (vec![T::default(); width], vec![T::default(); width]);
        let kept = self.h.chunks_exact(case).zip(self.c.chunks_exact(case));
        let read = self.x.chunks_exact(3 * case).zip(kept).zip(self.gradient.chunks_exact(case));
        for (((x, (h, c)), gradient), of_x) in read.zip(self.of_x.chunks_exact_mut(3 * case)) {
            carried_h.fill(T::default());
            carried_c.fill(T::default());
            for t in (0..self.length).rev() {
                let (h, c) = (before(h, t, &zero), before(c, t, &zero));
                let gradient = &gradient[t * width..][..width];
                let [x_f, x_n, x_o] = parts(&x[3 * t * width..], width);
                let [of_f, of_n, of_o] = parts_mut(&mut of_x[3 * t * width..], width);
                let (carried_h, carried_c) = (&mut carried_h[..width], &mut carried_c[..width]);
                for i in 0..width {
                    let w = [w_f[i], w_n[i], w_o[i], p_f[i], p_o[i]];
                    let Step { f, n, o, c: after, tanh_c } = step([x_f[i], x_n[i], x_o[i]], w, h[i], c[i]);
                    let of_h = gradient[i] + carried_h[i];
                    let through_o = of_h * tanh_c * o * (one - o);
                    let of_c = carried_c[i] + of_h * o * (one - tanh_c * tanh_c) + through_o * w[4];
                    let through_f = of_c * (c[i] - n) * f * (one - f);
                    let through_n = of_c * (one - f) * (one - n * n);
                    carried_c[i] = of_c * f + through_f * w[3];
                    carried_h[i] = through_f * w[0] + through_n * w[1] + through_o * w[2];
                    of_f[i] = through_f;
                    of_n[i] = through_n;
                    of_o[i] = through_o;
                    of_w_f[i] += through_f * h[i];
                    of_w_n[i] += through_n * h[i];
                    of_w_o[i] += through_o * h[i];
                    of_p_f[i] += through_f * c[i];
                    of_p_o[i] += through_o * after;
                }
            }
        }
    }
}
