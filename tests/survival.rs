//! Studies that are killed, or cheated by their stores and executors, on real threads: the same trials, nothing paid twice,
//! and an end.

#[path = "common/cells.rs"]
mod cells;
#[path = "common/noisy.rs"]
mod noisy;

use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use cells::{assert_same, evolution, plan, score_of_function};
use evaluator::{EvalError, Evaluator, Job, Outcome};
use hashing::{Context, Key, Rng};
use noisy::{AtOnce, Noisy};
use search::{Executor, Finished, Ledger, Plan, Statistics, Study, Task, Threads, Trial};
use spaces::Space;
use spaces::cell201::{Cell, CellSpace};
use storage::{Access, Faulty, MemoryStore, Purpose, RealDisk, Record, Store, StoreError, StoreFault};
use tasks::{Reason, Scores, Verdict};

fn study_of(evaluator: &Noisy, plan: Plan<Cell>, store: Arc<dyn Store>) -> Study<CellSpace> {
    Study::new(CellSpace::default(), evaluator.clone(), evolution(), plan).with_store(store)
}

/// Threads that say where a study waits for what will never come.
struct Watched(Threads, usize);

impl Executor for Watched {
    fn submit(&mut self, task: Task) {
        self.1 += 1;
        self.0.submit(task);
    }
    fn next(&mut self, within: Option<Duration>) -> Option<Finished> {
        assert!(self.1 > 0 || within.is_some(), "the study waits for ever: nothing is under way");
        self.0.next(within).inspect(|_| self.1 -= 1)
    }
    fn width(&self) -> usize {
        self.0.width()
    }
}

/// Every put, in its order, with the number of trials that were settled before it.
#[derive(Default)]
struct Logged {
    inner: MemoryStore,
    log: Mutex<Vec<Event>>,
}

enum Event {
    Put(Key, Record),
    Settled,
}

impl Logged {
    fn warm(store: &MemoryStore) -> Self {
        Self { inner: store.entries().into_iter().collect(), log: Mutex::default() }
    }

    /// What is on disk after the first `n` events: the store, and how many trials at most.
    fn after(&self, n: usize, warm: &MemoryStore) -> (MemoryStore, usize) {
        let store: MemoryStore = warm.entries().into_iter().collect();
        let mut settled = 0;
        for event in &self.log.lock().unwrap()[..n] {
            match event {
                Event::Put(key, record) => store.put(key, record).unwrap(),
                Event::Settled => settled += 1,
            }
        }
        (store, settled)
    }
}

impl Store for Logged {
    fn get(&self, key: &Key) -> Result<Option<Record>, StoreError> {
        self.inner.get(key)
    }
    fn put(&self, key: &Key, record: &Record) -> Result<(), StoreError> {
        let mut log = self.log.lock().unwrap();
        log.push(Event::Put(*key, record.clone()));
        self.inner.put(key, record)
    }
    fn len(&self) -> usize {
        self.inner.len()
    }
}

struct Settlements(Arc<Logged>);

impl<C> search::Observer<C> for Settlements {
    fn settled(&mut self, _: &Trial<C>) {
        self.0.log.lock().unwrap().push(Event::Settled);
    }
}

fn random_plan(rng: &mut Rng) -> Plan<Cell> {
    let pick = |rng: &mut Rng, from: &[f64]| from[rng.below(from.len())];
    let window = [1, 2, 8, 32][rng.below(4)];
    let most = 30 + rng.below(120) as u64;
    let (trials, trainings) = if rng.chance(0.5) { (Some(most), None) } else { (Some(400), Some(most / 2)) };
    Plan {
        study: "mine".into(),
        seed: rng.next_u64(),
        window,
        evaluations_per_key: 1 + rng.below(3) as u64,
        forget: pick(rng, &[0.0, 0.3, 1.0]),
        audit: pick(rng, &[0.0, 0.0, 0.5, 1.0]),
        reuse: rng.chance(0.9),
        trials,
        trainings,
        ..Plan::default()
    }
}

/// One study killed again and again at random places, under any number of jobs. `audits`: whether it has any.
fn survives(seed: u64, audits: bool) {
    let mut rng = Rng::named(seed, "survival", 0);
    let plan = random_plan(&mut rng);
    let plan = || Plan { audit: if audits { plan.audit } else { 0.0 }, ..plan.clone() };
    let warm = MemoryStore::new();
    let is_warm = rng.chance(0.5);
    if is_warm {
        let other =
            Plan { study: "other".into(), seed: rng.next_u64(), audit: 0.0, trials: Some(80), ..plan() };
        let other = Plan { evaluations_per_key: 1 + rng.below(3) as u64, trainings: None, ..other };
        let store = Arc::new(MemoryStore::new());
        study_of(&Noisy::failing(), other, store.clone()).run().unwrap();
        store.entries().into_iter().for_each(|(key, record)| warm.put(&key, &record).unwrap());
    }
    let undisturbed = |jobs, audit| {
        let store: MemoryStore = warm.entries().into_iter().collect();
        let mut study = study_of(&Noisy::failing(), Plan { audit, ..plan() }, Arc::new(store))
            .with_executor(Threads::new(jobs).unwrap());
        let stop = study.run().unwrap();
        (study.trials().to_vec(), stop)
    };
    let (whole, stop) = undisturbed(1, 0.0);
    let (many, other_stop) = undisturbed(4, plan().audit);
    assert_same(&many, &whole);
    assert_eq!(stop, other_stop);

    let (mut base, mut trials) = (warm.entries().into_iter().collect::<MemoryStore>(), Vec::new());
    for _ in 0..rng.below(4) {
        let store = Arc::new(Logged::warm(&base));
        let jobs = 1 + rng.below(4);
        let mut study = study_of(&Noisy::failing(), plan(), store.clone())
            .with_observer(Settlements(store.clone()))
            .with_executor(Watched(Threads::new(jobs).unwrap(), 0));
        study.resume(trials.clone());
        study.run().unwrap();
        assert_same(study.trials(), &whole);
        let length = store.log.lock().unwrap().len();
        let (left, settled) = store.after(rng.below(length + 1), &base);
        // Records wait for the disk, trials do not: some of the last may be lost, or all of them.
        let written = trials.len() + settled;
        let keep = match rng.below(3) {
            0 => written,
            1 => written - rng.below(20.min(written) + 1),
            _ => rng.below(written + 1),
        };
        trials = study.trials()[..keep].to_vec();
        base = if !is_warm && rng.chance(0.3) { MemoryStore::new() } else { left };
    }
    let (evaluator, store) = (Noisy::failing(), Arc::new(base));
    let before = paid(&store);
    let mut last =
        study_of(&evaluator, plan(), store.clone()).with_executor(AtOnce::new(|task| vec![task()]));
    last.resume(trials.clone());
    assert_eq!(last.run().unwrap(), stop);
    assert_same(last.trials(), &whole);
    let after = paid(&store);
    let twice = after.len() - after.iter().collect::<HashSet<_>>().len();
    assert_eq!(twice, 0, "evaluations of one trial were paid for twice");
    let spent = after.len() - before.len();
    assert!(evaluator.seeds().len() <= spent, "{} of {spent}", evaluator.seeds().len());
    let statistics = Statistics::of(last.trials());
    let total = statistics.total;
    assert_eq!(total.proposals, total.misses + total.partial_hits + total.full_hits + total.shared);
    assert_eq!(total.full_hits + total.shared, total.structural + total.functional);
    for parts in [statistics.by_operator.values().copied().collect(), statistics.by_generation.clone()] {
        let mut sum = search::Tally::default();
        parts.into_iter().for_each(|part: search::Tally| sum += part);
        assert_eq!(sum, total);
    }
    if let Some(most) = plan().trainings {
        assert!(statistics.trained <= most);
    }
}

/// Study, trial and purpose of everything in the store, and the marks of what came late.
fn paid(store: &MemoryStore) -> Vec<(String, u64, String)> {
    let entries = store.entries();
    let evaluations = entries.iter().flat_map(|(_, record)| &record.evaluations);
    let named = |e: &storage::Evaluation| {
        let late = if e.purpose == Purpose::Late { Purpose::Search } else { e.purpose };
        (e.study.clone(), e.trial, format!("{late:?}"))
    };
    evaluations.map(named).collect()
}

/// All seeds are tried, and those that fail are named.
fn each(seeds: u64, survives: impl Fn(u64)) {
    let failed: Vec<_> =
        (0..seeds).filter(|seed| catch_unwind(AssertUnwindSafe(|| survives(*seed))).is_err()).collect();
    assert!(failed.is_empty(), "seeds {failed:?} of {seeds}");
}

#[test]
fn killed_anywhere_a_study_makes_the_same_trials_and_pays_nothing_twice() {
    each(200, |seed| survives(seed, false));
}

#[test]
fn killed_anywhere_an_audited_study_makes_the_same_trials_and_pays_nothing_twice() {
    each(200, |seed| survives(seed, true));
}

/// Cell scores that are equal for equal functions, and no sums of powers of two.
#[derive(Clone, Default)]
struct Exact;

impl Evaluator<Cell> for Exact {
    fn context(&self) -> Context {
        Context::new().with("evaluator", "exact v1")
    }

    fn evaluate(&self, cell: &Cell, _: &Job) -> Result<Outcome, EvalError> {
        let scores = Scores([("score".to_string(), 0.1 * score_of_function(cell))].into());
        Ok(Outcome { verdict: Verdict::Scored(scores), steps: 10, seconds: None, provenance: String::new() })
    }
}

#[test]
fn several_evaluations_of_what_has_no_noise_change_nothing_of_the_result() {
    let run = |reuse, evaluations_per_key| {
        let plan = Plan { reuse, evaluations_per_key, ..plan(300) };
        let mut study = Study::new(CellSpace::default(), Exact, evolution(), plan);
        study.run().unwrap();
        study.trials().iter().map(|t| (t.candidate, t.verdict.clone())).collect::<Vec<_>>()
    };
    let without = run(false, 1);
    assert_eq!(run(true, 1), without);
    let first = run(true, 3).iter().zip(&without).position(|(a, b)| a != b);
    assert_eq!(first, None, "trial that differs with three evaluations a key");
}

#[test]
fn an_audit_whose_trial_was_lost_is_neither_waited_for_nor_paid_again() {
    let (evaluator, store) = (Noisy::failing(), Arc::new(MemoryStore::new()));
    let plan = || Plan { audit: 1.0, ..plan(100) };
    let mut first = study_of(&evaluator, plan(), store.clone());
    first.run().unwrap();
    let paid = evaluator.seeds().len();
    let mut second = study_of(&evaluator, plan(), store).with_executor(AtOnce::new(|task| vec![task()]));
    second.resume(first.trials()[..60].to_vec());
    second.run().unwrap();
    assert_same(second.trials(), first.trials());
    assert_eq!(evaluator.seeds().len(), paid);
}

#[test]
fn a_read_that_fails_once_after_a_kill_does_not_stop_the_study_for_ever() {
    let (evaluator, store) = (Noisy::failing(), Arc::new(MemoryStore::new()));
    let mut first = study_of(&evaluator, plan(40), store.clone());
    first.run().unwrap();
    // The first trial that was trained is lost, its record is not, and its record cannot be read at first.
    let lost = first.trials().iter().position(Trial::is_trained).unwrap();
    let first_read = |access, n| ((access, n) == (Access::Get, 1)).then_some(StoreFault::Refused);
    let flaky = Faulty::new(store, first_read);
    let mut second =
        study_of(&evaluator, plan(40), Arc::new(flaky)).with_executor(AtOnce::new(|task| vec![task()]));
    second.resume(first.trials()[..lost].to_vec());
    second.run().unwrap();
    let verdicts =
        |study: &Study<CellSpace>| study.trials().iter().map(|t| t.verdict.clone()).collect::<Vec<_>>();
    assert_eq!(verdicts(&second), verdicts(&first));
}

#[test]
fn an_audit_that_finishes_twice_on_a_full_disk_is_counted_once() {
    let plan = Plan { audit: 1.0, ..plan(60) };
    let mut study =
        study_of(&Noisy::failing(), plan, Arc::new(Faulty::refusing(MemoryStore::new(), &[Access::Put])));
    study = study.with_executor(AtOnce::new(|task| vec![task(), task()]));
    study.run().unwrap();
    assert_eq!(study.trials().len(), 60);
}

#[test]
fn a_run_that_was_remembered_and_given_up_before_it_could_say_so_answers() {
    let mut sound = study_of(&Noisy::failing(), plan(40), Arc::new(MemoryStore::new()));
    sound.run().unwrap();
    let mut study = study_of(&Noisy::failing(), plan(40), Arc::new(MemoryStore::new()));
    study = study.with_executor(AtOnce::new(|task| {
        drop(task());
        vec![task()]
    }));
    study.run().unwrap();
    assert_same(study.trials(), sound.trials());
}

#[test]
fn a_worker_that_checks_an_answer_is_not_idle() {
    // A window of one leaves one of two workers idle at every wait, unless an audit keeps it busy.
    let run = |audit| {
        let plan = Plan { audit, window: 1, ..plan(200) };
        let mut study = study_of(&Noisy::failing(), plan, Arc::new(MemoryStore::new()))
            .with_executor(Watched(Threads::new(2).unwrap(), 0));
        study.run().unwrap();
        (study.idle_waits(), Statistics::of(study.trials()).trained)
    };
    let ((quiet, trained), (audited, _)) = (run(0.0), run(1.0));
    assert!(quiet <= trained && audited <= quiet, "{audited} of {trained} with audits, {quiet} without");
}

/// Finds by itself that some candidates are malformed.
#[derive(Clone)]
struct Strict(Noisy);

impl Evaluator<Cell> for Strict {
    fn context(&self) -> Context {
        Context::new().with("evaluator", "strict v1")
    }

    fn evaluate(&self, cell: &Cell, job: &Job) -> Result<Outcome, EvalError> {
        let outcome = self.0.evaluate(cell, job)?;
        let refused = Verdict::Invalid(Reason::Malformed { what: "too wide".into() });
        Ok(if job.seed.is_multiple_of(3) { Outcome { verdict: refused, ..outcome } } else { outcome })
    }
}

#[test]
fn a_budget_of_trainings_is_the_same_before_and_after_a_resume() {
    let run = |cut: Option<u64>| {
        let store = Arc::new(MemoryStore::new());
        let plan = |trials| Plan { trials, trainings: Some(40), ..plan(0) };
        let study = |trials| {
            Study::new(CellSpace::default(), Strict(Noisy::failing()), evolution(), plan(trials))
                .with_store(store.clone())
        };
        let mut first = study(cut);
        first.run().unwrap();
        let mut second = study(None);
        second.resume(first.trials().to_vec());
        second.run().unwrap();
        second.trials().to_vec()
    };
    let whole = run(Some(1));
    assert_same(&run(Some(30)), &whole);
}

/// Another study's cache of 200 trials.
fn others() -> MemoryStore {
    let store = Arc::new(MemoryStore::new());
    study_of(&Noisy::failing(), Plan { study: "other".into(), seed: 7, ..plan(200) }, store.clone())
        .run()
        .unwrap();
    store.entries().into_iter().collect()
}

#[test]
fn a_study_that_lost_a_warm_store_draws_no_seed_twice() {
    for store_is_lost in [false, true] {
        let evaluator = Noisy::failing();
        let mut store = Arc::new(others());
        let plan = |trials| Plan { evaluations_per_key: 4, ..plan(trials) };
        let mut first = study_of(&evaluator, plan(200), store.clone());
        first.run().unwrap();
        if store_is_lost {
            store = Arc::new(MemoryStore::new());
        }
        let mut second = study_of(&evaluator, plan(500), store);
        second.resume(first.trials().to_vec());
        second.run().unwrap();
        let seeds = evaluator.seeds();
        let twice = seeds.len() - seeds.iter().collect::<HashSet<_>>().len();
        assert_eq!(twice, 0, "of {} seeds; store lost: {store_is_lost}", seeds.len());
    }
}

fn form(trial: &Trial<Cell>) -> String {
    serde_json::to_string(&CellSpace::default().canonicalize(&trial.candidate)).unwrap()
}

#[test]
fn a_plan_that_wants_no_evaluation_at_all_does_not_end_without_a_word() {
    let plan = Plan { evaluations_per_key: 0, ..plan(30) };
    let mut study = study_of(&Noisy::failing(), plan, Arc::new(MemoryStore::new()));
    let stop = study.run().unwrap();
    assert_eq!(study.trials().len(), 30, "{stop:?}");
}

#[test]
fn a_warm_start_with_the_same_forms_is_structural() {
    let store = Arc::new(MemoryStore::new());
    study_of(&Noisy::failing(), Plan { study: "other".into(), ..plan(200) }, store.clone()).run().unwrap();
    let forms: HashSet<(Key, String)> =
        store.entries().into_iter().map(|(key, record)| (key, record.form)).collect();
    let mut study = study_of(&Noisy::failing(), plan(200), store);
    study.run().unwrap();
    let mut seen = HashSet::new();
    let new = |t: &&Trial<Cell>| !t.origin.is_evaluated() && seen.insert((t.key, form(t)));
    let functional = study.trials().iter().filter(new).filter(|t| !forms.contains(&(t.key, form(t)))).count();
    assert_eq!(Statistics::of(study.trials()).total.functional, functional as u64);
}

#[test]
fn the_simulation_meets_what_it_is_for() {
    let mut met = [0; 5];
    for seed in 0..200 {
        let plan = random_plan(&mut Rng::named(seed, "survival", 0));
        met[0] += usize::from(plan.evaluations_per_key > 1);
        met[1] += usize::from(plan.forget > 0.0);
        met[2] += usize::from(plan.audit > 0.0);
        met[3] += usize::from(plan.trainings.is_some());
        met[4] += usize::from(plan.window == 32);
    }
    assert!(met.iter().all(|met| *met > 30), "{met:?}");
}

#[test]
fn a_score_that_is_not_finite_is_a_failure_that_can_be_read_back() {
    struct Infinite;
    impl Evaluator<Cell> for Infinite {
        fn context(&self) -> Context {
            Context::new()
        }
        fn evaluate(&self, _: &Cell, _: &Job) -> Result<Outcome, EvalError> {
            let scores = Scores([("score".to_string(), f64::INFINITY)].into());
            Ok(Outcome {
                verdict: Verdict::Scored(scores),
                steps: 1,
                seconds: None,
                provenance: String::new(),
            })
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let (ledger, _) = Ledger::open::<Cell>(folder.path(), Arc::new(RealDisk)).unwrap();
    let mut study = Study::new(CellSpace::default(), Infinite, evolution(), plan(3)).with_ledger(ledger);
    study.run().unwrap();
    drop(study);
    let (_, written) = Ledger::open::<Cell>(folder.path(), Arc::new(RealDisk)).unwrap();
    assert_eq!((written.unread, written.trials.len()), (None, 3));
    let failed = Verdict::Invalid(Reason::NotFinite { step: 1 });
    assert!(written.trials.iter().all(|trial| trial.is_ruled_out() || trial.verdict == failed));
}
