//! Matrix state with a decay: S_t = α_t S_{t−1} + k_t v_tᵀ, o_t = S_tᵀ q_t, from S = 0, with α ≤ 1 for each head, given as its
//! logarithm.
//!
//! In chunks: with γ_t = Σ log α up to t from the start of its chunk, o = ((q kᵀ) ∘ e^{γ_i − γ_j}·[i ≥ j]) v + e^{γ_i} q S,
//! where the state S before a chunk follows from S ← e^{γ_last} S + Σ_j e^{γ_last − γ_j} k_j v_jᵀ. No exponent is above 0.
//! Only that recurrence, over chunks, runs along time: by a scan, in both directions of differentiation.
//!
//! With a decay for each row of S this has no such form that never overflows: our own kernel computes it on the processor,
//! a scan of all of S elsewhere.

use tch::{Kind, Tensor};

use crate::kernels;
use crate::scan::scan;

/// Steps of a chunk: about as many as the numbers of a key, which balances the products.
pub const CHUNK: i64 = 64;

/// `log_decay` is B×L×H and at most 0, q and k are B×L×H×N (or B×L×1×N, the same for all heads), v and o are B×L×H×P.
pub fn matrix_state(log_decay: &Tensor, q: &Tensor, k: &Tensor, v: &Tensor) -> Tensor {
    in_chunks(log_decay, q, k, v, CHUNK.min(v.size()[1]))
}

/// The same with a decay for each row of S: S_t = α_t ∘ S_{t−1} + k_t v_tᵀ, α as B×L×H×N like q and k, of any sign.
pub fn with_decay_of_rows(alpha: &Tensor, q: &Tensor, k: &Tensor, v: &Tensor) -> Tensor {
    if kernels::suit(v) {
        kernels::matrix_state::matrix_state(alpha, q, k, v)
    } else {
        scan_of_all(alpha, q, k, v)
    }
}

/// In operations of libtorch.
pub fn scan_of_all(alpha: &Tensor, q: &Tensor, k: &Tensor, v: &Tensor) -> Tensor {
    let added = k.unsqueeze(-1) * v.unsqueeze(-2);
    let states = scan(&alpha.unsqueeze(-1).expand_as(&added), &added);
    q.unsqueeze(-2).matmul(&states).squeeze_dim(-2)
}

fn in_chunks(log_decay: &Tensor, q: &Tensor, k: &Tensor, v: &Tensor, chunk: i64) -> Tensor {
    let length = v.size()[1];
    // B×chunks×H×steps, then ×N or ×P.
    let total = chunked(log_decay, chunk).cumsum(-1, None::<Kind>);
    let [q, k, v] = [q, k, v].map(|x| chunked(x, chunk));
    let mut o = (q.matmul(&k.transpose(-1, -2)) * between(&total)).matmul(&v);
    if length > chunk {
        let last = total.narrow(-1, chunk - 1, 1);
        let weight = (&last - &total).exp().unsqueeze(-1);
        let added = k.transpose(-1, -2).matmul(&(weight * &v));
        let states = states_before(&last.exp().unsqueeze(-1), &added);
        o += q.matmul(&states) * total.exp().unsqueeze(-1);
    }
    o.transpose(2, 3).flatten(1, 2).narrow(1, 0, length)
}

/// B×L×H… to B×chunks×H×steps…, zeros at the end where L is not a multiple: they neither decay nor add.
fn chunked(x: &Tensor, chunk: i64) -> Tensor {
    let missing = (chunk - x.size()[1] % chunk) % chunk;
    let mut pad = vec![0; 2 * (x.dim() - 1)];
    *pad.last_mut().expect("x has a dim 1") = missing;
    let x = if missing == 0 { x.shallow_clone() } else { x.constant_pad_nd(pad) };
    x.unflatten(1, [-1, chunk]).transpose(2, 3)
}

/// e^{γ_i − γ_j} for i ≥ j and 0 elsewhere, …×steps×steps.
fn between(total: &Tensor) -> Tensor {
    let steps = *total.size().last().expect("steps");
    let future = Tensor::full([steps, steps], f64::NEG_INFINITY, (total.kind(), total.device())).triu(1);
    (total.unsqueeze(-1) - total.unsqueeze(-2) + future).exp()
}

/// Before every chunk, from what each adds and multiplies by.
fn states_before(decay: &Tensor, added: &Tensor) -> Tensor {
    let rest = added.size()[1] - 1;
    let added = added.narrow(1, 0, rest);
    let after = scan(&decay.narrow(1, 0, rest).expand_as(&added), &added);
    after.constant_pad_nd([0, 0, 0, 0, 0, 0, 1, 0])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::blocks::tests::assert_same;

    /// The definition.
    fn step_by_step(log_decay: &Tensor, q: &Tensor, k: &Tensor, v: &Tensor) -> Tensor {
        let decay = log_decay.exp().unsqueeze(-1).unsqueeze(-1).unbind(1);
        let (q, k, v) = (q.unsqueeze(-2).unbind(1), k.unsqueeze(-1).unbind(1), v.unsqueeze(-2).unbind(1));
        let mut state = &k[0] * &v[0] * 0.0;
        let step = |t: usize| {
            state = &decay[t] * &state + &k[t] * &v[t];
            q[t].matmul(&state).squeeze_dim(-2)
        };
        Tensor::stack(&(0..q.len()).map(step).collect::<Vec<_>>(), 1)
    }

    fn shapes(length: i64, shared: bool) -> [Vec<i64>; 4] {
        let keys = vec![2, length, if shared { 1 } else { 3 }, 4];
        [vec![2, length, 3], keys.clone(), keys, vec![2, length, 3, 5]]
    }

    #[test]
    fn chunks_are_the_loop_in_values_and_gradients() {
        for (length, chunk) in [(1, 1), (2, 1), (5, 8), (29, 4), (32, 8), (200, 64)] {
            for shared in [false, true] {
                let log_decay = |x: &Tensor| -x.softplus();
                let (found, expected) = (
                    |all: &[Tensor]| in_chunks(&log_decay(&all[0]), &all[1], &all[2], &all[3], chunk),
                    |all: &[Tensor]| step_by_step(&log_decay(&all[0]), &all[1], &all[2], &all[3]),
                );
                assert_same(found, expected, &shapes(length, shared));
            }
        }
    }

    #[test]
    fn rows_that_decay_alone_give_the_same_by_our_kernel_and_by_a_scan() {
        for length in [1, 29, 64, 150] {
            let rows = vec![2, length, 3, 4];
            let (found, expected) = (
                |all: &[Tensor]| with_decay_of_rows(&all[0].tanh(), &all[1], &all[2], &all[3]),
                |all: &[Tensor]| scan_of_all(&all[0].tanh(), &all[1], &all[2], &all[3]),
            );
            assert_same(found, expected, &[rows.clone(), rows.clone(), rows, vec![2, length, 3, 11]]);
        }
    }

    #[test]
    fn decays_that_forget_at_once_and_never_are_exact() {
        for log_decay in [-1e4, 0.0] {
            let constant = |v: &Tensor| v.select(-1, 0).zeros_like() + log_decay;
            let (found, expected) = (
                |all: &[Tensor]| matrix_state(&constant(&all[2]), &all[0], &all[1], &all[2]),
                |all: &[Tensor]| step_by_step(&constant(&all[2]), &all[0], &all[1], &all[2]),
            );
            assert_same(found, expected, &shapes(150, false)[1..]);
        }
    }
}
