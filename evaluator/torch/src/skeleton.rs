//! Layers in two branches, and tokens pooled by two for layers inside of a U: [`spaces::sequence::Skeleton`] defines both.

use spaces::sequence::{Network, Run};
use tch::Tensor;

use crate::blocks::TorchWeights;
use crate::model::{Walk, apply_linear};
use crate::steps::Steps;

/// Two branches, which read the same tokens.
pub struct Branches {
    runs: [Vec<Run>; 2],
    /// What maps both back to the width; empty where what they add is added.
    join: TorchWeights,
}

impl Branches {
    /// `None` of another skeleton. `part` gives the parameters whose full names start so.
    pub fn of(network: &Network, part: impl Fn(&str) -> TorchWeights) -> Option<Self> {
        let runs = network.genome.branches()?;
        Some(Self { runs, join: part("join.linear.") })
    }

    /// What both become.
    pub fn run(&self, walk: &mut Walk, x: &Tensor, steps: &Steps) -> Tensor {
        let [a, b] = self.runs.each_ref().map(|runs| walk.through(runs, x.shallow_clone(), steps));
        match self.join.0.is_empty() {
            true => a + b - x,
            false => apply_linear(&Tensor::cat(&[a, b], -1), &self.join),
        }
    }
}

/// What `mix` makes of tokens pooled by two so many times, repeated as often: B×L×D as x is.
pub fn at_level(
    steps: &Steps,
    level: usize,
    x: &Tensor,
    mix: &mut dyn FnMut(&Steps, &Tensor) -> Tensor,
) -> Tensor {
    if level == 0 {
        return mix(steps, x);
    }
    let mixed = at_level(steps.half(), level - 1, &halved(steps, x), mix);
    repeated(&mixed, steps.columns(), x.size()[1])
}

/// Means of two steps; the last of a case may be alone.
fn halved(steps: &Steps, x: &Tensor) -> Tensor {
    let pairs = |x: &Tensor| {
        let by_step = x.unflatten(1, [-1, steps.columns()]);
        let odd = by_step.size()[1] % 2;
        let paired = by_step.constant_pad_nd([0, 0, 0, 0, 0, odd]).unflatten(1, [-1, 2]);
        paired.sum_dim_intlist(2, false, None).flatten(1, 2)
    };
    let (x, real) = match steps.mask() {
        Some(mask) => {
            let mask = mask.unsqueeze(-1);
            (x.masked_fill(&mask.eq(0.0), 0.0), mask)
        }
        None => (x.shallow_clone(), x.narrow(2, 0, 1).detach().ones_like()),
    };
    pairs(&x) / pairs(&real).clamp_min(1.0)
}

/// Every step twice, up to so many tokens.
fn repeated(x: &Tensor, columns: i64, tokens: i64) -> Tensor {
    let by_step = x.unflatten(1, [-1, columns]);
    by_step.repeat_interleave_self_int(2, 1, None).flatten(1, 2).narrow(1, 0, tokens)
}
