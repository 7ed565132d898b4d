//! `--baseline`: another strategy with the same budget, in a run of its own inside the first.

use std::fs;

use super::domain::{Candidate, Domain};
use super::drive::{Driven, Invocation, drive_one};
use super::failure::{Failure, Outcome};
use super::run_folder::RunFolder;
use super::search::{study_name, weighed_against};
use super::settings::{Budget, Settings, listed_strategy};
use super::signals::Signals;
use super::table::Table;
use crate::{Objective, Statistics, Stop, Trial, processor};

/// Folder of the baseline in that of its run.
const FOLDER: &str = "baseline";

/// Refuses a baseline that cannot be had.
pub fn check<D: Domain>(settings: &Settings<D>) -> Outcome {
    let Some(baseline) = &settings.baseline else { return Ok(()) };
    if *baseline == settings.strategy {
        return Err(Failure::usage(format!(
            "--baseline {baseline} would make the trials of --strategy {baseline}"
        )));
    }
    strategy(settings, baseline).map(drop)
}

/// The settings of a run under another strategy.
fn strategy<D: Domain>(settings: &Settings<D>, name: &str) -> Result<Settings<D>, Failure> {
    let mut settings = Settings { strategy: name.into(), ..settings.clone() };
    if listed_strategy::<D::Space>(name)?.options.contains(&"against") {
        settings.options.against = weighed_against(name, &settings.options.against, &settings.task)?;
    }
    Ok(settings)
}

/// Runs the baseline of a run that has come to its end, from wherever it stands, and shows both.
pub fn drive<D: Domain>(run: &Driven<D>, signals: &Signals) -> Outcome {
    let Some(name) = &run.folder.settings.baseline else { return Ok(()) };
    if run.stop == Stop::Interrupted {
        return Ok(());
    }
    let (own_began, processor_began) = (processor::own(), processor::own_and_children());
    let mut folder = open(run, name)?;
    let Settings { jobs, limits, .. } = folder.settings;
    let evaluator = folder.settings.task.open(jobs, limits)?;
    say!("fecund: baseline: the same budget for --strategy {name}, in {}", folder.path.display());
    let resumed = &run.folder.path;
    let baseline =
        drive_one(folder, evaluator, &Invocation { signals, resumed, own_began, processor_began })?;
    compare(&run.folder, &run.trials, &baseline.trials)
}

/// Its settings are those of the run, but for the strategy, the cache and the name.
fn open<D: Domain>(run: &Driven<D>, name: &str) -> Result<RunFolder<D>, Failure> {
    let path = run.folder.path.join(FOLDER);
    let (budget, study) = (budget(run), study_name(&path));
    let of_run = strategy(&run.folder.settings, name)?;
    let settings = Settings { study, baseline: None, cache: None, warm: 0, budget, ..of_run };
    if path.join("study.toml").exists() {
        let mut folder = RunFolder::<D>::open(&path)?;
        let Settings { study, warm, .. } = folder.made()?;
        folder.settings = Settings { study, warm, ..settings };
        return Ok(folder);
    }
    // What has no settings has not begun.
    if path.exists() {
        fs::remove_dir_all(&path).map_err(|error| Failure::file("remove", &path, &error))?;
    }
    RunFolder::create(&path, settings)
}

/// What the run was given; where something else ended it, as many evaluations as it made.
fn budget<D: Domain>(run: &Driven<D>) -> Budget {
    let given = run.folder.settings.budget;
    match run.stop {
        Stop::Exhausted(_) | Stop::Converged(_) | Stop::RuledOut(..) => {
            Budget { trainings: Some(Statistics::of(&run.trials).trained), ..given }
        }
        _ => given,
    }
}

/// A run beside its baseline, if that has begun.
pub fn show<D: Domain>(run: &RunFolder<D>, trials: &[Trial<Candidate<D>>]) -> Outcome {
    let path = run.path.join(FOLDER);
    if run.settings.baseline.is_none() || !path.join("study.toml").exists() {
        return Ok(());
    }
    compare(run, trials, &RunFolder::<D>::open(&path)?.trials()?)
}

/// To stderr: it is beside what was asked for.
fn compare<D: Domain>(
    run: &RunFolder<D>,
    trials: &[Trial<Candidate<D>>],
    baseline: &[Trial<Candidate<D>>],
) -> Outcome {
    let (settings, objective) = (&run.settings, run.settings.task.objective());
    let metric = objective.0.first().map_or("score", |goal| goal.metric.as_str());
    let mut table = Table::new(&["strategy", metric, "trials", "trained", "answered", "seconds"]);
    table.row(row(&settings.strategy, &objective, trials));
    table.row(row(settings.baseline.as_deref().unwrap_or_default(), &objective, baseline));
    say!("{}", table.aligned().trim_end());
    Ok(())
}

fn row<C>(strategy: &str, objective: &Objective, trials: &[Trial<C>]) -> Vec<serde_json::Value> {
    let best = objective.best(trials, 1).first().and_then(|trial| objective.value(&trial.verdict));
    let Statistics { total, trained, evaluation_seconds, .. } = Statistics::of(trials);
    let answered = total.answered();
    vec![
        strategy.into(),
        best.into(),
        total.proposals.into(),
        trained.into(),
        answered.into(),
        evaluation_seconds.into(),
    ]
}
