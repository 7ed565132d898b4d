//! How workers begin, are used again, and end; and that none outlives its parent.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use evaluator::{Control, EvalError, Limits, WorkerCommand, WorkerPool};
use serde_json::{Value, json};

use crate::pools::{LENIENT, ask, children, command, exists, pid, pool, runs, soon, start_all};
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
    ("restarts_leave_no_process_thread_or_descriptor", restarts_leave_nothing_behind),
    ("a_worker_that_dies_at_every_start_is_given_up", a_worker_that_dies_at_every_start_is_given_up),
    ("starts_that_fail_now_and_then_cost_nothing", starts_that_fail_now_and_then_cost_nothing),
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

/// The other role of this program: has workers at work that ignore it, one of them in its setup, and waits to be
/// killed.
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
        scope.spawn(|| WorkerPool::start(command("worker", json!("ignore signals")), 1, Limits::default()));
    });
}

fn a_killed_parent_leaves_no_worker() {
    let program = std::env::current_exe().unwrap();
    let mut parent = Command::new(program).env(ROLE, "parent").stdout(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(parent.stdout.take().unwrap()).lines().map(Result::unwrap);
    let told = lines.take_while(|line| line != "ready").count();
    assert_eq!(told, 2);
    assert!(soon(|| children(u64::from(parent.id())).len() == 4), "one has begun its setup");
    let workers = children(u64::from(parent.id()));
    assert!(workers.iter().copied().all(runs), "{workers:?}");
    // Let the requests reach the workers.
    std::thread::sleep(Duration::from_millis(200));
    parent.kill().unwrap();
    parent.wait().unwrap();
    assert!(soon(|| !workers.iter().copied().any(runs)));
}

fn kill(pid: u64) {
    let pid = i32::try_from(pid).unwrap();
    // SAFETY: a signal to a worker of ours.
    assert_eq!(unsafe { libc::kill(pid, libc::SIGKILL) }, 0);
}

fn restarts_leave_nothing_behind() {
    let pool = pool(1, LENIENT);
    let count = |what: &str| std::fs::read_dir(format!("/proc/self/{what}")).unwrap().count();
    let held = || (children(u64::from(std::process::id())).len(), count("task"), count("fd"));
    let crash = |_| assert!(ask(&pool, json!(["die", "exit"])).is_err() && pid(&pool) > 0);
    (0..3).for_each(crash);
    assert!(soon(|| held().0 == 1));
    let before = held();
    (0..300).for_each(crash);
    assert!(soon(|| held() == before), "children, threads, descriptors: {before:?} before, {:?} now", held());
}

/// A pool whose workers die at these starts, and how many starts there have been.
fn dying_at(starts: &[u64]) -> (WorkerPool, impl Fn() -> u64 + use<>) {
    let folder = tempfile::tempdir().unwrap();
    let counter = folder.path().join("starts");
    let pool = WorkerPool::start(command("worker", json!(["start", counter, starts])), 1, LENIENT).unwrap();
    (pool, move || std::fs::metadata(folder.path().join("starts")).unwrap().len())
}

fn a_worker_that_dies_at_every_start_is_given_up() {
    let (pool, starts) = dying_at(&(2..100).collect::<Vec<_>>());
    assert!(matches!(ask(&pool, json!(["die", "exit"])), Err(EvalError::Died { .. })));
    for expected in [4, 7] {
        let error = ask(&pool, json!("pid")).unwrap_err();
        assert!(matches!(error, EvalError::Start { .. }), "{error}");
        let message = error.to_string();
        assert!(message.contains("exit code 3; it last said: last words, 3 times in a row"), "{message}");
        assert!(message.ends_with("run the program by hand to see what it lacks"), "{message}");
        assert_eq!(starts(), expected);
    }
}

fn starts_that_fail_now_and_then_cost_nothing() {
    let (pool, starts) = dying_at(&[2, 3, 5]);
    for expected in [4, 6] {
        assert!(matches!(ask(&pool, json!(["die", "exit"])), Err(EvalError::Died { .. })));
        assert_eq!(ask(&pool, json!(["echo", 7])), Ok(json!(7)));
        assert_eq!(starts(), expected);
    }
}
