//! Recurrent convolution: what stands left and right of every step, by a recurrence each.

use spaces::sequence::Settings;
use tch::Tensor;

use super::{TorchBlock, TorchWeights, elman};
use crate::steps::reverse;

pub struct Rcnn;

impl TorchBlock for Rcnn {
    fn forward(
        &self,
        settings: &Settings,
        weights: &TorchWeights,
        x: &Tensor,
        mask: Option<&Tensor>,
    ) -> Tensor {
        let activation = settings.word("activation");
        let left = ["v_l", "w_l", "start_l"].map(|name| &weights[name]);
        let right = ["v_r", "w_r", "start_r"].map(|name| &weights[name]);
        let left = before(activation, x, left);
        let right = reverse(&before(activation, &reverse(x, mask), right), mask);
        Tensor::cat(&[&left, x, &right], 2).linear(&weights["w"], Some(&weights["b"])).tanh()
    }
}

/// What the recurrence over x made of the steps before each: first `start`, which is D.
fn before(activation: &str, x: &Tensor, [v, w, start]: [&Tensor; 3]) -> Tensor {
    let (batch, length, width) = x.size3().expect("x is B×L×D");
    let start = start.expand([batch, width], false);
    let zero = Tensor::zeros([width], (x.kind(), x.device()));
    let states = elman::states(activation, x, &start, [v, w, &zero, &zero]);
    Tensor::cat(&[start.unsqueeze(1), states.narrow(1, 0, length - 1)], 1)
}
