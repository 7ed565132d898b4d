//! How a program gets its fitness: by its symbol, by its probe, or by an evaluation that goes on where the probe ended.

use evaluator::program::{Judge, NoJudge, Rules};
use hashing::{Mark, Rng};
use serde::{Deserialize, Serialize};
use spaces::program::{Memory, Program};
use tasks::Problem;

use super::hurdle::Hurdle;
use super::lru::{Known, Lru};
use super::tally::{Audits, Tally};
use super::worth::{EVERY, Worth, timed};

/// What is remembered, and how far it is trusted.
#[derive(Clone, Debug, PartialEq)]
pub struct Caching {
    /// Whether anything is. Default: yes.
    pub enabled: bool,
    /// Keys of each level. Default: 100,000.
    pub size: usize,
    /// A key is forgotten after so many answers; 0: never. Default: 100.
    pub forget_every: u32,
    /// The share of the answers that is checked by an evaluation. Default: 0.
    pub audit: f64,
}

impl Default for Caching {
    fn default() -> Self {
        Self { enabled: true, size: 100_000, forget_every: 100, audit: 0.0 }
    }
}

/// Everything that later answers depend on.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct AnswersState {
    by_symbol: Vec<Known>,
    by_probe: Vec<Known>,
    hurdle: Option<Hurdle>,
    pub tally: Tally,
    pub worth: Worth,
}

/// Answers one program after the other.
pub struct Answers {
    judge: Judge,
    /// Evaluates what is audited or timed, so that the learners of the search are left alone.
    auditor: Judge,
    caching: Caching,
    by_symbol: Lru,
    by_probe: Lru,
    hurdle: Option<Hurdle>,
    /// Which answers are checked; a stream of its own, so that the search does not notice.
    audits: Rng,
    number: u64,
    pub tally: Tally,
    pub worth: Worth,
}

impl Answers {
    /// `number` tells the streams of several apart.
    pub fn new(
        problems: &[Problem],
        memory: Memory,
        rules: &Rules,
        caching: &Caching,
        hurdle: bool,
        number: u64,
    ) -> Result<Self, NoJudge> {
        let cache = || Lru::new(caching.size, caching.forget_every);
        Ok(Self {
            judge: Judge::new(problems, memory, rules.clone())?,
            auditor: Judge::new(problems, memory, rules.clone())?,
            caching: caching.clone(),
            by_symbol: cache(),
            by_probe: cache(),
            hurdle: hurdle.then(Hurdle::default),
            audits: audits_of(number, 0),
            number,
            tally: Tally::default(),
            worth: Worth::default(),
        })
    }

    /// What is drawn from here on depends on the number of the round, and on no earlier one.
    pub fn begin(&mut self, round: u64) {
        self.audits = audits_of(self.number, round);
    }

    pub fn state(&self) -> AnswersState {
        AnswersState {
            by_symbol: self.by_symbol.known(),
            by_probe: self.by_probe.known(),
            hurdle: self.hurdle.clone(),
            tally: self.tally,
            worth: self.worth,
        }
    }

    /// Goes on from a state of answers with the same rules.
    pub fn restore(&mut self, state: AnswersState) {
        self.by_symbol.restore(state.by_symbol);
        self.by_probe.restore(state.by_probe);
        self.hurdle = state.hurdle;
        self.tally = state.tally;
        self.worth = state.worth;
    }

    /// The fitness of a program that fits the memory.
    pub fn fitness(&mut self, program: &Program) -> f64 {
        self.tally.proposals += 1;
        if !self.caching.enabled {
            self.tally.evaluated += 1;
            return self.judge.judge(program);
        }
        if !self.tally.proposals.is_multiple_of(EVERY) {
            return self.known_or_found(program);
        }
        let (fitness, with) = timed(|| self.known_or_found(program));
        let (_, without) = timed(|| self.auditor.judge(program));
        self.worth.add(with, without);
        fitness
    }

    fn known_or_found(&mut self, program: &Program) -> f64 {
        let symbol = self.judge.read(program);
        if let Some(fitness) = self.by_symbol.get(symbol) {
            self.tally.by_symbol += 1;
            self.audit(program, fitness);
            return fitness;
        }
        let fitness = self.by_behavior(program);
        self.by_symbol.put(symbol, fitness);
        fitness
    }

    /// Programs with one symbol predict the same.
    pub fn symbol(&mut self, program: &Program) -> Mark {
        self.judge.read(program)
    }

    fn by_behavior(&mut self, program: &Program) -> f64 {
        let Some(probe) = self.judge.probe() else {
            self.tally.failed += 1;
            return 0.0;
        };
        if let Some(fitness) = self.by_probe.get(probe) {
            self.tally.by_probe += 1;
            self.audit(program, fitness);
            return fitness;
        }
        let fitness = self.evaluated();
        self.by_probe.put(probe, fitness);
        fitness
    }

    fn evaluated(&mut self) -> f64 {
        let so_far = self.judge.fitness();
        if self.hurdle.as_mut().is_some_and(|hurdle| !hurdle.cleared_by(so_far)) {
            self.tally.below_hurdle += 1;
            return so_far;
        }
        self.tally.evaluated += 1;
        self.judge.finish()
    }

    fn audit(&mut self, program: &Program, fitness: f64) {
        if self.caching.audit > 0.0 && self.audits.chance(self.caching.audit) {
            let found = self.auditor.judge(program);
            self.tally.audits.made += 1;
            self.tally.audits.wrong += u64::from((found - fitness).abs() > Audits::TOLERANCE);
        }
    }
}

fn audits_of(number: u64, round: u64) -> Rng {
    Rng::named(number, "audit", round)
}
