//! What is wrong with a line is said with its number, and costs no other line.

use serde_json::json;

use crate::common::{Folder, fecund, stderr_of, stdout};
use crate::runs::{answer, ask, create, tell, trials, trials_of};

#[test]
fn a_bad_line_is_named_and_the_others_are_told() {
    let folder = Folder::new();
    create(&folder, "run", &["--scores", "loss"]);
    let asked = trials_of(&ask(&folder, "run", &["-n", "3"]));
    let [a, b, c] = asked[..] else { panic!("{asked:?}") };
    let scores = json!({"score": 1.0, "loss": 2.0});
    let bad = [
        ("not json", "no JSON object"),
        (&json!({"trial": 9999, "scores": scores}).to_string(), "no trial 9999 was asked"),
        (&json!({"trial": c + 1, "scores": scores}).to_string(), "was asked; `fecund ask run`"),
        (&json!({"trial": c, "scores": {"score": 1.0}}).to_string(), "no `loss`"),
        (&json!({"trial": c, "scores": {"loss": 1.0}}).to_string(), "no `score`"),
        (&format!(r#"{{"trial": {c}, "scores": {{"score": NaN, "loss": 1}}}}"#), "not finite"),
        (&json!({"trial": c, "scores": scores, "colour": 1}).to_string(), "unknown field `colour`"),
        (&json!({"trial": c, "scores": scores, "seconds": -1}).to_string(), "`seconds` is -1"),
        (&json!({"trial": c}).to_string(), "says nothing"),
    ];
    let mut text = format!("{}\n\n", json!({"trial": a, "scores": scores}));
    bad.iter().for_each(|(line, _)| text += &format!("{line}\n"));
    text += &format!("{}\n", json!({"trial": b, "invalid": "diverged"}));
    folder.write("told.jsonl", text);

    let output = fecund(&folder, &["tell", "run", "told.jsonl"]).output().unwrap();
    let said = stderr_of(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    for (place, (line, words)) in bad.iter().enumerate() {
        let number = format!("told.jsonl:{}: ", place + 3);
        let found = said.lines().find(|line| line.contains(&number));
        assert!(found.is_some_and(|found| found.contains(words)), "{line}: {words}: {said}");
    }
    assert!(said.contains("9 lines were not told"), "{said}");
    let acknowledged = String::from_utf8(output.stdout).unwrap();
    assert_eq!(acknowledged, format!("{{\"told\":true,\"trial\":{a}}}\n{{\"told\":true,\"trial\":{b}}}\n"));
    assert_eq!(trials_of(&ask(&folder, "run", &["--again"])), [c]);
    let reasons = stdout(&folder, &["cache", "list", "run", "--failed", "--format", "json"]);
    assert!(reasons.contains("rejected: diverged"), "{reasons}");
}

#[test]
fn what_is_told_twice_is_kept_marked_and_not_used() {
    let folder = Folder::new();
    create(&folder, "run", &["--trials", "6"]);
    let asked = ask(&folder, "run", &["-n", "2"]);
    let [first, second] = &trials_of(&asked)[..] else { panic!("{asked:?}") };
    let told = |trial: &u64, score: f64| json!({"trial": trial, "scores": {"score": score}});
    // One that waits for its turn, and one that is settled.
    tell(&folder, "run", &[told(second, 0.5)]);
    let late = tell(&folder, "run", &[told(second, 0.9)]);
    assert_eq!(late[0]["late"], true);
    tell(&folder, "run", &[told(first, 0.25)]);
    assert_eq!(tell(&folder, "run", &[told(first, 0.9), told(first, 0.95)])[1]["late"], true);
    let made = trials(&folder, "run");
    let scores: Vec<_> =
        [first, second].iter().map(|trial| made[**trial as usize].verdict.score("score")).collect();
    assert_eq!(scores, [Some(0.25), Some(0.5)]);
    let rows = stdout(&folder, &["cache", "list", "run", "--format", "csv"]);
    let late: u64 = column(&rows, "late").iter().map(|count| count.parse::<u64>().unwrap()).sum();
    assert_eq!(late, 3, "{rows}");
    let failed = json!({"trial": first, "failed": "x"}).to_string();
    let output = fecund(&folder, &["tell", "run"]).write_stdin(failed).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr_of(&output).contains("-:1: ") && stderr_of(&output).contains("has its verdict"));
}

fn column(csv: &str, name: &str) -> Vec<String> {
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    let place = reader.headers().unwrap().iter().position(|header| header == name).unwrap();
    reader.records().map(|row| row.unwrap()[place].to_string()).collect()
}

#[test]
fn a_failure_of_the_machine_is_asked_again_by_the_next_ask() {
    let folder = Folder::new();
    create(&folder, "run", &[]);
    let asked = ask(&folder, "run", &["-n", "2"]);
    let failed = tell(&folder, "run", &[json!({"trial": asked[0]["trial"], "failed": "out of memory"})]);
    assert_eq!(failed[0]["asked_again"], true);
    assert_eq!(ask(&folder, "run", &["--again"]), asked[1..], "nobody works on what failed");
    assert_eq!(ask(&folder, "run", &[]), asked[..1]);
    let told: Vec<_> = asked.iter().map(answer).collect();
    tell(&folder, "run", &told);
    assert_eq!(trials(&folder, "run")[0].seed, 0, "nothing of the failure is left");
}

#[test]
fn numbers_at_the_ends_of_their_range_are_told() {
    let folder = Folder::new();
    create(
        &folder,
        "run",
        &["--trials", "80", "--evaluations-per-key", "2", "--window", "4", "--population", "4"],
    );
    let told = |trial: &u64, score: f64| json!({"trial": trial, "scores": {"score": score}, "steps": u64::MAX, "seconds": f64::MAX});
    let mut sign = 1.0;
    loop {
        let asked = trials_of(&ask(&folder, "run", &["-n", "4"]));
        if asked.is_empty() {
            break;
        }
        sign = -sign;
        tell(&folder, "run", &asked.iter().map(|trial| told(trial, sign * f64::MAX)).collect::<Vec<_>>());
    }
    let made = trials(&folder, "run");
    assert_eq!(made.len(), 80);
    assert!(
        made.iter().any(|trial| trial.origin == search::Origin::PartialHit),
        "no key got a second evaluation"
    );
    let stats = stdout(&folder, &["cache", "stats", "run", "--format", "json"]);
    assert!(stats.contains(&u64::MAX.to_string()), "{stats}");
}
