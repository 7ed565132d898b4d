//! What a study is to do: seed, window, fidelity, budgets.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use evaluator::{Control, Limits};
use hashing::{Fidelity, Rng};
use tasks::{Reason, Verdict};

use crate::evaluation::Conditions;
use crate::known::Finding;
use crate::{Clock, Constraint, Miss, Origin};

/// The settings of a study.
#[derive(Clone, Debug)]
pub struct Plan<C> {
    /// Names the study in the records that it pays for. Unlike any other's.
    pub study: String,
    /// Of everything random in the search; never of the evaluations, whose seeds come from their keys. Default: 0.
    pub seed: u64,
    /// Proposal n sees the trials up to n − window. Default: 8, which keeps two to four workers busy; a search of
    /// some dozens of trainings that learned 32 proposals late would hardly be a search.
    pub window: u64,
    /// The largest, at which a study trains that has no other. Default: 1.
    pub fidelity: Fidelity,
    /// Whether known verdicts answer. Default: true.
    pub reuse: bool,
    /// Evaluations that a key gets, each under a seed of its own, before it is answered without one; their mean is
    /// the verdict. None counts as one. Default: 1.
    pub evaluations_per_key: u64,
    /// Share of the full hits that are evaluated anew, so that a lucky score does not stay. Default: 0.
    pub forget: f64,
    /// Share of the answered proposals that are evaluated all the same, to check the answer; the search does not see
    /// what that finds. Default: 0.
    pub audit: f64,
    /// Proposed first, in this order.
    pub enqueued: Vec<C>,
    /// Most proposals.
    pub trials: Option<u64>,
    /// Most evaluations really made.
    pub trainings: Option<u64>,
    /// Most time for searching; what is being evaluated then is given up, and evaluated anew after a resume.
    pub time: Option<Duration>,
    /// Most processor time, of this study and all its workers together; what is being evaluated then is given up, too.
    pub processor_time: Option<Duration>,
    /// Most seconds of evaluations, by what their trials say, summed over resumes: for an evaluator that tells what its
    /// verdicts would have cost. The trial that reaches it is the last, with any number of workers.
    pub evaluation_time: Option<Duration>,
    /// Whether children start from what their parents left, and are known by that. Default: everybody starts from nothing.
    pub inherit: bool,
    /// What a candidate may cost. Default: anything.
    pub constraints: Vec<Constraint>,
    /// Limits on one evaluation: a failure under a lower limit does not answer.
    pub limits: Limits,
    /// Folder for what evaluations leave behind, one folder a key.
    pub artifacts: PathBuf,
    /// Set from outside to end the study once the evaluations under way are done.
    pub interrupted: Arc<AtomicBool>,
}

impl<C> Default for Plan<C> {
    fn default() -> Self {
        Self {
            study: "study".into(),
            seed: 0,
            window: 8,
            fidelity: Fidelity(1),
            reuse: true,
            evaluations_per_key: 1,
            forget: 0.0,
            audit: 0.0,
            enqueued: Vec::new(),
            trials: None,
            trainings: None,
            time: None,
            processor_time: None,
            evaluation_time: None,
            inherit: false,
            constraints: Vec::new(),
            limits: Limits::default(),
            artifacts: std::env::temp_dir(),
            interrupted: Arc::default(),
        }
    }
}

/// Why a study ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// As many proposals as the plan allows.
    Trials(u64),
    /// As many evaluations really made.
    Trainings(u64),
    /// What this run could use of the time, by the clock.
    Time(Duration),
    /// What this run could use of the processor time.
    ProcessorTime(Duration),
    /// The seconds of evaluations, summed over resumes.
    EvaluationTime(Duration),
    /// The study has met every function of the space, so many.
    Exhausted(u64),
    /// So many proposals in a row were of functions that the study had met.
    Converged(u64),
    /// So many proposals in a row were of functions that the study had met, or were ruled out without training, as so
    /// many of them were that it had not met.
    RuledOut(u64, u64),
    /// Told to end, from outside.
    Interrupted,
}

impl<C> Plan<C> {
    /// Whether the study was told to end.
    pub fn interrupted(&self) -> bool {
        self.interrupted.load(Relaxed)
    }

    /// Whether proposal `number` is one too many.
    pub(crate) fn stop(&self, number: u64) -> Option<Stop> {
        self.trials.filter(|most| number >= *most).map(|_| Stop::Trials(number))
    }

    /// Evaluations that a key gets.
    pub(crate) fn wanted(&self) -> u64 {
        self.evaluations_per_key.max(1)
    }

    /// Whether proposal `number` forgets what it hits.
    pub(crate) fn forgets(&self, number: u64) -> bool {
        self.reuse && Rng::named(self.seed, "forget", number).chance(self.forget)
    }

    /// Whether the answer of proposal `number` is checked.
    pub(crate) fn audits(&self, number: u64) -> bool {
        Rng::named(self.seed, "audit", number).chance(self.audit)
    }

    /// The first constraint that a candidate with this verdict and these measures breaks.
    pub(crate) fn broken_by(&self, verdict: &Verdict, measures: &BTreeMap<String, f64>) -> Option<String> {
        let Verdict::Scored(_) = verdict else { return None };
        self.constraints.iter().find_map(|constraint| constraint.broken_by(measures))
    }

    /// Where a verdict comes from, if these are known.
    pub(crate) fn origin(&self, known: &[Finding], number: u64) -> Origin {
        let certain = |finding: &Finding| match &finding.verdict {
            Verdict::Invalid(reason) => reason.is_certain(),
            Verdict::Scored(_) => false,
        };
        match known.len() as u64 {
            _ if !self.reuse => Origin::Miss(Miss::Disabled),
            0 => Origin::Miss(Miss::Unseen),
            _ if known.iter().any(certain) => Origin::FullHit,
            count if count < self.wanted() => Origin::PartialHit,
            _ if self.forgets(number) => Origin::Miss(Miss::Forgotten),
            _ => Origin::FullHit,
        }
    }

    /// Whether what another study found counts under this plan: a failure under a lower limit says nothing about a
    /// higher, and a crash may be the machine's: it counts for the study that saw it, on the machine that it ran on.
    pub(crate) fn believes(&self, evaluation: &storage::Evaluation) -> bool {
        match &evaluation.verdict {
            Verdict::Invalid(Reason::Unstable { cause, limit: Some(limit) }) => {
                self.limit(cause).is_some_and(|ours| ours <= *limit)
            }
            Verdict::Invalid(Reason::Unstable { limit: None, .. }) => false,
            // Of the form that was proposed there, and of the limits there.
            Verdict::Invalid(Reason::TooLarge { .. }) => false,
            // No evaluation of ours says so; a record from elsewhere may.
            Verdict::Scored(scores) => scores.0.values().all(|score| score.is_finite()),
            Verdict::Invalid(_) => true,
        }
    }

    /// The limit that such a failure ran into, in seconds or bytes.
    fn limit(&self, cause: &str) -> Option<f64> {
        if cause == "memory limit" {
            self.limits.memory.map(|bytes| bytes as f64)
        } else {
            self.limits.seconds
        }
    }

    pub(crate) fn conditions(&self, control: &Control, clock: &Arc<dyn Clock>) -> Conditions {
        Conditions {
            study: self.study.clone(),
            artifacts: self.artifacts.clone(),
            control: control.for_job(),
            interrupted: Arc::clone(&self.interrupted),
            clock: Arc::clone(clock),
        }
    }
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Trials(n) => write!(f, "{n} trials proposed, as many as asked for"),
            Self::Trainings(n) => write!(f, "{n} evaluations made, as many as asked for"),
            Self::Time(time) => write!(f, "{} s of search used up", time.as_secs()),
            Self::ProcessorTime(time) => write!(f, "{} s of processor time used up", time.as_secs()),
            Self::EvaluationTime(time) => write!(f, "{} s of evaluations used up", time.as_secs()),
            Self::Exhausted(n) => write!(f, "space exhausted: all of its {n} functions are known"),
            Self::Converged(n) => write!(f, "population converged: {n} proposals in a row were known"),
            Self::RuledOut(n, new) => write!(
                f,
                "nothing left to train: {n} proposals in a row were known or ruled out before training; allow more to the \
                 {new} that were ruled out"
            ),
            Self::Interrupted => write!(f, "interrupted"),
        }
    }
}
