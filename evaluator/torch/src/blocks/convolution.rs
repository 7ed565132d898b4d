//! Depthwise convolution, of the past or of both sides.

use spaces::sequence::Settings;
use tch::Tensor;

use super::{TorchBlock, TorchWeights};
use crate::kernels;

pub struct Convolution;

impl TorchBlock for Convolution {
    fn forward(
        &self,
        settings: &Settings,
        weights: &TorchWeights,
        x: &Tensor,
        mask: Option<&Tensor>,
    ) -> Tensor {
        let taps = Taps::new(settings, settings.number("kernel") / 2);
        convolution(x, mask, &weights["w"], &weights["b"], taps)
    }
}

/// Tap j looks (j − ahead)·dilation steps back.
#[derive(Clone, Copy, Debug)]
pub struct Taps {
    dilation: i64,
    ahead: i64,
}

impl Taps {
    /// Of the genes `dilation` and `sides`, with so many taps ahead where both sides count.
    pub fn new(settings: &Settings, ahead: usize) -> Self {
        let both = settings.word("sides") == "both";
        Self { dilation: settings.number("dilation") as i64, ahead: if both { ahead as i64 } else { 0 } }
    }
}

/// x is B×L×D, `w` is D×taps, `b` is D.
pub fn convolution(x: &Tensor, mask: Option<&Tensor>, w: &Tensor, b: &Tensor, taps: Taps) -> Tensor {
    let Taps { dilation, ahead } = taps;
    if ahead == 0 {
        return past_convolution(x, w, b, dilation);
    }
    // What is seen of the future is the past of a later step.
    let x = mask.map_or_else(|| x.shallow_clone(), |mask| x * mask.unsqueeze(-1));
    let later = x.constant_pad_nd([0, 0, 0, ahead * dilation]);
    past_convolution(&later, w, b, dilation).narrow(1, ahead * dilation, x.size()[1])
}

/// x is B×L×D, `w` is D×kernel with column j looking j steps back, `b` is D.
pub fn causal_convolution(x: &Tensor, w: &Tensor, b: &Tensor) -> Tensor {
    past_convolution(x, w, b, 1)
}

fn past_convolution(x: &Tensor, w: &Tensor, b: &Tensor, dilation: i64) -> Tensor {
    if kernels::suit(x) {
        kernels::convolution::causal_convolution(x, w, b, dilation)
    } else {
        shifted_products(x, w, b, dilation)
    }
}

fn shifted_products(x: &Tensor, w: &Tensor, b: &Tensor, dilation: i64) -> Tensor {
    let (length, reach) = (x.size()[1], (w.size()[1] - 1) * dilation);
    let past = x.constant_pad_nd([0, 0, reach, 0]);
    let columns = w.unbind(1).into_iter().zip(0..);
    columns.fold(b.shallow_clone(), |y, (column, j)| {
        y.addcmul(&past.narrow(1, reach - j * dilation, length), &column)
    })
}

#[cfg(test)]
mod tests {
    use super::super::tests::assert_same;
    use super::*;

    #[test]
    fn our_kernel_is_the_sum_of_shifted_products() {
        for (length, kernel, dilation) in
            [(1, 4, 1), (3, 7, 1), (29, 3, 1), (29, 5, 2), (7, 3, 4), (29, 9, 4)]
        {
            let (ours, plain) = (
                |all: &[Tensor]| past_convolution(&all[0], &all[1], &all[2], dilation),
                |all: &[Tensor]| shifted_products(&all[0], &all[1], &all[2], dilation),
            );
            assert_same(ours, plain, &[vec![3, length, 24], vec![24, kernel], vec![24]]);
        }
    }
}
