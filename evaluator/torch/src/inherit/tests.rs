use hashing::Rng;
use spaces::sequence::Shape;

use super::*;
use crate::Batch;

const SHAPE: Shape = Shape { channels: 3, classes: 4 };

fn network(json: &str) -> Network {
    Network::new(&serde_json::from_str(json).expect(json), SHAPE)
}

/// Layers at width 8.
fn stack(layers: &[&str]) -> Network {
    network(&format!(r#"{{"width": 8, "layers": [{}]}}"#, layers.join(", ")))
}

fn fresh(network: &Network, seed: u64) -> Model {
    Model::new(network, seed, Kind::Double, Device::Cpu)
}

/// As a training might leave it: nothing is where it started. Vectors stay if `matrices` are all that moves.
fn trained(network: &Network, seed: u64, matrices: bool) -> Model {
    let mut model = fresh(network, seed);
    let mut moved = |(name, value): (String, Tensor)| {
        let mut rng = Rng::named(seed, &name, 1);
        let noise: Vec<f64> = (0..value.numel()).map(|_| 0.3 * rng.normal()).collect();
        let moves = !matrices || value.dim() > 1;
        let noise = Tensor::from_slice(&noise).view_as(&value) * f64::from(u8::from(moves));
        (name, value + noise)
    };
    let values: Vec<_> = model.values().into_iter().map(&mut moved).collect();
    model.load(&values).unwrap();
    model
}

/// What a child of such parents starts with.
fn child_of(network: &Network, parents: &[(&Network, &Model)]) -> (Model, Start) {
    let parents: Vec<_> = parents.iter().map(|(network, model)| Parent::of(model, network)).collect();
    let mut child = fresh(network, 99);
    let start = begin(&mut child, network, &parents);
    (child, start)
}

fn logits(model: &Model) -> Tensor {
    let mut rng = Rng::named(7, "cases", 0);
    let x: Vec<f64> = (0..2 * 6 * 3).map(|_| rng.normal()).collect();
    let x = Tensor::from_slice(&x).view([2, 6, 3]);
    tch::no_grad(|| model.forward(&Batch { x, mask: None, lengths: Tensor::from_slice(&[6i64, 6]) }, None))
}

fn furthest(a: &Tensor, b: &Tensor) -> f64 {
    (a - b).abs().max().double_value(&[])
}

fn value(model: &Model, name: &str) -> Tensor {
    let found = model.values().into_iter().find(|(other, _)| other == name);
    found.unwrap_or_else(|| panic!("no {name}")).1
}

fn same(a: &Model, name: &str, b: &Model, other: &str) -> bool {
    value(a, name) == value(b, other)
}

const GRU: &str = r#"{"token": {"kind": "gru"}}"#;
const MLP: &str = r#"{"channel": {"kind": "mlp"}}"#;
/// Of matrices alone.
const PURE: &str = r#"{"token": {"kind": "attention"}, "channel": {"kind": "glu"}}"#;

#[test]
fn a_child_of_its_parents_stack_starts_where_that_ended() {
    for layers in
        [vec![], vec![GRU, MLP], vec![PURE, r#"{"token": {"kind": "gru"}, "repeat": 3, "rank": 2}"#]]
    {
        let of = stack(&layers);
        let parent = trained(&of, 1, false);
        let (child, start) = child_of(&of, &[(&of, &parent)]);
        assert_eq!((child.flat() == parent.flat(), start.inherited), (true, 1.0));
        assert_eq!(start.root, root_of(&parent));
    }
}

#[test]
fn without_parents_nothing_changes() {
    let of = stack(&[GRU]);
    let (child, start) = child_of(&of, &[]);
    assert_eq!(child.flat(), fresh(&of, 99).flat());
    assert_eq!((start.root, start.inherited), (root_of(&child), 0.0));
}

#[test]
fn layers_are_found_wherever_they_have_gone() {
    let (before, after) = (stack(&[GRU, MLP]), stack(&[PURE, GRU, PURE, MLP]));
    let parent = trained(&before, 1, false);
    let (child, start) = child_of(&after, &[(&before, &parent)]);
    let untouched = fresh(&after, 99);
    for (name, theirs) in [
        ("layers.1.token.mixer.w", "layers.0.token.mixer.w"),
        ("layers.1.token.norm.gain", "layers.0.token.norm.gain"),
        ("layers.3.channel.mixer.w_1", "layers.1.channel.mixer.w_1"),
        ("head.linear.weight", "head.linear.weight"),
    ] {
        let known = child.names().any(|known| known == name);
        let name = if known { name.to_string() } else { first_with(&child, name) };
        let theirs = if known { theirs.to_string() } else { first_with(&parent, theirs) };
        assert!(same(&child, &name, &parent, &theirs), "{name}");
    }
    for name in child.names().filter(|name| name.starts_with("layers.0") || name.starts_with("layers.2")) {
        assert!(same(&child, name, &untouched, name), "{name} is nobody's");
    }
    assert!(0.0 < start.inherited && start.inherited < 1.0, "{}", start.inherited);
    assert_eq!(start.root, root_of(&untouched), "part of it is its own");
}

/// The first tensor whose name starts so.
fn first_with(model: &Model, start: &str) -> String {
    model.names().find(|name| name.starts_with(start)).unwrap_or_else(|| panic!("no {start}")).to_string()
}

#[test]
fn layers_tied_with_corrections_of_full_rank_compute_what_they_computed_untied() {
    let untied = stack(&[PURE, PURE, PURE]);
    let tied =
        stack(&[r#"{"token": {"kind": "attention"}, "channel": {"kind": "glu"}, "repeat": 3, "rank": 8}"#]);
    let parent = trained(&untied, 1, true);
    let (child, start) = child_of(&tied, &[(&untied, &parent)]);
    let far = furthest(&logits(&child), &logits(&parent));
    assert!(far < 1e-5, "{far}");
    assert_eq!(start.inherited, 1.0);
}

#[test]
fn the_rank_bounds_what_is_left_of_untied_layers() {
    let untied = stack(&[PURE, PURE]);
    let parent = trained(&untied, 1, true);
    let left = |rank: usize| {
        let layer =
            r#"{"token": {"kind": "attention"}, "channel": {"kind": "glu"}, "repeat": 2, "rank": RANK}"#;
        let tied = stack(&[&layer.replace("RANK", &rank.to_string())]);
        furthest(&logits(&child_of(&tied, &[(&untied, &parent)]).0), &logits(&parent))
    };
    let left = [0, 2, 4, 8].map(left);
    assert!(left[0] > 1e-3 && left[3] < 1e-10, "{left:?}");
}

#[test]
fn tied_without_corrections_layers_share_their_mean() {
    let (untied, tied) = (stack(&[GRU, GRU]), stack(&[r#"{"token": {"kind": "gru"}, "repeat": 2}"#]));
    let parent = trained(&untied, 1, false);
    let (child, _) = child_of(&tied, &[(&untied, &parent)]);
    for name in child.names().filter(|name| name.starts_with("layers.0.")) {
        let other = name.replacen("layers.0", "layers.1", 1);
        let mean = (value(&parent, name) + value(&parent, &other)) * 0.5;
        assert!(furthest(&value(&child, name), &mean) < 1e-12, "{name}");
    }
    assert!(child.names().any(|name| name.starts_with("layers.0.")));
}

#[test]
fn untied_layers_compute_what_they_computed_tied() {
    let repeated = r#"{"token": {"kind": "gru"}, "order": "bidirectional", "channel": {"kind": "mlp"}, "repeat": 2, "rank": 2}"#;
    let single = r#"{"token": {"kind": "gru"}, "order": "bidirectional", "channel": {"kind": "mlp"}}"#;
    let tied = stack(&[repeated, PURE]);
    let parent = trained(&tied, 1, false);
    let (child, start) = child_of(&stack(&[single, single, PURE]), &[(&tied, &parent)]);
    let far = furthest(&logits(&child), &logits(&parent));
    assert!(far < 1e-10, "{far}");
    assert_eq!(start.inherited, 1.0);
    let cycle = format!(
        r#"{{"width": 8, "layers": [{GRU}, {MLP}], "sharing": {{"pattern": "cycle", "passes": 2}}}}"#
    );
    let cycle = network(&cycle);
    let parent = trained(&cycle, 1, false);
    let (child, _) = child_of(&stack(&[GRU, MLP, GRU, MLP]), &[(&cycle, &parent)]);
    assert!(furthest(&logits(&child), &logits(&parent)) < 1e-10);
}

#[test]
fn corrections_of_a_higher_rank_compute_what_those_of_a_lower_one_did() {
    let with = |rank: usize| {
        stack(&[
            &r#"{"token": {"kind": "gru"}, "repeat": 2, "rank": RANK}"#.replace("RANK", &rank.to_string())
        ])
    };
    for rank in [0, 1, 2] {
        let (before, after) = (with(rank), with(4));
        let parent = trained(&before, 1, false);
        let (child, _) = child_of(&after, &[(&before, &parent)]);
        let far = furthest(&logits(&child), &logits(&parent));
        assert!(far < 1e-10, "rank {rank}: {far}");
        let free = value(&child, &first_with(&child, "layers.0.token.mixer_down"));
        assert!(free.abs().min().double_value(&[]) > 0.0, "directions that are not used can be learned");
    }
}

#[test]
fn a_perceptron_with_more_units_computes_what_it_computed() {
    let (before, after) = (stack(&[GRU, MLP]), stack(&[GRU, r#"{"channel": {"kind": "mlp", "ratio": 4}}"#]));
    let parent = trained(&before, 1, false);
    let (child, start) = child_of(&after, &[(&before, &parent)]);
    assert!(furthest(&logits(&child), &logits(&parent)) < 1e-10);
    assert_eq!(start.inherited, 1.0);
    // Back again they are no duplicates any more: the perceptron starts afresh, and the rest does not.
    let moved = trained(&after, 2, false);
    let (smaller, start) = child_of(&before, &[(&after, &moved)]);
    assert!(start.inherited < 1.0);
    assert!(same(&smaller, "layers.1.channel.mixer.w_1", &fresh(&before, 99), "layers.1.channel.mixer.w_1"));
    assert!(same(&smaller, "layers.1.channel.norm.gain", &moved, "layers.1.channel.norm.gain"));
}

#[test]
fn at_another_width_layers_start_afresh() {
    let narrow = stack(&[GRU, MLP]);
    let wide = network(&format!(r#"{{"width": 16, "layers": [{GRU}, {MLP}]}}"#));
    let parent = trained(&narrow, 1, false);
    let (child, start) = child_of(&wide, &[(&narrow, &parent)]);
    let untouched = fresh(&wide, 99);
    let kept: Vec<_> = child.names().filter(|name| !same(&child, name, &untouched, name)).collect();
    assert_eq!(kept, ["head.linear.bias"]);
    assert!(start.inherited < 0.01);
}

#[test]
fn of_two_parents_the_first_layers_come_from_one_and_the_last_from_the_other() {
    let (a, b) = (stack(&[GRU, MLP]), stack(&[PURE, PURE]));
    let [first, second] = [trained(&a, 1, false), trained(&b, 2, false)];
    let (child, start) = child_of(&stack(&[GRU, PURE]), &[(&a, &first), (&b, &second)]);
    assert_eq!(start.inherited, 1.0);
    for name in child.names() {
        let parent = match name {
            _ if name.starts_with("embedding") || name.starts_with("layers.0") => &first,
            _ => &second,
        };
        assert!(same(&child, name, parent, name), "{name}");
    }
}

#[test]
fn relatives_are_averaged_and_others_are_not() {
    let of = stack(&[GRU, MLP]);
    let parts = |a: &Model, b: &Model, related: bool| {
        let [a, mut b] = [a, b].map(|model| Parent::of(model, &of));
        if related {
            b.root = a.root;
        }
        let mut child = fresh(&of, 99);
        let start = begin(&mut child, &of, &[a, b]);
        (child, start)
    };
    let [a, b] = [1, 2].map(|seed| trained(&of, seed, false));
    let (same_twice, _) = parts(&a, &a, true);
    assert_eq!(same_twice.flat(), a.flat(), "of two that are one, bit for bit");
    let (mean, start) = parts(&a, &b, true);
    assert!(furthest(mean.flat(), &((a.flat() + b.flat()) * 0.5)) < 1e-15);
    assert_eq!((start.root, start.inherited), (root_of(&a), 1.0));
    let (strangers, start) = parts(&a, &b, false);
    assert_eq!(strangers.flat(), a.flat(), "units of strangers have no common order");
    assert_eq!(start.root, root_of(&fresh(&of, 99)));
    let smoother =
        network(&format!(r#"{{"width": 8, "layers": [{GRU}, {MLP}], "training": {{"dropout": 0.1}}}}"#));
    assert!(same_stack(&smoother, &Parent::of(&a, &of)), "how it is trained does not tell stacks apart");
    assert!(!same_stack(&stack(&[GRU]), &Parent::of(&a, &of)));
}
