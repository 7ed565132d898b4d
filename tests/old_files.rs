//! Files of earlier programs stay readable. `version-1` was written by a replay of NAS-Bench-Macro, before there were
//! purposes, subjects and several forms of one function.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hashing::{Digest, Key};
use search::{Ledger, Miss, Origin};
use spaces::nb_macro::Network;
use storage::{JournalStore, Purpose, RealDisk, Store};

fn kept(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/version-1").join(name)
}

/// A copy that may be written.
fn copy(name: &str, to: &Path) {
    fs::create_dir_all(to).unwrap();
    fs::copy(kept(name).join("000001.seg"), to.join("000001.seg")).unwrap();
}

/// Key of the first trial and record.
fn first() -> Key {
    let text = "0b178189027da29583186824c749aa7fef08134a640372681cc42daf4e51207a";
    let byte = |i: usize| u8::from_str_radix(&text[2 * i..2 * i + 2], 16).unwrap();
    Key(Digest(std::array::from_fn(byte)))
}

#[test]
fn records_of_version_1_are_read_as_evaluations_of_a_search() {
    let dir = tempfile::tempdir().unwrap();
    copy("records", &dir.path().join("journal"));
    let (reader, recovery) = JournalStore::read(dir.path()).unwrap();
    assert!(recovery.is_empty(), "{recovery}");
    assert_eq!(reader.len(), 30);
    for (_, record) in reader.0.entries() {
        assert_eq!((&record.subject, record.evaluations.len()), (&None, 1));
        assert_eq!((record.evaluations[0].purpose, &record.evaluations[0].form), (Purpose::Search, &None));
        serde_json::from_str::<Network>(record.form_of(&record.evaluations[0])).unwrap();
    }
    let record = reader.get(&first()).unwrap().unwrap();
    let [evaluation] = &record.evaluations[..] else { panic!("{record:?}") };
    assert_eq!(record.form, r#"{"arch":"12021000"}"#);
    assert_eq!(evaluation.verdict.score("mean_acc"), Some(90.3567));
    assert_eq!(evaluation.verdict.score("flops"), Some(47_493_632.0));
    assert_eq!((evaluation.study.as_str(), evaluation.trial), ("run-18eaf77720992675-37bb", 0));
    assert_eq!(evaluation.provenance, "line 3836 of the table");

    let (store, _) = JournalStore::open(dir.path(), Arc::new(RealDisk)).unwrap();
    assert_eq!(store.len(), 30);
    store.put(&first(), &record).unwrap();
    drop(store);
    let (store, _) = JournalStore::open(dir.path(), Arc::new(RealDisk)).unwrap();
    assert_eq!((store.len(), store.get(&first()).unwrap()), (30, Some(record)), "old and new side by side");
}

#[test]
fn trials_of_version_1_are_read_and_written_on() {
    let written = Ledger::read::<Network>(&kept("trials")).unwrap();
    assert!(written.unread.is_none() && written.recovery.is_empty(), "{:?}", written.unread);
    assert_eq!(written.trials.len(), 30);
    let trial = &written.trials[0];
    assert_eq!((trial.key, trial.candidate.to_string().as_str()), (first(), "12021000"));
    assert!(trial.operator == "sample" && trial.payer.is_none());
    assert_eq!(trial.verdict.score("mean_acc"), Some(90.3567));
    assert!(written.trials.iter().all(|trial| trial.origin == Origin::Miss(Miss::Unseen)));

    let dir = tempfile::tempdir().unwrap();
    copy("trials", dir.path());
    let (ledger, old) = Ledger::open::<Network>(dir.path(), Arc::new(RealDisk)).unwrap();
    let mut next = old.trials[29].clone();
    next.number = 30;
    ledger.append(&next).unwrap();
    drop(ledger);
    assert_eq!(Ledger::read::<Network>(dir.path()).unwrap().trials.len(), 31);
}
