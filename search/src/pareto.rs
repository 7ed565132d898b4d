//! Several goals at once, none of which decides alone: who dominates whom, and which trials nobody dominates.

use tasks::Verdict;

pub use crate::hypervolume::{gain, hypervolume};
use crate::objective::last_verdicts;
use crate::{Goal, Objective, Trial};

/// The name of the seconds that the evaluation took which answered a trial, whoever paid for it.
pub const SECONDS: &str = "seconds";

/// What is weighed against each other; [`Trial::number`] has the numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct Tradeoff(pub Vec<Goal>);

/// One number for each goal; higher is better in all of them.
pub type Point = Vec<f64>;

impl Tradeoff {
    /// All metrics of an objective, and what should be low besides.
    pub fn of(objective: &Objective, against: &[String]) -> Self {
        let low = |name: &String| Goal { metric: name.clone(), higher_is_better: false };
        Self(objective.0.iter().cloned().chain(against.iter().map(low)).collect())
    }

    /// `None` if the trial has no score, or lacks one of the numbers; one that is not finite is lacking.
    pub fn point<C>(&self, trial: &Trial<C>) -> Option<Point> {
        let Verdict::Scored(_) = trial.verdict else { return None };
        let number = |goal: &Goal| {
            let number = trial.number(&goal.metric).filter(|number| number.is_finite())?;
            Some(if goal.higher_is_better { number } else { -number })
        };
        self.0.iter().map(number).collect()
    }

    /// The trials that no other dominates, in their order; of those at one point, the first. Only trials that have the
    /// last verdict of their function and break no constraint count, and where a study has several fidelities, those at the
    /// highest reached.
    pub fn front<'a, C>(&self, trials: &'a [Trial<C>]) -> Vec<&'a Trial<C>> {
        let last = last_verdicts(trials);
        let highest = last.values().map(|trial| trial.tier()).max();
        let counts = |trial: &&Trial<C>| {
            let shown = last[&trial.identity.fingerprint];
            let tier = trial.tier();
            Some(tier) == highest
                && tier == shown.tier()
                && trial.breaks.is_none()
                && trial.verdict == shown.verdict
        };
        let mut front: Vec<(&Trial<C>, Point)> = Vec::new();
        for trial in trials.iter().filter(counts) {
            let Some(point) = self.point(trial) else { continue };
            if front.iter().any(|(_, known)| *known == point || dominates(known, &point)) {
                continue;
            }
            front.retain(|(_, known)| !dominates(&point, known));
            front.push((trial, point));
        }
        front.into_iter().map(|(trial, _)| trial).collect()
    }
}

impl<C> Trial<C> {
    /// A score of the verdict or, where that has none of the name, a cost or a measure of the written form, or
    /// [`SECONDS`].
    pub fn number(&self, name: &str) -> Option<f64> {
        let of_form = || self.costs.get(name).or_else(|| self.measures.get(name)).copied();
        let seconds = || (name == SECONDS).then_some(self.times.evaluation + self.times.saved);
        self.verdict.score(name).or_else(of_form).or_else(seconds)
    }
}

/// Whether `a` is nowhere worse than `b`, and somewhere better.
pub fn dominates(a: &[f64], b: &[f64]) -> bool {
    let mut pairs = a.iter().zip(b);
    pairs.clone().all(|(a, b)| a >= b) && pairs.any(|(a, b)| a > b)
}

/// The points that no other dominates, each once.
pub fn undominated(points: impl IntoIterator<Item = Point>) -> Vec<Point> {
    let mut front = Vec::new();
    for point in points {
        enter(&mut front, point);
    }
    front
}

/// Whether one of these is this point, or dominates it.
pub fn is_covered(front: &[Point], point: &Point) -> bool {
    front.iter().any(|known| known == point || dominates(known, point))
}

/// Lets a point into a front, unless one there is like it or dominates it; what it dominates goes. Whether it is in.
pub fn enter(front: &mut Vec<Point>, point: Point) -> bool {
    if is_covered(front, &point) {
        return false;
    }
    front.retain(|known| !dominates(&point, known));
    front.push(point);
    true
}

/// How many fronts lie before that of each point: 0 for those that no other dominates, 1 for those that are so once the
/// former are gone, and so on (fast sorting of Deb et al. 2002).
pub fn ranks(points: &[Point]) -> Vec<usize> {
    let above = |b: &Point| points.iter().filter(|a| dominates(a, b)).count();
    let mut above: Vec<usize> = points.iter().map(above).collect();
    let mut ranks = vec![0; points.len()];
    let mut front: Vec<usize> = (0..points.len()).filter(|place| above[*place] == 0).collect();
    for rank in 0.. {
        front.iter().for_each(|place| ranks[*place] = rank);
        let mut next = Vec::new();
        for a in front {
            for b in (0..points.len()).filter(|b| dominates(&points[a], &points[*b])) {
                above[b] -= 1;
                next.extend((above[b] == 0).then_some(b));
            }
        }
        if next.is_empty() {
            break;
        }
        front = next;
    }
    ranks
}

/// How far apart the neighbors of each point of a front are, summed over the goals, each in shares of the front's
/// extent; infinite at both ends of any goal (Deb et al. 2002).
pub fn crowding(front: &[&Point]) -> Vec<f64> {
    let mut distances = vec![0.0; front.len()];
    for goal in 0..front.first().map_or(0, |point| point.len()) {
        let mut order: Vec<usize> = (0..front.len()).collect();
        order.sort_by(|a, b| front[*a][goal].total_cmp(&front[*b][goal]));
        let (first, last) = (order[0], order[front.len() - 1]);
        let extent = front[last][goal] - front[first][goal];
        distances[first] = f64::INFINITY;
        distances[last] = f64::INFINITY;
        for around in order.windows(3).filter(|_| extent > 0.0) {
            distances[around[1]] += (front[around[2]][goal] - front[around[0]][goal]) / extent;
        }
    }
    distances
}

#[cfg(test)]
pub(crate) mod tests {
    use hashing::Rng;

    use super::*;

    /// Small whole numbers, so that points and coordinates repeat.
    fn drawn(seed: u64, goals: usize) -> Vec<Point> {
        let mut rng = Rng::named(seed, "points", goals as u64);
        let count = rng.below(14);
        (0..count).map(|_| (0..goals).map(|_| rng.below(5) as f64).collect()).collect()
    }

    pub(crate) fn cases() -> impl Iterator<Item = Vec<Point>> {
        (1..5).flat_map(|goals| (0..60).map(move |seed| drawn(seed, goals)))
    }

    #[test]
    fn dominating_is_a_strict_order() {
        let points: Vec<Point> = (0..27).map(|n| [n / 9, n / 3 % 3, n % 3].map(f64::from).to_vec()).collect();
        for a in &points {
            assert!(!dominates(a, a));
            for b in &points {
                let expected = a != b && (0..3).all(|goal| a[goal] >= b[goal]);
                assert_eq!(dominates(a, b), expected, "{a:?} {b:?}");
                assert!(!(dominates(a, b) && dominates(b, a)));
                for c in points.iter().filter(|_| dominates(a, b)) {
                    assert!(dominates(a, c) || !dominates(b, c));
                }
            }
        }
    }

    #[test]
    fn a_rank_is_what_peeling_fronts_off_gives() {
        let mut deepest = 0;
        for points in cases() {
            let ranks = ranks(&points);
            let mut left: Vec<usize> = (0..points.len()).collect();
            for rank in 0.. {
                let beaten = |a: &usize| left.iter().any(|b| dominates(&points[*b], &points[*a]));
                let (behind, front): (Vec<_>, Vec<_>) = left.iter().copied().partition(beaten);
                assert!(front.iter().all(|place| ranks[*place] == rank), "{points:?} {ranks:?}");
                deepest = deepest.max(rank);
                left = behind;
                if left.is_empty() {
                    break;
                }
            }
        }
        assert!(deepest >= 5);
    }

    #[test]
    fn crowding_is_infinite_at_the_ends_and_the_gap_of_the_neighbors_between() {
        let front = [vec![0.0, 10.0], vec![1.0, 6.0], vec![3.0, 5.0], vec![4.0, 0.0]];
        let distances = crowding(&front.iter().collect::<Vec<_>>());
        assert_eq!(distances, [f64::INFINITY, 3.0 / 4.0 + 5.0 / 10.0, 3.0 / 4.0 + 6.0 / 10.0, f64::INFINITY]);
        let same = vec![2.0, 2.0];
        let distances = crowding(&[&same, &same, &same]);
        assert_eq!(distances.iter().filter(|distance| **distance == 0.0).count(), 1, "{distances:?}");
        assert_eq!((crowding(&[&same]), crowding(&[])), (vec![f64::INFINITY], vec![]));
        let worst = vec![f64::NEG_INFINITY; 2];
        assert!(crowding(&[&worst, &worst, &worst]).iter().all(|distance| !distance.is_nan()));
    }
}
