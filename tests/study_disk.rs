//! A study on a disk that fails: it goes on or stops with a clear word, and loses nothing that was paid for.

#[path = "common/cells.rs"]
mod cells;

use std::path::Path;
use std::sync::Arc;

use cells::{Counting, assert_same, plan, study};
use search::{Ledger, Study, StudyError};
use spaces::cell201::{Cell, CellSpace};
use storage::{Disk, Fault, FaultyDisk, JournalStore, Operation, RealDisk, StoreError, Tiered};

const TRIALS: u64 = 40;

/// The study in this folder, with whatever it has made so far.
fn open(folder: &Path, evaluator: &Counting, disk: Arc<dyn Disk>) -> Result<Study<CellSpace>, StoreError> {
    let (ledger, written) = Ledger::open::<Cell>(&folder.join("trials.journal"), Arc::clone(&disk))?;
    let (store, _) = JournalStore::open(&folder.join("cache"), disk)?;
    let mut study =
        study(evaluator, plan(TRIALS), 1).with_store(Arc::new(Tiered::new(store))).with_ledger(ledger);
    study.resume(written.trials);
    Ok(study)
}

/// Runs on a disk with one fault, then again on a sound one; the trials are those of an undisturbed run.
fn survives(operation: Operation, number: u64, fault: Fault, power_loss: bool, whole: &Study<CellSpace>) {
    let folder = tempfile::tempdir().unwrap();
    let (evaluator, disk) = (Counting::default(), FaultyDisk::once(operation, number, fault));
    if let Ok(mut study) = open(folder.path(), &evaluator, Arc::new(disk.clone())) {
        match study.run() {
            Ok(_) => assert_same(study.trials(), whole.trials()),
            Err(StudyError::Ledger(error)) => assert!(!error.to_string().is_empty()),
            Err(other) => panic!("{other}"),
        }
    }
    if power_loss {
        disk.crash().unwrap();
    }
    let paid = evaluator.count();
    let mut again = open(folder.path(), &evaluator, Arc::new(RealDisk)).unwrap();
    again.run().unwrap();
    assert_same(again.trials(), whole.trials());
    // At most the evaluation whose record the disk refused is paid for twice.
    let keys = u64::try_from(distinct(whole)).unwrap();
    assert!(evaluator.count() <= keys + 1, "{} evaluations of {keys} keys, {paid} before", evaluator.count());
}

fn distinct(study: &Study<CellSpace>) -> usize {
    study
        .trials()
        .iter()
        .filter(|t| t.origin.is_evaluated() && matches!(t.verdict, tasks::Verdict::Scored(_)))
        .count()
}

fn everywhere(operation: Operation, fault: Fault, power_loss: bool) {
    let mut whole = study(&Counting::default(), plan(TRIALS), 1);
    whole.run().unwrap();
    for number in 1..30 {
        survives(operation, number, fault, power_loss, &whole);
    }
}

#[test]
fn a_full_disk_loses_nothing_that_was_paid_for() {
    everywhere(Operation::Write, Fault::Full, false);
}

#[test]
fn a_torn_write_loses_nothing_that_was_paid_for() {
    everywhere(Operation::Write, Fault::Torn(9), false);
}

#[test]
fn a_failed_sync_and_a_loss_of_power_lose_nothing_that_was_acknowledged() {
    everywhere(Operation::Sync, Fault::Broken, true);
}

#[test]
fn a_full_disk_names_the_path_and_the_remedy() {
    let folder = tempfile::tempdir().unwrap();
    let disk = FaultyDisk::new(|operation, number| {
        (operation == Operation::Write && number > 20).then_some(Fault::Full)
    });
    let mut study = open(folder.path(), &Counting::default(), Arc::new(disk)).unwrap();
    let error = study.run().expect_err("nothing can be written any more").to_string();
    assert!(
        error.contains("trials.journal")
            && (error.contains("disk full") || error.contains("free some space")),
        "{error}"
    );
}
