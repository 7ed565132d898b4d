//! The folder of a run: `study.toml`, `trials.journal/`, `artifacts/`, `cache/`.

use std::fs;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use hashing::Fidelity;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use spaces::Space;
use storage::{Disk, JournalStore, RealDisk, Record, Recovery, Store, Subject};

use super::bounded::read_text;
use super::domain::{Candidate, Domain};
use super::failure::{Failure, Outcome};
use super::keeper::{Keep, Keeper};
use super::settings::{Header, Settings};
use super::{study_file, untrusted};
use crate::lineage::Lineage;
use crate::{Ledger, Trial};

/// What `study.toml` was when this program wrote it.
const COPY: &str = "study.made.toml";
const DRAFT_OF_COPY: &str = "study.made.toml.new";

/// A run on disk.
#[derive(Clone)]
pub struct RunFolder<D: Domain> {
    pub path: PathBuf,
    pub settings: Settings<D>,
}

/// Whether a run can be made here: there is nothing yet, or an empty folder.
pub fn check_free(path: &Path) -> Outcome {
    let shown = path.display();
    if path.join("study.toml").exists() {
        let ways = format!("go on with `fecund resume {shown}`, or name another folder with --out");
        return Err(Failure::usage(format!("{shown} is a run already: {ways}")));
    }
    let taken = path.read_dir().is_ok_and(|mut entries| entries.next().is_some());
    if taken || path.is_file() {
        return Err(Failure::usage(format!(
            "{shown} is there and is not a run; name another folder with --out"
        )));
    }
    Ok(())
}

/// Name of the space that a run is over.
pub fn space_of(path: &Path) -> Result<String, Failure> {
    Ok(header_of(path)?.space)
}

/// What tells how to read the rest of `study.toml`.
pub fn header_of(path: &Path) -> Result<Header, Failure> {
    let file = path.join("study.toml");
    parse::<Header>(&file, &read(path)?)?.checked(&file)
}

/// Where the records behind a path are: the cache of a run, perhaps one that several share, or the path itself.
pub fn cache_of(path: &Path) -> Result<PathBuf, Failure> {
    if path.join("study.toml").exists() {
        space_of(path)?;
        let place: Place = parse(&path.join("study.toml"), &read(path)?)?;
        return Ok(place.cache.unwrap_or_else(|| path.join("cache")));
    }
    if is_cache(path) {
        return Ok(path.to_path_buf());
    }
    if !path.exists() {
        return Err(not_there(path));
    }
    let why = "it has neither a study.toml nor a journal";
    Err(Failure::failed(format!("{} is neither a run nor a cache: {why}", path.display())))
}

/// What a reader could not read, and what helps.
pub fn say_damage(recovery: &Recovery, path: &Path) {
    recovery.notes.iter().for_each(|note| say!("warning: {note}"));
    if !recovery.damages.is_empty() {
        say!("warning: the rest is shown; `fecund cache rebuild {}` keeps what is intact", path.display());
    }
}

/// Whether this folder is a cache and not a run.
pub fn is_cache(path: &Path) -> bool {
    JournalStore::is_in(path)
}

/// Whether a run could ask for keys of this subject, as far as its `study.toml` tells.
pub fn could_ask_for(run: &Path, subject: &Subject) -> Result<bool, Failure> {
    let asked: Asked = parse(&run.join("study.toml"), &read(run)?)?;
    // A space names itself with its version in keys: `nb-macro v1`.
    let space = subject.space.split(' ').next() == Some(asked.space.as_str());
    Ok(space && asked.scheme == subject.scheme)
}

/// As much of `study.toml` as tells what its keys are of.
#[derive(Deserialize)]
struct Asked {
    space: String,
    scheme: String,
}

/// As much of `study.toml` as tells where the cache is.
#[derive(Deserialize)]
struct Place {
    cache: Option<PathBuf>,
}

fn not_there(path: &Path) -> Failure {
    Failure::failed(format!("{} is not there", path.display()))
}

/// Text of `study.toml`.
fn read(path: &Path) -> Result<String, Failure> {
    let file = path.join("study.toml");
    read_text(&file).map_err(|error| match error.kind() {
        ErrorKind::NotFound if !path.exists() => not_there(path),
        ErrorKind::NotFound => {
            Failure::failed(format!("{} is not a run: it has no study.toml", path.display()))
        }
        _ => Failure::file("read", &file, &error),
    })
}

fn parse<T: DeserializeOwned>(file: &Path, text: &str) -> Result<T, Failure> {
    toml::from_str(text).map_err(|error| study_file::wrong(file, text, &error))
}

/// The settings that a study file says, if a run may have them.
fn settings_in<D: Domain>(file: &Path, text: &str) -> Result<Settings<D>, Failure> {
    let settings = Settings::read(text).map_err(|error| study_file::wrong(file, text, &error))?;
    untrusted::check_settings(file, &settings)?;
    Ok(settings)
}

/// Writes a file so that whoever reads it finds all of the new text, or all of the old.
pub fn write_whole(path: &Path, text: &str) -> Outcome {
    let draft = path.with_extension("new");
    let folder = path.parent().unwrap_or(Path::new("."));
    let write = || {
        let mut file = fs::File::create(&draft)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&draft, path)?;
        RealDisk.sync_dir(folder)
    };
    write().map_err(|error| Failure::file("write", path, &error))
}

/// A path that holds in any folder. What it names must exist.
pub fn absolute(path: &Path) -> Result<PathBuf, Failure> {
    fs::canonicalize(path).map_err(|error| Failure::file("find", path, &error))
}

impl<D: Domain> RunFolder<D> {
    /// Makes the folder; it must not be there yet.
    pub fn create(path: &Path, settings: Settings<D>) -> Result<Self, Failure> {
        check_free(path)?;
        settings.cache.as_deref().map_or(Ok(()), untrusted::check_cache)?;
        let folder = Self { path: path.to_path_buf(), settings };
        folder.check_readable()?;
        storage::make_dir(&folder.artifacts(), &RealDisk)?;
        folder.save()?;
        Ok(folder)
    }

    /// A run over this domain's space; see [`space_of`]. It may come from elsewhere.
    pub fn open(path: &Path) -> Result<Self, Failure> {
        untrusted::check_links(path)?;
        Self::read(path)
    }

    /// As it is now. For who waited for a lock since it was opened.
    pub fn reopened(self) -> Result<Self, Failure> {
        Self::read(&self.path)
    }

    fn read(path: &Path) -> Result<Self, Failure> {
        let settings = settings_in(&path.join("study.toml"), &read(path)?)?;
        Ok(Self { path: path.to_path_buf(), settings })
    }

    /// What could not be opened again is not begun.
    fn check_readable(&self) -> Outcome {
        let readable = settings_in::<D>(&self.path.join("study.toml"), &self.text()?);
        readable.map(drop).map_err(|failure| Failure::usage(failure.to_string()))
    }

    fn text(&self) -> Result<String, Failure> {
        toml::to_string(&self.settings).map_err(|error| Failure::failed(error.to_string()))
    }

    /// Writes `study.toml`, whole or not at all: without it, nothing that a loss of power left of a run is of use. A copy
    /// beside it tells later whether somebody has edited it; see [`made`](Self::made).
    pub fn save(&self) -> Outcome {
        let text = self.text()?;
        let [path, draft, copy, draft_of_copy] =
            ["study.toml", "study.toml.new", COPY, DRAFT_OF_COPY].map(|name| self.path.join(name));
        let write = |path: &Path| {
            let mut file = fs::File::create(path)?;
            file.write_all(text.as_bytes())?;
            file.sync_all()
        };
        let write = || {
            write(&draft_of_copy)?;
            write(&draft)?;
            fs::rename(&draft, &path)?;
            fs::rename(&draft_of_copy, &copy)?;
            RealDisk.sync_dir(&self.path)
        };
        write().map_err(|error| Failure::file("write", &path, &error))
    }

    /// The settings that this program wrote last, whatever `study.toml` has become since. A run of an older program has
    /// no copy, and is taken as it stands.
    pub fn made(&self) -> Result<Settings<D>, Failure> {
        let written = read(&self.path)?;
        let copy = self.path.join(COPY);
        // The program ended between writing the two.
        let begun = read_text(&self.path.join(DRAFT_OF_COPY)).is_ok_and(|begun| begun == written);
        if begun || !copy.exists() {
            return Ok(self.settings.clone());
        }
        let text = read_text(&copy).map_err(|error| Failure::file("read", &copy, &error))?;
        Settings::read(&text).map_err(|error| study_file::wrong(&copy, &text, &error))
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
    pub fn trials(&self) -> Result<Vec<Trial<Candidate<D>>>, Failure> {
        let written = Ledger::read::<Candidate<D>>(&self.trials_journal())?;
        say_damage(&written.recovery, &self.path);
        if let Some(unread) = written.unread {
            say!("warning: {}: {unread}; the trials before it are shown", self.trials_journal().display());
        }
        Ok(written.trials)
    }

    /// The fidelity of a trial.
    pub fn fidelity(&self, trial: &Trial<Candidate<D>>) -> Fidelity {
        trial.fidelity().unwrap_or_else(|| self.settings.task.fidelity())
    }

    /// The best trial by validation, or the one asked for.
    pub fn choose(&self, number: Option<u64>) -> Result<Trial<Candidate<D>>, Failure> {
        let trials = self.trials()?;
        if let Some(number) = number {
            let last = trials.len().checked_sub(1);
            let found = trials.into_iter().nth(number as usize);
            let last = last.map_or("there are none".into(), |last| format!("the last is {last}"));
            return found.ok_or_else(|| Failure::usage(format!("no trial {number}; {last}")));
        }
        let best = self.settings.task.objective().best(&trials, 1).first().map(|trial| (*trial).clone());
        best.ok_or_else(|| self.nothing_scored())
    }

    pub fn nothing_scored(&self) -> Failure {
        let run = self.path.display();
        Failure::failed(format!(
            "{run} has no scored trial yet; `fecund cache stats {run}` counts what failed, and why"
        ))
    }

    /// What the cache holds of this trial's key, if it can be read.
    pub fn record(&self, trial: &Trial<Candidate<D>>) -> Option<Record> {
        JournalStore::read(&self.cache()).ok().and_then(|(store, _)| store.get(&trial.key).ok().flatten())
    }

    /// The form whose training under the key's first seed left its weights, or would: by its record that of this study
    /// or of another; where no record tells, that of the trial of this run which took that seed.
    pub fn trained_form(&self, trial: &Trial<Candidate<D>>) -> Result<Candidate<D>, Failure> {
        let record = self.record(trial);
        let form =
            record.as_ref().and_then(|it| it.form_of_seed(&self.settings.study, trial.seed_key().seed(0)));
        if let Some(form) = form {
            return serde_json::from_str(form)
                .map_err(|error| Failure::failed(format!("record {}: {error}", trial.key)));
        }
        let paid = |it: &Trial<_>| it.key == trial.key && it.origin.is_evaluated() && it.seed == 0;
        let Some(payer) = self.trials()?.into_iter().find(paid) else {
            let (number, cache) = (trial.number, self.cache());
            return Err(Failure::failed(format!(
                "trial {number} was answered by {}, which has lost its record",
                cache.display()
            )));
        };
        Ok(self.settings.task.space()?.canonicalize(&payer.candidate))
    }

    /// Whom the candidates of these trials inherit from.
    pub fn lineage(&self, trials: &[Trial<Candidate<D>>]) -> Result<Lineage<Candidate<D>>, Failure> {
        let task = &self.settings.task;
        Ok(Lineage::of(trials, &task.space()?, task.fidelity(), self.artifacts()))
    }

    /// Who keeps the weights and checkpoints of the best functions. Where children inherit, any function may yet be a
    /// parent: then all are kept that fit.
    pub fn keeper(&self, trials: &[Trial<Candidate<D>>]) -> Keeper {
        let Settings { task, keep, .. } = &self.settings;
        let best = if task.inherits() { usize::MAX } else { keep.best };
        let keep = Keep { best, ..*keep };
        Keeper::new(keep, self.settings.task.objective(), self.artifacts(), trials)
    }

    /// Adds a line of JSON to a file of the run, in one write: lines of several threads do not mix.
    pub fn append(&self, name: &str, line: &Value) -> Outcome {
        let path = self.path.join(name);
        let file = fs::OpenOptions::new().create(true).append(true).open(&path);
        file.and_then(|mut file| file.write_all(format!("{line}\n").as_bytes()))
            .map_err(|error| Failure::file("write", &path, &error))
    }
}
