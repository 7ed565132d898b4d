//! The blocks, one file each. A new block is a file here, its libtorch form, and a line in [`ALL`].

mod attention;
mod chimera;
mod convolution;
mod elman;
mod fsmn;
mod gated;
mod gated_fsmn;
mod gau;
mod glu;
pub(super) mod gru;
mod identity;
mod lightnet;
mod long_convolution;
mod lssl;
mod lstm;
mod mamba;
mod mamba2;
mod mlp;
mod moe;
mod para_gru;
mod para_lstm;
mod plstm;
mod plstm2d;
mod rcnn;
mod s4d;
mod se;
mod snnk;

use super::{Block, Place};

/// h_t = a_t ∘ h_{t−1} + b_t in PyTorch, as `linear_scan(a, b)` over dim 1.
pub(in crate::sequence) const LINEAR_SCAN: &str = include_str!("shared/linear_scan.py");

/// The class `Mamba` in PyTorch, for what is built on it.
const MAMBA: &str = include_str!("mamba.py");

/// A state of matrices with a decay in PyTorch, as `matrix_state(log_decay, q, k, v)`; needs [`LINEAR_SCAN`].
const MATRIX_STATE: &str = include_str!("shared/matrix_state.py");

/// Two states on a grid in PyTorch, as `grid_scan(right, down)`, and `shifted(x, dim)`; needs [`LINEAR_SCAN`].
const GRID_SCAN: &str = include_str!("shared/grid_scan.py");

/// Pairs of channels turned by their time in PyTorch, as `rotated(x, steps)`.
const ROTATED: &str = include_str!("shared/rotated.py");

/// A depthwise convolution in PyTorch, as `depthwise(x, mask, w, b, dilation=…, ahead=…)`.
const DEPTHWISE: &str = include_str!("shared/depthwise.py");

/// Feedforward sequential memory in PyTorch, as `with_memory(u, mask, w_1, b_1, w_2, w_memory, dilation=…, ahead=…)`.
const MEMORY: &str = include_str!("shared/memory.py");

/// Convolution with a kernel as long as the sequence in PyTorch, as `convolved(x, mask, kernel)`.
const CONVOLVED: &str = include_str!("shared/convolved.py");

/// Every block, in the order in which they are listed and drawn.
pub const ALL: &[&dyn Block] = &[
    // Attention.
    &attention::Attention,
    &gau::Gau,
    // Linear recurrences.
    &s4d::S4d,
    &lssl::Lssl,
    &mamba::Mamba,
    &mamba2::Mamba2,
    &lightnet::Lightnet,
    &plstm::Plstm,
    &plstm2d::Plstm2d,
    &chimera::Chimera,
    // Recurrences that are not linear.
    &gru::Gru,
    &para_gru::ParaGru,
    &para_lstm::ParaLstm,
    &lstm::Lstm,
    &elman::Elman,
    &rcnn::Rcnn,
    // Convolutions.
    &convolution::Convolution,
    &fsmn::Fsmn,
    &gated_fsmn::GatedFsmn,
    &long_convolution::LongConvolution,
    // Nothing.
    &identity::Identity { place: Place::Token },
    // Mixers of channels.
    &mlp::Mlp,
    &glu::Glu,
    &moe::Moe,
    &snnk::Snnk,
    &se::Se,
    &identity::Identity { place: Place::Channel },
];

/// The block called `name` at this place.
pub fn find(place: Place, name: &str) -> Option<&'static dyn Block> {
    at(place).find(|block| block.name() == name)
}

/// All blocks of this place.
pub fn at(place: Place) -> impl Iterator<Item = &'static dyn Block> {
    ALL.iter().copied().filter(move |block| block.place() == place)
}
