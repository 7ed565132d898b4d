//! Which branches of a parent a child's are made of: an alignment of both stacks as they are run.

use spaces::sequence::{Genome, Mixer, Order, Place};

/// A branch in one of its runs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Passage<'a> {
    /// Index into the layers of the genome.
    pub layer: usize,
    /// How often the layer has been run before.
    pub run: usize,
    pub place: Place,
    pub mixer: &'a Mixer,
    /// In which the mixer sees the steps.
    order: Order,
}

/// From input to output.
pub fn passages(genome: &Genome) -> Vec<Passage<'_>> {
    let of_run = |run: spaces::sequence::Run| {
        let layer = &genome.layers[run.layer];
        let passage = move |place| {
            let order = if place == Place::Token { layer.order } else { Order::Forward };
            Passage { layer: run.layer, run: run.number, place, mixer: layer.mixer(place), order }
        };
        Place::ALL.into_iter().map(passage).filter(|passage| !passage.mixer.is_identity())
    };
    genome.schedule().into_iter().flat_map(of_run).collect()
}

/// How much one branch is like another; 0 where the one cannot be made of the other.
fn likeness(a: &Passage, b: &Passage) -> u32 {
    let same_kind = a.place == b.place && a.mixer.kind == b.mixer.kind;
    let more = u32::from(a.mixer == b.mixer) + u32::from(a.order == b.order);
    if same_kind { 2 + more } else { 0 }
}

/// For every passage of the child the one of the parent that it is made of, if there is one, and their likeness. Both are
/// in order, and the sum of likenesses is the largest that there is (Needleman and Wunsch 1970, without a penalty for
/// gaps); of several such alignments the one that pairs what comes first in the child. Where a passage stands alone, those
/// of the parent that can be spared are passed over with it: it may have come in their place.
pub fn align<'a>(child: &[Passage], parent: &[Passage<'a>]) -> Vec<Option<(Passage<'a>, u32)>> {
    let (rows, columns) = (child.len(), parent.len());
    // The largest sum over the passages from a row and a column on.
    let mut best = vec![vec![0; columns + 1]; rows + 1];
    for i in (0..rows).rev() {
        for j in (0..columns).rev() {
            let alike = likeness(&child[i], &parent[j]);
            let paired = if alike > 0 { alike + best[i + 1][j + 1] } else { 0 };
            best[i][j] = paired.max(best[i + 1][j]).max(best[i][j + 1]);
        }
    }
    let (mut found, mut j) = (Vec::new(), 0);
    while found.len() < rows {
        let i = found.len();
        let alike = parent.get(j).map_or(0, |theirs| likeness(&child[i], theirs));
        if alike > 0 && alike + best[i + 1][j + 1] == best[i][j] {
            found.push(Some((parent[j], alike)));
            j += 1;
        } else if j < columns && best[i][j + 1] == best[i][j] {
            j += 1;
        } else {
            found.push(None);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn genome(layers: &str) -> Genome {
        serde_json::from_str(&format!(r#"{{"layers": [{layers}]}}"#)).unwrap()
    }

    /// For each passage of the child the layer of the parent that it is made of.
    fn layers(child: &str, parent: &str) -> Vec<Option<usize>> {
        let (child, parent) = (genome(child), genome(parent));
        let aligned = align(&passages(&child), &passages(&parent));
        aligned.into_iter().map(|found| found.map(|(passage, _)| passage.layer)).collect()
    }

    const GRU: &str = r#"{"token": {"kind": "gru"}}"#;
    const MLP: &str = r#"{"channel": {"kind": "mlp"}}"#;
    const WIDE: &str = r#"{"channel": {"kind": "mlp", "ratio": 4}}"#;
    const S4D: &str = r#"{"token": {"kind": "s4d"}}"#;

    fn joined(layers: &[&str]) -> String {
        layers.join(", ")
    }

    #[test]
    fn what_was_put_in_stands_alone_and_what_was_left_out_is_passed_over() {
        let parent = joined(&[GRU, S4D, MLP]);
        assert_eq!(layers(&joined(&[MLP, GRU, S4D, MLP]), &parent), [None, Some(0), Some(1), Some(2)]);
        assert_eq!(layers(&joined(&[GRU, MLP]), &parent), [Some(0), Some(2)]);
        assert_eq!(layers(&joined(&[S4D, GRU]), &parent), [Some(1), None]);
        assert_eq!(layers("", &parent), []);
        assert_eq!(layers(&parent, ""), [None; 3]);
    }

    #[test]
    fn the_same_settings_come_before_the_same_kind() {
        assert_eq!(layers(WIDE, &joined(&[MLP, WIDE])), [Some(1)]);
        assert_eq!(layers(WIDE, &joined(&[MLP, GRU])), [Some(0)]);
        assert_eq!(layers(&joined(&[MLP, MLP]), MLP), [Some(0), None]);
    }

    #[test]
    fn halves_of_a_layer_are_those_of_two() {
        let both = r#"{"token": {"kind": "gru"}, "channel": {"kind": "mlp"}}"#;
        assert_eq!(layers(both, &joined(&[GRU, MLP])), [Some(0), Some(1)]);
    }

    #[test]
    fn runs_of_a_tied_layer_are_those_of_untied_ones() {
        let twice = r#"{"token": {"kind": "gru"}, "repeat": 2}"#;
        assert_eq!(layers(twice, &joined(&[GRU, GRU])), [Some(0), Some(1)]);
        assert_eq!(layers(&joined(&[GRU, GRU]), twice), [Some(0), Some(0)]);
    }
}
