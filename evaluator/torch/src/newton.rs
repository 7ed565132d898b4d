//! Newton's method over time: all states of a recurrence h_t = f(h_{t−1}, x_t) at once, where f mixes only the few
//! numbers of one channel.
//!
//! From h⁰_t = f(0, x_t), every iteration solves δ_t = J_t δ_{t−1} + r_t by a scan, with the residual
//! r_t = f(h_{t−1}, x_t) − h_t and the Jacobian J_t = ∂f/∂h at h_{t−1}, and adds δ to h. While the residual is large, the
//! rows of J are scaled down to absolute sums of 1, so that no correction grows along time. What has not converged then
//! is computed step by step.
//!
//! One more iteration is recorded for gradients: h_t = J_t h_{t−1} + (f(h*_{t−1}, x_t) − J_t h*_{t−1}) with J and h* fixed.
//! By the implicit function theorem its gradient, one scan back, is that of the recurrence.
//! (Danieli et al. 2025, arXiv 2510.21450.)

use tch::{Kind, Tensor};

use crate::custom::{Functions, Operation};
use crate::scan::scan;

/// A recurrence whose state is S numbers for each of D channels.
pub trait Cell {
    /// S, by D.
    fn state(&self) -> (i64, i64);

    /// B×L×…: what the steps read.
    fn input(&self) -> &Tensor;

    /// f: from the states before the steps that `input` holds to those after them, B×L×S×D.
    fn step(&self, input: &Tensor, before: &Tensor) -> Tensor;

    /// f, and ∂f/∂h as B×L×S×S×D, the derived component first.
    fn linearized(&self, input: &Tensor, before: &Tensor) -> (Tensor, Tensor);
}

/// More are never worth it: the residual is squared by each once it is small.
const ITERATIONS: usize = 8;
/// The residual below which J is taken as it is.
const NEAR: f64 = 1e-2;

/// The states after all steps from zero, B×L×S×D, with gradients.
pub fn states(cell: &impl Cell) -> Tensor {
    let Solved { before, jacobian } = tch::no_grad(|| {
        iterate(cell).unwrap_or_else(|| {
            let before = delayed(&step_by_step(cell));
            let (_, jacobian) = cell.linearized(cell.input(), &before);
            Solved { before, jacobian }
        })
    });
    let added = cell.step(cell.input(), &before) - apply(&jacobian, &before);
    block_scan(&jacobian, &added)
}

/// The states before every step, and J there.
struct Solved {
    before: Tensor,
    jacobian: Tensor,
}

/// `None` where it does not converge.
fn iterate(cell: &impl Cell) -> Option<Solved> {
    let input = cell.input();
    let tolerance = if input.kind() == Kind::Double { 1e-12 } else { 1e-5 };
    let (size, (parts, channels)) = (input.size(), cell.state());
    let zero = Tensor::zeros([size[0], size[1], parts, channels], (input.kind(), input.device()));
    let mut h = cell.step(input, &zero);
    for _ in 0..ITERATIONS {
        let before = delayed(&h);
        let (after, jacobian) = cell.linearized(input, &before);
        let residual = after - &h;
        let largest = residual.abs().max().double_value(&[]);
        if largest <= tolerance {
            return Some(Solved { before, jacobian });
        }
        let jacobian = if largest > NEAR { bounded(&jacobian) } else { jacobian };
        h += block_scan(&jacobian, &residual);
    }
    None
}

fn step_by_step(cell: &impl Cell) -> Tensor {
    let (input, (parts, channels)) = (cell.input(), cell.state());
    let mut h = Tensor::zeros([input.size()[0], 1, parts, channels], (input.kind(), input.device()));
    let step = |t| {
        h = cell.step(&input.narrow(1, t, 1), &h);
        h.shallow_clone()
    };
    Tensor::cat(&(0..input.size()[1]).map(step).collect::<Vec<_>>(), 1)
}

/// The states before every step.
fn delayed(h: &Tensor) -> Tensor {
    h.constant_pad_nd([0, 0, 0, 0, 1, 0]).narrow(1, 0, h.size()[1])
}

/// J with rows of absolute sums of at most 1.
fn bounded(jacobian: &Tensor) -> Tensor {
    jacobian / jacobian.abs().sum_dim_intlist(3, true, None).clamp_min(1.0)
}

/// J·h.
fn apply(jacobian: &Tensor, h: &Tensor) -> Tensor {
    (jacobian * h.unsqueeze(2)).sum_dim_intlist(3, false, None)
}

/// h_t = J_t h_{t−1} + b_t from h = 0; J is B×L×S×S×D, b and h are B×L×S×D.
fn block_scan(jacobian: &Tensor, b: &Tensor) -> Tensor {
    static SCAN: Operation = Operation::new(&Functions {
        forward: |inputs| {
            let h = in_chunks(&inputs[0], &inputs[1]);
            vec![h.shallow_clone(), h]
        },
        backward: |saved, gradient| {
            let (jacobian, h) = (&saved[0], &saved[2]);
            // λ_t = g_t + J_{t+1}ᵀ λ_{t+1}, as a scan of what is turned around.
            let rest = jacobian.size()[1] - 1;
            let next = jacobian.narrow(1, 1, rest).constant_pad_nd([0, 0, 0, 0, 0, 0, 0, 1]);
            let of_b = in_chunks(&next.transpose(2, 3).flip([1]), &gradient.flip([1])).flip([1]);
            vec![of_b.unsqueeze(3) * delayed(h).unsqueeze(2), of_b]
        },
    });
    if b.size()[2] == 1 {
        return scan(&jacobian.squeeze_dim(2), b);
    }
    SCAN.apply(&[jacobian, b])
}

/// Runs chunks of about √L steps at once from zero, then carries the state over their ends.
fn in_chunks(jacobian: &Tensor, b: &Tensor) -> Tensor {
    let length = b.size()[1];
    let chunk = (length as f64).sqrt().ceil() as i64;
    let missing = (chunk - length % chunk) % chunk;
    let j = jacobian.constant_pad_nd([0, 0, 0, 0, 0, 0, 0, missing]).unflatten(1, [-1, chunk]);
    let b = b.constant_pad_nd([0, 0, 0, 0, 0, missing]).unflatten(1, [-1, chunk]);
    let (j, b) = (j.unbind(2), b.unbind(2));
    // Of every step: its state, and the product of J from the start of its chunk.
    let (mut h, mut products) = (vec![b[0].shallow_clone()], vec![j[0].shallow_clone()]);
    for t in 1..b.len() {
        h.push(apply(&j[t], &h[t - 1]) + &b[t]);
        products.push((j[t].unsqueeze(4) * products[t - 1].unsqueeze(2)).sum_dim_intlist(3, false, None));
    }
    let (ends, factors) = (h[h.len() - 1].split(1, 1), products[products.len() - 1].split(1, 1));
    let mut inherited = vec![ends[0].zeros_like()];
    for k in 1..ends.len() {
        inherited.push(apply(&factors[k - 1], &inherited[k - 1]) + &ends[k - 1]);
    }
    let inherited = Tensor::cat(&inherited, 1);
    let corrected = h.iter().zip(&products).map(|(h, product)| h + apply(product, &inherited));
    let h = Tensor::stack(&corrected.collect::<Vec<_>>(), 2);
    h.flatten(1, 2).narrow(1, 0, length)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::blocks::tests::assert_same;

    /// h_t = tanh(x_t + W h_{t−1}) in each channel, with one S×S matrix for all.
    struct Elman<'a> {
        x: &'a Tensor,
        w: &'a Tensor,
    }

    impl Cell for Elman<'_> {
        fn state(&self) -> (i64, i64) {
            (self.w.size()[0], self.x.size()[3])
        }

        fn input(&self) -> &Tensor {
            self.x
        }

        fn step(&self, input: &Tensor, before: &Tensor) -> Tensor {
            (input + apply(&self.w.unsqueeze(2), before)).tanh()
        }

        fn linearized(&self, input: &Tensor, before: &Tensor) -> (Tensor, Tensor) {
            let after = self.step(input, before);
            let slope: Tensor = 1.0 - after.square();
            (after, slope.unsqueeze(3) * self.w.unsqueeze(2))
        }
    }

    fn weak(w: &Tensor) -> Tensor {
        w.tanh() * 0.5
    }

    fn loop_over_time(x: &Tensor, w: &Tensor) -> Tensor {
        step_by_step(&Elman { x, w })
    }

    #[test]
    fn states_are_those_of_the_loop_in_values_and_gradients() {
        for (length, parts) in [(1, 1), (2, 2), (50, 1), (50, 2), (50, 3), (400, 2)] {
            let (found, expected) = (
                |all: &[Tensor]| states(&Elman { x: &all[0], w: &weak(&all[1]) }),
                |all: &[Tensor]| loop_over_time(&all[0], &weak(&all[1])),
            );
            assert_same(found, expected, &[vec![2, length, parts, 5], vec![parts, parts]]);
        }
    }

    #[test]
    fn what_does_not_converge_is_computed_step_by_step() {
        // Chaotic: |J| reaches 8.
        let w = Tensor::from_slice(&[4.0, -8.0, 8.0, 4.0]).view([2, 2]);
        let (found, expected) = (
            |all: &[Tensor]| {
                let cell = Elman { x: &all[0], w: &w };
                assert!(tch::no_grad(|| iterate(&cell)).is_none());
                states(&cell)
            },
            |all: &[Tensor]| loop_over_time(&all[0], &w),
        );
        assert_same(found, expected, &[vec![2, 30, 2, 3]]);
    }

    #[test]
    fn a_large_residual_bounds_the_rows_and_nothing_else() {
        let j = Tensor::from_slice(&[0.5, -0.25, 3.0, 1.0]).view([1, 1, 2, 2, 1]);
        let expected = Tensor::from_slice(&[0.5, -0.25, 0.75, 0.25]).view([1, 1, 2, 2, 1]);
        assert_eq!(bounded(&j), expected);
    }
}
