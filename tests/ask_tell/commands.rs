//! What an ask says that has nothing to ask, and what other commands make of such a run.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use search::Plan;
use serde_json::{Value, json};
use storage::{Journal, RealDisk};

use crate::common::{Folder, assert_fails, stdout};
use crate::runs::{answer, ask, ask_in_vain, assert_same, create, in_one_process, tell, trials, trials_of};

/// Answers until there is nothing to ask; returns what was asked.
fn answer_all(folder: &Folder, run: &str) -> Vec<Value> {
    let mut all = Vec::new();
    loop {
        let asked = ask(folder, run, &["-n", "100"]);
        if asked.is_empty() {
            return all;
        }
        tell(folder, run, &asked.iter().map(answer).collect::<Vec<_>>());
        all.extend(asked);
    }
}

#[test]
fn an_ask_gives_others_until_everything_waits_and_again_repeats() {
    let folder = Folder::new();
    create(&folder, "run", &["--window", "3", "--trials", "5"]);
    let first = ask(&folder, "run", &[]);
    let others = ask(&folder, "run", &["-n", "10"]);
    assert_eq!((first.len(), first[0]["trial"].as_u64()), (1, Some(0)));
    assert!(!trials_of(&others).contains(&0));
    let said = ask_in_vain(&folder, "run", &[]);
    assert!(said.contains("window of 3 proposals is full") && said.contains("waits for trial 0"), "{said}");
    assert_eq!(ask(&folder, "run", &["--again"]), [&first[..], &others].concat());
    assert_eq!(ask(&folder, "run", &["--again", "-n", "1"]), first);
    let artifacts = first[0]["artifacts"].as_str().unwrap();
    assert!(artifacts.starts_with('/') && artifacts.ends_with("run/artifacts/0"), "{artifacts}");
}

#[test]
fn a_budget_ends_with_its_name_and_a_larger_one_goes_on() {
    let folder = Folder::new();
    create(&folder, "run", &["--trials", "5"]);
    let asked = ask(&folder, "run", &["-n", "5"]);
    let said = ask_in_vain(&folder, "run", &[]);
    assert!(said.contains("5 trials proposed") && said.contains("waits for trial 0"), "{said}");
    tell(&folder, "run", &asked.iter().map(answer).collect::<Vec<_>>());
    let said = ask_in_vain(&folder, "run", &[]);
    assert!(said.contains("5 trials proposed") && said.contains("--trials"), "{said}");
    assert!(ask(&folder, "run", &["--trials", "12"])[0]["trial"].as_u64().unwrap() >= 5);
    let again = ask(&folder, "run", &["--again"]);
    tell(&folder, "run", &again.iter().map(answer).collect::<Vec<_>>());
    answer_all(&folder, "run");
    let mut study = in_one_process(Plan { trials: Some(12), ..Plan::default() });
    study.run().unwrap();
    assert_same(&trials(&folder, "run"), study.trials());

    create(&folder, "small", &["--trainings", "2"]);
    ask(&folder, "small", &["-n", "8"]);
    let said = ask_in_vain(&folder, "small", &[]);
    assert!(said.contains("2 evaluations made, as many as asked for"), "{said}");
}

#[test]
fn a_shared_cache_answers_the_same_trainer_and_no_other() {
    let folder = Folder::new();
    let shared = ["--trials", "20", "--cache", "cache"];
    create(&folder, "a", &shared);
    let asked = answer_all(&folder, "a").len();
    create(&folder, "b", &shared);
    let said = ask_in_vain(&folder, "b", &[]);
    assert!(said.contains("proposals were answered from the cache"), "{said}");
    let same = |a: &search::Trial<_>, b: &search::Trial<_>| a.key == b.key && a.verdict == b.verdict;
    let (a, b) = (trials(&folder, "a"), trials(&folder, "b"));
    assert!(b.len() == 20 && a.iter().zip(&b).all(|(a, b)| same(a, b)));
    let other =
        ["create", "--space", "cell201", "--objective", "score", "--evaluator", "other", "--out", "c"];
    stdout(&folder, &[&other[..], &shared].concat());
    assert_eq!(answer_all(&folder, "c").len(), asked, "another trainer is asked for everything");
}

#[test]
fn who_asks_while_another_tells_waits_for_it() {
    let folder = Folder::new();
    create(&folder, "run", &[]);
    let asked = ask(&folder, "run", &[]);
    let (held, _) = Journal::open(&folder.path("run/asked.journal"), Arc::new(RealDisk)).unwrap();
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| ask(&folder, "run", &["--again"]));
        std::thread::sleep(Duration::from_millis(300));
        assert!(!waiting.is_finished());
        drop(held);
        assert_eq!(waiting.join().unwrap(), asked);
    });
}

#[test]
fn a_run_whose_questions_are_damaged_is_rebuilt_and_goes_on() {
    let folder = Folder::new();
    create(&folder, "run", &["--trials", "20"]);
    let asked = ask(&folder, "run", &["-n", "6"]);
    let journal = folder.path("run/asked.journal/000001.seg");
    let mut bytes = fs::read(&journal).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x10;
    fs::write(&journal, bytes).unwrap();
    assert_fails(&folder, &["ask", "run"], 1, &["asked.journal", "fecund cache rebuild run"]);
    stdout(&folder, &["cache", "rebuild", "run"]);
    let lost = ask(&folder, "run", &["-n", "1"]);
    assert!(trials_of(&asked).contains(&trials_of(&lost)[0]), "what was lost is asked again");
    let again = ask(&folder, "run", &["--again"]);
    assert_eq!(again, asked);
    tell(&folder, "run", &asked.iter().map(answer).collect::<Vec<_>>());
    answer_all(&folder, "run");
    let mut study = in_one_process(Plan { trials: Some(20), ..Plan::default() });
    study.run().unwrap();
    assert_same(&trials(&folder, "run"), study.trials());
}

#[test]
fn other_commands_read_the_run_or_refuse_in_words() {
    let folder = Folder::new();
    create(&folder, "run", &["--trials", "12"]);
    assert_fails(&folder, &["resume", "run"], 2, &["fecund ask run", "fecund tell run"]);
    for command in [&["test", "run"][..], &["confirm", "run"], &["predict", "run", "x.ts"]] {
        assert_fails(&folder, command, 2, &["trainer's", "fecund leaderboard run"]);
    }
    assert_fails(
        &folder,
        &["cache", "verify", "run"],
        2,
        &["verdicts from outside", "--evaluations-per-key"],
    );
    answer_all(&folder, "run");
    let best: Value =
        serde_json::from_str(&stdout(&folder, &["leaderboard", "run", "--format", "json"])).unwrap();
    stdout(&folder, &["export", "run", "--to", "best"]);
    let genome: Value =
        serde_json::from_str(&fs::read_to_string(folder.path("best/genome.json")).unwrap()).unwrap();
    assert_eq!(genome["verdict"]["scored"]["score"], best[0]["score"]);
    assert_eq!((&genome["trial"], &genome["evaluator"]), (&best[0]["trial"], &json!("test")));
    for command in [
        &["cache", "stats", "run"][..],
        &["cache", "list", "run"],
        &["cache", "explain", "run", "0", "1"],
        &["cache", "rebuild", "run"],
        &["cache", "gc", "run"],
        &["cache", "export", "run", "--to", "all.csv"],
        &["cache", "import", "all.csv", "--into", "run"],
    ] {
        stdout(&folder, command);
    }
}

#[test]
fn every_space_can_be_asked_of() {
    let folder = Folder::new();
    for space in ["sequence", "cell201", "nb-macro", "nb-graph", "cell101"] {
        let create = ["create", "--space", space, "--objective", "loss", "--minimize", "--out", space];
        stdout(
            &folder,
            &[&create[..], &["--strategy", "nsga2", "--scores", "size", "--against", "size"]].concat(),
        );
        let asked = ask(&folder, space, &["-n", "3"]);
        assert_eq!(asked.len(), 3, "{space}");
        let told = |(loss, trial): (usize, u64)| json!({"trial": trial, "scores": {"loss": loss, "size": 1}});
        let told: Vec<_> = trials_of(&asked).into_iter().enumerate().map(told).collect();
        tell(&folder, space, &told);
        let best = stdout(&folder, &["leaderboard", space, "--format", "json"]);
        let best: Value = serde_json::from_str(&best).unwrap();
        assert_eq!((&best[0]["loss"], &best[0]["trial"]), (&json!(0.0), &asked[0]["trial"]), "{space}");
    }
}

#[test]
fn what_cannot_be_created_or_asked_is_refused_in_words() {
    let folder = Folder::new();
    let create = |more: &[&'static str]| {
        [&["create", "--space", "cell201", "--objective", "score", "--out", "run"][..], more].concat()
    };
    for (more, words) in [
        (&["--audit", "0.5"][..], &["--audit", "beside the search"][..]),
        (&["--scores", "score"], &["`score` is named twice"]),
        (&["--strategy", "nsga2"], &["--scores", "--against"]),
        (&["--strategy", "nsga2", "--scores", "a", "--against", "b"], &["`b`", "known: a"]),
        (&["--strategy", "random", "--patience", "3"], &["--patience does not apply"]),
    ] {
        assert_fails(&folder, &create(more), 2, words);
    }
    assert!(!folder.path("run").exists(), "nothing is made before everything is checked");
    stdout(&folder, &create(&[]));
    assert_fails(&folder, &create(&[]), 2, &["is a run already"]);
    let config = ["search", "--config", "run/study.toml", "--out", "search"];
    assert_fails(&folder, &config, 2, &["come from outside", "fecund create --space cell201"]);
    let file = folder.path("run/study.toml");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text.replace("kind = \"external\"", "kind = \"oracle\"")).unwrap();
    assert_fails(&folder, &["leaderboard", "run"], 1, &["`oracle`"]);
    fs::write(&file, text.replace("external: external", "external: changed")).unwrap();
    assert_fails(
        &folder,
        &["ask", "run"],
        1,
        &["evaluator was `external: changed`, is `external: external`"],
    );
}
