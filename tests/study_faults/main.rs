//! Whatever candidates do to their workers, a study ends, and its trials are those of an undisturbed one.
//!
//! No test harness: this program is also its own worker, that of `tests/worker_pool`, and the study that gets killed,
//! chosen by an environment variable.

mod budgets;
#[path = "../common/cells.rs"]
mod cells;
mod deeds;
mod judges;
#[path = "../worker_pool/pools.rs"]
mod pools;
#[path = "../worker_pool/runner.rs"]
mod runner;
mod stops;
mod studies;
#[path = "../worker_pool/worker.rs"]
mod worker;

use worker::ROLE;

fn main() {
    match std::env::var(ROLE).as_deref() {
        Ok("parent") => stops::be_a_study(),
        Ok(role) => worker::be_a_worker(role),
        Err(_) => runner::run(&[studies::TESTS, stops::TESTS, budgets::TESTS].concat()),
    }
}
