//! The blocks, one file each. A new block is a file here, its libtorch form, and a line in [`ALL`].

mod attention;
mod convolution;
mod glu;
mod gru;
mod identity;
mod mamba;
mod mlp;
mod s4d;

use super::{Block, Place};

/// Every block, in the order in which they are listed and drawn.
pub const ALL: [&dyn Block; 9] = [
    &attention::Attention,
    &s4d::S4d,
    &mamba::Mamba,
    &gru::Gru,
    &convolution::Convolution,
    &identity::Identity { place: Place::Token },
    &mlp::Mlp,
    &glu::Glu,
    &identity::Identity { place: Place::Channel },
];

/// The block called `name` at this place.
pub fn find(place: Place, name: &str) -> Option<&'static dyn Block> {
    at(place).find(|block| block.name() == name)
}

/// All blocks of this place.
pub fn at(place: Place) -> impl Iterator<Item = &'static dyn Block> {
    ALL.into_iter().filter(move |block| block.place() == place)
}
