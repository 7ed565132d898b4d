//! A trial: one proposal, what it was identified as, and the verdict that answered it.

use std::collections::BTreeMap;

use hashing::{Class, Fidelity, Identity, Key};
use serde::{Deserialize, Serialize};
use tasks::{Reason, Verdict};

/// One life of a candidate. Kept as proposed: mutation starts from that; the canonical form is what is identified and
/// trained.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Trial<C> {
    /// From 0 on, in the order of the proposals.
    pub number: u64,
    pub candidate: C,
    /// What proposed it: `sample`, `mutate`, `enqueue`, …
    pub operator: String,
    /// Numbers of the trials that it was made from.
    pub parents: Vec<u64>,
    pub identity: Identity,
    pub key: Key,
    pub origin: Origin,
    /// The trial of this study that paid for the key, where it is another one.
    pub payer: Option<u64>,
    /// The mean over the key's evaluations, up to as many as the study wants.
    pub verdict: Verdict,
    /// What this trial's own evaluation found, where the verdict is the mean of it and others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub measured: Option<Verdict>,
    /// Which of the key's seeds its own evaluation took.
    #[serde(default)]
    pub seed: u64,
    /// Answered by earlier studies, which trained this very form.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub form_is_recorded: bool,
    /// Training steps of the evaluation that answered: spent if this trial paid, saved otherwise.
    #[serde(default)]
    pub steps: u64,
    /// Of this candidate's own canonical form, never recalled by a functional key: `parameters`, `multiply_adds`, …
    pub costs: BTreeMap<String, f64>,
    /// What running this candidate's own canonical form took on this machine, by the clock: `latency_1_ms`, … A search
    /// reads it only where it is asked to weigh it. Empty where that form was not measured in this study.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub measures: BTreeMap<String, f64>,
    /// The constraint that it breaks by what was measured, in words. Such a trial keeps its verdict, and ranks below all
    /// that break none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub breaks: Option<String>,
    /// At which fidelity, where the study has several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rung: Option<Rung>,
    /// Recorded, never read by the search.
    pub times: Times,
}

/// A fidelity among several.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rung {
    pub fidelity: Fidelity,
    /// Key of the same function at the largest fidelity. Seeds are made from it at every fidelity, so that a lower one
    /// is the beginning of a higher.
    pub full: Key,
}

/// Where a verdict is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// Evaluated.
    Miss(Miss),
    /// Known, but with fewer evaluations than wanted: evaluated once more.
    PartialHit,
    /// Answered from the cache.
    FullHit,
    /// Equal to a trial inside its window, which pays.
    Shared,
}

/// Why a trial was evaluated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Miss {
    Unseen,
    /// Known and drawn to be evaluated anew.
    Forgotten,
    /// The store could not be read.
    Unreadable,
    /// Reuse is switched off.
    Disabled,
}

/// In seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Times {
    /// Canonical form, structural digest and probe.
    pub hashing: f64,
    /// What this trial's evaluation took; 0 if it was answered from elsewhere.
    pub evaluation: f64,
    /// What the evaluation that answered took, where another one paid.
    pub saved: f64,
}

impl Origin {
    /// Whether the trial paid for an evaluation of its own.
    pub fn is_evaluated(self) -> bool {
        matches!(self, Self::Miss(_) | Self::PartialHit)
    }

    /// As tables and messages have it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Miss(_) => "miss",
            Self::PartialHit => "partial hit",
            Self::FullHit => "full hit",
            Self::Shared => "shared",
        }
    }
}

impl<C> Trial<C> {
    /// The key that the seeds of its evaluations are made from.
    pub fn seed_key(&self) -> Key {
        self.rung.map_or(self.key, |rung| rung.full)
    }

    /// Where the study has several.
    pub fn fidelity(&self) -> Option<Fidelity> {
        self.rung.map(|rung| rung.fidelity)
    }

    /// What decides before any score does: whether there is one, whether it breaks no constraint (Deb et al. 2002), and
    /// how far it was trained.
    pub(crate) fn tier(&self) -> (bool, bool, Option<Fidelity>) {
        (matches!(self.verdict, Verdict::Scored(_)), self.breaks.is_none(), self.fidelity())
    }

    /// Whether this one stands for their function, rather than an earlier trial of it.
    pub(crate) fn follows(&self, earlier: &Self) -> bool {
        let learned = self.verdict != earlier.verdict || (self.breaks.is_none() && earlier.breaks.is_some());
        self.fidelity() > earlier.fidelity() || (self.fidelity() == earlier.fidelity() && learned)
    }

    /// Whether it was evaluated for real: not answered, and not ruled out before training.
    pub fn is_trained(&self) -> bool {
        self.origin.is_evaluated() && !self.is_ruled_out()
    }

    /// Whether the study itself found that it cannot work, without an evaluator.
    pub fn is_ruled_out(&self) -> bool {
        match self.verdict {
            Verdict::Invalid(Reason::IgnoresInput) => self.identity.class == Class::Constant,
            Verdict::Invalid(Reason::Malformed { .. } | Reason::TooLarge { .. }) => {
                self.identity.class == Class::Unhashable
            }
            _ => false,
        }
    }
}

impl<C: PartialEq> Trial<C> {
    /// Whether two runs made the same trial; what the clock said may differ.
    pub fn same_as(&self, other: &Self) -> bool
    where
        C: Clone,
    {
        let (times, measures) = (Times::default(), BTreeMap::new());
        let timeless =
            |trial: &Self| Self { times, measures: measures.clone(), breaks: None, ..trial.clone() };
        timeless(self) == timeless(other)
    }
}
