//! Snakes: orders of the tokens of a grid in which each one stands beside the one before it (Yang et al. 2024, arXiv
//! 2403.17695).
//!
//! A mixer that runs along snakes sees tokens in a row, and what it makes of all of them is added: there is one set of weights.
//! On a grid a learned vector for the direction in which the snake moved to a token is added to what the mixer reads of it.
//! (The paper adds it to B of its Mamba alone. B is made of what the mixer reads, so that this reaches B, and whatever else
//! a mixer makes of it.) Steps are one column, with one direction to go: there is no vector.

use super::block::{Init, Tensor, Weights};
use super::math::Matrix;

/// Of the step to a token: none yet, right, left, down, up.
pub const DIRECTIONS: usize = 5;

/// The tensor of a branch that runs along snakes of a grid.
pub(super) fn directions(width: usize) -> Tensor {
    Tensor {
        name: "table",
        shape: vec![DIRECTIONS, width],
        init: Init::Normal(0.02),
        probe: (0.0, 0.5),
        decay: false,
    }
}

/// Tokens (row · columns + column) in the order of a snake: 0 goes through the rows, to the right in the first one, 2 through
/// the columns, down in the first one; 1 and 3 are these in reverse.
pub fn snake(number: usize, rows: usize, columns: usize) -> Vec<usize> {
    let turning = |line: usize, place: usize, length: usize| {
        if line.is_multiple_of(2) { place } else { length - 1 - place }
    };
    let through_rows =
        (0..rows).flat_map(|i| (0..columns).map(move |j| i * columns + turning(i, j, columns)));
    let through_columns =
        (0..columns).flat_map(|j| (0..rows).map(move |i| turning(j, i, rows) * columns + j));
    let mut tokens: Vec<usize> = if number < 2 { through_rows.collect() } else { through_columns.collect() };
    if number % 2 == 1 {
        tokens.reverse();
    }
    tokens
}

/// Row of the table for every token of a snake.
fn arrivals(tokens: &[usize], columns: usize) -> Vec<usize> {
    let arrival = |pair: &[usize]| match (pair[0] / columns, pair[1] / columns) {
        (a, b) if a < b => 3,
        (a, b) if a > b => 4,
        _ => 1 + usize::from(pair[0] > pair[1]),
    };
    std::iter::once(0).chain(tokens.windows(2).map(arrival)).collect()
}

/// What `mix` makes of so many snakes, added. `table` are the directions, if they are told.
pub(super) fn along_snakes(
    x: &Matrix,
    columns: usize,
    snakes: usize,
    table: Option<&Weights>,
    mix: impl Fn(&Matrix) -> Matrix,
) -> Matrix {
    let mut sum = Matrix::zeros(x.rows, x.columns);
    for number in 0..snakes {
        let tokens = snake(number, x.rows / columns, columns);
        let mut along = x.clone();
        for (place, (token, arrival)) in tokens.iter().zip(arrivals(&tokens, columns)).enumerate() {
            along.row_mut(place).copy_from_slice(x.row(*token));
            if let Some(table) = table {
                let direction = &table["table"][arrival * x.columns..];
                along.row_mut(place).iter_mut().zip(direction).for_each(|(x, d)| *x += d);
            }
        }
        let mixed = mix(&along);
        for (place, token) in tokens.into_iter().enumerate() {
            sum.row_mut(token).iter_mut().zip(mixed.row(place)).for_each(|(sum, y)| *sum += y);
        }
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn snakes_visit_every_token_once_and_move_to_a_neighbor() {
        for (rows, columns) in [(1, 1), (1, 5), (5, 1), (3, 4), (4, 3), (2, 2)] {
            for number in 0..4 {
                let tokens = snake(number, rows, columns);
                let mut sorted = tokens.clone();
                sorted.sort_unstable();
                assert!(sorted.into_iter().eq(0..rows * columns), "{number} {rows}×{columns}");
                for (pair, arrival) in tokens.windows(2).zip(&arrivals(&tokens, columns)[1..]) {
                    let step = [1, -1, columns as isize, -(columns as isize)][arrival - 1];
                    assert_eq!(pair[1] as isize - pair[0] as isize, step, "{number} {rows}×{columns}");
                    let sideways = pair[0] / columns == pair[1] / columns;
                    assert_eq!(sideways, *arrival < 3, "{number} {rows}×{columns}");
                }
            }
        }
        assert_eq!(snake(0, 2, 3), [0, 1, 2, 5, 4, 3]);
        assert_eq!(snake(3, 2, 3), [5, 2, 1, 4, 3, 0]);
    }
}
