//! Workers that are stopped at work, and a study that is killed.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;
use std::{fs, thread};

use evaluator::{Limits, Retried};
use search::{Plan, Stop};
use serde_json::json;
use storage::MemoryStore;

use crate::cells::assert_same;
use crate::deeds::{Deed, What, scored};
use crate::judges::{Remote, Undisturbed};
use crate::pools::{children, runs, soon};
use crate::studies::{only_evaluation, plan, study};
use crate::worker::ROLE;

pub const TESTS: &[(&str, fn())] = &[
    (
        "a_worker_stopped_beyond_its_lease_is_killed_and_its_trial_settled_once",
        a_worker_stopped_beyond_its_lease,
    ),
    ("a_worker_stopped_within_its_lease_goes_on", a_worker_stopped_within_its_lease_goes_on),
    ("a_killed_study_leaves_no_worker", a_killed_study_leaves_no_worker),
    (
        "the_end_of_the_time_ends_what_sleeps_and_spins_and_a_resume_makes_it_again",
        the_end_of_the_time_ends_what_sleeps_and_spins,
    ),
];

const VICTIM: Deed = Deed { what: What::Works, level: 5 };

/// A study with two jobs, during which `disturb` has its way with the first worker that evaluates [`VICTIM`]: it has
/// written its process id to the file `first` and waits for the file `go on`, to answer with `first_score`. Returns how
/// often the victim was sent, and what the record says of it.
fn disturbed(first_score: f64, disturb: fn(&Path)) -> (u64, storage::Evaluation) {
    let folder = tempfile::tempdir().unwrap();
    let request = json!(["meet", folder.path(), first_score, VICTIM.level]);
    let remote = Arc::new(Remote::new(2, Limits::default()).with(VICTIM, request));
    let (store, plan) = (Arc::new(MemoryStore::default()), || {
        let sound = (0..12).map(Deed::works).chain([VICTIM]);
        let enqueued: Vec<Deed> = sound.collect();
        plan(enqueued, 13)
    });
    let mut study_under_way = study(Retried(Arc::clone(&remote)), plan(), &store, 2);
    thread::scope(|scope| {
        scope.spawn(|| disturb(folder.path()));
        study_under_way.run().unwrap();
    });
    let mut undisturbed = study(Undisturbed(Limits::default()), plan(), &Arc::default(), 1);
    undisturbed.run().unwrap();
    assert_same(study_under_way.trials(), undisturbed.trials());
    study_under_way.trials().iter().for_each(|trial| drop(only_evaluation(&store, trial)));
    let attempts = remote.attempts();
    assert!(attempts.iter().all(|(deed, times)| *deed == VICTIM || *times == 1), "{attempts:?}");
    (attempts[&VICTIM], only_evaluation(&store, &study_under_way.trials()[5]))
}

fn a_worker_stopped_beyond_its_lease() {
    // Had it been heard after its lease, its score would show.
    let (attempts, evaluation) = disturbed(-1.0, |folder| {
        let worker = worker_at(folder, "first");
        signal(worker, libc::SIGSTOP);
        let second = worker_at(folder, "second");
        fs::write(folder.join("go on"), "").unwrap();
        assert_ne!(worker, second);
        assert!(!signal(worker, libc::SIGCONT), "the late worker is gone when another has begun");
    });
    assert_eq!((attempts, evaluation.verdict), (2, scored(5.0)));
    let expected = "a worker; second try, after worker died: silent for 2 s";
    assert_eq!(evaluation.provenance, expected);
}

fn a_worker_stopped_within_its_lease_goes_on() {
    let (attempts, evaluation) = disturbed(5.0, |folder| {
        let worker = worker_at(folder, "first");
        signal(worker, libc::SIGSTOP);
        fs::write(folder.join("go on"), "").unwrap();
        thread::sleep(Duration::from_millis(300));
        assert!(signal(worker, libc::SIGCONT));
    });
    assert_eq!((attempts, evaluation.verdict), (1, scored(5.0)));
    assert_eq!(evaluation.provenance, "a worker");
}

/// The process that has written its id to this file.
fn worker_at(folder: &Path, file: &str) -> i32 {
    assert!(soon(|| folder.join(file).exists()), "{file}");
    fs::read_to_string(folder.join(file)).unwrap().parse().unwrap()
}

/// Whether there was such a process.
fn signal(pid: i32, signal: i32) -> bool {
    // SAFETY: a signal to a worker of ours, or to nobody.
    unsafe { libc::kill(pid, signal) == 0 }
}

/// The other role of this program: a study whose workers never answer.
pub fn be_a_study() {
    let endless = [What::IgnoresSignals, What::Spins, What::Sleeps].map(|what| Deed { what, level: 0 });
    let remote = Retried(Remote::new(3, Limits::default()));
    study(remote, plan(endless.to_vec(), 3), &Arc::default(), 3).run().unwrap();
}

fn a_killed_study_leaves_no_worker() {
    let program = std::env::current_exe().unwrap();
    let mut parent = Command::new(program).env(ROLE, "parent").spawn().unwrap();
    let workers = || children(u64::from(parent.id()));
    assert!(soon(|| workers().len() == 3));
    // Let the deeds begin.
    thread::sleep(Duration::from_millis(200));
    let workers = workers();
    assert!(workers.len() == 3 && workers.iter().copied().all(runs));
    parent.kill().unwrap();
    parent.wait().unwrap();
    assert!(soon(|| !workers.iter().copied().any(runs)));
}

fn the_end_of_the_time_ends_what_sleeps_and_spins() {
    let endless = [What::Sleeps, What::Spins, What::IgnoresSignals].map(|what| Deed { what, level: 0 });
    let store = Arc::new(MemoryStore::default());
    let plan = || plan([Deed::works(3)].into_iter().chain(endless).collect(), 4);
    let remote = Arc::new(Remote::new(3, Limits::default()));
    let time = Some(Duration::from_secs(2));
    let mut first = study(Retried(Arc::clone(&remote)), Plan { time, ..plan() }, &store, 3);
    assert_eq!(first.run().unwrap(), Stop::Time(Duration::from_secs(2)));
    assert_eq!(first.trials().iter().map(|trial| trial.candidate).collect::<Vec<_>>(), [Deed::works(3)]);
    assert!(remote.attempts().iter().all(|(_, times)| *times == 1), "{:?}", remote.attempts());
    let mended = endless
        .iter()
        .fold(Remote::new(3, Limits::default()), |remote, deed| remote.with(*deed, json!(["echo", 7])));
    let mended = Arc::new(mended);
    let mut second = study(Retried(Arc::clone(&mended)), plan(), &store, 3);
    second.resume(first.trials().to_vec());
    assert_eq!(second.run().unwrap(), Stop::Trials(4));
    assert_eq!(mended.attempts().keys().copied().collect::<Vec<_>>().len(), endless.len());
    assert!(second.trials()[1..].iter().all(|trial| trial.verdict == scored(7.0)));
}
