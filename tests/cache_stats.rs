//! What a search says of its cache, on a published table: no training, no libtorch.

mod common;

use std::io::Read;
use std::process::{Command, Stdio};
use std::time::Duration;

use common::{Folder, assert_fails, stdout};
use serde_json::Value;

fn table() -> String {
    format!("{}/../data/nas_bench_macro/nas_bench_macro_cifar10.csv.gz", env!("CARGO_MANIFEST_DIR"))
}

/// A search in `out`, with these options.
fn search(folder: &Folder, out: &str, more: &[&str]) {
    let table = table();
    let all = ["search", "--space", "nb-macro", "--data", &table, "--objective", "mean_acc", "--out", out];
    stdout(folder, &[&all[..], more].concat());
}

fn stats(folder: &Folder, path: &str) -> Value {
    serde_json::from_str(&stdout(folder, &["cache", "stats", path, "--format", "json"])).unwrap()
}

fn count(stats: &Value, name: &str) -> u64 {
    stats[name].as_u64().unwrap_or_else(|| panic!("{name} is no whole number in {stats}"))
}

const ANSWERS: [&str; 4] = ["misses", "partial_hits", "full_hits", "shared"];

#[test]
fn every_proposal_is_counted_once_in_all_and_in_every_part() {
    let folder = Folder::new();
    search(&folder, "run", &["--trials", "500", "--evaluations-per-key", "2", "--forget", "0.2"]);
    let stats = stats(&folder, "run");
    assert_eq!(count(&stats, "proposals"), 500);
    assert_eq!(ANSWERS.map(|name| count(&stats, name)).iter().sum::<u64>(), 500);
    assert!(ANSWERS.iter().all(|name| count(&stats, name) > 0), "{stats}");
    let answered = count(&stats, "full_hits") + count(&stats, "shared");
    assert_eq!(count(&stats, "structural") + count(&stats, "functional"), answered);
    assert!(count(&stats, "forgotten") > 0);
    assert_eq!(count(&stats, "trained") + count(&stats, "spared"), 500);
    let operators: Vec<_> = stats["by_operator"].as_object().unwrap().values().collect();
    let generations: Vec<_> = stats["by_generation"].as_array().unwrap().iter().collect();
    assert!(operators.len() == 2 && generations.len() > 5);
    for name in ANSWERS.into_iter().chain(["proposals", "structural", "functional"]) {
        for parts in [&operators, &generations] {
            assert_eq!(
                parts.iter().map(|part| count(part, name)).sum::<u64>(),
                count(&stats, name),
                "{name}"
            );
        }
    }
    assert_eq!(count(generations[0], "proposals"), count(&stats["by_operator"]["sample"], "proposals"));
}

#[test]
fn the_gain_is_stated_in_evaluations_in_steps_and_in_seconds_with_hashing() {
    let folder = Folder::new();
    search(&folder, "run", &["--trials", "500", "--cost", "flops*1e-6"]);
    let stats = stats(&folder, "run");
    let number = |name: &str| stats[name].as_f64().unwrap();
    let close = |a: f64, b: f64| (a - b).abs() < 1e-9 * a.abs();
    assert!(close(number("speedup_by_evaluations"), 500.0 / number("trained")), "{stats}");
    assert!(close(number("speedup_by_steps"), (number("steps") + number("saved_steps")) / number("steps")));
    let spent = number("evaluation_seconds") + number("hashing_seconds");
    let without = number("evaluation_seconds") + number("saved_seconds");
    assert!(close(number("speedup_by_seconds"), without / spent) && without > spent);
    assert!(number("entries") == number("misses") && number("bytes") > 10_000.0);
}

#[test]
fn statistics_say_whether_the_cache_was_warm() {
    let folder = Folder::new();
    search(&folder, "first", &["--trials", "60", "--cache", "shared"]);
    search(&folder, "second", &["--trials", "60", "--cache", "shared", "--seed", "1"]);
    search(&folder, "alone", &["--trials", "60"]);
    let warm =
        |run| (stats(&folder, run)["started_warm"].clone(), count(&stats(&folder, run), "entries_at_start"));
    let held = count(&stats(&folder, "first"), "misses");
    assert_eq!(warm("first"), (false.into(), 0));
    assert_eq!(warm("second"), (true.into(), held));
    assert_eq!(warm("alone"), (false.into(), 0));
    // What a run was given is not asked again when it goes on.
    stdout(&folder, &["resume", "second", "--trials", "70"]);
    assert_eq!(warm("second"), (true.into(), held));
    let shared = stats(&folder, "shared");
    assert_eq!((count(&shared, "studies"), count(&shared, "entries")), (2, count(&shared, "evaluations")));
}

#[test]
fn failures_are_counted_apart_from_candidates_that_work() {
    let folder = Folder::new();
    let mut text = String::new();
    let file = std::fs::File::open(table()).unwrap();
    flate2::read::MultiGzDecoder::new(file).read_to_string(&mut text).unwrap();
    let rows: Vec<_> = text.lines().collect();
    folder.write("half.csv", rows[..rows.len() / 2].join("\n") + "\n");
    let all =
        ["search", "--space", "nb-macro", "--data", "half.csv", "--objective", "mean_acc", "--out", "run"];
    stdout(&folder, &[&all[..], &["--trials", "300"]].concat());
    let stats = stats(&folder, "run");
    let missing = &stats["failures"]["not_in_table"];
    assert!(count(missing, "misses") > 20, "{stats}");
    assert_eq!(count(missing, "proposals"), count(&stats, "not_in_table"));
    assert_eq!(ANSWERS.map(|name| count(missing, name)).iter().sum::<u64>(), count(missing, "proposals"));
}

#[test]
fn audits_are_reported_and_find_no_difference_where_there_is_none() {
    let folder = Folder::new();
    search(&folder, "plain", &["--trials", "400"]);
    search(&folder, "audited", &["--trials", "400", "--audit", "0.5"]);
    let (plain, audited) = (stats(&folder, "plain"), stats(&folder, "audited"));
    assert!(
        ANSWERS.iter().all(|name| count(&plain, name) == count(&audited, name)),
        "the search is the same"
    );
    let audits = &audited["audits"];
    assert!(count(audits, "count") > 10 && count(&plain["audits"], "count") == 0, "{audits}");
    assert_eq!((count(audits, "only_one_scored"), audits["largest_difference"].as_f64()), (0, Some(0.0)));
}

#[test]
fn watching_ends_with_the_search_and_does_not_hinder_it() {
    let folder = Folder::new();
    let table = table();
    let fecund = |arguments: &[&str]| {
        let mut command = Command::new(assert_cmd::cargo::cargo_bin("fecund"));
        command.args(arguments).current_dir(folder.0.path());
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let mut search = fecund(&[
        "search",
        "--space",
        "nb-macro",
        "--data",
        &table,
        "--objective",
        "mean_acc",
        "--trials",
        "3000",
        "--no-cache",
        "--out",
        "run",
    ]);
    while !folder.path("run/cache/journal/000001.seg").exists() {
        assert_eq!(search.try_wait().unwrap(), None, "it has only begun");
        std::thread::sleep(Duration::from_millis(5));
    }
    let watch = fecund(&["cache", "stats", "run", "--watch", "--format", "json"]).wait_with_output().unwrap();
    let search = search.wait_with_output().unwrap();
    assert!(search.status.success(), "{}", common::stderr_of(&search));
    assert!(watch.status.success(), "{}", common::stderr_of(&watch));
    let text = String::from_utf8(watch.stdout).unwrap();
    let seen: Vec<u64> =
        text.lines().map(|line| count(&serde_json::from_str(line).unwrap(), "proposals")).collect();
    assert!(seen.len() >= 2 && seen.is_sorted() && seen.last() == Some(&3000), "{seen:?}");
    assert!(seen[0] < 3000, "it was watched while it ran");
}

#[test]
fn shares_and_numbers_that_make_no_sense_are_refused() {
    let folder = Folder::new();
    let table = table();
    let fails = |more: &[&str], words: &[&str]| {
        let all =
            ["search", "--space", "nb-macro", "--data", &table, "--objective", "mean_acc", "--out", "run"];
        assert_fails(&folder, &[&all[..], more].concat(), 2, words);
    };
    fails(&["--forget", "1.5"], &["--forget", "from 0 to 1"]);
    fails(&["--audit", "nan"], &["--audit", "from 0 to 1"]);
    fails(&["--evaluations-per-key", "0"], &["--evaluations-per-key"]);
    fails(&["--tournament", "18446744073709551615"], &["--tournament", "1 to 1000000"]);
    fails(&["--no-cache", "--forget", "0.1"], &["--no-cache", "--forget"]);
    assert!(!folder.path("run").exists());
}
