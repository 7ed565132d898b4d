//! A line of `fecund tell`, read strictly.

use std::collections::BTreeMap;

use serde::Deserialize;
use tasks::{Reason, Scores, Verdict};

/// What a trainer says of a trial.
#[derive(Clone, Debug, PartialEq)]
pub struct Told {
    pub trial: u64,
    pub found: Found,
    pub seconds: f64,
    pub steps: u64,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Found {
    Verdict(Verdict),
    /// The machine failed, not the candidate.
    Failed(String),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    trial: u64,
    scores: Option<BTreeMap<String, f64>>,
    invalid: Option<String>,
    failed: Option<String>,
    seconds: Option<f64>,
    steps: Option<u64>,
}

impl Told {
    /// With all of these scores, if it has any. What is wrong is said with its field and with what helps.
    pub fn read<'a>(line: &str, scores: impl Iterator<Item = &'a String>) -> Result<Self, String> {
        if !line.trim_start().starts_with('{') {
            return Err("it is no JSON object; give one such as {\"trial\": 12, \"scores\": {…}}".into());
        }
        let line: Line = serde_json::from_str(line).map_err(|error| unreadable(line, &error))?;
        let seconds = line.seconds.unwrap_or(0.0);
        if seconds < 0.0 {
            return Err(format!("`seconds` is {seconds}; give what the evaluation took, or leave it out"));
        }
        let found = match (line.scores, line.invalid, line.failed) {
            (Some(given), None, None) => Found::Verdict(scored(given, scores)?),
            (None, Some(why), None) => {
                Found::Verdict(Verdict::Invalid(Reason::Rejected { why: said("invalid", why)? }))
            }
            (None, None, Some(why)) => Found::Failed(said("failed", why)?),
            (None, None, None) => {
                return Err("it says nothing; give one of `scores`, `invalid`, `failed`".into());
            }
            _ => return Err("it says two things; give one of `scores`, `invalid`, `failed`".into()),
        };
        Ok(Self { trial: line.trial, found, seconds, steps: line.steps.unwrap_or(0) })
    }
}

/// Most characters of a reason.
const LONGEST: usize = 1000;

fn said(field: &str, why: String) -> Result<String, String> {
    match why.chars().count() {
        0 => Err(format!("`{field}` is empty; say why in a few words")),
        length if length > LONGEST => {
            Err(format!("`{field}` has {length} characters; say why in at most {LONGEST}"))
        }
        _ => Ok(why),
    }
}

/// JSON has no numbers that are not finite.
fn scored<'a>(
    given: BTreeMap<String, f64>,
    mut wanted: impl Iterator<Item = &'a String>,
) -> Result<Verdict, String> {
    match wanted.find(|name| !given.contains_key(*name)) {
        Some(missing) => Err(format!(
            "`scores` has no `{missing}`, which this run was created with; give it, or tell `invalid` and why"
        )),
        None => Ok(Verdict::Scored(Scores(given))),
    }
}

/// The line is all there is, so only its column is of use.
fn unreadable(line: &str, error: &serde_json::Error) -> String {
    let error = error.to_string();
    let (what, column) = match error.rsplit_once(" at line 1 column ") {
        Some((what, column)) => (what, format!(" (column {column})")),
        None => (&*error, String::new()),
    };
    let is_not_finite = ["NaN", "Infinity", "number out of range"]
        .iter()
        .any(|word| line.contains(word) || what.contains(word));
    let help = match is_not_finite {
        true => "; a score that is not finite is told as `\"invalid\": \"not finite\"`",
        false => "",
    };
    format!("{what}{column}{help}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<Told, String> {
        Told::read(line, ["accuracy".to_string(), "loss".to_string()].iter())
    }

    #[test]
    fn lines_say_one_of_three_things() {
        let told = read(r#"{"trial": 3, "scores": {"accuracy": 0.5, "loss": 2, "more": 1e-3}, "steps": 7}"#)
            .unwrap();
        let scores = [("accuracy", 0.5), ("loss", 2.0), ("more", 0.001)]
            .map(|(name, score)| (name.to_string(), score));
        let found = Found::Verdict(Verdict::Scored(Scores(scores.into())));
        assert_eq!(told, Told { trial: 3, found, seconds: 0.0, steps: 7 });
        let told = read(r#"{"trial": 3, "invalid": "diverged", "seconds": 1.5}"#).unwrap();
        let reason = Reason::Rejected { why: "diverged".into() };
        assert_eq!((told.found, told.seconds), (Found::Verdict(Verdict::Invalid(reason)), 1.5));
        assert_eq!(
            read(r#"{"trial": 3, "failed": "no GPU"}"#).unwrap().found,
            Found::Failed("no GPU".into())
        );
    }

    #[test]
    fn what_is_wrong_is_said_with_its_field_and_what_helps() {
        for (line, words) in [
            ("", &["no JSON object"][..]),
            (r#"[1, null, "x", null, null, null]"#, &["no JSON object"]),
            (r#"{"trial": 1"#, &["EOF", "column 11"]),
            (r#"{"scores": {"accuracy": 1, "loss": 1}}"#, &["missing field `trial`"]),
            (r#"{"trial": -1, "invalid": "x"}"#, &["`-1`", "column 12"]),
            (r#"{"trial": 1}"#, &["says nothing", "`scores`"]),
            (r#"{"trial": 1, "invalid": "x", "failed": "y"}"#, &["two things"]),
            (r#"{"trial": 1, "invalid": ""}"#, &["`invalid` is empty"]),
            (r#"{"trial": 1, "score": {"accuracy": 1}}"#, &["unknown field `score`", "`scores`"]),
            (r#"{"trial": 1, "scores": {"accuracy": 1}}"#, &["no `loss`", "`invalid`"]),
            (r#"{"trial": 1, "scores": {"accuracy": NaN, "loss": 1}}"#, &["not finite", "column 3"]),
            (r#"{"trial": 1, "scores": {"accuracy": 1e999, "loss": 1}}"#, &["not finite"]),
            (r#"{"trial": 1, "scores": {"accuracy": null, "loss": 1}}"#, &["null", "column 40"]),
            (r#"{"trial": 1, "invalid": "x", "seconds": -1}"#, &["`seconds` is -1"]),
            (r#"{"trial": 1, "trial": 2, "invalid": "x"}"#, &["duplicate field `trial`"]),
        ] {
            let error = read(line).expect_err(line);
            assert!(words.iter().all(|word| error.contains(word)), "{line}: {error}");
        }
        assert!(read(&format!(r#"{{"trial": 1, "failed": "{}"}}"#, "x".repeat(1001))).is_err());
    }
}
