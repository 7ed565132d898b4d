//! The trainer of the README, run as it stands there.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::common::{Folder, stdout};

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name)
}

#[test]
fn the_trainer_of_the_readme_trains_a_run_to_its_end() {
    let (readme, trainer) = (file("README.md"), file("docs/trainer.py"));
    let code = fs::read_to_string(&trainer).unwrap();
    assert!(fs::read_to_string(readme).unwrap().contains(&code), "the README shows docs/trainer.py as it is");

    let folder = Folder::new();
    let create =
        ["create", "--space", "nb-macro", "--objective", "accuracy", "--trainings", "20", "--out", "mine"];
    stdout(&folder, &create);
    let program = assert_cmd::cargo::cargo_bin("fecund");
    let path = env::join_paths(
        std::iter::once(program.parent().unwrap().to_path_buf())
            .chain(env::split_paths(&env::var_os("PATH").unwrap())),
    );
    let trained = Command::new("python3")
        .arg(trainer)
        .arg("mine")
        .env("PATH", path.unwrap())
        .current_dir(folder.0.path())
        .output()
        .expect("python3 is there");
    assert!(trained.status.success(), "{}", String::from_utf8_lossy(&trained.stderr));
    let stats: Value =
        serde_json::from_str(&stdout(&folder, &["cache", "stats", "mine", "--format", "json"])).unwrap();
    assert_eq!(stats["trained"], 20);
    let said = String::from_utf8_lossy(&trained.stderr);
    assert!(said.contains("20 evaluations made, as many as asked for"), "{said}");
}
