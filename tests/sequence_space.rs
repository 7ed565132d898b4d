//! Laws of the sequence space: what must merge, what must not, and what canonicalizing may change.

use std::collections::HashSet;

use hashing::{CandidateHasher, Class, Digest, Fingerprint, Key, Keyed, Rng, TwoStage};
use spaces::sequence::math::{self, Matrix};
use spaces::sequence::{
    Block, Depth, Genome, Head, Join, Layout, Limits, Mixer, NamedTensor, Network, Norm, Order, Pattern,
    Pooling, Position, Routed, Routing, SequenceSpace, Settings, Shape, Sharing, Skeleton, Tensor, Tokenizer,
    Training, Value, Weights, blocks,
};
use spaces::{Candidate, Space};

fn genomes(count: u64) -> impl Iterator<Item = Genome> {
    let space = SequenceSpace::default();
    (0..count).map(move |n| {
        let mut rng = Rng::named(3, "genome", n);
        let sampled = space.sample(&mut rng);
        (0..rng.below(12)).fold(sampled, |genome, _| space.mutate(&genome, &mut rng))
    })
}

fn genome(json: &str) -> Genome {
    serde_json::from_str(json).unwrap()
}

fn fingerprint(genome: &Genome) -> Fingerprint {
    let identity = TwoStage::default().identify(&SequenceSpace::default().canonicalize(genome)).unwrap();
    assert_eq!(identity.class, Class::Function);
    identity.fingerprint
}

/// Without the canonical form: what the probe alone sees.
fn probed(genome: &Genome) -> Fingerprint {
    TwoStage::default().identify(genome).unwrap().fingerprint
}

/// What the network computes with generic parameters that depend on nothing but name and number of their group.
fn logits(genome: &Genome) -> Vec<f64> {
    let normal = |name: &str, n, len: usize| {
        let mut rng = Rng::named(0, name, n);
        (0..len).map(|_| rng.normal()).collect::<Vec<_>>()
    };
    let values = |n, part: &str, tensor: &Tensor| {
        let (center, spread) = tensor.probe;
        let normal = normal(&format!("{part}.{}", tensor.name), n, tensor.len());
        (tensor.name, normal.into_iter().map(|x| center + spread * x).collect())
    };
    let network = Network::new(&Genome { width: 8, ..genome.clone() }, Shape { channels: 3, classes: 4 });
    let cases = [14, 11].map(|length| Matrix::new(length, 3, normal("case", length as u64, 3 * length)));
    let mut groups = 0;
    let logits = network.forward(&cases, &mut |group, _| {
        groups += 1;
        let part = |(part, tensors): &(&str, Vec<Tensor>)| {
            Weights(tensors.iter().map(|tensor| values(groups, part, tensor)).collect())
        };
        group.parts.iter().map(part).collect()
    });
    logits.concat()
}

#[test]
fn canonicalizing_is_idempotent_and_keeps_behavior() {
    let space = SequenceSpace::default();
    let mixers = |genome: &Genome| {
        let all = genome.layers.iter().flat_map(|layer| [layer.token.clone(), layer.channel.clone()]);
        all.filter(|mixer| !mixer.is_identity()).collect::<Vec<_>>()
    };
    let mut changed = 0;
    for genome in genomes(300) {
        let canonical = space.canonicalize(&genome);
        assert_eq!(space.canonicalize(&canonical), canonical);
        let differences = logits(&genome).into_iter().zip(logits(&canonical)).map(|(a, b)| (a - b).abs());
        let difference = differences.fold(0.0, f64::max);
        assert!(difference < 1e-9, "{difference:e}: {genome:?}");
        // Kinds, their genes and dropout reach the fingerprint by name: to see those equal is left to the canonical form.
        let by_name = canonical.training != genome.training || mixers(&canonical) != mixers(&genome);
        assert_eq!(probed(&genome) == probed(&canonical), !by_name, "{genome:?}");
        changed += usize::from(canonical != genome);
    }
    assert!(changed > 30, "canonicalizing changed {changed} of 300 genomes");
}

#[test]
fn a_mask_hides_nothing_from_the_last_step() {
    let masked = blocks::ALL.iter().copied().filter(|b| b.genes().iter().any(|gene| gene.name == "causal"));
    let mut checked = 0;
    for block in masked {
        let x = Matrix::new(9, 8, (0..72).map(|i| f64::from(i * i % 23) / 7.0 - 1.5).collect());
        let forward = |causal| {
            let mut settings = Mixer::of(block).settings;
            settings.0.insert("causal".into(), Value::Flag(causal));
            let tensors = block.tensors(&settings, 8);
            let generic = |t: &Tensor| {
                let mut rng = Rng::named(1, t.name, 0);
                (t.name, (0..t.len()).map(|_| t.probe.0 + t.probe.1 * rng.normal()).collect())
            };
            block.forward(&settings, &Weights(tensors.iter().map(generic).collect()), &x)
        };
        let (causal, full) = (forward(true), forward(false));
        let differ = |t| causal.row(t).iter().zip(full.row(t)).any(|(a, b)| (a - b).abs() > 1e-12);
        assert!(!differ(8), "{}", block.name());
        assert!((0..8).all(differ), "{}", block.name());
        checked += 1;
    }
    assert!(checked > 0);
}

/// A block with every choice of every gene.
fn all_settings(block: &dyn Block) -> Vec<Settings> {
    block.genes().iter().fold(vec![Settings::default()], |all, gene| {
        let with_each =
            |settings: Settings| gene.choices.iter().map(move |v| settings.with(gene.name, v.clone()));
        all.into_iter().flat_map(with_each).collect()
    })
}

#[test]
fn a_step_knows_how_many_follow_exactly_where_a_block_is_not_causal() {
    const PAST: usize = 9;
    let input: Vec<f64> = (0..13 * 8).map(|i| f64::from(i * i % 23) / 7.0 - 1.5).collect();
    let (all, past) = (Matrix::new(13, 8, input.clone()), Matrix::new(PAST, 8, input[..PAST * 8].to_vec()));
    for &block in blocks::ALL {
        for settings in all_settings(block) {
            let settings = block.of_run(&settings, 0).unwrap_or(settings);
            let generic = |t: &Tensor| {
                let mut rng = Rng::named(1, t.name, 0);
                (t.name, (0..t.len()).map(|_| t.probe.0 + t.probe.1 * rng.normal()).collect())
            };
            let weights = Weights(block.tensors(&settings, 8).iter().map(generic).collect());
            let [with, without] = [&all, &past].map(|x| block.forward(&settings, &weights, x));
            let matter = without.data.iter().zip(&with.data).any(|(a, b)| (a - b).abs() > 1e-9);
            assert_eq!(matter, !block.causal(&settings), "{} {:?}", block.name(), settings.0);
        }
    }
}

#[test]
fn equal_functions_share_a_fingerprint() {
    let layer = r#"{"token": {"kind": "gru"}, "channel": {"kind": "mlp"}}"#;
    let pairs = [
        // Layers without a mixer are not there.
        (format!("[{layer}]"), format!("[{{}}, {layer}, {{\"repeat\": 3}}]")),
        // Halves of a layer, written in two.
        (format!("[{layer}]"), r#"[{"token": {"kind": "gru"}}, {"channel": {"kind": "mlp"}}]"#.into()),
        // Full attention does not know the order of steps.
        (
            r#"[{"token": {"kind": "attention"}}]"#.into(),
            r#"[{"token": {"kind": "attention"}, "order": "reverse"}]"#.into(),
        ),
        // The order of no token mixer is inert.
        (
            r#"[{"channel": {"kind": "glu"}}]"#.into(),
            r#"[{"channel": {"kind": "glu"}, "order": "bidirectional"}]"#.into(),
        ),
    ];
    for (a, b) in pairs {
        let of = |layers: &str| genome(&format!("{{\"layers\": {layers}}}"));
        assert_eq!(fingerprint(&of(&a)), fingerprint(&of(&b)), "{a} {b}");
    }
}

#[test]
fn a_mask_is_inert_where_the_last_step_alone_is_read_and_sees_everything() {
    let of = |last: &str, pooling: &str| {
        let layers = format!(r#"{{"token": {{"kind": "gru"}}}}, {last}, {{"channel": {{"kind": "mlp"}}}}"#);
        genome(&format!(r#"{{"layers": [{layers}], "pooling": "{pooling}"}}"#))
    };
    let attention = |causal: bool, more: &str| {
        format!(r#"{{"token": {{"kind": "attention", "causal": {causal}}}{more}}}"#)
    };
    let same = |more: &str, pooling: &str| {
        let [masked, full] = [true, false].map(|causal| of(&attention(causal, more), pooling));
        fingerprint(&masked) == fingerprint(&full)
    };
    assert!(same("", "last"));
    assert!(!same("", "mean"), "all steps are read");
    assert!(!same("", "max"), "all steps are read");
    assert!(!same(r#", "order": "reverse""#, "last"), "the last step comes first");
    assert!(!same(r#", "order": "bidirectional""#, "last"), "the last step comes first in one direction");
    assert!(!same(r#", "repeat": 2"#, "last"), "the second time reads all steps of the first");
    let followed =
        |causal| of(&format!(r#"{}, {{"token": {{"kind": "gru"}}}}"#, attention(causal, "")), "last");
    assert_ne!(fingerprint(&followed(true)), fingerprint(&followed(false)), "a later mixer reads all steps");
}

#[test]
fn the_cost_of_the_widest_block_on_a_long_sequence_is_a_number() {
    for &block in blocks::ALL {
        for settings in all_settings(block) {
            let [short, long] = [1, 1 << 28].map(|length| block.multiply_adds(&settings, 4096, length));
            assert!(block.name() == "identity" || long > 1000 * short, "{} {:?}", block.name(), settings.0);
        }
    }
}

#[test]
fn a_head_costs_as_much_as_it_has_steps_to_answer_at() {
    let cost = |pooling: &str, head: &str, layout: &str| {
        let ends = format!(r#""pooling": "{pooling}", "head": "{head}", "layout": "{layout}""#);
        let genome = genome(&format!(r#"{{"width": 16, {ends}}}"#));
        Network::new(&genome, Shape { channels: 3, classes: 4 }).multiply_adds(10)
    };
    assert_eq!(cost("mean", "linear", "steps"), 16 * (10 * 3 + 4));
    assert_eq!(cost("none", "linear", "steps"), 16 * (10 * 3 + 10 * 4));
    assert_eq!(cost("step-mean", "linear", "steps"), cost("none", "linear", "steps"));
    assert_eq!(cost("step-mean", "linear", "grid"), 16 * (10 * 3 + 30 * 4));
    assert_eq!(cost("attention", "linear", "steps"), cost("mean", "linear", "steps") + 10 * 16 * 16);
    assert_eq!(cost("attention", "linear", "grid"), cost("mean", "linear", "grid") + 30 * 16 * 16);
    assert_eq!(cost("mean", "simplex", "steps"), 16 * (10 * 3 + 3));
}

/// What a network without layers makes of these cases, under generic values.
fn answers(json: &str, cases: &[Matrix]) -> Vec<Vec<f64>> {
    let network = Network::new(&genome(json), Shape { channels: 3, classes: 4 });
    network.forward(cases, &mut |group, _| {
        let value = |part: &str, tensor: &Tensor| {
            let mut rng = Rng::named(8, &format!("{part}.{}", tensor.name), 0);
            let (center, spread) = tensor.probe;
            (tensor.name, (0..tensor.len()).map(|_| center + spread * rng.normal()).collect())
        };
        let part = |(part, tensors): &(&str, Vec<Tensor>)| {
            Weights(tensors.iter().map(|tensor| value(part, tensor)).collect())
        };
        group.parts.iter().map(part).collect()
    })
}

fn drawn_case(length: usize) -> Matrix {
    let mut rng = Rng::named(8, "case", length as u64);
    Matrix::new(length, 3, (0..3 * length).map(|_| rng.normal()).collect())
}

fn farthest(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
}

#[test]
fn attention_pooling_knows_neither_order_nor_number() {
    let case = drawn_case(9);
    let twice = Matrix::new(18, 3, case.data.repeat(2));
    let found = answers(r#"{"pooling": "attention"}"#, &[case.clone(), case.reversed(), twice]);
    assert!(farthest(&found[0], &found[1]) < 1e-12 && farthest(&found[0], &found[2]) < 1e-12);
    let mean = answers(r#"{"pooling": "mean"}"#, &[case]);
    assert!(farthest(&found[0], &mean[0]) > 1e-3, "nor is it the mean");
}

#[test]
fn votes_of_steps_are_probabilities_and_those_of_one_step_are_its_own() {
    for ends in ["", r#", "head": "simplex""#, r#", "layout": "grid""#] {
        let of = |pooling: &str| format!(r#"{{"pooling": "{pooling}"{ends}}}"#);
        let sum = |logarithms: &[f64]| logarithms.iter().map(|logarithm| logarithm.exp()).sum::<f64>();
        for votes in answers(&of("step-mean"), &[drawn_case(7), drawn_case(1)]) {
            assert!((sum(&votes) - 1.0).abs() < 1e-12, "{votes:?}");
        }
        let one = [drawn_case(1)];
        let [votes, plain] = ["step-mean", "last"].map(|pooling| answers(&of(pooling), &one).remove(0));
        let normed: Vec<f64> = plain.iter().map(|logit| logit - sum(&plain).ln()).collect();
        // A step of a grid is three tokens.
        assert_eq!(farthest(&votes, &normed) < 1e-12, !ends.contains("grid"), "{ends}");
    }
}

#[test]
fn a_simplex_answers_by_one_number_less_than_there_are_classes() {
    let shape = |head: &str, classes| {
        let genome = genome(&format!(r#"{{"width": 16, "head": "{head}"}}"#));
        Network::new(&genome, Shape { channels: 3, classes })
    };
    for classes in [1, 2, 3, 9] {
        let saved = shape("linear", classes).parameters() - shape("simplex", classes).parameters();
        let dimensions = (classes - 1).max(1) as u64;
        assert_eq!(saved, 17 * classes as u64 - 16 * dimensions);
    }
    // The corners have their center at zero, and so have the logits.
    for logits in answers(r#"{"head": "simplex"}"#, &[drawn_case(7), drawn_case(3)]) {
        assert!(
            logits.iter().sum::<f64>().abs() < 1e-12 && farthest(&logits, &[0.0; 4]) > 1e-3,
            "{logits:?}"
        );
    }
}

/// Of two layers that are shared, with one before and one after them.
fn recursive(passes: usize, more: &str) -> Genome {
    genome(&format!(
        r#"{{"width": 16, "layers": [{{"token": {{"kind": "gru"}}}}, {{"token": {{"kind": "attention"}}, "repeat": 2}},
            {{"channel": {{"kind": "glu"}}}}, {{"channel": {{"kind": "mlp"}}}}],
            "sharing": {{"pattern": "middle-cycle", "passes": {passes}{more}}}}}"#
    ))
}

/// Passes over steps, and over the tokens of steps.
fn in_each_layout(genome: &Genome) -> [Genome; 2] {
    Layout::ALL.map(|layout| Genome { layout, ..genome.clone() })
}

#[test]
fn more_passes_add_the_parameters_of_their_projections_alone() {
    let parameters = |genome: &Genome| Network::new(genome, Shape { channels: 3, classes: 4 }).parameters();
    let of = |count, more| parameters(&recursive(count, more));
    assert_eq!(of(1, ""), of(5, ""));
    // Norm, perceptron, coefficients.
    let projection = 2 * 16 + 2 * (16 * 16 + 16) + 2;
    let projected = r#", "projection": true"#;
    assert_eq!([2, 3].map(|count| of(count, projected)), [2, 3].map(|count| of(1, "") + count * projection));
    assert_eq!(of(1, projected), of(1, ""), "one pass has none");
}

#[test]
fn projections_cost_what_their_perceptrons_do() {
    let cost = |count, more| {
        Network::new(&recursive(count, more), Shape { channels: 3, classes: 4 }).multiply_adds(10)
    };
    assert_eq!(cost(3, r#", "projection": true"#), cost(3, "") + 3 * 10 * 2 * 16 * 16);
}

#[test]
fn projections_that_keep_and_add_nothing_leave_plain_passes() {
    let [plain, projected] = ["", r#", "projection": true"#].map(|more| recursive(2, more));
    let run = |genome: &Genome, coefficients: [f64; 2]| {
        let network = Network::new(genome, Shape { channels: 3, classes: 4 });
        let x = Matrix::new(9, 3, (0..27).map(|i| f64::from(i * i % 23) / 7.0 - 1.5).collect());
        let logits = network.forward(&[x], &mut |group, _| {
            let value = |part: &str, t: &Tensor| {
                let mut rng = Rng::named(1, &format!("{} {part} {}", group.name, t.name), 0);
                let generic = |_| t.probe.0 + t.probe.1 * rng.normal();
                let fixed = t.name == "coefficients";
                (t.name, if fixed { coefficients.to_vec() } else { (0..t.len()).map(generic).collect() })
            };
            let part = |(part, tensors): &(&str, Vec<Tensor>)| {
                Weights(tensors.iter().map(|tensor| value(part, tensor)).collect())
            };
            group.parts.iter().map(part).collect()
        });
        logits.concat()
    };
    assert_eq!(run(&projected, [1.0, 0.0]), run(&plain, [1.0, 0.0]));
    assert_ne!(run(&projected, [1.0, 1.0]), run(&plain, [1.0, 0.0]));
}

/// What it makes of some series, with generic parameters that depend on their full names alone.
fn routed(genome: &Genome, routing: Routing, cases: &[Matrix]) -> Routed {
    let network = Network::new(genome, Shape { channels: 3, classes: 4 });
    network.forward_routed(routing, cases, &mut |group, _| {
        let value = |part: &str, t: &Tensor| {
            let name = format!("{}.{part}.{}", group.name, t.name);
            let mut rng = Rng::named(1, &name, 0);
            (t.name, (0..t.len()).map(|_| t.probe.0 + t.probe.1 * rng.normal()).collect())
        };
        let part = |(part, tensors): &(&str, Vec<Tensor>)| {
            Weights(tensors.iter().map(|tensor| value(part, tensor)).collect())
        };
        group.parts.iter().map(part).collect()
    })
}

fn series(lengths: &[usize]) -> Vec<Matrix> {
    let one = |(n, length): (usize, &usize)| {
        let mut rng = Rng::named(2, "series", n as u64);
        Matrix::new(*length, 3, (0..3 * length).map(|_| rng.normal()).collect())
    };
    lengths.iter().enumerate().map(one).collect()
}

const ROUTED: [&str; 3] = [
    r#", "depth": "token-choice""#,
    r#", "depth": "expert-choice""#,
    r#", "depth": "converge", "epsilon": 0.9"#,
];

#[test]
fn a_pass_keeps_only_what_the_pass_before_it_kept_and_the_first_one_keeps_all() {
    for depth in ROUTED {
        for routing in [Routing::Inference, Routing::Training, Routing::Forced] {
            for genome in in_each_layout(&recursive(4, depth)) {
                let lengths = [14, 11, 1];
                let kept = routed(&genome, routing, &series(&lengths)).kept;
                assert_eq!(kept.len(), 4);
                assert_eq!(kept[0], lengths.map(|length| (0..length).collect::<Vec<_>>()), "{depth}");
                for pair in kept.windows(2) {
                    for (before, after) in pair[0].iter().zip(&pair[1]) {
                        assert!(
                            after.is_sorted() && after.iter().all(|t| before.contains(t)),
                            "{depth} {kept:?}"
                        );
                    }
                }
                let forced = routing == Routing::Forced && depth.contains("converge");
                assert_eq!(kept[1] == kept[0], forced, "{depth} {routing:?}: some step stops early");
            }
        }
    }
}

#[test]
fn every_depth_is_visited_where_it_is_forced() {
    for depth in ROUTED {
        let kept = routed(&recursive(4, depth), Routing::Forced, &series(&[14, 11, 1])).kept;
        assert!(kept.iter().flatten().all(|steps| !steps.is_empty()), "{depth} {kept:?}");
    }
}

#[test]
fn steps_that_follow_never_change_what_came_before_them() {
    for depth in ROUTED {
        for more in ["", r#", "projection": true"#] {
            let mut genome = recursive(3, &format!("{depth}{more}"));
            genome.layers[1].token.settings.0.insert("causal".into(), Value::Flag(true));
            genome.pooling = Pooling::None;
            assert_eq!(genome.looks_ahead(), None);
            for genome in in_each_layout(&genome) {
                let all = series(&[14]).remove(0);
                let whole = routed(&genome, Routing::Inference, std::slice::from_ref(&all));
                assert!(whole.kept.windows(2).any(|pair| pair[0] != pair[1]), "{depth}: depths differ");
                for past in 1..14 {
                    let cut = Matrix::new(past, 3, all.data[..3 * past].to_vec());
                    let logits = routed(&genome, Routing::Inference, &[cut]).logits.remove(0);
                    let differences = logits.iter().zip(&whole.logits[0]).map(|(a, b)| (a - b).abs());
                    assert!(differences.fold(0.0, f64::max) < 1e-9, "{depth}{more} after {past}");
                }
            }
        }
    }
}

#[test]
fn capacities_fall_evenly_and_multiply_adds_follow_them() {
    let cost = |genome: &Genome, length| {
        Network::new(genome, Shape { channels: 3, classes: 4 }).multiply_adds(length)
    };
    let passes = recursive(3, ROUTED[0]).passes().unwrap();
    assert_eq!([0, 1, 2].map(|pass| passes.capacity(pass, 10)), [10, 7, 4]);
    assert_eq!([0, 1, 2].map(|pass| passes.capacity(pass, 1)), [1, 1, 1]);
    for (layout, tokens) in [(Layout::Steps, 1), (Layout::Grid, 3)] {
        let cost = |passes, more: &str, length| cost(&Genome { layout, ..recursive(passes, more) }, length);
        // What one pass costs at this length: twice as many passes less one.
        let of_a_pass = |length| cost(2, "", length) - cost(1, "", length);
        let outside = cost(1, "", 10) - of_a_pass(10);
        let expected = outside + of_a_pass(10) + of_a_pass(7) + of_a_pass(4);
        for (depth, routers) in ROUTED.into_iter().zip(ROUTERS) {
            assert_eq!(cost(3, depth, 10), expected + routers, "{depth}");
            let projected = format!(r#"{depth}, "projection": true"#);
            let projections = (10 + 7 + 4) * tokens * 2 * 16 * 16;
            assert_eq!(cost(3, &projected, 10), expected + routers + projections, "{depth}");
        }
        assert_eq!(cost(3, ROUTED[2], 10), cost(3, "", 10), "how many converge is not known");
    }
    for depth in ROUTED {
        let (steps, patched) =
            (recursive(3, depth), genome(r#"{"tokens": {"kind": "patch", "size": 4}}"#).tokens);
        let patches = Genome { tokens: patched, ..steps.clone() };
        let read = |steps: u64| steps * 3 * 16;
        assert_eq!(cost(&patches, 40) - read(40), cost(&steps, 10) - read(10), "patches are routed: {depth}");
    }
}

/// Multiply-adds of the routers of three passes, of width 16, over 10 steps.
const ROUTERS: [u64; 2] = [3 * 10 * 16, (10 + 10 + 7) * 16];

#[test]
fn a_step_stops_after_the_pass_that_changes_it_by_less_than_its_share() {
    let of = |epsilon| {
        genome(&format!(
            r#"{{"width": 8, "layers": [{{"channel": {{"kind": "mlp"}}}}], "pooling": "none",
                "sharing": {{"pattern": "cycle", "passes": 4, "depth": "converge", "epsilon": {epsilon}}}}}"#
        ))
    };
    let x = series(&[9]).remove(0);
    let genome = of(0.35);
    let found = routed(&genome, Routing::Inference, std::slice::from_ref(&x));
    let stack = ByHand::of(&genome);
    let (mut hidden, mut going) = (stack.embedded(&x), (0..9).collect::<Vec<_>>());
    for kept in &found.kept {
        assert_eq!(kept[0], going);
        let made = stack.layer(&hidden);
        let size = |values: &mut dyn Iterator<Item = f64>| values.map(|v| v * v).sum::<f64>().sqrt();
        going.retain(|t| {
            let change = size(&mut hidden.row(*t).iter().zip(made.row(*t)).map(|(a, b)| b - a));
            change >= 0.35 * size(&mut hidden.row(*t).iter().copied())
        });
        for t in &kept[0] {
            hidden.row_mut(*t).copy_from_slice(made.row(*t));
        }
    }
    assert!(distance_between(&found.logits[0], &stack.answered(&hidden)) < 1e-12);
    assert!((1..9).contains(&found.kept[3][0].len()), "{:?}", found.kept);
    // All of them go on where hardly any change is small enough.
    let fixed = Genome { sharing: Sharing { depth: Depth::Fixed, ..genome.sharing }, ..genome };
    let [all, fixed] = [&of(1e-9), &fixed]
        .map(|genome| routed(genome, Routing::Inference, std::slice::from_ref(&x)).logits.remove(0));
    assert_eq!(all, fixed);
}

#[test]
fn experts_keep_their_capacity_in_training_and_what_they_score_above_zero_afterwards() {
    let (genome, lengths) = (recursive(3, ROUTED[1]), [14, 11, 1]);
    let kept = routed(&genome, Routing::Training, &series(&lengths)).kept;
    for (pass, kept) in kept.iter().enumerate() {
        let counts: Vec<_> = kept.iter().map(Vec::len).collect();
        assert_eq!(counts, lengths.map(|length| (length * (3 - pass)).div_ceil(3)), "pass {pass}");
    }
    let cases: Vec<Matrix> = series(&[14; 8]);
    let counts = |routing| routed(&genome, routing, &cases).kept[1].iter().map(Vec::len).collect::<Vec<_>>();
    assert_ne!(
        counts(Routing::Inference),
        counts(Routing::Training),
        "scores do not know how many there are"
    );
}

/// A stack of one perceptron, worked out by hand, with the parameters of [`routed`].
struct ByHand(Vec<(String, Vec<f64>)>);

impl ByHand {
    fn of(genome: &Genome) -> Self {
        let value = |named: NamedTensor| {
            let mut rng = Rng::named(1, &named.name, 0);
            let (center, spread) = named.tensor.probe;
            (named.name, (0..named.tensor.len()).map(|_| center + spread * rng.normal()).collect())
        };
        let network = Network::new(genome, Shape { channels: 3, classes: 4 });
        Self(network.tensors().into_iter().map(value).collect())
    }

    fn drawn(&self, name: &str) -> Vec<f64> {
        self.0.iter().find(|(known, _)| known == name).expect(name).1.clone()
    }

    fn linear(&self, x: &Matrix, name: &str) -> Matrix {
        let [weight, bias] = ["weight", "bias"].map(|part| self.drawn(&format!("{name}.{part}")));
        math::linear(x, &weight, &bias)
    }

    fn norm(&self, x: &Matrix, name: &str) -> Matrix {
        let [gain, bias] = ["gain", "bias"].map(|part| self.drawn(&format!("{name}.norm.{part}")));
        math::layer_norm(x, &gain, &bias)
    }

    fn embedded(&self, x: &Matrix) -> Matrix {
        self.linear(x, "embedding.linear")
    }

    /// A token of width 8 for every channel of every step.
    fn embedded_in_tokens(&self, x: &Matrix) -> Matrix {
        let [weight, bias] = ["weight", "bias"].map(|part| self.drawn(&format!("embedding.channels.{part}")));
        let token = |number: usize| {
            let channel = number % x.columns * 8;
            (channel..channel + 8).map(|i| x.data[number] * weight[i] + bias[i]).collect::<Vec<_>>()
        };
        Matrix::new(x.data.len(), 8, (0..x.data.len()).flat_map(token).collect())
    }

    fn layer(&self, x: &Matrix) -> Matrix {
        let mixer = |name: &str| self.drawn(&format!("layers.0.channel.mixer.{name}"));
        let hidden = math::linear(&self.norm(x, "layers.0.channel"), &mixer("w_1"), &mixer("b_1"));
        let made = math::linear(&math::activate(hidden, "gelu"), &mixer("w_2"), &mixer("b_2"));
        made.zip(x, |made, x| made + x)
    }

    fn answered(&self, x: &Matrix) -> Vec<f64> {
        self.linear(&self.norm(x, "head"), "head.linear").data
    }
}

fn distance_between(a: &[f64], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
}

#[test]
fn a_step_that_a_pass_keeps_is_added_its_weight_of_all_of_the_pass() {
    let genome = genome(
        r#"{"width": 8, "layers": [{"channel": {"kind": "mlp"}}], "pooling": "none",
            "sharing": {"pattern": "cycle", "passes": 3, "depth": "expert-choice"}}"#,
    );
    // Far apart, so that scores differ in their sign.
    let cases: Vec<Matrix> = series(&[9; 6]).into_iter().map(|x| x.map(|x| 4.0 * x)).collect();
    let found = routed(&genome, Routing::Inference, &cases);
    let stack = ByHand::of(&genome);
    let mut some = 0;
    for (case, x) in cases.iter().enumerate() {
        let (mut hidden, mut going) = (stack.embedded(x), (0..9).collect::<Vec<usize>>());
        for (pass, kept) in found.kept.iter().enumerate() {
            let router = stack.drawn(&format!("routers.{pass}.linear.weight"));
            let scores = math::linear(&hidden, &router, &[]).data;
            going.retain(|t| pass == 0 || scores[*t] > 0.0);
            assert_eq!(kept[case], going);
            some += usize::from((1..9).contains(&going.len()));
            let made = stack.layer(&hidden);
            for t in &going {
                let weight = 0.1 * math::sigmoid(scores[*t]);
                hidden.row_mut(*t).iter_mut().zip(made.row(*t)).for_each(|(x, made)| *x += weight * made);
            }
        }
        assert!(distance_between(&found.logits[case], &stack.answered(&hidden)) < 1e-12);
    }
    assert!(some > 0, "passes keep some steps and not all: {:?}", found.kept);
}

#[test]
fn passes_that_keep_every_step_add_to_it_and_are_no_repetitions() {
    let layers = r#""width": 8, "layers": [{"channel": {"kind": "mlp"}}], "pooling": "none""#;
    let of = |depth: &str| {
        genome(&format!(
            r#"{{{layers}, "sharing": {{"pattern": "cycle", "passes": 2, "depth": "{depth}"}}}}"#
        ))
    };
    let (experts, fixed) = (of("expert-choice"), of("fixed"));
    // A sequence of one step fills every capacity.
    let x = series(&[1]);
    let found = routed(&experts, Routing::Training, &x);
    assert_eq!(found.kept, [[[0]], [[0]]]);
    let stack = ByHand::of(&experts);
    let mut hidden = stack.embedded(&x[0]);
    for pass in 0..2 {
        let router = stack.drawn(&format!("routers.{pass}.linear.weight"));
        let weight = 0.1 * math::sigmoid(math::linear(&hidden, &router, &[]).data[0]);
        hidden = stack.layer(&hidden).zip(&hidden, |made, x| x + weight * made);
    }
    assert!(distance_between(&found.logits[0], &stack.answered(&hidden)) < 1e-12);
    let repeated = (0..2).fold(stack.embedded(&x[0]), |x, _| stack.layer(&x));
    let [repeated, plain] =
        [stack.answered(&repeated), routed(&fixed, Routing::Training, &x).logits.remove(0)];
    assert!(distance_between(&repeated, &plain) < 1e-12);
    assert!(distance_between(&found.logits[0], &plain) > 1e-2);
}

#[test]
fn a_step_of_a_grid_goes_deep_with_all_of_its_tokens_and_is_scored_by_their_mean() {
    let genome = genome(
        r#"{"width": 8, "layout": "grid", "layers": [{"channel": {"kind": "mlp"}}], "pooling": "none",
            "sharing": {"pattern": "cycle", "passes": 3, "depth": "expert-choice"}}"#,
    );
    let cases: Vec<Matrix> = series(&[9; 6]).into_iter().map(|x| x.map(|x| 4.0 * x)).collect();
    let found = routed(&genome, Routing::Inference, &cases);
    let stack = ByHand::of(&genome);
    let mut some = 0;
    for (case, x) in cases.iter().enumerate() {
        let (mut hidden, mut going) = (stack.embedded_in_tokens(x), (0..9).collect::<Vec<usize>>());
        for (pass, kept) in found.kept.iter().enumerate() {
            let router = stack.drawn(&format!("routers.{pass}.linear.weight"));
            let of_tokens = math::linear(&hidden, &router, &[]).data;
            let scores: Vec<f64> = of_tokens.chunks(3).map(|step| step.iter().sum::<f64>() / 3.0).collect();
            going.retain(|t| pass == 0 || scores[*t] > 0.0);
            assert_eq!(kept[case], going);
            some += usize::from((1..9).contains(&going.len()));
            let made = stack.layer(&hidden);
            for token in going.iter().flat_map(|t| 3 * t..3 * t + 3) {
                let weight = 0.1 * math::sigmoid(scores[token / 3]);
                hidden
                    .row_mut(token)
                    .iter_mut()
                    .zip(made.row(token))
                    .for_each(|(x, made)| *x += weight * made);
            }
        }
        assert!(distance_between(&found.logits[case], &stack.answered(&hidden)) < 1e-12);
    }
    assert!(some > 0, "passes keep some steps and not all: {:?}", found.kept);
}

#[test]
fn a_step_that_chooses_its_depth_is_added_its_share_of_that_many_passes() {
    // Layers that read no other step, so that each is what it would be alone.
    let genome = genome(
        r#"{"width": 8, "layers": [{"channel": {"kind": "mlp"}}], "pooling": "none",
            "sharing": {"pattern": "cycle", "passes": 3, "depth": "token-choice"}}"#,
    );
    let x = series(&[9]).remove(0);
    let found = routed(&genome, Routing::Inference, std::slice::from_ref(&x));
    let stack = ByHand::of(&genome);
    let embedded = stack.embedded(&x);
    let shares = math::softmax(math::linear(&embedded, &stack.drawn("routers.0.linear.weight"), &[]));
    let mut expected = embedded.clone();
    let depths: Vec<usize> =
        (0..9).map(|t| found.kept.iter().filter(|kept| kept[0].contains(&t)).count()).collect();
    for (t, depth) in depths.iter().enumerate() {
        let share = shares.at(t, depth - 1);
        assert!(shares.row(t).iter().all(|other| *other <= share), "step {t} takes its largest share");
        let hidden = (0..*depth).fold(embedded.clone(), |hidden, _| stack.layer(&hidden));
        expected.row_mut(t).iter_mut().zip(hidden.row(t)).for_each(|(x, hidden)| *x += share * hidden);
    }
    assert!(distance_between(&found.logits[0], &stack.answered(&expected)) < 1e-12);
    assert!(depths.iter().any(|depth| *depth != depths[0]), "{depths:?}");
}

#[test]
fn a_mixer_of_a_grid_costs_as_much_as_it_has_tokens() {
    let cost = |layout: &str, channels| {
        let genome = genome(&format!(
            r#"{{"width": 16, "layout": "{layout}", "layers": [{{"token": {{"kind": "attention"}}}}]}}"#
        ));
        let network = Network::new(&genome, Shape { channels, classes: 4 });
        network.multiply_adds(10) - 16 * (10 * channels as u64 + 4)
    };
    assert_eq!(cost("grid", 3), cost("steps", 3) * 3 + 2 * (30 * 30 - 3 * 10 * 10) * 16);
    assert_eq!(cost("grid", 1), cost("steps", 1));
}

#[test]
fn mixers_cost_as_much_as_there_are_tokens_and_the_embedding_as_they_have_numbers() {
    let cost = |tokens: &str, layout: &str, length| {
        let genome = genome(&format!(
            r#"{{"width": 16, "tokens": {tokens}, "layout": "{layout}", "layers": [{{"token": {{"kind": "attention"}}}}]}}"#
        ));
        Network::new(&genome, Shape { channels: 3, classes: 4 }).multiply_adds(length)
    };
    let (steps, patch, values) =
        (r#"{"kind": "steps"}"#, r#"{"kind": "patch", "size": 4}"#, r#"{"kind": "values", "size": 4}"#);
    // Ten steps are three tokens, of four or five numbers a channel.
    for layout in ["steps", "grid"] {
        let mixed = cost(steps, layout, 3) - 16 * 3 * 3;
        assert_eq!(cost(patch, layout, 10), mixed + 16 * 3 * 3 * 4, "{layout}");
        assert_eq!(cost(values, layout, 10), mixed + 16 * 3 * 3 * 5, "{layout}");
        assert_eq!(cost(patch, layout, 9), cost(patch, layout, 12), "{layout}");
    }
}

#[test]
fn layers_on_pooled_tokens_cost_as_much_as_there_are_and_joined_branches_their_map() {
    let cost = |skeleton: &str, part: usize, length| {
        let genome = genome(&format!(
            r#"{{"width": 16, "skeleton": {skeleton}, "layers": [{{"token": {{"kind": "attention"}}, "part": {part}}}]}}"#
        ));
        Network::new(&genome, Shape { channels: 3, classes: 4 }).multiply_adds(length)
    };
    let (stack, u) = (r#"{"kind": "stack"}"#, r#"{"kind": "u-shape"}"#);
    let ends = |length| 16 * (length * 3 + 4);
    for (part, pooled) in [(0, 11), (1, 6), (2, 3)] {
        let mixing = cost(stack, 0, pooled) - ends(pooled as u64);
        assert_eq!(cost(u, part, 11), mixing + ends(11), "{part}");
        assert_eq!(cost(stack, part, 11), cost(stack, 0, 11));
    }
    let concat = r#"{"kind": "two-branch", "join": "concat"}"#;
    assert_eq!(cost(concat, 1, 11), cost(stack, 0, 11) + 11 * 2 * 16 * 16);
    // What two passes route is pooled: of 12 steps all, then 6.
    let routed = |skeleton: &str, length| {
        let passes = r#"{"pattern": "cycle", "passes": 2, "depth": "expert-choice"}"#;
        let genome = genome(&format!(
            r#"{{"width": 16, "skeleton": {skeleton}, "sharing": {passes}, "layers": [{{"token": {{"kind": "gru"}}, "part": 1}}]}}"#
        ));
        Network::new(&genome, Shape { channels: 3, classes: 4 }).multiply_adds(length)
    };
    let routers = 2 * 16;
    assert_eq!(routed(u, 12) - ends(12) - 12 * routers, routed(stack, 6) - ends(6) - 6 * routers);
}

/// A network for each frame, then one over time (LRCN, Donahue et al. 2015, arXiv 1411.4389), needs no skeleton: layers that
/// mix channels alone come first.
#[test]
fn channel_mixers_before_any_token_mixer_encode_frames() {
    let encoder = r#"{"channel": {"kind": "mlp"}}, {"channel": {"kind": "glu"}, "repeat": 2}"#;
    let difference = |layers: &str, by: fn(&Matrix) -> Matrix| {
        let network = Network::new(
            &genome(&format!(r#"{{"width": 8, "layers": [{layers}]}}"#)),
            Shape { channels: 3, classes: 4 },
        );
        let frames = Matrix::new(7, 3, (0..21).map(|i| f64::from(i * i % 13) / 5.0 - 1.0).collect());
        let logits = |x: Matrix| {
            let mut rng = Rng::named(0, "frames", 0);
            let mut values =
                |t: &Tensor| (t.name, (0..t.len()).map(|_| t.probe.0 + t.probe.1 * rng.normal()).collect());
            let mut part = |tensors: &Vec<Tensor>| Weights(tensors.iter().map(&mut values).collect());
            network.forward(&[x], &mut |group, _| group.parts.iter().map(|(_, t)| part(t)).collect())
        };
        let [plain, other] = [logits(frames.clone()), logits(by(&frames))].map(|logits| logits.concat());
        plain.iter().zip(&other).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
    };
    // The mean of encoded frames does not know their order; what follows the encoder does.
    assert!(difference(encoder, Matrix::reversed) < 1e-12);
    let recurrent = format!(r#"{encoder}, {{"token": {{"kind": "lstm"}}}}"#);
    assert!(difference(&recurrent, Matrix::reversed) > 1e-3);
}

#[test]
fn dropout_of_nothing_is_inert() {
    let with = genome(r#"{"training": {"dropout": 0.3}}"#);
    assert_eq!(fingerprint(&with), fingerprint(&genome("{}")));
}

#[test]
fn guards_keep_what_trains_differently_apart() {
    let of = |layers: &str| genome(&format!("{{\"layers\": [{layers}]}}"));
    let all = [
        of(r#"{"token": {"kind": "attention", "heads": 1}}"#),
        of(r#"{"token": {"kind": "attention", "heads": 2}}"#),
        of(r#"{"token": {"kind": "attention", "heads": 2, "causal": true}}"#),
        of(r#"{"token": {"kind": "attention", "heads": 2, "causal": true}, "order": "reverse"}"#),
        of(r#"{"token": {"kind": "attention", "heads": 2}, "order": "bidirectional"}"#),
        of(r#"{"token": {"kind": "mamba", "discretization": "euler"}}"#),
        of(r#"{"token": {"kind": "mamba", "discretization": "zoh"}}"#),
        of(r#"{"token": {"kind": "convolution", "kernel": 3}}"#),
        of(r#"{"token": {"kind": "convolution", "kernel": 5}}"#),
        of(r#"{"token": {"kind": "gru"}}"#),
        // One layer run twice shares its weights; two layers do not.
        of(r#"{"token": {"kind": "gru"}, "repeat": 2}"#),
        of(r#"{"token": {"kind": "gru"}}, {"token": {"kind": "gru"}}"#),
        of(r#"{"token": {"kind": "gru"}, "channel": {"kind": "mlp"}}"#),
        of(r#"{"channel": {"kind": "mlp"}}, {"token": {"kind": "gru"}}"#),
    ];
    for (i, a) in all.iter().enumerate() {
        for b in &all[i + 1..] {
            assert_ne!(fingerprint(a), fingerprint(b), "{a:?}\n{b:?}");
        }
    }
}

#[test]
fn every_gene_of_every_block_reaches_the_fingerprint() {
    for &block in blocks::ALL {
        let genes = block.genes();
        for gene in &genes {
            let with = |settings: &Settings, value: &Value| {
                // Run twice: how runs differ is a gene, too.
                let mut layer = genome(r#"{"layers": [{"repeat": 2}]}"#).layers.remove(0);
                let mixer = Mixer { settings: settings.with(gene.name, value.clone()), ..Mixer::of(block) };
                *layer.mixer_mut(block.place()) = mixer;
                Genome { layers: vec![layer], ..genome("{}") }
            };
            let reach = |settings: &Settings| {
                let prints: HashSet<_> =
                    gene.choices.iter().map(|value| fingerprint(&with(settings, value))).collect();
                prints.len() == gene.choices.len()
            };
            // A gene may be dead beside the default of another: then another value of that brings it to life.
            let default = Mixer::of(block).settings;
            let choices = genes.iter().flat_map(|other| other.choices.iter().map(move |v| (other.name, v)));
            let alive = choices.map(|(other, value)| default.with(other, value.clone()));
            assert!(
                std::iter::once(default.clone()).chain(alive).any(|settings| reach(&settings)),
                "{} {}",
                block.name(),
                gene.name
            );
        }
    }
}

#[test]
fn every_other_gene_reaches_the_fingerprint() {
    let base = genome(r#"{"layers": [{"token": {"kind": "gru"}}]}"#);
    let training = |training| Genome { training, ..base.clone() };
    let default = Training::default();
    let mut reversed = base.clone();
    reversed.layers[0].order = Order::Reverse;
    let mut pooled = Genome { skeleton: Skeleton::UShape, ..base.clone() };
    pooled.layers[0].part = 1;
    let passes = Sharing { pattern: Pattern::Cycle, passes: 2, ..Sharing::default() };
    let changed = [
        reversed,
        Genome { width: 64, ..base.clone() },
        Genome { layout: Layout::Grid, ..base.clone() },
        Genome { tokens: Tokenizer::Patch { size: 2 }, ..base.clone() },
        Genome { tokens: Tokenizer::Values { size: 2 }, ..base.clone() },
        Genome { norm: Norm::Rms, ..base.clone() },
        Genome { pooling: Pooling::Max, ..base.clone() },
        Genome { pooling: Pooling::Last, ..base.clone() },
        Genome { pooling: Pooling::None, ..base.clone() },
        Genome { pooling: Pooling::Attention, ..base.clone() },
        Genome { pooling: Pooling::StepMean, ..base.clone() },
        Genome { head: Head::Simplex, ..base.clone() },
        Genome { skeleton: Skeleton::TwoBranch { join: Join::Concat }, ..base.clone() },
        pooled,
        Genome { position: Position::Learned, ..base.clone() },
        Genome { position: Position::Decay, ..base.clone() },
        Genome { position: Position::Prior, ..base.clone() },
        Genome { sharing: passes, ..base.clone() },
        Genome { sharing: Sharing { projection: true, ..passes }, ..base.clone() },
        Genome { sharing: Sharing { depth: Depth::TokenChoice, ..passes }, ..base.clone() },
        Genome { sharing: Sharing { depth: Depth::ExpertChoice, ..passes }, ..base.clone() },
        Genome { sharing: Sharing { depth: Depth::Converge, ..passes }, ..base.clone() },
        training(Training { learning_rate: 1e-3, ..default }),
        training(Training { weight_decay: 0.1, ..default }),
        training(Training { dropout: 0.1, ..default }),
        base.clone().inheriting(vec![Key(Digest([1; 32]))]),
        training(Training { prefixes: 2, ..default }),
    ];
    for other in changed {
        assert_ne!(fingerprint(&base), fingerprint(&other), "{other:?}");
        assert_ne!(base.digest("test"), other.digest("test"), "{other:?}");
    }
}

#[test]
fn whom_a_genome_inherits_from_is_known_by_value_and_in_order() {
    let base = genome(r#"{"layers": [{"token": {"kind": "gru"}}, {}]}"#);
    let [a, b] = [1, 2].map(|byte| Key(Digest([byte; 32])));
    let families = [vec![], vec![a], vec![b], vec![a, b], vec![b, a]];
    let genomes = families.map(|parents| base.clone().inheriting(parents));
    let space = SequenceSpace::default();
    for (number, child) in genomes.iter().enumerate() {
        let canonical = space.canonicalize(child);
        assert_eq!((canonical.parents(), canonical.layers.len()), (child.parents(), 1));
        let written = serde_json::to_string(child).unwrap();
        assert_eq!(written.contains("inherits"), number > 0, "{written}");
        assert_eq!(serde_json::from_str::<Genome>(&written).unwrap(), *child);
        for other in &genomes[..number] {
            assert_ne!(fingerprint(child), fingerprint(other));
            assert_ne!(child.digest("test"), other.digest("test"));
        }
    }
}

#[test]
fn children_of_those_who_inherit_name_no_parents_by_themselves() {
    let space = SequenceSpace::default();
    for n in 0..50 {
        let mut rng = Rng::named(n, "heirs", 0);
        let parents = vec![Key(Digest([1; 32]))];
        let [a, b] = [0; 2].map(|_| space.sample(&mut rng).inheriting(parents.clone()));
        let child = space.mutate(&a, &mut rng);
        assert!(child.parents().is_empty() && child != a.clone().inheriting(Vec::new()));
        let children = [space.crossover(&a, &b, &mut rng), space.crossover(&a, &a, &mut rng)];
        assert!(children.iter().flatten().all(|child| child.parents().is_empty()));
        assert_eq!(children[1], Some(a.inheriting(Vec::new())));
    }
}

#[test]
fn parents_that_cannot_be_are_named() {
    let key = "01".repeat(32);
    let error = |parents: &str| {
        let json = format!(r#"{{"inherits": [{parents}]}}"#);
        serde_json::from_str::<Genome>(&json).unwrap_err().to_string()
    };
    assert!(error(&format!(r#""{key}", "{key}""#)).contains("inherits: 2 keys"));
    let many: Vec<_> = (1..4).map(|n| format!("\"{}\"", format!("0{n}").repeat(32))).collect();
    assert!(error(&many.join(",")).contains("inherits: 3 keys"));
    assert!(error("\"weights\"").contains("64 hexadecimal digits"));
}

#[test]
fn mutations_stay_within_the_limits_and_change_the_genome() {
    let space = SequenceSpace::new(Limits { max_depth: 4, ..Limits::default() }).unwrap();
    let mut genome = space.sample(&mut Rng::named(0, "walk", 0));
    for step in 0..2000 {
        let child = space.mutate(&genome, &mut Rng::named(0, "step", step));
        assert_ne!(child, genome);
        assert_eq!(space.check(&child), Ok(()), "{child:?}");
        let written = serde_json::to_string(&child).unwrap();
        assert_eq!(serde_json::from_str::<Genome>(&written).unwrap(), child);
        genome = child;
    }
}

#[test]
fn where_every_step_has_a_target_no_step_sees_a_later_one() {
    let limits = Limits { every_step: true, ..Limits::default() };
    let space = SequenceSpace::new(limits).unwrap();
    let mut genome = space.sample(&mut Rng::named(2, "walk", 0));
    let other = space.sample(&mut Rng::named(3, "walk", 0));
    for step in 0..1000 {
        let rng = &mut Rng::named(2, "step", step);
        genome = space.mutate(&genome, rng);
        assert_eq!((genome.tokens, genome.layout), (Tokenizer::Steps, Layout::Steps));
        assert_ne!(genome.skeleton, Skeleton::UShape);
        for genome in [Some(genome.clone()), space.crossover(&genome, &other, rng)].into_iter().flatten() {
            assert_eq!((space.check(&genome), genome.pooling), (Ok(()), Pooling::None));
            let canonical = space.canonicalize(&genome);
            assert_eq!((space.check(&canonical), canonical.pooling), (Ok(()), Pooling::None));
        }
    }
    for (json, named) in [
        (r#"{"layers": []}"#, "pooling mean"),
        (r#"{"layout": "grid", "pooling": "none"}"#, "layout grid"),
        (r#"{"tokens": {"kind": "patch"}, "pooling": "none"}"#, "choose the tokens steps"),
        (r#"{"skeleton": {"kind": "u-shape"}, "pooling": "none"}"#, "u-shape pools steps"),
        (
            r#"{"layers": [{}, {"token": {"kind": "attention"}}], "pooling": "none"}"#,
            "`attention` of layer 1 sees",
        ),
        (
            r#"{"layers": [{"token": {"kind": "gru"}, "order": "reverse"}], "pooling": "none"}"#,
            "`gru` of layer 0 sees",
        ),
        (
            r#"{"layers": [{"token": {"kind": "attention", "causal": true, "groups": 2}}], "pooling": "none"}"#,
            "how many there are",
        ),
    ] {
        let reason = space.check(&self::genome(json)).unwrap_err();
        assert!(reason.contains(named), "{reason}");
    }
    let reason = SequenceSpace::default().check(&self::genome(r#"{"pooling": "none"}"#)).unwrap_err();
    assert!(reason.contains("mean, max, last, attention or step-mean"), "{reason}");
}

/// How many leaves of the JSON form differ; layers are compared by their numbers, missing ones count double.
fn distance(a: &Genome, b: &Genome) -> usize {
    fn leaves(value: &serde_json::Value) -> usize {
        match value {
            serde_json::Value::Object(fields) => fields.values().map(leaves).sum(),
            serde_json::Value::Array(items) => items.iter().map(leaves).sum(),
            _ => 1,
        }
    }
    fn between(a: &serde_json::Value, b: &serde_json::Value) -> usize {
        use serde_json::Value::{Array, Object};
        match (a, b) {
            // Another kind has other genes: all of them count.
            (Object(a), Object(b)) if a.get("kind") != b.get("kind") => {
                4 + b.values().map(leaves).sum::<usize>()
            }
            (Object(a), Object(b)) => a.iter().map(|(name, a)| between(a, &b[name])).sum(),
            (Array(a), Array(b)) => {
                let pairs: usize = a.iter().zip(b).map(|(a, b)| between(a, b)).sum();
                pairs + 30 * a.len().abs_diff(b.len())
            }
            _ => usize::from(a != b),
        }
    }
    let [a, b] = [a, b].map(|genome| serde_json::to_value(genome).unwrap());
    between(&a, &b)
}

/// From anywhere to anywhere within the space. Every step is nearer, so that the distance bounds their number.
#[test]
fn mutations_reach_the_whole_space() {
    let space = SequenceSpace::default();
    let genomes: Vec<_> = genomes(24).collect();
    for (number, pair) in genomes.windows(2).enumerate() {
        let (mut at, to) = (pair[0].clone(), &pair[1]);
        let mut draws = 0;
        while at != *to {
            let next = space.mutate(&at, &mut Rng::named(number as u64, "way", draws));
            draws += 1;
            assert!(draws < 200_000, "no way on from\n{at:?} to\n{to:?}");
            if distance(&next, to) < distance(&at, to) {
                assert_eq!(space.check(&next), Ok(()));
                at = next;
            }
        }
    }
}

#[test]
fn a_list_of_blocks_is_kept() {
    let blocks = ["gru", "mlp"].map(String::from).to_vec();
    let space = SequenceSpace::new(Limits { blocks, ..Limits::default() }).unwrap();
    let mut genome = space.sample(&mut Rng::named(1, "walk", 0));
    for step in 0..500 {
        genome = space.mutate(&genome, &mut Rng::named(1, "step", step));
        for layer in &genome.layers {
            assert!(["gru", "identity"].contains(&layer.token.kind.as_str()), "{layer}");
            assert!(["mlp", "identity"].contains(&layer.channel.kind.as_str()), "{layer}");
        }
    }
    let unknown = SequenceSpace::new(Limits { blocks: vec!["hopfield".into()], ..Limits::default() });
    assert!(unknown.err().unwrap().contains("hopfield"));
}
