//! The life of a candidate: propose, identify, look up, evaluate, record, settle, and let the strategy see it.

mod audit;
mod evaluate;
mod identify;
mod inherit;
mod intake;
mod look_up;
mod propose;
mod settle;
mod waiting;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use evaluator::{Control, EvalError, Evaluator};
use hashing::{CandidateHasher, Context, Digest, Key, TwoStage};
use spaces::Space;
use storage::{MemoryStore, Store, StoreError};

use crate::clock::{Clock, SystemClock};
use crate::executor::{Executor, Threads};
use crate::halving::Halving;
use crate::known::Lookup;
use crate::ledger::Ledger;
use crate::lineage::Lineage;
use crate::meter::Meter;
use crate::plan::{Plan, Stop};
use crate::{Observer, Strategy, Trial};
use identify::Identified;
pub use waiting::Waiting;

/// Proposals in a row that brought nothing to train: the population has converged, or the space is exhausted.
const KNOWN_IN_A_ROW: u64 = 1000;

/// What ends a study early: the machine, never a candidate.
#[derive(Debug, thiserror::Error)]
pub enum StudyError {
    /// It cannot evaluate any more, whatever the candidate.
    #[error(transparent)]
    Evaluator(EvalError),
    /// The journal of the trials takes no more.
    #[error("trials cannot be written: {0}")]
    Ledger(StoreError),
    /// [`Study::run`] was called again.
    #[error("this study was cut short; go on in a new one that resumes its trials")]
    CutShort,
}

/// A search over a space. Deterministic in its seed, with any number of workers: proposal n sees exactly the trials
/// up to n − window, in the order proposed.
pub struct Study<S: Space> {
    pub(crate) space: S,
    pub(crate) plan: Plan<S::Candidate>,
    pub(crate) hasher: Box<dyn CandidateHasher<S::Candidate>>,
    pub(crate) strategy: Box<dyn Strategy<S>>,
    pub(crate) evaluator: Arc<dyn Evaluator<S::Candidate>>,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) executor: Box<dyn Executor>,
    pub(crate) ledger: Ledger,
    pub(crate) observer: Box<dyn Observer<S::Candidate>>,
    pub(crate) control: Control,
    pub(crate) clock: Arc<dyn Clock>,
    /// Every candidate, where they can be listed.
    pub(crate) whole: Option<All<S>>,
    /// Who goes on at a higher fidelity, where there are several.
    pub(crate) halving: Option<Halving>,
    context: Context,
    /// Who can be inherited from.
    lineage: Arc<Lineage<S::Candidate>>,
    /// Settled, by number.
    trials: Vec<Trial<S::Candidate>>,
    /// Proposed and not settled, the oldest first.
    pending: VecDeque<Pending<S::Candidate>>,
    /// Trials that the strategy has seen.
    observed: usize,
    /// Of all proposals so far.
    met: HashSet<Key>,
    /// Who paid for a key in this study, in order.
    payers: HashMap<Key, Vec<u64>>,
    /// What canonical forms measured, by the clock.
    measures: HashMap<Digest, BTreeMap<String, f64>>,
    /// Trials that are evaluated now.
    under_way: BTreeSet<u64>,
    /// Answers that are checked now.
    audits: BTreeSet<u64>,
    /// Evaluations made or under way, without those that were ruled out before training.
    trained: u64,
    /// Proposals since the last that brought something to train; and how many of them are ruled out and were not met before.
    known_in_a_row: u64,
    ruled_out_in_a_row: u64,
    cut_short: bool,
    idle: u64,
    meter: Meter,
    /// Of this run: cancelled when a budget of time is used up.
    deadline: Control,
    /// How long finished evaluations wait for one more.
    linger: Duration,
}

/// All candidates of a space.
pub(crate) type All<S> = fn(&S) -> Box<dyn Iterator<Item = <S as Space>::Candidate> + '_>;

struct Pending<C> {
    identified: Identified<C>,
    lookup: Lookup,
}

impl<S: Space + 'static> Study<S> {
    /// A study in memory, on one thread. `with_…` methods exchange its parts.
    pub fn new(
        space: S,
        evaluator: impl Evaluator<S::Candidate> + 'static,
        strategy: impl Strategy<S> + 'static,
        plan: Plan<S::Candidate>,
    ) -> Self {
        let executor = Threads::new(1).expect("one thread can be had");
        Self {
            context: evaluator.context(),
            lineage: Arc::new(Lineage::new(plan.artifacts.clone())),
            space,
            plan,
            hasher: Box::new(TwoStage::default()),
            strategy: Box::new(strategy),
            evaluator: Arc::new(evaluator),
            store: Arc::new(MemoryStore::default()),
            executor: Box::new(executor),
            ledger: Ledger::none(),
            observer: Box::new(()),
            control: Control::new(),
            clock: Arc::new(SystemClock::default()),
            whole: None,
            halving: None,
            trials: Vec::new(),
            pending: VecDeque::new(),
            observed: 0,
            met: HashSet::new(),
            payers: HashMap::new(),
            measures: HashMap::new(),
            under_way: BTreeSet::new(),
            audits: BTreeSet::new(),
            trained: 0,
            known_in_a_row: 0,
            ruled_out_in_a_row: 0,
            cut_short: false,
            idle: 0,
            meter: Meter::default(),
            deadline: Control::new(),
            linger: Duration::ZERO,
        }
    }

    /// Runs until a budget is used up, the space has nothing new, or the study is interrupted. One that was cut short
    /// goes on in a new study, by [`resume`](Self::resume): the strategy of this one has seen too much.
    pub fn run(&mut self) -> Result<Stop, StudyError> {
        if self.cut_short {
            return Err(StudyError::CutShort);
        }
        self.meter.begin(&*self.clock);
        self.deadline = self.control.for_part();
        let stop = self.steps().and_then(|stop| self.drain(stop));
        if stop.is_err() {
            self.abandon();
        }
        stop
    }

    fn steps(&mut self) -> Result<Stop, StudyError> {
        loop {
            if let Some(stop) = self.step()? {
                return Ok(stop);
            }
        }
    }

    /// One proposal, from its making to its place in the queue. Says why, if there is to be none.
    fn step(&mut self) -> Result<Option<Stop>, StudyError> {
        let number = self.proposed();
        let in_time = self.observe_before(number)?;
        if let Some(stop) = self.stop_before(number, in_time) {
            return Ok(Some(stop));
        }
        let (proposal, fidelity) = self.propose(number);
        let identified = self.identify(number, proposal, fidelity);
        let lookup = self.look_up(&identified);
        if let Some(stop) = self.no_training_left(&identified, &lookup) {
            return Ok(Some(stop));
        }
        self.evaluate(&identified, &lookup);
        self.pending.push_back(Pending { identified, lookup });
        self.settle_ready()?;
        Ok(None)
    }

    /// Why there is no proposal of this number, if there is none. `in_time` says that the trials before it were observed.
    fn stop_before(&mut self, number: u64, in_time: bool) -> Option<Stop> {
        let budget = self.plan.stop(number).or_else(|| self.used_up());
        let interrupted = || (!in_time).then_some(Stop::Interrupted);
        budget
            .or_else(interrupted)
            .or_else(|| (self.known_in_a_row >= KNOWN_IN_A_ROW).then(|| self.nothing_new()))
    }

    /// That the budget of trainings is used up, if this proposal needs one.
    fn no_training_left(&self, identified: &Identified<S::Candidate>, lookup: &Lookup) -> Option<Stop> {
        let trains = lookup.origin.is_evaluated() && identified.ruled_out.is_none();
        let most = self.plan.trainings.filter(|_| trains)?;
        (self.trained >= most).then_some(Stop::Trainings(self.trained))
    }

    /// Lets the strategy, and who promotes, see every trial up to `number − window`, waiting for those that are still
    /// evaluated. `false` if the study was interrupted instead.
    fn observe_before(&mut self, number: u64) -> Result<bool, StudyError> {
        let due = (number + 1).saturating_sub(self.plan.window) as usize;
        while self.trials.len() < due {
            if self.is_halted() || self.under_way.is_empty() {
                return Ok(false);
            }
            if !self.take_finished(Some(Duration::ZERO))? {
                self.idle += u64::from(self.under_way.len() + self.audits.len() < self.executor.width());
                self.wait()?;
            }
        }
        while self.observed < due {
            let trial = &self.trials[self.observed];
            self.strategy.observe(trial);
            self.halving.iter_mut().for_each(|halving| halving.observe(trial));
            self.observed += 1;
        }
        Ok(!self.is_halted())
    }

    /// Whether nothing more should start.
    fn is_halted(&self) -> bool {
        self.plan.interrupted() || self.deadline.cancelled()
    }

    /// Which budget of time is used up, if one is.
    fn used_up(&mut self) -> Option<Stop> {
        self.meter.used_up(&self.plan, &*self.clock)
    }

    /// Goes on after these trials, which an earlier run of the same study made.
    pub fn resume(&mut self, trials: Vec<Trial<S::Candidate>>) {
        for trial in &trials {
            self.trained += u64::from(trial.is_trained());
            self.meter.count(trial);
            if trial.origin.is_evaluated() {
                self.payers.entry(trial.key).or_default().push(trial.number);
            }
            self.meet(trial.key, trial.is_ruled_out());
            self.promote(trial.identity.fingerprint, trial.fidelity());
            if !trial.measures.is_empty() {
                self.measures.insert(trial.identity.structural, trial.measures.clone());
            }
            self.lineage.learn(trial, &self.space, self.plan.fidelity);
        }
        self.trials = trials;
    }

    /// Those that are settled, in the order of their numbers.
    pub fn trials(&self) -> &[Trial<S::Candidate>] {
        &self.trials
    }

    /// Waits for an evaluation during which some worker had nothing to do, because the window was full.
    pub fn idle_waits(&self) -> u64 {
        self.idle
    }
}
