//! Columns that say the same as another one.

use std::collections::HashMap;

use tasks::rank::{Column, Survey, reversed};

use super::pass::Counted;
use super::ranking::Ranking;

/// Notes at each copy which column it copies: the one that stands first in the table.
pub fn note(ranking: &mut Ranking, counted: &Counted) {
    let names = &counted.table.names;
    let found = copies(&counted.survey);
    for feature in &mut ranking.features {
        if let Some((of, how)) = found.get(&feature.place) {
            feature.notes.push(format!("{how} `{}`", names[*of]));
        }
    }
}

/// By the place of the copy: the place of the original, and in what way it is one.
fn copies(survey: &Survey) -> HashMap<usize, (usize, String)> {
    let mut found = HashMap::new();
    for (number, (place, column)) in survey.columns.iter().enumerate() {
        let varies = column.cardinality().0 > 1.0;
        let earlier =
            survey.columns[..number].iter().filter(|(before, _)| varies && !found.contains_key(before));
        let copy = earlier.filter_map(|(of, original)| Some((*of, likeness(column, original)?))).next();
        if let Some(copy) = copy {
            found.insert(*place, copy);
        }
    }
    found
}

fn likeness(copy: &Column, original: &Column) -> Option<String> {
    if copy.digests.exact == original.digests.exact {
        return Some("a copy of".into());
    }
    let (a, b) = (copy.ascending(), original.ascending());
    if !Survey::are_renamed(copy, original) {
        return a.is_none().then(|| in_order(copy, original)).flatten();
    }
    match (a, b) {
        (Some(a), Some(b)) if a == b => Some("rises and falls exactly with".into()),
        (Some(a), Some(b)) if a.iter().eq(b.iter().rev()) => Some("falls exactly as does rise".into()),
        _ => Some("a copy, under other names, of".into()),
    }
}

/// Of columns with too many numbers to keep: by the order of those of some rows.
fn in_order(copy: &Column, original: &Column) -> Option<String> {
    let (a, b) = (copy.probe.ranks()?, original.probe.ranks()?);
    let rows = copy.probe.rows();
    if a == b {
        return Some(format!("in {rows} rows looked at, rises and falls exactly with"));
    }
    (a == reversed(&b)).then(|| format!("in {rows} rows looked at, falls exactly as does rise"))
}
