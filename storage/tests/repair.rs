//! Journals are rewritten: what counts is kept, what was lost is said, and whatever fails on the way, one journal is whole.

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

use common::{fast, journal_of, open_store, real, reopen};
use storage::conformance::{sample_key, sample_record};
use storage::{Disk, Fault, FaultyDisk, Journal, JournalStore, Operation, Store, StoreError, read_journal};
use tempfile::tempdir;

const KEYS: u64 = 20;

/// The record of key n was put three times, as n + 100, n + 200 and n.
fn store_of(dir: &Path) {
    let (store, _) = JournalStore::open(dir, fast()).unwrap();
    for add in [100, 200, 0] {
        (0..KEYS).for_each(|n| store.put(&sample_key(n), &sample_record(n + add)).unwrap());
    }
}

fn assert_holds(dir: &Path, case: &str) {
    let (store, recovery) = JournalStore::open(dir, fast()).unwrap();
    assert_eq!(store.len() as u64, KEYS, "{case}: {recovery}");
    for n in 0..KEYS {
        assert_eq!(store.get(&sample_key(n)).unwrap(), Some(sample_record(n)), "{case}: {n}");
    }
}

fn segment(dir: &Path) -> PathBuf {
    dir.join("journal/000001.seg")
}

/// Where the frames of a segment begin.
fn frames(bytes: &[u8]) -> Vec<usize> {
    let mut starts = vec![36];
    while let Some(head) = bytes.get(starts[starts.len() - 1]..).and_then(|rest| rest.get(..4)) {
        let length = u32::from_le_bytes(head.try_into().unwrap()) as usize;
        starts.push(starts[starts.len() - 1] + 16 + length);
    }
    starts.pop();
    starts
}

/// Flips a bit in each of these frames.
fn damage(path: &Path, which: &[usize]) -> Vec<u64> {
    let mut bytes = fs::read(path).unwrap();
    let starts = frames(&bytes);
    which.iter().for_each(|frame| bytes[starts[*frame] + 20] ^= 1);
    fs::write(path, bytes).unwrap();
    which.iter().map(|frame| starts[*frame] as u64).collect()
}

#[test]
fn a_rebuilt_store_holds_the_newest_intact_record_of_every_key_and_says_what_it_lost() {
    let dir = tempdir().unwrap();
    store_of(dir.path());
    // Key 3 loses its newest record, key 5 all three.
    let offsets = damage(&segment(dir.path()), &[5, 25, 43, 45]);
    let damaged = fs::read(segment(dir.path())).unwrap();
    assert!(matches!(JournalStore::open(dir.path(), real()), Err(StoreError::Damaged { .. })));

    let (rewrite, recovery) = JournalStore::rebuild(dir.path(), real()).unwrap();
    assert_eq!((rewrite.kept, rewrite.left_out), (KEYS - 1, 3 * KEYS - 4 - (KEYS - 1)));
    assert_eq!(recovery.damages.iter().map(|damage| damage.offset).collect::<Vec<_>>(), offsets);
    assert!(recovery.index_rebuilt);
    let aside = dir.path().join("journal.damaged-1");
    assert_eq!(rewrite.aside.as_deref(), Some(&*aside));
    assert_eq!(fs::read(aside.join("000001.seg")).unwrap(), damaged, "the damaged journal is kept as it was");

    let (store, recovery) = open_store(dir.path());
    assert!(recovery.is_empty(), "{recovery}");
    for n in 0..KEYS {
        let expected = match n {
            3 => Some(sample_record(203)),
            5 => None,
            n => Some(sample_record(n)),
        };
        assert_eq!(store.get(&sample_key(n)).unwrap(), expected, "{n}");
    }
    store.put(&sample_key(5), &sample_record(5)).unwrap();
    drop(store);
    damage(&segment(dir.path()), &[0]);
    let (rewrite, _) = JournalStore::rebuild(dir.path(), real()).unwrap();
    assert_eq!(rewrite.aside, Some(dir.path().join("journal.damaged-2")));
}

#[test]
fn a_sound_journal_is_not_touched_by_rebuilding_its_index() {
    let dir = tempdir().unwrap();
    store_of(dir.path());
    let before = fs::read(segment(dir.path())).unwrap();
    fs::write(dir.path().join("index/db"), b"noise").unwrap();
    let (rewrite, recovery) = JournalStore::rebuild(dir.path(), real()).unwrap();
    assert_eq!((rewrite.kept, rewrite.left_out, rewrite.aside), (3 * KEYS, 0, None));
    assert!(recovery.index_rebuilt && recovery.quarantined.is_none(), "{recovery}");
    assert_eq!(fs::read(segment(dir.path())).unwrap(), before);
    assert_holds(dir.path(), "rebuilt");
}

#[test]
fn a_compacted_store_holds_the_same_records_in_the_bytes_that_were_foretold() {
    let dir = tempdir().unwrap();
    store_of(dir.path());
    fs::create_dir(dir.path().join("index.damaged-1")).unwrap();
    fs::write(dir.path().join("index.damaged-2"), b"a file").unwrap();
    fs::create_dir(dir.path().join("index.damaged-by-me")).unwrap();
    let before = fs::metadata(segment(dir.path())).unwrap().len();
    let foretold = JournalStore::compaction(dir.path()).unwrap();
    assert_eq!((foretold.kept, foretold.left_out), (KEYS, 2 * KEYS));
    assert_eq!(JournalStore::leftovers(dir.path()).len(), 2);
    assert_eq!(fs::metadata(segment(dir.path())).unwrap().len(), before, "foretelling changes nothing");

    assert_eq!(JournalStore::compact(dir.path(), real()).unwrap(), foretold);
    assert_eq!(fs::metadata(segment(dir.path())).unwrap().len(), before - foretold.left_out_bytes);
    let mut names: Vec<_> =
        fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["index", "index.damaged-by-me", "journal", "lock"]);
    assert_holds(dir.path(), "compacted");
    assert_eq!(JournalStore::compact(dir.path(), real()).unwrap().left_out, 0);
}

#[test]
fn a_record_that_is_not_understood_is_kept_in_every_rewriting() {
    let dir = tempdir().unwrap();
    store_of(dir.path());
    let (journal, _) = Journal::open(&dir.path().join("journal"), fast()).unwrap();
    journal.append(b"\x63a record of version 99").unwrap();
    drop(journal);
    let foreign = || {
        let replay = read_journal(&dir.path().join("journal")).unwrap();
        replay.frames.iter().filter(|frame| frame[0] == 0x63).count()
    };
    assert_eq!(JournalStore::compact(dir.path(), real()).unwrap().left_out, 2 * KEYS);
    assert_eq!(foreign(), 1);
    damage(&segment(dir.path()), &[0]);
    JournalStore::rebuild(dir.path(), real()).unwrap();
    assert_eq!(foreign(), 1);
}

#[test]
fn the_first_frames_of_a_journal_are_kept_and_the_rest_is_put_aside() {
    let dir = tempdir().unwrap();
    let journal = dir.path().join("trials");
    let path = journal_of(&journal, &[b"one", b"two", b"three", b"four"]);
    damage(&path, &[2]);
    let rewrite = Journal::keep_first(&journal, real(), 2).unwrap();
    assert_eq!((rewrite.kept, rewrite.left_out), (2, 1));
    assert_eq!(rewrite.aside, Some(dir.path().join("trials.damaged-1")));
    assert_eq!(reopen(&journal).unwrap().frames, [b"one", b"two"]);
}

#[test]
fn a_damaged_journal_is_not_compacted() {
    let dir = tempdir().unwrap();
    store_of(dir.path());
    damage(&segment(dir.path()), &[7]);
    let before = fs::read(segment(dir.path())).unwrap();
    assert!(matches!(JournalStore::compact(dir.path(), real()), Err(StoreError::Damaged { .. })));
    assert!(matches!(JournalStore::compaction(dir.path()), Err(StoreError::Damaged { .. })));
    assert_eq!(fs::read(segment(dir.path())).unwrap(), before);
}

#[test]
fn a_store_in_use_and_a_folder_that_is_none_are_refused_and_left_alone() {
    let dir = tempdir().unwrap();
    assert!(matches!(JournalStore::compact(dir.path(), real()), Err(StoreError::Missing { .. })));
    assert!(matches!(JournalStore::rebuild(dir.path(), real()), Err(StoreError::Missing { .. })));
    let trials = dir.path().join("trials");
    assert!(matches!(Journal::keep_first(&trials, real(), 1), Err(StoreError::Missing { .. })));
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    let (store, _) = open_store(dir.path());
    assert!(matches!(JournalStore::compact(dir.path(), real()), Err(StoreError::Locked { .. })));
    assert!(matches!(JournalStore::rebuild(dir.path(), real()), Err(StoreError::Locked { .. })));
    store.put(&sample_key(1), &sample_record(1)).unwrap();
    let (journal, _) = Journal::open(&trials, real()).unwrap();
    assert!(matches!(Journal::keep_first(&trials, real(), 1), Err(StoreError::Locked { .. })));
    journal.append(b"goes on").unwrap();
}

#[test]
fn a_reader_sees_every_record_while_the_journal_is_compacted() {
    let dir = tempdir().unwrap();
    store_of(dir.path());
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut readings = 0;
            while !done.load(SeqCst) {
                let (store, recovery) = JournalStore::read(dir.path()).unwrap();
                assert!(recovery.damages.is_empty(), "{recovery}");
                assert_eq!(store.len() as u64, KEYS);
                readings += 1;
            }
            readings
        });
        for _ in 0..40 {
            let (store, _) = JournalStore::open(dir.path(), fast()).unwrap();
            store.put(&sample_key(1), &sample_record(1)).unwrap();
            drop(store);
            assert_eq!(JournalStore::compact(dir.path(), fast()).unwrap().kept, KEYS);
        }
        done.store(true, SeqCst);
        assert!(reader.join().unwrap() > 10);
    });
}

type Work = dyn Fn(&Path, Arc<dyn Disk>) -> Result<(), StoreError>;

/// Every operation of `work` fails once, in every way; the machine goes on or loses power. Returns how many cases failed.
fn whatever_fails(prepare: &dyn Fn(&Path), work: &Work, check: &dyn Fn(&Path, &str)) -> u64 {
    let prepared = || {
        let dir = tempdir().unwrap();
        prepare(dir.path());
        dir
    };
    let whole = FaultyDisk::sound();
    work(prepared().path(), Arc::new(whole.clone())).unwrap();
    let mut failed = 0;
    for (operation, fault) in [
        (Operation::Create, Fault::Broken),
        (Operation::Write, Fault::Torn(20)),
        (Operation::Sync, Fault::Broken),
        (Operation::SyncDir, Fault::Broken),
        (Operation::Rename, Fault::Broken),
        (Operation::Remove, Fault::Broken),
    ] {
        for (number, power_loss) in (1..=whole.count(operation)).flat_map(|n| [(n, false), (n, true)]) {
            let case = format!("{operation:?} {number}, power loss {power_loss}");
            let (dir, disk) = (prepared(), FaultyDisk::once(operation, number, fault));
            failed += u64::from(work(dir.path(), Arc::new(disk.clone())).is_err());
            if power_loss {
                disk.crash().unwrap();
            }
            check(dir.path(), &case);
            work(dir.path(), fast()).unwrap_or_else(|error| panic!("{case}: again: {error}"));
            check(dir.path(), &format!("{case}, again"));
        }
    }
    failed
}

#[test]
fn whatever_fails_in_a_compaction_the_store_holds_the_same_records() {
    let compact = |dir: &Path, disk| JournalStore::compact(dir, disk).map(|_| ());
    let check = |dir: &Path, case: &str| {
        let (reader, _) = JournalStore::read(dir).unwrap();
        assert_eq!(reader.len() as u64, KEYS, "{case}: a reader");
        assert_holds(dir, case);
    };
    assert!(whatever_fails(&|dir| store_of(dir), &compact, &check) > 20);
}

#[test]
fn whatever_fails_in_a_rebuilding_no_intact_record_is_lost() {
    let prepare = |dir: &Path| {
        store_of(dir);
        damage(&segment(dir), &[5]);
    };
    let rebuild = |dir: &Path, disk| JournalStore::rebuild(dir, disk).map(|_| ());
    let check = |dir: &Path, case: &str| {
        let (reader, _) = JournalStore::read(dir).unwrap();
        for n in 0..KEYS {
            assert_eq!(reader.get(&sample_key(n)).unwrap(), Some(sample_record(n)), "{case}: {n}");
        }
        if !matches!(JournalStore::open(dir, fast()), Err(StoreError::Damaged { .. })) {
            assert_holds(dir, case);
        }
    };
    assert!(whatever_fails(&prepare, &rebuild, &check) > 20);
}

#[test]
fn whatever_fails_while_the_first_frames_are_kept_they_are_there() {
    let prepare = |dir: &Path| {
        damage(&journal_of(&dir.join("trials"), &[b"one", b"two", b"three", b"four"]), &[2]);
    };
    let keep = |dir: &Path, disk| Journal::keep_first(&dir.join("trials"), disk, 2).map(|_| ());
    let check = |dir: &Path, case: &str| {
        let frames = read_journal(&dir.join("trials")).unwrap().frames;
        assert_eq!(frames[..2], [b"one", b"two"], "{case}");
        assert!(frames.len() == 2 || frames[2..] == [b"four"], "{case}");
    };
    assert!(whatever_fails(&prepare, &keep, &check) > 10);
}

#[test]
fn a_replacement_that_was_cut_before_its_last_step_is_read_and_finished() {
    let dir = tempdir().unwrap();
    store_of(dir.path());
    let [journal, new] = ["journal", "journal.new"].map(|name| dir.path().join(name));
    fs::rename(&journal, &new).unwrap();
    assert_eq!(JournalStore::read(dir.path()).unwrap().0.len() as u64, KEYS);
    assert_holds(dir.path(), "opened");
    assert!(journal.is_dir() && !new.exists());
    fs::rename(&journal, &new).unwrap();
    assert_eq!(JournalStore::compact(dir.path(), real()).unwrap().kept, KEYS);
    assert_holds(dir.path(), "compacted");
    fs::create_dir(&new).unwrap();
    assert_holds(dir.path(), "what stands beside a journal does not count");
    assert_eq!(JournalStore::leftovers(dir.path()), [new]);
}
