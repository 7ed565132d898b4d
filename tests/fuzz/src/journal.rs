//! The bytes of a journal's segments: reading changes nothing, and opening for writing finds what reading found.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use storage::{Journal, JournalStore, RealDisk, Store, StoreError, read_journal};

use super::scratch;

/// The first bytes of a segment: each one in the input begins the next.
const MAGIC: &[u8] = b"\x89fecund\n";

pub fn run(bytes: &[u8]) -> bool {
    let folder = scratch::folder();
    let journal = folder.path().join("journal");
    write_segments(&journal, bytes);
    let read = read_journal(&journal);
    let opened = Journal::open(&journal, Arc::new(RealDisk));
    match (&read, &opened) {
        (Ok(read), Ok((_, opened))) => {
            assert_eq!(read.frames, opened.frames);
            assert!(read.recovery.damages.is_empty());
        }
        (Ok(read), Err(StoreError::Damaged { .. })) => assert!(!read.recovery.damages.is_empty()),
        (Err(_), Err(_)) => {}
        other => panic!("reading and opening differ: {other:?}", other = (other.0.is_ok(), other.1.is_ok())),
    }
    let (Ok(read), Ok((writer, _))) = (read, opened) else { return false };
    let (store, recovery) = JournalStore::read(folder.path()).expect("a journal that opens can be read");
    assert!(store.len() as u64 + recovery.unreadable <= read.frames.len() as u64);
    writer.append(b"one more").expect("an open journal takes a frame");
    drop(writer);
    let again = read_journal(&journal).expect("what was opened can be read");
    assert_eq!(again.frames.split_last(), Some((&b"one more".to_vec(), &read.frames[..])));
    true
}

fn write_segments(dir: &Path, bytes: &[u8]) {
    fs::create_dir(dir).expect("a temporary folder can be made");
    let starts = (1..bytes.len()).filter(|at| bytes[*at..].starts_with(MAGIC));
    let ends: Vec<usize> = starts.chain([bytes.len()]).collect();
    let mut start = 0;
    for (number, end) in (1..).zip(ends) {
        let name = format!("{number:06}.seg");
        fs::write(dir.join(name), &bytes[start..end]).expect("a temporary file can be written");
        start = end;
    }
}
