//! How much each column of a table tells about its target, above what chance would show.
//!
//! A [`Survey`] counts a table in one pass; [`Null`] knows what a permuted target would show; [`relevance()`] compares
//! the two. [`Control`]s are columns of noise, for the line below which nothing counts.

mod column;
mod counts;
mod digest;
mod distinct;
mod hypergeometric;
mod intervals;
mod noise;
mod null;
mod outrank;
mod probe;
mod relevance;
mod sample;
mod survey;
mod tail;
mod target;
mod three_mr;

pub use column::{Column, NO_CLASS, Rows, View};
pub use counts::ValueCounts;
pub use digest::Digests;
pub use hypergeometric::Hypergeometric;
pub use noise::Control;
pub use null::{Moments, Null};
pub use outrank::OutRank;
pub use probe::{Probe, reversed};
pub use relevance::{Contingency, Relevance, relevance, totals};
pub use sample::Sample;
pub use survey::{Parts, Survey};
pub use tail::q_values;
pub use target::{MOST_CLASSES, Target, is_of_numbers};
pub use three_mr::{Pairs, three_mr};
