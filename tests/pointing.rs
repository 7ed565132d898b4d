//! Laws of the tasks that point: every target is what brute force finds, the same settings give the same cases, and
//! scores say what they should of right and of wrong answers.

use std::collections::BTreeSet;

use hashing::Rng;
use tasks::pointing::{Kind, Part, Pointed, Pointing, UNIT, convex_hull, covered};

type Point = [i64; 2];

/// A few cases each, of odd lengths too.
fn settings() -> Vec<Pointing> {
    let few = |kind: Kind| Pointing { training: 60, epoch: 60, validation: 40, test: 40, ..kind.small() };
    let [sort, hull] = Kind::ALL.map(few);
    vec![
        sort.clone(),
        hull.clone(),
        Pointing { shortest: 2, longest: 2, ..sort },
        Pointing { shortest: 3, longest: 3, ..hull.clone() },
        Pointing { shortest: 9, longest: 15, training: 20, epoch: 20, validation: 8, test: 8, ..hull },
    ]
}

fn all_cases(task: &Pointing) -> Vec<Pointed> {
    let parts = [Part::Training, Part::Validation, Part::Test];
    parts.into_iter().flat_map(|part| [task.cases(part), task.cases_at_twice(part)].concat()).collect()
}

fn points(case: &Pointed) -> Vec<Point> {
    case.numbers.chunks(2).map(|pair| [pair[0], pair[1]]).collect()
}

fn turn(a: Point, b: Point, c: Point) -> i64 {
    (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
}

/// A point is a corner unless it lies in a triangle of others, its border counted, or between two others.
fn is_corner(points: &[Point], at: usize) -> bool {
    let (p, count) = (points[at], points.len());
    let others = || (0..count).filter(|other| points[*other] != p).map(|other| points[other]);
    let between = |a: Point, b: Point| {
        turn(a, b, p) == 0 && (a[0] - p[0]) * (b[0] - p[0]) + (a[1] - p[1]) * (b[1] - p[1]) < 0
    };
    let inside = |a: Point, b: Point, c: Point| {
        let turns = [turn(a, b, p), turn(b, c, p), turn(c, a, p)];
        turn(a, b, c) != 0 && (turns.iter().all(|turn| *turn >= 0) || turns.iter().all(|turn| *turn <= 0))
    };
    let covered = others().any(|a| others().any(|b| between(a, b) || others().any(|c| inside(a, b, c))));
    !covered && !points[..at].contains(&p)
}

fn assert_hull(points: &[Point], hull: &[usize]) {
    let corners: BTreeSet<usize> = (0..points.len()).filter(|at| is_corner(points, *at)).collect();
    assert_eq!(hull.iter().copied().collect::<BTreeSet<_>>(), corners, "{points:?}");
    assert_eq!((hull.len(), hull.first()), (corners.len(), corners.first()), "{points:?}");
    if hull.len() > 2 {
        for (place, from) in hull.iter().enumerate() {
            let to = hull[(place + 1) % hull.len()];
            // Nothing lies to the right of an edge.
            assert!(points.iter().all(|p| turn(points[*from], points[to], *p) >= 0), "{points:?}");
        }
    }
}

#[test]
fn hulls_are_those_of_brute_force() {
    let mut rng = Rng::named(0, "hull", 0);
    for number in 0..600 {
        // Of a coarse grid, most points lie on lines with others or come twice.
        let side = [2, 3, 4, 8, 1 << 24][number % 5];
        let count = 1 + rng.below(12);
        let points: Vec<Point> = (0..count).map(|_| [0; 2].map(|_: i64| rng.below(side) as i64)).collect();
        assert_hull(&points, &convex_hull(&points));
    }
    let corner = UNIT - 1;
    let extreme = [[0, 0], [corner, 0], [corner, corner], [0, corner], [corner, corner - 1]];
    assert_hull(&extreme, &convex_hull(&extreme));
}

#[test]
fn targets_are_what_brute_force_finds() {
    for task in settings() {
        task.check().unwrap();
        for case in all_cases(&task) {
            let length = case.length();
            match task.task {
                Kind::Sort => {
                    // The place of a number is how many are smaller.
                    let smaller =
                        |at: &usize| case.numbers.iter().filter(|x| **x < case.numbers[*at]).count();
                    assert!(case.targets.iter().map(smaller).eq(0..length), "{case:?}");
                }
                Kind::ConvexHull => {
                    let (end, hull) = case.targets.split_last().unwrap();
                    assert_eq!(*end, length, "{case:?}");
                    assert_hull(&points(&case), hull);
                }
            }
        }
    }
}

#[test]
fn lengths_and_numbers_are_as_the_settings_say() {
    for task in settings() {
        let lengths = |cases: Vec<Pointed>| cases.iter().map(Pointed::length).collect::<BTreeSet<_>>();
        let all = (task.shortest..=task.longest).collect();
        assert!(lengths(task.cases(Part::Training)).is_subset(&all), "{task:?}");
        if task.training == 60 {
            assert_eq!(lengths(task.cases(Part::Training)), all, "{task:?}");
        }
        for part in [Part::Validation, Part::Test] {
            assert_eq!(lengths(task.cases(part)), [task.longest].into());
            assert_eq!(lengths(task.cases_at_twice(part)), [2 * task.longest].into());
        }
        for case in all_cases(&task) {
            assert_eq!(case.channels, task.task.channels());
            assert!(case.numbers.iter().all(|number| (0..UNIT).contains(number)));
            // No bit is lost on the way into a network.
            assert!(case.values().iter().all(|x| f64::from(*x as f32) == *x && (0.0..1.0).contains(x)));
        }
    }
}

#[test]
fn cases_are_the_same_for_the_same_seed_and_differ_between_parts_seeds_and_numbers() {
    for kind in Kind::ALL {
        let task = Pointing { training: 50, epoch: 50, validation: 50, test: 50, ..kind.small() };
        let more = Pointing { test: 60, ..task.clone() }.cases(Part::Test);
        assert_eq!(more[..50], task.cases(Part::Test));
        let other = Pointing { seed: 1, ..task.clone() };
        let all = [all_cases(&task), all_cases(&other)].concat();
        let distinct: BTreeSet<_> = all.iter().map(|case| case.numbers.clone()).collect();
        assert_eq!((all.len(), distinct.len()), (600, 600), "{kind:?}");
    }
}

#[test]
fn what_is_right_scores_one_and_what_is_guessed_little() {
    for task in settings() {
        let cases = task.cases(Part::Validation);
        let right: Vec<_> = cases.iter().map(|case| case.targets.clone()).collect();
        let scores = task.scores(&cases, &right);
        assert!(scores.keys().map(String::as_str).eq({
            let mut names = task.score_names().to_vec();
            names.sort_unstable();
            names
        }));
        assert!(scores.values().all(|score| *score == 1.0), "{scores:?}");
        let guess: Vec<_> = cases.iter().map(|case| (0..case.targets.len()).collect()).collect();
        let scores = task.scores(&cases, &guess);
        assert!(scores["accuracy"] < 0.8 && scores["sequence_accuracy"] <= scores["accuracy"], "{scores:?}");
    }
}

#[test]
fn a_share_of_positions_is_a_share_of_the_targets() {
    let case = Pointed { channels: 1, numbers: vec![3, 1, 2, 0], targets: vec![3, 1, 2, 0] };
    let task = Kind::Sort.small();
    let score = |answer: &[usize]| task.scores(std::slice::from_ref(&case), &[answer.to_vec()])["accuracy"];
    assert_eq!(
        [score(&[3, 1, 0, 2]), score(&[3]), score(&[]), score(&[3, 1, 2, 0, 0])],
        [0.5, 0.25, 0.0, 1.0]
    );
    let longer = task.scores(std::slice::from_ref(&case), &[vec![3, 1, 2, 0, 0]]);
    assert_eq!(longer["sequence_accuracy"], 0.0);
}

#[test]
fn the_area_is_that_of_the_polygon_which_is_told() {
    // A square of 8 with its center and the middle of an edge.
    let numbers = vec![0, 0, 8, 0, 8, 8, 0, 8, 4, 4, 8, 4];
    let targets = [convex_hull(&[[0, 0], [8, 0], [8, 8], [0, 8], [4, 4], [8, 4]]), vec![6]].concat();
    let case = Pointed { channels: 2, numbers, targets };
    let told = [
        (&[0, 1, 2, 3, 6][..], 1.0),
        // Another start, the other way round, a point on an edge.
        (&[2, 1, 0, 3, 6], 1.0),
        (&[0, 1, 5, 2, 3, 6], 1.0),
        (&[0, 1, 2, 6], 0.5),
        (&[0, 1, 4, 2, 3, 6], 0.75),
        // No end, two points, edges that cross, a corner that comes twice, an end in between.
        (&[0, 1, 2, 3], 0.0),
        (&[0, 1, 6], 0.0),
        (&[6], 0.0),
        (&[], 0.0),
        (&[0, 2, 1, 3, 6], 0.0),
        (&[0, 1, 2, 0, 3, 6], 0.0),
        (&[0, 1, 6, 2, 6], 0.0),
    ];
    for (answer, share) in told {
        assert_eq!(covered(&case, answer), share, "{answer:?}");
    }
}

/// The first cases of each, as a sum that depends on every number and its place.
#[test]
fn cases_are_pinned() {
    let sum = |kind: Kind| {
        let cases = Pointing { training: 20, epoch: 20, ..kind.small() }.cases(Part::Training);
        let numbers = cases.iter().flat_map(|case| case.numbers.iter().copied());
        let all = numbers.chain(cases.iter().flat_map(|case| case.targets.iter().map(|at| *at as i64)));
        all.fold(0u64, |sum, number| sum.wrapping_mul(31).wrapping_add(number as u64))
    };
    assert_eq!(Kind::ALL.map(sum), PINNED, "cases drifted: raise pointing::VERSION, and pin the new ones");
}
const PINNED: [u64; 2] = [4_710_376_225_654_396_631, 18_368_360_566_023_772_321];

#[test]
fn what_cannot_be_drawn_is_refused_with_the_name_of_the_task() {
    type Change = fn(&mut Pointing);
    let refused: [(Kind, Change, &str); 8] = [
        (Kind::Sort, |it| it.shortest = 1, "1 to 10 tokens; give 2 or more"),
        (Kind::ConvexHull, |it| it.shortest = 2, "give 3 or more"),
        (Kind::Sort, |it| it.longest = 4, "5 to 4 tokens"),
        (Kind::Sort, |it| it.longest = 65, "at most 64"),
        (Kind::Sort, |it| it.training = 0, "0 training cases"),
        (Kind::Sort, |it| it.validation = usize::MAX, "validation cases"),
        (Kind::ConvexHull, |it| it.test = 0, "0 test cases"),
        (Kind::ConvexHull, |it| it.epoch = it.training + 1, "1 to the 64000"),
    ];
    for (kind, change, word) in refused {
        let mut task = kind.small();
        assert_eq!(task.check(), Ok(()));
        change(&mut task);
        let error = task.check().unwrap_err();
        assert!(error.contains(word) && error.contains(kind.name()), "{word}: {error}");
    }
}

#[test]
fn settings_survive_json_and_kinds_are_named_as_they_are_written() {
    for kind in Kind::ALL {
        let json = serde_json::to_string(&kind.small()).unwrap();
        assert_eq!(serde_json::from_str::<Pointing>(&json).unwrap(), kind.small());
        assert!(json.contains(&format!("\"task\":\"{}\"", kind.name())), "{json}");
    }
}
