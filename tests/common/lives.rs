//! Searches that are started, watched and killed, and the trials that they leave.

#![allow(dead_code, reason = "each test target uses its own part")]

use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use search::{Ledger, Trial};
use spaces::Candidate;
use spaces::sequence::Genome;

use crate::common::Folder;

pub fn trials(folder: &Folder, run: &str) -> Vec<Trial<Genome>> {
    trials_of(folder, run)
}

/// Of a run over any space.
pub fn trials_of<C: Candidate>(folder: &Folder, run: &str) -> Vec<Trial<C>> {
    Ledger::read(&folder.path(run).join("trials.journal")).unwrap().trials
}

pub fn assert_same<C: Candidate>(a: &[Trial<C>], b: &[Trial<C>]) {
    assert_eq!(a.len(), b.len());
    for (a, b) in a.iter().zip(b) {
        assert!(a.same_as(b), "{a:#?}\n{b:#?}");
    }
}

/// `fecund` in a process group of its own, with its output thrown away.
pub fn spawn(folder: &Folder, arguments: &[&str]) -> Child {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin("fecund"));
    command.args(arguments).current_dir(folder.0.path()).stdout(Stdio::null()).stderr(Stdio::piped());
    command.process_group(0).spawn().unwrap()
}

/// Waits until the run has this many trials.
pub fn wait_for_trials(folder: &Folder, run: &str, count: usize) {
    let journal = folder.path(run).join("trials.journal");
    let start = Instant::now();
    while Ledger::read::<Genome>(&journal).map_or(0, |written| written.trials.len()) < count {
        assert!(start.elapsed() < Duration::from_secs(120), "no {count} trials in two minutes");
        std::thread::sleep(Duration::from_millis(20));
    }
}

pub fn signal(target: i32, signal: i32) {
    // SAFETY: kill only sends a signal; a wrong target is an error that is asserted.
    assert_eq!(unsafe { libc::kill(target, signal) }, 0);
}
