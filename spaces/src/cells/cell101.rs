//! NAS-Bench-101 cells (Ying et al. 2019, arXiv 1902.06192): at most 7 vertices and 9 edges; 423,624 different cells.
//!
//! The first vertex is the input, the last the output; every other one sums its inputs and applies its operation. The
//! output sums (where the published network concatenates and projects, which tells the same cells apart).

use hashing::{Behavior, HashError, KeyWriter, Keyed, Probe, Response, Rng};
use petgraph::graph::{DiGraph, NodeIndex};
use serde::{Deserialize, Serialize};

use super::{CHANNELS, Pooling, convolve, graph, input, pool, zero};
use crate::{Candidate, Enumerated, Niche, Space};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    Conv1,
    Conv3,
    Pool,
}

impl Operation {
    pub const ALL: [Self; 3] = [Self::Conv1, Self::Conv3, Self::Pool];

    /// As the benchmark writes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Conv1 => "conv1x1-bn-relu",
            Self::Conv3 => "conv3x3-bn-relu",
            Self::Pool => "maxpool3x3",
        }
    }
}

/// A cell, in JSON as `{"matrix": [[0, 1, 0], [0, 0, 1], [0, 0, 0]], "ops": ["input", "maxpool3x3", "output"]}` (the
/// benchmark's own form) with an optional `pooling` (default: `own`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Raw", into = "Raw")]
pub struct Cell {
    /// For every vertex but the input, the vertices that feed it: bit i is vertex i.
    inputs: Vec<u8>,
    /// Of the vertices between input and output.
    operations: Vec<Operation>,
    pooling: Pooling,
}

pub const MOST_VERTICES: usize = 7;
pub const MOST_EDGES: u32 = 9;

/// Children that are drawn of two cells before they are said to have none.
const DRAWS: usize = 16;

/// The cells with up to 7 vertices, or with exactly so many, and so many edges.
#[derive(Clone, Debug)]
pub struct CellSpace {
    /// From 2 to 7. Default: any of them.
    pub vertices: Option<usize>,
    /// Most edges, at least 1. Default: 9.
    pub edges: u32,
    /// Default: `Own`.
    pub pooling: Pooling,
}

impl Default for CellSpace {
    fn default() -> Self {
        Self { vertices: None, edges: MOST_EDGES, pooling: Pooling::Own }
    }
}

impl Cell {
    /// Vertices, input and output included.
    pub fn vertices(&self) -> usize {
        self.inputs.len() + 1
    }

    pub fn edges(&self) -> u32 {
        self.inputs.iter().map(|sources| sources.count_ones()).sum()
    }

    pub fn pooling(&self) -> Pooling {
        self.pooling
    }

    fn feeds(&self, vertex: usize) -> impl Iterator<Item = usize> + '_ {
        let mask = if vertex == 0 { 0 } else { self.inputs[vertex - 1] };
        (0..vertex).filter(move |source| mask >> source & 1 == 1)
    }

    /// Input 0, operations from 2 on, output 1.
    fn label(&self, vertex: usize) -> u64 {
        let last = self.vertices() - 1;
        match vertex {
            0 => 0,
            v if v == last => 1,
            v => 2 + self.operations[v - 1] as u64,
        }
    }

    fn graph(&self) -> DiGraph<u64, ()> {
        let mut graph = DiGraph::with_capacity(MOST_VERTICES, MOST_EDGES as usize);
        for vertex in 0..self.vertices() {
            graph.add_node(self.label(vertex));
        }
        for to in 0..self.vertices() {
            for from in self.feeds(to) {
                graph.add_edge(NodeIndex::new(from), NodeIndex::new(to), ());
            }
        }
        graph
    }

    /// These vertices, in this order, which must be a topological one from the input to the output.
    fn reordered(&self, order: &[usize]) -> Self {
        let place = |vertex| order.iter().position(|v| *v == vertex);
        let sources = |to: &usize| self.feeds(*to).filter_map(place).fold(0u8, |mask, from| mask | 1 << from);
        let inner = &order[1..order.len() - 1];
        Self {
            inputs: order[1..].iter().map(sources).collect(),
            operations: inner.iter().map(|v| self.operations[v - 1]).collect(),
            pooling: self.pooling,
        }
    }

    /// Without the vertices that are on no way from input to output.
    fn pruned(&self) -> Self {
        let last = self.vertices() - 1;
        let live = graph::live(&self.graph(), NodeIndex::new(0), NodeIndex::new(last));
        if !live[0] {
            return Self { inputs: vec![0], operations: Vec::new(), pooling: self.pooling };
        }
        self.reordered(&(0..=last).filter(|vertex| live[*vertex]).collect::<Vec<_>>())
    }

    /// With dead vertices before the output, up to so many in all.
    fn padded(&self, vertices: usize) -> Self {
        let mut cell = self.clone();
        while cell.vertices() < vertices {
            cell.inputs.insert(cell.inputs.len() - 1, 0);
            cell.operations.push(Operation::Conv1);
        }
        cell
    }

    /// The same cell with its inner vertices numbered by `order`, a permutation of 1..vertices − 1; `None` where an
    /// edge would run backwards. For tests: a cell has many spellings.
    pub fn renumbered(&self, order: &[usize]) -> Option<Self> {
        let all: Vec<usize> =
            std::iter::once(0).chain(order.iter().copied()).chain([self.vertices() - 1]).collect();
        let place = |vertex| all.iter().position(|v| *v == vertex).expect("a permutation names every vertex");
        let forward = (0..self.vertices()).all(|to| self.feeds(to).all(|from| place(from) < place(to)));
        forward.then(|| self.reordered(&all))
    }
}

impl Candidate for Cell {
    /// Of the operations on a way to the output.
    fn niche(&self) -> Niche {
        Niche::of(self.pruned().operations.iter().map(|operation| operation.name()))
    }
}

impl Space for CellSpace {
    type Candidate = Cell;

    fn name(&self) -> &str {
        "cell101 v1"
    }

    /// Wirings and operations drawn alike, again until the output is fed and the live edges are few enough. Panics if
    /// the space is empty.
    fn sample(&self, rng: &mut Rng) -> Cell {
        let vertices = self.vertices.unwrap_or(MOST_VERTICES);
        assert!(
            (2..=MOST_VERTICES).contains(&vertices) && self.edges > 0,
            "a cell has 2 to 7 vertices and an edge"
        );
        loop {
            let inputs = (1..vertices).map(|to| rng.below(1 << to) as u8).collect();
            let operations = (2..vertices).map(|_| *rng.choose(&Operation::ALL)).collect();
            let cell = Cell { inputs, operations, pooling: self.pooling };
            if self.admits(&cell) {
                return cell;
            }
        }
    }

    /// One edge or one operation changes, of dead vertices too; drawn again where that leaves the space.
    fn mutate(&self, parent: &Cell, rng: &mut Rng) -> Cell {
        let parent = parent.padded(self.vertices.unwrap_or(MOST_VERTICES));
        loop {
            let mut child = parent.clone();
            if !child.operations.is_empty() && rng.chance(0.5) {
                let vertex = rng.below(child.operations.len());
                let others: Vec<_> =
                    Operation::ALL.into_iter().filter(|op| *op != child.operations[vertex]).collect();
                child.operations[vertex] = *rng.choose(&others);
            } else {
                let to = rng.below(child.inputs.len());
                child.inputs[to] ^= 1 << rng.below(to + 1);
            }
            // The only cell of two vertices has no neighbor.
            if child.vertices() == 2 || self.admits(&child) {
                return if child.vertices() == 2 { parent } else { child };
            }
        }
    }

    /// Each vertex, with its operation and what feeds it, as one of the parents has it; drawn again, a few times, where
    /// that leaves the space. The shorter parent gets dead vertices.
    fn crossover(&self, a: &Cell, b: &Cell, rng: &mut Rng) -> Option<Cell> {
        let vertices = a.vertices().max(b.vertices());
        let (a, b) = (a.padded(vertices), b.padded(vertices));
        let child = |_| {
            let mut child = a.clone();
            for vertex in (0..vertices - 1).filter(|_| rng.chance(0.5)) {
                child.inputs[vertex] = b.inputs[vertex];
                if let Some(operation) = b.operations.get(vertex) {
                    child.operations[vertex] = *operation;
                }
            }
            child
        };
        (0..DRAWS).map(child).find(|child| self.admits(child))
    }

    /// Vertices that are on no way from input to output go; the others stand in one order.
    fn canonicalize(&self, cell: &Cell) -> Cell {
        let pruned = cell.pruned();
        let order = graph::canonical_order(&pruned.graph());
        pruned.reordered(&order.iter().map(|vertex| vertex.index()).collect::<Vec<_>>())
    }

    /// Live edges count, as in the benchmark.
    fn check(&self, cell: &Cell) -> Result<(), String> {
        let edges = cell.pruned().edges();
        if edges > self.edges {
            return Err(format!("{edges} edges are more than {}", self.edges));
        }
        Ok(())
    }
}

impl CellSpace {
    fn admits(&self, cell: &Cell) -> bool {
        (1..=self.edges).contains(&cell.pruned().edges())
    }
}

impl Enumerated for CellSpace {
    /// Every labelled cell whose vertices are all on a way from input to output.
    fn all(&self) -> impl Iterator<Item = Cell> + Send {
        let sizes = self.vertices.map_or(2..=MOST_VERTICES, |vertices| vertices..=vertices);
        let (edges, pooling) = (self.edges, self.pooling);
        sizes.flat_map(move |vertices| matrices(vertices, edges)).flat_map(move |inputs| {
            let inner = inputs.len() as u32 - 1;
            (0..3usize.pow(inner)).map(move |code| {
                let operations = (0..inner).map(|v| Operation::ALL[code / 3usize.pow(v) % 3]).collect();
                Cell { inputs: inputs.clone(), operations, pooling }
            })
        })
    }
}

/// Wirings in which every vertex is fed and read.
fn matrices(vertices: usize, edges: u32) -> impl Iterator<Item = Vec<u8>> + Send {
    let pairs = vertices * (vertices - 1) / 2;
    (0u32..1 << pairs).filter(move |mask| mask.count_ones() <= edges).filter_map(move |mask| {
        let row = |to: usize| (mask >> (to * (to - 1) / 2)) as u8 & ((1u16 << to) - 1) as u8;
        let inputs: Vec<u8> = (1..vertices).map(row).collect();
        let read = inputs.iter().fold(0, |all, sources| all | sources);
        let every = ((1u16 << (vertices - 1)) - 1) as u8;
        (read == every && inputs.iter().all(|sources| *sources != 0)).then_some(inputs)
    })
}

impl Keyed for Cell {
    fn write_key(&self, out: &mut KeyWriter) {
        out.list(&self.inputs, |out, sources| out.u64(u64::from(*sources)));
        out.list(&self.operations, |out, operation| out.u64(*operation as u64));
        out.u64(self.pooling as u64);
    }
}

impl Behavior for Cell {
    fn respond(&self, probe: &mut Probe) -> Result<Response, HashError> {
        let mut values = [input(probe); MOST_VERTICES];
        for vertex in 1..self.vertices() {
            let mut sources = [values[0]; MOST_VERTICES];
            let mut count = 0;
            for source in self.feeds(vertex) {
                sources[count] = values[source];
                count += 1;
            }
            let sum = if count == 0 { zero(probe) } else { probe.sum(&sources[..count]) };
            values[vertex] = match self.operations.get(vertex - 1) {
                None => sum,
                Some(Operation::Conv1) => convolve::<1>("conv1x1", sum, probe),
                Some(Operation::Conv3) => convolve::<3>("conv3x3", sum, probe),
                Some(Operation::Pool) => pool(self.pooling, sum, probe),
            };
        }
        Ok(Response::rows(values[self.vertices() - 1], CHANNELS))
    }
}

/// A cell as it is written.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    matrix: Vec<Vec<u8>>,
    ops: Vec<String>,
    #[serde(default = "own", skip_serializing_if = "is_own")]
    pooling: Pooling,
}

fn own() -> Pooling {
    Pooling::Own
}
fn is_own(pooling: &Pooling) -> bool {
    *pooling == Pooling::Own
}

impl From<Cell> for Raw {
    fn from(cell: Cell) -> Self {
        let count = cell.vertices();
        let fed = |from: usize, to: usize| u8::from(cell.feeds(to).any(|source| source == from));
        let inner = cell.operations.iter().map(|operation| operation.name().into());
        Self {
            matrix: (0..count).map(|from| (0..count).map(|to| fed(from, to)).collect()).collect(),
            ops: std::iter::once("input".into()).chain(inner).chain(["output".into()]).collect(),
            pooling: cell.pooling,
        }
    }
}

impl TryFrom<Raw> for Cell {
    type Error = String;

    fn try_from(Raw { matrix, ops, pooling }: Raw) -> Result<Self, String> {
        let count = matrix.len();
        if !(2..=MOST_VERTICES).contains(&count) || ops.len() != count {
            return Err(format!(
                "{count} rows and {} ops; a cell has 2 to {MOST_VERTICES} of both",
                ops.len()
            ));
        }
        if ops[0] != "input" || ops[count - 1] != "output" {
            return Err("ops begin with `input` and end with `output`".into());
        }
        for (from, row) in matrix.iter().enumerate() {
            let bad = row.len() != count || row.iter().any(|x| *x > 1) || row[..=from].iter().any(|x| *x > 0);
            if bad {
                return Err(format!(
                    "row {from} of the matrix is not {count} times 0 or 1, zero up to the diagonal"
                ));
            }
        }
        let operation = |name: &String| {
            let known = Operation::ALL.into_iter().find(|operation| operation.name() == name);
            known.ok_or_else(|| {
                format!("no op `{name}`; known: {}", Operation::ALL.map(Operation::name).join(", "))
            })
        };
        let sources = |to: usize| (0..to).fold(0u8, |mask, from| mask | matrix[from][to] << from);
        Ok(Self {
            inputs: (1..count).map(sources).collect(),
            operations: ops[1..count - 1].iter().map(operation).collect::<Result<_, _>>()?,
            pooling,
        })
    }
}
