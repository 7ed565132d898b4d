//! A run that is open for asking and telling, and its study as far as the verdicts that were told carry it.

use std::path::Path;
use std::sync::Arc;

use evaluator::Evaluator;
use spaces::Space;
use storage::{JournalStore, Store, Tiered};

use super::asked::Asked;
use crate::cli::account::Spent;
use crate::cli::domain::Candidate;
use crate::cli::domains::ExternalDomain;
use crate::cli::drive::{self, Opened};
use crate::cli::failure::Failure;
use crate::cli::patience::Patience;
use crate::cli::report;
use crate::cli::run_folder::RunFolder;
use crate::cli::settings::Settings;
use crate::{AtOnce, Ledger, Observer, Origin, Stop, Study, Trial};

/// No other process asks, tells or writes this run meanwhile.
pub struct Session<S: Space + Default + 'static> {
    pub folder: RunFolder<ExternalDomain<S>>,
    pub asked: Asked,
    pub store: Arc<Tiered<JournalStore>>,
    ledger: Ledger,
    /// Settled before this command.
    pub trials: Vec<Trial<S::Candidate>>,
}

/// A study that can go no further without an answer.
pub struct Advanced<S: Space + Default + 'static> {
    pub folder: RunFolder<ExternalDomain<S>>,
    pub asked: Asked,
    pub study: Study<S>,
    pub stop: Stop,
    store: Arc<Tiered<JournalStore>>,
    /// Trials before.
    before: usize,
}

impl<S: Space + Default + 'static> Session<S> {
    /// `change` may set other budgets.
    pub fn open(run: &Path, change: impl FnOnce(&mut Settings<ExternalDomain<S>>)) -> Result<Self, Failure> {
        let folder = RunFolder::<ExternalDomain<S>>::open(run)?;
        let (asked, recovery) = Asked::open(run)?;
        let mut folder = folder.reopened()?;
        let context = Evaluator::<Candidate<ExternalDomain<S>>>::context(&folder.settings.task.elsewhere());
        folder.settings.check_keys(&context)?;
        change(&mut folder.settings);
        report::recovery(&recovery);
        let Opened { trials, ledger, store } = drive::opened(&mut folder, Patience::SHORT)?;
        Ok(Self { folder, asked, store, ledger, trials })
    }

    /// Settles what can be settled and proposes what can be proposed: both are functions of the seed and of what was
    /// told, so it does not matter which command does it.
    pub fn advance(self) -> Result<Advanced<S>, Failure> {
        let Self { folder, asked, store, ledger, trials } = self;
        let elsewhere = folder.settings.task.elsewhere();
        let mut study = drive::study(&folder, elsewhere, Spent::of(&folder.path), Arc::default())?
            .with_store(Arc::clone(&store) as Arc<dyn Store>)
            .with_executor(AtOnce::default())
            .with_ledger(ledger)
            .with_observer(Listener);
        let before = trials.len();
        study.resume(trials);
        let stop = study.run()?;
        Ok(Advanced { folder, asked, study, stop, store, before })
    }
}

impl<S: Space + Default + 'static> Advanced<S> {
    /// What was settled without asking anybody, and what the store had to say.
    pub fn report(&self) {
        self.store.cold().take_warnings().iter().for_each(|warning| say!("warning: {warning}"));
        let settled = &self.study.trials()[self.before..];
        let of = |origin| settled.iter().filter(|trial| trial.origin == origin).count();
        let (recalled, shared) = (of(Origin::FullHit), of(Origin::Shared));
        let proposals = |count| match count {
            1 => "1 proposal was".to_string(),
            _ => format!("{count} proposals were"),
        };
        if recalled > 0 {
            say!("fecund: {} answered from the cache", proposals(recalled));
        }
        if shared > 0 {
            say!("fecund: {} answered by equal trials", proposals(shared));
        }
    }

    /// The trial that must be told before anything else can be proposed.
    pub fn oldest(&self) -> Option<u64> {
        self.study.waiting().next().map(|waiting| waiting.number)
    }
}

/// Passes on what a study has to say.
struct Listener;

impl<C> Observer<C> for Listener {
    fn noticed(&mut self, message: &str) {
        say!("warning: {message}");
    }
}
