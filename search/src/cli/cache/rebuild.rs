//! `fecund cache rebuild`: a new index, and where a journal is damaged, a journal of what is intact.

use std::path::Path;
use std::sync::Arc;

use serde_json::{Value, json};
use storage::{Damage, Journal, JournalStore, RealDisk, Recovery, Rewrite};

use crate::Ledger;
use crate::cli::args::{Format, RebuildArgs};
use crate::cli::ask_tell::Asked;
use crate::cli::domain::{Candidate, Domain};
use crate::cli::domains;
use crate::cli::failure::{Failure, Outcome};
use crate::cli::run_folder::{RunFolder, cache_of, is_cache};
use crate::cli::table::{Table, print_json};

/// A journal after its rebuilding.
struct Rebuilt {
    journal: String,
    rewrite: Rewrite,
    damages: Vec<Damage>,
    unit: &'static str,
}

pub fn rebuild(args: &RebuildArgs) -> Outcome {
    if args.run.join("study.toml").exists() {
        return domains::of_run(&args.run).and_then(|runs| (runs.rebuild)(args));
    }
    show(&[cache(&cache_of(&args.run)?)?], args.format)
}

/// The cache of a run, and its trials: what follows the damage among them is made again from the cache.
pub fn rebuild_run<D: Domain>(args: &RebuildArgs) -> Outcome {
    let folder = RunFolder::<D>::open(&args.run)?;
    let mut rebuilt = Vec::new();
    if is_cache(&folder.cache()) {
        rebuilt.push(cache(&folder.cache())?);
    } else {
        say!("warning: {} is not there; a search makes a new one", folder.cache().display());
    }
    rebuilt.push(trials::<D>(&folder)?);
    rebuilt.extend(questions(&folder.path)?);
    show(&rebuilt, args.format)?;
    if rebuilt.iter().any(|it| it.unit == "trials" && it.rewrite.aside.is_some()) {
        let run = args.run.display();
        say!("fecund: the trials that follow are made again from the cache by `fecund resume {run}`");
    }
    Ok(())
}

fn cache(dir: &Path) -> Result<Rebuilt, Failure> {
    let (rewrite, recovery) = JournalStore::rebuild(dir, Arc::new(RealDisk))?;
    let Recovery { notes, damages, index_rebuilt, .. } = recovery;
    // Why the index was made anew is no news: it was asked for.
    let news = notes.iter().filter(|note| !note.starts_with("rebuilt the index"));
    news.for_each(|note| say!("fecund: {note}"));
    say!("fecund: {} has a new index", dir.display());
    if rewrite.kept > 0 && !index_rebuilt {
        let what = "the index could not be written, and the next search keeps one in memory";
        return Err(Failure::failed(format!(
            "{}: {what}; free some space there and rebuild again",
            dir.display()
        )));
    }
    Ok(Rebuilt { journal: dir.join("journal").display().to_string(), rewrite, damages, unit: "records" })
}

fn trials<D: Domain>(folder: &RunFolder<D>) -> Result<Rebuilt, Failure> {
    let path = folder.trials_journal();
    let written = Ledger::read::<Candidate<D>>(&path)?;
    let kept = written.trials.len() as u64;
    let damages = written.recovery.damages;
    let rewrite = match damages.is_empty() && written.unread.is_none() {
        true => Rewrite { kept, ..Rewrite::default() },
        false => Journal::keep_first(&path, Arc::new(RealDisk), kept)?,
    };
    Ok(Rebuilt { journal: path.display().to_string(), rewrite, damages, unit: "trials" })
}

/// What was asked, where somebody else evaluates. What is lost of it is asked again.
fn questions(run: &Path) -> Result<Option<Rebuilt>, Failure> {
    let path = Asked::journal(run);
    if !path.exists() {
        return Ok(None);
    }
    let (kept, Recovery { damages, .. }) = Asked::survey(run)?;
    let rewrite = match damages.is_empty() {
        true => Rewrite { kept, ..Rewrite::default() },
        false => Journal::keep_first(&path, Arc::new(RealDisk), kept)?,
    };
    Ok(Some(Rebuilt { journal: path.display().to_string(), rewrite, damages, unit: "questions" }))
}

fn show(rebuilt: &[Rebuilt], format: Format) -> Outcome {
    rebuilt.iter().for_each(Rebuilt::say);
    if format == Format::Json {
        return print_json(&rebuilt.iter().map(Rebuilt::as_json).collect());
    }
    let mut table =
        Table::new(&["journal", "kept", "left_out", "damaged_places", "damaged_bytes", "moved_to"]);
    for Rebuilt { journal, rewrite, damages, .. } in rebuilt {
        table.row(vec![
            journal.as_str().into(),
            rewrite.kept.into(),
            rewrite.left_out.into(),
            damages.len().into(),
            damages.iter().map(|damage| damage.bytes).sum::<u64>().into(),
            moved_to(rewrite),
        ]);
    }
    table.print(format)
}

fn moved_to(rewrite: &Rewrite) -> Value {
    rewrite.aside.as_ref().map_or(Value::Null, |aside| aside.display().to_string().into())
}

impl Rebuilt {
    fn say(&self) {
        let Self { journal, rewrite, damages, unit } = self;
        damages.iter().for_each(|damage| say!("fecund: {damage}: lost"));
        if let Some(aside) = &rewrite.aside {
            let aside = aside.display();
            say!("fecund: {journal} has {} {unit} now; the old one is {aside}", rewrite.kept);
        }
    }

    fn as_json(&self) -> Value {
        let Self { journal, rewrite, damages, .. } = self;
        let place =
            |damage: &Damage| json!({ "path": damage.path, "offset": damage.offset, "bytes": damage.bytes });
        json!({
            "journal": journal,
            "kept": rewrite.kept,
            "left_out": rewrite.left_out,
            "damages": damages.iter().map(place).collect::<Vec<_>>(),
            "moved_to": moved_to(rewrite),
        })
    }
}
