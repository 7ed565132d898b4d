//! The laws of training with targets at the steps: repeatable, a lower fidelity is a prefix, what goes on from a checkpoint
//! ends the same, nobody learns from a target that is not there, and what can solve a task does.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use evaluator::sequence::{Reply, Request, SequenceTask};
use evaluator::{Control, Outcome};
use spaces::sequence::{Genome, Network, Shape};
use tasks::mad::{Kind, Mad};
use tasks::{IGNORED, Metric, Reason, Scores, Text, Tokens, Verdict, Windows};
use tch::{Device, Tensor, no_grad};
use torch::data::{Cases, KIND};
use torch::train::{Effort, Trainer, predict};
use torch::{Batch, Model, Service};

const STACK: &str = r#"{"width": 16, "pooling": "none", "training": {"dropout": 0.1}, "layers": [
    {"token": {"kind": "gru"}}, {"token": {"kind": "attention", "causal": true}, "channel": {"kind": "mlp"}}]}"#;

fn genome(json: &str) -> Genome {
    serde_json::from_str(json).unwrap()
}

/// Tasks of a few short cases.
fn tiny(kind: Kind) -> Mad {
    let tiny = Mad { length: 16, training: 48, epoch: 48, validation: 16, test: 24, ..kind.small() };
    match kind {
        Kind::Compression => Mad { length: 4, ..tiny },
        Kind::SelectiveCopying => Mad { copied: 2, ..tiny },
        Kind::Memorization => Mad { vocabulary: 16, ..tiny },
        _ => tiny,
    }
}

fn suite() -> SequenceTask {
    tch::set_num_threads(1);
    let task = SequenceTask::of_mad(Kind::ALL.map(tiny).into());
    SequenceTask { epochs: 4, batch_size: 8, ..task }
}

/// An evaluation of the stack at these epochs.
fn evaluate(service: &Service, fidelity: u64, artifacts: &Path, previous: Option<&Path>) -> Outcome {
    let request = Request::Evaluate {
        genome: genome(STACK),
        fidelity,
        seed: 3,
        artifacts: artifacts.to_path_buf(),
        previous: previous.map(Path::to_path_buf),
        checkpoint: fidelity < 4,
        parents: Vec::new(),
    };
    match service.answer(&request, &Control::new()).unwrap() {
        Reply::Evaluated(outcome) => outcome,
        other => panic!("{other:?}"),
    }
}

fn scores(verdict: &Verdict) -> &BTreeMap<String, f64> {
    let Verdict::Scored(Scores(scores)) = verdict else { panic!("{verdict:?}") };
    scores
}

fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries
        .map(|path| (path.file_name().unwrap().to_str().unwrap().to_string(), fs::read(path).unwrap()))
        .collect()
}

#[test]
fn a_suite_repeats_bit_for_bit_and_goes_on_from_a_lower_fidelity() {
    let (service, place) = (Service::new(suite()).unwrap(), tempfile::tempdir().unwrap());
    let [low, whole, again, parts] = ["low", "whole", "again", "parts"].map(|name| place.path().join(name));
    evaluate(&service, 2, &low, None);
    let first = evaluate(&service, 4, &whole, None);
    assert_eq!(first, evaluate(&Service::new(suite()).unwrap(), 4, &again, None));
    assert!(files(&whole) == files(&again));
    let continued = evaluate(&service, 4, &parts, Some(&low));
    // Six tasks of six steps an epoch.
    assert!(
        continued.provenance.ends_with("; continued from epoch 2, 72 of 144 steps made"),
        "{continued:?}"
    );
    assert_eq!(Outcome { provenance: first.provenance.clone(), ..continued }, first);
    assert!(files(&whole) == files(&parts));
}

#[test]
fn every_task_of_a_suite_has_a_score_of_its_own_and_the_mean_decides() {
    let (service, place) = (Service::new(suite()).unwrap(), tempfile::tempdir().unwrap());
    let outcome = evaluate(&service, 1, &place.path().join("a"), None);
    let scores = scores(&outcome.verdict);
    let names = Kind::ALL.map(|kind| kind.name().replace('-', "_"));
    let mean = names.iter().map(|name| scores[name]).sum::<f64>() / 6.0;
    assert!((scores["accuracy"] - mean).abs() < 1e-12);
    for name in &names {
        assert!((scores[name] + scores[&format!("{name}_error")] - 1.0).abs() < 1e-12, "{name}");
    }
    assert_eq!(scores.len(), 2 * 6 + 3, "{scores:?}");
    let alone =
        SequenceTask { epochs: 4, batch_size: 8, ..SequenceTask::of_mad(vec![tiny(Kind::Compression)]) };
    let outcome = evaluate(&Service::new(alone).unwrap(), 1, &place.path().join("b"), None);
    let Verdict::Scored(scores) = outcome.verdict else { panic!() };
    assert!(scores.0.keys().eq(["accuracy", "best_epoch", "log_loss"]), "{scores:?}");
}

#[test]
fn a_test_scores_other_cases_with_the_weights_that_were_kept() {
    let (service, place) = (Service::new(suite()).unwrap(), tempfile::tempdir().unwrap());
    let artifacts = place.path().join("a");
    let outcome = evaluate(&service, 2, &artifacts, None);
    let test = |data: Option<&Path>, artifacts: &Path| {
        let data = data.map(Path::to_path_buf);
        let request = Request::Test { genome: genome(STACK), artifacts: artifacts.to_path_buf(), data };
        service.answer(&request, &Control::new())
    };
    let Reply::Tested(tested) = test(None, &artifacts).unwrap() else { panic!() };
    let mut validated = scores(&outcome.verdict).clone();
    validated.remove("best_epoch");
    assert!(tested.0.keys().eq(validated.keys()), "{tested:?}");
    assert_ne!(tested.0["log_loss"], validated["log_loss"], "other cases");
    assert!((tested.0["log_loss"] - validated["log_loss"]).abs() < 0.3, "of the same kind: {tested:?}");
    assert!(test(Some(&artifacts), &artifacts).unwrap_err().contains("no such test"));
    assert!(test(None, place.path()).unwrap_err().contains("fold-0.safetensors"));
}

#[test]
fn prefixes_are_scored_at_the_steps_that_have_a_target() {
    let task =
        SequenceTask { epochs: 4, batch_size: 8, ..SequenceTask::of_mad(vec![tiny(Kind::SelectiveCopying)]) };
    let (service, place) = (Service::new(task).unwrap(), tempfile::tempdir().unwrap());
    let nested = genome(
        r#"{"width": 16, "pooling": "none", "head": "simplex", "training": {"prefixes": 2},
            "layers": [{"token": {"kind": "gru"}}]}"#,
    );
    let artifacts = place.path().join("a");
    let request = Request::Evaluate {
        genome: nested.clone(),
        fidelity: 2,
        seed: 3,
        artifacts: artifacts.clone(),
        previous: None,
        parents: Vec::new(),
        checkpoint: false,
    };
    let Reply::Evaluated(outcome) = service.answer(&request, &Control::new()).unwrap() else { panic!() };
    let names = ["accuracy", "accuracy_at_8", "best_epoch", "log_loss"];
    assert!(scores(&outcome.verdict).keys().eq(names), "{outcome:?}");
    let request = Request::Test { genome: nested, artifacts, data: None };
    let Reply::Tested(tested) = service.answer(&request, &Control::new()).unwrap() else { panic!() };
    assert!(tested.0.keys().eq(["accuracy", "accuracy_at_8", "log_loss"]), "{tested:?}");
    assert!(tested.0.values().all(|score| score.is_finite()), "{tested:?}");
}

/// A network in training on these cases, 20 epochs of the schedule.
fn with_trainer<T>(json: &str, tokens: &Tokens, then: impl FnOnce(Trainer, &Cases) -> T) -> T {
    tch::set_num_threads(1);
    let cases = Cases::of_tokens(tokens, Device::Cpu);
    let effort = Effort { largest: 20, epochs: 20, batch_size: 8 };
    let shape = Shape { channels: tokens.vocabulary, classes: tokens.vocabulary };
    then(Trainer::new(&Network::new(&genome(json), shape), &cases, effort, 5, Device::Cpu), &cases)
}

fn losses(tokens: &Tokens, epochs: u64) -> Vec<f64> {
    let control = Control::new();
    with_trainer(STACK, tokens, |mut trainer, _| {
        (0..epochs).flat_map(|epoch| trainer.epoch(epoch, &control).unwrap()).collect()
    })
}

#[test]
fn a_lower_fidelity_is_a_prefix_of_a_higher_one() {
    let tokens = tiny(Kind::SelectiveCopying).cases(tasks::mad::Part::Training);
    assert_eq!(losses(&tokens, 1), losses(&tokens, 3)[..6]);
}

/// Inputs behind the last target are seen by no step that has one.
#[test]
fn what_is_not_asked_for_and_comes_after_moves_nothing() {
    let tokens = tiny(Kind::InContextRecall).cases(tasks::mad::Part::Training);
    let mut early = tokens.clone();
    early.targets.chunks_mut(15).for_each(|targets| targets[8..].fill(IGNORED));
    let mut other = early.clone();
    other.inputs.chunks_mut(15).for_each(|inputs| inputs[8..].iter_mut().for_each(|it| *it = 15 - *it));
    assert_ne!(early.inputs, other.inputs);
    assert_eq!(losses(&early, 2), losses(&other, 2));
    assert_ne!(losses(&early, 2), losses(&tokens, 2));
}

#[test]
fn predictions_are_those_of_the_steps_that_have_a_target() {
    let tokens = tiny(Kind::SelectiveCopying).cases(tasks::mad::Part::Validation);
    with_trainer(STACK, &tokens, |trainer, cases| {
        let probabilities = predict(&trainer.model, cases);
        let asked = tokens.targets.iter().filter(|target| **target != IGNORED).count();
        assert_eq!((asked, cases.labels().len(), probabilities.len()), (2 * 16, 2 * 16, 2 * 16 * 16));
        let (batch, _) = cases.batch(&[3]);
        let rows = no_grad(|| trainer.model.forward(&batch, None)).softmax(-1, None);
        // The last two steps of the fourth case.
        let expected: Vec<f32> = Vec::try_from(rows.narrow(1, 14, 2).flatten(0, -1)).unwrap();
        let found = &probabilities[3 * 32..4 * 32];
        assert!(found.iter().zip(&expected).all(|(a, b)| (a - f64::from(*b)).abs() < 1e-6));
    });
}

/// The accuracy on the validation cases after so many epochs.
fn learned(json: &str, kind: Mad, epochs: u64) -> f64 {
    let service =
        Service::new(SequenceTask { epochs, batch_size: 16, ..SequenceTask::of_mad(vec![kind]) }).unwrap();
    let place = tempfile::tempdir().unwrap();
    let request = Request::Evaluate {
        genome: genome(json),
        fidelity: epochs,
        seed: 1,
        artifacts: place.path().join("a"),
        previous: None,
        checkpoint: false,
        parents: Vec::new(),
    };
    let Reply::Evaluated(outcome) = service.answer(&request, &Control::new()).unwrap() else { panic!() };
    scores(&outcome.verdict)["accuracy"]
}

#[test]
fn a_recurrence_learns_a_dictionary_and_attention_without_order_does_not() {
    let kind = Mad {
        vocabulary: 24,
        length: 16,
        training: 256,
        epoch: 256,
        validation: 64,
        ..Kind::Memorization.small()
    };
    let stack = |token: &str| {
        format!(
            r#"{{"width": 32, "pooling": "none", "training": {{"learning_rate": 0.01}}, "layers": [
            {{"token": {token}, "channel": {{"kind": "mlp"}}}}]}}"#
        )
    };
    let recurrence = learned(&stack(r#"{"kind": "gru"}"#), kind.clone(), 12);
    assert!(recurrence > 0.95, "{recurrence}");
    let unordered = learned(&stack(r#"{"kind": "attention", "causal": true}"#), kind, 12);
    assert!(unordered < 0.8, "{unordered}");
}

#[test]
fn attention_behind_a_convolution_recalls() {
    let kind = Mad {
        vocabulary: 8,
        length: 24,
        training: 512,
        epoch: 512,
        validation: 64,
        ..Kind::InContextRecall.small()
    };
    let stack = r#"{"width": 32, "pooling": "none", "training": {"learning_rate": 0.01}, "layers": [
        {"token": {"kind": "convolution"}}, {"token": {"kind": "attention", "causal": true}}]}"#;
    let accuracy = learned(stack, kind, 16);
    assert!(accuracy > 0.9, "{accuracy}");
}

#[test]
fn a_stack_that_pools_or_sees_the_future_is_refused_untrained() {
    let service = Service::new(suite()).unwrap();
    let place = tempfile::tempdir().unwrap();
    for json in [r#"{"layers": []}"#, r#"{"pooling": "none", "layers": [{"token": {"kind": "attention"}}]}"#]
    {
        let request = Request::Evaluate {
            genome: genome(json),
            fidelity: 1,
            seed: 0,
            artifacts: place.path().join("a"),
            previous: None,
            checkpoint: false,
            parents: Vec::new(),
        };
        let Reply::Evaluated(outcome) = service.answer(&request, &Control::new()).unwrap() else { panic!() };
        assert!(matches!(outcome.verdict, Verdict::Invalid(Reason::Malformed { .. })), "{outcome:?}");
        assert_eq!(outcome.steps, 0);
    }
}

/// A text of which two characters tell the next.
fn text(place: &Path, name: &str, characters: usize) -> std::path::PathBuf {
    let file = place.join(name);
    fs::write(&file, "abcacbbca\n".chars().cycle().take(characters).collect::<String>()).unwrap();
    file
}

const WINDOWS: Windows = Windows { length: 16, epoch: 32, validation: 8 };

fn of_text(file: &Path) -> SequenceTask {
    let task = SequenceTask::of_text(&Text::read(file).unwrap(), WINDOWS, file).unwrap();
    SequenceTask { epochs: 4, batch_size: 8, ..task }
}

#[test]
fn a_text_is_learned_in_bits_per_character_and_tested_on_another() {
    let place = tempfile::tempdir().unwrap();
    let file = text(place.path(), "train.txt", 4000);
    let task = of_text(&file);
    let service = Service::new(task.clone()).unwrap();
    let artifacts = place.path().join("a");
    let outcome = evaluate(&service, 4, &artifacts, None);
    let learned = scores(&outcome.verdict);
    assert_eq!(outcome.steps, 4 * 4, "an epoch is so many windows, however long the text is");
    assert!((learned["bits_per_character"] - learned["log_loss"] / 2f64.ln()).abs() < 1e-12);
    // Whoever only counts the characters needs 1.895 bits.
    assert!(learned["bits_per_character"] < 1.88, "{learned:?}");
    let test = |name: &str, characters| {
        let data = Some(text(place.path(), name, characters));
        let request = Request::Test { genome: genome(STACK), artifacts: artifacts.clone(), data };
        service.answer(&request, &Control::new())
    };
    let Reply::Tested(tested) = test("test.txt", 6000).unwrap() else { panic!() };
    assert!((tested.0["bits_per_character"] - learned["bits_per_character"]).abs() < 0.1, "{tested:?}");
    assert!(test("short.txt", 5).unwrap_err().contains("5 characters are too few"));
    fs::write(&file, "another text ".repeat(99)).unwrap();
    assert!(Service::new(task).err().unwrap().contains("has changed"));
}

/// By hand: every window, one at a time, through the model that the weights make.
#[test]
fn a_test_of_text_equals_the_mean_over_all_characters() {
    let place = tempfile::tempdir().unwrap();
    let file = text(place.path(), "train.txt", 5000);
    let service = Service::new(of_text(&file)).unwrap();
    let artifacts = place.path().join("a");
    evaluate(&service, 1, &artifacts, None);
    let request =
        Request::Test { genome: genome(STACK), artifacts: artifacts.clone(), data: Some(file.clone()) };
    let Reply::Tested(tested) = service.answer(&request, &Control::new()).unwrap() else { panic!() };
    let windows = Text::read(&file).unwrap().windows(&WINDOWS).unwrap();
    assert!(windows.cases() > 256, "more than are tested at once");
    let mut model =
        Model::new(&Network::new(&genome(STACK), Shape { channels: 4, classes: 4 }), 0, KIND, Device::Cpu);
    torch::weights::read(&mut model, 4, &artifacts.join("fold-0.safetensors")).unwrap();
    let (mut bits, mut count) = (0.0, 0);
    for (inputs, targets) in windows.iter() {
        let x = Tensor::zeros([1, 16, 4], (KIND, Device::Cpu));
        inputs.iter().enumerate().for_each(|(t, token)| {
            let _ = x.get(0).get(t as i64).get(i64::from(*token)).fill_(1.0);
        });
        let batch = Batch { x, mask: None, lengths: Tensor::from_slice(&[16i64]) };
        let rows =
            no_grad(|| model.forward(&batch, None)).get(0).to_kind(tch::Kind::Double).log_softmax(-1, None);
        for (t, target) in targets.iter().enumerate() {
            bits -= rows.double_value(&[t as i64, i64::from(*target)]) / 2f64.ln();
            count += 1;
        }
    }
    let metric = Metric::BitsPerCharacter.name();
    assert!(
        (tested.0[metric] - bits / f64::from(count)).abs() < 1e-5,
        "{} {tested:?}",
        bits / f64::from(count)
    );
}
