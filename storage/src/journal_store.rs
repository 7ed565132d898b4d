//! The store that keeps what was paid for: the journal is the authority, the index only finds things in it.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use hashing::Key;

use crate::frame::Position;
use crate::index::Index;
use crate::journal::{self, Limits};
use crate::lock::Lock;
use crate::{
    Disk, Journal, MemoryStore, ReadOnly, Record, Recovery, Store, StoreError, codec, read_journal, replace,
    scan,
};

/// Kept until they are taken; more are dropped.
const MAX_WARNINGS: usize = 1000;

/// A directory with `journal/`, `index/` and `lock`. One process writes it; readers use [`JournalStore::read`].
pub struct JournalStore {
    journal: Journal,
    index: RwLock<Index>,
    keys: AtomicUsize,
    warnings: Mutex<Vec<String>>,
}

impl JournalStore {
    /// Opens the store in `dir`, or begins one there, and says what had to be done for it.
    ///
    /// Reads the whole journal once, so that damage is found now and not in the middle of a study. Nothing that happens
    /// to the index is an error.
    pub fn open(dir: &Path, disk: Arc<dyn Disk>) -> Result<(Self, Recovery), StoreError> {
        Self::open_with(dir, disk, Limits::default())
    }

    fn open_with(dir: &Path, disk: Arc<dyn Disk>, limits: Limits) -> Result<(Self, Recovery), StoreError> {
        journal::make_dir(dir, &*disk)?;
        let lock = Lock::take(dir)?;
        Self::open_locked(dir, disk, limits, lock)
    }

    /// The same for one who holds the lock already.
    pub(crate) fn open_locked(
        dir: &Path,
        disk: Arc<dyn Disk>,
        limits: Limits,
        lock: Lock,
    ) -> Result<(Self, Recovery), StoreError> {
        replace::finish(&dir.join("journal"), &*disk)?;
        let mut newest = Newest::default();
        let visit = &mut |position, payload: &[u8]| newest.see(position, payload);
        let (journal, mut recovery) =
            Journal::open_locked(&dir.join("journal"), disk, limits, Some(lock), visit)?;
        newest.report(&mut recovery);
        let keys = AtomicUsize::new(newest.places.len());
        let index = RwLock::new(Index::open(&dir.join("index"), newest.places, &mut recovery));
        Ok((Self { journal, index, keys, warnings: Mutex::default() }, recovery))
    }

    /// Whether there is a store in `dir`.
    pub fn is_in(dir: &Path) -> bool {
        replace::current(&dir.join("journal")).is_dir()
    }

    /// What the store in `dir` holds now, for a reader beside a writer: takes no lock, and reads the journal only.
    pub fn read(dir: &Path) -> Result<(ReadOnly<MemoryStore>, Recovery), StoreError> {
        let replay = read_journal(&dir.join("journal"))?;
        let mut recovery = replay.recovery;
        let mut newest = Newest::default();
        let records = replay.frames.iter().filter_map(|payload| newest.decode(payload));
        let store = records.collect();
        newest.report(&mut recovery);
        Ok((ReadOnly(store), recovery))
    }

    /// All records, in the order of their keys, each read from the journal as it is asked for.
    pub fn entries(&self) -> impl Iterator<Item = Result<(Key, Record), StoreError>> + '_ {
        let keys = self.ask_index(Index::keys);
        keys.into_iter().filter_map(|key| self.get(&key).map(|record| Some((key, record?))).transpose())
    }

    /// What went wrong since the store was opened, or since the last call, and was made good: one sentence each.
    pub fn take_warnings(&self) -> Vec<String> {
        std::mem::take(&mut self.warnings.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn warn(&self, sentence: String) {
        let mut warnings = self.warnings.lock().unwrap_or_else(PoisonError::into_inner);
        if warnings.len() < MAX_WARNINGS {
            warnings.push(sentence);
        }
    }

    /// The answer of the index; of one made from the journal if it fails.
    fn ask_index<T: Default>(&self, ask: impl Fn(&Index) -> Result<T, String>) -> T {
        let answer = ask(&self.index.read().unwrap_or_else(PoisonError::into_inner));
        answer.unwrap_or_else(|why| {
            let mut index = self.index.write().unwrap_or_else(PoisonError::into_inner);
            self.replace(&mut index, &why);
            ask(&index).unwrap_or_default()
        })
    }

    /// Goes on with an index in memory, made from the journal.
    fn replace(&self, index: &mut Index, why: &str) {
        if matches!(index, Index::Memory(_)) {
            return;
        }
        let mut newest = Newest::default();
        let visit = &mut |position, payload: &[u8]| newest.see(position, payload);
        let scanned = scan::scan(self.journal.dir(), visit);
        self.warn(match scanned {
            Ok(_) => format!("the index failed ({why}); going on with one in memory, read from the journal"),
            Err(error) => {
                format!("the index failed ({why}), and not all of the journal can be read: {error}")
            }
        });
        *index = Index::Memory(newest.places);
    }

    /// Points each key at its place unless it points at a later one.
    fn point(&self, newest: &BTreeMap<Key, Position>) {
        let mut index = self.index.write().unwrap_or_else(PoisonError::into_inner);
        if let Index::Sled(sled) = &*index {
            match sled.advance(newest) {
                Ok(new) => {
                    self.keys.fetch_add(new, Ordering::SeqCst);
                    return;
                }
                Err(why) => self.replace(&mut index, &why),
            }
        }
        if let Index::Memory(places) = &mut *index {
            for (key, position) in newest {
                let place = places.entry(*key).or_insert(*position);
                *place = (*position).max(*place);
            }
            self.keys.store(places.len(), Ordering::SeqCst);
        }
    }

    fn read_at(&self, key: &Key, position: Position) -> Result<Record, String> {
        let (found, record) = codec::decode(&self.journal.read(position)?)?;
        if found == *key { Ok(record) } else { Err(format!("record {} is in its place", found.0.short())) }
    }

    /// The frame went bad since the journal was opened: an older record of the key, if there is one, still holds.
    fn search(&self, key: &Key, why: String) -> Result<Option<Record>, StoreError> {
        let mut found = None;
        let scanned = scan::scan(self.journal.dir(), &mut |_, payload| {
            found = codec::decode(payload).ok().filter(|(other, _)| other == key).or(found.take());
        });
        let Some((_, record)) = found else {
            let why = scanned.err().map_or(why, |error| error.to_string());
            return Err(StoreError::Unreadable { key: *key, why });
        };
        self.warn(format!("record {} went bad ({why}); the last readable one stands in", key.0.short()));
        Ok(Some(record))
    }
}

impl Store for JournalStore {
    fn get(&self, key: &Key) -> Result<Option<Record>, StoreError> {
        match self.ask_index(|index| index.get(key)) {
            None => Ok(None),
            Some(position) => self.read_at(key, position).map(Some).or_else(|why| self.search(key, why)),
        }
    }

    fn put(&self, key: &Key, record: &Record) -> Result<(), StoreError> {
        let payload = encode(key, record)?;
        let places = self.journal.append_awaited(&[payload])?;
        self.point(&places.into_iter().map(|place| (*key, place)).collect());
        Ok(())
    }

    /// One sync and one batch of the index for all of them.
    fn put_all(&self, entries: &[(Key, Record)]) -> Result<(), StoreError> {
        let payloads: Result<Vec<_>, _> = entries.iter().map(|(key, record)| encode(key, record)).collect();
        let places = self.journal.append_awaited(&payloads?)?;
        self.point(&entries.iter().map(|(key, _)| *key).zip(places).collect());
        Ok(())
    }

    fn len(&self) -> usize {
        self.keys.load(Ordering::SeqCst)
    }
}

fn encode(key: &Key, record: &Record) -> Result<Vec<u8>, StoreError> {
    codec::encode(key, record).map_err(|why| StoreError::Unreadable { key: *key, why })
}

/// The newest place of each key, gathered while a journal is read.
#[derive(Default)]
pub(crate) struct Newest {
    pub places: BTreeMap<Key, Position>,
    /// Of records that are not understood.
    pub foreign: Vec<Position>,
    unreadable: u64,
    why: String,
}

impl Newest {
    pub fn see(&mut self, position: Position, payload: &[u8]) {
        match self.decode(payload) {
            Some((key, _)) => drop(self.places.insert(key, position)),
            None => self.foreign.push(position),
        }
    }

    fn decode(&mut self, payload: &[u8]) -> Option<(Key, Record)> {
        let decoded = codec::decode(payload);
        decoded.map_err(|why| (self.unreadable, self.why) = (self.unreadable + 1, why)).ok()
    }

    fn report(&self, recovery: &mut Recovery) {
        recovery.unreadable = self.unreadable;
        if self.unreadable > 0 {
            recovery.note(format!(
                "{} records of the journal are not understood and count as unseen: {}",
                self.unreadable, self.why
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::FaultyDisk;
    use crate::conformance::{sample_key, sample_record};

    #[test]
    fn an_index_that_fails_while_in_use_is_replaced_and_said() {
        let dir = tempfile::tempdir().unwrap();
        let (store, _) = JournalStore::open(dir.path(), Arc::new(FaultyDisk::sound())).unwrap();
        for n in 0..30 {
            if n == 10 || n == 20 {
                *store.index.write().unwrap() = Index::Sled(crate::sled_index::SledIndex::closed());
            }
            if n == 20 {
                assert_eq!(store.get(&sample_key(5)).unwrap(), Some(sample_record(5)));
            }
            store.put(&sample_key(n), &sample_record(n)).unwrap();
            assert_eq!(store.len() as u64, n + 1);
        }
        assert_eq!(store.entries().count(), 30);
        let warnings = store.take_warnings();
        assert_eq!(warnings.len(), 2);
        assert!(warnings[0].contains("going on with one in memory"), "{warnings:?}");
        assert!(store.take_warnings().is_empty());
    }

    #[test]
    fn small_segments_hold_the_same_store() {
        let dir = tempfile::tempdir().unwrap();
        let limits = Limits { segment_bytes: 500, unsynced_bytes: 100 };
        for round in 0..3 {
            let disk = Arc::new(FaultyDisk::sound());
            let (store, recovery) = JournalStore::open_with(dir.path(), disk, limits).unwrap();
            assert!(recovery.is_empty(), "{recovery}");
            for n in 0..20 {
                store.put(&sample_key(n), &sample_record(n + round)).unwrap();
            }
            for n in 0..20 {
                assert_eq!(store.get(&sample_key(n)).unwrap(), Some(sample_record(n + round)));
            }
        }
    }
}
