//! The spaces, one line each. A new one is a file in `spaces` and a line in [`ALL`]: [`replayed`] where a published
//! table has its verdicts (the candidate is `Tabulated`), [`trained`] or [`searched`] with a [`Domain`] of its own, or [`hashed`]; and [`counted`]
//! where its candidates can be listed.

mod external;
mod mlp;
mod program;
mod replay;
mod sequence;

pub use external::{ExternalDomain, KIND};
pub use mlp::MlpDomain;
pub use sequence::SequenceDomain;

use std::path::Path;

use clap::builder::{PossibleValue, PossibleValuesParser};
use spaces::nb_macro::MacroSpace;
use spaces::{Enumerated, Space, Tabulated, cell101, cell201, nb_graph};

use program::ProgramDomain;
use replay::ReplayDomain;

use super::args::{
    AskArgs, CacheListArgs, CacheVerifyArgs, ConfirmArgs, CreateArgs, ExplainArgs, ExportArgs, GcArgs,
    HashArgs, LeaderboardArgs, PredictArgs, RebuildArgs, ResumeArgs, SearchArgs, StatsArgs, TellArgs,
    TestArgs,
};
use super::count::{self, CountArgs, Counted};
use super::domain::Domain;
use super::failure::{Failure, Outcome};
use super::history::{self, HistoryArgs};
use super::judge::{self, Trained};
use super::{ask_tell, cache, confirm, discover, export, hash, leaderboard, run_folder, search};

/// Every space, the default first.
pub const ALL: [Listed; 7] = [
    trained::<SequenceDomain>("sequence", "stacks of token and channel mixers for sequences"),
    trained::<MlpDomain>("mlp", "perceptrons over the columns of a table"),
    counted::<cell201::CellSpace>(replayed::<cell201::CellSpace>(
        "cell201",
        "the 15,625 cells of NAS-Bench-201, judged by their published table",
    )),
    counted::<MacroSpace>(replayed::<MacroSpace>(
        "nb-macro",
        "the 6,561 codes of NAS-Bench-Macro, judged by their published table",
    )),
    counted::<nb_graph::CellSpace>(replayed::<nb_graph::CellSpace>(
        "nb-graph",
        "the 59,049 written forms of NAS-Bench-Graph, judged by their published tables",
    )),
    counted::<cell101::CellSpace>(hashed::<cell101::CellSpace>(
        "cell101",
        "the 423,624 cells of NAS-Bench-101",
    )),
    searched::<ProgramDomain>(
        "program",
        "learning algorithms for registers; `fecund discover` searches them faster, and writes no trials",
    ),
];

/// A space and what can be done with it.
pub struct Listed {
    pub name: &'static str,
    pub summary: &'static str,
    pub hash: fn(&HashArgs) -> Outcome,
    /// There where all candidates can be listed.
    pub count: Option<fn(&CountArgs) -> Outcome>,
    /// There where it can be searched.
    pub runs: Option<Runs>,
    /// With verdicts from outside.
    pub external: External,
}

/// What can be done where somebody else evaluates.
#[derive(Clone, Copy)]
pub struct External {
    pub create: fn(&CreateArgs) -> Outcome,
    pub ask: fn(&AskArgs) -> Outcome,
    pub tell: fn(&TellArgs) -> Outcome,
    pub runs: Runs,
}

/// The commands that make a run and look into it.
#[derive(Clone, Copy)]
pub struct Runs {
    pub search: fn(&SearchArgs) -> Outcome,
    pub resume: fn(&ResumeArgs) -> Outcome,
    pub leaderboard: fn(&LeaderboardArgs) -> Outcome,
    pub history: fn(&HistoryArgs) -> Outcome,
    pub export: fn(&ExportArgs) -> Outcome,
    pub test: fn(&TestArgs) -> Outcome,
    pub confirm: fn(&ConfirmArgs) -> Outcome,
    pub predict: fn(&PredictArgs) -> Outcome,
    pub stats: fn(&StatsArgs) -> Outcome,
    pub explain: fn(&ExplainArgs) -> Outcome,
    pub rebuild: fn(&RebuildArgs) -> Outcome,
    pub gc: fn(&GcArgs) -> Outcome,
    pub list: fn(&CacheListArgs) -> Outcome,
    /// Of the run in this folder.
    pub verify: fn(&Path, &CacheVerifyArgs) -> Outcome,
}

const fn trained<D: Trained>(name: &'static str, summary: &'static str) -> Listed {
    let listed = searched::<D>(name, summary);
    let Some(runs) = listed.runs else { return listed };
    let (test, confirm, predict) = (judge::test::<D>, confirm::confirm::<D>, judge::predict_with_run::<D>);
    Listed { runs: Some(Runs { test, confirm, predict, ..runs }), ..listed }
}

const fn searched<D: Domain>(name: &'static str, summary: &'static str) -> Listed {
    let runs = Runs { search: search::search::<D>, resume: search::resume::<D>, ..looked_into::<D>() };
    let runs = Runs { verify: cache::verify::verify::<D>, ..runs };
    Listed { runs: Some(runs), ..hashed::<D::Space>(name, summary) }
}

/// What only looks into a run; the rest is refused.
const fn looked_into<D: Domain>() -> Runs {
    Runs {
        search: ask_tell::refuse_search,
        resume: ask_tell::refuse_resume,
        leaderboard: leaderboard::leaderboard::<D>,
        history: history::history::<D>,
        export: export::export::<D>,
        test: judge::refuse_test,
        confirm: judge::refuse_confirm,
        predict: judge::refuse_predict,
        stats: cache::stats::run_stats::<D>,
        explain: cache::explain::explain::<D>,
        rebuild: cache::rebuild::rebuild_run::<D>,
        gc: cache::gc::gc_run::<D>,
        list: cache::list::list_run::<D>,
        verify: ask_tell::refuse_verify,
    }
}

const fn replayed<S>(name: &'static str, summary: &'static str) -> Listed
where
    S: Enumerated<Candidate: Tabulated> + Default + 'static,
{
    searched::<ReplayDomain<S>>(name, summary)
}

const fn hashed<S: Space + Default + 'static>(name: &'static str, summary: &'static str) -> Listed {
    let external = External {
        create: ask_tell::create::<S>,
        ask: ask_tell::ask::<S>,
        tell: ask_tell::tell::<S>,
        runs: looked_into::<ExternalDomain<S>>(),
    };
    Listed { name, summary, hash: hash::print_identities::<S>, count: None, runs: None, external }
}

const fn counted<S: Counted>(listed: Listed) -> Listed {
    Listed { count: Some(count::count::<S>), ..listed }
}

/// The space of this name.
pub fn named(name: &str) -> Result<&'static Listed, Failure> {
    let names = || ALL.iter().map(|listed| listed.name).collect::<Vec<_>>().join(", ");
    ALL.iter()
        .find(|listed| listed.name == name)
        .ok_or_else(|| Failure::failed(format!("no space `{name}`; known: {}", names())))
}

/// The commands on runs over the space of this name.
pub fn runs(name: &str) -> Result<Runs, Failure> {
    let can = ALL.iter().filter(|listed| listed.runs.is_some()).map(|listed| listed.name);
    named(name)?.runs.ok_or_else(|| {
        let known = can.collect::<Vec<_>>().join(", ");
        Failure::usage(format!("--space {name} can be hashed and not searched; these can: {known}"))
    })
}

/// The commands on this run.
pub fn of_run(run: &Path) -> Result<Runs, Failure> {
    let header = run_folder::header_of(run)?;
    match header.task.kind.as_deref() {
        None => runs(&header.space),
        Some(KIND) => Ok(named(&header.space)?.external.runs),
        Some(discover::KIND) => Ok(discover::RUNS),
        Some(kind) => {
            let why = "this program knows no task of that kind";
            Err(Failure::failed(format!("{}: `{kind}`: {why}", run.join("study.toml").display())))
        }
    }
}

/// Whether the verdicts of this run come from outside.
pub fn is_external(run: &Path) -> Result<bool, Failure> {
    Ok(run_folder::header_of(run)?.task.kind.as_deref() == Some(KIND))
}

/// What can be done with this run from outside.
pub fn external(run: &Path) -> Result<External, Failure> {
    if is_external(run)? {
        return Ok(named(&run_folder::space_of(run)?)?.external);
    }
    let (run, why) = (run.display(), "is a search, which evaluates by itself");
    Err(Failure::usage(format!(
        "{run} {why}: go on with `fecund resume {run}`, or make a run for your own trainer with `fecund create`"
    )))
}

/// For `--space`.
pub fn names() -> PossibleValuesParser {
    parser(|_| true)
}

/// For `--space` of what can be searched.
pub fn names_of_searched() -> PossibleValuesParser {
    parser(|listed| listed.runs.is_some())
}

fn parser(wanted: impl Fn(&Listed) -> bool) -> PossibleValuesParser {
    let wanted = ALL.iter().filter(|listed| wanted(listed));
    wanted.map(|listed| PossibleValue::new(listed.name).help(listed.summary)).collect::<Vec<_>>().into()
}
