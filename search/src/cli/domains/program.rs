//! Programs that learn, through the study engine: every trial is written, known for good, and can be looked into. `fecund
//! discover` searches the same space faster, and writes no trials.

use evaluator::Limits;
use evaluator::program::{FITNESS, INSTRUCTIONS, LabelledTable, Learn, ProgramTask, Programs};
use serde::{Deserialize, Serialize};
use serde_json::json;
use spaces::program::{Program, ProgramSpace};
use tasks::Part;

use crate::Objective;
use crate::cli::args::{ExportArgs, SearchArgs};
use crate::cli::discover::files;
use crate::cli::domain::Domain;
use crate::cli::export::publish;
use crate::cli::failure::{Failure, Outcome};
use crate::cli::plain::counted;
use crate::cli::run_folder::RunFolder;

/// What programs are asked to learn.
#[derive(Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ProgramDomain {
    task: ProgramTask,
}

impl Domain for ProgramDomain {
    type Space = ProgramSpace;
    type Evaluator = Programs;

    fn of(args: &SearchArgs) -> Result<Self, Failure> {
        args.refuse(&[args.replay.given(), args.table.given()].concat())?;
        let known = ["--task", "--target", "--epochs"];
        let others: Vec<_> =
            args.sequence.given().into_iter().filter(|option| !known.contains(option)).collect();
        args.refuse(&others)?;
        let given = &args.sequence;
        let data = match (args.data.as_deref(), given.target.as_deref()) {
            (Some(file), Some(target)) => Some((file, target)),
            (None, None) => None,
            _ => {
                return Err(Failure::usage("--data FILE and --target COLUMN go together in --space program"));
            }
        };
        let default = if data.is_some() { Learn::Classes } else { Learn::Linear };
        let learn = given.task.as_deref().map_or(Ok(default), learn)?;
        if data.is_some() != (learn == Learn::Classes) {
            return Err(Failure::usage("--data and --target go with --task classes, and that with them"));
        }
        let task = args.program.task(learn, data)?;
        let epochs = given.epochs.map_or(task.epochs, |epochs| epochs as usize);
        let task = ProgramTask { seed: args.study.seed.unwrap_or(task.seed), epochs, ..task };
        // What cannot be made is told before anything is.
        task.judge(Part::Search).map_err(|error| Failure::usage(error.to_string()))?;
        Ok(Self { task })
    }

    fn space(&self) -> Result<ProgramSpace, Failure> {
        Ok(self.task.space())
    }

    fn objective(&self) -> Objective {
        Objective::new(FITNESS, true)
    }

    fn against(&self) -> Vec<String> {
        vec![INSTRUCTIONS.into()]
    }

    fn goals(&self) -> Vec<String> {
        self.against()
    }

    fn open(&mut self, _: usize, _: Limits) -> Result<Programs, Failure> {
        Programs::new(self.task.clone()).map_err(|error| Failure::failed(error.to_string()))
    }

    fn describe(&self, _: &Programs, jobs: usize) -> String {
        let ProgramTask { learn, table, tasks, features, .. } = &self.task;
        let of = table.as_ref().map_or(String::new(), |LabelledTable { file, target, .. }| {
            format!(" of `{target}` in {}", file.display())
        });
        let (name, tasks) = (learn.name(), counted(*tasks, "task"));
        format!("{tasks}: {name}{of}, {features} features; {}", counted(jobs, "job"))
    }

    fn columns(&self) -> Vec<String> {
        vec![FITNESS.into(), INSTRUCTIONS.into()]
    }

    /// `predict` and `learn`, a line each being too much.
    fn summary(&self, canonical: &Program) -> String {
        let lines = |instructions: &[spaces::program::Instruction]| {
            instructions.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
        };
        format!("predict: {} | learn: {}", lines(&canonical.predict), lines(&canonical.learn))
    }

    fn export(folder: RunFolder<Self>, args: &ExportArgs) -> Outcome {
        if args.which.refit {
            return Err(Failure::usage(
                "--refit does not apply to a run over program: programs learn when they are run",
            ));
        }
        let (settings, trial) = (&folder.settings, folder.choose(args.which.trial)?);
        let task = &settings.task.task;
        let mut fresh = task.judge(Part::Final).map_err(|error| Failure::failed(error.to_string()))?;
        let program = spaces::program::canonicalize(&trial.candidate);
        let report = json!({"space": settings.space, "run": folder.path, "trial": trial.number,
            "fingerprint": trial.identity.fingerprint, "key": trial.key, "verdict": trial.verdict,
            "fresh": fresh.judge(&program), "command": settings.command});
        let report = ("report.json", format!("{report:#}\n"));
        let files: Vec<_> =
            files(&program).into_iter().chain([report]).map(|(name, text)| (name.into(), text)).collect();
        publish(&args.to, &files, |_| Ok(()))
    }
}

fn learn(name: &str) -> Result<Learn, Failure> {
    let known = || Learn::ALL.map(Learn::name).join(", ");
    let found = Learn::ALL.into_iter().find(|learn| learn.name() == name);
    found.ok_or_else(|| Failure::usage(format!("no task `{name}` in --space program; known: {}", known())))
}
