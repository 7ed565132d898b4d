//! A bar on a terminal, plain lines elsewhere.

use std::io::{self, IsTerminal};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use tasks::Verdict;

use super::account::Account;
use super::domain::{Candidate, Domain};
use super::plain::{counted, plain};
use super::settings::{Budget, Settings};
use crate::{Objective, Observer, Statistics, Trial};

/// Shows where a search stands, and keeps its account open.
pub struct Progress<D: Domain> {
    statistics: Statistics,
    objective: Objective,
    budget: Budget,
    best: Option<Trial<Candidate<D>>>,
    bar: Option<ProgressBar>,
    account: Account,
    /// Whether processor time is what the trials say.
    simulated: bool,
    started: Instant,
    said: Option<Instant>,
    done_before: f64,
}

/// Steps of the bar.
const STEPS: u64 = 1000;
const BETWEEN_LINES: Duration = Duration::from_secs(5);

impl<D: Domain> Progress<D> {
    pub fn new(settings: &Settings<D>, account: Account, before: &[Trial<Candidate<D>>]) -> Self {
        let bar = io::stderr().is_terminal().then(|| {
            let style =
                ProgressStyle::with_template("{bar:30.cyan/blue} {msg}").expect("the template is fixed");
            ProgressBar::new(STEPS).with_style(style)
        });
        let mut progress = Self {
            statistics: Statistics::of(before),
            objective: settings.task.objective(),
            budget: settings.budget,
            best: None,
            bar,
            account,
            simulated: settings.task.simulated(),
            started: Instant::now(),
            said: None,
            done_before: 0.0,
        };
        before.iter().for_each(|trial| progress.consider(trial));
        progress.done_before = progress.done();
        progress
    }

    fn consider(&mut self, trial: &Trial<Candidate<D>>) {
        let better = self.best.as_ref().is_none_or(|best| self.objective.rank(trial, best).is_gt());
        if better && self.objective.counts(trial) {
            self.best = Some(trial.clone());
        }
    }

    /// Share of the budget that is used up, in [0, 1].
    fn done(&self) -> f64 {
        let share = |used: f64, most: Option<f64>| most.map_or(0.0, |most| used / most);
        let spent = self.account.spent();
        let processor_time =
            if self.simulated { self.statistics.evaluation_seconds } else { spent.processor_time };
        let shares = [
            share(self.statistics.total.proposals as f64, self.budget.trials.map(|n| n as f64)),
            share(self.statistics.trained as f64, self.budget.trainings.map(|n| n as f64)),
            share(spent.time, self.budget.time),
            share(processor_time, self.budget.cpu_time),
        ];
        shares.into_iter().fold(0.0, f64::max).min(1.0)
    }

    fn line(&self) -> String {
        let trained = self.statistics.trained;
        let proposals = counted(self.statistics.total.proposals as usize, "trial");
        let most = self.budget.trainings.map_or(String::new(), |most| format!("/{most}"));
        let answered = 100.0 * self.statistics.hit_rate();
        let best = match (
            self.best.as_ref().and_then(|best| self.objective.value(&best.verdict)),
            self.objective.0.first(),
        ) {
            (Some(best), Some(goal)) => format!("best {} {best:.4}", goal.metric),
            _ => "no score yet".into(),
        };
        let eta = self.eta().map_or(String::new(), |eta| format!(" · {eta} left"));
        let evaluated = D::EVALUATED;
        format!("{proposals} · {trained}{most} {evaluated} · {answered:.0} % from cache · {best}{eta}")
    }

    fn eta(&self) -> Option<String> {
        let gained = self.done() - self.done_before;
        let seconds = self.started.elapsed().as_secs_f64() * (1.0 - self.done()) / gained;
        let whole = Some(seconds).filter(|seconds| seconds.is_finite() && *seconds < 1e6)? as u64;
        Some(if whole < 60 { format!("{whole} s") } else { format!("{} min {} s", whole / 60, whole % 60) })
    }

    fn show(&mut self, now: bool) {
        if let Some(bar) = &self.bar {
            bar.set_position((self.done() * STEPS as f64) as u64);
            bar.set_message(plain(&self.line()));
        } else if now || self.said.is_none_or(|said| said.elapsed() >= BETWEEN_LINES) {
            say!("fecund: {}", self.line());
            self.said = Some(Instant::now());
        }
    }

    fn say(&self, message: &str) {
        match &self.bar {
            Some(bar) => bar.println(plain(message)),
            None => say!("{message}"),
        }
    }
}

impl<D: Domain> Observer<Candidate<D>> for Progress<D> {
    fn settled(&mut self, trial: &Trial<Candidate<D>>) {
        self.statistics.add(trial);
        self.consider(trial);
        self.show(false);
        if let Verdict::Invalid(reason @ tasks::Reason::Unstable { .. }) = &trial.verdict {
            self.say(&format!("warning: trial {} {reason}", trial.number));
        }
    }

    fn started(&mut self, _: u64, _: usize) {
        if self.bar.is_some() {
            self.show(false);
        }
    }

    fn noticed(&mut self, message: &str) {
        self.say(&format!("warning: {message}"));
    }
}

impl<D: Domain> Drop for Progress<D> {
    fn drop(&mut self) {
        self.show(true);
        if let Some(bar) = &self.bar {
            bar.abandon();
        }
    }
}
