//! Bytes from elsewhere: the targets of `tests/fuzz`, run on their seeds and on seeded mutations of them, and runs that
//! somebody else prepared.

mod common;
#[path = "fuzz/src/lib.rs"]
mod targets;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use common::{Folder, assert_fails, run, stdout};
use hashing::Rng;

/// Name and bytes, in the order of the names.
fn seeds(target: &str) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fuzz/seeds").join(target);
    let mut seeds: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|entry| (entry.file_name().to_string_lossy().into_owned(), fs::read(entry.path()).unwrap()))
        .collect();
    seeds.sort();
    seeds
}

/// One to four changes: of a bit, of a byte, of how much is there, and of what is from where.
fn mutated(seed: &[u8], other: &[u8], rng: &mut Rng) -> Vec<u8> {
    let mut bytes = seed.to_vec();
    for _ in 0..=rng.below(4) {
        let at = rng.below(bytes.len() + 1);
        let end = (at + rng.below(16)).min(bytes.len());
        match rng.below(7) {
            0 if at < bytes.len() => bytes[at] ^= 1 << rng.below(8),
            1 if at < bytes.len() => bytes[at] = rng.next_u64() as u8,
            2 => bytes.truncate(at),
            3 => drop(bytes.drain(at..end)),
            4 => drop(bytes.splice(at..end, rng.choose(&INTERESTING).iter().copied())),
            5 => drop(bytes.splice(at..at, bytes[at..end].to_vec())),
            _ => drop(bytes.splice(at.., other[rng.below(other.len() + 1)..].iter().copied())),
        }
    }
    bytes
}

const INTERESTING: [&[u8]; 8] =
    [b"\xff\xff\xff\xff", b"\x00", b"18446744073709551615", b"-1", b"1e308", b"\"", b"[[[[[[[[", b"\n"];

/// Every seed is read, or refused if its name says so; no mutation breaks a promise.
fn holds(target: &str, mutations: u64) {
    let (_, run) = *targets::ALL.iter().find(|(name, _)| *name == target).unwrap();
    let seeds = seeds(target);
    assert!(!seeds.is_empty());
    for (name, bytes) in &seeds {
        assert_eq!(run(bytes), !name.starts_with("refused"), "{target}/{name}");
    }
    let mut refused = 0;
    for number in 0..mutations {
        let mut rng = Rng::named(0, target, number);
        let (seed, other) = (rng.choose(&seeds).1.clone(), &rng.choose(&seeds).1);
        refused += u64::from(!run(&mutated(&seed, other, &mut rng)));
    }
    assert!(0 < refused && refused < mutations, "{refused} of {mutations} mutations of {target} refused");
}

#[test]
fn data_files_are_read_or_refused() {
    holds("ts", 3000);
}

#[test]
fn tables_are_read_or_refused() {
    holds("table", 2000);
}

#[test]
fn candidates_in_json_are_read_or_refused() {
    holds("genome", 2000);
}

#[test]
fn expressions_and_programs_are_read_or_refused() {
    holds("code", 2000);
}

#[test]
fn opening_a_journal_finds_what_reading_found() {
    holds("journal", 300);
}

#[test]
fn records_in_intact_frames_are_read_or_refused() {
    holds("record", 2000);
}

#[test]
fn what_comes_through_the_pipe_is_read_or_refused() {
    holds("frames", 3000);
}

#[test]
fn trials_in_intact_frames_are_read_or_refused() {
    holds("trials", 1000);
}

/// A run over a small published table, searched to its end.
fn replayed(folder: &Folder) -> PathBuf {
    let rows = (0..30).map(|n: u32| format!("0000{:04}\n", n));
    let digits = |row: &String| row.chars().all(|c| "012\n".contains(c));
    let rows: String = rows.filter(digits).map(|row| format!("{},{}\n", row.trim(), row.len())).collect();
    folder.write("table.csv", format!("arch,accuracy\n{rows}"));
    let arguments = ["search", "--space", "nb-macro", "--data", "table.csv", "--objective", "accuracy"];
    stdout(folder, &[&arguments[..], &["--trials", "5", "--jobs", "1", "--out", "run"]].concat());
    folder.path("run")
}

#[test]
fn a_run_that_links_elsewhere_is_not_opened_and_nothing_there_is_removed() {
    let folder = Folder::new();
    let path = replayed(&folder);
    let home = folder.path("home");
    fs::create_dir_all(home.join(".settings")).unwrap();
    fs::remove_dir_all(path.join("artifacts")).unwrap();
    symlink(&home, path.join("artifacts")).unwrap();
    for command in [&["resume", "run", "--trials", "6"][..], &["leaderboard", "run"]] {
        assert_fails(&folder, command, 1, &["run/artifacts is a link"]);
    }
    assert!(home.join(".settings").is_dir());
}

#[test]
fn settings_that_would_take_the_machine_or_a_folder_are_refused() {
    let folder = Folder::new();
    let file = replayed(&folder).join("study.toml");
    let before = fs::read_to_string(&file).unwrap();
    let mine = folder.path("mine");
    fs::create_dir_all(mine.join("index")).unwrap();
    let cache = format!("cache = {:?}\nseed = ", mine.to_str().unwrap());
    for (from, to, named) in [
        ("jobs = 1", "jobs = 1000000", "1000000 jobs; give 1 to 1024"),
        ("jobs = 1", "jobs = 0", "0 jobs; give 1 to 1024"),
        ("trials = 5", "trials = 5\ntime = 1e300", "a budget of"),
        ("trials = 5", "trials = 5\ntime = nan", "a budget of NaN s"),
        ("redraws = 0", "redraws = 9223372036854775807", "redraws = 9223372036854775807; give 10000 at most"),
        ("tournament = 4", "tournament = 1000001", "tournament = 1000001; give 1000000 at most"),
        ("crossover = 0.0", "crossover = nan", "crossover = NaN; give a share from 0 to 1"),
        ("seed = 0", "seed = 9223372036854775808", "study.toml:6:8: seed: "),
        ("seed = ", cache.as_str(), "holds other things and no cache"),
    ] {
        assert!(before.contains(from), "{from}: {before}");
        fs::write(&file, before.replacen(from, to, 1)).unwrap();
        assert_fails(&folder, &["resume", "run", "--trials", "6"], 1, &[named]);
    }
    assert!(mine.join("index").is_dir() && mine.read_dir().unwrap().count() == 1);
}

#[test]
fn what_data_say_cannot_drive_the_terminal() {
    let folder = Folder::new();
    folder.write("table.csv", "arch,\u{1b}[2Jaccuracy\n00000000,1\n");
    let search = ["search", "--space", "nb-macro", "--data", "table.csv", "--objective", "x"];
    assert_fails(&folder, &search, 2, &["the columns are: \u{fffd}[2Jaccuracy"]);
    folder.write("genomes.jsonl", "{\"\\u001b[2J\": 1}\n");
    let hash = ["hash", "--space", "sequence", "genomes.jsonl"];
    assert_fails(&folder, &hash, 1, &["unknown field `\u{fffd}[2J`"]);
    for command in [&search[..], &hash] {
        assert!(!run(&folder, command).stderr.contains(&0x1b));
    }
}
