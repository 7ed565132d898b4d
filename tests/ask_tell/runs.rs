//! Runs over the cells of NAS-Bench-201, a trainer that answers by what it reads, and the same study in one process.

use std::collections::BTreeMap;

use evaluator::{EvalError, Evaluator, Job, Outcome};
use hashing::{Context, Rng};
use search::{Ledger, Objective, Plan, RegularizedEvolution, Study, Trial};
use serde_json::{Value, json};
use spaces::cell201::{Cell, CellSpace};
use tasks::{Reason, Scores, Verdict};

use crate::common::{Folder, fecund, run, stderr_of, stdout};

pub fn create(folder: &Folder, out: &str, more: &[&str]) {
    let own = ["create", "--space", "cell201", "--objective", "score", "--evaluator", "test", "--out", out];
    assert_eq!(stdout(folder, &[&own[..], more].concat()), format!("{out}\n"));
}

fn objects(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

pub fn ask(folder: &Folder, out: &str, more: &[&str]) -> Vec<Value> {
    objects(&stdout(folder, &[&["ask", out], more].concat()))
}

/// What an `ask` says that has nothing to ask.
pub fn ask_in_vain(folder: &Folder, out: &str, more: &[&str]) -> String {
    let output = run(folder, &[&["ask", out], more].concat());
    assert!(output.status.success() && output.stdout.is_empty(), "{output:?}");
    stderr_of(&output)
}

/// What is acknowledged, if all of it is.
pub fn tell(folder: &Folder, out: &str, lines: &[Value]) -> Vec<Value> {
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    let output = fecund(folder, &["tell", out]).write_stdin(text).output().unwrap();
    assert!(output.status.success(), "{}", stderr_of(&output));
    let told = objects(std::str::from_utf8(&output.stdout).unwrap());
    assert_eq!(trials_of(&told), trials_of(lines));
    told
}

pub fn trials_of(lines: &[Value]) -> Vec<u64> {
    lines.iter().map(|line| line["trial"].as_u64().unwrap()).collect()
}

pub fn trials(folder: &Folder, out: &str) -> Vec<Trial<Cell>> {
    Ledger::read::<Cell>(&folder.path(out).join("trials.journal")).unwrap().trials
}

/// What the trainer finds: a function of the form that it reads, the seed and the fidelity.
fn find(form: &str, seed: u64, fidelity: u64) -> Result<f64, &'static str> {
    let mut rng = Rng::named(seed, "trainer", fidelity);
    let good = form.matches("conv").count() as f64 - form.matches("none").count() as f64;
    if rng.chance(0.1) { Err("diverged") } else { Ok(good + rng.normal() / 3.0) }
}

pub fn answer(question: &Value) -> Value {
    let number = |field: &str| question[field].as_u64().unwrap();
    let (trial, steps) = (number("trial"), number("fidelity"));
    match find(&question["canonical"].to_string(), number("seed"), steps) {
        Ok(score) => json!({"trial": trial, "scores": {"score": score}, "steps": steps, "seconds": 1.5}),
        Err(why) => json!({"trial": trial, "invalid": why, "steps": steps, "seconds": 1.5}),
    }
}

/// The same trainer, in this process.
pub struct Trainer {
    pub largest_fidelity: u64,
}

impl Evaluator<Cell> for Trainer {
    fn context(&self) -> Context {
        Context::new()
            .with("evaluator", "external: test")
            .with("metric", "score, higher is better")
            .with("scores", "")
            .with("largest fidelity", self.largest_fidelity)
    }

    fn evaluate(&self, cell: &Cell, job: &Job) -> Result<Outcome, EvalError> {
        let verdict = match find(&json!(cell).to_string(), job.seed, job.fidelity.0) {
            Ok(score) => Verdict::Scored(Scores(BTreeMap::from([("score".to_string(), score)]))),
            Err(why) => Verdict::Invalid(Reason::Rejected { why: why.into() }),
        };
        Ok(Outcome { verdict, steps: job.fidelity.0, seconds: Some(1.5), provenance: String::new() })
    }
}

/// Cells that compute the same, two and two, and have other canonical forms.
pub const EQUAL: [&str; 4] = [
    "|none~0|+|skip_connect~0|none~1|+|avg_pool_3x3~0|none~1|avg_pool_3x3~2|",
    "|skip_connect~0|+|skip_connect~0|skip_connect~1|+|none~0|none~1|avg_pool_3x3~2|",
    "|skip_connect~0|+|none~0|skip_connect~1|+|nor_conv_3x3~0|avg_pool_3x3~1|avg_pool_3x3~2|",
    "|skip_connect~0|+|skip_connect~0|skip_connect~1|+|none~0|nor_conv_3x3~1|avg_pool_3x3~2|",
];

/// A file of them, in this order, for `--enqueue`.
pub fn equal_cells(folder: &Folder, order: &[usize]) -> Vec<Cell> {
    let lines: Vec<_> = order.iter().map(|place| json!({"arch": EQUAL[*place]})).collect();
    folder.write("first.jsonl", lines.iter().map(|line| format!("{line}\n")).collect::<String>());
    lines.into_iter().map(|line| serde_json::from_value(line).unwrap()).collect()
}

pub fn objective() -> Objective {
    Objective::new("score", true)
}

/// The study of a run, without asking anybody.
pub fn in_one_process(plan: Plan<Cell>) -> Study<CellSpace> {
    let trainer = Trainer { largest_fidelity: plan.fidelity.0 };
    Study::new(CellSpace::default(), trainer, RegularizedEvolution::new(objective()), plan)
}

pub fn assert_same(made: &[Trial<Cell>], wanted: &[Trial<Cell>]) {
    assert_eq!(made.len(), wanted.len());
    for (made, wanted) in made.iter().zip(wanted) {
        assert!(made.same_as(wanted), "trial {}:\n{made:?}\n{wanted:?}", wanted.number);
    }
}
