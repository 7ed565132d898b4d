//! `fecund cache verify`: trains what the cache has answered all the same. The rate of false merges in real life.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use evaluator::{EvalError, Evaluator, Job, Retried};
use hashing::{Key, Rng};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use spaces::Space;
use storage::{JournalStore, Purpose, Store};
use tasks::{Reason, Verdict};

use super::agreement::{Agreement, Sides};
use crate::cli::args::{CacheVerifyArgs, Format};
use crate::cli::domain::{Candidate, Domain};
use crate::cli::failure::{Failure, Outcome};
use crate::cli::run_folder::{RunFolder, is_cache};
use crate::cli::signals::Signals;
use crate::cli::table::{Table, print_json};
use crate::lineage::{Lineage, Unheld};
use crate::{Rung, Trial, seeds};

/// Where fresh trainings are kept, in the run: what was paid for is not paid for again.
const KEPT: &str = "verify.jsonl";

/// An answered candidate and the one whose evaluation answered it, both as they are written.
struct Pair<C> {
    trial: u64,
    /// The trial that paid; of another study, if none.
    payer: Option<u64>,
    key: Key,
    functional: bool,
    sides: [C; 2],
    /// The sides as JSON.
    written: [String; 2],
}

/// A fresh training, as it stands in [`KEPT`].
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Fresh {
    key: Key,
    candidate: Value,
    seed: u64,
    found: Found,
}

/// What a training came to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Found {
    /// Of the metric that decides.
    Score(f64),
    Invalid(String),
    /// It says nothing of the candidate: the machine failed, or the table has no row.
    Nothing(String),
}

/// Trainings by key, candidate as JSON, and number of the seed.
type Known = HashMap<(Key, String, u64), Found>;

/// The run itself, or the one that a cache lies in.
pub fn run_of(path: &Path) -> Result<PathBuf, Failure> {
    if !is_cache(path) || path.join("study.toml").is_file() {
        return Ok(path.to_path_buf());
    }
    let parent =
        path.parent().map(|parent| if parent.as_os_str().is_empty() { Path::new(".") } else { parent });
    parent.filter(|parent| parent.join("study.toml").is_file()).map(Path::to_path_buf).ok_or_else(|| {
        let why = "a cache that lies in no run does not tell how its candidates are trained";
        Failure::usage(format!("{}: {why}; name a run that used it", path.display()))
    })
}

pub fn verify<D: Domain>(run: &Path, args: &CacheVerifyArgs) -> Outcome {
    let folder = RunFolder::<D>::open(run)?;
    let all = pairs(&folder)?;
    if all.is_empty() {
        let what = "no trial was answered for a candidate that is written otherwise";
        return Err(Failure::failed(format!("{} has no pairs to verify: {what}", run.display())));
    }
    let (known, chosen) = (all.len(), chosen(all, args));
    say!(
        "fecund: {} of {known} answered pairs, {} fresh trainings of each candidate",
        chosen.len(),
        args.seeds
    );
    let fresh = train_all(&folder, &chosen, args)?;
    let sides: Vec<Sides> = chosen.iter().map(|pair| pair.sides(&fresh, args.seeds)).collect();
    let (judged, failed) = judged(chosen, sides);
    let (pairs, sides): (Vec<_>, Vec<_>) = judged.into_iter().unzip();
    let report = Report { known, failed, agreement: Agreement::of(&sides), pairs, sides };
    report.print(&folder.settings.task.objective().0[0].metric, args.format)
}

/// Every trial that was answered by an evaluation of a form written otherwise, once for each such pair of forms.
fn pairs<D: Domain>(folder: &RunFolder<D>) -> Result<Vec<Pair<Candidate<D>>>, Failure> {
    let (space, trials) = (folder.settings.task.space()?, folder.trials()?);
    let store = JournalStore::read(&folder.cache()).ok().map(|(store, _)| store);
    let mut seen = HashSet::new();
    let mut pairs = Vec::new();
    for trial in trials.iter().filter(|trial| is_answered(trial)) {
        let other = match trial.payer {
            Some(payer) => trials.get(payer as usize).map(|payer| payer.candidate.clone()),
            None => store.as_ref().and_then(|store| recorded(store, &trial.key)),
        };
        let Some(other) = other else { continue };
        let sides = [trial.candidate.clone(), other];
        let written = sides.each_ref().map(|side| json!(side).to_string());
        if written[0] != written[1] && seen.insert((trial.key, written.clone())) {
            let [a, b] = sides.each_ref().map(|side| json!(space.canonicalize(side)));
            let (number, payer, key) = (trial.number, trial.payer, trial.key);
            pairs.push(Pair { trial: number, payer, key, functional: a != b, sides, written });
        }
    }
    Ok(pairs)
}

/// By a training: what is ruled out before is never trained.
fn is_answered<C>(trial: &Trial<C>) -> bool {
    !trial.origin.is_evaluated() && !trial.is_ruled_out()
}

/// The form of the evaluation that answers from a record.
fn recorded<C: for<'de> Deserialize<'de>>(store: &impl Store, key: &Key) -> Option<C> {
    let record = store.get(key).ok().flatten()?;
    let made = record.evaluations.iter().find(|made| made.purpose == Purpose::Search)?;
    serde_json::from_str(record.form_of(made)).ok()
}

/// A sample without replacement. What only the probe took for equal goes first, and of that one pair of every key.
fn chosen<C>(mut pairs: Vec<Pair<C>>, args: &CacheVerifyArgs) -> Vec<Pair<C>> {
    Rng::named(args.seed, "verify", 0).shuffle(&mut pairs);
    let mut earlier: HashMap<Key, u64> = HashMap::new();
    let mut ranked: Vec<_> = pairs
        .into_iter()
        .map(|pair| {
            let before = earlier.entry(pair.key).or_default();
            *before += 1;
            ((!pair.functional, *before), pair)
        })
        .collect();
    ranked.sort_by_key(|(rank, _)| *rank);
    ranked.into_iter().map(|(_, pair)| pair).take(args.sample as usize).collect()
}

/// Trains what is not known yet, `jobs` at once. Interrupted, it keeps what it has.
fn train_all<D: Domain>(
    folder: &RunFolder<D>,
    pairs: &[Pair<Candidate<D>>],
    args: &CacheVerifyArgs,
) -> Result<Known, Failure> {
    let mut known = kept(folder);
    let missing = missing(pairs, args.seeds, &known);
    if missing.is_empty() {
        return Ok(known);
    }
    let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get());
    let jobs = args.jobs.map_or(cores, |jobs| jobs as usize).min(missing.len());
    let trainer = Trainer::start(folder, jobs)?;
    say!("fecund: {} trainings, {jobs} at once; those made are kept in {KEPT}", missing.len());
    let pool = rayon::ThreadPoolBuilder::new().num_threads(jobs).build();
    let pool = pool.map_err(|error| Failure::failed(error.to_string()))?;
    let all = missing.len();
    let trained: Result<Vec<_>, Failure> =
        pool.install(|| missing.into_par_iter().map(|(name, side)| trainer.train(name, side, all)).collect());
    known.extend(trained?);
    let _ = fs::remove_dir(folder.path.join("verify"));
    Ok(known)
}

type Missing<'a, C> = BTreeMap<(Key, String, u64), &'a C>;

/// Every candidate has seeds of its own side: odd ones where it was answered, even ones where it answered.
fn missing<'a, C>(pairs: &'a [Pair<C>], seeds: u64, known: &Known) -> Missing<'a, C> {
    let named = |pair: &'a Pair<C>| {
        let side = move |side: usize| (1..=seeds).map(move |n| (pair.name(side, n), &pair.sides[side]));
        [0, 1].into_iter().flat_map(side)
    };
    pairs.iter().flat_map(named).filter(|(name, _)| !known.contains_key(name)).collect()
}

/// Fresh trainings of earlier calls.
fn kept<D: Domain>(folder: &RunFolder<D>) -> Known {
    let text = fs::read_to_string(folder.path.join(KEPT)).unwrap_or_default();
    let fresh = text.lines().filter_map(|line| serde_json::from_str::<Fresh>(line).ok());
    let fresh = fresh.filter(|fresh| !matches!(fresh.found, Found::Nothing(_)));
    fresh.map(|fresh| ((fresh.key, fresh.candidate.to_string(), fresh.seed), fresh.found)).collect()
}

struct Trainer<'a, D: Domain> {
    folder: &'a RunFolder<D>,
    evaluator: Retried<D::Evaluator>,
    signals: Signals,
    progress: Mutex<Progress>,
    /// Where the study has several fidelities.
    rungs: HashMap<Key, Rung>,
    lineage: Lineage<Candidate<D>>,
}

struct Progress {
    made: usize,
    said: Instant,
}

impl<'a, D: Domain> Trainer<'a, D> {
    fn start(folder: &'a RunFolder<D>, jobs: usize) -> Result<Self, Failure> {
        let mut task = folder.settings.task.clone();
        task.check_data()?;
        let evaluator = Retried(task.open(jobs, folder.settings.limits)?);
        let progress = Mutex::new(Progress { made: 0, said: Instant::now() });
        let trials = folder.trials()?;
        let lineage = folder.lineage(&trials)?;
        let rungs = trials.into_iter().filter_map(|trial| Some((trial.key, trial.rung?))).collect();
        Ok(Self { folder, evaluator, signals: Signals::watch()?, progress, rungs, lineage })
    }

    fn train(
        &self,
        (key, written, seed): (Key, String, u64),
        candidate: &Candidate<D>,
        all: usize,
    ) -> Result<((Key, String, u64), Found), Failure> {
        let verdict = self.judge(key, &written, seed, candidate)?;
        let found = self.found(&verdict);
        let fresh = Fresh { key, candidate: json!(candidate), seed, found: found.clone() };
        self.folder.append(KEPT, &json!(fresh))?;
        self.progress(all);
        Ok(((key, written, seed), found))
    }

    fn judge(
        &self,
        key: Key,
        written: &str,
        seed: u64,
        candidate: &Candidate<D>,
    ) -> Result<Verdict, Failure> {
        if self.signals.interrupted.load(Relaxed) {
            return Err(self.interrupted());
        }
        let folder = format!("{}-{}-{seed}", key.0.short(), short(written));
        let artifacts = self.folder.path.join("verify").join(folder);
        let only = Rung { fidelity: self.folder.settings.task.fidelity(), full: key };
        let Rung { fidelity, full } = self.rungs.get(&key).copied().unwrap_or(only);
        let control = self.signals.control.for_job();
        let seed = full.seed(seeds::VERIFY + seed);
        let held = match self.lineage.hold(candidate, &artifacts, &self.evaluator, &control) {
            Ok(held) => Ok(held),
            Err(Unheld::Invalid(reason)) => return Ok(Verdict::Invalid(reason)),
            Err(Unheld::Failed(error)) => Err(error),
        };
        let outcome = held.and_then(|held| {
            let (artifacts, parents) = (artifacts.as_path(), held.parents.as_slice());
            let job = Job { fidelity, seed, artifacts, previous: None, parents, control: &control };
            self.evaluator.evaluate(candidate, &job)
        });
        // The score is what is wanted; nobody asks for these weights.
        let _ = fs::remove_dir_all(&artifacts);
        outcome.map(|outcome| outcome.verdict).map_err(|error| match error {
            EvalError::Cancelled => self.interrupted(),
            error => error.into(),
        })
    }

    /// A line a second at most: look-ups take microseconds.
    fn progress(&self, all: usize) {
        let mut progress = self.progress.lock().unwrap_or_else(PoisonError::into_inner);
        progress.made += 1;
        if progress.said.elapsed() >= Duration::from_secs(1) {
            progress.said = Instant::now();
            say!("fecund: {} of {all} trained", progress.made);
        }
    }

    fn found(&self, verdict: &Verdict) -> Found {
        match (verdict, self.folder.settings.task.objective().value(verdict)) {
            (_, Some(score)) if score.is_finite() => Found::Score(score),
            (Verdict::Invalid(reason @ (Reason::Unstable { .. } | Reason::NotInTable)), _) => {
                Found::Nothing(reason.to_string())
            }
            (Verdict::Invalid(reason), _) => Found::Invalid(reason.to_string()),
            (Verdict::Scored(_), _) => Found::Invalid("no score that is a number".into()),
        }
    }

    fn interrupted(&self) -> Failure {
        let run = self.folder.path.display();
        Failure::interrupted(format!("stopped; the same command goes on with what {run}/{KEPT} has kept"))
    }
}

/// A few digits that tell candidates apart in names of folders.
fn short(written: &str) -> String {
    let mut out = hashing::KeyWriter::new("fecund verify v1");
    out.text(written);
    out.finish().short()
}

impl<C> Pair<C> {
    fn name(&self, side: usize, n: u64) -> (Key, String, u64) {
        (self.key, self.written[side].clone(), 2 * n - 1 + side as u64)
    }

    /// What its trainings came to.
    fn sides(&self, fresh: &Known, seeds: u64) -> Sides {
        let mut sides = Sides { functional: self.functional, ..Sides::default() };
        for side in [0, 1] {
            for n in 1..=seeds {
                match fresh.get(&self.name(side, n)) {
                    Some(Found::Score(score)) => sides.scores[side].push(*score),
                    Some(Found::Invalid(_)) => sides.unscored[side] += 1,
                    Some(Found::Nothing(_)) | None => {}
                }
            }
        }
        sides
    }
}

/// Pairs of which both sides were judged, and how many others there are.
fn judged<C>(pairs: Vec<Pair<C>>, sides: Vec<Sides>) -> (Vec<(Pair<C>, Sides)>, usize) {
    let all = pairs.len();
    let told = |sides: &Sides| (0..2).all(|side| sides.scores[side].len() + sides.unscored[side] > 0);
    let judged: Vec<_> = pairs.into_iter().zip(sides).filter(|(_, sides)| told(sides)).collect();
    let failed = all - judged.len();
    (judged, failed)
}

struct Report<C> {
    /// Pairs that the run has.
    known: usize,
    /// Pairs that could not be judged.
    failed: usize,
    agreement: Agreement,
    pairs: Vec<Pair<C>>,
    sides: Vec<Sides>,
}

impl<C> Report<C> {
    fn print(&self, metric: &str, format: Format) -> Outcome {
        let summary = self.summary(metric);
        if format == Format::Json {
            let mut object = summary.objects().remove(0);
            object["compared"] = Value::Array(self.each().objects());
            return print_json(&object);
        }
        summary.print_single(format)?;
        if format == Format::Table && self.agreement.differs.contains(&true) {
            say!(
                "fecund: pairs that differ by more than noise explains (why they share a key: `fecund cache explain`)"
            );
            return self.differing().print(format);
        }
        Ok(())
    }

    fn summary(&self, metric: &str) -> Table {
        let (names, cells) = self.counts(metric).into_iter().chain(self.figures()).unzip::<_, _, Vec<_>, _>();
        let mut table = Table::new(&names);
        table.row(cells);
        table
    }

    fn counts(&self, metric: &str) -> [(&'static str, Value); 8] {
        let found = &self.agreement;
        let differing = found.differs.iter().filter(|differs| **differs).count();
        [
            ("metric", metric.into()),
            ("answered_pairs", self.known.into()),
            ("pairs", self.pairs.len().into()),
            ("functional", found.functional.into()),
            ("structural", found.structural.into()),
            ("failed", self.failed.into()),
            ("differing", differing.into()),
            ("differing_functional", self.differing_functional().into()),
        ]
    }

    fn figures(&self) -> [(&'static str, Value); 11] {
        let found = &self.agreement;
        let (low, high) = (|bounds: (f64, f64)| bounds.0, |bounds: (f64, f64)| bounds.1);
        [
            ("differing_rate", found.rate.into()),
            ("rate_low", found.rate_interval.map(low).into()),
            ("rate_high", found.rate_interval.map(high).into()),
            ("mean_difference", found.difference.into()),
            ("difference_low", found.interval.map(low).into()),
            ("difference_high", found.interval.map(high).into()),
            ("within_forms", found.within.into()),
            ("between_forms", found.between.into()),
            ("noise", found.noise.into()),
            ("threshold", found.threshold.into()),
            ("confidence", crate::cli::sample::CONFIDENCE.into()),
        ]
    }

    fn differing_functional(&self) -> usize {
        let differs = self.sides.iter().zip(&self.agreement.differs);
        differs.filter(|(sides, differs)| sides.functional && **differs).count()
    }

    fn each(&self) -> Table {
        self.rows(|_| true)
    }

    fn differing(&self) -> Table {
        self.rows(|differs| differs)
    }

    fn rows(&self, shown: impl Fn(bool) -> bool) -> Table {
        let mut table = Table::new(&[
            "trial",
            "answered_by",
            "key",
            "kind",
            "difference",
            "scores",
            "other_scores",
            "differs",
        ]);
        let pairs = self.pairs.iter().zip(&self.sides).zip(&self.agreement.differs);
        for ((pair, sides), differs) in pairs.filter(|(_, differs)| shown(**differs)) {
            table.row(vec![
                pair.trial.into(),
                pair.payer.map_or("another study".into(), Value::from),
                pair.key.to_string().into(),
                (if pair.functional { "functional" } else { "structural" }).into(),
                sides.difference().into(),
                json!(sides.scores[0]),
                json!(sides.scores[1]),
                (*differs).into(),
            ]);
        }
        table
    }
}
