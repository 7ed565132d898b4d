//! A small table whose target depends on a number that may be missing, on a word, and on nothing else in it.

use std::fmt::Write as _;

use hashing::Rng;

pub const JOBS: [&str; 4] = ["cook", "smith", "baker", "pilot"];

/// `age,job,city,noise,store,day,y,pay` of so many rows; `y` is yes or no, `pay` a number.
pub fn people(seed: u64, rows: usize) -> String {
    let mut text = String::from("age,job,city,noise,store,day,y,pay\n");
    let mut rng = Rng::named(seed, "people", 0);
    for row in 0..rows {
        let (age, job) = (rng.between(18.0, 70.0), rng.below(JOBS.len()));
        let shown = if rng.chance(0.1) { String::new() } else { format!("{age:.1}") };
        let score = (age - 44.0) / 15.0 + [1.5, -1.5, 0.5, -0.5][job];
        let y = if score + 0.3 * rng.normal() > 0.0 { "yes" } else { "no" };
        let (city, noise, store) = (rng.below(40), rng.normal(), rng.below(12));
        let (job, day) = (JOBS[job], format!("2024-{:02}-{:02}", 1 + row * 12 / rows, 1 + row % 28));
        let pay = 1000.0 + 200.0 * score;
        writeln!(text, "{shown},{job},c{city},{noise:.3},{store},{day},{y},{pay:.1}").unwrap();
    }
    text
}
