//! What a training leaves on disk: complete under its name, or not at all.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::{fs, io, process};

use evaluator::sequence::Summary;
use serde::Serialize;

/// A folder in the making, which takes its name when it is finished and vanishes if it is not.
#[derive(Debug)]
pub struct Folder {
    making: PathBuf,
    target: PathBuf,
}

impl Folder {
    /// Beside `target`, with the folders above it.
    pub fn new(target: &Path) -> Result<Self, String> {
        let folder = Self { making: beside(target, "making"), target: target.to_path_buf() };
        fs::create_dir_all(&folder.making).map_err(|error| not_written(target, &error))?;
        Ok(folder)
    }

    /// Where to write the file of this name.
    pub fn file(&self, name: &str) -> PathBuf {
        self.making.join(name)
    }

    /// Writes `summary.json` and puts the folder in its place. One that is there already is replaced.
    pub fn finish<G: Serialize>(self, summary: &Summary<G>) -> Result<(), String> {
        let written = serde_json::to_vec_pretty(summary).map_err(io::Error::other);
        let written = written.and_then(|json| fs::write(self.file("summary.json"), json));
        written.and_then(|()| self.take_place()).map_err(|error| not_written(&self.target, &error))
    }

    fn take_place(&self) -> io::Result<()> {
        let old = beside(&self.target, "old");
        let replaced = fs::rename(&self.target, &old).is_ok();
        if let Err(error) = fs::rename(&self.making, &self.target) {
            // Another worker was faster with the same key and seed, and so with the same bits.
            return if self.target.is_dir() { Ok(()) } else { Err(error) };
        }
        if replaced { fs::remove_dir_all(old) } else { Ok(()) }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // Gone when the folder was finished.
        let _ = fs::remove_dir_all(&self.making);
    }
}

/// Writes a file beside `target`, with the folders above it, and renames it when it is complete.
pub fn write_file(target: &Path, write: impl FnOnce(&Path) -> Result<(), String>) -> Result<(), String> {
    let failed = |error: io::Error| not_written(target, &error);
    if let Some(folder) = target.parent() {
        fs::create_dir_all(folder).map_err(failed)?;
    }
    let making = beside(target, "making");
    let written = write(&making).and_then(|()| fs::rename(&making, target).map_err(failed));
    if written.is_err() {
        let _ = fs::remove_file(&making);
    }
    written
}

/// `target.suffix-PID`: no other worker writes there.
fn beside(target: &Path, suffix: &str) -> PathBuf {
    let mut name = target.file_name().map_or_else(|| OsString::from("artifacts"), OsString::from);
    name.push(format!(".{suffix}-{}", process::id()));
    target.with_file_name(name)
}

fn not_written(path: &Path, error: &io::Error) -> String {
    format!("{} not written: {error}", path.display())
}

#[cfg(test)]
mod tests {
    use spaces::sequence::Genome;

    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_folder_appears_when_it_is_finished_and_replaces_the_one_before() {
        let place = tempfile::tempdir().unwrap();
        let target = place.path().join("a/key");
        for file in ["x", "y"] {
            let folder = Folder::new(&target).unwrap();
            fs::write(folder.file(file), "").unwrap();
            folder.finish(&Summary::<Genome>::default()).unwrap();
            assert_eq!(names(&target), ["summary.json", file]);
            assert_eq!(names(target.parent().unwrap()), ["key"]);
        }
    }

    #[test]
    fn a_folder_that_is_not_finished_leaves_nothing() {
        let place = tempfile::tempdir().unwrap();
        drop(Folder::new(&place.path().join("key")).unwrap());
        assert!(names(place.path()).is_empty());
    }

    #[test]
    fn a_file_that_is_not_written_leaves_nothing() {
        let place = tempfile::tempdir().unwrap();
        let target = place.path().join("weights");
        let half = |path: &Path| {
            fs::write(path, "half").unwrap();
            Err("disk full".to_string())
        };
        assert_eq!(write_file(&target, half), Err("disk full".to_string()));
        assert!(names(place.path()).is_empty());
        write_file(&target, |path| fs::write(path, "all").map_err(|error| error.to_string())).unwrap();
        assert_eq!(names(place.path()), ["weights"]);
    }
}
