//! Tests of a journal of many small segments: rotation, and faults in the midst of it.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use crate::journal::Limits;
use crate::lock::Lock;
use crate::{Fault, FaultyDisk, Journal, Operation, StoreError, read_journal, scan};

const SMALL: Limits = Limits { segment_bytes: 200, unsynced_bytes: 300 };

fn open(dir: &Path, disk: FaultyDisk) -> Result<Journal, StoreError> {
    let lock = Lock::take(dir)?;
    Journal::open_locked(dir, Arc::new(disk), SMALL, Some(lock), &mut |_, _| {}).map(|(journal, _)| journal)
}

fn payload(n: u64) -> Vec<u8> {
    format!("payload number {n}").into_bytes()
}

#[test]
fn segments_follow_one_another_and_read_as_one_journal() {
    let dir = tempfile::tempdir().unwrap();
    let mut places = Vec::new();
    for round in 0..4 {
        let journal = open(dir.path(), FaultyDisk::sound()).unwrap();
        for n in 20 * round..20 * round + 20 {
            if n % 3 == 0 {
                journal.append(&payload(n)).unwrap();
            } else {
                places.push((n, journal.append_awaited(&[payload(n)]).unwrap()[0]));
            }
        }
        places.iter().for_each(|(n, place)| assert_eq!(journal.read(*place), Ok(payload(*n))));
    }
    let replay = read_journal(dir.path()).unwrap();
    assert_eq!(replay.frames, (0..80).map(payload).collect::<Vec<_>>());
    assert!(replay.recovery.is_empty(), "{}", replay.recovery);
    assert!(scan::segment_path(dir.path(), 10).exists());
}

#[test]
fn frames_are_where_they_were_said_to_be_whatever_fails() {
    let operations = [Operation::Write, Operation::Sync, Operation::Create, Operation::SyncDir];
    for (operation, every) in operations.into_iter().flat_map(|o| (2..12).map(move |every| (o, every))) {
        let case = format!("{operation:?} {every}");
        let dir = tempfile::tempdir().unwrap();
        let disk = FaultyDisk::new(move |o, n| (o == operation && n % every == 0).then_some(Fault::Torn(11)));
        let mut kept = Vec::new();
        for round in 0..3 {
            let Ok(journal) = open(dir.path(), disk.clone()) else { continue };
            std::thread::scope(|scope| {
                let work = |first: u64| {
                    let journal = &journal;
                    let put = move |n| {
                        let before = journal.append(&payload(1000 + n)).is_ok();
                        Some((n, before, journal.append_awaited(&[payload(n)]).ok()?[0]))
                    };
                    scope.spawn(move || (first..first + 12).filter_map(put).collect::<Vec<_>>())
                };
                let workers = [work(100 * round), work(100 * round + 50)];
                kept.extend(workers.into_iter().flat_map(|worker| worker.join().unwrap()));
            });
            drop(journal);
            disk.crash().unwrap();
            let replay = read_journal(dir.path()).unwrap();
            assert!(replay.recovery.damages.is_empty(), "{case}: {}", replay.recovery);
            for (n, before, place) in &kept {
                assert!(!before || replay.frames.contains(&payload(1000 + n)), "{case}: before {n}");
                assert_eq!(
                    replay.frames.iter().filter(|frame| **frame == payload(*n)).count(),
                    1,
                    "{case}: {n}"
                );
                assert_eq!(scan::read_frame(dir.path(), *place), Ok(payload(*n)), "{case}: {n}");
            }
        }
    }
}

#[test]
fn a_segment_that_lost_its_end_or_went_missing_is_noticed() {
    let dir = tempfile::tempdir().unwrap();
    let journal = open(dir.path(), FaultyDisk::sound()).unwrap();
    (0..30).for_each(|n| journal.append_durably(&payload(n)).unwrap());
    drop(journal);
    let second = scan::segment_path(dir.path(), 2);
    let whole = fs::read(&second).unwrap();
    for end in 0..whole.len() {
        fs::write(&second, &whole[..end]).unwrap();
        let error = open(dir.path(), FaultyDisk::sound()).err().unwrap();
        assert!(
            matches!(&error, StoreError::Damaged { damage, .. } if damage.path == second),
            "{end}: {error}"
        );
        let frames = read_journal(dir.path()).unwrap().frames;
        assert!(frames.contains(&payload(0)) && frames.contains(&payload(29)));
    }
    fs::rename(&second, dir.path().join("aside")).unwrap();
    let recovery = read_journal(dir.path()).unwrap().recovery;
    assert_eq!(recovery.notes, ["segment 000002.seg is not there; its frames are missing"]);
    open(dir.path(), FaultyDisk::sound()).unwrap().append_durably(b"more").unwrap();
}

#[test]
fn a_torn_beginning_of_a_segment_is_begun_again_behind_a_torn_tail() {
    let dir = tempfile::tempdir().unwrap();
    let journal = open(dir.path(), FaultyDisk::sound()).unwrap();
    (0..3).for_each(|n| journal.append_durably(&payload(n)).unwrap());
    drop(journal);
    let (first, second) = (scan::segment_path(dir.path(), 1), scan::segment_path(dir.path(), 2));
    let whole = fs::read(&first).unwrap();
    for stub in [vec![], vec![1; 20], vec![0; 500]] {
        fs::write(&first, &whole[..whole.len() - 3]).unwrap();
        fs::write(&second, stub).unwrap();
        let journal = open(dir.path(), FaultyDisk::sound()).unwrap();
        journal.append_durably(b"after").unwrap();
        drop(journal);
        assert_eq!(read_journal(dir.path()).unwrap().frames, [payload(0), payload(1), b"after".to_vec()]);
    }
}
