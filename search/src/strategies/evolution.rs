//! Regularized evolution (Real et al. 2018, arXiv 1802.01548): the best of a random tournament is mutated, the oldest
//! of the population dies.

use std::collections::VecDeque;

use hashing::Rng;
use spaces::Space;

use super::breeding::{beats, child, sample};
use crate::strategy::{Options, Proposal, Strategy};
use crate::{Objective, Trial};

/// Heeds [`Options::population`], [`Options::tournament`] and [`Options::crossover`].
pub struct RegularizedEvolution<S: Space> {
    objective: Objective,
    options: Options,
    /// The oldest first.
    alive: VecDeque<Trial<S::Candidate>>,
}

impl<S: Space> RegularizedEvolution<S> {
    pub fn new(objective: Objective) -> Self {
        Self { objective, options: Options::default(), alive: VecDeque::new() }
    }

    pub fn with_options(self, options: Options) -> Self {
        Self { options, ..self }
    }

    fn tournament(&self, rng: &mut Rng) -> &Trial<S::Candidate> {
        let drawn = (0..self.options.tournament.get()).map(|_| &self.alive[rng.below(self.alive.len())]);
        drawn
            .reduce(|best, next| if beats(&self.objective, next, best) { next } else { best })
            .expect("a tournament has members")
    }
}

impl<S: Space> Strategy<S> for RegularizedEvolution<S> {
    fn propose(&self, space: &S, rng: &mut Rng) -> Proposal<S::Candidate> {
        if self.alive.len() < self.options.population.get() {
            return sample(space, rng);
        }
        child(space, self.options.crossover, |rng| self.tournament(rng), rng)
    }

    fn observe(&mut self, trial: &Trial<S::Candidate>) {
        self.alive.push_back(trial.clone());
        if self.alive.len() > self.options.population.get() {
            self.alive.pop_front();
        }
    }
}
