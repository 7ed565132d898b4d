//! What the engine costs beside evaluations: proposals a second with an evaluator that answers at once, how that grows
//! with the history, and what resume, leaderboard and statistics take.
//!
//! `taskset -c 0 cargo bench -p fecund --bench engine`

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use evaluator::{EvalError, Evaluator, Job, Outcome};
use hashing::{Context, Rng};
use search::{History, Ledger, Objective, Observer, Plan, RandomSearch, Statistics, Study, Tradeoff, Trial};
use spaces::cell101::{Cell, CellSpace};
use storage::{Disk, DiskFile, JournalStore, RealDisk, Tiered};
use tasks::{Scores, Verdict};

const HISTORY: [usize; 3] = [1_000, 10_000, 100_000];

/// Draws a score.
struct AtOnce;

impl Evaluator<Cell> for AtOnce {
    fn context(&self) -> Context {
        Context::new().with("evaluator", "at once v1")
    }

    fn evaluate(&self, _: &Cell, job: &Job) -> Result<Outcome, EvalError> {
        let score = Rng::named(job.seed, "score", 0).between(0.0, 1.0);
        let verdict = Verdict::Scored(Scores([("score".to_string(), score)].into()));
        Ok(Outcome { verdict, steps: 1, seconds: None, provenance: String::new() })
    }
}

fn objective() -> Objective {
    Objective::new("score", true)
}

fn study(trials: u64, window: u64) -> Study<CellSpace> {
    let plan = Plan { trials: Some(trials), window, ..Plan::default() };
    // Of all strategies the one that is answered least.
    Study::new(CellSpace::default(), AtOnce, RandomSearch, plan)
}

/// A disk that takes a millisecond longer to make anything durable.
struct SlowDisk;

struct SlowFile(Arc<dyn DiskFile>);

impl Disk for SlowDisk {
    fn create(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        Ok(Arc::new(SlowFile(RealDisk.create(path)?)))
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        Ok(Arc::new(SlowFile(RealDisk.open(path)?)))
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        RealDisk.sync_dir(dir)
    }
}

impl DiskFile for SlowFile {
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.0.write_at(bytes, offset)
    }

    fn sync(&self) -> io::Result<()> {
        std::thread::sleep(Duration::from_millis(1));
        self.0.sync()
    }

    fn truncate(&self, bytes: u64) -> io::Result<()> {
        self.0.truncate(bytes)
    }
}

/// The study of a folder, gone on with; and the time that opening it took.
fn on_disk(
    disk: impl Disk + 'static,
    folder: &Path,
    trials: u64,
    window: u64,
) -> (Study<CellSpace>, Duration) {
    let start = Instant::now();
    let disk = Arc::new(disk);
    let (ledger, written) = Ledger::open(&folder.join("trials"), disk.clone()).expect("the folder is ours");
    let (store, _) = JournalStore::open(&folder.join("cache"), disk).expect("the folder is ours");
    let mut study = study(trials, window).with_store(Arc::new(Tiered::new(store))).with_ledger(ledger);
    study.resume(written.trials);
    (study, start.elapsed())
}

/// When each trial was settled.
#[derive(Clone, Default)]
struct Marks(Arc<Mutex<Vec<Instant>>>);

impl Observer<Cell> for Marks {
    fn settled(&mut self, _: &Trial<Cell>) {
        self.0.lock().expect("one thread").push(Instant::now());
    }
}

/// Median seconds of a durable write of 4 KiB.
fn sync_seconds(folder: &Path) -> f64 {
    let mut file = File::create(folder.join("synced")).expect("the folder is ours");
    let mut sync = || {
        let start = Instant::now();
        file.write_all(&[7; 4096]).and_then(|()| file.sync_data()).expect("the disk works");
        start.elapsed().as_secs_f64()
    };
    let mut seconds: Vec<_> = (0..101).map(|_| sync()).collect();
    seconds.sort_by(f64::total_cmp);
    seconds[50]
}

fn milliseconds<T>(work: impl FnOnce() -> T) -> f64 {
    let start = Instant::now();
    std::hint::black_box(work());
    1e3 * start.elapsed().as_secs_f64()
}

/// Runs a study to its end; prints a row for the last 1,000 trials of each length of history.
fn report(name: &str, study: Study<CellSpace>) -> Vec<Trial<Cell>> {
    let marks = Marks::default();
    let (mut study, start) = (study.with_observer(marks.clone()), Instant::now());
    study.run().expect("neither evaluator nor disk fails");
    let whole = study.trials().len() as f64 / start.elapsed().as_secs_f64();
    let marks = marks.0.lock().expect("one thread");
    for length in HISTORY {
        let seconds = (marks[length - 1] - marks[length - 1000]).as_secs_f64();
        println!("| {name} | {length} | {:.0} |", 999.0 / seconds);
    }
    println!("| {name} | all of them | {whole:.0} |");
    study.trials().to_vec()
}

/// Of the score and so many costs, all of which are drawn: no front is wider. How many are on the last one, and seconds.
fn history(trials: &[Trial<Cell>], costs: u64) -> (usize, f64) {
    let mut trials = trials.to_vec();
    for trial in &mut trials {
        let cost = |n: u64| Rng::named(n, "cost", trial.number).between(0.0, 1.0);
        trial.costs = (0..costs).map(|n| (n.to_string(), cost(n))).collect();
    }
    let against: Vec<String> = (0..costs).map(|n| n.to_string()).collect();
    let (objective, tradeoff) = (objective(), Tradeoff::of(&objective(), &against));
    let reference = [0.0].into_iter().chain((0..costs).map(|_| -1.0)).collect();
    let mut history = History::new(&objective, &tradeoff, reference);
    let milliseconds = milliseconds(|| trials.iter().filter(|trial| history.observe(trial)).count());
    (history.moment().front, milliseconds / 1e3)
}

fn main() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    println!("durable write of 4 KiB: {:.3} ms (median of 101)\n", 1e3 * sync_seconds(folder.path()));
    println!("| store | after trials | proposals a second |\n|---|---|---|");
    let most = HISTORY[2] as u64;
    report("memory, window 8", study(most, 8));
    let narrow = tempfile::tempdir().expect("a temporary folder can be made");
    report("journals, window 8", on_disk(RealDisk, narrow.path(), most, 8).0);
    let slow = tempfile::tempdir().expect("a temporary folder can be made");
    report("journals, a disk 1 ms slower, window 8", on_disk(SlowDisk, slow.path(), most, 8).0);
    let trials = report("journals, window 32", on_disk(RealDisk, folder.path(), most, 32).0);
    let (mut study, opened) = on_disk(RealDisk, folder.path(), most + 1, 32);
    let proposed = milliseconds(|| study.run().expect("neither evaluator nor disk fails"));
    let answered = Statistics::of(&trials).hit_rate();
    println!(
        "\nresume after {most} trials ({:.1} % answered): {:.2} s",
        100.0 * answered,
        opened.as_secs_f64()
    );
    println!("the first proposal after it: {proposed:.0} ms");
    println!("the ten best: {:.1} ms", milliseconds(|| objective().best(&trials, 10).len()));
    println!("statistics: {:.1} ms", milliseconds(|| Statistics::of(&trials)));
    for costs in 1..=4 {
        let (front, seconds) = history(&trials, costs);
        println!("history of {} goals: {seconds:.2} s; {front} on the last front", costs + 1);
    }
}
