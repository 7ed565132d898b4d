//! `fecund search --config`: the settings of a new run from a study file.

use std::path::Path;

use clap::parser::ValueSource;
use clap::{ArgMatches, CommandFactory};
use hashing::Context;

use super::args::{Cli, SearchArgs};
use super::discover;
use super::domain::{Candidate, Domain};
use super::failure::{Failure, Outcome};
use super::search::{made_absolute, settings_of};
use super::settings::{Budget, Header, Settings, command_line, hashing_scheme};
use super::study_file::{StudyFile, table_of};

/// What may stand beside `--config` on the command line.
const BESIDE: [&str; 10] =
    ["config", "out", "seed", "jobs", "trials", "trainings", "time", "cpu_time", "cache", "no_cache"];

/// Name of the space that a search is over.
pub fn space_of(args: &SearchArgs) -> Result<String, Failure> {
    let Some(file) = &args.config else { return Ok(args.space.clone()) };
    let Header { space, task, .. } = StudyFile::read(file)?.header()?;
    if task.kind.as_deref() == Some(discover::KIND) {
        let what =
            "is of a discovery: go on with `fecund resume RUN`, or begin another with `fecund discover`";
        return Err(Failure::usage(format!("{} {what}", file.display())));
    }
    if task.kind.is_some() {
        let why = "its verdicts come from outside, and `fecund search` evaluates by itself";
        let help = format!("make a run like it with `fecund create --space {space}`");
        return Err(Failure::usage(format!("{}: {why}; {help}", file.display())));
    }
    Ok(space)
}

/// Refuses what a study file says, where one is given.
pub fn check_given(matches: &ArgMatches) -> Outcome {
    let Some(("search", given)) = matches.subcommand() else { return Ok(()) };
    let is_given = |id: &str| given.value_source(id) == Some(ValueSource::CommandLine);
    if !is_given("config") {
        return Ok(());
    }
    let cli = Cli::command();
    let search = cli.find_subcommand("search").expect("it was given");
    let others = search.get_arguments().filter(|argument| {
        let id = argument.get_id().as_str();
        given.try_contains_id(id).is_ok() && is_given(id) && !BESIDE.contains(&id)
    });
    let names: Vec<_> = others.filter_map(|argument| Some(format!("--{}", argument.get_long()?))).collect();
    if names.is_empty() {
        return Ok(());
    }
    Err(Failure::usage(format!("{} beside --config: write it into the study file", names.join(", "))))
}

/// What the file says, or else the defaults; the command line comes before both.
pub fn settings<D: Domain>(file: &Path, args: &SearchArgs) -> Result<Settings<D>, Failure> {
    let file = StudyFile::read(file)?;
    let written = file.task()?;
    let task = D::of_written(&written, &file.folder()?).map_err(|failure| failure.of_file(file.path()))?;
    file.check_facts(&written, &task)?;
    let mut settings: Settings<D> = file.completed(&table_of(&settings_of(args, task)?)?)?;
    settings.seed = args.study.seed.unwrap_or(settings.seed);
    settings.jobs = args.jobs.map_or(settings.jobs, |jobs| jobs as usize);
    if Budget::of(&args.budget) != Budget::default() {
        settings.budget = Budget::of(&args.budget);
    }
    if let Some(cache) = &args.study.cache {
        (settings.reuse, settings.cache) = (true, Some(made_absolute(cache)?));
    }
    if args.study.no_cache {
        (settings.reuse, settings.cache) = (false, None);
    }
    settings.command = command_line();
    settings.warm = 0;
    if !file.has("context") {
        settings.context = Context::new();
    }
    Ok(settings)
}

/// Makes the keys of the new run with this program, and says so if the file is of a run of another.
pub fn renew_keys<D: Domain>(settings: &mut Settings<D>, context: Context) {
    let changed = settings.changed_keys(&context);
    if settings.context != Context::new() && !changed.is_empty() {
        let why = "the study file is of a run of another version of fecund, whose scores do not compare";
        say!("warning: {why} ({})", changed.join("; "));
    }
    (settings.scheme, settings.context) = (hashing_scheme::<Candidate<D>>(), context);
}
