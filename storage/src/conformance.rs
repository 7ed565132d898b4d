//! The laws of [`Store`], as functions that any store can be handed to.
//!
//! ```
//! use storage::{Faulty, MemoryStore, ReadOnly, StoreFault, conformance};
//!
//! conformance::keeps_the_laws(MemoryStore::new);
//! conformance::keeps_the_laws_of_reading(|entries| ReadOnly(MemoryStore::from_iter(entries)));
//! conformance::keeps_the_laws_of_failing(|| {
//!     Faulty::new(MemoryStore::new(), |_, n| (n % 3 == 0).then_some(StoreFault::Refused))
//! });
//! ```

use std::collections::BTreeMap;

use hashing::{Fidelity, Key, KeyWriter};
use tasks::{Reason, Scores, Verdict};

use crate::{Evaluation, Purpose, Record, Store, Subject};

/// Panics with the name of the law that a store breaks. `fresh` makes an empty store each time.
pub fn keeps_the_laws<S: Store>(fresh: impl Fn() -> S) {
    keeps_the_laws_of_reading(|entries| {
        let store = fresh();
        entries.iter().for_each(|(key, record)| put(&store, key, record));
        store
    });
    a_put_replaces_and_touches_no_other(&fresh());
    a_batch_is_its_puts_one_after_the_other(&fresh());
    extreme_records_come_back(&fresh());
    threads_see_what_they_put(&fresh());
}

/// The same for stores that cannot be written: `holding` makes one that holds these entries.
pub fn keeps_the_laws_of_reading<S: Store>(holding: impl Fn(Vec<(Key, Record)>) -> S) {
    let empty = holding(Vec::new());
    assert!(empty.is_empty(), "a fresh store is empty");
    assert_eq!(get(&empty, &sample_key(0)), None, "a fresh store holds no key");

    let entries: Vec<_> = (0..40).map(|n| (sample_key(n), sample_record(n))).collect();
    let store = holding(entries.clone());
    for _ in 0..2 {
        assert_eq!(store.len(), entries.len(), "length is the number of keys");
        for (key, record) in &entries {
            assert_same(get(&store, key).as_ref(), record);
        }
        assert_eq!(get(&store, &sample_key(40)), None, "other keys are absent");
    }
}

/// For stores that fail now and then, in reading, writing or both: panics if an error costs more than the answer.
/// `fresh` makes an empty one each time; it must fail in some of the first hundred puts, and answer when asked again.
pub fn keeps_the_laws_of_failing<S: Store>(fresh: impl Fn() -> S) {
    let one_by_one = |store: &S, entries: &[(Key, Record)]| {
        entries.iter().map(|(key, record)| store.put(key, record)).all(|result| result.is_ok())
    };
    after_an_error_a_key_holds_the_old_record_or_the_new(&fresh(), 1, one_by_one);
    after_an_error_a_key_holds_the_old_record_or_the_new(&fresh(), 5, |store, entries| {
        store.put_all(entries).is_ok()
    });
}

/// A key of its own for every number.
pub fn sample_key(number: u64) -> Key {
    let mut out = KeyWriter::new("fecund sample key v1");
    out.u64(number);
    Key(out.finish())
}

/// A record of its own for every number; every kind of verdict is among the first eight.
pub fn sample_record(number: u64) -> Record {
    let evaluations = (0..number % 4).map(|n| sample_evaluation(number + n)).collect();
    let fidelity = Fidelity(number << 20);
    let subject = Subject { space: "sample".into(), scheme: "functional-v0".into(), fidelity };
    let subject = (!number.is_multiple_of(3)).then_some(subject);
    Record { subject, form: format!("{{\"blocks\":[{number}],\"name\":\"größe\"}}"), evaluations }
}

fn sample_evaluation(number: u64) -> Evaluation {
    let odd = [0.0, -0.0, f64::INFINITY, f64::MIN_POSITIVE / 2.0, 0.1, f64::MAX];
    let scored = |value| Verdict::Scored(Scores([("accuracy", value), ("loss", -1.5)].map(named).into()));
    let what = "parameters".to_string();
    let verdict = match number % 8 {
        0 => Verdict::Invalid(Reason::NotFinite { step: number }),
        1 => Verdict::Invalid(Reason::IgnoresInput),
        2 => Verdict::Invalid(Reason::Malformed { what }),
        3 => Verdict::Invalid(Reason::TooLarge { what, value: u64::MAX, limit: 1 }),
        4 => Verdict::Invalid(Reason::Unstable { cause: "killed".into(), limit: Some(2.5) }),
        5 => Verdict::Invalid(Reason::Unstable { cause: String::new(), limit: None }),
        6 => Verdict::Invalid(Reason::NotInTable),
        n => scored(odd[(number / 8 + n) as usize % odd.len()]),
    };
    let seconds = number as f64 / 3.0;
    let (study, provenance) = ("sample".to_string(), "libtorch 2.11, 1 thread".to_string());
    let purpose = [Purpose::Search, Purpose::Audit, Purpose::Late][number as usize % 3];
    let form = (number % 2 == 1).then(|| format!("{{\"blocks\":[{number}]}}"));
    let (seed, steps, trial) = (number << 40, number, number);
    Evaluation { verdict, purpose, form, seed, seconds, steps, study, trial, provenance }
}

fn named((name, value): (&str, f64)) -> (String, f64) {
    (name.to_string(), value)
}

fn a_put_replaces_and_touches_no_other(store: &impl Store) {
    for n in 0..10 {
        put(store, &sample_key(n), &sample_record(n));
    }
    put(store, &sample_key(3), &sample_record(103));
    put(store, &sample_key(3), &sample_record(103));
    assert_eq!(store.len(), 10, "replacing does not grow a store");
    for n in 0..10 {
        let number = if n == 3 { 103 } else { n };
        assert_same(get(store, &sample_key(n)).as_ref(), &sample_record(number));
    }
}

fn a_batch_is_its_puts_one_after_the_other(store: &impl Store) {
    let put_all = |entries: &[(Key, Record)]| {
        store.put_all(entries).unwrap_or_else(|error| panic!("a sound store takes a batch: {error}"));
    };
    put_all(&[]);
    assert!(store.is_empty(), "an empty batch puts nothing");
    put(store, &sample_key(2), &sample_record(2));
    put(store, &sample_key(90), &sample_record(90));
    // Every key twice: the later one counts.
    let entries: Vec<_> = (0..80).map(|n| (sample_key(n % 40), sample_record(n))).collect();
    put_all(&entries);
    assert_eq!(store.len(), 41, "a batch counts each key once");
    for n in (40..80).chain([90]) {
        let key = if n == 90 { 90 } else { n % 40 };
        assert_same(get(store, &sample_key(key)).as_ref(), &sample_record(n));
    }
}

fn after_an_error_a_key_holds_the_old_record_or_the_new<S: Store>(
    store: &S,
    batch: u64,
    put: impl Fn(&S, &[(Key, Record)]) -> bool,
) {
    const KEYS: u64 = 7;
    let mut possible: BTreeMap<Key, Vec<Option<Record>>> =
        (0..KEYS).map(|n| (sample_key(n), vec![None])).collect();
    let mut failed = 0;
    for first in (0..100).step_by(batch as usize) {
        let entries: Vec<_> =
            (first..first + batch).map(|n| (sample_key(n % KEYS), sample_record(n))).collect();
        let done = put(store, &entries);
        failed += u64::from(!done);
        for (key, record) in entries {
            let held = possible.get_mut(&key).expect("one of the keys");
            held.retain(|_| !done);
            held.push(Some(record));
        }
        for (key, held) in &mut possible {
            let found = get_in_the_end(store, key);
            assert!(held.contains(&found), "after an error a key holds the old record or the new");
            *held = vec![found];
        }
    }
    assert!(failed > 0, "a store under these laws fails now and then");
    let known = possible.values().filter(|held| held[0].is_some()).count();
    assert_eq!(store.len(), known, "a refused put does not count");
}

/// An error in reading is no answer, and the next one may be.
fn get_in_the_end(store: &impl Store, key: &Key) -> Option<Record> {
    let found = (0..20).find_map(|_| store.get(key).ok());
    found.expect("a store that fails now and then answers in the end")
}

fn extreme_records_come_back(store: &impl Store) {
    let empty = Record { subject: None, form: String::new(), evaluations: Vec::new() };
    let evaluations = (0..500).map(sample_evaluation).collect();
    let large = Record { subject: None, form: "x".repeat(3 << 20), evaluations };
    put(store, &sample_key(0), &large);
    put(store, &sample_key(1), &empty);
    assert_same(get(store, &sample_key(0)).as_ref(), &large);
    assert_same(get(store, &sample_key(1)).as_ref(), &empty);
    put(store, &sample_key(0), &empty);
    assert_same(get(store, &sample_key(0)).as_ref(), &empty);
}

/// Each thread has keys of its own, and all of them fight for one.
fn threads_see_what_they_put(store: &impl Store) {
    const THREADS: u64 = 8;
    const PUTS: u64 = 12;
    let contested = sample_key(u64::MAX);
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            scope.spawn(move || {
                for n in (0..PUTS).map(|n| thread * PUTS + n) {
                    put(store, &sample_key(n), &sample_record(n));
                    assert_same(get(store, &sample_key(n)).as_ref(), &sample_record(n));
                    put(store, &contested, &sample_record(n));
                    assert!(get(store, &contested).is_some(), "a contested key keeps a record");
                }
            });
        }
    });
    assert_eq!(store.len() as u64, THREADS * PUTS + 1, "every key counts once");
    let last = get(store, &contested);
    let candidates: BTreeMap<String, Record> =
        (0..THREADS * PUTS).map(sample_record).map(|record| (record.form.clone(), record)).collect();
    let last = last.expect("the contested key was put");
    assert_eq!(candidates.get(&last.form), Some(&last), "a contested key holds one record whole");
}

fn get(store: &impl Store, key: &Key) -> Option<Record> {
    store.get(key).unwrap_or_else(|error| panic!("a sound store answers: {error}"))
}

fn put(store: &impl Store, key: &Key, record: &Record) {
    store.put(key, record).unwrap_or_else(|error| panic!("a sound store takes a record: {error}"));
}

/// Equal, and bit for bit: the text of a float tells −0 from 0.
fn assert_same(found: Option<&Record>, expected: &Record) {
    assert_eq!(found, Some(expected), "what was put comes back");
    assert_eq!(format!("{found:?}"), format!("{:?}", Some(expected)), "what was put comes back bit for bit");
}
