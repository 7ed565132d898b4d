//! `fecund leaderboard`: the best functions by validation, or those that nothing dominates, one row each.

use serde_json::Value;
use spaces::Space;

use super::args::LeaderboardArgs;
use super::domain::{Domain, check_against};
use super::failure::Outcome;
use super::run_folder::RunFolder;
use super::table::Table;
use crate::{Objective, Tradeoff, Trial};

pub fn leaderboard<D: Domain>(args: &LeaderboardArgs) -> Outcome {
    let folder = RunFolder::<D>::open(&args.run)?;
    let task = &folder.settings.task;
    let trials = folder.trials()?;
    check_against(task, &args.against)?;
    let best = match args.against.as_slice() {
        [] => task.objective().best(&trials, args.top),
        against => front(&task.objective(), against, &trials, args.top),
    };
    if best.is_empty() {
        return Err(folder.nothing_scored());
    }
    let (space, shown) = (task.space()?, task.columns());
    let named = |names: &[&str]| names.iter().map(|name| name.to_string()).collect::<Vec<_>>();
    let halved = !task.lower_fidelities().is_empty();
    let first: &[&str] = if halved { &["rank", "trial", "fidelity"] } else { &["rank", "trial"] };
    let columns = [named(first), shown.clone(), named(&["seconds", "model"])].concat();
    let mut table = Table::new(&columns);
    for (rank, trial) in best.into_iter().enumerate() {
        let cost = |name: &String| trial.costs.get(name).map(|cost| Value::from(*cost as u64));
        let score = |name: &String| trial.verdict.score(name).map(Value::from);
        let mut row = vec![(rank + 1).into(), trial.number.into()];
        row.extend(halved.then(|| folder.fidelity(trial).0.into()));
        row.extend(shown.iter().map(|name| score(name).or_else(|| cost(name)).unwrap_or_default()));
        row.push((trial.times.evaluation + trial.times.saved).into());
        row.push(task.summary(&space.canonicalize(&trial.candidate)).into());
        table.row(row);
    }
    table.print(args.format)
}

/// The best of the front first.
fn front<'a, C>(
    objective: &Objective,
    against: &[String],
    trials: &'a [Trial<C>],
    top: usize,
) -> Vec<&'a Trial<C>> {
    let mut front = Tradeoff::of(objective, against).front(trials);
    front.sort_by(|a, b| objective.rank(b, a));
    front.truncate(top);
    front
}
