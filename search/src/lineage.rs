//! Who a candidate inherits from: the artifacts of its parents, held while it is evaluated, and made again where they are
//! lost.
//!
//! A candidate names its parents by their keys, and the artifacts of a key are those of its first seed, trained in the
//! form in which this study met it first. So what a child starts from is a function of its own key (and of that form),
//! whether the artifacts are still there or not: they are made again, those of grandparents before those of parents. That
//! costs trainings, which no budget of trainings counts, and changes no verdict.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError, RwLock};
use std::{fs, io};

use evaluator::{Control, EvalError, Evaluator, Job};
use hashing::{Fidelity, Key};
use spaces::{Candidate, Space};
use tasks::{Reason, Verdict};

use crate::Trial;
use crate::known::Finding;

/// Times that artifacts may vanish as soon as they are made.
const TRIES: usize = 3;

/// What it takes to make the artifacts of a key.
#[derive(Clone, Debug)]
struct Ancestor<C> {
    /// The trial that met the key first.
    number: u64,
    form: C,
    seed: u64,
    fidelity: Fidelity,
}

/// The scored trials of a study, as those who inherit from them need them.
pub(crate) struct Lineage<C> {
    /// Folder with a folder for each key.
    artifacts: PathBuf,
    ancestors: RwLock<HashMap<Key, Ancestor<C>>>,
    /// Lost artifacts are made by one at a time.
    making: Mutex<()>,
}

/// The artifacts of a candidate's parents, in a folder of their own: what removes or replaces the originals does not
/// touch them. Gone when dropped.
#[derive(Debug, Default)]
pub(crate) struct Held {
    folder: Option<PathBuf>,
    /// In the order in which the candidate names them.
    pub parents: Vec<PathBuf>,
    /// How many artifacts had to be made again.
    pub remade: usize,
}

/// Why a candidate has nothing to start from.
#[derive(Debug)]
pub(crate) enum Unheld {
    /// The machine failed.
    Failed(EvalError),
    /// A parent whose artifacts are lost cannot be trained.
    Invalid(Reason),
}

impl From<EvalError> for Unheld {
    fn from(error: EvalError) -> Self {
        Self::Failed(error)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if let Some(folder) = &self.folder {
            // What stays is half made, and is removed with what else is.
            let _ = fs::remove_dir_all(folder);
        }
    }
}

impl<C: Candidate> Lineage<C> {
    pub fn new(artifacts: PathBuf) -> Self {
        Self { artifacts, ancestors: RwLock::default(), making: Mutex::default() }
    }

    /// Of all trials of a run, whose largest fidelity is `fidelity`.
    pub fn of(
        trials: &[Trial<C>],
        space: &impl Space<Candidate = C>,
        fidelity: Fidelity,
        artifacts: PathBuf,
    ) -> Self {
        let lineage = Self::new(artifacts);
        trials.iter().for_each(|trial| lineage.learn(trial, space, fidelity));
        lineage
    }

    /// Takes a settled trial in, if others can inherit from it. Trials come in the order of their numbers.
    pub fn learn(&self, trial: &Trial<C>, space: &impl Space<Candidate = C>, largest: Fidelity) {
        let mut ancestors = self.ancestors.write().unwrap_or_else(PoisonError::into_inner);
        if !is_parent(trial) || ancestors.contains_key(&trial.key) {
            return;
        }
        let (number, form) = (trial.number, space.canonicalize(&trial.candidate));
        let (seed, fidelity) = (trial.seed_key().seed(0), trial.fidelity().unwrap_or(largest));
        ancestors.insert(trial.key, Ancestor { number, form, seed, fidelity });
    }

    /// What the parents of a candidate left, made again where it is lost. Held beside `folder`, which the candidate's own
    /// evaluation will leave.
    pub fn hold(
        &self,
        child: &C,
        folder: &Path,
        evaluator: &impl Evaluator<C>,
        control: &Control,
    ) -> Result<Held, Unheld> {
        let mut remade = 0;
        for _ in 0..TRIES {
            if let Some(mut held) = self.take(child, folder, evaluator) {
                held.remade = remade;
                return Ok(held);
            }
            remade += self.remake(child, evaluator, control)?;
        }
        let artifacts = self.artifacts.display();
        let message = format!("what its parents left in {artifacts} is gone as soon as it is made");
        Err(EvalError::Refused { message }.into())
    }

    /// `None` where something is lost.
    fn take(&self, child: &C, folder: &Path, evaluator: &impl Evaluator<C>) -> Option<Held> {
        if child.parents().is_empty() {
            return Some(Held::default());
        }
        let mut name = folder.file_name().unwrap_or_default().to_os_string();
        name.push(".parents");
        let place = folder.with_file_name(name);
        let _ = fs::remove_dir_all(&place);
        let mut held = Held { folder: Some(place.clone()), parents: Vec::new(), remade: 0 };
        for key in child.parents() {
            let copy = place.join(key.to_string());
            link(&self.folder(key), &copy).ok().filter(|()| evaluator.is_whole(&copy))?;
            held.parents.push(copy);
        }
        Some(held)
    }

    /// Trains what is lost of a candidate's ancestors, the oldest first; how many trainings that took.
    fn remake(&self, child: &C, evaluator: &impl Evaluator<C>, control: &Control) -> Result<usize, Unheld> {
        let _alone = self.making.lock().unwrap_or_else(PoisonError::into_inner);
        let lost = self.lost(child, evaluator)?;
        for (key, Ancestor { form, seed, fidelity, .. }) in lost.values() {
            let artifacts = self.folder(key);
            let message = || format!("what the parents of {key} left cannot be read");
            let held = self.take(form, &artifacts, evaluator);
            let held = held.ok_or_else(|| EvalError::Refused { message: message() })?;
            let (fidelity, seed, parents) = (*fidelity, *seed, held.parents.as_slice());
            let job = Job { fidelity, seed, artifacts: &artifacts, previous: None, parents, control };
            if let Verdict::Invalid(reason) = evaluator.evaluate(form, &job)?.verdict {
                return Err(Unheld::Invalid(reason));
            }
        }
        Ok(lost.len())
    }

    /// The ancestors whose artifacts must be made, by the numbers of their trials: parents have lower ones.
    fn lost(
        &self,
        child: &C,
        evaluator: &impl Evaluator<C>,
    ) -> Result<BTreeMap<u64, (Key, Ancestor<C>)>, EvalError> {
        let ancestors = self.ancestors.read().unwrap_or_else(PoisonError::into_inner);
        let (mut lost, mut asked) = (BTreeMap::new(), child.parents().to_vec());
        while let Some(key) = asked.pop() {
            if evaluator.is_whole(&self.folder(&key)) {
                continue;
            }
            let message = || format!("it inherits from {key}, which no scored trial of this run has");
            let ancestor = ancestors.get(&key).ok_or_else(|| EvalError::Refused { message: message() })?;
            if lost.insert(ancestor.number, (key, ancestor.clone())).is_none() {
                asked.extend(ancestor.form.parents());
            }
        }
        Ok(lost)
    }

    fn folder(&self, key: &Key) -> PathBuf {
        self.artifacts.join(key.to_string())
    }
}

/// Whether others can inherit from it: it has a score, and so left something.
pub(crate) fn is_parent<C>(trial: &Trial<C>) -> bool {
    matches!(Finding::by(trial).verdict, Verdict::Scored(_))
}

/// The files of a folder in another one, which is made. They cost no room where links can be made.
fn link(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if from.is_file() {
            fs::hard_link(&from, &to).or_else(|_| fs::copy(&from, &to).map(drop))?;
        }
    }
    Ok(())
}
