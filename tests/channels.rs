//! Channels of series are columns, too: those that tell nothing can be left out of a search.

mod common;
#[path = "common/lives.rs"]
mod lives;

use std::fmt::Write as _;

use common::{Folder, assert_fails, run, stderr_of, stdout, worker_is_there};
use hashing::Rng;
use lives::{assert_same, trials};

const SEARCH: [&str; 9] =
    ["search", "--epochs", "2", "--max-depth", "1", "--trials", "4", "--validation", "0.2"];

/// Two classes that differ in the mean of channel 0 and in the deviation of channel 2; 1 and 3 are noise. Only these
/// channels are written.
fn series(seed: u64, channels: &[usize]) -> String {
    let mut text = format!("@problemName S\n@univariate false\n@dimensions {}\n", channels.len());
    text += "@equalLength true\n@seriesLength 12\n@classLabel true low high\n@data\n";
    let mut rng = Rng::named(seed, "series", 0);
    for case in 0..200 {
        let high = case % 2 == 1;
        let shift = if high { 1.0 } else { 0.0 };
        let all: Vec<String> = (0..4)
            .map(|channel| {
                let value = |x: f64| match channel {
                    0 => x + shift,
                    2 => x * (1.0 + shift),
                    _ => x,
                };
                (0..12).map(|_| format!("{:.3}", value(rng.normal()))).collect::<Vec<_>>().join(",")
            })
            .collect();
        let written: Vec<&str> = channels.iter().map(|channel| all[*channel].as_str()).collect();
        writeln!(text, "{}:{}", written.join(":"), if high { "high" } else { "low" }).unwrap();
    }
    text
}

#[test]
fn a_channel_that_is_pruned_is_one_that_is_not_there() {
    if !worker_is_there() {
        return;
    }
    let folder = Folder::new();
    folder.write("All_TRAIN.ts", series(0, &[0, 1, 2, 3]));
    folder.write("All_TEST.ts", series(1, &[0, 1, 2, 3]));
    folder.write("Two_TRAIN.ts", series(0, &[0, 2]));
    folder.write("Two_TEST.ts", series(1, &[0, 2]));
    let search = |data: &str, more: &[&str]| {
        let output = run(&folder, &[&SEARCH[..], &["--data", data], more].concat());
        assert!(output.status.success(), "{}", stderr_of(&output));
        stderr_of(&output)
    };
    let said = search("All_TRAIN.ts", &["--out", "pruned", "--prune", "auto"]);
    assert!(said.contains("2 of 4 channels are kept: 0, 2;"), "{said}");
    search("All_TRAIN.ts", &["--out", "named", "--prune", "0,2"]);
    search("Two_TRAIN.ts", &["--out", "absent"]);
    let [pruned, named, absent] = ["pruned", "named", "absent"].map(|run| trials(&folder, run));
    assert_same(&pruned, &absent);
    assert_same(&named, &absent);
    assert!(pruned.iter().zip(&absent).all(|(a, b)| a.key == b.key && a.verdict == b.verdict));
    let text = std::fs::read_to_string(folder.path("pruned/study.toml")).unwrap();
    for words in ["column = \"1\"", "column = \"3\"", "columns of noise", "of = 4"] {
        assert!(text.contains(words), "{words}: {text}");
    }
    // Other files have all four channels.
    let tested = ["pruned", "absent"].map(|run| stdout(&folder, &["test", run, "--format", "csv"]));
    assert_eq!(tested[0], tested[1]);
    stdout(&folder, &["search", "--config", "pruned/study.toml", "--out", "same"]);
    assert_same(&pruned, &trials(&folder, "same"));
    stdout(&folder, &["resume", "pruned", "--trials", "5"]);
    stdout(&folder, &["export", "pruned", "--to", "exported"]);
    let readme = std::fs::read_to_string(folder.path("exported/README.md")).unwrap();
    assert!(readme.contains("0, 2, of 4 in the training file"), "{readme}");
}

#[test]
fn what_cannot_be_pruned_is_said() {
    let folder = Folder::new();
    folder.write("Noise_TRAIN.ts", series(0, &[1, 3]));
    let refused = |more: &[&str], words: &[&str]| {
        assert_fails(
            &folder,
            &[&["search", "--data", "Noise_TRAIN.ts", "--out", "run"], more].concat(),
            2,
            words,
        );
    };
    refused(&["--prune", "auto"], &["of 2 channels none tells"]);
    refused(&["--prune", "2"], &["no channel `2`", "0 to 1"]);
    refused(&["--prune", "auto", "--validation", "kfold:5"], &["--validation 0.2"]);
    assert_fails(&folder, &["search", "--task", "mad", "--prune", "auto"], 2, &["--prune does not apply"]);
}
