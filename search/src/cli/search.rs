//! `fecund search` and `fecund resume`.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{SystemTime, UNIX_EPOCH};

use evaluator::Retried;
use evaluator::sequence::{SequenceEvaluator, SequenceTask};
use hashing::{Context, Fidelity};
use spaces::sequence::{Genome, Limits};
use storage::{JournalStore, RealDisk, Store, Tiered};
use tasks::{Sequences, check_target, locate};

use super::args::{ResumeArgs, SearchArgs, SpaceName};
use super::failure::{Failure, Outcome};
use super::hash::read_candidates;
use super::progress::Progress;
use super::report;
use super::run_folder::RunFolder;
use super::settings::{Budget, Settings, VERSION, command_line, hashing_scheme};
use super::signals::Signals;
use crate::{Ledger, Plan, Study, Threads};

pub fn search(args: &SearchArgs) -> Outcome {
    let mut settings = settings(args)?;
    let name = || format!("sequence-{}-{}", data_name(&settings.task.train), settings.seed);
    let out = args.out.clone().unwrap_or_else(|| Path::new("runs").join(name()));
    // Nothing is made on disk before everything that can be checked has been.
    settings.space()?;
    settings.strategy()?;
    settings.study = study_name(&out);
    RunFolder::check_free(&out)?;
    let evaluator = SequenceEvaluator::start(settings.task.clone(), settings.jobs, settings.limits)?;
    // `auto` has become a device; a resume must not land on another.
    settings.task = evaluator.task().clone();
    settings.context = settings.task.context();
    let folder = RunFolder::create(&out, settings)?;
    drive(folder, evaluator)
}

pub fn resume(args: &ResumeArgs) -> Outcome {
    let mut folder = RunFolder::open(&args.run)?;
    folder.settings.budget = folder.settings.budget.changed(&args.budget);
    folder.settings.jobs = args.jobs.map_or(folder.settings.jobs, |jobs| jobs as usize);
    folder.settings.check_keys()?;
    check_data(&folder.settings.task)?;
    let Settings { task, jobs, limits, .. } = folder.settings.clone();
    let evaluator = SequenceEvaluator::start(task, jobs, limits)?;
    drive(folder, evaluator)
}

fn settings(args: &SearchArgs) -> Result<Settings, Failure> {
    if args.space != SpaceName::Sequence {
        return Err(Failure::usage("only the space `sequence` can be searched yet"));
    }
    check_target(args.target.as_deref()).map_err(|error| Failure::usage(error.to_string()))?;
    let location = locate(&args.data, args.test.as_deref())?;
    let train = absolute(&location.train)?;
    let data = Sequences::read(&train)?;
    let mut task = SequenceTask::of(&data, &train);
    task.metric = args.metric;
    task.device = args.device;
    task.validation = args.validation.unwrap_or(task.validation);
    task.epochs = args.epochs.unwrap_or(task.epochs);
    task.validation.splits(&data.labels(), &data.classes, 0)?;
    let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get());
    let blocks = if args.blocks.is_empty() { Limits::default().blocks } else { args.blocks.clone() };
    Ok(Settings {
        version: VERSION,
        study: String::new(),
        command: command_line(),
        space: "sequence".into(),
        blocks,
        max_depth: args.max_depth as usize,
        strategy: args.strategy.clone(),
        seed: args.seed,
        window: args.window,
        jobs: args.jobs.map_or(cores, |jobs| jobs as usize),
        reuse: !args.no_cache,
        test: location.test.as_deref().map(absolute).transpose()?,
        cache: args.cache.as_deref().map(made_absolute).transpose()?,
        budget: Budget::of(&args.budget).or_default(),
        limits: args.limits.limits(),
        scheme: hashing_scheme(),
        context: Context::new(),
        task,
        enqueued: args.enqueue.as_deref().map_or(Ok(Vec::new()), read_candidates)?,
    })
}

/// Runs the study of a folder to its end, from wherever it stands.
fn drive(folder: RunFolder, evaluator: SequenceEvaluator) -> Outcome {
    let disk = Arc::new(RealDisk);
    let (ledger, written) = Ledger::open::<Genome>(&folder.trials_journal(), disk.clone())?;
    if let Some(unread) = written.unread {
        let path = folder.trials_journal();
        return Err(Failure::failed(format!(
            "{}: {unread}; this run cannot go on, its cache can: search anew with --cache {}",
            path.display(),
            folder.cache().display()
        )));
    }
    // Only who holds the lock of the trials may change what the run is to do.
    folder.save()?;
    let (store, recovery) = JournalStore::open(&folder.cache(), disk)?;
    [&written.recovery, &recovery].into_iter().for_each(report::recovery);
    let store = Arc::new(Tiered::new(store));
    report::start(&folder, &written.trials, store.len(), evaluator.provenance());
    let signals = Signals::watch()?;
    let jobs = Threads::new(folder.settings.jobs).map_err(Failure::failed)?;
    let progress = Progress::new(folder.clone(), &written.trials);
    let mut study = Study::new(
        folder.settings.space()?,
        Retried(evaluator),
        folder.settings.strategy()?,
        plan(&folder, Arc::clone(&signals.interrupted)),
    )
    .with_store(Arc::clone(&store) as Arc<dyn Store>)
    .with_executor(jobs)
    .with_ledger(ledger)
    .with_observer(progress)
    .with_control(signals.control.clone());
    let before = written.trials.len();
    study.resume(written.trials);
    let stop = study.run();
    let (trials, idle) = (study.trials().to_vec(), study.idle_waits());
    drop(study);
    store.cold().take_warnings().iter().for_each(|warning| say!("warning: {warning}"));
    let stop = stop?;
    if let Err(failure) = folder.prune_artifacts(&trials) {
        say!("warning: {failure}");
    }
    report::own_time(&trials[before..]);
    report::end(&folder, &stop, &trials, idle, signals.pressed())
}

fn plan(folder: &RunFolder, interrupted: Arc<AtomicBool>) -> Plan<Genome> {
    let Settings { study, seed, window, task, reuse, enqueued, budget, limits, .. } = folder.settings.clone();
    Plan {
        study,
        seed,
        window,
        fidelity: Fidelity(task.epochs),
        reuse,
        enqueued,
        trials: budget.trials,
        trainings: budget.trainings,
        time: budget.time_left(folder.seconds_spent()),
        limits,
        artifacts: folder.artifacts(),
        interrupted,
    }
}

/// The training part must be what it was when the run began.
fn check_data(task: &SequenceTask) -> Outcome {
    if Sequences::read(&task.train)?.fingerprint() == task.data {
        return Ok(());
    }
    let message =
        format!("{} is not the data that this run began with; start a new run", task.train.display());
    Err(Failure::failed(message))
}

fn absolute(path: &Path) -> Result<PathBuf, Failure> {
    fs::canonicalize(path).map_err(|error| Failure::file("find", path, &error))
}

fn made_absolute(path: &Path) -> Result<PathBuf, Failure> {
    std::path::absolute(path).map_err(|error: io::Error| Failure::file("find", path, &error))
}

/// `japanesevowels` of `…/JapaneseVowels_TRAIN.ts.gz`.
fn data_name(train: &Path) -> String {
    let file = train.file_name().map(|name| name.to_string_lossy().to_lowercase()).unwrap_or_default();
    file.split(['_', '.']).next().unwrap_or_default().to_string()
}

/// Unlike that of any other study, so that records say who paid for them. Part of no key.
fn study_name(out: &Path) -> String {
    let name = out.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_nanos());
    format!("{name}-{now:x}-{:x}", std::process::id())
}
