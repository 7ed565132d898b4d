//! Candidates in JSON, of each space whose candidates are not text.

use hashing::{CandidateHasher, TwoStage};
use spaces::sequence::export::{drawing, model_py, read_architecture};
use spaces::sequence::{Network, SequenceSpace, Shape};
use spaces::{Space, cell101, cell201, nb_graph, nb_macro};

pub fn run(bytes: &[u8]) -> bool {
    let stack = identify(&SequenceSpace::default(), bytes, |genome| {
        let network = Network::new(genome, Shape { channels: 3, classes: 2 });
        network.parameters();
        network.multiply_adds(1 << 28);
        drawing(&network, "title");
        model_py(&network, &["a".into(), "b\"\n".into()]);
    });
    let cells = [
        identify(&cell101::CellSpace::default(), bytes, |_| ()),
        identify(&cell201::CellSpace::default(), bytes, |_| ()),
        identify(&nb_graph::CellSpace, bytes, |_| ()),
        identify(&nb_macro::MacroSpace, bytes, |_| ()),
    ];
    stack || cells.contains(&true) || std::str::from_utf8(bytes).is_ok_and(architecture)
}

fn architecture(json: &str) -> bool {
    let Ok((network, classes)) = read_architecture(json) else { return false };
    assert_eq!(network.shape.classes, classes.len());
    network.parameters();
    true
}

/// As a study does it: canonical form, then check, then fingerprint; each of them twice.
fn identify<S: Space>(space: &S, bytes: &[u8], look: impl Fn(&S::Candidate)) -> bool {
    let Ok(candidate) = serde_json::from_slice::<S::Candidate>(bytes) else { return false };
    let written = serde_json::to_vec(&candidate).expect("a candidate can be written");
    assert_eq!(serde_json::from_slice::<S::Candidate>(&written).ok().as_ref(), Some(&candidate));
    look(&candidate);
    let canonical = space.canonicalize(&candidate);
    assert_eq!(space.canonicalize(&canonical), canonical);
    if space.check(&canonical).is_err() {
        return false;
    }
    let identify = || TwoStage::default().identify(&canonical).map_err(|error| error.to_string());
    assert_eq!(identify(), identify());
    true
}
