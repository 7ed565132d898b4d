//! Tables in memory, for models: columns of numbers and words, a target, and what rows may be split by.
//!
//! A [`Frame`] is read from a [`crate::table::Table`] of any format; [`SplitBy`] says which rows are held back; an
//! [`Encoder`] learns from training rows alone how cells become inputs, and can be written down.

mod channels;
mod encoder;
mod frame;
mod read;
mod reading;
mod split;
mod stream;

pub use channels::OF_A_CHANNEL;
pub use encoder::{Code, Encoded, Encoder, LARGEST, RARE, Truths};
pub use frame::{Cells, Column, Frame, Goal, Keys, MISSING, Target};
pub use read::{Wanted, read, read_like};
pub use reading::Reading;
pub use split::{SplitBy, divide};
