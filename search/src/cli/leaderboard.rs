//! `fecund leaderboard`: the best functions by validation, one row each.

use serde_json::Value;
use spaces::Space;

use super::args::LeaderboardArgs;
use super::failure::Outcome;
use super::run_folder::RunFolder;
use super::table::Table;

pub fn leaderboard(args: &LeaderboardArgs) -> Outcome {
    let folder = RunFolder::open(&args.run)?;
    let (objective, trials) = (folder.settings.objective(), folder.trials()?);
    let best = objective.best(&trials, args.top);
    if best.is_empty() {
        return Err(folder.nothing_scored());
    }
    let space = folder.settings.space()?;
    let metrics: Vec<&'static str> = folder.settings.metrics();
    let columns =
        [&["rank", "trial"], &metrics[..], &["parameters", "multiply_adds", "seconds", "model"]].concat();
    let mut table = Table::new(&columns);
    for (rank, trial) in best.into_iter().enumerate() {
        let score = |metric: &&str| trial.verdict.score(metric).map_or(Value::Null, Value::from);
        let cost = |name| trial.costs.get(name).map_or(Value::Null, |cost| Value::from(*cost as u64));
        let mut row = vec![(rank + 1).into(), trial.number.into()];
        row.extend(metrics.iter().map(score));
        row.extend([
            cost("parameters"),
            cost("multiply_adds"),
            (trial.times.evaluation + trial.times.saved).into(),
        ]);
        row.push(space.canonicalize(&trial.candidate).summary().into());
        table.row(row);
    }
    table.print(args.format)
}
