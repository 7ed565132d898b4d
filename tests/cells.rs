//! Cells of published benchmarks against truths that know nothing of the hash.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt::Debug;
use std::hash::Hash;

use hashing::{CandidateHasher, Digest, FunctionalHasher, Keyed, Scheme, TwoStage};
use spaces::cell201::{EDGES, Operation};
use spaces::{Enumerated, Pooling, Space, cell101, cell201};

/// The function of a candidate as it is written, without its canonical form.
fn probed(candidate: &impl hashing::Behavior) -> Digest {
    thread_local!(static HASHER: FunctionalHasher = FunctionalHasher::new(Scheme::default()));
    HASHER.with(|hasher| hasher.fingerprint(candidate).unwrap().0.unwrap())
}

/// The number of classes, if both sides have the very same ones.
fn same_classes<A: Hash + Eq + Clone + Debug, B: Hash + Eq + Clone + Debug>(
    pairs: impl Iterator<Item = (A, B)>,
) -> usize {
    let (mut there, mut back) = (HashMap::new(), HashMap::new());
    for (a, b) in pairs {
        let other = there.entry(a.clone()).or_insert_with(|| b.clone());
        assert!(*other == b, "the hash merges\n{other:?}\n{b:?}");
        let other = back.entry(b.clone()).or_insert_with(|| a.clone());
        assert!(*other == a, "the hash splits\n{b:?}");
    }
    there.len()
}

mod symbolic {
    //! What a cell of NAS-Bench-201 computes, written out: nested sums whose convolutions carry the identity of their
    //! edge, the smallest spelling over all namings of the edges.
    //!
    //! Laws used, and no others: sums commute and associate, zero vanishes, linear pooling distributes over sums, the
    //! maximum is positively homogeneous. (So is a convolution; see `homogeneity_of_convolutions_is_not_seen`.)

    use super::*;

    #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
    pub enum Term {
        Input,
        Convolution(Operation, usize, Sum),
        Pool(Sum),
    }

    /// How often each term is added.
    pub type Sum = BTreeMap<Term, usize>;

    pub fn form(cell: &cell201::Cell) -> Sum {
        smallest(cell, false)
    }

    /// With f(n·x) = n·f(x) for convolutions, which ReLU and a linear map are.
    pub fn homogeneous_form(cell: &cell201::Cell) -> Sum {
        smallest(cell, true)
    }

    fn smallest(cell: &cell201::Cell, scaled: bool) -> Sum {
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

    fn written(cell: &cell201::Cell, names: &[usize; 6], scaled: bool) -> Sum {
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
        let gcd = |a: usize, b: usize| (1..=a.max(b)).rev().find(|d| a % d == 0 && b % d == 0).unwrap();
        let Some(common) = sum.values().copied().reduce(gcd) else { return Sum::new() };
        let reduced = sum.iter().map(|(term, count)| (term.clone(), count / common)).collect();
        [(f(reduced), common)].into()
    }
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

#[test]
fn cells_of_nas_bench_201_have_the_classes_of_their_symbolic_form() {
    // The counts for linear and nonlinear pooling are published; the one for true maxima is the symbolic form's.
    for (pooling, classes) in [(Pooling::Linear, 5_044), (Pooling::Nonlinear, 5_260), (Pooling::Max, 5_230)] {
        let space = cell201::CellSpace { pooling };
        assert_eq!(space.all().count(), 15_625);
        let pairs = space.all().map(|cell| (probed(&cell), symbolic::form(&cell)));
        assert_eq!(same_classes(pairs), classes, "{pooling:?}");
    }
}

#[test]
fn homogeneity_of_convolutions_is_not_seen() {
    // conv(2x) = 2·conv(x), but the two convolutions read different values, so that they play different roles. The
    // published counts keep them apart too.
    let classes = |pooling| {
        let space = cell201::CellSpace { pooling };
        space.all().map(|cell| symbolic::homogeneous_form(&cell)).collect::<HashSet<_>>().len()
    };
    assert_eq!([Pooling::Linear, Pooling::Nonlinear, Pooling::Max].map(classes), [5_014, 5_230, 5_200]);
}

#[test]
fn cells_of_nas_bench_101_are_equal_if_and_only_if_their_graphs_are_isomorphic() {
    for (vertices, candidates, classes) in
        [(2, 1, 1), (3, 6, 6), (4, 90, 84), (5, 3_267, 2_441), (6, 125_145, 62_010)]
    {
        let space = cell101::CellSpace { vertices: Some(vertices), ..Default::default() };
        assert_eq!(space.all().count(), candidates);
        let pairs = space.all().map(|cell| (probed(&cell), smallest_numbering(&cell)));
        assert_eq!(same_classes(pairs), classes, "{vertices} vertices");
    }
}

/// An adjacency code that isomorphic cells share: the smallest over all ways to number the inner vertices.
fn smallest_numbering(cell: &cell101::Cell) -> (u64, Vec<u8>) {
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

#[test]
fn pooling_without_parameters_merges_duplicated_pooling() {
    let classes = |pooling, vertices| {
        let space = cell101::CellSpace { vertices: Some(vertices), pooling, ..Default::default() };
        space.all().map(|cell| probed(&cell)).collect::<HashSet<_>>().len()
    };
    assert_eq!(classes(Pooling::Nonlinear, 6), 61_518);
    assert_eq!((classes(Pooling::Max, 5), classes(Pooling::Nonlinear, 5)), (2_437, 2_441));
}

#[test]
fn canonical_forms_are_idempotent_and_keep_behavior() {
    fn check<S: Enumerated>(space: &S, step: usize, forms: usize) {
        let mut seen = HashSet::new();
        for cell in space.all().step_by(step) {
            let canonical = space.canonicalize(&cell);
            assert_eq!(space.canonicalize(&canonical), canonical, "{cell:?}");
            assert_eq!(probed(&cell), probed(&canonical), "{cell:?}");
            seen.insert(canonical.digest("test"));
        }
        assert_eq!(seen.len(), forms);
    }
    check(&cell201::CellSpace::default(), 1, 6_582);
    check(&cell101::CellSpace { vertices: Some(5), ..Default::default() }, 1, 2_441);
    check(&cell101::CellSpace { vertices: Some(7), ..Default::default() }, 577, 2_008);
}

#[test]
fn a_walk_stays_in_the_space_and_reaches_new_functions() {
    let (space, hasher) = (cell101::CellSpace::default(), TwoStage::default());
    let mut cell: cell101::Cell =
        serde_json::from_str(r#"{"matrix": [[0, 1], [0, 0]], "ops": ["input", "output"]}"#).unwrap();
    let mut functions = HashSet::new();
    for step in 0..500 {
        cell = space.mutate(&cell, &mut hashing::Rng::named(0, "walk", step));
        let canonical = space.canonicalize(&cell);
        assert_eq!(space.check(&canonical), Ok(()));
        assert_eq!(probed(&cell), probed(&canonical));
        functions.insert(hasher.identify(&canonical).unwrap().fingerprint);
        let written = serde_json::to_string(&cell).unwrap();
        assert_eq!(serde_json::from_str::<cell101::Cell>(&written).unwrap(), cell);
    }
    assert!(functions.len() > 150, "{}", functions.len());
}

#[test]
fn cells_are_read_in_the_form_of_their_benchmark_and_errors_say_what_is_wrong() {
    let cell201 = |json: &str| serde_json::from_str::<cell201::Cell>(json).map_err(|e| e.to_string());
    let arch = "|nor_conv_3x3~0|+|none~0|avg_pool_3x3~1|+|skip_connect~0|none~1|nor_conv_1x1~2|";
    let cell = cell201(&format!("{{\"arch\": \"{arch}\"}}")).unwrap();
    assert_eq!((cell.arch().as_str(), cell.pooling), (arch, Pooling::Linear));
    let named = |json: &str, word: &str| {
        let error = cell201(json).unwrap_err();
        assert!(error.contains(word), "{json}: {error}");
    };
    named(r#"{"arch": "|conv~0|+|none~0|none~1|+|none~0|none~1|none~2|"}"#, "nor_conv_3x3");
    named(r#"{"arch": "|none~0|"}"#, "|none~0|");
    named(&format!("{{\"arch\": \"{arch}\", \"pool\": \"max\"}}"), "pool");

    let cell101 = |json: &str| serde_json::from_str::<cell101::Cell>(json).map_err(|e| e.to_string());
    for (json, word) in [
        (r#"{"matrix": [[0, 1]], "ops": ["input"]}"#, "2 to 7"),
        (r#"{"matrix": [[0, 1], [0, 0]], "ops": ["input", "input"]}"#, "output"),
        (r#"{"matrix": [[0, 1], [1, 0]], "ops": ["input", "output"]}"#, "row 1"),
        (r#"{"matrix": [[0, 2], [0, 0]], "ops": ["input", "output"]}"#, "row 0"),
        (r#"{"matrix": [[0,1,0],[0,0,1],[0,0,0]], "ops": ["input", "conv", "output"]}"#, "conv1x1-bn-relu"),
    ] {
        let error = cell101(json).unwrap_err();
        assert!(error.contains(word), "{json}: {error}");
    }
}
