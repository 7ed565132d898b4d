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

use multiversion::multiversion;

use crate::sequence::math::{Lanes, Matrix, cos, exp, linear, sin};
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
        let mut mixed = Matrix::zeros(x.rows, x.columns);
        for steps in groups(settings, x.rows) {
            let steps: Vec<usize> = steps.collect();
            let [q, k, v] = [&q, &k, &v].map(|all| all.picked(&steps));
            let alpha = settings.word("alpha");
            let made = Group { q, k, v, causal: settings.flag("causal"), alpha }.attend(size);
            steps.iter().enumerate().for_each(|(row, t)| mixed.row_mut(*t).copy_from_slice(made.row(row)));
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

/// Steps × channels of a group of steps that see each other.
struct Group<'a> {
    q: Matrix,
    k: Matrix,
    v: Matrix,
    causal: bool,
    alpha: &'a str,
}

impl Group<'_> {
    /// With heads of so many channels.
    fn attend(&self, size: usize) -> Matrix {
        let mut mixed = Matrix::zeros(self.q.rows, self.q.columns);
        for head in (0..self.q.columns).step_by(size) {
            for first in (0..self.q.rows).step_by(Lanes::COUNT) {
                attend(self, head..head + size, first, &mut mixed);
            }
        }
        mixed
    }
}

/// The queries of these channels, of the steps from `first` on, side by side.
#[multiversion(targets("x86_64+avx+avx2"))]
fn attend(group: &Group, head: Range<usize>, first: usize, mixed: &mut Matrix) {
    let Group { q, k, v, causal, alpha } = group;
    let scale = 1.0 / (head.len() as f64).sqrt();
    let query = |channel| Lanes::load_column(&q.data, q.columns, channel, first);
    let queries: Vec<Lanes> = head.clone().map(query).collect();
    let mut shares = vec![Lanes::ZERO; k.rows];
    for (step, share) in shares.iter_mut().enumerate() {
        k.row(step)[head.clone()].iter().zip(&queries).for_each(|(k, q)| *share += *k * *q);
        *share = scale * *share;
        if *causal {
            let past = step.saturating_sub(first).min(Lanes::COUNT);
            share.0[..past].fill(f64::NEG_INFINITY);
        }
    }
    match *alpha {
        "softmax" => softmax(&mut shares),
        "1.5" => entmax(&mut shares),
        "sparsemax" => sparsemax(&mut shares),
        other => panic!("no alpha `{other}`"),
    }
    for channel in head {
        let mut sum = Lanes::ZERO;
        shares.iter().enumerate().for_each(|(step, share)| sum += v.at(step, channel) * *share);
        sum.store_column(&mut mixed.data, mixed.columns, channel, first);
    }
}

/// Subtracts the largest score of every lane.
#[inline(always)]
fn shift(scores: &mut [Lanes]) {
    let larger = |most: Lanes, z: &Lanes| most.zip(*z, |most, z| if z > most { z } else { most });
    let most = scores.iter().fold(Lanes::all(f64::NEG_INFINITY), larger);
    scores.iter_mut().for_each(|z| *z = *z - most);
}

#[inline(always)]
fn softmax(scores: &mut [Lanes]) {
    shift(scores);
    let mut sum = Lanes::ZERO;
    for z in &mut *scores {
        *z = z.map(exp);
        sum += *z;
    }
    let inverse = sum.map(|sum| 1.0 / sum);
    scores.iter_mut().for_each(|z| *z = *z * inverse);
}

/// max(z − τ, 0) with the τ of Σ max(z − τ, 0) = 1: (Σ z − 1)/k over those above it, which are found by leaving out what is
/// not (Michelot 1986), at first what is not within 1 of the largest.
#[inline(always)]
fn sparsemax(scores: &mut [Lanes]) {
    shift(scores);
    let (mut threshold, mut count) = (Lanes::all(-1.0), Lanes::all(-1.0));
    loop {
        let (mut sum, mut above) = (Lanes::ZERO, Lanes::ZERO);
        for z in &mut *scores {
            *z = z.zip(threshold, |z, threshold| if z > threshold { z } else { f64::NEG_INFINITY });
            sum += z.map(|z| if z > f64::NEG_INFINITY { z } else { 0.0 });
            above += z.map(|z| if z > f64::NEG_INFINITY { 1.0 } else { 0.0 });
        }
        if above == count {
            break;
        }
        count = above;
        threshold = (sum - Lanes::all(1.0)).zip(count, |rest, count| rest / count);
    }
    scores.iter_mut().for_each(|z| *z = z.zip(threshold, |z, threshold| f64::max(z - threshold, 0.0)));
}

/// max(z/2 − τ, 0)² with the τ of Σ max(z/2 − τ, 0)² = 1, from the scores within 1 of the largest: those below have no share.
#[inline(always)]
fn entmax(scores: &mut [Lanes]) {
    shift(scores);
    let mut near = Vec::with_capacity(scores.len());
    for lane in 0..Lanes::COUNT {
        near.clear();
        near.extend(scores.iter().map(|z| 0.5 * z.0[lane]).filter(|z| *z > -1.0));
        let threshold = threshold_of_squares(&mut near);
        for z in &mut *scores {
            let above = f64::max(0.5 * z.0[lane] - threshold, 0.0);
            z.0[lane] = above * above;
        }
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
