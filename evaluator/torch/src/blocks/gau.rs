//! Gated attention unit, in groups of steps; what is global passes through one state, or one a group where it is causal.

use spaces::sequence::Settings;
use tch::{Kind, Tensor};

use super::attention::rotate;
use super::{TorchBlock, TorchWeights, linear};

pub struct Gau;

impl TorchBlock for Gau {
    fn forward(
        &self,
        settings: &Settings,
        weights: &TorchWeights,
        x: &Tensor,
        mask: Option<&Tensor>,
    ) -> Tensor {
        let x = shifted(x);
        let biased = |w, b| x.linear(&weights[w], Some(&weights[b])).silu();
        let values = biased("w_in", "b_in");
        let mixed = Groups::of(settings, weights, &biased("w_z", "b_z"), &values, mask).mixed();
        let mixed = mixed.narrow(1, 0, x.size()[1]);
        let (values, mixed) = (values.chunk(2, -1), mixed.chunk(2, -1));
        linear(&(&mixed[0] * &values[1] * (&mixed[1] * &values[0]).sigmoid()), &weights["w_out"])
    }
}

/// The first half of the channels from the step before.
fn shifted(x: &Tensor) -> Tensor {
    let (_, length, width) = x.size3().expect("x is B×L×D");
    let before = x.constant_pad_nd([0, 0, 1, 0]).narrow(1, 0, length).narrow(2, 0, width / 2);
    Tensor::cat(&[before, x.narrow(2, width / 2, width - width / 2)], 2)
}

/// Sequences cut into groups of steps, zeros at the end of the last one: B×groups×steps×….
struct Groups {
    causal: bool,
    /// q, k, q̄, k̄.
    keys: [Tensor; 4],
    /// u and v, zero where a step is padding.
    values: Tensor,
    /// 1 where a step is real, with a last dimension of 1.
    real: Tensor,
}

impl Groups {
    fn of(
        settings: &Settings,
        weights: &TorchWeights,
        z: &Tensor,
        values: &Tensor,
        mask: Option<&Tensor>,
    ) -> Self {
        let (batch, length, _) = z.size3().expect("z is B×L×keys");
        let group = length.min(settings.number("group") as i64);
        let missing = (group - length % group) % group;
        let cut = |x: &Tensor| x.constant_pad_nd([0, 0, 0, missing]).unflatten(1, [-1, group]);
        let steps = Tensor::arange(length, (z.kind(), z.device()));
        let keys = [0, 1, 2, 3].map(|row| {
            let made = z * weights["gamma"].select(0, row) + weights["beta"].select(0, row);
            cut(&if settings.word("position") == "rotary" { rotate(&made, &steps) } else { made })
        });
        let real = mask.map_or_else(
            || Tensor::ones([batch, length, 1], (z.kind(), z.device())),
            |mask| mask.unsqueeze(-1),
        );
        let values = cut(&(values * &real));
        Self { causal: settings.flag("causal"), keys, values, real: cut(&real) }
    }

    /// M (u, v), B×L×2E, with what was added at the end.
    fn mixed(&self) -> Tensor {
        let Self { causal, keys: [q, k, global_q, global_k], values, real } = self;
        let scale = (*q.size().last().expect("keys") as f64).powf(-0.5);
        let local = (q.matmul(&k.transpose(-1, -2)) * scale).relu().square();
        // keys×2E, of every group.
        let states = global_k.transpose(-1, -2).matmul(values) * scale;
        let mixed = if *causal {
            let (groups, group) = (values.size()[1], values.size()[2]);
            let step = Tensor::arange(groups * group, (q.kind(), q.device())).view([groups, group, 1]) + 1.0;
            let before = states.cumsum(1, states.kind()).narrow(1, 0, groups - 1);
            let before = before.constant_pad_nd([0, 0, 0, 0, 1, 0]);
            let global = global_q.matmul(&global_k.transpose(-1, -2)) * scale;
            let within = (local / step.get(0) + global / &step).tril(0);
            within.matmul(values) + global_q.matmul(&before) / step
        } else {
            let of_group = real.sum_dim_intlist(2, true, None::<Kind>).clamp_min(1.0);
            let of_all = real.sum_dim_intlist([1, 2].as_slice(), true, None::<Kind>);
            let state = states.sum_dim_intlist(1, true, None::<Kind>);
            local.matmul(values) / of_group + global_q.matmul(&state) / of_all
        };
        mixed.flatten(1, 2)
    }
}
