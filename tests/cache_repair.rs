//! A cache that is lost, damaged or grown: the search goes on, the damage has a remedy, and what is of no use goes.

mod common;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use common::{Folder, assert_fails, run, stderr_of, stdout};
use search::{Ledger, Trial};
use serde_json::Value;
use spaces::nb_macro::Network;
use storage::{JournalStore, RealDisk};

fn published() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../data/nas_bench_macro/nas_bench_macro_cifar10.csv.gz")
}

/// `fecund search` over the published table of NAS-Bench-Macro.
fn search(folder: &Folder, out: &str, more: &[&str]) {
    let data = published();
    let task = ["search", "--space", "nb-macro", "--objective", "mean_acc", "--data", data.to_str().unwrap()];
    stdout(folder, &[&task[..], &["--out", out], more].concat());
}

fn trials(folder: &Folder, run: &str) -> Vec<Trial<Network>> {
    Ledger::read(&folder.path(run).join("trials.journal")).unwrap().trials
}

fn assert_same(a: &[Trial<Network>], b: &[Trial<Network>]) {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).for_each(|(a, b)| assert!(a.same_as(b), "{a:#?}\n{b:#?}"));
}

fn json(folder: &Folder, arguments: &[&str]) -> Value {
    serde_json::from_str(&stdout(folder, &[arguments, &["--format", "json"]].concat())).unwrap()
}

/// Flips a byte at this part of a file; returns the one before.
fn flip(path: &Path, part: f64) {
    let mut bytes = fs::read(path).unwrap();
    let at = (bytes.len() as f64 * part) as usize;
    bytes[at] ^= 0x55;
    fs::write(path, bytes).unwrap();
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

#[test]
fn an_index_that_is_lost_cut_or_overwritten_is_made_anew_and_said() {
    let folder = Folder::new();
    search(&folder, "whole", &["--trials", "120"]);
    search(&folder, "run", &["--trials", "60"]);
    let index = folder.path("run/cache/index");
    let spoil = |change: &dyn Fn(&Path)| files(&index).iter().for_each(|file| change(file));
    let cases: [(&str, &dyn Fn()); 3] = [
        ("deleted", &|| fs::remove_dir_all(&index).unwrap()),
        ("truncated", &|| spoil(&|file| fs::write(file, &fs::read(file).unwrap()[..7]).unwrap())),
        ("noise", &|| {
            spoil(&|file| {
                fs::write(file, (0..9000u32).map(|n| (n * n / 7) as u8).collect::<Vec<_>>()).unwrap()
            })
        }),
    ];
    for (case, (name, change)) in cases.iter().enumerate() {
        change();
        let output = run(&folder, &["resume", "run", "--trials", &(80 + 20 * case).to_string()]);
        let said = stderr_of(&output);
        assert!(output.status.success() && said.contains("rebuilt the index of"), "{name}: {said}");
    }
    assert_same(&trials(&folder, "run"), &trials(&folder, "whole"));
    assert_eq!(
        json(&folder, &["cache", "stats", "run/cache"])["evaluations"],
        json(&folder, &["cache", "stats", "whole/cache"])["evaluations"]
    );
}

#[test]
fn a_damaged_run_names_its_remedy_and_goes_on_to_the_same_trials() {
    let folder = Folder::new();
    search(&folder, "whole", &["--trials", "200"]);
    search(&folder, "run", &["--trials", "150"]);
    let before = trials(&folder, "run");
    flip(&folder.path("run/cache/journal/000001.seg"), 0.5);
    flip(&folder.path("run/trials.journal/000001.seg"), 0.6);
    let resume = ["resume", "run", "--trials", "200"];
    assert_fails(&folder, &resume, 1, &["trials.journal", "damaged at byte", "`fecund cache rebuild run`"]);

    let output = run(&folder, &["cache", "rebuild", "run", "--format", "json"]);
    let said = stderr_of(&output);
    assert!(
        output.status.success() && said.contains("damaged at byte") && said.contains("fecund resume run"),
        "{said}"
    );
    let rebuilt: Value = serde_json::from_slice(&output.stdout).unwrap();
    let [cache, trials_now] = [&rebuilt[0], &rebuilt[1]];
    assert_eq!(cache["damages"][0]["path"], "run/cache/journal/000001.seg");
    assert!(
        cache["damages"][0]["offset"].as_u64().unwrap() > 36
            && cache["damages"][0]["bytes"].as_u64().unwrap() > 16
    );
    assert_eq!(cache["moved_to"], "run/cache/journal.damaged-1");
    assert_eq!(trials_now["moved_to"], "run/trials.journal.damaged-1");
    assert!(folder.path("run/trials.journal.damaged-1/000001.seg").exists());
    let kept = trials_now["kept"].as_u64().unwrap() as usize;
    assert!(kept > 60 && kept < 150, "{kept}");
    assert_same(&trials(&folder, "run"), &before[..kept]);

    stdout(&folder, &resume);
    assert_same(&trials(&folder, "run"), &trials(&folder, "whole"));
    let evaluations = |run: &str| json(&folder, &["cache", "stats", run])["evaluations"].as_u64().unwrap();
    let again = json(&folder, &["cache", "rebuild", "run"]);
    assert!(again[0]["moved_to"].is_null() && again[1]["moved_to"].is_null(), "{again}");
    assert!(
        evaluations("run/cache") >= evaluations("whole/cache") - 1,
        "one record was lost, and no other is paid for twice"
    );
}

#[test]
fn a_cache_alone_is_rebuilt_and_what_is_none_is_refused() {
    let folder = Folder::new();
    search(&folder, "run", &["--trials", "40", "--cache", "shared"]);
    let entries = json(&folder, &["cache", "stats", "shared"])["entries"].as_u64().unwrap();
    flip(&folder.path("shared/journal/000001.seg"), 0.3);
    let remedy =
        format!("`fecund cache rebuild {}`", folder.path("shared").canonicalize().unwrap().display());
    assert_fails(&folder, &["resume", "run", "--trials", "50"], 1, &[&remedy]);
    assert_fails(&folder, &["cache", "gc", "shared"], 1, &["`fecund cache rebuild shared`"]);
    let table = stdout(&folder, &["cache", "rebuild", "shared", "--format", "csv"]);
    let row: Vec<_> = table.lines().nth(1).unwrap().split(',').collect();
    assert_eq!(row[..4], ["shared/journal", &(entries - 1).to_string(), "0", "1"], "{table}");
    stdout(&folder, &["resume", "run", "--trials", "50"]);
    for command in ["rebuild", "gc"] {
        fs::create_dir_all(folder.path("empty")).unwrap();
        assert_fails(&folder, &["cache", command, "empty"], 1, &["empty is neither a run nor a cache"]);
        assert_fails(&folder, &["cache", command, "nowhere"], 1, &["nowhere is not there"]);
    }
    assert!(files(&folder.path("empty")).is_empty() && !folder.path("nowhere").exists());
}

#[test]
fn a_swept_run_answers_as_before_and_has_lost_only_what_was_named() {
    let folder = Folder::new();
    // Without the cache, a key is evaluated again and again, and its record replaced each time.
    search(&folder, "run", &["--trials", "250", "--no-cache"]);
    let made = trials(&folder, "run");
    let keys: BTreeSet<_> = made.iter().map(|trial| trial.key).collect();
    let score = |trial: &&Trial<Network>| trial.verdict.score("mean_acc").unwrap();
    let best = made.iter().max_by(|a, b| score(a).total_cmp(&score(b))).unwrap();
    let worst = made.iter().min_by(|a, b| score(a).total_cmp(&score(b))).unwrap();
    for name in [best.key.to_string(), worst.key.to_string(), "unsettled".into(), "half.made".into()] {
        let artifact = folder.path("run/artifacts").join(name);
        fs::create_dir_all(&artifact).unwrap();
        fs::write(artifact.join("weights"), [1; 500]).unwrap();
    }
    fs::create_dir(folder.path("run/cache/index.damaged-1")).unwrap();
    fs::write(folder.path("run/cache/index.damaged-1/db"), [1; 300]).unwrap();

    let before = (json(&folder, &["cache", "stats", "run/cache"]), stdout(&folder, &["leaderboard", "run"]));
    let journal = folder.path("run/cache/journal/000001.seg");
    let length = |path: &Path| fs::metadata(path).unwrap().len();
    let full = length(&journal);
    let frames = storage::read_journal(&folder.path("run/cache/journal")).unwrap().frames.len();
    assert!(frames > keys.len() + 50, "many records were replaced");
    let foretold = json(&folder, &["cache", "gc", "run", "--dry-run"]);
    assert_eq!(length(&journal), full, "a dry run changes nothing");
    let swept = json(&folder, &["cache", "gc", "run"]);
    assert_eq!(swept, foretold);
    let counts: Vec<_> = swept.as_array().unwrap().iter().map(|row| row["count"].as_u64().unwrap()).collect();
    assert_eq!(counts, [(frames - keys.len()) as u64, 1, 1, 1]);
    assert_eq!(full - length(&journal), swept[0]["bytes"].as_u64().unwrap());
    let bytes: Vec<_> = swept.as_array().unwrap().iter().map(|row| row["bytes"].as_u64().unwrap()).collect();
    assert_eq!(bytes[1..], [300, 500, 500]);

    let artifacts: BTreeSet<_> =
        fs::read_dir(folder.path("run/artifacts")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(artifacts, [best.key.to_string().into(), "unsettled".into()].into());
    let after = (json(&folder, &["cache", "stats", "run/cache"]), stdout(&folder, &["leaderboard", "run"]));
    assert_eq!(
        (&after.0["evaluations"], &after.0["entries"]),
        (&before.0["evaluations"], &before.0["entries"])
    );
    assert_eq!(after.1, before.1);
    search(&folder, "whole", &["--trials", "270", "--no-cache"]);
    stdout(&folder, &["resume", "run", "--trials", "270"]);
    assert_same(&trials(&folder, "run"), &trials(&folder, "whole"));
    let said = stderr_of(&run(&folder, &["cache", "gc", "run/cache"]));
    assert!(said.contains("bytes freed"), "{said}");
}

#[test]
fn a_run_in_use_is_not_touched() {
    let folder = Folder::new();
    search(&folder, "run", &["--trials", "30"]);
    let me = format!("in use by process {}", std::process::id());
    let cache = JournalStore::open(&folder.path("run/cache"), Arc::new(RealDisk)).unwrap();
    for command in [["cache", "gc", "run"], ["cache", "rebuild", "run"], ["cache", "gc", "run/cache"]] {
        assert_fails(&folder, &command, 1, &[&me]);
    }
    drop(cache);
    let trials = Ledger::open::<Network>(&folder.path("run/trials.journal"), Arc::new(RealDisk)).unwrap();
    assert_fails(&folder, &["cache", "gc", "run"], 1, &[&me]);
    drop(trials);
    assert!(stdout(&folder, &["cache", "gc", "run"]).contains("replaced records"));
}

#[test]
fn a_cache_that_is_gone_is_said_and_the_search_goes_on_to_the_same_trials() {
    let folder = Folder::new();
    search(&folder, "whole", &["--trials", "80"]);
    for (run_name, more) in [("own", &[][..]), ("shared", &["--cache", "elsewhere"][..])] {
        search(&folder, run_name, &[&["--trials", "40"], more].concat());
        let cache = if more.is_empty() { folder.path("own/cache") } else { folder.path("elsewhere") };
        fs::remove_dir_all(cache).unwrap();
        let output = run(&folder, &["resume", run_name, "--trials", "80"]);
        let said = stderr_of(&output);
        assert!(output.status.success() && said.contains("is gone; a new one is begun"), "{said}");
        assert_same(&trials(&folder, run_name), &trials(&folder, "whole"));
    }
}

#[test]
fn readers_of_a_damaged_run_say_so_and_name_the_remedy() {
    let folder = Folder::new();
    search(&folder, "run", &["--trials", "60"]);
    flip(&folder.path("run/trials.journal/000001.seg"), 0.5);
    flip(&folder.path("run/cache/journal/000001.seg"), 0.5);
    for command in [&["cache", "stats", "run"][..], &["cache", "list", "run"], &["leaderboard", "run"]] {
        let said = stderr_of(&run(&folder, command));
        assert!(said.contains("damaged at byte"), "{command:?}: {said}");
        assert!(said.contains("fecund cache rebuild run"), "{command:?}: {said}");
    }
}

#[test]
fn a_limit_on_the_size_of_files_is_an_error_like_a_full_disk() {
    let folder = Folder::new();
    let data = published();
    let command = format!(
        "ulimit -f 40; '{}' search --space nb-macro --objective mean_acc --data '{}' --trials 400 --out run",
        assert_cmd::cargo::cargo_bin("fecund").display(),
        data.display()
    );
    let output = std::process::Command::new("sh")
        .args(["-c", &command])
        .current_dir(folder.0.path())
        .output()
        .unwrap();
    let said = stderr_of(&output);
    assert!(output.status.code() == Some(1) && said.contains("disk full"), "{:?}: {said}", output.status);
    stdout(&folder, &["resume", "run"]);
    search(&folder, "whole", &["--trials", "400"]);
    assert_same(&trials(&folder, "run"), &trials(&folder, "whole"));
}
