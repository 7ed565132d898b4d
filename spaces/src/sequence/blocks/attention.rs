//! Multi-head attention: y = W_o · concat_h P(q_h k_hᵀ/√d_h) v_h, over all steps or over those up to t.
//!
//! P makes shares of every row of scores: softmax, or α-entmax, which leaves small scores without a share:
//! p_s = max((α − 1) z_s − τ, 0)^{1/(α−1)} with the τ for which Σ p = 1. Sparsemax is α = 2.
//!
//! Sequences may be cut into groups, so that a step sees its own group alone: ⌈n/groups⌉ consecutive steps of the n
//! that a sequence has, or, strided, every `groups`-th step. What consecutive groups a step is in depends on n.
//! Regrouped, run r of the layer has as many groups halved r times, at least one, and they are strided in every second run
//! if they are consecutive in the others: what is apart in one run meets in the next, as under the permutations of
//! sliced recursion.
//!
//! Rotary positions turn pairs of channels of q and k by t·10000^(−2i/d), so that scores know the distance in time.

use std::iter::StepBy;
use std::ops::Range;

use crate::sequence::math::{Matrix, cos, exp, linear, product, sin, softmax};
use crate::sequence::{Block, Gene, Mixer, Place, Settings, Tensor, Value, Weights};

pub struct Attention;

/// ln 10000.
const LN_10_000: f64 = 9.210_340_371_976_184;

impl Block for Attention {
    fn name(&self) -> &'static str {
        "attention"
    }

    fn place(&self) -> Place {
        Place::Token
    }

    fn source(&self) -> &'static str {
        "Vaswani et al. 2017, arXiv 1706.03762; groups: Shen et al. 2021, arXiv 2111.05297; entmax: Peters et al. \
         2019, arXiv 1905.05702; rotary: Su et al. 2021, arXiv 2104.09864"
    }

    fn genes(&self) -> Vec<Gene> {
        vec![
            Gene::numbers("heads", &[4, 1, 2, 8]),
            Gene::flag("causal", false),
            Gene::numbers("groups", &[1, 2, 4]),
            Gene::flag("strided", false),
            Gene::flag("regroup", false),
            Gene::words("alpha", &["softmax", "1.5", "sparsemax"]),
            Gene::words("position", &["none", "rotary"]),
        ]
    }

    /// Consecutive groups are not: how long they are tells every step how long the sequence is.
    fn causal(&self, settings: &Settings) -> bool {
        settings.flag("causal") && !deals_by_length(settings)
    }

    /// Without positions and without a mask, attention does not know the order of steps. Reversing maps strided groups
    /// onto each other, and consecutive ones only where they are of one size.
    fn reversible(&self, settings: &Settings) -> bool {
        !deals_by_length(settings) && !settings.flag("causal") && settings.word("position") == "none"
    }

    /// One group has all the steps, in whatever way steps are dealt.
    fn simpler(&self, settings: &Settings) -> Option<Mixer> {
        let dealt = settings.flag("strided") || settings.flag("regroup");
        (settings.number("groups") == 1 && dealt)
            .then(|| Mixer { kind: self.name().into(), settings: dealing(settings, 1, false) })
    }

    fn of_run(&self, settings: &Settings, run: usize) -> Option<Settings> {
        let halved = (settings.number("groups") >> run.min(16)).max(1);
        let strided = settings.flag("strided") != (run % 2 == 1);
        settings.flag("regroup").then(|| dealing(settings, halved, strided && halved > 1))
    }

    /// No biases: one on the keys would be dead under the softmax.
    fn tensors(&self, _: &Settings, width: usize) -> Vec<Tensor> {
        ["w_q", "w_k", "w_v", "w_o"].map(|name| Tensor::matrix(name, width, width)).into()
    }

    fn forward(&self, settings: &Settings, weights: &Weights, x: &Matrix) -> Matrix {
        let [mut q, mut k, v] = ["w_q", "w_k", "w_v"].map(|name| linear(x, &weights[name], &[]));
        let size = x.columns / settings.number("heads");
        if settings.word("position") == "rotary" {
            let turns = Turns::new(x.rows, size);
            turns.apply(&mut q);
            turns.apply(&mut k);
        }
        let (causal, alpha) = (settings.flag("causal"), settings.word("alpha"));
        let mut mixed = Matrix::zeros(x.rows, x.columns);
        for steps in groups(settings, x.rows) {
            let steps: Vec<usize> = steps.collect();
            for first in (0..x.columns).step_by(size) {
                let [q, k, v] = [&q, &k, &v].map(|all| part(all, &steps, first, size));
                let made = attend(causal, alpha, &q, &k, &v);
                for (row, t) in steps.iter().enumerate() {
                    mixed.row_mut(*t)[first..first + size].copy_from_slice(made.row(row));
                }
            }
        }
        linear(&mixed, &weights["w_o"], &[])
    }

    fn multiply_adds(&self, settings: &Settings, width: usize, length: usize) -> u64 {
        let pairs = groups(settings, length).map(|steps| steps.len().saturating_mul(steps.len()));
        let mixing = pairs.fold(0, usize::saturating_add).saturating_mul(2 * width);
        (4 * length * width * width).saturating_add(mixing) as u64
    }

    fn python(&self) -> &'static str {
        include_str!("attention.py")
    }

    fn python_shared(&self) -> &'static [&'static str] {
        &[super::ROTATED]
    }
}

/// Whether groups are consecutive in some run, of several that there are: two that are strided are one in the next run.
fn deals_by_length(settings: &Settings) -> bool {
    let (groups, strided) = (settings.number("groups"), settings.flag("strided"));
    groups > 1 && !(strided && (groups == 2 || !settings.flag("regroup")))
}

/// The same in every run, with so many groups.
fn dealing(settings: &Settings, groups: usize, strided: bool) -> Settings {
    let dealt = settings.with("groups", Value::Number(groups)).with("strided", Value::Flag(strided));
    dealt.with("regroup", Value::Flag(false))
}

/// The steps of each group, in the order of time.
fn groups(settings: &Settings, length: usize) -> impl Iterator<Item = StepBy<Range<usize>>> {
    let (count, strided) = (settings.number("groups"), settings.flag("strided"));
    let size = length.div_ceil(count);
    let group = move |number: usize| match strided {
        true => (number..length).step_by(count),
        false => (number * size..length.min((number + 1) * size)).step_by(1),
    };
    (0..count).map(group).filter(|steps| steps.len() > 0)
}

/// The channels `first..first + size` of these steps.
fn part(x: &Matrix, steps: &[usize], first: usize, size: usize) -> Matrix {
    let mut data = Vec::with_capacity(steps.len() * size);
    steps.iter().for_each(|t| data.extend_from_slice(&x.row(*t)[first..first + size]));
    Matrix::new(steps.len(), size, data)
}

/// One head of one group.
fn attend(causal: bool, alpha: &str, q: &Matrix, k: &Matrix, v: &Matrix) -> Matrix {
    let scale = 1.0 / (q.columns as f64).sqrt();
    let mut scores = linear(q, &k.data, &[]).map(|score| scale * score);
    if causal {
        (0..q.rows).for_each(|t| scores.row_mut(t)[t + 1..].fill(f64::NEG_INFINITY));
    }
    let shares = match alpha {
        "softmax" => softmax(scores),
        "1.5" => entmax(scores, 0.5, threshold_of_squares),
        "sparsemax" => entmax(scores, 1.0, threshold_of_sums),
        other => panic!("no alpha `{other}`"),
    };
    product(&shares, v)
}

/// max((α − 1) z − τ, 0)^{1/(α−1)} over every row, with `scale` = α − 1 and τ from the scaled scores within 1 of the
/// largest: those below have no share.
fn entmax(mut scores: Matrix, scale: f64, threshold: fn(&mut [f64]) -> f64) -> Matrix {
    let mut near = Vec::with_capacity(scores.columns);
    for t in 0..scores.rows {
        let row = scores.row_mut(t);
        let most = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        row.iter_mut().for_each(|z| *z = scale * (*z - most));
        near.clear();
        near.extend(row.iter().copied().filter(|z| *z > -1.0));
        let threshold = threshold(&mut near);
        for z in row {
            let above = f64::max(*z - threshold, 0.0);
            *z = if scale == 1.0 { above } else { above * above };
        }
    }
    scores
}

/// The τ of Σ max(z − τ, 0) = 1: (Σ z − 1)/k over those above it, which are found by leaving out what is not
/// (Michelot 1986).
fn threshold_of_sums(near: &mut [f64]) -> f64 {
    let mut count = near.len();
    loop {
        let threshold = (near[..count].iter().sum::<f64>() - 1.0) / count as f64;
        let mut above = 0;
        for i in 0..count {
            near[above] = near[i];
            above += usize::from(near[i] > threshold);
        }
        if above == count {
            return threshold;
        }
        count = above;
    }
}

/// The τ of Σ max(z − τ, 0)² = 1: mean − √((1 − k·variance)/k) over the k largest, with the largest k of which all are
/// above it.
fn threshold_of_squares(near: &mut [f64]) -> f64 {
    near.sort_unstable_by(|a, b| b.total_cmp(a));
    let (mut sum, mut squares, mut threshold) = (0.0, 0.0, -1.0);
    for (z, k) in near.iter().zip(1u32..) {
        sum += z;
        squares += z * z;
        let mean = sum / f64::from(k);
        let rest = 1.0 - (squares - sum * mean);
        let candidate = mean - f64::max(rest / f64::from(k), 0.0).sqrt();
        if *z < candidate {
            break;
        }
        threshold = candidate;
    }
    threshold
}

/// Turns of the pairs of channels (2i, 2i + 1) of every head of `size` channels, by t·10000^(−2i/size). A last channel
/// without a partner keeps what the turn leaves of it: its cosine.
pub struct Turns {
    size: usize,
    /// Sine and cosine of every step, and for each of every pair.
    angles: Vec<(f64, f64)>,
}

impl Turns {
    pub fn new(steps: usize, size: usize) -> Self {
        let frequencies = frequencies(size);
        let angles = (0..steps).flat_map(|t| frequencies.iter().map(move |frequency| t as f64 * frequency));
        Self { size, angles: angles.map(|angle| (sin(angle), cos(angle))).collect() }
    }

    pub fn apply(&self, x: &mut Matrix) {
        let pairs = self.size.div_ceil(2);
        for (t, angles) in self.angles.chunks_exact(pairs).enumerate() {
            for head in x.row_mut(t).chunks_exact_mut(self.size) {
                for (pair, (sin, cos)) in head.chunks_mut(2).zip(angles) {
                    match pair {
                        [a, b] => (*a, *b) = (*a * cos - *b * sin, *a * sin + *b * cos),
                        alone => alone[0] *= cos,
                    }
                }
            }
        }
    }
}

/// 10000^(−2i/size) for every pair i, a last one of a single channel included.
fn frequencies(size: usize) -> Vec<f64> {
    (0..size.div_ceil(2)).map(|pair| exp(-(2.0 * pair as f64 / size as f64) * LN_10_000)).collect()
}
