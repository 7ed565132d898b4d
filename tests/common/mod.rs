//! Small data sets and runs of `fecund`, for the tests of the command line.

#![allow(dead_code, reason = "each test target uses its own part")]

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use assert_cmd::Command;
use hashing::Rng;
use tempfile::TempDir;

pub struct Folder(pub TempDir);

impl Folder {
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn write(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, text).unwrap();
        path
    }

    /// A training and a test part: two channels, three classes that differ in frequency, lengths 8 to 13.
    pub fn waves(&self) -> PathBuf {
        self.write("Waves_TEST.ts", waves(1, 24));
        self.write("Waves_TRAIN.ts", waves(0, 48))
    }
}

/// A `.ts` file of so many cases.
pub fn waves(seed: u64, cases: usize) -> String {
    let mut text = String::from(
        "@problemName Waves\n@timeStamps false\n@missing false\n@univariate false\n@dimensions 2\n",
    );
    text += "@equalLength false\n@classLabel true slow middle fast\n@data\n";
    let mut rng = Rng::named(seed, "waves", 0);
    for case in 0..cases {
        let class = case % 3;
        let length = 8 + rng.below(6);
        let phase = rng.between(0.0, 6.0);
        let dimension = |shift: f64, rng: &mut Rng| {
            let value = |t: usize| (phase + shift + (class as f64 + 1.0) * 0.6 * t as f64).sin();
            (0..length).map(|t| format!("{:.4}", value(t) + 0.1 * rng.normal())).collect::<Vec<_>>().join(",")
        };
        let (a, b) = (dimension(0.0, &mut rng), dimension(1.5, &mut rng));
        writeln!(text, "{a}:{b}:{}", ["slow", "middle", "fast"][class]).unwrap();
    }
    text
}

/// `fecund` with these arguments, run in `folder`.
pub fn fecund(folder: &Folder, arguments: &[&str]) -> Command {
    let mut command = Command::cargo_bin("fecund").unwrap();
    command.args(arguments).current_dir(folder.0.path());
    command
}

pub fn run(folder: &Folder, arguments: &[&str]) -> Output {
    fecund(folder, arguments).output().unwrap()
}

/// What it prints, if it succeeds.
pub fn stdout(folder: &Folder, arguments: &[&str]) -> String {
    let output = run(folder, arguments);
    assert!(output.status.success(), "fecund {arguments:?}: {}", stderr_of(&output));
    String::from_utf8(output.stdout).unwrap()
}

pub fn stderr_of(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Fails with this exit code, says each of these words, and shows no panic and no backtrace.
pub fn assert_fails(folder: &Folder, arguments: &[&str], code: i32, words: &[&str]) {
    let output = run(folder, arguments);
    let said = stderr_of(&output);
    assert_eq!(output.status.code(), Some(code), "fecund {arguments:?}: {said}");
    for word in words {
        assert!(said.contains(word), "fecund {arguments:?} does not say `{word}`: {said}");
    }
    assert!(!said.contains("panicked") && !said.contains("RUST_BACKTRACE"), "{said}");
}

/// Whether training can run here; if not, the reason is printed, and it is an error where all tests must run.
pub fn worker_is_there() -> bool {
    let program = assert_cmd::cargo::cargo_bin("fecund");
    let there = program.with_file_name("fecund-worker").is_file();
    if !there {
        println!("skipped: no fecund-worker beside {}; `make test` builds it", program.display());
        assert!(std::env::var_os("FECUND_ALL_TESTS").is_none(), "fecund-worker is not built");
    }
    there
}

pub fn lines(path: &Path) -> Vec<String> {
    fs::read_to_string(path).unwrap().lines().map(String::from).collect()
}
