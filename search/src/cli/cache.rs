//! `fecund cache …`: what was reused, and why.

use std::fs;
use std::path::Path;

use hashing::{Class, Key, TwoStage};
use serde_json::{Value, json};
use spaces::Space;
use spaces::sequence::{Genome, SequenceSpace};
use storage::JournalStore;

use super::args::{ExplainArgs, RunArgs};
use super::failure::{Failure, Outcome};
use super::hash::identify;
use super::run_folder::RunFolder;
use super::table::{Table, print, print_json};
use crate::{Statistics, Trial};

pub fn stats(args: &RunArgs) -> Outcome {
    if args.run.join("study.toml").exists() { run_stats(args) } else { folder_stats(args) }
}

/// The trials of a run know what the cache did for it.
fn run_stats(args: &RunArgs) -> Outcome {
    let folder = RunFolder::open(&args.run)?;
    let statistics = Statistics::of(&folder.trials()?);
    let Value::Object(mut fields) = json!(statistics) else { unreachable!("a struct is an object") };
    let operators = fields.remove("by_operator").unwrap_or_default();
    let rate = |n: f64, d: f64| if d > 0.0 { n / d } else { 0.0 };
    let hashing =
        rate(statistics.hashing_seconds, statistics.hashing_seconds + statistics.evaluation_seconds);
    fields.insert("hit_rate".into(), statistics.hit_rate().into());
    fields.insert("speedup".into(), statistics.speedup().into());
    fields.insert("hashing_share".into(), hashing.into());
    fields.insert("bytes".into(), bytes(&folder.cache()).into());
    let shown = [
        "proposals",
        "misses",
        "partial_hits",
        "full_hits",
        "shared",
        "structural",
        "functional",
        "hit_rate",
        "unreadable",
        "invalid",
        "unhashable",
        "evaluation_seconds",
        "saved_seconds",
        "speedup",
        "hashing_seconds",
        "hashing_share",
        "bytes",
    ];
    if args.format == super::args::Format::Json {
        fields.insert("by_operator".into(), operators);
        return print_json(&Value::Object(fields));
    }
    let mut table = Table::new(&shown);
    table.row(shown.iter().map(|name| fields.get(*name).cloned().unwrap_or_default()).collect());
    table.print_single(args.format)
}

/// A cache alone knows what it holds.
fn folder_stats(args: &RunArgs) -> Outcome {
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

/// One side of a comparison.
struct Side {
    shown: String,
    canonical: Genome,
    fingerprint: String,
    structural: String,
    class: Class,
    /// Known where the candidate is a trial or a record.
    key: Option<Key>,
}

pub fn explain(args: &ExplainArgs) -> Outcome {
    let folder = RunFolder::open(&args.run)?;
    let trials = folder.trials()?;
    let (a, b) = (side(&folder, &trials, &args.a)?, side(&folder, &trials, &args.b)?);
    let form = |side: &Side| json!(side.canonical);
    let differences = differences(&form(&a), &form(&b), "");
    let conclusion = match (a.structural == b.structural, a.fingerprint == b.fingerprint) {
        (true, _) => "same key: the canonical forms are the same",
        (false, true) => "same key: the canonical forms differ, the responses to the probe do not",
        (false, false) => {
            "different keys: the responses to the probe differ, or a gene that enters by value does"
        }
    };
    if args.format != super::args::Format::Table {
        let object = |side: &Side| {
            json!({"candidate": side.shown, "canonical": form(side), "structural": side.structural,
            "fingerprint": side.fingerprint, "class": side.class, "key": side.key})
        };
        return print_json(
            &json!({"a": object(&a), "b": object(&b), "differences": differences, "conclusion": conclusion}),
        );
    }
    let mut text = String::new();
    for (name, side) in [("A", &a), ("B", &b)] {
        text += &format!("{name}            {}\n", side.shown);
        text += &format!(
            "  canonical  {}\n  structural {}\n  function   {}\n",
            form(side),
            side.structural,
            side.fingerprint
        );
        text += &side.key.map_or(String::new(), |key| format!("  key        {key}\n"));
    }
    for difference in &differences {
        text += &format!("differs      {difference}\n");
    }
    print(&format!("{text}{conclusion}\n"))
}

/// A trial number, the start of a key, or a file with a genome.
fn side(folder: &RunFolder, trials: &[Trial<Genome>], name: &str) -> Result<Side, Failure> {
    let found = match name.parse::<usize>().ok().and_then(|number| trials.get(number)) {
        Some(trial) => Some(trial),
        None if name.len() >= 4 => trials.iter().find(|trial| trial.key.to_string().starts_with(name)),
        None => None,
    };
    let (shown, genome, key) = match found {
        Some(trial) => (format!("trial {}", trial.number), trial.candidate.clone(), Some(trial.key)),
        None if Path::new(name).is_file() => (name.to_string(), read_genome(Path::new(name))?, None),
        None => {
            let message = format!(
                "`{name}` is neither a trial of this run ({} so far), nor the start of a key (4 digits or more), nor a file",
                trials.len()
            );
            return Err(Failure::usage(message));
        }
    };
    let space: SequenceSpace = folder.settings.space()?;
    let identity = identify(&space, &TwoStage::default(), &genome)
        .map_err(|error| Failure::failed(format!("{name}: {error}")))?;
    Ok(Side {
        shown,
        canonical: space.canonicalize(&genome),
        fingerprint: identity.fingerprint.to_string(),
        structural: identity.structural.to_string(),
        class: identity.class,
        key,
    })
}

fn read_genome(path: &Path) -> Result<Genome, Failure> {
    let text = fs::read_to_string(path).map_err(|error| Failure::file("read", path, &error))?;
    serde_json::from_str(&text).map_err(|error| Failure::failed(format!("{}: {error}", path.display())))
}

/// Places in which two JSON values differ, as `layers[0].token.heads: 2 | 4`.
fn differences(a: &Value, b: &Value, path: &str) -> Vec<String> {
    match (a, b) {
        (Value::Object(left), Value::Object(right)) => {
            let names: std::collections::BTreeSet<_> = left.keys().chain(right.keys()).collect();
            let at = |name: &String| if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
            let of =
                |side: &serde_json::Map<String, Value>, name| side.get(name).cloned().unwrap_or_default();
            names
                .into_iter()
                .flat_map(|name| differences(&of(left, name), &of(right, name), &at(name)))
                .collect()
        }
        (Value::Array(left), Value::Array(right)) => {
            let of = |side: &[Value], i: usize| side.get(i).cloned().unwrap_or_default();
            let longest = left.len().max(right.len());
            (0..longest)
                .flat_map(|i| differences(&of(left, i), &of(right, i), &format!("{path}[{i}]")))
                .collect()
        }
        _ if a == b => Vec::new(),
        _ => vec![format!("{path}: {a} | {b}")],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_name_their_place() {
        let a = json!({"width": 32, "layers": [{"token": {"heads": 2}}]});
        let b = json!({"width": 32, "layers": [{"token": {"heads": 4}}, {}]});
        assert_eq!(differences(&a, &b, ""), ["layers[0].token.heads: 2 | 4", "layers[1]: null | {}"]);
        assert!(differences(&a, &a, "").is_empty());
    }
}
