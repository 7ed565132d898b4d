//! The main job on a small data set: search, crash, resume, test, export. Trains for real, in worker processes.

mod common;
#[path = "common/lives.rs"]
mod lives;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use common::{Folder, assert_fails, lines, run, stderr_of, stdout, worker_is_there};
use lives::{assert_same, signal, spawn, trials, wait_for_trials};
use serde_json::Value;

/// A search that takes a few seconds.
const SEARCH: [&str; 9] =
    ["search", "--data", "Waves_TRAIN.ts", "--epochs", "3", "--validation", "0.25", "--max-depth", "3"];

fn searched(out: &str, more: &[&str]) -> Folder {
    let folder = Folder::new();
    folder.waves();
    stdout(&folder, &[&SEARCH, &["--out", out][..], more].concat());
    folder
}

/// Processes of this program whose parent is `parent`.
fn children(parent: u32) -> Vec<i32> {
    let tasks = fs::read_dir(format!("/proc/{parent}/task")).unwrap().flatten();
    let text = tasks.map(|task| fs::read_to_string(task.path().join("children")).unwrap_or_default());
    text.flat_map(|line| line.split_whitespace().map(|pid| pid.parse().unwrap()).collect::<Vec<_>>())
        .collect()
}

#[test]
fn the_trials_do_not_depend_on_the_number_of_jobs() {
    if !worker_is_there() {
        return;
    }
    let folder = searched("one", &["--trials", "14", "--jobs", "1"]);
    stdout(&folder, &[&SEARCH, &["--out", "four", "--trials", "14", "--jobs", "4"][..]].concat());
    assert_same(&trials(&folder, "one"), &trials(&folder, "four"));
}

#[test]
fn a_search_killed_with_its_group_resumes_to_the_trials_of_an_undisturbed_one() {
    if !worker_is_there() {
        return;
    }
    let folder = searched("whole", &["--trials", "26", "--jobs", "2"]);
    let arguments = [&SEARCH, &["--out", "cut", "--trials", "26", "--jobs", "2"][..]].concat();
    let mut child = spawn(&folder, &arguments);
    for stop in [2, 7, 11] {
        wait_for_trials(&folder, "cut", stop);
        signal(-(child.id() as i32), libc::SIGKILL);
        assert_eq!(child.wait().unwrap().signal(), Some(libc::SIGKILL));
        child = spawn(&folder, &["resume", "cut"]);
    }
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", stderr_of(&output));
    assert_same(&trials(&folder, "whole"), &trials(&folder, "cut"));
    let evaluations: usize = records(&folder.path("cut/cache")).values().sum();
    let keys = records(&folder.path("cut/cache")).len();
    assert_eq!(evaluations, keys, "nothing is trained twice that was acknowledged once");
}

/// Evaluations in a cache, by key.
fn records(cache: &Path) -> BTreeMap<String, usize> {
    let (store, _) = storage::JournalStore::read(cache).unwrap();
    store.0.entries().into_iter().map(|(key, record)| (key.to_string(), record.evaluations.len())).collect()
}

#[test]
fn ctrl_c_finishes_what_is_running_and_resume_goes_on() {
    if !worker_is_there() {
        return;
    }
    let folder = searched("whole", &["--trials", "24"]);
    let mut child = spawn(&folder, &[&SEARCH, &["--out", "cut", "--trials", "24"][..]].concat());
    wait_for_trials(&folder, "cut", 3);
    // A terminal sends the signal to the whole group; workers must not die of it.
    signal(-(child.id() as i32), libc::SIGINT);
    let status = child.wait().unwrap();
    assert_eq!(status.code(), Some(130));
    assert!(trials(&folder, "cut").len() < 24);
    stdout(&folder, &["resume", "cut"]);
    assert_same(&trials(&folder, "whole"), &trials(&folder, "cut"));
}

#[test]
fn a_killed_worker_and_one_that_hangs_cost_an_evaluation_each_and_change_no_trial() {
    if !worker_is_there() {
        return;
    }
    let folder = searched("whole", &["--trials", "12", "--jobs", "1"]);
    let child = spawn(
        &folder,
        &[&SEARCH, &["--out", "hurt", "--trials", "12", "--jobs", "1", "--max-seconds-per-trial", "10"][..]]
            .concat(),
    );
    wait_for_trials(&folder, "hurt", 2);
    let killed = children(child.id());
    assert_eq!(killed.len(), 1);
    signal(killed[0], libc::SIGKILL);
    wait_for_trials(&folder, "hurt", 6);
    let start = Instant::now();
    while children(child.id()).is_empty() {
        assert!(start.elapsed() < Duration::from_secs(30));
        std::thread::sleep(Duration::from_millis(5));
    }
    signal(children(child.id())[0], libc::SIGSTOP);
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", stderr_of(&output));
    assert_same(&trials(&folder, "whole"), &trials(&folder, "hurt"));
}

#[test]
fn an_evaluation_beyond_its_limit_is_remembered_as_unstable() {
    if !worker_is_there() {
        return;
    }
    let folder = Folder::new();
    folder.waves();
    let limited = ["--epochs", "20000", "--trials", "2", "--max-seconds-per-trial", "0.2", "--out", "short"];
    stdout(&folder, &[&["search", "--data", "Waves_TRAIN.ts"][..], &limited].concat());
    for trial in trials(&folder, "short") {
        let text = format!("{:?}", trial.verdict);
        assert!(text.contains("Unstable") && text.contains("time limit"), "{text}");
    }
    assert_fails(&folder, &["leaderboard", "short"], 1, &["no scored trial"]);
}

#[test]
fn a_finished_run_can_be_asked() {
    if !worker_is_there() {
        return;
    }
    let folder = Folder::new();
    folder.waves();
    // The same function in two forms, close together and far apart.
    let gru = r#"{"layers": [{"token": {"kind": "gru"}}]}"#;
    let same = r#"{"layers": [{}, {"token": {"kind": "gru"}, "repeat": 1}]}"#;
    folder.write("same.json", same);
    let nested = r#"{"training": {"prefixes": 2}}"#;
    folder.write("same.jsonl", format!("{gru}\n{same}\n{{}}\n{nested}\n"));
    stdout(
        &folder,
        &[&SEARCH, &["--out", "run", "--trials", "40", "--trainings", "10", "--enqueue", "same.jsonl"][..]]
            .concat(),
    );
    let json = |arguments: &[&str]| -> Value { serde_json::from_str(&stdout(&folder, arguments)).unwrap() };

    let board = json(&["leaderboard", "run", "--format", "json", "--top", "3"]);
    let scores: Vec<f64> =
        board.as_array().unwrap().iter().map(|row| row["accuracy"].as_f64().unwrap()).collect();
    assert!(scores.len() == 3 && scores.is_sorted_by(|a, b| a >= b), "{scores:?}");
    assert!(board[0]["nearest_mean_accuracy"].as_f64().unwrap() > 0.2, "{board}");
    let csv = stdout(&folder, &["leaderboard", "run", "--format", "csv", "--top", "3"]);
    assert_eq!(csv.lines().count(), 4);

    let stats = json(&["cache", "stats", "run", "--format", "json"]);
    let count = |name: &str| stats[name].as_u64().unwrap();
    assert_eq!(
        count("proposals"),
        count("misses") + count("partial_hits") + count("full_hits") + count("shared")
    );
    assert_eq!(count("misses"), 10);
    assert_eq!(json(&["cache", "stats", "run/cache", "--format", "json"])["entries"], 10);

    let trials = trials(&folder, "run");
    let hit = trials
        .iter()
        .find(|trial| trial.payer.is_some())
        .expect("the second trial is the first one's function");
    let (a, b) = (hit.payer.unwrap().to_string(), hit.number.to_string());
    assert!(stdout(&folder, &["cache", "explain", "run", &a, &b]).contains("same key"));
    let (first, second) =
        (&trials[0].key.to_string()[..12], trials.iter().find(|t| t.key != trials[0].key).unwrap());
    let explained = stdout(&folder, &["cache", "explain", "run", first, &second.number.to_string()]);
    assert!(explained.contains("different keys") && explained.contains("differs"), "{explained}");
    assert_fails(&folder, &["cache", "explain", "run", "0", "nothing"], 2, &["nothing"]);
    let of_cache = json(&["cache", "explain", "run/cache", first, "same.json", "--format", "json"]);
    assert_eq!(of_cache["a"]["fingerprint"], of_cache["b"]["fingerprint"]);
    let csv = stdout(&folder, &["cache", "explain", "run", "0", "1", "--format", "csv"]);
    assert_eq!(csv.lines().count(), 3);
    assert_fails(&folder, &["export", "run", "--trial", "4000", "--to", "x"], 2, &["4000"]);

    let tested = json(&["test", "run", "--format", "json"]);
    assert!(["accuracy", "nearest_mean_accuracy"].iter().all(|name| tested[0][name].as_f64().unwrap() > 0.2));
    assert_eq!(json(&["test", "run", "--refit", "--format", "json"])[0]["refit"], true);
    assert_eq!(lines(&folder.path("run/tests.jsonl")).len(), 2);
    for refit in [&[][..], &["--refit"]] {
        let tested = json(&[&["test", "run", "--trial", "3", "--format", "json"], refit].concat());
        for name in ["accuracy_at_16", "nearest_mean_accuracy"] {
            assert!((0.0..=1.0).contains(&tested[0][name].as_f64().unwrap()), "{name}: {tested}");
        }
    }
    let listed = json(&["cache", "list", "run", "--metric", "accuracy_at_16", "--format", "json"]);
    assert!(listed.as_array().unwrap().iter().any(|row| row["accuracy_at_16"].is_number()), "{listed}");

    let confirmed = json(&["confirm", "run", "--top", "2", "--seeds", "2", "--format", "json"]);
    assert_eq!((confirmed.as_array().unwrap().len(), confirmed[0]["trainings"].as_u64()), (2, Some(2)));

    let refused = run(&folder, &[&SEARCH, &["--out", "run", "--trials", "2"][..]].concat());
    assert_eq!(refused.status.code(), Some(2));
    assert!(stderr_of(&refused).contains("fecund resume run") && stderr_of(&refused).contains("--out"));

    exports(&folder);
}

/// An export predicts what the run predicts, has every file, and refuses to overwrite.
fn exports(folder: &Folder) {
    assert_eq!(stdout(folder, &["export", "run", "--to", "out"]).trim(), "out");
    for file in ["architecture.json", "model.safetensors", "model.py", "architecture.svg", "README.md"] {
        assert!(folder.path("out").join(file).metadata().unwrap().len() > 100, "{file}");
    }
    let predict = |model| stdout(folder, &["predict", model, "Waves_TEST.ts", "--format", "csv"]);
    assert_eq!(predict("run"), predict("out"));
    assert_eq!(predict("out").lines().count(), 25);
    assert_fails(folder, &["export", "run", "--to", "out"], 2, &["out", "--to"]);
    // Weights that are gone are trained again, bit for bit.
    fs::remove_dir_all(folder.path("run/artifacts")).unwrap();
    fs::create_dir(folder.path("run/artifacts")).unwrap();
    let output = run(folder, &["export", "run", "--to", "again"]);
    assert!(
        output.status.success() && stderr_of(&output).contains("training them again"),
        "{}",
        stderr_of(&output)
    );
    let weights = |name: &str| fs::read(folder.path(name).join("model.safetensors")).unwrap();
    assert!(weights("out") == weights("again"), "the same seed gives the same bits");
}

#[test]
fn the_test_part_is_read_only_when_it_is_asked_for() {
    if !worker_is_there() {
        return;
    }
    let folder = Folder::new();
    folder.waves();
    folder.write("Waves_TEST.ts", "nobody reads this");
    stdout(&folder, &[&SEARCH, &["--out", "run", "--trials", "3"][..]].concat());
    stdout(&folder, &["resume", "run", "--trials", "4"]);
    stdout(&folder, &["leaderboard", "run"]);
    stdout(&folder, &["confirm", "run", "--top", "1", "--seeds", "1"]);
    stdout(&folder, &["export", "run", "--refit", "--to", "out"]);
    assert_fails(&folder, &["test", "run"], 1, &["Waves_TEST.ts"]);
    folder.write("Waves_TEST.ts", common::waves(1, 24));
    stdout(&folder, &["test", "run"]);
}

#[test]
fn time_and_processor_time_are_summed_over_resumes() {
    if !worker_is_there() {
        return;
    }
    for (option, file) in [("--time", "run/seconds"), ("--cpu-time", "run/processor_seconds")] {
        let folder = searched("run", &[option, "4s", "--jobs", "2"]);
        let seconds = || lines(&folder.path(file))[0].parse::<f64>().unwrap();
        let (spent, made) = (seconds(), trials(&folder, "run").len());
        assert!((4.0..12.0).contains(&spent) && made > 0, "{made} trials in {spent} s of {option}");
        let output = run(&folder, &["resume", "run"]);
        assert!(output.status.success() && stderr_of(&output).contains("used up"), "{}", stderr_of(&output));
        assert_eq!(trials(&folder, "run").len(), made);
        stdout(&folder, &["resume", "run", option, "30s", "--trials", &(made + 5).to_string()]);
        assert!(trials(&folder, "run").len() > made && seconds() > spent);
    }
}

#[test]
fn pressing_ctrl_c_twice_drops_what_is_running() {
    if !worker_is_there() {
        return;
    }
    let folder = Folder::new();
    folder.waves();
    let long = ["search", "--data", "Waves_TRAIN.ts", "--epochs", "100000", "--out", "cut", "--jobs", "1"];
    let mut child = spawn(&folder, &long);
    let start = Instant::now();
    while children(child.id()).is_empty() || !folder.path("cut/trials.journal").exists() {
        assert!(start.elapsed() < Duration::from_secs(60));
        std::thread::sleep(Duration::from_millis(50));
    }
    std::thread::sleep(Duration::from_millis(500));
    signal(child.id() as i32, libc::SIGINT);
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(child.try_wait().unwrap(), None, "the first signal waits for the evaluation");
    signal(child.id() as i32, libc::SIGINT);
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(start.elapsed() < Duration::from_secs(60));
}

#[test]
fn a_search_goes_on_when_nobody_listens() {
    if !worker_is_there() {
        return;
    }
    let folder = Folder::new();
    folder.waves();
    let mut child = spawn(&folder, &[&SEARCH, &["--out", "run", "--trials", "4"][..]].concat());
    drop(child.stderr.take());
    assert!(child.wait().unwrap().success());
    assert_eq!(trials(&folder, "run").len(), 4);
}

#[test]
fn a_disk_that_takes_no_weights_ends_the_search_and_blames_no_candidate() {
    if !worker_is_there() {
        return;
    }
    let folder = searched("whole", &["--trials", "6"]);
    stdout(&folder, &[&SEARCH, &["--out", "run", "--trials", "2"][..]].concat());
    fs::remove_dir_all(folder.path("run/artifacts")).unwrap();
    folder.write("run/artifacts", "a file in the way");
    assert_fails(&folder, &["resume", "run", "--trials", "6"], 1, &["artifacts", "not written"]);
    fs::remove_file(folder.path("run/artifacts")).unwrap();
    fs::create_dir(folder.path("run/artifacts")).unwrap();
    stdout(&folder, &["resume", "run", "--trials", "6"]);
    assert_same(&trials(&folder, "whole"), &trials(&folder, "run"));
}

#[test]
fn a_shared_cache_answers_the_next_study_and_has_one_writer() {
    if !worker_is_there() {
        return;
    }
    let folder = searched("a", &["--trials", "8", "--cache", "shared"]);
    let output = run(&folder, &[&SEARCH, &["--out", "b", "--trials", "8", "--cache", "shared"][..]].concat());
    assert!(
        output.status.success() && stderr_of(&output).contains("cache is warm"),
        "{}",
        stderr_of(&output)
    );
    let stats: Value =
        serde_json::from_str(&stdout(&folder, &["cache", "stats", "b", "--format", "json"])).unwrap();
    assert_eq!((stats["misses"].as_u64(), stats["full_hits"].as_u64()), (Some(0), Some(8)));
    // The weights of a trial that another study paid for are trained here when they are wanted.
    stdout(&folder, &["export", "b", "--to", "exported"]);

    let mut first = spawn(
        &folder,
        &[&SEARCH, &["--out", "c", "--trials", "500", "--seed", "5", "--cache", "shared"][..]].concat(),
    );
    wait_for_trials(&folder, "c", 1);
    assert_fails(
        &folder,
        &[&SEARCH, &["--out", "d", "--trials", "8", "--cache", "shared"][..]].concat(),
        1,
        &["in use by"],
    );
    first.kill().unwrap();
    first.wait().unwrap();
}

#[test]
fn damage_is_mended_where_it_can_be_and_named_where_it_cannot() {
    if !worker_is_there() {
        return;
    }
    let folder = searched("run", &["--trials", "10"]);
    let before = trials(&folder, "run");

    // The index is lost, and garbage in its place.
    fs::remove_dir_all(folder.path("run/cache/index")).unwrap();
    fs::create_dir(folder.path("run/cache/index")).unwrap();
    fs::write(folder.path("run/cache/index/conf"), b"garbage").unwrap();
    fs::write(folder.path("run/cache/index/db"), vec![0xa5; 5000]).unwrap();
    let output = run(&folder, &["resume", "run", "--trials", "11"]);
    assert!(output.status.success() && stderr_of(&output).contains("recovered"), "{}", stderr_of(&output));
    assert_same(&trials(&folder, "run")[..10], &before);

    // A torn tail of both journals.
    for journal in ["run/cache/journal", "run/trials.journal"] {
        let path = last_segment(&folder.path(journal));
        let length = path.metadata().unwrap().len();
        fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(length - 5).unwrap();
    }
    let output = run(&folder, &["resume", "run", "--trials", "12"]);
    assert!(output.status.success() && stderr_of(&output).contains("recovered"), "{}", stderr_of(&output));
    assert_same(&trials(&folder, "run")[..10], &before);
    assert_eq!(trials(&folder, "run").len(), 12);

    // A flipped byte in the middle.
    let path = last_segment(&folder.path("run/cache/journal"));
    let mut bytes = fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0xff;
    fs::write(&path, bytes).unwrap();
    assert_fails(&folder, &["resume", "run", "--trials", "13"], 1, &["damaged at byte"]);
    let path = last_segment(&folder.path("run/trials.journal"));
    let mut bytes = fs::read(&path).unwrap();
    let near_the_end = bytes.len() * 3 / 4;
    bytes[near_the_end] ^= 0xff;
    fs::write(&path, bytes).unwrap();
    assert_fails(&folder, &["resume", "run", "--trials", "13"], 1, &["trials.journal", "damaged at byte"]);
    assert!(stdout(&folder, &["leaderboard", "run"]).contains("accuracy"), "what can be read is still shown");
}

fn last_segment(journal: &Path) -> std::path::PathBuf {
    let files = fs::read_dir(journal).unwrap().flatten().map(|entry| entry.path());
    files.filter(|path| path.extension().is_some_and(|extension| extension == "seg")).max().unwrap()
}

#[test]
fn what_cannot_be_written_or_started_is_said_before_anything_is_trained() {
    if !worker_is_there() {
        return;
    }
    let folder = Folder::new();
    folder.waves();
    folder.write("file", "");
    assert_fails(&folder, &[&SEARCH, &["--out", "file/run"][..]].concat(), 1, &["cannot create file/run"]);
    fs::create_dir(folder.path("taken")).unwrap();
    folder.write("taken/notes.txt", "mine");
    assert_fails(&folder, &[&SEARCH, &["--out", "taken"][..]].concat(), 2, &["taken", "--out"]);
    // Without the worker's program there is no training, and the message says how to get it.
    let alone = folder.path("fecund");
    fs::copy(assert_cmd::cargo::cargo_bin("fecund"), &alone).unwrap();
    let output = Command::new(&alone)
        .args(SEARCH)
        .current_dir(folder.0.path())
        .env("PATH", "/nowhere")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr_of(&output).contains("make install"), "{}", stderr_of(&output));
    // A worker without its libtorch.
    let worker = assert_cmd::cargo::cargo_bin("fecund").with_file_name("fecund-worker");
    let broken = folder.write(
        "fecund-worker",
        "#!/bin/sh\necho 'error while loading shared libraries: libtorch_cpu.so' >&2\nexit 127\n",
    );
    fs::set_permissions(&broken, worker.metadata().unwrap().permissions()).unwrap();
    let output = Command::new(&alone).args(SEARCH).current_dir(folder.0.path()).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr_of(&output).contains("libtorch_cpu.so"), "{}", stderr_of(&output));
    assert!(!folder.path("runs").exists());
}

#[test]
fn changed_data_is_refused_on_resume() {
    if !worker_is_there() {
        return;
    }
    let folder = searched("run", &["--trials", "2"]);
    folder.write("Waves_TRAIN.ts", common::waves(9, 48));
    assert_fails(&folder, &["resume", "run", "--trials", "3"], 1, &["not the data"]);
}

#[test]
fn data_that_have_moved_are_taken_if_they_are_the_same() {
    if !worker_is_there() {
        return;
    }
    let folder = searched("run", &["--trials", "2"]);
    let study = folder.path("run/study.toml");
    let moved = |from: &str, to: &str| {
        let text = fs::read_to_string(&study).unwrap();
        assert!(text.contains(from), "{text}");
        fs::write(&study, text.replace(from, to)).unwrap();
    };
    fs::rename(folder.path("Waves_TRAIN.ts"), folder.path("Moved_TRAIN.ts")).unwrap();
    folder.write("Other_TRAIN.ts", common::waves(9, 47));
    moved("Waves_TRAIN.ts", "Other_TRAIN.ts");
    let words = ["task.training.data: ", "task.training.cases: 48 → 47"];
    assert_fails(&folder, &["resume", "run", "--trials", "3"], 2, &words);
    moved("Other_TRAIN.ts", "Moved_TRAIN.ts");
    moved("Waves_TEST.ts", "Absent_TEST.ts");
    assert_fails(
        &folder,
        &["resume", "run", "--trials", "3"],
        2,
        &["task.test: ", "Absent_TEST.ts: there is no such file"],
    );
    moved("Absent_TEST.ts", "Waves_TEST.ts");
    stdout(&folder, &["resume", "run", "--trials", "3"]);
    assert_eq!(trials(&folder, "run").len(), 3);
}

#[test]
fn enqueued_genomes_are_tried_first() {
    if !worker_is_there() {
        return;
    }
    let folder = Folder::new();
    folder.waves();
    folder.write("first.jsonl", "{\"layers\": [{\"token\": {\"kind\": \"gru\"}}]}\n{\"width\": 16}\n");
    stdout(&folder, &[&SEARCH, &["--out", "run", "--trials", "3", "--enqueue", "first.jsonl"][..]].concat());
    let trials = trials(&folder, "run");
    let operators: Vec<_> = trials.iter().map(|trial| trial.operator.as_str()).collect();
    assert_eq!(operators, ["enqueue", "enqueue", "sample"]);
    assert_eq!(trials[1].candidate.width, 16);
}
