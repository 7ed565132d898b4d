//! Puts what evaluations found into the store before anybody is told: all that finished together at once, with one
//! wait for the disk.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use hashing::{Fidelity, Key};
use storage::{Purpose, Record, Store, StoreError, Subject};

use crate::executor::Finished;

/// Why keys of a batch have nothing new in the store.
pub(crate) type Refused = BTreeMap<Key, StoreError>;

/// Adds each evaluation to the record of its key. Where another run of it was remembered first, that is what it found;
/// the later run is kept and marked.
pub(crate) fn remember(
    store: &dyn Store,
    subject: impl Fn(Fidelity) -> Subject,
    finished: &mut [Finished],
) -> Refused {
    let (mut records, mut refused) = (BTreeMap::new(), Refused::new());
    for Finished { key, fidelity, found, .. } in finished {
        let Ok(evaluation) = found else { continue };
        let record = match records.entry(*key) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => match store.get(key) {
                Ok(known) => entry.insert(known.unwrap_or_else(|| begun(subject(*fidelity), evaluation))),
                Err(error) => {
                    refused.insert(*key, error);
                    continue;
                }
            },
        };
        extend(record, evaluation);
    }
    refused.extend(put(store, records.into_iter().collect()));
    refused
}

/// The record that this evaluation begins.
fn begun(subject: Subject, evaluation: &storage::Evaluation) -> Record {
    Record::new(subject, evaluation.form.clone().unwrap_or_default())
}

fn extend(record: &mut Record, evaluation: &mut storage::Evaluation) {
    let storage::Evaluation { study, trial, purpose, .. } = &*evaluation;
    let first = record.evaluation_of(study, *trial, *purpose).cloned();
    let mut kept = evaluation.clone();
    kept.form = kept.form.filter(|form| *form != record.form);
    if first.is_some() {
        kept.purpose = Purpose::Late;
    }
    record.evaluations.push(kept);
    if let Some(first) = first {
        *evaluation = first;
    }
}

/// A batch that fails is put one by one, so that one record costs no other.
fn put(store: &dyn Store, entries: Vec<(Key, Record)>) -> Refused {
    match entries.as_slice() {
        [] => Refused::new(),
        [(key, record)] => store.put(key, record).err().map(|error| (*key, error)).into_iter().collect(),
        _ if store.put_all(&entries).is_ok() => Refused::new(),
        _ => {
            let put = |(key, record): &(Key, Record)| Some((*key, store.put(key, record).err()?));
            entries.iter().filter_map(put).collect()
        }
    }
}
