//! What a journal and its index do when their bytes change underneath them.

mod common;

use std::fs;
use std::path::Path;

use common::{journal_of, open_store, reopen};
use hashing::Rng;
use storage::conformance::{sample_key, sample_record};
use storage::{Store, StoreError, read_journal};
use tempfile::tempdir;

const PAYLOADS: [&[u8]; 4] = [b"one", b"", b"three, the longest of them", b"four"];

#[test]
fn a_tail_torn_at_any_byte_is_cut_and_reported() {
    let dir = tempdir().unwrap();
    let path = journal_of(dir.path(), &PAYLOADS);
    let whole = fs::read(&path).unwrap();
    let last = whole.len() - 16 - PAYLOADS[3].len();
    for end in last..whole.len() {
        fs::write(&path, &whole[..end]).unwrap();
        let read = read_journal(dir.path()).unwrap();
        assert_eq!(fs::read(&path).unwrap().len(), end, "a reader changes nothing");
        let opened = reopen(dir.path()).unwrap();
        assert_eq!(opened.frames, PAYLOADS[..3]);
        assert_eq!(read.frames, opened.frames);
        assert_eq!(opened.recovery.torn_bytes, (end - last) as u64);
        assert_eq!(opened.recovery.is_empty(), end == last);
        assert_eq!(fs::read(&path).unwrap(), whole[..last]);
        assert!(reopen(dir.path()).unwrap().recovery.is_empty(), "reported once");
    }
}

#[test]
fn a_header_torn_at_any_byte_begins_anew() {
    let dir = tempdir().unwrap();
    let path = journal_of(dir.path(), &[]);
    let whole = fs::read(&path).unwrap();
    for end in 0..whole.len() {
        fs::write(&path, &whole[..end]).unwrap();
        assert!(read_journal(dir.path()).unwrap().frames.is_empty());
        assert!(reopen(dir.path()).unwrap().frames.is_empty());
        assert_eq!(fs::read(&path).unwrap(), whole);
    }
}

#[test]
fn a_flipped_bit_in_the_middle_is_named_and_costs_only_its_own_frame() {
    let dir = tempdir().unwrap();
    let path = journal_of(dir.path(), &PAYLOADS);
    let whole = fs::read(&path).unwrap();
    let starts: Vec<usize> = PAYLOADS
        .iter()
        .scan(36, |end, payload| {
            *end += 16 + payload.len();
            Some(*end - 16 - payload.len())
        })
        .collect();
    for at in 0..starts[3] {
        let mut bytes = whole.clone();
        bytes[at] ^= 1 << (at % 8);
        fs::write(&path, &bytes).unwrap();
        let error = reopen(dir.path()).unwrap_err();
        let StoreError::Damaged { damage, others: 0, intact } = &error else { panic!("byte {at}: {error}") };
        let hit = starts.iter().rposition(|start| *start <= at);
        assert_eq!(damage.offset as usize, hit.map_or(0, |frame| starts[frame]), "byte {at}");
        assert!(error.to_string().contains("000001.seg is damaged at byte "), "{error}");
        assert_eq!(fs::read(&path).unwrap(), bytes, "nothing is changed");

        let read = read_journal(dir.path()).unwrap();
        let left: Vec<_> = (0..4).filter(|frame| Some(*frame) != hit).map(|frame| PAYLOADS[frame]).collect();
        assert_eq!(read.frames, left);
        assert_eq!((read.frames.len() as u64, &read.recovery.damages[0]), (*intact, damage));
    }
}

#[test]
fn a_damaged_file_moved_away_lets_the_next_writer_in_and_is_missed() {
    let dir = tempdir().unwrap();
    journal_of(dir.path(), &PAYLOADS);
    fs::rename(dir.path().join("000001.seg"), dir.path().join("000003.seg")).unwrap();
    let error = reopen(dir.path()).unwrap_err();
    assert!(matches!(error, StoreError::Damaged { .. }), "a segment under another's name: {error}");
    fs::rename(dir.path().join("000003.seg"), dir.path().join("aside")).unwrap();
    assert!(reopen(dir.path()).unwrap().frames.is_empty());
}

#[test]
fn a_frame_inside_a_payload_is_not_taken_for_one() {
    let dir = tempdir().unwrap();
    let inner = fs::read(journal_of(&dir.path().join("inner"), &PAYLOADS)).unwrap();
    let outer = dir.path().join("outer");
    let path = journal_of(&outer, &[&inner]);
    let whole = fs::read(&path).unwrap();
    fs::write(&path, &whole[..whole.len() - 1]).unwrap();
    let opened = reopen(&outer).unwrap();
    assert!(opened.frames.is_empty());
    assert_eq!(opened.recovery.torn_bytes as usize, whole.len() - 1 - 36);
}

#[test]
fn a_newer_version_is_refused_by_its_number() {
    let dir = tempdir().unwrap();
    let path = journal_of(dir.path(), &PAYLOADS);
    let mut bytes = b"\x89fecund\n\x02\0\0\0".to_vec();
    bytes.extend([1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    let mut out = hashing::KeyWriter::new("fecund journal header v1");
    out.bytes(&bytes);
    bytes.extend(&out.finish().0[..8]);
    fs::write(&path, &bytes).unwrap();
    let error = reopen(dir.path()).unwrap_err();
    assert!(matches!(error, StoreError::Version { found: 2, known: 1, .. }), "{error}");
    assert!(matches!(read_journal(dir.path()), Err(StoreError::Version { .. })));
    assert_eq!(fs::read(&path).unwrap(), bytes);
}

#[test]
fn random_bytes_as_a_journal_never_panic_and_are_never_deleted() {
    let mut rng = Rng::named(7, "random journals", 0);
    let dir = tempdir().unwrap();
    let path = journal_of(dir.path(), &PAYLOADS);
    let valid = fs::read(&path).unwrap();
    for round in 0..400 {
        let length = (rng.next_u64() % 300) as usize;
        let mut bytes: Vec<u8> =
            (0..length).map(|_| (rng.next_u64() >> (rng.next_u64() % 56)) as u8).collect();
        if round % 2 == 0 {
            let kept = (rng.next_u64() as usize % valid.len()).max(36);
            bytes = [&valid[..kept], &bytes].concat();
        }
        fs::write(&path, &bytes).unwrap();
        let read = read_journal(dir.path()).unwrap();
        match reopen(dir.path()) {
            Ok(opened) => assert_eq!(opened.frames, read.frames),
            Err(StoreError::Damaged { .. }) => assert_eq!(fs::read(&path).unwrap(), bytes),
            Err(error) => panic!("{error}"),
        }
    }
}

#[test]
fn megabytes_of_zeros_or_small_numbers_are_passed_over_quickly() {
    let dir = tempdir().unwrap();
    let path = journal_of(dir.path(), &PAYLOADS);
    let valid = fs::read(&path).unwrap();
    for filling in [[0, 0, 0, 0], [0, 0, 1, 0]] {
        fs::write(&path, [&valid[..], &filling.repeat(4 << 20)].concat()).unwrap();
        let opened = reopen(dir.path()).unwrap();
        assert_eq!(opened.frames, PAYLOADS);
        assert_eq!(opened.recovery.torn_bytes, 16 << 20);
    }
}

fn store_of(dir: &Path, numbers: std::ops::Range<u64>) {
    let (store, _) = open_store(dir);
    numbers.for_each(|n| store.put(&sample_key(n), &sample_record(n)).unwrap());
}

fn assert_holds(dir: &Path, numbers: std::ops::Range<u64>) -> storage::Recovery {
    let (store, recovery) = open_store(dir);
    assert_eq!(store.len() as u64, numbers.end - numbers.start);
    for n in numbers {
        assert_eq!(store.get(&sample_key(n)).unwrap(), Some(sample_record(n)), "{n}: {recovery}");
    }
    recovery
}

#[test]
fn a_record_that_goes_bad_in_use_is_an_error_for_its_key_until_it_is_put_again() {
    let dir = tempdir().unwrap();
    let (store, _) = open_store(dir.path());
    let path = dir.path().join("journal/000001.seg");
    let spoil_last = || {
        let mut bytes = fs::read(&path).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        fs::write(&path, bytes).unwrap();
    };
    store.put(&sample_key(1), &sample_record(1)).unwrap();
    store.put(&sample_key(2), &sample_record(2)).unwrap();
    spoil_last();
    let error = store.get(&sample_key(2)).unwrap_err();
    assert!(matches!(&error, StoreError::Unreadable { key, .. } if *key == sample_key(2)), "{error}");
    assert_eq!(store.get(&sample_key(1)).unwrap(), Some(sample_record(1)));
    store.put(&sample_key(2), &sample_record(3)).unwrap();
    assert_eq!(store.get(&sample_key(2)).unwrap(), Some(sample_record(3)));

    store.put(&sample_key(1), &sample_record(5)).unwrap();
    spoil_last();
    assert_eq!(store.get(&sample_key(1)).unwrap(), Some(sample_record(1)), "the last readable one");
    assert!(store.take_warnings()[0].contains("went bad"));
}

#[test]
fn a_deleted_index_is_rebuilt_and_said() {
    let dir = tempdir().unwrap();
    store_of(dir.path(), 0..30);
    assert!(assert_holds(dir.path(), 0..30).is_empty());
    fs::remove_dir_all(dir.path().join("index")).unwrap();
    let recovery = assert_holds(dir.path(), 0..30);
    assert!(recovery.index_rebuilt);
    assert!(recovery.to_string().contains("rebuilt the index of 30 keys from the journal: it was missing"));
    assert!(assert_holds(dir.path(), 0..30).is_empty());
}

#[test]
fn an_older_index_is_brought_up_to_date_and_said() {
    let dir = tempdir().unwrap();
    store_of(dir.path(), 0..10);
    let (index, old) = (dir.path().join("index"), dir.path().join("old"));
    copy(&index, &old);
    store_of(dir.path(), 10..30);
    fs::remove_dir_all(&index).unwrap();
    fs::rename(&old, &index).unwrap();
    let recovery = assert_holds(dir.path(), 0..30);
    assert_eq!(recovery.index_mended, 20, "{recovery}");
}

#[test]
fn an_index_of_another_journal_is_rebuilt() {
    let (dir, other) = (tempdir().unwrap(), tempdir().unwrap());
    store_of(dir.path(), 0..10);
    store_of(other.path(), 50..80);
    fs::remove_dir_all(dir.path().join("index")).unwrap();
    fs::rename(other.path().join("index"), dir.path().join("index")).unwrap();
    assert!(assert_holds(dir.path(), 0..10).index_rebuilt);
    let (store, _) = open_store(dir.path());
    assert_eq!(store.get(&sample_key(60)).unwrap(), None);
}

#[test]
fn an_index_replaced_by_a_file_is_moved_aside_and_rebuilt() {
    let dir = tempdir().unwrap();
    store_of(dir.path(), 0..30);
    let index = dir.path().join("index");
    for n in 1..3 {
        fs::remove_dir_all(&index).unwrap();
        fs::write(&index, b"not a database").unwrap();
        let recovery = assert_holds(dir.path(), 0..30);
        let aside = dir.path().join(format!("index.damaged-{n}"));
        assert_eq!(recovery.quarantined.as_deref(), Some(&*aside), "{recovery}");
        assert_eq!(fs::read(aside).unwrap(), b"not a database");
    }
}

type Change<'a> = dyn FnMut(Vec<u8>) -> Vec<u8> + 'a;

#[test]
fn an_index_that_was_cut_or_overwritten_with_noise_is_rebuilt_and_said() {
    let dir = tempdir().unwrap();
    let mut rng = Rng::named(6, "noise", 0);
    let mut noise = |length: usize| (0..length).map(|_| rng.next_u64() as u8).collect::<Vec<_>>();
    let index = dir.path().join("index");
    let cases: [(&str, &mut Change); 4] = [
        ("emptied", &mut |_| Vec::new()),
        ("cut to a few bytes", &mut |bytes| bytes[..7].to_vec()),
        ("noise of the same length", &mut |bytes| noise(bytes.len())),
        ("zeros", &mut |bytes| vec![0; bytes.len()]),
    ];
    for (case, change) in cases {
        store_of(dir.path(), 0..30);
        for file in files(&index) {
            let bytes = fs::read(&file).unwrap();
            fs::write(file, change(bytes)).unwrap();
        }
        let recovery = assert_holds(dir.path(), 0..30);
        assert!(recovery.index_rebuilt, "{case}: {recovery}");
        assert!(recovery.to_string().contains("rebuilt the index of 30 keys"), "{case}: {recovery}");
        assert!(assert_holds(dir.path(), 0..30).is_empty(), "{case}: said once");
    }
}

#[test]
fn whatever_happens_to_the_index_no_answer_changes() {
    let dir = tempdir().unwrap();
    store_of(dir.path(), 0..30);
    let (index, good) = (dir.path().join("index"), dir.path().join("good"));
    copy(&index, &good);
    let mut rng = Rng::named(5, "broken indices", 0);
    for round in 0..40 {
        fs::remove_dir_all(&index).unwrap();
        copy(&good, &index);
        for file in files(&index) {
            let mut bytes = fs::read(&file).unwrap();
            spoil(&mut bytes, round, &mut rng);
            fs::write(&file, bytes).unwrap();
        }
        let recovery = assert_holds(dir.path(), 0..30);
        assert!(!recovery.to_string().contains("backtrace"), "{recovery}");
    }
}

fn spoil(bytes: &mut Vec<u8>, round: u64, rng: &mut Rng) {
    let length = bytes.len().max(1) as u64;
    match round % 4 {
        0 => bytes.truncate((rng.next_u64() % length) as usize),
        1 => bytes.iter_mut().for_each(|byte| *byte = rng.next_u64() as u8),
        2 => (0..20).for_each(|_| flip(bytes, rng.next_u64() % length)),
        // The first bytes are the ones in use; the rest of a young database is zeros.
        _ => (0..20).for_each(|_| flip(bytes, rng.next_u64() % length.min(3000))),
    }
}

fn flip(bytes: &mut [u8], at: u64) {
    if let Some(byte) = bytes.get_mut(at as usize) {
        *byte ^= 0x55;
    }
}

fn files(dir: &Path) -> Vec<std::path::PathBuf> {
    let entries = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target)
        } else {
            fs::copy(entry.path(), target).map(|_| ()).unwrap()
        }
    }
}
