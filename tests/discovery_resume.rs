//! What is kept of a discovery: it ends as if it had never been interrupted, however it was.

mod common;

use std::fs;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use assert_cmd::cargo::cargo_bin;
use common::{Folder, assert_fails, fecund, run, stderr_of, stdout};
use serde_json::Value;

/// Forty rounds of two islands that never find enough, with everything that has a state.
const LONG: &str = "discover --task linear --tasks 4 --sufficient 1 --round 1000 --cache-size 3000 --hurdle --audit 0.05 \
                    --lifetime 7000 --tabu 50";

fn long<'a>(more: &[&'a str]) -> Vec<&'a str> {
    LONG.split_whitespace().chain(more.iter().copied()).collect()
}

fn discovered(folder: &Folder, trials: &str, out: &str) -> Value {
    stdout(folder, &long(&["--trials", trials, "--out", out]));
    report(folder, out)
}

/// All that does not depend on the clock.
fn report(folder: &Folder, run: &str) -> Value {
    let text = fs::read_to_string(folder.path(run).join("report.json")).unwrap();
    let mut report: Value = serde_json::from_str(&text).unwrap();
    let seconds =
        ["seconds", "cpu_seconds", "hashing"].map(|name| report.as_object_mut().unwrap().remove(name));
    assert!(seconds.iter().all(Option::is_some));
    report
}

fn started(folder: &Folder, out: &str) -> std::process::Child {
    let mut command = Command::new(cargo_bin("fecund"));
    command.args(long(&["--trials", "80000", "--out", out])).current_dir(folder.0.path());
    command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
}

fn wait_for(path: &std::path::Path) {
    let start = Instant::now();
    while !path.exists() {
        assert!(start.elapsed() < Duration::from_secs(60), "{} does not come", path.display());
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_discovery_that_was_killed_ends_as_if_it_had_not_been() {
    let folder = Folder::new();
    let whole = discovered(&folder, "80000", "whole");
    assert_eq!(whole["proposals"], 80_000);
    let mut child = started(&folder, "cut");
    wait_for(&folder.path("cut/checkpoint"));
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(!folder.path("cut/report.json").exists(), "it had ended before it was killed");
    let told = run(&folder, &["resume", "cut", "--jobs", "1"]);
    assert!(stderr_of(&told).contains("going on after"), "{}", stderr_of(&told));
    assert_eq!(report(&folder, "cut"), whole);
}

#[test]
fn ctrl_c_keeps_the_round_and_says_how_to_go_on() {
    let folder = Folder::new();
    let whole = discovered(&folder, "80000", "whole");
    let child = started(&folder, "cut");
    wait_for(&folder.path("cut/checkpoint"));
    // SAFETY: a signal to a child of ours that was not waited for.
    unsafe { libc::kill(child.id() as i32, libc::SIGINT) };
    let ended = child.wait_with_output().unwrap();
    assert_eq!(ended.status.code(), Some(130));
    assert!(stderr_of(&ended).contains("`fecund resume cut` goes on"), "{}", stderr_of(&ended));
    assert_ne!(report(&folder, "cut"), whole);
    stdout(&folder, &["resume", "cut"]);
    assert_eq!(report(&folder, "cut"), whole);
}

#[test]
fn a_larger_budget_goes_on_and_a_cut_checkpoint_costs_what_came_after_the_one_before() {
    let folder = Folder::new();
    let whole = discovered(&folder, "40000", "whole");
    let half = discovered(&folder, "20000", "half");
    assert_ne!(half, whole);
    let checkpoint = folder.path("half/checkpoint");
    let bytes = fs::read(&checkpoint).unwrap();
    fs::write(&checkpoint, &bytes[..bytes.len() - 7]).unwrap();
    let told = run(&folder, &["resume", "half", "--trials", "40000"]);
    let said = stderr_of(&told);
    assert!(said.contains("checkpoint is cut short or damaged") && said.contains("the one before"), "{said}");
    assert_eq!(report(&folder, "half"), whole);
    // It has ended: nothing is searched any more.
    stdout(&folder, &["resume", "half"]);
    assert_eq!(report(&folder, "half"), whole);
}

#[test]
fn a_run_is_looked_into_and_exported() {
    let folder = Folder::new();
    let report = discovered(&folder, "20000", "run");
    let stats: Value =
        serde_json::from_str(&stdout(&folder, &["cache", "stats", "run", "--format", "json"])).unwrap();
    assert_eq!((&stats["proposals"], &stats["hit_rate"]), (&report["proposals"], &report["hit_rate"]));
    stdout(&folder, &["export", "run", "--to", "exported"]);
    for name in ["program.txt", "program.py", "program.json"] {
        let [ours, theirs] =
            ["run", "exported"].map(|from| fs::read_to_string(folder.path(from).join(name)).unwrap());
        assert_eq!(ours, theirs, "{name}");
    }
    assert_fails(&folder, &["export", "run", "--to", "exported"], 2, &["exported is there already", "--to"]);
    assert_fails(&folder, &["export", "run", "--to", "other", "--refit"], 2, &["--refit", "discovery"]);
    for command in
        [&["leaderboard", "run"][..], &["history", "run"], &["cache", "list", "run"], &["cache", "gc", "run"]]
    {
        assert_fails(&folder, command, 2, &["writes no trials", "fecund resume run"]);
    }
    assert_fails(&folder, &["resume", "run", "--trainings", "9"], 2, &["--trainings", "--trials"]);
    assert_fails(&folder, &long(&["--out", "run"]), 2, &["fecund resume run"]);
}

#[test]
fn a_run_that_was_changed_or_has_lost_its_state_is_refused() {
    let folder = Folder::new();
    discovered(&folder, "4000", "run");
    let file = folder.path("run/study.toml");
    let text = fs::read_to_string(&file).unwrap();
    let resumed = |from: &str, to: &str, words: &[&str]| {
        assert!(text.contains(from), "{text}");
        fs::write(&file, text.replace(from, to)).unwrap();
        assert_fails(&folder, &["resume", "run", "--trials", "8000"], 1, words);
    };
    resumed("seed = 0", "seed = 1", &["task or seed", "take the changes back"]);
    resumed("mutation = 0.9", "mutation = 0.8", &["task or seed"]);
    resumed("mutation = 0.9", "mutation = 1.9", &["study.toml: mutation = 1.9", "0 to 1"]);
    resumed("features = 4", "features = 5", &["features = 5", "4, 8, 16 or 32"]);
    resumed("population = 1000", "populace = 1000", &["study.toml:", "populace"]);
    fs::write(&file, &text).unwrap();
    for name in ["checkpoint", "checkpoint.before"] {
        fs::write(folder.path("run").join(name), "nothing of ours").unwrap();
    }
    assert_fails(
        &folder,
        &["resume", "run", "--trials", "8000"],
        1,
        &["is not a checkpoint", "begin a new run"],
    );
}

#[test]
fn one_process_writes_a_run() {
    let folder = Folder::new();
    let mut child = started(&folder, "run");
    wait_for(&folder.path("run/checkpoint"));
    let second = fecund(&folder, &["resume", "run"]).output().unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(second.status.code(), Some(1));
    assert!(stderr_of(&second).contains("process"), "{}", stderr_of(&second));
}
