//! From an identity to a key: which function, of which space, judged how, for how long.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Digest, KeyWriter};

/// Which function a candidate computes. Equal fingerprints share one evaluation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Fingerprint(pub Digest);

/// That function, of this space, under this hashing scheme, judged in this context at this fidelity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Key(pub Digest);

/// How a fingerprint came about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Class {
    /// Digest of the response to the probe.
    Function,
    /// The response does not depend on the input: one class for all of them, which needs no training to be judged.
    Constant,
    /// The response is not finite; the structural digest stands in.
    Unhashable,
}

/// What a hasher says of a candidate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// Digest of the canonical form.
    pub structural: Digest,
    pub fingerprint: Fingerprint,
    pub class: Class,
}

/// Everything besides the candidate that a verdict depends on, by name: data, split, metric, optimizer, …
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Context(BTreeMap<String, String>);

/// How much training a verdict stands for, in the evaluator's own unit (epochs, as a rule).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Fidelity(pub u64);

impl Context {
    pub fn new() -> Self {
        Self::default()
    }

    /// This context with one more ingredient. Panics if the name is taken: two meanings would share one slot.
    pub fn with(mut self, name: &str, value: impl fmt::Display) -> Self {
        let before = self.0.insert(name.to_string(), value.to_string());
        assert!(before.is_none(), "the context names `{name}` twice");
        self
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// Names whose values differ, with both values (`None` where one side lacks it).
    pub fn differences<'a>(&'a self, other: &'a Self) -> Vec<(&'a str, Option<&'a str>, Option<&'a str>)> {
        let names: std::collections::BTreeSet<&str> =
            self.0.keys().chain(other.0.keys()).map(String::as_str).collect();
        let pairs = names.into_iter().map(|name| (name, self.get(name), other.get(name)));
        pairs.filter(|(_, a, b)| a != b).collect()
    }
}

impl Key {
    pub fn of(
        space: &str,
        scheme: &str,
        fingerprint: &Fingerprint,
        context: &Context,
        fidelity: Fidelity,
    ) -> Self {
        let mut out = KeyWriter::new("fecund key v1");
        out.text(space);
        out.text(scheme);
        out.digest(&fingerprint.0);
        let ingredients: Vec<_> = context.iter().collect();
        out.list(&ingredients, |out, (name, value)| {
            out.text(name);
            out.text(value);
        });
        out.u64(fidelity.0);
        Self(out.finish())
    }

    /// The seed of this key's evaluation number `index`: equal candidates train under equal seeds.
    pub fn seed(&self, index: u64) -> u64 {
        let mut out = KeyWriter::new("fecund evaluation seed v1");
        out.digest(&self.0);
        out.u64(index);
        let digest = out.finish();
        u64::from_le_bytes(digest.0[..8].try_into().expect("a digest has 32 bytes"))
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for Fidelity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_ingredient_reaches_the_key() {
        let fingerprint = Fingerprint(Digest([1; 32]));
        let context = Context::new().with("data", "a").with("metric", "accuracy");
        let key = Key::of("sequence", "v1", &fingerprint, &context, Fidelity(3));
        let others = [
            Key::of("program", "v1", &fingerprint, &context, Fidelity(3)),
            Key::of("sequence", "v2", &fingerprint, &context, Fidelity(3)),
            Key::of("sequence", "v1", &Fingerprint(Digest([2; 32])), &context, Fidelity(3)),
            Key::of("sequence", "v1", &fingerprint, &context.clone().with("seed", 1), Fidelity(3)),
            Key::of("sequence", "v1", &fingerprint, &context, Fidelity(9)),
        ];
        assert!(others.iter().all(|other| *other != key));
        assert_eq!(key, Key::of("sequence", "v1", &fingerprint, &context, Fidelity(3)));
    }

    #[test]
    fn contexts_say_where_they_differ() {
        let a = Context::new().with("data", "x").with("folds", 5);
        let b = Context::new().with("data", "y").with("folds", 5).with("metric", "log loss");
        assert_eq!(
            a.differences(&b),
            vec![("data", Some("x"), Some("y")), ("metric", None, Some("log loss"))]
        );
    }
}
