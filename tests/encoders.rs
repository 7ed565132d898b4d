//! The laws of what an encoder scores beside its head: the nearest class mean is a linear head that nobody trained, of the
//! training part alone; a prefix is scored by its width.

#[path = "common/waves.rs"]
mod waves;

use std::fs;
use std::path::Path;

use evaluator::Control;
use evaluator::sequence::{Reply, Request};
use spaces::sequence::{Genome, Network, Pooling};
use tasks::{Metric, Scaler, Scores, Sequences, Validation};
use tch::{Device, Kind, Tensor};
use torch::data::{Cases, KIND};
use torch::{Model, Service, nearness};
use waves::{genome, service, summary, task, text, waves};

fn stack(more: &str) -> Genome {
    genome(&format!(r#"{{"width": 16, "layers": [{{"token": {{"kind": "gru"}}}}]{more}}}"#))
}

fn model(data: &Sequences, genome: &Genome) -> Model {
    tch::set_num_threads(1);
    Model::new(&Network::new(genome, task(data).shape()), 5, KIND, Device::Cpu)
}

fn cases(data: &Sequences, indices: &[usize]) -> Cases {
    let all: Vec<usize> = (0..data.cases.len()).collect();
    Cases::new(data, indices, &Scaler::fit(data, &all), Device::Cpu)
}

/// What the head reads of each case, alone and hence without padding.
fn features(model: &Model, cases: &Cases) -> Vec<Vec<f64>> {
    let of = |case| model.features(&cases.batch(&[case]).0).detach().to_kind(Kind::Double).squeeze_dim(0);
    (0..cases.len() as i64).map(|case| Vec::try_from(of(case)).unwrap()).collect()
}

/// ‖f − μ_c‖² for every case and class, from the definition.
fn distances(model: &Model, train: &Cases, cases: &Cases) -> Vec<Vec<f64>> {
    let known = features(model, train);
    let mean = |class: usize| -> Vec<f64> {
        let members: Vec<_> =
            known.iter().zip(train.labels()).filter(|(_, label)| **label == class).map(|(f, _)| f).collect();
        (0..known[0].len())
            .map(|d| members.iter().map(|f| f[d]).sum::<f64>() / members.len() as f64)
            .collect()
    };
    let means: Vec<_> = (0..train.classes()).map(mean).collect();
    let distance = |f: &[f64], mean: &[f64]| f.iter().zip(mean).map(|(f, m)| (f - m) * (f - m)).sum();
    let of = |f: &Vec<f64>| means.iter().map(|mean| distance(f, mean)).collect();
    features(model, cases).iter().map(of).collect()
}

/// Accuracy of the class at the least distance.
fn accuracy(distances: &[Vec<f64>], cases: &Cases) -> f64 {
    let nearness: Vec<f64> = distances.iter().flatten().map(|distance| -distance).collect();
    Metric::Accuracy.score(&nearness, cases.classes(), cases.labels())
}

#[test]
fn the_nearest_mean_is_a_linear_head_with_the_mean_for_weights() {
    let data = waves(60);
    let [train, others] = [0..40, 40..60].map(|range| cases(&data, &range.collect::<Vec<_>>()));
    for more in ["", r#", "pooling": "step-mean""#, r#", "pooling": "attention", "layout": "grid""#] {
        let model = model(&data, &stack(more));
        let expected = distances(&model, &train, &others);
        let found = nearness(&model, &train, &others);
        for ((found, expected), f) in found.chunks(3).zip(&expected).zip(features(&model, &others)) {
            let square: f64 = f.iter().map(|f| f * f).sum();
            for (nearness, distance) in found.iter().zip(expected) {
                assert!((square - 2.0 * nearness - distance).abs() < 1e-4, "{more}: {nearness} {distance}");
            }
        }
    }
}

#[test]
fn the_order_of_the_classes_does_not_count() {
    let data = waves(60);
    let mut turned = data.clone();
    turned.classes.rotate_left(1);
    turned.cases.iter_mut().for_each(|case| case.label = (case.label + 2) % 3);
    let [train, others] = [0..40, 40..60].map(|range| range.collect::<Vec<_>>());
    let of =
        |data: &Sequences| nearness(&model(data, &stack("")), &cases(data, &train), &cases(data, &others));
    let (plain, turned) = (of(&data), of(&turned));
    for (plain, turned) in plain.chunks(3).zip(turned.chunks(3)) {
        assert_eq!(plain, [turned[2], turned[0], turned[1]]);
    }
}

#[test]
fn a_class_without_a_training_case_is_never_the_nearest() {
    let data = waves(60);
    let known: Vec<usize> = (0..60).filter(|i| data.cases[*i].label != 1).collect();
    let found = nearness(&model(&data, &stack("")), &cases(&data, &known), &cases(&data, &[0, 1, 2]));
    for row in found.chunks(3) {
        assert!(row[1] == f64::NEG_INFINITY && row[0].is_finite() && row[2].is_finite(), "{row:?}");
    }
}

#[test]
fn padding_is_not_read() {
    let data = waves(60);
    let all: Vec<i64> = (0..60).collect();
    for pooling in Pooling::ALL {
        let model = model(&data, &Genome { pooling, ..stack("") });
        let cases = cases(&data, &(0..60).collect::<Vec<_>>());
        let together = model.features(&cases.batch(&all).0).to_kind(Kind::Double);
        let alone: Vec<f64> = features(&model, &cases).concat();
        let difference = (together.flatten(0, -1) - Tensor::from_slice(&alone)).abs().max().double_value(&[]);
        assert!(difference < 1e-5, "{pooling:?}: {difference}");
    }
}

fn evaluate(service: &Service, genome: &Genome, fidelity: u64, artifacts: &Path) -> Scores {
    let request = Request::Evaluate {
        genome: genome.clone(),
        fidelity,
        seed: 11,
        artifacts: artifacts.to_path_buf(),
        previous: None,
        parents: Vec::new(),
        checkpoint: false,
    };
    let Reply::Evaluated(outcome) = service.answer(&request, &Control::new()).unwrap() else { panic!() };
    match outcome.verdict {
        tasks::Verdict::Scored(scores) => scores,
        other => panic!("{other:?}"),
    }
}

/// The model of weights that were kept, and cases as it takes them.
fn kept(data: &Sequences, genome: &Genome, weights: &Path, indices: &[&[usize]]) -> (Model, Vec<Cases>) {
    let mut model = model(data, genome);
    let scaler = torch::weights::read(&mut model, data.channels, weights).unwrap();
    let cases = indices.iter().map(|indices| Cases::new(data, indices, &scaler, Device::Cpu)).collect();
    (model, cases)
}

#[test]
fn means_are_those_of_the_cases_that_were_trained_on() {
    let (folder, service, data) = (tempfile::tempdir().unwrap(), service(|_| ()), waves(60));
    let (genome, artifacts) = (stack(""), folder.path().join("a"));
    let scores = evaluate(&service, &genome, 6, &artifacts);
    let splits = Validation::KFold(3).splits(&data.labels(), &data.classes, 0).unwrap();
    let mut sum = 0.0;
    for (k, (split, fold)) in splits.iter().zip(&summary(&artifacts).folds).enumerate() {
        let weights = artifacts.join(format!("fold-{k}.safetensors"));
        let (model, cases) = kept(&data, &genome, &weights, &[&split.train, &split.validation]);
        let expected = accuracy(&distances(&model, &cases[0], &cases[1]), &cases[1]);
        assert_eq!(fold.scores.0["nearest_mean_accuracy"], expected, "fold {k}");
        sum += expected;
    }
    assert!((scores.0["nearest_mean_accuracy"] - sum / 3.0).abs() < 1e-12);

    // On cases from elsewhere: of the split, or of all training cases.
    let others = Sequences { cases: waves(150).cases.split_off(60), ..data.clone() };
    let file = folder.path().join("others.ts");
    fs::write(&file, text(&others)).unwrap();
    let weights = artifacts.join("fold-0.safetensors");
    let asked = |split| {
        let (genome, weights, data) = (genome.clone(), weights.clone(), file.clone());
        service.answer(&Request::Encoder { genome, weights, split, data }, &Control::new())
    };
    let all: Vec<usize> = (0..60).collect();
    let read = Sequences::read_like(&file, &data).unwrap();
    for (split, trained) in [(Some(0), &splits[0].train), (None, &all)] {
        let Reply::Tested(found) = asked(split).unwrap() else { panic!() };
        let (model, cases) = kept(&data, &genome, &weights, &[trained]);
        let (_, tested) = kept(&read, &genome, &weights, &[&(0..90).collect::<Vec<_>>()]);
        let expected = accuracy(&distances(&model, &cases[0], &tested[0]), &tested[0]);
        assert_eq!(found.0, [("nearest_mean_accuracy".to_string(), expected)].into(), "{split:?}");
    }
    assert!(asked(Some(3)).unwrap_err().contains("no split 3"));
}

#[test]
fn every_prefix_is_scored_by_its_width_and_learns() {
    let nested = |prefixes: usize| stack(&format!(r#", "training": {{"prefixes": {prefixes}}}"#));
    let (folder, service) = (tempfile::tempdir().unwrap(), service(|task| task.epochs = 40));
    let artifacts = folder.path().join("nested");
    let scores = evaluate(&service, &nested(4), 40, &artifacts);
    let by_prefix = |scores: &Scores| {
        let names = scores.0.keys().filter(|name| name.starts_with("accuracy_at_"));
        names.cloned().collect::<Vec<_>>()
    };
    assert_eq!(by_prefix(&scores), ["accuracy_at_2", "accuracy_at_4", "accuracy_at_8"]);
    // A third is chance.
    assert!(by_prefix(&scores).iter().all(|name| scores.0[name] > 0.5), "{scores:?}");
    assert_eq!(by_prefix(&evaluate(&service, &nested(1), 2, &folder.path().join("plain"))), [""; 0]);

    // What is scored is the model whose other weights are zero.
    let data = waves(60);
    let split = &Validation::KFold(3).splits(&data.labels(), &data.classes, 0).unwrap()[0];
    let weights = artifacts.join("fold-0.safetensors");
    let (model, cases) = kept(&data, &nested(4), &weights, &[&split.validation]);
    let head = model.names().position(|name| name == "head.linear.weight").unwrap();
    for prefix in [8, 4, 2] {
        let _ = tch::no_grad(|| model.parameters()[head].narrow(1, prefix, 16 - prefix).zero_());
        let probabilities = torch::train::predict(&model, &cases[0]);
        let expected = Metric::Accuracy.score(&probabilities, 3, cases[0].labels());
        assert_eq!(summary(&artifacts).folds[0].scores.0[&format!("accuracy_at_{prefix}")], expected);
    }
}
