//! Gated recurrent unit over all steps: matrix products by libtorch, gates in one pass, from h = 0.
//!
//! r = σ(x_r + h_r), z = σ(x_z + h_z), n = tanh(x_n + r ∘ h_n), h ← n + z ∘ (h − n), where x_· = W_i x + b_i and
//! h_· = W_h h + b_h, rows in the order r, z, n.

use tch::{Kind, Tensor};

use super::{Real, Work, fresh_numbers, numbers, vectorized};
use crate::custom::{Functions, Operation};

static GRU: Operation = Operation::new(&Functions { forward, backward });

/// x is B×L×D, the weights 3D×D, the biases 3D; the states are B×L×D.
pub fn gru(x: &Tensor, w_ih: &Tensor, w_hh: &Tensor, b_ih: &Tensor, b_hh: &Tensor) -> Tensor {
    GRU.apply(&[x, w_ih, w_hh, b_ih, b_hh])
}

/// Also: x and the states with the first zero, steps first; r, z, n and h_n of every step.
fn forward(inputs: &[Tensor]) -> Vec<Tensor> {
    match inputs[0].kind() {
        Kind::Double => forward_in::<f64>(inputs),
        _ => forward_in::<f32>(inputs),
    }
}

fn backward(inputs: &[Tensor], gradient: &Tensor) -> Vec<Tensor> {
    match gradient.kind() {
        Kind::Double => backward_in::<f64>(inputs, gradient),
        _ => backward_in::<f32>(inputs, gradient),
    }
}

fn forward_in<T: Real>(inputs: &[Tensor]) -> Vec<Tensor> {
    let [x, w_ih, w_hh, b_ih, b_hh] = [0, 1, 2, 3, 4].map(|i| &inputs[i]);
    let (batch, length, width) = x.size3().expect("x is B×L×D");
    let steps_first = x.transpose(0, 1).contiguous();
    let from_x = steps_first.view([length * batch, width]).linear(w_ih, Some(b_ih));
    let from_x = numbers::<T>(&from_x);
    let mut states = Tensor::empty([length + 1, batch, width], (T::KIND, x.device()));
    let _ = states.select(0, 0).zero_();
    let mut gates = Tensor::empty([length, batch, 4 * width], (T::KIND, x.device()));
    let (transposed, bias) = (w_hh.transpose(0, 1).contiguous(), b_hh.contiguous());
    let (width, step) = (width as usize, (batch * width) as usize);
    for t in 0..length {
        let from_h = states.select(0, t).mm(&transposed);
        let at = t as usize;
        let states = &mut fresh_numbers::<T>(&mut states)[at * step..][..2 * step];
        let (before, after) = states.split_at_mut(step);
        vectorized(Forward {
            width,
            from_x: &from_x[3 * at * step..][..3 * step],
            from_h: numbers(&from_h),
            bias: numbers(&bias),
            before,
            after,
            gates: &mut fresh_numbers(&mut gates)[4 * at * step..][..4 * step],
        });
    }
    let result = states.narrow(0, 1, length).transpose(0, 1).contiguous();
    vec![result, steps_first, states, gates]
}

fn backward_in<T: Real>(tensors: &[Tensor], gradient: &Tensor) -> Vec<Tensor> {
    let [w_ih, w_hh, x, states, gates] = [1, 2, 5, 6, 7].map(|i| &tensors[i]);
    let (length, batch, width) = x.size3().expect("x is L×B×D here");
    let gradient = gradient.transpose(0, 1).contiguous();
    // Of x_· and of h_·.
    let mut of_x = Tensor::empty([length, batch, 3 * width], (T::KIND, x.device()));
    let mut of_h = of_x.empty_like();
    let mut carried = Tensor::zeros([batch, width], (T::KIND, x.device()));
    let step = (batch * width) as usize;
    for t in (0..length).rev() {
        let at = t as usize;
        vectorized(Backward {
            width: width as usize,
            gradient: &numbers::<T>(&gradient)[at * step..][..step],
            before: &numbers(states)[at * step..][..step],
            gates: &numbers(gates)[4 * at * step..][..4 * step],
            carried: fresh_numbers(&mut carried),
            of_x: &mut fresh_numbers(&mut of_x)[3 * at * step..][..3 * step],
            of_h: &mut fresh_numbers(&mut of_h)[3 * at * step..][..3 * step],
        });
        if t > 0 {
            carried = carried.addmm(&of_h.select(0, t), w_hh);
        }
    }
    let rows = |x: &Tensor, columns: i64| x.reshape([length * batch, columns]);
    let (of_x, of_h) = (rows(&of_x, 3 * width), rows(&of_h, 3 * width));
    let of_input = of_x.mm(w_ih).view([length, batch, width]).transpose(0, 1);
    let before = rows(&states.narrow(0, 0, length), width);
    vec![
        of_input,
        of_x.transpose(0, 1).mm(&rows(x, width)),
        of_h.transpose(0, 1).mm(&before),
        of_x.sum_dim_intlist(0, false, None),
        of_h.sum_dim_intlist(0, false, None),
    ]
}

/// One step.
struct Forward<'a, T> {
    width: usize,
    from_x: &'a [T],
    from_h: &'a [T],
    bias: &'a [T],
    before: &'a [T],
    after: &'a mut [T],
    gates: &'a mut [T],
}

struct Backward<'a, T> {
    width: usize,
    gradient: &'a [T],
    before: &'a [T],
    gates: &'a [T],
    /// What later steps add to the gradient of the state; afterwards what passes this one by its gate alone.
    carried: &'a mut [T],
    of_x: &'a mut [T],
    of_h: &'a mut [T],
}

/// Equal parts of a row.
#[inline(always)]
fn parts<T, const N: usize>(row: &[T]) -> [&[T]; N] {
    let width = row.len() / N;
    std::array::from_fn(|i| &row[i * width..][..width])
}

impl<T: Real> Work for Forward<'_, T> {
    #[inline(always)]
    fn run(self) {
        let width = self.width;
        let [b_r, b_z, b_n] = parts(self.bias);
        let rows = self.after.chunks_exact_mut(width).zip(self.before.chunks_exact(width));
        let from = self.from_x.chunks_exact(3 * width).zip(self.from_h.chunks_exact(3 * width));
        for (((after, before), (x, h)), gates) in rows.zip(from).zip(self.gates.chunks_exact_mut(4 * width)) {
            let ([x_r, x_z, x_n], [h_r, h_z, h_n]) = (parts(x), parts(h));
            let (r, rest) = gates.split_at_mut(width);
            let (z, rest) = rest.split_at_mut(width);
            let (n, kept) = rest.split_at_mut(width);
            let (b_r, b_z, b_n) = (&b_r[..width], &b_z[..width], &b_n[..width]);
            let (x_r, x_z, x_n) = (&x_r[..width], &x_z[..width], &x_n[..width]);
            let (h_r, h_z, h_n) = (&h_r[..width], &h_z[..width], &h_n[..width]);
            let (kept, after, before) = (&mut kept[..width], &mut after[..width], &before[..width]);
            for i in 0..width {
                r[i] = (x_r[i] + h_r[i] + b_r[i]).sigmoid();
            }
            for i in 0..width {
                z[i] = (x_z[i] + h_z[i] + b_z[i]).sigmoid();
            }
            for i in 0..width {
                kept[i] = h_n[i] + b_n[i];
                n[i] = (x_n[i] + r[i] * kept[i]).tanh();
            }
            for i in 0..width {
                after[i] = n[i] + z[i] * (before[i] - n[i]);
            }
        }
    }
}

impl<T: Real> Work for Backward<'_, T> {
    #[inline(always)]
    fn run(self) {
        let (width, one) = (self.width, T::of(1.0));
        let rows = self.gradient.chunks_exact(width).zip(self.before.chunks_exact(width));
        let made = self.of_x.chunks_exact_mut(3 * width).zip(self.of_h.chunks_exact_mut(3 * width));
        let kept = self.gates.chunks_exact(4 * width).zip(self.carried.chunks_exact_mut(width));
        for (((gradient, before), (of_x, of_h)), (gates, carried)) in rows.zip(made).zip(kept) {
            let [r, z, n, h_n] = parts(gates);
            let (r, z, n, h_n) = (&r[..width], &z[..width], &n[..width], &h_n[..width]);
            let (x_r, rest) = of_x.split_at_mut(width);
            let (x_z, x_n) = rest.split_at_mut(width);
            let (y_r, rest) = of_h.split_at_mut(width);
            let (y_z, y_n) = rest.split_at_mut(width);
            let (x_n, y_n, carried) = (&mut x_n[..width], &mut y_n[..width], &mut carried[..width]);
            let (x_z, y_z, gradient) = (&mut x_z[..width], &mut y_z[..width], &gradient[..width]);
            let before = &before[..width];
            for i in 0..width {
                let g = gradient[i] + carried[i];
                carried[i] = g * z[i];
                let of_z = g * (before[i] - n[i]) * z[i] * (one - z[i]);
                let of_n = g * (one - z[i]) * (one - n[i] * n[i]);
                let of_r = of_n * h_n[i] * r[i] * (one - r[i]);
                x_r[i] = of_r;
                y_r[i] = of_r;
                x_z[i] = of_z;
                y_z[i] = of_z;
                x_n[i] = of_n;
                y_n[i] = of_n * r[i];
            }
        }
    }
}
