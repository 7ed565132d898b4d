//! The trials of a run, one JSON a line, in the intact frames of a ledger.

use std::path::Path;
use std::sync::Arc;

use search::{Ledger, Objective, Statistics, Trial};
use spaces::Candidate;
use spaces::nb_macro::Network;
use spaces::sequence::Genome;
use storage::{Journal, RealDisk};

use super::scratch;

pub fn run(bytes: &[u8]) -> bool {
    let folder = scratch::folder();
    let (journal, _) = Journal::open(folder.path(), Arc::new(RealDisk)).expect("a new journal");
    for line in bytes.split(|byte| *byte == b'\n') {
        journal.append(line).expect("a new journal takes a frame");
    }
    drop(journal);
    let stacks = summarize::<Genome>(folder.path());
    summarize::<Network>(folder.path()) || stacks
}

fn summarize<C: Candidate>(ledger: &Path) -> bool {
    let trials = Ledger::read::<C>(ledger).expect("an intact journal can be read").trials;
    let objective = Objective::new("accuracy", true).then("log_loss", false);
    assert!(objective.best(&trials, 3).len() <= trials.len());
    assert!(Statistics::of(&trials).trained <= trials.len() as u64);
    for trial in &trials {
        let json = serde_json::to_string(trial).expect("a trial can be written");
        serde_json::from_str::<Trial<C>>(&json).expect("what was written can be read");
    }
    !trials.is_empty()
}
