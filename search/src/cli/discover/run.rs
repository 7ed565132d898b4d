//! The search itself: rounds until a program is good enough on tasks that it was not chosen by, or a budget is used up.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use evaluator::program::{Combination, Judge, NoJudge, Rules};
use spaces::program::{Program, ProgramSpace, json, python};
use tasks::{Family, Problem, Size};

use super::args::{CombinationName, DiscoverArgs, SpaceName, TaskName};
use super::report::Report;
use crate::cli::args::Format;
use crate::cli::failure::{Failure, Outcome};
use crate::cli::signals::Signals;
use crate::cli::table::{print, print_json};
use crate::discovery::{Archipelago, Breeding, Caching, Plan, simplified};
use crate::processor;

/// Tasks that choose among the best programs, tasks that the search never sees, and examples of each.
const UNSEEN_TASKS: u64 = 100;
const UNSEEN_EXAMPLES: usize = 1000;
/// Examples of a task that are predicted, at most.
const PREDICTED: usize = 100;
/// Proposals of an island between two looks at what it has found.
const ROUND: u64 = 20_000;
/// Of all examples of all tasks together: half a gibibyte for each island.
const MOST_NUMBERS: usize = 1 << 26;
/// Between two lines of progress.
const TALK: Duration = Duration::from_secs(5);

pub fn discover(args: &DiscoverArgs) -> Outcome {
    if let Some(out) = args.out.as_ref().filter(|out| out.exists()) {
        return Err(Failure::usage(format!(
            "{} is there already; name another folder with --out",
            out.display()
        )));
    }
    let signals = Signals::watch()?;
    let mut discovery = Discovery::new(args)?;
    while discovery.goes_on(args, &signals) {
        discovery.round(args);
    }
    let report = discovery.report(args)?;
    if let Some(out) = &args.out {
        write(out, &report)?;
    }
    match args.format {
        Format::Json => print_json(&report.json()),
        _ => print(&report.text()),
    }?;
    if signals.pressed() {
        Err(Failure::interrupted("interrupted; above is the best so far"))
    } else {
        Ok(())
    }
}

/// A search, and who decides whether it has found something.
struct Discovery {
    search: Archipelago,
    space: ProgramSpace,
    selector: Judge,
    /// The best by the selector.
    found: Option<(Program, f64)>,
    threads: usize,
    start: Instant,
    cpu: Duration,
    said: Instant,
}

impl Discovery {
    fn new(args: &DiscoverArgs) -> Result<Self, Failure> {
        let space = space(args);
        let plan = plan(args);
        let selector = judge(args, &space, &plan.rules, "selection")?;
        let problems = problems(args, args.examples.get(), args.tasks.get() as u64, args.seed)?;
        let search = Archipelago::new(&space, &problems, plan).map_err(refused)?;
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let now = Instant::now();
        let threads = args.jobs.map_or(cores, usize::from);
        Ok(Self {
            search,
            space,
            selector,
            found: None,
            threads,
            start: now,
            cpu: processor::own(),
            said: now,
        })
    }

    fn goes_on(&self, args: &DiscoverArgs, signals: &Signals) -> bool {
        let proposals = self.search.tally().proposals;
        let is_sufficient = self.found.as_ref().is_some_and(|(_, fitness)| *fitness >= args.sufficient);
        let is_spent =
            args.proposals.is_some_and(|most| proposals >= most) || self.start.elapsed() >= args.time;
        !(is_sufficient || is_spent || signals.pressed())
    }

    fn round(&mut self, args: &DiscoverArgs) {
        self.search.round(self.threads);
        let best = self.search.best();
        if self.found.as_ref().is_none_or(|(program, _)| *program != best.program) {
            let fitness = self.selector.judge(&best.program);
            if self.found.as_ref().is_none_or(|(_, found)| fitness > *found) {
                self.found = Some((best.program.clone(), fitness));
            }
        }
        if self.said.elapsed() >= TALK {
            self.said = Instant::now();
            self.say(args);
        }
    }

    fn say(&self, args: &DiscoverArgs) {
        let (tally, seconds) = (self.search.tally(), self.start.elapsed().as_secs_f64());
        let rate = tally.proposals as f64 / seconds;
        let hits = 100.0 * tally.hit_rate();
        let best = self.search.best().fitness;
        say!(
            "fecund: {:.0} s of {:.0}: {} programs, {rate:.0} a second, {hits:.1} % answered, best fitness {best:.4}",
            seconds,
            args.time.as_secs_f64(),
            tally.proposals
        );
    }

    fn report(mut self, args: &DiscoverArgs) -> Result<Report, Failure> {
        let rules = plan(args).rules;
        let mut fresh = judge(args, &self.space, &rules, "final")?;
        let (program, _) = self.found.take().unwrap_or_default();
        let simple = simplified(&program, &mut self.selector);
        let seconds = self.start.elapsed();
        let cpu = processor::own().saturating_sub(self.cpu);
        Ok(Report::new(simple, &mut self.selector, &mut fresh, self.search.tally(), args, [seconds, cpu]))
    }
}

fn space(args: &DiscoverArgs) -> ProgramSpace {
    let default = if args.task == TaskName::Linear { SpaceName::Linear } else { SpaceName::Wide };
    match args.programs.unwrap_or(default) {
        SpaceName::Linear => ProgramSpace::linear(),
        SpaceName::Wide => ProgramSpace::wide(),
    }
}

fn plan(args: &DiscoverArgs) -> Plan {
    let combination = match args.combination {
        CombinationName::Mean => Combination::Mean,
        CombinationName::Median => Combination::Median,
    };
    let (search, cache) = (&args.search, &args.cache);
    Plan {
        seed: args.seed,
        rules: Rules {
            combination,
            epochs: args.epochs.get(),
            probe: [cache.probe.get(); 2],
            ..Rules::default()
        },
        breeding: Breeding {
            population: search.population.get(),
            tournament: search.tournament.get(),
            mutation: search.mutation,
            crossover: search.crossover,
            redraws: search.redraws,
            random: search.random,
        },
        caching: Caching {
            enabled: !cache.no_cache,
            size: cache.cache_size.get(),
            forget_every: cache.forget_every,
            audit: cache.audit,
        },
        hurdle: search.hurdle,
        islands: search.islands.get(),
        round: args.proposals.map_or(ROUND, |most| ROUND.min(most.div_ceil(search.islands.get() as u64))),
        lifetime: search.lifetime.checked_next_multiple_of(ROUND).unwrap_or(0),
    }
}

/// Problems of the search have the seed of the search; those of a judge beside it a seed of their own.
fn problems(args: &DiscoverArgs, training: usize, count: u64, seed: u64) -> Result<Vec<Problem>, Failure> {
    let family = match args.task {
        TaskName::Linear => Family::Linear,
        TaskName::Nonlinear => Family::Nonlinear,
    };
    let numbers = (count as usize).saturating_mul(training).saturating_mul(args.features);
    if numbers > MOST_NUMBERS {
        let what = "--tasks, --examples and --features make";
        return Err(Failure::usage(format!(
            "{what} {numbers} numbers; at most {MOST_NUMBERS} fit, take fewer"
        )));
    }
    let size = Size { features: args.features, training, validation: training.min(PREDICTED) };
    let problems = (0..count).map(|number| family.problem(size, seed, number));
    problems.collect::<Result<_, _>>().map_err(|error| Failure::usage(format!("--features: {error}")))
}

fn judge(args: &DiscoverArgs, space: &ProgramSpace, rules: &Rules, of: &str) -> Result<Judge, Failure> {
    let seed = hashing::Rng::named(args.seed, of, 0).next_u64();
    let problems = problems(args, UNSEEN_EXAMPLES, UNSEEN_TASKS, seed)?;
    Judge::new(&problems, space.memory, rules.clone()).map_err(refused)
}

fn refused(error: NoJudge) -> Failure {
    Failure::usage(format!("--features: {error}"))
}

/// The program as text, as Python, as JSON, and how it was found.
fn write(out: &Path, report: &Report) -> Outcome {
    let failed = |verb, path: &Path, error| Failure::file(verb, path, &error);
    fs::create_dir_all(out).map_err(|error| failed("create", out, error))?;
    let pretty = |value| serde_json::to_string_pretty(&value).expect("JSON is text") + "\n";
    let files = [
        ("program.txt", report.program.to_string()),
        ("program.py", python(&report.program)),
        ("program.json", pretty(json(&report.program))),
        ("report.json", pretty(report.json())),
    ];
    for (name, text) in files {
        let path = out.join(name);
        fs::write(&path, text).map_err(|error| failed("write", &path, error))?;
    }
    Ok(())
}
