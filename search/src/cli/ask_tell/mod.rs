//! Runs whose candidates somebody else evaluates: `fecund create`, `ask` and `tell`.
//!
//! No process lives between two commands. A verdict that is told becomes a record of the cache, under the number of its
//! trial; the next command makes the pending proposals again, as a resumed search does, and finds it there.

mod ask;
mod asked;
mod create;
mod refuse;
mod session;
mod tell;
mod told;

pub use ask::ask;
pub use asked::Asked;
pub use create::create;
pub use refuse::{cannot_search, refuse_resume, refuse_search, refuse_verify};
pub use tell::tell;
