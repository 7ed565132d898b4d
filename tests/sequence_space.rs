//! Laws of the sequence space: what must merge, what must not, and what canonicalizing may change.

use std::collections::HashSet;

use hashing::{CandidateHasher, Class, Fingerprint, Keyed, Rng, TwoStage};
use spaces::Space;
use spaces::sequence::math::Matrix;
use spaces::sequence::{
    Block, Genome, Layout, Limits, Mixer, Network, Norm, Order, Pattern, Pooling, Position, SequenceSpace,
    Settings, Shape, Sharing, Tensor, Training, Value, Weights, blocks,
};

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
    let cost = |pooling: &str| {
        let genome = genome(&format!(r#"{{"width": 16, "pooling": "{pooling}"}}"#));
        Network::new(&genome, Shape { channels: 3, classes: 4 }).multiply_adds(10)
    };
    assert_eq!(cost("mean"), 16 * (10 * 3 + 4));
    assert_eq!(cost("none"), 16 * (10 * 3 + 10 * 4));
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
                let mut layer = genome(r#"{"layers": [{}]}"#).layers.remove(0);
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
    let changed = [
        reversed,
        Genome { width: 64, ..base.clone() },
        Genome { layout: Layout::Grid, ..base.clone() },
        Genome { norm: Norm::Rms, ..base.clone() },
        Genome { pooling: Pooling::Max, ..base.clone() },
        Genome { pooling: Pooling::Last, ..base.clone() },
        Genome { pooling: Pooling::None, ..base.clone() },
        Genome { position: Position::Learned, ..base.clone() },
        Genome { position: Position::Decay, ..base.clone() },
        Genome { sharing: Sharing { pattern: Pattern::Cycle, passes: 2 }, ..base.clone() },
        training(Training { learning_rate: 1e-3, ..default }),
        training(Training { weight_decay: 0.1, ..default }),
        training(Training { dropout: 0.1, ..default }),
    ];
    for other in changed {
        assert_ne!(fingerprint(&base), fingerprint(&other), "{other:?}");
        assert_ne!(base.digest("test"), other.digest("test"), "{other:?}");
    }
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
        assert_eq!(genome.layout, Layout::Steps);
        for genome in [Some(genome.clone()), space.crossover(&genome, &other, rng)].into_iter().flatten() {
            assert_eq!((space.check(&genome), genome.pooling), (Ok(()), Pooling::None));
            let canonical = space.canonicalize(&genome);
            assert_eq!((space.check(&canonical), canonical.pooling), (Ok(()), Pooling::None));
        }
    }
    for (json, named) in [
        (r#"{"layers": []}"#, "pooling mean"),
        (r#"{"layout": "grid", "pooling": "none"}"#, "layout grid"),
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
    assert!(reason.contains("mean, max or last"), "{reason}");
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
