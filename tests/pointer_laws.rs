//! The laws of networks that point: libtorch computes the definition, told what is right or by its own answers; a position is
//! pointed at once at most; lengths that nobody trained are answered; what can learn a task does.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use evaluator::sequence::{Reply, Request, SequenceTask};
use evaluator::{Control, Outcome};
use hashing::Rng;
use spaces::Space;
use spaces::sequence::math::Matrix;
use spaces::sequence::{Genome, Limits, NamedTensor, Network, Pointed, Pointer, SequenceSpace, Weights};
use tasks::pointing::{Kind as Task, Pointing};
use tasks::{Reason, Scores, Verdict};
use tch::{Device, Kind, Tensor, no_grad};
use torch::{Batch, Model, Service};

const CHANNELS: usize = 2;
const POINTERS: [Pointer; 2] = [Pointer { ends: false }, Pointer { ends: true }];

/// Sees the tokens as a set.
const SET: &str = r#"{"width": 16, "pooling": "none", "layers": [
    {"token": {"kind": "attention"}, "channel": {"kind": "mlp"}}, {"token": {"kind": "attention"}}]}"#;
const ORDERED: &str = r#"{"width": 16, "pooling": "none", "norm": "rms", "layers": [
    {"token": {"kind": "gru"}, "order": "bidirectional"}, {"channel": {"kind": "glu"}}]}"#;

fn genome(json: &str) -> Genome {
    serde_json::from_str(json).unwrap()
}

fn networks() -> Vec<Network> {
    tch::set_num_threads(1);
    let limits = Limits { widths: vec![8, 16], points: true, ..Limits::default() };
    let space = SequenceSpace::new(limits).unwrap();
    let drawn = (0..16).map(|seed| {
        let rng = &mut Rng::named(seed, "pointing", 0);
        let sampled = space.sample(rng);
        (0..seed % 5).fold(sampled, |genome, _| space.mutate(&genome, rng))
    });
    let all = drawn.chain([genome(SET), genome(ORDERED)]).enumerate();
    all.map(|(number, genome)| Network::pointing(&genome, CHANNELS, POINTERS[number % 2])).collect()
}

/// Generic values of a tensor, by its full name.
fn generic(named: &NamedTensor) -> Vec<f64> {
    let mut rng = Rng::named(0, &named.name, 0);
    let (center, spread) = named.tensor.probe;
    (0..named.tensor.len()).map(|_| center + spread * rng.normal()).collect()
}

fn model(network: &Network, kind: Kind) -> Model {
    let shape = |named: &NamedTensor| named.tensor.shape.iter().map(|n| *n as i64).collect::<Vec<_>>();
    let value = |n: &NamedTensor| (n.name.clone(), Tensor::from_slice(&generic(n)).view(shape(n).as_slice()));
    let mut model = Model::new(network, 0, kind, Device::Cpu);
    model.load(&network.tensors().iter().map(value).collect::<Vec<_>>()).unwrap();
    model
}

fn define(network: &Network, cases: &[Matrix], told: Option<&[Vec<usize>]>) -> Vec<Pointed> {
    network.point(cases, told, &mut |group, _| {
        let mut values = group.tensors().into_iter();
        let part = |tensors: &Vec<spaces::sequence::Tensor>| {
            Weights(tensors.iter().map(|t| (t.name, generic(&values.next().unwrap()))).collect())
        };
        group.parts.iter().map(|(_, tensors)| tensors).map(part).collect()
    })
}

fn cases(lengths: &[usize]) -> Vec<Matrix> {
    let case = |(i, length): (usize, &usize)| {
        let mut rng = Rng::named(0, "case", i as u64);
        Matrix::new(*length, CHANNELS, (0..length * CHANNELS).map(|_| rng.normal()).collect())
    };
    lengths.iter().enumerate().map(case).collect()
}

/// Padded to `length` steps with `filler`.
fn batch(cases: &[Matrix], length: usize, filler: f64, kind: Kind) -> Batch {
    let fill = |case: &Matrix| {
        let mut row = case.data.clone();
        row.resize(length * CHANNELS, filler);
        row
    };
    let x: Vec<f64> = cases.iter().flat_map(fill).collect();
    let real = |case: &Matrix| (0..length).map(|t| f64::from(u8::from(t < case.rows))).collect::<Vec<_>>();
    let mask: Vec<f64> = cases.iter().flat_map(real).collect();
    let (count, length) = (cases.len() as i64, length as i64);
    let mask = mask.contains(&0.0).then(|| Tensor::from_slice(&mask).view([count, length]).to_kind(kind));
    let lengths: Vec<i64> = cases.iter().map(|case| case.rows as i64).collect();
    let x = Tensor::from_slice(&x).view([count, length, CHANNELS as i64]).to_kind(kind);
    Batch { x, mask, lengths: Tensor::from_slice(&lengths) }
}

/// Random answers: permutations, cut and with an end where there is one.
fn answers(network: &Network, lengths: &[usize]) -> Vec<Vec<usize>> {
    let mut rng = Rng::named(1, "answers", 0);
    let answer = |length: &usize| {
        let mut positions: Vec<usize> = (0..*length).collect();
        rng.shuffle(&mut positions);
        if network.pointer.unwrap().ends {
            positions.truncate(1 + rng.below(*length));
            positions.push(*length);
        }
        positions
    };
    lengths.iter().map(answer).collect()
}

/// B×T: the end is behind the padding, and what has no step is negative.
fn told(answers: &[Vec<usize>], cases: &[Matrix], length: usize) -> Tensor {
    let longest = answers.iter().map(Vec::len).max().unwrap();
    let row = |(answer, case): (&Vec<usize>, &Matrix)| {
        let column = |at: &usize| if *at == case.rows { length as i64 } else { *at as i64 };
        let mut row: Vec<i64> = answer.iter().map(column).collect();
        row.resize(longest, -1);
        row
    };
    let rows: Vec<i64> = answers.iter().zip(cases).flat_map(row).collect();
    Tensor::from_slice(&rows).view([answers.len() as i64, longest as i64])
}

fn numbers(x: &Tensor) -> Vec<f64> {
    Vec::try_from(x.detach().to_kind(Kind::Double).flatten(0, -1)).unwrap()
}

/// Of the steps of an answer, without the columns of padding.
fn probabilities(scores: &Tensor, case: usize, answer: &Pointed, ends: bool) -> Vec<f64> {
    let rows = scores.get(case as i64).narrow(0, 0, answer.probabilities.rows as i64).softmax(-1, None);
    let tokens = answer.probabilities.columns - usize::from(ends);
    let of_case = |row: &[f64]| [&row[..tokens], &row[row.len() - usize::from(ends)..]].concat();
    numbers(&rows).chunks(scores.size()[2] as usize).flat_map(of_case).collect()
}

fn largest_difference(a: &[f64], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len());
    assert!(a.iter().all(|v| v.is_finite()));
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
}

#[test]
fn libtorch_computes_the_definition_told_and_by_its_own_answers() {
    for network in networks() {
        for (lengths, padded) in [(&[9, 1, 12, 4][..], 14), (&[7, 7], 7), (&[31], 31)] {
            let (cases, ends) = (cases(lengths), network.pointer.unwrap().ends);
            let answers = answers(&network, lengths);
            let expected = [define(&network, &cases, Some(&answers)), define(&network, &cases, None)];
            for (kind, tolerance) in [(Kind::Double, 1e-10), (Kind::Float, 1e-4)] {
                let model = model(&network, kind);
                let batch = batch(&cases, padded, f64::NAN, kind);
                let scores = model.forward_told(&batch, &told(&answers, &cases, padded));
                let own = model.answer(&batch);
                for (case, length) in lengths.iter().enumerate() {
                    let what = format!("{kind:?} {} of {length}", network.genome.summary());
                    for (expected, scores) in expected.iter().zip([&scores, &own.scores]) {
                        let found = probabilities(scores, case, &expected[case], ends);
                        let error = largest_difference(&found, &expected[case].probabilities.data);
                        assert!(error < tolerance, "{what}: {error:e}");
                    }
                    let steps = expected[1][case].positions.len();
                    let positions = numbers(&own.positions.get(case as i64).narrow(0, 0, steps as i64));
                    let expected = expected[1][case].positions.iter();
                    let column = |at: &usize| if at == length { padded as f64 } else { *at as f64 };
                    assert!(positions.into_iter().eq(expected.map(column)), "{what}");
                }
            }
        }
    }
}

#[test]
fn probabilities_sum_to_one_at_every_length_and_are_zero_where_something_was_pointed_at() {
    for network in networks() {
        let cases = cases(&[1, 2, 5, 40]);
        for (answer, case) in define(&network, &cases, None).iter().zip(&cases) {
            let ends = network.pointer.unwrap().ends;
            assert_eq!(answer.probabilities.columns, case.rows + usize::from(ends));
            for (step, before) in answer.positions.iter().enumerate() {
                let row = answer.probabilities.row(step);
                assert!((row.iter().sum::<f64>() - 1.0).abs() < 1e-12 && row.iter().all(|p| *p >= 0.0));
                let pointed: BTreeSet<_> = answer.positions[..step].iter().copied().collect();
                let zeros = (0..row.len()).filter(|at| row[*at] == 0.0).collect();
                assert_eq!(pointed, zeros, "only what was pointed at has nothing");
                assert!(row.iter().all(|p| *p <= row[*before]), "the most probable");
            }
            let distinct: BTreeSet<_> = answer.positions.iter().collect();
            assert_eq!(distinct.len(), answer.positions.len());
            match ends {
                false => assert_eq!(distinct.len(), case.rows),
                true => {
                    let end = answer.positions.iter().position(|at| *at == case.rows);
                    let last = answer.positions.len() - 1;
                    assert!(
                        end == Some(last) || end.is_none() && last == case.rows - 1,
                        "ends once, at last"
                    );
                }
            }
        }
    }
}

#[test]
fn permuting_the_input_of_a_set_permutes_what_is_pointed_at() {
    let case = &cases(&[11])[0];
    let mut order: Vec<usize> = (0..11).collect();
    Rng::named(2, "order", 0).shuffle(&mut order);
    let permuted = Matrix::new(11, CHANNELS, order.iter().flat_map(|at| case.row(*at)).copied().collect());
    for pointer in POINTERS {
        let point = |json: &str, case: &Matrix| {
            let network = Network::pointing(&genome(json), CHANNELS, pointer);
            define(&network, std::slice::from_ref(case), None).swap_remove(0)
        };
        let (plain, other) = (point(SET, case), point(SET, &permuted));
        // Where a token was before.
        let source = |at: &usize| order.get(*at).copied().unwrap_or(11);
        let back: Vec<usize> = other.positions.iter().map(source).collect();
        assert_eq!(plain.positions, back);
        for step in 0..plain.positions.len() {
            for at in 0..other.probabilities.columns {
                let (a, b) = (other.probabilities.at(step, at), plain.probabilities.at(step, source(&at)));
                assert!((a - b).abs() < 1e-12, "{a} {b}");
            }
        }
        let (plain, other) = (point(ORDERED, case), point(ORDERED, &permuted));
        let difference = largest_difference(
            &plain.probabilities.row(0)[..1],
            &[other.probabilities.at(0, order.iter().position(|at| *at == 0).unwrap())],
        );
        assert!(difference > 1e-6, "a recurrence sees an order: {difference:e}");
    }
}

#[test]
fn neither_the_amount_nor_the_content_of_padding_is_seen_and_every_parameter_has_a_gradient() {
    let lengths = [9, 1, 12, 4];
    let cases = cases(&lengths);
    for network in networks() {
        let answers = answers(&network, &lengths);
        let model = model(&network, Kind::Double);
        let run = |length: usize, filler| {
            let batch = batch(&cases, length, filler, Kind::Double);
            let told = told(&answers, &cases, length);
            let scores = model.forward_told(&batch, &told);
            let loss = (0..4).map(|case| {
                let steps = answers[case].len() as i64;
                let rows = scores.get(case as i64).narrow(0, 0, steps);
                let targets = told.get(case as i64).narrow(0, 0, steps).unsqueeze(1);
                -rows.log_softmax(-1, None).gather(1, &targets, false).mean(None)
            });
            let loss = loss.reduce(|a, b| a + b).unwrap();
            let gradients = Tensor::run_backward(&[&loss], model.parameters(), false, false);
            for (name, gradient) in model.names().zip(&gradients) {
                assert!(gradient.defined() && numbers(gradient).iter().all(|v| v.is_finite()), "{name}");
            }
            (loss.double_value(&[]), gradients.iter().flat_map(numbers).collect::<Vec<_>>())
        };
        let expected = run(12, 0.0);
        for (length, filler) in [(12, 1e6), (13, -1e6), (29, f64::NAN)] {
            let found = run(length, filler);
            let scale = expected.1.iter().fold(1e-9, |most: f64, v| most.max(v.abs()));
            let errors = [(found.0 - expected.0).abs(), largest_difference(&found.1, &expected.1) / scale];
            assert!(errors.iter().all(|e| *e < 1e-9), "{}: {errors:?}", network.genome.summary());
        }
    }
}

#[test]
fn parameters_and_multiply_adds_are_counted() {
    for (pointer, steps) in POINTERS.into_iter().zip([10, 11]) {
        let network = |width| {
            let json = format!(r#"{{"width": {width}, "pooling": "none"}}"#);
            Network::pointing(&genome(&json), CHANNELS, pointer)
        };
        let (w, end) = (16, u64::from(pointer.ends));
        // Embedding, norm; start, end and v; two matrices; the cell.
        let expected = 3 * w + 2 * w + (2 + end) * w + 2 * w * w + 6 * w * w + 6 * w;
        assert_eq!(network(16).parameters(), expected);
        assert_eq!(model(&network(16), Kind::Float).flat().numel() as u64, expected);
        let multiply_adds = 10 * 2 * w + 8 * w * w * steps + steps * steps * w;
        assert_eq!(network(16).multiply_adds(10), multiply_adds);
    }
}

/// A few short cases.
fn tiny(task: Task) -> Pointing {
    let (training, epoch) = (4_000, 1_000);
    Pointing { shortest: 3, longest: 4, training, epoch, validation: 64, test: 128, ..task.small() }
}

fn service(task: Task) -> Service {
    tch::set_num_threads(1);
    let task = SequenceTask { epochs: 4, batch_size: 16, ..SequenceTask::of_pointing(tiny(task)) };
    Service::new(task).unwrap()
}

fn evaluate(
    service: &Service,
    json: &str,
    fidelity: u64,
    artifacts: &Path,
    previous: Option<&Path>,
) -> Outcome {
    let request = Request::Evaluate {
        parents: Vec::new(),
        genome: genome(json),
        fidelity,
        seed: 3,
        artifacts: artifacts.to_path_buf(),
        previous: previous.map(Path::to_path_buf),
        checkpoint: fidelity < 4,
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

const LEARNER: &str = r#"{"width": 32, "pooling": "none", "training": {"learning_rate": 0.01}, "layers": [
    {"token": {"kind": "gru"}, "channel": {"kind": "mlp"}}]}"#;

#[test]
fn sorting_is_learned_repeats_bit_for_bit_and_goes_on_from_a_lower_fidelity() {
    let (service, place) = (service(Task::Sort), tempfile::tempdir().unwrap());
    let [low, whole, parts] = ["low", "whole", "parts"].map(|name| place.path().join(name));
    evaluate(&service, LEARNER, 2, &low, None);
    let first = evaluate(&service, LEARNER, 4, &whole, None);
    let continued = evaluate(&service, LEARNER, 4, &parts, Some(&low));
    assert!(continued.provenance.contains("continued from epoch 2"), "{continued:?}");
    assert_eq!(Outcome { provenance: first.provenance.clone(), ..continued }, first);
    let learned = scores(&first.verdict);
    let names = [
        "accuracy",
        "accuracy_at_2x",
        "best_epoch",
        "log_loss",
        "sequence_accuracy",
        "sequence_accuracy_at_2x",
    ];
    assert!(learned.keys().eq(names.iter()), "{learned:?}");
    // Chance is 1/4 of the positions, and 1/24 of the cases.
    assert!(learned["accuracy"] > 0.8 && learned["sequence_accuracy"] > 0.5, "{learned:?}");

    let test = |artifacts: &Path| {
        let request =
            Request::Test { genome: genome(LEARNER), artifacts: artifacts.to_path_buf(), data: None };
        service.answer(&request, &Control::new())
    };
    let Reply::Tested(Scores(tested)) = test(&whole).unwrap() else { panic!() };
    assert!((tested["accuracy"] - learned["accuracy"]).abs() < 0.1, "{tested:?}");
    assert_ne!(tested["log_loss"], learned["log_loss"], "other cases");
    assert!(tested.len() == learned.len() - 1, "all but the epoch: {tested:?}");
    assert!(test(place.path()).unwrap_err().contains("fold-0.safetensors"));
}

#[test]
fn hulls_have_an_area_and_begin_to_be_learned() {
    let place = tempfile::tempdir().unwrap();
    let outcome = evaluate(&service(Task::ConvexHull), LEARNER, 4, &place.path().join("a"), None);
    let learned = scores(&outcome.verdict);
    assert!(learned["accuracy"] > 0.5 && learned["area"] > 0.5, "{learned:?}");
    assert!((0.0..=1.0).contains(&learned["area_at_2x"]) && learned["area"] <= 1.0, "{learned:?}");
}

#[test]
fn a_stack_without_a_token_for_each_is_refused_untrained() {
    let (service, place) = (service(Task::Sort), tempfile::tempdir().unwrap());
    for json in ["{}", r#"{"pooling": "none", "layout": "grid"}"#] {
        let outcome = evaluate(&service, json, 1, &place.path().join("a"), None);
        assert!(matches!(outcome.verdict, Verdict::Invalid(Reason::Malformed { .. })), "{outcome:?}");
        assert_eq!(outcome.steps, 0);
    }
    let measure = Request::Measure { genome: genome(SET) };
    let Reply::Measured(measured) = service.answer(&measure, &Control::new()).unwrap() else { panic!() };
    assert!(measured.costs["latency_1_ms"] > 0.0, "{measured:?}");
}

#[test]
fn dropout_and_penalties_reach_a_network_that_points() {
    let json =
        r#"{"width": 16, "pooling": "none", "layers": [{"channel": {"kind": "moe", "balance": true}}]}"#;
    let network = Network::pointing(&genome(json), CHANNELS, POINTERS[1]);
    let (model, cases) = (model(&network, Kind::Float), cases(&[6]));
    let (batch, told) = (batch(&cases, 6, 0.0, Kind::Float), told(&[vec![2, 0, 6]], &cases, 6));
    let (scores, penalty) = no_grad(|| model.forward_with_penalty(&batch, &told, None));
    assert!(penalty.is_some());
    assert_eq!(numbers(&scores[0]), numbers(&no_grad(|| model.forward_told(&batch, &told))));
}
