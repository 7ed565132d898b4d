//! Fingerprints of hundreds of candidates of every space, pinned: they must not drift, with a release of Rust, an
//! instruction set (`tests/bench/instruction-sets`) or a change of the code. The cure for a drift is a new version of the
//! scheme.

use hashing::{CandidateHasher, KeyWriter, Rng, TwoStage};
use spaces::expression::Expression;
use spaces::nb_macro::MacroSpace;
use spaces::program::Program;
use spaces::sequence::SequenceSpace;
use spaces::{Candidate, Space, cell101, cell201, expression, nb_graph, program};

/// Of 300 candidates, sampled and mutated.
fn digest<S: Space>(space: &S) -> String {
    digest_of((0..300).map(|n| {
        let mut rng = Rng::named(n, "pinned", 0);
        let sampled = space.sample(&mut rng);
        let walked = (0..rng.below(8)).fold(sampled, |candidate, _| space.mutate(&candidate, &mut rng));
        space.canonicalize(&walked)
    }))
}

/// One digest of all fingerprints.
fn digest_of<C: Candidate>(candidates: impl Iterator<Item = C>) -> String {
    let hasher = TwoStage::default();
    let mut out = KeyWriter::new("pinned");
    candidates.for_each(|candidate| out.digest(&hasher.identify(&candidate).unwrap().fingerprint.0));
    out.finish().short()
}

/// Every operation is in one of them.
const EXPRESSIONS: [&str; 4] = [
    "exp(x) * tanh(y) + sigmoid(x - y) / sqrt(square(x) + 1)",
    "log(abs(x)) + relu(y) - min(x, max(y, 0.5))",
    "inv(x + 3 * y) - -x",
    "x / y",
];
const PROGRAMS: [&str; 1] = ["def setup():\n    s2 = constant(0.1)\n    v1 = gaussian(0, 0.5)\n\
     def predict():\n    s1 = dot(v1, v0)\n\
     def learn():\n    s3 = subtract(s0, s1)\n    s3 = multiply(s3, s2)\n    v2 = multiply(s3, v0)\n    \
     v1 = add(v1, v2)\n"];

fn canonical_expression(text: &str) -> Expression {
    expression::canonicalize(&text.parse().unwrap())
}

fn canonical_program(text: &str) -> Program {
    program::canonicalize(&text.parse().unwrap())
}

#[test]
fn fingerprints_of_every_space_are_pinned() {
    let found = [
        ("sequence", digest(&SequenceSpace::default())),
        ("cell101", digest(&cell101::CellSpace::default())),
        ("cell201", digest(&cell201::CellSpace::default())),
        ("nb-graph", digest(&nb_graph::CellSpace)),
        ("nb-macro", digest(&MacroSpace)),
        ("expression", digest_of(EXPRESSIONS.iter().map(|text| canonical_expression(text)))),
        ("program", digest_of(PROGRAMS.iter().map(|text| canonical_program(text)))),
    ];
    assert_eq!(found.each_ref().map(|(name, digest)| (*name, digest.as_str())), PINNED);
}

const PINNED: [(&str, &str); 7] = [
    ("sequence", "00567ca414fb"),
    ("cell101", "5c0da4beedd5"),
    ("cell201", "ed6cbac5f35d"),
    ("nb-graph", "6c6e021a773f"),
    ("nb-macro", "0c46bd9a7a74"),
    ("expression", "36ea7a7eec4e"),
    ("program", "cbd96ef68224"),
];
