//! Every store keeps the laws. A new one joins with one line.

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

use common::{open_store, real};
use storage::conformance::{
    keeps_the_laws, keeps_the_laws_of_failing, keeps_the_laws_of_reading, sample_key, sample_record,
};
use storage::{
    Access, Fault, Faulty, FaultyDisk, JournalStore, MemoryStore, Operation, ReadOnly, Store, StoreError,
    StoreFault, Tiered,
};
use tempfile::tempdir;

#[test]
fn every_store_keeps_the_laws() {
    let dirs = tempdir().unwrap();
    let count = AtomicU64::new(0);
    let dir = || dirs.path().join(count.fetch_add(1, SeqCst).to_string());
    let fresh = || open_store(&dir()).0;
    let on_faulty_disk = || JournalStore::open(&dir(), Arc::new(FaultyDisk::sound())).unwrap().0;
    keeps_the_laws(MemoryStore::new);
    keeps_the_laws(fresh);
    keeps_the_laws(on_faulty_disk);
    keeps_the_laws(|| Tiered::new(MemoryStore::new()));
    keeps_the_laws(|| Tiered::with_capacity(MemoryStore::new(), 2));
    keeps_the_laws(|| Tiered::new(fresh()));
    keeps_the_laws(|| Faulty::new(MemoryStore::new(), |_, _| None));
    keeps_the_laws(|| Arc::new(MemoryStore::new()));
    keeps_the_laws(|| Box::new(MemoryStore::new()) as Box<dyn Store>);
    keeps_the_laws_of_reading(|entries| ReadOnly(MemoryStore::from_iter(entries)));
    keeps_the_laws_of_reading(|entries| Tiered::new(ReadOnly(MemoryStore::from_iter(entries))));
}

#[test]
fn stores_that_fail_now_and_then_keep_the_laws_of_failing() {
    let dirs = tempdir().unwrap();
    let count = AtomicU64::new(0);
    let every_third = |fault| move |_: Access, n: u64| n.is_multiple_of(3).then_some(fault);
    let on_a_disk_that_fails = |operation, fault| {
        let disk = FaultyDisk::new(move |o, n| (o == operation && n > 4 && n % 3 == 0).then_some(fault));
        let dir = dirs.path().join(count.fetch_add(1, SeqCst).to_string());
        JournalStore::open(&dir, Arc::new(disk)).unwrap().0
    };
    for fault in [StoreFault::Refused, StoreFault::Unanswered] {
        keeps_the_laws_of_failing(|| Faulty::new(MemoryStore::new(), every_third(fault)));
        keeps_the_laws_of_failing(|| Tiered::new(Faulty::new(MemoryStore::new(), every_third(fault))));
    }
    keeps_the_laws_of_failing(|| on_a_disk_that_fails(Operation::Write, Fault::Full));
    keeps_the_laws_of_failing(|| Tiered::new(on_a_disk_that_fails(Operation::Write, Fault::Torn(60))));
}

#[test]
fn a_faulty_store_fails_by_its_plan_and_no_further() {
    let key = sample_key(1);
    let store = Faulty::refusing(MemoryStore::new(), &[Access::Put]);
    assert!(store.put(&key, &sample_record(1)).is_err() && store.is_empty());
    assert_eq!(store.get(&key).unwrap(), None);
    let store = Faulty::new(MemoryStore::new(), |access, n| {
        (n == 2).then_some(if access == Access::Put { StoreFault::Unanswered } else { StoreFault::Refused })
    });
    let entries: Vec<_> = (1..4).map(|n| (sample_key(n), sample_record(n))).collect();
    assert!(store.put_all(&entries).is_err());
    assert_eq!((store.len(), store.count(Access::Put)), (2, 2), "a batch may fail in its midst");
    assert_eq!(store.get(&key).unwrap(), Some(sample_record(1)));
    assert!(store.get(&key).unwrap_err().to_string().contains("simulated"));
    assert_eq!(store.inner().get(&sample_key(2)).unwrap(), Some(sample_record(2)));
}

#[test]
fn a_batch_waits_for_the_disk_once() {
    let dir = tempdir().unwrap();
    let disk = FaultyDisk::sound();
    let (store, _) = JournalStore::open(dir.path(), Arc::new(disk.clone())).unwrap();
    let count = |operation| disk.count(operation);
    let before = [Operation::Write, Operation::Sync].map(count);
    let entries: Vec<_> = (0..500).map(|n| (sample_key(n), sample_record(n))).collect();
    store.put_all(&entries).unwrap();
    assert_eq!([Operation::Write, Operation::Sync].map(count), before.map(|count| count + 1));
    drop(store);
    disk.crash().unwrap();
    let (store, _) = open_store(dir.path());
    entries.iter().for_each(|(key, record)| assert_eq!(store.get(key).unwrap().as_ref(), Some(record)));
}

#[test]
fn a_reopened_store_and_its_readers_keep_the_laws_of_reading() {
    let dirs = tempdir().unwrap();
    let count = AtomicU64::new(0);
    let written = |entries: Vec<_>| {
        let dir = dirs.path().join(count.fetch_add(1, SeqCst).to_string());
        let (store, recovery) = open_store(&dir);
        assert!(recovery.is_empty(), "{recovery}");
        entries.iter().for_each(|(key, record)| store.put(key, record).unwrap());
        dir
    };
    keeps_the_laws_of_reading(|entries| {
        let (store, recovery) = open_store(&written(entries));
        assert!(recovery.is_empty(), "{recovery}");
        store
    });
    keeps_the_laws_of_reading(|entries| JournalStore::read(&written(entries)).unwrap().0);
}

#[test]
fn a_read_only_store_refuses_to_be_written_and_stays_as_it_is() {
    let store = ReadOnly(MemoryStore::from_iter([(sample_key(1), sample_record(1))]));
    let refused = store.put(&sample_key(1), &sample_record(2));
    assert!(matches!(refused, Err(StoreError::ReadOnly { .. })));
    assert!(store.put_all(&[(sample_key(1), sample_record(2))]).is_err());
    assert_eq!(store.get(&sample_key(1)).unwrap(), Some(sample_record(1)));
    assert_eq!(store.len(), 1);
}

#[test]
fn readers_see_what_was_put_while_the_writer_writes() {
    let dir = tempdir().unwrap();
    let (store, _) = open_store(dir.path());
    for n in 0..10 {
        store.put(&sample_key(n), &sample_record(n)).unwrap();
        let (reader, _) = JournalStore::read(dir.path()).unwrap();
        assert_eq!(reader.get(&sample_key(n)).unwrap(), Some(sample_record(n)));
        assert_eq!(reader.len(), store.len());
    }
}

#[test]
fn entries_are_every_key_once_with_its_newest_record() {
    let dir = tempdir().unwrap();
    let (store, _) = open_store(dir.path());
    for n in 0..10 {
        store.put(&sample_key(n % 7), &sample_record(n)).unwrap();
    }
    let mut expected: Vec<_> =
        (0..7).map(|n| (sample_key(n), sample_record(if n < 3 { n + 7 } else { n }))).collect();
    expected.sort_by_key(|(key, _)| *key);
    assert_eq!(store.entries().collect::<Result<Vec<_>, _>>().unwrap(), expected);
}

#[test]
fn a_reader_of_nothing_is_told_so() {
    let dir = tempdir().unwrap();
    let error = JournalStore::read(dir.path()).err().unwrap();
    assert!(error.to_string().contains("there is no journal in"), "{error}");
}

#[test]
fn a_second_writer_is_refused_until_the_first_is_gone() {
    let dir = tempdir().unwrap();
    let (store, _) = open_store(dir.path());
    let error = JournalStore::open(dir.path(), real()).err().unwrap();
    assert!(matches!(error, StoreError::Locked { .. }));
    assert!(error.to_string().contains(&format!("process {}", std::process::id())), "{error}");
    drop(store);
    open_store(dir.path());
}
