//! Full disks, failing syncs, lost power: what was acknowledged is found again.

mod common;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use common::{open_store, real, reopen};
use storage::conformance::{sample_key, sample_record};
use storage::{
    Disk, DiskFile, Fault, FaultyDisk, Journal, JournalStore, Operation, RealDisk, Replay, Store, StoreError,
};
use tempfile::tempdir;

fn payload(n: u64) -> Vec<u8> {
    format!("payload {n} {}", "x".repeat(n as usize % 50)).into_bytes()
}

/// Appends 30 payloads, every third only written; returns those acknowledged and those refused.
fn work(journal: &Journal) -> (Vec<Vec<u8>>, usize) {
    let (mut acknowledged, mut waiting, mut refused) = (Vec::new(), Vec::new(), 0);
    for n in 0..30 {
        let payload = payload(n);
        if n % 3 == 0 {
            match journal.append(&payload) {
                Ok(()) => waiting.push(payload),
                Err(_) => refused += 1,
            }
        } else if journal.append_durably(&payload).is_ok() {
            acknowledged.append(&mut waiting);
            acknowledged.push(payload);
        } else {
            refused += 1;
        }
    }
    (acknowledged, refused)
}

/// In order, all of `acknowledged`, and nothing that was not appended.
fn assert_kept(replay: &Replay, acknowledged: &[Vec<u8>], case: &str) {
    let appended: Vec<_> = (0..30).map(payload).collect();
    let mut rest = appended.iter();
    for frame in &replay.frames {
        assert!(rest.any(|payload| payload == frame), "{case}: each frame once and in order");
    }
    for payload in acknowledged {
        assert!(replay.frames.contains(payload), "{case}: lost {}", String::from_utf8_lossy(payload));
    }
}

#[test]
fn whatever_fails_once_everything_acknowledged_survives_a_loss_of_power() {
    let writes = [Fault::Full, Fault::Torn(0), Fault::Torn(7), Fault::Torn(30), Fault::Broken];
    let others = [Operation::Sync, Operation::Create, Operation::SyncDir, Operation::Truncate];
    let faults = writes.map(|fault| (Operation::Write, fault)).into_iter();
    for (operation, fault) in faults.chain(others.map(|operation| (operation, Fault::Broken))) {
        for number in 1..36 {
            for torn in [0, 5, 100] {
                one_fault(operation, fault, number, torn);
            }
        }
    }
}

fn one_fault(operation: Operation, fault: Fault, number: u64, torn: usize) {
    let case = format!("{operation:?} {number} {fault:?}, {torn} unsynced bytes kept");
    let dir = tempdir().unwrap();
    let disk = FaultyDisk::once(operation, number, fault);
    let Ok((journal, _)) = Journal::open(dir.path(), Arc::new(disk.clone())) else { return };
    let (acknowledged, refused) = work(&journal);
    assert!(refused <= 1, "{case}: one fault is got over");
    drop(journal);
    assert_kept(&storage::read_journal(dir.path()).unwrap(), &acknowledged, &case);
    disk.crash_keeping(torn).unwrap();
    assert_kept(&reopen(dir.path()).unwrap(), &acknowledged, &case);
}

#[test]
fn whatever_fails_for_good_the_journal_says_so_and_keeps_what_it_acknowledged() {
    for operation in [Operation::Write, Operation::Sync] {
        for from in 3..40 {
            let case = format!("{operation:?} from {from} on");
            let dir = tempdir().unwrap();
            let disk = FaultyDisk::new(move |o, n| (o == operation && n >= from).then_some(Fault::Full));
            let (journal, _) = Journal::open(dir.path(), Arc::new(disk.clone())).unwrap();
            let (acknowledged, refused) = work(&journal);
            assert!(refused > 0 || disk.count(operation) < from, "{case}");
            drop(journal);
            disk.crash().unwrap();
            assert_kept(&reopen(dir.path()).unwrap(), &acknowledged, &case);
        }
    }
}

#[test]
fn every_nth_operation_fails_and_reopening_goes_on_from_what_was_acknowledged() {
    for (operation, every) in [(Operation::Write, 2), (Operation::Write, 5), (Operation::Sync, 4)] {
        let dir = tempdir().unwrap();
        let disk = FaultyDisk::new(move |o, n| (o == operation && n % every == 0).then_some(Fault::Torn(9)));
        let mut kept = Vec::new();
        for round in 0..6 {
            let Ok((store, _)) = JournalStore::open(dir.path(), Arc::new(disk.clone())) else { continue };
            let fits = |n: &u64| store.put(&sample_key(*n), &sample_record(*n)).is_ok();
            kept.extend((10 * round..10 * round + 10).filter(fits));
            drop(store);
            disk.crash().unwrap();
            let (store, _) = open_store(dir.path());
            for n in &kept {
                assert_eq!(store.get(&sample_key(*n)).unwrap(), Some(sample_record(*n)), "{operation:?} {n}");
            }
        }
        assert!(kept.len() > 20, "{operation:?} {every}: {}", kept.len());
    }
}

#[test]
fn a_full_disk_is_named_with_its_remedy_and_got_over_when_there_is_room() {
    let dir = tempdir().unwrap();
    let disk =
        FaultyDisk::new(|o, n| (o == Operation::Write && (3..6).contains(&n)).then_some(Fault::Torn(20)));
    let (journal, _) = Journal::open(dir.path(), Arc::new(disk)).unwrap();
    journal.append_durably(b"before").unwrap();
    for _ in 0..3 {
        let error = journal.append_durably(b"meanwhile").unwrap_err();
        assert!(matches!(error, StoreError::Full { .. }));
        assert!(
            error.to_string().contains("000001.seg") && error.to_string().contains("free some space"),
            "{error}"
        );
    }
    journal.append_durably(b"after").unwrap();
    drop(journal);
    let replay = reopen(dir.path()).unwrap();
    assert_eq!(replay.frames, [&b"before"[..], b"after"]);
    assert!(replay.recovery.is_empty(), "{}", replay.recovery);
}

#[test]
fn a_failed_sync_is_not_believed_later_and_costs_nothing() {
    let dir = tempdir().unwrap();
    let disk = FaultyDisk::once(Operation::Sync, 3, Fault::Broken);
    let (journal, _) = Journal::open(dir.path(), Arc::new(disk.clone())).unwrap();
    journal.append_durably(b"first").unwrap();
    journal.append(b"second").unwrap();
    journal.append_durably(b"third").unwrap();
    journal.append_durably(b"fourth").unwrap();
    drop(journal);
    let expected = [&b"first"[..], b"second", b"third", b"fourth"];
    assert_eq!(storage::read_journal(dir.path()).unwrap().frames, expected, "each once, without a crash");
    disk.crash().unwrap();
    assert_eq!(reopen(dir.path()).unwrap().frames, expected);
    assert!(dir.path().join("000002.seg").exists());
}

#[test]
fn a_journal_that_cannot_be_synced_anywhere_stops_and_says_what_to_do() {
    let dir = tempdir().unwrap();
    let disk = FaultyDisk::new(|o, n| (o == Operation::Sync && n > 2).then_some(Fault::Broken));
    let (journal, _) = Journal::open(dir.path(), Arc::new(disk)).unwrap();
    journal.append_durably(b"first").unwrap();
    for _ in 0..2 {
        let error = journal.append_durably(b"second").unwrap_err();
        assert!(matches!(error, StoreError::Stopped { .. }));
        assert!(error.to_string().contains("000001.seg could not be synced"), "{error}");
    }
    assert!(journal.append(b"third").is_err());
}

#[test]
fn a_loss_of_power_forgets_only_what_was_not_synced() {
    let dir = tempdir().unwrap();
    let disk = FaultyDisk::sound();
    let (journal, _) = Journal::open(dir.path(), Arc::new(disk.clone())).unwrap();
    journal.append(b"one").unwrap();
    journal.sync().unwrap();
    journal.append(b"two").unwrap();
    // Closing would sync; a machine that stops does not close.
    std::mem::forget(journal);
    disk.crash().unwrap();
    assert_eq!(storage::read_journal(dir.path()).unwrap().frames, [b"one"]);
}

#[test]
fn callers_at_the_same_time_share_syncs() {
    let dir = tempdir().unwrap();
    let disk = FaultyDisk::new(|o, _| {
        if o == Operation::Sync {
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        None
    });
    let (journal, _) = Journal::open(dir.path(), Arc::new(disk.clone())).unwrap();
    let before = disk.count(Operation::Sync);
    std::thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| (0..4).for_each(|n| journal.append_durably(&payload(n)).unwrap()));
        }
    });
    let syncs = disk.count(Operation::Sync) - before;
    assert!(syncs < 32, "{syncs} syncs for 64 frames");
}

#[test]
fn a_payload_too_long_is_refused_before_anything_is_written() {
    let dir = tempdir().unwrap();
    let (journal, _) = Journal::open(dir.path(), real()).unwrap();
    let error = journal.append(&vec![0; storage::MAX_PAYLOAD + 1]).unwrap_err();
    assert!(matches!(error, StoreError::TooLong { .. }));
    journal.append(b"fits").unwrap();
    drop(journal);
    assert_eq!(reopen(dir.path()).unwrap().frames, [b"fits"]);
}

#[test]
fn the_names_of_all_folders_that_are_made_become_durable() {
    #[derive(Default)]
    struct Noting(Mutex<Vec<PathBuf>>);
    impl Disk for Noting {
        fn create(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
            RealDisk.create(path)
        }
        fn open(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
            RealDisk.open(path)
        }
        fn sync_dir(&self, dir: &Path) -> io::Result<()> {
            self.0.lock().unwrap().push(dir.to_path_buf());
            RealDisk.sync_dir(dir)
        }
    }
    let dir = tempdir().unwrap();
    let cache = dir.path().join("runs/demo/cache");
    for _ in 0..2 {
        let disk = Arc::new(Noting::default());
        JournalStore::open(&cache, disk.clone()).unwrap();
        let synced = disk.0.lock().unwrap();
        let holds = |dir: PathBuf| synced.contains(&dir);
        assert!(holds(cache.join("journal")) && holds(cache.clone()) && holds(dir.path().join("runs/demo")));
        std::fs::remove_dir_all(dir.path().join("runs")).unwrap();
        assert!(holds(dir.path().join("runs")) && holds(dir.path().to_path_buf()), "{synced:?}");
    }
    // Whoever made the folder may have been stopped before its name was durable.
    std::fs::create_dir_all(&cache).unwrap();
    let disk = Arc::new(Noting::default());
    JournalStore::open(&cache, disk.clone()).unwrap();
    assert!(disk.0.lock().unwrap().contains(&dir.path().join("runs/demo")));
}
