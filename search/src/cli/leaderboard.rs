//! `fecund leaderboard`: the best functions by validation, or those that nothing dominates, one row each.

use serde_json::Value;
use spaces::Space;

use super::args::LeaderboardArgs;
use super::baseline;
use super::domain::{Candidate, Domain};
use super::failure::{Failure, Outcome};
use super::goals::{all_goals, check_against, weighable};
use super::run_folder::RunFolder;
use super::settings::Settings;
use super::table::Table;
use crate::pareto::SECONDS;
use crate::{Tradeoff, Trial};

pub fn leaderboard<D: Domain>(args: &LeaderboardArgs) -> Outcome {
    let folder = RunFolder::<D>::open(&args.run)?;
    let trials = folder.trials()?;
    let against = against(&folder, args, &trials)?;
    let board = match against.as_slice() {
        [] => ranked(&folder.settings, &trials, args.top as usize),
        against => front(&folder, against, &trials, args.top as usize)?,
    };
    if board.best.is_empty() && board.out.is_empty() {
        return Err(folder.nothing_scored());
    }
    table(&folder, &board, &against)?.print(args.format)?;
    baseline::show(&folder, &trials)
}

/// What is shown.
struct Board<'a, C> {
    best: Vec<&'a Trial<C>>,
    /// That would be among them if they broke no constraint.
    out: Vec<&'a Trial<C>>,
}

fn against<D: Domain>(
    folder: &RunFolder<D>,
    args: &LeaderboardArgs,
    trials: &[Trial<Candidate<D>>],
) -> Result<Vec<String>, Failure> {
    let task = &folder.settings.task;
    check_against(task, &args.against)?;
    if !args.pareto {
        return Ok(args.against.clone());
    }
    if task.goals().is_empty() && folder.settings.options.against.is_empty() {
        let (space, known) = (&folder.settings.space, weighable(task).join(", "));
        let why = format!("--pareto finds no goals in a run over {space} beside its objective");
        return Err(Failure::usage(format!("{why}; name what should be low with --against: {known}")));
    }
    Ok(all_goals(&folder.settings, trials))
}

/// The best functions; and those that break a constraint, while there is room.
fn ranked<'a, D: Domain>(
    settings: &Settings<D>,
    trials: &'a [Trial<Candidate<D>>],
    top: usize,
) -> Board<'a, Candidate<D>> {
    let objective = settings.task.objective();
    let best = objective.best(trials, top);
    let out = objective.out_of_bounds(trials, top - best.len());
    Board { best, out }
}

/// The best of the front first.
fn front<'a, D: Domain>(
    folder: &RunFolder<D>,
    against: &[String],
    trials: &'a [Trial<Candidate<D>>],
    top: usize,
) -> Result<Board<'a, Candidate<D>>, Failure> {
    let objective = folder.settings.task.objective();
    let mut front = Tradeoff::of(&objective, against).front(trials);
    let lacks = |name: &&String| trials.iter().all(|trial| trial.number(name).is_none());
    if let Some(unknown) = against.iter().find(lacks).filter(|_| front.is_empty()) {
        let run = folder.path.display();
        return Err(Failure::failed(format!("no trial of {run} has `{unknown}`; leave it out of --against")));
    }
    front.sort_by(|a, b| objective.rank(b, a));
    if front.len() > top {
        say!("fecund: {top} of the {} that nothing dominates; all with --top {}", front.len(), front.len());
        front.truncate(top);
    }
    Ok(Board { best: front, out: Vec::new() })
}

fn table<D: Domain>(
    folder: &RunFolder<D>,
    board: &Board<Candidate<D>>,
    against: &[String],
) -> Result<Table, Failure> {
    let task = &folder.settings.task;
    let (space, mut shown) = (task.space()?, task.columns());
    let others = against.iter().filter(|name| !task.columns().contains(name) && *name != SECONDS);
    shown.extend(others.cloned());
    shown.extend(limited(&folder.settings).filter(|name| !against.contains(name)));
    let halved = !task.lower_fidelities().is_empty();
    let bounded = folder.settings.constraints.iter().any(|limit| limit.measured);
    let first = ["rank", "trial"].into_iter().chain(halved.then_some("fidelity"));
    let last = [SECONDS].into_iter().chain(bounded.then_some("breaks")).chain(["model"]);
    let columns = first.chain(shown.iter().map(String::as_str)).chain(last);
    let mut table = Table::new(&columns.collect::<Vec<_>>());
    let ranks = (1..=board.best.len()).map(Value::from).chain(std::iter::repeat(Value::Null));
    for (rank, trial) in ranks.zip(board.best.iter().chain(&board.out)) {
        let mut row = vec![rank, trial.number.into()];
        row.extend(halved.then(|| folder.fidelity(trial).0.into()));
        row.extend(shown.iter().map(|name| cell(trial, name)));
        row.push(trial.number(SECONDS).into());
        row.extend(bounded.then(|| trial.breaks.clone().into()));
        row.push(task.summary(&space.canonicalize(&trial.candidate)).into());
        table.row(row);
    }
    Ok(table)
}

/// Measures that the run limits.
fn limited<D: Domain>(settings: &Settings<D>) -> impl Iterator<Item = String> {
    settings.constraints.iter().filter(|limit| limit.measured).map(|limit| limit.name.clone())
}

/// Costs are whole numbers.
fn cell<C>(trial: &Trial<C>, name: &str) -> Value {
    match (trial.verdict.score(name), trial.costs.get(name)) {
        (None, Some(cost)) => (*cost as u64).into(),
        _ => trial.number(name).into(),
    }
}
