//! No block at all: the branch is absent, and the residual passes the input on.

use crate::sequence::math::Matrix;
use crate::sequence::{Block, Gene, Place, Settings, Tensor, Weights};

pub struct Identity {
    pub place: Place,
}

impl Block for Identity {
    fn name(&self) -> &'static str {
        "identity"
    }

    fn place(&self) -> Place {
        self.place
    }

    fn source(&self) -> &'static str {
        "the residual connection alone"
    }

    fn genes(&self) -> Vec<Gene> {
        Vec::new()
    }

    fn causal(&self, _: &Settings) -> bool {
        true
    }

    fn reads_other_steps(&self, _: &Settings) -> bool {
        false
    }

    fn reversible(&self, _: &Settings) -> bool {
        true
    }

    fn tensors(&self, _: &Settings, _: usize) -> Vec<Tensor> {
        Vec::new()
    }

    /// Zero: what the branch adds.
    fn forward(&self, _: &Settings, _: &Weights, x: &Matrix) -> Matrix {
        Matrix::zeros(x.rows, x.columns)
    }

    fn multiply_adds(&self, _: &Settings, _: usize, _: usize) -> u64 {
        0
    }

    fn python(&self) -> &'static str {
        ""
    }
}
