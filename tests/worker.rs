//! The program `fecund-worker`, by hand and through a pool.

use std::fs;
use std::process::{Command, Stdio};

use evaluator::conformance::keeps_the_laws;
use evaluator::sequence::{SequenceEvaluator, SequenceTask};
use evaluator::{Control, EvalError, Evaluator, Job, Limits, Retried};
use hashing::Fidelity;
use spaces::sequence::Genome;

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

#[test]
fn workers_evaluate_fit_and_predict() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("slopes.ts");
    fs::write(&file, rising_and_falling()).unwrap();
    let task = SequenceTask { epochs: 15, ..SequenceTask::read(&file).unwrap() };
    let evaluator = SequenceEvaluator::start(task, 1, Limits::default()).unwrap();
    assert!(evaluator.provenance().contains("cpu, threads: 1"), "{}", evaluator.provenance());
    let genome = genome(r#"[{"token": {"kind": "gru"}}]"#);
    let control = Control::new();
    let artifacts = folder.path().join("artifacts");
    let job =
        Job { fidelity: Fidelity(15), seed: 4, artifacts: &artifacts, previous: None, control: &control };
    let outcome = evaluator.evaluate(&genome, &job).unwrap();
    assert!(outcome.verdict.score("accuracy").unwrap() > 0.7, "{outcome:?}");
    assert_eq!(outcome, evaluator.evaluate(&genome, &job).unwrap());

    let weights = folder.path().join("model.safetensors");
    evaluator.fit(&genome, 4, 15, &weights, &control).unwrap();
    let predictions = evaluator.predict(&genome, &weights, &file, &control).unwrap();
    assert_eq!((predictions.classes, predictions.labels.len(), predictions.probabilities.len()), (2, 20, 40));
}

#[test]
fn trained_evaluators_keep_the_laws() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("slopes.ts");
    fs::write(&file, rising_and_falling()).unwrap();
    let task = SequenceTask::read(&file).unwrap();
    let fresh = || SequenceEvaluator::start(task.clone(), 2, Limits::default()).unwrap();
    let genomes = ["gru", "s4d"].map(|token| genome(&format!(r#"[{{"token": {{"kind": "{token}"}}}}]"#)));
    keeps_the_laws(fresh, &genomes);
    keeps_the_laws(|| Retried(fresh()), &genomes[..1]);
}

fn genome(layers: &str) -> Genome {
    serde_json::from_str(&format!(r#"{{"width": 8, "layers": {layers}}}"#)).unwrap()
}

#[test]
fn data_that_changed_are_an_error_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("slopes.ts");
    fs::write(&file, rising_and_falling()).unwrap();
    let task = SequenceTask::read(&file).unwrap();
    fs::write(&file, rising_and_falling().replace("0.1", "0.2")).unwrap();
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
