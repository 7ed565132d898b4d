//! The folder of a run: `study.toml`, `trials.journal/`, `artifacts/`, `cache/`, and the seconds spent.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use spaces::Space;
use spaces::sequence::Genome;
use storage::{JournalStore, Store};

use super::failure::{Failure, Outcome};
use super::settings::{Settings, VERSION};
use crate::{Ledger, Trial};

/// A run on disk.
#[derive(Clone)]
pub struct RunFolder {
    pub path: PathBuf,
    pub settings: Settings,
}

impl RunFolder {
    /// Makes the folder; it must not be there yet.
    pub fn create(path: &Path, settings: Settings) -> Result<Self, Failure> {
        if path.join("study.toml").exists() {
            let shown = path.display();
            let ways = format!("go on with `fecund resume {shown}`, or name another folder with --out");
            return Err(Failure::usage(format!("{shown} is a run already: {ways}")));
        }
        let taken = path.read_dir().is_ok_and(|mut entries| entries.next().is_some());
        if taken || path.is_file() {
            let shown = path.display();
            return Err(Failure::usage(format!(
                "{shown} is there and is not a run; name another folder with --out"
            )));
        }
        let folder = Self { path: path.to_path_buf(), settings };
        fs::create_dir_all(folder.artifacts())
            .map_err(|error| Failure::file("make", &folder.artifacts(), &error))?;
        folder.save()?;
        Ok(folder)
    }

    pub fn open(path: &Path) -> Result<Self, Failure> {
        let file = path.join("study.toml");
        let text = fs::read_to_string(&file).map_err(|error| match error.kind() {
            ErrorKind::NotFound => {
                Failure::failed(format!("{} is not a run: it has no study.toml", path.display()))
            }
            _ => Failure::file("read", &file, &error),
        })?;
        let settings: Settings =
            toml::from_str(&text).map_err(|error| Failure::failed(format!("{}: {error}", file.display())))?;
        if settings.version != VERSION {
            let message = format!(
                "{}: version {} is not known; this program reads version {VERSION}",
                file.display(),
                settings.version
            );
            return Err(Failure::failed(message));
        }
        Ok(Self { path: path.to_path_buf(), settings })
    }

    /// Writes `study.toml`, whole or not at all.
    pub fn save(&self) -> Outcome {
        let text = toml::to_string(&self.settings).map_err(|error| Failure::failed(error.to_string()))?;
        self.write("study.toml", &text)
    }

    pub fn trials_journal(&self) -> PathBuf {
        self.path.join("trials.journal")
    }

    pub fn cache(&self) -> PathBuf {
        self.settings.cache.clone().unwrap_or_else(|| self.path.join("cache"))
    }

    pub fn artifacts(&self) -> PathBuf {
        self.path.join("artifacts")
    }

    /// The trials so far. Takes no lock: a search may be writing them.
    pub fn trials(&self) -> Result<Vec<Trial<Genome>>, Failure> {
        let written = Ledger::read::<Genome>(&self.trials_journal())?;
        if let Some(unread) = written.unread {
            eprintln!(
                "warning: {}: {unread}; the trials before it are shown",
                self.trials_journal().display()
            );
        }
        Ok(written.trials)
    }

    /// Seconds of search so far, summed over resumes.
    pub fn seconds_spent(&self) -> f64 {
        let text = fs::read_to_string(self.path.join("seconds")).unwrap_or_default();
        text.trim().parse().ok().filter(|seconds: &f64| seconds.is_finite() && *seconds >= 0.0).unwrap_or(0.0)
    }

    pub fn save_seconds(&self, seconds: f64) -> Outcome {
        self.write("seconds", &format!("{seconds:.3}\n"))
    }

    /// The best trial by validation, or the one asked for.
    pub fn choose(&self, number: Option<u64>) -> Result<Trial<Genome>, Failure> {
        let trials = self.trials()?;
        if let Some(number) = number {
            let last = trials.len().checked_sub(1);
            let found = trials.into_iter().nth(number as usize);
            let last = last.map_or("there are none".into(), |last| format!("the last is {last}"));
            return found.ok_or_else(|| Failure::usage(format!("no trial {number}; {last}")));
        }
        let objective = self.settings.objective();
        let scored = trials.into_iter().filter(|trial| objective.value(&trial.verdict).is_some());
        // The first of several equals, so that the answer does not change while a search goes on.
        let best =
            scored.reduce(
                |best, next| {
                    if objective.compare(&next.verdict, &best.verdict).is_gt() { next } else { best }
                },
            );
        best.ok_or_else(|| Failure::failed(format!("{} has no scored trial yet", self.path.display())))
    }

    /// The canonical form that was trained for this trial: its own, or that of the trial or study which paid.
    pub fn trained_form(&self, trial: &Trial<Genome>) -> Result<Genome, Failure> {
        let payer = match trial.payer {
            Some(number) => self.choose(Some(number))?,
            None => trial.clone(),
        };
        if payer.origin.is_evaluated() {
            return Ok(self.settings.space()?.canonicalize(&payer.candidate));
        }
        let (store, _) = JournalStore::read(&self.cache())?;
        let record = store.get(&trial.key)?.ok_or_else(|| {
            Failure::failed(format!(
                "trial {} was answered by {}, which has lost its record",
                trial.number,
                self.cache().display()
            ))
        })?;
        serde_json::from_str(&record.form)
            .map_err(|error| Failure::failed(format!("record {}: {error}", trial.key)))
    }

    /// Writes a file of the run by renaming, so that it is never seen half written.
    pub fn write(&self, name: &str, text: &str) -> Outcome {
        let (path, draft) = (self.path.join(name), self.path.join(format!("{name}.new")));
        let written = fs::write(&draft, text).and_then(|()| fs::rename(&draft, &path));
        written.map_err(|error| Failure::file("write", &path, &error))
    }
}
