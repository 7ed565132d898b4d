//! A store is put in order: its index made anew, what is damaged or replaced left behind.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::frame::Position;
use crate::journal::refuse_damage;
use crate::journal_store::Newest;
use crate::lock::Lock;
use crate::replace::{self, Rewrite};
use crate::scan::{self, Scan};
use crate::{Disk, Journal, JournalStore, Recovery, StoreError};

impl Journal {
    /// Makes the first `count` frames that can be read the whole journal, and puts the old one aside, as
    /// `NAME.damaged-1`. Whatever fails or stops it, the journal is the old one or the new one.
    pub fn keep_first(dir: &Path, disk: Arc<dyn Disk>, count: u64) -> Result<Rewrite, StoreError> {
        replace::finish(dir, &*disk)?;
        require(dir)?;
        let _lock = Lock::take(dir)?;
        let mut seen = 0;
        replace::replace(dir, &replace::free_name(dir), true, &disk, &mut |_| {
            seen += 1;
            seen <= count
        })
    }
}

impl JournalStore {
    /// Makes the index of the store in `dir` anew, and where the journal is damaged, the journal too: of every intact
    /// record the newest, with the old journal put aside as `journal.damaged-1`. The damage is in the [`Recovery`].
    ///
    /// Whatever fails or stops it, the journal is the old one or the new one.
    pub fn rebuild(dir: &Path, disk: Arc<dyn Disk>) -> Result<(Rewrite, Recovery), StoreError> {
        let (lock, journal) = take(dir, &*disk)?;
        let survey = Survey::of(&journal)?;
        let damages = survey.scan.damages.clone();
        let rewrite = match damages.is_empty() {
            true => Rewrite { kept: survey.scan.frames, ..Rewrite::default() },
            false => survey.rewrite(&journal, &replace::free_name(&journal), &disk)?,
        };
        let mut recovery = index_anew(dir, disk, lock)?;
        recovery.damages = damages;
        Ok((rewrite, recovery))
    }

    /// Leaves out of the journal of the store in `dir` what was replaced, makes the index anew, and removes
    /// [`leftovers`](Self::leftovers). A damaged journal is an error, and nothing is changed.
    ///
    /// Whatever fails or stops it, the journal is the old one or the new one.
    pub fn compact(dir: &Path, disk: Arc<dyn Disk>) -> Result<Rewrite, StoreError> {
        let (lock, journal) = take(dir, &*disk)?;
        let mut survey = Survey::of(&journal)?;
        survey.scan = refuse_damage(survey.scan)?;
        for path in Self::leftovers(dir) {
            remove(&path, &*disk)?;
        }
        let mut rewrite = survey.plan.clone();
        if rewrite.left_out > 0 {
            let aside = replace::named(&journal, ".replaced");
            rewrite = survey.rewrite(&journal, &aside, &disk)?;
            replace::remove(&aside, &*disk)?;
            rewrite.aside = None;
        }
        index_anew(dir, disk, lock)?;
        Ok(rewrite)
    }

    /// What [`compact`](Self::compact) would make of the journal; changes nothing and takes no lock.
    pub fn compaction(dir: &Path) -> Result<Rewrite, StoreError> {
        let mut survey = Survey::of(&replace::current(&dir.join("journal")))?;
        survey.scan = refuse_damage(survey.scan)?;
        Ok(survey.plan)
    }

    /// What is of no use any more in `dir`: indices that would not open, and journals half written or replaced.
    pub fn leftovers(dir: &Path) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
        let damaged = |path: &PathBuf| {
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            name.strip_prefix("index.damaged-").is_some_and(|number| number.parse::<u64>().is_ok())
        };
        let mut found: Vec<_> = entries.map(|entry| entry.path()).filter(damaged).collect();
        found.sort();
        found.extend(replace::leftovers(&dir.join("journal")));
        found
    }
}

/// The frames of a store's journal, and which of them still count.
struct Survey {
    scan: Scan,
    /// The newest record of each key, and what this program does not understand.
    wanted: BTreeSet<Position>,
    plan: Rewrite,
}

impl Survey {
    fn of(journal: &Path) -> Result<Self, StoreError> {
        let (mut newest, mut frames) = (Newest::default(), Vec::new());
        let scan = scan::scan(journal, &mut |position, payload| {
            frames.push(position);
            newest.see(position, payload);
        })?;
        let wanted: BTreeSet<_> = newest.places.into_values().chain(newest.foreign).collect();
        let mut plan = Rewrite { kept: wanted.len() as u64, ..Rewrite::default() };
        frames.iter().filter(|position| !wanted.contains(position)).for_each(|it| plan.leave_out(*it));
        Ok(Self { scan, wanted, plan })
    }

    fn rewrite(&self, journal: &Path, aside: &Path, disk: &Arc<dyn Disk>) -> Result<Rewrite, StoreError> {
        replace::replace(journal, aside, false, disk, &mut |position| self.wanted.contains(&position))
    }
}

/// The lock of a store that is there, and the place of its journal.
fn take(dir: &Path, disk: &dyn Disk) -> Result<(Lock, PathBuf), StoreError> {
    let journal = dir.join("journal");
    require(&replace::current(&journal))?;
    let lock = Lock::take(dir)?;
    replace::finish(&journal, disk)?;
    Ok((lock, journal))
}

fn require(journal: &Path) -> Result<(), StoreError> {
    if journal.is_dir() { Ok(()) } else { Err(StoreError::Missing { dir: journal.to_path_buf() }) }
}

fn index_anew(dir: &Path, disk: Arc<dyn Disk>, lock: Lock) -> Result<Recovery, StoreError> {
    remove(&dir.join("index"), &*disk)?;
    JournalStore::open_locked(dir, disk, Default::default(), lock).map(|(_, recovery)| recovery)
}

/// Removes whatever has this name.
fn remove(path: &Path, disk: &dyn Disk) -> Result<(), StoreError> {
    if path.symlink_metadata().is_ok_and(|found| !found.is_dir()) {
        return std::fs::remove_file(path).map_err(|error| StoreError::disk("remove", path, error));
    }
    replace::remove(path, disk)
}
