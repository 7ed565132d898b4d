//! `fecund cache stats`: what was reused.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use storage::JournalStore;

use crate::Statistics;
use crate::cli::args::{Format, StatsArgs};
use crate::cli::domain::Domain;
use crate::cli::domains;
use crate::cli::failure::Outcome;
use crate::cli::run_folder::RunFolder;
use crate::cli::table::{Table, print_json};

pub fn stats(args: &StatsArgs) -> Outcome {
    if args.run.join("study.toml").exists() {
        domains::of_run(&args.run).and_then(|runs| (runs.stats)(args))
    } else {
        folder_stats(args)
    }
}

/// The trials of a run know what the cache did for it.
pub fn run_stats<D: Domain>(args: &StatsArgs) -> Outcome {
    let folder = RunFolder::<D>::open(&args.run)?;
    let statistics = Statistics::of(&folder.trials()?);
    let Value::Object(mut fields) = json!(statistics) else { unreachable!("a struct is an object") };
    let operators = fields.remove("by_operator").unwrap_or_default();
    fields.insert("hit_rate".into(), statistics.hit_rate().into());
    fields.insert("speedup".into(), statistics.speedup().into());
    fields.insert("hashing_share".into(), statistics.hashing_share().into());
    fields.insert("bytes".into(), bytes(&folder.cache()).into());
    let shown = [
        "proposals",
        "misses",
        "partial_hits",
        "full_hits",
        "shared",
        "trained",
        "structural",
        "functional",
        "hit_rate",
        "unreadable",
        "invalid",
        "not_in_table",
        "unhashable",
        "evaluation_seconds",
        "saved_seconds",
        "speedup",
        "hashing_seconds",
        "hashing_share",
        "bytes",
    ];
    if args.format == Format::Json {
        fields.insert("by_operator".into(), operators);
        return print_json(&Value::Object(fields));
    }
    let mut table = Table::new(&shown);
    table.row(shown.iter().map(|name| fields.get(*name).cloned().unwrap_or_default()).collect());
    table.print_single(args.format)
}

/// A cache alone knows what it holds.
fn folder_stats(args: &StatsArgs) -> Outcome {
    let (store, _) = JournalStore::read(&args.run)?;
    let (mut evaluations, mut seconds) = (0, 0.0);
    for (_, record) in store.0.entries() {
        evaluations += record.evaluations.len();
        seconds += record.evaluations.iter().map(|evaluation| evaluation.seconds).sum::<f64>();
    }
    let mut table = Table::new(&["entries", "evaluations", "evaluation_seconds", "bytes"]);
    table.row(vec![
        storage::Store::len(&store).into(),
        evaluations.into(),
        seconds.into(),
        bytes(&args.run).into(),
    ]);
    table.print_single(args.format)
}

fn bytes(path: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(path) else { return fs::metadata(path).map_or(0, |file| file.len()) };
    entries.flatten().map(|entry| bytes(&entry.path())).sum()
}
