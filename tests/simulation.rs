//! The real study in a simulated world: a virtual clock, workers of any number and speed, and seeded faults of workers,
//! stores, disks and power, with restarts in the middle. Whatever happens, the trials are those of an undisturbed run.

#[path = "common/cells.rs"]
mod cells;
#[path = "common/noisy.rs"]
mod noisy;

use std::collections::{BTreeMap, BTreeSet, HashSet, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use cells::{assert_same, evolution, score};
use evaluator::{Control, EvalError, Evaluator, Job, Outcome, Retried};
use hashing::{Context, Fidelity, Key, Rng};
use noisy::AtOnce;
use search::{
    Clock, Executor, Finished, Halving, Ledger, Objective, Observer, Plan, Statistics, Stop, Study, Task,
    Trial,
};
use spaces::cell201::{Cell, CellSpace};
use storage::{
    Access, Disk, Fault, Faulty, FaultyDisk, JournalStore, Operation, Record, Store, StoreError, StoreFault,
    Tiered,
};
use tasks::{Reason, Scores, Verdict};
use tempfile::TempDir;

const SEEDS: u64 = 1000;

/// Where the verdict of a candidate is from that no worker saw.
const RULED_OUT: &str = "ruled out before training";

#[derive(Clone, Default)]
struct VirtualClock {
    now: Arc<AtomicU64>,
    /// Of all workers.
    processor_time: Arc<AtomicU64>,
}

impl VirtualClock {
    /// While so many workers are busy.
    fn advance_to(&self, time: Duration, busy: usize) {
        let passed = time.saturating_sub(self.now()).as_nanos() as u64;
        self.now.fetch_add(passed, SeqCst);
        self.processor_time.fetch_add(passed * busy as u64, SeqCst);
    }
}

impl Clock for VirtualClock {
    fn now(&self) -> Duration {
        Duration::from_nanos(self.now.load(SeqCst))
    }

    fn processor_time(&self) -> Duration {
        Duration::from_nanos(self.processor_time.load(SeqCst))
    }
}

/// How a life of the process ends, if it does not come to its end by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum End {
    Killed,
    PowerLost,
    Interrupted,
    Cancelled,
}

const ENDS: [End; 4] = [End::Killed, End::PowerLost, End::Interrupted, End::Cancelled];

/// Counts moments down to the end of a life.
struct Fate {
    moments: AtomicI64,
    end: End,
    /// Bytes of each file's unsynced changes that a loss of power leaves.
    kept: usize,
    world: Arc<World>,
    interrupted: Arc<AtomicBool>,
    control: Control,
}

impl Fate {
    fn new(world: &Arc<World>, rng: &mut Rng, spared: bool) -> Self {
        Self {
            moments: AtomicI64::new(if spared { i64::MAX } else { 1 + rng.below(200) as i64 }),
            end: ENDS[rng.below(ENDS.len())],
            kept: rng.below(300),
            world: Arc::clone(world),
            interrupted: Arc::default(),
            control: Control::new(),
        }
    }

    fn pass(&self) {
        if self.moments.fetch_sub(1, SeqCst) != 1 {
            return;
        }
        self.world.meet(&format!("{:?}", self.end));
        match self.end {
            End::Interrupted => self.interrupted.store(true, SeqCst),
            End::Cancelled => {
                self.interrupted.store(true, SeqCst);
                self.control.cancel();
            }
            End::PowerLost => {
                self.world.disk.crash_keeping(self.kept).unwrap();
                self.world.weather.lock().unwrap().off = true;
                resume_unwind(Box::new(self.end));
            }
            End::Killed => resume_unwind(Box::new(self.end)),
        }
    }
}

/// What the disk and the workers are in for.
struct Weather {
    rng: Rng,
    /// Share of the operations that fail.
    storm: f64,
    /// There is no power.
    off: bool,
    /// A sync has failed since the machine was started.
    unsynced: bool,
}

impl Weather {
    fn fault(&mut self, operation: Operation) -> Option<Fault> {
        if self.off {
            return Some(Fault::Broken);
        }
        if !self.rng.chance(self.storm) {
            return None;
        }
        self.unsynced |= operation == Operation::Sync;
        match (operation, self.rng.below(3)) {
            (Operation::Write, 0) => Some(Fault::Torn(self.rng.below(200))),
            (Operation::Write, 1) => Some(Fault::Full),
            _ => Some(Fault::Broken),
        }
    }
}

/// Seed and fidelity of an evaluation.
type Made = (u64, Fidelity);

fn made(record: &Record) -> impl Iterator<Item = Made> {
    let fidelity = record.subject.as_ref().expect("this program writes it").fidelity;
    record.evaluations.iter().map(move |evaluation| (evaluation.seed, fidelity))
}

/// What outlives every life of the process.
struct World {
    folder: TempDir,
    disk: FaultyDisk,
    weather: Arc<Mutex<Weather>>,
    /// Evaluations that the store acknowledged.
    safe: Mutex<HashSet<Made>>,
    /// Whether the store sometimes cannot be read: what it cannot tell is trained again.
    unreadable: bool,
    /// The handle that evaluations of this life are given.
    control: Mutex<Control>,
    /// Faults so far.
    met: Mutex<BTreeMap<String, u64>>,
}

impl World {
    fn new(rng: &mut Rng) -> Self {
        let weather = Weather {
            rng: Rng::named(rng.next_u64(), "weather", 0),
            storm: 0.0,
            off: false,
            unsynced: false,
        };
        let weather = Arc::new(Mutex::new(weather));
        let told = Arc::clone(&weather);
        Self {
            // In memory, where there is such a place: the index beside the journal would wait for the real disk.
            folder: tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap(),
            disk: FaultyDisk::new(move |operation, _| told.lock().unwrap().fault(operation)),
            weather,
            safe: Mutex::default(),
            control: Mutex::default(),
            unreadable: rng.chance(0.2),
            met: Mutex::default(),
        }
    }

    /// Starts a process, on a machine that was started anew if a sync had failed: what an earlier process could not sync
    /// may be readable and not on the disk, and no journal can know.
    fn begin(&self, storm: f64) {
        let unsynced = std::mem::take(&mut self.weather.lock().unwrap().unsynced);
        if unsynced {
            self.disk.crash().unwrap();
        }
        let weather = &mut *self.weather.lock().unwrap();
        (weather.storm, weather.off) = (storm, false);
        *self.control.lock().unwrap() = Control::new();
    }

    fn meet(&self, what: &str) {
        *self.met.lock().unwrap().entry(what.to_string()).or_default() += 1;
    }

    fn open(&self) -> Result<(Ledger, Vec<Trial<Cell>>, JournalStore), StoreError> {
        let disk: Arc<dyn Disk> = Arc::new(self.disk.clone());
        let (ledger, written) = Ledger::open(&self.folder.path().join("trials"), Arc::clone(&disk))?;
        assert_eq!(written.unread, None);
        let (store, _) = JournalStore::open(&self.folder.path().join("cache"), disk)?;
        Ok((ledger, written.trials, store))
    }
}

/// Workers whose evaluations take as long as they are told to.
struct Workers {
    clock: VirtualClock,
    fate: Arc<Fate>,
    rng: Rng,
    width: usize,
    waiting: VecDeque<Task>,
    /// By the time at which they end, and a number of their own. What they will have found is known when they begin.
    running: BTreeMap<(Duration, u64), Finished>,
    started: u64,
}

impl Workers {
    fn new(clock: &VirtualClock, fate: &Arc<Fate>, rng: &mut Rng) -> Self {
        Self {
            clock: clock.clone(),
            fate: Arc::clone(fate),
            rng: Rng::named(rng.next_u64(), "workers", 0),
            width: 1 + rng.below(8),
            waiting: VecDeque::new(),
            running: BTreeMap::new(),
            started: 0,
        }
    }

    fn start(&mut self) {
        while self.running.len() < self.width
            && let Some(task) = self.waiting.pop_front()
        {
            let finished = task();
            let straggles = if self.rng.chance(0.05) { 50.0 } else { 1.0 };
            let takes = match &finished.found {
                Ok(evaluation) if evaluation.provenance != RULED_OUT => {
                    self.rng.between(0.0, 10.0) * straggles
                }
                // Cancelled before it began, or ruled out.
                _ => 0.0,
            };
            self.started += 1;
            let ends = self.clock.now() + Duration::from_secs_f64(takes);
            self.running.insert((ends, self.started), finished);
        }
    }

    /// Evaluations look every second whether they are cancelled.
    fn look(&mut self) {
        let control = self.fate.world.control.lock().unwrap().clone();
        if !control.cancelled() {
            return;
        }
        for ((ends, number), mut finished) in std::mem::take(&mut self.running) {
            let notices = self.clock.now() + Duration::from_millis(self.rng.below(1000) as u64);
            if notices < ends {
                finished.found = Err(EvalError::Cancelled);
            }
            self.running.insert((notices.min(ends), number), finished);
        }
    }
}

impl Executor for Workers {
    fn submit(&mut self, task: Task) {
        self.fate.pass();
        self.waiting.push_back(task);
        self.start();
    }

    fn next(&mut self, within: Option<Duration>) -> Option<Finished> {
        self.fate.pass();
        self.look();
        let until = within.map_or(Duration::MAX, |within| self.clock.now() + within);
        let first = self.running.first_key_value().map(|(end, _)| *end).filter(|(ends, _)| *ends <= until);
        let Some(first) = first else {
            assert_ne!(until, Duration::MAX, "the study waits for ever: nothing is under way");
            self.clock.advance_to(until, self.running.len());
            return None;
        };
        self.clock.advance_to(first.0, self.running.len());
        let finished = self.running.remove(&first).expect("looked at just now");
        self.start();
        Some(finished)
    }

    fn width(&self) -> usize {
        self.width
    }
}

/// What the store acknowledges, it keeps; moments pass before and after.
struct Watched<S> {
    inner: S,
    fate: Arc<Fate>,
}

impl<S> Watched<S> {
    fn acknowledge<'a>(&self, records: impl Iterator<Item = &'a Record>) {
        let mut safe = self.fate.world.safe.lock().unwrap();
        safe.extend(records.flat_map(made));
        drop(safe);
        self.fate.pass();
    }
}

impl<S: Store> Store for Watched<S> {
    fn get(&self, key: &Key) -> Result<Option<Record>, StoreError> {
        self.fate.pass();
        self.inner.get(key)
    }

    fn put(&self, key: &Key, record: &Record) -> Result<(), StoreError> {
        self.fate.pass();
        self.inner.put(key, record)?;
        self.acknowledge([record].into_iter());
        Ok(())
    }

    fn put_all(&self, entries: &[(Key, Record)]) -> Result<(), StoreError> {
        self.fate.pass();
        self.inner.put_all(entries)?;
        self.fate.world.meet("batch");
        self.acknowledge(entries.iter().map(|(_, record)| record));
        Ok(())
    }

    fn len(&self) -> usize {
        self.inner.len()
    }
}

struct Moments(Arc<Fate>);

impl Observer<Cell> for Moments {
    fn settled(&mut self, _: &Trial<Cell>) {
        self.0.pass();
    }

    fn noticed(&mut self, _: &str) {
        self.0.world.meet("notice");
        self.0.pass();
    }
}

/// A score with noise that depends on the seed; some seeds diverge, and some kill every worker.
#[derive(Clone, Default)]
struct Mortal {
    /// The world in which workers die of accidents, too.
    world: Option<Arc<World>>,
}

impl Evaluator<Cell> for Mortal {
    fn context(&self) -> Context {
        Context::new().with("evaluator", "mortal v1")
    }

    fn evaluate(&self, cell: &Cell, job: &Job) -> Result<Outcome, EvalError> {
        let mut rng = Rng::named(job.seed, "mortal", 0);
        let died = || EvalError::Died { cause: "signal 9".into(), stderr: String::new() };
        if let Some(world) = &self.world {
            *world.control.lock().unwrap() = job.control.clone();
            let again = world.safe.lock().unwrap().contains(&(job.seed, job.fidelity)) && !world.unreadable;
            assert!(!again, "what the store acknowledged is trained again");
            let weather = &mut *world.weather.lock().unwrap();
            if !job.control.is_second_try() && weather.rng.chance(weather.storm) {
                world.meet("accident");
                return Err(died());
            }
        }
        let verdict = match rng.below(25) {
            0 => return Err(died()),
            1 => Verdict::Invalid(Reason::NotFinite { step: 3 }),
            _ => {
                let noise = rng.normal() / job.fidelity.0 as f64;
                Verdict::Scored(Scores([("score".to_string(), score(cell) + noise)].into()))
            }
        };
        Ok(Outcome { verdict, steps: rng.below(90) as u64, seconds: None, provenance: String::new() })
    }
}

/// What a study is to do, and at which fidelities, if there are several.
#[derive(Clone)]
struct Order {
    plan: Plan<Cell>,
    fidelities: Vec<Fidelity>,
}

fn random_order(rng: &mut Rng, unreadable: bool) -> Order {
    let fidelities = if rng.chance(0.5) { [1, 3, 9].map(Fidelity).to_vec() } else { Vec::new() };
    Order { plan: random_plan(rng, unreadable), fidelities }
}

fn random_plan(rng: &mut Rng, unreadable: bool) -> Plan<Cell> {
    let pick = |rng: &mut Rng, from: &[f64]| from[rng.below(from.len())];
    let most = 10 + rng.below(50) as u64;
    let (trials, trainings) = if rng.chance(0.5) { (Some(most), None) } else { (Some(100), Some(most / 2)) };
    Plan {
        study: "mine".into(),
        seed: rng.next_u64(),
        window: [1, 2, 8, 32][rng.below(4)],
        evaluations_per_key: 1 + rng.below(2) as u64,
        forget: pick(rng, &[0.0, 0.3]),
        audit: if unreadable { 0.0 } else { pick(rng, &[0.0, 0.3]) },
        trials,
        trainings,
        ..Plan::default()
    }
}

fn study_of(evaluator: Mortal, Order { plan, fidelities }: Order) -> Study<CellSpace> {
    let study = Study::new(CellSpace::default(), Retried(evaluator), evolution(), plan);
    if fidelities.is_empty() {
        return study;
    }
    study.with_halving(Halving::new(Objective::new("score", true), &fidelities).unwrap())
}

/// One life of the process: opens what is on disk, and goes on as long as it may. `None` if it did not end by itself.
fn live(world: &Arc<World>, order: &Order, rng: &mut Rng, last: bool) -> Option<(Stop, Vec<Trial<Cell>>)> {
    let clock = VirtualClock::default();
    let fate = Arc::new(Fate::new(world, rng, last));
    let budget =
        |rng: &mut Rng| (!last && rng.chance(0.3)).then(|| Duration::from_secs_f64(rng.between(0.0, 60.0)));
    let (time, processor_time) = (budget(rng), budget(rng));
    let (ledger, trials, store) = settled(world, world.open(), last)?;
    let interrupted = Arc::clone(&fate.interrupted);
    let plan = Plan { time, processor_time, interrupted, ..order.plan.clone() };
    let workers = Workers::new(&clock, &fate, rng);
    let jobs = workers.width as u32;
    let mut study = study_of(Mortal { world: Some(Arc::clone(world)) }, Order { plan, ..order.clone() })
        .with_clock(clock.clone())
        .with_control(fate.control.clone())
        .with_store(stored(store, &fate, rng))
        .with_observer(Moments(Arc::clone(&fate)))
        .with_ledger(ledger)
        .with_executor(workers);
    study.resume(trials);
    let stop = settled(world, study.run(), last)?;
    assert_budget_of_time(world, stop, &clock, jobs);
    Some((stop, study.trials().to_vec()))
}

/// Evaluations notice within a second that they are cancelled; processor time is looked at within another.
fn assert_budget_of_time(world: &World, stop: Stop, clock: &VirtualClock, jobs: u32) {
    let second = Duration::from_secs(1);
    let (what, budget, used, overrun) = match stop {
        Stop::Time(time) => ("time", time, clock.now(), second),
        Stop::ProcessorTime(time) => ("processor time", time, clock.processor_time(), 2 * second * jobs),
        _ => return,
    };
    world.meet(what);
    assert!(used <= budget + overrun, "overrun: {used:?} of {budget:?} with {jobs} jobs");
}

/// A failure ends a life, and must not end the last one.
fn settled<T, E: std::error::Error>(world: &World, result: Result<T, E>, last: bool) -> Option<T> {
    if let Err(error) = &result {
        assert!(!last, "nothing disturbs the last life: {error}");
        world.meet("failure");
    }
    result.ok()
}

/// A real store on the faulty disk, which may fail by itself as well.
fn stored(store: JournalStore, fate: &Arc<Fate>, rng: &mut Rng) -> Arc<dyn Store> {
    let (world, inner) = (Arc::clone(&fate.world), Tiered::new(store));
    let fate = Arc::clone(fate);
    if !world.unreadable && rng.chance(0.5) {
        return Arc::new(Watched { inner, fate });
    }
    let refuses = move |access, _| {
        let weather = &mut *world.weather.lock().unwrap();
        let fails = weather.rng.chance(weather.storm) && (access == Access::Put || world.unreadable);
        let faults = [StoreFault::Refused, StoreFault::Unanswered];
        fails.then(|| faults[weather.rng.below(2)])
    };
    Arc::new(Watched { inner: Faulty::new(inner, refuses), fate })
}

/// One study through lives that end anyhow, and a last one that is left in peace.
///
/// Returns how often it met what.
fn survives(seed: u64) -> BTreeMap<String, u64> {
    let mut rng = Rng::named(seed, "simulation", 0);
    let world = Arc::new(World::new(&mut rng));
    let order = random_order(&mut rng, world.unreadable);
    let plan = Plan { audit: 0.0, ..order.plan.clone() };
    let mut undisturbed = study_of(Mortal::default(), Order { plan, ..order.clone() })
        .with_executor(AtOnce::new(|task| vec![task()]));
    let stop = undisturbed.run().unwrap();
    for _ in 0..1 + rng.below(4) {
        world.begin(0.01);
        disturbed(|| drop(live(&world, &order, &mut rng, false)));
    }
    world.begin(0.0);
    let (last_stop, trials) = live(&world, &order, &mut rng, true).expect("the last life has no end");
    assert_eq!(last_stop, stop);
    if world.unreadable {
        let told =
            |trials: &[Trial<Cell>]| trials.iter().map(|t| (t.key, t.verdict.clone())).collect::<Vec<_>>();
        assert_eq!(told(&trials), told(undisturbed.trials()));
    } else {
        assert_same(&trials, undisturbed.trials());
    }
    assert_budget(&order.plan, &trials);
    assert_kept(&world, &trials);
    if trials.iter().any(|trial| trial.operator == "promote") {
        world.meet("promotion");
    }
    world.met.lock().unwrap().clone()
}

/// A process that is killed or loses its power unwinds; whatever else does is a failure.
fn disturbed(life: impl FnOnce()) {
    if let Err(end) = catch_unwind(AssertUnwindSafe(life))
        && !end.is::<End>()
    {
        resume_unwind(end);
    }
}

fn assert_budget(plan: &Plan<Cell>, trials: &[Trial<Cell>]) {
    assert!(plan.trials.is_none_or(|most| trials.len() as u64 <= most));
    let trained = Statistics::of(trials).trained;
    assert!(plan.trainings.is_none_or(|most| trained <= most), "{trained} of {:?}", plan.trainings);
}

/// What was acknowledged is there, nobody paid twice for the same, and unless the study has said otherwise every
/// evaluation has its record.
fn assert_kept(world: &World, trials: &[Trial<Cell>]) {
    let (store, recovery) = JournalStore::read(&world.folder.path().join("cache")).unwrap();
    assert!(recovery.damages.is_empty(), "{recovery}");
    let (mut kept, mut paid) = (HashSet::new(), BTreeSet::new());
    let records = || store.0.entries().into_iter().map(|(_, record)| record);
    kept.extend(records().flat_map(|record| made(&record).collect::<Vec<_>>()));
    for evaluation in records().flat_map(|record| record.evaluations) {
        let is_new = paid.insert((evaluation.trial, format!("{:?}", evaluation.purpose)));
        assert!(is_new || world.unreadable, "trial {} paid twice", evaluation.trial);
    }
    let safe = world.safe.lock().unwrap();
    assert!(safe.is_subset(&kept), "{} acknowledged and lost", safe.difference(&kept).count());
    if !world.met.lock().unwrap().contains_key("notice") {
        let payers = trials.iter().filter(|trial| trial.origin.is_evaluated()).map(|trial| trial.number);
        let lost: Vec<_> = payers.filter(|number| !paid.contains(&(*number, "Search".to_string()))).collect();
        assert!(lost.is_empty(), "no record of what trials {lost:?} found");
    }
}

#[test]
fn whatever_happens_the_trials_are_those_of_an_undisturbed_run_and_nothing_is_lost_or_paid_twice() {
    let (mut failed, mut met) = (Vec::new(), BTreeMap::<String, u64>::new());
    for seed in 0..SEEDS {
        match catch_unwind(AssertUnwindSafe(|| survives(seed))) {
            Ok(faults) => faults.into_iter().for_each(|(what, n)| *met.entry(what).or_default() += n),
            Err(_) => failed.push(seed),
        }
    }
    assert!(failed.is_empty(), "seeds {failed:?}");
    let ends = ENDS.map(|end| format!("{end:?}"));
    let others = ["time", "processor time", "accident", "notice", "batch", "failure", "promotion"];
    let faults = [&ends[..], &others.map(String::from)].concat();
    let rare: Vec<_> =
        faults.iter().filter(|fault| met.get(*fault).copied().unwrap_or(0) < SEEDS / 20).collect();
    assert!(rare.is_empty(), "the simulation meets too little of {rare:?}: {met:?}");
}
