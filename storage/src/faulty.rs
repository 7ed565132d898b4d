//! A disk that fails when it is told to, and forgets what was not synced: for the tests of whoever writes journals.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::{Disk, DiskFile, RealDisk};

/// What is counted; each kind from 1, over all files of the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Operation {
    Create,
    Write,
    Sync,
    Truncate,
    SyncDir,
    Rename,
    Remove,
}

/// How an operation fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Disk full; nothing is written.
    Full,
    /// Disk full after this many bytes of a write.
    Torn(usize),
    /// An error of the device. A failed sync drops what it should have saved, as Linux does: no later one brings it
    /// back, although it can be read until the machine stops.
    Broken,
}

type Plan = dyn Fn(Operation, u64) -> Option<Fault> + Send + Sync;

/// Writes through to the real file system, so that readers see what they would see, and keeps beside it what a loss of
/// power would leave. [`crash`](Self::crash) makes that come true.
#[derive(Clone)]
pub struct FaultyDisk(Arc<Shared>);

struct Shared {
    plan: Box<Plan>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    counts: BTreeMap<Operation, u64>,
    files: BTreeMap<PathBuf, Image>,
    /// Created, and their directory not synced since.
    nameless: BTreeSet<PathBuf>,
    /// Directories that got another name, and the one they are in not synced since.
    renamed: Vec<(PathBuf, PathBuf)>,
}

/// What a loss of power leaves of a file, and the changes that a sync would add.
#[derive(Default)]
struct Image {
    durable: Vec<u8>,
    pending: Vec<Change>,
}

enum Change {
    Write(u64, Vec<u8>),
    Truncate(u64),
}

impl FaultyDisk {
    /// Asks `plan` before the n-th operation of a kind (counted from 1) whether and how it fails.
    pub fn new(plan: impl Fn(Operation, u64) -> Option<Fault> + Send + Sync + 'static) -> Self {
        Self(Arc::new(Shared { plan: Box::new(plan), state: Mutex::default() }))
    }

    /// Fails in the n-th operation of one kind only.
    pub fn once(operation: Operation, number: u64, fault: Fault) -> Self {
        Self::new(move |o, n| ((o, n) == (operation, number)).then_some(fault))
    }

    /// Never fails.
    pub fn sound() -> Self {
        Self::new(|_, _| None)
    }

    /// How many operations of this kind were asked for.
    pub fn count(&self, operation: Operation) -> u64 {
        self.0.state().counts.get(&operation).copied().unwrap_or(0)
    }

    /// Loses power: every file written through this disk becomes what was synced of it. Call it when no journal is open.
    pub fn crash(&self) -> io::Result<()> {
        self.crash_keeping(0)
    }

    /// Loses power while unsynced changes were being saved: the first `bytes` bytes of those of each file stay.
    pub fn crash_keeping(&self, bytes: usize) -> io::Result<()> {
        let mut state = self.0.state();
        while let Some((from, to)) = state.renamed.pop() {
            std::fs::rename(&to, &from)?;
            state.move_files(&to, &from);
        }
        for path in std::mem::take(&mut state.nameless) {
            state.files.remove(&path);
            std::fs::remove_file(&path)?;
        }
        for (path, image) in &mut state.files {
            image.keep(bytes);
            std::fs::write(path, &image.durable)?;
        }
        Ok(())
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts the operation and asks the plan.
    fn next_fault(&self, operation: Operation) -> Option<Fault> {
        let mut state = self.state();
        let count = state.counts.entry(operation).or_insert(0);
        *count += 1;
        let number = *count;
        drop(state);
        (self.plan)(operation, number)
    }

    fn check(&self, operation: Operation) -> io::Result<()> {
        self.next_fault(operation).map_or(Ok(()), |fault| Err(fault.error()))
    }
}

impl Fault {
    fn error(self) -> io::Error {
        match self {
            Self::Full | Self::Torn(_) => io::ErrorKind::StorageFull.into(),
            Self::Broken => io::Error::other("simulated device error"),
        }
    }
}

impl Image {
    fn apply(&mut self, change: &Change) {
        match change {
            Change::Truncate(bytes) => self.durable.resize(*bytes as usize, 0),
            Change::Write(offset, bytes) => {
                let (from, to) = (*offset as usize, *offset as usize + bytes.len());
                self.durable.resize(self.durable.len().max(to), 0);
                self.durable[from..to].copy_from_slice(bytes);
            }
        }
    }

    fn sync(&mut self) {
        for change in std::mem::take(&mut self.pending) {
            self.apply(&change);
        }
    }

    fn keep(&mut self, mut bytes: usize) {
        for change in std::mem::take(&mut self.pending) {
            match change {
                _ if bytes == 0 => break,
                Change::Write(offset, mut written) => {
                    written.truncate(bytes);
                    bytes -= written.len();
                    self.apply(&Change::Write(offset, written));
                }
                truncate => self.apply(&truncate),
            }
        }
    }
}

impl Disk for FaultyDisk {
    fn create(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        self.0.check(Operation::Create)?;
        let file = RealDisk.create(path)?;
        let mut state = self.0.state();
        if state.files.contains_key(path) {
            state.record(path, Change::Truncate(0));
        } else {
            state.nameless.insert(path.to_path_buf());
            state.files.insert(path.to_path_buf(), Image::default());
        }
        Ok(Arc::new(FaultyFile { shared: self.0.clone(), path: path.to_path_buf(), file }))
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        let file = RealDisk.open(path)?;
        let mut state = self.0.state();
        if !state.files.contains_key(path) {
            let image = Image { durable: std::fs::read(path)?, pending: Vec::new() };
            state.files.insert(path.to_path_buf(), image);
        }
        Ok(Arc::new(FaultyFile { shared: self.0.clone(), path: path.to_path_buf(), file }))
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        self.0.check(Operation::SyncDir)?;
        let mut state = self.0.state();
        state.nameless.retain(|path| path.parent() != Some(dir));
        state.renamed.retain(|(from, _)| from.parent() != Some(dir));
        Ok(())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.0.check(Operation::Rename)?;
        RealDisk.rename(from, to)?;
        let mut state = self.0.state();
        state.move_files(from, to);
        state.renamed.push((from.to_path_buf(), to.to_path_buf()));
        Ok(())
    }

    fn remove(&self, dir: &Path) -> io::Result<()> {
        self.0.check(Operation::Remove)?;
        RealDisk.remove(dir)?;
        let mut state = self.0.state();
        state.files.retain(|path, _| !path.starts_with(dir));
        state.nameless.retain(|path| !path.starts_with(dir));
        Ok(())
    }
}

impl State {
    /// Follows a directory to its new name.
    fn move_files(&mut self, from: &Path, to: &Path) {
        let moved = |path: PathBuf| path.strip_prefix(from).map(|rest| to.join(rest)).unwrap_or(path);
        self.files =
            std::mem::take(&mut self.files).into_iter().map(|(path, image)| (moved(path), image)).collect();
        self.nameless = std::mem::take(&mut self.nameless).into_iter().map(moved).collect();
    }

    fn record(&mut self, path: &Path, change: Change) {
        if let Some(image) = self.files.get_mut(path) {
            image.pending.push(change);
        }
    }
}

struct FaultyFile {
    shared: Arc<Shared>,
    path: PathBuf,
    file: Arc<dyn DiskFile>,
}

impl DiskFile for FaultyFile {
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let fault = self.shared.next_fault(Operation::Write);
        let kept = match fault {
            None => bytes,
            Some(Fault::Torn(kept)) => &bytes[..kept.min(bytes.len())],
            Some(_) => &[],
        };
        self.file.write_at(kept, offset)?;
        self.shared.state().record(&self.path, Change::Write(offset, kept.to_vec()));
        fault.map_or(Ok(()), |fault| Err(fault.error()))
    }

    fn sync(&self) -> io::Result<()> {
        let fault = self.shared.next_fault(Operation::Sync);
        let mut state = self.shared.state();
        let Some(image) = state.files.get_mut(&self.path) else { return Ok(()) };
        match fault {
            None => image.sync(),
            Some(_) => image.pending.clear(),
        }
        fault.map_or(Ok(()), |fault| Err(fault.error()))
    }

    fn truncate(&self, bytes: u64) -> io::Result<()> {
        self.shared.check(Operation::Truncate)?;
        self.file.truncate(bytes)?;
        self.shared.state().record(&self.path, Change::Truncate(bytes));
        Ok(())
    }
}
