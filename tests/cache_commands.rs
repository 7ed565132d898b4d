//! `fecund cache list`, `export`, `import` and `verify`, on searches that replay a published table.

mod common;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use common::{Folder, assert_fails, lines, run, stderr_of, stdout, worker_is_there};
use hashing::Key;
use serde_json::Value;
use storage::conformance::{sample_key, sample_record};
use storage::{JournalStore, RealDisk, Record, Store};
use tasks::Verdict;

fn published() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../data/nas_bench_macro/nas_bench_macro_cifar10.csv.gz")
}

fn search(folder: &Folder, out: &str, more: &[&str]) {
    let table = published();
    let own = ["search", "--space", "nb-macro", "--objective", "mean_acc", "--data"];
    stdout(folder, &[&own[..], &[table.to_str().unwrap(), "--out", out], more].concat());
}

/// A search for a table of cells of NAS-Bench-201, which are proposed in this order.
fn search_cells(folder: &Folder, out: &str, cells: &[(&str, f64)]) {
    let rows: String = cells.iter().map(|(arch, score)| format!("{arch},{score}\n")).collect();
    let first: String = cells.iter().map(|(arch, _)| format!("{{\"arch\":\"{arch}\"}}\n")).collect();
    folder.write("cells.csv", format!("arch,score\n{rows}"));
    folder.write("cells.jsonl", first);
    let trials = cells.len().to_string();
    let own = ["search", "--space", "cell201", "--data", "cells.csv", "--objective", "score"];
    stdout(folder, &[&own[..], &["--enqueue", "cells.jsonl", "--trials", &trials, "--out", out]].concat());
}

fn json(folder: &Folder, arguments: &[&str]) -> Value {
    serde_json::from_str(&stdout(folder, &[arguments, &["--format", "json"]].concat())).unwrap()
}

fn rows(folder: &Folder, arguments: &[&str]) -> Vec<Value> {
    json(folder, arguments).as_array().unwrap().clone()
}

fn records(folder: &Folder, cache: &str) -> Vec<(Key, Record)> {
    JournalStore::read(&folder.path(cache)).unwrap().0.0.entries()
}

fn cache_of(folder: &Folder, name: &str, records: &[(Key, Record)]) {
    let (store, _) = JournalStore::open(&folder.path(name), Arc::new(RealDisk)).unwrap();
    records.iter().for_each(|(key, record)| store.put(key, record).unwrap());
}

/// Without scores that are not finite, which an import refuses.
fn samples(numbers: impl IntoIterator<Item = u64>) -> Vec<(Key, Record)> {
    let sample = |n| {
        let mut record = sample_record(n);
        record.evaluations.retain(|evaluation| match &evaluation.verdict {
            Verdict::Scored(scores) => scores.0.values().all(|score| score.is_finite()),
            Verdict::Invalid(_) => true,
        });
        (sample_key(n), record)
    };
    numbers.into_iter().map(sample).collect()
}

/// A cache that was written before records had subjects.
fn version_1(folder: &Folder) {
    fs::create_dir_all(folder.path("old/journal")).unwrap();
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/version-1/records/000001.seg");
    fs::copy(from, folder.path("old/journal/000001.seg")).unwrap();
}

/// Everything that a cache says, whatever the order of its evaluations and the place of its forms.
fn content(folder: &Folder, cache: &str) -> BTreeSet<String> {
    stdout(folder, &["cache", "export", cache]).lines().map(String::from).collect()
}

#[test]
fn a_list_has_a_row_for_each_key_in_the_order_asked_for() {
    let folder = Folder::new();
    search(&folder, "run", &["--trials", "120", "--cost", "flops*1e-6"]);
    let misses = json(&folder, &["cache", "stats", "run"])["misses"].as_u64().unwrap();
    let by_key = rows(&folder, &["cache", "list", "run"]);
    assert_eq!(by_key.len() as u64, misses);
    let text = |rows: &[Value], name: &str| -> Vec<String> {
        rows.iter().map(|row| row[name].as_str().unwrap().to_string()).collect()
    };
    let numbers = |rows: &[Value], name: &str| -> Vec<f64> {
        rows.iter().map(|row| row[name].as_f64().unwrap()).collect()
    };
    assert!(text(&by_key, "key").is_sorted() && text(&by_key, "key")[0].len() == 64);
    assert!(
        by_key.iter().all(|row| row["verdict"] == "scored" && row["evaluations"] == 1 && row["audits"] == 0)
    );
    assert!(by_key[0]["paid_by"][0].as_str().unwrap().starts_with("run-"));

    let best = rows(&folder, &["cache", "list", "run", "--by", "score", "--top", "5"]);
    let scores = numbers(&best, "mean_acc");
    assert!(scores.len() == 5 && scores.is_sorted_by(|a, b| a >= b), "{scores:?}");
    assert_eq!(json(&folder, &["leaderboard", "run", "--top", "5"])[0]["mean_acc"], scores[0]);
    let dearest = numbers(&rows(&folder, &["cache", "list", "run", "--by", "seconds"]), "seconds");
    assert!(dearest.is_sorted_by(|a, b| a >= b) && dearest[0] > 1.0);

    let alone = rows(&folder, &["cache", "list", "run/cache", "--metric", "params", "--by", "score"]);
    assert!(numbers(&alone, "params").is_sorted_by(|a, b| a >= b) && alone[0].get("mean_acc").is_none());
    assert_fails(&folder, &["cache", "list", "run", "--metric", "loss"], 2, &["`loss`", "mean_acc, params"]);
    let table = stdout(&folder, &["cache", "list", "run", "--top", "1"]);
    assert!(
        table.contains(&by_key[0]["key"].as_str().unwrap()[..12]) && table.lines().count() == 2,
        "{table}"
    );
}

#[test]
fn a_list_of_one_key_or_of_failures_shows_what_became_of_each_evaluation() {
    let folder = Folder::new();
    let samples = samples(0..40);
    cache_of(&folder, "cache", &samples);
    let listed = rows(&folder, &["cache", "list", "cache"]);
    assert_eq!(listed.len(), 40);
    let (key, record) = samples.iter().find(|(_, record)| record.evaluations.len() == 3).unwrap();
    let key = key.to_string();
    let each = rows(&folder, &["cache", "list", "cache", "--key", &key[..10]]);
    assert_eq!(each.len(), 3);
    for (row, made) in each.iter().zip(&record.evaluations) {
        assert_eq!((row["seed"].as_u64(), row["trial"].as_u64()), (Some(made.seed), Some(made.trial)));
        assert_eq!(
            (&row["provenance"], &row["form"]),
            (&made.provenance.as_str().into(), &record.form_of(made).into())
        );
    }
    let purposes: BTreeSet<_> = each.iter().map(|row| row["purpose"].as_str().unwrap()).collect();
    assert_eq!(purposes, ["audit", "late", "search"].into());

    let failed = rows(&folder, &["cache", "list", "cache", "--failed"]);
    assert!(!failed.is_empty() && failed.len() < 40);
    let words: BTreeSet<_> = failed.iter().map(|row| row["verdict"].as_str().unwrap()).collect();
    assert!(words.iter().any(|words| words.contains("ignores its input")), "{words:?}");
    assert_fails(&folder, &["cache", "list", "cache", "--key", "0"], 2, &["several keys", "`0`"]);
    assert_fails(&folder, &["cache", "list", "cache", "--key", "zz"], 2, &["no key", "`zz`"]);
    assert_fails(&folder, &["cache", "list", "."], 1, &["neither a run nor a cache"]);
    let shared: u64 = listed.iter().map(|row| row["evaluations"].as_u64().unwrap()).sum();
    assert_eq!(
        shared as usize,
        samples.iter().flat_map(|(_, r)| &r.evaluations).filter(|e| e.purpose == Default::default()).count()
    );
}

#[test]
fn an_export_comes_back_whole_from_either_format() {
    let folder = Folder::new();
    cache_of(&folder, "cache", &samples(0..200));
    for file in ["all.csv", "all.parquet"] {
        let said = run(&folder, &["cache", "export", "cache", "--to", file]);
        assert!(said.status.success() && stderr_of(&said).contains("50 keys without an evaluation"));
        let into = format!("from-{file}");
        let first = json(&folder, &["cache", "import", file, "--into", &into]);
        assert_eq!((&first["new_keys"], &first["new_evaluations"]), (&150.into(), &292.into()));
        assert_eq!(content(&folder, &into), content(&folder, "cache"));
        for (key, record) in records(&folder, &into) {
            let from = samples(0..200).into_iter().find(|(other, _)| *other == key).unwrap().1;
            let say = |record: &Record| format!("{:?} {:?}", record.subject, forms_and_verdicts(record));
            assert_eq!(say(&record), say(&from));
        }
        let again = json(&folder, &["cache", "import", file, "--into", &into]);
        assert_eq!((&again["new_evaluations"], &again["known_evaluations"]), (&0.into(), &292.into()));
    }
    assert_eq!(
        stdout(&folder, &["cache", "export", "cache"]),
        fs::read_to_string(folder.path("all.csv")).unwrap()
    );
    assert_fails(&folder, &["cache", "export", "cache", "--format", "parquet"], 2, &["--to FILE"]);
    assert_fails(&folder, &["cache", "export", "cache", "--to", "absent/all.csv"], 1, &["absent/all.csv"]);
    let names = fs::read_dir(folder.0.path()).unwrap().map(|entry| entry.unwrap().file_name());
    assert!(names.into_iter().all(|name| !name.to_string_lossy().ends_with(".new")));
}

fn forms_and_verdicts(record: &Record) -> Vec<String> {
    record
        .evaluations
        .iter()
        .map(|made| {
            format!("{} {:?}", record.form_of(made), storage::Evaluation { form: None, ..made.clone() })
        })
        .collect()
}

#[test]
fn imports_add_up_in_any_order_and_answer_a_search() {
    let folder = Folder::new();
    search(&folder, "a", &["--trials", "80", "--seed", "1"]);
    search(&folder, "b", &["--trials", "80", "--seed", "2"]);
    stdout(&folder, &["cache", "export", "b", "--to", "b.parquet"]);
    let into = |cache: &str, from: &[&str]| {
        from.iter().for_each(|from| drop(stdout(&folder, &["cache", "import", from, "--into", cache])));
    };
    into("ab", &["a", "b/cache"]);
    into("ba", &["b.parquet", "a", "b"]);
    assert_eq!(content(&folder, "ab"), content(&folder, "ba"));
    search(&folder, "again", &["--trials", "80", "--seed", "2", "--cache", "ab"]);
    assert_eq!(json(&folder, &["cache", "stats", "again"])["misses"], 0);

    into("a", &["b"]);
    assert_eq!(content(&folder, "a"), content(&folder, "ab"));
    assert_eq!(
        rows(&folder, &["cache", "list", "again"]).len(),
        rows(&folder, &["cache", "list", "ab"]).len()
    );
}

#[test]
fn what_is_wrong_in_a_file_is_named_and_nothing_of_it_is_taken() {
    let folder = Folder::new();
    search(&folder, "run", &["--trials", "5", "--no-cache"]);
    stdout(&folder, &["cache", "export", "run", "--to", "good.csv"]);
    let good = fs::read_to_string(folder.path("good.csv")).unwrap();
    let line: Vec<&str> = good.lines().collect();
    let key = &line[2][..64];
    let long = format!("\"{}\"", "x".repeat(1 << 20));
    let with = |from: &str, to: &str| format!("{}\n{}\n{}\n", line[0], line[1], line[2].replace(from, to));
    let form = "\"{\"\"arch\"\":";
    for (name, text, words) in [
        ("key.csv", with(key, "3f9a"), &["key.csv:3: key", "64 hexadecimal digits"][..]),
        ("form.csv", with(form, "\"{arch:"), &["form.csv:3: form", "not JSON"]),
        (
            "long.csv",
            with(form, &format!("\"{{{}\"\"arch\"\":", long.replace('"', ""))),
            &["long.csv:3: form", "at most 1048576"],
        ),
        ("kind.csv", with(",scored,", ",fine,"), &["kind.csv:3: kind", "`fine`"]),
        ("cells.csv", with(",scored,", ","), &["cells.csv:3: line", "cells", "quote"]),
        ("purpose.csv", with(",search,", ",fun,"), &["purpose.csv:3: purpose", "`fun`"]),
        (
            "header.csv",
            good.replace("seconds", "hours"),
            &["header.csv:1: seconds", "missing", "fecund cache export"],
        ),
        ("more.csv", good.replace("score.flops", "flops"), &["more.csv:1: flops", "not known"]),
        (
            "twice.csv",
            good.replace("score.flops", "score.mean_acc"),
            &["twice.csv:1: score.mean_acc", "twice"],
        ),
        ("empty.csv", String::new(), &["empty.csv:1", "nothing in this file"]),
        ("cut.parquet", "PAR1, and no more".into(), &["cut.parquet: row 0: file"]),
    ] {
        folder.write(name, text);
        assert_fails(
            &folder,
            &["cache", "import", name, "--into", "new"],
            1,
            &[words, &["nothing was imported"]].concat(),
        );
        assert!(!folder.path("new").exists(), "{name}");
    }
    folder.write("latin.csv", [good.as_bytes(), b"\xff,,,,,,,,,,,,,,,,,,,\n"].concat());
    assert_fails(&folder, &["cache", "import", "latin.csv", "--into", "new"], 1, &["latin.csv:", "UTF-8"]);
    assert_fails(
        &folder,
        &["cache", "import", "absent.csv", "--into", "new"],
        1,
        &["cannot read absent.csv"],
    );
    assert_fails(&folder, &["cache", "import", ".", "--into", "new"], 1, &["neither a run nor a cache"]);
    assert_fails(&folder, &["cache", "import", "good.csv", "--into", "."], 1, &["neither a run nor a cache"]);

    let partly = json(&folder, &["cache", "import", "key.csv", "--into", "new", "--skip-refused"]);
    assert_eq!((&partly["new_evaluations"], &partly["refused"]), (&1.into(), &1.into()));
}

#[test]
fn a_key_that_is_known_for_something_else_is_refused() {
    let folder = Folder::new();
    cache_of(&folder, "cache", &samples([7]));
    let mut other = sample_record(11);
    other.subject.as_mut().unwrap().space = "elsewhere".into();
    cache_of(&folder, "other", &[(sample_key(7), other)]);
    let before = content(&folder, "cache");
    assert_fails(
        &folder,
        &["cache", "import", "other", "--into", "cache"],
        1,
        &["record", "space", "elsewhere", "nothing was imported"],
    );
    assert_eq!(content(&folder, "cache"), before);
}

#[test]
fn a_cache_that_is_being_written_is_read_and_takes_no_import() {
    let folder = Folder::new();
    cache_of(&folder, "cache", &samples(0..10));
    cache_of(&folder, "other", &samples(10..20));
    let (store, _) = JournalStore::open(&folder.path("cache"), Arc::new(RealDisk)).unwrap();
    let holder = format!("process {}", std::process::id());
    assert_fails(
        &folder,
        &["cache", "import", "other", "--into", "cache"],
        1,
        &["in use by", &holder, "wait until"],
    );
    assert_eq!(rows(&folder, &["cache", "list", "cache"]).len(), 10);
    drop(store);
    assert_eq!(json(&folder, &["cache", "import", "other", "--into", "cache"])["new_keys"], 8);
}

#[test]
fn of_a_damaged_cache_everything_readable_is_imported_and_the_damage_said() {
    let folder = Folder::new();
    cache_of(&folder, "cache", &samples((0..60).filter(|n| n % 4 == 1)));
    let file = folder.path("cache/journal/000001.seg");
    let mut bytes = fs::read(&file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x40;
    fs::write(&file, bytes).unwrap();
    let output = run(&folder, &["cache", "import", "cache", "--into", "new", "--format", "json"]);
    let said = stderr_of(&output);
    assert!(output.status.success() && said.contains("000001.seg is damaged at byte"), "{said}");
    let counts: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&counts["new_keys"], &counts["new_evaluations"]), (&14.into(), &14.into()));
    assert_eq!(rows(&folder, &["cache", "list", "new"]).len(), 14);
}

#[test]
fn a_cache_of_an_earlier_version_is_listed_counted_and_exported() {
    let folder = Folder::new();
    version_1(&folder);
    let listed = rows(&folder, &["cache", "list", "old"]);
    assert!(
        !listed.is_empty() && listed.iter().all(|row| row["space"].is_null() && row["fidelity"].is_null())
    );
    assert_eq!(json(&folder, &["cache", "stats", "old"])["entries"], listed.len());
    let made = json(&folder, &["cache", "stats", "old"])["evaluations"].as_u64().unwrap();
    assert!(made > 0);
    stdout(&folder, &["cache", "export", "old", "--to", "old.csv"]);
    assert_eq!(lines(&folder.path("old.csv")).len() as u64, 1 + made);
    assert_eq!(json(&folder, &["cache", "import", "old.csv", "--into", "new"])["new_evaluations"], made);
    assert_eq!(content(&folder, "new"), content(&folder, "old"));
}

#[test]
fn pairs_of_equal_functions_agree_exactly_and_are_trained_once() {
    let folder = Folder::new();
    search(&folder, "run", &["--trials", "600"]);
    let found = json(&folder, &["cache", "verify", "run", "--sample", "10", "--jobs", "2"]);
    assert_eq!((&found["pairs"], &found["differing"], &found["noise"]), (&10.into(), &0.into(), &0.0.into()));
    assert!(found["rate_high"].as_f64().unwrap() > 0.2 && found["mean_difference"] == 0.0);
    for pair in found["compared"].as_array().unwrap() {
        let scores = &pair["scores"];
        assert!(
            scores[0].is_number() && *scores == pair["other_scores"] && pair["differs"] == false,
            "{pair}"
        );
    }
    let kept = lines(&folder.path("run/verify.jsonl"));
    assert!(kept.len() > 20 && kept.len() <= 40, "{}", kept.len());
    assert_eq!(json(&folder, &["cache", "verify", "run", "--sample", "10"]), found);
    assert_eq!(json(&folder, &["cache", "verify", "run/cache", "--sample", "10"]), found);
    assert_eq!(lines(&folder.path("run/verify.jsonl")), kept, "nothing is trained twice");
    fs::write(folder.path("run/verify.jsonl"), kept[..7].join("\n") + "\n{\"torn").unwrap();
    assert_eq!(json(&folder, &["cache", "verify", "run", "--sample", "10"]), found);
    let other = json(&folder, &["cache", "verify", "run", "--sample", "10", "--seed", "1", "--seeds", "3"]);
    assert_ne!(other["compared"], found["compared"]);
    let table = stdout(&folder, &["cache", "verify", "run", "--sample", "10"]);
    assert!(table.contains("differing_rate") && !table.contains("another study"), "{table}");
    assert_eq!(stdout(&folder, &["cache", "verify", "run", "--format", "csv"]).lines().count(), 2);
}

const CONV: &str = "nor_conv_3x3";

/// avg(conv x) + avg(conv' x), and avg(conv x + conv' x): one function, and only the probe knows.
fn equal_cells() -> [String; 2] {
    [
        format!("|{CONV}~0|+|{CONV}~0|none~1|+|none~0|avg_pool_3x3~1|avg_pool_3x3~2|"),
        format!("|{CONV}~0|+|{CONV}~0|skip_connect~1|+|none~0|none~1|avg_pool_3x3~2|"),
    ]
}

#[test]
fn a_false_merge_is_found_and_named() {
    let folder = Folder::new();
    let [apart, together] = equal_cells();
    // Two ways of writing one form: a connection that nothing comes out of.
    let dead = format!("|{CONV}~0|+|none~0|none~1|+|skip_connect~0|none~1|none~2|");
    let gone = "|none~0|+|none~0|none~1|+|skip_connect~0|none~1|none~2|";
    let cells = [(apart.as_str(), 90.0), (&together, 70.0), (gone, 50.0), (&dead, 50.0)];
    search_cells(&folder, "run", &cells);
    let found = json(&folder, &["cache", "verify", "run"]);
    let count = |name: &str| found[name].as_u64().unwrap();
    assert_eq!((count("pairs"), count("functional"), count("structural")), (2, 1, 1), "{found}");
    assert_eq!((count("differing"), count("differing_functional")), (1, 1));
    assert_eq!((&found["differing_rate"], &found["noise"]), (&0.5.into(), &0.0.into()));
    let pair = &found["compared"][0];
    assert_eq!(
        (&pair["trial"], &pair["answered_by"], &pair["difference"]),
        (&1.into(), &0.into(), &(-20.0).into())
    );
    let first = json(&folder, &["cache", "verify", "run", "--sample", "1"]);
    assert_eq!(first["compared"][0]["kind"], "functional", "what only the probe vouches for goes first");
    let table = stdout(&folder, &["cache", "verify", "run"]);
    assert!(table.contains(pair["key"].as_str().unwrap()) && table.contains("-20.0000"), "{table}");
}

#[test]
fn an_answer_of_another_study_is_verified_against_the_form_that_it_trained() {
    let folder = Folder::new();
    let [apart, together] = equal_cells();
    folder.write("first.jsonl", format!("{{\"arch\":\"{apart}\"}}\n"));
    folder.write("second.jsonl", format!("{{\"arch\":\"{together}\"}}\n"));
    folder.write("cells.csv", format!("arch,score\n{apart},90\n{together},90\n"));
    for name in ["first", "second"] {
        let own = "search --space cell201 --data cells.csv --objective score --trials 1 --cache shared";
        let enqueue = format!("{own} --enqueue {name}.jsonl --out {name}");
        stdout(&folder, &enqueue.split(' ').collect::<Vec<_>>());
    }
    let found = json(&folder, &["cache", "verify", "second"]);
    assert_eq!(
        (&found["pairs"], &found["functional"], &found["differing"]),
        (&1.into(), &1.into(), &0.into())
    );
    assert_eq!(found["compared"][0]["answered_by"], "another study");
    assert_fails(&folder, &["cache", "verify", "first"], 1, &["no pairs to verify"]);
    assert_fails(&folder, &["cache", "verify", "shared"], 2, &["shared", "lies in no run", "name a run"]);
    assert_fails(&folder, &["cache", "verify", "absent"], 1, &["absent is not there"]);
}

#[test]
fn a_pair_without_a_row_in_the_table_is_not_judged() {
    let folder = Folder::new();
    folder.write("table.csv", "arch,mean_acc\n22222222,1\n");
    folder.write("first.jsonl", "{\"arch\":\"00000001\"}\n{\"arch\":\"00000010\"}\n");
    let own = "search --space nb-macro --data table.csv --objective mean_acc --trials 2 --enqueue first.jsonl --out run";
    stdout(&folder, &own.split(' ').collect::<Vec<_>>());
    let found = json(&folder, &["cache", "verify", "run"]);
    assert_eq!((&found["failed"], &found["pairs"]), (&1.into(), &0.into()));
    assert!(found["differing_rate"].is_null());
    let failed = rows(&folder, &["cache", "list", "run", "--failed"]);
    assert_eq!(failed[0]["verdict"], "not in the table");
}

#[test]
fn a_score_that_is_named_like_a_column_hides_none() {
    let folder = Folder::new();
    folder.write("table.csv", "arch,steps\n22222222,41\n");
    folder.write("first.jsonl", "{\"arch\":\"22222222\"}\n");
    let own = "search --space nb-macro --data table.csv --objective steps --trials 1 --enqueue first.jsonl --out run";
    stdout(&folder, &own.split(' ').collect::<Vec<_>>());
    let listed = rows(&folder, &["cache", "list", "run"]);
    assert_eq!((&listed[0]["score.steps"], &listed[0]["steps"]), (&41.0.into(), &1.into()));
}

#[test]
fn trained_pairs_are_verified_under_fresh_seeds() {
    if !worker_is_there() {
        return;
    }
    let folder = Folder::new();
    let waves = folder.waves();
    let token = "{\"token\":{\"kind\":\"convolution\"}}";
    folder.write("first.jsonl", format!("{{\"layers\":[{token}]}}\n{{\"layers\":[{{}},{token},{{}}]}}\n"));
    let own = ["search", "--data", waves.to_str().unwrap(), "--epochs", "2", "--trials", "2", "--jobs", "1"];
    stdout(&folder, &[&own[..], &["--enqueue", "first.jsonl", "--out", "run"]].concat());
    let found = json(&folder, &["cache", "verify", "run"]);
    assert_eq!((&found["pairs"], &found["structural"], &found["failed"]), (&1.into(), &1.into(), &0.into()));
    assert!(found["noise"].as_f64().unwrap() > 0.0 && found["threshold"].as_f64().unwrap() > 0.0, "{found}");
    assert!(found["compared"][0]["scores"][1].is_number() && found["difference_low"].is_null(), "one pair");
    assert_eq!(lines(&folder.path("run/verify.jsonl")).len(), 4);
    assert!(!folder.path("run/verify").exists(), "no weights are kept");
}

#[test]
fn an_interrupted_verification_keeps_what_it_has_and_goes_on() {
    let folder = Folder::new();
    search(&folder, "run", &["--trials", "600"]);
    let words = ["cache", "verify", "run", "--sample", "40", "--seeds", "1000", "--jobs", "2"];
    let mut command = Command::new(assert_cmd::cargo::cargo_bin("fecund"));
    let command = command.args(words).current_dir(folder.0.path());
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let kept = folder.path("run/verify.jsonl");
    let start = Instant::now();
    while fs::read_to_string(&kept).map_or(0, |text| text.lines().count()) < 20 {
        assert!(start.elapsed() < Duration::from_secs(120), "nothing is kept in two minutes");
        std::thread::sleep(Duration::from_millis(5));
    }
    // SAFETY: kill only sends a signal; a wrong target is an error that is asserted.
    assert_eq!(unsafe { libc::kill(child.id() as i32, libc::SIGINT) }, 0);
    assert_eq!(child.wait().unwrap().code(), Some(130));
    let before = lines(&kept);
    assert!(before.iter().all(|line| serde_json::from_str::<Value>(line).is_ok()), "lines are whole");
    assert!(before.len() < 80_000, "{} lines", before.len());
    let found = json(&folder, &["cache", "verify", "run", "--sample", "40"]);
    assert_eq!((&found["pairs"], &found["differing"]), (&40.into(), &0.into()));
    assert_eq!(lines(&kept)[..before.len()], before);
}

#[test]
fn an_export_follows_a_link_and_fills_a_pipe_and_replaces_neither() {
    let folder = Folder::new();
    search(&folder, "run", &["--trials", "20"]);
    let whole = stdout(&folder, &["cache", "export", "run"]);
    folder.write("target.csv", "old");
    std::os::unix::fs::symlink("target.csv", folder.path("link.csv")).unwrap();
    stdout(&folder, &["cache", "export", "run", "--to", "link.csv"]);
    assert!(folder.path("link.csv").symlink_metadata().unwrap().is_symlink());
    assert_eq!(fs::read_to_string(folder.path("target.csv")).unwrap(), whole);
    assert!(Command::new("mkfifo").arg(folder.path("pipe")).status().unwrap().success());
    let reader = Command::new("cat").arg(folder.path("pipe")).stdout(Stdio::piped()).spawn().unwrap();
    stdout(&folder, &["cache", "export", "run", "--to", "pipe"]);
    assert_eq!(reader.wait_with_output().unwrap().stdout, whole.as_bytes());
    assert!(!folder.path("pipe").metadata().unwrap().is_file());
}

#[test]
fn scores_that_are_not_finite_are_refused_with_their_line_and_answer_nobody() {
    let folder = Folder::new();
    search(&folder, "run", &["--trials", "20"]);
    let text = stdout(&folder, &["cache", "export", "run"]);
    let column = text.lines().next().unwrap().split(',').position(|name| name == "score.mean_acc").unwrap();
    let row = csv::Reader::from_reader(text.as_bytes()).records().next().unwrap().unwrap();
    for score in ["inf", "-inf", "NaN"] {
        folder.write("bad.csv", text.replacen(&row[column], score, 1));
        assert_fails(
            &folder,
            &["cache", "import", "bad.csv", "--into", "new"],
            1,
            &["bad.csv:2: score.mean_acc", "finite"],
        );
    }
    // One that is in a cache all the same is passed over, and the run can be read.
    let poisoned: Vec<_> = records(&folder, "run/cache")
        .into_iter()
        .map(|(key, mut record)| {
            for evaluation in &mut record.evaluations {
                if let Verdict::Scored(scores) = &mut evaluation.verdict {
                    scores.0.insert("mean_acc".into(), f64::INFINITY);
                }
            }
            (key, record)
        })
        .collect();
    cache_of(&folder, "poisoned", &poisoned);
    search(&folder, "second", &["--trials", "20", "--cache", "poisoned"]);
    assert_eq!(json(&folder, &["cache", "stats", "second"])["misses"], 20);
    let models = |run| {
        let rows = rows(&folder, &["leaderboard", run]);
        rows.iter().map(|row| (row["model"].clone(), row["mean_acc"].clone())).collect::<Vec<_>>()
    };
    assert_eq!(models("second"), models("run"));
}

#[test]
fn a_line_that_is_cut_off_is_refused_alone() {
    let folder = Folder::new();
    search(&folder, "run", &["--trials", "20"]);
    let text = stdout(&folder, &["cache", "export", "run"]);
    let kept = text.lines().count() - 2;
    folder.write("cut.csv", &text[..text.trim_end().len() - 40]);
    assert_fails(&folder, &["cache", "import", "cut.csv", "--into", "new"], 1, &["cells", "--skip-refused"]);
    let taken = json(&folder, &["cache", "import", "cut.csv", "--into", "new", "--skip-refused"]);
    assert_eq!((taken["new_evaluations"].as_u64(), taken["refused"].as_u64()), (Some(kept as u64), Some(1)));
}

#[test]
fn what_a_run_cannot_use_is_imported_with_a_warning() {
    let folder = Folder::new();
    search(&folder, "run", &["--trials", "20"]);
    search_cells(
        &folder,
        "other",
        &[("|nor_conv_3x3~0|+|none~0|none~1|+|skip_connect~0|none~1|none~2|", 1.0)],
    );
    let said = stderr_of(&run(&folder, &["cache", "import", "other", "--into", "run"]));
    assert!(said.contains("run will ask for none of these: they are of cell201"), "{said}");
    search(&folder, "second", &["--trials", "20", "--seed", "1"]);
    let said = stderr_of(&run(&folder, &["cache", "import", "second", "--into", "run"]));
    assert!(!said.contains("will ask for none"), "{said}");
}
