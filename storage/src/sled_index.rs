//! The index on disk: key → place in the journal, in a `sled` tree.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use hashing::{Key, KeyWriter};

use crate::Recovery;
use crate::frame::{self, Position};
use crate::quiet::quietly;
use crate::replace::free_name;

const TREE: &str = "positions-v1";
const VALUE: usize = 28;

/// Never trusted: every entry is compared with the journal when it opens and checked when it is read, and every panic
/// of `sled` is an error here.
pub(crate) struct SledIndex {
    database: Option<sled::Db>,
    tree: Option<sled::Tree>,
}

impl SledIndex {
    /// Opens or creates it. One that will not open is moved aside, and a fresh one is begun.
    pub(crate) fn open(path: &Path, recovery: &mut Recovery) -> Result<Self, String> {
        let existed = path.symlink_metadata().is_ok();
        let why = match open(path) {
            Ok(index) => return Ok(index),
            Err(why) if !existed => return Err(why),
            Err(why) => why,
        };
        let aside = free_name(path);
        std::fs::rename(path, &aside)
            .map_err(|error| format!("{why}; and it cannot be moved to {}: {error}", aside.display()))?;
        recovery.note(format!("the index would not open ({why}); it was moved to {}", aside.display()));
        recovery.quarantined = Some(aside);
        open(path)
    }

    pub(crate) fn get(&self, key: &Key) -> Result<Option<Position>, String> {
        let value = self.with(|tree| tree.get(key.0.0))?;
        value.map(|value| decode(key, &value)).transpose()
    }

    /// Points each key at its place unless it points at a later one; returns how many keys are new. One caller at a
    /// time.
    pub(crate) fn advance(&self, places: &BTreeMap<Key, Position>) -> Result<usize, String> {
        let advance = |tree: &sled::Tree| {
            let mut new = 0;
            for (key, place) in places {
                match tree.insert(key.0.0, &encode(key, *place))? {
                    None => new += 1,
                    Some(old) if decode(key, &old).is_ok_and(|old| old > *place) => {
                        drop(tree.insert(key.0.0, old)?)
                    }
                    Some(_) => {}
                }
            }
            Ok(new)
        };
        self.with(advance)
    }

    pub(crate) fn insert_all<'a>(
        &self,
        mut entries: impl Iterator<Item = (&'a Key, &'a Position)>,
    ) -> Result<(), String> {
        // Not a batch of sled, which costs two to three times as much and would be atomic for nothing.
        self.with(|tree| {
            entries.try_for_each(|(key, place)| tree.insert(key.0.0, &encode(key, *place)).map(drop))
        })
    }

    pub(crate) fn len(&self) -> Result<usize, String> {
        self.with(|tree| Ok(tree.len()))
    }

    pub(crate) fn clear(&self) -> Result<(), String> {
        self.with(sled::Tree::clear)
    }

    pub(crate) fn keys(&self) -> Result<Vec<Key>, String> {
        let keys: Vec<sled::IVec> = self.with(|tree| tree.iter().keys().collect())?;
        let keys = keys.iter().map(|key| <[u8; 32]>::try_from(&key[..]).map(|key| Key(hashing::Digest(key))));
        keys.collect::<Result<_, _>>().map_err(|_| "a key of the wrong length".to_string())
    }

    pub(crate) fn flush(&self) -> Result<(), String> {
        self.with(|tree| tree.flush().map(|_| ()))
    }

    /// One that fails whatever it is asked.
    #[cfg(test)]
    pub(crate) fn closed() -> Self {
        Self { database: None, tree: None }
    }

    fn with<T>(&self, work: impl FnOnce(&sled::Tree) -> sled::Result<T>) -> Result<T, String> {
        let tree = self.tree.as_ref().ok_or("the index is closed")?;
        quietly(|| work(tree))?.map_err(in_words)
    }
}

impl Drop for SledIndex {
    /// `sled` flushes when it is dropped, and may panic there as anywhere.
    fn drop(&mut self) {
        let _ = self.flush();
        let (tree, database) = (self.tree.take(), self.database.take());
        let _ = quietly(|| drop(tree));
        let _ = quietly(|| drop(database));
    }
}

/// Waits a moment for the lock of a `sled` that was dropped just now: it lets go of it on another thread.
fn open(path: &Path) -> Result<SledIndex, String> {
    let mut tries = 0..40;
    loop {
        match open_once(path) {
            Err(why) if why.contains("could not acquire lock") && tries.next().is_some() => {
                std::thread::sleep(Duration::from_millis(25));
            }
            result => return result,
        }
    }
}

fn open_once(path: &Path) -> Result<SledIndex, String> {
    // Never flushed by a clock: what it lacks after a crash is added from the journal.
    let config = sled::Config::new().path(path).flush_every_ms(None).cache_capacity(32 << 20);
    let opened = quietly(|| {
        let database = config.open()?;
        let tree = database.open_tree(TREE)?;
        Ok::<_, sled::Error>(SledIndex { database: Some(database), tree: Some(tree) })
    });
    opened?.map_err(in_words)
}

/// The text of `sled` for damage ends in the place where a backtrace would be.
fn in_words(error: sled::Error) -> String {
    match error {
        sled::Error::Corruption { .. } => "its data is corrupted".to_string(),
        other => other.to_string(),
    }
}

fn encode(key: &Key, position: Position) -> [u8; VALUE] {
    let mut bytes = [0; VALUE];
    bytes[..8].copy_from_slice(&position.segment.to_le_bytes());
    bytes[8..16].copy_from_slice(&position.offset.to_le_bytes());
    bytes[16..20].copy_from_slice(&position.bytes.to_le_bytes());
    let checksum = checksum(key, &bytes[..20]);
    bytes[20..].copy_from_slice(&checksum);
    bytes
}

fn decode(key: &Key, bytes: &[u8]) -> Result<Position, String> {
    let wrong = || "an entry fails its checksum".to_string();
    let (told, sum) = bytes.split_at_checked(20).ok_or_else(wrong)?;
    if sum != checksum(key, told) {
        return Err(wrong());
    }
    let number = |at| frame::u64_at(told, at).ok_or_else(wrong);
    Ok(Position {
        segment: number(0)?,
        offset: number(8)?,
        bytes: frame::u32_at(told, 16).ok_or_else(wrong)?,
    })
}

fn checksum(key: &Key, told: &[u8]) -> [u8; 8] {
    let mut out = KeyWriter::new("fecund index entry v1");
    out.digest(&key.0);
    out.bytes(told);
    frame::shorten(out)
}
