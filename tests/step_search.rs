//! Searches over tasks with a target at every step, from the command line: the MAD suite, one of its tasks, a text.

mod common;

use std::env;
use std::process::Command;

use common::{Folder, assert_fails, lines, run, stderr_of, stdout, worker_is_there};
use serde_json::Value;

/// Two tasks of a few short cases, in a study file.
const TINY: &str = r#"
version = 2
space = "sequence"

[budget]
trainings = 3

[task]
blocks = ["gru", "mlp"]
max_depth = 1
widths = [8]

[task.training]
epochs = 2
batch_size = 8

[[task.training.steps.mad]]
task = "selective-copying"
vocabulary = 8
length = 12
training = 32
epoch = 16
validation = 16
test = 16
copied = 2
seed = 0

[[task.training.steps.mad]]
task = "compression"
vocabulary = 6
length = 4
training = 16
epoch = 16
validation = 16
test = 16
seed = 0
"#;

fn tiny() -> Folder {
    let folder = Folder::new();
    folder.write("tiny.toml", TINY);
    stdout(&folder, &["search", "--config", "tiny.toml", "--out", "run"]);
    folder
}

fn json(folder: &Folder, arguments: &[&str]) -> Value {
    serde_json::from_str(&stdout(folder, &[arguments, &["--format", "json"]].concat())).unwrap()
}

/// A text of which two characters tell the next.
fn text(characters: usize) -> String {
    "abcacbbca\n".chars().cycle().take(characters).collect()
}

#[test]
fn a_suite_is_searched_resumed_tested_and_exported() {
    if !worker_is_there() {
        return;
    }
    let folder = tiny();
    stdout(&folder, &["resume", "run", "--trainings", "4"]);
    let board = json(&folder, &["leaderboard", "run"]);
    let best = &board[0];
    let number = |row: &Value, name: &str| row[name].as_f64().unwrap_or_else(|| panic!("no {name} in {row}"));
    let mean = (number(best, "selective_copying") + number(best, "compression")) / 2.0;
    assert!((number(best, "accuracy") - mean).abs() < 1e-9, "{best}");
    assert!(best["model"].as_str().unwrap().ends_with("width 8, none"), "{best}");
    let front = json(&folder, &["leaderboard", "run", "--pareto"]);
    let error = number(&front[0], "compression_error");
    assert!((number(&front[0], "compression") + error - 1.0).abs() < 1e-9, "{front}");

    let tested = json(&folder, &["test", "run"]);
    let names = ["accuracy", "selective_copying", "compression", "log_loss"];
    names.iter().for_each(|name| assert!(number(&tested[0], name) >= 0.0, "{tested}"));
    assert_eq!(lines(&folder.path("run/tests.jsonl")).len(), 1);
    assert_ne!(number(&tested[0], "log_loss"), number(best, "log_loss"), "other cases");
    assert_fails(&folder, &["test", "run", "--refit"], 2, &["--refit does not apply", "leave it out"]);
    assert_fails(&folder, &["predict", "run", "x.ts"], 2, &["fecund test", "model.py"]);

    stdout(&folder, &["export", "run", "--to", "out"]);
    for task in ["selective_copying", "compression"] {
        for file in ["architecture.json", "model.safetensors", "model.py", "architecture.svg", "README.md"] {
            assert!(folder.path("out").join(task).join(file).is_file(), "{task}/{file}");
        }
    }
    assert_fails(&folder, &["predict", "out/selective_copying", "x.ts"], 2, &["fecund test", "model.py"]);
    python_answers(&folder);
    let confirmed = json(&folder, &["confirm", "run", "--top", "1", "--seeds", "1"]);
    assert_eq!(confirmed[0]["trainings"], 1, "{confirmed}");
}

/// The exports give logits of one-hot series: of every step, or of all steps in a row from the last one.
fn python_answers(folder: &Folder) {
    let Some(python) = env::var_os("FECUND_PYTHON") else { return };
    let script = "import sys, model; n, steps = map(int, sys.argv[1:]); \
        series = [[[float(i == t % n) for i in range(n)] for t in range(steps)]]; \
        print(list(model.logits(model.load('.'), series).shape))";
    for (task, tokens, steps, shape) in
        [("selective_copying", "8", "12", "[1, 12, 8]\n"), ("compression", "6", "4", "[1, 24]\n")]
    {
        let mut command = Command::new(&python);
        command.args(["-c", script, tokens, steps]).current_dir(folder.path("out").join(task));
        let output = command.output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stdout), shape, "{}", stderr_of(&output));
    }
}

#[test]
fn errors_of_each_task_can_be_weighed_and_accuracies_cannot() {
    if !worker_is_there() {
        return;
    }
    let folder = Folder::new();
    let search = "search --task mad --strategy nsga2 --trainings 1 --out run --against memorization";
    let search: Vec<_> = search.split(' ').collect();
    assert_fails(&folder, &search, 2, &["`memorization` cannot be weighed", "memorization_error"]);
    folder.write(
        "tiny.toml",
        format!("strategy = \"nsga2\"\nbaseline = \"random\"\noptions = {{ against = [\"compression_error\"] }}\n{TINY}"),
    );
    let said = run(&folder, &["search", "--config", "tiny.toml", "--out", "run"]);
    assert!(said.status.success(), "{}", stderr_of(&said));
    assert!(stderr_of(&said).contains("random"), "the baseline is shown: {}", stderr_of(&said));
}

#[test]
fn one_task_is_searched_by_its_name() {
    if !worker_is_there() {
        return;
    }
    let folder = Folder::new();
    let search =
        "search --task mad/compression --epochs 1 --trainings 1 --blocks gru,mlp --max-depth 1 --seed 3";
    let output = run(&folder, &search.split(' ').collect::<Vec<_>>());
    assert!(output.status.success(), "{}", stderr_of(&output));
    assert!(stderr_of(&output).contains("compression, 12800 training cases, up to 16 steps, 1 epoch"));
    let board = json(&folder, &["leaderboard", "runs/sequence-compression-3"]);
    assert!(board[0]["accuracy"].is_number() && board[0].get("compression").is_none(), "{board}");
    stdout(&folder, &["export", "runs/sequence-compression-3", "--to", "out"]);
    assert!(folder.path("out/model.py").is_file());
}

#[test]
fn a_text_is_searched_by_bits_per_character() {
    if !worker_is_there() {
        return;
    }
    let folder = Folder::new();
    folder.write("train.txt", text(3000));
    folder.write("test.txt", text(700));
    let search = "search --data train.txt --test test.txt --epochs 1 --trainings 2 --blocks gru,mlp --max-depth 1 \
                  --out run";
    stdout(&folder, &search.split_whitespace().collect::<Vec<_>>());
    let bits = |row: &Value| row["bits_per_character"].as_f64().unwrap();
    let board = json(&folder, &["leaderboard", "run"]);
    let all: Vec<f64> = board.as_array().unwrap().iter().map(bits).collect();
    assert!(all.is_sorted() && !all.is_empty(), "the lowest is the best: {board}");
    let tested = json(&folder, &["test", "run"]);
    assert!((bits(&tested[0]) - all[0]).abs() < 0.3, "{tested}");
    stdout(&folder, &["resume", "run", "--trainings", "3"]);
    stdout(&folder, &["export", "run", "--to", "out"]);
    stdout(&folder, &["search", "--config", "run/study.toml", "--trainings", "1", "--out", "again"]);
    folder.write("train.txt", text(3001));
    assert_fails(&folder, &["resume", "run", "--trainings", "4"], 1, &["not the data"]);
}

/// Sorting three to four numbers.
const SORTING: &str = r#"
version = 2
space = "sequence"

[budget]
trainings = 2

[task]
blocks = ["gru", "attention", "mlp"]
max_depth = 1
widths = [8]

[task.training]
epochs = 2
batch_size = 8

[task.training.steps.pointing]
task = "sort"
shortest = 3
longest = 4
training = 64
epoch = 32
validation = 16
test = 16
seed = 0
"#;

#[test]
fn a_task_that_points_is_searched_resumed_tested_and_exported() {
    if !worker_is_there() {
        return;
    }
    let folder = Folder::new();
    folder.write("sorting.toml", SORTING);
    stdout(&folder, &["search", "--config", "sorting.toml", "--out", "run"]);
    stdout(&folder, &["resume", "run", "--trainings", "3"]);
    let names = ["accuracy", "accuracy_at_2x", "sequence_accuracy", "sequence_accuracy_at_2x", "log_loss"];
    let [board, tested] = ["leaderboard", "test"].map(|command| json(&folder, &[command, "run"]));
    for row in [&board[0], &tested[0]] {
        names.iter().for_each(|name| assert!(row[name].as_f64().unwrap() >= 0.0, "{name}: {row}"));
    }
    assert_ne!(tested[0]["log_loss"], board[0]["log_loss"], "other cases");
    let against = "search --task sort --strategy nsga2 --trainings 1 --out other --against accuracy_at_2x";
    let against: Vec<_> = against.split(' ').collect();
    assert_fails(&folder, &against, 2, &["`accuracy_at_2x` cannot be weighed"]);
    assert_fails(&folder, &["test", "run", "--refit"], 2, &["--refit does not apply"]);

    stdout(&folder, &["export", "run", "--to", "out"]);
    assert_fails(&folder, &["predict", "out", "x.ts"], 2, &["fecund test", "model.py"]);
    let Some(python) = env::var_os("FECUND_PYTHON") else { return };
    let script = "import model; print([sorted(row) for row in model.answers(model.load('.'), [[[0.5], [0.1]], [[0.3]] * 7])])";
    let output = Command::new(python).args(["-c", script]).current_dir(folder.path("out")).output().unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    assert_eq!(told, "[[0, 1], [0, 1, 2, 3, 4, 5, 6]]\n", "{}", stderr_of(&output));
}

#[test]
fn what_does_not_fit_together_is_refused_with_what_to_do() {
    let folder = Folder::new();
    folder.write("empty.txt", "");
    folder.write("short.txt", text(99));
    folder.write("binary.txt", b"ab\ncd\xff");
    folder.waves();
    let refused: [(&[&str], i32, &[&str]); 16] = [
        (&["--task", "mad", "--data", "x.ts"], 2, &["--data does not apply to --task mad"]),
        (
            &["--task", "mad/memorization", "--metric", "accuracy", "--test", "x"],
            2,
            &["--test, --metric do not apply to --task mad/memorization"],
        ),
        (&["--task", "mad/none"], 2, &["no task `mad/none`; known: mad, mad/in-context-recall", "text"]),
        (&["--task", "none"], 2, &["sort, convex-hull, text"]),
        (&["--task", "sort", "--full", "--data", "x"], 2, &["--data, --full do not apply to --task sort"]),
        (&["--task", "text"], 2, &["give --data PATH"]),
        (&["--task", "text", "--full", "--data", "short.txt"], 2, &["--full does not apply to --task text"]),
        (&["--full", "--data", "Waves_TRAIN.ts"], 2, &["--full does not apply without --task mad"]),
        (&["--data", "empty.txt"], 1, &["empty.txt: is empty"]),
        (&["--data", "short.txt"], 1, &["99 characters are too few for windows of 128; give 1290"]),
        (&["--data", "binary.txt"], 1, &["binary.txt:2:3: byte 0xff is not UTF-8"]),
        (&["--data", "short.txt", "--validation", "0.2"], 2, &["--validation does not apply to --task text"]),
        (&["--data", "none.txt"], 1, &["none.txt"]),
        (&["--task", "mad", "--space", "nb-macro"], 2, &["--task does not apply to --space nb-macro"]),
        (&["--task", "mad", "--blocks", "none"], 2, &["no block `none`"]),
        (&["--task", "mad", "--widths", "12"], 2, &["width 12 is not a multiple of 8"]),
    ];
    for (arguments, code, words) in refused {
        assert_fails(&folder, &[&["search", "--out", "run"], arguments].concat(), code, words);
    }
    let odd =
        [("copied = 2", "copied = 9", "copied must be"), ("length = 4", "length = 1", "2 to 4096 steps")];
    for (from, to, word) in odd {
        folder.write("odd.toml", TINY.replace(from, to));
        assert_fails(&folder, &["search", "--config", "odd.toml", "--out", "run"], 1, &["steps", word]);
    }
    assert!(!folder.path("run").exists());
}

#[test]
fn tasks_are_listed_with_their_sizes() {
    let folder = Folder::new();
    let tasks = json(&folder, &["list", "tasks"]);
    let names: Vec<_> = tasks.as_array().unwrap().iter().map(|task| task["task"].as_str().unwrap()).collect();
    assert_eq!((names[0], &names[7..10]), ("mad", &["text", "sort", "convex-hull"][..]));
    assert_eq!(names[10..], ["linear", "nonlinear", "digits", "classes"]);
    assert_eq!(tasks[4]["task"], "mad/selective-copying");
    assert_eq!(tasks[4]["full"], "16 tokens, 256 steps, 12800 cases an epoch");
}
