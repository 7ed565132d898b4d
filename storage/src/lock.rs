//! One process writes a directory: an advisory lock that ends with its holder, however that ends.

use std::fs::{File, Metadata, OpenOptions, TryLockError};
use std::io::{Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::StoreError;

const NAME: &str = "lock";

/// Of a directory. Held until it is dropped. The system releases it when the process dies; the file itself stays and means
/// nothing.
#[derive(Debug)]
pub struct Lock {
    file: File,
}

impl Lock {
    /// Fails if another process has it, and names that.
    pub fn take(dir: &Path) -> Result<Self, StoreError> {
        let path = dir.join(NAME);
        let lock = Self::take_once(&path)?;
        // A journal that was put in the place of another meanwhile has a lock of its own.
        if lock.is_at(&path) { Ok(lock) } else { Self::take_once(&path) }
    }

    fn take_once(path: &Path) -> Result<Self, StoreError> {
        let mut options = OpenOptions::new();
        let opened = options.read(true).write(true).create(true).truncate(false).open(path);
        let mut file = opened.map_err(|error| StoreError::disk("open the lock", path, error))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(StoreError::Locked { holder: holder(&mut file), path: path.to_path_buf() });
            }
            Err(TryLockError::Error(error)) => return Err(StoreError::disk("lock", path, error)),
        }
        // The name is a courtesy to a second writer; a full disk must not keep the first one out.
        let _ = file.set_len(0).and_then(|()| file.write_all(introduction().as_bytes()));
        Ok(Self { file })
    }

    fn is_at(&self, path: &Path) -> bool {
        let inode = |file: std::io::Result<Metadata>| file.ok().map(|file| (file.dev(), file.ino()));
        let held = inode(self.file.metadata());
        held.is_some() && held == inode(std::fs::metadata(path))
    }
}

impl Drop for Lock {
    /// Closing the file is not enough: a child process that is being spawned holds a copy of it until it runs its
    /// program.
    fn drop(&mut self) {
        let _ = self.file.unlock();
    }
}

/// Whether some process holds the lock of this directory. Asks the system and takes no lock, so that it never keeps a
/// writer out; `false` where the system does not tell.
pub fn is_being_written(dir: &Path) -> bool {
    let Ok(mut file) = File::open(dir.join(NAME)) else { return false };
    let Ok(inode) = file.metadata().map(|metadata| format!(":{}", metadata.ino())) else { return false };
    let holder = holder(&mut file);
    let locks = std::fs::read_to_string("/proc/locks").unwrap_or_default();
    // `1: FLOCK  ADVISORY  WRITE 4242 fe:00:1835 0 EOF`. Devices are not compared: some file systems show another one
    // here; the process is, for inodes of two devices may be equal.
    locks.lines().any(|line| {
        let fields: Vec<_> = line.split_whitespace().collect();
        let [_, _, _, _, process, place, ..] = fields[..] else { return false };
        place.ends_with(&inode) && holder.starts_with(&format!("process {process} on "))
    })
}

fn introduction() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let host = if host.trim().is_empty() { "this host" } else { host.trim() };
    format!("process {} on {host}\n", std::process::id())
}

fn holder(file: &mut File) -> String {
    let mut text = Vec::new();
    let _ = file.take(200).read_to_end(&mut text);
    let text = String::from_utf8_lossy(&text);
    let line: String = text.lines().next().unwrap_or_default().chars().filter(|c| !c.is_control()).collect();
    if line.is_empty() { "another process".to_string() } else { line }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_writer_is_told_who_holds_the_lock() {
        let dir = tempfile::tempdir().unwrap();
        let first = Lock::take(dir.path()).unwrap();
        let error = Lock::take(dir.path()).unwrap_err();
        assert!(matches!(&error, StoreError::Locked { .. }));
        assert!(error.to_string().contains(&format!("process {} on ", std::process::id())), "{error}");
        drop(first);
        Lock::take(dir.path()).unwrap();
    }

    #[test]
    fn a_reader_can_tell_whether_there_is_a_writer_without_being_one() {
        let dir = tempfile::tempdir().unwrap();
        assert!(!is_being_written(dir.path()));
        let lock = Lock::take(dir.path()).unwrap();
        assert!(is_being_written(dir.path()));
        drop(lock);
        assert!(!is_being_written(dir.path()));
    }
}
