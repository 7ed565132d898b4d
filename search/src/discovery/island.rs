//! Regularized evolution of programs on one island (Real et al. 2019, arXiv 1802.01548), as lean as it goes: a population
//! in a ring, whose oldest program makes room for the child of a tournament's winner.

use evaluator::program::{NoJudge, Rules};
use hashing::Rng;
use spaces::Space;
use spaces::program::{Program, ProgramSpace};
use tasks::Problem;

use super::answer::{Answers, Caching};
use super::tally::Tally;

/// How programs are bred.
#[derive(Clone, Debug, PartialEq)]
pub struct Breeding {
    /// Default: 1000.
    pub population: usize,
    /// Programs that compete to be the parent, drawn with replacement. Default: 10.
    pub tournament: usize,
    /// How often a child is mutated, and not a copy. Default: 0.9.
    pub mutation: f64,
    /// How often a child has two parents. Default: 0.
    pub crossover: f64,
    /// How often a child is mutated again that has its parent's symbol, and so predicts what that predicts. Default: 0.
    pub redraws: usize,
    /// No tournaments: every program is drawn anew. Default: no.
    pub random: bool,
}

impl Default for Breeding {
    fn default() -> Self {
        Self { population: 1000, tournament: 10, mutation: 0.9, crossover: 0.0, redraws: 0, random: false }
    }
}

/// A program and how well it learns.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Individual {
    pub program: Program,
    pub fitness: f64,
}

/// A population with its cache.
pub struct Island {
    space: ProgramSpace,
    breeding: Breeding,
    answers: Answers,
    rng: Rng,
    population: Vec<Individual>,
    /// The oldest of them, once there are enough.
    oldest: usize,
    /// What takes the place of the oldest, in memory that is used again and again.
    child: Program,
    best: Individual,
}

impl Island {
    /// Without inhabitants. `number` tells the islands of one seed apart.
    pub fn new(
        space: ProgramSpace,
        problems: &[Problem],
        rules: &Rules,
        breeding: Breeding,
        caching: &Caching,
        hurdle: bool,
        [seed, number]: [u64; 2],
    ) -> Result<Self, NoJudge> {
        Ok(Self {
            answers: Answers::new(problems, space.memory, rules, caching, hurdle, number)?,
            rng: Rng::named(seed, "island", number),
            space,
            breeding,
            population: Vec::new(),
            oldest: 0,
            child: Program::default(),
            best: Individual { program: Program::default(), fitness: -1.0 },
        })
    }

    /// So many proposals.
    pub fn advance(&mut self, proposals: u64) {
        (0..proposals).for_each(|_| self.step());
    }

    /// One proposal: the child of a winner takes the place of the oldest.
    fn step(&mut self) {
        if self.population.len() < self.breeding.population || self.breeding.random {
            self.child = self.space.sample(&mut self.rng);
        } else {
            self.breed();
        }
        let fitness = self.answers.fitness(&self.child);
        if fitness > self.best.fitness {
            self.best = Individual { program: self.child.clone(), fitness };
        }
        self.settle(fitness);
    }

    fn breed(&mut self) {
        let parent = self.tournament();
        self.child.copy(&self.population[parent].program);
        if self.breeding.crossover > 0.0 && self.rng.chance(self.breeding.crossover) {
            let other = self.tournament();
            let other = &self.population[other].program;
            if let Some(child) = self.space.crossover(&self.child, other, &mut self.rng) {
                self.child = child;
            }
        }
        if self.rng.chance(self.breeding.mutation) {
            self.space.mutate_in_place(&mut self.child, &mut self.rng);
            self.redraw(parent);
        }
    }

    fn redraw(&mut self, parent: usize) {
        for _ in 0..self.breeding.redraws {
            if !self.answers.are_alike(&self.child, &self.population[parent].program) {
                return;
            }
            self.space.mutate_in_place(&mut self.child, &mut self.rng);
        }
    }

    /// The fittest of some that are drawn with replacement; of equal ones the first.
    fn tournament(&mut self) -> usize {
        let mut winner = self.rng.below(self.population.len());
        for _ in 1..self.breeding.tournament {
            let other = self.rng.below(self.population.len());
            if self.population[other].fitness > self.population[winner].fitness {
                winner = other;
            }
        }
        winner
    }

    /// The child joins the population.
    fn settle(&mut self, fitness: f64) {
        if self.population.len() < self.breeding.population {
            self.population.push(Individual { program: std::mem::take(&mut self.child), fitness });
            return;
        }
        let place = &mut self.population[self.oldest];
        std::mem::swap(&mut place.program, &mut self.child);
        place.fitness = fitness;
        self.oldest = (self.oldest + 1) % self.population.len();
    }

    /// Somebody from elsewhere, whose fitness on the same problems is known, takes the place of the oldest.
    pub fn welcome(&mut self, migrant: &Individual) {
        self.child.copy(&migrant.program);
        self.settle(migrant.fitness);
    }

    /// Begins again with nobody; what was learned of programs stays.
    pub fn restart(&mut self) {
        self.population.clear();
        self.oldest = 0;
        self.best.fitness = -1.0;
    }

    /// The fittest since the start.
    pub fn best(&self) -> &Individual {
        &self.best
    }

    pub fn tally(&self) -> &Tally {
        &self.answers.tally
    }

    pub fn population(&self) -> &[Individual] {
        &self.population
    }
}
