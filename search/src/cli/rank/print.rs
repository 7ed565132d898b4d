//! A ranking as a table, JSON or CSV, and what is said beside it.

use serde_json::{Value, json};

use super::keep;
use super::ranking::{Feature, Ranking};
use crate::cli::args::{Format, StatisticName, TaskName};
use crate::cli::failure::Outcome;
use crate::cli::plain::counted;
use crate::cli::table::{Table, print_json, rounded};

/// What was read, and where the noise ends.
pub fn talk(ranking: &Ranking) {
    let source = &ranking.source;
    say!("fecund: {}: {}, {}", source.data, understood(ranking), target_in_words(ranking));
    if source.unlabeled > 0 {
        say!("warning: {} without a target left out", counted(source.unlabeled as usize, "row"));
    }
    if let Some(first) = &source.first_skipped {
        say!("warning: {} passed over; the first: {first}", counted(source.skipped as usize, "row"));
    }
    say!("fecund: {}", noise_in_words(ranking));
    if ranking.statistic == StatisticName::Outrank {
        say!("fecund: outrank reads every value as a text and takes the median over batches of 16384 rows");
    }
    let kept = keep::names(ranking).count();
    say!("fecund: {kept} of {} to keep", counted(ranking.features.len(), "column"));
}

fn understood(ranking: &Ranking) -> String {
    let source = &ranking.source;
    let rows = counted(source.rows as usize, "row");
    match source.dialect {
        Some((delimiter, header)) => {
            let delimiter = if delimiter == '\t' { "tab".to_string() } else { format!("`{delimiter}`") };
            let names = if header { "names in the first row" } else { "no names" };
            format!("{rows}, cells between {delimiter}, {names}")
        }
        None => format!("{rows} of {}", source.format.name()),
    }
}

fn target_in_words(ranking: &Ranking) -> String {
    let target = &ranking.target;
    let classes = target.classes.len();
    match target.task {
        TaskName::Classification => format!("target `{}` with {classes} classes", target.name),
        TaskName::Regression => format!("target `{}`, a number, in {classes} bins", target.name),
    }
}

pub fn noise_in_words(ranking: &Ranking) -> String {
    let noise = &ranking.noise;
    format!(
        "the best of {} noise columns scored {} ({}, with {} values)",
        noise.scores.len(),
        rounded(noise.best),
        ranking.statistic_name(),
        noise.cardinality
    )
}

pub fn print(ranking: &Ranking, format: Format) -> Outcome {
    match format {
        Format::Json => print_json(&json_of(ranking)),
        Format::Table => for_people(ranking).print(format),
        Format::Csv => for_programs(ranking).print(format),
    }
}

fn for_people(ranking: &Ranking) -> Table {
    let mut table =
        Table::new(&["feature", "type", "score", "z", "q", "cardinality", "coverage", "keep", "notes"]);
    for feature in &ranking.features {
        table.row(vec![
            feature.name.as_str().into(),
            feature.kind.name().into(),
            feature.score.into(),
            format!("{:.1}", feature.relevance.z).into(),
            small(feature.q).into(),
            cardinality(feature).into(),
            format!("{:.3}", feature.coverage).into(),
            if feature.keep { "yes" } else { "" }.into(),
            feature.notes.join("; ").into(),
        ]);
    }
    table
}

fn small(q: f64) -> String {
    if q < 1e-3 { format!("{q:.0e}") } else { format!("{q:.3}") }
}

pub fn cardinality(feature: &Feature) -> String {
    let about = if feature.estimated { "~" } else { "" };
    format!("{about}{}", feature.cardinality)
}

/// The fields of JSON, as columns.
fn for_programs(ranking: &Ranking) -> Table {
    let rows: Vec<Value> = ranking.features.iter().map(Feature::to_json).collect();
    let names: Vec<String> =
        rows.first().and_then(Value::as_object).map_or(Vec::new(), |first| first.keys().cloned().collect());
    let mut table = Table::new(&names);
    for row in rows {
        let cell = |name: &String| match &row[name] {
            Value::Array(notes) => {
                notes.iter().filter_map(Value::as_str).collect::<Vec<_>>().join("; ").into()
            }
            cell => cell.clone(),
        };
        table.row(names.iter().map(cell).collect());
    }
    table
}

fn json_of(ranking: &Ranking) -> Value {
    let Ranking { source, target, noise, features, .. } = ranking;
    let classes = target.classes.iter().map(|(label, rows)| json!({"label": label, "rows": rows}));
    let task = if target.task == TaskName::Regression { "regression" } else { "classification" };
    json!({
        "data": source.data,
        "format": source.format.name(),
        "delimiter": source.dialect.map(|(delimiter, _)| delimiter.to_string()),
        "header": source.dialect.map(|(_, header)| header),
        "rows": source.rows,
        "rows_without_target": source.unlabeled,
        "rows_skipped": source.skipped,
        "target": {
            "name": target.name,
            "type": target.kind.name(),
            "task": task,
            "entropy": target.entropy,
            "classes": classes.collect::<Vec<_>>(),
        },
        "statistic": ranking.statistic_name(),
        "noise": {
            "columns": noise.scores.len(),
            "best": noise.best,
            "best_z": noise.best_z,
            "cardinality_of_best": noise.cardinality,
            "sentence": noise_in_words(ranking),
        },
        "kept": keep::names(ranking).collect::<Vec<_>>(),
        "features": features.iter().map(Feature::to_json).collect::<Vec<_>>(),
    })
}
