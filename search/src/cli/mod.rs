//! The command line: data to stdout, talk to stderr. Exit code 2 for bad use, 1 for failure, 130 when interrupted.

/// Talks to stderr, in plain text. A reader that has gone is no reason to stop a search.
macro_rules! say {
    ($($text:tt)*) => {{
        use std::io::Write as _;
        let _ = writeln!(std::io::stderr(), "{}", $crate::cli::plain::plain(&format!($($text)*)));
    }};
}

mod account;
mod args;
mod ask_tell;
mod baseline;
mod bounded;
mod cache;
mod changes;
mod config;
mod confirm;
mod count;
mod differences;
mod discover;
mod domain;
mod domains;
mod drive;
mod export;
mod failure;
mod goals;
mod hash;
mod history;
mod judge;
mod keeper;
mod leaderboard;
mod list;
mod patience;
mod plain;
mod progress;
mod rank;
mod report;
mod run_folder;
pub mod sample;
mod search;
mod settings;
mod signals;
mod study_file;
mod table;
mod untrusted;

use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches};

use args::{CacheCommand, Cli, Command};

/// Parses the arguments, runs the command, and says what went wrong if something did.
pub fn main() -> ExitCode {
    signals::survive_file_limits();
    let matches = Cli::command().get_matches();
    let command = Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit()).command;
    let result = match command {
        Command::Search(args) => config::check_given(&matches)
            .and_then(|()| config::space_of(&args))
            .and_then(|space| domains::runs(&space))
            .and_then(|runs| (runs.search)(&args)),
        Command::Discover(args) => discover::discover(&args),
        Command::Resume(args) => domains::of_run(&args.run).and_then(|runs| (runs.resume)(&args)),
        Command::Create(args) => domains::named(&args.space).and_then(|it| (it.external.create)(&args)),
        Command::Ask(args) => domains::external(&args.run).and_then(|external| (external.ask)(&args)),
        Command::Tell(args) => domains::external(&args.run).and_then(|external| (external.tell)(&args)),
        Command::Leaderboard(args) => domains::of_run(&args.run).and_then(|runs| (runs.leaderboard)(&args)),
        Command::History(args) => domains::of_run(&args.run).and_then(|runs| (runs.history)(&args)),
        Command::Test(args) => domains::of_run(&args.run).and_then(|runs| (runs.test)(&args)),
        Command::Confirm(args) => domains::of_run(&args.run).and_then(|runs| (runs.confirm)(&args)),
        Command::Predict(args) => judge::predict(&args),
        Command::Export(args) => domains::of_run(&args.run).and_then(|runs| (runs.export)(&args)),
        Command::Cache(CacheCommand::Stats(args)) => cache::stats::stats(&args),
        Command::Cache(CacheCommand::Explain(args)) => {
            cache::explain::listed(&args).and_then(|runs| (runs.explain)(&args))
        }
        Command::Cache(CacheCommand::Rebuild(args)) => cache::rebuild::rebuild(&args),
        Command::Cache(CacheCommand::Gc(args)) => cache::gc::gc(&args),
        Command::Cache(CacheCommand::List(args)) => cache::list::list(&args),
        Command::Cache(CacheCommand::Verify(args)) => cache::verify::run_of(&args.run)
            .and_then(|run| domains::of_run(&run).and_then(|runs| (runs.verify)(&run, &args))),
        Command::Cache(CacheCommand::Export(args)) => cache::export::export(&args),
        Command::Cache(CacheCommand::Import(args)) => cache::import::import(&args),
        Command::Count(args) => count::of_named(&args),
        Command::Rank(args) => rank::rank(&args),
        Command::List(args) => list::list(&args),
        Command::Hash(args) => domains::named(&args.space).and_then(|listed| (listed.hash)(&args)),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}
