//! How a study came to what it found: its best score, its front, and what that covers, after each of its trials.

use std::collections::HashMap;

use hashing::{Fidelity, Fingerprint};

use crate::pareto::{Point, enter, gain, hypervolume, is_covered, undominated};
use crate::{Objective, Tradeoff, Trial};

/// What had been found when a trial was settled.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Moment {
    pub trial: u64,
    /// Evaluations made so far, without those that were ruled out before training.
    pub trained: u64,
    /// That those evaluations took.
    pub seconds: f64,
    /// Proposals that were answered without one.
    pub answered: u64,
    /// The value that [`Objective::best`] would put first.
    pub best: Option<f64>,
    /// Points of [`Tradeoff::front`].
    pub front: usize,
    /// The volume between the front and the reference.
    pub hypervolume: f64,
}

/// Goes through trials, one after the other. Each costs as much as the front is large; everything is looked at again only
/// where what stood at the top has to leave it, because another evaluation changed its verdict, or where a higher fidelity
/// is reached.
pub struct History<'a, C> {
    objective: &'a Objective,
    tradeoff: &'a Tradeoff,
    reference: Point,
    functions: Vec<Function<'a, C>>,
    places: HashMap<Fingerprint, usize>,
    /// Place of the best function.
    best: Option<usize>,
    /// Only trials of this tier are on the front.
    highest: Option<Tier>,
    front: Vec<Point>,
    moment: Moment,
}

type Tier = (bool, bool, Option<Fidelity>);

/// Its trials, that which stands for it, and the points of those that have the same verdict.
struct Function<'a, C> {
    shown: &'a Trial<C>,
    trials: Vec<&'a Trial<C>>,
    points: Vec<Point>,
}

/// What a trial does to the points of its function.
#[derive(Default)]
struct Change {
    lost: Vec<Point>,
    new: Vec<Point>,
}

impl<'a, C> History<'a, C> {
    /// `reference` has one number for each goal, as points have.
    pub fn new(objective: &'a Objective, tradeoff: &'a Tradeoff, reference: Point) -> Self {
        Self {
            objective,
            tradeoff,
            reference,
            functions: Vec::new(),
            places: HashMap::new(),
            best: None,
            highest: None,
            front: Vec::new(),
            moment: Moment::default(),
        }
    }

    /// The next trial. Whether the best value or the front is another one than before.
    pub fn observe(&mut self, trial: &'a Trial<C>) -> bool {
        self.moment.trial = trial.number;
        self.moment.trained += u64::from(trial.is_trained());
        self.moment.seconds += trial.times.evaluation;
        self.moment.answered += u64::from(!trial.origin.is_evaluated());
        let place = self.place(trial);
        let follows = trial.follows(self.functions[place].shown);
        let change = if follows { self.relearn(place, trial) } else { self.learn(place, trial) };
        let front_changed = self.update_front(place, change);
        self.update_best(place, follows) || front_changed
    }

    /// What is known now.
    pub fn moment(&self) -> &Moment {
        &self.moment
    }

    fn place(&mut self, trial: &'a Trial<C>) -> usize {
        let next = self.functions.len();
        let place = *self.places.entry(trial.identity.fingerprint).or_insert(next);
        if place == next {
            self.functions.push(Function { shown: trial, trials: Vec::new(), points: Vec::new() });
        }
        place
    }

    /// One more trial of a function that another one stands for.
    fn learn(&mut self, place: usize, trial: &'a Trial<C>) -> Change {
        let function = &mut self.functions[place];
        function.trials.push(trial);
        let new = Vec::from_iter(function.new_point(self.tradeoff, trial));
        function.points.extend(new.iter().cloned());
        Change { lost: Vec::new(), new }
    }

    /// This trial stands for its function now: of those before, the ones like it count.
    fn relearn(&mut self, place: usize, trial: &'a Trial<C>) -> Change {
        let function = &mut self.functions[place];
        let lost = std::mem::take(&mut function.points);
        function.shown = trial;
        function.trials.push(trial);
        for known in function.trials.clone() {
            let point = function.new_point(self.tradeoff, known);
            function.points.extend(point);
        }
        Change { lost, new: function.points.clone() }
    }

    fn update_front(&mut self, place: usize, Change { lost, new }: Change) -> bool {
        let tier = Some(self.functions[place].shown.tier());
        if tier > self.highest || lost.iter().any(|point| self.front.contains(point)) {
            return self.rebuild_front();
        }
        let mut changed = false;
        for point in new.into_iter().filter(|_| tier == self.highest) {
            if !is_covered(&self.front, &point) {
                self.moment.hypervolume += gain(&point, &self.front, &self.reference);
                changed |= enter(&mut self.front, point);
            }
        }
        self.moment.front = self.front.len();
        changed
    }

    fn rebuild_front(&mut self) -> bool {
        self.highest = self.functions.iter().map(|function| function.shown.tier()).max();
        let highest = self.functions.iter().filter(|function| Some(function.shown.tier()) == self.highest);
        let front = undominated(highest.flat_map(|function| &function.points).cloned());
        let before = std::mem::replace(&mut self.front, front);
        self.moment.front = self.front.len();
        self.moment.hypervolume = hypervolume(&self.front, &self.reference);
        before.len() != self.front.len() || before.iter().any(|point| !self.front.contains(point))
    }

    fn update_best(&mut self, place: usize, follows: bool) -> bool {
        let looks_at_all = follows && self.best == Some(place);
        let candidates = if looks_at_all { 0..self.functions.len() } else { place..place + 1 };
        let standing = self.best.filter(|best| !candidates.contains(best));
        let shown = |place: usize| self.functions[place].shown;
        let counting = candidates.filter(|place| self.objective.counts(shown(*place)));
        let better = |a, b| if self.objective.rank(shown(b), shown(a)).is_gt() { b } else { a };
        self.best = standing.into_iter().chain(counting).reduce(better);
        let value = self.best.and_then(|best| self.objective.value(&shown(best).verdict));
        value != std::mem::replace(&mut self.moment.best, value)
    }
}

impl<C> Function<'_, C> {
    /// The point of a trial that counts as the one which is shown does, unless it is known.
    fn new_point(&self, tradeoff: &Tradeoff, trial: &Trial<C>) -> Option<Point> {
        let counts = trial.breaks.is_none()
            && trial.tier() == self.shown.tier()
            && trial.verdict == self.shown.verdict;
        tradeoff.point(trial).filter(|point| counts && !self.points.contains(point))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use hashing::{Class, Digest, Identity, Key, Rng};
    use tasks::{Reason, Scores, Verdict};

    use super::*;
    use crate::{Miss, Origin, Rung, Times};

    /// Few functions and small whole numbers, so that points repeat and verdicts change; some break a constraint, some have
    /// no score.
    fn drawn(rng: &mut Rng, number: u64, fidelities: &[u64]) -> Trial<u64> {
        let function = Digest([rng.below(12) as u8; 32]);
        let fidelity = Fidelity(*rng.choose(fidelities));
        let key = Key(Digest([function.0[0], fidelity.0 as u8].repeat(16).try_into().expect("32 bytes")));
        let scores = Scores([("score".to_string(), rng.below(6) as f64)].into());
        let is_scored = rng.chance(0.9);
        let reason = Reason::NotFinite { step: 1 };
        Trial {
            number,
            candidate: number,
            operator: "sample".into(),
            parents: Vec::new(),
            identity: Identity {
                structural: function,
                fingerprint: Fingerprint(function),
                class: Class::Function,
            },
            key,
            origin: if rng.chance(0.5) { Origin::FullHit } else { Origin::Miss(Miss::Unseen) },
            payer: None,
            verdict: if is_scored { Verdict::Scored(scores) } else { Verdict::Invalid(reason) },
            measured: None,
            seed: 0,
            form_is_recorded: false,
            steps: 1,
            costs: ["a", "b"].map(|name| (name.to_string(), rng.below(5) as f64)).into(),
            measures: BTreeMap::new(),
            breaks: rng.chance(0.2).then(|| "too slow".into()),
            rung: (fidelities.len() > 1).then_some(Rung { fidelity, full: key }),
            times: Times { evaluation: 1.0, ..Times::default() },
        }
    }

    #[test]
    fn every_moment_is_what_the_trials_up_to_it_show() {
        let objective = Objective::new("score", true);
        let tradeoff = Tradeoff::of(&objective, &["a".into(), "b".into()]);
        let reference = vec![-1.0, -6.0, -6.0];
        let mut seen = [0; 3];
        for (seed, fidelities) in
            (0..60).map(|seed| (seed, if seed % 2 == 0 { &[1][..] } else { &[1, 3][..] }))
        {
            let mut rng = Rng::named(seed, "history", 0);
            let trials: Vec<_> = (0..60).map(|number| drawn(&mut rng, number, fidelities)).collect();
            let mut history = History::new(&objective, &tradeoff, reference.clone());
            let mut before = (None, Vec::new());
            for (place, trial) in trials.iter().enumerate() {
                let changed = history.observe(trial);
                let so_far = &trials[..=place];
                let best = objective.best(so_far, 1).first().and_then(|best| objective.value(&best.verdict));
                let front = tradeoff.front(so_far);
                let mut points: Vec<_> = front.iter().map(|trial| tradeoff.point(trial).unwrap()).collect();
                points.sort_by(|a, b| a.partial_cmp(b).unwrap());
                let moment = history.moment();
                assert_eq!((moment.best, moment.front), (best, points.len()), "seed {seed}, trial {place}");
                assert_eq!(
                    moment.hypervolume,
                    hypervolume(&points, &reference),
                    "seed {seed}, trial {place}"
                );
                let evaluated = so_far.iter().filter(|trial| trial.origin.is_evaluated()).count();
                assert_eq!(
                    (moment.trained as usize, moment.answered as usize),
                    (evaluated, place + 1 - evaluated)
                );
                let now = (best, points);
                assert_eq!(changed, before != now, "seed {seed}, trial {place}");
                seen[0] += usize::from(now.0 < before.0);
                seen[1] += usize::from(now.1.len() > 3);
                seen[2] += usize::from(changed);
                before = now;
            }
        }
        assert!(
            seen.iter().all(|count| *count > 50),
            "{seen:?}: the best is lost, fronts are wide, moments differ"
        );
    }
}
