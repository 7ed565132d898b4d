//! Cells of published benchmarks against truths that know nothing of the hash.

#[path = "common/cell_truths.rs"]
mod cell_truths;

use std::collections::{HashMap, HashSet};
use std::fmt::Debug;
use std::hash::Hash;

use cell_truths::{smallest_numbering, symbolic};
use hashing::{CandidateHasher, Digest, FunctionalHasher, Keyed, Scheme, TwoStage};
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
    let cell = |arch: &str| cell201::Cell::from_arch(arch, Pooling::Linear).unwrap();
    // conv(x + x), and conv(x) + conv(x).
    let before = cell("|skip_connect~0|+|skip_connect~0|skip_connect~1|+|none~0|none~1|nor_conv_3x3~2|");
    let after = cell("|nor_conv_3x3~0|+|none~0|skip_connect~1|+|none~0|skip_connect~1|skip_connect~2|");
    assert_eq!(symbolic::homogeneous_form(&before), symbolic::homogeneous_form(&after));
    assert_ne!(probed(&before), probed(&after));
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

#[test]
fn counts_do_not_depend_on_the_seed_of_the_probe() {
    fn count<S: Enumerated>(space: &S, hasher: &FunctionalHasher) -> usize {
        space.all().map(|cell| hasher.fingerprint(&cell).unwrap().0).collect::<HashSet<_>>().len()
    }
    let expected: Vec<_> = cell101::CellSpace { vertices: Some(5), ..Default::default() }
        .all()
        .map(|cell| smallest_numbering(&cell))
        .collect();
    for seed in 1..=20 {
        let hasher = FunctionalHasher::new(Scheme { seed, ..Scheme::default() });
        let linear = cell201::CellSpace { pooling: Pooling::Linear };
        let five = cell101::CellSpace { vertices: Some(5), ..Default::default() };
        assert_eq!(count(&linear, &hasher), 5_044, "seed {seed}");
        let found = five.all().map(|cell| hasher.fingerprint(&cell).unwrap().0);
        assert_eq!(same_classes(found.zip(expected.iter().cloned())), 2_441, "seed {seed}");
    }
}
