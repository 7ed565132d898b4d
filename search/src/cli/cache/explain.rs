//! `fecund cache explain`: why two candidates share a key, or do not.

use std::path::Path;

use hashing::{Class, Comparison, Difference, FunctionalHasher, Key, RoleCount, Scheme, Trace, TwoStage};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use spaces::Space;
use storage::JournalStore;

use crate::Trial;
use crate::cli::args::{ExplainArgs, Format};
use crate::cli::bounded;
use crate::cli::domain::Domain;
use crate::cli::domains::{self, Runs};
use crate::cli::failure::{Failure, Outcome};
use crate::cli::hash::identify;
use crate::cli::run_folder::{self, RunFolder, is_cache};
use crate::cli::table::{Table, print, print_json};

/// One side of a comparison.
struct Side<C> {
    shown: String,
    canonical: C,
    fingerprint: String,
    structural: String,
    class: Class,
    /// Known where the candidate is a trial or a record.
    key: Option<Key>,
    trace: Trace,
}

/// Where candidates may be named by number or key: a run, or a cache alone.
struct Known<S: Space> {
    space: S,
    trials: Vec<Trial<S::Candidate>>,
    records: Vec<(Key, String)>,
}

/// The commands on what is to be compared: those of the run, or of the run that a cache lies in. Other caches do not tell
/// what they hold.
pub fn listed(args: &ExplainArgs) -> Result<Runs, Failure> {
    let parent = args.run.parent().filter(|_| is_cache(&args.run));
    let run = parent.filter(|parent| parent.join("study.toml").is_file());
    let run = match (run, &args.space) {
        (None, Some(space)) if is_cache(&args.run) => return Ok(domains::named(space)?.external.runs),
        (None, None) if is_cache(&args.run) => {
            let why = "a cache that lies in no run does not tell what it holds candidates of";
            return Err(Failure::usage(format!("give --space NAME: {why}")));
        }
        (run, _) => run.unwrap_or(&args.run),
    };
    let found = run_folder::space_of(run)?;
    match &args.space {
        Some(given) if *given != found => Err(Failure::usage(format!(
            "--space {given} is not what {} is over: {found}",
            args.run.display()
        ))),
        _ => domains::of_run(run),
    }
}

pub fn explain<D: Domain>(args: &ExplainArgs) -> Outcome {
    let known =
        if is_cache(&args.run) { Known::of_cache(&args.run)? } else { Known::of_run::<D>(&args.run)? };
    let (a, b) = (known.side(&args.a)?, known.side(&args.b)?);
    let same_run = !is_cache(&args.run) && a.key.is_some() && b.key.is_some();
    let explanation = Explanation::of(&a, &b, same_run);
    match args.format {
        Format::Table => print(&explanation.in_words(&a, &b)),
        Format::Json => print_json(&explanation.json(&a, &b)),
        Format::Csv => explanation.table(&a, &b).print(Format::Csv),
    }
}

/// What two candidates share, and where they part.
struct Explanation {
    differences: Vec<String>,
    comparison: Comparison,
    /// Parts of the key, and whether they are the same; `None` where nothing tells.
    ingredients: [(&'static str, Option<bool>); 4],
    conclusion: &'static str,
}

impl Explanation {
    /// In one run, all trials are judged alike.
    fn of<C: Serialize>(a: &Side<C>, b: &Side<C>, same_run: bool) -> Self {
        let comparison = a.trace.compare(&b.trace);
        let same_form = a.structural == b.structural;
        let same_response = comparison.difference.is_none() && a.class == b.class;
        let same_function = a.fingerprint == b.fingerprint;
        let same_key = a.key.zip(b.key).map(|(a, b)| a == b);
        let conclusion = match (same_form, same_function, same_response) {
            (_, true, _) if same_key == Some(false) => {
                "one function under two keys: judged in another context, at another fidelity, or under another scheme"
            }
            (true, ..) => "same key: the canonical forms are the same",
            (false, true, _) if a.class == Class::Constant => "same key: both ignore their input",
            (false, true, _) => "same key: the canonical forms differ, the responses to the probe do not",
            (false, false, _) if a.class == Class::Unhashable && b.class == Class::Unhashable => {
                "different keys: neither response is finite, so that the forms stand in, and they differ"
            }
            (false, false, true) => {
                "different keys: they respond alike, and a gene that enters by value differs"
            }
            (false, false, false) => "different keys: the responses to the probe differ",
        };
        // With equal fingerprints only the judging is left to make keys differ.
        let same_judging = if same_function { same_key } else { same_run.then_some(true) };
        let ingredients = [
            ("canonical form", Some(same_form)),
            ("response to the probe", Some(same_response)),
            ("genes by value", Some(comparison.same_values)),
            ("context and fidelity", same_judging),
        ];
        let differences = differences(&json!(a.canonical), &json!(b.canonical), "");
        Self { differences, comparison, ingredients, conclusion }
    }

    /// Both sides in two columns, then what differs, and the conclusion.
    fn in_words<C: Serialize>(&self, a: &Side<C>, b: &Side<C>) -> String {
        let mut sides = comfy_table::Table::new();
        sides.load_style(comfy_table::presets::NOTHING);
        sides.set_header(["", "A", "B"]);
        for ((name, a), b) in Side::<C>::FIELDS.into_iter().zip(a.values()).zip(b.values()) {
            sides.add_row([name.to_string(), a, b]);
        }
        let mut lines: Vec<String> = sides.lines().map(|line| line.trim_end().to_string()).collect();
        lines.extend(self.differences.iter().map(|difference| format!("differs     {difference}")));
        for RoleCount { kind, role, a, b } in &self.comparison.roles {
            lines.push(format!("role        {:016x}  A ×{a}  B ×{b}  {kind}", role.0));
        }
        lines.push(format!("response    {}", self.response()));
        for (name, same) in self.ingredients {
            let found = same.map_or("not recorded", |same| if same { "same" } else { "differs" });
            lines.push(format!("ingredient  {name}: {found}"));
        }
        lines.push(self.conclusion.into());
        lines.join("\n") + "\n"
    }

    fn response(&self) -> String {
        match self.comparison.difference {
            None => format!("equal on all {} numbers, after rounding", self.comparison.responses),
            Some(Difference::Length { a, b }) => format!("{a} numbers | {b}"),
            Some(Difference::Value { draw, row, column, a, b }) => {
                format!("first differs in draw {draw}, row {row}, column {column}: {a:.12e} | {b:.12e}")
            }
        }
    }

    fn json<C: Serialize>(&self, a: &Side<C>, b: &Side<C>) -> Value {
        let object = |side: &Side<C>| {
            json!({"candidate": side.shown, "canonical": side.canonical, "structural": side.structural,
                "fingerprint": side.fingerprint, "class": side.class, "key": side.key})
        };
        let role = |role: &RoleCount| json!({"kind": role.kind, "role": format!("{:016x}", role.role.0), "a": role.a, "b": role.b});
        let difference = self.comparison.difference.as_ref().map(|_| self.response());
        json!({"a": object(a), "b": object(b), "differences": self.differences,
            "roles": self.comparison.roles.iter().map(role).collect::<Vec<_>>(),
            "responses": self.comparison.responses, "first_difference": difference,
            "ingredients": self.ingredients.map(|(name, same)| json!({"name": name, "same": same})),
            "conclusion": self.conclusion})
    }

    fn table<C: Serialize>(&self, a: &Side<C>, b: &Side<C>) -> Table {
        let mut table =
            Table::new(&["candidate", "structural", "fingerprint", "key", "canonical", "conclusion"]);
        for side in [a, b] {
            table.row(vec![
                side.shown.as_str().into(),
                side.structural.as_str().into(),
                side.fingerprint.as_str().into(),
                side.key.map(|key| key.to_string()).into(),
                json!(side.canonical).to_string().into(),
                self.conclusion.into(),
            ]);
        }
        table
    }
}

impl<C: Serialize> Side<C> {
    const FIELDS: [&'static str; 6] = ["candidate", "canonical", "structural", "function", "class", "key"];

    /// In the order of [`Side::FIELDS`].
    fn values(&self) -> [String; 6] {
        [
            self.shown.clone(),
            format!("{:#}", json!(self.canonical)),
            self.structural.clone(),
            self.fingerprint.clone(),
            format!("{:?}", self.class).to_lowercase(),
            self.key.map_or(String::new(), |key| key.to_string()),
        ]
    }
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
        let canonical = self.space.canonicalize(&candidate);
        let trace = FunctionalHasher::new(Scheme::default())
            .trace(&canonical)
            .map_err(|error| Failure::failed(format!("{name}: {error}")))?;
        Ok(Side {
            shown,
            canonical,
            trace,
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
    let text = bounded::read_text(path).map_err(|error| Failure::file("read", path, &error))?;
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
