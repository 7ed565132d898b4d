//! Where in the journal the newest record of each key stands.
//!
//! The index holds places rather than records: 28 bytes per key, each record once on disk, and every answer is read
//! from the journal, whose checksum covers it. A wrong place is noticed, because the frame there names its key.

use std::collections::BTreeMap;
use std::path::Path;

use hashing::Key;

use crate::Recovery;
use crate::frame::Position;
use crate::sled_index::SledIndex;

/// An error means that the index failed; the journal has it all.
pub(crate) enum Index {
    Memory(BTreeMap<Key, Position>),
    Sled(SledIndex),
}

impl Index {
    /// An index that holds exactly `truth`: on disk if it can be had, in memory otherwise.
    ///
    /// Every entry is compared with the journal, which was read whole a moment ago; that costs one look-up per key, and
    /// leaves no way for a stale or damaged index to hide a record.
    pub(crate) fn open(path: &Path, truth: BTreeMap<Key, Position>, recovery: &mut Recovery) -> Self {
        let existed = path.symlink_metadata().is_ok();
        let opened = SledIndex::open(path, recovery);
        let synced = opened.and_then(|index| {
            agree(&index, existed, &truth, recovery)?;
            Ok(index)
        });
        match synced {
            Ok(index) => Self::Sled(index),
            Err(why) => {
                recovery
                    .note(format!("no index on disk at {} ({why}); keeping it in memory", path.display()));
                Self::Memory(truth)
            }
        }
    }

    pub(crate) fn get(&self, key: &Key) -> Result<Option<Position>, String> {
        match self {
            Self::Memory(places) => Ok(places.get(key).copied()),
            Self::Sled(index) => index.get(key),
        }
    }

    pub(crate) fn keys(&self) -> Result<Vec<Key>, String> {
        match self {
            Self::Memory(places) => Ok(places.keys().copied().collect()),
            Self::Sled(index) => index.keys(),
        }
    }
}

/// Brings the index to `truth`, and says what that took.
fn agree(
    index: &SledIndex,
    existed: bool,
    truth: &BTreeMap<Key, Position>,
    recovery: &mut Recovery,
) -> Result<(), String> {
    let held = index.len()?;
    let wrong: Vec<_> = truth.iter().filter(|(key, place)| index.get(key) != Ok(Some(**place))).collect();
    if wrong.is_empty() && held == truth.len() {
        return Ok(());
    }
    let related = wrong.len() < truth.len();
    if related {
        index.insert_all(wrong.iter().copied())?;
    }
    if related && index.len()? == truth.len() {
        recovery.index_mended = wrong.len() as u64;
        recovery.note(format!("the index was behind the journal: added {} entries", wrong.len()));
        return index.flush();
    }
    index.clear()?;
    index.insert_all(truth.iter())?;
    recovery.index_rebuilt = true;
    let why = match (recovery.quarantined.is_some(), existed, held) {
        (true, ..) => "the old one would not open",
        (_, false, _) => "it was missing",
        (.., 0) => "it was empty",
        _ => "it did not match the journal",
    };
    recovery.note(format!("rebuilt the index of {} keys from the journal: {why}", truth.len()));
    index.flush()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::sample_key;

    fn place(n: u64) -> Position {
        Position { segment: 1, offset: n, bytes: 5 }
    }

    fn truth(numbers: std::ops::Range<u64>) -> BTreeMap<Key, Position> {
        numbers.map(|n| (sample_key(n), place(n))).collect()
    }

    fn reopen(path: &Path, truth: BTreeMap<Key, Position>) -> (Index, Recovery) {
        let mut recovery = Recovery::default();
        let index = Index::open(path, truth, &mut recovery);
        (index, recovery)
    }

    #[test]
    fn an_index_that_cannot_be_had_is_kept_in_memory_and_said() {
        let (index, recovery) = reopen(Path::new("/dev/null/index"), truth(0..3));
        assert!(matches!(index, Index::Memory(_)));
        assert!(recovery.notes[0].contains("keeping it in memory"), "{recovery}");
        assert_eq!(index.get(&sample_key(2)), Ok(Some(place(2))));
    }

    #[test]
    fn an_index_is_brought_to_what_the_journal_says() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("index");
        drop(reopen(&path, truth(0..10)));
        let cases =
            [(0..10, 0, false), (0..15, 5, false), (3..9, 0, true), (20..25, 0, true), (0..0, 0, true)];
        for (numbers, mended, rebuilt) in cases {
            let (index, recovery) = reopen(&path, truth(numbers.clone()));
            assert_eq!((recovery.index_mended, recovery.index_rebuilt), (mended, rebuilt), "{numbers:?}");
            assert_eq!(index.keys().unwrap(), truth(numbers.clone()).into_keys().collect::<Vec<_>>());
            for n in 0..30 {
                assert_eq!(index.get(&sample_key(n)), Ok(numbers.contains(&n).then(|| place(n))));
            }
        }
    }
}
