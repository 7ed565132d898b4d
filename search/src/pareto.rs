//! Several goals at once, none of which decides alone: who dominates whom, which trials nobody dominates, and how much
//! a set of them covers.

use tasks::Verdict;

use crate::trial::last_verdicts;
use crate::{Goal, Objective, Trial};

/// What is weighed against each other. The number of a goal is a score of the verdict or, where that has none of the
/// name, a cost of the written form.
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
            let found = trial.verdict.score(&goal.metric).or_else(|| trial.costs.get(&goal.metric).copied());
            let number = found.filter(|number| number.is_finite())?;
            Some(if goal.higher_is_better { number } else { -number })
        };
        self.0.iter().map(number).collect()
    }

    /// The trials that no other dominates, in their order; of those at one point, the first. Only trials that have the
    /// last verdict of their function count, and where a study has several fidelities, those at the highest reached.
    pub fn front<'a, C>(&self, trials: &'a [Trial<C>]) -> Vec<&'a Trial<C>> {
        let last = last_verdicts(trials);
        let highest = last.values().map(|trial| trial.tier()).max();
        let counts = |trial: &&Trial<C>| {
            let verdict = &last[&trial.identity.fingerprint].verdict;
            Some(trial.tier()) == highest && *verdict == trial.verdict
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

/// Whether `a` is nowhere worse than `b`, and somewhere better.
pub fn dominates(a: &[f64], b: &[f64]) -> bool {
    let mut pairs = a.iter().zip(b);
    pairs.clone().all(|(a, b)| a >= b) && pairs.any(|(a, b)| a > b)
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

/// The volume between `reference` and the points above it in every goal. Exact, by slicing; for some hundred points of
/// two goals, or some dozens of four.
pub fn hypervolume(points: &[Point], reference: &[f64]) -> f64 {
    let above = |point: &&Point| point.iter().zip(reference).all(|(x, least)| x > least);
    sliced(points.iter().filter(above).map(Vec::as_slice).collect(), reference)
}

/// Each slice is as high as the last goal's gap to the next lower point; its base is what the points at least as high
/// cover in the other goals.
fn sliced(mut points: Vec<&[f64]>, reference: &[f64]) -> f64 {
    let Some((floor, rest)) = reference.split_last() else {
        return if points.is_empty() { 0.0 } else { 1.0 };
    };
    let height = |point: &&[f64]| point[rest.len()];
    points.sort_by(|a, b| height(b).total_cmp(&height(a)));
    let lower = points.iter().skip(1).map(height).chain([*floor]);
    let slice = |(place, lower): (usize, f64)| {
        let extent = height(&points[place]) - lower;
        let base = || sliced(points[..=place].iter().map(|point| &point[..rest.len()]).collect(), rest);
        if extent > 0.0 { extent * base() } else { 0.0 }
    };
    lower.enumerate().take(points.len()).map(slice).sum()
}

#[cfg(test)]
mod tests {
    use hashing::Rng;

    use super::*;

    /// Small whole numbers, so that points and coordinates repeat.
    fn drawn(seed: u64, goals: usize) -> Vec<Point> {
        let mut rng = Rng::named(seed, "points", goals as u64);
        let count = rng.below(14);
        (0..count).map(|_| (0..goals).map(|_| rng.below(5) as f64).collect()).collect()
    }

    fn cases() -> impl Iterator<Item = Vec<Point>> {
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

    #[test]
    fn volumes_that_are_known_are_found() {
        let volume = |points: &[&[f64]], reference: &[f64]| {
            hypervolume(&points.iter().map(|point| point.to_vec()).collect::<Vec<_>>(), reference)
        };
        assert_eq!(volume(&[&[3.0]], &[1.0]), 2.0);
        assert_eq!(volume(&[&[1.0, 3.0], &[2.0, 2.0], &[3.0, 1.0]], &[0.0, 0.0]), 6.0);
        assert_eq!(volume(&[&[1.0, 3.0], &[2.0, 2.0], &[3.0, 1.0], &[1.0, 1.0]], &[0.0, 0.0]), 6.0);
        assert_eq!(volume(&[&[-1.0, -2.0]], &[-4.0, -4.0]), 6.0, "what should be low is negative");
        assert_eq!(volume(&[&[2.0, 1.0, 1.0], &[1.0, 2.0, 1.0], &[1.0, 1.0, 2.0]], &[0.0; 3]), 4.0);
        assert_eq!(volume(&[&[2.0, 0.0], &[0.0, 2.0]], &[0.0, 0.0]), 0.0, "not above the reference");
        assert_eq!(volume(&[], &[0.0, 0.0]), 0.0);
    }

    #[test]
    fn a_volume_is_the_number_of_cells_below_the_points() {
        for points in cases().filter(|points| !points.is_empty()) {
            let goals = points[0].len() as u32;
            let cell =
                |n: u32| (0..goals).map(move |goal| f64::from(n / 5u32.pow(goal) % 5)).collect::<Point>();
            let below =
                |cell: &Point| points.iter().any(|p| p.iter().zip(cell).all(|(x, corner)| x > corner));
            let covered = (0..5u32.pow(goals)).map(cell).filter(below).count();
            assert_eq!(hypervolume(&points, &vec![0.0; goals as usize]), covered as f64, "{points:?}");
        }
    }
}
