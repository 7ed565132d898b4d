//! Hill climbing with restarts: a neighbor that is better becomes the new place at once; where many in a row are not,
//! the climb begins afresh elsewhere.

use hashing::Rng;
use spaces::Space;

use super::breeding::{beats, mutant, relearn, sample};
use crate::strategy::{Options, Proposal, Strategy};
use crate::{Objective, Trial};

/// Heeds [`Options::patience`].
pub struct LocalSearch<S: Space> {
    objective: Objective,
    options: Options,
    /// Places of this climb, the present one last. None: the next sample begins a climb.
    climb: Vec<Trial<S::Candidate>>,
    /// Neighbors of the present place that were no better.
    failures: usize,
}

impl<S: Space> LocalSearch<S> {
    pub fn new(objective: Objective) -> Self {
        Self { objective, options: Options::default(), climb: Vec::new(), failures: 0 }
    }

    pub fn with_options(self, options: Options) -> Self {
        Self { options, ..self }
    }

    /// Neighbors of places that were left, and samples that were under way together, may still better this climb.
    /// What is left over from a climb before may not: it would lead back there.
    fn is_of_this_climb(&self, trial: &Trial<S::Candidate>) -> bool {
        let placed = |parent: &u64| self.climb.iter().any(|place| place.number == *parent);
        trial.parents.iter().all(placed)
    }
}

impl<S: Space> Strategy<S> for LocalSearch<S> {
    fn propose(&self, space: &S, rng: &mut Rng) -> Proposal<S::Candidate> {
        match self.climb.last() {
            Some(place) => mutant(space, place, rng),
            None => sample(space, rng),
        }
    }

    fn observe(&mut self, trial: &Trial<S::Candidate>) {
        if !self.is_of_this_climb(trial) {
            return;
        }
        relearn(&mut self.climb, trial);
        let place = self.climb.last();
        if place.is_none_or(|place| beats(&self.objective, trial, place)) {
            self.climb.push(trial.clone());
            self.failures = 0;
        } else if place.is_some_and(|place| trial.parents.contains(&place.number)) {
            self.failures += 1;
        }
        if self.failures >= self.options.patience.get() {
            self.climb.clear();
            self.failures = 0;
        }
    }
}
