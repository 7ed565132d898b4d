//! NAS-Bench-201 cells (Dong and Yang 2020, arXiv 2001.00326): four nodes, six edges, five operations; 15,625 cells.
//!
//! Node j sums its edges from every node i < j; node 3 is the output. A convolution is ReLU, then a bias-free linear
//! map with weights of its own; pooling is parameter-free; `skip_connect` is the identity; `none` is zero.

use hashing::{Behavior, HashError, KeyWriter, Keyed, Probe, Response, Rng, Value};
use petgraph::graph::{DiGraph, NodeIndex};
use serde::{Deserialize, Serialize};

use super::{CHANNELS, Pooling, convolve, graph, input, pool, zero};
use crate::{Candidate, Enumerated, Niche, Space, Tabulated};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Operation {
    None,
    Skip,
    Conv1,
    Conv3,
    Pool,
}

impl Operation {
    pub const ALL: [Self; 5] = [Self::None, Self::Skip, Self::Conv1, Self::Conv3, Self::Pool];

    /// As the benchmark writes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Skip => "skip_connect",
            Self::Conv1 => "nor_conv_1x1",
            Self::Conv3 => "nor_conv_3x3",
            Self::Pool => "avg_pool_3x3",
        }
    }
}

/// A cell, in JSON as `{"arch": "|nor_conv_3x3~0|+|none~0|none~1|+|skip_connect~0|none~1|none~2|"}` (the benchmark's own
/// string) with an optional `pooling` (default: `linear`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "Raw", into = "Raw")]
pub struct Cell {
    /// Of the edges 0→1, 0→2, 1→2, 0→3, 1→3, 2→3.
    pub operations: [Operation; 6],
    pub pooling: Pooling,
}

/// Edges in the order of the benchmark's string.
pub const EDGES: [(usize, usize); 6] = [(0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3)];
const NODES: usize = 4;

/// All cells, with one meaning of pooling.
#[derive(Clone, Debug)]
pub struct CellSpace {
    /// Default: `Linear`, which average pooling is.
    pub pooling: Pooling,
}

impl Default for CellSpace {
    fn default() -> Self {
        Self { pooling: Pooling::Linear }
    }
}

impl Candidate for Cell {
    /// Of the operations on a way to the output that do something.
    fn niche(&self) -> Niche {
        let idle = |operation: &Operation| matches!(operation, Operation::None | Operation::Skip);
        let operations = self.pruned().operations;
        Niche::of(operations.iter().filter(|operation| !idle(operation)).map(|operation| operation.name()))
    }
}

impl Space for CellSpace {
    type Candidate = Cell;

    fn name(&self) -> &str {
        "cell201 v2"
    }

    fn sample(&self, rng: &mut Rng) -> Cell {
        let operations = std::array::from_fn(|_| *rng.choose(&Operation::ALL));
        Cell { operations, pooling: self.pooling }
    }

    /// Another operation on one edge.
    fn mutate(&self, parent: &Cell, rng: &mut Rng) -> Cell {
        let mut operations = parent.operations;
        let edge = rng.below(EDGES.len());
        let others: Vec<_> = Operation::ALL.into_iter().filter(|op| *op != operations[edge]).collect();
        operations[edge] = *rng.choose(&others);
        self.child(operations, parent)
    }

    /// Each edge as one of the parents has it.
    fn crossover(&self, a: &Cell, b: &Cell, rng: &mut Rng) -> Option<Cell> {
        Some(self.child(std::array::from_fn(|edge| rng.choose(&[a, b]).operations[edge]), a))
    }

    fn check(&self, cell: &Cell) -> Result<(), String> {
        if cell.pooling != self.pooling && cell.operations.contains(&Operation::Pool) {
            return Err(format!("pooling is {:?} here, not {:?}", self.pooling, cell.pooling).to_lowercase());
        }
        Ok(())
    }

    /// Edges that no signal passes become `none`; skips are stepped over where the edge that does so is free; nodes 1
    /// and 2 stand in one order where they do not feed each other.
    fn canonicalize(&self, cell: &Cell) -> Cell {
        let (mut before, mut cell) = (None, *cell);
        while before.replace(cell) != Some(cell) {
            cell = cell.pruned().past_skips().exchanged();
        }
        cell
    }
}

impl CellSpace {
    /// A parent without pooling may say anything of it; its child says that of the space where it has any.
    fn child(&self, operations: [Operation; 6], parent: &Cell) -> Cell {
        let pools = operations.contains(&Operation::Pool);
        Cell { operations, pooling: if pools { self.pooling } else { parent.pooling } }
    }
}

impl Cell {
    /// With pooling as the linear map that it is.
    pub fn new(operations: [Operation; 6]) -> Self {
        Self { operations, pooling: Pooling::Linear }
    }

    /// The edges on a way from node 0 to node 3; all others are `none`.
    fn pruned(&self) -> Self {
        let mut wiring = DiGraph::<(), ()>::with_capacity(NODES, EDGES.len());
        for _ in 0..NODES {
            wiring.add_node(());
        }
        for (edge, (from, to)) in EDGES.into_iter().enumerate() {
            if self.operations[edge] != Operation::None {
                wiring.add_edge(NodeIndex::new(from), NodeIndex::new(to), ());
            }
        }
        let live = graph::live(&wiring, NodeIndex::new(0), NodeIndex::new(NODES - 1));
        let operation = |edge: usize| {
            let (from, to) = EDGES[edge];
            if live[from] && live[to] { self.operations[edge] } else { Operation::None }
        };
        Self { operations: std::array::from_fn(operation), ..*self }
    }

    /// A node that a single skip feeds is read past; a node that a single skip reads is written past; both where the
    /// direct edge is free. On a way over a node that nothing else touches, and on two parallel ways, operations are
    /// sorted.
    fn past_skips(mut self) -> Self {
        /// Edges i→j, j→k and i→k of every i < j < k.
        const WAYS: [[usize; 3]; 4] = [[0, 2, 1], [0, 4, 3], [1, 5, 3], [2, 5, 4]];
        for [first, second, direct] in WAYS {
            let Cell { operations, .. } = &mut self;
            let node = EDGES[first].1;
            let touching = |end: fn(&(usize, usize)) -> usize| {
                let edges = EDGES.iter().zip(&*operations);
                edges.filter(|(edge, op)| end(edge) == node && **op != Operation::None).count()
            };
            let (fed_once, read_once) = (touching(|edge| edge.1) == 1, touching(|edge| edge.0) == 1);
            let read_past = fed_once && operations[first] == Operation::Skip;
            let written_past = read_once && operations[second] == Operation::Skip;
            if operations[first] == Operation::None || operations[second] == Operation::None {
                continue;
            }
            if operations[direct] == Operation::None && (read_past || written_past) {
                let moved = if read_past { second } else { first };
                operations.swap(moved, direct);
            } else if fed_once && read_once && (read_past || written_past) {
                let carried = operations[first].max(operations[second]);
                (operations[first], operations[second]) = (carried.min(operations[direct]), Operation::Skip);
                operations[direct] = carried.max(operations[direct]);
            }
        }
        self
    }

    /// Nodes 1 and 2 in one order, if they do not feed each other.
    fn exchanged(self) -> Self {
        let [a, b, between, out, c, d] = self.operations;
        if between != Operation::None {
            return self;
        }
        Self { operations: self.operations.max([b, a, between, out, d, c]), ..self }
    }
}

impl Enumerated for CellSpace {
    fn all(&self) -> impl Iterator<Item = Cell> + Send {
        let pooling = self.pooling;
        (0..5usize.pow(6)).map(move |code| {
            let operation = |edge: usize| Operation::ALL[code / 5usize.pow(edge as u32) % 5];
            Cell { operations: std::array::from_fn(operation), pooling }
        })
    }
}

impl Tabulated for Cell {
    const COLUMNS: &'static [&'static str] = &["arch"];

    fn from_row(cells: &[&str]) -> Result<Self, String> {
        Self::from_arch(cells.first().copied().unwrap_or_default(), Pooling::Linear)
    }
}

impl Keyed for Cell {
    fn write_key(&self, out: &mut KeyWriter) {
        out.list(&self.operations, |out, operation| out.u64(*operation as u64));
        out.u64(self.pooling as u64);
    }
}

impl Behavior for Cell {
    fn respond(&self, probe: &mut Probe) -> Result<Response, HashError> {
        let mut nodes: [Option<Value>; NODES] = [None; NODES];
        nodes[0] = Some(input(probe));
        for node in 1..NODES {
            let mut carried = [None; NODES];
            for (edge, (from, _)) in EDGES.into_iter().enumerate().filter(|(_, (_, to))| *to == node) {
                carried[from] = nodes[from].and_then(|x| self.apply(edge, x, probe));
            }
            nodes[node] = carried.into_iter().flatten().reduce(|sum, x| probe.sum(&[sum, x]));
        }
        let output = nodes[NODES - 1].unwrap_or_else(|| zero(probe));
        Ok(Response::rows(output, CHANNELS))
    }
}

impl Cell {
    /// `None` is zero.
    fn apply(&self, edge: usize, x: Value, probe: &mut Probe) -> Option<Value> {
        match self.operations[edge] {
            Operation::None => None,
            Operation::Skip => Some(x),
            Operation::Conv1 => Some(convolve::<1>("conv1x1", x, probe)),
            Operation::Conv3 => Some(convolve::<3>("conv3x3", x, probe)),
            Operation::Pool => Some(pool(self.pooling, x, probe)),
        }
    }

    /// The benchmark's string.
    pub fn arch(&self) -> String {
        let group = |to: usize| {
            let edges = EDGES.iter().zip(self.operations).filter(|((_, end), _)| *end == to);
            let named = edges.map(|((from, _), operation)| format!("{}~{from}|", operation.name()));
            format!("|{}", named.collect::<String>())
        };
        [1, 2, 3].map(group).join("+")
    }

    /// Reads the benchmark's string; the error says what it should look like.
    pub fn from_arch(arch: &str, pooling: Pooling) -> Result<Self, String> {
        let form = || {
            format!(
                "`{arch}` is not `|op~0|+|op~0|op~1|+|op~0|op~1|op~2|` with the ops {}",
                Operation::ALL.map(Operation::name).join(", ")
            )
        };
        let words: Vec<&str> = arch.split(['|', '+']).filter(|word| !word.is_empty()).collect();
        let mut cell = Self { operations: [Operation::None; 6], pooling };
        for (edge, word) in words.iter().take(EDGES.len()).enumerate() {
            let name = word.split('~').next().unwrap_or_default();
            let known = Operation::ALL.into_iter().find(|operation| operation.name() == name);
            cell.operations[edge] = known.ok_or_else(form)?;
        }
        if cell.arch() == arch { Ok(cell) } else { Err(form()) }
    }
}

/// A cell as it is written.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    arch: String,
    #[serde(default = "linear", skip_serializing_if = "is_linear")]
    pooling: Pooling,
}

fn linear() -> Pooling {
    Pooling::Linear
}
fn is_linear(pooling: &Pooling) -> bool {
    *pooling == Pooling::Linear
}

impl From<Cell> for Raw {
    fn from(cell: Cell) -> Self {
        Self { arch: cell.arch(), pooling: cell.pooling }
    }
}

impl TryFrom<Raw> for Cell {
    type Error = String;

    fn try_from(raw: Raw) -> Result<Self, String> {
        Self::from_arch(&raw.arch, raw.pooling)
    }
}
