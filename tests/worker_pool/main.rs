//! Whatever a worker does costs one call: crashes, hangs, endless allocation, garbage, and a parent that is killed.
//!
//! No test harness: this program is also the worker it tests (`worker.rs`) and the parent that gets killed, chosen by
//! an environment variable. Arguments are parts of test names; `--list` lists them.

mod faults;
mod lifecycle;
mod pools;
mod worker;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

use worker::ROLE;

type Test = (&'static str, fn());

fn main() {
    match std::env::var(ROLE).as_deref() {
        Ok("parent") => lifecycle::be_a_parent(),
        Ok(role) => worker::be_a_worker(role),
        Err(_) => run(&[faults::TESTS, lifecycle::TESTS].concat()),
    }
}

fn run(tests: &[Test]) {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&String> = args.iter().filter(|arg| !arg.starts_with('-')).collect();
    let asked =
        tests.iter().filter(|(name, _)| words.is_empty() || words.iter().any(|word| name.contains(*word)));
    if args.iter().any(|arg| arg == "--list") {
        return asked.for_each(|(name, _)| println!("{name}: test"));
    }
    let failed = asked.filter(|test| !passes(test)).count();
    if failed > 0 {
        eprintln!("{failed} of the tests of the worker pool failed");
        std::process::exit(101);
    }
}

fn passes((name, test): &Test) -> bool {
    let start = Instant::now();
    let passed = catch_unwind(AssertUnwindSafe(test)).is_ok();
    println!("test {name} ... {} ({:.2?})", if passed { "ok" } else { "FAILED" }, start.elapsed());
    passed
}
