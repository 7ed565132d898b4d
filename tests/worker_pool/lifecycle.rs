//! How workers begin, are used again, and end; and that none outlives its parent.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use evaluator::{Control, EvalError, Limits, WorkerCommand, WorkerPool};
use serde_json::{Value, json};

use crate::pools::{LENIENT, ask, command, exists, pid, pool, runs, soon};
use crate::worker::ROLE;

pub const TESTS: &[(&str, fn())] = &[
    ("warm_workers_are_used_again", warm_workers_are_used_again),
    ("workers_work_at_the_same_time", workers_work_at_the_same_time),
    ("a_worker_that_died_while_idle_is_replaced_without_error", a_worker_that_died_while_idle_is_replaced),
    ("what_cannot_start_says_why_and_is_not_tried_for_ever", what_cannot_start_says_why),
    ("workers_outlive_the_thread_that_first_called_them", workers_outlive_the_thread_that_first_called_them),
    ("progress_arrives", progress_arrives),
    ("dropping_the_pool_leaves_no_process", dropping_the_pool_leaves_no_process),
    ("a_killed_parent_leaves_no_worker", a_killed_parent_leaves_no_worker),
    ("isolation_costs_little", isolation_costs_little),
];

fn warm_workers_are_used_again() {
    let pool = pool(3, LENIENT);
    let first = pid(&pool);
    assert_eq!(pool.setup_reply(), &json!(first));
    assert!((0..20).all(|_| pid(&pool) == first));
    assert_eq!(ask(&pool, json!("environment")), Ok(json!("1")));
    assert_eq!(ask(&pool, json!("oom score")), Ok(json!("800")));
}

fn workers_work_at_the_same_time() {
    let pool = pool(4, LENIENT);
    let start = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| assert_eq!(ask(&pool, json!(["sleep", 0.75])), Ok(json!("slept"))));
        }
    });
    let taken = start.elapsed();
    // One after the other would take six seconds.
    assert!(taken >= Duration::from_millis(1500) && taken < Duration::from_millis(5500), "{taken:?}");
}

fn a_worker_that_died_while_idle_is_replaced() {
    let pool = pool(1, LENIENT);
    let before = pid(&pool);
    kill(before);
    assert!(soon(|| !runs(before)));
    assert_ne!(pid(&pool), before);
    assert!(!exists(before));
}

fn what_cannot_start_says_why() {
    let start = |command: WorkerCommand| match WorkerPool::start(command, 1, LENIENT) {
        Err(error @ EvalError::Start { .. }) => error.to_string(),
        other => panic!("{other:?}"),
    };
    let missing = start(WorkerCommand::new("/nowhere/fecund-worker", Value::Null));
    assert!(missing.contains("/nowhere/fecund-worker") && missing.contains("check that"), "{missing}");
    assert!(start(command("worker", json!("refuse"))).contains("data file `a.csv` unreadable"));
    assert!(
        start(command("worker", json!(["die", "exit"]))).contains("exit code 3; it last said: last words")
    );
    assert!(start(command("stranger", json!(null))).contains("no greeting but `running "));
    assert!(start(command("other version", json!(null))).contains("protocol version 9, not 1"));
    let mut slow = command("worker", json!("sleep"));
    slow.setup_limit = Duration::from_millis(100);
    assert!(start(slow).contains("time limit of 0.1 s"));
    assert!(WorkerPool::start(command("worker", json!("pid")), 0, LENIENT).is_err());
}

fn workers_outlive_the_thread_that_first_called_them() {
    let pool = pool(2, LENIENT);
    let pids = std::thread::scope(|scope| {
        let calls = [(); 2].map(|()| {
            scope.spawn(|| {
                let pid = pid(&pool);
                ask(&pool, json!(["sleep", 0.2])).unwrap();
                pid
            })
        });
        calls.map(|call| call.join().unwrap())
    });
    std::thread::sleep(Duration::from_millis(100));
    assert!(pids.into_iter().all(runs));
}

fn progress_arrives() {
    let pool = pool(1, LENIENT);
    let control = Control::new();
    assert_eq!(pool.call(&json!("progress"), &control), Ok(json!("slept")));
    assert_eq!(control.progress(), 0.25);
}

fn dropping_the_pool_leaves_no_process() {
    let pool = pool(4, LENIENT);
    let pids = start_all(&pool, 4);
    assert!(pids.iter().copied().all(runs));
    drop(pool);
    assert!(!pids.into_iter().any(exists));
}

/// The process ids of all workers, each started because the others are busy.
fn start_all(pool: &WorkerPool, workers: usize) -> Vec<u64> {
    let mut pids: Vec<u64> = Vec::new();
    while pids.len() < workers {
        pids = std::thread::scope(|scope| {
            let calls: Vec<_> = (0..workers).map(|_| scope.spawn(|| busy_pid(pool))).collect();
            calls.into_iter().map(|call| call.join().unwrap()).collect()
        });
        pids.sort_unstable();
        pids.dedup();
    }
    pids
}

fn busy_pid(pool: &WorkerPool) -> u64 {
    ask(pool, json!("busy pid")).unwrap().as_u64().unwrap()
}

/// The other role of this program: has workers of two kinds at work and waits to be killed.
pub fn be_a_parent() {
    let talking = pool(2, LENIENT);
    let mute = WorkerPool::start(command("mute", json!(null)), 1, LENIENT).unwrap();
    for pid in start_all(&talking, 2) {
        println!("{pid}");
    }
    println!("ready");
    std::thread::scope(|scope| {
        for request in ["spin", "ignore signals"] {
            let talking = &talking;
            scope.spawn(move || ask(talking, json!(request)));
        }
        scope.spawn(|| ask(&mute, json!("wait")));
    });
}

fn a_killed_parent_leaves_no_worker() {
    let program = std::env::current_exe().unwrap();
    let mut parent = Command::new(program).env(ROLE, "parent").stdout(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(parent.stdout.take().unwrap()).lines().map(Result::unwrap);
    let told = lines.take_while(|line| line != "ready").count();
    assert_eq!(told, 2);
    let workers = children(u64::from(parent.id()));
    assert!(workers.len() == 3 && workers.iter().copied().all(runs), "{workers:?}");
    // Let the requests reach the workers.
    std::thread::sleep(Duration::from_millis(200));
    parent.kill().unwrap();
    parent.wait().unwrap();
    assert!(soon(|| !workers.iter().copied().any(runs)));
}

/// The processes whose parent is `parent`.
fn children(parent: u64) -> Vec<u64> {
    let tasks = std::fs::read_dir(format!("/proc/{parent}/task")).unwrap();
    let lists = tasks.filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("children")).ok());
    lists
        .flat_map(|list| list.split_whitespace().map(|pid| pid.parse().unwrap()).collect::<Vec<_>>())
        .collect()
}

fn kill(pid: u64) {
    let pid = i32::try_from(pid).unwrap();
    // SAFETY: a signal to a worker of ours.
    assert_eq!(unsafe { libc::kill(pid, libc::SIGKILL) }, 0);
}

fn isolation_costs_little() {
    let pool = pool(1, Limits { seconds: Some(60.0), memory: Some(1 << 30) });
    let request = json!(["echo", "x".repeat(1000)]);
    let calls = 500;
    let start = Instant::now();
    assert!((0..calls).all(|_| ask(&pool, request.clone()).is_ok()));
    let warm = start.elapsed().as_secs_f64() * 1e3 / f64::from(calls);
    let start = Instant::now();
    let error = ask(&pool, json!(["die", "exit"]));
    ask(&pool, request).unwrap();
    assert!(error.is_err());
    println!(
        "     isolation: {warm:.3} ms per call to a warm worker, {:.1?} for a crash and a new one",
        start.elapsed()
    );
}
