//! The laws of blocks, over every listed block and every choice of every gene, one at a time: the libtorch form is
//! the definition, in values and gradients, and both keep the promises of [`Block`] and [`TorchBlock`].

use hashing::Rng;
use spaces::sequence::math::Matrix;
use spaces::sequence::{Block, Gene, Mixer, Place, Settings, Weights, blocks};
use tch::{Kind, Tensor};
use torch::blocks::{ALL, TorchBlock, TorchWeights, find};

/// Tokens of a step, where a grid is asked for.
const COLUMNS: [usize; 3] = [1, 2, 3];

/// From sequence to sequence.
type Map<'a> = Box<dyn Fn(&Matrix) -> Matrix + 'a>;

/// Settings drawn for every block that has several genes.
const DRAWN: u64 = 4;

/// A block with settings.
struct Subject {
    block: &'static dyn Block,
    form: &'static dyn TorchBlock,
    settings: Settings,
}

/// Every block with the default of every gene, then with every other choice of one gene, then with choices drawn.
fn subjects() -> Vec<Subject> {
    tch::set_num_threads(1);
    blocks::ALL.iter().copied().flat_map(subjects_of).collect()
}

fn subjects_of(block: &'static dyn Block) -> Vec<Subject> {
    let form = find(block.place(), block.name()).expect("a libtorch form");
    let default = Mixer::of(block).settings;
    let mut all = vec![default.clone()];
    for gene in block.genes() {
        for choice in &gene.choices[1..] {
            let mut settings = default.clone();
            settings.0.insert(gene.name.into(), choice.clone());
            all.push(settings);
        }
    }
    if block.genes().len() > 1 {
        all.extend((0..DRAWN).map(|number| {
            let mut rng = Rng::named(0, block.name(), number);
            let chosen = |gene: Gene| (gene.name.to_string(), rng.choose(&gene.choices).clone());
            Settings(block.genes().into_iter().map(chosen).collect())
        }));
    }
    all.into_iter().map(|settings| Subject { block, form, settings }).collect()
}

impl Subject {
    fn name(&self) -> String {
        format!("{} {} {:?}", self.block.place(), self.block.name(), self.settings.0)
    }

    /// Generic values, as the probe draws them.
    fn weights(&self, width: usize) -> Weights {
        let tensors = self.block.tensors(&self.settings, width);
        let values = tensors.iter().map(|tensor| {
            let mut rng = Rng::named(0, tensor.name, width as u64);
            let (center, spread) = tensor.probe;
            (tensor.name, (0..tensor.len()).map(|_| center + spread * rng.normal()).collect())
        });
        Weights(values.collect())
    }

    /// Leaves of this kind, in the order in which the block lists its tensors, and the same by name.
    fn leaves(&self, weights: &Weights, width: usize, kind: Kind) -> (Vec<Tensor>, TorchWeights) {
        let tensors = self.block.tensors(&self.settings, width);
        let leaf = |tensor: &spaces::sequence::Tensor| {
            let shape: Vec<i64> = tensor.shape.iter().map(|n| *n as i64).collect();
            let values = Tensor::from_slice(&weights[tensor.name]).view(shape.as_slice()).to_kind(kind);
            values.set_requires_grad(true)
        };
        let leaves: Vec<_> = tensors.iter().map(leaf).collect();
        let by_name = tensors.iter().zip(&leaves).map(|(tensor, leaf)| (tensor.name, leaf.shallow_clone()));
        let by_name = TorchWeights(by_name.collect());
        (leaves, by_name)
    }

    /// The libtorch form of one sequence, without padding.
    fn run(&self, weights: &Weights, x: &Matrix, kind: Kind) -> Matrix {
        let (_, weights) = self.leaves(weights, x.columns, kind);
        matrix(&self.form.forward(&self.settings, &weights, &batch_of_one(x, kind), None).squeeze_dim(0))
    }

    /// The same on a grid.
    fn run_grid(&self, weights: &Weights, x: &Matrix, kind: Kind, columns: usize) -> Matrix {
        let (_, weights) = self.leaves(weights, x.columns, kind);
        let x = batch_of_one(x, kind);
        matrix(&self.form.forward_grid(&self.settings, &weights, &x, None, columns as i64).squeeze_dim(0))
    }

    fn define_grid(&self, weights: &Weights, x: &Matrix, columns: usize) -> Matrix {
        self.block.forward_grid(&self.settings, weights, x, columns)
    }

    fn define(&self, weights: &Weights, x: &Matrix) -> Matrix {
        self.block.forward(&self.settings, weights, x)
    }

    /// Definition and libtorch form as functions of x alone.
    fn both<'a>(&'a self, weights: &'a Weights) -> [Map<'a>; 2] {
        [Box::new(|x| self.define(weights, x)), Box::new(|x| self.run(weights, x, Kind::Double))]
    }
}

fn drawn(name: &str, rows: usize, columns: usize) -> Matrix {
    let mut rng = Rng::named(0, name, (rows * columns) as u64);
    Matrix::new(rows, columns, (0..rows * columns).map(|_| rng.normal()).collect())
}

fn batch_of_one(x: &Matrix, kind: Kind) -> Tensor {
    Tensor::from_slice(&x.data).view([1, x.rows as i64, x.columns as i64]).to_kind(kind)
}

fn matrix(x: &Tensor) -> Matrix {
    let (rows, columns) = x.size2().unwrap();
    Matrix::new(rows as usize, columns as usize, numbers(x))
}

fn numbers(x: &Tensor) -> Vec<f64> {
    Vec::try_from(x.detach().to_kind(Kind::Double).flatten(0, -1)).unwrap()
}

fn largest(values: &[f64]) -> f64 {
    values.iter().fold(0.0, |most, v| most.max(v.abs()))
}

/// The largest difference, relative to the largest expected value.
fn error(found: &[f64], expected: &[f64]) -> f64 {
    assert_eq!(found.len(), expected.len());
    assert!(found.iter().all(|v| v.is_finite()));
    let differences: Vec<f64> = found.iter().zip(expected).map(|(f, e)| f - e).collect();
    largest(&differences) / largest(expected).max(f64::MIN_POSITIVE)
}

#[test]
fn every_listed_block_has_a_libtorch_form() {
    let listed = blocks::ALL.iter().map(|block| (block.place(), block.name()));
    assert!(ALL.iter().map(|(place, name, _)| (*place, *name)).eq(listed));
}

#[test]
fn libtorch_computes_the_definition() {
    for subject in subjects() {
        for (length, width) in [(1, 8), (13, 24), (40, 16), (200, 8)] {
            let (x, weights) = (drawn("x", length, width), subject.weights(width));
            let expected = subject.define(&weights, &x);
            for (kind, tolerance) in [(Kind::Double, 1e-10), (Kind::Float, 1e-5)] {
                let found = subject.run(&weights, &x, kind);
                assert_eq!((found.rows, found.columns), (length, width), "{}", subject.name());
                let error = error(&found.data, &expected.data);
                assert!(error < tolerance, "{} {kind:?} {length}×{width}: {error:e}", subject.name());
            }
        }
    }
}

#[test]
fn on_a_grid_libtorch_computes_the_definition() {
    for subject in subjects() {
        // One step of several columns, more columns than steps, more steps than columns.
        for (rows, columns) in [(1, 5), (3, 5), (9, 2), (40, 3)] {
            let (x, weights) = (drawn("x", rows * columns, 16), subject.weights(16));
            let expected = subject.define_grid(&weights, &x, columns);
            for (kind, tolerance) in [(Kind::Double, 1e-10), (Kind::Float, 1e-5)] {
                let error = error(&subject.run_grid(&weights, &x, kind, columns).data, &expected.data);
                assert!(error < tolerance, "{} {kind:?} {rows}×{columns}: {error:e}", subject.name());
            }
        }
    }
}

#[test]
fn columns_matter_exactly_where_a_block_knows_the_grid() {
    for subject in subjects() {
        let (x, weights) = (drawn("x", 12, 16), subject.weights(16));
        for columns in COLUMNS {
            let plain = subject.define(&weights, &x);
            let error = error(&subject.define_grid(&weights, &x, columns).data, &plain.data);
            if columns == 1 || !subject.block.knows_grid() {
                assert_eq!(error, 0.0, "{} {columns}", subject.name());
            } else {
                assert!(error > 1e-3, "{} {columns}: {error:e}", subject.name());
            }
        }
    }
}

#[test]
fn a_simpler_form_is_the_same_map_and_the_simplest_has_none() {
    for subject in subjects() {
        let simpler = subject.block.simpler(&subject.settings);
        let Some(simpler) = simpler.or_else(|| subject.block.simpler_in_steps(&subject.settings)) else {
            continue;
        };
        let (x, weights) = (drawn("x", 13, 16), subject.weights(16));
        let block = simpler.block(subject.block.place());
        let mut shared = Weights::default();
        for tensor in block.tensors(&simpler.settings, 16) {
            let values = weights[tensor.name].to_vec();
            assert_eq!(values.len(), tensor.len(), "{} {}", subject.name(), tensor.name);
            shared.0.insert(tensor.name, values);
        }
        let found = block.forward(&simpler.settings, &shared, &x);
        let error = error(&found.data, &subject.define(&weights, &x).data);
        assert!(error < 1e-12, "{} as {}: {error:e}", subject.name(), simpler.kind);
        let mut last = simpler;
        for _ in 0..10 {
            let Some(simpler) = last.block(subject.block.place()).simpler(&last.settings) else { break };
            assert_ne!(simpler, last, "{}", subject.name());
            last = simpler;
        }
        assert_eq!(last.block(subject.block.place()).simpler(&last.settings), None, "{}", subject.name());
    }
}

#[test]
fn libtorch_gradients_are_those_of_the_definition() {
    const WIDTH: usize = 8;
    for (subject, columns) in subjects().iter().flat_map(|subject| [1, 2].map(|columns| (subject, columns))) {
        if columns > 1 && !subject.block.knows_grid() {
            continue;
        }
        let tokens = if columns == 1 { 7 } else { 3 * columns };
        let (x, projection) = (drawn("x", tokens, WIDTH), drawn("projection", tokens, WIDTH));
        let weights = subject.weights(WIDTH);
        let project = |weights: &Weights, x: &Matrix| {
            subject
                .define_grid(weights, x, columns)
                .data
                .iter()
                .zip(&projection.data)
                .map(|(y, p)| y * p)
                .sum::<f64>()
        };
        let found = gradients(subject, &weights, &x, &projection, columns);
        let of_x = differences(&x.data, |data| project(&weights, &Matrix::new(x.rows, x.columns, data)));
        let mut expected = vec![("x", of_x)];
        for tensor in subject.block.tensors(&subject.settings, WIDTH) {
            let of_tensor = differences(&weights[tensor.name], |values| {
                let mut weights = weights.clone();
                weights.0.insert(tensor.name, values);
                project(&weights, &x)
            });
            expected.push((tensor.name, of_tensor));
        }
        assert_eq!(found.len(), expected.len());
        for (found, (name, expected)) in found.iter().zip(&expected) {
            let error = error(found, expected);
            assert!(error < 1e-6, "{} of {name}, {columns} columns: {error:e}", subject.name());
        }
    }
}

/// By libtorch: of the projected output, first for x, then for every tensor.
fn gradients(
    subject: &Subject,
    weights: &Weights,
    x: &Matrix,
    projection: &Matrix,
    columns: usize,
) -> Vec<Vec<f64>> {
    let (leaves, weights) = subject.leaves(weights, x.columns, Kind::Double);
    let x = batch_of_one(x, Kind::Double).set_requires_grad(true);
    let y = subject.form.forward_grid(&subject.settings, &weights, &x, None, columns as i64);
    if !y.requires_grad() {
        return vec![vec![0.0; x.numel()]];
    }
    let projected = (y * batch_of_one(projection, Kind::Double)).sum(None);
    let inputs: Vec<_> = std::iter::once(x).chain(leaves).collect();
    Tensor::run_backward(&[projected], &inputs, false, false).iter().map(numbers).collect()
}

/// Central differences in every value.
fn differences(at: &[f64], f: impl Fn(Vec<f64>) -> f64) -> Vec<f64> {
    const STEP: f64 = 1e-5;
    let moved = |i: usize, by: f64| {
        let mut values = at.to_vec();
        values[i] += by;
        f(values)
    };
    (0..at.len()).map(|i| (moved(i, STEP) - moved(i, -STEP)) / (2.0 * STEP)).collect()
}

#[test]
fn the_future_matters_exactly_where_a_block_is_not_causal() {
    /// Not where a group of steps begins.
    const PAST: usize = 9;
    for subject in subjects().iter().filter(|subject| subject.block.name() != "identity") {
        let (x, weights) = (drawn("x", 13, 16), subject.weights(16));
        let mut other = drawn("other", 13, 16);
        other.data[..PAST * 16].copy_from_slice(&x.data[..PAST * 16]);
        let shorter = Matrix::new(PAST, 16, x.data[..PAST * 16].to_vec());
        for forward in subject.both(&weights) {
            let (y, changed) = (forward(&x), forward(&other));
            let in_the_past = |found: &Matrix| error(&found.data[..PAST * 16], &y.data[..PAST * 16]);
            let past = f64::max(in_the_past(&changed), in_the_past(&forward(&shorter)));
            let future = error(&changed.data[PAST * 16..], &y.data[PAST * 16..]);
            assert!(future > 1e-3, "{}: {future:e}", subject.name());
            let of_run = subject.block.of_run(&subject.settings, 0);
            if subject.block.causal(of_run.as_ref().unwrap_or(&subject.settings)) {
                assert!(past < 1e-12, "{}: {past:e}", subject.name());
            } else {
                assert!(past > 1e-3, "{}: {past:e}", subject.name());
            }
        }
    }
}

#[test]
fn other_steps_matter_exactly_where_a_block_says_so() {
    const CHANGED: usize = 5;
    for subject in subjects() {
        let (x, weights) = (drawn("x", 13, 16), subject.weights(16));
        let mut other = x.clone();
        other.row_mut(CHANGED).copy_from_slice(drawn("other", 1, 16).row(0));
        for forward in subject.both(&weights) {
            let (y, mut changed) = (forward(&x), forward(&other));
            changed.row_mut(CHANGED).copy_from_slice(y.row(CHANGED));
            let matter = changed.data.iter().zip(&y.data).any(|(a, b)| (a - b).abs() > 1e-9);
            assert_eq!(matter, subject.block.reads_other_steps(&subject.settings), "{}", subject.name());
        }
    }
}

#[test]
fn reversing_time_commutes_exactly_where_a_block_says_so() {
    for subject in subjects() {
        let (x, weights) = (drawn("x", 13, 16), subject.weights(16));
        for forward in subject.both(&weights) {
            let error = error(&forward(&x.reversed()).reversed().data, &forward(&x).data);
            if subject.block.reversible(&subject.settings) {
                assert!(error < 1e-12, "{}: {error:e}", subject.name());
            } else if subject.block.place() == Place::Token {
                assert!(error > 1e-3, "{}: {error:e}", subject.name());
            }
        }
    }
}

#[test]
fn padding_changes_neither_values_nor_gradients() {
    for (subject, columns) in subjects().iter().flat_map(|subject| COLUMNS.map(|columns| (subject, columns)))
    {
        if columns > 1 && !subject.block.knows_grid() {
            continue;
        }
        for (kind, tolerance) in [(Kind::Double, 1e-11), (Kind::Float, 1e-6)] {
            let expected = padded(subject, kind, columns, 0, 0.0);
            for (padding, garbage) in [(0, 1e4), (1, 0.0), (6, -1e4), (30, 1e4)] {
                let found = padded(subject, kind, columns, padding, garbage);
                for (found, expected) in found.iter().zip(&expected) {
                    let error = error(found, expected);
                    let what = format!("{columns} columns, {padding} steps of {garbage}");
                    assert!(error < tolerance, "{} {kind:?}, {what}: {error:e}", subject.name());
                }
            }
        }
    }
}

/// Two cases of 11 and 6 steps of so many columns, with this many steps more of padding. Real outputs, then the gradient of
/// every tensor.
fn padded(subject: &Subject, kind: Kind, columns: usize, padding: usize, garbage: f64) -> Vec<Vec<f64>> {
    let (leaves, weights) = subject.leaves(&subject.weights(WIDTH), WIDTH, kind);
    let (x, mask) = (stack_grid("x", columns, padding, garbage, kind), mask_grid(columns, padding, kind));
    let y = subject.form.forward_grid(&subject.settings, &weights, &x, Some(&mask), columns as i64);
    let real = LENGTHS.map(|n| n * columns).into_iter().enumerate();
    let mut all: Vec<_> = real.map(|(i, n)| numbers(&y.get(i as i64).narrow(0, 0, n as i64))).collect();
    if !leaves.is_empty() {
        let projected = (y * stack_grid("p", columns, padding, 0.0, kind)).sum(None);
        all.extend(Tensor::run_backward(&[projected], &leaves, false, false).iter().map(numbers));
    }
    all
}

/// Of the cases that are padded.
const LENGTHS: [usize; 2] = [11, 6];
const WIDTH: usize = 16;

/// The cases with this many steps more of padding than the longest needs.
fn stack(name: &str, padding: usize, filler: f64, kind: Kind) -> Tensor {
    stack_grid(name, 1, padding, filler, kind)
}

/// The same with so many tokens a step.
fn stack_grid(name: &str, columns: usize, padding: usize, filler: f64, kind: Kind) -> Tensor {
    let length = (LENGTHS[0] + padding) * columns;
    let fill = |n: usize| [drawn(name, n, WIDTH).data, vec![filler; (length - n) * WIDTH]].concat();
    let values: Vec<f64> = LENGTHS.map(|n| n * columns).into_iter().flat_map(fill).collect();
    Tensor::from_slice(&values).view([2, length as i64, WIDTH as i64]).to_kind(kind)
}

fn mask(padding: usize, kind: Kind) -> Tensor {
    mask_grid(1, padding, kind)
}

fn mask_grid(columns: usize, padding: usize, kind: Kind) -> Tensor {
    let length = (LENGTHS[0] + padding) * columns;
    let lengths = LENGTHS.map(|n| n * columns).into_iter();
    let real: Vec<f64> = lengths.flat_map(|n| (0..length).map(move |t| f64::from(u8::from(t < n)))).collect();
    Tensor::from_slice(&real).view([2, length as i64]).to_kind(kind)
}

#[test]
fn padding_adds_nothing_to_a_penalty() {
    let mut met = 0;
    for subject in subjects() {
        let penalty = |padding, garbage| {
            let (x, mask) = (stack("x", padding, garbage, Kind::Double), mask(padding, Kind::Double));
            let (leaves, weights) = subject.leaves(&subject.weights(WIDTH), WIDTH, Kind::Double);
            let penalty = subject.form.penalty(&subject.settings, &weights, &x, Some(&mask))?;
            penalty.backward();
            // What the penalty does not read has no gradient.
            let gradients = leaves.iter().map(Tensor::grad).filter(Tensor::defined);
            Some(numbers(&penalty).into_iter().chain(gradients.flat_map(|g| numbers(&g))).collect::<Vec<_>>())
        };
        let expected = penalty(0, 0.0);
        assert_eq!(expected.is_some(), subject.block.penalizes(&subject.settings), "{}", subject.name());
        let Some(expected) = expected else { continue };
        for (padding, garbage) in [(1, 0.0), (30, 1e4)] {
            let error = error(&penalty(padding, garbage).unwrap(), &expected);
            assert!(error < 1e-12, "{}, {padding} steps of {garbage}: {error:e}", subject.name());
        }
        assert!(expected[0] > 0.0 && expected[1..].iter().any(|slope| *slope != 0.0), "{}", subject.name());
        met += 1;
    }
    assert!(met > 0);
}

#[test]
fn the_same_numbers_give_the_same_bits() {
    for subject in subjects() {
        let run = || padded(&subject, Kind::Float, 2, 3, 1.0);
        assert_eq!(run(), run());
    }
}

#[test]
fn a_block_runs_on_what_it_lists() {
    for subject in subjects() {
        let rng = &mut Rng::named(0, "start", 0);
        let tensors = subject.block.tensors(&subject.settings, 16);
        let weights = Weights(tensors.iter().map(|tensor| (tensor.name, tensor.start(rng))).collect());
        let y = subject.run(&weights, &drawn("x", 9, 16), Kind::Float);
        assert!(y.data.iter().all(|v| v.is_finite()), "{}", subject.name());
        assert!(tensors.iter().all(|tensor| !tensor.is_empty()), "{}", subject.name());
    }
}
