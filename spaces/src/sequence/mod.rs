//! Stacks of layers for sequence classification: embedding, token mixers and channel mixers, pooling, head; or, without
//! pooling, a head that points at tokens.
//!
//! A layer adds to its input what a token mixer makes of the normed input, then what a channel mixer makes of that:
//! x ← x + Token(norm x), x ← x + Channel(norm x); layers may be run several times with shared weights. [`Genome`] is
//! the plain data, [`Block`] the definition of one kind of mixer (one file each in `blocks/`, listed in
//! [`blocks::ALL`]), [`Network`] the list of tensors of a genome and its `f64` definition; training lives elsewhere and
//! is tested against it.

mod behavior;
mod block;
pub mod blocks;
pub mod export;
mod functions;
mod genome;
mod head;
mod lanes;
mod layout;
pub mod math;
mod network;
mod passes;
mod pointer;
mod routing;
mod skeleton;
mod snake;
mod space;
mod tokenizer;

pub use block::{Block, Gene, Init, Place, Settings, Tensor, Value, Weights};
pub use genome::{Genome, Layer, Mixer, Norm, Order, Pattern, Position, Run, Sharing, Training};
pub use head::{Corners, Head, Pooling};
pub use layout::Layout;
pub use network::{DIRECTIONS, Group, MIXERS, NamedTensor, Network, Shape};
pub use passes::{Depth, Passes, Turns};
pub use pointer::{Pointed, Pointer};
pub use routing::{Kept, Routed, Routing};
pub use skeleton::{Join, Skeleton};
pub use snake::snake;
pub use space::{Limits, SequenceSpace};
pub use tokenizer::Tokenizer;
