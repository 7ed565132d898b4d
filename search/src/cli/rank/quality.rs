//! What is odd about a column, a plain sentence each.

use super::pass::Counted;
use super::ranking::{Feature, Ranking};
use tasks::rank::Column;

/// Chance of one false alarm in a hundred tables.
const ALARM: f64 = 0.01;
/// Share of the target's entropy from which on a column may leak it.
const LEAK: f64 = 0.95;
/// Share of different values from which on a column may be an identifier.
const UNIQUE: f64 = 0.95;
/// An effect below this, however sure, is not worth a sentence.
pub const WORTH: f64 = 0.01;

pub fn note(ranking: &mut Ranking, counted: &Counted) {
    let columns = ranking.features.len() as f64;
    let rows = ranking.source.rows as f64;
    for feature in &mut ranking.features {
        let found = counted.survey.columns.iter().find(|(place, _)| *place == feature.place);
        let (_, column) = found.expect("every feature was counted");
        let notes = [
            constant(feature),
            identifier(feature, rows),
            gaps(feature),
            telling_gaps(feature, columns),
            rare(feature, column),
            words(feature, column),
            leak(feature),
        ];
        feature.notes.extend(notes.into_iter().flatten());
    }
}

fn constant(feature: &Feature) -> Option<String> {
    match feature.cardinality as u64 {
        0 => Some("never known".into()),
        1 if feature.coverage == 1.0 => Some("always the same".into()),
        1 => Some("always the same where it is known".into()),
        _ => None,
    }
}

/// Real numbers and moments may all differ; others that do are names of rows.
fn identifier(feature: &Feature, rows: f64) -> Option<String> {
    use tasks::table::Kind::{Date, Numeric};
    let share = feature.cardinality / (feature.coverage * rows);
    let names_rows = !matches!(feature.kind, Numeric | Date) && share > UNIQUE && rows > 20.0;
    names_rows.then(|| "nearly every row has a value of its own: an identifier?".into())
}

fn gaps(feature: &Feature) -> Option<String> {
    let some = feature.coverage < 1.0 && feature.cardinality > 0.0;
    some.then(|| format!("known in {} of the rows", percent(feature.coverage)))
}

fn telling_gaps(feature: &Feature, columns: f64) -> Option<String> {
    let tells = feature.presence.p * columns < ALARM && feature.presence.adjusted > WORTH;
    tells.then(|| {
        format!("whether it is known tells about the target by itself (AMI {:.3})", feature.presence.adjusted)
    })
}

fn rare(feature: &Feature, column: &Column) -> Option<String> {
    let singles = column.singles().filter(|singles| *singles > 0 && !feature.kind.is_ordered())?;
    let identifier = singles as f64 > UNIQUE * feature.cardinality;
    (!identifier).then(|| format!("{singles} of {} values occur once", feature.cardinality))
}

fn words(feature: &Feature, column: &Column) -> Option<String> {
    let (line, word) = column.first_word.as_ref()?;
    let kind = feature.kind;
    Some(format!("holds words beside its {kind} values, the first in line {line}: {}", tasks::quote(word)))
}

fn leak(feature: &Feature) -> Option<String> {
    let explained = feature.relevance.explained;
    (explained > LEAK).then(|| format!("explains {} of the target: does it leak?", percent(explained)))
}

fn percent(share: f64) -> String {
    format!("{:.1} %", 100.0 * share)
}
