//! Puts a rewritten journal in the place of an old one, so that at every moment one of the two is there, whole.
//!
//! The new one is written as `NAME.draft`, called `NAME.new` when all of it is durable, and takes the name when the old
//! one has given it up. Where there is no `NAME` and a `NAME.new`, the last step is missing, and opening does it.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::frame::Position;
use crate::journal::{self, Limits};
use crate::lock::Lock;
use crate::{Disk, Journal, StoreError, scan};

/// What a journal was made into.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rewrite {
    /// Frames in it now.
    pub kept: u64,
    /// Intact frames that were left out, and their bytes on the disk.
    pub left_out: u64,
    pub left_out_bytes: u64,
    /// Where the old journal is, if it was put aside.
    pub aside: Option<PathBuf>,
}

pub(crate) fn named(dir: &Path, suffix: &str) -> PathBuf {
    let mut name = dir.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// The first name of this kind that nothing has: `NAME.damaged-1`, …
pub(crate) fn free_name(path: &Path) -> PathBuf {
    let mut names = (1u64..).map(|n| named(path, &format!(".damaged-{n}")));
    names.find(|path| path.symlink_metadata().is_err()).expect("some number is free")
}

/// What a replacement may have left beside the journal when it was interrupted, or may not have been able to remove.
pub(crate) fn leftovers(dir: &Path) -> Vec<PathBuf> {
    let names = [".draft", ".new", ".replaced"].map(|suffix| named(dir, suffix));
    // Without a journal of that name, the new one is all there is.
    names.into_iter().filter(|path| path.is_dir() && dir.is_dir()).collect()
}

/// Where the journal of this name is to be read.
pub(crate) fn current(dir: &Path) -> PathBuf {
    let new = named(dir, ".new");
    if !dir.exists() && new.is_dir() { new } else { dir.to_path_buf() }
}

/// Does the last step of a replacement that was interrupted before it.
pub(crate) fn finish(dir: &Path, disk: &dyn Disk) -> Result<(), StoreError> {
    let new = named(dir, ".new");
    if dir.exists() || !new.is_dir() {
        return Ok(());
    }
    rename(&new, dir, disk)?;
    sync_parent(dir, disk)
}

/// Writes those frames of `dir` that are wanted anew, and puts the journal that they are in the place of the old one,
/// which is called `aside` then. The caller has the lock; `own_lock` says that it lies in the journal itself.
pub(crate) fn replace(
    dir: &Path,
    aside: &Path,
    own_lock: bool,
    disk: &Arc<dyn Disk>,
    wanted: &mut dyn FnMut(Position) -> bool,
) -> Result<Rewrite, StoreError> {
    let (draft, new) = (named(dir, ".draft"), named(dir, ".new"));
    for old in [&draft, &new] {
        remove(old, &**disk)?;
    }
    journal::make_dir(&draft, &**disk)?;
    let lock = if own_lock { Some(Lock::take(&draft)?) } else { None };
    let (journal, _) = Journal::open_locked(&draft, disk.clone(), Limits::default(), lock, &mut |_, _| {})?;
    let rewrite = copy(dir, &journal, wanted)?;
    rename(&draft, &new, &**disk)?;
    sync_parent(dir, &**disk)?;
    rename(dir, aside, &**disk)?;
    rename(&new, dir, &**disk)?;
    sync_parent(dir, &**disk)?;
    Ok(Rewrite { aside: Some(aside.to_path_buf()), ..rewrite })
}

fn copy(
    dir: &Path,
    journal: &Journal,
    wanted: &mut dyn FnMut(Position) -> bool,
) -> Result<Rewrite, StoreError> {
    let (mut rewrite, mut failed) = (Rewrite::default(), None);
    scan::scan(dir, &mut |position, payload| {
        if !wanted(position) {
            rewrite.leave_out(position);
        } else if failed.is_none() {
            rewrite.kept += 1;
            failed = journal.append(payload).err();
        }
    })?;
    failed.map_or_else(|| journal.sync(), Err)?;
    Ok(rewrite)
}

impl Rewrite {
    pub(crate) fn leave_out(&mut self, position: Position) {
        self.left_out += 1;
        self.left_out_bytes += crate::frame::end(0, position.bytes.into());
    }
}

/// Removes a directory if it is there.
pub(crate) fn remove(dir: &Path, disk: &dyn Disk) -> Result<(), StoreError> {
    match disk.remove(dir) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(StoreError::disk("remove", dir, error)),
        _ => Ok(()),
    }
}

fn rename(from: &Path, to: &Path, disk: &dyn Disk) -> Result<(), StoreError> {
    match disk.rename(from, to) {
        // Another process that found no journal here has done the last step.
        Err(error) if error.kind() == io::ErrorKind::NotFound && to.is_dir() => Ok(()),
        renamed => renamed.map_err(|error| StoreError::disk("rename", from, error)),
    }
}

fn sync_parent(dir: &Path, disk: &dyn Disk) -> Result<(), StoreError> {
    let parent = journal::parent(dir);
    disk.sync_dir(parent).map_err(|error| StoreError::disk("sync", parent, error))
}
