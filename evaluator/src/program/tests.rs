//! The interpreter against the machine of `spaces`, which runs one task and reads like its formulas.

use hashing::{Mark, Rng};
use spaces::Space;
use spaces::program::{
    Draw, Function, Instruction, Kind, Live, Machine, Memory, Mutation, Operation, Program, ProgramSpace,
    Register, fill_normal, moments, stream,
};
use tasks::{Family, Fitness, Problem, Size};

use super::batch::order;
use super::code::Code;
use super::lanes::{Draws, Lanes, execute};
use super::{Budget, Combination, Judge, Rules};

const LANES: usize = 4;

/// Values at which operations are odd.
const ODD: [f64; 14] = [
    0.0,
    -0.0,
    1.0,
    -1.0,
    0.5,
    -2.5,
    f64::INFINITY,
    f64::NEG_INFINITY,
    f64::NAN,
    f64::MAX,
    f64::MIN_POSITIVE,
    5e-324,
    1e200,
    -3e-310,
];

/// Bit for bit, but for the sign of zero and what a NaN says.
fn alike(a: f64, b: f64) -> bool {
    a == b || (a.is_nan() && b.is_nan())
}

fn some_value(rng: &mut Rng) -> f64 {
    if rng.chance(0.5) { *rng.choose(&ODD) } else { rng.normal() }
}

/// An instruction with this operation on random registers; the result may be one of its operands.
fn some_instruction(operation: Operation, rng: &mut Rng) -> Instruction {
    let operands: Vec<u8> = operation.operands().iter().map(|_| rng.below(2) as u8).collect();
    let settings: Vec<f64> = (0..operation.settings()).map(|_| rng.between(-0.2, 1.2)).collect();
    Instruction::new(operation, rng.below(2) as u8, &operands, &settings).unwrap()
}

fn operation_agrees<const F: usize>(operation: Operation, rng: &mut Rng) {
    let instruction = some_instruction(operation, rng);
    // The others make registers known to the machine.
    let uses = "def learn():\n s1 = sin(s1)\n v1 = abs(v1)\n m1 = abs(m1)";
    let mut program: Program = uses.parse().unwrap();
    program.setup.push(instruction);
    let memory = Memory::of(&program).unwrap();
    let seeds = [3, 4, 5, 6];
    let mut machines = [0; LANES].map(|_| Machine::new(&program, F));
    let mut numbers: Vec<Lanes<LANES>> = vec![[0.0; LANES]; memory.len(F)];
    let registers = || Kind::ALL.into_iter().flat_map(|kind| [0, 1].map(|number| Register { kind, number }));
    for register in registers() {
        for i in 0..register.kind.len(F) {
            for (lane, machine) in machines.iter_mut().enumerate() {
                let value = some_value(rng);
                numbers[memory.place(register, F) + i][lane] = value;
                machine.register(register)[i] = value;
            }
        }
    }
    let step = super::code::step(Function::Setup, &[], &instruction, &memory, F);
    execute::<F, LANES>(&step, &mut numbers, &Draws { seeds: &seeds, execution: 0 });
    for (lane, machine) in machines.iter_mut().enumerate() {
        machine.setup(|draw, out| fill(&program, seeds[lane], draw, out));
        for register in registers() {
            for i in 0..register.kind.len(F) {
                let (fast, plain) =
                    (numbers[memory.place(register, F) + i][lane], machine.register(register)[i]);
                assert!(alike(fast, plain), "{instruction}: {fast} and {plain}");
            }
        }
    }
}

#[test]
fn every_operation_is_that_of_the_machine_odd_values_included() {
    for operation in Operation::all().filter(|operation| *operation != Operation::NO_OP) {
        let mut rng = Rng::named(0, "operation", operation.number() as u64);
        for _ in 0..60 {
            operation_agrees::<4>(operation, &mut rng);
        }
        operation_agrees::<8>(operation, &mut rng);
        operation_agrees::<16>(operation, &mut rng);
        operation_agrees::<32>(operation, &mut rng);
    }
}

/// What the interpreter draws for a task.
fn fill(program: &Program, seed: u64, draw: Draw, out: &mut [f64]) {
    let is_random = |(_, instruction): &(Function, &Instruction)| instruction.operation().is_random();
    let (function, instruction) = program.instructions().filter(is_random).nth(draw.instruction).unwrap();
    let before = program.function(function).iter().take_while(|other| !std::ptr::eq(*other, instruction));
    let rank = before.filter(|other| other.draws_like(instruction)).count();
    let stream = stream(Mark::default(), function, instruction, rank).then(seed).then(draw.execution as u64);
    let (mean, deviation) = moments(instruction);
    if instruction.operation().name() == "gaussian" {
        fill_normal(stream, out, mean, deviation);
    } else {
        stream.fill_uniform(out, mean, deviation);
    }
}

/// The fitness at one task after each epoch, in the plainest words; `None` once the program has failed.
fn plainly(program: &Program, problem: &Problem, rules: &Rules, seed: u64) -> Vec<Option<f64>> {
    let mut machine = Machine::new(program, problem.training[0].features.len());
    machine.setup(|draw, out| fill(program, seed, draw, out));
    let mut works = true;
    let epochs = (0..rules.epochs).map(|epoch| {
        let fitness =
            if works { plain_epoch(program, &mut machine, problem, rules, seed, epoch) } else { None };
        works = fitness.is_some();
        fitness
    });
    epochs.collect()
}

fn plain_epoch(
    program: &Program,
    machine: &mut Machine,
    problem: &Problem,
    rules: &Rules,
    seed: u64,
    epoch: usize,
) -> Option<f64> {
    let sigmoid = |x: f64| 1.0 / (1.0 + libm::exp(-x));
    let classes = rules.fitness == Fitness::Accuracy;
    for i in order(seed, epoch, problem.training.len()) {
        let example = &problem.training[i];
        let mut prediction = machine.predict(&example.features, |draw, out| fill(program, seed, draw, out));
        if classes {
            prediction = sigmoid(prediction);
            machine.register(spaces::program::PREDICTION)[0] = prediction;
        }
        let error = (example.label - prediction).abs();
        if error.is_nan() || error > rules.largest_error {
            return None;
        }
        machine.learn(example.label, |draw, out| {
            // Time is counted by predictions, those that nothing is learned from included.
            let execution = draw.execution + epoch * problem.validation.len();
            fill(program, seed, Draw { execution, ..draw }, out);
        });
    }
    let mut loss = 0.0;
    for example in &problem.validation {
        let prediction = machine.predict(&example.features, |draw, out| fill(program, seed, draw, out));
        let error = (example.label - prediction).abs();
        if prediction.is_nan() || (!classes && error > rules.largest_error) {
            return None;
        }
        loss += if classes {
            f64::from(u8::from((sigmoid(prediction) > 0.5) != (example.label > 0.5)))
        } else {
            error * error
        };
    }
    Some(rules.fitness.of(loss, problem.validation.len()))
}

fn problems(family: Family, features: usize, count: u64, classes: bool) -> Vec<Problem> {
    let size = Size { features, training: 15, validation: 12 };
    let mut problems: Vec<Problem> = (0..count).map(|n| family.problem(size, 7, n).unwrap()).collect();
    if classes {
        let examples = problems
            .iter_mut()
            .flat_map(|problem| problem.training.iter_mut().chain(&mut problem.validation));
        examples.for_each(|example| example.label = f64::from(u8::from(example.label > 0.0)));
    }
    problems
}

/// Programs of all operations, grown from linear regression.
fn some_program(space: &ProgramSpace, n: u64) -> Program {
    let mut rng = Rng::named(1, "fuzz", n);
    let mut program = if n.is_multiple_of(3) { space.sample(&mut rng) } else { descent() };
    (0..30).for_each(|_| space.mutate_in_place(&mut program, &mut rng));
    program
}

fn descent() -> Program {
    "def setup():\n s2 = constant(0.1)\n v1 = gaussian(0, 0.5)\ndef predict():\n s1 = dot(v0, v1)\ndef learn():\n \
     s3 = subtract(s0, s1)\n s3 = multiply(s2, s3)\n v2 = multiply(s3, v0)\n v1 = add(v1, v2)"
        .parse()
        .unwrap()
}

fn space() -> ProgramSpace {
    let wide = ProgramSpace::wide();
    let rules = Function::ALL.map(|function| wide.rules(function).clone());
    let mutations = [Mutation::AlterArgument, Mutation::RandomizeInstruction, Mutation::InsertInstruction];
    ProgramSpace::new(wide.memory, rules, &mutations).unwrap()
}

fn agrees(features: usize, tasks: u64, programs: u64, classes: bool) {
    let problems = problems(Family::Nonlinear, features, tasks, classes);
    let fitness = if classes { Fitness::Accuracy } else { Fitness::SquashedError };
    let rules = Rules { fitness, probe: [4, 3], ..Rules::default() };
    let space = space();
    let mut judge = Judge::new(&problems, space.memory, rules.clone()).unwrap();
    let mut probed = Judge::new(&problems, space.memory, rules.clone()).unwrap();
    let (mut failed, mut worked) = (0, 0);
    for n in 0..programs {
        let program = some_program(&space, n);
        // Dead draws would change the ranks of live ones.
        let live = Live::of(&program, &space.memory);
        judge.judge(&program);
        for (task, (found, problem)) in judge.by_task().zip(&problems).enumerate() {
            let expected = plainly(live.program(), problem, &rules, task as u64)[0];
            assert!(alike(found, expected.unwrap_or(0.0)), "{found}, not {expected:?}:\n{program}");
            *if expected.is_some() { &mut worked } else { &mut failed } += 1;
        }
        probed.read(&program);
        if probed.probe().is_some() {
            // Where the probe ended, it goes on as if there had been none.
            let going_on = probed.finish();
            assert!(alike(going_on, judge.fitness()), "{going_on}, not {}:\n{program}", judge.fitness());
        } else {
            assert_eq!(judge.fitness(), 0.0, "{program}");
        }
    }
    assert!(failed > 0 && worked > failed / 10, "{failed} failed, {worked} worked");
}

#[test]
fn whole_programs_learn_and_predict_as_on_the_machine() {
    agrees(4, 3, 1500, false);
    agrees(4, 14, 200, false);
    agrees(8, 10, 200, false);
    agrees(4, 3, 400, true);
    agrees(16, 2, 30, false);
    agrees(32, 1, 15, false);
}

#[test]
fn epochs_come_in_orders_of_their_own_and_the_best_counts() {
    let problems = problems(Family::Nonlinear, 4, 5, false);
    let rules = Rules { epochs: 3, ..Rules::default() };
    let space = space();
    let mut judge = Judge::new(&problems, space.memory, rules.clone()).unwrap();
    let mut better_later = 0;
    for n in 0..300 {
        let program = some_program(&space, n);
        let live = Live::of(&program, &space.memory);
        let by_task: Vec<_> = problems
            .iter()
            .enumerate()
            .map(|(task, problem)| plainly(live.program(), problem, &rules, task as u64))
            .collect();
        let mean = |epoch: usize| by_task.iter().map(|it| it[epoch].unwrap_or(0.0)).sum::<f64>() / 5.0;
        let expected = (0..3).map(mean).fold(0.0, f64::max);
        let found = judge.judge(&program);
        assert!(alike(found, expected), "{found}, not {expected}, of {by_task:?}:\n{program}");
        better_later += usize::from(expected > mean(0));
    }
    assert!(better_later > 10, "{better_later}");
    assert_ne!(order(0, 1, 50), order(0, 2, 50));
    assert_ne!(order(0, 1, 50), order(1, 1, 50));
    assert_eq!(order(7, 0, 3), [0, 1, 2]);
}

#[test]
fn a_program_over_budget_is_not_trained() {
    let problems = problems(Family::Linear, 4, 3, false);
    let rules = |budget| Rules { budget, ..Rules::default() };
    let judged = |rules| {
        let mut judge = Judge::new(&problems, Memory::of(&descent()).unwrap(), rules).unwrap();
        let symbol = judge.read(&descent());
        (symbol, judge.finish())
    };
    let half = judged(rules(Some(Budget::new(descent(), 0.5))));
    let whole = judged(rules(Some(Budget::new(descent(), 2.0))));
    assert_eq!(whole, judged(rules(None)));
    assert!(half.1 < whole.1 && half.0 != whole.0);
}

#[test]
fn more_epochs_learn_more_and_the_median_is_one_of_the_middle() {
    let problems = problems(Family::Linear, 4, 5, false);
    let judged = |rules: Rules| {
        let mut judge = Judge::new(&problems, Memory::of(&descent()).unwrap(), rules).unwrap();
        (judge.judge(&descent()), judge.by_task().collect::<Vec<_>>())
    };
    let once = judged(Rules::default()).0;
    assert!(judged(Rules { epochs: 10, ..Rules::default() }).0 > once);
    let (median, mut by_task) = judged(Rules { combination: Combination::Median, ..Rules::default() });
    by_task.sort_by(f64::total_cmp);
    assert_eq!(median, by_task[2]);
}

#[test]
fn a_probe_is_known_again_and_what_differs_on_it_is_not() {
    let problems = problems(Family::Linear, 4, 10, false);
    let mut judge = Judge::new(&problems, Memory::new(8, 8, 1).unwrap(), Rules::default()).unwrap();
    let mut probe = |text: &str| {
        judge.read(&text.parse().unwrap());
        judge.probe()
    };
    let text = descent().to_string();
    // (s2·x)·e instead of (s2·e)·x: another symbol, and equal up to rounding.
    let other = text
        .replace("s3 = multiply(s2, s3)", "v3 = multiply(s2, v0)")
        .replace("v2 = multiply(s3, v0)", "v2 = multiply(s3, v3)");
    assert_ne!(other, text);
    assert!(probe(&text).is_some());
    assert_eq!(probe(&text), probe(&other));
    for (from, to) in [("0.1", "0.1001"), ("add(v1, v2)", "subtract(v1, v2)"), ("0, 0.5", "0, 0.51")] {
        assert_ne!(probe(&text), probe(&text.replace(from, to)), "{to}");
    }
    assert_eq!(probe("def predict():\n s1 = log(s7)"), None);
}

#[test]
fn what_cannot_be_judged_is_told() {
    let memory = Memory::new(4, 3, 1).unwrap();
    let error =
        |problems: &[Problem]| Judge::new(problems, memory, Rules::default()).err().unwrap().to_string();
    assert_eq!(error(&[]), "no problems; give at least one");
    let of = |features| problems(Family::Linear, features, 1, false);
    assert_eq!(error(&of(5)), "5 features; problems have 4, 8, 16 or 32");
    let mixed = [of(4), of(8)].concat();
    assert_eq!(error(&mixed), "problems of different sizes; all have as many examples and features");
    assert!(Code::default().function(Function::Learn).is_empty());
}
