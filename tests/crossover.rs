//! Children of two parents: valid, of equal parents that parent, and made of nothing that neither parent has.

use std::collections::HashSet;

use hashing::Rng;
use serde_json::{Value, json};
use spaces::mlp::MlpSpace;
use spaces::nb_macro::MacroSpace;
use spaces::sequence::{Genome, Limits, SequenceSpace};
use spaces::{Pooling, Space, cell101, cell201, nb_graph};

/// Pairs of parents: strangers, and relatives a few mutations apart.
fn parents<S: Space>(space: &S) -> Vec<[S::Candidate; 2]> {
    let pair = |n| {
        let mut rng = Rng::named(5, "parents", n);
        let [a, stranger] = [space.sample(&mut rng), space.sample(&mut rng)];
        let relative = (0..1 + rng.below(4)).fold(a.clone(), |it, _| space.mutate(&it, &mut rng));
        let b = if n % 2 == 0 { stranger } else { relative };
        [(0..rng.below(8)).fold(a, |it, _| space.mutate(&it, &mut rng)), b]
    };
    (0..200).map(pair).collect()
}

/// Holds for every space that has children; `share` of the pairs have one, at least.
fn keeps_the_laws<S: Space>(space: &S, share: f64) {
    let parents = parents(space);
    let (mut children, mut new) = (0, 0);
    for (n, [a, b]) in parents.iter().enumerate() {
        let draw = |a, b| space.crossover(a, b, &mut Rng::named(5, "child", n as u64));
        if let Some(child) = draw(a, b) {
            assert_eq!(space.check(&child), Ok(()), "a child is a candidate: {child:?}");
            let written = serde_json::to_string(&child).unwrap();
            assert_eq!(serde_json::from_str::<S::Candidate>(&written).unwrap(), child);
            assert_eq!(
                draw(a, b),
                Some(child.clone()),
                "a child is a function of its parents and the stream"
            );
            children += 1;
            new += usize::from(child != *a && child != *b);
        }
        let same = draw(a, a);
        assert!(same.as_ref().is_none_or(|child| child == a), "of two equal parents: {a:?} {same:?}");
    }
    let least = share * parents.len() as f64;
    assert!(children as f64 >= least, "{}: {children} of {} have a child", space.name(), parents.len());
    assert!(2 * new > children, "{}: {new} of {children} children are new", space.name());
}

#[test]
fn a_child_is_a_candidate_and_of_two_equal_parents_that_parent() {
    for pooling in Pooling::ALL {
        keeps_the_laws(&cell201::CellSpace { pooling }, 1.0);
    }
    keeps_the_laws(&MacroSpace, 1.0);
    keeps_the_laws(&nb_graph::CellSpace, 1.0);
    keeps_the_laws(&cell101::CellSpace::default(), 0.9);
    keeps_the_laws(&cell101::CellSpace { vertices: Some(5), edges: 6, ..Default::default() }, 0.9);
    keeps_the_laws(&MlpSpace::default(), 1.0);
    keeps_the_laws(&SequenceSpace::default(), 1.0);
    keeps_the_laws(&SequenceSpace::new(Limits { max_depth: 3, ..Limits::default() }).unwrap(), 1.0);
}

#[test]
fn every_part_is_as_one_of_the_parents_has_it_and_both_have_a_part() {
    fn check<S: Space>(space: &S, parts: impl Fn(&S::Candidate) -> Vec<Value>) {
        let mut from = HashSet::new();
        for (n, [a, b]) in parents(space).iter().enumerate() {
            let child = space.crossover(a, b, &mut Rng::named(6, "child", n as u64)).unwrap();
            let (a, b, child) = (parts(a), parts(b), parts(&child));
            assert_eq!(child.len(), a.len());
            for (place, part) in child.iter().enumerate() {
                assert!(*part == a[place] || *part == b[place], "{part} of {child:?}, not of {a:?} or {b:?}");
                if a[place] != b[place] {
                    from.insert((place, *part == a[place]));
                }
            }
        }
        assert_eq!(from.len(), 2 * parts(&parents(space)[0][0]).len(), "both parents give every part");
    }
    let letters = |text: String| text.chars().map(|c| json!(c)).collect();
    check(&MacroSpace, |network| letters(network.to_string()));
    check(&cell201::CellSpace::default(), |cell| {
        cell.operations.iter().map(|operation| json!(operation.name())).collect()
    });
    check(&nb_graph::CellSpace, |cell| {
        let operations = cell.operations().map(|operation| json!(operation)).to_vec();
        [vec![json!(cell.links())], operations].concat()
    });
    check(&MlpSpace::default(), |genome| {
        let spaces::mlp::Genome { depth, width, embedding, activation, norm, residual, training, .. } =
            genome;
        let training = [training.learning_rate, training.weight_decay, training.dropout].map(Value::from);
        let sizes = [depth, width, embedding].map(|size| json!(size));
        [&sizes[..], &[json!(activation), json!(norm), json!(residual)], &training].concat()
    });
    check(&SequenceSpace::default(), |genome| {
        let Genome { width, tokens, layout, norm, position, pooling, head, .. } = genome;
        let Genome { skeleton, sharing, training, .. } = genome;
        let prefixes = json!(training.prefixes);
        let training = [training.learning_rate, training.weight_decay, training.dropout].map(Value::from);
        let ends = [json!(tokens), json!(layout), json!(position), json!(pooling), json!(head)];
        let whole = [json!(width), json!(norm), json!(skeleton), json!(sharing)];
        [&ends[..], &whole, &training, &[prefixes]].concat()
    });
}

#[test]
fn a_stack_begins_like_one_parent_and_goes_on_like_the_other_within_the_depth() {
    let of =
        |layers: &str| -> Genome { serde_json::from_str(&format!("{{\"layers\": [{layers}]}}")).unwrap() };
    let (gru, mlp) = (r#"{"token": {"kind": "gru"}, "repeat": 2}"#, r#"{"channel": {"kind": "mlp"}}"#);
    let a = of(&[gru; 3].join(","));
    let b = of(&[mlp; 5].join(","));
    let children = |most: usize, a: &Genome, b: &Genome| {
        let space = SequenceSpace::new(Limits { max_depth: most, ..Limits::default() }).unwrap();
        let child = |n| space.crossover(a, b, &mut Rng::named(7, "cut", n));
        let children: Vec<_> = (0..100).filter_map(child).collect();
        children.iter().map(|child| child.layers.iter().map(|layer| layer.repeat).collect()).collect()
    };
    let all: HashSet<Vec<usize>> = children(8, &a, &b);
    let expected = [vec![1, 1, 1, 1, 1], vec![2, 1, 1, 1, 1], vec![2, 2, 1, 1, 1], vec![2, 2, 2, 1, 1]];
    assert_eq!(all, HashSet::from(expected.clone()));
    assert_eq!(children(6, &a, &b), HashSet::from([expected[0].clone(), expected[1].clone()]));
    assert_eq!(children(4, &a, &a), HashSet::new(), "parents that are too deep have no child");
}

#[test]
fn children_and_neighbors_of_cells_that_speak_of_another_pooling_are_of_the_space() {
    let space = cell201::CellSpace { pooling: Pooling::Linear };
    let conv = cell201::Cell { pooling: Pooling::Max, ..cell201::Cell::new([cell201::Operation::Conv3; 6]) };
    let pool = cell201::Cell::new([cell201::Operation::Pool; 6]);
    assert_eq!([space.check(&conv), space.check(&pool)], [Ok(()), Ok(())]);
    let mut seen = HashSet::new();
    for n in 0..50 {
        let mut rng = Rng::named(8, "child", n);
        for child in [space.crossover(&conv, &pool, &mut rng).unwrap(), space.mutate(&conv, &mut rng)] {
            assert_eq!(space.check(&child), Ok(()), "{child:?}");
            seen.insert(child.operations);
        }
    }
    assert!(seen.len() > 20, "{} different cells", seen.len());
}
