//! `fecund confirm`: the best functions, trained afresh under other seeds. Part of a winner's lead is luck.

use std::collections::BTreeMap;
use std::fs;

use evaluator::Retried;
use hashing::Key;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::args::ConfirmArgs;
use super::bounded;
use super::domain::Candidate;
use super::failure::{Failure, Outcome};
use super::judge::{Judge, Trained};
use super::plain::counted;
use super::sample;
use super::table::Table;
use crate::{Trial, seeds};

/// A fresh training, as it stands in `confirm.jsonl` of the run: what was paid for is not paid for again.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Fresh {
    key: Key,
    /// Number of the seed, from 1.
    seed: u64,
    /// Of the metric that decides; `None` where the training failed.
    score: Option<f64>,
}

pub fn confirm<D: Trained>(args: &ConfirmArgs) -> Outcome {
    let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get());
    let jobs = args.jobs.map_or(cores, |jobs| jobs as usize);
    let judge = Judge::<D>::open(&args.run, jobs)?;
    let (objective, trials) = (judge.folder.settings.task.objective(), judge.folder.trials()?);
    let chosen = objective.best(&trials, args.top as usize);
    if chosen.is_empty() {
        return Err(judge.folder.nothing_scored());
    }
    let mut fresh = known(&judge);
    let forms = chosen.iter().map(|trial| judge.folder.trained_form(trial)).collect::<Result<Vec<_>, _>>()?;
    let missing: Vec<_> = (0..chosen.len())
        .flat_map(|i| (1..=args.seeds).map(move |seed| (i, seed)))
        .filter(|(i, seed)| !fresh.contains_key(&(chosen[*i].key, *seed)))
        .collect();
    say!("fecund: {} under fresh seeds", counted(missing.len(), "training"));
    let pool = rayon::ThreadPoolBuilder::new().num_threads(jobs).build();
    let pool = pool.map_err(|error| Failure::failed(error.to_string()))?;
    let trained: Result<Vec<Fresh>, Failure> = pool
        .install(|| missing.par_iter().map(|&(i, seed)| train(&judge, chosen[i], &forms[i], seed)).collect());
    fresh.extend(trained?.into_iter().map(|fresh| ((fresh.key, fresh.seed), fresh.score)));
    table(&judge, &chosen, &forms, &fresh, args.seeds).print(args.format)
}

/// Fresh trainings of earlier calls.
fn known<D: Trained>(judge: &Judge<D>) -> BTreeMap<(Key, u64), Option<f64>> {
    let text = bounded::read_text(&judge.folder.path.join("confirm.jsonl")).unwrap_or_default();
    let fresh = text.lines().filter_map(|line| serde_json::from_str::<Fresh>(line).ok());
    fresh.map(|fresh| ((fresh.key, fresh.seed), fresh.score)).collect()
}

fn train<D: Trained>(
    judge: &Judge<D>,
    trial: &Trial<Candidate<D>>,
    form: &Candidate<D>,
    seed: u64,
) -> Result<Fresh, Failure> {
    let artifacts = judge.folder.path.join("confirm").join(format!("{}-{seed}", trial.key));
    let (fidelity, fresh_seed) = (judge.folder.fidelity(trial), trial.seed_key().seed(seeds::CONFIRM + seed));
    let outcome = judge.evaluate(&Retried(&judge.evaluator), form, (fidelity, fresh_seed), &artifacts)?;
    // The score is what is wanted; nobody asks for these weights.
    let _ = fs::remove_dir_all(&artifacts);
    let score = judge.folder.settings.task.objective().value(&outcome.verdict);
    let fresh = Fresh { key: trial.key, seed, score };
    judge.folder.append("confirm.jsonl", &json!(fresh))?;
    say!("fecund: trial {} trained with seed {seed}", trial.number);
    Ok(fresh)
}

fn table<D: Trained>(
    judge: &Judge<D>,
    chosen: &[&Trial<Candidate<D>>],
    forms: &[Candidate<D>],
    fresh: &BTreeMap<(Key, u64), Option<f64>>,
    seeds: u64,
) -> Table {
    let objective = judge.folder.settings.task.objective();
    let mut table = Table::new(&[
        "trial",
        "metric",
        "searched",
        "fresh_mean",
        "fresh_deviation",
        "trainings",
        "failed",
        "model",
    ]);
    for (trial, form) in chosen.iter().zip(forms) {
        let scores: Vec<f64> =
            (1..=seeds).filter_map(|seed| fresh.get(&(trial.key, seed)).copied().flatten()).collect();
        table.row(vec![
            trial.number.into(),
            objective.0[0].metric.clone().into(),
            objective.value(&trial.verdict).into(),
            sample::mean(&scores).into(),
            sample::deviation(&scores).into(),
            scores.len().into(),
            (seeds as usize - scores.len()).into(),
            judge.folder.settings.task.summary(form).into(),
        ]);
    }
    table
}
