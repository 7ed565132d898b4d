//! Options of `fecund create`, `ask` and `tell`.

use std::path::PathBuf;

use clap::Args;

use super::{Fidelities, StudyArgs, fidelities};
use crate::cli::domains;

/// What `fecund tell --help` ends with.
pub const TELL: &str = "\
One of these a line; `seconds` and `steps` may be left out:
  {\"trial\": 12, \"scores\": {\"accuracy\": 0.91, \"loss\": 0.3}, \"seconds\": 12.5, \"steps\": 400}
  {\"trial\": 12, \"invalid\": \"diverged\"}     it cannot work; remembered like a score
  {\"trial\": 12, \"failed\": \"out of memory\"}  the machine failed; not remembered, asked again by the next `ask`

Each line that is on the disk is acknowledged with a line: {\"told\":true,\"trial\":12}.
Example: echo '{\"trial\": 0, \"scores\": {\"accuracy\": 0.91}}' | fecund tell runs/mine";

#[derive(Args)]
pub struct CreateArgs {
    /// What is searched; see `fecund list spaces`
    #[arg(long, value_name = "NAME", value_parser = domains::names())]
    pub space: String,
    /// The score that decides; the highest is the best
    #[arg(long, value_name = "METRIC")]
    pub objective: String,
    /// The lowest is the best
    #[arg(long)]
    pub minimize: bool,
    /// Further scores, separated by commas, that the trainer always tells: for the leaderboard and --against
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    pub scores: Vec<String>,
    /// What judges, in your words: data set, code version, schedule. Part of every key, so that a cache never mixes
    /// trainers
    #[arg(long, value_name = "TEXT", default_value = "external")]
    pub evaluator: String,
    /// Fidelities at which candidates are compared, the lowest first: the best of each go on at the next
    /// (asynchronous successive halving), as in epochs=1,3,9,27 [default: one, 1]
    #[arg(long, value_name = "epochs=LIST", value_parser = fidelities)]
    pub fidelity: Option<Fidelities>,
    /// Most proposals
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub trials: Option<u64>,
    /// Most evaluations [default: 60, if there is no --trials]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub trainings: Option<u64>,
    /// Folder of the run; must not exist [default: runs/SPACE-external-SEED]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    #[command(flatten)]
    pub study: StudyArgs,
}

#[derive(Args)]
pub struct AskArgs {
    /// Folder of a run
    #[arg(value_name = "RUN")]
    pub run: PathBuf,
    /// At most so many [default: 1; with --again all]
    #[arg(short, long = "number", value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub number: Option<u64>,
    /// Repeat what was asked and not told, because a trainer died
    #[arg(long)]
    pub again: bool,
    /// Most proposals, from now on
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub trials: Option<u64>,
    /// Most evaluations, from now on
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub trainings: Option<u64>,
}

#[derive(Args)]
pub struct TellArgs {
    /// Folder of a run
    #[arg(value_name = "RUN")]
    pub run: PathBuf,
    /// A file with a JSON object a line, or - for standard input, which is read to its end first
    #[arg(value_name = "FILE|-", default_value = "-")]
    pub file: PathBuf,
}
