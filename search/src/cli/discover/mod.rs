//! `fecund discover`: learning algorithms from nothing.

mod args;
mod folder;
mod look;
mod references;
mod report;
mod run;
mod settings;

pub use args::DiscoverArgs;
pub use look::RUNS;
pub use report::files;
pub use run::discover;
pub use settings::KIND;
