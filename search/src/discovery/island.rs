//! Regularized evolution of programs on one island (Real et al. 2019, arXiv 1802.01548), as lean as it goes: a population
//! in a ring, whose oldest program makes room for the child of a tournament's winner.

use evaluator::program::{NoJudge, Rules};
use hashing::Rng;
use serde::{Deserialize, Serialize};
use spaces::Space;
use spaces::program::{Program, ProgramSpace};
use tasks::Problem;

use super::answer::{Answers, AnswersState, Caching};
use super::tabu::Tabu;
use super::tally::Tally;
use super::worth::Worth;

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
    /// A child whose symbol is among the last so many proposals of its island is mutated again; 0: it is not. Default: 0.
    pub tabu: usize,
    /// No tournaments: every program is drawn anew. Default: no.
    pub random: bool,
}

impl Default for Breeding {
    fn default() -> Self {
        Self {
            population: 1000,
            tournament: 10,
            mutation: 0.9,
            crossover: 0.0,
            redraws: 0,
            tabu: 0,
            random: false,
        }
    }
}

/// A program and how well it learns.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Individual {
    pub program: Program,
    pub fitness: f64,
}

/// Everything that an island's future depends on, between two rounds.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct IslandState {
    population: Vec<Individual>,
    oldest: usize,
    best: Individual,
    tabu: Vec<u64>,
    answers: AnswersState,
}

impl IslandState {
    pub fn tally(&self) -> &Tally {
        &self.answers.tally
    }
}

/// A population with its cache.
pub struct Island {
    space: ProgramSpace,
    breeding: Breeding,
    answers: Answers,
    seed: u64,
    number: u64,
    rng: Rng,
    population: Vec<Individual>,
    /// The oldest of them, once there are enough.
    oldest: usize,
    /// What takes the place of the oldest, in memory that is used again and again.
    child: Program,
    best: Individual,
    tabu: Tabu,
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
            rng: stream(seed, number, 0),
            seed,
            number,
            space,
            tabu: Tabu::new(breeding.tabu),
            breeding,
            population: Vec::new(),
            oldest: 0,
            child: Program::default(),
            best: Individual { program: Program::default(), fitness: -1.0 },
        })
    }

    /// A round of so many proposals. False if it was stopped before its end, and has to be forgotten. All that is drawn
    /// follows from the number of the round.
    pub fn advance(&mut self, round: u64, proposals: u64, stops: &dyn Fn() -> bool) -> bool {
        self.rng = stream(self.seed, self.number, round);
        self.answers.begin(round);
        for proposal in 0..proposals {
            if proposal % BETWEEN_LOOKS == 0 && stops() {
                return false;
            }
            self.step();
        }
        true
    }

    pub fn state(&self) -> IslandState {
        let Self { population, oldest, best, answers, .. } = self;
        IslandState {
            population: population.clone(),
            oldest: *oldest,
            best: best.clone(),
            tabu: self.tabu.symbols(),
            answers: answers.state(),
        }
    }

    /// Goes on from a state of an island like this one. Errors name what no such island can have come to.
    pub fn restore(&mut self, state: IslandState) -> Result<(), String> {
        let IslandState { population, oldest, best, tabu, answers } = state;
        if population.len() > self.breeding.population || oldest >= population.len().max(1) {
            return Err(format!(
                "a population of {}, the oldest of them number {oldest}; {} at most",
                population.len(),
                self.breeding.population
            ));
        }
        population.iter().chain([&best]).try_for_each(|it| self.space.check(&it.program))?;
        (self.population, self.oldest, self.best) = (population, oldest, best);
        self.tabu.restore(&tabu);
        self.answers.restore(answers);
        Ok(())
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
            self.avoid_tabu();
        }
    }

    fn redraw(&mut self, parent: usize) {
        if self.breeding.redraws == 0 {
            return;
        }
        let of_parent = self.answers.symbol(&self.population[parent].program);
        for _ in 0..self.breeding.redraws {
            if self.answers.symbol(&self.child) != of_parent {
                return;
            }
            self.space.mutate_in_place(&mut self.child, &mut self.rng);
        }
    }

    /// Mutates the child until it is nothing that was proposed lately; after some tries it is taken as it is.
    fn avoid_tabu(&mut self) {
        if self.tabu.is_off() {
            return;
        }
        let mut symbol = self.answers.symbol(&self.child);
        for _ in 0..TRIES {
            if !self.tabu.has(symbol) {
                break;
            }
            self.space.mutate_in_place(&mut self.child, &mut self.rng);
            symbol = self.answers.symbol(&self.child);
        }
        self.tabu.add(symbol);
    }

    /// The fittest of some that are drawn with replacement; of equal ones the first.
    fn tournament(&mut self) -> usize {
        let mut winner = self.rng.index(self.population.len());
        for _ in 1..self.breeding.tournament {
            let other = self.rng.index(self.population.len());
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

    pub fn worth(&self) -> &Worth {
        &self.answers.worth
    }

    pub fn population(&self) -> &[Individual] {
        &self.population
    }
}

/// Mutations of a child that is tabu, at most.
const TRIES: usize = 10;

/// Proposals between two looks at whether to stop.
const BETWEEN_LOOKS: u64 = 256;

/// Never a saved state: what is drawn in a round can be drawn again.
fn stream(seed: u64, number: u64, round: u64) -> Rng {
    Rng::named(seed, &format!("island {number}"), round)
}
