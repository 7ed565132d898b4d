//! Options of the space `program`, however it is searched.

use std::num::NonZeroUsize;
use std::path::Path;

use clap::{Args, ValueEnum};
use evaluator::program::{Combination, LabelledTable, Learn, ProgramTask, SpaceName};
use tasks::Labelled;

use super::{only_given, size};
use crate::cli::failure::Failure;
use crate::cli::run_folder::absolute;

/// What is asked of programs.
#[derive(Args)]
#[command(next_help_heading = "Options of the space program")]
pub struct ProgramArgs {
    /// Which programs there are [default: linear for the task linear, else wide]
    #[arg(long, value_enum, value_name = "SPACE")]
    pub programs: Option<ProgramsName>,
    /// Numbers of an example: 4, 8, 16 or 32 [default: 4; of classes, 16]
    #[arg(long, value_name = "N", value_parser = features)]
    pub features: Option<usize>,
    /// Tasks that every program has to learn [default: 10]
    #[arg(long, value_name = "N", value_parser = size)]
    pub tasks: Option<NonZeroUsize>,
    /// Examples of a task to learn from, and as many as 100 of them to predict [default: 100; of classes, as many as there
    /// are]
    #[arg(long, value_name = "N", value_parser = size)]
    pub examples: Option<NonZeroUsize>,
    /// What makes one fitness of those at the tasks [default: mean]
    #[arg(long, value_enum, value_name = "C")]
    pub combination: Option<CombinationName>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ProgramsName {
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

/// Sizes that the interpreter is compiled for.
pub const FEATURES: [usize; 4] = [4, 8, 16, 32];

fn features(text: &str) -> Result<usize, String> {
    let given = text.parse().ok().filter(|features| FEATURES.contains(features));
    given.ok_or_else(|| "give 4, 8, 16 or 32".into())
}

impl ProgramArgs {
    /// Which of these options were given.
    pub fn given(&self) -> Vec<&'static str> {
        let Self { programs, features, tasks, examples, combination } = self;
        only_given(&[
            ("--programs", programs.is_some()),
            ("--features", features.is_some()),
            ("--tasks", tasks.is_some()),
            ("--examples", examples.is_some()),
            ("--combination", combination.is_some()),
        ])
    }

    /// The task with what was given. Reads the table, if there is one, and says which of its columns are no numbers.
    pub fn task(&self, learn: Learn, data: Option<(&Path, &str)>) -> Result<ProgramTask, Failure> {
        let table = data.map(|(file, target)| labelled(file, target)).transpose()?;
        let default = ProgramTask::new(learn, table);
        Ok(ProgramTask {
            programs: match self.programs {
                None => default.programs,
                Some(ProgramsName::Linear) => SpaceName::Linear,
                Some(ProgramsName::Wide) => SpaceName::Wide,
            },
            features: self.features.unwrap_or(default.features),
            tasks: self.tasks.map_or(default.tasks, usize::from),
            examples: self.examples.map(usize::from),
            combination: match self.combination {
                Some(CombinationName::Median) => Combination::Median,
                Some(CombinationName::Mean) | None => Combination::Mean,
            },
            ..default
        })
    }
}

fn labelled(file: &Path, target: &str) -> Result<LabelledTable, Failure> {
    let file = absolute(file)?;
    let table = Labelled::read(&file, target)?;
    if !table.left_out.is_empty() {
        say!("fecund: columns that are not numbers are left out: {}", table.left_out.join(", "));
    }
    Ok(LabelledTable { data: table.fingerprint(), target: target.into(), file })
}
