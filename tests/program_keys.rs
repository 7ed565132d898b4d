//! The two keys of programs, on 10,000 random ones: what computes the same shares them, what does not rarely does.

use evaluator::program::{Judge, Rules};
use hashing::{Mark, Rng};
use spaces::Space;
use spaces::program::{Function, Instruction, Kind, Memory, Operation, Program, ProgramSpace};
use tasks::{Family, Problem, Size};

const PROGRAMS: u64 = 10_000;

/// Two scalars and two vectors more than the programs use.
fn memory() -> Memory {
    Memory::new(6, 5, 1).unwrap()
}

fn judge(probe: usize) -> Judge {
    let size = Size { features: 4, training: 100, validation: 100 };
    let problems: Vec<Problem> = (0..10).map(|n| Family::Linear.problem(size, 0, n).unwrap()).collect();
    Judge::new(&problems, memory(), Rules { probe: [probe; 2], ..Rules::default() }).unwrap()
}

/// Those that the published demonstration searches, half of them close to linear regression.
fn programs() -> impl Iterator<Item = (Program, Rng)> {
    let space = ProgramSpace::linear();
    (0..PROGRAMS).map(move |n| {
        let mut rng = Rng::named(0, "keys", n);
        let mut program = space.sample(&mut rng);
        if n % 2 == 1 {
            program = DESCENT.parse().unwrap();
            space.mutate_in_place(&mut program, &mut rng);
        }
        (program, rng)
    })
}

const DESCENT: &str = "def setup():\n s2 = constant(0.1)\ndef predict():\n s1 = dot(v0, v1)\ndef learn():\n \
    s3 = subtract(s0, s1)\n s3 = multiply(s2, s3)\n v2 = multiply(s3, v0)\n v1 = add(v1, v2)";

fn keys(judge: &mut Judge, program: &Program) -> (Mark, Option<Mark>) {
    let symbol = judge.read(program);
    (symbol, judge.probe())
}

fn instruction(name: &str, out: u8, operands: &[u8], settings: &[f64]) -> Instruction {
    let kinds = vec![Kind::Scalar; operands.len()];
    let operation = Operation::find(name, &kinds, Kind::Scalar, settings.len()).unwrap();
    Instruction::new(operation, out, operands, settings).unwrap()
}

/// What stands for the scalar `s{x}` is left in `s5`.
type Identity = fn(u8) -> Vec<Instruction>;

const IDENTITIES: [(&str, Identity); 3] = [
    ("x·1", |x| vec![instruction("constant", 4, &[], &[1.0]), instruction("multiply", 5, &[x, 4], &[])]),
    ("x + 0", |x| vec![instruction("constant", 4, &[], &[0.0]), instruction("add", 5, &[x, 4], &[])]),
    ("−(−x)", |x| {
        let zero = instruction("constant", 4, &[], &[0.0]);
        vec![zero, instruction("subtract", 5, &[4, x], &[]), instruction("subtract", 5, &[4, 5], &[])]
    }),
];

/// Some instruction reads `s5`, which is its scalar operand in other words.
fn reworded(program: &Program, identity: Identity, rng: &mut Rng) -> Option<Program> {
    let function = *rng.choose(&Function::ALL);
    let count = program.function(function).len();
    let place = rng.below(count);
    let old = program.function(function)[place];
    let operand = old.operands().position(|operand| operand.kind == Kind::Scalar)?;
    let mut numbers: Vec<u8> = old.operands().map(|register| register.number).collect();
    let before = identity(numbers[operand]);
    numbers[operand] = 5;
    let mut other = program.clone();
    let instructions = other.function_mut(function);
    instructions[place] =
        Instruction::new(old.operation(), old.out().number, &numbers, old.settings()).unwrap();
    instructions.splice(place..place, before);
    Some(other)
}

#[test]
fn identities_of_arithmetic_keep_the_probe() {
    let mut judge = judge(10);
    for (name, identity) in IDENTITIES {
        let (mut tried, mut split, mut by_symbol) = (0, 0, 0);
        for (program, mut rng) in programs() {
            let Some(other) = reworded(&program, identity, &mut rng) else { continue };
            let (symbol, probe) = keys(&mut judge, &program);
            let (other_symbol, other_probe) = keys(&mut judge, &other);
            tried += 1;
            by_symbol += u32::from(symbol == other_symbol);
            split += u32::from(probe != other_probe);
        }
        println!("{name}: {split} of {tried} probes differ; {by_symbol} symbols are the same");
        assert_eq!(split, 0, "{name}");
    }
}

/// Rates of programs one mutation apart whose fitness differs and that share a key all the same.
#[test]
fn what_learns_differently_has_another_key() {
    let space = ProgramSpace::linear();
    for probe in [1, 2, 10] {
        let mut judge = judge(probe);
        let (mut differ, mut symbols, mut probes) = (0u32, 0, 0);
        for (program, mut rng) in programs() {
            let other = space.mutate(&program, &mut rng);
            let fitness = [&program, &other].map(|it| {
                judge.judge(it);
                judge.by_task().collect::<Vec<f64>>()
            });
            let apart = |(a, b): (&f64, &f64)| (a - b).abs() > 1e-6;
            if !fitness[0].iter().zip(&fitness[1]).any(apart) {
                continue;
            }
            differ += 1;
            let (a, b) = (keys(&mut judge, &program), keys(&mut judge, &other));
            symbols += u32::from(a.0 == b.0);
            probes += u32::from(a.1 == b.1);
        }
        println!("probe of {probe}: of {differ} that differ {symbols} share a symbol, {probes} a probe");
        assert_eq!(symbols, 0);
        assert!(differ > 1000 && (probe < 10 || 1000 * probes <= differ));
    }
}
