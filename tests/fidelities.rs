//! Trainings at several fidelities, for real: a promotion goes on from its checkpoint, and neither kills nor lost
//! checkpoints change a trial.

mod common;
#[path = "common/lives.rs"]
mod lives;

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;

use common::{Folder, assert_fails, stderr_of, stdout, worker_is_there};
use lives::{assert_same, signal, spawn, trials, wait_for_trials};
use search::Trial;
use serde_json::Value;
use spaces::sequence::Genome;

const SEARCH: [&str; 12] = [
    "search",
    "--data",
    "Waves_TRAIN.ts",
    "--fidelity",
    "epochs=1,2,4",
    "--validation",
    "0.25",
    "--max-depth",
    "2",
    "--trials",
    "30",
    "--out",
];

fn searched(out: &str) -> Folder {
    let folder = Folder::new();
    folder.waves();
    stdout(&folder, &[&SEARCH, &[out, "--jobs", "2"][..]].concat());
    folder
}

fn promotions(trials: &[Trial<Genome>]) -> usize {
    trials.iter().filter(|trial| trial.operator == "promote").count()
}

/// Evaluations that went on from a checkpoint, by what their records say.
fn continued(folder: &Folder, run: &str) -> usize {
    let (store, _) = storage::JournalStore::read(&folder.path(run).join("cache")).unwrap();
    let records = store.0.entries().into_iter().flat_map(|(_, record)| record.evaluations);
    records.filter(|evaluation| evaluation.provenance.contains("continued")).count()
}

fn artifacts(folder: &Folder, run: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder.path(run).join("artifacts")).unwrap();
    entries.map(|entry| entry.unwrap().path()).collect()
}

#[test]
fn kills_and_lost_checkpoints_cost_trainings_and_change_no_trial() {
    if !worker_is_there() {
        return;
    }
    let folder = searched("whole");
    let whole = trials(&folder, "whole");
    assert!(promotions(&whole) > 5, "{}", promotions(&whole));
    assert_eq!(continued(&folder, "whole"), promotions(&whole));
    let mut child = spawn(&folder, &[&SEARCH, &["cut", "--jobs", "3"][..]].concat());
    for stop in [5, 12, 19, 26] {
        wait_for_trials(&folder, "cut", stop);
        signal(-(child.id() as i32), libc::SIGKILL);
        assert_eq!(child.wait().unwrap().signal(), Some(libc::SIGKILL));
        if stop == 12 {
            artifacts(&folder, "cut").iter().for_each(|path| fs::remove_dir_all(path).unwrap());
        }
        child = spawn(&folder, &["resume", "cut"]);
    }
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", stderr_of(&output));
    assert_same(&whole, &trials(&folder, "cut"));
    assert!(continued(&folder, "cut") < promotions(&whole), "some trainings began anew");
}

#[test]
fn the_leaderboard_ranks_what_was_trained_further_first_and_its_best_can_be_tested_and_exported() {
    if !worker_is_there() {
        return;
    }
    let folder = searched("run");
    let rows: Vec<Value> =
        serde_json::from_str(&stdout(&folder, &["leaderboard", "run", "--format", "json"])).unwrap();
    let fidelities: Vec<u64> = rows.iter().map(|row| row["fidelity"].as_u64().unwrap()).collect();
    assert_eq!(fidelities[0], 4);
    assert!(fidelities.is_sorted_by(|a, b| a >= b), "{fidelities:?}");
    let leading = trials(&folder, "run").swap_remove(rows[0]["trial"].as_u64().unwrap() as usize);
    // Without its weights it is trained again, with the seed that all fidelities share, to the same score.
    let artifacts = folder.path("run/artifacts").join(leading.key.to_string());
    fs::remove_dir_all(&artifacts).unwrap();
    let [gone, damaged] = [0, 1].map(|_| {
        let output = common::run(&folder, &["test", "run"]);
        let said = stderr_of(&output);
        assert!(output.status.success() && said.contains("training them again"), "{said}");
        assert!(!said.contains("scores otherwise"), "{said}");
        fs::write(artifacts.join("summary.json"), "{").unwrap();
        output.stdout
    });
    assert_eq!(gone, damaged);
    stdout(&folder, &["export", "run", "--to", "exported"]);
    assert!(folder.path("exported/model.py").is_file());
}

#[test]
fn no_more_is_kept_on_disk_than_asked_for() {
    if !worker_is_there() {
        return;
    }
    let folder = Folder::new();
    folder.waves();
    stdout(&folder, &[&SEARCH, &["run", "--keep", "2"][..]].concat());
    let kept = artifacts(&folder, "run").len();
    assert!((3..=6).contains(&kept), "{kept} folders for two functions at each of three fidelities");
}

#[test]
fn a_search_that_promotes_nothing_says_so() {
    if !worker_is_there() {
        return;
    }
    let folder = Folder::new();
    folder.waves();
    let few = SEARCH.map(|word| if word == "30" { "4" } else { word });
    let output = common::run(&folder, &[&few, &["run"][..]].concat());
    assert!(
        stderr_of(&output).contains("no function has gone on beyond fidelity 1"),
        "{}",
        stderr_of(&output)
    );
    assert!(promotions(&trials(&folder, "run")) == 0);
}

#[test]
fn fidelities_that_make_no_sense_are_refused() {
    let folder = Folder::new();
    folder.waves();
    for bad in ["epochs=4,2", "epochs=3", "1,3", "epochs=0,2", "steps=1,2"] {
        let arguments = ["search", "--data", "Waves_TRAIN.ts", "--out", "run", "--fidelity", bad];
        assert_fails(&folder, &arguments, 2, &["epochs=1,3,9,27"]);
        assert!(!folder.path("run").exists());
    }
}
