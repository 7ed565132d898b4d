//! The lean search by processor time: programs a core-second with and without cache, on 100, 1,000 and 10,000 examples; and
//! the interpreter against one that runs a task after the other.
//!
//! `taskset -c 0 cargo bench -p fecund --bench discovery` (two minutes). `-- --short` does without 10,000 examples.

use std::time::Duration;

use evaluator::program::{Judge, Rules};
use hashing::Rng;
use search::discovery::{Archipelago, Caching, Plan, Tally};
use spaces::Space;
use spaces::program::{Live, Machine, Program, ProgramSpace};
use tasks::{Family, Problem, Size};

/// Of each search.
const SEEDS: std::ops::Range<u64> = 0..3;
const TASKS: u64 = 10;

fn main() {
    let short = std::env::args().any(|argument| argument == "--short");
    println!("examples  cache  seed  programs  a core-second  answered  evaluated");
    for (examples, with, without) in [(100, 400_000, 60_000), (1000, 200_000, 10_000), (10_000, 60_000, 1000)]
    {
        if !(short && examples > 1000) {
            compare(examples, with, without);
        }
    }
    interpreters();
}

fn problems(examples: usize) -> Vec<Problem> {
    let size = Size { features: 4, training: examples, validation: examples.min(100) };
    (0..TASKS).map(|n| Family::Linear.problem(size, 0, n).expect("a size that can be made")).collect()
}

/// The same searches with cache and without, one after the other.
fn compare(examples: usize, with: u64, without: u64) {
    let mut gains = Vec::new();
    for seed in SEEDS {
        let (cached, tally) = searched(examples, true, with, seed);
        let (plain, _) = searched(examples, false, without, seed);
        gains.push(cached / plain);
        let evaluations = 1.0 - tally.hit_rate();
        let cost = plain / cached - evaluations;
        println!(
            "gain {:.2} = 1/((1 - h) + c); 1/(1 - h) = {:.2}, c = {cost:.3}",
            cached / plain,
            1.0 / evaluations
        );
    }
    let mean = gains.iter().sum::<f64>() / gains.len() as f64;
    println!("{examples} examples: mean gain {mean:.2}\n");
}

/// Programs a core-second.
fn searched(examples: usize, enabled: bool, proposals: u64, seed: u64) -> (f64, Tally) {
    let caching = Caching { enabled, ..Caching::default() };
    let plan = Plan { seed, caching, islands: 1, round: proposals, ..Plan::default() };
    let space = ProgramSpace::linear();
    let mut search = Archipelago::new(&space, &problems(examples), plan).expect("4 features");
    let seconds = processor_time(|| search.round(1));
    let tally = search.tally();
    let rate = tally.proposals as f64 / seconds.as_secs_f64();
    let (hits, cache) = (tally.hit_rate(), if enabled { "yes" } else { "no" });
    println!(
        "{examples:8}  {cache:5}  {seed:4}  {proposals:8}  {rate:13.0}  {hits:8.3}  {:9}",
        tally.evaluated
    );
    (rate, tally)
}

/// All tasks at once against one task after the other, on programs that learn.
fn interpreters() {
    let (space, problems) = (ProgramSpace::linear(), problems(100));
    let mut judge = Judge::new(&problems, space.memory, Rules::default()).expect("4 features");
    let mut rng = Rng::named(0, "bench", 0);
    let is_good = |program: &Program| {
        let live = Live::of(program, &space.memory);
        live.learns() && live.program().instructions().count() >= 5
    };
    let programs: Vec<Program> =
        std::iter::repeat_with(|| space.sample(&mut rng)).filter(is_good).take(300).collect();
    let steps: usize = programs.iter().map(|program| plain(program, &space, &problems[..1]).1).sum();
    let plain = processor_time(|| programs.iter().for_each(|it| black_box_of(plain(it, &space, &problems))));
    let lanes = processor_time(|| programs.iter().for_each(|it| black_box_of(judge.judge(it))));
    let nanoseconds = |time: Duration| time.as_secs_f64() * 1e9 / (steps as f64 * TASKS as f64);
    println!(
        "300 programs that learn: one task after the other {:.2} ns an instruction and task",
        nanoseconds(plain)
    );
    println!(
        "all tasks at once {:.2} ns, {:.2} times as fast",
        nanoseconds(lanes),
        plain.as_secs_f64() / lanes.as_secs_f64()
    );
}

/// The error of the last task, and how many instructions were run.
fn plain(program: &Program, space: &ProgramSpace, problems: &[Problem]) -> (f64, usize) {
    let live = Live::of(program, &space.memory);
    let program = live.program();
    let (mut loss, mut steps) = (0.0, 0);
    let nothing = |_, _: &mut [f64]| {};
    for problem in problems {
        let mut machine = Machine::new(program, 4);
        machine.setup(nothing);
        for (example, learns) in problem
            .training
            .iter()
            .map(|it| (it, true))
            .chain(problem.validation.iter().map(|it| (it, false)))
        {
            let error = example.label - machine.predict(&example.features, nothing);
            steps += program.predict.len();
            if error.is_nan() || error.abs() > 100.0 {
                break;
            }
            if learns {
                machine.learn(example.label, nothing);
                steps += program.learn.len();
            }
            loss = error;
        }
    }
    (loss, steps)
}

/// User time of this thread's process.
fn processor_time(work: impl FnOnce()) -> Duration {
    let before = user_time();
    work();
    user_time() - before
}

fn user_time() -> Duration {
    // SAFETY: getrusage fills the struct that it is given; all zeros is a valid one.
    let time = unsafe {
        let mut usage = std::mem::zeroed::<libc::rusage>();
        libc::getrusage(libc::RUSAGE_SELF, &mut usage);
        usage.ru_utime
    };
    Duration::new(time.tv_sec as u64, 1000 * u32::try_from(time.tv_usec).unwrap_or(0))
}

/// Keeps what is computed from being left out.
fn black_box_of<T>(value: T) {
    std::hint::black_box(value);
}
