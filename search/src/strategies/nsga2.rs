//! NSGA-II (Deb et al. 2002, doi 10.1109/4235.996017), one child at a time: of what lives and what comes, those stay
//! that fewer dominate and, among equals, that have more room around them.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use hashing::Rng;
use spaces::Space;

use super::breeding::{child, relearn, sample};
use crate::pareto::{Point, crowding, dominates, ranks};
use crate::strategy::{Options, Proposal, Strategy};
use crate::{Tradeoff, Trial};

/// Heeds [`Options::population`] and [`Options::crossover`]. Generations would wait for their slowest trial, and the
/// trials come one by one; so the population is sorted anew whenever one does.
pub struct Nsga2<S: Space> {
    tradeoff: Tradeoff,
    options: Options,
    observed: usize,
    alive: Vec<Member<S::Candidate>>,
}

struct Member<C> {
    trial: Trial<C>,
    rank: usize,
    room: f64,
}

impl<S: Space> Nsga2<S> {
    pub fn new(tradeoff: Tradeoff) -> Self {
        Self { tradeoff, options: Options::default(), observed: 0, alive: Vec::new() }
    }

    pub fn with_options(self, options: Options) -> Self {
        Self { options, ..self }
    }

    /// The better of two.
    fn tournament(&self, rng: &mut Rng) -> &Trial<S::Candidate> {
        let [a, b] = [0; 2].map(|_| &self.alive[rng.below(self.alive.len())]);
        if b.is_better(a) { &b.trial } else { &a.trial }
    }

    /// Trials without a point are worse than any other.
    fn point(&self, trial: &Trial<S::Candidate>) -> Point {
        self.tradeoff.point(trial).unwrap_or_else(|| vec![f64::NEG_INFINITY; self.tradeoff.0.len()])
    }

    /// Another form of a function that lives is let in only where it costs less in some way.
    fn admit(&mut self, trial: &Trial<S::Candidate>) {
        relearn(self.alive.iter_mut().map(|member| &mut member.trial), trial);
        let point = self.point(trial);
        let covers = |known: &Point| *known == point || dominates(known, &point);
        let same = |member: &&Member<S::Candidate>| member.trial.key == trial.key;
        if !self.alive.iter().filter(same).any(|member| covers(&self.point(&member.trial))) {
            self.alive.push(Member { trial: trial.clone(), rank: 0, room: 0.0 });
        }
    }

    /// What was trained further lies in fronts before those of what was not.
    fn ranks(&self, points: &[Point]) -> Vec<usize> {
        let mut found = vec![0; points.len()];
        let (mut tiers, mut before) = (BTreeMap::<_, Vec<usize>>::new(), 0);
        for (place, member) in self.alive.iter().enumerate() {
            tiers.entry(Reverse(member.trial.tier())).or_default().push(place);
        }
        for places in tiers.into_values() {
            let ranks = ranks(&places.iter().map(|place| points[*place].clone()).collect::<Vec<_>>());
            places.iter().zip(&ranks).for_each(|(place, rank)| found[*place] = before + rank);
            before += ranks.iter().max().map_or(0, |last| last + 1);
        }
        found
    }

    fn sort(&mut self) {
        let points: Vec<Point> = self.alive.iter().map(|member| self.point(&member.trial)).collect();
        let ranks = self.ranks(&points);
        for rank in 0..=ranks.iter().copied().max().unwrap_or(0) {
            let front: Vec<usize> = (0..points.len()).filter(|place| ranks[*place] == rank).collect();
            let rooms = crowding(&front.iter().map(|place| &points[*place]).collect::<Vec<_>>());
            for (place, room) in front.into_iter().zip(rooms) {
                (self.alive[place].rank, self.alive[place].room) = (rank, room);
            }
        }
    }

    /// The worst dies; of equals, the oldest.
    fn cull(&mut self) {
        let worse = |a: usize, b: usize| if self.alive[a].is_better(&self.alive[b]) { b } else { a };
        if let Some(worst) = (0..self.alive.len()).reduce(worse) {
            self.alive.remove(worst);
        }
    }
}

impl<C> Member<C> {
    fn is_better(&self, other: &Self) -> bool {
        self.rank < other.rank || (self.rank == other.rank && self.room > other.room)
    }
}

impl<S: Space> Strategy<S> for Nsga2<S> {
    fn propose(&self, space: &S, rng: &mut Rng) -> Proposal<S::Candidate> {
        if self.observed < self.options.population.get() {
            return sample(space, rng);
        }
        child(space, self.options.crossover, |rng| self.tournament(rng), rng)
    }

    fn observe(&mut self, trial: &Trial<S::Candidate>) {
        self.observed += 1;
        self.admit(trial);
        self.sort();
        if self.alive.len() > self.options.population.get() {
            self.cull();
            self.sort();
        }
    }
}
