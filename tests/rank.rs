//! `fecund rank`: what it finds, how it says so, and every table on which OutRank 0.97.5 fails.

mod common;

use std::fmt::Write as _;
use std::fs;

use common::{Folder, assert_fails, run, stderr_of, stdout};
use hashing::Rng;
use serde_json::Value;

fn rank(folder: &Folder, arguments: &[&str]) -> Value {
    let given = [&["rank"], arguments, &["--format", "json"]].concat();
    serde_json::from_str(&stdout(folder, &given)).unwrap()
}

fn feature<'a>(ranking: &'a Value, name: &str) -> &'a Value {
    let features = ranking["features"].as_array().unwrap();
    features
        .iter()
        .find(|feature| feature["feature"] == name)
        .unwrap_or_else(|| panic!("no {name} in {ranking:#}"))
}

fn notes(ranking: &Value, name: &str) -> String {
    feature(ranking, name)["notes"].to_string()
}

fn names(ranking: &Value) -> Vec<&str> {
    ranking["features"]
        .as_array()
        .unwrap()
        .iter()
        .map(|feature| feature["feature"].as_str().unwrap())
        .collect()
}

fn kept(ranking: &Value) -> Vec<&str> {
    ranking["kept"].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect()
}

/// A CSV file of so many rows; `row` has the cells of one, the target last, under the name `y`.
fn written(
    folder: &Folder,
    names: &[&str],
    rows: usize,
    mut row: impl FnMut(usize, &mut Rng) -> Vec<String>,
) {
    let mut rng = Rng::named(1, "rank", 0);
    let mut text = format!("{},y\n", names.join(","));
    for number in 0..rows {
        writeln!(text, "{}", row(number, &mut rng).join(",")).unwrap();
    }
    folder.write("t.csv", text);
}

fn text(value: impl ToString) -> String {
    value.to_string()
}

/// A column that agrees with the class in nine of ten rows, a code of many values, and a number that shifts.
fn mixed(class: usize, rng: &mut Rng) -> Vec<String> {
    let agrees = if rng.chance(0.9) { class } else { 1 - class };
    vec![
        text(["red", "blue"][agrees]),
        text(rng.below(3000)),
        format!("{:.6}", rng.normal() + 0.5 * class as f64),
        format!("{:.6}", rng.normal()),
        text(class),
    ]
}

const MIXED: [&str; 4] = ["good-one", "code", "amount", "noise"];

#[test]
fn the_best_column_is_first_and_noise_is_below_the_line() {
    let folder = Folder::new();
    written(&folder, &MIXED, 3000, |_, rng| mixed(rng.below(2), rng));
    let ranking = rank(&folder, &["t.csv", "--target", "y"]);
    assert_eq!(names(&ranking)[..2], ["good-one", "amount"]);
    assert_eq!(kept(&ranking), ["good-one", "amount"]);
    let line = ranking["noise"]["best"].as_f64().unwrap();
    for name in ["code", "noise"] {
        assert!(feature(&ranking, name)["score"].as_f64().unwrap() < line, "{ranking:#}");
    }
    assert!(
        ranking["noise"]["sentence"].as_str().unwrap().starts_with("the best of 200 noise columns scored")
    );
    for field in ["score", "z", "q", "cardinality", "coverage"] {
        assert!(feature(&ranking, "code")[field].is_number(), "{field}");
    }
}

#[test]
fn the_same_columns_are_found_whatever_the_number_of_threads() {
    let folder = Folder::new();
    written(&folder, &MIXED, 3000, |_, rng| mixed(rng.below(2), rng));
    let one = rank(&folder, &["t.csv", "--target", "y", "--jobs", "1"]);
    assert_eq!(one, rank(&folder, &["t.csv", "--target", "y", "--jobs", "3"]));
}

// What OutRank 0.97.5 fails on: facts, table 2.2.

#[test]
fn a_file_sorted_by_a_balanced_target_ranks_like_a_shuffled_one() {
    let folder = Folder::new();
    written(&folder, &["perfect", "noise"], 2000, |number, rng| {
        let class = number / 1000;
        vec![text(2 * class + rng.below(2)), text(rng.below(4)), text(class)]
    });
    let ranking = rank(&folder, &["t.csv", "--target", "y"]);
    assert_eq!(kept(&ranking), ["perfect"]);
    assert!(feature(&ranking, "perfect")["mi"].as_f64().unwrap() > 0.693);
    let peer = rank(&folder, &["t.csv", "--target", "y", "--statistic", "outrank"]);
    assert!(feature(&peer, "perfect")["score"].as_f64().unwrap().abs() < 1e-9, "the quirk is kept");
}

#[test]
fn small_files_are_ranked() {
    let folder = Folder::new();
    written(&folder, &MIXED, 60, |_, rng| mixed(rng.below(2), rng));
    assert_eq!(names(&rank(&folder, &["t.csv", "--target", "y"]))[0], "good-one");
    let peer = rank(&folder, &["t.csv", "--target", "y", "--statistic", "outrank"]);
    assert_eq!(names(&peer)[0], "good-one");
}

#[test]
fn names_may_hold_dashes_also_that_of_the_target() {
    let folder = Folder::new();
    written(&folder, &MIXED, 500, |_, rng| mixed(rng.below(2), rng));
    let renamed = fs::read_to_string(folder.path("t.csv")).unwrap().replacen(",y\n", ",good-target-1\n", 1);
    folder.write("t.csv", renamed);
    let ranking = rank(&folder, &["t.csv", "--target", "good-target-1"]);
    assert_eq!((names(&ranking).len(), names(&ranking)[0]), (4, "good-one"));
}

#[test]
fn namespaces_that_rows_lack_are_missing_values() {
    let folder = Folder::new();
    let mut rng = Rng::named(2, "rank", 0);
    let mut rows = String::new();
    for _ in 0..2000 {
        let class = rng.below(2);
        let color =
            if class == 1 && rng.chance(0.5) { String::new() } else { format!(" |color c{}", rng.below(3)) };
        writeln!(rows, "{}{color} |shape s{}", 2 * class as i32 - 1, rng.below(5)).unwrap();
    }
    folder.write("t.vw", rows);
    let ranking = rank(&folder, &["t.vw", "--target", "label"]);
    assert_eq!(kept(&ranking), ["color"]);
    assert!(notes(&ranking, "color").contains("whether it is known tells about the target by itself"));
}

#[test]
fn near_unique_numbers_are_binned() {
    let folder = Folder::new();
    written(&folder, &MIXED, 4000, |_, rng| mixed(rng.below(2), rng));
    let ranking = rank(&folder, &["t.csv", "--target", "y"]);
    let amount = feature(&ranking, "amount");
    assert!(amount["z"].as_f64().unwrap() > 20.0 && amount["counted_as"] == "32 bins", "{amount}");
}

#[test]
fn types_are_found_out_without_a_file_that_states_them() {
    let folder = Folder::new();
    folder.write("t.csv", "i;x;d;w;y\n5;1,5;2024-01-01;a;yes\n6;2.5;2024-01-02;b;no\n");
    let ranking = rank(&folder, &["t.csv", "--target", "y"]);
    let types = |name| feature(&ranking, name)["type"].as_str().unwrap();
    assert_eq!(["i", "x", "d", "w"].map(types), ["integer", "categorical", "date", "categorical"]);
    assert_eq!(ranking["delimiter"], ";");
    let given =
        rank(&folder, &["t.csv", "--target", "y", "--types", "i=categorical", "--on-bad-row", "skip"]);
    assert_eq!(feature(&given, "i")["type"], "categorical");
}

#[test]
fn every_statistic_ranks_and_noise_is_part_of_each() {
    let folder = Folder::new();
    written(&folder, &MIXED, 2500, |_, rng| mixed(rng.below(2), rng));
    for statistic in ["ami", "z", "excess", "mi", "outrank"] {
        let ranking = rank(&folder, &["t.csv", "--target", "y", "--statistic", statistic]);
        assert!(feature(&ranking, "good-one")["score"].as_f64().unwrap() != 0.0, "{statistic}");
        assert!(ranking["noise"]["columns"].as_u64().unwrap() >= 20, "{statistic}");
    }
}

// Targets.

#[test]
fn a_target_of_numbers_is_cut_into_bins_and_one_of_many_classes_is_not() {
    let folder = Folder::new();
    written(&folder, &["slope", "noise"], 3000, |_, rng| {
        let x = rng.normal();
        vec![format!("{x:.5}"), format!("{:.5}", rng.normal()), format!("{:.5}", x + rng.normal())]
    });
    let ranking = rank(&folder, &["t.csv", "--target", "y"]);
    assert_eq!((&ranking["target"]["task"], kept(&ranking)), (&Value::from("regression"), vec!["slope"]));
    assert_eq!(ranking["target"]["classes"].as_array().unwrap().len(), 10);
    written(&folder, &["tells", "noise"], 3000, |_, rng| {
        let class = rng.below(7);
        let tells = if rng.chance(0.4) { class } else { rng.below(7) };
        vec![format!("t{tells}"), text(rng.below(50)), format!("class {class}")]
    });
    let ranking = rank(&folder, &["t.csv", "--target", "y"]);
    assert_eq!((ranking["target"]["classes"].as_array().unwrap().len(), kept(&ranking)), (7, vec!["tells"]));
}

#[test]
fn targets_that_nothing_can_tell_about_are_refused() {
    let folder = Folder::new();
    folder.write("t.csv", "a,y\n1,x\n2,x\n");
    assert_fails(&folder, &["rank", "t.csv", "--target", "z"], 1, &["no column `z`", "a, y"]);
    assert_fails(
        &folder,
        &["rank", "t.csv", "--target", "y"],
        1,
        &["`y` is the same in all 2 rows", "another target"],
    );
    folder.write("t.csv", "a,y\n1,\n2,NA\n");
    assert_fails(&folder, &["rank", "t.csv", "--target", "y"], 1, &["no row has a value", "2 rows without"]);
    let ids: String = (0..300).map(|row| format!("{row},id-{row}\n")).collect();
    folder.write("t.csv", format!("a,y\n{ids}"));
    assert_fails(&folder, &["rank", "t.csv", "--target", "y"], 1, &["t.csv:258", "more than 256 classes"]);
}

#[test]
fn rows_without_a_target_are_counted_and_bad_rows_too() {
    let folder = Folder::new();
    folder.write("t.csv", "a,y\n1,x\n2,\n3,z\n4,5,6\n7,x\n");
    assert_fails(&folder, &["rank", "t.csv", "--target", "y"], 1, &["t.csv:5: 3 cells"]);
    let output = run(&folder, &["rank", "t.csv", "--target", "y", "--on-bad-row", "skip"]);
    let said = stderr_of(&output);
    assert!(
        said.contains("1 row without a target") && said.contains("1 row passed over; the first: t.csv:5"),
        "{said}"
    );
}

// What is said of columns.

#[test]
fn oddities_are_told_in_sentences() {
    let folder = Folder::new();
    let columns = ["id", "city", "copy", "renamed", "height", "depth", "same", "gaps", "leak", "rare"];
    written(&folder, &columns, 2000, |number, rng| {
        let (class, city, height) = (rng.below(2), rng.below(5), rng.below(900));
        vec![
            format!("user{number}"),
            format!("city{city}"),
            format!("city{city}"),
            text(["e", "d", "c", "b", "a"][city]),
            text(height),
            text(-3 * height as i64),
            text("x"),
            text(if rng.chance(0.25) { "" } else { "v" }),
            text(["no", "yes"][class]),
            text(if number < 40 { number + 100 } else { rng.below(3) }) + "r",
            text(class),
        ]
    });
    let ranking = rank(&folder, &["t.csv", "--target", "y"]);
    for (name, words) in [
        ("id", "identifier"),
        ("copy", "a copy of `city`"),
        ("renamed", "under other names, of `city`"),
        ("depth", "falls exactly as does rise `height`"),
        ("same", "always the same"),
        ("gaps", " % of the rows"),
        ("leak", "explains 100.0 % of the target: does it leak?"),
        ("rare", "values occur once"),
    ] {
        assert!(notes(&ranking, name).contains(words), "{name}: {}", notes(&ranking, name));
    }
    assert_eq!(notes(&ranking, "city"), "[]");
    assert_eq!(feature(&ranking, "id")["cardinality"], 2000.0);
}

#[test]
fn real_numbers_that_rise_together_are_recognized_by_some_rows() {
    let folder = Folder::new();
    written(&folder, &["x", "exp", "other"], 6000, |_, rng| {
        let x = rng.normal();
        vec![
            format!("{x:.9}"),
            format!("{:.12}", x.exp()),
            format!("{:.9}", rng.normal()),
            text(rng.below(2)),
        ]
    });
    let ranking = rank(&folder, &["t.csv", "--target", "y"]);
    assert!(
        notes(&ranking, "exp").contains("rises and falls exactly with `x`"),
        "{}",
        notes(&ranking, "exp")
    );
    assert_eq!(notes(&ranking, "other"), "[]");
}

#[test]
fn columns_that_differ_between_two_files_are_named() {
    let folder = Folder::new();
    let file = |shift: f64, seed| {
        let mut rng = Rng::named(seed, "drift", 0);
        let row =
            |rng: &mut Rng| format!("{:.4},{:.4},{}\n", rng.normal() + shift, rng.normal(), rng.below(2));
        (0..1500).map(|_| row(&mut rng)).fold("moves,stays,y\n".to_string(), |text, row| text + &row)
    };
    folder.write("a.csv", file(0.0, 1));
    folder.write("b.csv", file(1.0, 2));
    let ranking = rank(&folder, &["a.csv", "--target", "y", "--validation", "b.csv"]);
    assert!(notes(&ranking, "moves").contains("differs between the two files"));
    assert_eq!(notes(&ranking, "stays"), "[]");
    folder.write("c.csv", "other,y\n1,2\n");
    assert_fails(
        &folder,
        &["rank", "a.csv", "--target", "y", "--validation", "c.csv"],
        1,
        &["the same columns"],
    );
}

// What is written.

#[test]
fn the_columns_to_keep_are_chosen_by_number_by_rate_or_by_themselves() {
    let folder = Folder::new();
    written(&folder, &MIXED, 3000, |_, rng| mixed(rng.below(2), rng));
    let keep = |how| kept(&rank(&folder, &["t.csv", "--target", "y", "--keep", how])).join(" ");
    assert_eq!(keep("1"), "good-one");
    assert_eq!(keep("0.05"), "good-one amount");
    stdout(&folder, &["rank", "t.csv", "--target", "y", "--keep-to", "kept.txt", "--html", "page.html"]);
    assert_eq!(fs::read_to_string(folder.path("kept.txt")).unwrap(), "good-one\namount\n");
    let page = fs::read_to_string(folder.path("page.html")).unwrap();
    assert!(
        page.contains("<svg") && page.contains("good-one") && page.contains("The best of 200 noise columns")
    );
    assert!(!page.contains("http"), "the page needs nothing from elsewhere");
}

#[test]
fn csv_has_the_fields_of_json() {
    let folder = Folder::new();
    written(&folder, &MIXED, 300, |_, rng| mixed(rng.below(2), rng));
    let csv = stdout(&folder, &["rank", "t.csv", "--target", "y", "--format", "csv"]);
    let header: Vec<&str> = csv.lines().next().unwrap().split(',').collect();
    assert!(
        ["feature", "score", "z", "q", "ami", "notes"].iter().all(|name| header.contains(name)),
        "{header:?}"
    );
    assert_eq!(csv.lines().count(), 5);
}

#[test]
fn more_values_than_there_is_memory_for_are_counted_in_buckets() {
    let folder = Folder::new();
    let columns: Vec<String> = (0..40).map(|column| format!("c{column}")).collect();
    let names: Vec<&str> = columns.iter().map(String::as_str).collect();
    written(&folder, &names, 12_000, |number, rng| {
        let class = rng.below(2);
        let ids = (0..39).map(|column| format!("v{column}-{number}"));
        let tells = format!("t{}", if rng.chance(0.8) { class } else { rng.below(2) });
        ids.chain([tells, text(class)]).collect()
    });
    let ranking = rank(&folder, &["t.csv", "--target", "y", "--memory", "16"]);
    let first = feature(&ranking, "c0");
    assert!(first["counted_as"].as_str().unwrap().ends_with("buckets"), "{first}");
    assert!((first["cardinality"].as_f64().unwrap() / 12_000.0 - 1.0).abs() < 0.06, "{first}");
    assert_eq!(kept(&ranking), ["c39"]);
}

// What columns tell together.

/// `left` and `right` tell only together; `copy` says what `good` says, `other` something of its own.
fn exclusive_or(folder: &Folder) {
    written(folder, &["good", "copy", "other", "left", "right", "noise"], 3000, |_, rng| {
        let (left, right) = (rng.below(2), rng.below(2));
        let mut nearly = |class: usize, share| if rng.chance(share) { class } else { rng.below(2) };
        let class = nearly(left ^ right, 0.8);
        let (good, other) = (nearly(class, 0.7), nearly(class, 0.4));
        let values = [
            format!("g{good}"),
            format!("c{good}"),
            format!("o{other}"),
            format!("l{left}"),
            format!("r{right}"),
        ];
        values.into_iter().chain([format!("n{}", rng.below(9)), text(class)]).collect()
    });
}

#[test]
fn an_exclusive_or_is_seen_by_pairs_and_by_what_is_given() {
    let folder = Folder::new();
    exclusive_or(&folder);
    let by = |how| rank(&folder, &["t.csv", "--target", "y", "--by", how]);
    let pairs = by("pairs");
    let found =
        pairs.as_array().unwrap().iter().max_by(|a, b| {
            a["beyond_single"].as_f64().unwrap().total_cmp(&b["beyond_single"].as_f64().unwrap())
        });
    let names: std::collections::BTreeSet<&str> =
        found.unwrap()["features"].as_str().unwrap().split(" AND ").collect();
    assert_eq!(names, ["left", "right"].into());
    assert!(by("triples")[0]["features"].as_str().unwrap().matches(" AND ").count() == 2);
    let given = rank(&folder, &["t.csv", "--target", "y", "--given", "left"]);
    assert_eq!(given[0]["feature"], "right");
    assert_fails(
        &folder,
        &["rank", "t.csv", "--target", "y", "--given", "lefty"],
        2,
        &["--given lefty", "ranked are: good"],
    );
}

#[test]
fn a_copy_adds_nothing_to_what_it_copies() {
    let folder = Folder::new();
    exclusive_or(&folder);
    let joint = rank(&folder, &["t.csv", "--target", "y", "--by", "joint"]);
    assert_eq!([&joint[0]["feature"], &joint[1]["feature"]], ["good", "other"]);
    let copy = joint.as_array().unwrap().iter().find(|row| row["feature"] == "copy").unwrap();
    assert!(copy["adds_least"].as_f64().unwrap().abs() < 1e-9 && copy["to"] == "good", "{joint:#}");
    assert_eq!(rank(&folder, &["t.csv", "--target", "y", "--by", "3mr"]).as_array().unwrap().len(), 6);
}
