//! Softmax attention of short sequences: one head of one case at a time, all of whose scores lie in cache.
//!
//! Queries run along the vectors: scores, softmax and sums are then column by column. The way back computes the
//! scores anew.

use tch::{Kind, Tensor};

use super::{LANES, Real, Work, fresh_numbers, lanes, lanes_mut, numbers, sum, vectorized};
use crate::custom::{Functions, Operation};

static PLAIN: Operation =
    Operation::new(&Functions { forward: forward::<false>, backward: backward::<false> });
static CAUSAL: Operation =
    Operation::new(&Functions { forward: forward::<true>, backward: backward::<true> });

/// q, k and v are B×L×heads×d, the result too. `mask` is B×L, 1 where a step is real, padding at the end; padded steps
/// of the result are zero.
pub fn attention(q: &Tensor, k: &Tensor, v: &Tensor, mask: Option<&Tensor>, causal: bool) -> Tensor {
    let inputs: Vec<&Tensor> = [q, k, v].into_iter().chain(mask).collect();
    (if causal { &CAUSAL } else { &PLAIN }).apply(&inputs)
}

fn forward<const CAUSAL: bool>(inputs: &[Tensor]) -> Vec<Tensor> {
    match inputs[0].kind() {
        Kind::Double => forward_in::<f64, CAUSAL>(inputs),
        _ => forward_in::<f32, CAUSAL>(inputs),
    }
}

fn backward<const CAUSAL: bool>(inputs: &[Tensor], gradient: &Tensor) -> Vec<Tensor> {
    match gradient.kind() {
        Kind::Double => backward_in::<f64, CAUSAL>(inputs, gradient),
        _ => backward_in::<f32, CAUSAL>(inputs, gradient),
    }
}

fn forward_in<T: Real, const CAUSAL: bool>(inputs: &[Tensor]) -> Vec<Tensor> {
    let [q, k, v] = [0, 1, 2].map(|i| inputs[i].contiguous());
    let mut mixed = q.zeros_like();
    vectorized(Forward::<T, CAUSAL> {
        sizes: Sizes::of(&q),
        lengths: &lengths::<T>(&q, inputs.get(3)),
        q: numbers(&q),
        k: numbers(&k),
        v: numbers(&v),
        mixed: fresh_numbers(&mut mixed),
    });
    vec![mixed]
}

fn backward_in<T: Real, const CAUSAL: bool>(inputs: &[Tensor], gradient: &Tensor) -> Vec<Tensor> {
    let [q, k, v] = [0, 1, 2].map(|i| inputs[i].contiguous());
    let gradient = gradient.contiguous();
    let [mut of_q, mut of_k, mut of_v] = [&q, &k, &v].map(Tensor::zeros_like);
    vectorized(Backward::<T, CAUSAL> {
        sizes: Sizes::of(&q),
        lengths: &lengths::<T>(&q, inputs.get(3)),
        q: numbers(&q),
        k: numbers(&k),
        v: numbers(&v),
        gradient: numbers(&gradient),
        of_q: fresh_numbers(&mut of_q),
        of_k: fresh_numbers(&mut of_k),
        of_v: fresh_numbers(&mut of_v),
    });
    // The mask has none.
    [of_q, of_k, of_v].into_iter().chain(inputs.get(3).map(|_| Tensor::new())).collect()
}

/// Real steps of every case.
fn lengths<T: Real>(q: &Tensor, mask: Option<&Tensor>) -> Vec<usize> {
    let size = q.size();
    let (cases, length) = (size[0] as usize, size[1] as usize);
    let Some(mask) = mask else { return vec![length; cases] };
    let mask = mask.contiguous();
    let real = |row: &[T]| row.iter().filter(|value| **value != T::default()).count();
    numbers::<T>(&mask).chunks_exact(length).map(real).collect()
}

#[derive(Clone, Copy)]
struct Sizes {
    length: usize,
    heads: usize,
    size: usize,
}

impl Sizes {
    fn of(q: &Tensor) -> Self {
        let size = q.size();
        Self { length: size[1] as usize, heads: size[2] as usize, size: size[3] as usize }
    }

    /// Where a head of a case starts, and the numbers of a step.
    #[inline(always)]
    fn head(&self, case: usize, head: usize) -> (usize, usize) {
        let row = self.heads * self.size;
        (case * self.length * row + head * self.size, row)
    }
}

struct Forward<'a, T, const CAUSAL: bool> {
    sizes: Sizes,
    lengths: &'a [usize],
    q: &'a [T],
    k: &'a [T],
    v: &'a [T],
    mixed: &'a mut [T],
}

struct Backward<'a, T, const CAUSAL: bool> {
    sizes: Sizes,
    lengths: &'a [usize],
    q: &'a [T],
    k: &'a [T],
    v: &'a [T],
    gradient: &'a [T],
    of_q: &'a mut [T],
    of_k: &'a mut [T],
    of_v: &'a mut [T],
}

/// One head of one case: `length` steps of `size` numbers, `row` apart. Columns are queries, filled up with zeros to
/// `columns`, a multiple of the lanes.
#[derive(Clone, Copy)]
struct Head {
    length: usize,
    size: usize,
    row: usize,
    columns: usize,
}

impl Head {
    #[inline(always)]
    fn new(sizes: Sizes, row: usize, length: usize) -> Self {
        Self { length, size: sizes.size, row, columns: length.next_multiple_of(LANES) }
    }

    /// Numbers × columns, each times `scale`.
    #[inline(always)]
    fn transpose<T: Real>(self, x: &[T], scale: T, to: &mut [T]) {
        for d in 0..self.size {
            let to = &mut to[d * self.columns..][..self.columns];
            for (i, to) in to.iter_mut().enumerate() {
                *to = if i < self.length { x[i * self.row + d] * scale } else { T::default() };
            }
        }
    }

    #[inline(always)]
    fn transpose_back<T: Real>(self, x: &[T], scale: T, to: &mut [T]) {
        for i in 0..self.length {
            for d in 0..self.size {
                to[i * self.row + d] = x[d * self.columns + i] * scale;
            }
        }
    }

    /// to[j] = Σ_d x[j, d] · columns[d], for every step j.
    #[inline(always)]
    fn steps_by_columns<T: Real>(self, x: &[T], columns: &[T], to: &mut [T]) {
        for j in 0..self.length {
            let x = &x[j * self.row..][..self.size];
            for i in (0..self.columns).step_by(LANES) {
                let mut made = [T::default(); LANES];
                for (d, x) in x.iter().enumerate() {
                    let column = lanes(columns, d * self.columns + i);
                    for l in 0..LANES {
                        made[l] += *x * column[l];
                    }
                }
                *lanes_mut(to, j * self.columns + i) = made;
            }
        }
    }

    /// to[d] = Σ_j x[j, d] · weights[j], for every number d.
    #[inline(always)]
    fn numbers_by_columns<T: Real>(self, x: &[T], weights: &[T], to: &mut [T]) {
        for i in (0..self.columns).step_by(LANES) {
            for d in 0..self.size {
                let mut made = [T::default(); LANES];
                for j in 0..self.length {
                    let x = x[j * self.row + d];
                    let weight = lanes(weights, j * self.columns + i);
                    for l in 0..LANES {
                        made[l] += x * weight[l];
                    }
                }
                *lanes_mut(to, d * self.columns + i) = made;
            }
        }
    }

    /// to[j, d] = Σ over the columns of weights[j] · columns[d].
    #[inline(always)]
    fn over_columns<T: Real>(self, weights: &[T], columns: &[T], to: &mut [T]) {
        for j in 0..self.length {
            for d in 0..self.size {
                let mut made = [T::default(); LANES];
                for i in (0..self.columns).step_by(LANES) {
                    let weight = lanes(weights, j * self.columns + i);
                    let column = lanes(columns, d * self.columns + i);
                    for l in 0..LANES {
                        made[l] += weight[l] * column[l];
                    }
                }
                to[j * self.row + d] = sum(made);
            }
        }
    }

    /// Scores to weights: the softmax of every column, over those of its rows that it may see.
    #[inline(always)]
    fn softmax<T: Real, const CAUSAL: bool>(self, scores: &mut [T]) {
        for i in (0..self.columns).step_by(LANES) {
            let mut most = lanes(scores, i);
            for j in 1..self.length {
                let score = lanes(scores, j * self.columns + i);
                for l in 0..LANES {
                    if score[l] > most[l] && !(CAUSAL && i + l < j) {
                        most[l] = score[l];
                    }
                }
            }
            let mut total = [T::default(); LANES];
            for j in 0..self.length {
                let mut score = lanes(scores, j * self.columns + i);
                for l in 0..LANES {
                    let weight = (score[l] - most[l]).exponential().0;
                    score[l] = if CAUSAL && i + l < j { T::default() } else { weight };
                    total[l] += score[l];
                }
                *lanes_mut(scores, j * self.columns + i) = score;
            }
            let share = total.map(|total| T::of(1.0) / total);
            for j in 0..self.length {
                let weight = lanes_mut(scores, j * self.columns + i);
                for l in 0..LANES {
                    weight[l] = weight[l] * share[l];
                }
            }
        }
    }
}

impl<T: Real, const CAUSAL: bool> Work for Forward<'_, T, CAUSAL> {
    #[inline(always)]
    fn run(self) {
        let sizes = self.sizes;
        let (most, scale) = (sizes.length.next_multiple_of(LANES), T::of((sizes.size as f64).powf(-0.5)));
        let mut weights = vec![T::default(); sizes.length * most];
        let mut columns = vec![T::default(); sizes.size * most];
        for (case, length) in self.lengths.iter().enumerate() {
            for head in 0..sizes.heads {
                let (start, row) = sizes.head(case, head);
                let head = Head::new(sizes, row, *length);
                head.transpose(&self.q[start..], scale, &mut columns);
                head.steps_by_columns(&self.k[start..], &columns, &mut weights);
                head.softmax::<T, CAUSAL>(&mut weights);
                head.numbers_by_columns(&self.v[start..], &weights, &mut columns);
                head.transpose_back(&columns, T::of(1.0), &mut self.mixed[start..]);
            }
        }
    }
}

impl<T: Real, const CAUSAL: bool> Work for Backward<'_, T, CAUSAL> {
    #[inline(always)]
    fn run(self) {
        let (sizes, one) = (self.sizes, T::of(1.0));
        let (most, scale) = (sizes.length.next_multiple_of(LANES), T::of((sizes.size as f64).powf(-0.5)));
        let mut weights = vec![T::default(); sizes.length * most];
        let mut of_weights = weights.clone();
        let mut queries = vec![T::default(); sizes.size * most];
        let mut gradients = queries.clone();
        for (case, length) in self.lengths.iter().enumerate() {
            for head in 0..sizes.heads {
                let (start, row) = sizes.head(case, head);
                let head = Head::new(sizes, row, *length);
                head.transpose(&self.q[start..], scale, &mut queries);
                head.steps_by_columns(&self.k[start..], &queries, &mut weights);
                head.softmax::<T, CAUSAL>(&mut weights);
                head.transpose(&self.gradient[start..], one, &mut gradients);
                head.over_columns(&weights, &gradients, &mut self.of_v[start..]);
                head.steps_by_columns(&self.v[start..], &gradients, &mut of_weights);
                // To the gradient of the scores.
                for i in (0..head.columns).step_by(LANES) {
                    let mut mean = [T::default(); LANES];
                    for j in 0..head.length {
                        let at = j * head.columns + i;
                        let weight = lanes(&weights, at);
                        let of_weight = lanes(&of_weights, at);
                        for l in 0..LANES {
                            mean[l] += weight[l] * of_weight[l];
                        }
                    }
                    for j in 0..head.length {
                        let at = j * head.columns + i;
                        let weight = lanes(&weights, at);
                        let of_weight = lanes_mut(&mut of_weights, at);
                        for l in 0..LANES {
                            of_weight[l] = weight[l] * (of_weight[l] - mean[l]);
                        }
                    }
                }
                head.over_columns(&of_weights, &queries, &mut self.of_k[start..]);
                head.numbers_by_columns(&self.k[start..], &of_weights, &mut queries);
                head.transpose_back(&queries, scale, &mut self.of_q[start..]);
            }
        }
    }
}
