//! The cells of NAS-Bench-201 with parts exchanged: with or without a canonical form, mutated our way or the published.

use hashing::{CandidateHasher, HashError, Identity, Keyed, Rng};
use search::structural_identity;
use spaces::Space;
use spaces::cell201::{Cell, CellSpace, EDGES, Operation};

#[derive(Clone, Default)]
pub struct Cells {
    pub cells: CellSpace,
    /// Candidates are what is written: there is no canonical form.
    pub as_written: bool,
    /// The published search draws a node first, then one of its edges; ours draws an edge.
    pub node_first: bool,
}

impl Space for Cells {
    type Candidate = Cell;

    fn name(&self) -> &str {
        "cell201 of the bench"
    }

    fn sample(&self, rng: &mut Rng) -> Cell {
        self.cells.sample(rng)
    }

    fn mutate(&self, parent: &Cell, rng: &mut Rng) -> Cell {
        if self.node_first { by_node(parent, rng) } else { self.cells.mutate(parent, rng) }
    }

    fn canonicalize(&self, cell: &Cell) -> Cell {
        if self.as_written { *cell } else { self.cells.canonicalize(cell) }
    }
}

/// `mutate_arch_func` of AutoDL-Projects: another operation on one edge into a node drawn first.
fn by_node(parent: &Cell, rng: &mut Rng) -> Cell {
    let node = 1 + rng.below(3);
    let into: Vec<usize> = (0..EDGES.len()).filter(|edge| EDGES[*edge].1 == node).collect();
    let edge = *rng.choose(&into);
    let mut operations = parent.operations;
    let others: Vec<_> = Operation::ALL.into_iter().filter(|other| *other != operations[edge]).collect();
    operations[edge] = *rng.choose(&others);
    Cell { operations, ..*parent }
}

/// The form is the identity.
pub struct Form;

impl<C: Keyed> CandidateHasher<C> for Form {
    fn scheme(&self) -> String {
        "form".into()
    }

    fn identify(&self, candidate: &C) -> Result<Identity, HashError> {
        Ok(structural_identity(candidate))
    }
}
