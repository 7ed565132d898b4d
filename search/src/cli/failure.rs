//! One readable diagnosis with the remedy, and the exit code that goes with it.

use std::fmt;
use std::io;
use std::path::Path;
use std::process::ExitCode;

use evaluator::EvalError;
use storage::StoreError;
use tasks::DataError;

use crate::StudyError;
use crate::lineage::Unheld;

/// Why a command did not do what it was asked.
#[derive(Debug)]
pub struct Failure {
    message: String,
    code: u8,
}

pub type Outcome = Result<(), Failure>;

const FAILED: u8 = 1;
const BAD_USE: u8 = 2;
const INTERRUPTED: u8 = 130;

impl Failure {
    /// The arguments make no sense together, or with what they name.
    pub fn usage(message: impl Into<String>) -> Self {
        Self { message: message.into(), code: BAD_USE }
    }

    /// The arguments are fine; something else failed.
    pub fn failed(message: impl Into<String>) -> Self {
        Self { message: message.into(), code: FAILED }
    }

    pub fn interrupted(message: impl Into<String>) -> Self {
        Self { message: message.into(), code: INTERRUPTED }
    }

    /// A file operation failed.
    pub fn file(verb: &str, path: &Path, error: &io::Error) -> Self {
        Self::failed(format!("cannot {verb} {}: {error}", path.display()))
    }

    /// The same, of what is said in this file.
    pub fn of_file(self, file: &Path) -> Self {
        Self { message: format!("{}: {}", file.display(), self.message), ..self }
    }

    /// Says it on stderr.
    pub fn report(self) -> ExitCode {
        if !self.message.is_empty() {
            let word = if self.code == INTERRUPTED { "fecund" } else { "error" };
            say!("{word}: {}", self.message);
        }
        ExitCode::from(self.code)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl From<DataError> for Failure {
    fn from(error: DataError) -> Self {
        Self::failed(error.to_string())
    }
}

impl From<StoreError> for Failure {
    /// The store names the remedy, and does not know by which command it is to be had.
    fn from(error: StoreError) -> Self {
        let StoreError::Damaged { damage, .. } = &error else { return Self::failed(error.to_string()) };
        let what = repairable(&damage.path);
        Self::failed(format!("{error}: `fecund cache rebuild {}`", what.display()))
    }
}

/// The run that a segment belongs to, or the cache.
fn repairable(segment: &Path) -> &Path {
    let mut folders = segment.ancestors().skip(2).take(2).filter(|folder| !folder.as_os_str().is_empty());
    let run = folders.clone().find(|folder| folder.join("study.toml").is_file());
    run.or(folders.next()).unwrap_or(segment)
}

impl From<EvalError> for Failure {
    fn from(error: EvalError) -> Self {
        match error {
            EvalError::Cancelled => Self::interrupted("interrupted"),
            error => Self::failed(error.to_string()),
        }
    }
}

impl From<Unheld> for Failure {
    fn from(unheld: Unheld) -> Self {
        match unheld {
            Unheld::Failed(error) => error.into(),
            Unheld::Invalid(reason) => {
                Self::failed(format!("the parents that it inherits from cannot be trained again: {reason}"))
            }
        }
    }
}

impl From<StudyError> for Failure {
    fn from(error: StudyError) -> Self {
        Self::failed(error.to_string())
    }
}
