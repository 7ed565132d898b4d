//! Diagonal linear recurrence h_t = a_t ∘ h_{t−1} + b_t over dim 1, from h = 0, in two levels of chunks.

use tch::Tensor;

/// a and b are B×L×…, h too. Exact for every a: no logarithm, no division.
pub fn scan(a: &Tensor, b: &Tensor) -> Tensor {
    scan_in_chunks(a, b, chunk_for(a))
}

/// Chunks of about √L balance the steps within chunks and those over chunk ends: no loop over all of time.
fn chunk_for(a: &Tensor) -> i64 {
    (a.size()[1] as f64).sqrt().ceil() as i64
}

/// Runs all chunks at once from zero, then carries the state over chunk ends, then corrects within the chunks.
fn scan_in_chunks(a: &Tensor, b: &Tensor, chunk: i64) -> Tensor {
    let length = a.size()[1];
    if chunk >= length {
        return states(&a.unbind(1), &b.unbind(1), 1);
    }
    let (a, b) = (in_chunks(a, chunk).unbind(2), in_chunks(b, chunk).unbind(2));
    let (h, products) = (states(&a, &b, 2), products(&a, 2));
    let carried = over_chunk_ends(&h.select(2, chunk - 1), &products.select(2, chunk - 1));
    let h = h + products * carried.unsqueeze(2);
    h.flatten(1, 2).narrow(1, 0, length)
}

/// B×L×… to B×chunks×steps×…, zeros at the end where L is not a multiple.
fn in_chunks(x: &Tensor, chunk: i64) -> Tensor {
    let size = x.size();
    let missing = (chunk - size[1] % chunk) % chunk;
    let mut pad = vec![0; 2 * (size.len() - 1)];
    *pad.last_mut().expect("x has a dim 1") = missing;
    let x = if missing == 0 { x.shallow_clone() } else { x.constant_pad_nd(pad) };
    let mut chunked = vec![size[0], -1, chunk];
    chunked.extend(&size[2..]);
    x.view(chunked.as_slice())
}

/// States from zero, step by step, stacked along `dim`. The zero is written out, so that a has a gradient even where
/// there is one step.
fn states(a: &[Tensor], b: &[Tensor], dim: i64) -> Tensor {
    let mut h = b[0].zeros_like();
    let step = |(a, b): (&Tensor, &Tensor)| {
        h = b.addcmul(a, &h);
        h.shallow_clone()
    };
    Tensor::stack(&a.iter().zip(b).map(step).collect::<Vec<_>>(), dim)
}

/// The products of a up to every step, stacked along `dim`.
fn products(a: &[Tensor], dim: i64) -> Tensor {
    let mut products = vec![a[0].shallow_clone()];
    for t in 1..a.len() {
        products.push(&a[t] * &products[t - 1]);
    }
    Tensor::stack(&products, dim)
}

/// The state before every chunk, from what each chunk adds and multiplies by; over dim 1.
fn over_chunk_ends(added: &Tensor, multiplied: &Tensor) -> Tensor {
    let (added, multiplied) = (added.unbind(1), multiplied.unbind(1));
    let zero = added[0].zeros_like();
    if added.len() == 1 {
        return zero.unsqueeze(1);
    }
    let ends = states(&multiplied[..added.len() - 1], &added[..added.len() - 1], 1);
    Tensor::cat(&[zero.unsqueeze(1), ends], 1)
}

#[cfg(test)]
mod tests {
    use hashing::Rng;
    use tch::{Device, Kind};

    use super::*;

    /// The definition.
    fn step_by_step(a: &Tensor, b: &Tensor) -> Tensor {
        let mut states = Vec::new();
        let mut h = b.select(1, 0).zeros_like();
        for t in 0..a.size()[1] {
            h = a.select(1, t) * h + b.select(1, t);
            states.push(h.shallow_clone());
        }
        Tensor::stack(&states, 1)
    }

    /// 2×L×3×2 of f64 from a named stream.
    fn drawn(name: &str, length: i64, low: f64, high: f64) -> Tensor {
        let mut rng = Rng::named(0, name, length as u64);
        let values: Vec<f64> = (0..12 * length).map(|_| rng.between(low, high)).collect();
        Tensor::from_slice(&values).view([2, length, 3, 2])
    }

    fn with_gradients(f: impl Fn(&Tensor, &Tensor) -> Tensor, a: &Tensor, b: &Tensor) -> [Tensor; 3] {
        let leaves = [a, b].map(|x| x.detach().set_requires_grad(true));
        let h = f(&leaves[0], &leaves[1]);
        let projection = drawn("projection", a.size()[1], -1.0, 1.0);
        let gradients = Tensor::run_backward(&[(&h * projection).sum(None)], &leaves, false, false);
        let [of_a, of_b] = gradients.try_into().expect("a gradient for each leaf");
        [h.detach(), of_a, of_b]
    }

    fn largest(x: &Tensor) -> f64 {
        x.abs().max().double_value(&[])
    }

    #[test]
    fn the_scan_is_the_loop_in_values_and_gradients() {
        tch::set_num_threads(1);
        // In [−1, 0], across 0, near 1, above 1.
        for (low, high) in [(-1.0, 0.0), (-0.9, 0.9), (0.999, 1.0), (1.0, 1.1)] {
            for length in [1, 2, 3, 4, 5, 16, 17, 29, 31] {
                let (a, b) = (drawn("a", length, low, high), drawn("b", length, -1.0, 1.0));
                let expected = with_gradients(step_by_step, &a, &b);
                for chunk in [1, 2, 4, 7, 31, 40, (length as f64).sqrt().ceil() as i64] {
                    let found = with_gradients(|a, b| scan_in_chunks(a, b, chunk), &a, &b);
                    for (found, expected) in found.iter().zip(&expected) {
                        let error = largest(&(found - expected));
                        let bound = 1e-12 * largest(expected);
                        assert!(error <= bound, "a in [{low}, {high}), L {length}, chunk {chunk}: {error}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_decay_of_zero_forgets_and_of_one_sums() {
        let b = drawn("b", 29, -1.0, 1.0);
        let [forgets, of_a, _] = with_gradients(scan, &b.zeros_like(), &b);
        assert_eq!(forgets, b);
        assert!(of_a.isfinite().all().int64_value(&[]) == 1);
        assert!(largest(&(scan(&b.ones_like(), &b) - b.cumsum(1, Kind::Double))) < 1e-13);
    }

    #[test]
    fn single_precision_stays_single() {
        let a = Tensor::full([2, 300, 4], 0.999, (Kind::Float, Device::Cpu));
        let h = scan(&a, &a.ones_like());
        let expected = step_by_step(&a.to_kind(Kind::Double), &a.ones_like().to_kind(Kind::Double));
        assert_eq!(h.kind(), Kind::Float);
        assert!(largest(&(h.to_kind(Kind::Double) - &expected)) < 1e-6 * largest(&expected));
    }
}
