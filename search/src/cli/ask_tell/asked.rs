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
    known: HashMap<u64, Question>,
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

/// A frame of the journal, as JSON.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Event {
    Asked(Question),
    Failed { trial: u64, why: String },
}

impl Asked {
    /// Waits a moment where another process asks or tells.
    pub fn open(run: &Path) -> Result<(Self, Recovery), Failure> {
        let dir = Self::journal(run);
        let (journal, replay) = Patience::SHORT.wait(|| Journal::open(&dir, Arc::new(RealDisk)))?;
        let mut asked = Self { journal, known: HashMap::new(), failed: BTreeSet::new() };
        for (position, frame) in replay.frames.iter().enumerate() {
            let event = serde_json::from_slice(frame).map_err(|error| {
                Failure::failed(format!("{}: frame {position} tells of no question: {error}", dir.display()))
            })?;
            asked.take(event);
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

    fn take(&mut self, event: Event) {
        match event {
            Event::Asked(question) => {
                self.failed.remove(&question.trial);
                self.known.insert(question.trial, question);
            }
            Event::Failed { trial, .. } => drop(self.failed.insert(trial)),
        }
    }

    pub fn question(&self, trial: u64) -> Option<&Question> {
        self.known.get(&trial)
    }

    /// Whether somebody works on this very evaluation, as far as anybody has said.
    pub fn is_out<C: Serialize>(&self, waiting: &Waiting<C>) -> bool {
        let same = |it: &Question| (it.key, it.seed) == (waiting.key, waiting.seed);
        !self.failed.contains(&waiting.number) && self.known.get(&waiting.number).is_some_and(same)
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
            self.append(Event::Asked(question))?;
        }
        Ok(self.journal.sync()?)
    }

    pub fn fail(&mut self, trial: u64, why: String) -> Result<(), Failure> {
        self.append(Event::Failed { trial, why })?;
        Ok(self.journal.sync()?)
    }

    fn append(&mut self, event: Event) -> Result<(), Failure> {
        let json = serde_json::to_vec(&event).expect("an event is plain data with string keys");
        self.journal.append(&json)?;
        self.take(event);
        Ok(())
    }
}
