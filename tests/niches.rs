//! The niche of a candidate is that of its canonical form, and the niches of a space tell its candidates apart.

use std::collections::BTreeSet;

use hashing::Rng;
use spaces::mlp::MlpSpace;
use spaces::nb_macro::MacroSpace;
use spaces::sequence::SequenceSpace;
use spaces::{Candidate, Enumerated, Niche, Space, cell101, cell201, nb_graph};

/// Of these candidates, which are at least so many niches.
fn niches<S: Space>(space: &S, candidates: impl Iterator<Item = S::Candidate>, least: usize) {
    let mut niches = BTreeSet::new();
    for candidate in candidates {
        let niche = candidate.niche();
        assert_eq!(space.canonicalize(&candidate).niche(), niche, "{candidate:?}");
        niches.insert(niche);
    }
    assert!(niches.len() >= least, "{}: {} niches", space.name(), niches.len());
}

/// Samples and what some mutations make of them.
fn drawn<S: Space>(space: &S) -> impl Iterator<Item = S::Candidate> {
    (0..3000).map(|n| {
        let mut rng = Rng::named(9, "niche", n);
        (0..rng.below(12)).fold(space.sample(&mut rng), |it, _| space.mutate(&it, &mut rng))
    })
}

#[test]
fn the_niche_is_that_of_the_canonical_form() {
    let cells = cell201::CellSpace::default();
    niches(&cells, cells.all(), 1 + 3 * 6);
    niches(&nb_graph::CellSpace, nb_graph::CellSpace.all(), 1 + 8 * 4);
    niches(&MacroSpace, MacroSpace.all(), 1 + 2 * 8);
    let (cells, stacks) = (cell101::CellSpace::default(), SequenceSpace::default());
    niches(&cells, drawn(&cells), 3 * 5);
    niches(&stacks, drawn(&stacks), 20);
    niches(&MlpSpace::default(), drawn(&MlpSpace::default()), 1 + 4 * 6);
}

#[test]
fn a_niche_names_what_there_is_most_of() {
    let niche = |json: &str| serde_json::from_str::<spaces::sequence::Genome>(json).unwrap().niche();
    let layers =
        r#"{"layers": [{"token": {"kind": "attention"}}, {"token": {"kind": "gru"}, "repeat": 2}, {}]}"#;
    assert_eq!(niche(layers), Niche { size: 3, kind: "gru".into() });
    assert_eq!(niche("{}"), Niche::default());
}
