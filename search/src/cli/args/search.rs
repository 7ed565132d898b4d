//! Options of `fecund search` and `resume`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;

use super::{ProgramArgs, ReplayArgs, SequenceArgs, StudyArgs, TableArgs, duration};
use crate::cli::domains;
use crate::cli::failure::{Failure, Outcome};
use crate::cli::goals::ConstraintArgs;

#[derive(Args)]
pub struct SearchArgs {
    /// What is searched; see `fecund list spaces`
    #[arg(long, value_name = "NAME", default_value = "sequence", value_parser = domains::names_of_searched())]
    pub space: String,
    /// sequence: a .ts file (X_TRAIN.ts takes X_TEST.ts beside it as the test part), a folder with one such pair, or a
    /// .txt file; with --task mad none. mlp: a table as `fecund rank` reads. program: a table with a column of classes
    /// (--target), with --task linear, nonlinear or digits none. Else: a published table, .csv or .csv.gz
    #[arg(long, value_name = "PATH")]
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
    /// Folder of the run; must not exist [default: runs/SPACE-DATA-SEED]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    #[command(flatten)]
    pub study: StudyArgs,
    /// Another strategy that gets the same budget afterwards, in a run of its own (OUT/baseline), to compare with; as in `--baseline random`
    #[arg(long, value_name = "S")]
    pub baseline: Option<String>,
    #[command(flatten)]
    pub constraints: ConstraintArgs,
    #[command(flatten)]
    pub sequence: SequenceArgs,
    #[command(flatten)]
    pub table: TableArgs,
    #[command(flatten)]
    pub replay: ReplayArgs,
    #[command(flatten)]
    pub program: ProgramArgs,
}

#[derive(Args, Clone, Copy)]
pub struct BudgetArgs {
    /// Most proposals, summed over resumes
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub trials: Option<u64>,
    /// Most evaluations really made, summed over resumes [default of a new run without any budget: 60]
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
    /// Folder of a run
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

impl SearchArgs {
    /// What is required where there is no study file.
    pub fn data(&self) -> Result<&Path, Failure> {
        self.data.as_deref().ok_or_else(|| {
            Failure::usage("give --data PATH, or --config FILE with what the run is made with")
        })
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
