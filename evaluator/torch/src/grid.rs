//! Two states on a grid, one that moves along rows and one that moves down columns, each fed by both:
//! r[i, j] = a[i, j] ∘ r[i, j−1] + b[i, j] ∘ u[i, j−1] + s[i, j], u[i, j] = c[i, j] ∘ u[i−1, j] + d[i, j] ∘ r[i−1, j] + z[i, j], from zero.
//! Gates belong to the cell that is entered; whoever has them where an edge leaves shifts them by one.
//!
//! Row after row: what comes from above is known, so that the row itself is a scan. Rows are taken along the shorter
//! side. A state that is not fed by the other one needs no rows: it is a single scan. Gradients are those of the scans.

use tch::Tensor;

use crate::scan::scan;

/// What enters every cell in one direction, B×R×C×…; gates may be smaller where they broadcast.
#[derive(Debug)]
pub struct Entering {
    /// Of the state that moves in this direction.
    pub own: Tensor,
    /// Of the other state; `None` where it does not feed this one.
    pub other: Option<Tensor>,
    pub source: Tensor,
}

/// r and u, B×R×C×….
pub fn grid_scan(right: &Entering, down: &Entering) -> [Tensor; 2] {
    let size = right.source.size();
    let turn = match (&right.other, &down.other) {
        (None, _) => false,
        (_, None) => true,
        _ => size[1] > size[2],
    };
    if turn {
        let [down, right] = grid_scan_in_order(&down.turned(), &right.turned());
        [right.transpose(1, 2), down.transpose(1, 2)]
    } else {
        grid_scan_in_order(right, down)
    }
}

fn grid_scan_in_order(right: &Entering, down: &Entering) -> [Tensor; 2] {
    match &right.other {
        None => freely(right, down),
        Some(other) => by_rows(right, other, down),
    }
}

/// The state that moves along rows is not fed by the other one: both are scans of the whole grid.
fn freely(right: &Entering, down: &Entering) -> [Tensor; 2] {
    let r = along_rows(&right.own, &right.source);
    let source = match &down.other {
        None => down.source.shallow_clone(),
        Some(other) => down.source.addcmul(other, &shifted(&r, 1)),
    };
    let u = scan(&down.own.expand_as(&source), &source);
    [r, u]
}

/// Every row is a case of the scan.
fn along_rows(own: &Tensor, source: &Tensor) -> Tensor {
    let rows = |x: &Tensor| x.expand_as(source).flatten(0, 1);
    scan(&rows(own), &rows(source)).view_as(source)
}

fn by_rows(right: &Entering, other: &Tensor, down: &Entering) -> [Tensor; 2] {
    let rows = |x: &Tensor| x.unbind(1);
    let (own, other, source) = (rows(&right.own), rows(other), rows(&right.source));
    let (from_above, added) = (rows(&down.own), rows(&down.source));
    let from_the_side = down.other.as_ref().map(rows);
    // Nothing stands above the first row: its gates have a gradient of zero.
    let (mut r, mut u) = (vec![added[0].zeros_like()], vec![added[0].zeros_like()]);
    for i in 0..source.len() {
        let mut entered = added[i].addcmul(&from_above[i], &u[i]);
        if let Some(gates) = &from_the_side {
            entered = entered.addcmul(&gates[i], &r[i]);
        }
        let fed = source[i].addcmul(&other[i], &shifted(&entered, 1));
        r.push(scan(&own[i].expand_as(&fed), &fed));
        u.push(entered);
    }
    [Tensor::stack(&r[1..], 1), Tensor::stack(&u[1..], 1)]
}

impl Entering {
    /// Rows for columns.
    fn turned(&self) -> Self {
        let turned = |x: &Tensor| x.transpose(1, 2);
        Self { own: turned(&self.own), other: self.other.as_ref().map(turned), source: turned(&self.source) }
    }
}

/// One on along `dim`, zero at the start.
pub fn shifted(x: &Tensor, dim: i64) -> Tensor {
    let mut pad = vec![0; 2 * (x.dim() - dim as usize)];
    let place = pad.len() - 2;
    pad[place] = 1;
    x.constant_pad_nd(pad).narrow(dim, 0, x.size()[dim as usize])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::blocks::tests::assert_same;

    /// The definition: cell after cell.
    fn cell_by_cell(right: &Entering, down: &Entering) -> [Tensor; 2] {
        let cells = |x: &Tensor| x.unbind(1).iter().map(|row| row.unbind(1)).collect::<Vec<_>>();
        let other = |edges: &Entering| {
            let zeros = || edges.source.zeros_like();
            cells(&edges.other.as_ref().map_or_else(zeros, Tensor::shallow_clone))
        };
        let (a, b, s) = (cells(&right.own), other(right), cells(&right.source));
        let (c, d, z) = (cells(&down.own), other(down), cells(&down.source));
        let (mut r, mut u): (Vec<Vec<Tensor>>, Vec<Vec<Tensor>>) = (Vec::new(), Vec::new());
        for i in 0..s.len() {
            r.push(Vec::new());
            u.push(Vec::new());
            for j in 0..s[0].len() {
                let (mut along, mut below) = (s[i][j].shallow_clone(), z[i][j].shallow_clone());
                if j > 0 {
                    along = along + &a[i][j] * &r[i][j - 1] + &b[i][j] * &u[i][j - 1];
                }
                if i > 0 {
                    below = below + &c[i][j] * &u[i - 1][j] + &d[i][j] * &r[i - 1][j];
                }
                r[i].push(along);
                u[i].push(below);
            }
        }
        [r, u]
            .map(|state| Tensor::stack(&state.iter().map(|row| Tensor::stack(row, 1)).collect::<Vec<_>>(), 1))
    }

    type Scan = fn(&Entering, &Entering) -> [Tensor; 2];

    /// Both states from a, c, b, d, s, z, gates bounded by `gate`.
    fn with<'a>(
        scan: Scan,
        fed: [bool; 2],
        gate: &'a dyn Fn(&Tensor, bool) -> Tensor,
    ) -> impl Fn(&[Tensor]) -> Tensor + 'a {
        move |all: &[Tensor]| {
            let entering = |k: usize| Entering {
                own: gate(&all[k], false),
                other: fed[k].then(|| gate(&all[2 + k], true)),
                source: all[4 + k].shallow_clone(),
            };
            let mut all_of_it = Tensor::stack(&scan(&entering(0), &entering(1)), 0);
            // So that every input has a gradient, if only of zero.
            all_of_it += all.iter().map(|x| (x * 0.0).sum(None)).sum::<Tensor>();
            all_of_it
        }
    }

    const SIDES: [(i64, i64); 7] = [(1, 1), (1, 17), (17, 1), (2, 3), (3, 2), (5, 40), (70, 4)];

    #[test]
    fn rows_are_the_loop_over_cells_in_values_and_gradients() {
        // Together at most 1, as conserving gates are; of any sign; near 1 with little across.
        let ranges: [(f64, f64, f64); 4] =
            [(0.5, 0.0, 0.5), (-0.5, 0.0, 0.5), (0.0, 0.9, 0.1), (0.999, 0.001, 1e-3)];
        for (rows, columns) in SIDES {
            for (center, spread, across) in ranges {
                let gate = |x: &Tensor, is_across: bool| {
                    if is_across { x.tanh() * across } else { x.tanh() * spread + center }
                };
                for fed in [[true, true], [true, false], [false, true], [false, false]] {
                    let shapes = vec![vec![2, rows, columns, 3, 2]; 6];
                    assert_same(with(grid_scan, fed, &gate), with(cell_by_cell, fed, &gate), &shapes);
                }
            }
        }
    }

    #[test]
    fn gates_of_zero_leave_what_a_cell_adds() {
        let gate = |x: &Tensor, _: bool| x.zeros_like() + x * 0.0;
        let shapes = vec![vec![2, 4, 5, 3]; 6];
        let added = |all: &[Tensor]| {
            Tensor::stack(&all[4..], 0) + all.iter().map(|x| (x * 0.0).sum(None)).sum::<Tensor>()
        };
        assert_same(with(grid_scan, [true, true], &gate), added, &shapes);
    }

    #[test]
    fn gates_that_broadcast_are_those_of_every_number() {
        let gate = |x: &Tensor, is_across: bool| x.tanh() * if is_across { 0.3 } else { 0.7 };
        for (rows, columns) in SIDES {
            let mut shapes = vec![vec![2, rows, columns, 3, 1]; 4];
            shapes.extend(vec![vec![2, rows, columns, 3, 2]; 2]);
            for fed in [[true, true], [true, false], [false, true]] {
                let wide = move |scan: Scan| {
                    move |all: &[Tensor]| {
                        let all: Vec<Tensor> = all.iter().map(|x| x.expand_as(&all[4])).collect();
                        with(scan, fed, &gate)(&all)
                    }
                };
                assert_same(with(grid_scan, fed, &gate), wide(cell_by_cell), &shapes);
            }
        }
    }
}
