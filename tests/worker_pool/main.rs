//! Whatever a worker does costs one call: crashes, hangs, endless allocation, garbage, and a parent that is killed.
//!
//! No test harness: this program is also the worker it tests (`worker.rs`) and the parent that gets killed, chosen by
//! an environment variable.

mod faults;
mod lifecycle;
mod pools;
mod runner;
mod worker;

use worker::ROLE;

fn main() {
    match std::env::var(ROLE).as_deref() {
        Ok("parent") => lifecycle::be_a_parent(),
        Ok(role) => worker::be_a_worker(role),
        Err(_) => runner::run(&[faults::TESTS, lifecycle::TESTS].concat()),
    }
}
