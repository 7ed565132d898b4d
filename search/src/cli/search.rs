//! `fecund search` and `fecund resume`.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use evaluator::{Evaluator, Limits};
use hashing::Context;

use super::args::{ResumeArgs, SearchArgs, StrategyArgs, StudyArgs};
use super::domain::{Candidate, Domain};
use super::drive::{drive, halving};
use super::failure::{Failure, Outcome};
use super::goals::{check_against, check_constraints, warn_of_clock, weighable};
use super::hash::read_candidates;
use super::keeper::Keep;
use super::run_folder::{RunFolder, check_free};
use super::settings::{Budget, Settings, VERSION, command_line, hashing_scheme};
use super::{baseline, changes, config};
use crate::Listed;

pub fn search<D: Domain>(args: &SearchArgs) -> Outcome {
    let mut settings = match &args.config {
        Some(file) => config::settings::<D>(file, args)?,
        None => settings_of(args, D::of(args)?)?,
    };
    let out = args.out.clone().unwrap_or_else(|| default_out(args, &mut settings));
    // Nothing is made on disk before everything that can be checked has been.
    settings.task.space()?;
    halving(&settings.task)?;
    settle_options(&args.study.options, &mut settings)?;
    check_constraints(&settings.space, &settings.task, &settings.constraints)?;
    baseline::check(&settings)?;
    settings.study = study_name(&out);
    check_free(&out)?;
    let evaluator = settings.task.open(settings.jobs, settings.limits)?;
    config::renew_keys(&mut settings, evaluator.context());
    let folder = RunFolder::create(&out, settings)?;
    let Settings { task, options, constraints, .. } = &folder.settings;
    warn_of_clock(task, &options.against, constraints);
    drive(folder, evaluator)
}

pub fn resume<D: Domain>(args: &ResumeArgs) -> Outcome {
    let mut folder = RunFolder::<D>::open(&args.run)?;
    folder.settings = changes::taken(&folder, args)?;
    let settings = &mut folder.settings;
    settings.task.check_data()?;
    let evaluator = settings.task.open(settings.jobs, settings.limits)?;
    settings.check_keys(&evaluator.context())?;
    drive(folder, evaluator)
}

/// What the command line says, and the defaults.
pub fn settings_of<D: Domain>(args: &SearchArgs, task: D) -> Result<Settings<D>, Failure> {
    let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get());
    Ok(Settings {
        baseline: args.baseline.clone(),
        jobs: args.jobs.map_or(cores, |jobs| jobs as usize),
        limits: args.sequence.limits(),
        keep: args.sequence.keep(),
        constraints: args.constraints.constraints(),
        ..settings_of_study(&args.space, &args.study, Budget::of(&args.budget), task)?
    })
}

/// The settings that do not depend on who evaluates; one evaluation at a time, without limits.
pub fn settings_of_study<D: Domain>(
    space: &str,
    args: &StudyArgs,
    budget: Budget,
    task: D,
) -> Result<Settings<D>, Failure> {
    Ok(Settings {
        version: VERSION,
        study: String::new(),
        command: command_line(),
        space: space.into(),
        strategy: args.strategy.clone(),
        baseline: None,
        options: args.options.options(),
        seed: args.seed.unwrap_or(0),
        window: args.window,
        jobs: 1,
        reuse: !args.no_cache,
        evaluations_per_key: args.reuse.evaluations_per_key,
        forget: args.reuse.forget,
        audit: args.reuse.audit,
        warm: 0,
        cache: args.cache.as_deref().map(made_absolute).transpose()?,
        budget: budget.or_default(),
        limits: Limits::default(),
        keep: Keep::default(),
        scheme: hashing_scheme::<Candidate<D>>(),
        context: Context::new(),
        constraints: Vec::new(),
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
    if settings.task.inherits() && settings.options.redraws > 0 {
        let why = "a child that inherits is never what its parents are";
        return Err(Failure::usage(format!("--redraws does not apply with --inherit: {why}")));
    }
    if listed.options.contains(&"against") {
        settings.options.against = weighed_against(strategy, &settings.options.against, &settings.task)?;
    }
    Ok(())
}

/// What a strategy that weighs several goals has to keep low: what is given, or else what the task says.
pub fn weighed_against<D: Domain>(
    strategy: &str,
    given: &[String],
    task: &D,
) -> Result<Vec<String>, Failure> {
    check_against(task, given)?;
    let weighed = if given.is_empty() { task.against() } else { given.to_vec() };
    if weighed.is_empty() {
        let known = weighable(task).join(", ");
        return Err(Failure::usage(format!(
            "--strategy {strategy} weighs several goals; name what should be low with --against: {known}"
        )));
    }
    Ok(weighed)
}

pub fn made_absolute(path: &Path) -> Result<PathBuf, Failure> {
    std::path::absolute(path).map_err(|error| Failure::file("find", path, &error))
}

/// `runs/SPACE-DATA-SEED`; of a task without data its name.
fn default_out<D: Domain>(args: &SearchArgs, settings: &mut Settings<D>) -> PathBuf {
    let named = settings.task.files().into_iter().next().map(|(_, path)| path.clone());
    let task = args.sequence.task.as_ref().map(PathBuf::from);
    let data = args.data.clone().or(named).or(task).or(args.config.clone()).unwrap_or_default();
    Path::new("runs").join(format!("{}-{}-{}", settings.space, data_name(&data), settings.seed))
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
