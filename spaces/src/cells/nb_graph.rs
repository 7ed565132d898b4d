//! NAS-Bench-Graph (Qin et al. 2022, NeurIPS datasets and benchmarks): graph networks of four computing nodes; 59,049
//! written forms, 27,938 different networks.
//!
//! A node applies its operation to the one earlier node (or the input) that feeds it; what no node reads goes to the
//! output. `skip` is the identity and no node of its own: the value that it repeats is read, or goes to the output, in
//! its place. The benchmark concatenates what goes to the output, each time that it does: a value that goes there twice
//! is another network than one that goes there once (its table gives them other parameter counts, 256 × 256 for each
//! part of the output). Here the output is the sum, which keeps them apart as well: v + v is not v.
//!
//! The table has a row for 26,206 networks, and exactly the other 1,732 hand the input itself to the output: they have
//! a `skip` that is read by nobody and behind which there is no operation (see [`Cell::shows_the_input`]). No other
//! network lacks a row and none has two. Of the written forms 53,056 have a row that way and 5,993 have none. The
//! benchmark's own look-up takes those for networks whose input does not go to the output: other networks.

use std::cmp::Reverse;
use std::collections::VecDeque;

use hashing::{Behavior, HashError, KeyWriter, Keyed, Probe, Response, Rng, Value};
use serde::{Deserialize, Serialize};

use super::{CHANNELS, convolve, input};
use crate::{Candidate, Enumerated, Niche, Space, Tabulated};

/// Computing nodes.
pub const NODES: usize = 4;

/// What feeds each node: 0 is the input, i the i-th node. These nine and no other are written: every tree of four nodes
/// once, nodes nearer to the input first and, of nodes with one source, the one with the longer way below it first.
pub const LINKS: [[usize; NODES]; 9] = [
    [0, 0, 0, 0],
    [0, 0, 0, 1],
    [0, 0, 1, 1],
    [0, 0, 1, 2],
    [0, 0, 1, 3],
    [0, 1, 1, 1],
    [0, 1, 1, 2],
    [0, 1, 2, 2],
    [0, 1, 2, 3],
];

/// In the order in which the benchmark numbers them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Operation {
    Gat,
    Gcn,
    Gin,
    Cheb,
    Sage,
    Arma,
    Graph,
    /// A linear layer on every vertex by itself: the only trained operation that does not see the edges.
    Fc,
    Skip,
}

impl Operation {
    pub const ALL: [Self; 9] = [
        Self::Gat,
        Self::Gcn,
        Self::Gin,
        Self::Cheb,
        Self::Sage,
        Self::Arma,
        Self::Graph,
        Self::Fc,
        Self::Skip,
    ];

    /// As the benchmark writes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Gat => "gat",
            Self::Gcn => "gcn",
            Self::Gin => "gin",
            Self::Cheb => "cheb",
            Self::Sage => "sage",
            Self::Arma => "arma",
            Self::Graph => "graph",
            Self::Fc => "fc",
            Self::Skip => "skip",
        }
    }
}

/// A network, in JSON as `{"links": "0012", "ops": ["gat", "gcn", "fc", "skip"]}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "Raw", into = "Raw")]
pub struct Cell {
    /// One of [`LINKS`].
    links: [usize; NODES],
    operations: [Operation; NODES],
}

/// All written forms.
#[derive(Clone, Debug, Default)]
pub struct CellSpace;

/// A node and what reads it. The order is the one in which the nodes of one source are written: longer ways first.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Branch {
    height: Reverse<usize>,
    operation: Operation,
    readers: Vec<Branch>,
}

impl Branch {
    fn new(operation: Operation, mut readers: Vec<Self>) -> Self {
        readers.sort();
        let height = readers.iter().map(|reader| reader.height.0 + 1).max().unwrap_or(0);
        Self { height: Reverse(height), operation, readers }
    }

    /// Itself and all nodes below it.
    fn nodes(&self) -> usize {
        1 + self.readers.iter().map(Self::nodes).sum::<usize>()
    }

    fn is_bare_skip(&self) -> bool {
        self.operation == Operation::Skip && self.readers.is_empty()
    }
}

impl Cell {
    /// `None` where the links are not among [`LINKS`].
    pub fn new(links: [usize; NODES], operations: [Operation; NODES]) -> Option<Self> {
        LINKS.contains(&links).then_some(Self { links, operations })
    }

    /// Reads the columns `links`, `op1` to `op4` of the benchmark's table; the error names what is wrong.
    pub fn from_written(links: &str, ops: [&str; NODES]) -> Result<Self, String> {
        let written = |known: &[usize; NODES]| digits(known) == links;
        let links = LINKS.into_iter().find(written).ok_or_else(|| {
            format!("no links `{links}`; known: {}", LINKS.map(|links| digits(&links)).join(", "))
        })?;
        let mut operations = [Operation::Skip; NODES];
        for (operation, name) in operations.iter_mut().zip(ops) {
            let known = Operation::ALL.into_iter().find(|known| known.name() == name);
            *operation = known.ok_or_else(|| {
                format!("no op `{name}`; known: {}", Operation::ALL.map(Operation::name).join(", "))
            })?;
        }
        Ok(Self { links, operations })
    }

    /// One of [`LINKS`].
    pub fn links(&self) -> [usize; NODES] {
        self.links
    }

    pub fn operations(&self) -> [Operation; NODES] {
        self.operations
    }

    /// Whether the input itself goes to the output, through nothing but `skip`. The networks of the table are those
    /// where it does not.
    pub fn shows_the_input(&self) -> bool {
        self.readers(0).iter().any(Branch::is_bare_skip)
    }

    fn fed_by(&self, source: usize) -> impl Iterator<Item = usize> + '_ {
        (1..=NODES).filter(move |node| self.links[node - 1] == source)
    }

    /// What reads a node (0: the input), without any `skip` that has readers of its own: they read the node.
    fn readers(&self, node: usize) -> Vec<Branch> {
        let mut readers = Vec::new();
        for reader in self.fed_by(node) {
            let below = self.readers(reader);
            match self.operations[reader - 1] {
                Operation::Skip if !below.is_empty() => readers.extend(below),
                operation => readers.push(Branch::new(operation, below)),
            }
        }
        // A value whose only reader hands it to the output goes there by itself.
        if node != 0 && readers.len() == 1 && readers[0].is_bare_skip() {
            readers.clear();
        }
        readers
    }

    /// Written down, nearest to the input first.
    fn written(branches: Vec<Branch>) -> Self {
        let mut cell = Self { links: [0; NODES], operations: [Operation::Skip; NODES] };
        let mut waiting: VecDeque<(usize, Branch)> = branches.into_iter().map(|branch| (0, branch)).collect();
        for node in 0..NODES {
            let (source, branch) = waiting.pop_front().expect("a form has four nodes");
            cell.links[node] = source;
            cell.operations[node] = branch.operation;
            waiting.extend(branch.readers.into_iter().map(|reader| (node + 1, reader)));
        }
        cell
    }
}

fn digits(links: &[usize; NODES]) -> String {
    links.iter().map(usize::to_string).collect()
}

impl Candidate for Cell {
    /// Of the operations that do something.
    fn niche(&self) -> Niche {
        let operations = self.operations.iter().filter(|operation| **operation != Operation::Skip);
        Niche::of(operations.map(|operation| operation.name()))
    }
}

impl Space for CellSpace {
    type Candidate = Cell;

    fn name(&self) -> &str {
        "nb-graph v1"
    }

    fn sample(&self, rng: &mut Rng) -> Cell {
        let links = *rng.choose(&LINKS);
        Cell { links, operations: std::array::from_fn(|_| *rng.choose(&Operation::ALL)) }
    }

    /// Other links, or another operation on one node.
    fn mutate(&self, parent: &Cell, rng: &mut Rng) -> Cell {
        let mut child = *parent;
        match rng.below(1 + NODES) {
            0 => {
                let others: Vec<_> = LINKS.into_iter().filter(|links| *links != parent.links).collect();
                child.links = *rng.choose(&others);
            }
            gene => {
                let operation = &mut child.operations[gene - 1];
                let others: Vec<_> = Operation::ALL.into_iter().filter(|op| op != operation).collect();
                *operation = *rng.choose(&others);
            }
        }
        child
    }

    /// The links of one parent, each operation of either.
    fn crossover(&self, a: &Cell, b: &Cell, rng: &mut Rng) -> Option<Cell> {
        let links = rng.choose(&[a, b]).links;
        Some(Cell { links, operations: std::array::from_fn(|node| rng.choose(&[a, b]).operations[node]) })
    }

    /// A `skip` that is read or that alone hands on its value gives way to that value; such spare ones stand between
    /// the input and everything else. Nodes of one source stand in one order: longer ways first, then in the order of
    /// operations. The networks of the table are written as in the table.
    ///
    /// There is nothing dead to remove: every node is on a way to the output.
    fn canonicalize(&self, cell: &Cell) -> Cell {
        let mut branches = cell.readers(0);
        branches.sort();
        let spare = NODES - branches.iter().map(Branch::nodes).sum::<usize>();
        for _ in 0..spare {
            branches = vec![Branch::new(Operation::Skip, branches)];
        }
        Cell::written(branches)
    }
}

impl Enumerated for CellSpace {
    fn all(&self) -> impl Iterator<Item = Cell> + Send {
        let count = Operation::ALL.len();
        LINKS.into_iter().flat_map(move |links| {
            (0..count.pow(NODES as u32)).map(move |code| {
                let operation = |node: usize| Operation::ALL[code / count.pow(node as u32) % count];
                Cell { links, operations: std::array::from_fn(operation) }
            })
        })
    }
}

impl Tabulated for Cell {
    const COLUMNS: &'static [&'static str] = &["links", "op1", "op2", "op3", "op4"];

    fn from_row(cells: &[&str]) -> Result<Self, String> {
        match *cells {
            [links, a, b, c, d] => Self::from_written(links, [a, b, c, d]),
            _ => Err(format!("{} cells name a network, not {}", cells.len(), Self::COLUMNS.join(", "))),
        }
    }
}

impl Keyed for Cell {
    fn write_key(&self, out: &mut KeyWriter) {
        out.list(&self.links, |out, source| out.u64(*source as u64));
        out.list(&self.operations, |out, operation| out.u64(*operation as u64));
    }
}

impl Behavior for Cell {
    fn respond(&self, probe: &mut Probe) -> Result<Response, HashError> {
        let mut values = vec![input(probe)];
        for (source, operation) in self.links.into_iter().zip(self.operations) {
            values.push(apply(operation, values[source], probe));
        }
        let unread = (1..=NODES).filter(|node| self.fed_by(*node).next().is_none());
        let outputs: Vec<Value> = unread.map(|node| values[node]).collect();
        Ok(Response::rows(probe.sum(&outputs), CHANNELS))
    }
}

/// Positions of the probe stand for vertices, neighboring ones for those that share an edge. What tells the graph
/// operations apart is their kind.
fn apply(operation: Operation, x: Value, probe: &mut Probe) -> Value {
    match operation {
        Operation::Skip => x,
        Operation::Fc => convolve::<1>(operation.name(), x, probe),
        _ => convolve::<3>(operation.name(), x, probe),
    }
}

/// A network as it is written.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    links: String,
    ops: [String; NODES],
}

impl From<Cell> for Raw {
    fn from(cell: Cell) -> Self {
        Self { links: digits(&cell.links), ops: cell.operations.map(|operation| operation.name().into()) }
    }
}

impl TryFrom<Raw> for Cell {
    type Error = String;

    fn try_from(raw: Raw) -> Result<Self, String> {
        Self::from_written(&raw.links, raw.ops.each_ref().map(String::as_str))
    }
}
