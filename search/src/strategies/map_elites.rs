//! MAP-Elites (Mouret and Clune 2015, arXiv 1504.04909): the best of every niche stays, and any of them may have the
//! next child; so what is found is good in many ways, not in one.

use std::collections::BTreeMap;

use hashing::Rng;
use spaces::{Candidate, Niche, Space};

use super::breeding::{beats, child, relearn, sample};
use crate::strategy::{Options, Proposal, Strategy};
use crate::{Objective, Trial};

/// The cost of the written form that tells how large a candidate is.
const SIZE: &str = "parameters";
/// Parameters of one niche differ by up to this factor.
const BUCKET: u64 = 4;

/// Heeds [`Options::population`] (samples to begin with) and [`Options::crossover`].
pub struct MapElites<S: Space> {
    objective: Objective,
    options: Options,
    observed: usize,
    elites: BTreeMap<Niche, Trial<S::Candidate>>,
}

impl<S: Space> MapElites<S> {
    pub fn new(objective: Objective) -> Self {
        Self { objective, options: Options::default(), observed: 0, elites: BTreeMap::new() }
    }

    pub fn with_options(self, options: Options) -> Self {
        Self { options, ..self }
    }

    fn any(&self, rng: &mut Rng) -> &Trial<S::Candidate> {
        let place = rng.below(self.elites.len());
        self.elites.values().nth(place).expect("a place below the number of elites")
    }
}

/// The candidate's own, but of size by parameters where they are known.
fn niche<C: Candidate>(trial: &Trial<C>) -> Niche {
    let niche = trial.candidate.niche();
    match trial.costs.get(SIZE) {
        Some(parameters) => Niche { size: (*parameters as u64).max(1).ilog(BUCKET) as usize, ..niche },
        None => niche,
    }
}

impl<S: Space> Strategy<S> for MapElites<S> {
    fn propose(&self, space: &S, rng: &mut Rng) -> Proposal<S::Candidate> {
        if self.observed < self.options.population.get() || self.elites.is_empty() {
            return sample(space, rng);
        }
        child(space, self.options.crossover, |rng| self.any(rng), rng)
    }

    fn observe(&mut self, trial: &Trial<S::Candidate>) {
        self.observed += 1;
        relearn(self.elites.values_mut(), trial);
        let has_score = self.objective.value(&trial.verdict).is_some_and(|score| !score.is_nan());
        let niche = niche(trial);
        let elite = self.elites.get(&niche);
        if has_score && elite.is_none_or(|elite| beats(&self.objective, trial, elite)) {
            self.elites.insert(niche, trial.clone());
        }
    }
}
