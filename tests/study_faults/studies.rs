//! Each fault costs two attempts, is remembered with cause, limit and last words, and changes nothing else.

use std::sync::Arc;

use evaluator::conformance::{ends_when_cancelled, judges_what_cannot_work, keeps_the_laws, needs_no_seed};
use evaluator::{Evaluator, Limits, Retried};
use search::{Objective, Origin, Plan, RegularizedEvolution, Study, Threads, Trial};
use serde_json::json;
use storage::{MemoryStore, Record, Store};
use tasks::Verdict;

use crate::cells::assert_same;
use crate::deeds::{Deed, Deeds, What, scored};
use crate::judges::{Remote, Undisturbed};

pub const TESTS: &[(&str, fn())] = &[
    ("faults_cost_two_attempts_each_and_change_no_trial", faults_cost_two_attempts_each_and_change_no_trial),
    ("faults_are_remembered_with_cause_limit_and_last_words", faults_are_remembered),
    ("deeds_are_judged_by_the_laws_of_evaluators", deeds_are_judged_by_the_laws_of_evaluators),
    ("a_limit_that_was_passed_is_tried_again_only_when_it_is_raised", a_limit_that_was_passed_is_tried_again),
];

/// Far more than a sound deed takes.
const LIMITS: Limits = Limits { seconds: Some(1.5), memory: Some(64 << 20) };

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
    for jobs in [1, 3] {
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

fn deeds_are_judged_by_the_laws_of_evaluators() {
    let sound = [Deed::works(1), Deed::works(7), Deed { what: What::Prints, level: 2 }];
    let remote = || Retried(Remote::new(2, Limits::default()));
    keeps_the_laws(remote, &sound);
    needs_no_seed(&remote(), &sound);
    let [endless, crash] = [What::IgnoresSignals, What::Aborts].map(|what| Deed { what, level: 0 });
    ends_when_cancelled(&remote(), &endless, &sound[0]);
    judges_what_cannot_work(&remote(), &[crash], &sound[0]);
}

/// What the store has of a trial, which was evaluated once.
pub fn only_evaluation(store: &MemoryStore, trial: &Trial<Deed>) -> storage::Evaluation {
    let Record { evaluations, .. } = store.get(&trial.key).unwrap().expect("the trial has a record");
    let [evaluation] = evaluations.try_into().expect("its key was evaluated once");
    evaluation
}

fn a_limit_that_was_passed_is_tried_again() {
    let late = Deed::works(3);
    let seconds = |seconds| Limits { seconds: Some(seconds), memory: None };
    let too_late = Deed { what: What::Sleeps, level: 0 }.verdict(seconds(0.25));
    let [first, same, lower, higher, later] =
        under(late, [seconds(0.25), seconds(0.25), seconds(0.125), seconds(60.0), seconds(60.0)]);
    assert_eq!((first, same, lower), ((2, too_late.clone()), (0, too_late.clone()), (0, too_late)));
    assert_eq!((higher, later), ((1, scored(3.0)), (0, scored(3.0))), "the later verdict answers");

    let hoarder = Deed { what: What::Allocates, level: 0 };
    let memory = |mib: u64| Limits { seconds: None, memory: Some(mib << 20) };
    let (too_much, more) = (hoarder.verdict(memory(64)), hoarder.verdict(memory(128)));
    let [first, same, lower, higher, later] = under(hoarder, [64, 64, 48, 128, 128].map(memory));
    assert_eq!((first, same, lower), ((2, too_much.clone()), (0, too_much.clone()), (0, too_much)));
    assert_eq!((higher, later), ((2, more.clone()), (0, more)), "the higher limit is remembered");
}

/// One deed in a row of studies with these limits and one store: how often each study sent it, and its verdict.
fn under<const N: usize>(deed: Deed, limits: [Limits; N]) -> [(u64, Verdict); N] {
    let store = Arc::new(MemoryStore::default());
    let mut number = 0;
    limits.map(|limits| {
        number += 1;
        let request = if deed.is_sound() { json!(["echo late", deed.level, 1.0]) } else { deed.request() };
        let remote = Arc::new(Remote::new(1, limits).with(deed, request));
        let plan = Plan { study: format!("study {number}"), limits, ..plan(vec![deed], 1) };
        let mut study = study(Retried(Arc::clone(&remote)), plan, &store, 1);
        study.run().unwrap();
        (remote.attempts().get(&deed).copied().unwrap_or(0), study.trials()[0].verdict.clone())
    })
}
