//! Elman's network: our own kernel on the processor, libtorch's elsewhere.

use spaces::sequence::Settings;
use tch::Tensor;

use super::{TorchBlock, TorchWeights};
use crate::kernels::{self, elman};

pub struct Elman;

impl TorchBlock for Elman {
    fn forward(&self, settings: &Settings, weights: &TorchWeights, x: &Tensor, _: Option<&Tensor>) -> Tensor {
        let (batch, _, width) = x.size3().expect("x is B×L×D");
        let start = Tensor::zeros([batch, width], (x.kind(), x.device()));
        let tensors = ["w_ih", "w_hh", "b_ih", "b_hh"].map(|name| &weights[name]);
        states(settings.word("activation"), x, &start, tensors)
    }
}

/// h_t = f(W_ih x_t + b_ih + W_hh h_{t−1} + b_hh), B×L×D, from `start`, B×D.
pub fn states(activation: &str, x: &Tensor, start: &Tensor, tensors: [&Tensor; 4]) -> Tensor {
    if kernels::suit(x) {
        ours(activation, x, start, tensors)
    } else {
        libtorch(activation, x, start, tensors)
    }
}

fn ours(activation: &str, x: &Tensor, start: &Tensor, [w_ih, w_hh, b_ih, b_hh]: [&Tensor; 4]) -> Tensor {
    let cell = if activation == "tanh" { &elman::TANH } else { &elman::RELU };
    cell.apply(&[x, start, w_ih, w_hh, b_ih, b_hh])
}

fn libtorch(activation: &str, x: &Tensor, start: &Tensor, tensors: [&Tensor; 4]) -> Tensor {
    let start = start.unsqueeze(0).contiguous();
    // Biases; one layer; no dropout, hence `train` is inert; one direction; batch first.
    match activation {
        "tanh" => x.rnn_tanh(&start, &tensors, true, 1, 0.0, false, false, true).0,
        _ => x.rnn_relu(&start, &tensors, true, 1, 0.0, false, false, true).0,
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::assert_same;
    use super::*;

    #[test]
    fn our_kernel_is_that_of_libtorch() {
        for (activation, length) in [("tanh", 1), ("tanh", 2), ("tanh", 29), ("relu", 1), ("relu", 13)] {
            let shapes = [vec![3, length, 8], vec![3, 8], vec![8, 8], vec![8, 8], vec![8], vec![8]];
            let tensors = |all: &[Tensor]| [2, 3, 4, 5].map(|i| all[i].shallow_clone());
            let (ours, libtorch) = (
                |all: &[Tensor]| ours(activation, &all[0], &all[1], tensors(all).each_ref()),
                |all: &[Tensor]| libtorch(activation, &all[0], &all[1], tensors(all).each_ref()),
            );
            assert_same(ours, libtorch, &shapes);
        }
    }
}
