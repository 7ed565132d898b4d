//! Finds the files of a data set: the training file, and the test file beside it, which is not opened.

use std::fs;
use std::path::{Path, PathBuf};

use crate::DataError;

/// Where a data set lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Location {
    pub train: PathBuf,
    pub test: Option<PathBuf>,
}

/// Finds the training file that `data` names, and its test file. Reads no test data, it only looks for the name.
///
/// `data` is a `.ts` or `.ts.gz` file, or a folder with exactly one pair of `X_TRAIN` and `X_TEST` files. A file
/// `X_TRAIN` takes the `X_TEST` beside it, of the same compression if there are both; another file has no test file.
/// An explicit `test` must exist and comes before what lies beside. To give `X_TEST` as the training data while
/// `X_TRAIN` lies beside it, without naming a `test`, is an error: it is a slip that would spoil the test.
pub fn locate(data: &Path, test: Option<&Path>) -> Result<Location, DataError> {
    let train = if data.is_dir() { train_within(data, test.is_some())? } else { existing(data)? };
    if let Some(test) = test {
        return Ok(Location { train, test: Some(existing(test)?) });
    }
    if let Some(partner) = partner(&train, "_TEST", "_TRAIN")? {
        let what = format!("is the test file of {0}; give {0}, or name the test file too", partner.display());
        return Err(DataError::NotLocated { path: train, what });
    }
    let test = partner(&train, "_TRAIN", "_TEST")?;
    Ok(Location { train, test })
}

/// `.ts` files have one target, the class at the end of each line: `None` and `class` mean it, nothing else does.
pub fn check_target(target: Option<&str>) -> Result<(), DataError> {
    match target {
        None | Some("class") => Ok(()),
        Some(other) => Err(DataError::UnknownTarget(other.to_string())),
    }
}

/// The name of a data file, taken apart.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Name<'a> {
    /// Without `.ts` or `.ts.gz`.
    pub stem: &'a str,
    pub compressed: bool,
}

impl<'a> Name<'a> {
    /// An error if the name does not end in `.ts` or `.ts.gz`.
    pub fn of(path: &'a Path) -> Result<Self, DataError> {
        Self::try_of(path).ok_or_else(|| {
            not_located(path, "not a .ts file; give a file that ends in .ts or .ts.gz, with a name in UTF-8")
        })
    }

    fn try_of(path: &'a Path) -> Option<Self> {
        let name = path.file_name()?.to_str()?;
        let plain = name.strip_suffix(".gz").unwrap_or(name);
        let stem = plain.strip_suffix(".ts").filter(|stem| !stem.is_empty())?;
        Some(Self { stem, compressed: plain.len() < name.len() })
    }
}

/// `path`, if it is a file of a known kind.
fn existing(path: &Path) -> Result<PathBuf, DataError> {
    let found =
        fs::metadata(path).map_err(|source| DataError::Unreadable { path: path.to_path_buf(), source })?;
    if found.is_dir() {
        return Err(not_located(path, "is a folder; give a .ts or .ts.gz file"));
    }
    Name::of(path).map(|_| path.to_path_buf())
}

/// For `X` + `ending` the file `X` + `other` beside it, if there is one.
fn partner(path: &Path, ending: &str, other: &str) -> Result<Option<PathBuf>, DataError> {
    let name = Name::of(path)?;
    let Some(problem) = name.stem.strip_suffix(ending) else { return Ok(None) };
    let endings = if name.compressed { [".ts.gz", ".ts"] } else { [".ts", ".ts.gz"] };
    let candidates = endings.map(|end| path.with_file_name(format!("{problem}{other}{end}")));
    Ok(candidates.into_iter().find(|candidate| candidate.is_file()))
}

/// The one training file of a folder; it must have a test file beside it unless that was `given`.
fn train_within(folder: &Path, given: bool) -> Result<PathBuf, DataError> {
    let unreadable = |source| DataError::Unreadable { path: folder.to_path_buf(), source };
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        let is_train =
            Name::try_of(&path).is_some_and(|name| name.stem.ends_with("_TRAIN")) && path.is_file();
        if is_train && (given || partner(&path, "_TRAIN", "_TEST")?.is_some()) {
            found.push(path);
        }
    }
    found.sort();
    match found.as_slice() {
        [one] => Ok(one.clone()),
        [] => Err(not_located(
            folder,
            "no pair of X_TRAIN.ts and X_TEST.ts in this folder; name the training file",
        )),
        several => Err(not_located(folder, format!("{}; name the one you mean", listing(several)))),
    }
}

/// "3 training files in this folder: a, b, c", with the first few of many.
fn listing(paths: &[PathBuf]) -> String {
    const SHOWN: usize = 5;
    let names: Vec<_> = paths.iter().take(SHOWN).filter_map(|path| path.file_name()?.to_str()).collect();
    let more = if paths.len() > SHOWN { ", …" } else { "" };
    format!("{} training files in this folder: {}{more}", paths.len(), names.join(", "))
}

fn not_located(path: &Path, what: impl Into<String>) -> DataError {
    DataError::NotLocated { path: path.to_path_buf(), what: what.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(files: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        files.iter().for_each(|file| fs::write(folder.path().join(file), "").unwrap());
        folder
    }

    /// Names found in a folder of `files` by giving `data` (a file in it, or `.`) and perhaps a test file.
    fn found(files: &[&str], data: &str, test: Option<&str>) -> Result<(String, Option<String>), String> {
        let folder = folder(files);
        let inside =
            |name: &str| if name == "." { folder.path().to_path_buf() } else { folder.path().join(name) };
        let location =
            locate(&inside(data), test.map(inside).as_deref()).map_err(|error| error.to_string())?;
        let name = |path: PathBuf| path.file_name().unwrap().to_string_lossy().into_owned();
        Ok((name(location.train), location.test.map(name)))
    }

    fn pair(train: &str, test: Option<&str>) -> Result<(String, Option<String>), String> {
        Ok((train.to_string(), test.map(str::to_string)))
    }

    #[test]
    fn a_training_file_takes_the_test_file_beside_it() {
        let both = ["X_TEST.ts", "X_TEST.ts.gz", "X_TRAIN.ts", "X_TRAIN.ts.gz"];
        assert_eq!(found(&both, "X_TRAIN.ts", None), pair("X_TRAIN.ts", Some("X_TEST.ts")));
        assert_eq!(found(&both, "X_TRAIN.ts.gz", None), pair("X_TRAIN.ts.gz", Some("X_TEST.ts.gz")));
        let mixed = ["X_TEST.ts.gz", "X_TRAIN.ts", "Y_TEST.ts"];
        assert_eq!(found(&mixed, "X_TRAIN.ts", None), pair("X_TRAIN.ts", Some("X_TEST.ts.gz")));
        assert_eq!(found(&["X_TRAIN.ts", "Y_TEST.ts"], "X_TRAIN.ts", None), pair("X_TRAIN.ts", None));
        assert_eq!(found(&["plain.ts", "X_TEST.ts"], "plain.ts", None), pair("plain.ts", None));
    }

    #[test]
    fn a_folder_with_one_pair_is_enough() {
        let files = ["README.md", "X_TEST.ts", "X_TRAIN.ts", "Y_TRAIN.ts"];
        assert_eq!(found(&files, ".", None), pair("X_TRAIN.ts", Some("X_TEST.ts")));
        assert_eq!(found(&["X_TRAIN.ts", "t.ts"], ".", Some("t.ts")), pair("X_TRAIN.ts", Some("t.ts")));
    }

    #[test]
    fn a_folder_with_no_pair_or_several_says_what_to_name() {
        for files in [vec![], vec!["plain.ts"], vec!["X_TRAIN.ts"], vec!["X_TEST.ts", "Y_TRAIN.ts"]] {
            let error = found(&files, ".", None).unwrap_err();
            assert!(error.contains(": no pair of X_TRAIN.ts and X_TEST.ts in this folder; name"), "{error}");
        }
        let files = ["X_TEST.ts", "X_TRAIN.ts", "Y_TEST.ts", "Y_TRAIN.ts"];
        let error = found(&files, ".", None).unwrap_err();
        assert!(error.contains(": 2 training files in this folder: X_TRAIN.ts, Y_TRAIN.ts; name"), "{error}");
    }

    #[test]
    fn an_explicit_test_file_must_exist_and_wins() {
        let files = ["X_TEST.ts", "X_TRAIN.ts", "other.ts.gz", "t.csv"];
        assert_eq!(found(&files, "X_TRAIN.ts", Some("other.ts.gz")), pair("X_TRAIN.ts", Some("other.ts.gz")));
        assert!(
            found(&files, "X_TRAIN.ts", Some("no.ts")).unwrap_err().contains("no.ts: no such file; check")
        );
        assert!(found(&files, "X_TRAIN.ts", Some("t.csv")).unwrap_err().contains("t.csv: not a .ts file"));
        assert!(found(&files, "X_TRAIN.ts", Some(".")).unwrap_err().contains(": is a folder; give a .ts"));
    }

    #[test]
    fn a_test_file_is_not_taken_for_training_data_by_a_slip() {
        let files = ["X_TEST.ts", "X_TRAIN.ts"];
        assert!(found(&files, "X_TEST.ts", None).unwrap_err().contains("X_TEST.ts: is the test file of"));
        assert_eq!(found(&files, "X_TEST.ts", Some("X_TRAIN.ts")), pair("X_TEST.ts", Some("X_TRAIN.ts")));
        assert_eq!(found(&["X_TEST.ts"], "X_TEST.ts", None), pair("X_TEST.ts", None));
    }

    #[test]
    fn what_is_not_there_or_not_a_ts_file_is_an_error() {
        let files = ["x.csv", ".ts", "x.gz"];
        assert!(found(&files, "no.ts", None).unwrap_err().contains("no.ts: no such file"));
        for name in files {
            assert!(
                found(&files, name, None).unwrap_err().contains("not a .ts file; give a file that ends"),
                "{name}"
            );
        }
    }

    #[test]
    fn the_only_target_is_the_class() {
        assert!(check_target(None).is_ok() && check_target(Some("class")).is_ok());
        let error = check_target(Some("price")).unwrap_err().to_string();
        assert_eq!(
            error,
            "unknown target `price`: a .ts file has one target, `class`; name that one or none"
        );
    }
}
