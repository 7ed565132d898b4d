//! The trials of a study on disk: one frame of JSON each, in the order of their numbers.

use std::path::Path;
use std::sync::Arc;

use rayon::prelude::*;
use serde::Serialize;
use serde::de::DeserializeOwned;
use storage::{Disk, Journal, Recovery, Replay, StoreError, read_journal};

use crate::Trial;

/// Where trials are written. They can be made again from the seed and the cache, so they do not wait for the disk.
pub struct Ledger(Option<Journal>);

/// Trials as they were read, and what had to be mended.
pub struct Written<C> {
    /// In the order of their numbers, from 0 on.
    pub trials: Vec<Trial<C>>,
    pub recovery: Recovery,
    /// Frames that are not a trial of this space, or not the next one; what follows them is left out.
    pub unread: Option<String>,
}

impl Ledger {
    /// Writes nothing.
    pub fn none() -> Self {
        Self(None)
    }

    /// Opens for writing, with what is there.
    pub fn open<C: DeserializeOwned + Send>(
        dir: &Path,
        disk: Arc<dyn Disk>,
    ) -> Result<(Self, Written<C>), StoreError> {
        let (journal, replay) = Journal::open(dir, disk)?;
        Ok((Self(Some(journal)), decode(replay)))
    }

    /// Reads without a lock.
    pub fn read<C: DeserializeOwned + Send>(dir: &Path) -> Result<Written<C>, StoreError> {
        read_journal(dir).map(decode)
    }

    /// Hands a trial to the system, and does not wait for the disk. Fails where the journal takes no more, and says why.
    pub fn append<C: Serialize>(&self, trial: &Trial<C>) -> Result<(), StoreError> {
        let Some(journal) = &self.0 else { return Ok(()) };
        let json = serde_json::to_vec(trial).expect("a trial is plain data with string keys");
        journal.append(&json)
    }

    /// Waits until everything appended is on the disk.
    pub fn sync(&self) -> Result<(), StoreError> {
        self.0.as_ref().map_or(Ok(()), Journal::sync)
    }
}

/// On all cores: a long history is what a resume waits for.
fn decode<C: DeserializeOwned + Send>(replay: Replay) -> Written<C> {
    let decoded: Vec<_> = replay.frames.par_iter().map(|frame| serde_json::from_slice(frame)).collect();
    let (mut trials, mut unread) = (Vec::with_capacity(decoded.len()), None);
    for (position, frame) in decoded.into_iter().enumerate() {
        let what = match frame {
            Ok(trial) if is_number(&trial, position) => {
                trials.push(trial);
                continue;
            }
            Ok(Trial { number, .. }) => format!("is trial {number}, not {position}"),
            Err(error) => format!("is not a trial of this space: {error}"),
        };
        unread = Some(format!("frame {position} {what}"));
        break;
    }
    Written { trials, recovery: replay.recovery, unread }
}

fn is_number<C>(trial: &Trial<C>, position: usize) -> bool {
    trial.number == position as u64
}
