//! Gated recurrent unit: our own kernel on the processor, libtorch's elsewhere.

use spaces::sequence::Settings;
use tch::Tensor;

use super::{TorchBlock, TorchWeights};
use crate::kernels::{self, gru::GRU, recurrence::from_zero};

pub struct Gru;

impl TorchBlock for Gru {
    fn forward(&self, _: &Settings, weights: &TorchWeights, x: &Tensor, _: Option<&Tensor>) -> Tensor {
        let tensors = ["w_ih", "w_hh", "b_ih", "b_hh"].map(|name| &weights[name]);
        if kernels::suit(x) { from_zero(&GRU, x, tensors) } else { libtorch(x, tensors) }
    }
}

fn libtorch(x: &Tensor, tensors: [&Tensor; 4]) -> Tensor {
    let (batch, _, width) = x.size3().expect("x is B×L×D");
    let start = Tensor::zeros([1, batch, width], (x.kind(), x.device()));
    // Biases; one layer; no dropout, hence `train` is inert; one direction; batch first.
    x.gru(&start, &tensors, true, 1, 0.0, false, false, true).0
}

#[cfg(test)]
mod tests {
    use super::super::tests::assert_same;
    use super::*;

    #[test]
    fn our_kernel_is_that_of_libtorch() {
        for length in [1, 2, 29] {
            let shapes = [vec![3, length, 8], vec![24, 8], vec![24, 8], vec![24], vec![24]];
            let tensors = |all: &[Tensor]| [1, 2, 3, 4].map(|i| all[i].shallow_clone());
            let (ours, libtorch) = (
                |all: &[Tensor]| from_zero(&GRU, &all[0], tensors(all).each_ref()),
                |all: &[Tensor]| libtorch(&all[0], tensors(all).each_ref()),
            );
            assert_same(ours, libtorch, &shapes);
        }
    }
}
