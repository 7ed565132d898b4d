//! What recognizing candidates saves and what it is worth, on the published table of NAS-Bench-201: every strategy under
//! the published protocol, with the cache and without; and regularized evolution by each way of recognizing a candidate.
//!
//! `cargo bench -p fecund --bench replay -- TABLE.csv.gz [SEEDS]` (default: 200 seeds), with a table that has the columns
//! `arch`, `c10_val_12ep`, `c10_test_200ep` and `c10_sec_per_epoch`; without one it says so and ends. Exit code 1 where a
//! bar is missed, which is named.

mod cells;
mod figures;
mod protocol;
mod recognizing;
mod run;

use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with("--")).collect();
    let Some(table) = arguments.first().map(Path::new) else {
        println!(
            "skipped: name the table of NAS-Bench-201, which may not be shipped: -- TABLE.csv.gz [SEEDS]"
        );
        return ExitCode::SUCCESS;
    };
    let seeds = arguments.get(1).map_or(Ok(200), |seeds| seeds.parse::<u64>());
    let Some(seeds) = seeds.ok().filter(|seeds| *seeds > 1) else {
        eprintln!("error: SEEDS is a whole number from 2 on, not `{}`", arguments[1]);
        return ExitCode::from(2);
    };
    let table = match run::read(table) {
        Ok(table) => table,
        Err(error) => {
            eprintln!("error: {error}");
            return ExitCode::FAILURE;
        }
    };
    protocol::print(&table, seeds);
    if recognizing::print(&table, seeds) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
