//! An intact frame with any payload, read as the record of a store: checksums protect against accidents, not against
//! whoever makes them.

use std::sync::Arc;

use spaces::sequence::Genome;
use storage::{Journal, JournalStore, RealDisk, Store};

use super::scratch;

pub fn run(bytes: &[u8]) -> bool {
    let folder = scratch::folder();
    let (journal, _) =
        Journal::open(&folder.path().join("journal"), Arc::new(RealDisk)).expect("a new journal");
    journal.append(bytes).expect("a new journal takes a frame");
    drop(journal);
    let (store, recovery) = JournalStore::read(folder.path()).expect("an intact journal can be read");
    assert_eq!(store.len() as u64 + recovery.unreadable, 1);
    for (_, record) in store.0.entries() {
        let _ = serde_json::from_str::<Genome>(&record.form);
        for evaluation in &record.evaluations {
            evaluation.verdict.score("accuracy");
            record.form_of(evaluation);
        }
    }
    recovery.unreadable == 0
}
