//! The trait of everything that remembers, its plain data, and the two smallest stores.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use hashing::{Fidelity, Key};
use serde::{Deserialize, Serialize};
use tasks::Verdict;

use crate::StoreError;

/// Remembers one [`Record`] per [`Key`]. The laws are tested by [`conformance`](crate::conformance).
pub trait Store: Send + Sync {
    /// The record that was put last under this key, equal bit for bit; `None` if there was none.
    ///
    /// An error means that the store failed, not that the key is unknown; the caller counts it as a miss with a
    /// reason and goes on.
    fn get(&self, key: &Key) -> Result<Option<Record>, StoreError>;

    /// Replaces what was under this key and touches no other. Seen by every `get` that begins after it returned.
    ///
    /// `Ok` means as durable as this store gets; after an error the key holds the old record or the new one, and
    /// nothing else.
    fn put(&self, key: &Key, record: &Record) -> Result<(), StoreError>;

    /// All of these puts, as if made one after the other; a store that waits for a disk waits once for all of them.
    ///
    /// After an error each of the keys holds its old record or one of the new ones.
    fn put_all(&self, entries: &[(Key, Record)]) -> Result<(), StoreError> {
        entries.iter().try_for_each(|(key, record)| self.put(key, record))
    }

    /// How many keys have a record.
    fn len(&self) -> usize;

    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// What is known of one key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// What the key is a key of; records of earlier programs do not tell.
    pub subject: Option<Subject>,
    /// Canonical JSON of the form that was trained first.
    pub form: String,
    /// In the order in which they were made.
    pub evaluations: Vec<Evaluation>,
}

/// Ingredients of a key in words. For readers: a key is equal only if all of its ingredients are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subject {
    /// As the space names itself in keys, with a version: `nb-macro v1`.
    pub space: String,
    /// Scheme of the fingerprint.
    pub scheme: String,
    pub fidelity: Fidelity,
}

/// One verdict and what it cost.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    pub verdict: Verdict,
    pub purpose: Purpose,
    /// Canonical JSON of the form that was trained, where it is another one than the record's.
    pub form: Option<String>,
    pub seed: u64,
    /// Wall-clock time; recorded, never read by a search.
    pub seconds: f64,
    pub steps: u64,
    /// Name of the study that paid for it.
    pub study: String,
    /// Number of the trial that paid for it, within its study.
    pub trial: u64,
    /// What the verdict does not depend on and a reader may want to know: library version, threads, processor.
    pub provenance: String,
}

/// What an evaluation was made for. All are kept; only those of a search answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// To answer.
    #[default]
    Search,
    /// To check an answer of the cache: an answered candidate, trained all the same.
    Audit,
    /// It came when its trial had been answered by another.
    Late,
}

impl Record {
    /// One that nothing is known of yet.
    pub fn new(subject: Subject, form: String) -> Self {
        Self { subject: Some(subject), form, evaluations: Vec::new() }
    }

    /// What this trial of this study has found for a purpose.
    pub fn evaluation_of(&self, study: &str, trial: u64, purpose: Purpose) -> Option<&Evaluation> {
        self.evaluations.iter().find(|it| it.study == study && it.trial == trial && it.purpose == purpose)
    }

    /// The form that was trained for a search under this seed: by this study, if it did; else by another.
    pub fn form_of_seed(&self, study: &str, seed: u64) -> Option<&str> {
        let searches = self.evaluations.iter().filter(|it| it.purpose == Purpose::Search && it.seed == seed);
        let own = searches.clone().find(|it| it.study == study);
        own.or_else(|| searches.clone().next()).map(|it| self.form_of(it))
    }

    /// The form that an evaluation of this record trained.
    pub fn form_of<'a>(&'a self, evaluation: &'a Evaluation) -> &'a str {
        evaluation.form.as_deref().unwrap_or(&self.form)
    }
}

/// A map in memory: forgets everything when it is dropped. The smallest example of a store.
#[derive(Debug, Default)]
pub struct MemoryStore {
    records: RwLock<BTreeMap<Key, Record>>,
}

impl MemoryStore {
    pub fn new() -> Self {
        Self::default()
    }

    /// All records, in the order of their keys.
    pub fn entries(&self) -> Vec<(Key, Record)> {
        let records = self.records.read().unwrap_or_else(PoisonError::into_inner);
        records.iter().map(|(key, record)| (*key, record.clone())).collect()
    }
}

impl FromIterator<(Key, Record)> for MemoryStore {
    /// Of several records under one key the last one stays.
    fn from_iter<I: IntoIterator<Item = (Key, Record)>>(entries: I) -> Self {
        Self { records: RwLock::new(entries.into_iter().collect()) }
    }
}

impl Store for MemoryStore {
    fn get(&self, key: &Key) -> Result<Option<Record>, StoreError> {
        Ok(self.records.read().unwrap_or_else(PoisonError::into_inner).get(key).cloned())
    }

    fn put(&self, key: &Key, record: &Record) -> Result<(), StoreError> {
        self.records.write().unwrap_or_else(PoisonError::into_inner).insert(*key, record.clone());
        Ok(())
    }

    fn len(&self) -> usize {
        self.records.read().unwrap_or_else(PoisonError::into_inner).len()
    }
}

/// A store that answers and is never written: `put` is refused and changes nothing.
#[derive(Debug)]
pub struct ReadOnly<S: Store>(pub S);

impl<S: Store> Store for ReadOnly<S> {
    fn get(&self, key: &Key) -> Result<Option<Record>, StoreError> {
        self.0.get(key)
    }

    fn put(&self, key: &Key, _: &Record) -> Result<(), StoreError> {
        Err(StoreError::ReadOnly { key: *key })
    }

    fn len(&self) -> usize {
        self.0.len()
    }
}

impl<S: Store + ?Sized> Store for Arc<S> {
    fn get(&self, key: &Key) -> Result<Option<Record>, StoreError> {
        (**self).get(key)
    }

    fn put(&self, key: &Key, record: &Record) -> Result<(), StoreError> {
        (**self).put(key, record)
    }

    fn put_all(&self, entries: &[(Key, Record)]) -> Result<(), StoreError> {
        (**self).put_all(entries)
    }

    fn len(&self) -> usize {
        (**self).len()
    }
}

impl<S: Store + ?Sized> Store for Box<S> {
    fn get(&self, key: &Key) -> Result<Option<Record>, StoreError> {
        (**self).get(key)
    }

    fn put(&self, key: &Key, record: &Record) -> Result<(), StoreError> {
        (**self).put(key, record)
    }

    fn put_all(&self, entries: &[(Key, Record)]) -> Result<(), StoreError> {
        (**self).put_all(entries)
    }

    fn len(&self) -> usize {
        (**self).len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::sample_record;

    #[test]
    fn the_form_of_a_seed_is_that_of_a_search_and_of_our_own_first() {
        let sample = sample_record(3).evaluations.remove(0);
        let by = |study: &str, purpose, form: Option<&str>, seed| {
            let (study, form) = (study.to_string(), form.map(String::from));
            Evaluation { study, purpose, form, seed, ..sample.clone() }
        };
        let evaluations = vec![
            by("ours", Purpose::Audit, Some("audited"), 5),
            by("theirs", Purpose::Search, None, 5),
            by("ours", Purpose::Search, Some("ours"), 5),
            by("ours", Purpose::Search, Some("second"), 6),
        ];
        let record = Record { subject: None, form: "first".into(), evaluations };
        assert_eq!(record.form_of_seed("ours", 5), Some("ours"));
        assert_eq!(record.form_of_seed("nobody", 5), Some("first"));
        assert_eq!(record.form_of_seed("ours", 7), None);
    }
}
