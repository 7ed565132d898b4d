//! Matrix state with a decay for each row: S_t = α_t ∘ S_{t−1} + k_t v_tᵀ, o_t = S_tᵀ q_t, from S = 0.
//!
//! Beside o the state is kept before every 64 steps but the first: the way back computes those between anew, which then
//! lie in cache.

use tch::{Kind, Tensor};

use super::{Real, Work, fresh_numbers, numbers, vectorized};
use crate::custom::{Functions, Operation};

/// Steps whose states the way back holds at a time.
const CHUNK: usize = 64;

static STATE: Operation = Operation::new(&Functions { forward, backward });

/// α, q and k are B×L×H×N, v and o are B×L×H×P.
pub fn matrix_state(alpha: &Tensor, q: &Tensor, k: &Tensor, v: &Tensor) -> Tensor {
    STATE.apply(&[alpha, q, k, v])
}

/// Also the states that are kept.
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

fn forward_in<T: Real>(inputs: &[Tensor]) -> Vec<Tensor> {
    let [alpha, q, k, v] = [0, 1, 2, 3].map(|i| inputs[i].contiguous());
    let sizes = Sizes::of(&k, &v);
    let mut o = Tensor::zeros(v.size(), (T::KIND, v.device()));
    let kept = [sizes.cases, sizes.length.div_ceil(CHUNK) - 1, sizes.state()].map(|n| n as i64);
    let mut kept = Tensor::empty(kept, (T::KIND, v.device()));
    vectorized(Forward::<T> {
        sizes,
        read: Read { alpha: numbers(&alpha), q: numbers(&q), k: numbers(&k), v: numbers(&v) },
        o: fresh_numbers(&mut o),
        kept: fresh_numbers(&mut kept),
    });
    vec![o, kept]
}

fn backward_in<T: Real>(tensors: &[Tensor], gradient: &Tensor) -> Vec<Tensor> {
    let [alpha, q, k, v] = [0, 1, 2, 3].map(|i| tensors[i].contiguous());
    let gradient = gradient.contiguous();
    let [mut of_alpha, mut of_q, mut of_k, mut of_v] =
        [&alpha, &q, &k, &v].map(|x| Tensor::zeros(x.size(), (T::KIND, x.device())));
    vectorized(Backward::<T> {
        sizes: Sizes::of(&k, &v),
        read: Read { alpha: numbers(&alpha), q: numbers(&q), k: numbers(&k), v: numbers(&v) },
        kept: numbers(&tensors[4]),
        gradient: numbers(&gradient),
        of_alpha: fresh_numbers(&mut of_alpha),
        of_q: fresh_numbers(&mut of_q),
        of_k: fresh_numbers(&mut of_k),
        of_v: fresh_numbers(&mut of_v),
    });
    vec![of_alpha, of_q, of_k, of_v]
}

#[derive(Clone, Copy)]
struct Sizes {
    cases: usize,
    length: usize,
    /// Rows of the states of all heads.
    rows: usize,
    keys: usize,
    values: usize,
}

impl Sizes {
    fn of(k: &Tensor, v: &Tensor) -> Self {
        let (k, values) = (k.size(), v.size()[3] as usize);
        let [cases, length, heads, keys] = [0, 1, 2, 3].map(|i| k[i] as usize);
        Self { cases, length, rows: heads * keys, keys, values }
    }

    /// Numbers of the states of all heads.
    fn state(self) -> usize {
        self.rows * self.values
    }

    /// Where the values of a row's head stand among those of a step.
    fn values_of(self, row: usize) -> std::ops::Range<usize> {
        let head = row / self.keys;
        head * self.values..(head + 1) * self.values
    }
}

/// What both directions read.
struct Read<'a, T> {
    alpha: &'a [T],
    q: &'a [T],
    k: &'a [T],
    v: &'a [T],
}

struct Forward<'a, T> {
    sizes: Sizes,
    read: Read<'a, T>,
    o: &'a mut [T],
    kept: &'a mut [T],
}

struct Backward<'a, T> {
    sizes: Sizes,
    read: Read<'a, T>,
    kept: &'a [T],
    gradient: &'a [T],
    of_alpha: &'a mut [T],
    of_q: &'a mut [T],
    of_k: &'a mut [T],
    of_v: &'a mut [T],
}

/// S ← α S + k v, of one row.
#[inline(always)]
fn advance<T: Real>(before: &[T], after: &mut [T], alpha: T, k: T, v: &[T]) {
    let (before, v) = (&before[..after.len()], &v[..after.len()]);
    for i in 0..after.len() {
        after[i] = alpha * before[i] + k * v[i];
    }
}

/// y += a·x.
#[inline(always)]
fn add_scaled<T: Real>(y: &mut [T], a: T, x: &[T]) {
    let x = &x[..y.len()];
    for i in 0..y.len() {
        y[i] += a * x[i];
    }
}

/// In an order that does not depend on the processor.
#[inline(always)]
fn dot<T: Real>(x: &[T], y: &[T]) -> T {
    const PART: usize = 8;
    let mut sums = [T::default(); PART];
    let (x, y) = (x.chunks_exact(PART), y.chunks_exact(PART));
    let rest = x.remainder().iter().zip(y.remainder());
    let mut sum = rest.fold(T::default(), |sum, (x, y)| sum + *x * *y);
    for (x, y) in x.zip(y) {
        for l in 0..PART {
            sums[l] += x[l] * y[l];
        }
    }
    for part in sums {
        sum += part;
    }
    sum
}

impl<T: Real> Work for Forward<'_, T> {
    #[inline(always)]
    fn run(self) {
        let (sizes, Read { alpha, q, k, v }) = (self.sizes, self.read);
        let Sizes { cases, length, rows, values, .. } = sizes;
        let width = rows / sizes.keys * values;
        let mut before = vec![T::default(); sizes.state()];
        let mut after = before.clone();
        let mut kept = self.kept.chunks_exact_mut(sizes.state());
        for step in 0..cases * length {
            match step % length {
                0 => before.fill(T::default()),
                t if t.is_multiple_of(CHUNK) => kept.next().expect("room for each").copy_from_slice(&before),
                _ => {}
            }
            let (v, o) = (&v[step * width..][..width], &mut self.o[step * width..][..width]);
            let states = before.chunks_exact(values).zip(after.chunks_exact_mut(values));
            for (row, (before, after)) in states.enumerate() {
                let (at, of_head) = (step * rows + row, sizes.values_of(row));
                advance(before, after, alpha[at], k[at], &v[of_head.clone()]);
                add_scaled(&mut o[of_head], q[at], after);
            }
            std::mem::swap(&mut before, &mut after);
        }
    }
}

impl<T: Real> Work for Backward<'_, T> {
    #[inline(always)]
    fn run(self) {
        let (sizes, Read { alpha, q, k, v }) = (self.sizes, self.read);
        let Sizes { cases, length, rows, values, .. } = sizes;
        let (width, size) = (rows / sizes.keys * values, sizes.state());
        let chunks = length.div_ceil(CHUNK);
        // The state before every step of a chunk and after the last.
        let mut states = vec![T::default(); (length.min(CHUNK) + 1) * size];
        let mut of_state = vec![T::default(); size];
        for (case, number) in (0..cases).flat_map(|case| (0..chunks).rev().map(move |number| (case, number)))
        {
            let (start, end) = (number * CHUNK, length.min((number + 1) * CHUNK));
            if end == length {
                of_state.fill(T::default());
            }
            match number {
                0 => states[..size].fill(T::default()),
                _ => states[..size]
                    .copy_from_slice(&self.kept[(case * (chunks - 1) + number - 1) * size..][..size]),
            }
            for t in 0..end - start {
                let step = case * length + start + t;
                let v = &v[step * width..][..width];
                let (before, after) = states[t * size..][..2 * size].split_at_mut(size);
                let states = before.chunks_exact(values).zip(after.chunks_exact_mut(values));
                for (row, (before, after)) in states.enumerate() {
                    let at = step * rows + row;
                    advance(before, after, alpha[at], k[at], &v[sizes.values_of(row)]);
                }
            }
            for t in (0..end - start).rev() {
                let step = case * length + start + t;
                let (v, gradient) = (&v[step * width..][..width], &self.gradient[step * width..][..width]);
                let of_v = &mut self.of_v[step * width..][..width];
                let (before, after) = states[t * size..][..2 * size].split_at(size);
                let states = before.chunks_exact(values).zip(after.chunks_exact(values));
                let states = states.zip(of_state.chunks_exact_mut(values));
                for (row, ((before, after), of_state)) in states.enumerate() {
                    let (at, of_head) = (step * rows + row, sizes.values_of(row));
                    let gradient = &gradient[of_head.clone()];
                    add_scaled(of_state, q[at], gradient);
                    self.of_q[at] = dot(after, gradient);
                    self.of_k[at] = dot(of_state, &v[of_head.clone()]);
                    self.of_alpha[at] = dot(of_state, before);
                    add_scaled(&mut of_v[of_head], k[at], of_state);
                    for number in of_state {
                        *number = *number * alpha[at];
                    }
                }
            }
        }
    }
}
