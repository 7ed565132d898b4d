//! Mamba's selective scan: h_t = e^{Δ_t A} ∘ h_{t−1} + input_t, v_t = Σ_n C_tn h_tn, from h = 0, with A = −e^{log_a} and
//! the input Δ_t B_t u_t, or (e^{Δ_t A} − 1)/A B_t u_t under zero-order hold.
//!
//! Beside v the state is kept before every 64 steps but the first: the way back computes those between anew, which then
//! lie in cache.

use tch::{Kind, Tensor};

use super::{LANES, Real, Work, fresh_numbers, lanes, lanes_mut, numbers, sum, vectorized};
use crate::custom::{Functions, Operation};

/// Steps whose states the way back holds at a time.
const CHUNK: usize = 64;

static EULER: Operation =
    Operation::new(&Functions { forward: forward::<false>, backward: backward::<false> });
static ZERO_ORDER_HOLD: Operation =
    Operation::new(&Functions { forward: forward::<true>, backward: backward::<true> });

/// `log_a` is E×N, `step` and `u` are B×L×E, `b` and `c` are B×L×N, v is B×L×E; E is a multiple of 16.
pub fn selective_scan(
    log_a: &Tensor,
    step: &Tensor,
    b: &Tensor,
    c: &Tensor,
    u: &Tensor,
    zoh: bool,
) -> Tensor {
    let operation = if zoh { &ZERO_ORDER_HOLD } else { &EULER };
    operation.apply(&[log_a, step, b, c, u])
}

fn forward<const ZOH: bool>(inputs: &[Tensor]) -> Vec<Tensor> {
    match inputs[0].kind() {
        Kind::Double => forward_in::<f64, ZOH>(inputs),
        _ => forward_in::<f32, ZOH>(inputs),
    }
}

fn backward<const ZOH: bool>(tensors: &[Tensor], gradient: &Tensor) -> Vec<Tensor> {
    match gradient.kind() {
        Kind::Double => backward_in::<f64, ZOH>(tensors, gradient),
        _ => backward_in::<f32, ZOH>(tensors, gradient),
    }
}

/// A and 1/A, N×E.
fn rates(log_a: &Tensor) -> [Tensor; 2] {
    let a = -log_a.transpose(0, 1).contiguous().exp();
    let inverse = a.reciprocal();
    [a, inverse]
}

fn forward_in<T: Real, const ZOH: bool>(inputs: &[Tensor]) -> Vec<Tensor> {
    let [a, inverse] = rates(&inputs[0]);
    let [step, b, c, u] = [1, 2, 3, 4].map(|i| inputs[i].contiguous());
    let mut v = u.empty_like();
    let sizes = Sizes::of(&u, &b);
    let kept = [sizes.cases, sizes.length.div_ceil(CHUNK) - 1, sizes.state * sizes.inner].map(|n| n as i64);
    let mut kept = Tensor::empty(kept, (T::KIND, u.device()));
    vectorized(Forward::<T, ZOH> {
        sizes,
        a: numbers(&a),
        inverse: numbers(&inverse),
        step: numbers(&step),
        b: numbers(&b),
        c: numbers(&c),
        u: numbers(&u),
        v: fresh_numbers(&mut v),
        kept: fresh_numbers(&mut kept),
    });
    vec![v, kept]
}

fn backward_in<T: Real, const ZOH: bool>(tensors: &[Tensor], gradient: &Tensor) -> Vec<Tensor> {
    let (inputs, kept) = tensors.split_at(5);
    let [a, inverse] = rates(&inputs[0]);
    let [step, b, c, u] = [1, 2, 3, 4].map(|i| inputs[i].contiguous());
    let gradient = gradient.contiguous();
    let mut of_a = a.zeros_like();
    let [mut of_step, mut of_b, mut of_c, mut of_u] = [&step, &b, &c, &u].map(Tensor::empty_like);
    let sizes = Sizes::of(&u, &b);
    vectorized(Backward::<T, ZOH> {
        sizes,
        a: numbers(&a),
        inverse: numbers(&inverse),
        step: numbers(&step),
        b: numbers(&b),
        c: numbers(&c),
        u: numbers(&u),
        kept: numbers(&kept[0]),
        gradient: numbers(&gradient),
        of_a: fresh_numbers(&mut of_a),
        of_step: fresh_numbers(&mut of_step),
        of_b: fresh_numbers(&mut of_b),
        of_c: fresh_numbers(&mut of_c),
        of_u: fresh_numbers(&mut of_u),
    });
    // d A / d log_a = A.
    vec![(of_a * a).transpose(0, 1), of_step, of_b, of_c, of_u]
}

#[derive(Clone, Copy)]
struct Sizes {
    cases: usize,
    length: usize,
    inner: usize,
    state: usize,
}

impl Sizes {
    fn of(u: &Tensor, b: &Tensor) -> Self {
        let (u, state) = (u.size(), b.size()[2] as usize);
        let [cases, length, inner] = [u[0] as usize, u[1] as usize, u[2] as usize];
        assert!(inner.is_multiple_of(LANES), "{inner} is not a multiple of {LANES}");
        Self { cases, length, inner, state }
    }
}

struct Forward<'a, T, const ZOH: bool> {
    sizes: Sizes,
    a: &'a [T],
    inverse: &'a [T],
    step: &'a [T],
    b: &'a [T],
    c: &'a [T],
    u: &'a [T],
    v: &'a mut [T],
    kept: &'a mut [T],
}

struct Backward<'a, T, const ZOH: bool> {
    sizes: Sizes,
    a: &'a [T],
    inverse: &'a [T],
    step: &'a [T],
    b: &'a [T],
    c: &'a [T],
    u: &'a [T],
    kept: &'a [T],
    gradient: &'a [T],
    of_a: &'a mut [T],
    of_step: &'a mut [T],
    of_b: &'a mut [T],
    of_c: &'a mut [T],
    of_u: &'a mut [T],
}

impl<T: Real, const ZOH: bool> Work for Forward<'_, T, ZOH> {
    #[inline(always)]
    fn run(self) {
        let Sizes { cases, length, inner, state } = self.sizes;
        let mut h = vec![T::default(); state * inner];
        let mut kept = self.kept.chunks_exact_mut(state * inner);
        for case in 0..cases {
            h.fill(T::default());
            for t in 0..length {
                if t > 0 && t.is_multiple_of(CHUNK) {
                    kept.next().expect("room for each").copy_from_slice(&h);
                }
                let row = case * length + t;
                let (b, c) = (&self.b[row * state..][..state], &self.c[row * state..][..state]);
                for e in (0..inner).step_by(LANES) {
                    let (step, u) = (lanes(self.step, row * inner + e), lanes(self.u, row * inner + e));
                    let mut v = [T::default(); LANES];
                    for n in 0..state {
                        let at = n * inner + e;
                        let (a, inverse) = (lanes(self.a, at), lanes(self.inverse, at));
                        let (mut now, b, c) = (lanes(&h, at), b[n], c[n]);
                        for l in 0..LANES {
                            let (decay, change) = (step[l] * a[l]).exponential();
                            let gain = if ZOH { change * inverse[l] } else { step[l] };
                            now[l] = decay * now[l] + gain * u[l] * b;
                            v[l] += c * now[l];
                        }
                        *lanes_mut(&mut h, at) = now;
                    }
                    *lanes_mut(self.v, row * inner + e) = v;
                }
            }
        }
    }
}

impl<T: Real, const ZOH: bool> Work for Backward<'_, T, ZOH> {
    #[inline(always)]
    fn run(self) {
        let Sizes { cases, length, inner, state } = self.sizes;
        let size = state * inner;
        let (chunk, chunks) = (length.min(CHUNK), length.div_ceil(CHUNK));
        // The state before every step of a chunk and after the last; e^{ΔA} of every step and, under ZOH,
        // (e^{ΔA} − 1)/A.
        let mut states = vec![T::default(); (chunk + 1) * size];
        let mut decays = vec![T::default(); chunk * size];
        let mut gains = vec![T::default(); if ZOH { chunk * size } else { 0 }];
        let mut of_h = vec![T::default(); size];
        let (mut sums_b, mut sums_c) =
            (vec![[T::default(); LANES]; state], vec![[T::default(); LANES]; state]);
        for (case, number) in (0..cases).flat_map(|case| (0..chunks).rev().map(move |number| (case, number)))
        {
            let (start, end) = (number * CHUNK, length.min((number + 1) * CHUNK));
            if end == length {
                of_h.fill(T::default());
            }
            match number {
                0 => states[..size].fill(T::default()),
                _ => states[..size]
                    .copy_from_slice(&self.kept[(case * (chunks - 1) + number - 1) * size..][..size]),
            }
            for t in 0..end - start {
                let row = case * length + start + t;
                let b = &self.b[row * state..][..state];
                let (before, after) = states[t * size..][..2 * size].split_at_mut(size);
                for e in (0..inner).step_by(LANES) {
                    let (step, u) = (lanes(self.step, row * inner + e), lanes(self.u, row * inner + e));
                    for n in 0..state {
                        let at = n * inner + e;
                        let (a, inverse) = (lanes(self.a, at), lanes(self.inverse, at));
                        let (mut h, b) = (lanes(before, at), b[n]);
                        let (mut kept, mut made) = ([T::default(); LANES], [T::default(); LANES]);
                        for l in 0..LANES {
                            let (decay, change) = (step[l] * a[l]).exponential();
                            let gain = if ZOH { change * inverse[l] } else { step[l] };
                            kept[l] = decay;
                            made[l] = gain;
                            h[l] = decay * h[l] + gain * u[l] * b;
                        }
                        *lanes_mut(after, at) = h;
                        *lanes_mut(&mut decays, t * size + at) = kept;
                        if ZOH {
                            *lanes_mut(&mut gains, t * size + at) = made;
                        }
                    }
                }
            }
            for t in (0..end - start).rev() {
                let row = case * length + start + t;
                let (b, c) = (&self.b[row * state..][..state], &self.c[row * state..][..state]);
                let (before, after) = states[t * size..][..2 * size].split_at(size);
                sums_b.fill([T::default(); LANES]);
                sums_c.fill([T::default(); LANES]);
                for e in (0..inner).step_by(LANES) {
                    let at_row = row * inner + e;
                    let (step, u) = (lanes(self.step, at_row), lanes(self.u, at_row));
                    let gradient = lanes(self.gradient, at_row);
                    let (mut of_step, mut of_u) = ([T::default(); LANES], [T::default(); LANES]);
                    for n in 0..state {
                        let at = n * inner + e;
                        let (a, inverse) = (lanes(self.a, at), lanes(self.inverse, at));
                        let decay = lanes(&decays, t * size + at);
                        let gain = if ZOH { lanes(&gains, t * size + at) } else { step };
                        let (before, after) = (lanes(before, at), lanes(after, at));
                        let (mut h, mut rate) = (lanes(&of_h, at), lanes(self.of_a, at));
                        let (mut sum_b, mut sum_c) = (sums_b[n], sums_c[n]);
                        let (b, c) = (b[n], c[n]);
                        for l in 0..LANES {
                            let g = h[l] + c * gradient[l];
                            let through = g * b;
                            sum_c[l] += after[l] * gradient[l];
                            sum_b[l] += g * gain[l] * u[l];
                            of_u[l] += through * gain[l];
                            let mut exponent = g * before[l] * decay[l];
                            if ZOH {
                                // d gain / d exponent = e^{ΔA}/A; d gain / d A beside it = −gain/A.
                                let input = through * u[l] * inverse[l];
                                exponent += input * decay[l];
                                rate[l] += exponent * step[l] - input * gain[l];
                            } else {
                                of_step[l] += through * u[l];
                                rate[l] += exponent * step[l];
                            }
                            of_step[l] += exponent * a[l];
                            h[l] = g * decay[l];
                        }
                        *lanes_mut(&mut of_h, at) = h;
                        *lanes_mut(self.of_a, at) = rate;
                        (sums_b[n], sums_c[n]) = (sum_b, sum_c);
                    }
                    *lanes_mut(self.of_step, at_row) = of_step;
                    *lanes_mut(self.of_u, at_row) = of_u;
                }
                for n in 0..state {
                    self.of_b[row * state + n] = sum(sums_b[n]);
                    self.of_c[row * state + n] = sum(sums_c[n]);
                }
            }
        }
    }
}
