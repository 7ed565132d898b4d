//! Any space whose candidates have rows in a published table.

use std::marker::PhantomData;
use std::path::{Path, PathBuf};

use evaluator::Limits;
use evaluator::replay::{Cost, Replay, ReplayTask, Table};
use serde::{Deserialize, Serialize};
use serde_json::json;
use spaces::{Enumerated, Tabulated};
use tasks::DataError;

use crate::cli::args::{ExportArgs, SearchArgs};
use crate::cli::domain::{Domain, text_of, written};
use crate::cli::export::genome;
use crate::cli::failure::{Failure, Outcome};
use crate::cli::plain::counted;
use crate::cli::run_folder::{RunFolder, absolute};
use crate::pareto::SECONDS;
use crate::{Objective, Study};

/// A table, and what is sought in it.
#[derive(Serialize, Deserialize)]
#[serde(transparent, bound = "")]
pub struct ReplayDomain<S> {
    task: ReplayTask,
    #[serde(skip)]
    space: PhantomData<fn() -> S>,
}

impl<S> Clone for ReplayDomain<S> {
    fn clone(&self) -> Self {
        Self { task: self.task.clone(), space: PhantomData }
    }
}

impl<S> Domain for ReplayDomain<S>
where
    S: Enumerated<Candidate: Tabulated> + Default + 'static,
{
    type Space = S;
    type Evaluator = Replay<S>;

    const EVALUATED: &'static str = "looked up";

    fn of(args: &SearchArgs) -> Result<Self, Failure> {
        args.refuse(&[args.sequence.given(), args.table.given(), args.program.given()].concat())?;
        let (given, file) = (&args.replay, absolute(args.data()?)?);
        let Some(objective) = &given.objective else {
            let table = Table::<S::Candidate>::read(&file, &[])?;
            let columns = table.columns().join(", ");
            let message =
                format!("--space {} needs --objective COLUMN; columns of numbers: {columns}", args.space);
            return Err(Failure::usage(message));
        };
        let cost = given.cost.as_ref().map(|cost| cost.column.as_str());
        let asked: Vec<&str> = std::iter::once(objective.as_str()).chain(cost).collect();
        let table = Table::<S::Candidate>::read(&file, &asked).map_err(|error| match error {
            DataError::NoColumn { .. } => Failure::usage(error.to_string()),
            error => error.into(),
        })?;
        let task = ReplayTask::of(&table, objective, !given.minimize, given.cost.clone());
        Ok(Self { task, space: PhantomData })
    }

    fn of_written(written: &toml::Table, folder: &Path) -> Result<Self, Failure> {
        let file = folder.join(text_of(written, "table", "the file of the published table")?);
        let objective = text_of(written, "objective", "the column that decides")?;
        let cost = written.get("cost").cloned().and_then(|cost| cost.try_into::<Cost>().ok());
        let asked = std::iter::once(objective).chain(cost.as_ref().map(|cost| cost.column.as_str()));
        let table = Table::<S::Candidate>::read(&file, &asked.collect::<Vec<_>>())?;
        Ok(Self { task: ReplayTask::of(&table, objective, true, None), space: PhantomData })
    }

    const FACTS: &'static [&'static str] = &["data", "rows", "columns"];

    fn files(&mut self) -> Vec<(&'static str, &mut PathBuf)> {
        vec![("table", &mut self.task.table)]
    }

    fn space(&self) -> Result<S, Failure> {
        Ok(S::default())
    }

    fn objective(&self) -> Objective {
        Objective::new(&self.task.objective, self.task.higher_is_better)
    }

    /// What a look-up takes is nobody's goal.
    fn goals(&self) -> Vec<String> {
        if self.simulated() { vec![SECONDS.into()] } else { Vec::new() }
    }

    fn open(&mut self, _: usize, _: Limits) -> Result<Replay<S>, Failure> {
        let table = Table::read(&self.task.table, &[])?;
        Ok(Replay::new(S::default(), table, self.task.clone())?)
    }

    fn describe(&self, _: &Replay<S>, jobs: usize) -> String {
        let ReplayTask { table, rows, objective, cost, .. } = &self.task;
        let seconds = cost.as_ref().map_or(String::new(), |cost| format!("; seconds simulated: {cost}"));
        format!(
            "{rows} rows of {}; {objective}, {}{seconds}; {}",
            table.display(),
            self.task.direction(),
            counted(jobs, "job")
        )
    }

    /// The one that decides, then the others as the table has them.
    fn columns(&self) -> Vec<String> {
        let others = self.task.columns.iter().filter(|column| **column != self.task.objective);
        std::iter::once(&self.task.objective).chain(others).cloned().collect()
    }

    fn summary(&self, canonical: &S::Candidate) -> String {
        written(canonical)
    }

    fn export(folder: RunFolder<Self>, args: &ExportArgs) -> Outcome {
        let why = "there is nothing to train behind a table that is replayed";
        let table = json!(folder.settings.task.task.table);
        genome(&folder, args, why, ("table", table))
    }

    fn completed(study: Study<S>) -> Study<S> {
        study.with_whole_space()
    }

    fn simulated(&self) -> bool {
        self.task.cost.is_some()
    }
}
