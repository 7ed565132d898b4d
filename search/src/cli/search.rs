//! `fecund search` and `fecund resume`.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{SystemTime, UNIX_EPOCH};

use evaluator::{Evaluator, Retried};
use hashing::Context;
use storage::{JournalStore, RealDisk, Record, Store, Tiered};

use super::args::{ResumeArgs, SearchArgs, StrategyArgs};
use super::domain::{Candidate, Domain};
use super::failure::{Failure, Outcome};
use super::goals::{check_against, warn_of_clock, weighable};
use super::hash::read_candidates;
use super::patience::Patience;
use super::progress::Progress;
use super::report;
use super::run_folder::{RunFolder, check_free, is_cache};
use super::settings::{Budget, Settings, VERSION, command_line, hashing_scheme};
use super::signals::Signals;
use crate::{Halving, Ledger, Listed, Plan, Study, Threads, Trial};

pub fn search<D: Domain>(args: &SearchArgs) -> Outcome {
    let mut settings = settings::<D>(args)?;
    let name = || format!("{}-{}-{}", args.space, data_name(&args.data), args.seed);
    let out = args.out.clone().unwrap_or_else(|| Path::new("runs").join(name()));
    // Nothing is made on disk before everything that can be checked has been.
    settings.task.space()?;
    settle_options(&args.options, &mut settings)?;
    args.constraints.check(&args.space, &settings.task)?;
    settings.study = study_name(&out);
    check_free(&out)?;
    let evaluator = settings.task.open(settings.jobs, settings.limits)?;
    settings.context = evaluator.context();
    let folder = RunFolder::create(&out, settings)?;
    let Settings { task, options, constraints, .. } = &folder.settings;
    warn_of_clock(task, &options.against, constraints);
    drive(folder, evaluator)
}

pub fn resume<D: Domain>(args: &ResumeArgs) -> Outcome {
    let mut folder = RunFolder::<D>::open(&args.run)?;
    let settings = &mut folder.settings;
    settings.budget = settings.budget.changed(&args.budget);
    settings.jobs = args.jobs.map_or(settings.jobs, |jobs| jobs as usize);
    settings.task.check_data()?;
    let evaluator = settings.task.open(settings.jobs, settings.limits)?;
    settings.check_keys(&evaluator.context())?;
    drive(folder, evaluator)
}

fn settings<D: Domain>(args: &SearchArgs) -> Result<Settings<D>, Failure> {
    let task = D::of(args)?;
    let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get());
    Ok(Settings {
        version: VERSION,
        study: String::new(),
        command: command_line(),
        space: args.space.clone(),
        strategy: args.strategy.clone(),
        options: args.options.options(),
        seed: args.seed,
        window: args.window,
        jobs: args.jobs.map_or(cores, |jobs| jobs as usize),
        reuse: !args.no_cache,
        evaluations_per_key: args.reuse.evaluations_per_key,
        forget: args.reuse.forget,
        audit: args.reuse.audit,
        warm: 0,
        cache: args.cache.as_deref().map(made_absolute).transpose()?,
        budget: Budget::of(&args.budget).or_default(),
        limits: args.sequence.limits(),
        keep: args.sequence.keep(),
        scheme: hashing_scheme::<Candidate<D>>(),
        context: Context::new(),
        constraints: args.constraints.constraints(),
        task,
        enqueued: args.enqueue.as_deref().map_or(Ok(Vec::new()), read_candidates)?,
    })
}

/// Refuses what the strategy does not heed, and settles what it should keep low.
pub fn settle_options<D: Domain>(given: &StrategyArgs, settings: &mut Settings<D>) -> Outcome {
    let (listed, strategy) = (settings.listed_strategy()?, &settings.strategy);
    let heeded = [listed.options, &Listed::<D::Space>::FOR_ALL].concat();
    let is_heeded = |option: &&str| heeded.contains(&option.trim_start_matches("--"));
    if let Some(other) = given.given().into_iter().find(|option| !is_heeded(option)) {
        return Err(Failure::usage(format!("{other} does not apply to --strategy {strategy}")));
    }
    if listed.options.contains(&"against") {
        settings.options.against = against(given, strategy, &settings.task)?;
    }
    Ok(())
}

/// What a strategy that weighs several goals has to keep low: what is given, or else what the task says.
fn against<D: Domain>(given: &StrategyArgs, strategy: &str, task: &D) -> Result<Vec<String>, Failure> {
    let given = given.against.clone();
    check_against(task, &given)?;
    let weighed = if given.is_empty() { task.against() } else { given };
    if weighed.is_empty() {
        let known = weighable(task).join(", ");
        return Err(Failure::usage(format!(
            "--strategy {strategy} weighs several goals; name what should be low with --against: {known}"
        )));
    }
    Ok(weighed)
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

/// Runs the study of a folder to its end, from wherever it stands.
fn drive<D: Domain>(mut folder: RunFolder<D>, evaluator: D::Evaluator) -> Outcome {
    let Opened { trials, ledger, store } = opened(&mut folder, Patience::NONE)?;
    report::start(&folder, &trials, store.len(), &evaluator);
    let signals = Signals::watch()?;
    let jobs = Threads::new(folder.settings.jobs).map_err(Failure::failed)?;
    let watching = (Progress::new(folder.clone(), &trials), folder.keeper(&trials));
    let mut study = study(&folder, Retried(evaluator), Arc::clone(&signals.interrupted))?
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
    report::own_time(&folder.settings.task, &trials[before..]);
    report::end(&folder, &stop, &trials, idle, signals.pressed())
}

/// The study that the settings of a run describe, with all that its domain adds.
pub fn study<D: Domain>(
    folder: &RunFolder<D>,
    evaluator: impl Evaluator<Candidate<D>> + 'static,
    interrupted: Arc<AtomicBool>,
) -> Result<Study<D::Space>, Failure> {
    let Settings { task, options, .. } = &folder.settings;
    let strategy = folder.settings.listed_strategy()?.strategy(&task.objective(), options);
    let study = Study::new(task.space()?, evaluator, strategy, plan(folder, interrupted));
    halved(task, D::completed(study))
}

/// At all fidelities of the task.
fn halved<D: Domain>(task: &D, study: Study<D::Space>) -> Result<Study<D::Space>, Failure> {
    let mut fidelities = task.lower_fidelities();
    if fidelities.is_empty() {
        return Ok(study);
    }
    fidelities.push(task.fidelity());
    let halving = Halving::new(task.objective(), &fidelities).map_err(Failure::usage)?;
    Ok(study.with_halving(halving))
}

/// Keys that studies before this one paid for, as far as the store can tell. A study that was interrupted before its
/// first trial has keys, too.
fn foreign(store: &JournalStore, study: &str) -> u64 {
    let others = |record: &Record| record.evaluations.iter().any(|evaluation| evaluation.study != study);
    store.entries().flatten().filter(|(_, record)| others(record)).count() as u64
}

fn plan<D: Domain>(folder: &RunFolder<D>, interrupted: Arc<AtomicBool>) -> Plan<Candidate<D>> {
    let Settings { study, seed, window, task, reuse, enqueued, budget, limits, .. } = folder.settings.clone();
    let Settings { evaluations_per_key, forget, audit, .. } = folder.settings;
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
        time: budget.time_left(folder.seconds_spent()),
        limits,
        artifacts: folder.artifacts(),
        interrupted,
    }
}

pub fn made_absolute(path: &Path) -> Result<PathBuf, Failure> {
    std::path::absolute(path).map_err(|error| Failure::file("find", path, &error))
}

/// `japanesevowels` of `…/JapaneseVowels_TRAIN.ts.gz`.
fn data_name(data: &Path) -> String {
    let path = fs::canonicalize(data).unwrap_or_else(|_| data.to_path_buf());
    let file = path.file_name().map(|name| name.to_string_lossy().to_lowercase()).unwrap_or_default();
    let name = file.split('.').next().unwrap_or_default();
    name.strip_suffix("_train").unwrap_or(name).to_string()
}

/// Unlike that of any other study, so that records say who paid for them. Part of no key.
pub fn study_name(out: &Path) -> String {
    let name = out.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_nanos());
    format!("{name}-{now:x}-{:x}", std::process::id())
}
