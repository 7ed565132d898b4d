//! Regularized evolution (Real et al. 2018, arXiv 1802.01548): the best of a random tournament is mutated, the oldest
//! of the population dies.

use std::collections::VecDeque;

use hashing::Rng;
use spaces::Space;
use tasks::Verdict;

use crate::strategy::{Proposal, Sizes, Strategy};
use crate::{Objective, Trial};

pub struct RegularizedEvolution<S: Space> {
    objective: Objective,
    sizes: Sizes,
    /// The oldest first.
    alive: VecDeque<Member<S::Candidate>>,
}

struct Member<C> {
    number: u64,
    candidate: C,
    verdict: Verdict,
}

impl<S: Space> RegularizedEvolution<S> {
    pub fn new(objective: Objective) -> Self {
        Self { objective, sizes: Sizes::default(), alive: VecDeque::new() }
    }

    pub fn sized(self, sizes: Sizes) -> Self {
        Self { sizes, ..self }
    }

    fn tournament(&self, rng: &mut Rng) -> &Member<S::Candidate> {
        let drawn = (0..self.sizes.tournament.get()).map(|_| &self.alive[rng.below(self.alive.len())]);
        drawn
            .reduce(|best, next| if self.beats(next, best) { next } else { best })
            .expect("a tournament has members")
    }

    fn beats(&self, a: &Member<S::Candidate>, b: &Member<S::Candidate>) -> bool {
        self.objective.compare(&a.verdict, &b.verdict).is_gt()
    }
}

impl<S: Space> Strategy<S> for RegularizedEvolution<S> {
    fn propose(&self, space: &S, rng: &mut Rng) -> Proposal<S::Candidate> {
        if self.alive.len() < self.sizes.population.get() {
            return Proposal { candidate: space.sample(rng), operator: "sample", parents: Vec::new() };
        }
        let parent = self.tournament(rng);
        Proposal {
            candidate: space.mutate(&parent.candidate, rng),
            operator: "mutate",
            parents: vec![parent.number],
        }
    }

    fn observe(&mut self, trial: &Trial<S::Candidate>) {
        let Trial { number, candidate, verdict, .. } = trial.clone();
        self.alive.push_back(Member { number, candidate, verdict });
        if self.alive.len() > self.sizes.population.get() {
            self.alive.pop_front();
        }
    }
}
