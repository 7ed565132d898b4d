//! How much a set of points covers: the volume between them and a reference (WFG: While, Bradstreet and Barone 2012, doi
//! 10.1109/TEVC.2010.2077298).

use crate::pareto::{Point, undominated};

/// The volume between `reference` and the points above it in every goal. Exact; the time grows with the points that
/// differ in many goals at once: some hundreds of them are well within a second for three goals.
pub fn hypervolume(points: &[Point], reference: &[f64]) -> f64 {
    let mut front = undominated(points.iter().filter(|point| is_above(point, reference)).cloned());
    // The lowest first, so that what a point shares with later ones has one goal less.
    front.sort_by(|a, b| a.partial_cmp(b).expect("dominance would have found what is not a number"));
    let gains = (0..front.len()).map(|place| gain(&front[place], &front[place + 1..], reference));
    // The sum of no numbers is −0.
    gains.fold(0.0, |volume, gain| volume + gain)
}

/// The volume that a point adds to what others cover.
pub fn gain(point: &[f64], others: &[Point], reference: &[f64]) -> f64 {
    if !is_above(point, reference) {
        return 0.0;
    }
    let extent = |goal: usize| point[goal] - reference[goal];
    let shared = |other: &Point| other.iter().zip(point).map(|(a, b)| a.min(*b)).collect();
    let shared: Vec<Point> = others.iter().map(shared).collect();
    (0..point.len()).map(extent).product::<f64>() - hypervolume(&shared, reference)
}

fn is_above(point: &[f64], reference: &[f64]) -> bool {
    point.iter().zip(reference).all(|(x, least)| x > least)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pareto::tests::cases;

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
        assert_eq!(volume(&[], &[0.0, 0.0]).to_string(), "0", "not −0, as it would be shown");
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

    #[test]
    fn gains_in_any_order_add_up_to_the_volume() {
        for points in cases().filter(|points| !points.is_empty()) {
            let reference = vec![0.0; points[0].len()];
            let gains = (0..points.len()).map(|place| gain(&points[place], &points[..place], &reference));
            assert_eq!(gains.sum::<f64>(), hypervolume(&points, &reference), "{points:?}");
        }
    }
}
