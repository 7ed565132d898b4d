//! What trainings leave on disk, bounded: weights and checkpoints of the best functions at each fidelity.

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};

use hashing::{Fidelity, Fingerprint, Key};
use serde::{Deserialize, Serialize};

use super::cache::bytes;
use super::failure::{Failure, Outcome};
use crate::{Objective, Observer, Trial};

/// Trials with evaluations of their own between two looks at the disk.
const BETWEEN: u64 = 16;

/// How much of what trainings leave is kept. What is gone costs a training where it is asked for, and changes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Keep {
    /// Functions at each fidelity. Default: 20.
    pub best: usize,
    /// All of it together, in MiB. Default: 4096.
    pub mib: u64,
}

impl Default for Keep {
    fn default() -> Self {
        Self { best: 20, mib: 4096 }
    }
}

/// Why an artifact is not kept.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Artifact {
    /// Its training was interrupted.
    HalfMade,
    /// Its function is not among the best, or went on to a higher fidelity.
    Surpassed,
}

/// The functions that may have left something, each at its highest fidelity.
pub struct Keeper {
    keep: Keep,
    objective: Objective,
    /// A folder for each key.
    artifacts: PathBuf,
    functions: HashMap<Fingerprint, Place>,
    settled: HashSet<Key>,
    since: u64,
}

/// Where a function stands: the further and the better first, then the earlier.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    fidelity: Reverse<Option<Fidelity>>,
    worth: Reverse<Option<Vec<i64>>>,
    trial: u64,
    key: Key,
}

impl Keeper {
    pub fn new<C>(keep: Keep, objective: Objective, artifacts: PathBuf, trials: &[Trial<C>]) -> Self {
        let (functions, settled) = (HashMap::new(), HashSet::new());
        let mut keeper = Self { keep, objective, artifacts, functions, settled, since: 0 };
        trials.iter().for_each(|trial| keeper.learn(trial));
        keeper
    }

    fn learn<C>(&mut self, trial: &Trial<C>) {
        self.settled.insert(trial.key);
        let worth = self.objective.value(&trial.verdict).map(|_| self.objective.worth(&trial.verdict));
        let (fidelity, worth) = (Reverse(trial.fidelity()), Reverse(worth));
        let place = Place { fidelity, worth, trial: trial.number, key: trial.key };
        let known = self.functions.entry(trial.identity.fingerprint).or_insert_with(|| place.clone());
        if known.fidelity >= place.fidelity {
            *known = Place { trial: known.trial, ..place };
        }
    }

    /// Keys whose artifacts are kept, as far as they fit.
    fn kept(&self) -> HashSet<String> {
        let mut places: Vec<_> = self.functions.values().filter(|place| place.worth.0.is_some()).collect();
        places.sort();
        let mut at_fidelity: HashMap<_, usize> = HashMap::new();
        let mut free = self.keep.mib.saturating_mul(1 << 20);
        let fits = |place: &&&Place| {
            let before = at_fidelity.entry(place.fidelity).or_default();
            *before += 1;
            let size = bytes(&self.artifacts.join(place.key.to_string()));
            let fits = *before <= self.keep.best && size <= free;
            free -= if fits { size } else { 0 };
            fits
        };
        places.iter().filter(fits).map(|place| place.key.to_string()).collect()
    }

    /// What nobody will ask for, of trials that are settled; and what was left half made, unless something is still
    /// being made.
    pub fn unneeded(&self) -> Vec<(PathBuf, Artifact)> {
        let settled: HashSet<String> = self.settled.iter().map(Key::to_string).collect();
        let kept = self.kept();
        let unneeded = entries(&self.artifacts).filter_map(|(path, name)| {
            let surpassed = settled.contains(&name) && !kept.contains(&name);
            let kind = if name.contains('.') { Artifact::HalfMade } else { Artifact::Surpassed };
            (surpassed || kind == Artifact::HalfMade).then_some((path, kind))
        });
        unneeded.collect()
    }

    /// Removes what is not needed. Only while no evaluation is under way.
    pub fn prune(&self) -> Outcome {
        remove(self.unneeded())
    }
}

fn entries(folder: &Path) -> impl Iterator<Item = (PathBuf, String)> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| (entry.path(), entry.file_name().to_string_lossy().into_owned()))
}

fn remove(unneeded: Vec<(PathBuf, Artifact)>) -> Outcome {
    for (path, _) in unneeded {
        fs::remove_dir_all(&path).map_err(|error| Failure::file("remove", &path, &error))?;
    }
    Ok(())
}

impl<C> Observer<C> for Keeper {
    /// Whoever wants to go on from what goes here trains from the start.
    fn settled(&mut self, trial: &Trial<C>) {
        self.learn(trial);
        self.since += u64::from(trial.is_trained());
        if self.since >= BETWEEN {
            self.since = 0;
            let surpassed = self.unneeded().into_iter().filter(|(_, kind)| *kind == Artifact::Surpassed);
            // What cannot be removed now is found again at the end, and said then.
            let _ = remove(surpassed.collect());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use hashing::{Class, Digest, Identity};
    use tasks::{Reason, Scores, Verdict};

    use super::*;
    use crate::{Miss, Origin, Rung, Times};

    /// Function n at a fidelity, with a score or none.
    fn trial(number: u64, function: u8, fidelity: u64, score: Option<f64>) -> Trial<u8> {
        let digest = |byte| Digest([byte; 32]);
        let key = Key(digest(function * 16 + fidelity as u8));
        let fingerprint = Fingerprint(digest(function));
        let scored = |score| Verdict::Scored(Scores([("score".to_string(), score)].into()));
        Trial {
            number,
            candidate: function,
            operator: "sample".into(),
            parents: Vec::new(),
            identity: Identity { structural: digest(function), fingerprint, class: Class::Function },
            key,
            origin: Origin::Miss(Miss::Unseen),
            payer: None,
            verdict: score.map_or(Verdict::Invalid(Reason::NotFinite { step: 1 }), scored),
            measured: None,
            seed: 0,
            form_is_recorded: false,
            steps: 1,
            costs: BTreeMap::new(),
            measures: BTreeMap::new(),
            breaks: None,
            rung: Some(Rung { fidelity: Fidelity(fidelity), full: key }),
            times: Times::default(),
        }
    }

    /// Numbers of the trials whose artifacts of this many bytes each are kept.
    fn kept(keep: Keep, trials: &[Trial<u8>], size: usize) -> Vec<u64> {
        let folder = tempfile::tempdir().unwrap();
        for trial in trials {
            let place = folder.path().join(trial.key.to_string());
            fs::create_dir(&place).unwrap();
            fs::write(place.join("weights"), vec![0; size]).unwrap();
        }
        for other in ["half.making-7", "of-somebody-else"] {
            fs::create_dir(folder.path().join(other)).unwrap();
        }
        let objective = Objective::new("score", true);
        let keeper = Keeper::new(keep, objective, folder.path().to_path_buf(), trials);
        keeper.prune().unwrap();
        assert!(
            folder.path().join("of-somebody-else").exists() && !folder.path().join("half.making-7").exists()
        );
        let kept = |trial: &&Trial<u8>| folder.path().join(trial.key.to_string()).exists();
        trials.iter().filter(kept).map(|trial| trial.number).collect()
    }

    #[test]
    fn the_best_of_each_fidelity_that_have_not_gone_on_are_kept() {
        let trials = [
            trial(0, 1, 1, Some(0.5)),
            trial(1, 2, 1, Some(0.7)),
            trial(2, 3, 1, Some(0.6)),
            trial(3, 4, 1, None),
            trial(4, 2, 3, Some(0.1)),
            trial(5, 5, 1, Some(0.4)),
        ];
        let keep = |best| Keep { best, ..Keep::default() };
        assert_eq!(kept(keep(2), &trials, 10), [0, 2, 4], "0 and 2 of fidelity 1, 4 of fidelity 3");
        assert_eq!(kept(keep(1), &trials, 10), [2, 4]);
        assert_eq!(kept(keep(0), &trials, 10), [0u64; 0]);
    }

    #[test]
    fn what_does_not_fit_goes_the_lowest_fidelity_and_the_worst_first() {
        let trials = [trial(0, 1, 1, Some(0.5)), trial(1, 2, 1, Some(0.7)), trial(2, 2, 3, Some(0.1))];
        let trials = [&trials[..], &[trial(3, 3, 1, Some(0.6))]].concat();
        let keep = |mib| Keep { mib, best: 20 };
        assert_eq!(kept(keep(3), &trials, 1_000_000), [0, 2, 3]);
        assert_eq!(kept(keep(2), &trials, 1_000_000), [2, 3]);
        assert_eq!(kept(keep(0), &trials, 1_000_000), [0u64; 0]);
    }
}
