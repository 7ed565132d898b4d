//! A hot tier in memory around any store: what was read or written lately costs no disk.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use dashmap::{DashMap, Entry};
use hashing::Key;

use crate::{Record, Store, StoreError};

/// Answers from memory what it can. Never answers otherwise than the store inside would.
pub struct Tiered<S: Store> {
    hot: DashMap<Key, Record>,
    cold: S,
    capacity: usize,
    /// Counts the times when `hot` lost entries. A record read from `cold` before such a time is not kept: it may have
    /// been replaced since.
    epoch: AtomicU64,
    /// Writers of one key take turns, so that both tiers end with the same record. One lock for each 64th of the keys.
    turns: [Mutex<()>; TURNS],
}

const TURNS: usize = 64;

fn turn_of(key: &Key) -> usize {
    usize::from(key.0.0[0]) % TURNS
}

impl<S: Store> Tiered<S> {
    /// Keeps up to 100,000 records in memory.
    pub fn new(cold: S) -> Self {
        Self::with_capacity(cold, 100_000)
    }

    /// The hot tier is emptied when it holds `capacity` records: simple, and rare enough not to matter.
    pub fn with_capacity(cold: S, capacity: usize) -> Self {
        let turns = std::array::from_fn(|_| Mutex::new(()));
        Self { hot: DashMap::new(), cold, capacity, epoch: AtomicU64::new(0), turns }
    }

    /// The store inside.
    pub fn cold(&self) -> &S {
        &self.cold
    }

    /// Keeps what was read in `epoch`, unless a writer was faster; returns what is true now.
    fn keep(&self, key: &Key, record: Record, epoch: u64) -> Record {
        self.make_room();
        match self.hot.entry(*key) {
            Entry::Occupied(hot) => hot.get().clone(),
            Entry::Vacant(hot) => {
                if self.epoch.load(Ordering::SeqCst) == epoch {
                    hot.insert(record.clone());
                }
                record
            }
        }
    }

    fn take_turn(&self, turn: usize) -> MutexGuard<'_, ()> {
        self.turns[turn].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Follows the store inside after a put; the caller has the key's turn.
    fn settle(&self, key: &Key, record: &Record, done: bool) {
        if done {
            self.make_room();
            self.hot.insert(*key, record.clone());
        } else {
            // The store inside holds the old record or the new one: only it can tell.
            self.epoch.fetch_add(1, Ordering::SeqCst);
            self.hot.remove(key);
        }
    }

    fn make_room(&self) {
        if self.hot.len() >= self.capacity {
            self.epoch.fetch_add(1, Ordering::SeqCst);
            self.hot.clear();
        }
    }
}

impl<S: Store> Store for Tiered<S> {
    fn get(&self, key: &Key) -> Result<Option<Record>, StoreError> {
        if let Some(record) = self.hot.get(key) {
            return Ok(Some(record.clone()));
        }
        let epoch = self.epoch.load(Ordering::SeqCst);
        Ok(self.cold.get(key)?.map(|record| self.keep(key, record, epoch)))
    }

    fn put(&self, key: &Key, record: &Record) -> Result<(), StoreError> {
        let _turn = self.take_turn(turn_of(key));
        let result = self.cold.put(key, record);
        self.settle(key, record, result.is_ok());
        result
    }

    fn put_all(&self, entries: &[(Key, Record)]) -> Result<(), StoreError> {
        // In ascending order, so that two batches never wait for each other.
        let turns: BTreeSet<usize> = entries.iter().map(|(key, _)| turn_of(key)).collect();
        let _turns: Vec<_> = turns.into_iter().map(|turn| self.take_turn(turn)).collect();
        let result = self.cold.put_all(entries);
        entries.iter().for_each(|(key, record)| self.settle(key, record, result.is_ok()));
        result
    }

    fn len(&self) -> usize {
        self.cold.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::{sample_key, sample_record};
    use crate::{MemoryStore, ReadOnly};

    #[test]
    fn the_second_answer_comes_from_memory() {
        struct Counted(MemoryStore, AtomicU64);
        impl Store for Counted {
            fn get(&self, key: &Key) -> Result<Option<Record>, StoreError> {
                self.1.fetch_add(1, Ordering::SeqCst);
                self.0.get(key)
            }
            fn put(&self, key: &Key, record: &Record) -> Result<(), StoreError> {
                self.0.put(key, record)
            }
            fn len(&self) -> usize {
                self.0.len()
            }
        }
        let cold = MemoryStore::from_iter([(sample_key(1), sample_record(1))]);
        let store = Tiered::new(Counted(cold, AtomicU64::new(0)));
        for _ in 0..3 {
            assert_eq!(store.get(&sample_key(1)).unwrap(), Some(sample_record(1)));
        }
        assert_eq!(store.cold().1.load(Ordering::SeqCst), 1);
    }

    #[test]
    fn a_refused_put_leaves_the_answer_to_the_store_inside() {
        let cold = MemoryStore::from_iter([(sample_key(1), sample_record(1))]);
        let store = Tiered::new(ReadOnly(cold));
        store.get(&sample_key(1)).unwrap();
        assert!(store.put(&sample_key(1), &sample_record(2)).is_err());
        assert_eq!(store.get(&sample_key(1)).unwrap(), Some(sample_record(1)));
    }

    #[test]
    fn a_full_hot_tier_forgets_nothing_that_the_store_inside_knows() {
        let store = Tiered::with_capacity(MemoryStore::new(), 3);
        for n in 0..20 {
            store.put(&sample_key(n), &sample_record(n)).unwrap();
        }
        assert!(store.hot.len() <= 3);
        for n in 0..20 {
            assert_eq!(store.get(&sample_key(n)).unwrap(), Some(sample_record(n)));
        }
    }
}
