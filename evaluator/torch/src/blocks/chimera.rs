//! Coupled selective state spaces on a grid of time × channels.

use spaces::sequence::{Settings, Value};
use tch::Tensor;

use super::convolution::causal_convolution;
use super::{TorchBlock, TorchWeights, linear, mamba::Mamba};
use crate::grid::{Entering, grid_scan};

pub struct Chimera;

impl TorchBlock for Chimera {
    fn forward(
        &self,
        settings: &Settings,
        weights: &TorchWeights,
        x: &Tensor,
        mask: Option<&Tensor>,
    ) -> Tensor {
        self.forward_grid(settings, weights, x, mask, 1)
    }

    fn forward_grid(
        &self,
        settings: &Settings,
        weights: &TorchWeights,
        x: &Tensor,
        _: Option<&Tensor>,
        columns: i64,
    ) -> Tensor {
        // The time of every channel as a sequence, and back to B×L×V×….
        let alone = |x: &Tensor| x.unflatten(1, [-1, columns]).transpose(1, 2).flatten(0, 1);
        let joined = |x: &Tensor| x.unflatten(0, [-1, columns]).transpose(1, 2);
        if !settings.flag("cross") {
            let settings = settings.with("discretization", Value::Word("euler".into()));
            return joined(&Mamba.forward(&settings, weights, &alone(x), None)).flatten(1, 2);
        }
        let state = settings.number("state") as i64;
        let both = linear(x, &weights["w_in"]).chunk(2, -1);
        let u = joined(&causal_convolution(&alone(&both[0]), &weights["w_conv"], &weights["b_conv"]).silu());
        let along =
            Axis::new(&u, state, ["w_x", "w_dt", "b_dt", "log_a", "couple"].map(|name| &weights[name]));
        let across = ["w_x_across", "w_dt_across", "b_dt_across", "log_a_across", "couple_across"];
        let across = Axis::new(&u, state, across.map(|name| &weights[name]));
        let (there, back) = (read(&across, &along), read(&across.flipped(), &along.flipped()).flip([2]));
        let o = ((there + back) * 0.5).addcmul(&u, &weights["d"]).flatten(1, 2);
        linear(&(o * both[1].silu()), &weights["w_out"])
    }
}

/// What moves in one direction: what enters every cell, B×L×V×N×E, and C, B×L×V×N.
struct Axis {
    entering: Entering,
    c: Tensor,
}

impl Axis {
    /// u is B×L×V×E.
    fn new(u: &Tensor, state: i64, [w_x, w_dt, b_dt, log_a, couple]: [&Tensor; 5]) -> Self {
        let made = linear(u, w_x).split_with_sizes([w_dt.size()[1], state, state], -1);
        let step = made[0].linear(w_dt, Some(b_dt)).softplus();
        let a = -log_a.transpose(0, 1).contiguous().exp();
        let change = -(step.unsqueeze(3) * a).expm1();
        let entering = Entering {
            own: 1.0 - &change,
            other: Some(change * couple.tanh().transpose(0, 1)),
            source: (step * u).unsqueeze(3) * made[1].unsqueeze(-1),
        };
        Self { entering, c: made[2].shallow_clone() }
    }

    /// With the channels in the other order.
    fn flipped(&self) -> Self {
        let flip = |x: &Tensor| x.flip([2]);
        let Entering { own, other, source } = &self.entering;
        let entering = Entering { own: flip(own), other: other.as_ref().map(flip), source: flip(source) };
        Self { entering, c: flip(&self.c) }
    }
}

/// B×L×V×E.
fn read(across: &Axis, along: &Axis) -> Tensor {
    let states = grid_scan(&across.entering, &along.entering);
    let of = |axis: &Axis, state: &Tensor| axis.c.unsqueeze(3).matmul(state).squeeze_dim(3);
    of(across, &states[0]) + of(along, &states[1])
}
