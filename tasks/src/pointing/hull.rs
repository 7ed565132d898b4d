//! The convex hull: points of the unit square; point at the corners of their hull counter-clockwise, from the one that
//! stands first in the input, and then at the end.
//!
//! Points are pairs of integers below 2²⁴, so that twice the area of a triangle is an `i64` and its sign is exact. A point
//! on an edge between two others is no corner.

use hashing::Rng;

use super::{Pointed, UNIT};

type Point = [i64; 2];

/// Points that differ and do not lie on one line.
pub fn case(length: usize, rng: &mut Rng) -> Pointed {
    loop {
        let numbers: Vec<i64> = (0..2 * length).map(|_| rng.below(UNIT as usize) as i64).collect();
        let points = points(&numbers);
        let mut sorted = points.clone();
        sorted.sort_unstable();
        sorted.dedup();
        let hull = convex_hull(&points);
        if sorted.len() == length && hull.len() > 2 {
            let targets = [hull, vec![length]].concat();
            return Pointed { channels: 2, numbers, targets };
        }
    }
}

fn points(numbers: &[i64]) -> Vec<Point> {
    numbers.chunks_exact(2).map(|pair| [pair[0], pair[1]]).collect()
}

/// Twice the area of a triangle: above 0 where a, b, c turn left.
fn turn([ax, ay]: Point, [bx, by]: Point, [cx, cy]: Point) -> i64 {
    (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
}

/// Positions of the corners, counter-clockwise from the lowest position: two chains over the points from left to right
/// (Andrew 1979). Fewer than three where all lie on one line. Coordinates are below 2²⁴, or in a range as wide.
pub fn convex_hull(points: &[Point]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..points.len()).collect();
    order.sort_by_key(|position| points[*position]);
    order.dedup_by_key(|position| points[*position]);
    if order.len() < 2 {
        return order;
    }
    let chain = |positions: &mut dyn Iterator<Item = usize>| {
        let mut chain: Vec<usize> = Vec::new();
        for next in positions {
            while let [.., a, b] = chain[..]
                && turn(points[a], points[b], points[next]) <= 0
            {
                chain.pop();
            }
            chain.push(next);
        }
        // The last one begins the other chain.
        chain.pop();
        chain
    };
    let (below, above) = (chain(&mut order.iter().copied()), chain(&mut order.iter().rev().copied()));
    let mut hull = [below, above].concat();
    let first = (0..hull.len()).min_by_key(|place| hull[*place]).unwrap_or(0);
    hull.rotate_left(first);
    hull
}

/// The share of the hull's area that an answer covers: 0 where it does not end, or is no polygon whose edges keep apart.
pub fn covered(case: &Pointed, answer: &[usize]) -> f64 {
    let (points, length) = (points(&case.numbers), case.length());
    let corners = |positions: &[usize]| positions.iter().map(|at| points[*at]).collect::<Vec<_>>();
    match answer.split_last() {
        Some((end, polygon)) if *end == length && polygon.iter().all(|at| *at < length) => {
            let polygon = corners(polygon);
            let hull = corners(&convex_hull(&points));
            if is_simple(&polygon) {
                twice_the_area(&polygon) as f64 / twice_the_area(&hull) as f64
            } else {
                0.0
            }
        }
        _ => 0.0,
    }
}

fn twice_the_area(polygon: &[Point]) -> i64 {
    let edge = |([ax, ay], [bx, by]): (Point, Point)| ax * by - ay * bx;
    edges(polygon).map(edge).sum::<i64>().abs()
}

fn edges(polygon: &[Point]) -> impl Iterator<Item = (Point, Point)> {
    let next = polygon.iter().cycle().skip(1);
    polygon.iter().copied().zip(next.copied()).take(polygon.len())
}

/// Whether a polygon has three corners or more and no two of its edges touch, but neighbors at the corner they share.
fn is_simple(polygon: &[Point]) -> bool {
    let (edges, count): (Vec<_>, usize) = (edges(polygon).collect(), polygon.len());
    let apart = |(i, j): (usize, usize)| {
        let ((a, b), (c, d)) = (edges[i], edges[j]);
        match (j - i, i + count - j) {
            (1, _) => !folds_back(a, b, d),
            (_, 1) => !folds_back(c, a, b),
            _ => !touch((a, b), (c, d)),
        }
    };
    let pairs = |i: usize| (i + 1..count).map(move |j| (i, j));
    count > 2 && (0..count).flat_map(pairs).all(apart)
}

/// Whether the way from a to b goes on to c over itself.
fn folds_back(a: Point, b: Point, c: Point) -> bool {
    let along = |i: usize| (a[i] - b[i]) * (c[i] - b[i]);
    turn(a, b, c) == 0 && along(0) + along(1) > 0
}

/// Whether two segments have a point in common.
fn touch((a, b): (Point, Point), (c, d): (Point, Point)) -> bool {
    let [abc, abd, cda, cdb] = [turn(a, b, c), turn(a, b, d), turn(c, d, a), turn(c, d, b)].map(i64::signum);
    let on = |turn: i64, a: Point, b: Point, c: Point| {
        turn == 0 && [0, 1].iter().all(|i| (a[*i].min(b[*i])..=a[*i].max(b[*i])).contains(&c[*i]))
    };
    abc * abd < 0 && cda * cdb < 0
        || on(abc, a, b, c)
        || on(abd, a, b, d)
        || on(cda, c, d, a)
        || on(cdb, c, d, b)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn polygons_that_cross_touch_or_turn_back_are_not_simple() {
        let simple: [&[Point]; 3] = [
            &[[0, 0], [4, 0], [0, 4]],
            &[[0, 0], [4, 0], [4, 4], [0, 4]],
            // A dent, and corners on an edge.
            &[[0, 0], [2, 0], [4, 0], [4, 4], [2, 1], [0, 4]],
        ];
        simple.iter().for_each(|polygon| assert!(is_simple(polygon), "{polygon:?}"));
        let others: [&[Point]; 7] = [
            &[],
            &[[0, 0], [4, 0]],
            &[[0, 0], [4, 4], [4, 0], [0, 4]],
            // Back on the edge that came before: between two, at the end, at the start.
            &[[0, 0], [4, 0], [2, 0]],
            &[[0, 0], [4, 0], [2, 0], [4, 4]],
            &[[2, 0], [4, 4], [0, 0], [4, 0]],
            // A corner on another edge.
            &[[0, 0], [4, 0], [4, 4], [2, 0], [0, 4]],
        ];
        others.iter().for_each(|polygon| assert!(!is_simple(polygon), "{polygon:?}"));
    }
}
