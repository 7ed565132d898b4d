//! What durable records cost: `cargo run --release -p fecund-storage --example throughput [DIR]`.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use hashing::{Fidelity, Key};
use storage::conformance::sample_key;
use storage::{Evaluation, JournalStore, Purpose, RealDisk, Record, Store, StoreError, Subject, Tiered};
use tasks::{Scores, Verdict};

const RECORDS: u64 = 20_000;
/// How long a group is gathered before it is put.
const WINDOW: Duration = Duration::from_millis(10);
const SECONDS: Duration = Duration::from_secs(5);

fn main() -> Result<(), StoreError> {
    let dir = std::env::args().nth(1).unwrap_or_else(|| "target/throughput".to_string());
    let dir = Path::new(&dir).join(std::process::id().to_string());
    println!("a record has {} bytes in the journal", bytes_of_a_record(&dir.join("one"))?);
    for _ in 0..3 {
        println!("fdatasync of 4 KiB appended, median of 200: {:.2} ms", bare_sync(&dir).as_secs_f64() * 1e3);
        groups(&dir.join("groups"))?;
        paced(5_000, &dir.join("slowly"))?;
        paced(50_000, &dir.join("quickly"))?;
        std::fs::remove_dir_all(&dir).expect("made just now");
    }
    for threads in [1, 4, 16, 64] {
        one_by_one(threads, &dir.join(threads.to_string()))?;
    }
    std::fs::remove_dir_all(&dir).expect("made just now");
    Ok(())
}

/// About 200 bytes, as a replay of a table makes them.
fn record(number: u64) -> Record {
    let scores = [("accuracy".to_string(), number as f64 / 7.0), ("log_loss".to_string(), 0.25)];
    let subject = Subject { space: "nb-macro".into(), scheme: "functional-v2".into(), fidelity: Fidelity(1) };
    let evaluation = Evaluation {
        verdict: Verdict::Scored(Scores(scores.into())),
        purpose: Purpose::Search,
        form: None,
        seed: number << 40,
        seconds: 1.5,
        steps: 1,
        study: "run-18eaf77720992675-37bb".into(),
        trial: number,
        provenance: "line 3836 of the table".into(),
    };
    Record { evaluations: vec![evaluation], ..Record::new(subject, "{\"arch\":\"12021000\"}".into()) }
}

fn open(dir: &Path) -> Result<JournalStore, StoreError> {
    Ok(JournalStore::open(dir, Arc::new(RealDisk))?.0)
}

fn bytes_of_a_record(dir: &Path) -> Result<u64, StoreError> {
    let journal: PathBuf = dir.join("journal/000001.seg");
    let length = |path: &Path| std::fs::metadata(path).map_or(0, |file| file.len());
    let store = open(dir)?;
    let before = length(&journal);
    store.put(&sample_key(1), &record(1))?;
    Ok(length(&journal) - before)
}

/// What this disk takes for the least that a durable write can do.
fn bare_sync(dir: &Path) -> Duration {
    std::fs::create_dir_all(dir).expect("a folder that can be written");
    let mut file = File::create(dir.join("bare")).expect("a folder that can be written");
    let mut times: Vec<_> = (0..200)
        .map(|_| {
            file.write_all(&[7; 4096]).expect("room on the disk");
            let begin = Instant::now();
            file.sync_data().expect("a sound disk");
            begin.elapsed()
        })
        .collect();
    times.sort();
    times[times.len() / 2]
}

/// Puts groups as large as would gather in a window at the rate that is reached: the most that one caller can do.
fn groups(dir: &Path) -> Result<(), StoreError> {
    let (store, mut group, mut number) = (open(dir)?, 100, 0);
    let begin = Instant::now();
    while begin.elapsed() < SECONDS {
        let entries = entries(&mut number, group);
        let start = Instant::now();
        store.put_all(&entries)?;
        let rate = group as f64 / start.elapsed().as_secs_f64();
        group = ((rate * WINDOW.as_secs_f64()) as u64).clamp(10, 5_000);
    }
    let rate = number as f64 / begin.elapsed().as_secs_f64();
    println!("as fast as it goes, groups of what 10 ms take (the last: {group}): {rate:.0} records a second");
    Ok(())
}

/// Puts each window what has arrived by then, and measures how far that lags behind and what of a core it takes.
fn paced(rate: u64, dir: &Path) -> Result<(), StoreError> {
    let (store, mut number, mut longest) = (open(dir)?, 0, Duration::ZERO);
    let (begin, processor) = (Instant::now(), processor_seconds());
    while begin.elapsed() < SECONDS {
        let window = Instant::now();
        let arrived = (begin.elapsed().as_secs_f64() * rate as f64) as u64;
        let group = arrived - number;
        store.put_all(&entries(&mut number, group))?;
        longest = longest.max(window.elapsed());
        std::thread::sleep(WINDOW.saturating_sub(window.elapsed()));
    }
    let (used, wall) = (processor_seconds() - processor, begin.elapsed().as_secs_f64());
    let (reached, share, longest) = (number as f64 / wall, 100.0 * used / wall, longest.as_secs_f64() * 1e3);
    println!(
        "{rate} a second arriving: {reached:.0} made durable, {share:.1} % of a core, {longest:.0} ms at most"
    );
    Ok(())
}

fn entries(number: &mut u64, count: u64) -> Vec<(Key, Record)> {
    let first = *number;
    *number += count;
    (first..*number).map(|n| (sample_key(n), record(n))).collect()
}

/// User and system time of all threads of this process so far.
fn processor_seconds() -> f64 {
    // SAFETY: getrusage fills the struct that it is given; all zeros is a valid one.
    let usage = unsafe {
        let mut usage = std::mem::zeroed::<libc::rusage>();
        libc::getrusage(libc::RUSAGE_SELF, &mut usage);
        usage
    };
    let seconds = |time: libc::timeval| time.tv_sec as f64 + time.tv_usec as f64 * 1e-6;
    seconds(usage.ru_utime) + seconds(usage.ru_stime)
}

fn one_by_one(threads: u64, dir: &Path) -> Result<(), StoreError> {
    let store = open(dir)?;
    each(threads, "put durably, one by one", |n| store.put(&sample_key(n), &record(n)));
    each(threads, "get from the journal", |n| store.get(&sample_key(n)).map(|_| ()));
    drop(store);
    let begin = Instant::now();
    let (store, recovery) = JournalStore::open(dir, Arc::new(RealDisk))?;
    println!("{threads:3} threads: reopened in {:.3} s {recovery}", begin.elapsed().as_secs_f64());
    let store = Tiered::new(store);
    (0..RECORDS).try_for_each(|n| store.get(&sample_key(n)).map(|_| ()))?;
    each(threads, "get from the hot tier", |n| store.get(&sample_key(n)).map(|_| ()));
    Ok(())
}

fn each(threads: u64, what: &str, work: impl Fn(u64) -> Result<(), StoreError> + Sync) {
    let begin = Instant::now();
    std::thread::scope(|scope| {
        for thread in 0..threads {
            let work = &work;
            scope.spawn(move || {
                (thread..RECORDS).step_by(threads as usize).for_each(|n| work(n).expect("a sound disk"));
            });
        }
    });
    println!("{threads:3} threads: {what}: {:.0} a second", RECORDS as f64 / begin.elapsed().as_secs_f64());
}
