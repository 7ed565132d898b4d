//! What a search says of itself on stderr, before and after.

use std::path::Path;

use storage::Recovery;

use super::domain::{Candidate, Domain};
use super::failure::{Failure, Outcome};
use super::plain::counted;
use super::run_folder::RunFolder;
use super::signals::Signals;
use crate::{Statistics, Stop, Trial};

/// What opening the journals had to mend.
pub fn recovery(recovery: &Recovery) {
    recovery.notes.iter().for_each(|note| say!("fecund: recovered: {note}"));
}

/// The task, and what is known already.
pub fn start<D: Domain>(
    folder: &RunFolder<D>,
    trials: &[Trial<Candidate<D>>],
    known: usize,
    evaluator: &D::Evaluator,
) {
    say!("fecund: {}", folder.settings.task.describe(evaluator, folder.settings.jobs));
    if !trials.is_empty() {
        let (trials, known) = (counted(trials.len(), "trial"), counted(known, "verdict"));
        say!("fecund: going on after {trials}; {known} in the cache");
    } else if folder.settings.warm > 0 {
        say!("fecund: the cache is warm: it holds {} verdicts of earlier studies", folder.settings.warm);
    } else if known > 0 {
        say!("fecund: this run has no trials any more; they are made again from its {known} verdicts");
    }
}

/// Why the search ended, and what to do next; `resumed` is the run to go on with.
pub fn end<D: Domain>(
    folder: &RunFolder<D>,
    stop: &Stop,
    trials: &[Trial<Candidate<D>>],
    idle: u64,
    signals: &Signals,
    resumed: &Path,
) -> Outcome {
    let (run, resumed) = (folder.path.display(), resumed.display());
    let evaluated = trials.iter().filter(|trial| trial.origin.is_evaluated()).count() as u64;
    if idle > 4 && idle * 4 > evaluated {
        say!(
            "warning: workers waited {idle} times because the window was full; a larger --window keeps them busy"
        );
    }
    say_promotions(&folder.settings.task, trials);
    if signals.pressed() {
        return Err(Failure::interrupted(format!(
            "stopped after {}; go on with `fecund resume {resumed}`",
            counted(trials.len(), "trial")
        )));
    }
    let (time, cpu_time) = (folder.settings.budget.time, folder.settings.budget.cpu_time);
    let more = |option: &str| format!("used up (more with `fecund resume {resumed} {option} T`)");
    let stop = match (stop, time.unwrap_or(0.0), cpu_time.unwrap_or(0.0)) {
        (Stop::Time(_), all, _) => format!("{all} s of search {}", more("--time")),
        (Stop::ProcessorTime(_), _, all) => format!("{all} s of processor time {}", more("--cpu-time")),
        (Stop::EvaluationTime(_), _, all) => format!("{all} simulated seconds {}", more("--cpu-time")),
        _ => stop.to_string(),
    };
    let next = D::NEXT;
    say!("fecund: {stop}; see `fecund leaderboard {run}`, `fecund cache stats {run}`, `fecund {next} {run}`");
    Ok(())
}

/// Where nothing has come to the largest fidelity, the best is one of those that were trained a little.
fn say_promotions<D: Domain>(task: &D, trials: &[Trial<Candidate<D>>]) {
    let highest = trials.iter().filter_map(Trial::fidelity).max();
    let Some(highest) = highest.filter(|highest| *highest < task.fidelity()) else { return };
    say!(
        "warning: no function has gone on beyond fidelity {highest}, so nothing is trained to the end; more trials \
         lead there, a smaller --window sooner"
    );
}

/// What this process took, `own` seconds of processor time, for these trials beside their evaluations, which run in
/// others or are simulated.
pub fn own_time<D: Domain>(task: &D, trials: &[Trial<Candidate<D>>], own: f64) {
    let took = if task.simulated() { "stand for" } else { "took" };
    let Statistics { hashing_seconds, evaluation_seconds, .. } = Statistics::of(trials);
    let engine = (own - hashing_seconds).max(0.0);
    // Of look-ups that take microseconds, shares would say nothing.
    let share = |seconds: f64| match 100.0 * seconds / evaluation_seconds {
        share if own < evaluation_seconds => format!(" ({share:.3} %)"),
        _ => String::new(),
    };
    say!(
        "fecund: evaluations {took} {evaluation_seconds:.1} s; hashing {hashing_seconds:.3} s{}, engine and storage \
         {engine:.2} s of processor time{}",
        share(hashing_seconds),
        share(engine),
    );
}
