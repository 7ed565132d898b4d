//! Runs the study of a folder to its end, from wherever it stands.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use evaluator::{Evaluator, Retried};
use storage::{JournalStore, RealDisk, Record, Store, Tiered};

use super::account::{Account, Spent};
use super::baseline;
use super::domain::{Candidate, Domain};
use super::failure::{Failure, Outcome};
use super::patience::Patience;
use super::progress::Progress;
use super::report;
use super::run_folder::{RunFolder, is_cache};
use super::settings::Settings;
use super::signals::Signals;
use crate::{Halving, Ledger, Plan, Stop, Study, Threads, Trial, processor};

/// Runs the study of a folder to its end, and then its baseline, if it has one.
pub fn drive<D: Domain>(folder: RunFolder<D>, evaluator: D::Evaluator) -> Outcome {
    let (signals, run) = (Signals::watch()?, folder.path.clone());
    // Of what came before, the run pays for all.
    let (own_began, processor_began) = (Duration::ZERO, Duration::ZERO);
    let driven = drive_one(
        folder,
        evaluator,
        &Invocation { signals: &signals, resumed: &run, own_began, processor_began },
    )?;
    baseline::drive(&driven, &signals)
}

/// What a command brings to each of the runs that it drives.
pub struct Invocation<'a> {
    pub signals: &'a Signals,
    /// The run to go on with after an interruption.
    pub resumed: &'a Path,
    /// Processor time of this process that others have paid for.
    pub own_began: Duration,
    /// With its children.
    pub processor_began: Duration,
}

/// A run that has come to its end.
pub struct Driven<D: Domain> {
    pub folder: RunFolder<D>,
    pub stop: Stop,
    pub trials: Vec<Trial<Candidate<D>>>,
}

/// One run, without its baseline.
pub fn drive_one<D: Domain>(
    mut folder: RunFolder<D>,
    evaluator: D::Evaluator,
    invocation: &Invocation,
) -> Result<Driven<D>, Failure> {
    let Invocation { signals, resumed, own_began, processor_began } = *invocation;
    let Opened { trials, ledger, store } = opened(&mut folder, Patience::NONE)?;
    let account = Account::open(&folder.path, processor_began)?;
    report::start(&folder, &trials, store.len(), &evaluator);
    let jobs = Threads::new(folder.settings.jobs).map_err(Failure::failed)?;
    let spent = account.spent_now();
    let watching = (Progress::new(&folder.settings, account, &trials), folder.keeper(&trials));
    let mut study = study(&folder, Retried(evaluator), spent, Arc::clone(&signals.interrupted))?
        .with_store(Arc::clone(&store) as Arc<dyn Store>)
        .with_executor(jobs)
        .with_ledger(ledger)
        .with_observer(watching)
        .with_control(signals.control.clone());
    let before = trials.len();
    study.resume(trials);
    let stop = study.run();
    let (trials, idle) = (study.trials().to_vec(), study.idle_waits());
    drop(study);
    store.cold().take_warnings().iter().for_each(|warning| say!("warning: {warning}"));
    let stop = stop?;
    if let Err(failure) = folder.keeper(&trials).prune() {
        say!("warning: {failure}");
    }
    let own = processor::own().saturating_sub(own_began);
    report::own_time(&folder.settings.task, &trials[before..], own.as_secs_f64());
    report::end(&folder, &stop, &trials, idle, signals, resumed)?;
    Ok(Driven { folder, stop, trials })
}

/// A run that no other process writes: what it has found so far, and where more is put.
pub struct Opened<D: Domain> {
    pub trials: Vec<Trial<Candidate<D>>>,
    pub ledger: Ledger,
    pub store: Arc<Tiered<JournalStore>>,
}

/// Takes the locks of a run, says what had to be mended, and writes its settings.
pub fn opened<D: Domain>(folder: &mut RunFolder<D>, patience: Patience) -> Result<Opened<D>, Failure> {
    let disk = Arc::new(RealDisk);
    let journal = folder.trials_journal();
    let (ledger, written) = patience.wait(|| Ledger::open::<Candidate<D>>(&journal, disk.clone()))?;
    if let Some(unread) = written.unread {
        return Err(Failure::failed(format!(
            "{}: {unread}; `fecund cache rebuild {}` keeps the trials before it, and the others are made again from the cache",
            journal.display(),
            folder.path.display()
        )));
    }
    let cache = folder.cache();
    if !written.trials.is_empty() && !is_cache(&cache) {
        say!(
            "warning: the cache {} is gone; a new one is begun, and the trials keep their verdicts",
            cache.display()
        );
    }
    let (store, recovery) = patience.wait(|| JournalStore::open(&cache, disk.clone()))?;
    if written.trials.is_empty() {
        folder.settings.warm = foreign(&store, &folder.settings.study);
    }
    // Only who holds the lock of the trials may change what the run is to do.
    folder.save()?;
    [&written.recovery, &recovery].into_iter().for_each(report::recovery);
    Ok(Opened { trials: written.trials, ledger, store: Arc::new(Tiered::new(store)) })
}

/// The study that the settings of a run describe, with all that its domain adds; it has `spent` so much before.
pub fn study<D: Domain>(
    folder: &RunFolder<D>,
    evaluator: impl Evaluator<Candidate<D>> + 'static,
    spent: Spent,
    interrupted: Arc<AtomicBool>,
) -> Result<Study<D::Space>, Failure> {
    let Settings { task, options, .. } = &folder.settings;
    let strategy = folder.settings.listed_strategy()?.strategy(&task.objective(), options);
    let study =
        D::completed(Study::new(task.space()?, evaluator, strategy, plan(folder, spent, interrupted)));
    Ok(match halving(task)? {
        Some(halving) => study.with_halving(halving),
        None => study,
    })
}

/// Who goes on at a higher fidelity, if the task has several.
pub fn halving<D: Domain>(task: &D) -> Result<Option<Halving>, Failure> {
    let mut fidelities = task.lower_fidelities();
    if fidelities.is_empty() {
        return Ok(None);
    }
    fidelities.push(task.fidelity());
    Halving::new(task.objective(), &fidelities).map(Some).map_err(Failure::usage)
}

/// Keys that studies before this one paid for, as far as the store can tell. A study that was interrupted before its
/// first trial has keys, too.
fn foreign(store: &JournalStore, study: &str) -> u64 {
    let others = |record: &Record| record.evaluations.iter().any(|evaluation| evaluation.study != study);
    store.entries().flatten().filter(|(_, record)| others(record)).count() as u64
}

fn plan<D: Domain>(folder: &RunFolder<D>, spent: Spent, interrupted: Arc<AtomicBool>) -> Plan<Candidate<D>> {
    let Settings { study, seed, window, task, reuse, enqueued, budget, limits, .. } = folder.settings.clone();
    let Settings { evaluations_per_key, forget, audit, .. } = folder.settings;
    let left = |budget: Option<f64>, spent: f64| {
        budget.map(|seconds| Duration::from_secs_f64((seconds - spent).max(0.0)))
    };
    let measured = budget.cpu_time.filter(|_| !task.simulated());
    Plan {
        study,
        seed,
        window,
        fidelity: task.fidelity(),
        reuse,
        evaluations_per_key,
        forget,
        audit,
        enqueued,
        constraints: [folder.settings.constraints.clone(), folder.settings.task.constraints()].concat(),
        trials: budget.trials,
        trainings: budget.trainings,
        time: left(budget.time, spent.time),
        processor_time: left(measured, spent.processor_time),
        inherit: task.inherits(),
        evaluation_time: left(budget.cpu_time.filter(|_| task.simulated()), 0.0),
        limits,
        artifacts: folder.artifacts(),
        interrupted,
    }
}
