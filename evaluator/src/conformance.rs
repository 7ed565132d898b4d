//! The laws of [`Evaluator`], as functions that any evaluator can be handed to.
//!
//! ```
//! use evaluator::replay::{Replay, ReplayTask, Table};
//! use evaluator::conformance;
//! use spaces::Tabulated;
//! use spaces::nb_macro::{MacroSpace, Network};
//!
//! let folder = tempfile::tempdir().unwrap();
//! let file = folder.path().join("table.csv");
//! std::fs::write(&file, "arch,accuracy\n22212202,93.1\n").unwrap();
//!
//! let replay = || {
//!     let table = Table::<Network>::read(&file, &["accuracy"]).unwrap();
//!     let task = ReplayTask::of(&table, "accuracy", true, None);
//!     Replay::new(MacroSpace, table, task).unwrap()
//! };
//! conformance::keeps_the_laws(replay, &[Network::from_row(&["22212202"]).unwrap()]);
//! ```

use std::fmt::Debug;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};
use std::{env, fs, process, thread};

use hashing::Fidelity;
use tasks::Verdict;

use crate::{Control, EvalError, Evaluator, Job, Outcome};

/// Of the verdicts that are compared. A verdict may depend on its seed.
const SEEDS: [u64; 2] = [0, u64::MAX];

/// How long a cancelled evaluation may go on: about a second, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(4);

/// Longer than the second that a clock may be rounded to.
const CLOCK: Duration = Duration::from_millis(1100);

/// Panics with the name of the law that an evaluator breaks. `fresh` makes one each time, all of them alike;
/// `candidates` work, and take less than a second or so each.
pub fn keeps_the_laws<C: Debug + Sync, E: Evaluator<C>>(fresh: impl Fn() -> E, candidates: &[C]) {
    assert_some(candidates);
    let begun = Instant::now();
    let (evaluator, scratch) = (fresh(), Scratch::new());
    let context = evaluator.context();
    let verdicts = verdicts(&evaluator, candidates, &scratch);
    let again = self::verdicts(&evaluator, candidates, &scratch);
    assert_same(&again, &verdicts, "a verdict is a function of candidate, fidelity and seed");
    costs_belong_to_the_candidate(&evaluator, candidates);
    measurements_are_named_alike(&[&evaluator, &fresh()], candidates);
    what_went_before_changes_no_verdict(&evaluator, candidates, &verdicts, &scratch);
    threads_change_no_verdict(&evaluator, candidates, &verdicts);
    being_cancelled_harms_nobody(&evaluator, candidates, &verdicts);

    thread::sleep(CLOCK.saturating_sub(begun.elapsed()));
    assert_eq!(evaluator.context(), context, "the context is the same at every call, at any time");
    let other = fresh();
    assert_eq!(other.context(), context, "evaluators made alike have the same context, at any time");
    let others = self::verdicts(&other, candidates, &scratch);
    assert_same(&others, &verdicts, "evaluators made alike judge alike");
    let costs =
        |evaluator: &E| candidates.iter().map(|candidate| evaluator.costs(candidate)).collect::<Vec<_>>();
    assert_eq!(costs(&other), costs(&evaluator), "evaluators made alike count costs alike");
}

/// For evaluators that draw nothing: the verdict is the same under every seed.
pub fn needs_no_seed<C: Debug, E: Evaluator<C>>(evaluator: &E, candidates: &[C]) {
    assert_some(candidates);
    let scratch = Scratch::new();
    for candidate in candidates {
        let verdicts = SEEDS.map(|seed| verdict(evaluator, candidate, seed, &scratch));
        assert_same(&verdicts[1..], &verdicts[..1], "the seed has no part in the verdict");
    }
}

/// Candidates that cannot work are a verdict, which is remembered, and not an error; `sound` is judged as before.
pub fn judges_what_cannot_work<C: Debug, E: Evaluator<C>>(evaluator: &E, broken: &[C], sound: &C) {
    assert_some(broken);
    let scratch = Scratch::new();
    let before = verdict(evaluator, sound, 0, &scratch);
    for candidate in broken {
        let found = verdict(evaluator, candidate, 0, &scratch);
        let law = "a candidate that cannot work is invalid";
        assert!(matches!(found, Verdict::Invalid(_)), "{law}: {candidate:?} is {found:?}");
        assert_same(&[verdict(evaluator, candidate, 0, &scratch)], &[found], "a failure is found every time");
        let after = verdict(evaluator, sound, 0, &scratch);
        assert_same(&[after], std::slice::from_ref(&before), "a candidate that cannot work changes no other");
    }
}

/// An evaluation that takes longer than a few seconds ends as cancelled; `quick` is judged as before.
pub fn ends_when_cancelled<C: Debug + Sync, E: Evaluator<C>>(evaluator: &E, endless: &C, quick: &C) {
    let scratch = Scratch::new();
    let before = verdict(evaluator, quick, 0, &scratch);
    for delay in [Duration::ZERO, Duration::from_millis(100)] {
        let answer = cancelled_after(evaluator, endless, delay, &scratch);
        assert_eq!(answer, Err(EvalError::Cancelled), "a cancelled evaluation says so: {endless:?}");
    }
    let after = verdict(evaluator, quick, 0, &scratch);
    assert_same(&[after], &[before], "an evaluator that was cancelled can be used again");
}

fn assert_some<C>(candidates: &[C]) {
    assert!(!candidates.is_empty(), "the laws are about candidates: hand in some");
}

/// For each candidate, under each seed; checked as one outcome can be.
fn verdicts<C: Debug, E: Evaluator<C>>(evaluator: &E, candidates: &[C], scratch: &Scratch) -> Vec<Verdict> {
    let pairs = candidates.iter().flat_map(|candidate| SEEDS.map(|seed| (candidate, seed)));
    pairs.map(|(candidate, seed)| verdict(evaluator, candidate, seed, scratch)).collect()
}

fn verdict<C: Debug, E: Evaluator<C>>(evaluator: &E, candidate: &C, seed: u64, scratch: &Scratch) -> Verdict {
    let folder = scratch.folder();
    let answer = evaluate(evaluator, candidate, seed, &folder.join("artifacts"), &Control::new());
    let outcome =
        answer.unwrap_or_else(|error| panic!("a sound machine makes no error: {error}: {candidate:?}"));
    let names = fs::read_dir(&folder).expect("just made").map(|entry| entry.expect("just made").file_name());
    let strangers: Vec<_> = names.filter(|name| name != "artifacts").collect();
    assert!(strangers.is_empty(), "artifacts stay in their folder: {strangers:?} lie beside it");
    assert_finite(&outcome, candidate);
    outcome.verdict
}

fn evaluate<C, E: Evaluator<C>>(
    evaluator: &E,
    candidate: &C,
    seed: u64,
    artifacts: &Path,
    control: &Control,
) -> Result<Outcome, EvalError> {
    evaluator.evaluate(
        candidate,
        &Job { fidelity: Fidelity(1), seed, artifacts, previous: None, parents: &[], control },
    )
}

/// Neither what an evaluation left, nor something else, nor nothing at all.
fn what_went_before_changes_no_verdict<C: Debug, E: Evaluator<C>>(
    evaluator: &E,
    candidates: &[C],
    expected: &[Verdict],
    scratch: &Scratch,
) {
    for (candidate, expected) in candidates.iter().zip(expected.chunks(SEEDS.len())) {
        let folder = scratch.folder();
        let [left, other, missing] = ["left", "other", "missing"].map(|name| folder.join(name));
        fs::create_dir_all(&other).expect("a temporary folder can be made");
        fs::write(other.join("other"), "other").expect("a temporary file can be written");
        for (previous, artifacts) in
            [(&missing, &left), (&left, &folder.join("a")), (&other, &folder.join("b"))]
        {
            let (fidelity, previous, control) = (Fidelity(1), Some(previous.as_path()), &Control::new());
            let answer = evaluator.evaluate(
                candidate,
                &Job { fidelity, seed: SEEDS[0], artifacts, previous, parents: &[], control },
            );
            let law = "what an evaluation goes on from changes no verdict";
            let outcome = answer.unwrap_or_else(|error| panic!("{law}: {error}: {candidate:?}"));
            assert_same(&[outcome.verdict], &expected[..1], law);
        }
    }
}

fn assert_finite<C: Debug>(outcome: &Outcome, candidate: &C) {
    if let Verdict::Scored(scores) = &outcome.verdict {
        let odd: Vec<_> = scores.0.iter().filter(|(_, score)| !score.is_finite()).collect();
        assert!(odd.is_empty(), "scores are finite, or the verdict is invalid: {odd:?} of {candidate:?}");
    }
    let cost = outcome.seconds.unwrap_or(0.0);
    assert!(
        cost.is_finite() && cost >= 0.0,
        "an evaluation costs zero seconds or more: {cost} of {candidate:?}"
    );
}

fn costs_belong_to_the_candidate<C: Debug, E: Evaluator<C>>(evaluator: &E, candidates: &[C]) {
    for candidate in candidates {
        let costs = evaluator.costs(candidate);
        assert_eq!(evaluator.costs(candidate), costs, "costs are a function of the candidate: {candidate:?}");
        assert!(costs.values().all(|cost| cost.is_finite()), "costs are finite: {costs:?} of {candidate:?}");
    }
}

/// Of evaluators that are made alike, at every call.
fn measurements_are_named_alike<C: Debug, E: Evaluator<C>>(evaluators: &[&E; 2], candidates: &[C]) {
    let measure = |evaluator: &E, candidate: &C| {
        let measured = evaluator.measure(candidate, &Control::new());
        let measured =
            measured.unwrap_or_else(|error| panic!("a sound machine can measure: {error}: {candidate:?}"));
        let sound = measured.values().all(|value| value.is_finite() && *value >= 0.0);
        assert!(sound, "what is measured is finite, and zero or more: {measured:?} of {candidate:?}");
        measured.into_keys().collect::<Vec<_>>()
    };
    for candidate in candidates {
        let names = measure(evaluators[0], candidate);
        for evaluator in evaluators {
            let law = "what is measured has the same names at every call";
            assert_eq!(measure(evaluator, candidate), names, "{law}: {candidate:?}");
        }
    }
}

fn threads_change_no_verdict<C: Debug + Sync, E: Evaluator<C>>(
    evaluator: &E,
    candidates: &[C],
    expected: &[Verdict],
) {
    thread::scope(|scope| {
        let threads = [(); 4].map(|()| scope.spawn(|| verdicts(evaluator, candidates, &Scratch::new())));
        for thread in threads {
            let verdicts = thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            assert_same(&verdicts, expected, "evaluations side by side judge as one after the other");
        }
    });
}

/// An evaluation that had finished before it noticed may say what it found.
fn being_cancelled_harms_nobody<C: Debug + Sync, E: Evaluator<C>>(
    evaluator: &E,
    candidates: &[C],
    expected: &[Verdict],
) {
    let scratch = Scratch::new();
    for (candidate, expected) in candidates.iter().zip(expected.chunks(SEEDS.len())) {
        for delay in [Duration::ZERO, Duration::from_millis(20)] {
            match cancelled_after(evaluator, candidate, delay, &scratch) {
                Err(EvalError::Cancelled) => {}
                Ok(outcome) => assert_same(&[outcome.verdict], &expected[..1], "what was finished is right"),
                Err(error) => panic!("a cancelled evaluation says so, and not: {error}: {candidate:?}"),
            }
        }
        let after = verdict(evaluator, candidate, SEEDS[0], &scratch);
        assert_same(&[after], &expected[..1], "an evaluator that was cancelled can be used again");
    }
}

fn cancelled_after<C: Debug + Sync, E: Evaluator<C>>(
    evaluator: &E,
    candidate: &C,
    delay: Duration,
    scratch: &Scratch,
) -> Result<Outcome, EvalError> {
    let (control, artifacts) = (Control::new(), scratch.folder().join("artifacts"));
    if delay.is_zero() {
        control.cancel();
    }
    let begun = Instant::now();
    thread::scope(|scope| {
        scope.spawn(|| {
            thread::sleep(delay);
            control.cancel();
        });
        let answer = evaluate(evaluator, candidate, SEEDS[0], &artifacts, &control);
        let late = begun.elapsed().saturating_sub(delay);
        assert!(
            late < PATIENCE,
            "a cancelled evaluation ends within about a second: {late:?}: {candidate:?}"
        );
        answer
    })
}

/// Bit for bit: the text of a float tells −0 from 0.
fn assert_same(found: &[Verdict], expected: &[Verdict], law: &str) {
    assert_eq!(format!("{found:?}"), format!("{expected:?}"), "{law}");
}

/// A folder for artifacts, gone when it is dropped.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Self {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let number = NUMBER.fetch_add(1, Relaxed);
        Self(env::temp_dir().join(format!("fecund-conformance-{}-{number}", process::id())))
    }

    /// One that is new and empty.
    fn folder(&self) -> PathBuf {
        let count = fs::read_dir(&self.0).map_or(0, Iterator::count);
        let folder = self.0.join(count.to_string());
        fs::create_dir_all(&folder).expect("a temporary folder can be made");
        folder
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[cfg(test)]
mod tests;
