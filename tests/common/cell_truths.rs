//! Truths about cells that know nothing of the hash.

#![allow(dead_code, reason = "each target uses its own part")]

use spaces::cell101;

pub mod symbolic {
    //! What a cell of NAS-Bench-201 computes, written out: nested sums whose convolutions carry the identity of their
    //! edge, the smallest spelling over all namings of the edges.
    //!
    //! Laws used, and no others: sums commute and associate, zero vanishes, linear pooling distributes over sums, the
    //! maximum is positively homogeneous. (So is a convolution; see `homogeneity_of_convolutions_is_not_seen`.)

    use std::collections::BTreeMap;

    use spaces::Pooling;
    use spaces::cell201::{Cell, EDGES, Operation};

    use super::permutations;

    #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
    pub enum Term {
        Input,
        Convolution(Operation, usize, Sum),
        Pool(Sum),
    }

    /// How often each term is added.
    pub type Sum = BTreeMap<Term, usize>;

    pub fn form(cell: &Cell) -> Sum {
        smallest(cell, false)
    }

    /// With f(n·x) = n·f(x) for convolutions, which ReLU and a linear map are.
    pub fn homogeneous_form(cell: &Cell) -> Sum {
        smallest(cell, true)
    }

    fn smallest(cell: &Cell, scaled: bool) -> Sum {
        let edges = |kind| (0..EDGES.len()).filter(move |edge| cell.operations[*edge] == kind);
        let (ones, threes): (Vec<_>, Vec<_>) =
            (edges(Operation::Conv1).collect(), edges(Operation::Conv3).collect());
        let mut namings = Vec::new();
        for a in permutations(ones.len()) {
            for b in permutations(threes.len()) {
                let mut names = [0; 6];
                ones.iter().zip(&a).for_each(|(edge, name)| names[*edge] = *name);
                threes.iter().zip(b).for_each(|(edge, name)| names[*edge] = name);
                namings.push(names);
            }
        }
        namings.into_iter().map(|names| written(cell, &names, scaled)).min().unwrap()
    }

    fn written(cell: &Cell, names: &[usize; 6], scaled: bool) -> Sum {
        let mut nodes = [Sum::from([(Term::Input, 1)]), Sum::new(), Sum::new(), Sum::new()];
        for (edge, (from, to)) in EDGES.into_iter().enumerate() {
            let carried = match cell.operations[edge] {
                Operation::None => Sum::new(),
                Operation::Skip => nodes[from].clone(),
                Operation::Pool => pool(&nodes[from], cell.pooling),
                _ if nodes[from].is_empty() => Sum::new(),
                kind => {
                    let convolved = |sum| Term::Convolution(kind, names[edge], sum);
                    if scaled {
                        homogeneous(&nodes[from], convolved)
                    } else {
                        [(convolved(nodes[from].clone()), 1)].into()
                    }
                }
            };
            carried.into_iter().for_each(|(term, count)| *nodes[to].entry(term).or_default() += count);
        }
        let [.., output] = nodes;
        output
    }

    fn pool(sum: &Sum, pooling: Pooling) -> Sum {
        match pooling {
            _ if sum.is_empty() => Sum::new(),
            Pooling::Linear => {
                let pooled =
                    |(term, count): (&Term, &usize)| (Term::Pool([(term.clone(), 1)].into()), *count);
                sum.iter().map(pooled).collect()
            }
            Pooling::Max => homogeneous(sum, Term::Pool),
            Pooling::Nonlinear => [(Term::Pool(sum.clone()), 1)].into(),
            Pooling::Own => unreachable!("not asked for here"),
        }
    }

    /// f(n·x) = n·f(x).
    fn homogeneous(sum: &Sum, f: impl FnOnce(Sum) -> Term) -> Sum {
        let gcd = |a: usize, b: usize| {
            (1..=a.max(b)).rev().find(|d| a.is_multiple_of(*d) && b.is_multiple_of(*d)).unwrap()
        };
        let Some(common) = sum.values().copied().reduce(gcd) else { return Sum::new() };
        let reduced = sum.iter().map(|(term, count)| (term.clone(), count / common)).collect();
        [(f(reduced), common)].into()
    }
}

/// An adjacency code that isomorphic cells share: the smallest over all ways to number the inner vertices.
pub fn smallest_numbering(cell: &cell101::Cell) -> (u64, Vec<u8>) {
    let written = serde_json::to_value(cell).unwrap();
    let count = cell.vertices();
    let fed = |from: usize, to: usize| written["matrix"][from][to] == 1;
    let edges: Vec<_> =
        (0..count).flat_map(|to| (0..to).map(move |from| (from, to))).filter(|(a, b)| fed(*a, *b)).collect();
    let kinds: Vec<u8> =
        written["ops"].as_array().unwrap().iter().map(|op| op.to_string().as_bytes()[5]).collect();
    let code = |permutation: Vec<usize>| {
        let place = |v: usize| if v == 0 || v == count - 1 { v } else { 1 + permutation[v - 1] };
        let mask = edges.iter().fold(0, |mask, (a, b)| mask | 1 << (8 * place(*a) + place(*b)));
        let mut ops = kinds.clone();
        (0..count).for_each(|v| ops[place(v)] = kinds[v]);
        (mask, ops)
    };
    thread_local!(static ALL: Vec<Vec<Vec<usize>>> = (0..=5).map(permutations).collect());
    ALL.with(|all| all[count - 2].iter().cloned().map(code).min().unwrap())
}

fn permutations(n: usize) -> Vec<Vec<usize>> {
    if n == 0 {
        return vec![Vec::new()];
    }
    let shorter = permutations(n - 1);
    let extended = |p: &Vec<usize>, at: usize| {
        let mut p = p.clone();
        p.insert(at, n - 1);
        p
    };
    shorter.iter().flat_map(|p| (0..n).map(|at| extended(p, at)).collect::<Vec<_>>()).collect()
}
