//! Whoever asks how often, whoever dies, and in whatever order it is told: the trials are those of one process.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use hashing::{Fidelity, Rng};
use search::{Halving, Plan, Statistics};
use serde_json::{Value, json};

use crate::common::Folder;
use crate::runs::{
    answer, ask, ask_in_vain, assert_same, create, equal_cells, in_one_process, objective, tell, trials,
    trials_of,
};

/// Trainers without a memory of their own: they ask for some, tell some of what they have, lose the rest, or fail.
struct Crowd<'a> {
    folder: &'a Folder,
    run: &'a str,
    rng: Rng,
    /// Asked and not told.
    out: Vec<Value>,
    /// Evaluations that were asked for.
    asked: BTreeSet<(String, u64)>,
    failed: BTreeSet<u64>,
}

impl Crowd<'_> {
    fn work(&mut self) {
        loop {
            let number = (1 + self.rng.below(6)).to_string();
            let asked = ask(self.folder, self.run, &["-n", &number]);
            self.receive(asked);
            if self.out.is_empty() {
                return;
            }
            if self.rng.chance(0.2) {
                self.die();
            }
            self.tell_some();
        }
    }

    fn receive(&mut self, asked: Vec<Value>) {
        for question in asked {
            let evaluation =
                (question["key"].as_str().unwrap().to_string(), question["seed"].as_u64().unwrap());
            let is_new = self.asked.insert(evaluation);
            let trial = question["trial"].as_u64().unwrap();
            assert!(is_new || self.failed.remove(&trial), "nothing is asked twice: {question}");
            self.out.push(question);
        }
    }

    /// What was asked can be had again, all of it and nothing else.
    fn die(&mut self) {
        let again = ask(self.folder, self.run, &["--again"]);
        let by_trial = |questions: &[Value]| questions.iter().map(Value::to_string).collect::<BTreeSet<_>>();
        assert_eq!(by_trial(&again), by_trial(&self.out));
        self.out = again;
    }

    fn tell_some(&mut self) {
        self.rng.shuffle(&mut self.out);
        let some = 1 + self.rng.below(self.out.len());
        let told: Vec<Value> = self.out.drain(..some).collect();
        let lines: Vec<Value> = told
            .iter()
            .map(|question| match self.rng.chance(0.1) {
                true => json!({"trial": question["trial"], "failed": "out of memory"}),
                false => answer(question),
            })
            .collect();
        let failed = lines.iter().filter(|line| line.get("failed").is_some()).cloned().collect::<Vec<_>>();
        self.failed.extend(trials_of(&failed));
        tell(self.folder, self.run, &lines);
    }
}

#[test]
fn any_order_of_asking_and_telling_makes_the_trials_of_one_process() {
    let folder = Folder::new();
    // Each is first, and the other of its pair comes inside the window and after it.
    let first = equal_cells(&folder, &[0, 2, 1, 0, 0, 2, 2, 1, 1, 3, 0, 1]);
    let plan = |seed| Plan { seed, trials: Some(60), enqueued: first.clone(), ..Plan::default() };
    for (seed, plan, options) in [
        (1, plan(1), &[][..]),
        (2, Plan { window: 1, trials: Some(24), ..plan(2) }, &["--window", "1", "--trials", "24"]),
        (3, Plan { window: 20, ..plan(3) }, &["--window", "20"]),
        (
            4,
            Plan { evaluations_per_key: 2, forget: 0.3, ..plan(4) },
            &["--evaluations-per-key", "2", "--forget", "0.3"],
        ),
        (5, Plan { trials: None, trainings: Some(30), ..plan(5) }, &["--trainings", "30"]),
    ] {
        let (run, seed_text) = (format!("run-{seed}"), seed.to_string());
        let budget: &[&str] = if plan.trials == Some(60) { &["--trials", "60"] } else { &[] };
        create(
            &folder,
            &run,
            &[&["--seed", &seed_text, "--enqueue", "first.jsonl"], budget, options].concat(),
        );
        let mut crowd = Crowd {
            folder: &folder,
            run: &run,
            rng: Rng::named(seed, "crowd", 0),
            out: Vec::new(),
            asked: BTreeSet::new(),
            failed: BTreeSet::new(),
        };
        crowd.work();
        let made = trials(&folder, &run);
        let mut study = in_one_process(plan);
        study.run().unwrap();
        assert_same(&made, study.trials());
        let counted = Statistics::of(&made);
        assert_eq!(crowd.asked.len() as u64, counted.trained, "only what had to be evaluated was asked");
        assert!(counted.total.functional > 0, "equal functions that are written otherwise are answered");
    }
}

#[test]
fn several_fidelities_are_asked_as_in_one_process() {
    let folder = Folder::new();
    create(&folder, "run", &["--fidelity", "epochs=1,3,9", "--trials", "60", "--window", "4"]);
    loop {
        let asked = ask(&folder, "run", &["-n", "4"]);
        if asked.is_empty() {
            break;
        }
        for question in &asked {
            let promoted = question["operator"] == "promote";
            let previous = question["previous"].as_str().map(|path| path.rsplit('/').next().unwrap().parse());
            assert_eq!(promoted, question["fidelity"] != 1);
            assert_eq!(previous.map(Result::unwrap), question["parents"][0].as_u64().filter(|_| promoted));
        }
        tell(&folder, "run", &asked.iter().map(answer).collect::<Vec<_>>());
    }
    let plan = Plan { trials: Some(60), window: 4, fidelity: Fidelity(9), ..Plan::default() };
    let halving = Halving::new(objective(), &[1, 3, 9].map(Fidelity)).unwrap();
    let mut study = in_one_process(plan).with_halving(halving);
    study.run().unwrap();
    let made = trials(&folder, "run");
    assert_same(&made, study.trials());
    assert!(made.iter().any(|trial| trial.fidelity() == Some(Fidelity(9))), "some were trained to the end");
}

/// Kills `fecund tell` after so many acknowledgements; returns what was acknowledged.
fn tell_and_kill(folder: &Folder, run: &str, lines: &[Value], acknowledged: usize) -> Vec<u64> {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin("fecund"));
    command.args(["tell", run]).current_dir(folder.0.path()).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut process = command.spawn().unwrap();
    let mut input = process.stdin.take().unwrap();
    lines.iter().for_each(|line| writeln!(input, "{line}").unwrap());
    drop(input);
    let output = BufReader::new(process.stdout.take().unwrap());
    let said: Vec<_> = output.lines().take(acknowledged).map(Result::unwrap).collect();
    process.kill().unwrap();
    process.wait().unwrap();
    let said: Vec<Value> = said.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    trials_of(&said)
}

#[test]
fn what_is_acknowledged_survives_kill_and_the_trials_are_the_same() {
    let folder = Folder::new();
    create(&folder, "run", &["--trials", "150", "--window", "12"]);
    let mut rng = Rng::named(7, "kill", 0);
    let (mut kills, mut acknowledged) = (0, BTreeSet::new());
    loop {
        ask(&folder, "run", &["-n", "12"]);
        let out = ask(&folder, "run", &["--again"]);
        assert!(trials_of(&out).iter().all(|trial| !acknowledged.contains(trial)), "acknowledged is kept");
        if out.is_empty() {
            break;
        }
        let lines: Vec<Value> = out.iter().map(answer).collect();
        let after = rng.below(lines.len() + 1);
        kills += u64::from(after < lines.len());
        acknowledged.extend(tell_and_kill(&folder, "run", &lines, after));
    }
    let mut study = in_one_process(Plan { trials: Some(150), window: 12, ..Plan::default() });
    study.run().unwrap();
    assert_same(&trials(&folder, "run"), study.trials());
    assert!(kills > 5, "{kills} kills");
}

#[test]
fn an_equal_proposal_inside_the_window_waits_for_the_one_that_is_asked() {
    let folder = Folder::new();
    let cells = equal_cells(&folder, &[0, 1]);
    create(&folder, "run", &["--enqueue", "first.jsonl", "--trials", "2"]);
    let asked = ask(&folder, "run", &["-n", "8"]);
    assert_eq!(trials_of(&asked), [0]);
    assert!(ask_in_vain(&folder, "run", &[]).contains("waits for trial 0"));
    tell(&folder, "run", &[json!({"trial": 0, "scores": {"score": 0.25}})]);
    let made = trials(&folder, "run");
    let answers = made.iter().map(|trial| (trial.origin.name(), trial.payer, trial.verdict.score("score")));
    assert_eq!(answers.collect::<Vec<_>>(), [("miss", None, Some(0.25)), ("shared", Some(0), Some(0.25))]);
    assert_eq!(asked[0]["candidate"], json!(cells[0]));
    let counted = Statistics::of(&made);
    assert_eq!((counted.total.functional, counted.total.structural), (1, 0));
}
