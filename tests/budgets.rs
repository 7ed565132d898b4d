//! Budgets that are counted hold exactly, with any number of jobs and any window. Those of time: `study_faults/budgets`.

#[path = "common/cells.rs"]
mod cells;
mod common;

use std::path::{Path, PathBuf};
use std::time::Duration;

use cells::{Counting, assert_same, evolution, plan, study};
use common::{Folder, run, stderr_of, stdout};
use evaluator::{EvalError, Evaluator, Job, Outcome};
use hashing::Context;
use search::{Ledger, Plan, Statistics, Stop, Study, Threads, Trial};
use spaces::cell201::{Cell, CellSpace};
use spaces::nb_macro::Network;

#[test]
fn proposals_and_evaluations_are_counted_exactly_with_any_number_of_jobs_and_any_window() {
    for (jobs, window) in [(1, 1), (1, 8), (4, 8), (3, 32)] {
        let evaluator = Counting::slow();
        let mut counted = study(&evaluator, Plan { window, ..plan(77) }, jobs);
        assert_eq!(counted.run().unwrap(), Stop::Trials(77));
        assert_eq!(counted.trials().len(), 77);

        let evaluator = Counting::slow();
        let limited = Plan { window, trials: None, trainings: Some(41), ..plan(0) };
        let mut counted = study(&evaluator, limited, jobs);
        assert_eq!(counted.run().unwrap(), Stop::Trainings(41));
        assert_eq!((Statistics::of(counted.trials()).trained, evaluator.count()), (41, 41));
    }
}

/// Says what its verdicts would have cost: ten seconds and a score.
#[derive(Clone, Default)]
struct Simulating(Counting);

impl Evaluator<Cell> for Simulating {
    fn context(&self) -> Context {
        self.0.context()
    }
    fn evaluate(&self, cell: &Cell, job: &Job) -> Result<Outcome, EvalError> {
        Ok(Outcome { seconds: Some(10.0 + cells::score(cell)), ..self.0.evaluate(cell, job)? })
    }
}

fn simulated(plan: Plan<Cell>, jobs: usize) -> Study<CellSpace> {
    Study::new(CellSpace::default(), Simulating(Counting::slow()), evolution(), plan)
        .with_executor(Threads::new(jobs).unwrap())
}

fn paid<C>(trials: &[Trial<C>]) -> f64 {
    trials.iter().map(|trial| trial.times.evaluation).sum()
}

#[test]
fn simulated_seconds_end_with_the_trial_that_reaches_them_whatever_has_finished_and_after_any_resume() {
    let budget = Duration::from_secs(700);
    let mut whole = simulated(plan(200), 2);
    whole.run().unwrap();
    let last = (0..200).find(|last| paid(&whole.trials()[..=*last]) >= 700.0).unwrap();
    let limited = || Plan { evaluation_time: Some(budget), ..plan(200) };
    for jobs in [1, 4] {
        let mut limited = simulated(limited(), jobs);
        assert_eq!(limited.run().unwrap(), Stop::EvaluationTime(budget));
        assert_same(limited.trials(), &whole.trials()[..=last]);
    }
    let half = Plan { evaluation_time: Some(budget / 2), ..plan(200) };
    let mut first = simulated(half, 3);
    assert_eq!(first.run().unwrap(), Stop::EvaluationTime(budget / 2));
    let mut second = simulated(limited(), 3);
    second.resume(first.trials().to_vec());
    assert_eq!(second.run().unwrap(), Stop::EvaluationTime(budget));
    assert_same(second.trials(), &whole.trials()[..=last]);
}

fn published() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../data/nas_bench_macro/nas_bench_macro_cifar10.csv.gz")
}

fn trials(folder: &Folder, run: &str) -> Vec<Trial<Network>> {
    Ledger::read(&folder.path(run).join("trials.journal")).unwrap().trials
}

#[test]
fn a_replay_takes_its_processor_time_from_the_table() {
    let folder = Folder::new();
    let search = |out: &str, more: &[&str]| {
        let table = published();
        let own = [
            "search",
            "--space",
            "nb-macro",
            "--objective",
            "mean_acc",
            "--cost",
            "flops*1e-6",
            "--out",
            out,
        ];
        let arguments = [&own[..], &["--data", table.to_str().unwrap()], more].concat();
        let output = run(&folder, &arguments);
        assert!(output.status.success(), "{}", stderr_of(&output));
        stderr_of(&output)
    };
    let said = search("limited", &["--cpu-time", "50m", "--jobs", "2"]);
    assert!(
        said.contains("3000 simulated seconds used up (more with `fecund resume limited --cpu-time T`)"),
        "{said}"
    );
    let made = trials(&folder, "limited");
    let (all, but_one) = (paid(&made), paid(&made[..made.len() - 1]));
    assert!(all >= 3000.0 && but_one < 3000.0, "{but_one} s, then {all} s");
    stdout(&folder, &["resume", "limited", "--cpu-time", "4000", "--jobs", "1"]);
    search("whole", &["--cpu-time", "4000s"]);
    assert_same(&trials(&folder, "limited"), &trials(&folder, "whole"));
}
