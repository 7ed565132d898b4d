//! Small journals to break.

#![allow(dead_code, reason = "each test file takes what it needs")]

use std::path::{Path, PathBuf};
use std::sync::Arc;

use storage::{Disk, FaultyDisk, Journal, JournalStore, RealDisk, Recovery, Replay, StoreError};

pub fn real() -> Arc<dyn Disk> {
    Arc::new(RealDisk)
}

/// Never fails, and never waits for the real disk: for tests that open thousands of journals.
pub fn fast() -> Arc<dyn Disk> {
    Arc::new(FaultyDisk::sound())
}

/// A journal with these payloads, closed again; returns the path of its only segment.
pub fn journal_of(dir: &Path, payloads: &[&[u8]]) -> PathBuf {
    let (journal, _) = Journal::open(dir, fast()).unwrap();
    payloads.iter().for_each(|payload| journal.append(payload).unwrap());
    dir.join("000001.seg")
}

pub fn reopen(dir: &Path) -> Result<Replay, StoreError> {
    Journal::open(dir, fast()).map(|(_, replay)| replay)
}

pub fn open_store(dir: &Path) -> (JournalStore, Recovery) {
    JournalStore::open(dir, real()).unwrap()
}
