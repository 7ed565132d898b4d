//! Several goals from the command line: what can be weighed, fronts, and how a search came to them.

mod common;

use common::{Folder, assert_fails, run, stderr_of, stdout, worker_is_there};
use search::{Ledger, Trial};
use serde_json::Value;
use spaces::sequence::Genome;

fn json(folder: &Folder, arguments: &[&str]) -> Vec<Value> {
    serde_json::from_str(&stdout(folder, &[arguments, &["--format", "json"]].concat())).unwrap()
}

/// A search through the published table, 300 trials, into `run`.
fn looked_up(more: &[&str]) -> Folder {
    let folder = Folder::new();
    let table =
        concat!(env!("CARGO_MANIFEST_DIR"), "/../data/nas_bench_macro/nas_bench_macro_cifar10.csv.gz");
    let search =
        ["search", "--space", "nb-macro", "--data", table, "--objective", "mean_acc", "--out", "run"];
    stdout(&folder, &[&search, &["--trials", "300"][..], more].concat());
    folder
}

#[test]
fn the_history_of_a_run_leads_to_its_leaderboard() {
    let folder = looked_up(&["--strategy", "nsga2", "--against", "params,flops"]);
    let rows = json(&folder, &["history", "run"]);
    let number = |row: &Value, name: &str| row[name].as_f64().unwrap_or_else(|| panic!("{name} of {row}"));
    let last = rows.last().unwrap();
    assert!(rows.len() > 20 && rows.len() < 200, "{} rows", rows.len());
    assert!(rows.is_sorted_by(|a, b| number(a, "trial") < number(b, "trial")));
    for name in ["best", "hypervolume", "trained", "answered", "seconds"] {
        assert!(rows.is_sorted_by(|a, b| number(a, name) <= number(b, name)), "{name}");
    }
    assert_eq!(number(last, "trial"), 299.0);
    assert_eq!(number(last, "trained") + number(last, "answered"), 300.0);
    let board = json(&folder, &["leaderboard", "run", "--against", "params,flops", "--top", "1000"]);
    assert_eq!((number(last, "front") as usize, &last["best"]), (board.len(), &board[0]["mean_acc"]));
    let weighed = json(&folder, &["leaderboard", "run", "--pareto", "--top", "1000"]);
    assert_eq!(weighed, board, "what the search weighed is among all goals");
    assert_fails(
        &folder,
        &["leaderboard", "run", "--pareto", "--against", "params"],
        2,
        &["--pareto", "--against"],
    );

    let narrowed = json(&folder, &["history", "run", "--against", "params", "--every", "90"]);
    assert_eq!(
        narrowed.iter().map(|row| number(row, "trial")).collect::<Vec<_>>(),
        [89.0, 179.0, 269.0, 299.0]
    );
    assert!(number(&narrowed[3], "front") < number(last, "front"));
    let said = stderr_of(&run(&folder, &["history", "run"]));
    assert!(said.contains("worst of all trials: mean_acc ") && said.contains(", flops "), "{said}");
}

#[test]
fn all_goals_of_a_table_are_its_objective_and_its_simulated_seconds() {
    let folder = looked_up(&["--cost", "params*1e-3"]);
    let pareto = json(&folder, &["leaderboard", "run", "--pareto", "--top", "1000"]);
    assert_eq!(pareto, json(&folder, &["leaderboard", "run", "--against", "seconds", "--top", "1000"]));
    let goals = |row: &Value| (row["mean_acc"].as_f64().unwrap(), row["seconds"].as_f64().unwrap());
    assert!(pareto.len() > 3);
    for pair in pareto.windows(2) {
        let ((better, dearer), (worse, cheaper)) = (goals(&pair[0]), goals(&pair[1]));
        assert!(better > worse && dearer > cheaper, "{pair:?}");
    }
    let said = stderr_of(&run(&folder, &["leaderboard", "run", "--pareto", "--top", "2"]));
    assert!(said.contains(&format!("2 of the {} that nothing dominates", pareto.len())), "{said}");

    let free = looked_up(&[]);
    assert_fails(&free, &["leaderboard", "run", "--pareto"], 2, &["name what should be low with --against"]);
    assert_fails(&free, &["leaderboard", "run", "--against", "seconds"], 2, &["cannot be weighed here"]);
    for command in ["leaderboard", "history"] {
        assert_fails(&free, &[command, "run", "--against", "params,flops,params"], 2, &["`params` twice"]);
    }
}

#[test]
fn limits_on_what_candidates_do_not_have_are_refused() {
    let folder = Folder::new();
    let table =
        concat!(env!("CARGO_MANIFEST_DIR"), "/../data/nas_bench_macro/nas_bench_macro_cifar10.csv.gz");
    for option in ["--max-parameters", "--max-multiply-adds", "--max-latency"] {
        let search =
            ["search", "--space", "nb-macro", "--data", table, "--objective", "mean_acc", option, "9"];
        assert_fails(&folder, &search, 2, &[&format!("{option} does not apply to --space nb-macro")]);
    }
}

#[test]
fn limits_of_a_study_file_are_held_to_what_candidates_have() {
    let folder = looked_up(&[]);
    let settings = std::fs::read_to_string(folder.path("run/study.toml")).unwrap();
    folder.write("own.toml", format!("{settings}\n[[constraints]]\nname = \"watts\"\nmost = 9.0\n"));
    let search = ["search", "--config", "own.toml", "--out", "again"];
    assert_fails(&folder, &search, 2, &["a constraint on `watts` does not apply to --space nb-macro"]);
    assert!(!folder.path("again").exists());
}

const SEARCH: [&str; 9] =
    ["search", "--data", "Waves_TRAIN.ts", "--epochs", "1", "--validation", "0.25", "--max-depth", "3"];

fn trained(more: &[&str]) -> (Folder, String, Vec<Trial<Genome>>) {
    let folder = Folder::new();
    folder.waves();
    let search = run(&folder, &[&SEARCH, &["--out", "run"][..], more].concat());
    assert!(search.status.success(), "{search:?}");
    let trials = Ledger::read(&folder.path("run").join("trials.journal")).unwrap().trials;
    (folder, stderr_of(&search), trials)
}

#[test]
fn nothing_above_a_limit_is_trained_and_a_higher_one_than_the_fixed_is_allowed() {
    if !worker_is_there() {
        return;
    }
    let (folder, said, trials) = trained(&["--trainings", "6", "--max-parameters", "20000"]);
    let scored = |trial: &&Trial<Genome>| trial.verdict.score("accuracy").is_some();
    let (small, large): (Vec<_>, Vec<_>) =
        trials.iter().partition(|trial: &&Trial<Genome>| trial.costs["parameters"] <= 20_000.0);
    assert!(small.iter().filter(|trial| scored(trial)).count() >= 5 && !large.is_empty());
    assert!(!large.iter().any(|trial| scored(trial) || trial.is_trained()));
    assert!(!said.contains("by the clock"), "{said}");
    let board = json(&folder, &["leaderboard", "run", "--pareto"]);
    assert!(
        board.iter().all(|row| row["multiply_adds"].is_number() && row["seconds"].is_number()),
        "{board:?}"
    );

    let (folder, said, trials) = trained(&[
        "--trainings",
        "2",
        "--max-parameters",
        "3000000",
        "--strategy",
        "nsga2",
        "--against",
        "seconds",
    ]);
    assert!(said.contains("seconds is measured by the clock of this machine"), "{said}");
    assert!(trials.iter().any(|trial| scored(&trial)));
    let settings = std::fs::read_to_string(folder.path("run/study.toml")).unwrap();
    let settings: toml::Table = toml::from_str(&settings).unwrap();
    assert_eq!(settings["task"]["training"]["limits"]["parameters"].as_integer(), Some(3_000_000));
    assert_eq!(settings["constraints"][0]["most"].as_float(), Some(3e6));
}
