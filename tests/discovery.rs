//! The lean search: what it finds does not depend on threads, on audits, or (where keys are exact) on the cache.

mod common;

use common::{Folder, assert_fails, run, stdout};
use evaluator::program::Rules;
use search::discovery::{Archipelago, Breeding, Caching, Plan, Tally};
use spaces::program::{Program, ProgramSpace};
use tasks::{Family, Problem, Size};

const SIZE: Size = Size { features: 4, training: 100, validation: 100 };

fn problems(count: u64) -> Vec<Problem> {
    (0..count).map(|n| Family::Linear.problem(SIZE, 0, n).unwrap()).collect()
}

fn plan() -> Plan {
    let breeding = Breeding { population: 200, ..Breeding::default() };
    Plan { breeding, islands: 3, round: 2500, ..Plan::default() }
}

struct Found {
    /// Of all islands.
    populations: Vec<(Program, f64)>,
    tally: Tally,
}

fn found(plan: Plan, threads: usize) -> Found {
    let mut search = Archipelago::new(&ProgramSpace::linear(), &problems(10), plan).unwrap();
    (0..4).for_each(|_| search.round(threads));
    let populations = search.islands().iter().flat_map(|island| island.population().to_vec());
    Found {
        populations: populations.map(|individual| (individual.program, individual.fitness)).collect(),
        tally: search.tally(),
    }
}

#[test]
fn one_thread_and_four_find_the_same() {
    let (one, four) = (found(plan(), 1), found(plan(), 4));
    assert_eq!(one.populations, four.populations);
    assert_eq!(one.tally, four.tally);
    assert_eq!(one.tally.proposals, 30_000);
}

#[test]
fn an_exact_key_changes_the_cost_and_never_the_result() {
    // All examples, so that what shares a key has the same errors everywhere.
    let rules = Rules { probe: [100, 100], ..Rules::default() };
    let exact = found(Plan { rules, ..plan() }, 2);
    let caching = Caching { enabled: false, ..Caching::default() };
    let none = found(Plan { caching, ..plan() }, 2);
    let differ = exact.populations.iter().zip(&none.populations).filter(|((a, _), (b, _))| a != b).count();
    assert_eq!(differ, 0);
    for ((_, a), (_, b)) in exact.populations.iter().zip(&none.populations) {
        assert!((a - b).abs() < 1e-6, "{a} {b}");
    }
    assert_eq!((none.tally.evaluated, none.tally.hit_rate()), (30_000, 0.0));
    assert!(exact.tally.hit_rate() > 0.5, "{:?}", exact.tally);
}

#[test]
fn every_proposal_is_answered_in_one_way_and_audits_change_nothing() {
    let plain = found(plan(), 2);
    let caching = Caching { audit: 0.2, ..Caching::default() };
    let audited = found(Plan { caching, ..plan() }, 2);
    assert_eq!(plain.populations, audited.populations);
    let Tally { proposals, by_symbol, by_probe, failed, below_hurdle, evaluated, audits } = audited.tally;
    assert_eq!(proposals, by_symbol + by_probe + failed + below_hurdle + evaluated);
    let hits = (by_symbol + by_probe) as f64;
    assert!((audits.made as f64 / hits - 0.2).abs() < 0.02, "{audits:?}");
    // Where there is one wrong answer there are many: what was answered has children alike.
    assert!(audits.wrong as f64 <= 0.02 * audits.made as f64, "{audits:?}");
    assert!(by_symbol > 0 && by_probe > 0 && failed > 0 && below_hurdle == 0);
}

#[test]
fn a_hurdle_leaves_most_of_the_training_out() {
    let (with, without) = (found(Plan { hurdle: true, ..plan() }, 2).tally, found(plan(), 2).tally);
    assert!(with.below_hurdle > 0);
    assert!(with.evaluated < without.evaluated, "{with:?} {without:?}");
}

#[test]
fn every_answer_comes_from_the_cache_only_if_it_was_put_there() {
    let caching = Caching { size: 1, forget_every: 2, ..Caching::default() };
    let forgetful = found(Plan { caching, ..plan() }, 2).tally;
    assert!(forgetful.hit_rate() < found(plan(), 2).tally.hit_rate());
}

#[test]
fn children_that_are_drawn_again_differ_from_their_parents() {
    let breeding = Breeding { redraws: 20, mutation: 1.0, ..plan().breeding };
    let redrawn = found(Plan { breeding, ..plan() }, 2).tally;
    let plain = found(Plan { breeding: Breeding { mutation: 1.0, ..plan().breeding }, ..plan() }, 2).tally;
    assert!(redrawn.by_symbol < plain.by_symbol / 2, "{redrawn:?} {plain:?}");
}

#[test]
fn what_was_proposed_lately_is_not_proposed_again() {
    let breeding = Breeding { tabu: 100, ..plan().breeding };
    let (one, two) =
        [1, 2].map(|threads| found(Plan { breeding: breeding.clone(), ..plan() }, threads)).into();
    assert_eq!(one.populations, two.populations);
    let plain = found(plan(), 2).tally;
    assert!(one.tally.by_symbol < 2 * plain.by_symbol / 3, "{:?} {plain:?}", one.tally);
}

/// What is made of the times is tested where it is made, in `worth.rs`.
#[test]
fn some_proposals_are_timed_with_hashing_and_without() {
    let mut search = Archipelago::new(&ProgramSpace::linear(), &problems(10), plan()).unwrap();
    (0..4).for_each(|_| search.round(2));
    let worth = search.worth();
    assert_eq!(worth.timed, 3 * (10_000 / 512), "one of 512 on each island");
    assert!(worth.with > 0.0 && worth.without > 0.0, "{worth:?}");
}

/// A short search by the command line.
const SHORT: [&str; 8] = ["discover", "--task", "linear", "--proposals", "40000", "--tasks", "4", "--audit"];

#[test]
fn a_discovery_prints_its_program_and_leaves_it_in_a_folder() {
    let folder = Folder::new();
    let json = stdout(&folder, &[&SHORT[..], &["0.1", "--format", "json", "--out", "found"]].concat());
    let report: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(report["proposals"], 40_000);
    assert!(report["audits"]["made"].as_u64().unwrap() > 0);
    let text = std::fs::read_to_string(folder.path("found/program.txt")).unwrap();
    assert_eq!(report["program"], text);
    assert!(text.parse::<Program>().is_ok());
    assert_eq!(report["lines"].as_array().unwrap().len(), text.lines().count() - 3);
    assert!(std::fs::read_to_string(folder.path("found/program.py")).unwrap().contains("class Learner"));
    assert!(folder.path("found/program.json").exists() && folder.path("found/report.json").exists());
    assert_fails(&folder, &[&SHORT[..], &["0", "--out", "found"]].concat(), 2, &["found", "--out"]);
}

#[test]
fn discoveries_do_not_depend_on_the_number_of_threads() {
    let folder = Folder::new();
    let program = |jobs| {
        let arguments = [&SHORT[..], &["0", "--format", "json", "--jobs", jobs]].concat();
        serde_json::from_str::<serde_json::Value>(&stdout(&folder, &arguments)).unwrap()["program"].clone()
    };
    assert_eq!(program("1"), program("2"));
}

#[test]
fn what_cannot_be_discovered_is_refused_with_the_option_that_says_so() {
    let folder = Folder::new();
    assert_fails(&folder, &["discover", "--features", "5"], 2, &["--features", "4, 8, 16 or 32"]);
    assert_fails(&folder, &["discover", "--features", "0"], 2, &["--features", "4, 8, 16 or 32"]);
    assert_fails(&folder, &["discover", "--mutation", "2"], 2, &["--mutation"]);
    assert_fails(&folder, &["discover", "--audit", "0.1", "--no-cache"], 2, &["--no-cache"]);
    assert_fails(&folder, &["discover", "--task", "cubic"], 2, &["linear", "nonlinear"]);
    let told = run(&folder, &[&SHORT[..], &["0"]].concat());
    let text = String::from_utf8(told.stdout).unwrap();
    assert!(text.contains("without it the error is") && text.contains("a core-second"), "{text}");
}

#[test]
fn digits_are_told_apart_and_textbooks_stand_beside() {
    let folder = Folder::new();
    let arguments =
        "discover --task digits --tasks 3 --epochs 2 --trials 4000 --round 500 --format json --out run";
    let json = stdout(&folder, &arguments.split(' ').collect::<Vec<_>>());
    let report: serde_json::Value = serde_json::from_str(&json).unwrap();
    let fresh = report["fitness"]["fresh"].as_f64().unwrap();
    assert!((0.45..=1.0).contains(&fresh), "{fresh}");
    assert_eq!(
        (&report["error"], report["references"].as_array().unwrap().len()),
        (&serde_json::Value::Null, 2)
    );
    let resumed = String::from_utf8(run(&folder, &["resume", "run"]).stdout).unwrap();
    assert!(resumed.contains("two-layer network, gradient descent with a rate of"), "{resumed}");
}

/// Three classes that differ in the mean of one column, and a column of words.
fn flowers(folder: &Folder, rows: usize) {
    let mut rng = hashing::Rng::named(0, "flowers", 0);
    let mut text = String::from("width,length,color,kind\n");
    for row in 0..rows {
        let kind = row % 3;
        let (width, length) = (rng.normal(), rng.normal() + 3.0 * kind as f64);
        text += &format!("{width:.4},{length:.4},red,{}\n", ["iris", "rose", "tulip"][kind]);
    }
    folder.write("flowers.csv", text);
}

#[test]
fn any_table_with_classes_will_do() {
    let folder = Folder::new();
    flowers(&folder, 300);
    let table = ["discover", "--data", "flowers.csv", "--target", "kind"];
    let short = ["--features", "4", "--tasks", "3", "--trials", "20000", "--round", "2000", "--out", "run"];
    let told = run(&folder, &[&table[..], &short].concat());
    assert!(told.status.success(), "{}", common::stderr_of(&told));
    assert!(common::stderr_of(&told).contains("left out: color"), "{}", common::stderr_of(&told));
    let text = String::from_utf8(told.stdout).unwrap();
    assert!(text.contains("logistic regression") && text.contains("the accuracy is"), "{text}");
    flowers(&folder, 303);
    assert_fails(&folder, &["resume", "run", "--trials", "40000"], 1, &["flowers.csv", "not the table"]);

    assert_fails(&folder, &table[..3], 2, &["--target"]);
    assert_fails(
        &folder,
        &[&table[..4], &["sort"]].concat(),
        1,
        &["no column `sort`", "width, length, color, kind"],
    );
    let linear = [&table[..], &["--task", "linear"]].concat();
    assert_fails(&folder, &linear, 2, &["--data goes with --task classes only"]);
    assert_fails(&folder, &["discover", "--task", "classes"], 2, &["--data FILE and --target COLUMN"]);
    assert_fails(&folder, &[&table[..], &["--examples", "500"]].concat(), 2, &["500 examples", "has 91"]);
}

#[test]
fn the_engine_of_all_spaces_searches_programs_too() {
    let folder = Folder::new();
    let search =
        "search --space program --tasks 3 --trials 300 --trainings 300 --population 50 --jobs 2 --out run";
    stdout(&folder, &search.split(' ').collect::<Vec<_>>());
    let json = |arguments: &[&str]| -> serde_json::Value {
        serde_json::from_str(&stdout(&folder, &[arguments, &["--format", "json"]].concat())).unwrap()
    };
    let stats = json(&["cache", "stats", "run"]);
    assert_eq!(stats["proposals"], 300);
    assert!(stats["hit_rate"].as_f64().unwrap() > 0.2, "{stats}");
    let best = json(&["leaderboard", "run", "--top", "1"]);
    let fitness = best[0]["fitness"].as_f64().unwrap();
    assert!((0.0..=1.0).contains(&fitness) && best[0]["instructions"].is_number(), "{best}");
    stdout(&folder, &["export", "run", "--to", "exported"]);
    let text = std::fs::read_to_string(folder.path("exported/program.txt")).unwrap();
    assert!(text.parse::<Program>().is_ok());
    assert!(std::fs::read_to_string(folder.path("exported/program.py")).unwrap().contains("class Learner"));
    stdout(&folder, &["resume", "run", "--trials", "350", "--trainings", "350"]);
    assert_eq!(json(&["cache", "stats", "run"])["proposals"], 350);
    assert_fails(
        &folder,
        &["search", "--space", "program", "--task", "sort"],
        2,
        &["linear, nonlinear, digits, classes"],
    );
    assert_fails(
        &folder,
        &["search", "--space", "program", "--blocks", "gru"],
        2,
        &["--blocks", "--space program"],
    );
    let tabulated = ["search", "--space", "nb-macro", "--data", "x.csv", "--programs", "wide"];
    assert_fails(&folder, &tabulated, 2, &["--programs", "--space nb-macro"]);
}
