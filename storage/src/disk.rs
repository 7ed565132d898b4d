//! The few operations that the journal asks of a disk, so that tests can hand in one that fails.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

/// Where a journal is written. Reading goes through the file system and needs no such trait.
pub trait Disk: Send + Sync {
    /// An empty file of this name, open for writing; one that exists is emptied.
    fn create(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>>;

    /// An existing file, open for writing, with its content.
    fn open(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>>;

    /// When it returns, files created in `dir` stay created after a loss of power, and renamed ones renamed.
    fn sync_dir(&self, dir: &Path) -> io::Result<()>;

    /// Gives a directory another name beside it, at once or not at all; what has that name must be gone.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        std::fs::rename(from, to)
    }

    /// Removes a directory with all that is in it; after an error a part of it may be left.
    fn remove(&self, dir: &Path) -> io::Result<()> {
        std::fs::remove_dir_all(dir)
    }
}

/// A file being written. Shared by threads: one may sync while another writes.
pub trait DiskFile: Send + Sync {
    /// Writes all of `bytes` at `offset`; after an error any part of them may have been written.
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;

    /// When it returns, what was written before it began survives a loss of power. After an error nothing is known of
    /// the bytes written since the last success, and a second call proves nothing: the system may have given them up.
    fn sync(&self) -> io::Result<()>;

    fn truncate(&self, bytes: u64) -> io::Result<()>;
}

/// The disk of this machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct RealDisk;

impl Disk for RealDisk {
    fn create(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        Ok(Arc::new(File::create(path)?))
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        Ok(Arc::new(OpenOptions::new().write(true).open(path)?))
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        File::open(dir)?.sync_all()
    }
}

impl DiskFile for File {
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.write_all_at(bytes, offset)
    }

    fn sync(&self) -> io::Result<()> {
        self.sync_data()
    }

    fn truncate(&self, bytes: u64) -> io::Result<()> {
        self.set_len(bytes)
    }
}
