//! Cells of published benchmarks: small graphs of operations on a map of positions × channels.
//!
//! An operation that is trained carries parameters of its own. The probe gives it a map of 8 positions × 4 channels
//! (with a single position, average pooling would equal the identity).

pub mod cell101;
pub mod cell201;
pub(crate) mod graph;
pub mod nb_graph;

use hashing::{Probe, Value};
use serde::{Deserialize, Serialize};

/// What the pooling operation of a cell is taken to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Pooling {
    /// The mean of the positions around: additive and homogeneous. What NAS-Bench-201 has.
    Linear,
    /// A generic map without parameters, neither additive nor homogeneous.
    Nonlinear,
    /// The largest of the positions around: positively homogeneous. What NAS-Bench-101 has.
    Max,
    /// A generic map with parameters of its own, so that no two poolings are one.
    Own,
}

impl Pooling {
    pub const ALL: [Self; 4] = [Self::Linear, Self::Nonlinear, Self::Max, Self::Own];
}

const POSITIONS: usize = 8;
const CHANNELS: usize = 4;
const MAP: usize = POSITIONS * CHANNELS;

fn input(probe: &mut Probe) -> Value {
    probe.input("x", MAP)
}

fn zero(probe: &mut Probe) -> Value {
    probe.node([], MAP, |[], y| y.fill(0.0))
}

/// ReLU, then a bias-free convolution over `WIDTH` positions, zero-padded, with weights of its own.
fn convolve<const WIDTH: usize>(kind: &str, x: Value, probe: &mut Probe) -> Value {
    let fan_in = WIDTH * CHANNELS;
    let group = probe.group(kind, &[x]);
    let weights = probe.tensor(group, "w", fan_in * CHANNELS, 0.0, 1.0 / (fan_in as f64).sqrt());
    probe.node([x, weights], MAP, |[x, w], y| {
        let x: [f64; MAP] = std::array::from_fn(|i| x[i].max(0.0));
        for (position, y) in y.chunks_exact_mut(CHANNELS).enumerate() {
            let mut sums = [0.0; CHANNELS];
            for offset in 0..WIDTH {
                let Some(source) = (position + offset).checked_sub(WIDTH / 2).filter(|s| *s < POSITIONS)
                else {
                    continue;
                };
                for (i, x) in x[source * CHANNELS..][..CHANNELS].iter().enumerate() {
                    let column = &w[(offset * CHANNELS + i) * CHANNELS..][..CHANNELS];
                    sums.iter_mut().zip(column).for_each(|(sum, w)| *sum += w * x);
                }
            }
            y.copy_from_slice(&sums);
        }
    })
}

fn pool(pooling: Pooling, x: Value, probe: &mut Probe) -> Value {
    match pooling {
        Pooling::Linear => windowed(x, probe, |before, x, after| {
            let present = 1.0 + f64::from(before.is_some()) + f64::from(after.is_some());
            (before.unwrap_or(0.0) + x + after.unwrap_or(0.0)) / present
        }),
        Pooling::Max => windowed(x, probe, |before, x, after| {
            x.max(before.unwrap_or(f64::NEG_INFINITY)).max(after.unwrap_or(f64::NEG_INFINITY))
        }),
        Pooling::Nonlinear => windowed(x, probe, |before, x, after| {
            let mix = 0.5 * x + 0.3 * after.unwrap_or(0.0) - 0.4 * before.unwrap_or(0.0);
            mix * (1.0 + 0.5 * mix) / (1.0 + mix * mix)
        }),
        Pooling::Own => {
            let mixed = convolve::<3>("pool", x, probe);
            pool(Pooling::Nonlinear, mixed, probe)
        }
    }
}

/// Applies `f` to every position and its two neighbors, channel by channel; none beyond the ends.
fn windowed(x: Value, probe: &mut Probe, f: impl Fn(Option<f64>, f64, Option<f64>) -> f64) -> Value {
    probe.node([x], MAP, |[x], y| {
        for (i, y) in y.iter_mut().enumerate() {
            let before = i.checked_sub(CHANNELS).map(|i| x[i]);
            *y = f(before, x[i], x.get(i + CHANNELS).copied());
        }
    })
}
