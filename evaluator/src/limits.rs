//! What one evaluation may take, and the watch that is kept over it.

use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::EvalError;

/// Limits on one evaluation, enforced from outside its process. Default: none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Limits {
    /// Wall clock, from the request to the reply.
    pub seconds: Option<f64>,
    /// Resident bytes of the worker's process: of all its threads, shared mappings included. What earlier evaluations
    /// left in a warm worker counts too, which is one reason why a second try has a fresh one.
    ///
    /// A worker is looked at every 20 ms, so one that allocates as fast as it can gets beyond the limit by what it can
    /// touch in that time. There is no harder limit: `RLIMIT_AS` and `RLIMIT_DATA` count what is reserved, of which
    /// libtorch uses a small part, and a cgroup needs rights that few users have. When the machine's memory runs out
    /// first, the kernel takes a worker before its parent (`oom_score_adj`), and that costs one evaluation as well.
    /// Processes that a worker starts are not counted; none does.
    pub memory: Option<u64>,
}

/// How often a worker at work is looked at.
pub(crate) const POLL: Duration = Duration::from_millis(20);

/// The longest time that one look accounts for. If more has passed, this very process was stopped (Ctrl-Z, a
/// debugger), and the rest is not the candidate's.
const LONGEST_LOOK: Duration = Duration::from_secs(1);

/// The watch over one call.
pub(crate) struct Watch {
    limits: Limits,
    /// Silence after which a worker is given up.
    lease: Duration,
    elapsed: Duration,
    silent: Duration,
    heard: u64,
    looked: Instant,
}

impl Watch {
    pub fn new(limits: Limits, lease: Duration) -> Self {
        let looked = Instant::now();
        Self { limits, lease, elapsed: Duration::ZERO, silent: Duration::ZERO, heard: 0, looked }
    }

    /// Whether it is time for another look.
    pub fn due(&self) -> bool {
        self.looked.elapsed() >= POLL
    }

    /// One look. `heard` counts the worker's frames so far; `resident` is its memory in bytes.
    pub fn look(&mut self, now: Instant, heard: u64, resident: Option<u64>) -> Result<(), EvalError> {
        let passed = now.saturating_duration_since(self.looked).min(LONGEST_LOOK);
        self.looked = now;
        self.elapsed += passed;
        self.silent = if heard == self.heard { self.silent + passed } else { Duration::ZERO };
        self.heard = heard;
        self.judge(resident)
    }

    fn judge(&self, resident: Option<u64>) -> Result<(), EvalError> {
        if let Some(seconds) = self.limits.seconds.filter(|&seconds| self.elapsed.as_secs_f64() > seconds) {
            return Err(EvalError::TimeLimit { seconds });
        }
        if let (Some(limit), Some(resident)) = (self.limits.memory, resident)
            && resident > limit
        {
            return Err(EvalError::MemoryLimit { limit, resident });
        }
        if self.silent > self.lease {
            let cause = format!("silent for {} s", self.lease.as_secs_f64());
            return Err(EvalError::Died { cause, stderr: String::new() });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEASE: Duration = Duration::from_secs(30);

    fn watch(seconds: Option<f64>, memory: Option<u64>) -> Watch {
        Watch::new(Limits { seconds, memory }, LEASE)
    }

    #[test]
    fn time_this_process_slept_through_is_not_counted() {
        let mut watch = watch(Some(5.0), None);
        let hour_later = watch.looked + Duration::from_secs(3600);
        assert_eq!(watch.look(hour_later, 0, None), Ok(()));
    }

    #[test]
    fn the_time_limit_ends_a_talking_worker_and_the_lease_a_silent_one() {
        let mut talking = watch(Some(60.0), None);
        let mut silent = watch(Some(60.0), None);
        let start = talking.looked;
        let at = |tick: u64| start + Duration::from_millis(500 * tick);
        let ends = |watch: &mut Watch, talks: bool| {
            (1..).find_map(|tick| {
                let answer = watch.look(at(tick), if talks { tick } else { 0 }, None);
                answer.err().map(|error| (tick / 2, error.cause()))
            })
        };
        assert_eq!(ends(&mut talking, true), Some((60, "time limit".to_string())));
        assert_eq!(ends(&mut silent, false), Some((30, "worker died: silent for 30 s".to_string())));
    }

    #[test]
    fn memory_is_compared_only_where_it_is_known() {
        let mut watch = watch(None, Some(100));
        let now = watch.looked;
        assert_eq!(watch.look(now, 1, None), Ok(()));
        assert_eq!(watch.look(now, 2, Some(100)), Ok(()));
        assert_eq!(watch.look(now, 3, Some(101)), Err(EvalError::MemoryLimit { limit: 100, resident: 101 }));
    }

    #[test]
    fn odd_limits_do_not_panic() {
        for seconds in [f64::NAN, f64::INFINITY, -1.0, 0.0] {
            let mut watch = watch(Some(seconds), None);
            let _ = watch.look(Instant::now() + LEASE, 0, Some(u64::MAX));
        }
    }
}
