//! What it costs to evaluate in another process: a call, a start, a crash; and how far a worker that allocates as fast
//! as it can gets beyond its limit.
//!
//! This program is also its own worker, chosen by an environment variable. Where `fecund-worker` is built too, its
//! start is measured as well.

use std::time::{Duration, Instant};

use evaluator::sequence::{SequenceEvaluator, SequenceTask};
use evaluator::{Control, EvalError, Limits, WorkerCommand, WorkerPool, serve};
use serde_json::{Value, json};

const ROLE: &str = "FECUND_BENCH_ROLE";
/// Each way.
const BYTES: usize = 1000;
const CALLS: usize = 20_000;
const STARTS: usize = 200;
const LIMIT: u64 = 256 << 20;

fn main() {
    if std::env::var_os(ROLE).is_some() {
        serve::serve(answer).expect("the parent speaks the protocol");
        return;
    }
    // A watch is kept, as in a search.
    let limits = Limits { seconds: Some(60.0), memory: Some(LIMIT) };
    let (pool, text) = (start(limits), json!("x".repeat(BYTES)));
    report("a call to a warm worker, 1 kB each way", times(CALLS, || drop(ask(&pool, &text).unwrap())));
    report("the start of a worker", times(STARTS, || drop(start(limits))));
    report(
        "a crash, and the next call on a new worker",
        times(STARTS, || {
            ask(&pool, &json!({"die": true})).unwrap_err();
            ask(&pool, &text).unwrap();
        }),
    );
    let mut excess: Vec<u64> = (0..20).map(|_| excess(&pool)).collect();
    excess.sort_unstable();
    println!(
        "allocating as fast as it can, limit {} MiB: {} MiB beyond it in the median, {} MiB at most",
        LIMIT >> 20,
        excess[excess.len() / 2] >> 20,
        excess[excess.len() - 1] >> 20
    );
    start_the_real_one();
}

fn answer(request: Value, _: &Control) -> Result<Value, String> {
    if request["die"] == true {
        std::process::exit(3);
    }
    if request["allocate"] == true {
        let mut hoard = Vec::new();
        loop {
            hoard.push(std::hint::black_box(vec![1u8; 4 << 20]));
        }
    }
    Ok(request)
}

fn start(limits: Limits) -> WorkerPool {
    let program = std::env::current_exe().expect("this program has a path");
    let mut command = WorkerCommand::new(program, Value::Null);
    command.env = vec![(ROLE.into(), "worker".into())];
    WorkerPool::start(command, 1, limits).expect("this program can be its own worker")
}

fn ask(pool: &WorkerPool, request: &Value) -> Result<Value, EvalError> {
    pool.call(request, &Control::new())
}

/// Bytes beyond the limit when it was noticed.
fn excess(pool: &WorkerPool) -> u64 {
    match ask(pool, &json!({"allocate": true})) {
        Err(EvalError::MemoryLimit { limit, resident }) => resident - limit,
        other => panic!("{other:?}"),
    }
}

fn start_the_real_one() {
    let start = || {
        let task = SequenceTask::for_prediction(1, vec!["class".to_string()]);
        SequenceEvaluator::start(task, 1, Limits::default())
    };
    match start() {
        Ok(_) => {
            report("the start of fecund-worker, libtorch included", times(20, || drop(start().unwrap())))
        }
        Err(error) => println!("the start of fecund-worker: skipped: {error}"),
    }
}

fn times(count: usize, mut work: impl FnMut()) -> Vec<Duration> {
    let time = |_| {
        let start = Instant::now();
        work();
        start.elapsed()
    };
    (0..count).map(time).collect()
}

fn report(what: &str, mut times: Vec<Duration>) {
    times.sort_unstable();
    let at = |share: f64| times[((times.len() - 1) as f64 * share).round() as usize].as_secs_f64() * 1e3;
    println!(
        "{what}: {:.3} ms in the median, {:.3} ms at the 99th percentile, of {}",
        at(0.5),
        at(0.99),
        times.len()
    );
}
