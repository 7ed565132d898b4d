//! What a fingerprint costs, on one thread: stacks by depth, and the cells of NAS-Bench-201.
//!
//! `cargo bench -p fecund-spaces --bench fingerprint`

use std::hint::black_box;
use std::time::Instant;

use hashing::{FunctionalHasher, Rng, Scheme};
use spaces::Space;
use spaces::cell201::CellSpace;
use spaces::sequence::{Genome, SequenceSpace};

fn main() {
    let space = SequenceSpace::default();
    println!("{:24} {:>10} {:>12}", "candidates", "number", "µs each");
    for depth in [1, 2, 4, 8] {
        let genomes: Vec<Genome> = of_depth(&space, depth).take(50).collect();
        report(&format!("stacks of depth {depth}"), &genomes);
    }
    let cells: Vec<_> =
        (0..5000).map(|n| CellSpace::default().sample(&mut Rng::named(0, "cell", n))).collect();
    report("cells", &cells);
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

fn report<C: hashing::Behavior>(name: &str, candidates: &[C]) {
    let hasher = FunctionalHasher::new(Scheme::default());
    let start = Instant::now();
    for candidate in candidates {
        black_box(hasher.fingerprint(candidate).expect("candidates can be run"));
    }
    let each = 1e6 * start.elapsed().as_secs_f64() / candidates.len() as f64;
    println!("{name:24} {:10} {each:12.1}", candidates.len());
}
