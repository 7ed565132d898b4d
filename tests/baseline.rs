//! `--baseline`: another strategy with the same budget, beside the search.

mod common;

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use common::{Folder, assert_fails, run, stderr_of, stdout, worker_is_there};
use search::{Ledger, Statistics, Trial};
use spaces::nb_macro::Network;

fn table() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../data/nas_bench_macro/nas_bench_macro_cifar10.csv.gz")
}

fn arguments(out: &str, more: &[&str]) -> Vec<String> {
    let (table, search) = (table(), ["search", "--space", "nb-macro", "--objective", "mean_acc", "--data"]);
    let own = [table.to_str().unwrap(), "--out", out];
    search.iter().chain(&own).chain(more).map(|word| word.to_string()).collect()
}

/// What it says.
fn search(folder: &Folder, out: &str, more: &[&str]) -> String {
    let arguments = arguments(out, more);
    let output = run(folder, &arguments.iter().map(String::as_str).collect::<Vec<_>>());
    assert!(output.status.success(), "{}", stderr_of(&output));
    stderr_of(&output)
}

fn trials(folder: &Folder, run: &str) -> Vec<Trial<Network>> {
    Ledger::read(&folder.path(run).join("trials.journal")).unwrap().trials
}

fn trained(trials: &[Trial<Network>]) -> u64 {
    Statistics::of(trials).trained
}

fn assert_same(a: &[Trial<Network>], b: &[Trial<Network>]) {
    assert_eq!(a.len(), b.len());
    assert!(a.iter().zip(b).all(|(a, b)| a.same_as(b)));
}

#[test]
fn a_baseline_gets_the_budget_of_its_run_and_makes_the_trials_of_its_strategy() {
    let folder = Folder::new();
    for (number, budget) in
        [&["--trials", "150"][..], &["--trainings", "70"], &["--cpu-time", "2000s"]].iter().enumerate()
    {
        let [out, plain, other] = ["run", "plain", "other"].map(|name| format!("{name}-{number}"));
        let budget = [&["--cost", "flops*1e-6", "--seed", "4"], *budget].concat();
        let said = search(&folder, &out, &[&budget[..], &["--baseline", "random"]].concat());
        search(&folder, &plain, &[&budget[..], &["--strategy", "random"]].concat());
        search(&folder, &other, &budget);
        let (made, baseline) = (trials(&folder, &out), trials(&folder, &format!("{out}/baseline")));
        assert_same(&baseline, &trials(&folder, &plain));
        assert_same(&made, &trials(&folder, &other));
        match number {
            0 => assert_eq!((made.len(), baseline.len()), (150, 150)),
            1 => assert_eq!((trained(&made), trained(&baseline)), (70, 70)),
            _ => {
                let paid = [&made, &baseline].map(|trials| Statistics::of(trials).evaluation_seconds);
                assert!(paid.iter().all(|paid| (2000.0..2200.0).contains(paid)), "{paid:?}");
            }
        }
        let asked = run(&folder, &["leaderboard", &out]);
        for said in [&said, &stderr_of(&asked)] {
            let rows: Vec<_> =
                said.lines().rev().take(3).map(|line| line.split_whitespace().collect::<Vec<_>>()).collect();
            assert_eq!(
                rows[2],
                ["strategy", "mean_acc", "trials", "trained", "answered", "seconds"],
                "{said}"
            );
            for (row, strategy, trials) in [(&rows[1], "evolution", &made), (&rows[0], "random", &baseline)] {
                let best =
                    trials.iter().filter_map(|trial| trial.verdict.score("mean_acc")).fold(0.0, f64::max);
                let counted = Statistics::of(trials);
                let expected = [
                    strategy.into(),
                    format!("{best:.4}"),
                    trials.len().to_string(),
                    counted.trained.to_string(),
                    counted.total.answered().to_string(),
                    format!("{:.4}", counted.evaluation_seconds),
                ];
                assert_eq!(row[..], expected, "{said}");
            }
        }
        assert!(!stdout(&folder, &["leaderboard", &out]).contains("strategy"), "data alone is on stdout");
    }
}

#[test]
fn a_baseline_of_a_run_that_ended_by_itself_trains_as_much() {
    let folder = Folder::new();
    // A climb that never begins afresh stays among the neighbors of one summit.
    let climb = ["--strategy", "local", "--patience", "100000", "--trials", "20000", "--baseline", "random"];
    let said = search(&folder, "run", &climb);
    assert!(said.contains("population converged"), "{said}");
    let (made, baseline) = (trials(&folder, "run"), trials(&folder, "run/baseline"));
    assert_eq!(trained(&baseline), trained(&made));
    assert!(baseline.len() < made.len() && trained(&made) > 10, "{} trials", made.len());
}

#[test]
fn a_baseline_of_a_run_with_nothing_left_to_train_trains_as_much() {
    if !worker_is_there() {
        return;
    }
    let folder = Folder::new();
    folder.waves();
    let words = "search --data Waves_TRAIN.ts --max-parameters 1 --time 60s --baseline random --out run";
    let output = run(&folder, &words.split(' ').collect::<Vec<_>>());
    let said = stderr_of(&output);
    assert!(output.status.success() && said.contains("nothing left to train"), "{said}");
    let settings = fs::read_to_string(folder.path("run/baseline/study.toml")).unwrap();
    assert!(settings.contains("trainings = 0\n"), "{settings}");
}

#[test]
fn an_interruption_in_either_half_is_resumed_to_the_same_trials() {
    let all = ["--trials", "3000", "--baseline", "random", "--jobs", "1"];
    let whole = Folder::new();
    search(&whole, "run", &all);
    for half in ["run", "run/baseline"] {
        let folder = Folder::new();
        let mut child = Command::new(assert_cmd::cargo::cargo_bin("fecund"));
        child
            .args(arguments("run", &all))
            .current_dir(folder.0.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let mut child = child.process_group(0).spawn().unwrap();
        let (journal, start) = (folder.path(half).join("trials.journal"), Instant::now());
        while Ledger::read::<Network>(&journal).map_or(0, |written| written.trials.len()) < 50 {
            assert!(start.elapsed() < Duration::from_secs(120));
            std::thread::sleep(Duration::from_millis(2));
        }
        // SAFETY: kill only sends a signal.
        unsafe { libc::kill(child.id() as i32, libc::SIGINT) };
        assert_eq!(child.wait().unwrap().code(), Some(130), "{half}: it was interrupted before its end");
        let cut = trials(&folder, half).len();
        assert!((50..3000).contains(&cut), "{half}: {cut}");
        let resumed = run(&folder, &["resume", "run"]);
        assert!(resumed.status.success(), "{}", stderr_of(&resumed));
        for half in ["run", "run/baseline"] {
            assert_same(&trials(&folder, half), &trials(&whole, half));
        }
    }
    let more = run(&whole, &["resume", "run", "--trials", "3100"]);
    assert!(more.status.success(), "{}", stderr_of(&more));
    assert_eq!(["run", "run/baseline"].map(|half| trials(&whole, half).len()), [3100, 3100]);
}

#[test]
fn a_baseline_is_any_other_strategy_and_stays_what_it_is() {
    let folder = Folder::new();
    let refused = |more: &[&str], words: &[&str]| {
        let arguments = arguments("run", &[&["--trials", "20"], more].concat());
        assert_fails(&folder, &arguments.iter().map(String::as_str).collect::<Vec<_>>(), 2, words);
    };
    refused(&["--baseline", "magic"], &["no strategy `magic`"]);
    refused(&["--baseline", "evolution"], &["--baseline evolution", "--strategy evolution"]);
    refused(&["--baseline", "nsga2"], &["--strategy nsga2", "--against"]);
    assert!(!folder.path("run").exists());
    search(&folder, "run", &["--trials", "20", "--baseline", "local"]);
    assert!(stdout(&folder, &["leaderboard", "run/baseline"]).contains("mean_acc"));
    let text = fs::read_to_string(folder.path("run/study.toml")).unwrap();
    folder.write("run/study.toml", text.replace("baseline = \"local\"", "baseline = \"random\""));
    assert_fails(
        &folder,
        &["resume", "run"],
        2,
        &["baseline: local → random: the run has begun with another one"],
    );
}
