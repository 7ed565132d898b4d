//! What a resume changes about a run: shown line by line, taken where the run stays the same, else refused with the
//! reason.

use std::path::Path;

use super::args::ResumeArgs;
use super::differences::{Difference, between};
use super::domain::Domain;
use super::failure::{Failure, Outcome};
use super::run_folder::RunFolder;
use super::settings::Settings;
use super::study_file::{StudyFile, facts_that_differ, table_of};

/// The settings that the run goes on with. Writes nothing.
pub fn taken<D: Domain>(folder: &RunFolder<D>, args: &ResumeArgs) -> Result<Settings<D>, Failure> {
    let made = folder.made()?;
    let mut asked = match &args.config {
        None => folder.settings.clone(),
        Some(file) => {
            if !between(&table_of(&made)?, &table_of(&folder.settings)?).is_empty() {
                let run = folder.path.display();
                say!("warning: {run}/study.toml has been edited, and {} is taken instead", file.display());
            }
            let file = StudyFile::read(file)?;
            let (space, runs_space) = (file.header()?.space, &made.space);
            if space != *runs_space {
                return Err(refused(&folder.path, &[format!("space: {runs_space} → {space}: {OTHER_TASK}")]));
            }
            file.completed(&table_of(&made)?)?
        }
    };
    asked.budget = asked.budget.changed(&args.budget);
    asked.jobs = args.jobs.map_or(asked.jobs, |jobs| jobs as usize);
    check(&folder.path, &made, &mut asked)?;
    Ok(asked)
}

fn check<D: Domain>(run: &Path, made: &Settings<D>, asked: &mut Settings<D>) -> Outcome {
    let (was, is) = (table_of(made)?, table_of(asked)?);
    let moved: Vec<_> = asked.task.files().into_iter().map(|(name, _)| format!("task.{name}")).collect();
    let (mut refusals, differences) = (Vec::new(), between(&was, &is));
    for difference in &differences {
        match refusal(difference, &moved) {
            Some(why) => refusals.push(format!("{difference}: {why}")),
            None => say!("fecund: {difference}"),
        }
    }
    let moved: Vec<_> = differences.into_iter().filter(|it| moved.contains(&it.field)).collect();
    if refusals.is_empty() && !moved.is_empty() {
        refusals = other_content(made, asked, &moved)?;
    }
    if refusals.is_empty() { Ok(()) } else { Err(refused(run, &refusals)) }
}

fn refused(run: &Path, refusals: &[String]) -> Failure {
    Failure::usage(format!(
        "{} cannot go on with these changes:\n  {}\nbegin a new run with `fecund search --config FILE --out DIR`, or \
         take the changes back",
        run.display(),
        refusals.join("\n  ")
    ))
}

/// Why files that have moved are not those of the run. The test part is not read here.
fn other_content<D: Domain>(
    made: &Settings<D>,
    asked: &Settings<D>,
    moved: &[Difference],
) -> Result<Vec<String>, Failure> {
    let to = |difference: &Difference| difference.is.as_ref()?.as_str().map(String::from);
    let absent = moved.iter().filter(|difference| !to(difference).is_some_and(|to| Path::new(&to).is_file()));
    let absent: Vec<_> = absent.map(|difference| format!("{difference}: there is no such file")).collect();
    if !absent.is_empty() {
        return Ok(absent);
    }
    let (was, is) = (table_of(&made.task)?, table_of(&asked.task)?);
    Ok(facts_that_differ::<D>(&was, &table_of(&D::of_written(&is, "/".as_ref())?)?))
}

const OTHER_TASK: &str = "the trials of the run are answers to its own task";
const OTHER_TRIALS: &str = "it decides the trials of a run from the first on";
const OTHER_KEYS: &str = "the keys of the run are made with it";
const OWN_RECORDS: &str = "the records of the run are known by it";

fn refusal(Difference { field, was, .. }: &Difference, moved: &[String]) -> Option<&'static str> {
    match field.split('.').next().unwrap_or_default() {
        "budget" | "jobs" | "keep" | "command" => None,
        "task" if moved.contains(field) => None,
        "baseline" if was.is_none() => None,
        "baseline" => Some("the run has begun with another one"),
        "seed" => Some("a run's seed decides its trials"),
        "window" | "strategy" | "options" | "enqueued" | "constraints" => Some(OTHER_TRIALS),
        "reuse" | "evaluations_per_key" | "forget" | "audit" => Some("it decides how trials are answered"),
        "limits" => Some("it decides which trials fail"),
        "space" | "task" => Some(OTHER_TASK),
        "scheme" | "context" => Some(OTHER_KEYS),
        "study" | "cache" => Some(OWN_RECORDS),
        "warm" => Some("it is what the cache held when the run began"),
        _ => Some("the run was made with it"),
    }
}
