//! `asked.journal/` of a run: what was asked, and which machine failed at it. Its lock is that of asking and telling.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hashing::{Fidelity, Key};
use serde::{Deserialize, Serialize};
use storage::{Journal, RealDisk, Recovery, read_journal};

use crate::Waiting;
use crate::cli::failure::Failure;
use crate::cli::patience::Patience;

/// Everything that was asked, by trial.
pub struct Asked {
    journal: Journal,
    /// As JSON: of all questions only those are read that somebody waits for or tells of.
    known: HashMap<u64, Vec<u8>>,
    /// Asked, and no machine has come through with it since.
    failed: BTreeSet<u64>,
}

/// What was asked for a trial: enough to make a record of the answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Question {
    pub trial: u64,
    pub key: Key,
    /// Of the evaluation.
    pub seed: u64,
    pub fidelity: Fidelity,
    /// Canonical JSON of the form to evaluate.
    pub form: String,
}

/// A frame of the journal is the number of the trial in eight bytes, the least first, one of these, and
/// the question as JSON,
const ASKED: u8 = 0;
/// or why a machine failed.
const FAILED: u8 = 1;

impl Asked {
    /// Waits a moment where another process asks or tells.
    pub fn open(run: &Path) -> Result<(Self, Recovery), Failure> {
        let dir = Self::journal(run);
        let (journal, replay) = Patience::SHORT.wait(|| Journal::open(&dir, Arc::new(RealDisk)))?;
        let mut asked = Self { journal, known: HashMap::new(), failed: BTreeSet::new() };
        for (position, mut frame) in replay.frames.into_iter().enumerate() {
            let Some((trial, kind)) = head(&frame) else {
                let why = "tells neither of a question nor of a failure; use the program that wrote it";
                return Err(Failure::failed(format!("{}: frame {position} {why}", dir.display())));
            };
            frame.drain(..HEAD);
            asked.take(trial, kind, frame);
        }
        Ok((asked, replay.recovery))
    }

    /// Where it is in a run.
    pub fn journal(run: &Path) -> PathBuf {
        run.join("asked.journal")
    }

    /// Frames that can be read, and what was damaged. Takes no lock.
    pub fn survey(run: &Path) -> Result<(u64, Recovery), Failure> {
        let replay = read_journal(&Self::journal(run))?;
        Ok((replay.frames.len() as u64, replay.recovery))
    }

    fn take(&mut self, trial: u64, kind: u8, rest: Vec<u8>) {
        if kind == ASKED {
            self.failed.remove(&trial);
            self.known.insert(trial, rest);
        } else {
            self.failed.insert(trial);
        }
    }

    pub fn question(&self, trial: u64) -> Result<Option<Question>, Failure> {
        let read = |json: &Vec<u8>| {
            serde_json::from_slice(json).map_err(|error| {
                Failure::failed(format!("the question of trial {trial} is unreadable: {error}"))
            })
        };
        self.known.get(&trial).map(read).transpose()
    }

    /// Whether somebody works on this very evaluation, as far as anybody has said.
    pub fn is_out<C: Serialize>(&self, waiting: &Waiting<C>) -> bool {
        let same = |it: Question| (it.key, it.seed) == (waiting.key, waiting.seed);
        let known = self.question(waiting.number).ok().flatten();
        !self.failed.contains(&waiting.number) && known.is_some_and(same)
    }

    /// On the disk before anybody is asked.
    pub fn ask<C: Serialize>(&mut self, questions: &[Waiting<C>]) -> Result<(), Failure> {
        for waiting in questions {
            let question = Question {
                trial: waiting.number,
                key: waiting.key,
                seed: waiting.seed,
                fidelity: waiting.fidelity,
                form: waiting.form(),
            };
            let json = serde_json::to_vec(&question).expect("a question is plain data with string keys");
            self.append(waiting.number, ASKED, json)?;
        }
        Ok(self.journal.sync()?)
    }

    pub fn fail(&mut self, trial: u64, why: String) -> Result<(), Failure> {
        self.append(trial, FAILED, why.into_bytes())?;
        Ok(self.journal.sync()?)
    }

    fn append(&mut self, trial: u64, kind: u8, rest: Vec<u8>) -> Result<(), Failure> {
        self.journal.append(&[&trial.to_le_bytes()[..], &[kind], &rest].concat())?;
        self.take(trial, kind, rest);
        Ok(())
    }
}

/// Bytes of trial and kind.
const HEAD: usize = 9;

fn head(frame: &[u8]) -> Option<(u64, u8)> {
    let (trial, rest) = frame.split_first_chunk()?;
    let kind = *rest.first()?;
    (kind <= FAILED).then_some((u64::from_le_bytes(*trial), kind))
}
