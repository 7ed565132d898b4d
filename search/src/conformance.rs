//! The laws of [`Strategy`], as functions that any strategy can be handed to.
//!
//! ```
//! use search::{RandomSearch, RegularizedEvolution, conformance};
//! use spaces::nb_macro::MacroSpace;
//!
//! conformance::keeps_the_laws(|| MacroSpace, || RandomSearch);
//! conformance::keeps_the_laws(|| MacroSpace, || RegularizedEvolution::new(conformance::objective()));
//! ```

use std::collections::BTreeMap;

use evaluator::{EvalError, Evaluator, Job, Outcome};
use hashing::{CandidateHasher, Class, Context, Digest, Fingerprint, HashError, Identity, Keyed, Rng};
use spaces::{Candidate, Space};
use tasks::{Reason, Scores, Verdict};

use crate::{Objective, Plan, Stop, Strategy, Study, Trial};

/// What is sought of the candidates under these laws; each costs some `parameters`, besides.
pub fn objective() -> Objective {
    Objective::new("score", true).then("loss", false)
}

/// Panics with the name of the law that a strategy breaks. `space` and `fresh` make one each time, all alike.
pub fn keeps_the_laws<S: Space + 'static, T: Strategy<S> + 'static>(
    space: impl Fn() -> S,
    fresh: impl Fn() -> T,
) {
    for judge in [by_form, by_luck, alike, in_vain, without_a_number, without_a_bound] {
        for window in [1, 8] {
            let plan = Plan { window, forget: 0.2, trials: Some(TRIALS), ..Plan::default() };
            let trials = run(space(), fresh(), judge, plan.clone()).1;
            proposals_are_candidates(&space(), &trials);
            parents_have_been_observed(&trials, window);
            proposals_follow_from_the_trials_observed(&space(), fresh(), &trials, &plan);
        }
    }
    a_resumed_study_goes_on_alike(&space, &fresh);
    another_seed_makes_other_proposals(&space, &fresh);
    a_study_ends_where_nothing_is_new(&space, &fresh);
}

/// Enough for a population of sixteen to have grandchildren.
const TRIALS: u64 = 80;

/// A verdict by what is drawn from the candidate's form, and the seed of the evaluation.
type Judge = fn(form: &[u8; 32], seed: u64) -> Verdict;

fn scored(score: f64, loss: f64) -> Verdict {
    Verdict::Scored(Scores([("score".to_string(), score), ("loss".to_string(), loss)].into()))
}

fn by_form(form: &[u8; 32], _: u64) -> Verdict {
    match form[0] {
        byte if byte.is_multiple_of(8) => Verdict::Invalid(Reason::NotFinite { step: 1 }),
        byte => scored(f64::from(byte), f64::from(form[1])),
    }
}

fn by_luck(_: &[u8; 32], seed: u64) -> Verdict {
    scored(Rng::named(seed, "luck", 0).uniform(), 0.0)
}

fn alike(_: &[u8; 32], _: u64) -> Verdict {
    scored(1.0, 1.0)
}

fn in_vain(_: &[u8; 32], _: u64) -> Verdict {
    Verdict::Invalid(Reason::NotInTable)
}

fn without_a_number(form: &[u8; 32], _: u64) -> Verdict {
    if form[0].is_multiple_of(2) { scored(f64::NAN, 0.0) } else { scored(1.0, f64::NAN) }
}

fn without_a_bound(form: &[u8; 32], _: u64) -> Verdict {
    let bounds = [f64::INFINITY, f64::NEG_INFINITY, f64::MAX, -0.0];
    scored(bounds[form[0] as usize % 4], bounds[form[1] as usize % 4])
}

/// Judges what is written, without training.
struct Formal(Judge);

fn form(candidate: &impl Keyed) -> [u8; 32] {
    candidate.digest("fecund conformance v1").0
}

impl<C: Candidate> Evaluator<C> for Formal {
    fn context(&self) -> Context {
        Context::new().with("evaluator", "conformance v1")
    }

    fn evaluate(&self, candidate: &C, job: &Job) -> Result<Outcome, EvalError> {
        let verdict = (self.0)(&form(candidate), job.seed);
        Ok(Outcome { verdict, steps: 1, seconds: Some(0.0), provenance: String::new() })
    }

    fn costs(&self, candidate: &C) -> BTreeMap<String, f64> {
        [("parameters".to_string(), 2f64.powi(i32::from(form(candidate)[2] % 24)))].into()
    }
}

/// The hasher of the studies under these laws. It takes all candidates for one of 256 functions, so that many are known
/// and the end comes soon.
pub struct Coarse;

impl<C: Candidate> CandidateHasher<C> for Coarse {
    fn scheme(&self) -> String {
        "coarse".into()
    }

    fn identify(&self, candidate: &C) -> Result<Identity, HashError> {
        let structural = Digest(form(candidate));
        let fingerprint = Fingerprint(Digest([structural.0[3]; 32]));
        Ok(Identity { structural, fingerprint, class: Class::Function })
    }
}

fn study<S: Space + 'static, T: Strategy<S> + 'static>(
    space: S,
    strategy: T,
    judge: Judge,
    plan: Plan<S::Candidate>,
) -> Study<S> {
    Study::new(space, Formal(judge), strategy, plan).with_hasher(Coarse)
}

fn run<S: Space + 'static, T: Strategy<S> + 'static>(
    space: S,
    strategy: T,
    judge: Judge,
    plan: Plan<S::Candidate>,
) -> (Stop, Vec<Trial<S::Candidate>>) {
    let mut study = study(space, strategy, judge, plan);
    let stop = study.run().unwrap_or_else(|error| panic!("a machine that is sound makes no error: {error}"));
    (stop, study.trials().to_vec())
}

fn proposals_are_candidates<S: Space>(space: &S, trials: &[Trial<S::Candidate>]) {
    for Trial { number, candidate, .. } in trials {
        let checked = space.check(candidate);
        assert_eq!(checked, Ok(()), "proposals are candidates of the space: trial {number}, {candidate:?}");
    }
}

fn parents_have_been_observed<C: Candidate>(trials: &[Trial<C>], window: u64) {
    for Trial { number, parents, .. } in trials {
        let observed = parents.iter().all(|parent| parent + window <= *number);
        assert!(
            observed,
            "parents are trials that were observed: trial {number}, window {window}, {parents:?}"
        );
    }
}

/// The strategy of a resumed study observes what the first one did, and is asked at other times.
fn proposals_follow_from_the_trials_observed<S: Space, T: Strategy<S>>(
    space: &S,
    mut strategy: T,
    trials: &[Trial<S::Candidate>],
    plan: &Plan<S::Candidate>,
) {
    let law = "proposals are a function of the trials observed, in their order, and of the stream";
    for trial in trials {
        if let Some(due) = (trial.number + 1).checked_sub(plan.window).filter(|due| *due > 0) {
            strategy.observe(&trials[due as usize - 1]);
        }
        strategy.propose(space, &mut Rng::named(plan.seed, "unasked", trial.number));
        let proposal = strategy.propose(space, &mut Rng::named(plan.seed, "propose", trial.number));
        let made = (&trial.candidate, trial.operator.as_str(), &trial.parents);
        assert_eq!(
            (&proposal.candidate, proposal.operator, &proposal.parents),
            made,
            "{law}: {}",
            trial.number
        );
    }
}

fn a_resumed_study_goes_on_alike<S: Space + 'static, T: Strategy<S> + 'static>(
    space: &impl Fn() -> S,
    fresh: &impl Fn() -> T,
) {
    let plan = || Plan { trials: Some(TRIALS), ..Plan::default() };
    let whole = run(space(), fresh(), by_form, plan()).1;
    for cut in [1, 8, 33, 79] {
        let mut study = study(space(), fresh(), by_form, plan());
        study.resume(whole[..cut].to_vec());
        study.run().unwrap_or_else(|error| panic!("a machine that is sound makes no error: {error}"));
        let alike = study.trials().iter().zip(&whole).all(|(a, b)| a.same_as(b));
        assert!(alike, "a study that is resumed after {cut} trials makes the same ones");
    }
}

fn another_seed_makes_other_proposals<S: Space + 'static, T: Strategy<S> + 'static>(
    space: &impl Fn() -> S,
    fresh: &impl Fn() -> T,
) {
    let candidates = |seed| {
        let plan = Plan { seed, trials: Some(TRIALS), ..Plan::default() };
        let trials = run(space(), fresh(), by_form, plan).1;
        trials.into_iter().map(|trial| trial.candidate).collect::<Vec<_>>()
    };
    assert!(candidates(0) != candidates(1), "another seed makes other proposals");
}

fn a_study_ends_where_nothing_is_new<S: Space + 'static, T: Strategy<S> + 'static>(
    space: &impl Fn() -> S,
    fresh: &impl Fn() -> T,
) {
    let plan = Plan { trials: Some(100_000), ..Plan::default() };
    let stop = run(space(), fresh(), by_form, plan).0;
    assert!(matches!(stop, Stop::Converged(_)), "a study ends where nothing is new, and says so: {stop}");
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

    use spaces::cell201::{Cell, CellSpace, Operation};

    use super::*;
    use crate::Proposal;

    /// Samples; and breaks one law.
    #[derive(Default)]
    struct Sampler {
        how: How,
        asked: AtomicU64,
        seen: u64,
    }

    #[derive(Clone, Copy, Default, PartialEq)]
    enum How {
        #[default]
        Honest,
        Leaves,
        Foresees,
        Counts,
        NeverDraws,
        Hopes,
    }

    impl Strategy<CellSpace> for Sampler {
        fn propose(&self, space: &CellSpace, rng: &mut Rng) -> Proposal<Cell> {
            let asked = self.asked.fetch_add(1, Relaxed);
            let mut candidate = space.sample(rng);
            match self.how {
                How::Leaves => candidate.pooling = spaces::Pooling::Max,
                How::Counts => candidate.operations[0] = Operation::ALL[asked as usize % 5],
                How::NeverDraws => candidate = Cell::new([Operation::Conv3; 6]),
                _ => {}
            }
            let last = self.seen.checked_sub(1);
            let parent = if self.how == How::Foresees { Some(self.seen) } else { last };
            Proposal { candidate, operator: "sample", parents: parent.into_iter().collect() }
        }

        fn observe(&mut self, trial: &Trial<Cell>) {
            let score = trial.verdict.score("score");
            assert!(self.how != How::Hopes || score.is_some_and(|score| score >= 0.0), "hopes were vain");
            self.seen = trial.number + 1;
        }
    }

    fn told(how: How) -> Option<String> {
        let fresh = || Sampler { how, ..Sampler::default() };
        let laws = || keeps_the_laws(CellSpace::default, fresh);
        let panic = catch_unwind(AssertUnwindSafe(laws)).err()?;
        let text = panic.downcast_ref::<&str>().map(ToString::to_string);
        Some(text.or_else(|| panic.downcast_ref::<String>().cloned()).expect("laws are texts"))
    }

    #[test]
    fn who_breaks_a_law_is_told_which() {
        assert_eq!(told(How::Honest), None);
        let laws = [
            (How::Leaves, "proposals are candidates of the space"),
            (How::Foresees, "parents are trials that were observed"),
            (How::Counts, "proposals are a function of the trials observed"),
            (How::NeverDraws, "another seed makes other proposals"),
            (How::Hopes, "hopes were vain"),
        ];
        for (how, law) in laws {
            let told = told(how);
            assert!(told.as_ref().is_some_and(|told| told.contains(law)), "{law}: {told:?}");
        }
    }
}
