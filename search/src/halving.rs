//! Asynchronous successive halving (ASHA, Li et al. 2020, arXiv 1810.05934): functions are tried at the lowest fidelity,
//! and of those at each fidelity the best share goes on at the next, as soon as it is known to be among them.

use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap, HashSet};

use hashing::{Fidelity, Fingerprint};
use tasks::Verdict;

use crate::{Objective, Trial};

/// Which functions go on at a higher fidelity. Of n functions at fidelity f the best ⌊n · f / g⌋ go on at the next
/// fidelity g, so that all fidelities take about the same training. What is known is a set of trials observed and of
/// promotions made, whatever their order; so a resumed study goes on alike. Everything is O(log n) in the trials.
#[derive(Clone, Debug)]
pub struct Halving {
    objective: Objective,
    /// The lowest first.
    levels: Vec<Level>,
}

/// The functions that are known at one fidelity.
#[derive(Clone, Debug)]
struct Level {
    fidelity: Fidelity,
    /// Where the best go on.
    next: Option<Fidelity>,
    places: HashMap<Fingerprint, Place>,
    /// The best, as many as may go on.
    top: BTreeSet<Place>,
    rest: BTreeSet<Place>,
    /// Those of the top that have a score, break no constraint, and have not gone on.
    waiting: BTreeSet<Place>,
    gone_on: HashSet<Fingerprint>,
}

/// The best first; of equals, the one that was there first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    worth: Reverse<Option<Vec<i64>>>,
    /// The first trial of the function at this fidelity.
    trial: u64,
    function: Fingerprint,
}

impl Halving {
    /// Fidelities in the evaluator's own unit, each larger than the one before, the last the largest of the study.
    pub fn new(objective: Objective, fidelities: &[Fidelity]) -> Result<Self, String> {
        let rises = fidelities.windows(2).all(|pair| pair[0] < pair[1]);
        if fidelities.first().is_none_or(|first| first.0 == 0) || !rises {
            return Err("fidelities are whole numbers above zero, each larger than the one before".into());
        }
        let next = fidelities.iter().skip(1).copied().map(Some).chain([None]);
        let levels =
            fidelities.iter().zip(next).map(|(fidelity, next)| Level::new(*fidelity, next)).collect();
        Ok(Self { objective, levels })
    }

    /// At which candidates are proposed.
    pub fn lowest(&self) -> Fidelity {
        self.levels[0].fidelity
    }

    /// At which they are trained to the end.
    pub fn largest(&self) -> Fidelity {
        self.levels[self.levels.len() - 1].fidelity
    }

    /// The next lower fidelity.
    pub(crate) fn below(&self, fidelity: Fidelity) -> Option<Fidelity> {
        let position = self.position(fidelity)?.checked_sub(1)?;
        Some(self.levels[position].fidelity)
    }

    fn position(&self, fidelity: Fidelity) -> Option<usize> {
        self.levels.iter().position(|level| level.fidelity == fidelity)
    }

    /// The trial whose candidate goes on, and where; the highest fidelity first.
    pub(crate) fn next(&self) -> Option<(u64, Fidelity)> {
        self.levels.iter().rev().find_map(|level| Some((level.waiting.first()?.trial, level.next?)))
    }

    /// This function has been proposed at this fidelity: it need not be promoted to it.
    pub(crate) fn promoted(&mut self, function: Fingerprint, to: Fidelity) {
        if let Some(below) = self.levels.iter_mut().find(|level| level.next == Some(to)) {
            below.goes_on(function);
        }
    }

    /// Functions that were ruled out, or that no training can mend, took no training and have no place.
    pub(crate) fn observe<C>(&mut self, trial: &Trial<C>) {
        let certain = matches!(&trial.verdict, Verdict::Invalid(reason) if reason.is_certain());
        let position = trial.fidelity().and_then(|fidelity| self.position(fidelity));
        if let Some(position) = position.filter(|_| !certain) {
            let worth = self.objective.counts(trial).then(|| self.objective.worth(&trial.verdict));
            let function = trial.identity.fingerprint;
            self.levels[position].insert(Place { worth: Reverse(worth), trial: trial.number, function });
        }
    }
}

impl Level {
    fn new(fidelity: Fidelity, next: Option<Fidelity>) -> Self {
        Self {
            fidelity,
            next,
            places: HashMap::new(),
            top: BTreeSet::new(),
            rest: BTreeSet::new(),
            waiting: BTreeSet::new(),
            gone_on: HashSet::new(),
        }
    }

    /// A function that is known already keeps its trial and takes the new worth.
    fn insert(&mut self, mut place: Place) {
        let Some(next) = self.next else { return };
        if let Some(known) = self.places.remove(&place.function) {
            place.trial = known.trial;
            self.leave_top(&known);
            self.rest.remove(&known);
        }
        self.places.insert(place.function, place.clone());
        self.rest.insert(place);
        let most = self.places.len() as u128 * u128::from(self.fidelity.0) / u128::from(next.0);
        self.balance(most as usize);
    }

    /// The best `most` are the top. One function has come, so a step or two do.
    fn balance(&mut self, most: usize) {
        loop {
            let better = self.rest.first().filter(|best| self.top.last().is_none_or(|worst| best < &worst));
            if self.top.len() > most || (self.top.len() == most && better.is_some() && most > 0) {
                let worst = self.top.last().cloned().expect("the top is not empty");
                self.leave_top(&worst);
                self.rest.insert(worst);
            } else if self.top.len() < most
                && let Some(best) = self.rest.pop_first()
            {
                self.enter_top(best);
            } else {
                return;
            }
        }
    }

    fn enter_top(&mut self, place: Place) {
        if place.worth.0.is_some() && !self.gone_on.contains(&place.function) {
            self.waiting.insert(place.clone());
        }
        self.top.insert(place);
    }

    fn leave_top(&mut self, place: &Place) {
        self.top.remove(place);
        self.waiting.remove(place);
    }

    fn goes_on(&mut self, function: Fingerprint) {
        self.gone_on.insert(function);
        if let Some(place) = self.places.get(&function) {
            self.waiting.remove(place);
        }
    }
}

#[cfg(test)]
mod tests {
    use hashing::{Digest, Rng};

    use super::*;

    fn function(n: u64) -> Fingerprint {
        Fingerprint(Digest(std::array::from_fn(|place| n.to_le_bytes()[place % 8])))
    }

    /// Of whole numbers up to nine, so that scores repeat; none for a tenth of them.
    fn worth(rng: &mut Rng) -> Option<Vec<i64>> {
        (!rng.chance(0.1)).then(|| vec![rng.below(10) as i64])
    }

    #[test]
    fn whoever_is_among_the_best_share_waits_until_it_goes_on() {
        for seed in 0..40 {
            let mut rng = Rng::named(seed, "halving", 0);
            let (mut level, mut gone) = (Level::new(Fidelity(2), Some(Fidelity(5))), HashSet::new());
            for trial in 0..200 {
                let of = function(rng.below(80) as u64);
                level.insert(Place { worth: Reverse(worth(&mut rng)), trial, function: of });
                let mut sorted: Vec<_> = level.places.values().cloned().collect();
                sorted.sort();
                sorted.truncate(2 * level.places.len() / 5);
                assert_eq!(level.top.iter().cloned().collect::<Vec<_>>(), sorted);
                sorted.retain(|place| place.worth.0.is_some() && !gone.contains(&place.function));
                assert_eq!(level.waiting.iter().cloned().collect::<Vec<_>>(), sorted);
                assert_eq!(level.top.len() + level.rest.len(), level.places.len());
                if let Some(next) = level.waiting.first().map(|place| place.function)
                    && rng.chance(0.5)
                {
                    level.goes_on(next);
                    gone.insert(next);
                }
            }
            assert!(gone.len() > 10, "{}", gone.len());
        }
    }

    #[test]
    fn fidelities_rise_from_one() {
        let of = |numbers: &[u64]| {
            let fidelities: Vec<_> = numbers.iter().copied().map(Fidelity).collect();
            Halving::new(Objective::new("score", true), &fidelities)
        };
        assert!(of(&[1, 3, 9]).is_ok_and(|halving| halving.largest() == Fidelity(9)));
        for bad in [&[][..], &[0, 1], &[3, 3], &[9, 3]] {
            assert!(of(bad).is_err(), "{bad:?}");
        }
    }
}
