//! Recurrent cells over all steps: matrix products by libtorch, what the cell does with them in one pass a
//! step.

use std::marker::PhantomData;

use tch::{Kind, Tensor};

use super::{Real, Work, fresh_numbers, numbers, vectorized};
use crate::custom::Operation;

/// What a cell makes of x_· = W_ih x + b_ih, of h_· = W_hh h + b_hh, and of the state before. All slices are
/// of one case, and made of parts of one width each.
pub trait Cell {
    /// Parts of x_· and of h_·.
    const ROWS: usize;
    /// Parts that a step keeps for the way back.
    const KEPT: usize;
    /// Whether x_· and h_· matter by their sum alone: then their gradients are one.
    const SUMMED: bool;

    fn forward<T: Real>(step: Forward<T>);
    fn backward<T: Real>(step: Backward<T>);
}

/// `h` is without its bias.
pub struct Forward<'a, T> {
    pub width: usize,
    pub x: &'a [T],
    pub h: &'a [T],
    pub bias: &'a [T],
    pub before: &'a [T],
    pub after: &'a mut [T],
    pub kept: &'a mut [T],
}

pub struct Backward<'a, T> {
    pub width: usize,
    /// Of the state after this step, as the result.
    pub gradient: &'a [T],
    pub before: &'a [T],
    pub after: &'a [T],
    pub kept: &'a [T],
    /// What later steps add to the gradient of the state; afterwards what passes this one other than by h_·.
    pub carried: &'a mut [T],
    /// Empty where x_· and h_· matter by their sum alone.
    pub of_x: &'a mut [T],
    pub of_h: &'a mut [T],
}

/// Equal parts of a row.
#[inline(always)]
pub fn parts<T, const N: usize>(row: &[T], width: usize) -> [&[T]; N] {
    std::array::from_fn(|i| &row[i * width..][..width])
}

/// Equal parts of a row that is written.
#[inline(always)]
pub fn parts_mut<T, const N: usize>(row: &mut [T], width: usize) -> [&mut [T]; N] {
    let mut parts = row.chunks_exact_mut(width);
    std::array::from_fn(|_| parts.next().expect("as many parts"))
}

/// The states from h = 0; `tensors` as [`forward`] takes them after the first state.
pub fn from_zero(cell: &'static Operation, x: &Tensor, [w_ih, w_hh, b_ih, b_hh]: [&Tensor; 4]) -> Tensor {
    let (batch, _, width) = x.size3().expect("x is B×L×D");
    let start = Tensor::zeros([batch, width], (x.kind(), x.device()));
    cell.apply(&[x, &start, w_ih, w_hh, b_ih, b_hh])
}

/// The states, B×L×D, from x, B×L×D, the first state, B×D, two matrices, ROWS·D×D, and two biases, ROWS·D.
/// Also: x and the states with the first, steps first, and what is kept of every step.
pub fn forward<C: Cell>(inputs: &[Tensor]) -> Vec<Tensor> {
    match inputs[0].kind() {
        Kind::Double => forward_in::<C, f64>(inputs),
        _ => forward_in::<C, f32>(inputs),
    }
}

pub fn backward<C: Cell>(inputs: &[Tensor], gradient: &Tensor) -> Vec<Tensor> {
    match gradient.kind() {
        Kind::Double => backward_in::<C, f64>(inputs, gradient),
        _ => backward_in::<C, f32>(inputs, gradient),
    }
}

fn forward_in<C: Cell, T: Real>(inputs: &[Tensor]) -> Vec<Tensor> {
    let [x, start, w_ih, w_hh, b_ih, b_hh] = [0, 1, 2, 3, 4, 5].map(|i| &inputs[i]);
    let (batch, length, width) = x.size3().expect("x is B×L×D");
    let steps_first = x.transpose(0, 1).contiguous();
    let from_x = steps_first.view([length * batch, width]).linear(w_ih, Some(b_ih));
    let from_x = numbers::<T>(&from_x);
    let mut states = Tensor::empty([length + 1, batch, width], (T::KIND, x.device()));
    states.select(0, 0).copy_(start);
    let mut kept = Tensor::empty([length, batch, C::KEPT as i64 * width], (T::KIND, x.device()));
    let (transposed, bias) = (w_hh.transpose(0, 1).contiguous(), b_hh.contiguous());
    let (width, step) = (width as usize, (batch * width) as usize);
    for t in 0..length {
        let from_h = states.select(0, t).mm(&transposed);
        let at = t as usize;
        let states = &mut fresh_numbers(&mut states)[at * step..][..2 * step];
        let (before, after) = states.split_at_mut(step);
        vectorized(ForwardStep::<C, T> {
            width,
            x: &from_x[C::ROWS * at * step..][..C::ROWS * step],
            h: numbers(&from_h),
            bias: numbers(&bias),
            before,
            after,
            kept: &mut fresh_numbers(&mut kept)[C::KEPT * at * step..][..C::KEPT * step],
            cell: PhantomData,
        });
    }
    let result = states.narrow(0, 1, length).transpose(0, 1).contiguous();
    vec![result, steps_first, states, kept]
}

/// A step of so many numbers.
fn one_step<T: Real>(all: &Tensor, at: usize, step: usize) -> &[T] {
    &numbers(all)[at * step..][..step]
}

fn backward_in<C: Cell, T: Real>(tensors: &[Tensor], gradient: &Tensor) -> Vec<Tensor> {
    let [w_ih, w_hh, x, states, kept] = [2, 3, 6, 7, 8].map(|i| &tensors[i]);
    let (length, batch, width) = x.size3().expect("x is L×B×D here");
    let gradient = gradient.transpose(0, 1).contiguous();
    let rows = C::ROWS as i64 * width;
    let mut of_h = Tensor::empty([length, batch, rows], (T::KIND, x.device()));
    let rows_apart = if C::SUMMED { 0 } else { rows };
    let mut of_x = Tensor::empty([length, batch, rows_apart], (T::KIND, x.device()));
    let mut carried = Tensor::zeros([batch, width], (T::KIND, x.device()));
    let step = (batch * width) as usize;
    for t in (0..length).rev() {
        let at = t as usize;
        let rows_apart = if C::SUMMED { 0 } else { C::ROWS };
        vectorized(BackwardStep::<C, T> {
            width: width as usize,
            gradient: one_step(&gradient, at, step),
            before: one_step(states, at, step),
            after: one_step(states, at + 1, step),
            kept: one_step(kept, at, C::KEPT * step),
            carried: fresh_numbers(&mut carried),
            of_x: &mut fresh_numbers(&mut of_x)[at * rows_apart * step..][..rows_apart * step],
            of_h: &mut fresh_numbers(&mut of_h)[at * C::ROWS * step..][..C::ROWS * step],
            cell: PhantomData,
        });
        carried = carried.addmm(&of_h.select(0, t), w_hh);
    }
    let of_h = of_h.view([length * batch, rows]);
    let of_x = if C::SUMMED { of_h.shallow_clone() } else { of_x.view([length * batch, rows]) };
    let of_input = of_x.mm(w_ih).view([length, batch, width]).transpose(0, 1);
    let flat = |x: &Tensor| x.reshape([length * batch, width]);
    vec![
        of_input,
        carried,
        of_x.transpose(0, 1).mm(&flat(x)),
        of_h.transpose(0, 1).mm(&flat(&states.narrow(0, 0, length))),
        of_x.sum_dim_intlist(0, false, None),
        of_h.sum_dim_intlist(0, false, None),
    ]
}

/// One step of all cases.
struct ForwardStep<'a, C, T> {
    width: usize,
    x: &'a [T],
    h: &'a [T],
    bias: &'a [T],
    before: &'a [T],
    after: &'a mut [T],
    kept: &'a mut [T],
    cell: PhantomData<C>,
}

struct BackwardStep<'a, C, T> {
    width: usize,
    gradient: &'a [T],
    before: &'a [T],
    after: &'a [T],
    kept: &'a [T],
    carried: &'a mut [T],
    of_x: &'a mut [T],
    of_h: &'a mut [T],
    cell: PhantomData<C>,
}

impl<C: Cell, T: Real> Work for ForwardStep<'_, C, T> {
    #[inline(always)]
    fn run(self) {
        let (width, rows, kept) = (self.width, C::ROWS * self.width, C::KEPT * self.width);
        for case in 0..self.before.len() / width {
            C::forward(Forward {
                width,
                x: &self.x[case * rows..][..rows],
                h: &self.h[case * rows..][..rows],
                bias: self.bias,
                before: &self.before[case * width..][..width],
                after: &mut self.after[case * width..][..width],
                kept: &mut self.kept[case * kept..][..kept],
            });
        }
    }
}

impl<C: Cell, T: Real> Work for BackwardStep<'_, C, T> {
    #[inline(always)]
    fn run(self) {
        let (width, rows, kept) = (self.width, C::ROWS * self.width, C::KEPT * self.width);
        let rows_apart = if C::SUMMED { 0 } else { rows };
        for case in 0..self.before.len() / width {
            C::backward(Backward {
                width,
                gradient: &self.gradient[case * width..][..width],
                before: &self.before[case * width..][..width],
                after: &self.after[case * width..][..width],
                kept: &self.kept[case * kept..][..kept],
                carried: &mut self.carried[case * width..][..width],
                of_x: &mut self.of_x[case * rows_apart..][..rows_apart],
                of_h: &mut self.of_h[case * rows..][..rows],
            });
        }
    }
}
