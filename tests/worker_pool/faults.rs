//! Each fault costs exactly one call, and says what happened.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

use evaluator::conformance::{ends_when_cancelled, keeps_the_laws};
use evaluator::{Control, EvalError, Evaluator, Job, Limits, Outcome, Retried, WorkerPool};
use hashing::{Context, Fidelity};
use serde_json::{Value, json};
use tasks::{Reason, Scores, Verdict};

use crate::pools::{LENIENT, ask, command, exists, pid, pool, soon, start_all};

pub const TESTS: &[(&str, fn())] = &[
    ("each_way_to_die_costs_one_call", each_way_to_die_costs_one_call),
    ("a_stopped_worker_is_given_up_after_its_lease", a_stopped_worker_is_given_up_after_its_lease),
    ("time_limits_hold_against_whatever_the_worker_does", time_limits_hold_against_whatever_the_worker_does),
    ("memory_limits_hold_however_it_is_allocated", memory_limits_hold_however_it_is_allocated),
    ("work_longer_than_the_lease_is_not_silence", work_longer_than_the_lease_is_not_silence),
    ("a_reply_that_comes_after_the_lease_is_not_used", a_reply_that_comes_after_the_lease_is_not_used),
    ("cancelling_takes_effect_at_once", cancelling_takes_effect_at_once),
    ("stray_prints_reads_and_interrupts_do_no_harm", stray_prints_reads_and_interrupts_do_no_harm),
    ("garbage_frames_cost_one_call", garbage_frames_cost_one_call),
    ("a_worker_that_hangs_up_and_lives_on_is_killed", a_worker_that_hangs_up_and_lives_on_is_killed),
    ("a_refusal_costs_the_worker_its_place", a_refusal_costs_the_worker_its_place),
    ("requests_too_long_are_refused", requests_too_long_are_refused),
    ("evaluators_in_processes_keep_the_laws", evaluators_in_processes_keep_the_laws),
    ("two_failures_make_a_candidate_unstable", two_failures_make_a_candidate_unstable),
    ("a_second_try_has_a_worker_that_served_nobody", a_second_try_has_a_worker_that_served_nobody),
];

/// Makes one call that fails, and checks that nothing is left of its worker and that the next call succeeds.
fn one_failure(pool: &WorkerPool, request: Value) -> EvalError {
    let before = pid(pool);
    let error = ask(pool, request).unwrap_err();
    assert!(!exists(before), "worker of the failed call is left behind: {error}");
    assert_eq!(ask(pool, json!(["echo", 7])), Ok(json!(7)));
    assert_ne!(pid(pool), before);
    error
}

fn each_way_to_die_costs_one_call() {
    let pool = pool(1, LENIENT);
    let ways = [
        ("abort", "signal 6 (SIGABRT)"),
        ("segfault", "signal 11 (SIGSEGV)"),
        ("exit", "exit code 3"),
        ("panic", "exit code 101"),
    ];
    for (way, expected) in ways {
        match one_failure(&pool, json!(["die", way])) {
            EvalError::Died { cause, stderr } => {
                assert_eq!(cause, expected);
                assert!(stderr.contains("last words"), "{stderr}");
            }
            other => panic!("{way}: {other}"),
        }
    }
}

fn a_stopped_worker_is_given_up_after_its_lease() {
    let error = one_failure(&pool(1, LENIENT), json!(["die", "stop"]));
    assert_eq!(error.cause(), "worker died: silent for 2 s");
}

fn time_limits_hold_against_whatever_the_worker_does() {
    let pool = pool(1, Limits { seconds: Some(0.2), memory: None });
    for request in ["sleep", "spin", "ignore signals"] {
        let start = Instant::now();
        assert_eq!(one_failure(&pool, json!(request)), EvalError::TimeLimit { seconds: 0.2 });
        let taken = start.elapsed();
        assert!(
            taken >= Duration::from_millis(200) && taken < Duration::from_secs(2),
            "{request}: {taken:?}"
        );
    }
}

fn memory_limits_hold_however_it_is_allocated() {
    let limit = 256 << 20;
    let pool = pool(1, Limits { seconds: None, memory: Some(limit) });
    for how in ["at leisure", "fast", "on a thread", "shared"] {
        match one_failure(&pool, json!(["allocate", how])) {
            EvalError::MemoryLimit { resident, .. } => assert!(resident > limit, "{how}: {resident}"),
            other => panic!("{how}: {other}"),
        }
    }
}

fn work_longer_than_the_lease_is_not_silence() {
    let pool = pool(1, Limits::default());
    let before = pid(&pool);
    assert_eq!(ask(&pool, json!(["spin", 3.5])), Ok(json!("spun")), "the lease is 2 s");
    assert_eq!(pid(&pool), before);
}

fn a_reply_that_comes_after_the_lease_is_not_used() {
    let folder = tempfile::tempdir().unwrap();
    let witness = folder.path().join("answered");
    let pool = pool(1, LENIENT);
    let error = ask(&pool, json!(["haunt", witness])).unwrap_err();
    assert_eq!(error.cause(), "worker died: silent for 2 s");
    assert!(soon(|| witness.exists()), "the late reply was sent");
    assert!((0..20).all(|number| ask(&pool, json!(["echo", number])) == Ok(json!(number))));
}

fn cancelling_takes_effect_at_once() {
    let pool = pool(1, LENIENT);
    let before = pid(&pool);
    let control = Control::new();
    let taken = std::thread::scope(|scope| {
        let calls = [(); 2].map(|()| scope.spawn(|| pool.call(&json!("spin"), &control)));
        std::thread::sleep(Duration::from_millis(100));
        let start = Instant::now();
        control.cancel();
        // One call was at work, one was waiting for the worker.
        assert!(calls.into_iter().all(|call| call.join().unwrap() == Err(EvalError::Cancelled)));
        start.elapsed()
    });
    assert!(taken < Duration::from_secs(1), "{taken:?}");
    assert!(!exists(before));
    assert_eq!(ask(&pool, json!(["echo", 7])), Ok(json!(7)));
}

fn stray_prints_reads_and_interrupts_do_no_harm() {
    let pool = pool(1, LENIENT);
    let before = pid(&pool);
    assert_eq!(ask(&pool, json!("print")), Ok(json!("printed")));
    assert_eq!(ask(&pool, json!("read")), Ok(json!(0)));
    assert_eq!(ask(&pool, json!("interrupt")), Ok(json!("unmoved")));
    assert_eq!(pid(&pool), before);
}

fn garbage_frames_cost_one_call() {
    let pool = WorkerPool::start(command("garbage", json!(null)), 1, LENIENT).unwrap();
    let broken = |answer: Result<Value, EvalError>| match answer {
        Err(EvalError::Protocol { what, .. }) => assert!(what.contains("4294967295 bytes"), "{what}"),
        other => panic!("{other:?}"),
    };
    (0..2).for_each(|_| broken(ask(&pool, json!("anything"))));
    broken(Err(one_failure(&self::pool(1, LENIENT), json!("garbage"))));
}

fn a_worker_that_hangs_up_and_lives_on_is_killed() {
    let pool = WorkerPool::start(command("hangs up", json!(null)), 1, LENIENT).unwrap();
    let error = ask(&pool, json!("anything")).unwrap_err();
    assert_eq!(error.cause(), "worker died: closed its end of the pipe");
}

fn a_refusal_costs_the_worker_its_place() {
    let error = one_failure(&pool(1, LENIENT), json!("refuse"));
    assert_eq!(error.to_string(), "worker refused: data file `a.csv` unreadable");
}

fn requests_too_long_are_refused() {
    let error = one_failure(&pool(1, LENIENT), json!(["echo", "x".repeat(64 << 20)]));
    assert!(matches!(error, EvalError::Refused { .. }), "{error}");
}

/// Sends candidates to the pool as they are and counts how often.
struct Remote {
    pool: WorkerPool,
    attempts: AtomicUsize,
}

impl Evaluator<Value> for Remote {
    fn context(&self) -> Context {
        Context::new()
    }

    fn evaluate(&self, candidate: &Value, job: &Job) -> Result<Outcome, EvalError> {
        self.attempts.fetch_add(1, Relaxed);
        let reply = self.pool.call(candidate, job.control)?;
        let score = reply.as_f64().ok_or(EvalError::Refused { message: reply.to_string() })?;
        Ok(Outcome { verdict: scored(score), steps: 1, seconds: None, provenance: String::new() })
    }
}

fn scored(score: f64) -> Verdict {
    Verdict::Scored(Scores([("score".to_string(), score)].into()))
}

fn evaluators_in_processes_keep_the_laws() {
    let remote = || Remote { pool: pool(2, LENIENT), attempts: AtomicUsize::new(0) };
    let (quick, slow) = (json!(["echo", 0.1]), json!(["echo late", -0.0, 0.2]));
    keeps_the_laws(remote, &[quick.clone(), slow]);
    ends_when_cancelled(&remote(), &json!("ignore signals"), &quick);
}

fn two_failures_make_a_candidate_unstable() {
    let limits = Limits { seconds: Some(0.1), memory: None };
    let remote = Retried(Remote { pool: pool(1, limits), attempts: AtomicUsize::new(0) });
    let control = Control::new();
    let job = Job {
        fidelity: Fidelity(1),
        seed: 0,
        artifacts: "unused".as_ref(),
        previous: None,
        parents: &[],
        control: &control,
    };
    let verdict = |candidate: Value| {
        let verdict = remote.evaluate(&candidate, &job).unwrap().verdict;
        (verdict, remote.0.attempts.swap(0, Relaxed))
    };
    let unstable =
        |cause: &str, limit| Verdict::Invalid(Reason::Unstable { cause: cause.to_string(), limit });
    assert_eq!(verdict(json!("spin")), (unstable("time limit", Some(0.1)), 2));
    assert_eq!(verdict(json!(["die", "exit"])), (unstable("worker died: exit code 3", None), 2));
    assert_eq!(verdict(json!(["echo", 7])), (scored(7.0), 1));
}

fn a_second_try_has_a_worker_that_served_nobody() {
    let pool = pool(2, LENIENT);
    let warm = start_all(&pool, 2);
    let control = Control::new().for_second_try();
    let fresh = pool.call(&json!("pid"), &control).unwrap().as_u64().unwrap();
    assert!(!warm.contains(&fresh));
    assert_eq!(warm.iter().filter(|pid| exists(**pid)).count(), 1, "it takes the place of one of them");
    assert_eq!(pid(&pool), fresh, "and stays");
}
