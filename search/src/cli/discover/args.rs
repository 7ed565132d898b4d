//! Options of `fecund discover`.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use serde::{Deserialize, Serialize};

use crate::cli::args::{Format, ProgramArgs, duration, share, size};

#[derive(Args)]
pub struct DiscoverArgs {
    /// What the programs learn [default: linear; with --data, classes]
    #[arg(long, value_enum, value_name = "TASK")]
    pub task: Option<TaskName>,
    /// A table whose classes are to be told apart, two at a time: CSV, libsvm, Vowpal Wabbit, ARFF or Parquet, gzipped or
    /// not; its columns of numbers are projected to the features
    #[arg(long, value_name = "FILE", requires = "target")]
    pub data: Option<PathBuf>,
    /// The column of --data with the classes
    #[arg(long, value_name = "COLUMN", requires = "data")]
    pub target: Option<String>,
    /// Of everything random in the search, its tasks included
    #[arg(long, value_name = "N", default_value = "0", value_parser = clap::value_parser!(u64).range(..=i64::MAX as u64))]
    pub seed: u64,
    #[command(flatten)]
    pub problems: ProgramArgs,
    /// Passes over the examples, each in an order of its own
    #[arg(long, value_name = "N", default_value = "1", value_parser = size)]
    pub epochs: NonZeroUsize,
    /// Ends when a program has this fitness on 100 tasks that the search does not see
    #[arg(long, value_name = "F", default_value = "0.9999", value_parser = share)]
    pub sufficient: f64,
    /// Most time, summed over resumes
    #[arg(long, value_name = "T", default_value = "10m", value_parser = duration)]
    pub time: Duration,
    /// Most proposals, summed over resumes [default: any number]
    #[arg(long, visible_alias = "proposals", value_name = "N", value_parser = clap::value_parser!(u64).range(1..=i64::MAX as u64))]
    pub trials: Option<u64>,
    #[command(flatten)]
    pub search: EvolutionArgs,
    #[command(flatten)]
    pub cache: CachingArgs,
    /// Threads; the result does not depend on them [default: all cores]
    #[arg(long, value_name = "N", value_parser = size)]
    pub jobs: Option<NonZeroUsize>,
    /// Folder of the run, from which `fecund resume` goes on, with program.txt, program.py, program.json and report.json at
    /// the end; must not exist [default: only printed, and nothing is kept]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    #[arg(long, value_enum, default_value = "table")]
    pub format: Format,
}

/// How programs are bred.
#[derive(Args, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EvolutionArgs {
    /// Draw every program anew, to compare with
    #[arg(long)]
    pub random: bool,
    /// Populations that exchange their best
    #[arg(long, value_name = "N", default_value = "2", value_parser = size)]
    pub islands: NonZeroUsize,
    /// Proposals of an island between two exchanges, where the state is written every five seconds
    #[arg(long, value_name = "N", default_value = "20000", value_parser = size)]
    pub round: NonZeroUsize,
    /// Programs of an island
    #[arg(long, value_name = "N", default_value = "1000", value_parser = size)]
    pub population: NonZeroUsize,
    /// Members drawn for each tournament, the best of which has a child
    #[arg(long, value_name = "N", default_value = "10", value_parser = size)]
    pub tournament: NonZeroUsize,
    /// Share of the children that are mutated
    #[arg(long, value_name = "P", default_value = "0.9", value_parser = share)]
    pub mutation: f64,
    /// Share of the children that are made of two parents
    #[arg(long, value_name = "P", default_value = "0", value_parser = share)]
    pub crossover: f64,
    /// How often a child is mutated again that predicts what its parent predicts
    #[arg(long, value_name = "N", default_value = "0")]
    pub redraws: usize,
    /// A child that predicts what one of the last N proposals of its island did is mutated again; 0: it is not
    #[arg(long, value_name = "N", default_value = "0", value_parser = clap::value_parser!(u64).range(..=MOST_TABU))]
    pub tabu: u64,
    /// Do not train what does worse on the probe than three quarters of the last 1,000 programs
    #[arg(long)]
    pub hurdle: bool,
    /// A population that has found nothing after so many proposals of an island begins anew; 0: never
    #[arg(long, value_name = "N", default_value = "1000000",
        value_parser = clap::value_parser!(u64).range(..=i64::MAX as u64))]
    pub lifetime: u64,
}

/// As many as a cache holds at most.
pub const MOST_TABU: u64 = 1_000_000;

/// How far known fitness is trusted.
#[derive(Args, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CachingArgs {
    /// Evaluate every program, known or not
    #[arg(long)]
    pub no_cache: bool,
    /// Programs that an island remembers, by their symbol and as many by their probe
    #[arg(long, value_name = "N", default_value = "100000", value_parser = size)]
    pub cache_size: NonZeroUsize,
    /// Forget what has answered so many times; 0: never
    #[arg(long, value_name = "N", default_value = "100")]
    pub forget_every: u32,
    /// Examples of the probe: so many to learn from, and as many to predict
    #[arg(long, value_name = "N", default_value = "10", value_parser = size)]
    pub probe: NonZeroUsize,
    /// Share of the answers that are checked by an evaluation which the search does not see
    #[arg(long, value_name = "P", default_value = "0", value_parser = share, conflicts_with = "no_cache")]
    pub audit: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum TaskName {
    /// y = w·x
    Linear,
    /// y = u·max(Wx, 0)
    Nonlinear,
    /// Which of two handwritten digits it is
    Digits,
    /// Which of two classes of --data it is
    Classes,
}
