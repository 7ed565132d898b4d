//! A second try after a failure of the machine; after two, the candidate is called unstable.

use std::collections::BTreeMap;
use std::path::Path;

use hashing::Context;
use tasks::{Reason, Verdict};

use crate::{Control, EvalError, Evaluator, Job, Outcome};

/// Evaluates at most twice, the second time on a fresh worker. Two failures of the machine become
/// `Verdict::Invalid(Reason::Unstable { .. })`; what is not worth a second try (cancelled, no worker to be had) stays
/// an error. What failed, with the worker's last words, is in the provenance and so in the record.
#[derive(Clone, Debug)]
pub struct Retried<E>(pub E);

impl<C, E: Evaluator<C>> Evaluator<C> for Retried<E> {
    fn context(&self) -> Context {
        self.0.context()
    }

    fn costs(&self, candidate: &C) -> BTreeMap<String, f64> {
        self.0.costs(candidate)
    }

    fn measure(&self, candidate: &C, control: &Control) -> Result<BTreeMap<String, f64>, EvalError> {
        self.0.measure(candidate, control)
    }

    fn is_whole(&self, artifacts: &Path) -> bool {
        self.0.is_whole(artifacts)
    }

    fn evaluate(&self, candidate: &C, job: &Job) -> Result<Outcome, EvalError> {
        let first = match self.0.evaluate(candidate, job) {
            Err(first) if first.worth_a_second_try() => first,
            settled => return settled,
        };
        let control = job.control.for_second_try();
        match self.0.evaluate(candidate, &Job { control: &control, ..*job }) {
            Err(second) if second.worth_a_second_try() => Ok(unstable(&first, &second)),
            settled => settled.map(|outcome| after(&first, outcome)),
        }
    }
}

fn after(first: &EvalError, outcome: Outcome) -> Outcome {
    let provenance = format!("second try, after {first}");
    let parts = [outcome.provenance, provenance];
    let told =
        parts.iter().map(String::as_str).filter(|part| !part.is_empty()).collect::<Vec<_>>().join("; ");
    Outcome { provenance: told, ..outcome }
}

fn unstable(first: &EvalError, second: &EvalError) -> Outcome {
    let provenance = format!("first: {first}; then: {second}");
    let reason = Reason::Unstable { cause: second.cause(), limit: second.limit() };
    Outcome { verdict: Verdict::Invalid(reason), steps: 0, seconds: None, provenance }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

    use hashing::Fidelity;
    use tasks::Scores;

    use super::*;
    use crate::Control;

    /// Fails with its errors in turn, then succeeds.
    struct Script {
        errors: Vec<EvalError>,
        calls: AtomicUsize,
    }

    impl Evaluator<()> for Script {
        fn context(&self) -> Context {
            Context::new()
        }

        fn evaluate(&self, _: &(), job: &Job) -> Result<Outcome, EvalError> {
            let call = self.calls.fetch_add(1, Relaxed);
            assert_eq!(job.control.is_second_try(), call == 1);
            let verdict = Verdict::Scored(Scores::default());
            self.errors
                .get(call)
                .cloned()
                .map_or(Ok(Outcome { verdict, steps: 1, seconds: None, provenance: String::new() }), Err)
        }
    }

    /// The answer, and how many attempts it took.
    fn after(errors: &[EvalError]) -> (Result<Verdict, EvalError>, usize) {
        let (answer, attempts) = outcome_after(errors);
        (answer.map(|outcome| outcome.verdict), attempts)
    }

    fn outcome_after(errors: &[EvalError]) -> (Result<Outcome, EvalError>, usize) {
        let retried = Retried(Script { errors: errors.to_vec(), calls: AtomicUsize::new(0) });
        let control = Control::new();
        let job = Job {
            fidelity: Fidelity(1),
            seed: 0,
            artifacts: "unused".as_ref(),
            previous: None,
            parents: &[],
            control: &control,
        };
        let answer = retried.evaluate(&(), &job);
        (answer, retried.0.calls.load(Relaxed))
    }

    fn died() -> EvalError {
        EvalError::Died { cause: "exit code 3".to_string(), stderr: "noise".to_string() }
    }

    #[test]
    fn success_is_not_repeated() {
        assert_eq!(after(&[]), (Ok(Verdict::Scored(Scores::default())), 1));
    }

    #[test]
    fn one_failure_leaves_its_last_words_and_no_other_trace() {
        let (outcome, attempts) = outcome_after(&[died()]);
        let Outcome { verdict, steps, seconds, provenance } = outcome.unwrap();
        assert_eq!((verdict, steps, seconds, attempts), (Verdict::Scored(Scores::default()), 1, None, 2));
        assert_eq!(provenance, "second try, after worker died: exit code 3; it last said: noise");
    }

    #[test]
    fn two_failures_leave_the_last_words_of_both() {
        let broken = EvalError::Protocol { what: "nonsense".to_string(), stderr: "a\nb\n".to_string() };
        let provenance = outcome_after(&[died(), broken]).0.unwrap().provenance;
        let first = "first: worker died: exit code 3; it last said: noise";
        assert_eq!(
            provenance,
            format!("{first}; then: worker broke the protocol: nonsense; it last said: a | b")
        );
    }

    #[test]
    fn the_second_failure_makes_the_candidate_unstable() {
        let reason = Reason::Unstable { cause: "time limit".to_string(), limit: Some(2.0) };
        assert_eq!(
            after(&[died(), EvalError::TimeLimit { seconds: 2.0 }]),
            (Ok(Verdict::Invalid(reason)), 2)
        );
    }

    #[test]
    fn what_a_second_try_cannot_mend_stays_an_error() {
        let start = EvalError::Start { what: "no such file".to_string(), remedy: "build it".to_string() };
        assert_eq!(after(std::slice::from_ref(&start)), (Err(start.clone()), 1));
        assert_eq!(after(&[died(), EvalError::Cancelled]), (Err(EvalError::Cancelled), 2));
    }
}
