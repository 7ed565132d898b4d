//! The libtorch form of perceptrons: equal to the `f64` definition in values and slopes, trained alike every time.

#[path = "common/people.rs"]
mod people;

use std::fs;
use std::path::Path;

use evaluator::conformance::{judges_what_cannot_work, keeps_the_laws};
use evaluator::sequence::{SizeLimits, Summary};
use evaluator::tabular::{Choices, TableEvaluator, TableTask, VERSION};
use evaluator::{Control, Evaluator, Job, Limits, Retried};
use hashing::{Fidelity, Rng};
use people::people;
use spaces::mlp::{Activation, Genome, Inputs, Network, Norm, Shape, TABLE};
use spaces::sequence::math::Matrix;
use tasks::Verdict;
use tch::{Device, Kind, Tensor};
use tempfile::TempDir;
use torch::tabular::{Mlp, Rows};

const ROWS: usize = 7;

fn genomes() -> Vec<Genome> {
    let mut all = vec![Genome { depth: 0, ..Genome::default() }];
    for activation in Activation::ALL {
        for norm in Norm::ALL {
            for (depth, residual) in [(1, false), (3, false), (3, true)] {
                let genome = Genome { depth, residual, activation, norm, width: 16, ..Genome::default() };
                all.push(Genome { embedding: 3, ..genome });
            }
        }
    }
    all
}

fn shapes() -> [Shape; 3] {
    let shape = |numbers, flags, values: &[usize], outputs| Shape {
        numbers,
        flags,
        values: values.to_vec(),
        outputs,
    };
    [shape(2, 1, &[4, 3], 3), shape(3, 0, &[], 1), shape(0, 0, &[5], 2)]
}

fn inputs(shape: &Shape) -> Inputs {
    let mut rng = Rng::named(3, "inputs", 0);
    let width = shape.numbers + shape.flags;
    let numbers = Matrix::new(ROWS, width, (0..ROWS * width).map(|_| rng.normal()).collect());
    let codes = (0..ROWS)
        .flat_map(|row| shape.values.iter().map(move |values| (3 * row + 1) % values).collect::<Vec<_>>());
    Inputs { numbers, codes: codes.collect() }
}

fn rows(inputs: &Inputs, shape: &Shape) -> Rows {
    let codes: Vec<i64> = inputs.codes.iter().map(|code| *code as i64).collect();
    Rows {
        numbers: Tensor::from_slice(&inputs.numbers.data).view([ROWS as i64, inputs.numbers.columns as i64]),
        codes: Tensor::from_slice(&codes).view([ROWS as i64, shape.values.len() as i64]),
        truths: Tensor::zeros([ROWS as i64], (Kind::Int64, Device::Cpu)),
    }
}

/// Values of every parameter, generic ones.
fn values(network: &Network) -> Vec<(String, Vec<f64>)> {
    let generic = |named: spaces::sequence::NamedTensor| {
        let mut rng = Rng::named(9, &named.name, 0);
        let (center, spread) = named.tensor.probe;
        let values = (0..named.tensor.len()).map(|_| center + spread * rng.normal()).collect();
        (named.name, values)
    };
    network.tensors().into_iter().map(generic).collect()
}

fn definition(network: &Network, inputs: &Inputs, values: &[(String, Vec<f64>)]) -> Vec<f64> {
    let of = |name: &str| values.iter().find(|(known, _)| known == name).unwrap().1.clone();
    let y = network.forward(inputs, &mut |asked| match asked {
        None => vec![of(TABLE)],
        Some((layer, _)) => {
            let tensors = network.tensors_of(layer);
            tensors.iter().map(|tensor| of(&format!("{}.{}", layer.name, tensor.name))).collect()
        }
    });
    y.data
}

fn model(network: &Network, values: &[(String, Vec<f64>)]) -> Mlp {
    let mut model = Mlp::new(network, 0, Kind::Double, Device::Cpu);
    let shaped = network.tensors().into_iter().zip(values).map(|(named, (name, values))| {
        let shape: Vec<i64> = named.tensor.shape.iter().map(|extent| *extent as i64).collect();
        (name.clone(), Tensor::from_slice(values).view(shape.as_slice()))
    });
    model.tensors.load(&shaped.collect::<Vec<_>>()).unwrap();
    model
}

#[test]
fn the_libtorch_form_computes_what_the_definition_computes() {
    for shape in shapes() {
        let inputs = inputs(&shape);
        for genome in genomes() {
            let network = Network::new(&genome, &shape);
            let values = values(&network);
            let expected = definition(&network, &inputs, &values);
            let said = model(&network, &values).forward(&rows(&inputs, &shape), None);
            assert_eq!(said.size(), [ROWS as i64, shape.outputs as i64]);
            let said: Vec<f64> = said.flatten(0, -1).try_into().unwrap();
            let off = said.iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
            assert!(off < 1e-12, "{genome:?} over {shape:?}: {off:e}");
        }
    }
}

/// Of the sum of the squares of all outputs, against differences of the definition.
#[test]
fn its_slopes_are_those_of_the_definition() {
    let shape = &shapes()[0];
    let inputs = inputs(shape);
    for genome in genomes() {
        let network = Network::new(&genome, shape);
        let values = values(&network);
        let model = model(&network, &values);
        let loss = model.forward(&rows(&inputs, shape), None).square().sum(Kind::Double);
        let slopes = Tensor::run_backward(&[loss], model.tensors.leaves(), false, false);
        let loss_of = |values: &[(String, Vec<f64>)]| -> f64 {
            definition(&network, &inputs, values).iter().map(|y| y * y).sum()
        };
        for (number, slope) in slopes.iter().enumerate() {
            let slope: Vec<f64> = slope.flatten(0, -1).try_into().unwrap();
            let place = (7 * number + 2) % slope.len();
            let moved = |step: f64| {
                let mut values = values.clone();
                values[number].1[place] += step;
                loss_of(&values)
            };
            let expected = (moved(1e-6) - moved(-1e-6)) / 2e-6;
            let off = (slope[place] - expected).abs() / (1.0 + expected.abs());
            assert!(off < 1e-5, "{} of {genome:?}: {} {expected}", values[number].0, slope[place]);
        }
    }
}

#[test]
fn words_that_were_never_seen_start_as_nothing() {
    let network = Network::new(&Genome::default(), &shapes()[0]);
    let model = Mlp::new(&network, 1, Kind::Double, Device::Cpu);
    let table = model.tensors.leaf(TABLE);
    let size = |row: i64| table.select(0, row).abs().sum(Kind::Double).double_value(&[]);
    assert_eq!([size(0), size(4)], [0.0, 0.0]);
    assert!([1, 2, 3, 5, 6].iter().all(|row| size(*row) > 0.1));
}

/// A task over a small table, and the folder that it lies in.
fn task(target: &str, change: impl Fn(&mut TableTask)) -> (TempDir, TableTask) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("people.csv");
    fs::write(&file, people(5, 400)).unwrap();
    let ignored = ["pay", "y", "store", "day"].into_iter().filter(|name| *name != target).map(String::from);
    let choices = Choices { target: target.into(), ignored: ignored.collect(), ..Choices::default() };
    let frame = choices.read(&file).unwrap();
    let mut task = TableTask::of(&frame, &file, &choices).unwrap();
    (task.epochs, task.validation) = (3, "0.25".parse().unwrap());
    change(&mut task);
    (folder, task)
}

fn scores(task: &TableTask, genome: &Genome, artifacts: &Path) -> std::collections::BTreeMap<String, f64> {
    let evaluator = TableEvaluator::start(task.clone(), 1, Limits::default()).unwrap();
    let control = Control::new();
    let job = Job {
        fidelity: Fidelity(task.epochs),
        seed: 5,
        artifacts,
        previous: None,
        parents: &[],
        control: &control,
    };
    match evaluator.evaluate(genome, &job).unwrap().verdict {
        Verdict::Scored(scores) => scores.0,
        invalid @ Verdict::Invalid(_) => panic!("{invalid:?}"),
    }
}

/// Losses of validation after three epochs, of classes and of numbers.
const PINNED: [f64; 2] = [0.4449347456070771, 192.97024840875594];

#[test]
fn what_training_comes_to_is_pinned() {
    let genome = Genome { norm: Norm::Layer, residual: true, width: 16, ..Genome::default() };
    let genome = Genome { training: spaces::mlp::Training { dropout: 0.1, ..genome.training }, ..genome };
    let found = [("y", "log_loss"), ("pay", "rmse")].map(|(target, loss)| {
        let (folder, task) = task(target, |_| ());
        let artifacts = folder.path().join("artifacts");
        let found = scores(&task, &genome, &artifacts);
        let summary = Summary::<Genome>::read(&artifacts).unwrap();
        assert_eq!((summary.genome.as_ref(), summary.folds.len()), (Some(&genome), 1));
        assert_eq!(found, scores(&task, &genome, &artifacts), "a training repeats bit for bit");
        found[loss]
    });
    let moved = found.iter().zip(PINNED).any(|(found, pinned)| (found / pinned - 1.0).abs() > 1e-4);
    assert!(
        !moved,
        "the losses are {found:?}, of version {VERSION} they are {PINNED:?}: training has changed; raise \
         tabular::VERSION, and pin the new losses"
    );
}

#[test]
fn evaluators_of_tables_keep_the_laws() {
    let (_folder, task) = task("y", |task| task.validation = "kfold:2".parse().unwrap());
    let fresh = || TableEvaluator::start(task.clone(), 2, Limits::default()).unwrap();
    let genomes = [Genome::default(), Genome { depth: 0, ..Genome::default() }];
    keeps_the_laws(fresh, &genomes);
    keeps_the_laws(|| Retried(fresh()), &genomes[..1]);
    let limits = SizeLimits { parameters: 2000, ..SizeLimits::default() };
    let small = TableEvaluator::start(TableTask { limits, ..task.clone() }, 1, Limits::default()).unwrap();
    judges_what_cannot_work(&small, &[Genome { width: 256, ..Genome::default() }], &genomes[1]);
}

#[test]
fn a_table_that_has_changed_is_refused() {
    let (folder, task) = task("y", |_| ());
    fs::write(folder.path().join("people.csv"), people(6, 400)).unwrap();
    let error = TableEvaluator::start(task, 1, Limits::default()).unwrap_err().to_string();
    assert!(error.contains("people.csv has changed") && error.contains("restore it"), "{error}");
}
