//! Searches that are answered by a published table: the real one of NAS-Bench-Macro, and small ones that are wrong.

mod common;

use std::fs;
use std::io::Write;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use common::{Folder, assert_fails, run, stderr_of, stdout};
use evaluator::replay::{Replay, ReplayTask, Table};
use evaluator::{Control, Evaluator, Job};
use hashing::{CandidateHasher, Fidelity, TwoStage};
use search::{
    Ledger, Objective, Plan, RandomSearch, RegularizedEvolution, Statistics, Study, Threads, Trial,
};
use serde_json::Value;
use spaces::nb_macro::{MacroSpace, Network};
use spaces::{Enumerated, Space, Tabulated};
use tasks::{Reason, Verdict};

const SEARCH: [&str; 5] = ["search", "--space", "nb-macro", "--objective", "mean_acc"];

fn published() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../data/nas_bench_macro/nas_bench_macro_cifar10.csv.gz")
}

fn network(arch: &str) -> Network {
    Network::from_row(&[arch]).unwrap()
}

fn replay(file: &Path, cost: Option<&str>) -> Replay<MacroSpace> {
    let table = Table::read(file, &["mean_acc"]).unwrap();
    let task = ReplayTask::of(&table, "mean_acc", true, cost.map(|cost| cost.parse().unwrap()));
    Replay::new(MacroSpace, table, task).unwrap()
}

/// Rows of the published table whose code passes.
fn part(passes: impl Fn(&str) -> bool) -> String {
    let mut text = String::new();
    let file = fs::File::open(published()).unwrap();
    std::io::Read::read_to_string(&mut flate2::read::MultiGzDecoder::new(file), &mut text).unwrap();
    let kept = |line: &&str| line.starts_with("arch") || passes(line.split(',').next().unwrap());
    text.lines().filter(kept).map(|line| format!("{line}\n")).collect()
}

fn study(replay: Replay<MacroSpace>, plan: Plan<Network>) -> Study<MacroSpace> {
    let objective = Objective::new("mean_acc", true);
    Study::new(MacroSpace, replay, RegularizedEvolution::new(objective), plan)
        .with_executor(Threads::new(2).unwrap())
}

fn statistics(study: &Study<MacroSpace>) -> Statistics {
    Statistics::of(study.trials())
}

/// `fecund search` over the published table, or another one.
fn search(folder: &Folder, out: &str, data: Option<&str>, more: &[&str]) {
    stdout(folder, &arguments(out, data, more).iter().map(String::as_str).collect::<Vec<_>>());
}

fn arguments(out: &str, data: Option<&str>, more: &[&str]) -> Vec<String> {
    let data = data.map_or_else(|| published().display().to_string(), String::from);
    let own = ["--data", &data, "--out", out];
    SEARCH.iter().chain(&own).chain(more).map(|word| word.to_string()).collect()
}

fn trials(folder: &Folder, run: &str) -> Vec<Trial<Network>> {
    Ledger::read(&folder.path(run).join("trials.journal")).unwrap().trials
}

fn assert_same(a: &[Trial<Network>], b: &[Trial<Network>]) {
    assert_eq!(a.len(), b.len());
    for (a, b) in a.iter().zip(b) {
        assert!(a.same_as(b), "{a:#?}\n{b:#?}");
    }
}

fn stats(folder: &Folder, run: &str) -> Value {
    serde_json::from_str(&stdout(folder, &["cache", "stats", run, "--format", "json"])).unwrap()
}

#[test]
fn reuse_changes_the_cost_and_never_the_result_on_the_published_table() {
    for seed in 0..5 {
        let run = |reuse| {
            let plan = Plan { seed, reuse, trials: Some(400), ..Plan::default() };
            let mut study = study(replay(&published(), None), plan);
            study.run().unwrap();
            let trajectory: Vec<_> =
                study.trials().iter().map(|t| (t.candidate, t.key, t.verdict.clone())).collect();
            (trajectory, statistics(&study).total.misses)
        };
        let ((with, paid_with), (without, paid_without)) = (run(true), run(false));
        assert_eq!(with, without, "seed {seed}");
        assert_eq!(paid_without, 400);
        assert!(paid_with < 350, "seed {seed}: {paid_with} evaluations");
    }
}

#[test]
fn codes_with_one_key_have_one_row_in_the_published_table() {
    // What the cache answers with must be what the table says of the code itself, written as it may be.
    let table = Table::<Network>::read(&published(), &[]).unwrap();
    let (hasher, mut known) = (TwoStage::default(), std::collections::HashMap::new());
    for (index, network) in table.candidates().enumerate() {
        let fingerprint = hasher.identify(network).unwrap().fingerprint;
        let row = table.row(index).0.to_vec();
        assert_eq!(*known.entry(fingerprint).or_insert_with(|| row.clone()), row, "{network}");
    }
    assert_eq!((table.len(), known.len()), (6_561, 3_969));
}

#[test]
fn a_candidate_is_found_as_written_then_by_its_form_and_else_said_to_be_missing() {
    let folder = Folder::new();
    let text = "arch,mean_acc,note\n00000001,1,a\n00000010,2,b\n00001000,3,c\n";
    let replay = replay(&folder.write("t.csv", text), None);
    let judge = |arch: &str| {
        let control = Control::new();
        let job = Job {
            fidelity: Fidelity(1),
            seed: 0,
            artifacts: "".as_ref(),
            previous: None,
            parents: &[],
            control: &control,
        };
        replay.evaluate(&network(arch), &job).unwrap().verdict
    };
    assert_eq!(judge("00000001").score("mean_acc"), Some(1.0));
    assert_eq!(judge("00000010").score("mean_acc"), Some(2.0), "its own row, not that of an equal network");
    assert_eq!(judge("00010000").score("mean_acc"), Some(3.0));
    assert_eq!(judge("00000001").score("note"), None, "what is no number is no score");
    assert_eq!(judge("00000002"), Verdict::Invalid(Reason::NotInTable));
}

#[test]
fn candidates_without_a_row_are_counted_apart() {
    let folder = Folder::new();
    let file = folder.write("part.csv", part(|arch| !arch.starts_with('0')));
    let table = || replay(&file, Some("flops*1e-6"));
    let plan = || Plan { trials: Some(200), ..Plan::default() };
    let mut study = Study::new(MacroSpace, table(), RandomSearch, plan());
    study.run().unwrap();
    let missing: Vec<_> =
        study.trials().iter().filter(|trial| trial.candidate.to_string().starts_with('0')).collect();
    let counted = statistics(&study);
    assert!(!missing.is_empty() && missing.len() < 200);
    assert!(missing.iter().all(|trial| trial.verdict == Verdict::Invalid(Reason::NotInTable)));
    assert!(missing.iter().all(|trial| trial.times.evaluation == 0.0));
    assert_eq!((counted.not_in_table, counted.invalid), (missing.len() as u64, 0));
    assert_eq!(Reason::NotInTable.to_string(), "not in the table");
}

#[test]
fn simulated_seconds_are_what_is_reported() {
    let mut costly =
        study(replay(&published(), Some("flops*1e-6")), Plan { trials: Some(300), ..Plan::default() });
    costly.run().unwrap();
    let seconds = |trial: &Trial<Network>| trial.verdict.score("flops").unwrap() * 1e-6;
    for trial in costly.trials() {
        let (paid, saved) =
            if trial.origin.is_evaluated() { (seconds(trial), 0.0) } else { (0.0, seconds(trial)) };
        assert_eq!((trial.times.evaluation, trial.times.saved), (paid, saved));
    }
    let counted = statistics(&costly);
    let all: f64 = costly.trials().iter().map(seconds).sum();
    assert!((counted.evaluation_seconds + counted.saved_seconds - all).abs() < 1e-6);
    assert!(counted.speedup_by_seconds() > 1.05, "{}", counted.speedup_by_seconds());
}

#[test]
fn whatever_moves_a_verdict_or_its_cost_is_in_the_context() {
    let table = Table::<Network>::read(&published(), &[]).unwrap();
    let task = |objective, higher, cost: Option<&str>| {
        ReplayTask::of(&table, objective, higher, cost.map(|cost| cost.parse().unwrap()))
    };
    let context = task("mean_acc", true, None).context();
    let part = ReplayTask { data: hashing::Digest([1; 32]), ..task("mean_acc", true, None) };
    for (name, other) in [
        ("metric", task("test_acc_1", true, None)),
        ("metric", task("mean_acc", false, None)),
        ("cost", task("mean_acc", true, Some("flops"))),
        ("data", part),
    ] {
        let differences = other.context();
        let differences: Vec<_> =
            context.differences(&differences).iter().map(|(name, ..)| name.to_string()).collect();
        assert_eq!(differences, [name]);
    }
    let elsewhere = ReplayTask { table: "/elsewhere.csv".into(), ..task("mean_acc", true, None) };
    assert_eq!(elsewhere.context(), context);
}

#[test]
fn a_table_that_is_wrong_is_named_with_its_line_its_column_and_a_remedy() {
    let folder = Folder::new();
    let header = "arch,mean_acc,flops\n";
    let good = format!("{header}22212202,93.1,85164544\n00000000,45.4,7713280\n");
    let zipped = |text: &str| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(text.as_bytes()).unwrap();
        encoder.finish().unwrap()
    };
    let whole = zipped(&good);
    let cases: Vec<(&str, Vec<u8>, &[&str])> = vec![
        ("empty.csv", vec![], &["empty.csv:1", "nothing in it", "header"]),
        ("header.csv", header.into(), &["header.csv:1", "no rows", "a row for each"]),
        ("name.csv", good.replace("arch", "code").into(), &["name.csv:1", "`arch`", "code, mean_acc, flops"]),
        ("twice.csv", good.replace("flops", "mean_acc").into(), &["twice.csv:1", "`mean_acc`", "rename"]),
        (
            "text.csv",
            good.replace("45.4", "low").into(),
            &["text.csv:3", "`mean_acc`", "`low`", "not a finite number", "leave the row out"],
        ),
        ("gap.csv", good.replace("45.4", "").into(), &["gap.csv:3", "`mean_acc`", "an empty cell"]),
        ("nan.csv", good.replace("45.4", "NaN").into(), &["nan.csv:3", "`mean_acc`", "`NaN`"]),
        ("cost.csv", good.replace("7713280", "many").into(), &["cost.csv:3", "`flops`", "`many`"]),
        (
            "negative.csv",
            good.replace("7713280", "-1").into(),
            &["negative.csv:3", "`flops`", "zero or more"],
        ),
        (
            "arch.csv",
            good.replace("00000000", "0000000").into(),
            &["arch.csv:3", "arch `0000000`", "8 digits"],
        ),
        (
            "again.csv",
            good.replace("00000000", "22212202").into(),
            &["again.csv:3", "line 2 again", "keep one"],
        ),
        (
            "short.csv",
            good.replace(",7713280", "").into(),
            &["short.csv:3", "2 cells", "header has 3", "quote"],
        ),
        (
            "latin.csv",
            good.replace("45.4", "x").bytes().map(|b| if b == b'x' { 0xff } else { b }).collect(),
            &["latin.csv:3", "UTF-8"],
        ),
        ("cut.csv.gz", whole[..whole.len() - 9].to_vec(), &["cut.csv.gz:", "cut short or damaged", "fetch"]),
        ("plain.csv.gz", good.clone().into(), &["plain.csv.gz:1", "damaged"]),
    ];
    for (name, content, words) in cases {
        folder.write(name, content);
        let arguments = [&SEARCH[..], &["--data", name, "--cost", "flops", "--out", "out"]].concat();
        assert_fails(&folder, &arguments, 1, words);
    }
    assert_fails(&folder, &[&SEARCH[..], &["--data", "absent.csv"]].concat(), 1, &["absent.csv"]);
    assert_fails(&folder, &[&SEARCH[..], &["--data", "."]].concat(), 1, &["folder"]);
    assert!(
        !folder.path("out").exists() && !folder.path("runs").exists(),
        "a run begins when its table is read"
    );
}

#[test]
fn options_that_do_not_apply_are_refused_by_name() {
    let folder = Folder::new();
    let (table, waves) = (published(), folder.waves());
    let (table, waves) = (table.to_str().unwrap(), waves.to_str().unwrap());
    let macro_ = |more: &[&'static str]| [&SEARCH[..], &["--data", table], more].concat();
    for (arguments, words) in [
        (macro_(&["--epochs", "3"]), vec!["--epochs", "nb-macro"]),
        (macro_(&["--blocks", "gru", "--max-depth", "2"]), vec!["--blocks, --max-depth", "nb-macro"]),
        (macro_(&["--max-seconds-per-trial", "3"]), vec!["--max-seconds-per-trial", "nb-macro"]),
        (macro_(&["--cost", "flops*x"]), vec!["--cost", "flops*1e-6"]),
        (macro_(&["--cost", "hours"]), vec!["`hours`", "flops"]),
        (macro_(&["--strategy", "random", "--population", "9"]), vec!["--population", "random"]),
        (macro_(&["--tournament", "0"]), vec!["--tournament"]),
        (vec!["search", "--space", "nb-macro", "--data", table], vec!["--objective", "mean_acc"]),
        (
            vec!["search", "--space", "nb-macro", "--data", table, "--objective", "loss"],
            vec!["`loss`", "mean_acc"],
        ),
        (vec!["search", "--data", waves, "--objective", "accuracy"], vec!["--objective", "sequence"]),
        (vec!["search", "--data", waves, "--minimize"], vec!["--minimize", "sequence"]),
        (
            vec!["search", "--data", table, "--space", "cell101"],
            vec!["cell201", "sequence, mlp, cell201, nb-macro, nb-graph, program"],
        ),
        (vec!["search", "--data", table, "--space", "nb-micro"], vec!["nb-micro", "nb-macro"]),
    ] {
        assert_fails(&folder, &arguments, 2, &words);
    }
    assert!(!folder.path("runs").exists(), "nothing is made on disk for a bad command");
}

#[test]
fn a_finished_replay_can_be_asked() {
    let folder = Folder::new();
    folder.write("first.jsonl", "{\"arch\": \"00000001\"}\n{\"arch\": \"00000010\"}\n");
    let more = ["--trials", "300", "--enqueue", "first.jsonl", "--cost", "flops*1e-6", "--population", "20"];
    search(&folder, "run", None, &more);
    let json = |arguments: &[&str]| -> Value { serde_json::from_str(&stdout(&folder, arguments)).unwrap() };

    let made = trials(&folder, "run");
    assert_eq!(
        made.iter().take_while(|trial| trial.operator != "mutate").count(),
        27,
        "20 seen a window of 8 later"
    );
    assert_eq!((made[0].key, made[1].payer), (made[1].key, Some(0)));

    let board = json(&["leaderboard", "run", "--format", "json", "--top", "4"]);
    let accuracy: Vec<f64> =
        board.as_array().unwrap().iter().map(|row| row["mean_acc"].as_f64().unwrap()).collect();
    assert!(
        accuracy.len() == 4 && accuracy.is_sorted_by(|a, b| a >= b) && accuracy[0] > 92.0,
        "{accuracy:?}"
    );
    assert_eq!(board[0]["seconds"].as_f64().unwrap(), board[0]["flops"].as_f64().unwrap() * 1e-6);
    assert_eq!(board[0]["model"].as_str().unwrap().len(), 8);

    let stats = stats(&folder, "run");
    let count = |name: &str| stats[name].as_u64().unwrap();
    assert_eq!(count("proposals"), 300);
    assert_eq!(300, count("misses") + count("partial_hits") + count("full_hits") + count("shared"));
    assert!(count("full_hits") > 0 && stats["saved_seconds"].as_f64().unwrap() > 1.0);
    assert_eq!(json(&["cache", "stats", "run/cache", "--format", "json"])["entries"], stats["misses"]);

    assert!(stdout(&folder, &["cache", "explain", "run", "0", "1"]).contains("same key"));
    let key = made[0].key.to_string();
    let file = folder.write("same.json", "{\"arch\": \"00000010\"}");
    let explained = stdout(&folder, &["cache", "explain", "run/cache", &key[..9], file.to_str().unwrap()]);
    assert!(explained.contains("same key"), "{explained}");
    assert_fails(
        &folder,
        &["cache", "explain", "run", "0", "1", "--space", "sequence"],
        2,
        &["sequence", "nb-macro"],
    );

    for command in [&["test", "run"][..], &["confirm", "run"], &["predict", "run", "x.ts"]] {
        assert_fails(
            &folder,
            command,
            2,
            &["nb-macro", "replays a table", "fecund leaderboard run", "fecund export run"],
        );
    }
    exports(&folder, &made);
}

/// An export names the candidate as it was proposed, its canonical form and its scores, and refuses to overwrite.
fn exports(folder: &Folder, made: &[Trial<Network>]) {
    assert_eq!(stdout(folder, &["export", "run", "--trial", "0", "--to", "out"]).trim(), "out");
    let text = fs::read_to_string(folder.path("out/genome.json")).unwrap();
    let genome: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(
        (&genome["candidate"]["arch"], &genome["canonical"]["arch"]),
        (&"00000001".into(), &"00000010".into())
    );
    assert_eq!(genome["verdict"]["scored"]["mean_acc"].as_f64(), made[0].verdict.score("mean_acc"));
    assert_fails(folder, &["export", "run", "--to", "out"], 2, &["out", "--to"]);
    assert_fails(folder, &["export", "run", "--refit", "--to", "other"], 2, &["--refit", "nb-macro"]);
}

#[test]
fn without_the_cache_the_command_makes_the_same_trials() {
    let folder = Folder::new();
    search(&folder, "with", None, &["--trials", "250", "--seed", "4", "--jobs", "3"]);
    search(&folder, "without", None, &["--trials", "250", "--seed", "4", "--jobs", "1", "--no-cache"]);
    let trajectory =
        |run| trials(&folder, run).into_iter().map(|t| (t.candidate, t.key, t.verdict)).collect::<Vec<_>>();
    assert_eq!(trajectory("with"), trajectory("without"));
    assert_eq!(stats(&folder, "without")["misses"], 250);
    assert!(stats(&folder, "with")["misses"].as_u64().unwrap() < 250);
}

#[test]
fn the_lowest_is_the_best_where_it_is_asked_for() {
    let folder = Folder::new();
    let data = published();
    let arguments =
        ["search", "--space", "nb-macro", "--data", data.to_str().unwrap(), "--objective", "params"];
    stdout(&folder, &[&arguments[..], &["--minimize", "--trials", "200", "--out", "run"]].concat());
    let board = stdout(&folder, &["leaderboard", "run", "--format", "json"]);
    let board: Value = serde_json::from_str(&board).unwrap();
    let params: Vec<f64> =
        board.as_array().unwrap().iter().map(|row| row["params"].as_f64().unwrap()).collect();
    let least =
        trials(&folder, "run").iter().filter_map(|t| t.verdict.score("params")).fold(f64::INFINITY, f64::min);
    assert!(params.is_sorted() && params[0] == least, "{params:?}, least {least}");
}

#[test]
fn a_shared_cache_answers_a_study_with_the_same_task_and_no_other() {
    let folder = Folder::new();
    let more = ["--trials", "60", "--cache", "shared"];
    search(&folder, "a", None, &more);
    search(&folder, "b", None, &more);
    assert_eq!(stats(&folder, "b")["misses"], 0);
    search(&folder, "c", None, &[&more[..], &["--cost", "flops"]].concat());
    assert_eq!(stats(&folder, "c")["misses"], stats(&folder, "a")["misses"]);
    let key = trials(&folder, "a")[0].key.to_string();
    assert_fails(&folder, &["cache", "explain", "shared", &key, &key], 2, &["--space"]);
    let explained = stdout(&folder, &["cache", "explain", "shared", &key, &key, "--space", "nb-macro"]);
    assert!(explained.contains("same key"), "{explained}");
}

#[test]
fn a_resumed_search_makes_the_trials_of_an_undisturbed_one() {
    let folder = Folder::new();
    search(&folder, "whole", None, &["--trials", "220"]);
    search(&folder, "cut", None, &["--trials", "90"]);
    stdout(&folder, &["resume", "cut", "--trials", "220", "--jobs", "1"]);
    assert_same(&trials(&folder, "whole"), &trials(&folder, "cut"));
}

#[test]
fn a_killed_search_resumes_to_the_trials_of_an_undisturbed_one() {
    for signal in [libc::SIGKILL, libc::SIGINT] {
        let folder = Folder::new();
        // More than can be proposed before the signal comes.
        let endless = ["--strategy", "random", "--trials", "1000000"];
        let mut child = spawn(&folder, &arguments("cut", None, &endless));
        wait_for_trials(&folder, "cut", 100);
        // SAFETY: kill only sends a signal; a wrong target is an error that is asserted.
        assert_eq!(unsafe { libc::kill(child.id() as i32, signal) }, 0);
        let status = child.wait().unwrap();
        assert!(status.signal() == Some(libc::SIGKILL) || status.code() == Some(130), "{status}");
        let all = (trials(&folder, "cut").len() + 150).to_string();
        let resumed = run(&folder, &["resume", "cut", "--trials", &all]);
        assert!(
            resumed.status.success() && stderr_of(&resumed).contains("going on after"),
            "{}",
            stderr_of(&resumed)
        );
        search(&folder, "whole", None, &["--strategy", "random", "--trials", &all]);
        assert_same(&trials(&folder, "whole"), &trials(&folder, "cut"));
        let (cut, whole) = (stats(&folder, "cut/cache"), stats(&folder, "whole/cache"));
        assert_eq!(cut["evaluations"], whole["evaluations"], "nothing is paid for twice");
    }
}

fn spawn(folder: &Folder, arguments: &[String]) -> Child {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin("fecund"));
    command.args(arguments).current_dir(folder.0.path()).stdout(Stdio::null()).stderr(Stdio::null());
    command.process_group(0).spawn().unwrap()
}

fn wait_for_trials(folder: &Folder, run: &str, count: usize) {
    let journal = folder.path(run).join("trials.journal");
    let start = Instant::now();
    while Ledger::read::<Network>(&journal).map_or(0, |written| written.trials.len()) < count {
        assert!(start.elapsed() < Duration::from_secs(120), "no {count} trials in two minutes");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_changed_table_is_refused_on_resume() {
    let folder = Folder::new();
    folder.write("table.csv", part(|_| true));
    search(&folder, "run", Some("table.csv"), &["--trials", "20"]);
    folder.write("table.csv", part(|arch| arch != "00000000"));
    assert_fails(
        &folder,
        &["resume", "run", "--trials", "30"],
        1,
        &["table.csv", "not the table", "new run"],
    );
    folder.write("table.csv", part(|_| true));
    stdout(&folder, &["resume", "run", "--trials", "30"]);
}

#[test]
fn codes_hash_as_their_networks() {
    let folder = Folder::new();
    folder.write(
        "codes.jsonl",
        "{\"arch\": \"00000001\"}\n{\"arch\": \"00000010\"}\n{\"arch\": \"00000100\"}\n",
    );
    let printed = stdout(&folder, &["hash", "--space", "nb-macro", "codes.jsonl", "--format", "json"]);
    let rows: Value = serde_json::from_str(&printed).unwrap();
    assert_eq!(rows[0]["fingerprint"], rows[1]["fingerprint"]);
    assert_ne!(rows[0]["fingerprint"], rows[2]["fingerprint"]);
    folder.write("bad.jsonl", "{\"arch\": \"00000003\"}\n");
    assert_fails(&folder, &["hash", "--space", "nb-macro", "bad.jsonl"], 1, &["bad.jsonl:1", "8 digits"]);
}

#[test]
fn every_row_is_a_candidate_of_the_space() {
    let table = Table::<Network>::read(&published(), &[]).unwrap();
    let rows: std::collections::HashSet<_> = table.candidates().copied().collect();
    assert!(MacroSpace.all().all(|network| rows.contains(&network)));
    assert_eq!(MacroSpace.canonicalize(&network("22212202")), network("22212220"));
}

#[test]
fn an_explanation_shows_forms_roles_responses_and_ingredients() {
    let folder = Folder::new();
    let arch = |a: &str, b: &str, c: &str| format!("|{a}~0|+|{b}~0|none~1|+|none~0|{c}~1|{c}~2|");
    let conv = "nor_conv_3x3";
    let (apart, together) = (
        // avg(conv x) + avg(conv' x), and avg(conv x + conv' x): one function at two costs.
        arch(conv, conv, "avg_pool_3x3"),
        format!("|{conv}~0|+|{conv}~0|skip_connect~1|+|none~0|none~1|avg_pool_3x3~2|"),
    );
    let third = arch(conv, "nor_conv_1x1", "avg_pool_3x3");
    let rows = [&apart, &together, &third].map(|arch| format!("{arch},1\n")).concat();
    folder.write("table.csv", format!("arch,score\n{rows}"));
    let words = "search --space cell201 --data table.csv --objective score --trials 3 --out run";
    stdout(&folder, &words.split(' ').collect::<Vec<_>>());
    for (name, arch) in [("a", &apart), ("b", &together), ("c", &third)] {
        folder.write(&format!("{name}.json"), format!("{{\"arch\": \"{arch}\"}}"));
    }
    let explain = |a: &str, b: &str| -> serde_json::Value {
        let printed = stdout(&folder, &["cache", "explain", "run", a, b, "--format", "json"]);
        serde_json::from_str(&printed).unwrap()
    };
    let equal = explain("a.json", "b.json");
    assert_ne!(equal["a"]["structural"], equal["b"]["structural"]);
    assert_eq!(equal["a"]["fingerprint"], equal["b"]["fingerprint"]);
    assert!(equal["first_difference"].is_null() && equal["responses"].as_u64() > Some(0), "{equal}");
    let roles = equal["roles"].as_array().unwrap();
    assert_eq!(roles.len(), 2);
    assert!(roles.iter().all(|role| role["a"] == 1 && role["b"] == 1 && role["kind"] == "conv3x3"));
    let other = explain("a.json", "c.json");
    assert!(other["first_difference"].as_str().unwrap().contains("draw 0, row 0"), "{other}");
    assert!(other["roles"].as_array().unwrap().iter().any(|role| role["a"] != role["b"]));
    let words = stdout(&folder, &["cache", "explain", "run", "a.json", "b.json"]);
    for said in ["equal on all", "canonical form: differs", "response to the probe: same", "conv3x3"] {
        assert!(words.contains(said), "{words}");
    }
}
