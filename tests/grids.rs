//! What becomes of the mixers of grids when some of their gates are shut: each is then a simpler map, to the rounding.

use hashing::Rng;
use spaces::sequence::math::Matrix;
use spaces::sequence::{Block, Mixer, Place, Settings, Value, Weights, blocks};

const WIDTH: usize = 8;
const ROWS: usize = 5;
const COLUMNS: usize = 3;
/// As a bias of a gate: σ is 0, to the last bit.
const SHUT: f64 = -800.0;

struct Subject {
    block: &'static dyn Block,
    settings: Settings,
    weights: Weights,
}

impl Subject {
    /// Generic values, as the probe draws them.
    fn new(name: &str, changed: &[(&str, Value)]) -> Self {
        let block = blocks::find(Place::Token, name).unwrap();
        let settings = changed
            .iter()
            .fold(Mixer::of(block).settings, |settings, (gene, value)| settings.with(gene, value.clone()));
        let draw = |tensor: &spaces::sequence::Tensor| {
            let mut rng = Rng::named(0, tensor.name, 0);
            let (center, spread) = tensor.probe;
            (tensor.name, (0..tensor.len()).map(|_| center + spread * rng.normal()).collect())
        };
        let weights = Weights(block.tensors(&settings, WIDTH).iter().map(draw).collect());
        Self { block, settings, weights }
    }

    fn of_plstm(mode: &str) -> Self {
        Self::new("plstm2d", &[("mode", Value::Word(mode.into())), ("heads", Value::Number(2))])
    }

    /// Shuts a gate of pLSTM, by its number in each orientation.
    fn shut(&mut self, gate: usize) {
        let per_orientation = (self.weights["b_gates"].len() / self.heads() - 1) / 4;
        for orientation in 0..4 {
            let (row, heads) = (orientation * per_orientation + gate, self.heads());
            self.weights.0.get_mut("b_gates").unwrap()[row * heads..][..heads].fill(SHUT);
        }
    }

    fn heads(&self) -> usize {
        self.settings.number("heads")
    }

    fn run(&self, x: &Matrix, columns: usize) -> Matrix {
        self.block.forward_grid(&self.settings, &self.weights, x, columns)
    }

    /// Cells whose output changes with the input of this one.
    fn reached(&self, from: usize) -> Vec<usize> {
        let x = input(ROWS * COLUMNS);
        let mut other = x.clone();
        other.row_mut(from).iter_mut().for_each(|x| *x += 0.5);
        let (y, changed) = (self.run(&x, COLUMNS), self.run(&other, COLUMNS));
        (0..x.rows).filter(|cell| y.row(*cell) != changed.row(*cell)).collect()
    }
}

fn input(rows: usize) -> Matrix {
    let mut rng = Rng::named(1, "grid", 0);
    Matrix::new(rows, WIDTH, (0..rows * WIDTH).map(|_| rng.normal()).collect())
}

fn assert_close(y: &Matrix, expected: &Matrix) {
    assert_eq!((y.rows, y.columns), (expected.rows, expected.columns));
    let far = y.data.iter().zip(&expected.data).map(|(y, e)| (y - e).abs()).fold(0.0, f64::max);
    assert!(far < 1e-12, "{far}");
}

/// The numbers of gates in D-mode, as in `plstm2d.rs`.
const S_RIGHT: usize = 0;
const S_DOWN: usize = 1;
const T_RIGHT: usize = 2;
const T_DOWN: usize = 3;
const T_TURN: usize = 4;
const M_RIGHT: usize = 5;
const M_DOWN: usize = 6;

#[test]
fn a_cell_of_plstm_without_sources_or_without_marks_sees_itself_alone() {
    for gates in [[S_RIGHT, S_DOWN], [M_RIGHT, M_DOWN]] {
        let mut plstm = Subject::of_plstm("d");
        assert_eq!(plstm.reached(4).len(), ROWS * COLUMNS, "nothing is shut");
        gates.iter().for_each(|gate| plstm.shut(*gate));
        assert_eq!(plstm.reached(4), [4]);
        let x = input(ROWS * COLUMNS);
        for cell in 0..x.rows {
            assert_close(&plstm.run(&x.picked(&[cell]), 1), &plstm.run(&x, COLUMNS).picked(&[cell]));
        }
    }
}

#[test]
fn without_turns_the_rows_and_the_columns_of_plstm_are_recurrences_of_their_own() {
    let mut plstm = Subject::of_plstm("d");
    plstm.shut(T_TURN);
    // Cell 4 stands in the second of five rows and in the second of three columns.
    assert_eq!(plstm.reached(4), [1, 3, 4, 5, 7, 10, 13]);
    let mut rows_alone = Subject::of_plstm("d");
    [T_TURN, M_DOWN].iter().for_each(|gate| rows_alone.shut(*gate));
    assert_eq!(rows_alone.reached(4), [3, 4, 5]);
    let mut columns_alone = Subject::of_plstm("d");
    [T_TURN, M_RIGHT].iter().for_each(|gate| columns_alone.shut(*gate));
    assert_eq!(columns_alone.reached(4), [1, 4, 7, 10, 13]);
    // A column by itself is then what it is beside others.
    let x = input(ROWS * COLUMNS);
    let second: Vec<usize> = (1..x.rows).step_by(COLUMNS).collect();
    let expected = columns_alone.run(&x, COLUMNS).picked(&second);
    assert_close(&columns_alone.run(&x.picked(&second), 1), &expected);
}

#[test]
fn without_transitions_plstm_still_reads_its_neighbors() {
    let mut plstm = Subject::of_plstm("d");
    [T_RIGHT, T_DOWN, T_TURN].iter().for_each(|gate| plstm.shut(*gate));
    assert_eq!(plstm.reached(4), [1, 3, 4, 5, 7]);
}

/// In one column nothing arrives from the side: u ← T_du u + S_d k vᵀ, o = D ⟨q, k⟩ v + Σ (M_u u)ᵀ q, from either end, twice.
#[test]
fn plstm_on_one_column_is_the_recurrence_of_what_moves_down() {
    let mut plstm = Subject::of_plstm("d");
    let x = input(ROWS);
    let expected = plstm.run(&x, 1);
    [S_RIGHT, M_RIGHT].iter().for_each(|gate| plstm.shut(*gate));
    // What turns down from the right is read below: it is shut as well, and nothing turned before.
    let of_turns = plstm.run(&x, 1);
    assert_close(&of_turns, &expected);
    [T_RIGHT, T_TURN].iter().for_each(|gate| plstm.shut(*gate));
    assert_close(&plstm.run(&x, 1), &expected);
}

#[test]
fn chimera_with_shut_cross_terms_is_mamba_in_every_column() {
    let mut chimera = Subject::new("chimera", &[("cross", Value::Flag(true))]);
    for name in ["couple", "couple_across"] {
        chimera.weights.0.get_mut(name).unwrap().fill(0.0);
    }
    // B₂ = 0: nothing enters the state that moves across.
    let rank = WIDTH.div_ceil(16);
    let (inner, state) = (2 * WIDTH, chimera.settings.number("state"));
    chimera.weights.0.get_mut("w_x_across").unwrap()[rank * inner..][..state * inner].fill(0.0);
    let mut mamba = Subject::new("mamba", &[("state", Value::Number(state))]);
    for (name, values) in &mut mamba.weights.0 {
        *values = chimera.weights[name].to_vec();
    }
    let x = input(ROWS * COLUMNS);
    let y = chimera.run(&x, COLUMNS);
    for column in 0..COLUMNS {
        let cells: Vec<usize> = (column..x.rows).step_by(COLUMNS).collect();
        assert_close(&y.picked(&cells), &mamba.run(&x.picked(&cells), 1));
    }
    assert_close(&chimera.run(&input(ROWS), 1), &mamba.run(&input(ROWS), 1));
}

#[test]
fn coupled_columns_of_chimera_reach_both_sides_and_never_the_past() {
    let chimera = Subject::new("chimera", &[]);
    let from = COLUMNS + 1;
    assert_eq!(chimera.reached(from), (COLUMNS..ROWS * COLUMNS).collect::<Vec<_>>());
}
