//! Honest judges pass; each of the others breaks one law, and is told which.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::SystemTime;

use hashing::{Context, Rng};
use tasks::{Reason, Scores};

use super::*;

/// Judges numbers: 0 cannot work, 99 takes for ever, the others score what they are; and breaks one law.
#[derive(Clone, Copy, PartialEq)]
enum Judge {
    Honest,
    Draws,
    ReadsClock,
    Forgets,
    Counts,
    MixesThreads,
    NotFinite,
    Litters,
    Deaf,
    CannotGoOn,
    CostsMore,
    CostsNothingFinite,
    MeasuresBackwards,
    MeasuresSomethingElse,
    CannotMeasure,
    BelievesWhatItFinds,
    NeedsWhatItFinds,
    Errs,
}
use Judge::*;

static CALLS: AtomicU64 = AtomicU64::new(0);

impl Evaluator<u64> for Judge {
    fn context(&self) -> Context {
        let seconds = SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs();
        let time = if *self == ReadsClock { seconds } else { 0 };
        Context::new().with("evaluator", format!("judge v1 {time}"))
    }

    fn evaluate(&self, number: &u64, job: &Job) -> Result<Outcome, EvalError> {
        let calls = CALLS.fetch_add(1, Relaxed);
        self.wait(*number, job)?;
        let main = thread::current().name().is_some();
        let score = match self {
            Draws => Rng::named(job.seed, "score", *number).between(0.0, 1.0),
            Counts => calls as f64,
            MixesThreads if !main => -1.0,
            NotFinite => f64::INFINITY,
            BelievesWhatItFinds if job.previous.is_some_and(|folder| folder.join("other").exists()) => 0.5,
            _ => *number as f64,
        };
        if *self == Litters {
            fs::write(job.artifacts.with_file_name("litter"), "").unwrap();
        }
        if *self == NeedsWhatItFinds && job.previous.is_some_and(|folder| !folder.exists()) {
            return Err(EvalError::Refused { message: "no folder".to_string() });
        }
        let verdict = match number {
            0 if *self == Errs => return Err(EvalError::Refused { message: "zero".to_string() }),
            0 if *self != Forgets => Verdict::Invalid(Reason::NotFinite { step: 0 }),
            _ => Verdict::Scored(Scores([("score".to_string(), score)].into())),
        };
        Ok(Outcome { verdict, steps: 1, seconds: None, provenance: String::new() })
    }

    fn costs(&self, number: &u64) -> BTreeMap<String, f64> {
        let calls = CALLS.fetch_add(1, Relaxed);
        let cost = match self {
            CostsMore => calls as f64,
            CostsNothingFinite => f64::NEG_INFINITY,
            _ => *number as f64,
        };
        [("digits".to_string(), cost)].into()
    }

    fn measure(&self, number: &u64, _: &Control) -> Result<BTreeMap<String, f64>, EvalError> {
        let calls = CALLS.fetch_add(1, Relaxed);
        let (name, value) = match self {
            MeasuresBackwards => ("calls".to_string(), -1.0),
            MeasuresSomethingElse => (calls.to_string(), 0.0),
            CannotMeasure => return Err(EvalError::Refused { message: number.to_string() }),
            _ => ("calls".to_string(), calls as f64),
        };
        Ok([(name, value)].into())
    }
}

impl Judge {
    fn wait(self, number: u64, job: &Job) -> Result<(), EvalError> {
        let end = Instant::now() + Duration::from_secs(if number == 99 { 30 } else { 0 });
        let late = if self == Deaf { PATIENCE } else { Duration::ZERO };
        while Instant::now() < end {
            match job.control.cancelled() {
                true if self == CannotGoOn => {
                    return Err(EvalError::Refused { message: "stuck".to_string() });
                }
                true => {
                    thread::sleep(late);
                    return Err(EvalError::Cancelled);
                }
                false => thread::sleep(Duration::from_millis(1)),
            }
        }
        Ok(())
    }
}

/// The law that this panics with, if it does.
fn broken(laws: impl FnOnce()) -> Option<String> {
    let panic = catch_unwind(AssertUnwindSafe(laws)).err()?;
    let text = panic.downcast_ref::<&str>().map(ToString::to_string);
    Some(text.or_else(|| panic.downcast_ref::<String>().cloned()).expect("laws are texts"))
}

#[test]
fn honest_evaluators_keep_the_laws() {
    for judge in [Honest, Draws] {
        keeps_the_laws(|| judge, &[0, 1, 2]);
        ends_when_cancelled(&judge, &99, &1);
        judges_what_cannot_work(&judge, &[0], &1);
    }
    needs_no_seed(&Honest, &[0, 1, 2]);
    // By every wrapper.
    keeps_the_laws(|| &Honest, &[0, 1]);
    keeps_the_laws(|| Box::new(Honest) as Box<dyn Evaluator<u64>>, &[0, 1]);
    keeps_the_laws(|| std::sync::Arc::new(Honest), &[0, 1]);
    keeps_the_laws(|| crate::Retried(Honest), &[0, 1]);
}

#[test]
fn who_breaks_a_law_is_told_which() {
    let laws = [
        (ReadsClock, "the context is the same"),
        (Counts, "a verdict is a function of candidate"),
        (MixesThreads, "evaluations side by side"),
        (NotFinite, "scores are finite"),
        (Litters, "artifacts stay in their folder"),
        (CostsMore, "costs are a function of the candidate"),
        (CostsNothingFinite, "costs are finite"),
        (MeasuresBackwards, "what is measured is finite, and zero or more"),
        (MeasuresSomethingElse, "what is measured has the same names"),
        (CannotMeasure, "a sound machine can measure"),
        (BelievesWhatItFinds, "what an evaluation goes on from"),
        (NeedsWhatItFinds, "what an evaluation goes on from"),
    ];
    for (judge, law) in laws {
        let told = broken(|| keeps_the_laws(|| judge, &[1, 2]));
        assert!(told.as_ref().is_some_and(|told| told.contains(law)), "{law}: {told:?}");
    }
    let told = [
        broken(|| keeps_the_laws(|| Honest, &[])),
        broken(|| needs_no_seed(&Draws, &[1])),
        broken(|| ends_when_cancelled(&Deaf, &99, &1)),
        broken(|| ends_when_cancelled(&CannotGoOn, &99, &1)),
        broken(|| judges_what_cannot_work(&Forgets, &[0], &1)),
        broken(|| judges_what_cannot_work(&Errs, &[0], &1)),
    ];
    let laws = [
        "hand in some",
        "the seed has no part",
        "ends within about a second",
        "a cancelled evaluation says so",
        "a candidate that cannot work is invalid",
        "a sound machine makes no error",
    ];
    for (told, law) in told.iter().zip(laws) {
        assert!(told.as_ref().is_some_and(|told| told.contains(law)), "{law}: {told:?}");
    }
}
