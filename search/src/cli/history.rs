//! `fecund history`: how a run came to what it has found, one row whenever that became something else.

use std::path::PathBuf;

use clap::Args;
use serde_json::Value;

use super::args::Format;
use super::domain::Domain;
use super::failure::{Failure, Outcome};
use super::goals::check_against;
use super::run_folder::RunFolder;
use super::settings::Settings;
use super::table::{Table, rounded};
use crate::pareto::Point;
use crate::{History, Moment, Tradeoff, Trial};

#[derive(Args)]
pub struct HistoryArgs {
    /// Folder of a run
    #[arg(value_name = "RUN")]
    pub run: PathBuf,
    /// Scores, costs or measures that should be low and are weighed against the objective [default: those that the
    /// search weighed, or else that its task weighs]
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    pub against: Vec<String>,
    /// A row for every N trials, instead of one for every change
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub every: Option<u64>,
    #[arg(long, value_enum, default_value = "table")]
    pub format: Format,
}

const COLUMNS: [&str; 7] = ["trial", "trained", "seconds", "answered", "best", "front", "hypervolume"];

pub fn history<D: Domain>(args: &HistoryArgs) -> Outcome {
    let folder = RunFolder::<D>::open(&args.run)?;
    let trials = folder.trials()?;
    let objective = folder.settings.task.objective();
    let tradeoff = Tradeoff::of(&objective, &against(&folder.settings, &args.against)?);
    let Some(reference) = worst(&tradeoff, &trials) else {
        return Err(folder.nothing_scored());
    };
    say!(
        "fecund: the hypervolume is that above the worst of all trials: {}",
        described(&tradeoff, &reference)
    );
    let mut history = History::new(&objective, &tradeoff, reference);
    let mut table = Table::new(&COLUMNS);
    let last = trials.len() as u64 - 1;
    for trial in &trials {
        let changed = history.observe(trial);
        let is_shown = args.every.map_or(changed, |every| (trial.number + 1).is_multiple_of(every));
        if is_shown || trial.number == last {
            table.row(row(history.moment()));
        }
    }
    table.print(args.format)
}

fn against<D: Domain>(settings: &Settings<D>, given: &[String]) -> Result<Vec<String>, Failure> {
    check_against(&settings.task, given)?;
    let weighed = [given.to_vec(), settings.options.against.clone()];
    Ok(weighed.into_iter().find(|names| !names.is_empty()).unwrap_or_else(|| settings.task.against()))
}

/// The lowest number of each goal among the points of all trials.
fn worst<C>(tradeoff: &Tradeoff, trials: &[Trial<C>]) -> Option<Point> {
    let lower = |a: Point, b: Point| a.iter().zip(&b).map(|(a, b)| a.min(*b)).collect();
    trials.iter().filter_map(|trial| tradeoff.point(trial)).reduce(lower)
}

fn described(tradeoff: &Tradeoff, reference: &[f64]) -> String {
    let goals = tradeoff.0.iter().zip(reference).map(|(goal, number)| {
        let number = if goal.higher_is_better { *number } else { -number };
        format!("{} {}", goal.metric, rounded(number))
    });
    goals.collect::<Vec<_>>().join(", ")
}

fn row(moment: &Moment) -> Vec<Value> {
    let Moment { trial, trained, seconds, answered, best, front, hypervolume } = *moment;
    vec![
        trial.into(),
        trained.into(),
        seconds.into(),
        answered.into(),
        best.into(),
        front.into(),
        hypervolume.into(),
    ]
}
