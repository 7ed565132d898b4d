//! The search itself: rounds until a program is good enough on tasks that it was not chosen by, or a budget is used up.

use std::time::{Duration, Instant};

use evaluator::program::{Judge, NoJudge};
use tasks::Part;

use super::args::DiscoverArgs;
use super::folder::{Folder, Kept};
use super::report::Report;
use super::settings::Settings;
use crate::cli::args::{Format, ResumeArgs};
use crate::cli::failure::{Failure, Outcome};
use crate::cli::run_folder::check_free;
use crate::cli::signals::Signals;
use crate::cli::table::{print, print_json};
use crate::discovery::{Archipelago, Individual, simplified};
use crate::processor;

/// Between two lines of progress.
const TALK: Duration = Duration::from_secs(5);

pub fn discover(args: &DiscoverArgs) -> Outcome {
    let settings = Settings::of(args)?;
    args.out.as_deref().map_or(Ok(()), check_free)?;
    let discovery = Discovery::new(settings)?;
    let folder = args.out.as_ref().map(|out| Folder::create(out, &discovery.settings)).transpose()?;
    discovery.run(folder, args.format)
}

pub fn resume(args: &ResumeArgs) -> Outcome {
    let settings = Settings::read(&args.run)?.changed(args)?;
    let (folder, kept) = Folder::open(&args.run, &settings)?;
    // The options were fine when the run began.
    let mut discovery = Discovery::new(settings).map_err(|failure| Failure::failed(failure.to_string()))?;
    if let Some(kept) = kept {
        discovery.restore(kept).map_err(|what| {
            let run = args.run.display();
            Failure::failed(format!("{run}: its checkpoint holds what no such search comes to ({what})"))
        })?;
        let (proposals, seconds) = (discovery.search.tally().proposals, discovery.used().as_secs_f64());
        say!("fecund: going on after {proposals} programs and {seconds:.0} s");
    }
    discovery.settings.save(&folder.path)?;
    discovery.run(Some(folder), Format::Table)
}

/// A search, and who decides whether it has found something.
struct Discovery {
    settings: Settings,
    search: Archipelago,
    selector: Judge,
    /// The best by the selector.
    found: Option<Individual>,
    start: Instant,
    /// Used up before the start.
    before: [Duration; 2],
    cpu: Duration,
    said: Instant,
}

impl Discovery {
    fn new(settings: Settings) -> Result<Self, Failure> {
        let task = &settings.task.problems;
        let selector = task.judge(Part::Selection).map_err(refused)?;
        let problems = task.problems(Part::Search)?;
        let search = Archipelago::new(&task.space(), &problems, settings.plan()).map_err(refused)?;
        let now = Instant::now();
        let before = [Duration::ZERO; 2];
        Ok(Self {
            settings,
            search,
            selector,
            found: None,
            start: now,
            before,
            cpu: processor::own(),
            said: now,
        })
    }

    fn restore(&mut self, kept: Kept) -> Result<(), String> {
        let seconds = [kept.seconds, kept.cpu_seconds].map(Duration::try_from_secs_f64);
        let [Ok(seconds), Ok(cpu)] = seconds else { return Err("a time that is none".into()) };
        if let Some(found) = &kept.found {
            self.selector.memory().check(&found.program).map_err(|error| error.to_string())?;
        }
        self.search.restore(kept.search)?;
        (self.found, self.before) = (kept.found, [seconds, cpu]);
        Ok(())
    }

    fn run(mut self, mut folder: Option<Folder>, format: Format) -> Outcome {
        let signals = Signals::watch()?;
        while self.goes_on(&signals) {
            if !self.search.round_unless(usize::max(self.settings.jobs, 1), &|| signals.control.cancelled()) {
                return Err(Failure::interrupted(dropped(folder.as_ref())));
            }
            self.select();
            if let Some(folder) = folder.as_mut().filter(|folder| folder.is_due()) {
                folder.keep(&self.kept()?)?;
            }
            if self.said.elapsed() >= TALK {
                self.said = Instant::now();
                self.say();
            }
        }
        if let Some(folder) = &mut folder {
            folder.keep(&self.kept()?)?;
        }
        let report = self.report()?;
        if let Some(folder) = &folder {
            folder.write(&report.files())?;
        }
        match format {
            Format::Json => print_json(&report.json()),
            _ => print(&report.text()),
        }?;
        if !signals.pressed() {
            return Ok(());
        }
        Err(Failure::interrupted(match &folder {
            Some(folder) => {
                format!(
                    "interrupted; above is the best so far, `fecund resume {}` goes on",
                    folder.path.display()
                )
            }
            None => "interrupted; above is the best so far".into(),
        }))
    }

    /// Time of the search, that before an interruption included.
    fn used(&self) -> Duration {
        self.before[0] + self.start.elapsed()
    }

    fn used_of_processors(&self) -> Duration {
        self.before[1] + processor::own().saturating_sub(self.cpu)
    }

    fn goes_on(&self, signals: &Signals) -> bool {
        let (proposals, budget) = (self.search.tally().proposals, &self.settings.budget);
        let sufficient = self.settings.task.sufficient;
        let is_sufficient = self.found.as_ref().is_some_and(|found| found.fitness >= sufficient);
        let is_spent = budget.trials.is_some_and(|most| proposals >= most)
            || budget.time.is_some_and(|most| self.used().as_secs_f64() >= most);
        !(is_sufficient || is_spent || signals.pressed())
    }

    /// Compares the best of the search with what was found before, on tasks that the search does not see.
    fn select(&mut self) {
        let best = self.search.best();
        if self.found.as_ref().is_none_or(|found| found.program != best.program) {
            let fitness = self.selector.judge(&best.program);
            if self.found.as_ref().is_none_or(|found| fitness > found.fitness) {
                self.found = Some(Individual { program: best.program.clone(), fitness });
            }
        }
    }

    fn kept(&self) -> Result<Kept, Failure> {
        Ok(Kept {
            settings: self.settings.fingerprint()?,
            found: self.found.clone(),
            seconds: self.used().as_secs_f64(),
            cpu_seconds: self.used_of_processors().as_secs_f64(),
            search: self.search.state(),
        })
    }

    fn say(&self) {
        let (tally, seconds) = (self.search.tally(), self.used().as_secs_f64());
        let rate = tally.proposals as f64 / seconds;
        let hits = 100.0 * tally.hit_rate();
        let best = self.search.best().fitness;
        let most = self.settings.budget.time.map_or(String::new(), |most| format!(" of {most:.0}"));
        say!(
            "fecund: {seconds:.0} s{most}: {} programs, {rate:.0} a second, {hits:.1} % answered, best fitness {best:.4}",
            tally.proposals
        );
    }

    fn report(mut self) -> Result<Report, Failure> {
        let used = [self.used(), self.used_of_processors()];
        let mut fresh = self.settings.task.problems.judge(Part::Final).map_err(refused)?;
        let found = self.found.take().unwrap_or_default();
        let simple = simplified(&found.program, &mut self.selector);
        let (tally, worth) = (self.search.tally(), self.search.worth());
        if let Some(warning) = worth.warning(tally.proposals) {
            say!("warning: {warning}");
        }
        Report::new(simple, &mut self.selector, &mut fresh, used, tally, worth, &self.settings)
    }
}

/// The round under way is given up.
fn dropped(folder: Option<&Folder>) -> String {
    folder.map_or("interrupted".into(), |folder| {
        let run = folder.path.display();
        format!("interrupted; `fecund resume {run}` goes on from the last checkpoint")
    })
}

pub fn refused(error: NoJudge) -> Failure {
    Failure::usage(error.to_string())
}
