//! `fecund leaderboard`: the best functions by validation, one row each.

use std::collections::HashSet;

use serde_json::Value;
use spaces::sequence::Genome;

use super::args::LeaderboardArgs;
use super::failure::{Failure, Outcome};
use super::run_folder::RunFolder;
use super::table::Table;
use crate::{Objective, Trial};

pub fn leaderboard(args: &LeaderboardArgs) -> Outcome {
    let folder = RunFolder::open(&args.run)?;
    let best = best(&folder.settings.objective(), folder.trials()?, args.top);
    if best.is_empty() {
        return Err(Failure::failed(format!("{} has no scored trial yet", args.run.display())));
    }
    let mut table = Table::new(&[
        "rank",
        "trial",
        "accuracy",
        "log_loss",
        "parameters",
        "multiply_adds",
        "seconds",
        "model",
    ]);
    for (rank, trial) in best.iter().enumerate() {
        let score = |metric| trial.verdict.score(metric).map_or(Value::Null, Value::from);
        let cost = |name| trial.costs.get(name).map_or(Value::Null, |cost| Value::from(*cost as u64));
        table.row(vec![
            (rank + 1).into(),
            trial.number.into(),
            score("accuracy"),
            score("log_loss"),
            cost("parameters"),
            cost("multiply_adds"),
            (trial.times.evaluation + trial.times.saved).into(),
            trial.candidate.summary().into(),
        ]);
    }
    table.print(args.format)
}

/// The first trial of each of the best functions, the best first; equals in the order of their numbers.
pub fn best(objective: &Objective, trials: Vec<Trial<Genome>>, top: usize) -> Vec<Trial<Genome>> {
    let mut scored: Vec<_> =
        trials.into_iter().filter(|trial| objective.value(&trial.verdict).is_some()).collect();
    scored.sort_by(|a, b| objective.compare(&b.verdict, &a.verdict).then(a.number.cmp(&b.number)));
    let mut seen = HashSet::new();
    scored.retain(|trial| seen.insert(trial.key));
    scored.truncate(top);
    scored
}
