//! The folder of a discovery: `study.toml`, two checkpoints, and at the end what was found.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use hashing::Digest;
use serde::{Deserialize, Serialize};
use storage::{Lock, RealDisk};

use super::settings::Settings;
use crate::cli::failure::{Failure, Outcome};
use crate::cli::run_folder::{check_free, write_whole};
use crate::cli::untrusted::check_links;
use crate::discovery::{Checkpoints, Individual, State};

/// The folder of one discovery, which nobody else writes.
pub struct Folder {
    pub path: PathBuf,
    checkpoints: Checkpoints,
    /// When the last one was written, and what that took.
    last: Option<(Instant, Duration)>,
    _lock: Lock,
}

/// What a checkpoint holds.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Kept {
    /// [`Settings::fingerprint`] of the run.
    pub settings: Digest,
    /// The best by the tasks that select, and its fitness there.
    pub found: Option<Individual>,
    /// Used up so far, of time and of processors.
    pub seconds: f64,
    pub cpu_seconds: f64,
    pub search: State,
}

/// Between two checkpoints, at least: so long, and so many times what the last one took.
const INTERVAL: Duration = Duration::from_secs(5);
const TIMES: u32 = 50;

impl Folder {
    pub fn create(path: &Path, settings: &Settings) -> Result<Self, Failure> {
        check_free(path)?;
        storage::make_dir(path, &RealDisk)?;
        let folder = Self::locked(path)?;
        settings.save(path)?;
        Ok(folder)
    }

    /// Of a run that is there and may come from elsewhere; with what was kept of it.
    pub fn open(path: &Path, settings: &Settings) -> Result<(Self, Option<Kept>), Failure> {
        check_links(path)?;
        let folder = Self::locked(path)?;
        let kept = kept(path, settings)?;
        Ok((folder, kept))
    }

    fn locked(path: &Path) -> Result<Self, Failure> {
        let lock = Lock::take(path)?;
        Ok(Self {
            path: path.to_path_buf(),
            checkpoints: Checkpoints::in_folder(path),
            last: None,
            _lock: lock,
        })
    }

    /// Whether it is time for a checkpoint. The first one is, so that whatever cannot be written is told early.
    pub fn is_due(&self) -> bool {
        self.last.is_none_or(|(at, took)| at.elapsed() >= INTERVAL.max(took * TIMES))
    }

    pub fn keep(&mut self, kept: &Kept) -> Outcome {
        let start = Instant::now();
        let failed = |error| Failure::file("write a checkpoint to", &self.path, &error);
        self.checkpoints.keep(kept).map_err(failed)?;
        self.last = Some((Instant::now(), start.elapsed()));
        Ok(())
    }

    pub fn write(&self, files: &[(&'static str, String)]) -> Outcome {
        files.iter().try_for_each(|(name, text)| write_whole(&self.path.join(name), text))
    }
}

/// What was kept of a run. Takes no lock: a search may be writing. Says which checkpoints are damaged; one of other settings
/// is an error.
pub fn kept(path: &Path, settings: &Settings) -> Result<Option<Kept>, Failure> {
    let (kept, damaged) = Checkpoints::in_folder(path).newest::<Kept>();
    let failed = |what: String| Failure::failed(format!("{}: {what}", path.display()));
    match (&kept, damaged.last()) {
        (None, Some(damaged)) => {
            let way = "begin a new run with the command in its study.toml";
            return Err(Failure::failed(format!("{damaged}, and there is no other checkpoint; {way}")));
        }
        (Some(_), _) => damaged.iter().for_each(|it| say!("warning: {it}; the one before it is taken")),
        (None, None) => {}
    }
    if let Some(kept) = &kept
        && kept.settings != settings.fingerprint()?
    {
        let what = "task or seed in study.toml are not what the run began with; take the changes back, or begin a new \
                    run with `fecund discover`";
        return Err(failed(what.into()));
    }
    Ok(kept)
}
