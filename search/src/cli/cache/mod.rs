//! `fecund cache …`: what was remembered and reused, a file for each command.

mod agreement;
mod csv_file;
pub mod explain;
pub mod export;
mod flat;
pub mod gc;
pub mod import;
pub mod list;
mod parquet_file;
pub mod rebuild;
pub mod stats;
pub mod verify;

use std::fs;
use std::path::Path;

use hashing::Key;
use storage::{JournalStore, Record};

use super::failure::Failure;
use super::run_folder;

/// All records of a run's cache, or of a cache alone, in the order of their keys. Takes no lock; what cannot be read is
/// said.
fn records_of(path: &Path) -> Result<Vec<(Key, Record)>, Failure> {
    let (store, recovery) = JournalStore::read(&run_folder::cache_of(path)?)?;
    run_folder::say_damage(&recovery, path);
    Ok(store.0.entries())
}

/// Bytes of a file, or of all files in a folder.
pub fn bytes(path: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(path) else { return fs::metadata(path).map_or(0, |file| file.len()) };
    entries.flatten().map(|entry| bytes(&entry.path())).sum()
}
