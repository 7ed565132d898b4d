//! What each way of recognizing a candidate saves, and what that is worth, when so many evaluations were really made.

use crate::figures::{Figure, mean_of};
use crate::run::{KnownBy, Most, Published, Search, Stand};

const TRAININGS: [u64; 4] = [50, 100, 200, 400];
/// Sequential; and wide enough for some dozen workers.
const WINDOWS: [u64; 2] = [1, 32];

/// Where the searches of one way stood: for each budget, one for each seed.
type Stands = [Vec<Stand>; TRAININGS.len()];

/// Says whether the bars are met.
pub fn print(table: &Published, seeds: u64) -> bool {
    let ways =
        WINDOWS.map(|window| (window, KnownBy::ALL.map(|known_by| stands(table, known_by, window, seeds))));
    println!("\nAfter {} evaluations, {seeds} seeds:\n", TRAININGS.map(|n| n.to_string()).join(" / "));
    println!("| window | known by | answered | best validation | its test accuracy | GPU hours saved |");
    println!("|---|---|---|---|---|---|");
    for (window, ways) in &ways {
        for (known_by, stands) in KnownBy::ALL.iter().zip(ways) {
            println!("| {window} | {} | {} |", known_by.name(), row(stands));
        }
    }
    println!("\nTest accuracy, difference between runs of one seed:\n");
    println!("| window | evaluations | function less | difference | standard error | 95 % interval |");
    println!("|---|---|---|---|---|---|");
    let mut met = true;
    for (window, ways) in &ways {
        met &= differences(*window, ways);
    }
    println!();
    for (window, ways) in &ways {
        met &= strictly_ordered(*window, ways);
    }
    met
}

fn stands(table: &Published, known_by: KnownBy, window: u64, seeds: u64) -> Stands {
    let most = Most::Trainings(TRAININGS[TRAININGS.len() - 1]);
    let (strategy, population, tournament, node_first) = ("evolution", 50, 10, false);
    let search = Search { known_by, strategy, population, tournament, node_first, window, most };
    let runs = search.runs(table, seeds);
    TRAININGS.map(|most| runs.iter().map(|trials| Stand::at(trials, Most::Trainings(most))).collect())
}

fn row(stands: &Stands) -> String {
    let shown = |number: fn(&Stand) -> f64, digits: usize| {
        stands.each_ref().map(|stands| format!("{:.digits$}", mean_of(stands, number))).join(" / ")
    };
    [
        shown(Stand::hit_rate, 4),
        shown(|stand| stand.validation, 2),
        shown(|stand| stand.test, 2),
        shown(|stand| stand.saved / 3600.0, 1),
    ]
    .join(" | ")
}

/// Whether function is above nothing by more than two standard errors at 100 and 200 evaluations.
fn differences(window: u64, ways: &[Stands; KnownBy::ALL.len()]) -> bool {
    let [nothing, _, structure, function] = ways;
    let mut met = true;
    for (other, stands) in [(KnownBy::Nothing, nothing), (KnownBy::Structure, structure)] {
        for (place, trainings) in TRAININGS.into_iter().enumerate() {
            let pairs = function[place].iter().zip(&stands[place]);
            let figure = Figure::of(&pairs.map(|(a, b)| a.test - b.test).collect::<Vec<_>>());
            let (low, high) = figure.interval;
            println!(
                "| {window} | {trainings} | {} | {:+.3} | {:.3} | {low:+.3} to {high:+.3} |",
                other.name(),
                figure.mean,
                figure.error,
            );
            let asked = other == KnownBy::Nothing && [100, 200].contains(&trainings);
            if asked && figure.mean <= 2.0 * figure.error {
                met = false;
                eprintln!(
                    "missed: with a window of {window}, function is not above nothing by more than two standard errors after {trainings} evaluations"
                );
            }
        }
    }
    met
}

/// Whether each way answers a larger share than the one before it, at every budget.
fn strictly_ordered(window: u64, ways: &[Stands; KnownBy::ALL.len()]) -> bool {
    let mut met = true;
    for (place, trainings) in TRAININGS.into_iter().enumerate() {
        let rates = ways.each_ref().map(|stands| mean_of(&stands[place], Stand::hit_rate));
        if !rates.is_sorted_by(|less, more| less < more) {
            met = false;
            eprintln!(
                "missed: with a window of {window}, shares answered after {trainings} evaluations are not strictly ordered: {rates:?}"
            );
        }
    }
    if met {
        println!(
            "Window {window}: shares answered are ordered strictly, function > structure > genotype > nothing, at every budget."
        );
    }
    met
}
