//! What the command line asks of a space that can be searched.

use evaluator::{Evaluator, Limits};
use hashing::Fidelity;
use serde::Serialize;
use serde::de::DeserializeOwned;
use spaces::Space;

use super::args::{ExportArgs, SearchArgs};
use super::failure::{Failure, Outcome};
use super::run_folder::RunFolder;
use crate::{Objective, Study};

/// A candidate of a domain.
pub type Candidate<D> = <<D as Domain>::Space as Space>::Candidate;

/// A space together with what judges its candidates. The value is plain data: the `task` of `study.toml`. Every
/// command on runs is written once, for any of these; `domains` lists them.
pub trait Domain: Clone + Serialize + DeserializeOwned + Send + Sync + 'static {
    type Space: Space + Default + 'static;
    type Evaluator: Evaluator<Candidate<Self>> + 'static;

    /// What has become of a candidate that was evaluated, in a word. Default: `evaluated`.
    const EVALUATED: &'static str = "evaluated";
    /// The command that a finished search leads to. Default: `export`.
    const NEXT: &'static str = "export";

    /// The task that these options describe; one that does not apply is an error. Reads the data, makes nothing.
    fn of(args: &SearchArgs) -> Result<Self, Failure>;

    fn space(&self) -> Result<Self::Space, Failure>;

    fn objective(&self) -> Objective;

    /// What should be low besides, unless the command line says: for strategies that weigh several goals. Default:
    /// nothing.
    fn against(&self) -> Vec<String> {
        Vec::new()
    }

    /// Starts what judges the candidates, `jobs` at once, and settles what the options left open.
    fn open(&mut self, jobs: usize, limits: Limits) -> Result<Self::Evaluator, Failure>;

    /// The task in a line, for the beginning of a search.
    fn describe(&self, evaluator: &Self::Evaluator, jobs: usize) -> String;

    /// Scores and costs that the leaderboard shows, in this order.
    fn columns(&self) -> Vec<String>;

    /// A canonical form in a few words.
    fn summary(&self, canonical: &Candidate<Self>) -> String;

    /// Writes a trial of a run into a folder of its own.
    fn export(folder: RunFolder<Self>, args: &ExportArgs) -> Outcome;

    /// With whatever else a study of this space can be told. Default: nothing.
    fn completed(study: Study<Self::Space>) -> Study<Self::Space> {
        study
    }

    /// The data must be what they were when the run began. Default: [`Domain::open`] sees to it.
    fn check_data(&self) -> Outcome {
        Ok(())
    }

    /// The largest. Default: 1, the only one.
    fn fidelity(&self) -> Fidelity {
        Fidelity(1)
    }

    /// Below the largest, the lowest first. Default: none.
    fn lower_fidelities(&self) -> Vec<Fidelity> {
        Vec::new()
    }

    /// Whether the seconds of evaluations are told by the evaluator and not by the clock. Default: they are not.
    fn simulated(&self) -> bool {
        false
    }
}

/// Refuses what cannot be weighed against the objective of a task.
pub fn check_against<D: Domain>(task: &D, names: &[String]) -> Outcome {
    let known = weighable(task);
    match names.iter().find(|name| !known.contains(name)) {
        Some(unknown) => {
            let known = known.join(", ");
            Err(Failure::usage(format!("--against `{unknown}` cannot be weighed here; known: {known}")))
        }
        None => Ok(()),
    }
}

/// Scores and costs that the objective does not name.
pub fn weighable<D: Domain>(task: &D) -> Vec<String> {
    let objective = task.objective();
    task.columns().into_iter().filter(|name| !objective.names(name)).collect()
}
