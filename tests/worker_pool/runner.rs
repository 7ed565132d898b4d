//! Runs tests without a harness. Arguments are parts of test names; `--list` lists them.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

pub type Test = (&'static str, fn());

/// Ends this program with a failure if a test failed.
pub fn run(tests: &[Test]) {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&String> = args.iter().filter(|arg| !arg.starts_with('-')).collect();
    let asked =
        tests.iter().filter(|(name, _)| words.is_empty() || words.iter().any(|word| name.contains(*word)));
    if args.iter().any(|arg| arg == "--list") {
        return asked.for_each(|(name, _)| println!("{name}: test"));
    }
    let failed = asked.filter(|test| !passes(test)).count();
    if failed > 0 {
        eprintln!("{failed} of these tests failed");
        std::process::exit(101);
    }
}

fn passes((name, test): &Test) -> bool {
    let start = Instant::now();
    let passed = catch_unwind(AssertUnwindSafe(test)).is_ok();
    println!("test {name} ... {} ({:.2?})", if passed { "ok" } else { "FAILED" }, start.elapsed());
    passed
}
