//! pLSTM on a grid: with the gates S, T, M of each head, a state r moves right and a state u moves down. Both leave a cell as
//! r ← T_rr r + T_ru u + S_r k vᵀ and u ← T_dr r + T_du u + S_d k vᵀ, and o = D ⟨q, k⟩ v + Σ (M_r r + M_u u)ᵀ q of what enters it,
//! summed over four orientations (from each corner to the opposite one), each with gates of its own; y = W_o rms_h(o), each
//! head normalized by itself.
//!
//! In P-mode a cell sends on E = γ (r + u) + S k vᵀ, the share α of it to the right and 1 − α down (T_rr = T_ru = α γ, T_dr = T_du =
//! (1 − α) γ, S_r = α S, S_d = (1 − α) S), so that sums over all paths stay bounded; one mark reads both. In D-mode what moves
//! down never turns right (T_ru = 0), so that one path at most joins two cells, and all other gates are free. The published
//! code keeps 1 − α γ in place of (1 − α) γ, and normalizes each orientation by itself.
//!
//! Steps without a grid are one column, in which nothing arrives from the side.

use multiversion::multiversion;

use crate::sequence::math::{Lanes, Matrix, linear, rms_norm, sigmoid};
use crate::sequence::{Block, Gene, Init, Place, Settings, Tensor, Weights};

pub struct Plstm2d;

impl Block for Plstm2d {
    fn name(&self) -> &'static str {
        "plstm2d"
    }

    fn place(&self) -> Place {
        Place::Token
    }

    fn source(&self) -> &'static str {
        "Pöppel et al. 2025, arXiv 2506.11997"
    }

    fn genes(&self) -> Vec<Gene> {
        vec![Gene::numbers("heads", &[4, 2, 8]), Gene::words("mode", &["p", "d"])]
    }

    fn causal(&self, _: &Settings) -> bool {
        false
    }

    /// `w_gates` makes the rows of [`P_GATES`] or [`D_GATES`] for each orientation in turn, then D, each for all heads.
    fn tensors(&self, settings: &Settings, width: usize) -> Vec<Tensor> {
        let (heads, rows) = (settings.number("heads"), 1 + ORIENTATIONS * gates(settings));
        let mut all: Vec<_> = ["w_q", "w_k", "w_v"].map(|name| Tensor::matrix(name, width, width)).into();
        all.push(Tensor { init: Init::Constant(0.0), ..Tensor::matrix("w_gates", rows * heads, width) });
        all.push(Tensor {
            name: "b_gates",
            shape: vec![rows, heads],
            init: Init::Indexed(if settings.word("mode") == "p" { bias_in_p_mode } else { bias_in_d_mode }),
            // Low enough for the norm not to undo the direct gate where there is one cell alone.
            probe: (-2.0, 0.7),
            decay: false,
        });
        all.push(Tensor::gain("gain", width));
        all.push(Tensor::matrix("w_o", width, width));
        all
    }

    fn forward(&self, settings: &Settings, weights: &Weights, x: &Matrix) -> Matrix {
        self.forward_grid(settings, weights, x, 1)
    }

    fn knows_grid(&self) -> bool {
        true
    }

    fn forward_grid(&self, settings: &Settings, weights: &Weights, x: &Matrix, columns: usize) -> Matrix {
        let heads = settings.number("heads");
        let size = x.columns / heads;
        let [q, k, v] = ["w_q", "w_k", "w_v"].map(|name| linear(x, &weights[name], &[]));
        let scale = 1.0 / (size as f64).sqrt();
        let [q, k, v] = [q, k.map(|k| scale * k), v].map(|all| side_by_side(&all, heads));
        let gates = linear(x, &weights["w_gates"], &weights["b_gates"]).map(sigmoid);
        let in_p_mode = settings.word("mode") == "p";
        let grid = Grid { columns, heads, in_p_mode, q, k, v, gates };
        let mut o = Matrix::zeros(x.rows, x.columns);
        for first in (0..heads).step_by(Lanes::COUNT) {
            run(&grid, first, &mut o);
        }
        // Back to the channels of one head after those of the other.
        let o = side_by_side(&o, size);
        let mut y = Matrix::zeros(x.rows, x.columns);
        for first in (0..x.columns).step_by(size) {
            y.set_columns(first, &rms_norm(&o.columns(first, size), &weights["gain"][first..][..size]));
        }
        linear(&y, &weights["w_o"], &[])
    }

    fn multiply_adds(&self, settings: &Settings, width: usize, length: usize) -> u64 {
        let (heads, rows) = (settings.number("heads"), 1 + ORIENTATIONS * gates(settings));
        // Of a number of both states: two sources, two marks, and the transitions.
        let moved = ORIENTATIONS * if settings.word("mode") == "p" { 8 } else { 7 };
        (length * width * (4 * width + rows * heads + moved * width / heads + 2)) as u64
    }

    fn python(&self) -> &'static str {
        include_str!("plstm2d.py")
    }

    fn python_shared(&self) -> &'static [&'static str] {
        &[super::LINEAR_SCAN, super::GRID_SCAN]
    }
}

/// From the first cell of the first row, from its last cell, from the first and from the last cell of the last row.
const ORIENTATIONS: usize = 4;

/// Gates of one head in one orientation: S, γ, α, M.
const P_GATES: usize = 4;
/// S_r, S_d, T_rr, T_du, T_dr, M_r, M_u.
const D_GATES: usize = 7;

fn gates(settings: &Settings) -> usize {
    if settings.word("mode") == "p" { P_GATES } else { D_GATES }
}

/// Cells × channels with the rows of `parts` parts side by side: the first number of each, the second of each, and so on.
fn side_by_side(x: &Matrix, parts: usize) -> Matrix {
    let size = x.columns / parts;
    let mut data = Vec::with_capacity(x.data.len());
    for row in x.data.chunks_exact(x.columns) {
        (0..size).for_each(|n| data.extend(row[n..].iter().step_by(size)));
    }
    Matrix::new(x.rows, x.columns, data)
}

/// What is read: a row a cell, the heads side by side; gates are sigmoids already.
struct Grid {
    columns: usize,
    heads: usize,
    in_p_mode: bool,
    q: Matrix,
    k: Matrix,
    v: Matrix,
    gates: Matrix,
}

impl Grid {
    /// Numbers of eight heads from `first` on: the one at `place` in each.
    #[inline(always)]
    fn load(&self, row: &[f64], place: usize, first: usize) -> Lanes {
        Lanes::load(&row[place * self.heads..][..self.heads], first)
    }
}

/// Of a cell: first for the state that moves right, or what becomes of it, then for the one that moves down.
struct Gates {
    source: [Lanes; 2],
    /// What leaves to the right of either state.
    right: [Lanes; 2],
    /// What leaves downwards.
    down: [Lanes; 2],
    mark: [Lanes; 2],
}

impl Gates {
    #[inline(always)]
    fn in_p_mode(gate: impl Fn(usize) -> Lanes) -> Self {
        let [source, stay, share, mark] = [gate(0), gate(1), gate(2), gate(3)];
        let rest = Lanes::all(1.0) - share;
        Self {
            source: [share * source, rest * source],
            right: [share * stay; 2],
            down: [rest * stay; 2],
            mark: [mark; 2],
        }
    }

    #[inline(always)]
    fn in_d_mode(gate: impl Fn(usize) -> Lanes) -> Self {
        Self {
            source: [gate(0), gate(1)],
            right: [gate(2), Lanes::ZERO],
            down: [gate(4), gate(3)],
            mark: [gate(5), gate(6)],
        }
    }
}

/// Overwrites in `o` what the heads from `first` on, side by side, read in all orientations.
#[multiversion(targets("x86_64+avx+avx2"))]
fn run(grid: &Grid, first: usize, o: &mut Matrix) {
    let Grid { columns, heads, in_p_mode, q, k, v, gates } = grid;
    let (size, rows) = (v.columns / heads, v.rows / columns);
    let count = if *in_p_mode { P_GATES } else { D_GATES };
    for cell in 0..v.rows {
        let mut direct = Lanes::ZERO;
        for n in 0..size {
            direct += grid.load(q.row(cell), n, first) * grid.load(k.row(cell), n, first);
        }
        direct = grid.load(gates.row(cell), ORIENTATIONS * count, first) * direct;
        for p in 0..size {
            let read = direct * grid.load(v.row(cell), p, first);
            read.store(&mut o.row_mut(cell)[p * heads..][..*heads], first);
        }
    }
    // Size × size: what enters a cell from the side, and of every column what enters its next cell from above.
    let mut side = vec![Lanes::ZERO; size * size];
    let mut above = vec![Lanes::ZERO; columns * size * size];
    for orientation in 0..ORIENTATIONS {
        let (upwards, leftwards) = (orientation / 2 == 1, orientation % 2 == 1);
        above.fill(Lanes::ZERO);
        for i in 0..rows {
            side.fill(Lanes::ZERO);
            for (j, above) in above.chunks_exact_mut(size * size).enumerate() {
                let row = if upwards { rows - 1 - i } else { i };
                let cell = row * columns + if leftwards { columns - 1 - j } else { j };
                let gate = |number| grid.load(gates.row(cell), orientation * count + number, first);
                let Gates { source, right, down, mark } =
                    if *in_p_mode { Gates::in_p_mode(gate) } else { Gates::in_d_mode(gate) };
                for p in 0..size {
                    let v = grid.load(v.row(cell), p, first);
                    let o = &mut o.row_mut(cell)[p * heads..][..*heads];
                    let mut read = Lanes::load(o, first);
                    for n in 0..size {
                        let (q, k) = (grid.load(q.row(cell), n, first), grid.load(k.row(cell), n, first));
                        let (side, above) = (&mut side[n * size + p], &mut above[n * size + p]);
                        let (r, u, added) = (*side, *above, k * v);
                        read += q * (mark[0] * r + mark[1] * u);
                        *side = right[0] * r + right[1] * u + source[0] * added;
                        *above = down[0] * r + down[1] * u + source[1] * added;
                    }
                    read.store(o, first);
                }
            }
        }
    }
}

/// Biases of gates: transitions start at 0.9999, as tanh 5 does, sources, marks and the direct gate at 0.0067.
const OPEN: f64 = 9.2;
const CLOSED: f64 = -5.0;

/// Shares start between 0.12 and 0.88, spread over the heads.
fn bias_in_p_mode(index: usize, shape: &[usize]) -> f64 {
    let (row, head, heads) = (index / shape[1], index % shape[1], shape[1]);
    match row % P_GATES {
        _ if row == ORIENTATIONS * P_GATES => CLOSED,
        1 => OPEN,
        2 => 4.0 * head as f64 / (heads.max(2) - 1) as f64 - 2.0,
        _ => CLOSED,
    }
}

fn bias_in_d_mode(index: usize, shape: &[usize]) -> f64 {
    let row = index / shape[1];
    let transition = row < ORIENTATIONS * D_GATES && (2..5).contains(&(row % D_GATES));
    if transition { OPEN } else { CLOSED }
}
