//! Tables as streams of rows: whatever the format, cells arrive as bytes, in chunks, with the line that they stand in.
//!
//! [`Table::open`] finds out the format, the names of the columns and their [`Kind`]s; [`Table::read`] hands out one
//! [`Chunk`] after the other, so a file may be larger than memory.

mod arff;
mod chunk;
mod delimited;
mod infer;
mod input;
mod kind;
mod libsvm;
mod lines;
mod number;
mod open;
mod options;
mod parquet;
mod sniff;
mod sparse;
mod vw;

pub use chunk::Chunk;
pub use kind::Kind;
pub use number::{date, number};
pub use open::{Format, Table};
pub use options::{BadRows, OnBadRow, ReadOptions};
