//! A run may come from elsewhere: what would let it reach outside its folder, or take this machine, is refused.

use std::fs;
use std::path::{Path, PathBuf};

use super::args::MOST_MEMBERS;
use super::domain::Domain;
use super::failure::{Failure, Outcome};
use super::run_folder::is_cache;
use super::settings::Settings;
use crate::Options;

/// As many jobs as the command line takes.
const MOST_JOBS: usize = 1024;

/// Nothing in a run is a link, or anything else but a file or a folder: what is written or removed there would be
/// written or removed elsewhere. What vanishes meanwhile, because a worker made it, is passed over.
pub fn check_links(run: &Path) -> Outcome {
    let mut folders = vec![run.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => folders.push(entry.path()),
                Ok(kind) if !kind.is_file() => return Err(strange(entry.path())),
                _ => {}
            }
        }
    }
    Ok(())
}

fn strange(path: PathBuf) -> Failure {
    let why = "is a link or no file at all, and a run keeps everything in its own folder";
    Failure::failed(format!("{} {why}; put what it stands for in its place", path.display()))
}

/// What the command line would not have taken, and a cache that is somebody's folder.
pub fn check_settings<D: Domain>(file: &Path, settings: &Settings<D>) -> Outcome {
    let refuse = |what: String| Err(Failure::failed(format!("{}: {what}", file.display())));
    if !(1..=MOST_JOBS).contains(&settings.jobs) {
        return refuse(format!("{} jobs; give 1 to {MOST_JOBS}", settings.jobs));
    }
    if settings.window == 0 {
        return refuse("window = 0; give 1 or more".into());
    }
    for time in [settings.budget.time, settings.budget.cpu_time].into_iter().flatten() {
        if !(0.0..=MOST_SECONDS).contains(&time) {
            return refuse(format!("a budget of {time} s; give a time up to {MOST_SECONDS:e} s"));
        }
    }
    let evaluations = settings.evaluations_per_key;
    if !(1..=MOST_EVALUATIONS).contains(&evaluations) {
        return refuse(format!("{evaluations} evaluations per key; give 1 to {MOST_EVALUATIONS}"));
    }
    let Options { population, tournament, patience, crossover, redraws, .. } = &settings.options;
    for (name, size, most) in [
        ("population", population.get(), MOST_MEMBERS),
        ("tournament", tournament.get(), MOST_MEMBERS),
        ("patience", patience.get(), MOST_MEMBERS),
        ("redraws", *redraws, MOST_REDRAWS),
    ] {
        if size > most {
            return refuse(format!("{name} = {size}; give {most} at most"));
        }
    }
    for (name, share) in [("forget", settings.forget), ("audit", settings.audit), ("crossover", *crossover)] {
        if !(0.0..=1.0).contains(&share) {
            return refuse(format!("{name} = {share}; give a share from 0 to 1"));
        }
    }
    settings.cache.as_deref().map_or(Ok(()), check_cache)
}

/// A proposal that is drawn more often takes longer than an answer from the cache is worth.
const MOST_REDRAWS: usize = 10_000;
/// As many as the command line takes.
const MOST_EVALUATIONS: u64 = 1000;
/// Three hundred centuries.
const MOST_SECONDS: f64 = 1e12;

/// A folder that holds other things and no cache is not made one: a store moves a strange `index` aside.
pub fn check_cache(cache: &Path) -> Outcome {
    if cache.exists() && !cache.is_dir() {
        let why = "is no folder";
        return Err(Failure::failed(format!(
            "{} {why}; name a cache or an empty folder with --cache",
            cache.display()
        )));
    }
    let holds_something = cache.read_dir().is_ok_and(|mut entries| entries.next().is_some());
    if !holds_something || is_cache(cache) {
        return Ok(());
    }
    let why = "holds other things and no cache";
    Err(Failure::failed(format!("{} {why}; name a cache or an empty folder with --cache", cache.display())))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_link_anywhere_in_a_run_is_refused_and_named() {
        let (run, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        fs::create_dir_all(run.path().join("cache/index")).unwrap();
        fs::write(run.path().join("cache/index/db"), "").unwrap();
        assert!(check_links(run.path()).is_ok());
        for name in ["artifacts", "study.toml", "cache/lock", "cache/index/conf"] {
            let link = run.path().join(name);
            symlink(elsewhere.path(), &link).unwrap();
            let error = check_links(run.path()).unwrap_err().to_string();
            assert!(error.contains(&format!("{name} is a link")), "{error}");
            fs::remove_file(link).unwrap();
        }
    }

    #[test]
    fn a_folder_of_other_things_is_no_cache() {
        let folder = tempfile::tempdir().unwrap();
        assert!(check_cache(folder.path()).is_ok() && check_cache(&folder.path().join("new")).is_ok());
        fs::create_dir(folder.path().join("index")).unwrap();
        assert!(check_cache(folder.path()).unwrap_err().to_string().contains("holds other things"));
        fs::create_dir(folder.path().join("journal")).unwrap();
        assert!(check_cache(folder.path()).is_ok());
    }
}
