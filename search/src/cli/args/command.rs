//! The commands.

use clap::{Parser, Subcommand};

use super::{
    AskArgs, CacheCommand, ConfirmArgs, CreateArgs, ExportArgs, HashArgs, LeaderboardArgs, ListArgs,
    PredictArgs, RankArgs, ResumeArgs, SearchArgs, TELL, TellArgs, TestArgs,
};
use crate::cli::count::CountArgs;
use crate::cli::discover::DiscoverArgs;
use crate::cli::history::HistoryArgs;

/// An AutoML search that never trains the same function twice.
#[derive(Parser)]
#[command(name = "fecund", version, about, long_about = None, propagate_version = true, arg_required_else_help = true)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Subcommand)]
pub enum Command {
    /// Search for a model of a data set, or replay a published table
    #[command(
        after_help = "Example: fecund search --space sequence --data data/japanese_vowels --time 4m --out runs/vowels\n\
        Example: fecund search --space nb-macro --data data/nas_bench_macro/nas_bench_macro_cifar10.csv.gz \
        --objective mean_acc --trials 500"
    )]
    Search(Box<SearchArgs>),
    /// Find a learning algorithm from nothing
    #[command(after_help = "Example: fecund discover --task linear --out found")]
    Discover(Box<DiscoverArgs>),
    /// Go on with a run that was interrupted, or give it a larger budget
    #[command(after_help = "Example: fecund resume runs/vowels --trainings 80")]
    Resume(ResumeArgs),
    /// Make a run whose candidates a trainer of your own evaluates, by `fecund ask` and `fecund tell`
    #[command(after_help = "Example: fecund create --space nb-macro --objective accuracy --out runs/mine")]
    Create(Box<CreateArgs>),
    /// What to evaluate next, a JSON object a line; what the cache answers is not asked
    #[command(after_help = "Example: fecund ask runs/mine -n 4")]
    Ask(AskArgs),
    /// What evaluations found, a JSON object a line
    #[command(after_help = TELL)]
    Tell(TellArgs),
    /// The best functions that a run has found, by validation
    #[command(after_help = "Example: fecund leaderboard runs/vowels --top 5 --format csv\n\
        Example: fecund leaderboard runs/vowels --against parameters\n\
        Example: fecund leaderboard runs/vowels --pareto")]
    Leaderboard(LeaderboardArgs),
    /// How a run came to what it has found: its best score, its front, and the volume that this covers
    #[command(after_help = "Example: fecund history runs/vowels --against parameters --format csv")]
    History(HistoryArgs),
    /// Score the best trial, or another one, on the test part
    #[command(after_help = "Example: fecund test runs/vowels --refit")]
    Test(TestArgs),
    /// Train the best functions afresh under other seeds: how much of their lead is luck?
    #[command(after_help = "Example: fecund confirm runs/vowels --top 5 --seeds 3")]
    Confirm(ConfirmArgs),
    /// Predict the classes of the cases in a file
    #[command(after_help = "Example: fecund predict exported new_TEST.ts --format csv")]
    Predict(PredictArgs),
    /// Write a model as PyTorch code, weights, genome and drawing; of a replay, the genome and its scores
    #[command(after_help = "Example: fecund export runs/vowels --refit --to exported")]
    Export(ExportArgs),
    /// Look into a cache, check its answers, carry it elsewhere
    #[command(subcommand, after_help = "Example: fecund cache stats runs/vowels")]
    Cache(CacheCommand),
    /// How many functions a space holds: every candidate, as it is written, on the probe
    #[command(after_help = "Example: fecund count --space cell201 --pooling linear")]
    Count(CountArgs),
    /// Which columns of a table tell about its target, above what chance would show
    #[command(after_help = "Example: fecund rank data/outrank_reference/data.csv.gz --target label")]
    Rank(Box<RankArgs>),
    /// Print the known spaces, blocks or strategies
    #[command(after_help = "Example: fecund list blocks --format json")]
    List(ListArgs),
    /// Identities of candidates given as JSON, one a line
    #[command(
        after_help = "Example: echo '{\"layers\": [{\"token\": {\"kind\": \"gru\"}}]}' | fecund hash --space sequence -"
    )]
    Hash(HashArgs),
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
