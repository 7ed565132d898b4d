//! A store that fails when it is told to: for the tests of whoever relies on stores.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Mutex, PoisonError};

use hashing::Key;

use crate::{Record, Store, StoreError};

/// What is counted; each kind from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Access {
    Get,
    Put,
}

/// What the caller is told is an error in both cases.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreFault {
    /// Nothing is done.
    Refused,
    /// It is done all the same; only the answer is lost.
    Unanswered,
}

type Plan = dyn Fn(Access, u64) -> Option<StoreFault> + Send + Sync;

/// A store around a store, which fails by a plan. A batch is so many puts, and may fail in its midst.
pub struct Faulty<S: Store> {
    store: S,
    plan: Box<Plan>,
    counts: Mutex<BTreeMap<Access, u64>>,
}

impl<S: Store> Faulty<S> {
    /// Asks `plan` before the n-th access of a kind (counted from 1) whether and how it fails.
    pub fn new(store: S, plan: impl Fn(Access, u64) -> Option<StoreFault> + Send + Sync + 'static) -> Self {
        Self { store, plan: Box::new(plan), counts: Mutex::default() }
    }

    /// Refuses every access of these kinds.
    pub fn refusing(store: S, kinds: &'static [Access]) -> Self {
        Self::new(store, |access, _| kinds.contains(&access).then_some(StoreFault::Refused))
    }

    /// The store inside.
    pub fn inner(&self) -> &S {
        &self.store
    }

    /// How many accesses of this kind were asked for.
    pub fn count(&self, access: Access) -> u64 {
        let counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.get(&access).copied().unwrap_or(0)
    }

    fn next_fault(&self, access: Access) -> Option<StoreFault> {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(access).or_insert(0);
        *count += 1;
        let number = *count;
        drop(counts);
        (self.plan)(access, number)
    }
}

impl<S: Store> Store for Faulty<S> {
    fn get(&self, key: &Key) -> Result<Option<Record>, StoreError> {
        match self.next_fault(Access::Get) {
            None => self.store.get(key),
            Some(_) => Err(StoreError::Unreadable { key: *key, why: "simulated".into() }),
        }
    }

    fn put(&self, key: &Key, record: &Record) -> Result<(), StoreError> {
        let fault = self.next_fault(Access::Put);
        if fault != Some(StoreFault::Refused) {
            self.store.put(key, record)?;
        }
        match fault {
            None => Ok(()),
            Some(_) => {
                Err(StoreError::disk("write", "a faulty store".as_ref(), io::Error::other("simulated")))
            }
        }
    }

    fn len(&self) -> usize {
        self.store.len()
    }
}
