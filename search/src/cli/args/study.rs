//! Options of a study, whoever evaluates its candidates.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::Args;

use super::{only_given, share, size};
use crate::Options;

/// What `fecund search` and `fecund create` take alike.
#[derive(Args)]
pub struct StudyArgs {
    /// Proposal n sees the trials up to n − N, so N can be evaluated at once; more keeps more workers busy, less learns
    /// sooner. Four a worker do
    #[arg(long, value_name = "N", default_value = "8", value_parser = clap::value_parser!(u64).range(1..))]
    pub window: u64,
    /// Of everything random in the search [default: 0]
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
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
    /// Candidates as JSON, one a line, that are proposed first
    #[arg(long, value_name = "FILE")]
    pub enqueue: Option<PathBuf>,
    #[command(flatten)]
    pub options: StrategyArgs,
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
