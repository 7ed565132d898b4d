//! Options of `fecund discover`.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};

use crate::cli::args::{Format, duration, share, size};

#[derive(Args)]
pub struct DiscoverArgs {
    /// What the programs learn
    #[arg(long, value_enum, default_value = "linear", value_name = "TASK")]
    pub task: TaskName,
    /// Which programs there are [default: linear for the task linear, else wide]
    #[arg(long, value_enum, value_name = "SPACE")]
    pub programs: Option<SpaceName>,
    /// Of everything random in the search, its tasks included
    #[arg(long, value_name = "N", default_value = "0")]
    pub seed: u64,
    /// Numbers of an example: 4, 8, 16 or 32
    #[arg(long, value_name = "N", default_value = "4")]
    pub features: usize,
    /// Tasks that every program has to learn
    #[arg(long, value_name = "N", default_value = "10", value_parser = size)]
    pub tasks: NonZeroUsize,
    /// Examples to learn from, and as many as 100 of them to predict
    #[arg(long, value_name = "N", default_value = "100", value_parser = size)]
    pub examples: NonZeroUsize,
    /// Passes over the examples
    #[arg(long, value_name = "N", default_value = "1", value_parser = size)]
    pub epochs: NonZeroUsize,
    /// What makes one fitness of those at the tasks
    #[arg(long, value_enum, default_value = "mean")]
    pub combination: CombinationName,
    /// Ends when a program has this fitness on 100 tasks that the search does not see
    #[arg(long, value_name = "F", default_value = "0.9999", value_parser = share)]
    pub sufficient: f64,
    /// Most time
    #[arg(long, value_name = "T", default_value = "10m", value_parser = duration)]
    pub time: Duration,
    /// Most proposals [default: any number]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub proposals: Option<u64>,
    #[command(flatten)]
    pub search: EvolutionArgs,
    #[command(flatten)]
    pub cache: CachingArgs,
    /// Threads; the result does not depend on them [default: all cores]
    #[arg(long, value_name = "N", value_parser = size)]
    pub jobs: Option<NonZeroUsize>,
    /// Folder for program.txt, program.py, program.json and report.json; must not exist [default: only printed]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    #[arg(long, value_enum, default_value = "table")]
    pub format: Format,
}

/// How programs are bred.
#[derive(Args)]
pub struct EvolutionArgs {
    /// Draw every program anew, to compare with
    #[arg(long)]
    pub random: bool,
    /// Populations that exchange their best
    #[arg(long, value_name = "N", default_value = "2", value_parser = size)]
    pub islands: NonZeroUsize,
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
    /// Do not train what does worse on the probe than three quarters of the last 1,000 programs
    #[arg(long)]
    pub hurdle: bool,
    /// A population that has found nothing after so many proposals of an island begins anew; 0: never
    #[arg(long, value_name = "N", default_value = "1000000")]
    pub lifetime: u64,
}

/// How far known fitness is trusted.
#[derive(Args)]
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
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum SpaceName {
    /// 6 operations, 10 + 2 + 8 instructions, 4 scalars, 3 vectors, 1 matrix
    Linear,
    /// 65 operations, up to 21 + 21 + 45 instructions, 8 scalars, 14 vectors, 3 matrices
    Wide,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum CombinationName {
    Mean,
    Median,
}
