//! The laws of training: bit for bit repeatable, a lower fidelity is a prefix, what cannot work is a verdict, and what
//! is kept predicts what was scored.

#[path = "common/waves.rs"]
mod waves;

use std::fs;
use std::path::{Path, PathBuf};

use evaluator::sequence::{DeviceChoice, Predictions, Reply, Request, SequenceTask, recipe};
use evaluator::{Control, Outcome};
use hashing::{Digest, Key};
use spaces::Candidate;
use spaces::sequence::{Genome, Network};
use tasks::{Metric, Reason, Scaler, Sequences, Validation, Verdict};
use tch::{Device, Tensor};
use torch::data::{Cases, KIND, batches};
use torch::train::{Effort, Stop, Trainer};
use torch::{Model, Service};
use waves::{genome, service, summary, task, text, waves};

/// One of every kind that training could treat differently: a recurrence, attention, dropout, both directions.
const MIXED: &str = r#"{"width": 16, "training": {"dropout": 0.1}, "layers": [
    {"token": {"kind": "gru"}, "order": "bidirectional", "channel": {"kind": "mlp"}},
    {"token": {"kind": "attention"}, "channel": {"kind": "glu"}, "repeat": 2}]}"#;
const SMALL: &str =
    r#"{"width": 8, "layers": [{"token": {"kind": "convolution"}, "channel": {"kind": "mlp"}}]}"#;

fn evaluate(service: &Service, genome: &Genome, fidelity: u64, artifacts: PathBuf) -> Outcome {
    let (previous, checkpoint) = (None, false);
    let request = Request::Evaluate {
        genome: genome.clone(),
        fidelity,
        seed: 11,
        artifacts,
        previous,
        checkpoint,
        parents: Vec::new(),
    };
    match service.answer(&request, &Control::new()).unwrap() {
        Reply::Evaluated(outcome) => outcome,
        other => panic!("{other:?}"),
    }
}

/// A network in training on all of `data`, 20 epochs of the schedule.
fn with_trainer<T>(json: &str, data: &Sequences, then: impl FnOnce(Trainer) -> T) -> T {
    tch::set_num_threads(1);
    let all: Vec<usize> = (0..data.cases.len()).collect();
    let cases = Cases::new(data, &all, &Scaler::fit(data, &all), Device::Cpu);
    let effort = Effort { largest: 20, epochs: 20, batch_size: 8 };
    let network = Network::new(&genome(json), task(data).shape());
    then(Trainer::new(&network, &cases, effort, 5, Device::Cpu))
}

/// The losses of so many epochs of 5 steps each.
fn losses(json: &str, epochs: u64) -> Vec<f64> {
    let control = Control::new();
    with_trainer(json, &waves(40), |mut trainer| {
        (0..epochs).flat_map(|epoch| trainer.epoch(epoch, &control).unwrap()).collect()
    })
}

/// The loss after 20 steps of a stack with this layer, and what it was when this version of training was made.
const PINNED: &[(&str, f64)] = &[
    (r#""token": {"kind": "convolution"}, "channel": {"kind": "mlp"}"#, 1.133_531_8),
    (r#""token": {"kind": "attention"}"#, 1.043_551_8),
    (r#""token": {"kind": "attention", "causal": true}, "order": "reverse""#, 1.031_568_5),
    (r#""token": {"kind": "attention", "groups": 2, "alpha": "1.5", "position": "rotary"}"#, 1.056_440_6),
    (r#""token": {"kind": "attention", "groups": 4, "strided": true, "alpha": "sparsemax"}"#, 1.047_262),
    (r#""token": {"kind": "gau", "group": 8}"#, 1.131_746_2),
    (r#""token": {"kind": "gau", "group": 8, "causal": true}"#, 1.132_221_5),
    (r#""token": {"kind": "lssl"}"#, 1.186_072_1),
    (r#""token": {"kind": "convolution", "dilation": 2, "sides": "both"}"#, 1.125_181),
    (r#""token": {"kind": "fsmn", "sides": "both"}"#, 1.087_030_9),
    (r#""token": {"kind": "gated-fsmn", "dilation": 4}"#, 1.154_173_9),
    (r#""token": {"kind": "long-convolution"}"#, 1.095_620_5),
    (r#""token": {"kind": "s4d"}"#, 1.160_945_8),
    (r#""token": {"kind": "mamba"}"#, 1.129_145_3),
    (r#""token": {"kind": "mamba", "discretization": "zoh"}, "order": "bidirectional""#, 1.102_982_4),
    (r#""token": {"kind": "mamba2"}"#, 0.867_487_1),
    (r#""token": {"kind": "lightnet"}"#, 1.104_377),
    (r#""token": {"kind": "lightnet", "causal": false}"#, 1.095_715_5),
    (r#""token": {"kind": "plstm"}"#, 1.117_992_3),
    (r#""token": {"kind": "gru"}"#, 1.050_147_8),
    (r#""token": {"kind": "para-gru"}"#, 1.083_279_4),
    (r#""token": {"kind": "para-gru", "recurrence": "none"}"#, 1.083_917_3),
    (r#""token": {"kind": "para-lstm"}"#, 1.121_541_5),
    (r#""channel": {"kind": "glu"}, "repeat": 2"#, 1.078_524_7),
    (r#""token": {"kind": "lstm"}"#, 1.115_211_6),
    (r#""token": {"kind": "lstm", "peepholes": true}"#, 1.117_012_5),
    (r#""token": {"kind": "elman"}, "order": "bidirectional""#, 1.049_830_2),
    (r#""token": {"kind": "rcnn"}"#, 1.130_595_9),
    (r#""channel": {"kind": "moe"}"#, 1.098_134_9),
    (r#""channel": {"kind": "snnk"}"#, 1.101_092_7),
    (r#""channel": {"kind": "se"}"#, 1.134_910_1),
];

#[test]
fn the_losses_after_20_steps_are_pinned() {
    let found = PINNED.iter().map(|(layer, _)| {
        let stack = format!(r#"{{"width": 8, "training": {{"dropout": 0.1}}, "layers": [{{{layer}}}]}}"#);
        losses(&stack, 5)[20]
    });
    let found: Vec<f64> = found.collect();
    let moved = found.iter().zip(PINNED).any(|(found, (_, pinned))| (found / pinned - 1.0).abs() > 1e-5);
    assert!(
        !moved,
        "the losses after 20 steps are {found:?}, of evaluator version {} they are {:?}: training has changed; raise \
         recipe::VERSION, and pin the new losses",
        recipe::VERSION,
        PINNED.iter().map(|(_, pinned)| pinned).collect::<Vec<_>>(),
    );
}

#[test]
fn the_loss_falls() {
    let losses = losses(MIXED, 20);
    let mean = |losses: &[f64]| losses.iter().sum::<f64>() / losses.len() as f64;
    assert!(mean(&losses[95..]) < 0.5 * mean(&losses[..5]), "{losses:?}");
}

#[test]
fn the_losses_of_all_prefixes_are_added() {
    let stack = |prefixes: usize| {
        format!(
            r#"{{"width": 16, "layers": [{{"token": {{"kind": "gru"}}}}], "training": {{"prefixes": {prefixes}}}}}"#
        )
    };
    let data = waves(40);
    let all: Vec<usize> = (0..40).collect();
    let cases = Cases::new(&data, &all, &Scaler::fit(&data, &all), Device::Cpu);
    let expected = |prefixes: usize| -> f64 {
        let network = Network::new(&genome(&stack(prefixes)), task(&data).shape());
        let model = Model::new(&network, 5, KIND, Device::Cpu);
        let (batch, targets) = cases.batch(&batches(40, 40, 8, 5, 0)[0]);
        let (logits, _) = model.forward_with_penalty(&batch, &targets, None);
        logits.iter().map(|logits| cases.loss(logits, &targets).double_value(&[])).sum()
    };
    let found = [1, 2, 4].map(|prefixes| losses(&stack(prefixes), 1)[0]);
    for (found, prefixes) in found.into_iter().zip([1, 2, 4]) {
        assert!((found - expected(prefixes)).abs() < 1e-5, "{prefixes}: {found}");
    }
    assert!(found[0] < found[1] && found[1] < found[2], "{found:?}");
}

/// A layer of experts.
#[test]
fn priors_of_steps_start_from_what_the_training_cases_show_and_are_trained() {
    const STEP: usize = 4;
    let mut data = waves(40);
    for case in &mut data.cases {
        case.values[2 * STEP] = 200.0 * case.label as f64;
    }
    let stack = r#"{"width": 8, "position": "prior", "layers": [{"token": {"kind": "gru"}}]}"#;
    with_trainer(stack, &data, |mut trainer| {
        let prior = |model: &Model| {
            let values = model.values();
            let (_, prior) = values.into_iter().find(|(name, _)| name == "position.code.prior").unwrap();
            Vec::<f32>::try_from(prior).unwrap()
        };
        let start = prior(&trainer.model);
        // One of two channels is the class there.
        assert!((0.5..0.7).contains(&start[STEP]), "{start:?}");
        assert!(start[..STEP].iter().all(|prior| (0.0..0.3).contains(prior)), "{start:?}");
        assert_eq!(start[20..], vec![0.0; start.len() - 20], "no case has so many steps");
        trainer.epoch(0, &Control::new()).unwrap();
        assert_ne!(prior(&trainer.model)[..STEP], start[..STEP]);
    });
}

fn experts(balance: bool) -> String {
    let channel = format!(r#"{{"kind": "moe", "top": 1, "balance": {balance}}}"#);
    format!(r#"{{"width": 8, "layers": [{{"token": {{"kind": "gru"}}, "channel": {channel}}}]}}"#)
}

#[test]
fn a_balance_is_added_to_the_loss_where_it_is_asked_for() {
    let first = |balance| losses(&experts(balance), 1)[0];
    // Scores start near zero: every expert has its share of the gates, whatever it is asked.
    let added = first(true) - first(false);
    assert!((added - 0.01).abs() < 1e-3, "{added}");
}

#[test]
fn the_balance_alone_balances_the_load_and_knows_nothing_of_what_experts_make() {
    tch::set_num_threads(1);
    let data = waves(40);
    let all: Vec<usize> = (0..40).collect();
    let cases = Cases::new(&data, &all, &Scaler::fit(&data, &all), Device::Cpu);
    let (batch, targets) = cases.batch(&(0..40).collect::<Vec<_>>());
    assert!(batch.mask.is_some());
    let made = |balance| {
        let network = Network::new(&genome(&experts(balance)), task(&data).shape());
        Model::new(&network, 5, KIND, Device::Cpu)
    };
    let (logits, nothing) = made(false).forward_with_penalty(&batch, &targets, None);
    assert!(nothing.is_none());
    let model = made(true);
    assert_eq!(model.forward_with_penalty(&batch, &targets, None).0, logits);

    let named: Vec<_> = model.names().zip(model.parameters()).collect();
    let scores = named.iter().find(|(name, _)| name.ends_with("w_g")).unwrap().1;
    let _ = tch::no_grad(|| scores.shallow_clone().g_mul_scalar_(100.0));
    let penalty = || model.forward_with_penalty(&batch, &targets, None).1.unwrap();
    let before = penalty().double_value(&[]);
    penalty().backward();
    for (name, parameter) in &named {
        let of_experts = name.starts_with("layers.0.channel.mixer") && !name.ends_with("w_g");
        assert_eq!(parameter.grad().defined(), !(of_experts || name.starts_with("head")), "{name}");
    }
    for _ in 0..200 {
        let gradient = Tensor::run_backward(&[penalty()], &[scores], false, false).remove(0);
        let _ = tch::no_grad(|| scores.shallow_clone().subtract_(&(gradient * 20.0)));
    }
    let after = penalty().double_value(&[]);
    assert!(before > 0.018 && after < 0.014, "{before} to {after}");
}

/// Why canonical genomes keep a mask before balanced experts, and no other, where the last step alone is read.
#[test]
fn under_the_last_step_a_mask_trains_something_else_only_through_a_balance() {
    let last_losses = |causal: bool, balance: bool| {
        let token = format!(r#"{{"kind": "attention", "causal": {causal}}}"#);
        let channel = format!(r#"{{"kind": "moe", "balance": {balance}}}"#);
        let layer = format!(r#"{{"token": {token}, "channel": {channel}}}"#);
        losses(&format!(r#"{{"width": 16, "pooling": "last", "layers": [{layer}]}}"#), 5)
    };
    let difference = |balance: bool| {
        let [masked, full] = [true, false].map(|causal| last_losses(causal, balance));
        masked.iter().zip(&full).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
    };
    assert!(difference(false) < 1e-4 && difference(true) > 1e-3, "{}", difference(true));
}

#[test]
fn a_training_repeats_bit_for_bit() {
    let bits = || losses(MIXED, 3).into_iter().map(f64::to_bits).collect::<Vec<_>>();
    assert_eq!(bits(), bits());
    let (folder, service) = (tempfile::tempdir().unwrap(), service(|_| ()));
    let [a, b] = ["a", "b"].map(|name| folder.path().join(name));
    let first = evaluate(&service, &genome(MIXED), 3, a.clone());
    // libtorch's own generator is not asked.
    tch::manual_seed(99);
    assert_eq!(first, evaluate(&service, &genome(MIXED), 3, b.clone()));
    for file in ["summary.json", "fold-0.safetensors", "fold-1.safetensors", "fold-2.safetensors"] {
        assert_eq!(fs::read(a.join(file)).unwrap(), fs::read(b.join(file)).unwrap(), "{file}");
    }
}

#[test]
fn a_lower_fidelity_is_a_prefix_of_a_higher_one() {
    let (short, long) = (losses(SMALL, 2), losses(SMALL, 4));
    assert_eq!(short, long[..10]);
}

#[test]
fn what_is_kept_predicts_what_was_scored() {
    let folder = tempfile::tempdir().unwrap();
    let service = service(|_| ());
    let outcome = evaluate(&service, &genome(MIXED), 6, folder.path().join("a"));
    let summary = summary(&folder.path().join("a"));
    assert_eq!(outcome.steps, summary.folds.iter().map(|fold| fold.steps).sum::<u64>());
    let data = waves(60);
    let splits = Validation::KFold(3).splits(&data.labels(), &data.classes, 0).unwrap();
    for (k, (split, fold)) in splits.iter().zip(&summary.folds).enumerate() {
        let weights = folder.path().join(format!("a/fold-{k}.safetensors"));
        let held = Sequences {
            cases: split.validation.iter().map(|i| data.cases[*i].clone()).collect(),
            ..data.clone()
        };
        let predicted = predict(&service, MIXED, &weights, &held).unwrap();
        for metric in Metric::ALL {
            let score = metric.score(&predicted.probabilities, predicted.classes, &predicted.labels);
            assert!((score - fold.scores.0[metric.name()]).abs() < 1e-6, "{metric} of fold {k}: {score}");
        }
    }
    let accuracy: f64 = summary.folds.iter().map(|fold| fold.scores.0["accuracy"]).sum();
    assert!((outcome.verdict.score("accuracy").unwrap() - accuracy / 3.0).abs() < 1e-12);
}

/// Writes the data as a file and asks for its probabilities.
fn predict(service: &Service, json: &str, weights: &Path, data: &Sequences) -> Result<Predictions, String> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("x.ts");
    fs::write(&file, text(data)).unwrap();
    let request = Request::Predict { genome: genome(json), weights: weights.to_path_buf(), data: file };
    match service.answer(&request, &Control::new())? {
        Reply::Predicted(predictions) => Ok(predictions),
        other => panic!("{other:?}"),
    }
}

/// An evaluation of one epoch that starts from what these left.
fn evaluate_heir(
    service: &Service,
    genome: &Genome,
    parents: &[&Path],
    artifacts: &Path,
) -> Result<Outcome, String> {
    let [parents, artifacts] =
        [parents, &[artifacts]].map(|paths| paths.iter().map(PathBuf::from).collect::<Vec<_>>());
    let request = Request::Evaluate {
        genome: genome.clone(),
        fidelity: 1,
        seed: 12,
        artifacts: artifacts[0].clone(),
        previous: None,
        checkpoint: false,
        parents,
    };
    service.answer(&request, &Control::new()).map(|reply| match reply {
        Reply::Evaluated(outcome) => outcome,
        other => panic!("{other:?}"),
    })
}

#[test]
fn a_child_goes_on_in_every_split_from_what_its_parent_learned_there() {
    let (service, place) = (service(|_| ()), tempfile::tempdir().unwrap());
    let [parent, child, again, alone] =
        ["parent", "child", "again", "alone"].map(|name| place.path().join(name));
    evaluate(&service, &genome(MIXED), 6, parent.clone());
    let heir = genome(MIXED).inheriting(vec![Key(Digest([1; 32]))]);
    let outcome = evaluate_heir(&service, &heir, &[&parent], &child).unwrap();
    assert!(outcome.provenance.contains("100 % of the start inherited"), "{}", outcome.provenance);
    let fresh = evaluate_heir(&service, &genome(MIXED), &[], &alone).unwrap();
    let loss = |outcome: &Outcome| outcome.verdict.score("log_loss").unwrap();
    assert!(loss(&outcome) < 0.9 * loss(&fresh), "{} and {}", loss(&outcome), loss(&fresh));
    assert_eq!(evaluate_heir(&service, &heir, &[&parent], &again).unwrap(), outcome);
    let [of_parent, of_child, of_again] = [&parent, &child, &again].map(|folder| summary(folder));
    assert_eq!(of_child, of_again);
    assert_eq!((of_child.genome.as_ref(), of_child.folds.len()), (Some(&heir), 3));
    for (before, after) in of_parent.folds.iter().zip(&of_child.folds) {
        assert_eq!((after.root, after.inherited, before.inherited), (before.root, 1.0, 0.0));
        assert_ne!(after.weights, before.weights);
    }
    let roots: Vec<_> = of_parent.folds.iter().map(|fold| fold.root.unwrap()).collect();
    assert!(roots[0] != roots[1] && roots[1] != roots[2], "every split has a draw of its own");
    assert!(of_parent.is_whole_in(&parent) && !of_parent.is_whole_in(&child));
}

#[test]
fn siblings_are_averaged_and_a_folder_that_is_missing_is_named() {
    let (service, place) = (service(|_| ()), tempfile::tempdir().unwrap());
    let [parent, a, b, child] = ["parent", "a", "b", "child"].map(|name| place.path().join(name));
    let [key, other] = [1, 2].map(|byte| Key(Digest([byte; 32])));
    evaluate(&service, &genome(SMALL), 2, parent.clone());
    let heir = genome(SMALL).inheriting(vec![key]);
    let mut eager = heir.clone();
    eager.training.learning_rate = 0.01;
    evaluate_heir(&service, &heir, &[&parent], &a).unwrap();
    evaluate_heir(&service, &eager, &[&parent], &b).unwrap();
    let both = genome(SMALL).inheriting(vec![key, other]);
    let outcome = evaluate_heir(&service, &both, &[&a, &b], &child).unwrap();
    assert!(matches!(outcome.verdict, Verdict::Scored(_)), "{outcome:?}");
    let root = |folder: &Path| summary(folder).folds[0].root;
    assert_eq!([root(&a), root(&b), root(&child)], [root(&parent); 3]);
    let error = |parents: &[&Path]| evaluate_heir(&service, &both, parents, &child).unwrap_err();
    assert!(error(&[&a]).contains("inherits from 2 evaluations"), "{}", error(&[&a]));
    assert!(error(&[&a, &place.path().join("nowhere")]).contains("nowhere/summary.json"));
}

#[test]
fn fitting_writes_weights_for_raw_series() {
    let folder = tempfile::tempdir().unwrap();
    let to = folder.path().join("new/model.safetensors");
    let request =
        Request::Fit { genome: genome(SMALL), seed: 1, epochs: 6, to: to.clone(), parents: Vec::new() };
    let service = service(|_| ());
    let Reply::Fitted(outcome) = service.answer(&request, &Control::new()).unwrap() else { panic!() };
    assert_eq!((outcome.verdict.score("accuracy"), outcome.steps), (None, 6 * 8));
    let named = Tensor::read_safetensors(&to).unwrap();
    let shape = |name: &str| named.iter().find(|(other, _)| other == name).unwrap().1.size();
    assert_eq!(
        (shape("input.mean"), shape("input.scale"), shape("head.linear.weight")),
        (vec![2], vec![2], vec![3, 8])
    );
    let predicted = predict(&service, SMALL, &to, &waves(60)).unwrap();
    assert!(predicted.probabilities.chunks(3).all(|row| (row.iter().sum::<f64>() - 1.0).abs() < 1e-12));
    assert_eq!(predicted.labels, waves(60).labels());
}

#[test]
fn weights_that_do_not_fit_are_an_error_that_names_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let service = service(|_| ());
    let to = folder.path().join("w");
    let request =
        Request::Fit { genome: genome(SMALL), seed: 1, epochs: 1, to: to.clone(), parents: Vec::new() };
    service.answer(&request, &Control::new()).unwrap();
    let bytes = fs::read(&to).unwrap();
    for (name, content) in
        [("cut", &bytes[..bytes.len() / 2]), ("empty", &[]), ("text", b"no weights here, none")]
    {
        let path = folder.path().join(name);
        fs::write(&path, content).unwrap();
        let error = predict(&service, SMALL, &path, &waves(6)).unwrap_err();
        assert!(error.contains("unreadable") && error.contains(name), "{error}");
    }
    let error = predict(&service, MIXED, &to, &waves(6)).unwrap_err();
    assert!(error.contains("unreadable"), "{error}");
}

#[test]
fn a_network_that_its_weights_cannot_fill_is_never_made() {
    let folder = tempfile::tempdir().unwrap();
    let weights = folder.path().join("w");
    // Without memory, but as long as 67 million parameters and more.
    fs::File::create(&weights).unwrap().set_len(1 << 40).unwrap();
    let layer = r#"{"token": {"kind": "attention"}, "channel": {"kind": "mlp", "ratio": 4}}"#;
    let huge = format!(r#"{{"width": 4096, "layers": [{}]}}"#, vec![layer; 4096].join(","));
    let error = predict(&service(|_| ()), &huge, &weights, &waves(6)).unwrap_err();
    assert!(error.contains("w unreadable: 1099511627776 bytes do not hold 8"), "{error}");
    fs::write(&weights, [0; 100]).unwrap();
    let error = predict(&service(|_| ()), SMALL, &weights, &waves(6)).unwrap_err();
    assert!(error.contains("w unreadable: 100 bytes do not hold"), "{error}");
}

#[test]
fn numbers_that_leave_the_finite_are_a_verdict_with_the_step() {
    let mut data = waves(60);
    // A spread beyond f64 is left as it is, and beyond f32 it is infinite.
    data.cases[0].values.fill(1e300);
    let service = Service::with_data(task(&data), data).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let outcome = evaluate(&service, &genome(SMALL), 6, folder.path().join("a"));
    assert!(matches!(outcome.verdict, Verdict::Invalid(Reason::NotFinite { .. })), "{outcome:?}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "nothing is left of it");
}

#[test]
fn a_loss_that_is_not_finite_stops_the_training() {
    let stop = with_trainer(SMALL, &waves(40), |mut trainer| {
        trainer.epoch(0, &Control::new()).unwrap();
        let _ = tch::no_grad(|| trainer.model.flat().shallow_clone().fill_(f64::NAN));
        trainer.epoch(1, &Control::new())
    });
    assert_eq!(stop, Err(Stop::NotFinite { step: 6 }));
}

#[test]
fn a_cancelled_training_stops_at_the_next_step() {
    let control = Control::new();
    control.cancel();
    let stop = with_trainer(SMALL, &waves(40), |mut trainer| trainer.epoch(0, &control).map(|_| ()));
    assert_eq!(stop, Err(Stop::Cancelled));
}

#[test]
fn what_is_too_large_is_not_trained() {
    let folder = tempfile::tempdir().unwrap();
    let service = service(|task| task.limits.parameters = 100);
    let outcome = evaluate(&service, &genome(SMALL), 6, folder.path().join("a"));
    assert!(matches!(outcome.verdict, Verdict::Invalid(Reason::TooLarge { limit: 100, .. })), "{outcome:?}");
    assert_eq!(outcome.steps, 0);
}

#[test]
fn other_data_than_the_study_began_with_are_refused() {
    let other = SequenceTask { device: DeviceChoice::Cpu, ..task(&waves(60)) };
    let error = Service::with_data(other, waves(61)).err().unwrap();
    assert!(error.contains("waves.ts has changed"), "{error}");
    let wide = SequenceTask { channels: usize::MAX, ..task(&waves(60)) };
    let poor = SequenceTask { classes: vec!["slow".into()], ..task(&waves(60)) };
    assert!([wide, poor].into_iter().all(|task| Service::with_data(task, waves(60)).is_err()));
}

#[test]
fn epochs_beyond_the_schedule_are_refused() {
    for epochs in [0, 7, u64::MAX] {
        let request = Request::Fit {
            genome: genome(SMALL),
            seed: 0,
            epochs,
            to: "nowhere".into(),
            parents: Vec::new(),
        };
        let error = service(|_| ()).answer(&request, &Control::new()).unwrap_err();
        assert!(error.contains("between 1 and the study's 6"), "{error}");
    }
}
