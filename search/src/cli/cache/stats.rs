//! `fecund cache stats`: what was reused, and what that saved.

use std::collections::BTreeSet;
use std::io::IsTerminal;
use std::time::Duration;

use serde::Serialize;
use serde_json::{Value, json};
use storage::{Purpose, Record};

use super::{bytes, records_of};
use crate::cli::args::{Format, StatsArgs};
use crate::cli::domain::{Candidate, Domain};
use crate::cli::domains;
use crate::cli::failure::Outcome;
use crate::cli::run_folder::{RunFolder, is_cache};
use crate::cli::table::{Table, print, print_json};
use crate::{Objective, Statistics, Tally, Trial};

/// Figures in the order in which they are shown; then those of audits.
const SHOWN: [&str; 29] = [
    "proposals",
    "misses",
    "partial_hits",
    "full_hits",
    "shared",
    "structural",
    "functional",
    "hit_rate",
    "trained",
    "spared",
    "forgotten",
    "unreadable",
    "late",
    "invalid",
    "not_in_table",
    "unhashable",
    "evaluation_seconds",
    "saved_seconds",
    "steps",
    "saved_steps",
    "hashing_seconds",
    "hashing_share",
    "speedup_by_evaluations",
    "speedup_by_steps",
    "speedup_by_seconds",
    "started_warm",
    "entries_at_start",
    "entries",
    "bytes",
];
const SHOWN_OF_AUDITS: [&str; 7] = [
    "count",
    "same_form",
    "seconds",
    "only_one_scored",
    "mean_difference",
    "mean_absolute_difference",
    "largest_difference",
];
const SHOWN_OF_PARTS: [&str; 7] =
    ["proposals", "misses", "partial_hits", "full_hits", "shared", "structural", "functional"];
const SHOWN_OF_FOLDERS: [&str; 9] =
    ["entries", "studies", "evaluations", "audits", "late", "failed", "evaluation_seconds", "steps", "bytes"];

/// Between two looks of `--watch`.
const BETWEEN_LOOKS: Duration = Duration::from_secs(2);
/// Generations are shown in so many rows at most.
const ROWS: usize = 10;

pub fn stats(args: &StatsArgs) -> Outcome {
    let is_run = args.run.join("study.toml").exists();
    let show = if is_run { domains::of_run(&args.run)?.stats } else { folder_stats };
    let written = if is_run { args.run.join("trials.journal") } else { args.run.clone() };
    loop {
        // Looked at before what is shown, so that the last trials are not missed.
        let goes_on = args.watch && storage::is_being_written(&written);
        if args.watch && args.format == Format::Table && std::io::stdout().is_terminal() {
            print("\x1b[2J\x1b[H")?;
        }
        show(args)?;
        if !goes_on {
            return Ok(());
        }
        std::thread::sleep(BETWEEN_LOOKS);
    }
}

/// The trials of a run know what the cache did for it.
pub fn run_stats<D: Domain>(args: &StatsArgs) -> Outcome {
    let folder = RunFolder::<D>::open(&args.run)?;
    let trials = folder.trials()?;
    let statistics = Statistics::of(&trials);
    let cache = folder.cache();
    let records = match is_cache(&cache) {
        true => records_of(&args.run)?,
        // A cache can be lost; the trials know what it did.
        false => Vec::new(),
    };
    let records: Vec<Record> = records.into_iter().map(|(_, record)| record).collect();
    let audits = Audits::of::<D>(&records, &folder, &trials);
    let warm = folder.settings.warm;
    let figures = Figures {
        started_warm: warm > 0,
        entries_at_start: warm,
        entries: records.len(),
        bytes: bytes(&cache),
        hit_rate: statistics.hit_rate(),
        speedup_by_evaluations: statistics.speedup_by_evaluations(),
        speedup_by_steps: statistics.speedup_by_steps(),
        speedup_by_seconds: statistics.speedup_by_seconds(),
        hashing_share: statistics.hashing_share(),
        late: purposes(&records, &folder.settings.study, Purpose::Late).count() as u64,
        statistics,
        audits,
    };
    figures.print(args)
}

/// Everything that `fecund cache stats RUN` tells, in the order in which it does.
#[derive(Serialize)]
struct Figures {
    #[serde(flatten)]
    statistics: Statistics,
    hit_rate: f64,
    speedup_by_evaluations: f64,
    speedup_by_steps: f64,
    speedup_by_seconds: f64,
    hashing_share: f64,
    /// Whether the cache held verdicts of earlier studies when the search began, and of how many functions.
    started_warm: bool,
    entries_at_start: u64,
    entries: usize,
    bytes: u64,
    /// Evaluations that came too late to be used.
    late: u64,
    audits: Audits,
}

impl Figures {
    fn print(&self, args: &StatsArgs) -> Outcome {
        let all = json!(self);
        if args.format == Format::Json {
            return if args.watch { print(&format!("{all}\n")) } else { print_json(&all) };
        }
        let audits = SHOWN_OF_AUDITS.map(|name| (format!("audit_{name}"), all["audits"][name].clone()));
        single(named(&all, &SHOWN).chain(audits)).print_single(args.format)?;
        if args.format == Format::Table {
            self.print_parts()?;
        }
        Ok(())
    }

    fn print_parts(&self) -> Outcome {
        let Statistics { by_operator, by_generation, by_fidelity, failures, .. } = &self.statistics;
        print_tallies("operator", by_operator.iter().map(|(name, tally)| (name.clone(), *tally)))?;
        print_tallies("generation", in_rows(by_generation).into_iter())?;
        print_tallies("fidelity", by_fidelity.iter().map(|(name, tally)| (name.to_string(), *tally)))?;
        print_tallies("failure", failures.iter().map(|(name, tally)| (name.to_string(), *tally)))
    }
}

/// Fields of an object, in this order.
fn named<'a>(object: &'a Value, names: &'a [&str]) -> impl Iterator<Item = (String, Value)> + 'a {
    names.iter().map(|name| (name.to_string(), object[*name].clone()))
}

fn single(fields: impl Iterator<Item = (String, Value)>) -> Table {
    let (names, values): (Vec<_>, Vec<_>) = fields.unzip();
    let mut table = Table::new(&names);
    table.row(values);
    table
}

/// A row for each part of the trials, if there are any.
fn print_tallies(what: &str, parts: impl ExactSizeIterator<Item = (String, Tally)>) -> Outcome {
    if parts.len() == 0 {
        return Ok(());
    }
    let mut table = Table::new(&[&[what][..], &SHOWN_OF_PARTS].concat());
    for (name, tally) in parts {
        let counts = json!(tally);
        let counts = named(&counts, &SHOWN_OF_PARTS).map(|(_, count)| count);
        table.row(std::iter::once(name.into()).chain(counts).collect());
    }
    print("\n")?;
    table.print(Format::Table)
}

/// Generations in a row for each, or several in one where there are many: `0`, `1-8`, `9-16`, ….
fn in_rows(by_generation: &[Tally]) -> Vec<(String, Tally)> {
    let last = by_generation.len().saturating_sub(1);
    let width = last.div_ceil(ROWS).max(1);
    let mut rows = vec![Tally::default(); last.div_ceil(width) + 1];
    for (generation, tally) in by_generation.iter().enumerate() {
        rows[generation.div_ceil(width)] += *tally;
    }
    let name = |row: usize| match (row, width) {
        (0, _) | (_, 1) => row.to_string(),
        _ => format!("{}-{}", (row - 1) * width + 1, (row * width).min(last)),
    };
    rows.into_iter().enumerate().map(|(row, tally)| (name(row), tally)).collect()
}

/// What evaluating answered candidates all the same has found, in the metric that decides.
#[derive(Default, Serialize)]
struct Audits {
    count: u64,
    /// Of these, those whose form had been trained already: only training noise can make them differ.
    same_form: u64,
    /// One of the two has a score and the other is invalid.
    only_one_scored: u64,
    /// Spent beside the search.
    seconds: f64,
    /// Of the score found minus the score answered.
    mean_difference: Option<f64>,
    mean_absolute_difference: Option<f64>,
    largest_difference: Option<f64>,
}

impl Audits {
    fn of<D: Domain>(records: &[Record], folder: &RunFolder<D>, trials: &[Trial<Candidate<D>>]) -> Self {
        let objective = folder.settings.task.objective();
        let mut audits = Self::default();
        let mut differences = Vec::new();
        for (record, evaluation) in purposes(records, &folder.settings.study, Purpose::Audit) {
            let Some(trial) = trials.get(evaluation.trial as usize) else { continue };
            audits.count += 1;
            audits.seconds += evaluation.seconds;
            audits.same_form += u64::from(is_of_trained_form(record, evaluation));
            match difference(&objective, evaluation, trial) {
                Difference::Scores(difference) => differences.push(difference),
                Difference::OnlyOneScored => audits.only_one_scored += 1,
                Difference::NoneScored => {}
            }
        }
        if !differences.is_empty() {
            let mean = |values: &dyn Fn(f64) -> f64| {
                Some(differences.iter().copied().map(values).sum::<f64>() / differences.len() as f64)
            };
            audits.mean_difference = mean(&|difference| difference);
            audits.mean_absolute_difference = mean(&f64::abs);
            audits.largest_difference =
                differences.iter().copied().max_by(|a, b| a.abs().total_cmp(&b.abs()));
        }
        audits
    }
}

enum Difference {
    Scores(f64),
    OnlyOneScored,
    NoneScored,
}

fn difference<C>(objective: &Objective, found: &storage::Evaluation, answered: &Trial<C>) -> Difference {
    match (objective.value(&found.verdict), objective.value(&answered.verdict)) {
        (Some(found), Some(answered)) => Difference::Scores(found - answered),
        (None, None) => Difference::NoneScored,
        _ => Difference::OnlyOneScored,
    }
}

/// Evaluations that this study made for a purpose, each with its record.
fn purposes<'a>(
    records: &'a [Record],
    study: &'a str,
    purpose: Purpose,
) -> impl Iterator<Item = (&'a Record, &'a storage::Evaluation)> {
    let evaluations = records.iter().flat_map(|record| record.evaluations.iter().map(move |it| (record, it)));
    evaluations.filter(move |(_, it)| it.study == study && it.purpose == purpose)
}

/// Whether a search has trained the form that was audited.
fn is_of_trained_form(record: &Record, audit: &storage::Evaluation) -> bool {
    let searches = record.evaluations.iter().filter(|it| it.purpose == Purpose::Search);
    searches.map(|it| record.form_of(it)).any(|form| form == record.form_of(audit))
}

/// A cache alone knows what it holds.
fn folder_stats(args: &StatsArgs) -> Outcome {
    let records = records_of(&args.run)?;
    let evaluations = || records.iter().flat_map(|(_, record)| &record.evaluations);
    let count = |purpose| evaluations().filter(|evaluation| evaluation.purpose == purpose).count();
    let failed = evaluations().filter(|evaluation| matches!(evaluation.verdict, tasks::Verdict::Invalid(_)));
    let studies: BTreeSet<_> = evaluations().map(|evaluation| &evaluation.study).collect();
    let fields = json!({
        "entries": records.len(), "evaluations": count(Purpose::Search), "audits": count(Purpose::Audit),
        "late": count(Purpose::Late), "failed": failed.count(), "studies": studies.len(),
        "evaluation_seconds": evaluations().map(|evaluation| evaluation.seconds).sum::<f64>(),
        "steps": evaluations().fold(0, |sum: u64, evaluation| sum.saturating_add(evaluation.steps)),
        "bytes": bytes(&args.run),
    });
    single(named(&fields, &SHOWN_OF_FOLDERS)).print_single(args.format)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn generations(last: usize) -> Vec<Tally> {
        vec![Tally { proposals: 1, ..Tally::default() }; last + 1]
    }

    #[test]
    fn many_generations_share_rows_and_none_is_lost() {
        let names = |last| in_rows(&generations(last)).into_iter().map(|(name, _)| name).collect::<Vec<_>>();
        assert_eq!(names(2), ["0", "1", "2"]);
        assert_eq!(names(25).first_chunk(), Some(&["0".to_string(), "1-3".into(), "4-6".into()]));
        assert_eq!(names(25).last().unwrap(), "25-25");
        for last in [0, 9, 10, 11, 400] {
            let rows = in_rows(&generations(last));
            assert!(rows.len() <= ROWS + 1);
            assert_eq!(rows.iter().map(|(_, tally)| tally.proposals).sum::<u64>(), last as u64 + 1);
        }
    }
}
