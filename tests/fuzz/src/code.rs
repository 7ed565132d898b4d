//! Expressions and programs, which are text.

use std::fmt::Display;
use std::str::FromStr;

use hashing::{Behavior, CandidateHasher, Keyed, TwoStage};
use spaces::expression::{self, Expression};
use spaces::program::{self, Program};

pub fn run(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else { return false };
    let expression = identify::<Expression>(text, expression::canonicalize);
    identify::<Program>(text, program::canonicalize) || expression
}

/// What is read can be written and read again; the canonical form is one, and has one identity.
fn identify<C>(text: &str, canonicalize: impl Fn(&C) -> C) -> bool
where
    C: FromStr + Display + PartialEq + std::fmt::Debug + Behavior + Keyed,
{
    let Ok(code) = text.parse::<C>() else { return false };
    let written = code.to_string();
    assert_eq!(written.parse::<C>().ok().as_ref(), Some(&code), "{written}");
    let canonical = canonicalize(&code);
    assert_eq!(canonicalize(&canonical), canonical);
    let identify = || TwoStage::default().identify(&canonical).map_err(|error| error.to_string());
    assert_eq!(identify(), identify());
    true
}
