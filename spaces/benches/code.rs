//! What the fingerprint and the canonical form of code cost: expressions and programs, on one thread.
//!
//! `cargo bench -p fecund-spaces --bench code`

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use hashing::{Behavior, FunctionalHasher, Rng, Scheme};
use spaces::expression::{self, Binary, Expression, Unary};
use spaces::program::{self, Function, Instruction, Operation, Program};

/// Nodes of an expression.
const NODES: usize = 20;

criterion_group!(benches, expressions, programs);
criterion_main!(benches);

fn expressions(criterion: &mut Criterion) {
    let expressions: Vec<Expression> =
        (0..1000).map(|n| expression(&mut Rng::named(0, "expression", n), NODES)).collect();
    let mut group = criterion.benchmark_group("expressions of 20 nodes");
    group.throughput(Throughput::Elements(expressions.len() as u64));
    group.bench_function("fingerprint", |bencher| bencher.iter(|| fingerprint(&expressions)));
    group.bench_function("canonicalize", |bencher| {
        bencher.iter(|| {
            expressions
                .iter()
                .map(expression::canonicalize)
                .map(|canonical| canonical.nodes().len())
                .sum::<usize>()
        });
    });
}

fn programs(criterion: &mut Criterion) {
    let programs: Vec<Program> =
        (0..1000).map(|n| random_program(&mut Rng::named(0, "program", n))).collect();
    let mut group = criterion.benchmark_group("programs of 20 instructions");
    group.throughput(Throughput::Elements(programs.len() as u64));
    group.bench_function("fingerprint", |bencher| bencher.iter(|| fingerprint(&programs)));
    group.bench_function("canonicalize", |bencher| {
        let instructions = |program: &Program| program::canonicalize(program).instructions().count();
        bencher.iter(|| programs.iter().map(instructions).sum::<usize>());
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

/// All operations alike, on 5 scalars, 4 vectors and 2 matrices.
fn random_program(rng: &mut Rng) -> Program {
    let operations: Vec<Operation> = Operation::all().filter(|it| *it != Operation::NO_OP).collect();
    let mut program = Program::default();
    for (function, count) in Function::ALL.into_iter().zip([5, 5, 10]) {
        let instructions = (0..count).map(|_| {
            let operation = *rng.choose(&operations);
            let mut register = |kind| rng.below([5, 4, 2][kind as usize]) as u8;
            let operands: Vec<u8> = operation.operands().iter().map(|kind| register(*kind)).collect();
            let out = register(operation.out());
            let settings: Vec<f64> = (0..operation.settings()).map(|place| place as f64).collect();
            Instruction::new(operation, out, &operands, &settings).expect("as many as the operation has")
        });
        *program.function_mut(function) = instructions.collect();
    }
    program
}
