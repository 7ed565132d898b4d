//! The options of `fecund cache …`, with their help.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::Format;
use crate::cli::domains;

#[derive(Subcommand)]
pub enum CacheCommand {
    /// Hits, misses, seconds spent and saved
    #[command(after_help = "Example: fecund cache stats runs/vowels --format json")]
    Stats(StatsArgs),
    /// Why two candidates share a key, or do not
    #[command(after_help = "Example: fecund cache explain runs/vowels 12 40")]
    Explain(ExplainArgs),
    /// Make the index anew, and of a damaged journal one of what is intact
    #[command(after_help = "Example: fecund cache rebuild runs/vowels\n\
        The damaged journal is kept, as journal.damaged-1. Of a run, the trials before the damage are kept too.")]
    Rebuild(RebuildArgs),
    /// Remove what nobody will ask for: replaced records, half-made things, weights of functions not among the best
    #[command(after_help = "Example: fecund cache gc runs/vowels --dry-run")]
    Gc(GcArgs),
    /// What is remembered, a row for each key; or of one key, a row for each evaluation
    #[command(after_help = "Example: fecund cache list runs/vowels --by score --top 10\n\
        Example: fecund cache list runs/vowels --key 3f9a21")]
    List(CacheListArgs),
    /// Train answered candidates all the same: how many answers were wrong?
    #[command(after_help = "Example: fecund cache verify runs/vowels --sample 20 --seeds 3")]
    Verify(CacheVerifyArgs),
    /// All evaluations as one table, CSV or Parquet
    #[command(after_help = "Example: fecund cache export runs/vowels --to vowels.parquet")]
    Export(CacheExportArgs),
    /// Take the evaluations of another run, cache or exported file into a cache
    #[command(after_help = "Example: fecund cache import other.csv --into runs/vowels")]
    Import(CacheImportArgs),
}

#[derive(Args)]
pub struct StatsArgs {
    /// Folder of a run, or of a cache
    #[arg(value_name = "RUN|DIR")]
    pub run: PathBuf,
    /// Again every two seconds, until the search ends
    #[arg(long)]
    pub watch: bool,
    #[arg(long, value_enum, default_value = "table")]
    pub format: Format,
}

#[derive(Args)]
pub struct ExplainArgs {
    /// Folder of a run, or of a cache
    #[arg(value_name = "RUN|DIR")]
    pub run: PathBuf,
    /// A trial by its number, a key by its beginning, or a file with a candidate as JSON
    pub a: String,
    /// The other one, likewise
    pub b: String,
    /// What a cache without a run holds candidates of; see `fecund list spaces`
    #[arg(long, value_name = "NAME", value_parser = domains::names())]
    pub space: Option<String>,
    #[arg(long, value_enum, default_value = "table")]
    pub format: Format,
}

#[derive(Args)]
pub struct CacheListArgs {
    /// Folder of a run, or of a cache
    #[arg(value_name = "RUN|DIR")]
    pub run: PathBuf,
    /// Rows [default: all]
    #[arg(long, value_name = "N")]
    pub top: Option<usize>,
    /// Order of the rows; all but `key` begin with the largest, and `score` with the best
    #[arg(long, value_enum, default_value = "key", value_name = "ORDER")]
    pub by: ListOrder,
    /// Metrics that are shown, the one that decides first [default: those of the run; of a cache alone, all]
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    pub metric: Vec<String>,
    /// Keys with a failed evaluation only
    #[arg(long)]
    pub failed: bool,
    /// All evaluations of the one key that starts so
    #[arg(long, value_name = "PREFIX", conflicts_with_all = ["by", "failed"])]
    pub key: Option<String>,
    #[arg(long, value_enum, default_value = "table")]
    pub format: Format,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ListOrder {
    Key,
    Score,
    Seconds,
    Evaluations,
}

#[derive(Args)]
pub struct CacheVerifyArgs {
    /// A run, or the cache that lies in one
    #[arg(value_name = "RUN|DIR")]
    pub run: PathBuf,
    /// Most pairs of an answered candidate and the one that answered; those that only the probe took for equal first
    #[arg(long, value_name = "N", default_value = "20", value_parser = clap::value_parser!(u64).range(1..))]
    pub sample: u64,
    /// Fresh trainings of each candidate; two are needed to tell training noise
    #[arg(long, value_name = "K", default_value = "2", value_parser = clap::value_parser!(u64).range(2..=1000))]
    pub seeds: u64,
    /// Trainings at once [default: all cores]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=1024))]
    pub jobs: Option<u64>,
    /// Of the choice of pairs
    #[arg(long, value_name = "N", default_value = "0")]
    pub seed: u64,
    #[arg(long, value_enum, default_value = "table")]
    pub format: Format,
}

#[derive(Args)]
pub struct CacheExportArgs {
    /// Folder of a run, or of a cache
    #[arg(value_name = "RUN|DIR")]
    pub run: PathBuf,
    /// File to write; one that is there is replaced [default: CSV to standard output]
    #[arg(long, value_name = "FILE")]
    pub to: Option<PathBuf>,
    /// [default: parquet for a FILE.parquet, else csv]
    #[arg(long, value_enum)]
    pub format: Option<FlatFormat>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum FlatFormat {
    Csv,
    Parquet,
}

#[derive(Args)]
pub struct CacheImportArgs {
    /// A run, a cache, or a file that `fecund cache export` wrote
    #[arg(value_name = "FILE|DIR|RUN")]
    pub from: PathBuf,
    /// Whose cache takes them; a folder that is not there becomes a new cache
    #[arg(long, value_name = "RUN|DIR")]
    pub into: PathBuf,
    /// Leave out what is refused, and take the rest
    #[arg(long)]
    pub skip_refused: bool,
    #[arg(long, value_enum, default_value = "table")]
    pub format: Format,
}

#[derive(Args)]
pub struct RebuildArgs {
    /// Folder of a run, or of a cache
    #[arg(value_name = "RUN|DIR")]
    pub run: PathBuf,
    #[arg(long, value_enum, default_value = "table")]
    pub format: Format,
}

#[derive(Args)]
pub struct GcArgs {
    /// Folder of a run, or of a cache
    #[arg(value_name = "RUN|DIR")]
    pub run: PathBuf,
    /// Only say what would go
    #[arg(long)]
    pub dry_run: bool,
    #[arg(long, value_enum, default_value = "table")]
    pub format: Format,
}
