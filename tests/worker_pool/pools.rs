//! Pools of this very program.

#![allow(dead_code, reason = "each test target uses its own part")]

use std::time::{Duration, Instant};

use evaluator::{Control, EvalError, Limits, WorkerCommand, WorkerPool};
use serde_json::{Value, json};

use crate::worker::ROLE;

/// So that a test fails rather than hangs.
pub const LENIENT: Limits = Limits { seconds: Some(10.0), memory: None };

pub fn command(role: &str, setup: Value) -> WorkerCommand {
    let program = std::env::current_exe().expect("this program has a path");
    // To resolve the symbols of a backtrace takes longer than some of the limits here.
    let env = [(ROLE, role), ("OMP_NUM_THREADS", "1"), ("RUST_BACKTRACE", "0")];
    let env = env.map(|(name, value)| (name.into(), value.into()));
    let mut command = WorkerCommand::new(program, setup);
    command.env = env.to_vec();
    command.lease = Duration::from_secs(2);
    command
}

pub fn pool(workers: usize, limits: Limits) -> WorkerPool {
    WorkerPool::start(command("worker", json!("pid")), workers, limits).unwrap()
}

pub fn ask(pool: &WorkerPool, request: Value) -> Result<Value, EvalError> {
    pool.call(&request, &Control::new())
}

pub fn pid(pool: &WorkerPool) -> u64 {
    ask(pool, json!("pid")).unwrap().as_u64().unwrap()
}

/// The process ids of all workers, each started because the others are busy.
pub fn start_all(pool: &WorkerPool, workers: usize) -> Vec<u64> {
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

/// The processes whose parent is `parent`.
pub fn children(parent: u64) -> Vec<u64> {
    let tasks = std::fs::read_dir(format!("/proc/{parent}/task")).unwrap();
    let lists = tasks.filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("children")).ok());
    lists
        .flat_map(|list| list.split_whitespace().map(|pid| pid.parse().unwrap()).collect::<Vec<_>>())
        .collect()
}

/// Whether there is such a process, zombies included.
pub fn exists(pid: u64) -> bool {
    std::path::Path::new(&format!("/proc/{pid}")).exists()
}

/// Whether it runs: an orphan's zombie is for the container's first process to reap.
pub fn runs(pid: u64) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(") ").next().is_some_and(|rest| !rest.is_empty() && !rest.starts_with(['Z', 'X']))
}

/// Whether `condition` comes true in time.
pub fn soon(condition: impl Fn() -> bool) -> bool {
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(5) {
        if condition() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    false
}
