//! Every command and option, with its help.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use evaluator::Limits;
use evaluator::replay::Cost;
use evaluator::sequence::DeviceChoice;
use tasks::{Metric, Validation};

pub use super::ask_args::*;
pub use super::cache_args::*;
use super::count::CountArgs;
use super::domains;
use super::failure::{Failure, Outcome};
use super::goals::ConstraintArgs;
use super::history::HistoryArgs;
use super::keeper::Keep;
use crate::Options;

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
    /// Print the known spaces, blocks or strategies
    #[command(after_help = "Example: fecund list blocks --format json")]
    List(ListArgs),
    /// Identities of candidates given as JSON, one a line
    #[command(
        after_help = "Example: echo '{\"layers\": [{\"token\": {\"kind\": \"gru\"}}]}' | fecund hash --space sequence -"
    )]
    Hash(HashArgs),
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    Table,
    Json,
    Csv,
}

#[derive(Args)]
pub struct SearchArgs {
    /// What is searched; see `fecund list spaces`
    #[arg(long, value_name = "NAME", default_value = "sequence", value_parser = domains::names_of_searched())]
    pub space: String,
    /// sequence: a .ts file (X_TRAIN.ts takes X_TEST.ts beside it as the test part), or a folder with one such pair.
    /// Else: a published table, .csv or .csv.gz
    #[arg(long, value_name = "PATH", required_unless_present = "config")]
    pub data: Option<PathBuf>,
    /// A study file, that of a run (RUN/study.toml) or one of your own (docs/study-file.md), with the settings of the new
    /// run; besides it only --out, --seed, --jobs, budgets, --cache and --no-cache are taken
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    #[command(flatten)]
    pub budget: BudgetArgs,
    /// Evaluations at once; each training in a process of its own with one thread [default: all cores]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=1024))]
    pub jobs: Option<u64>,
    /// Proposal n sees the trials up to n − N; more keeps more workers busy, less learns sooner. Four a worker do
    #[arg(long, value_name = "N", default_value = "8", value_parser = clap::value_parser!(u64).range(1..))]
    pub window: u64,
    /// Of everything random in the search [default: 0]
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// Folder of the run; must not exist [default: runs/SPACE-DATA-SEED]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// A cache that several runs share, one after the other [default: one of the run's own]
    #[arg(long, value_name = "DIR", conflicts_with = "no_cache")]
    pub cache: Option<PathBuf>,
    /// Evaluate every proposal, known or not
    #[arg(long)]
    pub no_cache: bool,
    #[command(flatten)]
    pub reuse: ReuseArgs,
    /// Who proposes; see `fecund list strategies`
    #[arg(long, default_value = "evolution", value_name = "S")]
    pub strategy: String,
    /// Another strategy that gets the same budget afterwards, in a run of its own (OUT/baseline), to compare with: random
    #[arg(long, value_name = "S")]
    pub baseline: Option<String>,
    /// Candidates as JSON, one a line, that are proposed first
    #[arg(long, value_name = "FILE")]
    pub enqueue: Option<PathBuf>,
    #[command(flatten)]
    pub options: StrategyArgs,
    #[command(flatten)]
    pub constraints: ConstraintArgs,
    #[command(flatten)]
    pub sequence: SequenceArgs,
    #[command(flatten)]
    pub replay: ReplayArgs,
}

/// How far known verdicts are trusted.
#[derive(Args)]
pub struct ReuseArgs {
    /// Evaluations that a function gets, each under a seed of its own, before it is answered without one; their mean
    /// is its score. For noisy objectives
    #[arg(long, value_name = "N", default_value = "1", conflicts_with = "no_cache",
        value_parser = clap::value_parser!(u64).range(1..=1000))]
    pub evaluations_per_key: u64,
    /// Share of the answers from the cache that are evaluated anew, in [0, 1], so that a lucky score does not stay
    #[arg(long, value_name = "P", default_value = "0", conflicts_with = "no_cache", value_parser = share)]
    pub forget: f64,
    /// Share of the answers that are checked by an evaluation which the search does not see, in [0, 1]; see `fecund
    /// cache stats`
    #[arg(long, value_name = "P", default_value = "0", conflicts_with = "no_cache", value_parser = share)]
    pub audit: f64,
}

/// Options of strategies, each of which heeds its own.
#[derive(Args)]
#[command(next_help_heading = "Options of strategies (`fecund list strategies` says of which)")]
pub struct StrategyArgs {
    /// Samples to begin with, and most trials that may have children at one time [default: 16]
    #[arg(long, value_name = "N", value_parser = size)]
    pub population: Option<NonZeroUsize>,
    /// Members drawn for each tournament, the best of which has a child [default: 4]
    #[arg(long, value_name = "N", value_parser = size)]
    pub tournament: Option<NonZeroUsize>,
    /// Share of the children that are made of two parents, in [0, 1] [default: 0]
    #[arg(long, value_name = "P", value_parser = share)]
    pub crossover: Option<f64>,
    /// Neighbors in a row that are no better, before a climb begins afresh [default: 32]
    #[arg(long, value_name = "N", value_parser = size)]
    pub patience: Option<NonZeroUsize>,
    /// Scores, costs or measures, separated by commas, that should be low and are weighed against the objective [default of
    /// sequence: parameters]
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    pub against: Vec<String>,
    /// How often a proposal is drawn again that computes what a parent of it computes [default: 0]
    #[arg(long, value_name = "N")]
    pub redraws: Option<usize>,
    /// Trials of one function, beyond which it is drawn again as well [default: any number]
    #[arg(long, value_name = "N", requires = "redraws")]
    pub most_visits: Option<NonZeroUsize>,
}

/// Options of the space `sequence`.
#[derive(Args)]
#[command(next_help_heading = "Options of --space sequence")]
pub struct SequenceArgs {
    /// The test part, read by `fecund test` only
    #[arg(long, value_name = "PATH")]
    pub test: Option<PathBuf>,
    /// What is predicted; a .ts file has one target, `class`
    #[arg(long, value_name = "NAME")]
    pub target: Option<String>,
    /// accuracy, balanced_accuracy, macro_f1 or log_loss [default: accuracy]
    #[arg(long, value_name = "M")]
    pub metric: Option<Metric>,
    /// A share of the training part, or kfold:K [default: kfold:5 under 500 cases, else 0.2]
    #[arg(long, value_name = "V")]
    pub validation: Option<Validation>,
    /// Largest number of passes over the training part in one evaluation
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub epochs: Option<u64>,
    /// Epochs at which candidates are compared, the lowest first: the best of each go on at the next (asynchronous
    /// successive halving), as in epochs=1,3,9,27 [default: all epochs at once]
    #[arg(long, value_name = "epochs=LIST", value_parser = fidelities, conflicts_with = "epochs")]
    pub fidelity: Option<Fidelities>,
    /// Where training runs: cpu, cuda or auto [default: cpu]
    #[arg(long, value_name = "D")]
    pub device: Option<DeviceChoice>,
    /// Blocks that may be used, separated by commas; see `fecund list blocks` [default: all]
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    pub blocks: Vec<String>,
    /// Most layers, repetitions counted [default: 8]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=64))]
    pub max_depth: Option<u64>,
    /// Weights and checkpoints are kept of so many of the best functions at each fidelity [default: 20]
    #[arg(long, value_name = "K")]
    pub keep: Option<usize>,
    /// Most of them together, in MiB [default: 4096]
    #[arg(long, value_name = "MIB")]
    pub keep_mib: Option<u64>,
    /// Most seconds for one evaluation [default: none]
    #[arg(long, value_name = "S", value_parser = positive)]
    pub max_seconds_per_trial: Option<f64>,
    /// Most resident memory of one evaluation, in MiB [default: none]
    #[arg(long, value_name = "MIB", value_parser = clap::value_parser!(u64).range(1..))]
    pub max_memory_per_trial: Option<u64>,
}

/// Options of spaces whose verdicts are in published tables.
#[derive(Args)]
#[command(next_help_heading = "Options of spaces with published tables")]
pub struct ReplayArgs {
    /// The column that decides; the highest number is the best
    #[arg(long, value_name = "COLUMN")]
    pub objective: Option<String>,
    /// The lowest number is the best
    #[arg(long)]
    pub minimize: bool,
    /// What an evaluation would have cost, in seconds: a column, perhaps times a factor, as in 'flops*1e-6'
    #[arg(long, value_name = "COLUMN[*FACTOR]")]
    pub cost: Option<Cost>,
}

impl SearchArgs {
    /// What is required where there is no study file.
    pub fn data(&self) -> Result<&Path, Failure> {
        self.data.as_deref().ok_or_else(|| Failure::usage("--data is missing"))
    }

    /// Options that were given and do not apply to this space.
    pub fn refuse(&self, given: &[&str]) -> Outcome {
        match given {
            [] => Ok(()),
            [one] => Err(Failure::usage(format!("{one} does not apply to --space {}", self.space))),
            many => {
                Err(Failure::usage(format!("{} do not apply to --space {}", many.join(", "), self.space)))
            }
        }
    }
}

impl StrategyArgs {
    /// Which of these options were given.
    pub fn given(&self) -> Vec<&'static str> {
        let Self { population, tournament, crossover, patience, against, redraws, most_visits } = self;
        only_given(&[
            ("--population", population.is_some()),
            ("--tournament", tournament.is_some()),
            ("--crossover", crossover.is_some()),
            ("--patience", patience.is_some()),
            ("--against", !against.is_empty()),
            ("--redraws", redraws.is_some()),
            ("--most-visits", most_visits.is_some()),
        ])
    }

    /// What was given, and the defaults.
    pub fn options(&self) -> Options {
        let default = Options::default();
        Options {
            population: self.population.unwrap_or(default.population),
            tournament: self.tournament.unwrap_or(default.tournament),
            crossover: self.crossover.unwrap_or(default.crossover),
            patience: self.patience.unwrap_or(default.patience),
            against: self.against.clone(),
            redraws: self.redraws.unwrap_or(default.redraws),
            most_visits: self.most_visits,
        }
    }
}

impl SequenceArgs {
    /// Which of these options were given.
    pub fn given(&self) -> Vec<&'static str> {
        let Self { test, target, metric, validation, epochs, fidelity, device, blocks, max_depth, .. } = self;
        let Self { max_seconds_per_trial, max_memory_per_trial, keep, keep_mib, .. } = self;
        only_given(&[
            ("--test", test.is_some()),
            ("--target", target.is_some()),
            ("--metric", metric.is_some()),
            ("--validation", validation.is_some()),
            ("--epochs", epochs.is_some()),
            ("--fidelity", fidelity.is_some()),
            ("--device", device.is_some()),
            ("--blocks", !blocks.is_empty()),
            ("--max-depth", max_depth.is_some()),
            ("--keep", keep.is_some()),
            ("--keep-mib", keep_mib.is_some()),
            ("--max-seconds-per-trial", max_seconds_per_trial.is_some()),
            ("--max-memory-per-trial", max_memory_per_trial.is_some()),
        ])
    }

    pub fn keep(&self) -> Keep {
        let default = Keep::default();
        Keep { best: self.keep.unwrap_or(default.best), mib: self.keep_mib.unwrap_or(default.mib) }
    }

    pub fn limits(&self) -> Limits {
        Limits { seconds: self.max_seconds_per_trial, memory: self.max_memory_per_trial.map(|mib| mib << 20) }
    }
}

impl ReplayArgs {
    /// Which of these options were given.
    pub fn given(&self) -> Vec<&'static str> {
        let Self { objective, minimize, cost } = self;
        only_given(&[
            ("--objective", objective.is_some()),
            ("--minimize", *minimize),
            ("--cost", cost.is_some()),
        ])
    }
}

fn only_given(options: &[(&'static str, bool)]) -> Vec<&'static str> {
    options.iter().filter(|(_, given)| *given).map(|(name, _)| *name).collect()
}

#[derive(Args, Clone, Copy)]
pub struct BudgetArgs {
    /// Most proposals
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub trials: Option<u64>,
    /// Most evaluations really made
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub trainings: Option<u64>,
    /// Most time for searching, summed over resumes: 90s, 10m, 2h
    #[arg(long, value_name = "T", value_parser = duration)]
    pub time: Option<Duration>,
    /// Most processor time of the search and its workers, summed over resumes: 90s, 10m, 2h; of a replay with --cost,
    /// most simulated seconds of the evaluations really made
    #[arg(long, value_name = "T", value_parser = duration)]
    pub cpu_time: Option<Duration>,
}

#[derive(Args)]
pub struct ResumeArgs {
    #[arg(value_name = "RUN")]
    pub run: PathBuf,
    /// A study file with other settings [default: RUN/study.toml, as it is now]; what makes another run is refused
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    #[command(flatten)]
    pub budget: BudgetArgs,
    /// Evaluations at once [default: as before]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=1024))]
    pub jobs: Option<u64>,
}

#[derive(Args)]
pub struct LeaderboardArgs {
    #[arg(value_name = "RUN")]
    pub run: PathBuf,
    /// Rows
    #[arg(long, value_name = "K", default_value = "10")]
    pub top: usize,
    /// Scores, costs or measures that should be low: show only what no other trial beats in all of them and in the
    /// objective
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    pub against: Vec<String>,
    /// Against all that the task can weigh: costs, what was measured, seconds of training
    #[arg(long)]
    pub pareto: bool,
    #[arg(long, value_enum, default_value = "table")]
    pub format: Format,
}

#[derive(Args)]
pub struct TestArgs {
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
    Blocks,
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

/// `epochs=1,3,9,27`: whole numbers that rise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fidelities(pub Vec<u64>);

pub(super) fn fidelities(text: &str) -> Result<Fidelities, String> {
    let list = text.strip_prefix("epochs=").unwrap_or_default();
    let numbers = list.split(',').map(|number| number.trim().parse().ok()).collect::<Option<Vec<u64>>>();
    let rises = |numbers: &Vec<u64>| numbers[0] > 0 && numbers.windows(2).all(|pair| pair[0] < pair[1]);
    let numbers = numbers.filter(|numbers| numbers.len() > 1 && rises(numbers));
    numbers.map(Fidelities).ok_or_else(|| "give numbers of epochs that rise, as in epochs=1,3,9,27".into())
}

/// `90s`, `10m`, `2h`, or seconds.
fn duration(text: &str) -> Result<Duration, String> {
    let (number, unit) = match text.char_indices().last() {
        Some((at, 's')) => (&text[..at], 1.0),
        Some((at, 'm')) => (&text[..at], 60.0),
        Some((at, 'h')) => (&text[..at], 3600.0),
        _ => (text, 1.0),
    };
    let seconds = unit * positive(number).map_err(|_| "give a time such as 90s, 10m or 2h".to_string())?;
    Duration::try_from_secs_f64(seconds).map_err(|_| "that is longer than any search".to_string())
}

/// Most members of a population or a tournament: more would take longer than what they are drawn for.
const MOST_MEMBERS: usize = 1_000_000;

fn size(text: &str) -> Result<NonZeroUsize, String> {
    let size = text.parse::<NonZeroUsize>().ok().filter(|size| size.get() <= MOST_MEMBERS);
    size.ok_or_else(|| format!("give a whole number from 1 to {MOST_MEMBERS}"))
}

fn share(text: &str) -> Result<f64, String> {
    let number = text.parse::<f64>().ok().filter(|number| (0.0..=1.0).contains(number));
    number.ok_or_else(|| "give a share from 0 to 1".into())
}

pub fn positive(text: &str) -> Result<f64, String> {
    let number = text.parse::<f64>().ok().filter(|number| number.is_finite() && *number > 0.0);
    number.ok_or_else(|| "give a number above zero".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_units() {
        let seconds = |text| duration(text).map(|time| time.as_secs_f64());
        assert_eq!(seconds("90s"), Ok(90.0));
        assert_eq!(seconds("1.5m"), Ok(90.0));
        assert_eq!(seconds("2h"), Ok(7200.0));
        assert_eq!(seconds("7"), Ok(7.0));
        for bad in ["", "0", "0s", "-1m", "m", "1d", "nan", "inf", "1e300h", "5µ"] {
            assert!(seconds(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn fidelities_are_epochs_that_rise() {
        assert_eq!(fidelities("epochs=1,3, 9"), Ok(Fidelities(vec![1, 3, 9])));
        for bad in ["", "1,3", "epochs=", "epochs=3", "epochs=3,1", "epochs=0,3", "epochs=1,1", "epochs=1,x"]
        {
            assert!(fidelities(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_command_line_is_consistent() {
        use clap::CommandFactory;
        Cli::command().debug_assert();
    }
}
