//! `fecund discover`: learning algorithms from nothing.

mod args;
mod report;
mod run;

pub use args::DiscoverArgs;
pub use run::discover;
