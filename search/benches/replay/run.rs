//! One search of the published table, and where it stood when a budget was used up.

use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use evaluator::replay::{Replay, ReplayTask, Table};
use hashing::TwoStage;
use rayon::prelude::*;
use search::{Objective, Observer, Options, Plan, Study, Trial, strategies};
use spaces::cell201::Cell;
use tasks::DataError;

use crate::cells::{Cells, Form};

const OBJECTIVE: &str = "c10_val_12ep";
const TEST: &str = "c10_test_200ep";
const SECONDS: &str = "c10_sec_per_epoch";
/// Twelve epochs on half of the data, the pass over the other half included.
const EPOCHS: &str = "c10_sec_per_epoch*6.78";

/// Every cell with its verdict and its cost; shared by all runs.
pub type Published = Arc<Replay<Cells>>;

pub fn read(path: &Path) -> Result<Published, DataError> {
    let table = Table::<Cell>::read(path, &[OBJECTIVE, TEST, SECONDS])?;
    let task = ReplayTask::of(&table, OBJECTIVE, true, Some(EPOCHS.parse().expect("a column and a factor")));
    // Every form is in the table: none is looked up by another's.
    Ok(Arc::new(Replay::new(Cells { as_written: true, ..Cells::default() }, table, task)?))
}

/// What answers a proposal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KnownBy {
    Nothing,
    Genotype,
    Structure,
    Function,
}

impl KnownBy {
    /// From what recognizes least to what recognizes most.
    pub const ALL: [Self; 4] = [Self::Nothing, Self::Genotype, Self::Structure, Self::Function];

    pub fn name(self) -> &'static str {
        match self {
            Self::Nothing => "nothing (no cache)",
            Self::Genotype => "genotype",
            Self::Structure => "structure (canonical form)",
            Self::Function => "function",
        }
    }
}

/// A search, but for its seed.
#[derive(Clone, Copy)]
pub struct Search {
    pub known_by: KnownBy,
    pub strategy: &'static str,
    pub population: usize,
    pub tournament: usize,
    pub node_first: bool,
    pub window: u64,
    pub most: Most,
}

/// When a search ends.
#[derive(Clone, Copy)]
pub enum Most {
    Trainings(u64),
    /// Simulated.
    Seconds(f64),
}

impl Search {
    /// One run for each seed, from 0 on.
    pub fn runs(&self, table: &Published, seeds: u64) -> Vec<Vec<Trial<Cell>>> {
        (0..seeds).into_par_iter().map(|seed| self.trials(table, seed)).collect()
    }

    fn trials(&self, table: &Published, seed: u64) -> Vec<Trial<Cell>> {
        let as_written = matches!(self.known_by, KnownBy::Nothing | KnownBy::Genotype);
        let space = Cells { as_written, node_first: self.node_first, ..Cells::default() };
        let known = strategies::<Cells>();
        let listed = known.iter().find(|listed| listed.name == self.strategy).expect("a listed strategy");
        let size = |n| NonZeroUsize::new(n).expect("not zero");
        let (population, tournament) = (size(self.population), size(self.tournament));
        let against = vec![SECONDS.to_string()];
        let options = Options { population, tournament, against, ..Options::default() };
        let strategy = listed.strategy(&Objective::new(OBJECTIVE, true), &options);
        let reuse = self.known_by != KnownBy::Nothing;
        let mut plan = Plan { seed, window: self.window, reuse, ..Plan::default() };
        let mut until = Until { left: f64::INFINITY, interrupted: Arc::clone(&plan.interrupted) };
        match self.most {
            Most::Trainings(most) => plan.trainings = Some(most),
            Most::Seconds(most) => until.left = most,
        }
        let study = Study::new(space, Arc::clone(table), strategy, plan).with_observer(until);
        let mut study = match self.known_by {
            KnownBy::Function => study.with_hasher(TwoStage::default()),
            _ => study.with_hasher(Form),
        };
        study.run().expect("a replay cannot fail");
        study.trials().to_vec()
    }
}

/// Ends a study when its simulated seconds are used up.
struct Until {
    left: f64,
    interrupted: Arc<AtomicBool>,
}

impl Observer<Cell> for Until {
    fn settled(&mut self, trial: &Trial<Cell>) {
        self.left -= trial.times.evaluation;
        self.interrupted.store(self.left < 0.0, Relaxed);
    }
}

/// Where a search stood.
#[derive(Clone, Copy, Default)]
pub struct Stand {
    pub proposals: u64,
    pub answered: u64,
    pub trained: u64,
    /// Simulated seconds: of the evaluations that were made, and of those that were not.
    pub spent: f64,
    pub saved: f64,
    /// Highest validation accuracy, and the test accuracy of the cell that has it.
    pub validation: f64,
    pub test: f64,
}

impl Stand {
    /// After the last trial before the evaluation that would exceed the budget.
    pub fn at(trials: &[Trial<Cell>], most: Most) -> Self {
        let mut stand = Self::default();
        for trial in trials {
            let next = stand.after(trial);
            let exceeds = match most {
                Most::Trainings(most) => next.trained > most,
                Most::Seconds(most) => next.spent > most,
            };
            if exceeds {
                break;
            }
            stand = next;
        }
        stand
    }

    fn after(mut self, trial: &Trial<Cell>) -> Self {
        self.proposals += 1;
        self.answered += u64::from(!trial.origin.is_evaluated());
        self.trained += u64::from(trial.is_trained());
        self.spent += trial.times.evaluation;
        self.saved += trial.times.saved;
        if let Some(score) = trial.verdict.score(OBJECTIVE).filter(|score| *score > self.validation) {
            (self.validation, self.test) = (score, trial.verdict.score(TEST).expect("a column of the table"));
        }
        self
    }

    pub fn hit_rate(&self) -> f64 {
        self.answered as f64 / self.proposals.max(1) as f64
    }
}
