//! How many records a second the store takes and gives: `cargo run --release -p fecund-storage --example throughput`.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use storage::conformance::{sample_key, sample_record};
use storage::{JournalStore, RealDisk, Store, StoreError, Tiered};

const RECORDS: u64 = 20_000;

fn main() -> Result<(), StoreError> {
    let dir = std::env::args().nth(1).unwrap_or_else(|| "target/throughput".to_string());
    for threads in [1, 4, 16, 64] {
        let dir = Path::new(&dir).join(format!("{}-{threads}", std::process::id()));
        let (store, _) = JournalStore::open(&dir, Arc::new(RealDisk))?;
        each(threads, "put durably", |n| store.put(&sample_key(n), &sample_record(n)));
        each(threads, "get from the journal", |n| store.get(&sample_key(n)).map(|_| ()));
        drop(store);
        let begin = Instant::now();
        let (store, recovery) = JournalStore::open(&dir, Arc::new(RealDisk))?;
        println!("{threads:3} threads: reopened in {:.3} s {recovery}", begin.elapsed().as_secs_f64());
        let store = Tiered::new(store);
        for n in 0..RECORDS {
            store.get(&sample_key(n))?;
        }
        each(threads, "get from the hot tier", |n| store.get(&sample_key(n)).map(|_| ()));
    }
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
