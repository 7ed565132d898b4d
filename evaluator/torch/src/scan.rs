//! Diagonal linear recurrence h_t = a_t ∘ h_{t−1} + b_t over dim 1, from h = 0: by our own kernel on the processor, in two
//! levels of chunks elsewhere. Exact for every a: no logarithm, no division.
//!
//! The gradient is a scan as well, the other way: λ_t = g_t + a_{t+1} ∘ λ_{t+1} is that of b_t, λ_t ∘ h_{t−1} that of a_t.

use tch::Tensor;

use crate::custom::{Functions, Operation};
use crate::kernels;

/// a and b are B×L×… of one size, h too.
pub fn scan(a: &Tensor, b: &Tensor) -> Tensor {
    if kernels::suit(a) { kernels::linear_scan::linear_scan(a, b) } else { chunk_scan(a, b) }
}

/// The same in operations of libtorch, with no loop over all of time.
pub fn chunk_scan(a: &Tensor, b: &Tensor) -> Tensor {
    static SCAN: Operation = Operation::new(&Functions {
        forward: |inputs| {
            let h = in_chunks(Direction::Later, &inputs[0], &inputs[1], chunk_for(&inputs[0]));
            vec![h.shallow_clone(), h]
        },
        backward: |saved, gradient| gradients(&saved[0], &saved[2], gradient),
    });
    SCAN.apply(&[a, b])
}

/// Chunks of about √L balance the steps within chunks and those over chunk ends.
fn chunk_for(a: &Tensor) -> i64 {
    (a.size()[1] as f64).sqrt().ceil() as i64
}

/// Of a and b, from the states and the gradient of the states.
fn gradients(a: &Tensor, h: &Tensor, gradient: &Tensor) -> Vec<Tensor> {
    let rest = a.size()[1] - 1;
    let of_b = in_chunks(Direction::Earlier, &next(a), gradient, chunk_for(a));
    let of_a = a.zeros_like();
    let _ = of_b.narrow(1, 1, rest).multiply_out(&of_a.narrow(1, 1, rest), &h.narrow(1, 0, rest));
    vec![of_a, of_b]
}

/// x one step on, zero at the end.
fn next(x: &Tensor) -> Tensor {
    padded(&x.narrow(1, 1, x.size()[1] - 1), 1)
}

/// Whether states follow from those before them, or from those after them.
#[derive(Clone, Copy, PartialEq)]
enum Direction {
    Later,
    Earlier,
}

impl Direction {
    /// In the order in which they are made.
    fn order(self, mut steps: Vec<Tensor>) -> Vec<Tensor> {
        if self == Self::Earlier {
            steps.reverse();
        }
        steps
    }
}

/// Runs all chunks at once from zero, then corrects chunk after chunk by the state that it inherits.
fn in_chunks(direction: Direction, a: &Tensor, b: &Tensor, chunk: i64) -> Tensor {
    // Of every step the product of a from the start of its chunk, and its state; B×chunks×steps×….
    let [products, states] = [a, b].map(|x| chunked(x, chunk));
    let (p, h) = (direction.order(products.unbind(2)), direction.order(states.unbind(2)));
    for t in 1..h.len() {
        let _ = h[t].shallow_clone().addcmul_(&p[t], &h[t - 1]);
        let _ = p[t].shallow_clone().multiply_(&p[t - 1]);
    }
    let ends = direction.order(h[h.len() - 1].unsqueeze(2).unbind(1));
    let (products, chunks) = (direction.order(products.unbind(1)), direction.order(states.unbind(1)));
    for k in 1..chunks.len() {
        let _ = chunks[k].shallow_clone().addcmul_(&products[k], &ends[k - 1]);
    }
    states.flatten(1, 2).narrow(1, 0, b.size()[1])
}

/// B×L×… to B×chunks×steps×…, a copy, with zeros at the end where L is not a multiple.
fn chunked(x: &Tensor, chunk: i64) -> Tensor {
    let size = x.size();
    let mut divided = vec![size[0], -1, chunk];
    divided.extend(&size[2..]);
    padded(x, (chunk - size[1] % chunk) % chunk).view(divided.as_slice())
}

/// A copy with as many zeros at the end of dim 1.
fn padded(x: &Tensor, zeros: i64) -> Tensor {
    let mut pad = vec![0; 2 * (x.dim() - 1)];
    *pad.last_mut().expect("x has a dim 1") = zeros;
    x.constant_pad_nd(pad).contiguous()
}

#[cfg(test)]
mod tests {
    use hashing::Rng;
    use tch::Kind;

    use super::*;

    type Scan = fn(&Tensor, &Tensor) -> Tensor;

    const FORMS: [(&str, Scan); 2] = [("our kernel", scan), ("chunks", chunk_scan)];
    /// In [−1, 0], across 0, near 1, above 1.
    const RANGES: [(f64, f64); 4] = [(-1.0, 0.0), (-0.9, 0.9), (0.999, 1.0), (1.0, 1.01)];

    /// The definition.
    fn step_by_step(a: &Tensor, b: &Tensor) -> Tensor {
        let (a, b) = (a.unbind(1), b.unbind(1));
        let mut h = b[0].zeros_like();
        let step = |(a, b): (&Tensor, &Tensor)| {
            h = a * &h + b;
            h.shallow_clone()
        };
        Tensor::stack(&a.iter().zip(&b).map(step).collect::<Vec<_>>(), 1)
    }

    /// 2×L×3×2 of f64 from a named stream.
    fn drawn(name: &str, length: i64, (low, high): (f64, f64)) -> Tensor {
        let mut rng = Rng::named(0, name, length as u64);
        let values: Vec<f64> = (0..12 * length).map(|_| rng.between(low, high)).collect();
        Tensor::from_slice(&values).view([2, length, 3, 2])
    }

    /// Values and both gradients, as f64.
    fn with_gradients(f: impl Fn(&Tensor, &Tensor) -> Tensor, a: &Tensor, b: &Tensor) -> [Tensor; 3] {
        let leaves = [a, b].map(|x| x.detach().set_requires_grad(true));
        let h = f(&leaves[0], &leaves[1]);
        assert_eq!(h.kind(), a.kind());
        let projection = drawn("projection", a.size()[1], (-1.0, 1.0)).to_kind(a.kind());
        let gradients = Tensor::run_backward(&[(&h * projection).sum(None)], &leaves, false, false);
        let [of_a, of_b] = gradients.try_into().expect("a gradient for each leaf");
        [h.detach(), of_a, of_b].map(|x| x.to_kind(Kind::Double))
    }

    fn largest(x: &Tensor) -> f64 {
        x.abs().max().double_value(&[])
    }

    fn assert_close(found: &[Tensor; 3], expected: &[Tensor; 3], tolerance: f64, what: &str) {
        for (found, expected) in found.iter().zip(expected) {
            let error = largest(&(found - expected)) / largest(expected).max(f64::MIN_POSITIVE);
            assert!(error <= tolerance, "{what}: {error:e}");
        }
    }

    #[test]
    fn every_form_is_the_loop_in_values_and_gradients() {
        tch::set_num_threads(1);
        for range in RANGES {
            for length in [1, 2, 3, 16, 17, 31, 257, 4_096] {
                let (a, b) = (drawn("a", length, range), drawn("b", length, (-1.0, 1.0)));
                let expected = with_gradients(step_by_step, &a, &b);
                for (name, form) in FORMS {
                    let what = format!("{name}, a in {range:?}, L {length}");
                    assert_close(&with_gradients(form, &a, &b), &expected, 1e-12, &what);
                }
            }
        }
    }

    #[test]
    fn single_precision_is_close_to_double() {
        for range in RANGES {
            let single = [("a", range), ("b", (-1.0, 1.0))]
                .map(|(name, range)| drawn(name, 4_096, range).to_kind(Kind::Float));
            let [a, b] = single.each_ref().map(|x| x.to_kind(Kind::Double));
            let expected = with_gradients(step_by_step, &a, &b);
            for (name, form) in FORMS {
                let found = with_gradients(form, &single[0], &single[1]);
                // A state that grows by a percent a step carries the rounding of every step along.
                let tolerance = if range.1 > 1.0 { 1e-4 } else { 2e-6 };
                assert_close(&found, &expected, tolerance, &format!("{name}, a in {range:?}"));
            }
        }
    }

    #[test]
    fn chunks_of_any_size_give_the_same() {
        let (a, b) = (drawn("a", 29, (-0.9, 0.9)), drawn("b", 29, (-1.0, 1.0)));
        let expected = step_by_step(&a, &b);
        for chunk in [1, 2, 4, 7, 28, 29, 30, 40] {
            let found = in_chunks(Direction::Later, &a, &b, chunk);
            assert!(largest(&(found - &expected)) < 1e-14, "{chunk}");
        }
    }

    #[test]
    fn a_decay_of_zero_forgets_and_of_one_sums() {
        let b = drawn("b", 29, (-1.0, 1.0));
        for (name, form) in FORMS {
            let [forgets, of_a, _] = with_gradients(form, &b.zeros_like(), &b);
            assert_eq!(forgets, b, "{name}");
            assert_eq!(of_a.isfinite().all().int64_value(&[]), 1, "{name}");
            assert!(largest(&(form(&b.ones_like(), &b) - b.cumsum(1, Kind::Double))) < 1e-13, "{name}");
        }
    }

    #[test]
    fn strided_tensors_are_read_as_they_are() {
        let [a, b] = ["a", "b"].map(|name| drawn(name, 29, (-0.9, 0.9)).transpose(0, 2));
        for (name, form) in FORMS {
            assert!(largest(&(form(&a, &b) - step_by_step(&a, &b))) < 1e-14, "{name}");
        }
    }
}
