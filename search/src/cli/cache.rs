//! `fecund cache …`: what was reused, and why.

use std::fs;
use std::path::Path;

use hashing::{Class, Key, TwoStage};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use spaces::Space;
use storage::JournalStore;

use super::args::{ExplainArgs, Format, StatsArgs};
use super::domain::Domain;
use super::domains;
use super::failure::{Failure, Outcome};
use super::hash::identify;
use super::run_folder::{self, RunFolder};
use super::table::{Table, print, print_json};
use crate::{Statistics, Trial};

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

/// One side of a comparison.
struct Side<C> {
    shown: String,
    canonical: C,
    fingerprint: String,
    structural: String,
    class: Class,
    /// Known where the candidate is a trial or a record.
    key: Option<Key>,
}

/// Where candidates may be named by number or key: a run, or a cache alone.
struct Known<S: Space> {
    space: S,
    trials: Vec<Trial<S::Candidate>>,
    records: Vec<(Key, String)>,
}

/// The space of the candidates that are to be compared: that of the run, or of the run that a cache lies in. Other
/// caches do not tell.
pub fn space_of(args: &ExplainArgs) -> Result<String, Failure> {
    let parent = args.run.parent().filter(|_| is_cache(&args.run));
    let run = parent.filter(|parent| parent.join("study.toml").is_file());
    let found = match (run, &args.space) {
        (None, Some(space)) if is_cache(&args.run) => return Ok(space.clone()),
        (None, None) if is_cache(&args.run) => {
            let why = "a cache that lies in no run does not tell what it holds candidates of";
            return Err(Failure::usage(format!("give --space NAME: {why}")));
        }
        (run, _) => run_folder::space_of(run.unwrap_or(&args.run))?,
    };
    match &args.space {
        Some(given) if *given != found => Err(Failure::usage(format!(
            "--space {given} is not what {} is over: {found}",
            args.run.display()
        ))),
        _ => Ok(found),
    }
}

/// Whether this folder is a cache and not a run.
fn is_cache(path: &Path) -> bool {
    path.join("journal").is_dir()
}

pub fn explain<D: Domain>(args: &ExplainArgs) -> Outcome {
    let known =
        if is_cache(&args.run) { Known::of_cache(&args.run)? } else { Known::of_run::<D>(&args.run)? };
    let (a, b) = (known.side(&args.a)?, known.side(&args.b)?);
    let differences = differences(&json!(a.canonical), &json!(b.canonical), "");
    let conclusion = match (a.structural == b.structural, a.fingerprint == b.fingerprint) {
        (true, _) => "same key: the canonical forms are the same",
        (false, true) => "same key: the canonical forms differ, the responses to the probe do not",
        (false, false) => {
            "different keys: the responses to the probe differ, or a gene that enters by value does"
        }
    };
    match args.format {
        Format::Table => explain_in_words(&a, &b, &differences, conclusion),
        Format::Json => {
            let object = |side: &Side<_>| {
                json!({"candidate": side.shown, "canonical": side.canonical, "structural": side.structural,
                    "fingerprint": side.fingerprint, "class": side.class, "key": side.key})
            };
            print_json(
                &json!({"a": object(&a), "b": object(&b), "differences": differences, "conclusion": conclusion}),
            )
        }
        Format::Csv => {
            let mut table =
                Table::new(&["candidate", "structural", "fingerprint", "key", "canonical", "conclusion"]);
            for side in [a, b] {
                table.row(vec![
                    side.shown.into(),
                    side.structural.into(),
                    side.fingerprint.into(),
                    side.key.map(|key| key.to_string()).into(),
                    json!(side.canonical).to_string().into(),
                    conclusion.into(),
                ]);
            }
            table.print(Format::Csv)
        }
    }
}

fn explain_in_words<C: Serialize>(
    a: &Side<C>,
    b: &Side<C>,
    differences: &[String],
    conclusion: &str,
) -> Outcome {
    let mut text = String::new();
    for (name, side) in [("A", a), ("B", b)] {
        text += &format!("{name}            {}\n  canonical  {}\n", side.shown, json!(side.canonical));
        text += &format!("  structural {}\n  function   {}\n", side.structural, side.fingerprint);
        text += &side.key.map_or(String::new(), |key| format!("  key        {key}\n"));
    }
    for difference in differences {
        text += &format!("differs      {difference}\n");
    }
    print(&format!("{text}{conclusion}\n"))
}

impl<S: Space + Default> Known<S> {
    fn of_cache(path: &Path) -> Result<Self, Failure> {
        let (store, _) = JournalStore::read(path)?;
        let records = store.0.entries().into_iter().map(|(key, record)| (key, record.form)).collect();
        Ok(Self { space: S::default(), trials: Vec::new(), records })
    }

    fn of_run<D: Domain<Space = S>>(path: &Path) -> Result<Self, Failure> {
        let folder = RunFolder::<D>::open(path)?;
        Ok(Self { space: folder.settings.task.space()?, trials: folder.trials()?, records: Vec::new() })
    }

    /// A trial number, the start of a key, or a file with a candidate.
    fn side(&self, name: &str) -> Result<Side<S::Candidate>, Failure> {
        let (shown, candidate, key) = self.find(name)?;
        let identity = identify(&self.space, &TwoStage::default(), &candidate)
            .map_err(|error| Failure::failed(format!("{name}: {error}")))?;
        Ok(Side {
            shown,
            canonical: self.space.canonicalize(&candidate),
            fingerprint: identity.fingerprint.to_string(),
            structural: identity.structural.to_string(),
            class: identity.class,
            key,
        })
    }

    fn find(&self, name: &str) -> Result<(String, S::Candidate, Option<Key>), Failure> {
        let trial = |trial: &Trial<S::Candidate>| {
            (format!("trial {}", trial.number), trial.candidate.clone(), Some(trial.key))
        };
        // A number without leading zeros is a trial; keys have 64 digits, and four of them tell most apart.
        let number = name.parse::<usize>().ok().filter(|number| number.to_string() == name);
        if let Some(found) = number.and_then(|number| self.trials.get(number)) {
            return Ok(trial(found));
        }
        if Path::new(name).is_file() {
            return Ok((name.to_string(), read_candidate(Path::new(name))?, None));
        }
        let starts = |key: &Key| name.len() >= 4 && key.to_string().starts_with(name);
        let found = self.trials.iter().filter(|t| starts(&t.key)).collect::<Vec<_>>();
        if let Some(first) = found.first() {
            let one = found.iter().all(|other| other.key == first.key);
            return if one {
                Ok(trial(first))
            } else {
                Err(Failure::usage(format!("several keys start with `{name}`; give more digits")))
            };
        }
        match self.records.iter().filter(|(key, _)| starts(key)).collect::<Vec<_>>()[..] {
            [(key, form)] => {
                let candidate = serde_json::from_str(form)
                    .map_err(|error| Failure::failed(format!("record {key}: {error}")))?;
                Ok((format!("record {}", key.0.short()), candidate, Some(*key)))
            }
            [] => {
                let count = self.trials.len();
                let message = format!(
                    "`{name}` is neither a trial ({count} here), nor the start of a key (4 digits or more), nor a file"
                );
                Err(Failure::usage(message))
            }
            _ => Err(Failure::usage(format!("several keys start with `{name}`; give more digits"))),
        }
    }
}

fn read_candidate<C: DeserializeOwned>(path: &Path) -> Result<C, Failure> {
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
