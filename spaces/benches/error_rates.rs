//! How often the functional hash is wrong, on spaces whose truth is known: false splits (one function, two
//! fingerprints), false merges (two functions, one fingerprint), by seed of the probe and by bits kept.
//!
//! `cargo bench -p fecund-spaces --bench error_rates`; about two minutes on one core. Every candidate is probed as it
//! is written. *Near* pairs are one edit apart and known to differ.

#[path = "../../tests/common/cell_truths.rs"]
mod cell_truths;
#[path = "../../tests/common/expression_truths.rs"]
mod expression_truths;

use std::collections::HashMap;
use std::hash::Hash;

use cell_truths::{smallest_numbering, symbolic};
use expression_truths::trees;
use hashing::{Digest, FunctionalHasher, Keyed, Rng, Scheme};
use spaces::expression::{Binary, Expression, Node};
use spaces::sequence::{Genome, Layer, Mixer, Order, Pattern, Place, SequenceSpace};
use spaces::{Enumerated, Pooling, Space, cell101, cell201};

/// Candidates, the class of each by its truth, and the pairs that are one edit apart and differ.
struct Known<C> {
    name: &'static str,
    candidates: Vec<C>,
    class: Vec<usize>,
    classes: usize,
    near: Vec<(u32, u32)>,
}

/// What one setting of the probe does to a space.
struct Rates {
    found: usize,
    /// Candidates whose fingerprint is not that of the first of their class.
    split: usize,
    /// Fingerprints that hold several classes.
    merged: usize,
    /// Near pairs that share a fingerprint.
    near_merged: usize,
    /// Those that redrew one group included.
    runs_per_draw: f64,
}

impl<C: hashing::Behavior + Keyed> Known<C> {
    fn of<T: Hash + Eq>(
        name: &'static str,
        known: impl IntoIterator<Item = (C, T)>,
        edits: impl Fn(&C) -> Vec<C>,
    ) -> Self {
        let mut numbers = HashMap::new();
        let (mut candidates, mut class) = (Vec::new(), Vec::new());
        for (candidate, truth) in known {
            let next = numbers.len();
            class.push(*numbers.entry(truth).or_insert(next));
            candidates.push(candidate);
        }
        let written = |candidate: &C| candidate.digest("written");
        let place: HashMap<Digest, usize> =
            candidates.iter().enumerate().map(|(i, candidate)| (written(candidate), i)).collect();
        let mut near = Vec::new();
        for (a, candidate) in candidates.iter().enumerate() {
            for b in edits(candidate).iter().filter_map(|edited| place.get(&written(edited))) {
                if a < *b && class[a] != class[*b] {
                    near.push((a as u32, *b as u32));
                }
            }
        }
        Self { name, classes: numbers.len(), candidates, class, near }
    }

    fn rates(&self, scheme: Scheme) -> Rates {
        let hasher = FunctionalHasher::new(scheme);
        let print = |candidate: &C| {
            let (digest, class) = hasher.fingerprint(candidate).expect("cells can be run");
            digest.unwrap_or_else(|| panic!("{class:?}"))
        };
        let prints: Vec<Digest> = self.candidates.iter().map(print).collect();
        let mut first = HashMap::new();
        let mut holds: HashMap<Digest, Vec<usize>> = HashMap::new();
        let mut split = 0;
        for (print, class) in prints.iter().zip(&self.class) {
            split += usize::from(first.entry(class).or_insert(print) != &print);
            let held = holds.entry(*print).or_default();
            if !held.contains(class) {
                held.push(*class);
            }
        }
        let alike = |(a, b): &&(u32, u32)| prints[*a as usize] == prints[*b as usize];
        let traced =
            self.candidates.iter().step_by(97).map(|candidate| hasher.trace(candidate).expect("as above"));
        let runs: Vec<usize> = traced.flat_map(|t| t.draws.into_iter().map(|draw| draw.runs)).collect();
        Rates {
            found: holds.len(),
            split,
            merged: holds.values().filter(|classes| classes.len() > 1).count(),
            near_merged: self.near.iter().filter(alike).count(),
            runs_per_draw: runs.iter().sum::<usize>() as f64 / runs.len() as f64,
        }
    }

    fn report(&self, setting: &str, rates: &Rates) {
        println!(
            "| {} | {setting} | {} | {} | {} of {} | {} | {} of {} | {:.2} |",
            self.name,
            self.classes,
            rates.found,
            rates.split,
            self.candidates.len(),
            rates.merged,
            rates.near_merged,
            self.near.len(),
            rates.runs_per_draw,
        );
    }

    fn sweep(&self) -> Totals {
        let default = Scheme::default();
        for bits in [1, 2, 4, 8, 12, 16, 24, 32, 40, 44, 48, 51] {
            self.report(&format!("bits {bits}"), &self.rates(Scheme { bits, ..default }));
        }
        for role_bits in [8, 12, 16, 24, 32, 40] {
            self.report(&format!("role bits {role_bits}"), &self.rates(Scheme { role_bits, ..default }));
        }
        for draws in [1, 3] {
            self.report(&format!("draws {draws}"), &self.rates(Scheme { draws, ..default }));
        }
        let mut totals = Totals::default();
        for seed in 1..=20 {
            let rates = self.rates(Scheme { seed, ..default });
            totals.exact += usize::from(rates.found == self.classes && rates.split + rates.merged == 0);
            totals.split += rates.split;
            totals.written += self.candidates.len() - self.classes;
            totals.near_merged += rates.near_merged;
            totals.near += self.near.len();
            if rates.split + rates.merged > 0 {
                self.report(&format!("seed {seed}"), &rates);
            }
        }
        totals
    }
}

#[derive(Default)]
struct Totals {
    exact: usize,
    split: usize,
    written: usize,
    near_merged: usize,
    near: usize,
}

/// Upper end of the exact one-sided 95 % interval of a rate, where nothing was seen in `n` trials; else Wilson's.
fn bound(seen: usize, n: usize) -> f64 {
    let (k, n) = (seen as f64, n as f64);
    if seen == 0 {
        return 1.0 - 0.05f64.powf(1.0 / n);
    }
    let (p, z) = (k / n, 1.645);
    (p + z * z / (2.0 * n) + z * (p * (1.0 - p) / n + z * z / (4.0 * n * n)).sqrt()) / (1.0 + z * z / n)
}

/// One operation changed.
fn edits201(cell: &cell201::Cell) -> Vec<cell201::Cell> {
    let edited = |edge: usize, operation| {
        let mut cell = *cell;
        cell.operations[edge] = operation;
        cell
    };
    (0..6).flat_map(|edge| cell201::Operation::ALL.map(|operation| edited(edge, operation))).collect()
}

/// One operation changed, or one edge put in or taken out.
fn edits101(cell: &cell101::Cell) -> Vec<cell101::Cell> {
    let json = serde_json::to_value(cell).expect("cells can be written");
    let mut edited = Vec::new();
    let mut push = |json: serde_json::Value| edited.extend(serde_json::from_value(json).ok());
    let last = cell.vertices() - 1;
    for vertex in 1..last {
        for name in ["conv1x1-bn-relu", "conv3x3-bn-relu", "maxpool3x3"] {
            let mut json = json.clone();
            json["ops"][vertex] = name.into();
            push(json);
        }
    }
    for to in 1..=last {
        for from in 0..to {
            let mut json = json.clone();
            json["matrix"][from][to] = (1 - json["matrix"][from][to].as_u64().unwrap_or(0)).into();
            push(json);
        }
    }
    edited
}

/// One operation or one input changed.
fn edits_of_expression(expression: &Expression) -> Vec<Expression> {
    const BINARY: [Binary; 4] = [Binary::Add, Binary::Subtract, Binary::Multiply, Binary::Divide];
    let edited = |chosen: usize, other: usize| {
        let mut stack: Vec<Expression> = Vec::new();
        for (i, node) in expression.nodes().iter().enumerate() {
            let edit = i == chosen;
            let mut pop = || stack.pop().expect("operands stand before their operation");
            let part = match node {
                Node::Input(n) => {
                    let name = expression.inputs()[*n].as_str();
                    Expression::input(if edit { ["x", "a"][other % 2] } else { name })
                }
                Node::Constant(_) => unreachable!("leaves are inputs"),
                Node::Unary(unary) => Expression::unary(*unary, pop()),
                Node::Binary(binary) => {
                    let (b, a) = (pop(), pop());
                    Expression::binary(if edit { BINARY[other] } else { *binary }, &a, &b)
                }
            };
            stack.push(part);
        }
        stack.pop().expect("an expression is one value")
    };
    let nodes = 0..expression.nodes().len();
    nodes
        .flat_map(|chosen| (0..BINARY.len()).map(move |other| (chosen, other)))
        .map(|(c, o)| edited(c, o))
        .collect()
}

/// The same stack in other words: empty layers, a layer in two halves, the order under a mixer that does not know it.
fn rewritten(genome: &Genome, rng: &mut Rng) -> Genome {
    let mut layers = Vec::new();
    // Where several layers are passed again together, their number says which.
    let one_pass = genome.sharing.passes == 1 || genome.sharing.pattern == Pattern::None;
    for layer in &genome.layers {
        let mut layer = layer.clone();
        if one_pass && rng.chance(0.4) {
            let (order, repeat) = (*rng.choose(&Order::ALL), 1 + rng.below(3));
            layers.push(Layer {
                token: Mixer::identity(),
                order,
                channel: Mixer::identity(),
                repeat,
                rank: 0,
                part: layer.part,
            });
        }
        let reversible = layer.token.block(Place::Token).reversible(&layer.token.settings);
        if reversible && [Order::Forward, Order::Reverse].contains(&layer.order) {
            layer.order = *rng.choose(&[Order::Forward, Order::Reverse]);
        }
        if one_pass && layer.repeat == 1 && rng.chance(0.5) {
            layers.push(Layer { channel: Mixer::identity(), ..layer.clone() });
            layer = Layer { token: Mixer::identity(), order: *rng.choose(&Order::ALL), ..layer };
        }
        layers.push(layer);
    }
    Genome { layers, ..genome.clone() }
}

/// There is no independent truth of stacks; what is written otherwise must not be split, by the probe alone.
fn stacks() {
    let space = SequenceSpace::default();
    let (mut split, mut of) = (0, 0);
    for seed in 1..=20 {
        let hasher = FunctionalHasher::new(Scheme { seed, ..Scheme::default() });
        for n in 0..400 {
            let mut rng = Rng::named(n, "stack", 0);
            let sampled = space.sample(&mut rng);
            let genome = (0..rng.below(12)).fold(sampled, |genome, _| space.mutate(&genome, &mut rng));
            let print = |genome: &Genome| hasher.fingerprint(genome).expect("stacks can be run");
            let expected = print(&genome);
            for _ in 0..5 {
                split += usize::from(print(&rewritten(&genome, &mut rng)) != expected);
                of += 1;
            }
        }
    }
    println!("| stacks | – | {split} of {of} | {:.1e} | – | – |", bound(split, of));
}

fn main() {
    println!(
        "| space | setting | classes | found | candidates split off | fingerprints merged | near pairs merged | runs a draw |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    let mut all = Vec::new();
    for (name, pooling) in [("cell201 linear", Pooling::Linear), ("cell201 nonlinear", Pooling::Nonlinear)] {
        let space = cell201::CellSpace { pooling };
        let known = Known::of(name, space.all().map(|cell| (cell, symbolic::form(&cell))), edits201);
        all.push((name, known.sweep()));
    }
    let space = cell101::CellSpace { vertices: Some(6), ..Default::default() };
    let labelled =
        space.all().map(|cell| (smallest_numbering(&cell), cell)).map(|(truth, cell)| (cell, truth));
    let known = Known::of("cell101, 6 vertices", labelled, edits101);
    all.push(("cell101, 6 vertices", known.sweep()));
    let rational = trees(8).into_iter().flatten().map(|tree| (tree.expression, tree.element));
    let known = Known::of("expressions up to length 8", rational, edits_of_expression);
    all.push(("expressions up to length 8", known.sweep()));
    println!("\nSeeds 1 to 20:\n");
    println!(
        "| space | exact seeds | false splits | at most (95 %) | false merges of near pairs | at most (95 %) |"
    );
    println!("|---|---|---|---|---|---|");
    for (name, Totals { exact, split, written, near_merged, near }) in all {
        println!(
            "| {name} | {exact} of 20 | {split} of {written} | {:.1e} | {near_merged} of {near} | {:.1e} |",
            bound(split, written),
            bound(near_merged, near)
        );
    }
    stacks();
}
