//! The life of a candidate, on a space whose classes are known and with an evaluator that counts.

#[path = "common/cells.rs"]
mod cells;

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::Duration;

use cells::{Counting, assert_same, evolution, plan, study};
use evaluator::{EvalError, Evaluator, Job, Limits, Outcome, Retried};
use hashing::{Context, Digest, Keyed, Rng};
use search::{Origin, Plan, RandomSearch, Statistics, Stop, Strategy, Study, Tally, Trial};
use spaces::cell201::{Cell, CellSpace, Operation};
use spaces::{Enumerated, Space};
use storage::{Access, Faulty, MemoryStore, Store, StoreFault};
use tasks::{Reason, Verdict};

#[test]
fn every_key_is_evaluated_once_and_every_proposal_is_accounted_for() {
    let evaluator = Counting::slow();
    let mut study = study(&evaluator, plan(400), 4);
    assert_eq!(study.run().unwrap(), Stop::Trials(400));
    let statistics = Statistics::of(study.trials());
    let Tally { proposals, misses, partial_hits, full_hits, shared, structural, functional } =
        statistics.total;
    assert_eq!((proposals, misses + partial_hits + full_hits + shared), (400, 400));
    assert_eq!(structural + functional, full_hits + shared);
    let keys: HashSet<_> = study.trials().iter().map(|trial| trial.key).collect();
    assert_eq!(misses, keys.len() as u64);
    let trained =
        study.trials().iter().filter(|t| t.origin.is_evaluated() && matches!(t.verdict, Verdict::Scored(_)));
    assert_eq!(evaluator.count(), trained.count() as u64);
    assert!(full_hits > 50 && shared > 0, "{statistics:?}");
}

#[test]
fn the_trials_are_the_same_with_one_worker_and_with_four() {
    let run = |jobs| {
        let mut study = study(&Counting::slow(), plan(300), jobs);
        study.run().unwrap();
        study.trials().to_vec()
    };
    let one = run(1);
    assert_same(&one, &run(4));
    assert_same(&one, &run(3));
}

#[test]
fn reuse_changes_the_cost_and_never_the_result() {
    let run = |reuse| {
        let evaluator = Counting { by_function: true, ..Counting::default() };
        let mut study = study(&evaluator, Plan { reuse, ..plan(300) }, 2);
        study.run().unwrap();
        let statistics = Statistics::of(study.trials());
        assert_eq!(
            statistics.total.functional > 0,
            reuse,
            "forms that differ answer for each other: {statistics:?}"
        );
        let trajectory: Vec<_> =
            study.trials().iter().map(|t| (t.candidate, t.key, t.verdict.clone())).collect();
        (trajectory, evaluator.count())
    };
    let ((with, paid_with), (without, paid_without)) = (run(true), run(false));
    assert_eq!(with, without);
    assert!(paid_with < paid_without, "{paid_with} against {paid_without}");
}

#[test]
fn a_window_without_end_shares_everything() {
    let mut endless = study(&Counting::default(), Plan { window: u64::MAX, ..plan(300) }, 2);
    assert_eq!(endless.run().unwrap(), Stop::Trials(300));
    let Tally { full_hits, shared, .. } = Statistics::of(endless.trials()).total;
    assert!(full_hits == 0 && shared > 0, "{full_hits} {shared}");
}

#[test]
fn proposals_do_not_depend_on_what_the_strategy_saw_too_early() {
    // A window of one is sequential search: proposal n has seen all trials before it.
    let mut narrow = study(&Counting::default(), Plan { window: 1, ..plan(100) }, 4);
    narrow.run().unwrap();
    assert!(narrow.trials().iter().all(|trial| trial.origin != Origin::Shared));
    let late = |trial: &Trial<Cell>| trial.parents.iter().all(|parent| parent + 12 <= trial.number);
    let mut wide = study(&Counting::default(), plan(100), 4);
    wide.run().unwrap();
    assert!(wide.trials().iter().all(late));
}

#[test]
fn a_resumed_study_makes_the_trials_of_an_undisturbed_one() {
    let mut whole = study(&Counting::default(), plan(200), 2);
    whole.run().unwrap();
    for cut in [0, 1, 11, 12, 13, 77, 199, 200] {
        let evaluator = Counting::default();
        let store: Arc<dyn Store> = Arc::new(MemoryStore::default());
        let mut first = study(&evaluator, plan(cut), 2).with_store(Arc::clone(&store));
        first.run().unwrap();
        let mut second = study(&evaluator, plan(200), 3).with_store(store);
        second.resume(first.trials().to_vec());
        second.run().unwrap();
        assert_same(second.trials(), whole.trials());
    }
}

#[test]
fn what_was_paid_for_is_not_paid_again_when_its_trial_was_lost() {
    let (evaluator, store): (_, Arc<dyn Store>) = (Counting::default(), Arc::new(MemoryStore::default()));
    let mut first = study(&evaluator, plan(100), 2).with_store(Arc::clone(&store));
    first.run().unwrap();
    let paid = evaluator.count();
    // A crash may lose trials: they are made again from the seed and the cache.
    let mut second = study(&evaluator, plan(100), 2).with_store(store);
    second.resume(first.trials()[..40].to_vec());
    second.run().unwrap();
    assert_same(second.trials(), first.trials());
    assert_eq!(evaluator.count(), paid);
}

#[test]
fn a_budget_of_trainings_counts_what_is_evaluated() {
    let evaluator = Counting::default();
    let mut study = study(&evaluator, Plan { trials: None, trainings: Some(30), ..plan(0) }, 4);
    assert_eq!(study.run().unwrap(), Stop::Trainings(30));
    assert_eq!(Statistics::of(study.trials()).total.misses, 30);
    assert!(evaluator.count() <= 30);
}

/// Cells with one operation, on one edge or on another.
struct Few(CellSpace);

impl Few {
    fn cell(n: usize) -> Cell {
        let operations =
            [Operation::None, Operation::Skip, Operation::Conv1, Operation::Conv3, Operation::Pool];
        let mut cell = [Operation::None; 6];
        cell[if n < 5 { 3 } else { 0 }] = operations[n % 5];
        Cell::new(cell)
    }
}

impl Space for Few {
    type Candidate = Cell;
    fn name(&self) -> &str {
        "few"
    }
    fn sample(&self, rng: &mut Rng) -> Cell {
        Self::cell(rng.below(10))
    }
    fn mutate(&self, _: &Cell, rng: &mut Rng) -> Cell {
        self.sample(rng)
    }
    fn canonicalize(&self, cell: &Cell) -> Cell {
        self.0.canonicalize(cell)
    }
}

impl Enumerated for Few {
    fn all(&self) -> impl Iterator<Item = Cell> + Send {
        (0..10).map(Self::cell)
    }
}

/// Where one candidate is proposed again and again.
struct Same;

impl Strategy<Few> for Same {
    fn propose(&self, _: &Few, _: &mut Rng) -> search::Proposal<Cell> {
        search::Proposal { candidate: Few::cell(1), operator: "same", parents: vec![] }
    }
}

fn few(strategy: impl Strategy<Few> + 'static, plan: Plan<Cell>) -> Study<Few> {
    Study::new(Few(CellSpace::default()), Counting::default(), strategy, plan).with_whole_space()
}

#[test]
fn an_exhausted_space_and_a_population_that_converged_end_the_study_under_their_names() {
    let mut exhausted = few(RandomSearch, Plan::default());
    let stop = exhausted.run().unwrap();
    let keys: HashSet<_> = exhausted.trials().iter().map(|trial| trial.key).collect();
    // Without an operation, or with one that leads nowhere, all cells are one function.
    assert_eq!((stop, keys.len()), (Stop::Exhausted(5), 5));
    assert_eq!(stop.to_string(), "space exhausted: all of its 5 functions are known");
    let mut converged = few(Same, Plan::default());
    let stop = converged.run().unwrap();
    assert_eq!((stop, converged.trials().len()), (Stop::Converged(1000), 1001));
    assert_eq!(stop.to_string(), "population converged: 1000 proposals in a row were known");
}

#[test]
fn a_study_ends_for_the_same_reason_with_and_without_reuse_and_after_a_resume() {
    let run = |plan: Plan<Cell>, store: Arc<dyn Store>| {
        let mut study = few(RandomSearch, plan).with_store(store);
        (study.run().unwrap(), study.trials().len())
    };
    let empty = || Arc::new(MemoryStore::default());
    let (plain, full) = (run(Plan::default(), empty()), empty());
    assert_eq!(run(Plan { reuse: false, ..Plan::default() }, empty()), plain);
    assert_eq!(run(Plan { forget: 1.0, ..Plan::default() }, empty()), plain);
    for name in ["first", "second"] {
        assert_eq!(run(Plan { study: name.into(), ..Plan::default() }, full.clone()), plain, "a warm store");
    }
    let mut first = few(RandomSearch, Plan::default());
    first.run().unwrap();
    let mut second = few(RandomSearch, Plan::default());
    second.resume(first.trials().to_vec());
    assert_eq!((second.run().unwrap(), second.trials().len()), plain, "it goes on no further");
}

#[test]
fn enqueued_candidates_come_first() {
    let first = Cell::new([Operation::Pool; 6]);
    let mut study = study(&Counting::default(), Plan { enqueued: vec![first], ..plan(3) }, 1);
    study.run().unwrap();
    assert_eq!((study.trials()[0].candidate, study.trials()[0].operator.as_str()), (first, "enqueue"));
    assert_eq!(study.trials()[1].operator, "sample");
}

#[test]
fn a_candidate_that_ignores_its_input_is_judged_without_training() {
    let dead = Cell::new([Operation::None; 6]);
    let evaluator = Counting::default();
    let mut study = study(&evaluator, Plan { enqueued: vec![dead], ..plan(1) }, 1);
    study.run().unwrap();
    assert_eq!(study.trials()[0].verdict, Verdict::Invalid(Reason::IgnoresInput));
    assert_eq!(evaluator.count(), 0);
}

#[test]
fn an_interrupted_study_keeps_whole_trials_and_resumes_to_the_same() {
    let mut whole = study(&Counting::default(), plan(200), 2);
    whole.run().unwrap();
    let store: Arc<dyn Store> = Arc::new(MemoryStore::default());
    let interrupted = Arc::new(AtomicBool::new(false));
    let evaluator = Counting::slow();
    let mut first = study(&evaluator, Plan { interrupted: Arc::clone(&interrupted), ..plan(200) }, 4)
        .with_store(Arc::clone(&store));
    let flag = Arc::clone(&interrupted);
    let presser = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(40));
        flag.store(true, SeqCst);
    });
    assert_eq!(first.run().unwrap(), Stop::Interrupted);
    presser.join().unwrap();
    let paid: HashSet<_> =
        evaluator.seen.lock().unwrap().iter().map(|cell| cell.digest("test")).collect::<HashSet<Digest>>();
    let mut second = study(&evaluator, plan(200), 2).with_store(store);
    second.resume(first.trials().to_vec());
    second.run().unwrap();
    assert_same(second.trials(), whole.trials());
    let all = evaluator.seen.lock().unwrap().len();
    let distinct: HashSet<_> =
        evaluator.seen.lock().unwrap().iter().map(|cell| cell.digest("test")).collect();
    assert_eq!(all, distinct.len(), "nothing is trained twice, {} before the interruption", paid.len());
}

#[test]
fn a_store_that_fails_costs_trainings_and_never_the_search() {
    let mut healthy = study(&Counting::default(), plan(100), 2);
    healthy.run().unwrap();
    let verdicts =
        |trials: &[Trial<Cell>]| trials.iter().map(|t| (t.key, t.verdict.clone())).collect::<Vec<_>>();
    let both: &'static [Access] = &[Access::Get, Access::Put];
    for refused in [&both[..1], &both[1..], both] {
        let fails = move |access, _| refused.contains(&access).then_some(StoreFault::Refused);
        let store = Faulty::new(MemoryStore::default(), fails);
        let mut study = study(&Counting::default(), plan(100), 2).with_store(Arc::new(store));
        study.run().unwrap();
        assert_eq!(verdicts(study.trials()), verdicts(healthy.trials()));
        assert_eq!(Statistics::of(study.trials()).unreadable > 0, refused.contains(&Access::Get));
    }
}

#[test]
fn a_warm_cache_answers_at_once_and_is_a_full_hit() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::default());
    study(&Counting::default(), Plan { study: "a".into(), ..plan(100) }, 2)
        .with_store(Arc::clone(&store))
        .run()
        .unwrap();
    let evaluator = Counting::default();
    let mut second = study(&evaluator, Plan { study: "b".into(), ..plan(100) }, 2).with_store(store);
    second.run().unwrap();
    assert_eq!(evaluator.count(), 0);
    assert!(second.trials().iter().all(|trial| trial.origin == Origin::FullHit));
}

/// Fails like a machine that is too slow, under limits below one second.
struct Slow(Counting, Limits);

impl Evaluator<Cell> for Slow {
    fn context(&self) -> Context {
        self.0.context()
    }
    fn evaluate(&self, cell: &Cell, job: &Job) -> Result<Outcome, EvalError> {
        let outcome = self.0.evaluate(cell, job)?;
        match self.1.seconds {
            Some(seconds) if seconds < 1.0 => Err(EvalError::TimeLimit { seconds }),
            _ => Ok(outcome),
        }
    }
}

#[test]
fn a_time_out_answers_under_the_same_or_a_lower_limit_only() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::default());
    let run = |name: &str, seconds: f64| {
        let limits = Limits { seconds: Some(seconds), memory: None };
        let evaluator = Counting::default();
        let plan =
            Plan { study: name.into(), limits, enqueued: vec![Cell::new([Operation::Conv3; 6])], ..plan(1) };
        let mut study =
            Study::new(CellSpace::default(), Retried(Slow(evaluator.clone(), limits)), evolution(), plan)
                .with_store(Arc::clone(&store));
        study.run().unwrap();
        (matches!(study.trials()[0].verdict, Verdict::Invalid(Reason::Unstable { .. })), evaluator.count())
    };
    assert_eq!(run("first", 0.5), (true, 2), "tried twice");
    assert_eq!(run("same", 0.5), (true, 0));
    assert_eq!(run("lower", 0.1), (true, 0));
    assert_eq!(run("higher", 2.0), (false, 1));
    assert_eq!(run("higher again", 2.0), (false, 0), "the later verdict answers");
}

#[test]
fn another_seed_makes_other_trials() {
    let first = |seed| CellSpace::default().sample(&mut Rng::named(seed, "propose", 0));
    assert_ne!(first(0), first(1));
}
