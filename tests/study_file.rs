//! Study files: a run can be made from one, and what a resume changes is shown, taken or refused.

mod common;

use std::fs;
use std::path::{Path, PathBuf};

use common::{Folder, assert_fails, run, stderr_of, stdout, worker_is_there};
use search::{Ledger, Trial};
use spaces::nb_macro::Network;

fn published() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../data/nas_bench_macro/nas_bench_macro_cifar10.csv.gz")
}

/// A folder with the published table in it.
fn with_table() -> Folder {
    let folder = Folder::new();
    fs::copy(published(), folder.path("nas_bench_macro_cifar10.csv.gz")).unwrap();
    folder
}

/// With a run of these options over that table.
fn with_run(more: &[&str]) -> Folder {
    let folder = with_table();
    let search =
        "search --space nb-macro --objective mean_acc --data nas_bench_macro_cifar10.csv.gz --out run";
    let words: Vec<_> = search.split(' ').chain(more.iter().copied()).collect();
    stdout(&folder, &words);
    folder
}

fn trials(folder: &Folder, run: &str) -> Vec<Trial<Network>> {
    Ledger::read(&folder.path(run).join("trials.journal")).unwrap().trials
}

fn assert_same(a: &[Trial<Network>], b: &[Trial<Network>]) {
    assert_eq!(a.len(), b.len());
    assert!(a.iter().zip(b).all(|(a, b)| a.same_as(b)));
}

/// The text of `run/study.toml` with one change.
fn edited(folder: &Folder, from: &str, to: &str) -> String {
    let text = fs::read_to_string(folder.path("run/study.toml")).unwrap();
    assert_eq!(text.matches(from).count(), 1, "{from}: {text}");
    text.replacen(from, to, 1)
}

fn edit(folder: &Folder, from: &str, to: &str) {
    folder.write("run/study.toml", edited(folder, from, to));
}

/// What it says, if it succeeds.
fn said(folder: &Folder, arguments: &[&str]) -> String {
    let output = run(folder, arguments);
    assert!(output.status.success(), "fecund {arguments:?}: {}", stderr_of(&output));
    stderr_of(&output)
}

/// Name and content of all files of a run.
fn files(folder: &Folder, run: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let (mut files, mut folders) = (Vec::new(), vec![folder.path(run)]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path)
            } else {
                files.push((path.clone(), fs::read(path).unwrap()))
            }
        }
    }
    files.sort();
    files
}

/// The examples in the documentation.
fn examples() -> Vec<String> {
    let text = documentation();
    text.split("```toml\n").skip(1).map(|rest| rest.split("```").next().unwrap().to_string()).collect()
}

fn documentation() -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/study-file.md")).unwrap()
}

/// The names of all fields of a study file, with those of their tables.
fn fields(table: &toml::Table, within: &str) -> Vec<String> {
    let fields = table.iter().flat_map(|(name, value)| match value {
        toml::Value::Table(table) if name != "context" => fields(table, &format!("{within}{name}.")),
        _ => vec![format!("{within}{name}")],
    });
    fields.collect()
}

fn assert_documented(folder: &Folder, run: &str) {
    let text = fs::read_to_string(folder.path(run).join("study.toml")).unwrap();
    let (fields, documentation) = (fields(&text.parse().unwrap(), ""), documentation());
    let missing: Vec<_> =
        fields.iter().filter(|field| !documentation.contains(&format!("`{field}`"))).collect();
    assert!(missing.is_empty() && fields.len() > 20, "{missing:?} not in docs/study-file.md");
}

#[test]
fn the_examples_of_the_documentation_run_and_it_names_every_field() {
    let folder = with_table();
    folder.waves();
    let [table, sequence] = &examples()[..] else { panic!("two examples") };
    folder.write("mine.toml", table);
    said(&folder, &["search", "--config", "mine.toml", "--out", "run"]);
    let options =
        "search --space nb-macro --objective mean_acc --data nas_bench_macro_cifar10.csv.gz --strategy local";
    let options = format!("{options} --seed 3 --trials 200 --out same");
    stdout(&folder, &options.split(' ').collect::<Vec<_>>());
    assert_same(&trials(&folder, "run"), &trials(&folder, "same"));
    assert_documented(&folder, "run");
    if worker_is_there() {
        folder.write("sequence.toml", sequence);
        said(&folder, &["search", "--config", "sequence.toml", "--out", "waves", "--jobs", "1"]);
        assert_documented(&folder, "waves");
    }
}

#[test]
fn the_study_file_of_a_run_makes_the_run_again_or_with_what_the_command_line_may_say() {
    let folder = with_run(&[
        "--trials",
        "60",
        "--cost",
        "flops*1e-6",
        "--population",
        "8",
        "--seed",
        "5",
        "--window",
        "4",
    ]);
    said(&folder, &["search", "--config", "run/study.toml", "--out", "again"]);
    assert_same(&trials(&folder, "run"), &trials(&folder, "again"));
    let more = ["--seed", "6", "--trainings", "7", "--jobs", "3", "--no-cache", "--out", "other"];
    said(&folder, &[&["search", "--config", "run/study.toml"], &more[..]].concat());
    let other = trials(&folder, "other");
    assert!(other.len() == 7 && !other[0].same_as(&trials(&folder, "run")[0]));
    let text = fs::read_to_string(folder.path("other/study.toml")).unwrap();
    for line in ["seed = 6", "jobs = 3", "reuse = false", "window = 4", "population = 8", "trainings = 7"] {
        assert!(text.contains(line), "{line}: {text}");
    }
    assert!(!text.contains("trials = 60"), "a budget on the command line stands for all: {text}");
    said(&folder, &["search", "--config", "run/study.toml", "--cache", "shared", "--out", "first"]);
    said(&folder, &["search", "--config", "first/study.toml", "--out", "second"]);
    assert!(
        trials(&folder, "second").iter().all(|trial| !trial.is_trained()),
        "the cache is that of the file"
    );
}

#[test]
fn what_the_study_file_says_is_refused_on_the_command_line_by_name() {
    let folder = with_run(&["--trials", "5"]);
    for (more, named) in [
        (&["--strategy", "random"][..], "--strategy beside --config"),
        (&["--space", "nb-macro", "--window", "8"], "--space, --window beside --config"),
        (&["--data", "nas_bench_macro_cifar10.csv.gz", "--minimize"], "--data, --minimize beside --config"),
        (&["--epochs", "3"], "--epochs beside --config"),
    ] {
        let config = ["search", "--config", "run/study.toml", "--out", "new"];
        assert_fails(&folder, &[&config[..], more].concat(), 2, &[named]);
    }
    assert!(!folder.path("new").exists());
}

#[test]
fn a_study_file_that_is_wrong_is_named_with_line_column_and_field() {
    let folder = with_table();
    let good = &examples()[0];
    for (from, to, words) in [
        ("seed = 3", "sede = 3", &["mine.toml:4:1: sede: unknown field `sede`", "`seed`"][..]),
        ("seed = 3", "seed = \"3\"", &["mine.toml:4:8: seed: invalid type: string"]),
        ("trials = 200", "trials = -1", &["mine.toml:7:10: budget.trials: invalid value"]),
        ("trials = 200", "trails = 200", &["mine.toml:7:1: budget.trails: unknown field"]),
        ("seed = 3", "seed = 3\nseed = 4", &["mine.toml:5:1", "duplicate key"]),
        ("seed = 3", "seed = ", &["mine.toml:4:"]),
        ("version = 2", "version = 9", &["mine.toml: version 9 is not known"]),
        ("version = 2\n", "", &["mine.toml", "missing field `version`"]),
        ("\"nb-macro\"", "\"nb-micro\"", &["nb-micro", "known:"]),
        ("\"local\"", "\"magic\"", &["no strategy `magic`"]),
        ("table = ", "tabel = ", &["mine.toml: task.table: missing"]),
        ("objective = ", "cost = 3\nobjective = ", &["mine.toml:11:8: task.cost: invalid type: integer"]),
        ("\"mean_acc\"", "\"loss\"", &["`loss`", "mean_acc"]),
        ("cifar10", "cifar11", &["nas_bench_macro_cifar11.csv.gz"]),
        ("seed = 3", "jobs = 0", &["mine.toml: 0 jobs; give 1 to 1024"]),
        ("[task]", "[task]\nrows = 7", &["mine.toml: the data are not those", "task.rows: 7 → 6561"]),
    ] {
        assert!(good.contains(from), "{from}");
        folder.write("mine.toml", good.replacen(from, to, 1));
        let output = run(&folder, &["search", "--config", "mine.toml", "--out", "new"]);
        let said = stderr_of(&output);
        assert!(matches!(output.status.code(), Some(1 | 2)), "{to}: {said}");
        assert!(words.iter().all(|word| said.contains(word)), "{to}: {said}");
    }
    assert_fails(&folder, &["search", "--config", "absent.toml"], 1, &["absent.toml is not there"]);
    assert!(!folder.path("new").exists() && !folder.path("runs").exists());
}

#[test]
fn paths_of_a_study_file_are_relative_to_it() {
    let folder = Folder::new();
    fs::create_dir_all(folder.path("there/data")).unwrap();
    fs::copy(published(), folder.path("there/data/table.csv.gz")).unwrap();
    let text = examples()[0].replace("nas_bench_macro_cifar10.csv.gz", "data/table.csv.gz");
    folder.write("there/mine.toml", text.replace("[budget]", "cache = \"shared\"\n[budget]"));
    said(&folder, &["search", "--config", "there/mine.toml", "--trials", "3"]);
    assert_eq!(trials(&folder, "runs/nb-macro-table-3").len(), 3);
    assert!(folder.path("there/shared/journal").is_dir());
}

#[test]
fn a_resume_shows_and_takes_what_leaves_the_run_the_same() {
    let folder = with_run(&["--trials", "60", "--jobs", "1"]);
    let said_of_options = said(&folder, &["resume", "run", "--trials", "80", "--jobs", "2"]);
    for line in ["fecund: budget.trials: 60 → 80\n", "fecund: jobs: 1 → 2\n"] {
        assert!(said_of_options.contains(line), "{said_of_options}");
    }
    edit(&folder, "trials = 80", "trials = 100");
    let said_of_edit = said(&folder, &["resume", "run"]);
    assert!(
        said_of_edit.contains("budget.trials: 80 → 100") && !said_of_edit.contains("jobs:"),
        "{said_of_edit}"
    );
    let nothing = said(&folder, &["resume", "run"]);
    assert!(!nothing.contains('→'), "{nothing}");

    fs::rename(folder.path("nas_bench_macro_cifar10.csv.gz"), folder.path("moved.csv.gz")).unwrap();
    folder.write(
        "moved.toml",
        "version = 2\nspace = \"nb-macro\"\n[budget]\ntrainings = 100\n[task]\ntable = \"moved.csv.gz\"\n",
    );
    let said_of_file = said(&folder, &["resume", "run", "--config", "moved.toml"]);
    for line in
        ["budget.trials: 100 → none", "budget.trainings: none → 100", "task.table: ", "moved.csv.gz\n"]
    {
        assert!(said_of_file.contains(line), "{said_of_file}");
    }
    let made = trials(&folder, "run");
    assert_eq!(made.iter().filter(|trial| trial.is_trained()).count(), 100);
    let whole =
        "search --space nb-macro --objective mean_acc --data moved.csv.gz --trainings 100 --out whole";
    stdout(&folder, &whole.split(' ').collect::<Vec<_>>());
    assert_same(&made, &trials(&folder, "whole"));
}

#[test]
fn a_resume_refuses_what_would_make_another_run_with_the_reasons_and_writes_nothing() {
    let folder = with_run(&["--trials", "30", "--jobs", "1"]);
    fs::copy(folder.path("nas_bench_macro_cifar10.csv.gz"), folder.path("other.csv.gz")).unwrap();
    folder.write("short.csv", "arch,mean_acc\n00000000,1\n");
    let table = folder.path("nas_bench_macro_cifar10.csv.gz");
    let short = folder.path("short.csv");
    for (from, to, words) in [
        (
            "seed = 0",
            "seed = 1",
            &["seed: 0 → 1: a run's seed decides its trials", "fecund search --config"][..],
        ),
        ("seed = 0\nwindow = 8", "seed = 1\nwindow = 4", &["seed: 0 → 1: ", "window: 8 → 4: it decides"]),
        ("\"evolution\"", "\"random\"", &["strategy: evolution → random"]),
        ("population = 16", "population = 9", &["options.population: 16 → 9"]),
        ("reuse = true", "reuse = false", &["reuse: true → false: it decides how trials are answered"]),
        ("[limits]", "[limits]\nseconds = 3.0", &["limits.seconds: none → 3.0"]),
        ("\"mean_acc\"\nhigher", "\"flops\"\nhigher", &["task.objective: mean_acc → flops"]),
        ("warm = 0", "warm = 7", &["warm: 0 → 7"]),
        ("evaluator = ", "optimizer = ", &["context.optimizer: none → replay 1: the keys"]),
        (
            table.to_str().unwrap(),
            short.to_str().unwrap(),
            &["task.data: ", "task.rows: 6561 → 1", "task.columns"],
        ),
    ] {
        let before = fs::read(folder.path("run/study.toml")).unwrap();
        edit(&folder, from, to);
        let edited = files(&folder, "run");
        assert_fails(&folder, &["resume", "run", "--trials", "40"], 2, words);
        assert_eq!(files(&folder, "run"), edited, "{to}: nothing is written");
        let config = folder.write("config.toml", fs::read(folder.path("run/study.toml")).unwrap());
        folder.write("run/study.toml", before);
        assert_fails(&folder, &["resume", "run", "--config", config.to_str().unwrap()], 2, words);
    }
    assert!(said(&folder, &["resume", "run", "--trials", "31"]).contains("budget.trials: 30 → 31"));
}

#[test]
fn a_program_that_ended_while_it_wrote_the_settings_has_edited_nothing() {
    let folder = with_run(&["--trials", "20", "--jobs", "1"]);
    let (old, new) = (
        fs::read_to_string(folder.path("run/study.made.toml")).unwrap(),
        edited(&folder, "warm = 0", "warm = 3"),
    );
    // Both drafts are there; `study.toml` is the new one, its copy the old one.
    folder.write("run/study.made.toml.new", &new);
    folder.write("run/study.toml", &new);
    let said_of_it = said(&folder, &["resume", "run"]);
    assert!(!said_of_it.contains('→'), "{said_of_it}");
    assert!(!folder.path("run/study.made.toml.new").exists());
    // The copy was begun, and `study.toml` is the old one.
    folder.write("run/study.made.toml", &old);
    folder.write("run/study.made.toml.new", &new[..new.len() / 2]);
    folder.write("run/study.toml", &old);
    assert!(!said(&folder, &["resume", "run"]).contains('→'));
    // A run of an older program has no copy.
    fs::remove_file(folder.path("run/study.made.toml")).unwrap();
    assert!(!said(&folder, &["resume", "run"]).contains('→'));
    assert!(folder.path("run/study.made.toml").exists());
}

#[test]
fn a_run_that_could_not_be_opened_again_is_not_begun() {
    let folder = with_table();
    let search = ["search", "--space", "nb-macro", "--objective", "mean_acc", "--data"];
    let search = [&search[..], &["nas_bench_macro_cifar10.csv.gz", "--out", "run"]].concat();
    for (option, value, words) in [
        ("--seed", "9223372036854775808", "seed: "),
        ("--window", "18446744073709551615", "window: "),
        ("--trials", "18446744073709551614", "budget.trials: "),
        ("--time", "99999999999999h", "a budget of 359999999999996400 s"),
        ("--redraws", "18446744073709551615", "redraws: "),
        ("--redraws", "10001", "redraws = 10001; give 10000 at most"),
    ] {
        assert_fails(&folder, &[&search[..], &[option, value]].concat(), 2, &["run/study.toml", words]);
        assert!(!folder.path("run").exists(), "{option} {value}");
    }
    stdout(&folder, &[&search[..], &["--seed", "9223372036854775807", "--trials", "3"]].concat());
    said(&folder, &["resume", "run", "--trials", "5"]);
    assert_eq!(trials(&folder, "run").len(), 5);
}
