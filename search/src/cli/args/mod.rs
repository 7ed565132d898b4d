//! Every command and option, with its help.

mod ask;
mod by_space;
mod cache;
mod command;
mod programs;
mod rank;
mod runs;
mod search;
mod study;
mod table;
mod values;

pub use ask::*;
pub use by_space::*;
pub use cache::*;
pub use command::*;
pub use programs::*;
pub use rank::*;
pub use runs::*;
pub use search::*;
pub use study::*;
pub use table::*;
pub use values::*;
