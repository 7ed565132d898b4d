//! What a fingerprint costs, on one thread: stacks by depth and by mixer, and the cells of published benchmarks.
//!
//! `cargo bench -p fecund-spaces --bench fingerprint`

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, criterion_group, criterion_main};
use hashing::{Behavior, FunctionalHasher, Rng, Scheme};
use spaces::nb_macro::MacroSpace;
use spaces::sequence::{Block, Genome, Mixer, Place, SequenceSpace, Settings, blocks};
use spaces::{Space, cell101, cell201, nb_graph};

criterion_group!(
    benches,
    stacks_of_a_walk,
    stacks_of_one_kind,
    stacks_of_every_block,
    the_dearest_stack,
    cells
);
criterion_main!(benches);

/// Layers of two mixers each, hence two nodes. The last three are the dearest that genes allow.
const KINDS: [(&str, &[&str]); 4] = [
    ("attention + mlp", &[r#"{"token": {"kind": "attention"}, "channel": {"kind": "mlp", "ratio": 4}}"#]),
    ("mamba + glu", &[MAMBA]),
    ("s4d + glu", &[S4D]),
    ("mamba, s4d + glu", &[MAMBA, S4D]),
];
const MAMBA: &str = r#"{"token": {"kind": "mamba", "state": 16, "discretization": "zoh"},
    "order": "bidirectional", "channel": {"kind": "glu", "ratio": 4, "activation": "gelu"}}"#;
const S4D: &str = r#"{"token": {"kind": "s4d", "state": 32}, "order": "bidirectional",
    "channel": {"kind": "glu", "ratio": 4, "activation": "gelu"}}"#;

fn stacks_of_a_walk(criterion: &mut Criterion) {
    let mut group = group(criterion, "stacks of a random walk");
    let space = SequenceSpace::default();
    for depth in [1, 2, 4, 8] {
        let genomes: Vec<Genome> = of_depth(&space, depth).take(50).collect();
        fingerprint(&mut group, &format!("{depth} layers"), &genomes);
    }
}

fn stacks_of_one_kind(criterion: &mut Criterion) {
    for layers in [8, 20] {
        let mut group = group(criterion, &format!("stacks of {} nodes", 2 * layers));
        for (name, kind) in KINDS {
            let layers: Vec<&str> = kind.iter().copied().cycle().take(layers).collect();
            let json = format!("{{\"layers\": [{}]}}", layers.join(","));
            let genome: Genome = serde_json::from_str(&json).expect("a genome");
            fingerprint(&mut group, name, &[genome]);
        }
    }
}

/// Eight layers of one block with its dearest genes: a token mixer in both directions under a large `glu`, or a channel
/// mixer under attention.
fn stacks_of_every_block(criterion: &mut Criterion) {
    let mut group = group(criterion, "stacks of 16 nodes, every block");
    for &block in blocks::ALL.iter().filter(|block| block.name() != "identity") {
        let mut genome: Genome = serde_json::from_str(match block.place() {
            Place::Token => {
                r#"{"layers": [{"order": "bidirectional", "channel": {"kind": "glu", "ratio": 4}}]}"#
            }
            Place::Channel => r#"{"layers": [{"token": {"kind": "attention"}}]}"#,
        })
        .expect("a genome");
        *genome.layers[0].mixer_mut(block.place()) = Mixer { settings: dearest(block), ..Mixer::of(block) };
        genome.layers = vec![genome.layers[0].clone(); 8];
        fingerprint(&mut group, block.name(), &[genome]);
    }
}

/// The dearest token mixer, in both directions, under the dearest channel mixer.
fn the_dearest_stack(criterion: &mut Criterion) {
    let mut group = group(criterion, "stacks of 16 nodes, every block");
    let mut genome: Genome =
        serde_json::from_str(r#"{"layers": [{"order": "bidirectional"}]}"#).expect("a genome");
    for (place, name) in [(Place::Token, "attention"), (Place::Channel, "moe")] {
        let block = blocks::find(place, name).expect("a block");
        *genome.layers[0].mixer_mut(place) = Mixer { settings: dearest(block), ..Mixer::of(block) };
    }
    genome.layers = vec![genome.layers[0].clone(); 8];
    fingerprint(&mut group, "attention + moe", &[genome]);
}

/// Of every gene the choice with the most multiply-adds, beside the choices before it.
fn dearest(block: &dyn Block) -> Settings {
    block.genes().into_iter().fold(Mixer::of(block).settings, |settings, gene| {
        let others = gene.choices.into_iter().map(|value| settings.with(gene.name, value));
        others.max_by_key(|settings| block.multiply_adds(settings, 8, 14)).expect("a gene has choices")
    })
}

fn cells(criterion: &mut Criterion) {
    let mut group = group(criterion, "cells");
    fingerprint(&mut group, "cell101", &sampled(&cell101::CellSpace::default()));
    fingerprint(&mut group, "cell201", &sampled(&cell201::CellSpace::default()));
    fingerprint(&mut group, "nb-graph", &sampled(&nb_graph::CellSpace));
    fingerprint(&mut group, "nb-macro", &sampled(&MacroSpace));
}

fn sampled<S: Space>(space: &S) -> Vec<S::Candidate> {
    (0..500).map(|n| space.sample(&mut Rng::named(0, "cell", n))).collect()
}

/// Canonical genomes found on a random walk.
fn of_depth(space: &SequenceSpace, depth: usize) -> impl Iterator<Item = Genome> {
    let start = space.sample(&mut Rng::named(0, "walk", 0));
    let walk = (0u64..).scan(start, |genome, n| {
        *genome = space.mutate(genome, &mut Rng::named(0, "step", n));
        Some(space.canonicalize(genome))
    });
    walk.filter(move |genome| genome.depth() == depth)
}

fn group<'a>(criterion: &'a mut Criterion, name: &str) -> BenchmarkGroup<'a, WallTime> {
    let mut group = criterion.benchmark_group(name);
    group.sample_size(20).warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(2));
    group
}

/// The time is that of one candidate, as the mean over all of them.
fn fingerprint<C: Behavior>(group: &mut BenchmarkGroup<WallTime>, name: &str, candidates: &[C]) {
    let hasher = FunctionalHasher::new(Scheme::default());
    let all = |rounds| {
        let start = Instant::now();
        for candidate in (0..rounds).flat_map(|_| candidates) {
            black_box(hasher.fingerprint(candidate).expect("candidates can be run"));
        }
        start.elapsed().div_f64(candidates.len() as f64)
    };
    group.bench_function(name, |bencher| bencher.iter_custom(all));
}
