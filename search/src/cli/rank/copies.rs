//! Columns that say the same as another one.

use std::collections::HashMap;

use rayon::prelude::*;
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

/// A column, and the order of its numbers in some rows, where they are too many to be kept one by one.
struct Seen<'a> {
    place: usize,
    column: &'a Column,
    ranks: Option<Vec<u32>>,
}

impl<'a> Seen<'a> {
    fn of((place, column): &'a (usize, Column)) -> Self {
        let ranks = if column.keeps_order() { None } else { column.probe.ranks() };
        Self { place: *place, column, ranks }
    }
}

/// By the place of the copy: the place of the original, and in what way it is one.
fn copies(survey: &Survey) -> HashMap<usize, (usize, String)> {
    let columns: Vec<Seen> = survey.columns.par_iter().map(Seen::of).collect();
    let mut found = HashMap::new();
    for (number, copy) in columns.iter().enumerate() {
        let varies = copy.column.cardinality().0 > 1.0;
        let earlier = columns[..number].iter().filter(|before| varies && !found.contains_key(&before.place));
        let original = earlier.filter_map(|it| Some((it.place, likeness(copy, it)?))).next();
        if let Some(original) = original {
            found.insert(copy.place, original);
        }
    }
    found
}

fn likeness(copy: &Seen, original: &Seen) -> Option<String> {
    if copy.column.digests.exact == original.column.digests.exact {
        return Some("a copy of".into());
    }
    if !Survey::are_renamed(copy.column, original.column) {
        return in_order(copy, original);
    }
    match (copy.column.ascending(), original.column.ascending()) {
        (Some(a), Some(b)) if a == b => Some("rises and falls exactly with".into()),
        (Some(a), Some(b)) if a.iter().eq(b.iter().rev()) => Some("falls exactly as does rise".into()),
        _ => Some("a copy, under other names, of".into()),
    }
}

/// Of columns with too many numbers to keep: by the order of those of some rows.
fn in_order(copy: &Seen, original: &Seen) -> Option<String> {
    let (a, b) = (copy.ranks.as_ref()?, original.ranks.as_ref()?);
    let rows = copy.column.probe.rows();
    if a == b {
        return Some(format!("in {rows} rows looked at, rises and falls exactly with"));
    }
    (*a == reversed(b)).then(|| format!("in {rows} rows looked at, falls exactly as does rise"))
}
