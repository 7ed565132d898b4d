//! The program `fecund-worker`, by hand and through a pool.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use evaluator::conformance::keeps_the_laws;
use evaluator::sequence::{Fit, SequenceEvaluator, SequenceTask};
use evaluator::{Control, EvalError, Evaluator, Job, Limits, Outcome, Retried, WorkerPool, torch_worker};
use hashing::Fidelity;
use serde_json::json;
use spaces::sequence::Genome;
use tempfile::TempDir;

/// Ten short series of each of two classes, rising and falling.
fn rising_and_falling() -> String {
    let line = |i: usize| {
        let slope = if i.is_multiple_of(2) { 1.0 } else { -1.0 };
        let values: Vec<_> =
            (0..5 + i % 3).map(|t| (slope * t as f64 + i as f64 / 10.0).to_string()).collect();
        format!("{}:{}\n", values.join(","), if i.is_multiple_of(2) { "up" } else { "down" })
    };
    let lines: String = (0..20).map(line).collect();
    format!(
        "@problemName slopes\n@univariate true\n@equalLength false\n@classLabel true up down\n@data\n{lines}"
    )
}

/// What every test here asks of workers: the task of the slopes, and a place for it.
fn slopes(change: impl FnOnce(&mut SequenceTask)) -> (TempDir, SequenceTask) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("slopes.ts");
    fs::write(&file, rising_and_falling()).unwrap();
    let mut task = SequenceTask::read(&file).unwrap();
    change(&mut task);
    (folder, task)
}

#[test]
fn workers_evaluate_fit_and_predict() {
    let (folder, task) = slopes(|task| task.epochs = 15);
    let file = task.train.clone();
    let evaluator = SequenceEvaluator::start(task, 1, Limits::default()).unwrap();
    assert!(evaluator.provenance().contains("cpu, threads: 1"), "{}", evaluator.provenance());
    let genome = genome(r#"[{"token": {"kind": "gru"}}]"#);
    let control = Control::new();
    let artifacts = folder.path().join("artifacts");
    let job = Job {
        fidelity: Fidelity(15),
        seed: 4,
        artifacts: &artifacts,
        previous: None,
        parents: &[],
        control: &control,
    };
    let outcome = evaluator.evaluate(&genome, &job).unwrap();
    assert!(outcome.verdict.score("accuracy").unwrap() > 0.7, "{outcome:?}");
    assert_eq!(outcome, evaluator.evaluate(&genome, &job).unwrap());

    let weights = folder.path().join("model.safetensors");
    evaluator.fit(&genome, &Fit { seed: 4, epochs: 15, to: &weights, parents: &[] }, &control).unwrap();
    let predictions = evaluator.predict(&genome, &weights, &file, &control).unwrap();
    assert_eq!((predictions.classes, predictions.labels.len(), predictions.probabilities.len()), (2, 20, 40));
}

#[test]
fn trained_evaluators_keep_the_laws() {
    let (_folder, task) = slopes(|_| ());
    let fresh = || SequenceEvaluator::start(task.clone(), 2, Limits::default()).unwrap();
    let genomes = ["gru", "s4d"].map(|token| genome(&format!(r#"[{{"token": {{"kind": "{token}"}}}}]"#)));
    keeps_the_laws(fresh, &genomes);
    keeps_the_laws(|| Retried(fresh()), &genomes[..1]);
}

#[test]
fn an_evaluation_goes_on_from_a_lower_fidelity() {
    let (folder, task) = slopes(|task| task.epochs = 6);
    let evaluator = SequenceEvaluator::start(task, 1, Limits::default()).unwrap();
    let (genome, control) = (genome(r#"[{"token": {"kind": "gru"}}]"#), Control::new());
    let [low, high, whole] = ["low", "high", "whole"].map(|name| folder.path().join(name));
    let evaluate = |fidelity, artifacts: &Path, previous| {
        let job = Job {
            fidelity: Fidelity(fidelity),
            seed: 4,
            artifacts,
            previous,
            parents: &[],
            control: &control,
        };
        evaluator.evaluate(&genome, &job).unwrap()
    };
    let leaves_checkpoints = |folder: &Path| folder.join("fold-0.checkpoint").exists();
    evaluate(2, &low, None);
    let (parts, uninterrupted) = (evaluate(6, &high, Some(&low)), evaluate(6, &whole, None));
    assert!(parts.provenance.ends_with("; continued from epoch 2, 80 of 120 steps made"), "{parts:?}");
    assert_eq!(Outcome { provenance: uninterrupted.provenance.clone(), ..parts }, uninterrupted);
    assert_eq!([&low, &high, &whole].map(|folder| leaves_checkpoints(folder)), [true, false, false]);
}

#[test]
fn workers_measure_how_long_a_form_takes() {
    let (_folder, task) = slopes(|task| task.limits.parameters = 10_000);
    let evaluator = SequenceEvaluator::start(task, 1, Limits::default()).unwrap();
    let small = genome(r#"[{"token": {"kind": "gru"}}]"#);
    let measured = evaluator.measure(&small, &Control::new()).unwrap();
    assert!(measured.keys().eq(["latency_1_ms", "latency_32_ms"]), "{measured:?}");
    assert!(measured.values().all(|ms| ms.is_finite() && *ms > 0.0), "{measured:?}");
    let large = Genome { width: 512, ..small.clone() };
    assert_eq!(evaluator.measure(&large, &Control::new()), Ok(BTreeMap::new()), "it is too large to run");
    let control = Control::new();
    control.cancel();
    assert_eq!(evaluator.measure(&small, &control), Err(EvalError::Cancelled));
}

#[test]
fn a_worker_says_what_it_does_not_know() {
    let (_folder, task) = slopes(|_| ());
    let pool = WorkerPool::start(torch_worker(&task).unwrap(), 1, Limits::default()).unwrap();
    let Err(EvalError::Refused { message }) = pool.call(&json!({"ask": "levitate"}), &Control::new()) else {
        panic!("it can levitate");
    };
    assert!(message.contains("unknown variant `levitate`") && message.contains("build"), "{message}");
}

fn genome(layers: &str) -> Genome {
    serde_json::from_str(&format!(r#"{{"width": 8, "layers": {layers}}}"#)).unwrap()
}

#[test]
fn data_that_changed_are_an_error_at_the_start() {
    let (_folder, task) = slopes(|_| ());
    fs::write(&task.train, rising_and_falling().replace("0.1", "0.2")).unwrap();
    let error = SequenceEvaluator::start(task, 1, Limits::default()).unwrap_err();
    assert!(matches!(&error, EvalError::Start { what, .. } if what.contains("has changed")), "{error}");
}

#[test]
fn the_worker_tells_a_person_what_it_is() {
    let worker = Command::new(env!("CARGO_BIN_EXE_fecund-worker")).arg("--version").output().unwrap();
    let text = String::from_utf8(worker.stdout).unwrap();
    assert!(worker.status.success() && text.lines().count() == 1, "{text}");
    assert!(text.starts_with("fecund-worker 0.") && text.contains("libtorch 2.11 from /"), "{text}");
}

#[test]
fn a_stranger_on_the_pipe_is_told_so() {
    let mut worker = Command::new(env!("CARGO_BIN_EXE_fecund-worker"));
    let worker = worker.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).output().unwrap();
    assert!(!worker.status.success());
    assert!(String::from_utf8_lossy(&worker.stderr).starts_with("fecund-worker: "));
}
