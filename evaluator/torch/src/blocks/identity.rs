//! No block at all: what the branch adds is zero. [`crate::Model`] leaves such branches out.

use spaces::sequence::Settings;
use tch::Tensor;

use super::{TorchBlock, TorchWeights};

pub struct Identity;

impl TorchBlock for Identity {
    fn forward(&self, _: &Settings, _: &TorchWeights, x: &Tensor, _: Option<&Tensor>) -> Tensor {
        x.zeros_like()
    }
}
