//! The life of a candidate: propose, identify, look up, evaluate, record, settle, and let the strategy see it.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use evaluator::{Control, EvalError, Evaluator};
use hashing::{CandidateHasher, Class, Context, Identity, Key, Rng, TwoStage};
use spaces::Space;
use storage::{MemoryStore, Purpose, Store, StoreError, Subject};
use tasks::{Reason, Verdict};

use crate::clock::{Clock, SystemClock};
use crate::evaluation::{Evaluation, form};
use crate::executor::{Executor, Finished, Threads};
use crate::known::{Finding, Lookup, Recalled};
use crate::ledger::Ledger;
use crate::plan::{Plan, Stop};
use crate::recorder::{Refused, remember};
use crate::trial::{Miss, Times};
use crate::{Observer, Origin, Proposal, Strategy, Trial, seeds};

/// Proposals in a row of functions that were all met before: the population has converged, or the space is exhausted.
const KNOWN_IN_A_ROW: u64 = 1000;

/// What ends a study early: the machine, never a candidate.
#[derive(Debug, thiserror::Error)]
pub enum StudyError {
    #[error(transparent)]
    Evaluator(EvalError),
    #[error("trials cannot be written: {0}")]
    Ledger(StoreError),
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
    context: Context,
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
    /// Trials that are evaluated now.
    under_way: BTreeSet<u64>,
    /// Answers that are checked now.
    audits: BTreeSet<u64>,
    /// Evaluations made or under way, without those that were ruled out before training.
    trained: u64,
    known_in_a_row: u64,
    cut_short: bool,
    idle: u64,
    started: Duration,
    /// Of this run: cancelled when its time is up.
    deadline: Control,
}

/// All candidates of a space.
pub(crate) type All<S> = fn(&S) -> Box<dyn Iterator<Item = <S as Space>::Candidate> + '_>;

/// A proposal that knows what it is.
struct Identified<C> {
    number: u64,
    proposal: Proposal<C>,
    canonical: C,
    identity: Identity,
    key: Key,
    /// Why no evaluation is needed, if none is.
    ruled_out: Option<Reason>,
    hashing_seconds: f64,
}

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
            trials: Vec::new(),
            pending: VecDeque::new(),
            observed: 0,
            met: HashSet::new(),
            payers: HashMap::new(),
            under_way: BTreeSet::new(),
            audits: BTreeSet::new(),
            trained: 0,
            known_in_a_row: 0,
            cut_short: false,
            idle: 0,
            started: Duration::ZERO,
            deadline: Control::new(),
        }
    }

    /// Runs until a budget is used up, the space has nothing new, or the study is interrupted. One that was cut short
    /// goes on in a new study, by [`resume`](Self::resume): the strategy of this one has seen too much.
    pub fn run(&mut self) -> Result<Stop, StudyError> {
        if self.cut_short {
            return Err(StudyError::CutShort);
        }
        (self.started, self.deadline) = (self.clock.now(), self.control.for_part());
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
        let number = self.trials.len() as u64 + self.pending.len() as u64;
        let in_time = self.observe_before(number)?;
        if let Some(stop) = self.plan.stop(number, self.spent()) {
            return Ok(Some(stop));
        }
        if !in_time {
            return Ok(Some(Stop::Interrupted));
        }
        if self.known_in_a_row >= KNOWN_IN_A_ROW {
            return Ok(Some(self.nothing_new()));
        }
        let proposal = self.propose(number);
        let identified = self.identify(number, proposal);
        let lookup = self.look_up(&identified);
        let trains = lookup.origin.is_evaluated() && identified.ruled_out.is_none();
        if trains && self.plan.trainings.is_some_and(|most| self.trained >= most) {
            return Ok(Some(Stop::Trainings(self.trained)));
        }
        self.evaluate(&identified, &lookup);
        self.pending.push_back(Pending { identified, lookup });
        self.settle_ready()?;
        Ok(None)
    }

    /// Lets the strategy see every trial up to `number − window`, waiting for those that are still evaluated. `false`
    /// if the study was interrupted instead.
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
            self.strategy.observe(&self.trials[self.observed]);
            self.observed += 1;
        }
        Ok(!self.is_halted())
    }

    /// Whether nothing more should start.
    fn is_halted(&self) -> bool {
        self.plan.interrupted() || self.deadline.cancelled()
    }

    fn spent(&self) -> Duration {
        self.clock.now().saturating_sub(self.started)
    }

    /// Why known functions only are proposed.
    fn nothing_new(&self) -> Stop {
        let is_met = |candidate| self.met.contains(&self.key(&self.recognize(&candidate).1));
        match self.whole {
            Some(all) if all(&self.space).all(is_met) => Stop::Exhausted(self.met.len() as u64),
            _ => Stop::Converged(self.known_in_a_row),
        }
    }

    fn propose(&self, number: u64) -> Proposal<S::Candidate> {
        match self.plan.enqueued.get(number as usize) {
            Some(candidate) => {
                Proposal { candidate: candidate.clone(), operator: "enqueue", parents: Vec::new() }
            }
            None => self.strategy.propose(&self.space, &mut Rng::named(self.plan.seed, "propose", number)),
        }
    }

    fn identify(&self, number: u64, proposal: Proposal<S::Candidate>) -> Identified<S::Candidate> {
        let start = self.clock.now();
        let (canonical, identity, ruled_out) = self.recognize(&proposal.candidate);
        let key = self.key(&identity);
        let hashing_seconds = self.clock.now().saturating_sub(start).as_secs_f64();
        Identified { number, proposal, canonical, identity, key, ruled_out, hashing_seconds }
    }

    /// The canonical form, what it is, and why no evaluation is needed, if none is.
    fn recognize(&self, candidate: &S::Candidate) -> (S::Candidate, Identity, Option<Reason>) {
        let canonical = self.space.canonicalize(candidate);
        let structure_only = || crate::structural_identity(&canonical);
        let checked = self.space.check(&canonical).map_err(|what| Reason::Malformed { what });
        let (identity, ruled_out) = match checked {
            Err(reason) => (structure_only(), Some(reason)),
            Ok(()) => match self.hasher.identify(&canonical) {
                Ok(identity) if identity.class == Class::Constant => (identity, Some(Reason::IgnoresInput)),
                Ok(identity) => (identity, None),
                Err(error) => (structure_only(), Some(Reason::Malformed { what: error.to_string() })),
            },
        };
        (canonical, identity, ruled_out)
    }

    fn key(&self, identity: &Identity) -> Key {
        let (scheme, fidelity) = (self.hasher.scheme(), self.plan.fidelity);
        Key::of(self.space.name(), &scheme, &identity.fingerprint, &self.context, fidelity)
    }

    /// Decided by the trials of this study and by what the store knew before it, never by what has finished by now.
    fn look_up(&mut self, identified: &Identified<S::Candidate>) -> Lookup {
        let Identified { number, key, .. } = *identified;
        let payers = self.payers.get(&key).filter(|_| self.plan.reuse).map_or(&[][..], Vec::as_slice);
        let payer = payers.last().copied();
        if payer.is_some_and(|payer| payer + self.plan.window > number) {
            return Lookup::answered(Origin::Shared, payer, Vec::new());
        }
        let own: Vec<_> = payers.iter().map(|payer| Finding::by(&self.trials[*payer as usize])).collect();
        if self.plan.origin(&own, number) == Origin::FullHit {
            return Lookup::answered(Origin::FullHit, payer, own);
        }
        let seeds: Vec<_> = payers.iter().map(|payer| self.trials[*payer as usize].seed).collect();
        let recalled = self.recall(&key, number);
        let seed = if self.plan.reuse { recalled.fresh_seed(&key, &seeds) } else { 0 };
        let known = [recalled.others, own].concat();
        let origin = match self.plan.origin(&known, number) {
            Origin::FullHit => {
                let form_is_recorded = recalled.forms.contains(&form(&identified.canonical));
                return Lookup { form_is_recorded, ..Lookup::answered(Origin::FullHit, payer, known) };
            }
            Origin::Miss(Miss::Unseen) if recalled.unreadable => Origin::Miss(Miss::Unreadable),
            origin => origin,
        };
        Lookup { origin, payer: None, known, seed, form_is_recorded: false, found: recalled.own }
    }

    /// Sends what is not answered to the evaluator, unless this study paid for it before it was resumed.
    fn evaluate(&mut self, identified: &Identified<S::Candidate>, lookup: &Lookup) {
        self.meet(identified.key);
        if !lookup.origin.is_evaluated() {
            return;
        }
        self.payers.entry(identified.key).or_default().push(identified.number);
        self.trained += u64::from(identified.ruled_out.is_none());
        if lookup.found.is_none() {
            self.under_way.insert(identified.number);
            self.submit(identified, Purpose::Search, lookup.seed);
            self.observer.started(identified.number, self.under_way.len());
        }
    }

    fn submit(&mut self, identified: &Identified<S::Candidate>, purpose: Purpose, seed: u64) {
        let evaluation = Evaluation {
            number: identified.number,
            purpose,
            key: identified.key,
            seed,
            canonical: identified.canonical.clone(),
            ruled_out: identified.ruled_out.clone(),
            evaluator: Arc::clone(&self.evaluator),
            conditions: self.plan.conditions(&self.deadline, &self.clock),
        };
        self.executor.submit(Arc::new(move || evaluation.run()));
    }

    /// Counts a proposal of this function.
    fn meet(&mut self, key: Key) {
        self.known_in_a_row = if self.met.insert(key) { 0 } else { self.known_in_a_row + 1 };
    }

    /// Waits for an evaluation, or for the end of the time for searching: what is under way then is cancelled.
    fn wait(&mut self) -> Result<(), StudyError> {
        let time_left = self.plan.time_left(self.spent()).filter(|_| !self.deadline.cancelled());
        self.take_finished(time_left)?;
        if self.plan.time_left(self.spent()).is_some_and(|left| left.is_zero()) {
            self.deadline.cancel();
        }
        Ok(())
    }

    /// Takes what has finished, all at once, if the first of it comes within this time; settles what can be settled.
    /// `false` if nothing came.
    fn take_finished(&mut self, within: Option<Duration>) -> Result<bool, StudyError> {
        let mut finished = Vec::from_iter(self.executor.next(within));
        if finished.is_empty() {
            return Ok(false);
        }
        finished.extend(std::iter::from_fn(|| self.executor.next(Some(Duration::ZERO))));
        self.take(finished)?;
        self.settle_ready()?;
        Ok(true)
    }

    /// Remembers what was found, then believes it. The first failure of an evaluator is returned.
    fn take(&mut self, mut finished: Vec<Finished>) -> Result<(), StudyError> {
        let refused = self.remember(&mut finished);
        let mut result = Ok(());
        for Finished { number, purpose, key, found } in finished {
            if let (Ok(_), Some(error)) = (&found, refused.get(&key)) {
                self.observer.noticed(&format!(
                    "the verdict of trial {number} is not in the cache: {error}; the trial keeps it"
                ));
            }
            result = result.and(self.believe(number, purpose, found));
        }
        result
    }

    fn remember(&self, finished: &mut [Finished]) -> Refused {
        let (space, scheme) = (self.space.name().to_string(), self.hasher.scheme());
        let subject = Subject { space, scheme, fidelity: self.plan.fidelity };
        remember(&*self.store, &subject, finished)
    }

    fn believe(
        &mut self,
        number: u64,
        purpose: Purpose,
        found: Result<storage::Evaluation, EvalError>,
    ) -> Result<(), StudyError> {
        match (purpose, found) {
            (Purpose::Search, found) if self.under_way.remove(&number) => match found {
                Ok(evaluation) => self.found(number, Finding::of(&evaluation)),
                Err(EvalError::Cancelled) => {}
                Err(error) => return Err(StudyError::Evaluator(error)),
            },
            (Purpose::Audit, found) if self.audits.remove(&number) => {
                if let Err(error) = found
                    && error != EvalError::Cancelled
                {
                    self.observer.noticed(&format!("the answer of trial {number} was not checked: {error}"));
                }
            }
            _ => self.observer.noticed(&format!("a late evaluation of trial {number} is kept and not used")),
        }
        Ok(())
    }

    fn found(&mut self, number: u64, found: Finding) {
        let position = self.pending.binary_search_by_key(&number, |pending| pending.identified.number);
        let position = position.expect("a trial is pending until it is answered");
        self.pending[position].lookup.found = Some(found);
    }

    /// Turns pending proposals into trials, in order, as far as they are answered.
    fn settle_ready(&mut self) -> Result<(), StudyError> {
        while let Some(answer) = self.pending.front().and_then(|pending| self.answer(&pending.lookup)) {
            let pending = self.pending.pop_front().expect("looked at just now");
            self.audit(&pending, &answer.verdict);
            let trial = self.settle(pending, answer);
            self.ledger.append(&trial).map_err(StudyError::Ledger)?;
            self.observer.settled(&trial);
            self.trials.push(trial);
        }
        Ok(())
    }

    fn answer(&self, lookup: &Lookup) -> Option<Finding> {
        lookup.answer(self.plan.wanted(), &self.trials)
    }

    /// Evaluates some of the answered candidates all the same. Nothing of that comes back into the search.
    fn audit(&mut self, Pending { identified, lookup }: &Pending<S::Candidate>, answer: &Verdict) {
        let certain = matches!(answer, Verdict::Invalid(reason) if reason.is_certain());
        if lookup.origin.is_evaluated() || certain || self.is_halted() {
            return;
        }
        if self.plan.audits(identified.number) && !self.is_audited(identified) {
            self.audits.insert(identified.number);
            self.submit(identified, Purpose::Audit, seeds::AUDIT + identified.number);
        }
    }

    /// Whether that was paid for before the study was resumed.
    fn is_audited(&self, Identified { key, number, .. }: &Identified<S::Candidate>) -> bool {
        let record = self.store.get(key).ok().flatten();
        record.is_some_and(|it| it.evaluation_of(&self.plan.study, *number, Purpose::Audit).is_some())
    }

    fn settle(&self, pending: Pending<S::Candidate>, answer: Finding) -> Trial<S::Candidate> {
        let Pending { identified, lookup } = pending;
        let own = lookup.found.unwrap_or_else(|| answer.clone());
        let evaluated = lookup.origin.is_evaluated();
        let (evaluation, saved) = if evaluated { (own.seconds, 0.0) } else { (0.0, answer.seconds) };
        Trial {
            number: identified.number,
            operator: identified.proposal.operator.into(),
            parents: identified.proposal.parents,
            identity: identified.identity,
            key: identified.key,
            origin: lookup.origin,
            payer: lookup.payer,
            measured: (own.verdict != answer.verdict).then_some(own.verdict),
            verdict: answer.verdict,
            seed: lookup.seed,
            form_is_recorded: lookup.form_is_recorded,
            steps: own.steps,
            costs: self.evaluator.costs(&identified.canonical),
            measures: BTreeMap::new(),
            rung: None,
            times: Times { hashing: identified.hashing_seconds, evaluation, saved },
            candidate: identified.proposal.candidate,
        }
    }

    /// Waits for everything under way. After an interruption the trials that miss an answer are dropped; their
    /// proposals will be made again.
    fn drain(&mut self, stop: Stop) -> Result<Stop, StudyError> {
        while !self.under_way.is_empty() || !self.audits.is_empty() {
            self.wait()?;
        }
        self.cut_short = !self.pending.is_empty();
        self.pending.clear();
        self.ledger.sync().map_err(StudyError::Ledger)?;
        Ok(match self.plan.time {
            _ if !self.cut_short => stop,
            Some(time) if self.spent() >= time => Stop::Time(time),
            _ => Stop::Interrupted,
        })
    }

    /// After a failure: starts nothing more, and waits for what is running, so that its records reach the store.
    fn abandon(&mut self) {
        self.cut_short = true;
        self.plan.interrupted.store(true, std::sync::atomic::Ordering::Relaxed);
        while !self.under_way.is_empty() || !self.audits.is_empty() {
            let mut finished = Vec::from_iter(self.executor.next(None));
            self.remember(&mut finished);
            for Finished { number, purpose, .. } in finished {
                let waited = if purpose == Purpose::Audit { &mut self.audits } else { &mut self.under_way };
                waited.remove(&number);
            }
        }
    }

    /// Goes on after these trials, which an earlier run of the same study made.
    pub fn resume(&mut self, trials: Vec<Trial<S::Candidate>>) {
        for trial in &trials {
            self.trained += u64::from(trial.is_trained());
            if trial.origin.is_evaluated() {
                self.payers.entry(trial.key).or_default().push(trial.number);
            }
            self.meet(trial.key);
        }
        self.trials = trials;
    }

    pub fn trials(&self) -> &[Trial<S::Candidate>] {
        &self.trials
    }

    /// Waits for an evaluation during which some worker had nothing to do, because the window was full.
    pub fn idle_waits(&self) -> u64 {
        self.idle
    }

    /// What the store knows of a key that trial `number` asks for.
    fn recall(&mut self, key: &Key, number: u64) -> Recalled {
        match self.store.get(key) {
            Ok(record) => record.map_or_else(Recalled::default, |it| Recalled::of(&it, &self.plan, number)),
            Err(error) => {
                let message = format!("the cache cannot answer: {error}; the search goes on and evaluates");
                self.observer.noticed(&message);
                Recalled::unreadable()
            }
        }
    }
}
