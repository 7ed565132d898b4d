//! Islands on threads: they advance in rounds and exchange their best between them, so that no result depends on timing.

use evaluator::program::{NoJudge, Rules};
use serde::{Deserialize, Serialize};
use spaces::Space;
use spaces::program::ProgramSpace;
use tasks::Problem;

use super::answer::Caching;
use super::island::{Breeding, Individual, Island, IslandState};
use super::tally::Tally;
use super::worth::Worth;

/// A search for programs. The same plan finds the same, with any number of threads.
#[derive(Clone, Debug)]
pub struct Plan {
    pub seed: u64,
    pub rules: Rules,
    pub breeding: Breeding,
    pub caching: Caching,
    /// What does worse on the probe than three quarters is not trained. Default: no.
    pub hurdle: bool,
    /// Default: 2.
    pub islands: usize,
    /// Proposals of each island between two exchanges. Default: 20,000.
    pub round: u64,
    /// An island whose population was born so many proposals ago begins anew; 0: never. Default: 0.
    pub lifetime: u64,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            seed: 0,
            rules: Rules::default(),
            breeding: Breeding::default(),
            caching: Caching::default(),
            hurdle: false,
            islands: 2,
            round: 20_000,
            lifetime: 0,
        }
    }
}

/// Everything that the future of a search depends on, between two rounds.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct State {
    islands: Vec<IslandState>,
    rounds: u64,
    best: Individual,
}

impl State {
    /// Of all islands together.
    pub fn tally(&self) -> Tally {
        let mut all = Tally::default();
        self.islands.iter().for_each(|island| all += *island.tally());
        all
    }
}

/// A search under way.
pub struct Archipelago {
    space: ProgramSpace,
    plan: Plan,
    islands: Vec<Island>,
    rounds: u64,
    /// The best of all times, by the problems of the search.
    best: Individual,
}

impl Archipelago {
    pub fn new(space: &ProgramSpace, problems: &[Problem], plan: Plan) -> Result<Self, NoJudge> {
        let island = |number| {
            let Plan { rules, breeding, caching, hurdle, seed, .. } = &plan;
            Island::new(space.clone(), problems, rules, breeding.clone(), caching, *hurdle, [*seed, number])
        };
        let islands = (0..plan.islands.max(1) as u64).map(island).collect::<Result<_, _>>()?;
        let best = Individual { fitness: -1.0, ..Individual::default() };
        Ok(Self { space: space.clone(), plan, islands, rounds: 0, best })
    }

    /// One round of all islands, on so many threads; then each is visited by the best of the one before it.
    pub fn round(&mut self, threads: usize) {
        self.round_unless(threads, &|| false);
    }

    /// The same. False if it was stopped before its end: then the search is in no state to go on from.
    pub fn round_unless(&mut self, threads: usize, stops: &(dyn Fn() -> bool + Sync)) -> bool {
        let share = self.islands.len().div_ceil(threads.max(1));
        let (number, round) = (self.rounds, self.plan.round);
        let ended = std::thread::scope(|scope| {
            let advance = move |islands: &mut [Island]| {
                islands.iter_mut().all(|island| island.advance(number, round, &stops))
            };
            let shares = self.islands.chunks_mut(share);
            let threads: Vec<_> = shares.map(|islands| scope.spawn(move || advance(islands))).collect();
            threads.into_iter().all(|thread| thread.join().expect("an island does not panic"))
        });
        if !ended {
            return false;
        }
        self.rounds += 1;
        for island in &self.islands {
            if island.best().fitness > self.best.fitness {
                self.best = island.best().clone();
            }
        }
        if self.plan.lifetime > 0 && (self.rounds * round).is_multiple_of(self.plan.lifetime) {
            self.islands.iter_mut().for_each(Island::restart);
        } else {
            self.migrate();
        }
        true
    }

    pub fn state(&self) -> State {
        let islands = self.islands.iter().map(Island::state).collect();
        State { islands, rounds: self.rounds, best: self.best.clone() }
    }

    /// Goes on from a state of a search with the same plan and problems. Errors name what no such search can have come to.
    pub fn restore(&mut self, state: State) -> Result<(), String> {
        if state.islands.len() != self.islands.len() {
            return Err(format!("{} islands, not {}", state.islands.len(), self.islands.len()));
        }
        let mut islands = self.islands.iter_mut().zip(state.islands);
        islands.try_for_each(|(island, state)| island.restore(state))?;
        self.space.check(&state.best.program)?;
        (self.rounds, self.best) = (state.rounds, state.best);
        Ok(())
    }

    fn migrate(&mut self) {
        let migrants: Vec<Individual> = self.islands.iter().map(|island| island.best().clone()).collect();
        let count = self.islands.len();
        if count > 1 {
            for (i, island) in self.islands.iter_mut().enumerate() {
                island.welcome(&migrants[(i + count - 1) % count]);
            }
        }
    }

    pub fn best(&self) -> &Individual {
        &self.best
    }

    pub fn rounds(&self) -> u64 {
        self.rounds
    }

    pub fn islands(&self) -> &[Island] {
        &self.islands
    }

    /// Of all islands together.
    pub fn worth(&self) -> Worth {
        let mut all = Worth::default();
        self.islands.iter().for_each(|island| all += *island.worth());
        all
    }

    /// Of all islands together.
    pub fn tally(&self) -> Tally {
        let mut all = Tally::default();
        self.islands.iter().for_each(|island| all += *island.tally());
        all
    }
}
