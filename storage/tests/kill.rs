//! `kill -9` at a random moment, again and again: what was acknowledged is found, and nothing that was never put.

mod common;

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use common::{open_store, real};
use hashing::{Key, Rng};
use storage::conformance::{sample_key, sample_record};
use storage::{JournalStore, Record, Store, StoreError};
use tempfile::tempdir;

const FOLDER: &str = "FECUND_KILL_TEST_FOLDER";
const FIRST: &str = "FECUND_KILL_TEST_FIRST";
/// How often a writer is killed; 60 where it is not set.
const ROUNDS: &str = "FECUND_KILL_ROUNDS";

/// A new store is begun after so many rounds, so that a long run does not spend its time reading.
const ROUNDS_OF_A_STORE: u64 = 60;
const NUMBERS_OF_A_ROUND: u64 = 1_000_000;

/// The key that every writer replaces.
fn contested() -> Key {
    sample_key(u64::MAX)
}

/// Not a test of its own: the process that the other one starts and kills. Compacts what is there; then it says what it is
/// about to put, and what was acknowledged.
#[test]
fn child_puts_records_until_it_is_killed() {
    let Some(dir) = std::env::var_os(FOLDER) else { return };
    let first: u64 = std::env::var(FIRST).unwrap().parse().unwrap();
    match JournalStore::compact(Path::new(&dir), real()) {
        Ok(_) | Err(StoreError::Missing { .. }) => {}
        Err(error) => panic!("{error}"),
    }
    let (store, _) = open_store(Path::new(&dir));
    let say = |word: &str, n: u64| writeln!(std::io::stdout(), "{word} {n}").unwrap();
    let put = |n| {
        say("putting", n);
        store.put(&sample_key(n), &sample_record(n)).unwrap();
        say("put", n);
    };
    let put_all = |n| {
        (n..n + 7).for_each(|n| say("putting", n));
        let entries: Vec<_> = (n..n + 7).map(|n| (sample_key(n), sample_record(n))).collect();
        store.put_all(&entries).unwrap();
        (n..n + 7).for_each(|n| say("put", n));
    };
    let replace = |n| {
        say("replacing", n);
        store.put(&contested(), &sample_record(n)).unwrap();
        say("replaced", n);
    };
    std::thread::scope(|scope| {
        scope.spawn(|| (first..).step_by(10).for_each(put));
        scope.spawn(|| (first + 1..).step_by(10).for_each(put_all));
        (first + 8..).step_by(10).for_each(replace);
    });
}

/// What writers have said; a word that was cut off counts for nothing.
#[derive(Default)]
struct Said {
    putting: BTreeSet<u64>,
    put: BTreeSet<u64>,
    replacing: BTreeSet<u64>,
    replaced: Option<u64>,
}

impl Said {
    fn hear(&mut self, line: &str) {
        // The harness says things of its own, and not always on a line of their own.
        let mut words = line.split_whitespace().rev();
        let number = words.next().and_then(|word| word.parse::<u64>().ok());
        let (Some(number), Some(word)) = (number, words.next()) else { return };
        match word {
            "putting" => drop(self.putting.insert(number)),
            "put" => drop(self.put.insert(number)),
            "replacing" => drop(self.replacing.insert(number)),
            "replaced" => self.replaced = Some(number),
            _ => {}
        }
    }
}

#[test]
fn acknowledged_records_survive_kill() {
    let rounds = std::env::var(ROUNDS).map_or(60, |rounds| rounds.parse().expect("a number of rounds"));
    let mut rng = Rng::named(9, "moments of a kill", 0);
    let (mut acknowledged, mut unanswered) = (0, 0);
    for first in (0..rounds).step_by(ROUNDS_OF_A_STORE as usize) {
        let (dir, mut said) = (tempdir().unwrap(), Said::default());
        for round in first..rounds.min(first + ROUNDS_OF_A_STORE) {
            kill_a_writer(dir.path(), round, &mut rng, &mut said);
            assert_kept(dir.path(), &said, &format!("round {round}"));
        }
        acknowledged += said.put.len();
        unanswered += said.putting.len() - said.put.len();
    }
    println!("{rounds} rounds: {acknowledged} records acknowledged, {unanswered} cut off, none lost");
    assert!(acknowledged as u64 > 2 * rounds, "too few to prove anything: {acknowledged}");
}

/// Starts a writer in a process group of its own and kills the group: every other time at a moment that may lie in its
/// start, else after it has acknowledged something.
fn kill_a_writer(dir: &Path, round: u64, rng: &mut Rng, said: &mut Said) {
    let mut writer = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child_puts_records_until_it_is_killed", "--nocapture", "--test-threads=1"])
        .env(FOLDER, dir)
        .env(FIRST, (round * NUMBERS_OF_A_ROUND).to_string())
        .stdout(Stdio::piped())
        .process_group(0)
        .spawn()
        .unwrap();
    let output = writer.stdout.take().unwrap();
    let moment = Duration::from_micros(rng.below(80_000) as u64);
    std::thread::scope(|scope| {
        let (acknowledged, awaited) = mpsc::channel();
        scope.spawn(move || listen(output, said, acknowledged));
        if round % 2 == 1 {
            awaited.recv().expect("a writer acknowledges something");
        }
        std::thread::sleep(moment);
        kill_group(&mut writer);
    });
}

fn listen(output: ChildStdout, said: &mut Said, acknowledged: mpsc::Sender<()>) {
    let before = said.put.len();
    let mut told = false;
    for line in BufReader::new(output).lines() {
        said.hear(&line.unwrap());
        if !told && said.put.len() > before {
            told = acknowledged.send(()).is_ok();
        }
    }
}

fn kill_group(writer: &mut Child) {
    // SAFETY: kill only sends a signal; the group is that of our own child, which nobody has waited for.
    assert_eq!(unsafe { libc::kill(-(writer.id() as i32), libc::SIGKILL) }, 0);
    let status = writer.wait().unwrap();
    assert_eq!(status.signal(), Some(libc::SIGKILL), "it did not end by itself: {status}");
}

fn assert_kept(dir: &Path, said: &Said, case: &str) {
    let (store, recovery) = open_store(dir);
    for n in &said.put {
        let found = store.get(&sample_key(*n)).unwrap();
        assert_eq!(found, Some(sample_record(*n)), "{case}: record {n} was acknowledged; {recovery}");
    }
    let held = said.putting.iter().filter(|n| known(store.get(&sample_key(**n)).unwrap(), **n, case)).count();
    let found = store.get(&contested()).unwrap();
    assert_eq!(
        store.len(),
        held + usize::from(found.is_some()),
        "{case}: there is nothing that was never put"
    );
    let mut newest = said.replacing.iter().rev().take_while(|n| Some(**n) >= said.replaced);
    assert!(
        newest.any(|n| found == Some(sample_record(*n))) || (found.is_none() && said.replaced.is_none()),
        "{case}: a key holds the record acknowledged last, or one that was on its way: {found:?}"
    );
}

/// Whether it is there; if so, it is what was to be put.
fn known(found: Option<Record>, n: u64, case: &str) -> bool {
    assert!(found.is_none() || found == Some(sample_record(n)), "{case}: record {n} is another: {found:?}");
    found.is_some()
}
