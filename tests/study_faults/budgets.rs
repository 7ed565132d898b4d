//! Budgets of time hold, whatever the workers do with theirs.

use std::sync::Arc;
use std::time::{Duration, Instant};

use evaluator::{Limits, Retried};
use search::{Clock, Plan, Stop, SystemClock};
use serde_json::json;
use storage::MemoryStore;

use crate::deeds::{Deed, What, scored};
use crate::judges::Remote;
use crate::studies::{plan, study};

pub const TESTS: &[(&str, fn())] = &[
    ("sleeping_uses_up_time_and_no_processor_time", sleeping_uses_up_time_and_no_processor_time),
    ("spinning_uses_up_time", spinning_uses_up_time),
    (
        "spinning_uses_up_processor_time_and_a_resume_makes_it_again",
        spinning_uses_up_processor_time_and_a_resume_makes_it_again,
    ),
];

const JOBS: u32 = 2;
/// What a loaded machine may add: to starting workers, to ending them, to looking.
const NOISE: Duration = Duration::from_secs(4);

/// What a study of as many endless deeds as there are jobs ends with; time and processor time that it took.
fn endless(
    what: What,
    time: Option<Duration>,
    processor_time: Option<Duration>,
) -> (Stop, Duration, Duration) {
    let deeds: Vec<_> = (0..u64::from(JOBS)).map(|level| Deed { what, level }).collect();
    let remote = Arc::new(deeds.iter().fold(remote(), |remote, deed| remote.with(*deed, deed.request())));
    let (clock, start) = (SystemClock::default(), Instant::now());
    let before = clock.processor_time();
    let plan = Plan { time, processor_time, ..plan(deeds, u64::from(JOBS)) };
    let stop = study(Retried(remote), plan, &Arc::default(), JOBS as usize).run().unwrap();
    (stop, start.elapsed(), clock.processor_time() - before)
}

fn remote() -> Remote {
    Remote::new(JOBS as usize, Limits::default())
}

fn sleeping_uses_up_time_and_no_processor_time() {
    let (time, processor_time) = (Duration::from_secs(2), Duration::from_millis(1500));
    let (stop, took, used) = endless(What::Sleeps, Some(time), Some(processor_time));
    assert_eq!(stop, Stop::Time(time));
    assert!(took >= time && took < time + NOISE, "{took:?}");
    assert!(used < processor_time, "{used:?}");
}

fn spinning_uses_up_time() {
    let time = Duration::from_secs(1);
    let (stop, took, _) = endless(What::Spins, Some(time), None);
    assert_eq!(stop, Stop::Time(time));
    assert!(took >= time && took < time + NOISE, "{took:?}");
}

fn spinning_uses_up_processor_time_and_a_resume_makes_it_again() {
    let budget = Duration::from_millis(1500);
    let (stop, took, used) = endless(What::Spins, Some(Duration::from_secs(60)), Some(budget));
    assert_eq!(stop, Stop::ProcessorTime(budget));
    assert!(used >= budget && used < budget + JOBS * Duration::from_secs(1) + NOISE, "{used:?} in {took:?}");

    let spinner = Deed { what: What::Spins, level: 0 };
    let (store, all) = (Arc::new(MemoryStore::default()), || plan(vec![Deed::works(3), spinner], 2));
    let limited = Plan { processor_time: Some(Duration::from_millis(300)), ..all() };
    let mut first = study(Retried(remote()), limited, &store, 1);
    assert_eq!(first.run().unwrap(), Stop::ProcessorTime(Duration::from_millis(300)));
    assert_eq!(first.trials().iter().map(|trial| trial.candidate).collect::<Vec<_>>(), [Deed::works(3)]);
    let mended = Arc::new(remote().with(spinner, json!(["echo", 7])));
    let mut second = study(Retried(Arc::clone(&mended)), all(), &store, 1);
    second.resume(first.trials().to_vec());
    assert_eq!(second.run().unwrap(), Stop::Trials(2));
    assert_eq!(mended.attempts().into_iter().collect::<Vec<_>>(), [(spinner, 1)]);
    assert_eq!(second.trials()[1].verdict, scored(7.0));
}
