//! What the command line asks of a space that can be searched.

use std::path::{Path, PathBuf};

use evaluator::{Evaluator, Limits};
use hashing::Fidelity;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use spaces::Space;

use super::args::{ExportArgs, SearchArgs};
use super::failure::{Failure, Outcome};
use super::run_folder::RunFolder;
use crate::pareto::SECONDS;
use crate::{Constraint, Objective, Study};

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

    /// The task over the files that a task in a study file names, with every choice at its default: what the file may
    /// leave out. Paths are relative to `folder`. Default: study files are not taken.
    fn of_written(_written: &toml::Table, _folder: &Path) -> Result<Self, Failure> {
        Err(Failure::usage("--config does not apply to this space; give its options on the command line"))
    }

    /// Fields of the task that its data tell. Default: none.
    const FACTS: &'static [&'static str] = &[];

    /// The files that the task names, the data first, under the names of their fields. Default: none.
    fn files(&mut self) -> Vec<(&'static str, &mut PathBuf)> {
        Vec::new()
    }

    fn space(&self) -> Result<Self::Space, Failure>;

    fn objective(&self) -> Objective;

    /// What should be low besides, unless the command line says: for strategies that weigh several goals. Default:
    /// nothing.
    fn against(&self) -> Vec<String> {
        Vec::new()
    }

    /// Costs of a written form that are known before it is evaluated. Default: none.
    fn costs(&self) -> Vec<String> {
        Vec::new()
    }

    /// What is measured of a written form by the clock of this machine. Default: nothing.
    fn measures(&self) -> Vec<String> {
        Vec::new()
    }

    /// Columns that are high in a good candidate, and are not weighed as what should be low. Default: none is known.
    fn high(&self) -> Vec<String> {
        Vec::new()
    }

    /// What is low in a good candidate: what can be weighed besides the columns, and is where all goals are. Default:
    /// costs, measures, and the seconds of the evaluation.
    fn goals(&self) -> Vec<String> {
        [self.costs(), self.measures(), vec![SECONDS.into()]].concat()
    }

    /// What every study of this task limits. Default: nothing.
    fn constraints(&self) -> Vec<Constraint> {
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

    /// Whether children start from what their parents left. Default: they start from nothing.
    fn inherits(&self) -> bool {
        false
    }

    /// Whether the seconds of evaluations are told by the evaluator and not by the clock. Default: they are not.
    fn simulated(&self) -> bool {
        false
    }
}

/// The text of a field of a written task that has no default. `what` it says.
pub fn text_of<'a>(written: &'a toml::Table, field: &str, what: &str) -> Result<&'a str, Failure> {
    let found = field.split('.').try_fold(None::<&toml::Value>, |value, name| {
        let table = value.map_or(Some(written), toml::Value::as_table);
        table.and_then(|table| table.get(name)).map(Some)
    });
    let text = found.flatten().and_then(toml::Value::as_str);
    text.ok_or_else(|| Failure::failed(format!("task.{field}: missing, or not text; it is {what}")))
}

/// A candidate in a few words, whatever it is: the only text in its JSON, or the JSON.
pub fn written(candidate: &impl Serialize) -> String {
    let written = json!(candidate);
    let fields = written.as_object().map(|object| object.values().collect::<Vec<_>>());
    match fields.as_deref() {
        Some([Value::String(text)]) => text.clone(),
        _ => written.to_string(),
    }
}
