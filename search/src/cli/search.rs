//! `fecund search` and `fecund resume`.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{SystemTime, UNIX_EPOCH};

use evaluator::sequence::{SequenceEvaluator, SequenceTask};
use evaluator::{Control, Retried};
use hashing::Fidelity;
use spaces::sequence::{Genome, Limits};
use storage::{JournalStore, RealDisk, Recovery, Store, Tiered};
use tasks::{Sequences, check_target, locate};

use super::args::{ResumeArgs, SearchArgs, SpaceName};
use super::failure::{Failure, Outcome};
use super::hash::read_candidates;
use super::progress::Progress;
use super::run_folder::RunFolder;
use super::settings::{Budget, Settings, VERSION};
use super::signals;
use crate::{Ledger, Plan, Statistics, Stop, Study, Threads, Trial};

/// Weights are kept of so many of the best functions.
const KEPT: usize = 20;

pub fn search(args: &SearchArgs) -> Outcome {
    let mut settings = settings(args)?;
    let name = || format!("sequence-{}-{}", data_name(&settings.task.train), settings.seed);
    let out = args.out.clone().unwrap_or_else(|| Path::new("runs").join(name()));
    // Nothing is made on disk before everything that can be checked has been.
    settings.space()?;
    settings.strategy()?;
    settings.study = study_name(&out);
    let evaluator = SequenceEvaluator::start(settings.task.clone(), settings.jobs, settings.limits)?;
    // `auto` has become a device; a resume must not land on another.
    settings.task = evaluator.task().clone();
    let folder = RunFolder::create(&out, settings)?;
    drive(folder, evaluator)
}

pub fn resume(args: &ResumeArgs) -> Outcome {
    let mut folder = RunFolder::open(&args.run)?;
    folder.settings.budget = folder.settings.budget.changed(&args.budget);
    folder.settings.jobs = args.jobs.map_or(folder.settings.jobs, |jobs| jobs as usize);
    check_data(&folder.settings.task)?;
    let Settings { task, jobs, limits, .. } = folder.settings.clone();
    let evaluator = SequenceEvaluator::start(task, jobs, limits)?;
    folder.save()?;
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
    let (store, recovery) = JournalStore::open(&folder.cache(), disk)?;
    [&written.recovery, &recovery].into_iter().for_each(say_recovery);
    let store = Arc::new(Tiered::new(store));
    say_start(&folder, &written.trials, store.len(), evaluator.provenance());
    let (interrupted, pressed, control) =
        (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)), Control::new());
    signals::watch(Arc::clone(&interrupted), control.clone(), Arc::clone(&pressed))?;
    let jobs = Threads::new(folder.settings.jobs).map_err(Failure::failed)?;
    let progress = Progress::new(folder.clone(), &written.trials);
    let mut study = Study::new(
        folder.settings.space()?,
        Retried(evaluator),
        folder.settings.strategy()?,
        plan(&folder, interrupted),
    )
    .with_store(Arc::clone(&store) as Arc<dyn Store>)
    .with_executor(jobs)
    .with_ledger(ledger)
    .with_observer(progress)
    .with_control(control);
    let before = written.trials.len();
    study.resume(written.trials);
    let stop = study.run();
    let (trials, idle) = (study.trials().to_vec(), study.idle_waits());
    drop(study);
    store.cold().take_warnings().iter().for_each(|warning| eprintln!("warning: {warning}"));
    prune_artifacts(&folder, &trials)?;
    say_own_time(&trials[before..]);
    say_end(&folder, &stop?, &trials, idle, pressed.load(Relaxed))
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

fn say_recovery(recovery: &Recovery) {
    recovery.notes.iter().for_each(|note| eprintln!("fecund: recovered: {note}"));
}

fn say_start(folder: &RunFolder, trials: &[Trial<Genome>], known: usize, provenance: &str) {
    let task = &folder.settings.task;
    eprintln!(
        "fecund: {} training cases, {} channels, {} classes, up to {} steps; {}, {} epochs; {} jobs; {provenance}",
        task.cases,
        task.channels,
        task.classes.len(),
        task.longest,
        task.validation,
        task.epochs,
        folder.settings.jobs,
    );
    if !trials.is_empty() {
        eprintln!("fecund: going on after {} trials; {known} verdicts in the cache", trials.len());
    } else if known > 0 {
        eprintln!("fecund: the cache is warm: it holds {known} verdicts of earlier studies");
    }
}

fn say_end(folder: &RunFolder, stop: &Stop, trials: &[Trial<Genome>], idle: u64, pressed: bool) -> Outcome {
    let run = folder.path.display();
    let evaluated = trials.iter().filter(|trial| trial.origin.is_evaluated()).count() as u64;
    if idle > 4 && idle * 4 > evaluated {
        eprintln!(
            "warning: workers waited {idle} times because the window was full; a larger --window keeps them busy"
        );
    }
    if pressed {
        return Err(Failure::interrupted(format!(
            "stopped after {} trials; go on with `fecund resume {run}`",
            trials.len()
        )));
    }
    eprintln!(
        "fecund: {stop}; see `fecund leaderboard {run}`, `fecund cache stats {run}`, `fecund test {run}`"
    );
    Ok(())
}

/// What this process took for these trials beside their evaluations, which run in others.
fn say_own_time(trials: &[Trial<Genome>]) {
    let Some(own) = processor_seconds() else { return };
    let Statistics { hashing_seconds, evaluation_seconds, .. } = Statistics::of(trials);
    let share = |seconds: f64| 100.0 * seconds / evaluation_seconds.max(f64::MIN_POSITIVE);
    eprintln!(
        "fecund: evaluations took {evaluation_seconds:.1} s; hashing {hashing_seconds:.3} s ({:.2} %), engine and \
         storage {:.2} s of processor time ({:.2} %)",
        share(hashing_seconds),
        (own - hashing_seconds).max(0.0),
        share((own - hashing_seconds).max(0.0)),
    );
}

/// Processor time of all threads of this process, from fields 14 and 15 of its `stat`, in hundredths of a second.
fn processor_seconds() -> Option<f64> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    // The name in parentheses may hold anything; fields are counted from behind it.
    let fields: Vec<_> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = |field: usize| fields.get(field - 3)?.parse::<f64>().ok();
    Some((ticks(14)? + ticks(15)?) / 100.0)
}

/// Keeps the weights of the best functions; those of others can be trained again, bit for bit.
fn prune_artifacts(folder: &RunFolder, trials: &[Trial<Genome>]) -> Outcome {
    let objective = folder.settings.objective();
    let mut scored: Vec<_> =
        trials.iter().filter(|trial| objective.value(&trial.verdict).is_some()).collect();
    scored.sort_by(|a, b| objective.compare(&b.verdict, &a.verdict));
    let mut keys = HashSet::new();
    for trial in scored {
        if keys.len() < KEPT {
            keys.insert(trial.key.to_string());
        }
    }
    let settled: HashSet<String> = trials.iter().map(|trial| trial.key.to_string()).collect();
    let entries = fs::read_dir(folder.artifacts())
        .map_err(|error| Failure::file("read", &folder.artifacts(), &error))?;
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if settled.contains(&name) && !keys.contains(&name) {
            fs::remove_dir_all(entry.path())
                .map_err(|error| Failure::file("remove", &entry.path(), &error))?;
        }
    }
    Ok(())
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

/// The command as it was typed, quoted where a shell needs it.
pub fn command_line() -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,+@%".contains(c);
    let quoted = |word: String| {
        if !word.is_empty() && word.chars().all(plain) {
            word
        } else {
            format!("'{}'", word.replace('\'', "'\\''"))
        }
    };
    let words = std::env::args().skip(1).map(quoted);
    std::iter::once("fecund".to_string()).chain(words).collect::<Vec<_>>().join(" ")
}
