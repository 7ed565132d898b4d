//! What a run has used up of its time, of processor time and of simulated seconds, and how long it may wait before it
//! looks again.

use std::time::Duration;

use crate::plan::{Plan, Stop};
use crate::{Clock, Trial};

/// Between two looks at the processor time: so much times the number of jobs it can go beyond its budget, besides what
/// an evaluation takes to end.
const BETWEEN_LOOKS: Duration = Duration::from_millis(200);

/// Counts what a run uses up.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Meter {
    began: Duration,
    processor_began: Duration,
    /// When processor time was looked at last, and how much was used.
    looked: Option<(Duration, Duration)>,
    /// Of the evaluations really made, by what their trials say. Summed over resumes.
    evaluation_seconds: f64,
}

impl Meter {
    pub fn begin(&mut self, clock: &dyn Clock) {
        (self.began, self.processor_began) = (clock.now(), clock.processor_time());
        self.looked = None;
    }

    pub fn count<C>(&mut self, trial: &Trial<C>) {
        if trial.is_trained() {
            self.evaluation_seconds += trial.times.evaluation;
        }
    }

    /// Which budget of this plan is used up, if one is.
    pub fn used_up<C>(&mut self, plan: &Plan<C>, clock: &dyn Clock) -> Option<Stop> {
        let by_trials = || plan.evaluation_time.filter(|_| self.is_paid_up(plan)).map(Stop::EvaluationTime);
        let by_clock = || plan.time.filter(|time| self.spent(clock) >= *time).map(Stop::Time);
        by_trials().or_else(by_clock).or_else(|| {
            let budget = plan.processor_time?;
            (self.processor_time(clock) >= budget).then_some(Stop::ProcessorTime(budget))
        })
    }

    /// Whether the trials so far have used up the seconds of evaluations.
    pub fn is_paid_up<C>(&self, plan: &Plan<C>) -> bool {
        plan.evaluation_time.is_some_and(|budget| self.evaluation_seconds >= budget.as_secs_f64())
    }

    /// How long the study may wait for an evaluation, if not for ever.
    pub fn patience<C>(&self, plan: &Plan<C>, clock: &dyn Clock) -> Option<Duration> {
        let left = plan.time.map(|time| time.saturating_sub(self.spent(clock)));
        let look = plan.processor_time.map(|_| BETWEEN_LOOKS);
        left.into_iter().chain(look).min()
    }

    fn spent(&self, clock: &dyn Clock) -> Duration {
        clock.now().saturating_sub(self.began)
    }

    /// As it was a moment ago: to look costs more than many a proposal.
    fn processor_time(&mut self, clock: &dyn Clock) -> Duration {
        let now = clock.now();
        match self.looked {
            Some((at, used)) if now.saturating_sub(at) < BETWEEN_LOOKS => used,
            _ => {
                let used = clock.processor_time().saturating_sub(self.processor_began);
                self.looked = Some((now, used));
                used
            }
        }
    }
}
