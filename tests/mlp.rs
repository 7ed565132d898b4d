//! Tables on the command line: searched, tested, asked and exported. Trains for real, in worker processes.

mod common;
#[path = "common/lives.rs"]
mod lives;
#[path = "common/people.rs"]
mod people;

use std::path::Path;
use std::process::Command;

use common::{Folder, assert_fails, lines, run, stderr_of, stdout, worker_is_there};
use hashing::Rng;
use lives::{assert_same, trials_of};
use people::people;
use serde_json::Value;
use spaces::mlp::Genome;

/// A search that takes a few seconds.
const SEARCH: [&str; 11] = [
    "search",
    "--space",
    "mlp",
    "--data",
    "people.csv",
    "--epochs",
    "6",
    "--max-depth",
    "2",
    "--trials",
    "8",
];
/// Of the columns that tell.
const CLASSES: [&str; 4] = ["--target", "y", "--ignore", "pay,day,store"];

fn folder() -> Folder {
    let folder = Folder::new();
    folder.write("people.csv", people(0, 900));
    folder
}

fn json(folder: &Folder, arguments: &[&str]) -> Value {
    serde_json::from_str(&stdout(folder, &[arguments, &["--format", "json"]].concat())).unwrap()
}

fn searched(folder: &Folder, out: &str, more: &[&str]) -> String {
    let output = run(folder, &[&SEARCH[..], &["--out", out], more].concat());
    assert!(output.status.success(), "{}", stderr_of(&output));
    stderr_of(&output)
}

#[test]
fn a_table_is_searched_tested_asked_and_exported() {
    if !worker_is_there() {
        return;
    }
    let folder = folder();
    let said = searched(&folder, "run", &CLASSES);
    for words in
        ["720 rows, 180 held back to test", "4 columns, 2 of them of words", "`y` is one of 2 classes"]
    {
        assert!(said.contains(words), "{words}: {said}");
    }
    let board = json(&folder, &["leaderboard", "run", "--top", "3"]);
    assert!(board[0]["auc"].as_f64().unwrap() > 0.9, "{board}");
    for column in ["accuracy", "log_loss", "parameters", "multiply_adds", "model"] {
        assert!(!board[0][column].is_null(), "{column}: {board}");
    }
    let tested = json(&folder, &["test", "run"]);
    assert!(tested[0]["auc"].as_f64().unwrap() > 0.9 && tested[0]["refit"] == false, "{tested}");
    let refit = json(&folder, &["test", "run", "--refit"]);
    assert!(refit[0]["auc"].as_f64().unwrap() > 0.9 && refit[0]["refit"] == true, "{refit}");
    let written: Value = serde_json::from_str(&lines(&folder.path("run/tests.jsonl"))[0]).unwrap();
    assert_eq!(written["cases"], 180);
    let confirmed = json(&folder, &["confirm", "run", "--top", "1", "--seeds", "2"]);
    assert_eq!((&confirmed[0]["metric"], &confirmed[0]["trainings"]), (&"auc".into(), &2.into()));

    // Rows to be asked about have words that nobody has seen, gaps, and no answers.
    folder.write("new.csv", "city,age,job,noise\nc1,60,cook,0\nnowhere,,?,0.1\nc2,20,smith,-1\n");
    let predicted = json(&folder, &["predict", "run", "new.csv"]);
    assert_eq!(
        (&predicted[0]["class"], &predicted[2]["class"]),
        (&"yes".into(), &"no".into()),
        "{predicted}"
    );
    assert!(predicted[0]["true_class"].is_null());
    stdout(&folder, &["export", "run", "--to", "exported"]);
    for name in ["model.py", "preprocessing.json", "model.safetensors", "genome.json", "README.md"] {
        assert!(folder.path("exported").join(name).is_file(), "{name}");
    }
    assert_fails(&folder, &["predict", "exported", "new.csv"], 2, &["python exported/model.py new.csv"]);
    if let Some(python) = python() {
        let mut command = Command::new(python);
        command.arg("exported/model.py").arg("new.csv").current_dir(folder.0.path());
        let output = command.env("OMP_NUM_THREADS", "1").output().unwrap();
        assert!(output.status.success(), "{}", stderr_of(&output));
        let said = String::from_utf8(output.stdout).unwrap();
        for (line, row) in said.lines().skip(1).zip(predicted.as_array().unwrap()) {
            let cells: Vec<&str> = line.split(',').collect();
            assert_eq!(row["class"], cells[0]);
            let difference = row["p(no)"].as_f64().unwrap() - cells[1].parse::<f64>().unwrap();
            assert!(difference.abs() < 1e-5, "{line} {row}");
        }
        assert_eq!(said.lines().count(), 4);
    }
}

/// One that has torch; the export is compared row by row where there is one.
fn python() -> Option<std::path::PathBuf> {
    let cache = std::env::var_os("HOME")
        .map(|home| Path::new(&home).join(".cache/fecund/torch-2.11.0-venv/bin/python"));
    let named = std::env::var_os("FECUND_PYTHON").map(Into::into);
    let found = named.or(cache).filter(|python: &std::path::PathBuf| python.exists());
    if found.is_none() {
        println!("the export is not run: no Python with torch; `tools/export-env` makes one");
    }
    found
}

#[test]
fn a_target_of_numbers_is_a_regression() {
    if !worker_is_there() {
        return;
    }
    let folder = folder();
    let said =
        searched(&folder, "run", &["--target", "pay", "--ignore", "y,day,store", "--validation", "kfold:2"]);
    assert!(said.contains("`pay` is a number") && said.contains("kfold:2 random"), "{said}");
    let board = json(&folder, &["leaderboard", "run"]);
    let (rmse, r2) = (board[0]["rmse"].as_f64().unwrap(), board[0]["r2"].as_f64().unwrap());
    // The deviation of the target is about 310.
    assert!(rmse < 200.0 && r2 > 0.5, "{board}");
    let tested = json(&folder, &["test", "run"]);
    assert!(tested[0]["rmse"].as_f64().unwrap() < 220.0, "{tested}");
    folder.write("test.csv", people(7, 50));
    let predicted = json(&folder, &["predict", "run", "test.csv"]);
    assert_eq!(predicted.as_array().unwrap().len(), 50);
    assert!(predicted[0]["true"].as_f64().is_some(), "{predicted}");
}

#[test]
fn rows_are_held_back_in_groups_or_from_the_end() {
    if !worker_is_there() {
        return;
    }
    let folder = folder();
    let said = searched(&folder, "groups", &["--target", "y", "--ignore", "pay", "--split", "group:store"]);
    assert!(said.contains("group:store") && said.contains("5 columns"), "{said}");
    let said = searched(&folder, "late", &["--target", "y", "--ignore", "pay", "--split", "time:day"]);
    assert!(said.contains("time:day") && said.contains("5 columns"), "{said}");
    let text = std::fs::read_to_string(folder.path("late/study.toml")).unwrap();
    assert!(text.contains("split = \"time:day\""), "{text}");
    let arguments = ["--target", "y", "--split", "time:day", "--validation", "kfold:3", "--out", "no"];
    assert_fails(&folder, &[&SEARCH[..], &arguments].concat(), 1, &["kfold:3 of rows by time"]);
}

#[test]
fn a_test_file_is_read_by_the_test_alone_and_no_row_is_held_back_for_it() {
    if !worker_is_there() {
        return;
    }
    let folder = folder();
    folder.write("test.csv", people(1, 100));
    let said = searched(&folder, "run", &[&CLASSES[..], &["--test", "test.csv"]].concat());
    assert!(said.contains("900 rows; "), "{said}");
    assert!(json(&folder, &["test", "run"])[0]["auc"].as_f64().unwrap() > 0.9);
    std::fs::remove_file(folder.path("test.csv")).unwrap();
    stdout(&folder, &["resume", "run", "--trials", "9"]);
    assert_fails(&folder, &["test", "run"], 1, &["test.csv"]);
}

/// A masked column equals an absent one: the same keys, the same answers.
#[test]
fn a_column_that_is_left_out_is_one_that_is_not_there() {
    if !worker_is_there() {
        return;
    }
    let folder = folder();
    let without: String = people(0, 900)
        .lines()
        .map(|line| {
            let cells = line.split(',').enumerate().filter(|(place, _)| *place != 2 && *place != 3);
            cells.map(|(_, cell)| cell).collect::<Vec<_>>().join(",") + "\n"
        })
        .collect();
    folder.write("narrow.csv", without);
    searched(&folder, "masked", &["--target", "y", "--ignore", "city,noise,pay,day,store"]);
    let mut arguments = SEARCH.to_vec();
    arguments[4] = "narrow.csv";
    stdout(&folder, &[&arguments[..], &CLASSES, &["--out", "absent"]].concat());
    let [masked, absent] = ["masked", "absent"].map(|run| trials_of::<Genome>(&folder, run));
    assert_same(&masked, &absent);
    assert!(masked.iter().zip(&absent).all(|(a, b)| a.key == b.key && a.verdict == b.verdict));
    // And so the cache of the one answers the other.
    let arguments = [&SEARCH[..], &CLASSES, &["--out", "again", "--cache", "masked/cache"]].concat();
    let all = stdout(&folder, &arguments);
    assert_eq!(all, "");
    let again = trials_of::<Genome>(&folder, "again");
    assert!(again.iter().zip(&masked).any(|(a, b)| a.key != b.key), "with more columns the keys are others");
}

/// What is dropped is as if it had never been there, and the study says why it is.
#[test]
fn pruning_drops_noise_by_the_training_rows_alone() {
    if !worker_is_there() {
        return;
    }
    let folder = folder();
    let target = ["--target", "y", "--ignore", "pay,day,store"];
    let said = searched(&folder, "pruned", &[&target[..], &["--prune", "auto"]].concat());
    assert!(said.contains("2 of 4 columns are kept: age, job"), "{said}");
    let text = std::fs::read_to_string(folder.path("pruned/study.toml")).unwrap();
    for words in
        ["columns = [\"age\", \"job\"]", "column = \"city\"", "column = \"noise\"", "columns of noise"]
    {
        assert!(text.contains(words), "{words}: {text}");
    }
    let all = people(0, 900);
    let narrow = all.lines().map(|line| {
        let cells: Vec<&str> = line.split(',').collect();
        format!("{},{},{}\n", cells[0], cells[1], cells[6])
    });
    folder.write("narrow.csv", narrow.collect::<String>());
    let mut arguments = SEARCH.to_vec();
    arguments[4] = "narrow.csv";
    stdout(&folder, &[&arguments[..], &["--target", "y", "--out", "narrow"]].concat());
    searched(&folder, "named", &[&target[..], &["--prune", "job,age"]].concat());
    folder.write("kept.txt", "age\njob\n");
    searched(&folder, "listed", &[&target[..], &["--prune", "kept.txt"]].concat());
    let pruned = trials_of::<Genome>(&folder, "pruned");
    for run in ["narrow", "named", "listed"] {
        let other = trials_of::<Genome>(&folder, run);
        assert_same(&pruned, &other);
        assert!(pruned.iter().zip(&other).all(|(a, b)| a.key == b.key && a.verdict == b.verdict), "{run}");
    }
    stdout(&folder, &["export", "pruned", "--to", "exported"]);
    let readme = std::fs::read_to_string(folder.path("exported/README.md")).unwrap();
    assert!(readme.contains("pruned, and are not read: city, noise"), "{readme}");
    stdout(&folder, &["search", "--config", "pruned/study.toml", "--out", "same"]);
    assert_same(&pruned, &trials_of::<Genome>(&folder, "same"));
}

/// The rows that judge are not seen: their answers can be changed without another column being kept.
#[test]
fn rows_that_judge_have_no_part_in_pruning() {
    let folder = Folder::new();
    // Time tells the parts apart: the last fifth is for the test, the fifth before it validates. `late` tells the answer
    // there, and nothing before.
    let mut text = String::from("day,late,early,y\n");
    let mut rng = Rng::named(1, "late", 0);
    for row in 0..1000 {
        let (y, random) = (rng.chance(0.5), rng.chance(0.5));
        let late = if row < 640 { random } else { y };
        let early = if row < 640 { y } else { random };
        text += &format!("{row},{},{},{}\n", u8::from(late), u8::from(early), if y { "yes" } else { "no" });
    }
    folder.write("late.csv", text);
    let arguments =
        ["search", "--space", "mlp", "--data", "late.csv", "--target", "y", "--split", "time:day"];
    let said = stderr_of(&run(
        &folder,
        &[&arguments[..], &["--prune", "auto", "--trials", "1", "--out", "run"]].concat(),
    ));
    assert!(said.contains("1 of 2 columns are kept: early;"), "{said}");
}

#[test]
fn a_study_file_makes_the_same_run() {
    if !worker_is_there() {
        return;
    }
    let folder = folder();
    searched(&folder, "run", &[&CLASSES[..], &["--split", "group:city", "--validation", "0.3"]].concat());
    stdout(&folder, &["search", "--config", "run/study.toml", "--out", "same"]);
    assert_same(&trials_of::<Genome>(&folder, "run"), &trials_of::<Genome>(&folder, "same"));
    let mine = "version = 2\nspace = \"mlp\"\n[budget]\ntrials = 2\n[task.training]\ntrain = \"people.csv\"\n\
                target = \"y\"\ncolumns = [\"age\", \"job\"]\nepochs = 2\n";
    folder.write("mine.toml", mine);
    stdout(&folder, &["search", "--config", "mine.toml", "--out", "mine"]);
    assert_eq!(trials_of::<Genome>(&folder, "mine").len(), 2);
    folder.write("people.csv", people(3, 900));
    assert_fails(&folder, &["resume", "run", "--trials", "9"], 1, &["people.csv has changed"]);
}

#[test]
fn fidelities_and_limits_are_heeded() {
    if !worker_is_there() {
        return;
    }
    let folder = folder();
    let arguments = ["search", "--space", "mlp", "--data", "people.csv", "--trials", "14", "--out", "run"];
    let more = ["--fidelity", "epochs=1,3", "--max-parameters", "3000", "--window", "2"];
    stdout(&folder, &[&arguments[..], &CLASSES, &more].concat());
    let trials = trials_of::<Genome>(&folder, "run");
    assert!(trials.iter().any(|trial| trial.operator == "promote"));
    let scored = |trial: &&search::Trial<Genome>| trial.verdict.score("auc").is_some();
    assert!(trials.iter().filter(scored).all(|trial| trial.number("parameters").unwrap() <= 3000.0));
    assert!(trials.iter().any(|trial| !scored(&trial)), "some are too large");
}

#[test]
fn what_does_not_apply_is_refused_by_name() {
    let folder = folder();
    let refused = |arguments: &[&str], words: &[&str]| {
        let all = [&["search", "--space", "mlp", "--out", "run"][..], arguments].concat();
        assert_fails(&folder, &all, 2, words);
    };
    let data = ["--data", "people.csv", "--target", "y"];
    refused(&["--data", "people.csv"], &["--target COLUMN"]);
    refused(&["--target", "y"], &["--data"]);
    refused(&[&data[..], &["--metric", "rmse"]].concat(), &["--metric rmse", "known: auc, accuracy"]);
    refused(&[&data[..], &["--blocks", "gru"]].concat(), &["--blocks does not apply to --space mlp"]);
    refused(&[&data[..], &["--task", "mad"]].concat(), &["classification, regression"]);
    refused(&[&data[..], &["--split", "by:chance"]].concat(), &["group:COLUMN"]);
    refused(&[&data[..], &["--max-latency", "3"]].concat(), &["--max-latency"]);
    refused(&[&data[..], &["--widths", "12"]].concat(), &["width 12"]);
    refused(&[&data[..], &["--test-share", "1"]].concat(), &["between 0 and 1"]);
    refused(&[&data[..], &["--prune", "shoe"]].concat(), &["no column `shoe`", "age, job"]);
    refused(&[&data[..], &["--prune", "auto", "--validation", "kfold:3"]].concat(), &["--validation 0.2"]);
    let of_noise = [&data[..], &["--prune", "auto", "--ignore", "age,job,pay"]].concat();
    refused(&of_noise, &["none of 4 columns tells more about `y` than noise"]);
    let fails = |arguments: &[&str], words: &[&str]| {
        let all = [&["search", "--space", "mlp", "--out", "run"][..], arguments].concat();
        assert_fails(&folder, &all, 1, words);
    };
    fails(&["--data", "people.csv", "--target", "z"], &["no column `z`", "age, job"]);
    fails(&[&data[..], &["--ignore", "shoe"]].concat(), &["no column `shoe`"]);
    fails(&[&data[..], &["--types", "job=numeric"]].concat(), &["people.csv:2", "`job`"]);
    assert!(!folder.path("run").exists());
    let sequence = ["search", "--data", "people.csv", "--split", "random"];
    assert_fails(&folder, &sequence, 2, &["--split does not apply to --space sequence"]);
    let series = ["search", "--data", "people.csv", "--metric", "auc"];
    folder.waves();
    assert_fails(
        &folder,
        &[&series[..2], &["Waves_TRAIN.ts"], &series[3..]].concat(),
        2,
        &["--metric auc is of tables"],
    );
}
