//! `fecund cache …`: what was remembered and reused, a file for each command.

pub mod explain;
pub mod gc;
pub mod rebuild;
pub mod stats;

use std::fs;
use std::path::Path;

/// Bytes of a file, or of all files in a folder.
fn bytes(path: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(path) else { return fs::metadata(path).map_or(0, |file| file.len()) };
    entries.flatten().map(|entry| bytes(&entry.path())).sum()
}
