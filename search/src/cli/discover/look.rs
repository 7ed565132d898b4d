//! What can be done with the run of a discovery, beside going on: its program is exported, its counts are shown, and the rest
//! is refused in words, since no trials are written.

use std::path::Path;

use serde_json::json;
use spaces::program::Program;
use tasks::Part;

use super::folder::kept;
use super::report::files;
use super::run::{refused, resume};
use super::settings::Settings;
use crate::cli::args::{
    CacheListArgs, CacheVerifyArgs, ConfirmArgs, ExplainArgs, ExportArgs, GcArgs, LeaderboardArgs,
    PredictArgs, RebuildArgs, SearchArgs, StatsArgs, TestArgs,
};
use crate::cli::domains::Runs;
use crate::cli::export::publish;
use crate::cli::failure::{Failure, Outcome};
use crate::cli::history::HistoryArgs;
use crate::cli::table::{Table, print};
use crate::discovery::simplified;

/// The commands on a discovery.
pub const RUNS: Runs = Runs {
    search: |_: &SearchArgs| Err(Failure::usage("find a program with `fecund discover`")),
    resume,
    leaderboard: |args: &LeaderboardArgs| no_trials(&args.run),
    history: |args: &HistoryArgs| no_trials(&args.run),
    export,
    test: |args: &TestArgs| no_trials(&args.run),
    confirm: |args: &ConfirmArgs| no_trials(&args.run),
    predict: |args: &PredictArgs| no_trials(&args.model),
    stats,
    explain: |args: &ExplainArgs| no_trials(&args.run),
    rebuild: |args: &RebuildArgs| no_trials(&args.run),
    gc: |args: &GcArgs| no_trials(&args.run),
    list: |args: &CacheListArgs| no_trials(&args.run),
    verify: |run: &Path, _: &CacheVerifyArgs| no_trials(run),
};

fn no_trials(run: &Path) -> Outcome {
    let run = run.display();
    Err(Failure::usage(format!(
        "{run} is a discovery, which writes no trials: `fecund resume {run}` goes on, `fecund export {run} --to DIR` writes \
         its program, `fecund cache stats {run}` counts how it was answered; `fecund search --space program` writes trials"
    )))
}

/// The best program so far, as text, Python and JSON. A search may be under way.
fn export(args: &ExportArgs) -> Outcome {
    if args.to.exists() {
        let to = args.to.display();
        return Err(Failure::usage(format!("{to} is there already; name another folder with --to")));
    }
    if args.which.trial.is_some() || args.which.refit {
        return Err(Failure::usage(
            "--trial and --refit do not apply to a discovery; its best program is written",
        ));
    }
    let program = best(&args.run)?;
    let files: Vec<_> = files(&program).map(|(name, text)| (name.into(), text)).to_vec();
    publish(&args.to, &files, |_| Ok(()))?;
    print(&format!("{}\n", args.to.display()))
}

fn best(run: &Path) -> Result<Program, Failure> {
    let settings = Settings::read(run)?;
    let found = kept(run, &settings)?.and_then(|kept| kept.found);
    let Some(found) = found else {
        let run = run.display();
        return Err(Failure::failed(format!(
            "{run} has found nothing yet; go on with `fecund resume {run}`"
        )));
    };
    let mut selector = settings.task.problems.judge(Part::Selection).map_err(refused)?;
    Ok(simplified(&found.program, &mut selector))
}

fn stats(args: &StatsArgs) -> Outcome {
    let settings = Settings::read(&args.run)?;
    let tally = kept(&args.run, &settings)?.map(|kept| kept.search.tally()).unwrap_or_default();
    let shown = [
        ("proposals", json!(tally.proposals)),
        ("by_symbol", json!(tally.by_symbol)),
        ("by_probe", json!(tally.by_probe)),
        ("failed", json!(tally.failed)),
        ("hit_rate", json!(tally.hit_rate())),
        ("below_hurdle", json!(tally.below_hurdle)),
        ("evaluated", json!(tally.evaluated)),
        ("audits", json!(tally.audits.made)),
        ("audits_wrong", json!(tally.audits.wrong)),
    ];
    let mut table = Table::new(&shown.clone().map(|(name, _)| name));
    table.row(shown.map(|(_, value)| value).to_vec());
    table.print_single(args.format)
}
