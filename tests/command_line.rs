//! The command line, as far as it needs no training.

mod common;

use common::{Folder, assert_fails, fecund, run, stdout, waves};

const COMMANDS: [&[&str]; 23] = [
    &["count"],
    &["rank"],
    &["search"],
    &["discover"],
    &["resume"],
    &["leaderboard"],
    &["history"],
    &["test"],
    &["confirm"],
    &["predict"],
    &["export"],
    &["cache"],
    &["cache", "stats"],
    &["cache", "explain"],
    &["cache", "rebuild"],
    &["cache", "gc"],
    &["cache", "list"],
    &["cache", "verify"],
    &["cache", "export"],
    &["cache", "import"],
    &["list"],
    &["hash"],
    &[],
];

#[test]
fn every_command_has_help_with_an_example() {
    let folder = Folder::new();
    for command in COMMANDS {
        let help = stdout(&folder, &[command, &["--help"]].concat());
        assert!(command.is_empty() || help.contains("Example: "), "{command:?}: {help}");
    }
}

#[test]
fn lists_are_printed_in_three_formats() {
    let folder = Folder::new();
    for (what, named) in [("spaces", "sequence"), ("blocks", "mamba"), ("strategies", "evolution")] {
        let table = stdout(&folder, &["list", what]);
        let csv = stdout(&folder, &["list", what, "--format", "csv"]);
        let json: serde_json::Value =
            serde_json::from_str(&stdout(&folder, &["list", what, "--format", "json"])).unwrap();
        assert!(table.contains(named) && csv.contains(named));
        assert_eq!(json.as_array().unwrap().len(), csv.lines().count() - 1);
    }
}

#[test]
fn equal_functions_hash_alike_from_a_file_and_from_standard_input() {
    let folder = Folder::new();
    let text = "{\"layers\": [{\"token\": {\"kind\": \"gru\"}}]}\n\n{\"layers\": [{}, {\"token\": {\"kind\": \"gru\"}}]}\n{}\n";
    let file = folder.write("genomes.jsonl", text);
    let arguments = ["hash", "--space", "sequence", file.to_str().unwrap(), "--format", "json"];
    let printed = stdout(&folder, &arguments);
    let rows: serde_json::Value = serde_json::from_str(&printed).unwrap();
    assert_eq!(rows[0]["fingerprint"], rows[1]["fingerprint"]);
    assert_ne!(rows[0]["fingerprint"], rows[2]["fingerprint"]);
    assert_eq!(rows[1]["line"], 3);
    let piped = fecund(&folder, &["hash", "--space", "sequence", "-", "--format", "json"])
        .write_stdin(text)
        .output()
        .unwrap();
    assert_eq!(String::from_utf8(piped.stdout).unwrap(), printed);
    let arch = "|nor_conv_3x3~0|+|none~0|avg_pool_3x3~1|+|skip_connect~0|none~1|nor_conv_1x1~2|";
    let cell = format!("{{\"arch\": \"{arch}\"}}\n");
    let cells = fecund(&folder, &["hash", "--space", "cell201", "-"]).write_stdin(cell).output().unwrap();
    assert!(cells.status.success());
}

#[test]
fn a_bad_genome_is_named_with_its_line() {
    let folder = Folder::new();
    let file = folder.write("genomes.jsonl", "{}\n{\"layers\": [{\"token\": {\"kind\": \"hopfield\"}}]}\n");
    assert_fails(
        &folder,
        &["hash", "--space", "sequence", file.to_str().unwrap()],
        1,
        &["genomes.jsonl:2", "hopfield", "known:"],
    );
    folder.write("broken.jsonl", "{\"width\": \n");
    assert_fails(&folder, &["hash", "--space", "sequence", "broken.jsonl"], 1, &["broken.jsonl:1", "column"]);
    assert_fails(&folder, &["hash", "--space", "sequence", "absent.jsonl"], 1, &["cannot read absent.jsonl"]);
}

#[test]
fn bad_use_is_exit_code_two() {
    let folder = Folder::new();
    let data = folder.waves();
    let data = data.to_str().unwrap();
    for (arguments, words) in [
        (vec!["search"], vec!["--data", "--config"]),
        (vec!["search", "--data", data, "--trials", "0"], vec!["--trials", "0"]),
        (vec!["search", "--data", data, "--time", "0s"], vec!["--time", "90s"]),
        (vec!["search", "--data", data, "--time", "later"], vec!["90s"]),
        (vec!["search", "--data", data, "--epochs", "0"], vec!["--epochs"]),
        (vec!["search", "--data", data, "--metric", "beauty"], vec!["beauty", "accuracy"]),
        (vec!["search", "--data", data, "--validation", "1.5"], vec!["1.5"]),
        (vec!["search", "--data", data, "--target", "price"], vec!["price", "class"]),
        (vec!["search", "--data", data, "--blocks", "gru,hopfield"], vec!["hopfield", "known"]),
        (vec!["search", "--data", data, "--strategy", "magic"], vec!["magic", "evolution"]),
        (vec!["search", "--data", data, "--space", "cell101"], vec!["sequence"]),
        (vec!["search", "--data", data, "--cache", "c", "--no-cache"], vec!["--no-cache"]),
        (vec!["search", "--data", data, "--device", "tpu"], vec!["tpu"]),
        (vec!["frobnicate"], vec!["frobnicate"]),
    ] {
        assert_fails(&folder, &arguments, 2, &words);
    }
    assert!(!folder.path("runs").exists(), "nothing is made on disk for a bad command");
}

#[test]
fn bad_data_is_named_with_its_place_and_a_remedy() {
    let folder = Folder::new();
    let good = waves(0, 12);
    let replaced = |from: &str, to: &str| good.replacen(from, to, 1);
    let first = good.lines().position(|line| line == "@data").unwrap() + 2;
    let line = format!(":{first}");
    let row = good.lines().nth(first - 1).unwrap().to_string();
    let (a, rest) = row.split_once(':').unwrap();
    let shorter = format!("{}:{rest}", a.rsplit_once(',').unwrap().0);
    let cases: Vec<(&str, Vec<u8>, Vec<&str>)> = vec![
        ("empty.ts", vec![], vec!["empty.ts"]),
        ("series.xls", b"x".to_vec(), vec!["series.xls", ".ts"]),
        ("key.ts", replaced("@dimensions", "@dimensoins").into(), vec!["key.ts:5", "dimensoins"]),
        ("count.ts", replaced("@dimensions 2", "@dimensions two").into(), vec!["count.ts:5", "two"]),
        ("ragged.ts", good.replacen(&row, &shorter, 1).into(), vec!["ragged.ts", &line]),
        (
            "once.ts",
            replaced(":slow", ":rare").replace("fast", "fast rare").replace(":fast rare", ":fast").into(),
            vec!["rare"],
        ),
        ("nan.ts", good.replacen(&row, &format!("nan,{row}"), 1).into(), vec!["nan.ts", &line]),
        ("missing.ts", good.replacen(&row, &format!("?,{row}"), 1).into(), vec!["missing.ts", &line]),
        ("label.ts", replaced(":slow", ":unheard").into(), vec!["label.ts", "unheard"]),
    ];
    for (name, content, words) in cases {
        folder.write(name, content);
        assert_fails(&folder, &["search", "--data", name, "--out", "out"], 1, &words);
    }
    assert_fails(&folder, &["search", "--data", "absent.ts"], 1, &["absent.ts"]);
    assert_fails(&folder, &["search", "--data", "."], 1, &["_TRAIN.ts"]);
    assert!(!folder.path("out").exists(), "a run begins when its data is read");
}

#[test]
fn what_is_not_a_run_is_said() {
    let folder = Folder::new();
    folder.write("study.toml", "version = \"one\"");
    for command in [
        &["leaderboard", "absent"][..],
        &["cache", "explain", "absent", "0", "1"],
        &["resume", "absent"],
        &["test", "absent"],
    ] {
        assert_fails(&folder, command, 1, &["absent is not there"]);
    }
    assert_fails(&folder, &["leaderboard", "."], 1, &["study.toml", "version"]);
    assert_fails(&folder, &["cache", "stats", "absent"], 1, &["absent"]);
}

#[test]
fn help_starts_without_libtorch() {
    // Linking libtorch would cost 0.3 CPU seconds at every start.
    let program = assert_cmd::cargo::cargo_bin("fecund");
    let needed = std::process::Command::new("ldd").arg(program).output();
    let needed =
        needed.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    assert!(!needed.contains("torch"), "{needed}");
    let folder = Folder::new();
    assert!(run(&folder, &["--version"]).status.success());
}

#[test]
fn spaces_are_counted_exactly() {
    let folder = Folder::new();
    for (arguments, candidates, structural, functional) in [
        ("--space cell101 --vertices 4", 90, 84, 84),
        ("--space cell101 --vertices 5 --edges 9", 3_267, 2_441, 2_441),
        ("--space cell101 --vertices 5 --pooling max", 3_267, 2_441, 2_437),
        ("--space cell201", 15_625, 6_582, 5_044),
        ("--space cell201 --pooling nonlinear", 15_625, 6_582, 5_260),
        ("--space nb-macro", 6_561, 3_969, 3_969),
        ("--space nb-graph", 59_049, 27_938, 27_938),
    ] {
        let words: Vec<_> = ["count", "--format", "json"].into_iter().chain(arguments.split(' ')).collect();
        let counts: serde_json::Value = serde_json::from_str(&stdout(&folder, &words)).unwrap();
        let found = ["candidates", "structural", "functional"].map(|name| counts[name].as_u64().unwrap());
        assert_eq!(found, [candidates, structural, functional], "{arguments}");
        assert!(counts["seconds"].as_f64().unwrap() > 0.0);
    }
}

#[test]
fn options_of_another_space_are_refused() {
    let folder = Folder::new();
    assert_fails(&folder, &["count", "--space", "cell201", "--vertices", "5"], 2, &["--vertices", "cell101"]);
    assert_fails(
        &folder,
        &["count", "--space", "nb-macro", "--pooling", "max"],
        2,
        &["--pooling", "cell201"],
    );
    assert_fails(&folder, &["count", "--space", "cell101", "--vertices", "8"], 2, &["8"]);
    assert_fails(&folder, &["count", "--space", "sequence"], 2, &["sequence", "too many"]);
}
