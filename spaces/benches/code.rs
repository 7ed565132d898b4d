//! What the fingerprint and the canonical form of code cost, on one thread.
//!
//! `cargo bench -p fecund-spaces --bench code`

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use hashing::{Behavior, FunctionalHasher, Rng, Scheme};
use spaces::expression::{Binary, Expression, Unary, canonicalize};

/// Nodes of an expression.
const NODES: usize = 20;

criterion_group!(benches, expressions);
criterion_main!(benches);

fn expressions(criterion: &mut Criterion) {
    let expressions: Vec<Expression> =
        (0..1000).map(|n| expression(&mut Rng::named(0, "expression", n), NODES)).collect();
    let mut group = criterion.benchmark_group("expressions of 20 nodes");
    group.throughput(Throughput::Elements(expressions.len() as u64));
    group.bench_function("fingerprint", |bencher| bencher.iter(|| fingerprint(&expressions)));
    group.bench_function("canonicalize", |bencher| {
        bencher.iter(|| {
            expressions.iter().map(canonicalize).map(|canonical| canonical.nodes().len()).sum::<usize>()
        });
    });
}

/// Number of those that have a finite response.
fn fingerprint<B: Behavior>(candidates: &[B]) -> usize {
    let hasher = FunctionalHasher::new(Scheme::default());
    let finite = |candidate: &&B| hasher.fingerprint(*candidate).is_ok_and(|(digest, _)| digest.is_some());
    candidates.iter().filter(finite).count()
}

/// All operations alike, over three inputs and a few constants.
fn expression(rng: &mut Rng, nodes: usize) -> Expression {
    if nodes == 1 {
        return if rng.chance(0.7) {
            Expression::input(["x", "y", "z"][rng.below(3)])
        } else {
            Expression::constant(rng.normal()).expect("a normal number is finite")
        };
    }
    if nodes == 2 || rng.chance(0.4) {
        return Expression::unary(*rng.choose(&Unary::ALL), expression(rng, nodes - 1));
    }
    let left = 1 + rng.below(nodes - 2);
    let (a, b) = (expression(rng, left), expression(rng, nodes - 1 - left));
    Expression::binary(*rng.choose(&Binary::ALL), &a, &b)
}
