//! Options of the commands on runs that are there, of `fecund list` and of `fecund hash`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::Format;
use crate::cli::domains;

#[derive(Args)]
pub struct LeaderboardArgs {
    /// Folder of a run
    #[arg(value_name = "RUN")]
    pub run: PathBuf,
    /// Most rows
    #[arg(long, value_name = "K", default_value = "10", value_parser = clap::value_parser!(u64).range(1..))]
    pub top: u64,
    /// Scores, costs or measures that should be low: show only what no other trial beats in all of them and in the
    /// objective
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    pub against: Vec<String>,
    /// Against all that the task can weigh (costs, what was measured, seconds of training) and what the search weighed
    #[arg(long, conflicts_with = "against")]
    pub pareto: bool,
    #[arg(long, value_enum, default_value = "table")]
    pub format: Format,
}

#[derive(Args)]
pub struct TestArgs {
    /// Folder of a run
    #[arg(value_name = "RUN")]
    pub run: PathBuf,
    #[command(flatten)]
    pub which: WhichArgs,
    #[arg(long, value_enum, default_value = "table")]
    pub format: Format,
}

#[derive(Args, Clone, Copy)]
pub struct WhichArgs {
    /// A trial by its number [default: the best by validation]
    #[arg(long, value_name = "N")]
    pub trial: Option<u64>,
    /// Train on the whole training part first, for as many epochs as validation found best
    #[arg(long)]
    pub refit: bool,
}

#[derive(Args)]
pub struct ConfirmArgs {
    /// Folder of a run
    #[arg(value_name = "RUN")]
    pub run: PathBuf,
    /// How many of the best functions
    #[arg(long, value_name = "K", default_value = "5", value_parser = clap::value_parser!(u64).range(1..))]
    pub top: u64,
    /// Fresh trainings of each
    #[arg(long, value_name = "N", default_value = "3", value_parser = clap::value_parser!(u64).range(1..))]
    pub seeds: u64,
    /// Trainings at once [default: all cores]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=1024))]
    pub jobs: Option<u64>,
    #[arg(long, value_enum, default_value = "table")]
    pub format: Format,
}

#[derive(Args)]
pub struct PredictArgs {
    /// A run, or the folder of an export
    #[arg(value_name = "RUN|EXPORT")]
    pub model: PathBuf,
    /// A .ts file
    pub data: PathBuf,
    #[command(flatten)]
    pub which: WhichArgs,
    #[arg(long, value_enum, default_value = "table")]
    pub format: Format,
}

#[derive(Args)]
pub struct ExportArgs {
    /// Folder of a run
    #[arg(value_name = "RUN")]
    pub run: PathBuf,
    #[command(flatten)]
    pub which: WhichArgs,
    /// Folder to write; must not exist
    #[arg(long, value_name = "DIR")]
    pub to: PathBuf,
}

#[derive(Args)]
pub struct ListArgs {
    #[arg(value_enum)]
    pub what: Listing,
    #[arg(long, value_enum, default_value = "table")]
    pub format: Format,
}

#[derive(Clone, Copy, ValueEnum)]
pub enum Listing {
    Spaces,
    /// Multiply-adds are those of width 32 in sequences of 64 steps
    Blocks,
    /// What --task of `fecund search --space sequence` takes
    Tasks,
    Strategies,
}

#[derive(Args)]
pub struct HashArgs {
    /// What they are candidates of; see `fecund list spaces`
    #[arg(long, value_name = "NAME", value_parser = domains::names())]
    pub space: String,
    /// A file with one candidate a line, or - for standard input
    #[arg(value_name = "FILE|-")]
    pub file: PathBuf,
    #[arg(long, value_enum, default_value = "table")]
    pub format: Format,
}
