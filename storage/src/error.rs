//! What can go wrong with a store; every message names the thing and, where there is one, the remedy.

use std::io;
use std::path::{Path, PathBuf};

use hashing::Key;

use crate::Damage;

#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("cannot {what} {}: {source}", path.display())]
    Io { what: &'static str, path: PathBuf, source: io::Error },

    #[error(
        "disk full: cannot {what} {}; what was acknowledged is safe: free some space there and run the same command \
         again",
        path.display()
    )]
    Full { what: &'static str, path: PathBuf },

    #[error(
        "{} is in use by {holder}; wait until that process has ended, or end it: its lock goes with it",
        path.display()
    )]
    Locked { path: PathBuf, holder: String },

    #[error("there is no journal in {}; name the folder of a run or a cache that has been written to", dir.display())]
    Missing { dir: PathBuf },

    #[error(
        "{damage}; {more}nothing was deleted, and the {intact} intact frames before and after it can still be read; to \
         keep them and write here again, rebuild the journal",
        more = others_too(.others)
    )]
    Damaged { damage: Damage, others: usize, intact: u64 },

    #[error(
        "{} is written in journal version {found}, and this program knows version {known}: use the program that wrote \
         it, or another folder",
        path.display()
    )]
    Version { path: PathBuf, found: u32, known: u32 },

    #[error("record {} unreadable: {why}", key.0.short())]
    Unreadable { key: Key, why: String },

    #[error("{bytes} bytes are too many for one frame of the journal, which holds at most {limit}")]
    TooLong { bytes: usize, limit: usize },

    #[error("record {} not written: this store is open for reading only", key.0.short())]
    ReadOnly { key: Key },

    #[error(
        "the journal {} takes no more: {why}; what was acknowledged is safe: mend the disk or free some space, and run \
         the same command again",
        dir.display()
    )]
    Stopped { dir: PathBuf, why: String },
}

impl StoreError {
    /// Sorts a failed disk operation: a full disk has a remedy of its own.
    pub(crate) fn disk(what: &'static str, path: &Path, source: io::Error) -> Self {
        let path = path.to_path_buf();
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
                Self::Full { what, path }
            }
            _ => Self::Io { what, path, source },
        }
    }
}

fn others_too(count: &usize) -> String {
    match count {
        0 => String::new(),
        1 => "so is one more place; ".to_string(),
        _ => format!("so are {count} more places; "),
    }
}
