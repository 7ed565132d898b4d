//! Long short-term memory: i = σ(s_i), f = σ(s_f), g = tanh(s_g), o = σ(s_o), c ← f ∘ c + i ∘ g, h = o ∘ tanh(c) from
//! c = 0, where s_· = W_i x + b_i + W_h h + b_h, rows in the order i, f, g, o.

use super::Real;
use super::recurrence::{self, Backward, Cell, Forward, parts, parts_mut};
use crate::custom::{Functions, Operation};

pub static LSTM: Operation = Operation::new(&Functions {
    forward: recurrence::forward::<Lstm>,
    backward: recurrence::backward::<Lstm>,
});

/// Keeps i, f, g, o, c and tanh(c).
struct Lstm;

impl Cell for Lstm {
    const ROWS: usize = 4;
    const KEPT: usize = 6;
    const SUMMED: bool = true;

    #[inline(always)]
    fn forward<T: Real>(step: Forward<T>) {
        let width = step.width;
        let biases: [_; 4] = parts(step.bias, width);
        let (from_x, from_h): ([_; 4], [_; 4]) = (parts(step.x, width), parts(step.h, width));
        let [i, f, g, o, c, squashed] = parts_mut(step.kept, width);
        let [_, _, _, _, c_before, _] = parts::<T, 6>(step.kept_before, width);
        let sum = |row: usize, at: usize| from_x[row][at] + from_h[row][at] + biases[row][at];
        i.iter_mut().enumerate().for_each(|(at, i)| *i = sum(0, at).sigmoid());
        f.iter_mut().enumerate().for_each(|(at, f)| *f = sum(1, at).sigmoid());
        g.iter_mut().enumerate().for_each(|(at, g)| *g = sum(2, at).tanh());
        o.iter_mut().enumerate().for_each(|(at, o)| *o = sum(3, at).sigmoid());
        for at in 0..width {
            c[at] = f[at] * c_before[at] + i[at] * g[at];
            squashed[at] = c[at].tanh();
            step.after[at] = o[at] * squashed[at];
        }
    }

    #[inline(always)]
    fn backward<T: Real>(step: Backward<T>) {
        let (width, one) = (step.width, T::of(1.0));
        let [i, f, g, o, _, squashed] = parts(step.kept, width);
        let [_, _, _, _, c_before, _] = parts::<T, 6>(step.kept_before, width);
        let [of_i, of_f, of_g, of_o] = parts_mut(step.of_h, width);
        let (gradient, carried) = (&step.gradient[..width], &mut step.carried[..width]);
        let of_c = &mut step.carried_beside[..width];
        for at in 0..width {
            let of_state = gradient[at] + carried[at];
            carried[at] = T::default();
            of_o[at] = of_state * squashed[at] * o[at] * (one - o[at]);
            let through = of_c[at] + of_state * o[at] * (one - squashed[at] * squashed[at]);
            of_i[at] = through * g[at] * i[at] * (one - i[at]);
            of_f[at] = through * c_before[at] * f[at] * (one - f[at]);
            of_g[at] = through * i[at] * (one - g[at] * g[at]);
            of_c[at] = through * f[at];
        }
    }
}
