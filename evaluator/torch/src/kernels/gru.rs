//! Gated recurrent unit: r = σ(x_r + h_r), z = σ(x_z + h_z), n = tanh(x_n + r ∘ h_n), h ← n + z ∘ (h − n),
//! where x_· = W_i x + b_i and h_· = W_h h + b_h, rows in the order r, z, n.

use super::Real;
use super::recurrence::{self, Backward, Cell, Forward, parts, parts_mut};
use crate::custom::{Functions, Operation};

pub static GRU: Operation =
    Operation::new(&Functions { forward: recurrence::forward::<Gru>, backward: recurrence::backward::<Gru> });

/// Keeps r, z, n and h_n.
struct Gru;

impl Cell for Gru {
    const ROWS: usize = 3;
    const KEPT: usize = 4;
    const SUMMED: bool = false;

    #[inline(always)]
    fn forward<T: Real>(step: Forward<T>) {
        let width = step.width;
        let [b_r, b_z, b_n] = parts(step.bias, width);
        let [x_r, x_z, x_n] = parts(step.x, width);
        let [h_r, h_z, h_n] = parts(step.h, width);
        let [r, z, n, kept] = parts_mut(step.kept, width);
        let (after, before) = (&mut step.after[..width], &step.before[..width]);
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

    #[inline(always)]
    fn backward<T: Real>(step: Backward<T>) {
        let (width, one) = (step.width, T::of(1.0));
        let [r, z, n, h_n] = parts(step.kept, width);
        let [x_r, x_z, x_n] = parts_mut(step.of_x, width);
        let [y_r, y_z, y_n] = parts_mut(step.of_h, width);
        let (carried, gradient) = (&mut step.carried[..width], &step.gradient[..width]);
        let before = &step.before[..width];
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
