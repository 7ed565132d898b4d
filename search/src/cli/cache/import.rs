//! `fecund cache import`: what another study has paid for, taken into a cache. All of it, or nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hashing::Key;
use storage::{Evaluation, JournalStore, RealDisk, Record, Store, Subject};
use tasks::Verdict;

use super::flat::{Entry, Refused};
use super::{csv_file, parquet_file, records_of};
use crate::cli::args::CacheImportArgs;
use crate::cli::failure::{Failure, Outcome};
use crate::cli::report;
use crate::cli::run_folder::{cache_of, could_ask_for, is_cache};
use crate::cli::table::Table;

/// Refused entries that are shown one by one.
const SHOWN: usize = 20;

pub fn import(args: &CacheImportArgs) -> Outcome {
    let into = destination(&args.into)?;
    let mut gathered = Gathered::read(&args.from)?;
    gathered.check(args.skip_refused)?;
    if !is_cache(&into) {
        say!("fecund: {} becomes a new cache", into.display());
    }
    let (store, recovery) = JournalStore::open(&into, Arc::new(RealDisk))?;
    report::recovery(&recovery);
    let mut merged = Merged::default();
    for (key, entries) in std::mem::take(&mut gathered.entries) {
        merged.add(key, store.get(&key)?, entries, &mut gathered.refused);
    }
    gathered.check(args.skip_refused)?;
    store.put_all(&merged.changed)?;
    merged.say_what_is_of_no_use(&args.into)?;
    store.take_warnings().iter().for_each(|warning| say!("warning: {warning}"));
    gathered.say_refused();
    merged.table(gathered.refused.len()).print_single(args.format)
}

/// The cache that is written: that of a run, a cache, or a new one where there is nothing yet.
fn destination(path: &Path) -> Result<PathBuf, Failure> {
    let empty = path.read_dir().is_ok_and(|mut entries| entries.next().is_none());
    if empty || !path.exists() { Ok(path.to_path_buf()) } else { cache_of(path) }
}

/// What was read, and where each piece stands.
#[derive(Default)]
struct Gathered {
    entries: BTreeMap<Key, Vec<(String, Entry)>>,
    /// One sentence each.
    refused: Vec<String>,
}

impl Gathered {
    fn read(from: &Path) -> Result<Self, Failure> {
        let mut gathered = Self::default();
        if from.join("study.toml").exists() || is_cache(from) {
            gathered.read_cache(from)?;
        } else {
            gathered.read_file(from)?;
        }
        Ok(gathered)
    }

    fn read_cache(&mut self, from: &Path) -> Outcome {
        for (key, record) in records_of(from)? {
            for (number, evaluation) in record.evaluations.iter().enumerate() {
                let place = format!("{}: record {}, evaluation {number}", from.display(), key.0.short());
                let (subject, form) = (record.subject.clone(), record.form_of(evaluation).to_string());
                let entry = Entry { key, subject, form, evaluation: evaluation.clone() };
                let checked = entry.check();
                self.take(place, checked.map(|()| entry));
            }
        }
        Ok(())
    }

    fn read_file(&mut self, from: &Path) -> Outcome {
        let unreadable = |error| Failure::file("read", from, &error);
        if from.is_dir() {
            return cache_of(from).map(drop);
        }
        let file = File::open(from).map_err(unreadable)?;
        let name = from.display();
        let (read, separator) = if parquet_file::is_parquet(&file).map_err(unreadable)? {
            let mut visit = |row, entry| self.take(format!("{name}: row {row}"), entry);
            (parquet_file::read(file, &mut visit), ": row ")
        } else {
            let mut visit = |line, entry| self.take(format!("{name}:{line}"), entry);
            (csv_file::read(file, &mut visit), ":")
        };
        read.map_err(|(place, Refused { field, why })| {
            Failure::failed(format!("{name}{separator}{place}: {field}: {why}; nothing was imported"))
        })
    }

    fn take(&mut self, place: String, entry: Result<Entry, Refused>) {
        match entry {
            Ok(entry) => self.entries.entry(entry.key).or_default().push((place, entry)),
            Err(refused) => self.refuse(&place, &refused),
        }
    }

    fn refuse(&mut self, place: &str, Refused { field, why }: &Refused) {
        self.refused.push(format!("{place}: {field}: {why}"));
    }

    fn check(&self, skip: bool) -> Outcome {
        if skip || self.refused.is_empty() {
            return Ok(());
        }
        self.say_refused();
        let count = self.refused.len();
        let ways = "mend them, or take the others alone with --skip-refused";
        Err(Failure::failed(format!("{count} evaluations refused, and nothing was imported; {ways}")))
    }

    fn say_refused(&self) {
        self.refused.iter().take(SHOWN).for_each(|sentence| say!("refused: {sentence}"));
        if self.refused.len() > SHOWN {
            say!("refused: and {} more", self.refused.len() - SHOWN);
        }
    }
}

/// What the cache is to hold, and what of it is new.
#[derive(Default)]
struct Merged {
    changed: Vec<(Key, Record)>,
    new_keys: usize,
    known_keys: usize,
    new: usize,
    known: usize,
}

impl Merged {
    fn add(
        &mut self,
        key: Key,
        known: Option<Record>,
        entries: Vec<(String, Entry)>,
        refused: &mut Vec<String>,
    ) {
        let is_known = known.is_some();
        let form = entries.first().map_or(String::new(), |(_, entry)| entry.form.clone());
        let mut record = known.unwrap_or(Record { subject: None, form, evaluations: Vec::new() });
        let mut seen: BTreeSet<_> = record.evaluations.iter().map(identity).collect();
        let before = self.new;
        for (place, entry) in entries {
            if let Err(Refused { field, why }) = agree(&mut record, &entry) {
                refused.push(format!("{place}: {field}: {why}"));
                continue;
            }
            let is_new = seen.insert(identity(&entry.evaluation));
            *(if is_new { &mut self.new } else { &mut self.known }) += 1;
            if is_new {
                entry.append_to(&mut record);
            }
        }
        self.known_keys += usize::from(is_known);
        if self.new > before {
            self.new_keys += usize::from(!is_known);
            self.changed.push((key, record));
        }
    }

    /// Keys of another space or scheme do no harm in the cache of a run, and no good.
    fn say_what_is_of_no_use(&self, into: &Path) -> Outcome {
        let subjects: Vec<_> =
            self.changed.iter().filter_map(|(_, record)| record.subject.as_ref()).collect();
        if !into.join("study.toml").exists() || subjects.is_empty() {
            return Ok(());
        }
        for subject in &subjects {
            if could_ask_for(into, subject)? {
                return Ok(());
            }
        }
        let Subject { space, scheme, .. } = subjects[0];
        say!("warning: {} will ask for none of these: they are of {space} under {scheme}", into.display());
        Ok(())
    }

    fn table(&self, refused: usize) -> Table {
        let mut table =
            Table::new(&["new_keys", "known_keys", "new_evaluations", "known_evaluations", "refused"]);
        let counts = [self.new_keys, self.known_keys, self.new, self.known, refused];
        table.row(counts.into_iter().map(Into::into).collect());
        table
    }
}

/// One key has one subject: who names another one is wrong about the key. A record that does not tell learns it.
fn agree(record: &mut Record, entry: &Entry) -> Result<(), Refused> {
    match (&record.subject, &entry.subject) {
        (Some(known), Some(other)) if known != other => {
            let why = format!(
                "{}, {}, fidelity {} is not what this key is known for: {}, {}, fidelity {}",
                other.space, other.scheme, other.fidelity.0, known.space, known.scheme, known.fidelity.0
            );
            Err(Refused { field: "space, scheme, fidelity".into(), why })
        }
        (None, Some(subject)) => {
            record.subject = Some(subject.clone());
            Ok(())
        }
        _ => Ok(()),
    }
}

/// What makes two evaluations of one key the same: who paid, under which seed, for what, and the verdict bit for bit.
fn identity(made: &Evaluation) -> (String, u64, u64, u8, String) {
    let verdict = match &made.verdict {
        Verdict::Scored(scores) => {
            scores.0.iter().map(|(name, score)| format!("{name:?} {:x} ", score.to_bits())).collect()
        }
        Verdict::Invalid(reason) => format!("{reason:?}"),
    };
    (made.study.clone(), made.trial, made.seed, made.purpose as u8, verdict)
}

#[cfg(test)]
mod tests {
    use storage::MemoryStore;
    use storage::conformance::{sample_key, sample_record};

    use super::*;

    fn record(number: u64) -> Record {
        let mut record = sample_record(number);
        record.subject = None;
        record
    }

    fn entries(key: Key, record: &Record) -> Vec<(String, Entry)> {
        let entry = |made: &Evaluation| Entry {
            key,
            subject: record.subject.clone(),
            form: record.form_of(made).into(),
            evaluation: made.clone(),
        };
        record.evaluations.iter().map(|made| (String::new(), entry(made))).collect()
    }

    fn import(into: &MemoryStore, key: Key, from: &Record) -> usize {
        let (mut merged, mut refused) = (Merged::default(), Vec::new());
        merged.add(key, into.get(&key).unwrap(), entries(key, from), &mut refused);
        assert_eq!(merged.changed.len(), usize::from(merged.new > 0));
        merged.changed.iter().for_each(|(key, record)| into.put(key, record).unwrap());
        merged.new
    }

    /// Forms and evaluations, whatever their order.
    fn content(store: &MemoryStore, key: Key) -> BTreeSet<String> {
        let record = store.get(&key).unwrap().unwrap();
        let shown = |made: &Evaluation| {
            format!("{} {:?}", record.form_of(made), Evaluation { form: None, ..made.clone() })
        };
        record.evaluations.iter().map(shown).collect()
    }

    #[test]
    fn an_import_takes_every_evaluation_once_in_any_order_of_imports() {
        let key = sample_key(1);
        for (a, b) in [(3, 7), (7, 11), (6, 7), (2, 2)] {
            let (a, b) = (record(a), record(b));
            let both = |first: &Record, then: &Record| {
                let store = MemoryStore::new();
                assert!(import(&store, key, first) > 0);
                import(&store, key, then);
                assert_eq!((import(&store, key, first), import(&store, key, then)), (0, 0));
                content(&store, key)
            };
            assert_eq!(both(&a, &b), both(&b, &a));
        }
    }

    #[test]
    fn a_key_under_another_subject_is_refused_and_one_without_learns_it() {
        let key = sample_key(1);
        let (named, nameless) = (sample_record(7), record(7));
        let mut other = named.clone();
        other.subject.as_mut().unwrap().space = "other".into();
        let subject_of = |known: &Record, from: &Record| {
            let (mut merged, mut refused) = (Merged::default(), Vec::new());
            let known = Record { evaluations: Vec::new(), ..known.clone() };
            merged.add(key, Some(known), entries(key, from), &mut refused);
            (merged.changed.pop().and_then(|(_, record)| record.subject), refused.len())
        };
        assert_eq!(subject_of(&nameless, &named), (named.subject.clone(), 0));
        assert_eq!(subject_of(&named, &nameless), (named.subject.clone(), 0));
        assert_eq!(subject_of(&named, &other), (None, 3));
    }
}
