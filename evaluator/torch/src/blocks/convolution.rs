//! Depthwise causal convolution.

use spaces::sequence::Settings;
use tch::Tensor;

use super::{TorchBlock, TorchWeights};
use crate::kernels;

pub struct Convolution;

impl TorchBlock for Convolution {
    fn forward(&self, _: &Settings, weights: &TorchWeights, x: &Tensor, _: Option<&Tensor>) -> Tensor {
        causal_convolution(x, &weights["w"], &weights["b"])
    }
}

/// x is B×L×D, `w` is D×kernel with column j looking j steps back, `b` is D.
pub fn causal_convolution(x: &Tensor, w: &Tensor, b: &Tensor) -> Tensor {
    if kernels::suit(x) {
        kernels::convolution::causal_convolution(x, w, b)
    } else {
        shifted_products(x, w, b)
    }
}

fn shifted_products(x: &Tensor, w: &Tensor, b: &Tensor) -> Tensor {
    let (length, reach) = (x.size()[1], w.size()[1] - 1);
    let past = x.constant_pad_nd([0, 0, reach, 0]);
    let columns = w.unbind(1).into_iter().zip(0..);
    columns.fold(b.shallow_clone(), |y, (column, back)| {
        y.addcmul(&past.narrow(1, reach - back, length), &column)
    })
}

#[cfg(test)]
mod tests {
    use super::super::tests::assert_same;
    use super::*;

    #[test]
    fn our_kernel_is_the_sum_of_shifted_products() {
        for (length, kernel) in [(1, 4), (3, 7), (29, 3)] {
            let (ours, plain) = (
                |all: &[Tensor]| causal_convolution(&all[0], &all[1], &all[2]),
                |all: &[Tensor]| shifted_products(&all[0], &all[1], &all[2]),
            );
            assert_same(ours, plain, &[vec![3, length, 24], vec![24, kernel], vec![24]]);
        }
    }
}
