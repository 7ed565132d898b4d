//! Options of the spaces that are searched: `sequence`, and those with published tables.

use std::path::PathBuf;

use clap::Args;
use evaluator::Limits;
use evaluator::replay::Cost;
use evaluator::sequence::DeviceChoice;
use tasks::{Metric, Validation};

use super::{Fidelities, fidelities, only_given, positive};
use crate::cli::keeper::Keep;

/// Options of the spaces whose candidates are trained, `sequence` and `mlp`.
#[derive(Args)]
#[command(next_help_heading = "Options of --space sequence, and of mlp where they say so")]
pub struct SequenceArgs {
    /// What is learned: mad, one of its tasks as in mad/compression, sort, convex-hull, or text; see `fecund list tasks`
    /// [default: text for a .txt file, else a class for each case]. mlp: classification or regression [default: classes,
    /// unless the target is a number with more than 20 values]
    #[arg(long, value_name = "TASK")]
    pub task: Option<String>,
    /// The sizes of the MAD protocol, where mad has small ones for one processor core: 128 channels, 200 epochs
    #[arg(long)]
    pub full: bool,
    /// The test part, read by `fecund test` only. mlp: rows of the same columns [default: --test-share]
    #[arg(long, value_name = "PATH")]
    pub test: Option<PathBuf>,
    /// What is predicted; a .ts file has one target, `class`. mlp: name of the column
    #[arg(long, value_name = "NAME")]
    pub target: Option<String>,
    /// accuracy, balanced_accuracy, macro_f1 or log_loss [default: accuracy]. mlp: also auc, of two classes [default
    /// there]; rmse, mae or r2, of numbers [default: rmse]
    #[arg(long, value_name = "M")]
    pub metric: Option<Metric>,
    /// A share of the training part, or kfold:K [default: kfold:5 under 500 cases, else 0.2]. mlp: the same
    #[arg(long, value_name = "V")]
    pub validation: Option<Validation>,
    /// Most passes over the training part in one evaluation [default: 20]. mlp: the same
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub epochs: Option<u64>,
    /// Epochs at which candidates are compared, the lowest first: the best of each go on at the next (asynchronous
    /// successive halving), as in epochs=1,3,9,27 [default: all epochs at once]. mlp: the same
    #[arg(long, value_name = "epochs=LIST", value_parser = fidelities, conflicts_with = "epochs")]
    pub fidelity: Option<Fidelities>,
    /// Children start from the weights of their parents, which are kept; such trials neither answer for others nor are
    /// answered by them
    #[arg(long, conflicts_with_all = ["keep", "redraws"])]
    pub inherit: bool,
    /// Where training runs: cpu, cuda or auto [default: cpu]. mlp: the same
    #[arg(long, value_name = "D")]
    pub device: Option<DeviceChoice>,
    /// Blocks that may be used, separated by commas; see `fecund list blocks` [default: all]
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    pub blocks: Vec<String>,
    /// Most layers, repetitions counted [default: 8]. mlp: most hidden layers [default: 6]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=64))]
    pub max_depth: Option<u64>,
    /// Channels between layers, separated by commas: multiples of 8 [default: 16, 32 and 64; of mad 64, with --full
    /// 128; of sort and convex-hull 64]. mlp: units of hidden layers [default: 16, 32, 64, 128 and 256]
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    pub widths: Vec<usize>,
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

impl SequenceArgs {
    /// Which of these options were given.
    pub fn given(&self) -> Vec<&'static str> {
        let Self { task, full, device, blocks, max_depth, widths, epochs, fidelity, inherit, .. } = self;
        let Self { max_seconds_per_trial, max_memory_per_trial, keep, keep_mib, .. } = self;
        let of_space = only_given(&[
            ("--task", task.is_some()),
            ("--full", *full),
            ("--epochs", epochs.is_some()),
            ("--fidelity", fidelity.is_some()),
            ("--inherit", *inherit),
            ("--device", device.is_some()),
            ("--blocks", !blocks.is_empty()),
            ("--max-depth", max_depth.is_some()),
            ("--widths", !widths.is_empty()),
            ("--keep", keep.is_some()),
            ("--keep-mib", keep_mib.is_some()),
            ("--max-seconds-per-trial", max_seconds_per_trial.is_some()),
            ("--max-memory-per-trial", max_memory_per_trial.is_some()),
        ]);
        [self.given_of_classes(), of_space].concat()
    }

    /// Those that a space without blocks does not have.
    pub fn given_of_stacks(&self) -> Vec<&'static str> {
        only_given(&[
            ("--full", self.full),
            ("--inherit", self.inherit),
            ("--blocks", !self.blocks.is_empty()),
        ])
    }

    /// Those of cases with a class each.
    pub fn given_of_classes(&self) -> Vec<&'static str> {
        only_given(&[
            ("--test", self.test.is_some()),
            ("--target", self.target.is_some()),
            ("--metric", self.metric.is_some()),
            ("--validation", self.validation.is_some()),
        ])
    }

    pub fn keep(&self) -> Keep {
        let default = Keep::default();
        Keep { best: self.keep.unwrap_or(default.best), mib: self.keep_mib.unwrap_or(default.mib) }
    }

    pub fn limits(&self) -> Limits {
        Limits {
            seconds: self.max_seconds_per_trial,
            memory: self.max_memory_per_trial.map(|mib| mib.saturating_mul(1 << 20)),
        }
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
