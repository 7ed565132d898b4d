//! The command line: data to stdout, talk to stderr. Exit code 2 for bad use, 1 for failure, 130 when interrupted.

/// Talks to stderr. A reader that has gone is no reason to stop a search.
macro_rules! say {
    ($($text:tt)*) => {{
        use std::io::Write as _;
        let _ = writeln!(std::io::stderr(), $($text)*);
    }};
}

mod args;
mod cache;
mod confirm;
mod count;
mod export;
mod failure;
mod hash;
mod judge;
mod leaderboard;
mod list;
mod progress;
mod report;
mod run_folder;
mod search;
mod settings;
mod signals;
mod table;

use std::process::ExitCode;

use clap::Parser;

use args::{CacheCommand, Cli, Command};

/// Parses the arguments, runs the command, and says what went wrong if something did.
pub fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Search(args) => search::search(&args),
        Command::Resume(args) => search::resume(&args),
        Command::Leaderboard(args) => leaderboard::leaderboard(&args),
        Command::Test(args) => judge::test(&args),
        Command::Confirm(args) => confirm::confirm(&args),
        Command::Predict(args) => judge::predict(&args),
        Command::Export(args) => export::export(&args),
        Command::Cache(CacheCommand::Stats(args)) => cache::stats(&args),
        Command::Cache(CacheCommand::Explain(args)) => cache::explain(&args),
        Command::Count(args) => count::count(&args),
        Command::List(args) => list::list(&args),
        Command::Hash(args) => hash::hash(&args),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}
