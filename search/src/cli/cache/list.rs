//! `fecund cache list`: what is remembered, a row for each key; or of one key, a row for each evaluation.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use hashing::Key;
use serde_json::{Value, json};
use storage::{Evaluation, Purpose, Record};
use tasks::{Metric, Reason, Scores, Verdict};

use super::flat::{purpose_name, score_names};
use super::records_of;
use crate::cli::args::{CacheListArgs, Format, ListOrder};
use crate::cli::domain::Domain;
use crate::cli::domains;
use crate::cli::failure::{Failure, Outcome};
use crate::cli::run_folder::RunFolder;
use crate::cli::sample;
use crate::cli::table::Table;
use crate::{Goal, Objective};

/// Characters of a form, and of a study's name, in a table for people.
const SHOWN: (usize, usize) = (60, 24);

pub fn list(args: &CacheListArgs) -> Outcome {
    if args.run.join("study.toml").exists() {
        domains::of_run(&args.run).and_then(|runs| (runs.list)(args))
    } else {
        show(args, &[])
    }
}

/// A run knows which scores it seeks.
pub fn list_run<D: Domain>(args: &CacheListArgs) -> Outcome {
    let folder = RunFolder::<D>::open(&args.run)?;
    show(args, &folder.settings.task.objective().0)
}

fn show(args: &CacheListArgs, sought: &[Goal]) -> Outcome {
    let records = records_of(&args.run)?;
    let goals = goals(args, sought, &score_names(&records))?;
    let table = match &args.key {
        Some(prefix) => evaluations(one(&records, prefix)?, &goals, args),
        None => keys(&records, &goals, args),
    };
    table.print(args.format)
}

/// The scores that are shown: those asked for, else those sought, else all.
fn goals(args: &CacheListArgs, sought: &[Goal], known: &BTreeSet<String>) -> Result<Vec<Goal>, Failure> {
    if let Some(missing) = args.metric.iter().find(|name| !known.contains(*name)) {
        let known = known.iter().cloned().collect::<Vec<_>>().join(", ");
        return Err(Failure::usage(format!("no score `{missing}` in this cache; known: {known}")));
    }
    let goal = |name: &String| {
        let found = sought.iter().find(|goal| goal.metric == *name).cloned();
        found.unwrap_or_else(|| Goal {
            metric: name.clone(),
            higher_is_better: name.parse::<Metric>().map_or(true, Metric::higher_is_better),
        })
    };
    Ok(match (args.metric.is_empty(), sought.is_empty()) {
        (false, _) => args.metric.iter().map(goal).collect(),
        (true, false) => sought.to_vec(),
        (true, true) => known.iter().map(goal).collect(),
    })
}

/// The record whose key starts so.
fn one<'a>(records: &'a [(Key, Record)], prefix: &str) -> Result<&'a (Key, Record), Failure> {
    let starts = |(key, _): &&(Key, Record)| key.to_string().starts_with(prefix);
    match records.iter().filter(starts).collect::<Vec<_>>()[..] {
        [found] => Ok(found),
        [] => Err(Failure::usage(format!("no key of this cache starts with `{prefix}`"))),
        _ => Err(Failure::usage(format!("several keys start with `{prefix}`; give more digits"))),
    }
}

fn keys(records: &[(Key, Record)], goals: &[Goal], args: &CacheListArgs) -> Table {
    let failed = |record: &Record| record.evaluations.iter().any(|made| is_invalid(&made.verdict));
    let mut rows: Vec<_> = records.iter().filter(|(_, record)| !args.failed || failed(record)).collect();
    let objective = Objective(goals.to_vec());
    let answers = |record: &Record| answer(record, goals);
    rows.sort_by(|(_, a), (_, b)| match args.by {
        ListOrder::Key => Ordering::Equal,
        ListOrder::Score => objective.compare(&answers(b), &answers(a)),
        ListOrder::Seconds => seconds(b).total_cmp(&seconds(a)),
        ListOrder::Evaluations => b.evaluations.len().cmp(&a.evaluations.len()),
    });
    let before = ["key", "space", "fidelity", "evaluations", "audits", "late", "verdict"];
    let after = ["spread", "seconds", "steps", "paid_by", "form"];
    let mut table = Table::new(&columns(&before, goals, &after));
    for (key, record) in rows.into_iter().take(args.top.unwrap_or(usize::MAX)) {
        table.row(key_row(key, record, goals, args.format));
    }
    table
}

fn columns(before: &[&str], goals: &[Goal], after: &[&str]) -> Vec<String> {
    let own = |names: &[&str]| names.iter().map(|name| name.to_string()).collect::<Vec<_>>();
    // A table may have a score that is named like one of our columns.
    let metric = |goal: &Goal| match goal.metric.as_str() {
        name if before.contains(&name) || after.contains(&name) => format!("score.{name}"),
        name => name.to_string(),
    };
    [own(before), goals.iter().map(metric).collect(), own(after)].concat()
}

fn key_row(key: &Key, record: &Record, goals: &[Goal], format: Format) -> Vec<Value> {
    let subject = record.subject.as_ref();
    let count = |purpose| record.evaluations.iter().filter(|made| made.purpose == purpose).count();
    let verdict = answer(record, goals);
    let spread = goals.first().and_then(|goal| spread(record, &goal.metric));
    let mut row = vec![
        shown_key(key, format).into(),
        subject.map(|subject| subject.space.clone()).into(),
        subject.map(|subject| subject.fidelity.0).into(),
        count(Purpose::Search).into(),
        count(Purpose::Audit).into(),
        count(Purpose::Late).into(),
        in_words(record).into(),
    ];
    row.extend(goals.iter().map(|goal| number(verdict.score(&goal.metric))));
    row.extend([
        number(spread),
        seconds(record).into(),
        record.evaluations.iter().fold(0u64, |sum, made| sum.saturating_add(made.steps)).into(),
        payers(record, format),
        form(&record.form, format).into(),
    ]);
    row
}

/// `scored`, or why not.
fn word(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Scored(_) => "scored".into(),
        Verdict::Invalid(reason) => reason.to_string(),
    }
}

fn is_invalid(verdict: &Verdict) -> bool {
    matches!(verdict, Verdict::Invalid(_))
}

/// Evaluations that answer.
fn counting(record: &Record) -> impl Iterator<Item = &Evaluation> {
    record.evaluations.iter().filter(|made| made.purpose == Purpose::Search)
}

/// The mean of what counts, score by score.
fn answer(record: &Record, goals: &[Goal]) -> Verdict {
    let mean = |goal: &Goal| {
        let scores: Vec<f64> = counting(record).filter_map(|made| made.verdict.score(&goal.metric)).collect();
        sample::mean(&scores).map(|mean| (goal.metric.clone(), mean))
    };
    Verdict::Scored(Scores(goals.iter().filter_map(mean).collect()))
}

/// Deviation over all evaluations that have this score, whatever they were made for.
fn spread(record: &Record, metric: &str) -> Option<f64> {
    let scores = record.evaluations.iter().filter_map(|made| made.verdict.score(metric));
    sample::deviation(&scores.collect::<Vec<_>>())
}

fn seconds(record: &Record) -> f64 {
    record.evaluations.iter().map(|made| made.seconds).sum()
}

/// The verdict of a record, in words.
fn in_words(record: &Record) -> String {
    let (mut all, mut reasons) = (0, Vec::new());
    for made in counting(record) {
        all += 1;
        reasons.extend(if let Verdict::Invalid(reason) = &made.verdict { Some(reason) } else { None });
    }
    match reasons.first() {
        _ if all == 0 => "nothing that answers".into(),
        None => "scored".into(),
        Some(reason) if reasons.len() == all => Reason::to_string(reason),
        Some(reason) => format!("scored; {} of {all} invalid: {reason}", reasons.len()),
    }
}

/// `STUDY#TRIAL` of each evaluation, once.
fn payers(record: &Record, format: Format) -> Value {
    let named = |made: &Evaluation| {
        let study =
            if format == Format::Table { shortened(&made.study, SHOWN.1) } else { made.study.clone() };
        format!("{study}#{}", made.trial)
    };
    let mut seen = BTreeSet::new();
    let payers = record.evaluations.iter().map(named).filter(|payer| seen.insert(payer.clone()));
    let payers: Vec<String> = payers.collect();
    match (format, payers.as_slice()) {
        (Format::Json, payers) => json!(payers),
        (Format::Table, [first, _, ..]) => format!("{first} +{}", payers.len() - 1).into(),
        (_, payers) => payers.join(" ").into(),
    }
}

/// JSON has no number that is not finite; it is said in words.
fn number(value: Option<f64>) -> Value {
    value.map_or(Value::Null, |value| if value.is_finite() { value.into() } else { value.to_string().into() })
}

fn shown_key(key: &Key, format: Format) -> String {
    if format == Format::Table { key.0.short() } else { key.to_string() }
}

fn form(form: &str, format: Format) -> String {
    if format == Format::Table { shortened(form, SHOWN.0) } else { form.to_string() }
}

fn shortened(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_string(),
    }
}

fn evaluations((key, record): &(Key, Record), goals: &[Goal], args: &CacheListArgs) -> Table {
    let before = ["key", "evaluation", "purpose", "seed", "verdict"];
    let after = ["seconds", "steps", "study", "trial", "provenance", "form"];
    let mut table = Table::new(&columns(&before, goals, &after));
    let rows = record.evaluations.iter().enumerate().take(args.top.unwrap_or(usize::MAX));
    for (place, made) in rows {
        let mut row = vec![
            shown_key(key, args.format).into(),
            place.into(),
            purpose_name(made.purpose).into(),
            made.seed.into(),
            word(&made.verdict).into(),
        ];
        row.extend(goals.iter().map(|goal| number(made.verdict.score(&goal.metric))));
        row.extend([
            number(Some(made.seconds)),
            made.steps.into(),
            made.study.as_str().into(),
            made.trial.into(),
            made.provenance.as_str().into(),
            form(record.form_of(made), args.format).into(),
        ]);
        table.row(row);
    }
    table
}
