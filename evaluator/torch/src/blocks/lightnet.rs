//! LightNet: running means by a scan of the weights and one of the matrix state, those over all steps by two products.

use spaces::sequence::Settings;
use spaces::sequence::math::EPSILON;
use tch::{Kind, Tensor};

use super::{TorchBlock, TorchWeights, linear};
use crate::matrix_state::with_decay_of_rows;
use crate::scan::scan;

pub struct Lightnet;

impl TorchBlock for Lightnet {
    fn forward(
        &self,
        settings: &Settings,
        weights: &TorchWeights,
        x: &Tensor,
        mask: Option<&Tensor>,
    ) -> Tensor {
        let heads = settings.number("heads") as i64;
        // B×L×H×d.
        let [q, k, v] =
            ["w_q", "w_k", "w_v"].map(|name| linear(x, &weights[name]).unflatten(-1, [heads, -1]));
        let q = q.silu();
        let o = if settings.flag("causal") { running(&q, &k, &v) } else { over_all(&q, &k, &v, mask) };
        let gate = linear(&linear(x, &weights["u_g"]), &weights["w_g"]).silu();
        let gain = &weights["gain"];
        linear(&(o.flatten(2, 3).rms_norm(gain.size(), Some(gain), EPSILON) * gate), &weights["w_o"])
    }
}

/// Weights and their sum are relative to the largest k so far, which cancels out and is thus a constant.
fn running(q: &Tensor, k: &Tensor, v: &Tensor) -> Tensor {
    let largest = k.detach().cummax(1).0;
    let first = largest.narrow(1, 0, 1);
    let before = Tensor::cat(&[&first, &largest.narrow(1, 0, k.size()[1] - 1)], 1);
    let decay = (before - &largest).exp();
    let weight = (k - largest).exp();
    let total = scan(&decay, &weight);
    with_decay_of_rows(&decay, &(q / total), &weight, v)
}

fn over_all(q: &Tensor, k: &Tensor, v: &Tensor, mask: Option<&Tensor>) -> Tensor {
    let [q, mut k, v] = [q, k, v].map(|x| x.transpose(1, 2));
    if let Some(mask) = mask {
        let padding = mask.to_kind(Kind::Bool).logical_not();
        k = k.masked_fill(&padding.unsqueeze(1).unsqueeze(-1), f64::NEG_INFINITY);
    }
    let means = k.softmax(2, None::<Kind>).transpose(2, 3).matmul(&v);
    q.matmul(&means).transpose(1, 2)
}
