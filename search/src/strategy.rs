//! Who proposes.

use std::num::NonZeroUsize;

use hashing::{Rng, TwoStage};
use serde::{Deserialize, Serialize};
use spaces::Space;

use crate::{Objective, Redrawing, Trial};

/// A candidate and how it was made.
#[derive(Clone, Debug, PartialEq)]
pub struct Proposal<C> {
    pub candidate: C,
    /// What made it: `sample`, `mutate`, …
    pub operator: &'static str,
    /// Numbers of the trials that it was made from.
    pub parents: Vec<u64>,
}

/// Proposes candidates. Its state is a function of the trials observed, in their order, and of nothing else; so a
/// resumed study is one that observes them again. The laws are tested by [`conformance`](crate::conformance).
pub trait Strategy<S: Space>: Send {
    /// The next candidate; `rng` is a stream of this proposal alone, and all randomness there is.
    fn propose(&self, space: &S, rng: &mut Rng) -> Proposal<S::Candidate>;

    /// Trials come in the order of their numbers.
    fn observe(&mut self, _trial: &Trial<S::Candidate>) {}
}

impl<S: Space, T: Strategy<S> + ?Sized> Strategy<S> for Box<T> {
    fn propose(&self, space: &S, rng: &mut Rng) -> Proposal<S::Candidate> {
        (**self).propose(space, rng)
    }

    fn observe(&mut self, trial: &Trial<S::Candidate>) {
        (**self).observe(trial)
    }
}

/// A named strategy, as the command line offers it.
pub struct Listed<S: Space> {
    pub name: &'static str,
    pub summary: &'static str,
    /// Names of the [`Options`] that it heeds, besides those that all do ([`Listed::FOR_ALL`]).
    pub options: &'static [&'static str],
    /// Under an objective, with options, those for all left out.
    pub make: fn(&Objective, &Options) -> Box<dyn Strategy<S>>,
}

impl<S: Space + 'static> Listed<S> {
    /// Names of the options that every strategy heeds.
    pub const FOR_ALL: [&str; 2] = ["redraws", "most-visits"];

    /// The strategy with all of its options.
    pub fn strategy(&self, objective: &Objective, options: &Options) -> Box<dyn Strategy<S>> {
        let strategy = (self.make)(objective, options);
        match options.redraws {
            0 => strategy,
            redraws => Box::new(Redrawing::new(strategy, TwoStage::default(), redraws, options.most_visits)),
        }
    }
}

/// Settings of strategies; each heeds its own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Options {
    /// Samples to begin with, and most trials that may have children at one time. Default: 16.
    pub population: NonZeroUsize,
    /// Members drawn, with replacement, for each tournament. Default: 4.
    pub tournament: NonZeroUsize,
    /// Share of the children that are made of two parents, where their space knows how, in [0, 1]. Default: 0.
    pub crossover: f64,
    /// Neighbors in a row that are no better, before a climb begins afresh. Default: 32.
    pub patience: NonZeroUsize,
    /// Scores, costs or measures that should be low, weighed against the metrics of the study. Default: none.
    pub against: Vec<String>,
    /// How often a proposal is drawn again that computes what a parent of it computes. Default: 0.
    pub redraws: usize,
    /// Trials of one function, beyond which it is drawn again as well. Default: any number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub most_visits: Option<NonZeroUsize>,
}

impl Default for Options {
    fn default() -> Self {
        let size = |n| NonZeroUsize::new(n).expect("not zero");
        Self {
            population: size(16),
            tournament: size(4),
            crossover: 0.0,
            patience: size(32),
            against: Vec::new(),
            redraws: 0,
            most_visits: None,
        }
    }
}
