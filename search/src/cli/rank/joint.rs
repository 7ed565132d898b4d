//! Orders and combinations of columns: what one adds to others, and what several tell only together.

use std::collections::BTreeSet;

use serde_json::Value;
use tasks::rank::{Pairs, Relevance, q_values, three_mr};

use super::ranking::Ranking;
use super::together::{Together, excess};
use crate::cli::args::{ByName, RankArgs};
use crate::cli::failure::Failure;
use crate::cli::table::Table;

/// Columns that joint orders look at.
const COLUMNS: u64 = 200;
/// Combinations that are looked at.
const COMBINATIONS: u64 = 2000;
/// Columns that are chosen one after the other.
const CHOSEN: usize = 20;

pub fn table(ranking: &Ranking, together: &mut Together, args: &RankArgs) -> Result<Table, Failure> {
    let names = names(ranking);
    let given = given(&names, args)?;
    let budget = |default| args.budget.unwrap_or(default) as usize;
    Ok(match args.by {
        ByName::Columns => added(&names, together, &given),
        ByName::Joint => joint(&names, together, given, budget(COLUMNS)),
        ByName::Pairs => combined(&names, together, pairs(names.len(), budget(COMBINATIONS))),
        ByName::Triples => triples(&names, together, budget(COMBINATIONS)),
        ByName::ThreeMr => by_three_mr(ranking, together, budget(COLUMNS)),
    })
}

fn names(ranking: &Ranking) -> Vec<String> {
    ranking.features.iter().map(|feature| feature.name.clone()).collect()
}

fn given(names: &[String], args: &RankArgs) -> Result<Vec<usize>, Failure> {
    let place = |name: &String| {
        names.iter().position(|known| known == name).ok_or_else(|| {
            Failure::usage(format!(
                "--given {name}: no such column is ranked; ranked are: {}",
                names.join(", ")
            ))
        })
    };
    args.given.iter().map(place).collect()
}

/// What each column adds to the given ones.
fn added(names: &[String], together: &mut Together, given: &[usize]) -> Table {
    let others: Vec<usize> = (0..names.len()).filter(|column| !given.contains(column)).collect();
    let mut sets: Vec<Vec<usize>> = others.iter().map(|column| [given, &[*column]].concat()).collect();
    sets.push(given.to_vec());
    let mut found = together.about(&sets);
    let before = excess(&found.pop().expect("the given ones were asked for"));
    let mut rows: Vec<_> = others.into_iter().zip(found).collect();
    rows.sort_by(|(_, a), (_, b)| excess(b).total_cmp(&excess(a)));
    let mut table = Table::new(&["feature", "adds", "together", "z"]);
    for (column, relevance) in rows {
        let adds = excess(&relevance) - before;
        table.row(vec![
            names[column].as_str().into(),
            adds.into(),
            relevance.adjusted.into(),
            relevance.z.into(),
        ]);
    }
    table
}

/// One after the other, the column with the largest mean of I((f, s); y) − E over the columns s before it (Yang and
/// Moody's joint mutual information, 1999, chance subtracted from each).
fn joint(names: &[String], together: &mut Together, given: Vec<usize>, budget: usize) -> Table {
    let columns = names.len().min(budget);
    let alone: Vec<f64> = alone(names.len(), together);
    let mut left: Vec<usize> = (0..columns).filter(|column| !given.contains(column)).collect();
    let mut table = Table::new(&["place", "feature", "alone", "adds_on_average", "adds_least", "to"]);
    // Of each column: what it adds to each one chosen before.
    let mut adds: Vec<Vec<(f64, usize)>> = vec![Vec::new(); columns];
    let mut extend = |chosen: usize, left: &[usize], adds: &mut Vec<Vec<(f64, usize)>>| {
        let sets: Vec<_> = left.iter().map(|column| vec![*column, chosen]).collect();
        for (column, found) in left.iter().zip(together.about(&sets)) {
            adds[*column].push((excess(&found) - alone[chosen], chosen));
        }
    };
    given.iter().for_each(|chosen| extend(*chosen, &left, &mut adds));
    while !left.is_empty() && table.len() < CHOSEN {
        let worth = |column: &usize| mean(&adds[*column]).unwrap_or(alone[*column]);
        let best =
            (0..left.len()).max_by(|a, b| worth(&left[*a]).total_cmp(&worth(&left[*b])).then(b.cmp(a)));
        let column = left.remove(best.expect("some are left"));
        let least = adds[column].iter().min_by(|a, b| a.0.total_cmp(&b.0));
        table.row(vec![
            (table.len() + 1).into(),
            names[column].as_str().into(),
            alone[column].into(),
            mean(&adds[column]).into(),
            least.map(|least| least.0).into(),
            least.map(|least| names[least.1].clone()).into(),
        ]);
        extend(column, &left, &mut adds);
    }
    table
}

/// What each column tells by itself.
fn alone(columns: usize, together: &mut Together) -> Vec<f64> {
    let sets: Vec<Vec<usize>> = (0..columns).map(|column| vec![column]).collect();
    together.about(&sets).iter().map(excess).collect()
}

fn mean(adds: &[(f64, usize)]) -> Option<f64> {
    (!adds.is_empty()).then(|| adds.iter().map(|(adds, _)| adds).sum::<f64>() / adds.len() as f64)
}

/// So many pairs, those of the best columns first.
fn pairs(columns: usize, budget: usize) -> Vec<Vec<usize>> {
    (1..columns).flat_map(|b| (0..b).map(move |a| vec![a, b])).take(budget).collect()
}

/// Half the budget goes to pairs, the rest to the best of them with each other column.
fn triples(names: &[String], together: &mut Together, budget: usize) -> Table {
    let pairs = pairs(names.len(), budget.div_ceil(2));
    let found = together.about(&pairs);
    let mut order: Vec<usize> = (0..pairs.len()).collect();
    order.sort_by(|a, b| found[*b].adjusted.total_cmp(&found[*a].adjusted));
    let mut sets = BTreeSet::new();
    let grown = order.iter().flat_map(|at| (0..names.len()).map(|column| (&pairs[*at], column)));
    for (pair, column) in grown.filter(|(pair, column)| !pair.contains(column)) {
        if sets.len() >= budget / 2 {
            break;
        }
        let mut set = [pair.as_slice(), &[column]].concat();
        set.sort_unstable();
        sets.insert(set);
    }
    combined(names, together, sets.into_iter().collect())
}

/// Combinations by what they tell beyond their columns one by one.
fn combined(names: &[String], together: &mut Together, sets: Vec<Vec<usize>>) -> Table {
    let alone: Vec<f64> = alone(names.len(), together);
    let found = together.about(&sets);
    let q = q_values(&found.iter().map(|found| found.p).collect::<Vec<_>>());
    let beyond = |set: &[usize], found: &Relevance| {
        excess(found) - set.iter().map(|column| alone[*column]).sum::<f64>()
    };
    let mut rows: Vec<_> = sets.iter().zip(&found).zip(q).map(|((set, found), q)| (set, found, q)).collect();
    rows.sort_by(|a, b| b.1.adjusted.total_cmp(&a.1.adjusted));
    let mut table = Table::new(&["features", "score", "z", "q", "beyond_single"]);
    for (set, found, q) in rows {
        let set_names: Vec<&str> = set.iter().map(|column| names[*column].as_str()).collect();
        table.row(vec![
            Value::from(set_names.join(" AND ")),
            found.adjusted.into(),
            found.z.into(),
            q.into(),
            beyond(set, found).into(),
        ]);
    }
    table
}

fn by_three_mr(ranking: &Ranking, together: &mut Together, budget: usize) -> Table {
    let features = &ranking.features;
    let mut columns: Vec<usize> = (0..features.len().min(budget)).collect();
    columns.sort_by_key(|column| features[*column].place);
    let count = columns.len();
    let places: Vec<(usize, usize)> = (0..count).flat_map(|a| (a..count).map(move |b| (a, b))).collect();
    let sets: Vec<Vec<usize>> = places.iter().map(|(a, b)| vec![columns[*a], columns[*b]]).collect();
    let found = together.about(&sets);
    let information =
        |a, b| found[places.binary_search(&(a, b)).expect("every pair was asked for")].information;
    let relevance: Vec<f64> = (0..count).map(|f| information(f, f)).collect();
    let sample = &together.sample;
    let own: Vec<f64> = columns.iter().map(|column| sample.entropy(&[*column])).collect();
    let redundancy = Pairs::of(count, |a, b| own[a] + own[b] - sample.entropy(&[columns[a], columns[b]]));
    let relation = Pairs::of(count, information);
    let mut table = Table::new(&["place", "feature", "relevance"]);
    for chosen in three_mr(&relevance, &redundancy, &relation) {
        let place = table.len() + 1;
        table.row(vec![
            place.into(),
            features[columns[chosen]].name.as_str().into(),
            relevance[chosen].into(),
        ]);
    }
    table
}
