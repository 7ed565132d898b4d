//! NAS-Bench-201 cells (Dong and Yang 2020): four nodes, six edges, five operations; 15,625 candidates.
//!
//! Node j sums its edges from every node i < j; node 3 is the output. `conv` is ReLU, then a bias-free linear map
//! with weights of its own; `pool` is parameter-free; `skip` is the identity; `none` is zero.

use hashing::{Behavior, Digest, HashError, KeyWriter, Keyed, Probe, Response, Rng};
use serde::{Deserialize, Serialize};

use crate::{Candidate, Space};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Operation {
    None,
    Skip,
    Conv1,
    Conv3,
    Pool,
}

impl Operation {
    pub const ALL: [Self; 5] = [Self::None, Self::Skip, Self::Conv1, Self::Conv3, Self::Pool];
}

/// Operations of the edges 0→1, 0→2, 1→2, 0→3, 1→3, 2→3.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Cell(pub [Operation; 6]);

const EDGES: [(usize, usize); 6] = [(0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3)];
const NODES: usize = 4;
const POSITIONS: usize = 8;
const CHANNELS: usize = 4;

#[derive(Clone, Debug, Default)]
pub struct CellSpace;

impl Candidate for Cell {}

impl Space for CellSpace {
    type Candidate = Cell;

    fn name(&self) -> &str {
        "cell201 v1"
    }

    fn sample(&self, rng: &mut Rng) -> Cell {
        Cell(std::array::from_fn(|_| *rng.choose(&Operation::ALL)))
    }

    fn mutate(&self, parent: &Cell, rng: &mut Rng) -> Cell {
        let mut child = *parent;
        let edge = rng.below(EDGES.len());
        let others: Vec<_> = Operation::ALL.into_iter().filter(|op| *op != parent.0[edge]).collect();
        child.0[edge] = *rng.choose(&others);
        child
    }

    /// Edges that no signal passes become `none`.
    fn canonicalize(&self, cell: &Cell) -> Cell {
        let passes = |edge: usize| cell.0[edge] != Operation::None;
        let mut fed = [true, false, false, false];
        let mut read = [false, false, false, true];
        for (edge, (from, to)) in EDGES.into_iter().enumerate() {
            fed[to] |= passes(edge) && fed[from];
        }
        for (edge, (from, to)) in EDGES.into_iter().enumerate().rev() {
            read[from] |= passes(edge) && read[to];
        }
        let live = |edge: usize| fed[EDGES[edge].0] && read[EDGES[edge].1];
        Cell(std::array::from_fn(|edge| if live(edge) { cell.0[edge] } else { Operation::None }))
    }
}

impl Keyed for Cell {
    fn write_key(&self, out: &mut KeyWriter) {
        out.list(&self.0, |out, operation| out.u64(*operation as u64));
    }
}

/// A map of `POSITIONS` × `CHANNELS` numbers.
type Map = Vec<f64>;

impl Behavior for Cell {
    fn respond(&self, probe: &mut Probe) -> Result<Response, HashError> {
        let mut nodes: Vec<Map> = vec![vec![0.0; POSITIONS * CHANNELS]; NODES];
        nodes[0] = probe.input("x", POSITIONS * CHANNELS);
        for (edge, (from, to)) in EDGES.into_iter().enumerate() {
            let carried = apply(self.0[edge], &nodes[from], probe);
            nodes[to].iter_mut().zip(carried).for_each(|(sum, x)| *sum += x);
        }
        Ok(Response::rows(nodes.swap_remove(NODES - 1), CHANNELS))
    }
}

fn apply(operation: Operation, x: &Map, probe: &mut Probe) -> Map {
    match operation {
        Operation::None => vec![0.0; x.len()],
        Operation::Skip => x.clone(),
        Operation::Conv1 => convolve("conv1", 1, x, probe),
        Operation::Conv3 => convolve("conv3", 3, x, probe),
        Operation::Pool => pool(x),
    }
}

/// ReLU, then a bias-free convolution of `width` positions, zero-padded.
fn convolve(kind: &str, width: usize, x: &Map, probe: &mut Probe) -> Map {
    let input: Digest = probe.digest(x);
    let fan_in = width * CHANNELS;
    let weights =
        probe.group(kind, &[input]).tensor("w", fan_in * CHANNELS, 0.0, 1.0 / (fan_in as f64).sqrt());
    let mut y = vec![0.0; x.len()];
    for position in 0..POSITIONS {
        for offset in 0..width {
            let Some(source) =
                (position + offset).checked_sub(width / 2).filter(|source| *source < POSITIONS)
            else {
                continue;
            };
            for (c, out) in y[position * CHANNELS..][..CHANNELS].iter_mut().enumerate() {
                let row = &weights[(c * width + offset) * CHANNELS..][..CHANNELS];
                *out += row.iter().zip(&x[source * CHANNELS..]).map(|(w, x)| w * x.max(0.0)).sum::<f64>();
            }
        }
    }
    y
}

/// A generic map without parameters, neither additive nor homogeneous: tanh of a fixed local mix.
fn pool(x: &Map) -> Map {
    let at = |position: usize, c: usize| x.get(position * CHANNELS + c).copied().unwrap_or(0.0);
    let mix = |i: usize| {
        let (position, c) = (i / CHANNELS, i % CHANNELS);
        0.5 * at(position, c) + 0.3 * at(position + 1, c)
            - 0.4 * position.checked_sub(1).map_or(0.0, |p| at(p, c))
    };
    (0..x.len()).map(|i| libm::tanh(mix(i))).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use hashing::{CandidateHasher, TwoStage};

    use super::*;

    fn all() -> impl Iterator<Item = Cell> {
        (0..15_625usize)
            .map(|n| Cell(std::array::from_fn(|edge| Operation::ALL[n / 5usize.pow(edge as u32) % 5])))
    }

    #[test]
    fn cells_fall_into_exactly_the_classes_of_their_symbolic_form() {
        let (hasher, space) = (TwoStage::default(), CellSpace);
        let classes: HashSet<_> =
            all().map(|cell| hasher.identify(&space.canonicalize(&cell)).unwrap().fingerprint).collect();
        // With a generic nonlinear pooling an exact symbolic canonical form counts 5,260.
        assert_eq!(classes.len(), 5_260);
    }

    #[test]
    fn canonicalizing_twice_is_canonicalizing_once_and_keeps_behavior() {
        let (hasher, space) = (TwoStage::default(), CellSpace);
        for cell in all().step_by(7) {
            let canonical = space.canonicalize(&cell);
            assert_eq!(space.canonicalize(&canonical), canonical);
            let fingerprint = |cell: &Cell| hasher.identify(cell).unwrap().fingerprint;
            assert_eq!(fingerprint(&cell), fingerprint(&canonical), "{cell:?}");
        }
    }
}
