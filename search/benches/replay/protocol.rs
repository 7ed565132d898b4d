//! The published protocol: 12,000 simulated seconds, with the cache and without.

use crate::figures::{Figure, mean_of};
use crate::run::{KnownBy, Most, Published, Search, Stand};

const SECONDS: f64 = 12_000.0;
/// Sequential, as published; and the default of a study.
const WINDOWS: [u64; 2] = [1, 8];
/// Name, strategy, whether it mutates as published.
const STRATEGIES: [(&str, &str, bool); 6] = [
    ("regularized evolution", "evolution", false),
    ("regularized evolution, node drawn first", "evolution", true),
    ("random search", "random", false),
    ("hill climbing", "local", false),
    ("MAP-Elites", "map-elites", false),
    ("NSGA-II against seconds an epoch", "nsga2", false),
];

pub fn print(table: &Published, seeds: u64) {
    println!("\nAfter {SECONDS} simulated seconds, {seeds} seeds:\n");
    println!(
        "| window | strategy | cache | test accuracy | standard error | best validation | evaluations | proposals | time saved |"
    );
    println!("|---|---|---|---|---|---|---|---|---|");
    for window in WINDOWS {
        for (name, strategy, node_first) in STRATEGIES {
            for known_by in [KnownBy::Nothing, KnownBy::Function] {
                let most = Most::Seconds(SECONDS);
                // As published: population 10, tournament 3.
                let (population, tournament) = (10, 3);
                let search = Search { known_by, strategy, population, tournament, node_first, window, most };
                let runs = search.runs(table, seeds);
                let stands: Vec<Stand> = runs.iter().map(|trials| Stand::at(trials, most)).collect();
                let cache = if known_by == KnownBy::Nothing { "no" } else { "yes" };
                println!("| {window} | {name} | {cache} | {} |", row(&stands));
            }
        }
    }
}

fn row(stands: &[Stand]) -> String {
    let test = Figure::of(&stands.iter().map(|stand| stand.test).collect::<Vec<_>>());
    let mean = |number: fn(&Stand) -> f64| mean_of(stands, number);
    format!(
        "{:.2} ± {:.2} | {:.3} | {:.2} | {:.1} | {:.1} | {:.1} %",
        test.mean,
        test.deviation,
        test.error,
        mean(|stand| stand.validation),
        mean(|stand| stand.trained as f64),
        mean(|stand| stand.proposals as f64),
        100.0 * mean(|stand| stand.saved / (stand.saved + stand.spent)),
    )
}
