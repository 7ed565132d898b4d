//! Fingerprints of hundreds of candidates of every space, pinned: they must not drift, with a release of Rust, an
//! instruction set (`tests/bench/instruction-sets`) or a change of the code. The cure for a drift is a new version of the
//! scheme.

use hashing::{CandidateHasher, KeyWriter, Rng, TwoStage};
use spaces::mlp::MlpSpace;
use spaces::nb_macro::MacroSpace;
use spaces::sequence::SequenceSpace;
use spaces::{Space, cell101, cell201, nb_graph};

/// One digest of the fingerprints of 300 candidates, sampled and mutated.
fn digest<S: Space>(space: &S) -> String {
    let hasher = TwoStage::default();
    let mut out = KeyWriter::new("pinned");
    for n in 0..300 {
        let mut rng = Rng::named(n, "pinned", 0);
        let sampled = space.sample(&mut rng);
        let walked = (0..rng.below(8)).fold(sampled, |candidate, _| space.mutate(&candidate, &mut rng));
        out.digest(&hasher.identify(&space.canonicalize(&walked)).unwrap().fingerprint.0);
    }
    out.finish().short()
}

#[test]
fn fingerprints_of_every_space_are_pinned() {
    let found = [
        ("sequence", digest(&SequenceSpace::default())),
        ("cell101", digest(&cell101::CellSpace::default())),
        ("cell201", digest(&cell201::CellSpace::default())),
        ("nb-graph", digest(&nb_graph::CellSpace)),
        ("nb-macro", digest(&MacroSpace)),
        ("mlp", digest(&MlpSpace::default())),
    ];
    assert_eq!(found.each_ref().map(|(name, digest)| (*name, digest.as_str())), PINNED);
}

const PINNED: [(&str, &str); 6] = [
    ("sequence", "03f02dd9d200"),
    ("cell101", "5c0da4beedd5"),
    ("cell201", "ed6cbac5f35d"),
    ("nb-graph", "6c6e021a773f"),
    ("nb-macro", "0c46bd9a7a74"),
    ("mlp", "97439a025242"),
];
