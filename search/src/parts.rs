//! The exchangeable parts of a study: swapping one is the whole of an ablation.

use std::sync::Arc;

use evaluator::Control;
use hashing::{CandidateHasher, Class, Fingerprint, Identity, Keyed};
use spaces::{Enumerated, Space};
use storage::Store;

use crate::{Clock, Executor, Halving, Ledger, Observer, Study};

impl<S: Space> Study<S> {
    /// What computes the same. Default: [`hashing::TwoStage`].
    pub fn with_hasher(mut self, hasher: impl CandidateHasher<S::Candidate> + 'static) -> Self {
        self.hasher = Box::new(hasher);
        self
    }

    /// Where verdicts are remembered. Default: in memory.
    pub fn with_store(mut self, store: Arc<dyn Store>) -> Self {
        self.store = store;
        self
    }

    /// Where evaluations run. Default: one thread.
    pub fn with_executor(mut self, executor: impl Executor + 'static) -> Self {
        self.executor = Box::new(executor);
        self
    }

    /// Where trials are written. Default: nowhere.
    pub fn with_ledger(mut self, ledger: Ledger) -> Self {
        self.ledger = ledger;
        self
    }

    /// Who is told what happens; it changes nothing. Default: nobody.
    pub fn with_observer(mut self, observer: impl Observer<S::Candidate> + 'static) -> Self {
        self.observer = Box::new(observer);
        self
    }

    /// What budgets of time are measured with. Default: that of the system.
    pub fn with_clock(mut self, clock: impl Clock + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Candidates are proposed at the lowest of its fidelities, and the best go on.
    pub fn with_halving(mut self, halving: Halving) -> Self {
        self.plan.fidelity = halving.largest();
        self.halving = Some(halving);
        self
    }

    /// Cancelling it drops the evaluations under way.
    pub fn with_control(mut self, control: Control) -> Self {
        self.control = control;
        self
    }
}

impl<S: Enumerated> Study<S> {
    /// When nothing new is proposed any more, looks through the whole space whether there was anything left.
    pub fn with_whole_space(mut self) -> Self {
        self.whole = Some(|space| Box::new(space.all()));
        self
    }
}

/// The identity of what cannot be run: its form alone.
pub fn structural_identity(candidate: &impl Keyed) -> Identity {
    let structural = candidate.digest("fecund structural v1");
    Identity { structural, fingerprint: Fingerprint(structural), class: Class::Unhashable }
}
