//! What strategies propose: samples, mutants, and children of two.

use hashing::Rng;
use spaces::{Candidate, Space};

use crate::strategy::Proposal;
use crate::{Objective, Trial};

pub(super) fn sample<S: Space>(space: &S, rng: &mut Rng) -> Proposal<S::Candidate> {
    Proposal { candidate: space.sample(rng), operator: "sample", parents: Vec::new() }
}

pub(super) fn mutant<S: Space>(
    space: &S,
    parent: &Trial<S::Candidate>,
    rng: &mut Rng,
) -> Proposal<S::Candidate> {
    let candidate = space.mutate(&parent.candidate, rng);
    Proposal { candidate, operator: "mutate", parents: vec![parent.number] }
}

/// With this probability of two parents, if they have a child that is like neither; else a mutant of one. Where
/// `crossover` is 0, nothing is drawn for it.
pub(super) fn child<'a, S: Space>(
    space: &S,
    crossover: f64,
    select: impl Fn(&mut Rng) -> &'a Trial<S::Candidate>,
    rng: &mut Rng,
) -> Proposal<S::Candidate> {
    if crossover > 0.0 && rng.chance(crossover) {
        let [a, b] = [select(rng), select(rng)];
        let child = space.crossover(&a.candidate, &b.candidate, rng);
        if let Some(candidate) = child.filter(|child| is_new(child, a, b)) {
            return Proposal { candidate, operator: "crossover", parents: vec![a.number, b.number] };
        }
    }
    mutant(space, select(rng), rng)
}

/// Whether a child is like neither of its parents; or like both, which have learned different things: then it can
/// inherit from both.
fn is_new<C: Candidate>(child: &C, a: &Trial<C>, b: &Trial<C>) -> bool {
    let like = |parent: &Trial<C>| parent.candidate.clone().inheriting(Vec::new()) == *child;
    match [like(a), like(b)] {
        [true, true] => a.candidate != b.candidate,
        likes => !likes.contains(&true),
    }
}

/// What `trial` found is now known of every form of its function.
pub(super) fn relearn<'a, C: 'a>(known: impl IntoIterator<Item = &'a mut Trial<C>>, trial: &Trial<C>) {
    for known in known.into_iter().filter(|known| known.key == trial.key) {
        known.verdict = trial.verdict.clone();
    }
}

pub(super) fn beats<C>(objective: &Objective, a: &Trial<C>, b: &Trial<C>) -> bool {
    objective.rank(a, b).is_gt()
}
