//! Elman's network: h ← f(W_i x + b_i + W_h h + b_h) for f = tanh or relu.

use std::marker::PhantomData;

use super::Real;
use super::recurrence::{self, Backward, Cell, Forward};
use crate::custom::{Functions, Operation};

pub static TANH: Operation = Operation::new(&Functions {
    forward: recurrence::forward::<Elman<Tanh>>,
    backward: recurrence::backward::<Elman<Tanh>>,
});
pub static RELU: Operation = Operation::new(&Functions {
    forward: recurrence::forward::<Elman<Relu>>,
    backward: recurrence::backward::<Elman<Relu>>,
});

/// Keeps nothing: the slope follows from the state.
struct Elman<A>(PhantomData<A>);

struct Tanh;
struct Relu;

trait Activation {
    fn apply<T: Real>(x: T) -> T;

    /// The slope where the value is `y`.
    fn slope<T: Real>(y: T) -> T;
}

impl Activation for Tanh {
    #[inline(always)]
    fn apply<T: Real>(x: T) -> T {
        x.tanh()
    }

    #[inline(always)]
    fn slope<T: Real>(y: T) -> T {
        T::of(1.0) - y * y
    }
}

impl Activation for Relu {
    #[inline(always)]
    fn apply<T: Real>(x: T) -> T {
        if x < T::default() { T::default() } else { x }
    }

    #[inline(always)]
    fn slope<T: Real>(y: T) -> T {
        if y > T::default() { T::of(1.0) } else { T::default() }
    }
}

impl<A: Activation> Cell for Elman<A> {
    const ROWS: usize = 1;
    const KEPT: usize = 0;
    const SUMMED: bool = true;

    #[inline(always)]
    fn forward<T: Real>(step: Forward<T>) {
        let sums = step.x.iter().zip(step.h).zip(step.bias);
        step.after.iter_mut().zip(sums).for_each(|(after, ((x, h), b))| *after = A::apply(*x + *h + *b));
    }

    #[inline(always)]
    fn backward<T: Real>(step: Backward<T>) {
        let gradients = step.gradient.iter().zip(step.carried).zip(step.after);
        for (of_h, ((gradient, carried), after)) in step.of_h.iter_mut().zip(gradients) {
            *of_h = (*gradient + *carried) * A::slope(*after);
            *carried = T::default();
        }
    }
}
