//! Each fault costs two attempts, is remembered with cause, limit and last words, and changes nothing else.

use std::sync::Arc;

use evaluator::{Evaluator, Limits, Retried};
use search::{Objective, Origin, Plan, RegularizedEvolution, Study, Threads, Trial};
use storage::{MemoryStore, Record, Store};
use tasks::Verdict;

use crate::cells::assert_same;
use crate::deeds::{Deed, Deeds, What, scored};
use crate::judges::{Remote, Undisturbed};

pub const TESTS: &[(&str, fn())] = &[
    ("faults_cost_two_attempts_each_and_change_no_trial", faults_cost_two_attempts_each_and_change_no_trial),
    ("faults_are_remembered_with_cause_limit_and_last_words", faults_are_remembered),
    ("a_limit_that_was_passed_is_tried_again_only_when_it_is_raised", a_limit_that_was_passed_is_tried_again),
];

/// Far more than a sound deed takes.
const LIMITS: Limits = Limits { seconds: Some(1.0), memory: Some(256 << 20) };

/// Proposes these deeds first; then evolution has its way.
pub fn plan(enqueued: Vec<Deed>, trials: u64) -> Plan<Deed> {
    Plan { enqueued, trials: Some(trials), ..Plan::default() }
}

pub fn study(
    evaluator: impl Evaluator<Deed> + 'static,
    plan: Plan<Deed>,
    store: &Arc<MemoryStore>,
    jobs: usize,
) -> Study<Deeds> {
    let strategy = RegularizedEvolution::new(Objective::new("score", true));
    Study::new(Deeds, evaluator, strategy, plan)
        .with_store(Arc::clone(store) as Arc<dyn Store>)
        .with_executor(Threads::new(jobs).unwrap())
}

/// Every fault, sound deeds, and every fault again, beyond the window of the first.
fn all_faults_twice() -> Vec<Deed> {
    Deed::bad().chain((0..8).map(Deed::works)).chain(Deed::bad()).collect()
}

fn faults_cost_two_attempts_each_and_change_no_trial() {
    let mut undisturbed = study(Undisturbed(LIMITS), plan(all_faults_twice(), 60), &Arc::default(), 1);
    undisturbed.run().unwrap();
    for jobs in [1, 2, 3] {
        let remote = Arc::new(Remote::new(jobs, LIMITS));
        let mut study =
            study(Retried(Arc::clone(&remote)), plan(all_faults_twice(), 60), &Arc::default(), jobs);
        study.run().unwrap();
        assert_same(study.trials(), undisturbed.trials());
        let again = &study.trials()[Deed::bad().count() + 8..][..Deed::bad().count()];
        assert!(again.iter().all(|trial| trial.origin == Origin::FullHit));
        let attempts = remote.attempts();
        assert!(attempts.iter().all(|(deed, times)| *times == if deed.is_sound() { 1 } else { 2 }));
        assert_eq!(attempts.keys().filter(|deed| !deed.is_sound()).count(), Deed::bad().count());
        assert!(attempts.keys().any(|deed| deed.what == What::Prints), "{attempts:?}");
    }
}

fn faults_are_remembered() {
    let store = Arc::new(MemoryStore::default());
    let remote = Arc::new(Remote::new(2, LIMITS));
    let mut study =
        study(Retried(remote), plan(Deed::bad().collect(), Deed::bad().count() as u64), &store, 2);
    study.run().unwrap();
    for trial in study.trials() {
        let evaluation = only_evaluation(&store, trial);
        assert_eq!(evaluation.verdict, trial.candidate.verdict(LIMITS));
        let provenance = &evaluation.provenance;
        assert!(provenance.starts_with("first: ") && provenance.contains("; then: "), "{provenance}");
        let words = provenance.matches("last words").count();
        assert_eq!(words, if trial.candidate.has_last_words() { 2 } else { 0 }, "{provenance}");
        assert!(provenance.len() < 2000 && !provenance.contains(char::is_control), "{provenance:?}");
    }
    assert_eq!(store.len(), Deed::bad().count());
}

/// What the store has of a trial, which was evaluated once.
pub fn only_evaluation(store: &MemoryStore, trial: &Trial<Deed>) -> storage::Evaluation {
    let Record { evaluations, .. } = store.get(&trial.key).unwrap().expect("the trial has a record");
    let [evaluation] = evaluations.try_into().expect("its key was evaluated once");
    evaluation
}

fn a_limit_that_was_passed_is_tried_again() {
    let store = Arc::new(MemoryStore::default());
    let (late, hoarder) = (Deed::works(3), Deed { what: What::Allocates, level: 0 });
    let run = |name: &str, seconds: f64, mib: u64| {
        let limits = Limits { seconds: Some(seconds), memory: Some(mib << 20) };
        let slow = serde_json::json!(["echo late", 3, 1.0]);
        let remote = Arc::new(Remote::new(2, limits).with(late, slow));
        let plan = Plan { study: name.into(), limits, ..plan(vec![late, hoarder], 2) };
        let mut study = study(Retried(Arc::clone(&remote)), plan, &store, 2);
        study.run().unwrap();
        let verdicts: Vec<Verdict> = study.trials().iter().map(|trial| trial.verdict.clone()).collect();
        let attempts = [late, hoarder].map(|deed| remote.attempts().get(&deed).copied().unwrap_or(0));
        (attempts, <[Verdict; 2]>::try_from(verdicts).unwrap())
    };
    let failed = |seconds, mib: u64| {
        let limits = Limits { seconds: Some(seconds), memory: Some(mib << 20) };
        [Deed { what: What::Sleeps, ..late }.verdict(limits), hoarder.verdict(limits)]
    };
    assert_eq!(run("first", 0.25, 128), ([2, 2], failed(0.25, 128)));
    assert_eq!(run("same", 0.25, 128), ([0, 0], failed(0.25, 128)));
    assert_eq!(run("lower", 0.125, 64), ([0, 0], failed(0.25, 128)));
    let [_, hoards_more] = failed(60.0, 256);
    let mended = [scored(3.0), hoards_more];
    assert_eq!(run("higher", 60.0, 256), ([1, 2], mended.clone()));
    assert_eq!(run("higher again", 60.0, 256), ([0, 0], mended), "the later verdicts answer");
}
