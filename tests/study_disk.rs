//! A study on a disk that fails: it goes on or stops with a clear word, and loses nothing that was paid for.

#[path = "common/cells.rs"]
mod cells;
#[path = "common/noisy.rs"]
mod noisy;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex};

use cells::{Counting, assert_same, plan, study};
use hashing::Key;
use noisy::AtOnce;
use search::{Ledger, Observer, Plan, Study, StudyError};
use spaces::cell201::{Cell, CellSpace};
use storage::{Disk, Fault, FaultyDisk, JournalStore, Operation, Record, Store, StoreError, Tiered};
use tasks::Verdict;

const TRIALS: u64 = 24;

/// What a study said while it ran.
#[derive(Clone, Default)]
struct Heard(Arc<Mutex<Vec<String>>>);

impl Observer<Cell> for Heard {
    fn noticed(&mut self, message: &str) {
        self.0.lock().unwrap().push(message.to_string());
    }
}

/// Counts the records that the disk refused.
struct Refusals(Tiered<JournalStore>, Arc<AtomicU64>);

impl Store for Refusals {
    fn get(&self, key: &Key) -> Result<Option<Record>, StoreError> {
        self.0.get(key)
    }
    fn put(&self, key: &Key, record: &Record) -> Result<(), StoreError> {
        let put = self.0.put(key, record);
        self.1.fetch_add(u64::from(put.is_err()), SeqCst);
        put
    }
    fn len(&self) -> usize {
        self.0.len()
    }
}

/// The study in this folder, with whatever it has made so far.
fn open(
    folder: &Path,
    evaluator: &Counting,
    refused: &Arc<AtomicU64>,
    disk: Arc<dyn Disk>,
) -> Result<Study<CellSpace>, StoreError> {
    let (ledger, written) = Ledger::open::<Cell>(&folder.join("trials.journal"), Arc::clone(&disk))?;
    let (store, _) = JournalStore::open(&folder.join("cache"), disk)?;
    let store = Refusals(Tiered::new(store), Arc::clone(refused));
    // What finishes together is written together: the same at every run, with a narrow window and one thread.
    let plan = Plan { window: 2, ..plan(TRIALS) };
    let mut study = study(evaluator, plan, 1)
        .with_executor(AtOnce::new(|task| vec![task()]))
        .with_store(Arc::new(store))
        .with_ledger(ledger);
    study.resume(written.trials);
    Ok(study)
}

/// The study that nothing disturbs.
struct Truth {
    study: Study<CellSpace>,
    disk: FaultyDisk,
    verdicts: BTreeMap<Key, Verdict>,
    evaluations: u64,
}

impl Truth {
    fn find() -> Self {
        let (folder, evaluator, disk) =
            (tempfile::tempdir().unwrap(), Counting::default(), FaultyDisk::sound());
        let refused = Arc::default();
        let mut study = open(folder.path(), &evaluator, &refused, Arc::new(disk.clone())).unwrap();
        study.run().unwrap();
        let verdicts = study.trials().iter().map(|trial| (trial.key, trial.verdict.clone())).collect();
        Self { study, disk, verdicts, evaluations: evaluator.count() }
    }
}

/// Runs on this disk, then again on a sound one: whatever was left is a part of the truth, and leads to all of it.
fn survives(truth: &Truth, disk: &FaultyDisk, power_loss: bool, case: &str) {
    let (folder, evaluator, heard) = (tempfile::tempdir().unwrap(), Counting::default(), Heard::default());
    let (mut acknowledged, refused) = (Acknowledged::default(), Arc::default());
    match open(folder.path(), &evaluator, &refused, Arc::new(disk.clone())) {
        Err(error) => assert_clear(&error, folder.path(), case),
        Ok(study) => {
            let mut study = study.with_observer(heard.clone());
            match study.run() {
                Ok(_) => assert_same(study.trials(), truth.study.trials()),
                Err(StudyError::Ledger(error)) => {
                    assert_clear(&error, folder.path(), case);
                    assert!(
                        matches!(study.run(), Err(StudyError::CutShort)),
                        "{case}: it goes on in a new one"
                    );
                }
                Err(other) => panic!("{case}: {other}"),
            }
            acknowledged = Acknowledged::by(&study, &heard);
        }
    }
    if power_loss {
        disk.crash().unwrap();
    }
    acknowledged.assert_kept(folder.path(), truth, case);
    let mut again = open(folder.path(), &evaluator, &refused, Arc::new(FaultyDisk::sound())).unwrap();
    again.run().unwrap();
    assert_same(again.trials(), truth.study.trials());
    // Paid for twice is only what the disk refused.
    let paid = evaluator.count();
    assert!(paid <= truth.evaluations + refused.load(SeqCst), "{case}: {paid} evaluations");
}

/// Names a path and, where the disk is full, what to do.
fn assert_clear(error: &StoreError, folder: &Path, case: &str) {
    let said = error.to_string();
    assert!(said.contains(folder.to_str().unwrap()), "{case}: {said}");
    let full = matches!(error, StoreError::Full { .. });
    assert!(!full || said.contains("free some space"), "{case}: {said}");
}

/// Keys of which the study was told that their verdict is safe.
#[derive(Default)]
struct Acknowledged(Vec<Key>);

impl Acknowledged {
    fn by(study: &Study<CellSpace>, heard: &Heard) -> Self {
        let heard = heard.0.lock().unwrap();
        let told = |number: u64| heard.iter().any(|said| said.contains(&format!("trial {number} is not in")));
        let paid = study.trials().iter().filter(|trial| trial.origin.is_evaluated());
        Self(paid.filter(|trial| !told(trial.number)).map(|trial| trial.key).collect())
    }

    /// Trials on disk are the first of the truth, records are of the truth, and the acknowledged ones are there.
    fn assert_kept(&self, folder: &Path, truth: &Truth, case: &str) {
        match Ledger::read::<Cell>(&folder.join("trials.journal")) {
            Err(error) => assert!(matches!(error, StoreError::Missing { .. }), "{case}: {error}"),
            Ok(written) => {
                assert!(written.unread.is_none() && written.recovery.damages.is_empty(), "{case}");
                assert_same(&written.trials, &truth.study.trials()[..written.trials.len()]);
            }
        }
        let Ok((store, recovery)) = JournalStore::read(&folder.join("cache")) else {
            return assert!(self.0.is_empty(), "{case}: the cache is gone");
        };
        assert!(recovery.damages.is_empty(), "{case}: {recovery}");
        for (key, record) in store.0.entries() {
            let made = record.evaluations.iter().map(|evaluation| &evaluation.verdict);
            assert!(made.eq(truth.verdicts.get(&key)), "{case}: {key}: {record:?}");
        }
        for key in &self.0 {
            assert!(store.get(key).unwrap().is_some(), "{case}: the verdict of {key} was acknowledged");
        }
    }
}

/// Every operation of this kind fails once, and the study goes through both with and without a loss of power.
fn everywhere(operation: Operation, disk: impl Fn(u64) -> FaultyDisk) {
    let truth = Truth::find();
    let count = truth.disk.count(operation);
    assert!(count > 0, "a study asks for {operation:?}");
    for (number, power_loss) in (1..=count).flat_map(|number| [(number, false), (number, true)]) {
        let disk = disk(number);
        survives(&truth, &disk, power_loss, &format!("{operation:?} {number}, power loss {power_loss}"));
        assert!(disk.count(operation) >= number, "{operation:?} {number} was never asked for");
    }
}

fn once(operation: Operation, fault: Fault) {
    everywhere(operation, |number| FaultyDisk::once(operation, number, fault));
}

fn from_then_on(operation: Operation, fault: Fault) {
    everywhere(operation, |number| {
        FaultyDisk::new(move |asked, n| (asked == operation && n >= number).then_some(fault))
    });
}

#[test]
fn a_full_disk_loses_nothing_that_was_paid_for() {
    once(Operation::Write, Fault::Full);
}

#[test]
fn a_disk_that_stays_full_loses_nothing_that_was_paid_for() {
    from_then_on(Operation::Write, Fault::Full);
}

#[test]
fn a_torn_write_loses_nothing_that_was_paid_for() {
    once(Operation::Write, Fault::Torn(9));
}

#[test]
fn a_torn_write_that_cannot_be_cut_back_loses_nothing_that_was_paid_for() {
    everywhere(Operation::Write, |number| {
        FaultyDisk::new(move |operation, n| match operation {
            Operation::Write => (n == number).then_some(Fault::Torn(40)),
            Operation::Truncate => Some(Fault::Broken),
            _ => None,
        })
    });
}

#[test]
fn a_broken_write_loses_nothing_that_was_paid_for() {
    once(Operation::Write, Fault::Broken);
}

#[test]
fn a_failed_sync_loses_nothing_that_was_acknowledged() {
    once(Operation::Sync, Fault::Broken);
}

#[test]
fn a_disk_that_syncs_no_more_loses_nothing_that_was_acknowledged() {
    from_then_on(Operation::Sync, Fault::Broken);
}

#[test]
fn a_journal_that_cannot_be_begun_is_begun_by_the_next_start() {
    once(Operation::Create, Fault::Full);
    once(Operation::SyncDir, Fault::Broken);
}

#[test]
fn a_full_disk_names_the_path_and_the_remedy() {
    let folder = tempfile::tempdir().unwrap();
    let disk = FaultyDisk::new(|operation, number| {
        (operation == Operation::Write && number > 20).then_some(Fault::Full)
    });
    let mut study = open(folder.path(), &Counting::default(), &Arc::default(), Arc::new(disk)).unwrap();
    let error = study.run().expect_err("nothing can be written any more").to_string();
    assert!(error.contains("trials.journal") && error.contains("free some space"), "{error}");
}
