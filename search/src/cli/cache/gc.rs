//! `fecund cache gc`: what nobody will ask for any more goes.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use storage::{JournalStore, RealDisk, StoreError};

use super::bytes;
use crate::cli::args::GcArgs;
use crate::cli::domain::{Candidate, Domain};
use crate::cli::domains;
use crate::cli::failure::Outcome;
use crate::cli::keeper::Artifact;
use crate::cli::run_folder::{RunFolder, cache_of};
use crate::cli::table::Table;
use crate::{Ledger, Trial};

/// A kind of thing that goes, how many of it there are, and their bytes on the disk.
#[derive(Clone)]
struct Freed(&'static str, u64, u64);

pub fn gc(args: &GcArgs) -> Outcome {
    if args.run.join("study.toml").exists() {
        return domains::of_run(&args.run).and_then(|runs| (runs.gc)(args));
    }
    show(args, &of_cache(&cache_of(&args.run)?, args.dry_run)?)
}

/// The cache of a run, and its artifacts.
pub fn gc_run<D: Domain>(args: &GcArgs) -> Outcome {
    let folder = RunFolder::<D>::open(&args.run)?;
    if args.dry_run {
        let trials = folder.trials()?;
        return show(args, &[of_cache(&folder.cache(), true)?, of_artifacts(&folder, &trials)].concat());
    }
    // Its lock is that of the run: no search is under way that could miss what goes.
    let (_ledger, written) = Ledger::open::<Candidate<D>>(&folder.trials_journal(), Arc::new(RealDisk))?;
    let freed = [of_cache(&folder.cache(), false)?, of_artifacts(&folder, &written.trials)].concat();
    folder.keeper(&written.trials).prune()?;
    show(args, &freed)
}

fn of_cache(dir: &Path, dry_run: bool) -> Result<Vec<Freed>, StoreError> {
    let leftovers = JournalStore::leftovers(dir);
    let sum = leftovers.iter().map(|path| bytes(path)).sum();
    let left = if dry_run {
        JournalStore::compaction(dir)?
    } else {
        JournalStore::compact(dir, Arc::new(RealDisk))?
    };
    Ok(vec![
        Freed("replaced records", left.left_out, left.left_out_bytes),
        Freed("damaged indices, unfinished journals", leftovers.len() as u64, sum),
    ])
}

fn of_artifacts<D: Domain>(folder: &RunFolder<D>, trials: &[Trial<Candidate<D>>]) -> Vec<Freed> {
    let unneeded = folder.keeper(trials).unneeded();
    let count = |what, kind| {
        let paths: Vec<&PathBuf> =
            unneeded.iter().filter(|(_, its)| *its == kind).map(|(path, _)| path).collect();
        Freed(what, paths.len() as u64, paths.iter().map(|path| bytes(path)).sum())
    };
    vec![
        count("half-made artifacts", Artifact::HalfMade),
        count("artifacts of functions not among the best", Artifact::Surpassed),
    ]
}

fn show(args: &GcArgs, freed: &[Freed]) -> Outcome {
    let mut table = Table::new(&["what", "count", "bytes"]);
    freed.iter().for_each(|Freed(what, count, bytes)| {
        table.row(vec![(*what).into(), (*count).into(), (*bytes).into()]);
    });
    table.print(args.format)?;
    let all: u64 = freed.iter().map(|Freed(.., bytes)| bytes).sum();
    let verb = if args.dry_run { "would be freed without --dry-run" } else { "freed" };
    say!("fecund: {all} bytes {verb}");
    Ok(())
}
