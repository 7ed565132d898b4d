//! The laws of whole models: libtorch computes the definition of every genome, padding is never seen, and the
//! parameters are views of one flat buffer.

use std::collections::{BTreeMap, BTreeSet};

use hashing::Rng;
use spaces::Space;
use spaces::sequence::math::{Matrix, linear};
use spaces::sequence::{
    Depth, Genome, Limits, NamedTensor, Network, Routing, SequenceSpace, Shape, Skeleton, Tokenizer, Weights,
    blocks,
};
use tch::{Device, Kind, Tensor};
use torch::{Batch, Dropout, LoadError, Model};

const SHAPE: Shape = Shape { channels: 3, classes: 4 };

/// Genomes drawn and mutated, of widths that keep the definition fast.
fn genomes(count: u64) -> Vec<Network> {
    tch::set_num_threads(1);
    let space = SequenceSpace::new(Limits { widths: vec![8, 16, 24], ..Limits::default() }).unwrap();
    let draw = |seed| {
        let rng = &mut Rng::named(seed, "genome", 0);
        let drawn = space.sample(rng);
        Network::new(&(0..seed % 12).fold(drawn, |genome, _| space.mutate(&genome, rng)), SHAPE)
    };
    (0..count).map(draw).collect()
}

fn read(json: &str) -> Network {
    Network::new(&serde_json::from_str::<Genome>(json).unwrap(), SHAPE)
}

/// A little of everything.
fn example() -> Network {
    read(
        r#"{"width": 16, "layers": [
            {"token": {"kind": "attention"}, "channel": {"kind": "mlp"}},
            {"token": {"kind": "mamba"}, "order": "bidirectional", "repeat": 2},
            {"token": {"kind": "s4d"}, "channel": {"kind": "glu"}},
            {"token": {"kind": "gru"}, "order": "reverse"},
            {"token": {"kind": "lstm"}, "channel": {"kind": "moe"}},
            {"token": {"kind": "rcnn"}, "channel": {"kind": "se"}},
            {"token": {"kind": "elman"}, "channel": {"kind": "snnk"}},
            {"token": {"kind": "convolution"}}]}"#,
    )
}

/// Positions, and layers that share weights, with corrections in both directions.
fn shared() -> Network {
    read(
        r#"{"width": 16, "position": "decay", "sharing": {"pattern": "middle-cycle", "passes": 2}, "layers": [
            {"token": {"kind": "gru"}, "repeat": 2, "rank": 2},
            {"token": {"kind": "mamba"}, "order": "bidirectional", "rank": 1},
            {"token": {"kind": "s4d"}, "channel": {"kind": "glu"}, "rank": 2},
            {"token": {"kind": "attention"}, "channel": {"kind": "mlp"}}]}"#,
    )
}

/// Channels as tokens, with positions in each.
fn grid(pooling: &str, position: &str) -> Network {
    read(&format!(
        r#"{{"width": 16, "layout": "grid", "pooling": "{pooling}", "position": "{position}", "layers": [
            {{"token": {{"kind": "attention"}}, "channel": {{"kind": "mlp"}}}},
            {{"token": {{"kind": "mamba"}}, "order": "bidirectional", "repeat": 2}},
            {{"token": {{"kind": "gru"}}, "order": "reverse", "channel": {{"kind": "se"}}}},
            {{"token": {{"kind": "gru"}}, "order": "snake4", "repeat": 2, "rank": 2}},
            {{"token": {{"kind": "chimera"}}, "order": "reverse"}},
            {{"token": {{"kind": "plstm2d"}}, "order": "bidirectional"}}]}}"#,
    ))
}

/// Each pooling once, and each position.
fn grids() -> [Network; 5] {
    [
        grid("last", "learned"),
        grid("mean", "decay"),
        grid("max", "prior"),
        grid("attention", "none"),
        grid("step-mean", "none"),
    ]
}

/// Passes that are more than repetitions, and one that is not, over layers that know the past, the future and neither.
fn recursive() -> Vec<Network> {
    let layers = r#"[
        {"token": {"kind": "gru"}, "channel": {"kind": "moe"}, "rank": 1},
        {"token": {"kind": "attention", "position": "rotary"}, "channel": {"kind": "mlp"}, "repeat": 2},
        {"token": {"kind": "convolution"}, "order": "bidirectional", "rank": 2},
        {"token": {"kind": "mamba"}, "channel": {"kind": "glu"}}]"#;
    let of = |more: &str, pattern: &str| {
        let sharing = format!(r#"{{"pattern": "{pattern}", "passes": 3, {more}}}"#);
        read(&format!(r#"{{"width": 16, "layers": {layers}, "sharing": {sharing}}}"#))
    };
    let each = RECURSIVE.iter().flat_map(|more| ["cycle", "middle-cycle"].map(|pattern| of(more, pattern)));
    let plain = of(r#""depth": "fixed""#, "sequence");
    each.chain(RECURSIVE.iter().map(|more| recursive_grid(more))).chain([plain]).collect()
}

/// The same over layers that know columns, snakes or neither.
fn recursive_grid(more: &str) -> Network {
    read(&format!(
        r#"{{"width": 16, "layout": "grid", "pooling": "last", "position": "learned", "layers": [
            {{"token": {{"kind": "plstm2d"}}, "channel": {{"kind": "moe"}}, "rank": 1}},
            {{"token": {{"kind": "gru"}}, "order": "snake4"}},
            {{"token": {{"kind": "chimera"}}, "order": "reverse"}},
            {{"token": {{"kind": "attention"}}, "channel": {{"kind": "se"}}}}],
            "sharing": {{"pattern": "cycle", "passes": 3, {more}}}}}"#
    ))
}

/// What passes do beside running layers.
const RECURSIVE: [&str; 7] = [
    r#""projection": true"#,
    r#""depth": "token-choice""#,
    r#""depth": "token-choice", "projection": true"#,
    r#""depth": "expert-choice""#,
    r#""depth": "expert-choice", "projection": true"#,
    r#""depth": "converge", "epsilon": 0.9"#,
    r#""depth": "converge", "epsilon": 0.9, "projection": true"#,
];

/// A little of everything, and of what runs it.
fn examples() -> Vec<Network> {
    [vec![example(), shared()], grids().into(), recursive(), joined(), skeletons()].concat()
}

/// Tokens of several steps, the last of which is short in most cases: each kind, size and layout.
fn joined() -> Vec<Network> {
    let of = |tokens: Tokenizer, number: usize| {
        let (tokens, layout) = (serde_json::to_string(&tokens).unwrap(), ["steps", "grid"][number % 2]);
        let pooling = ["mean", "last", "max", "attention", "step-mean"][number % 5];
        let position = ["learned", "decay", "prior"][number % 3];
        read(&format!(
            r#"{{"width": 16, "tokens": {tokens}, "layout": "{layout}", "pooling": "{pooling}",
                "position": "{position}", "layers": [
                {{"token": {{"kind": "attention"}}, "channel": {{"kind": "se"}}}},
                {{"token": {{"kind": "gru"}}, "order": "bidirectional"}},
                {{"token": {{"kind": "s4d"}}, "order": "snake4"}}]}}"#
        ))
    };
    let all = Tokenizer::all().flat_map(|tokens| [tokens; 2]);
    all.enumerate().map(|(number, tokens)| of(tokens, number)).collect()
}

/// Layers in two branches or on pooled tokens, run again with shared weights and corrections; and in a U, in passes that
/// are more than repetitions.
fn skeletons() -> Vec<Network> {
    let of = |(number, (skeleton, more)): (usize, (Skeleton, &str))| {
        let skeleton = serde_json::to_string(&skeleton).unwrap();
        let (layout, pooling) = (["steps", "grid"][number % 2], ["mean", "last", "max"][number % 3]);
        read(&format!(
            r#"{{"width": 16, "skeleton": {skeleton}, "layout": "{layout}", "pooling": "{pooling}",
                "sharing": {{"pattern": "cycle", "passes": 2, {more}}}, "layers": [
                {{"token": {{"kind": "attention"}}, "channel": {{"kind": "se"}}}},
                {{"token": {{"kind": "gru"}}, "order": "bidirectional", "part": 1, "rank": 1}},
                {{"token": {{"kind": "convolution"}}, "order": "snake4", "channel": {{"kind": "moe"}}, "part": 2}},
                {{"token": {{"kind": "s4d"}}, "order": "reverse", "part": 1}},
                {{"channel": {{"kind": "mlp"}}}}]}}"#
        ))
    };
    let repeated = Skeleton::ALL.map(|skeleton| [(skeleton, r#""depth": "fixed""#); 2]);
    let routed = RECURSIVE.map(|more| [(Skeleton::UShape, more); 2]);
    repeated.into_iter().chain(routed).flatten().enumerate().map(of).collect()
}

/// Generic values of a tensor, by its full name.
fn generic(named: &NamedTensor) -> Vec<f64> {
    let mut rng = Rng::named(0, &named.name, 0);
    let (center, spread) = named.tensor.probe;
    (0..named.tensor.len()).map(|_| center + spread * rng.normal()).collect()
}

fn model(network: &Network, kind: Kind) -> Model {
    let shape = |named: &NamedTensor| named.tensor.shape.iter().map(|n| *n as i64).collect::<Vec<_>>();
    let value = |n: &NamedTensor| (n.name.clone(), Tensor::from_slice(&generic(n)).view(shape(n).as_slice()));
    let mut model = Model::new(network, 0, kind, Device::Cpu);
    model.load(&network.tensors().iter().map(value).collect::<Vec<_>>()).unwrap();
    model
}

fn cases(lengths: &[usize]) -> Vec<Matrix> {
    let case = |(i, length): (usize, &usize)| {
        let mut rng = Rng::named(0, "case", i as u64);
        Matrix::new(*length, SHAPE.channels, (0..length * SHAPE.channels).map(|_| rng.normal()).collect())
    };
    lengths.iter().enumerate().map(case).collect()
}

/// Padded to `length` steps with `filler`; without a mask where nothing is padded.
fn batch(cases: &[Matrix], length: usize, filler: f64, kind: Kind) -> Batch {
    let fill = |case: &Matrix, real: &dyn Fn(f64) -> f64, filler, columns: usize| {
        let mut row: Vec<f64> = case.data[..case.rows * columns].iter().map(|v| real(*v)).collect();
        row.resize(length * columns, filler);
        row
    };
    let x: Vec<f64> = cases.iter().flat_map(|case| fill(case, &|v| v, filler, SHAPE.channels)).collect();
    let mask: Vec<f64> = cases.iter().flat_map(|case| fill(case, &|_| 1.0, 0.0, 1)).collect();
    let (count, length) = (cases.len() as i64, length as i64);
    let mask = mask.contains(&0.0).then(|| Tensor::from_slice(&mask).view([count, length]).to_kind(kind));
    let lengths: Vec<i64> = cases.iter().map(|case| case.rows as i64).collect();
    let x = Tensor::from_slice(&x).view([count, length, SHAPE.channels as i64]).to_kind(kind);
    Batch { x, mask, lengths: Tensor::from_slice(&lengths) }
}

fn define(network: &Network, cases: &[Matrix]) -> Vec<f64> {
    define_routed(network, cases, Routing::Inference)
}

fn define_routed(network: &Network, cases: &[Matrix], routing: Routing) -> Vec<f64> {
    let routed = network.forward_routed(routing, cases, &mut |group, _| {
        let mut values = group.tensors().into_iter();
        let part = |tensors: &Vec<spaces::sequence::Tensor>| {
            Weights(tensors.iter().map(|t| (t.name, generic(&values.next().unwrap()))).collect())
        };
        group.parts.iter().map(|(_, tensors)| tensors).map(part).collect()
    });
    routed.logits.concat()
}

fn numbers(x: &Tensor) -> Vec<f64> {
    Vec::try_from(x.detach().to_kind(Kind::Double).flatten(0, -1)).unwrap()
}

/// The largest difference, relative to the largest expected value.
fn error(found: &[f64], expected: &[f64]) -> f64 {
    assert_eq!(found.len(), expected.len());
    assert!(found.iter().all(|v| v.is_finite()));
    let largest = |values: &mut dyn Iterator<Item = f64>| values.fold(0.0, |most: f64, v| most.max(v.abs()));
    let difference = largest(&mut found.iter().zip(expected).map(|(f, e)| f - e));
    difference / largest(&mut expected.iter().copied()).max(f64::MIN_POSITIVE)
}

fn gradients(model: &Model, batch: &Batch, dropout: Option<&mut Dropout>) -> Vec<Tensor> {
    let labels =
        Tensor::arange(batch.x.size()[0], (Kind::Int64, Device::Cpu)).remainder(SHAPE.classes as i64);
    let loss = model.forward(batch, dropout).cross_entropy_for_logits(&labels);
    Tensor::run_backward(&[loss], model.parameters(), false, false)
}

#[test]
fn libtorch_computes_the_definition_of_every_genome() {
    let mut seen = BTreeSet::new();
    for network in genomes(80).iter().chain(&examples()) {
        let genome = &network.genome;
        seen.extend([format!("{:?}", genome.norm), format!("{:?}", genome.pooling)]);
        seen.extend([format!("{:?}", genome.layout), format!("{} by {:?}", genome.tokens, genome.layout)]);
        seen.extend([format!("{:?} head", genome.head), genome.skeleton.to_string()]);
        seen.extend([
            format!("{:?} positions", genome.position),
            format!("{:?} shared", genome.sharing.pattern),
        ]);
        seen.extend(genome.passes().map(|passes| format!("{:?} depth", passes.depth)));
        for layer in &genome.layers {
            seen.extend([format!("{:?}", layer.order), layer.token.kind.clone(), layer.channel.kind.clone()]);
            seen.insert(format!("×{}", layer.repeat));
        }
        for lengths in [&[9, 1, 12, 4][..], &[7, 7]] {
            let cases = cases(lengths);
            let expected = define(network, &cases);
            for (kind, tolerance) in [(Kind::Double, 1e-10), (Kind::Float, 1e-4)] {
                let batch = batch(&cases, *lengths.iter().max().unwrap(), 1e3, kind);
                let error = error(&numbers(&model(network, kind).forward(&batch, None)), &expected);
                assert!(error < tolerance, "{kind:?} {}: {error:e}", genome.summary());
            }
        }
    }
    let every = "Steps Grid Layer Rms Mean Max Last Attention StepMean Forward Reverse Bidirectional Snake Snake2 Snake4 ×1 ×2 ×3";
    let kinds = blocks::ALL.iter().map(|block| block.name());
    for choice in every.split(' ').chain(kinds) {
        assert!(seen.contains(choice), "no genome with {choice}");
    }
    for choice in Depth::ALL.map(|depth| format!("{depth:?} depth")) {
        assert!(seen.contains(&choice), "no genome with {choice}");
    }
    for skeleton in Skeleton::ALL {
        assert!(seen.contains(&skeleton.to_string()), "no genome with {skeleton}");
    }
    for tokens in Tokenizer::all() {
        for layout in ["Steps", "Grid"] {
            assert!(seen.contains(&format!("{tokens} by {layout}")), "no genome with {tokens} by {layout}");
        }
    }
    let positions = ["Learned positions", "Decay positions", "Prior positions"];
    let heads = ["Linear head", "Simplex head"];
    for choice in
        ["Cycle shared", "Sequence shared", "MiddleCycle shared"].into_iter().chain(positions).chain(heads)
    {
        assert!(seen.contains(choice), "no genome with {choice}");
    }
}

#[test]
fn neither_the_amount_nor_the_content_of_padding_is_seen() {
    let cases = cases(&[9, 1, 12, 4]);
    for network in genomes(24).iter().chain(&examples()) {
        for (kind, tolerance) in [(Kind::Double, 1e-11), (Kind::Float, 1e-5)] {
            let model = model(network, kind);
            let run = |length, filler| {
                let batch = batch(&cases, length, filler, kind);
                let gradients = gradients(&model, &batch, None).iter().flat_map(numbers).collect::<Vec<_>>();
                (numbers(&model.forward(&batch, None)), gradients)
            };
            let expected = run(12, 0.0);
            for (length, filler) in [(12, 1e6), (13, -1e6), (19, f64::NAN), (40, f64::INFINITY)] {
                let found = run(length, filler);
                let errors = [error(&found.0, &expected.0), error(&found.1, &expected.1)];
                let what = format!("{kind:?} {} to {length} with {filler}", network.genome.summary());
                assert!(errors[0] < 1e-6 && errors.iter().all(|e| *e < tolerance), "{what}: {errors:?}");
            }
        }
    }
}

#[test]
fn every_parameter_has_a_gradient_even_for_a_single_step() {
    for network in genomes(24).iter().chain(&examples()) {
        let model = Model::new(network, 1, Kind::Float, Device::Cpu);
        for lengths in [&[1, 1][..], &[5, 3]] {
            let batch = batch(&cases(lengths), lengths[0], 0.0, Kind::Float);
            for (name, gradient) in model.names().zip(gradients(&model, &batch, None)) {
                if !gradient.defined() {
                    assert!(is_of_a_depth(network, name), "{name}");
                    continue;
                }
                assert!(numbers(&gradient).iter().all(|v| v.is_finite()), "{name}");
            }
        }
    }
}

/// Whether it belongs to a pass that no step may take.
fn is_of_a_depth(network: &Network, name: &str) -> bool {
    let routed = network.genome.passes().is_some_and(|passes| passes.is_routed());
    let later = ["projections.", "routers."].iter().find_map(|list| name.strip_prefix(list));
    routed && later.is_some_and(|pass| !pass.starts_with("0."))
}

/// The routed ones of [`recursive`].
fn routed() -> Vec<Network> {
    let mut networks = recursive();
    networks.retain(|network| network.genome.passes().is_some_and(|passes| passes.is_routed()));
    assert_eq!(networks.len(), 18);
    networks
}

/// Logits by every prefix, as a loss would see them, and the penalty. Heads of classes are told no targets.
fn trained(model: &Model, batch: &Batch, dropout: Option<&mut Dropout>) -> (Vec<Tensor>, Option<Tensor>) {
    model.forward_with_penalty(batch, &Tensor::new(), dropout)
}

#[test]
fn what_is_trained_is_routed_as_defined() {
    let cases = cases(&[9, 1, 12, 4]);
    let batch = batch(&cases, 14, 1e3, Kind::Double);
    let mut differ = 0;
    for network in &routed() {
        let [expected, answered] =
            [Routing::Training, Routing::Inference].map(|routing| define_routed(network, &cases, routing));
        let found = numbers(&trained(&model(network, Kind::Double), &batch, None).0[0]);
        let error = error(&found, &expected);
        assert!(error < 1e-10, "{}: {error:e}", network.genome.summary());
        let by_passes = network.genome.sharing.depth == Depth::ExpertChoice;
        assert!(by_passes || expected == answered, "{}", network.genome.summary());
        differ += usize::from(expected != answered);
    }
    assert!(differ > 0, "experts keep others in training");
}

#[test]
fn what_no_step_takes_has_a_gradient_of_zero() {
    let batch = batch(&cases(&[1, 1]), 1, 0.0, Kind::Float);
    let mut missing = 0;
    for network in &routed() {
        let model = Model::new(network, 1, Kind::Float, Device::Cpu);
        let loss = || model.forward(&batch, None).square().sum(None);
        let found = Tensor::run_backward(&[loss()], model.parameters(), false, false);
        let whole = torch::train::gradients(&loss(), model.parameters());
        for ((found, whole), parameter) in found.iter().zip(&whole).zip(model.parameters()) {
            assert_eq!(whole.size(), parameter.size());
            if found.defined() {
                assert_eq!(found, whole);
            } else {
                missing += 1;
                assert!(numbers(whole).iter().all(|v| *v == 0.0));
            }
        }
    }
    assert!(missing > 0);
}

#[test]
fn routers_add_to_the_loss_how_unbalanced_and_how_unforeseen_their_choices_are() {
    let batch = batch(&cases(&[9, 1, 12, 4]), 14, 1e3, Kind::Double);
    let layers = r#""layers": [{"token": {"kind": "gru"}, "channel": {"kind": "mlp"}}]"#;
    let of = |depth: &str| {
        let sharing = format!(r#"{{"pattern": "cycle", "passes": 3, "depth": "{depth}"}}"#);
        read(&format!(r#"{{"width": 16, {layers}, "sharing": {sharing}}}"#))
    };
    // Of scores of zero, all steps take the first depth, whose share is a third: 0.01 · 3 · (1 · 1/3), and
    // 0.001 · (ln 3)² for the size of three of them. And each of two passes is foretold with 1/2: 0.001 · 2 · ln 2.
    let size = 1e-3 * 3f64.ln().powi(2);
    for (depth, expected) in [("token-choice", 0.01 + size), ("expert-choice", 2e-3 * 2f64.ln())] {
        let network = of(depth);
        let mut model = model(&network, Kind::Double);
        let penalty = |model: &Model| trained(model, &batch, None).1.unwrap();
        let drawn = penalty(&model).double_value(&[]);
        assert!((drawn - expected).abs() > 1e-6, "{depth}: {drawn}");
        for _ in 0..25 {
            let gradients = torch::train::gradients(&penalty(&model), model.parameters());
            let gradients: Vec<_> = gradients.iter().map(|g| g.flatten(0, -1)).collect();
            let _ = tch::no_grad(|| model.flat().shallow_clone().g_sub_(&(Tensor::cat(&gradients, 0) * 5.0)));
        }
        let after = penalty(&model).double_value(&[]);
        assert!(after < drawn, "{depth}: {drawn} to {after}");
        let zero = |(name, value): (String, Tensor)| {
            let value = if name.starts_with("routers.") { value.zeros_like() } else { value };
            (name, value)
        };
        let values: Vec<_> = model.values().into_iter().map(zero).collect();
        model.load(&values).unwrap();
        let found = penalty(&model).double_value(&[]);
        assert!((found - expected).abs() < 1e-12, "{depth}: {found}");
    }
    let model = model(&of("converge"), Kind::Double);
    assert!(trained(&model, &batch, None).1.is_none(), "there is nothing to choose");
}

#[test]
fn steps_that_choose_are_balanced_by_their_shares_and_by_what_they_chose() {
    let network = read(
        r#"{"width": 16, "layers": [{"token": {"kind": "gru"}, "channel": {"kind": "mlp"}}],
            "sharing": {"pattern": "cycle", "passes": 3, "depth": "token-choice"}}"#,
    );
    let cases = cases(&[9, 1, 12, 4]);
    let (mut chosen, mut shared, mut sizes, mut steps) = ([0.0; 3], [0.0; 3], 0.0, 0.0);
    let values: BTreeMap<String, Vec<f64>> =
        network.tensors().into_iter().map(|named| (named.name.clone(), generic(&named))).collect();
    for case in &cases {
        // The router reads the embedding: nothing is before the passes.
        let x = linear(case, &values["embedding.linear.weight"], &values["embedding.linear.bias"]);
        let scores = linear(&x, &values["routers.0.linear.weight"], &[]);
        for t in 0..case.rows {
            let sum: f64 = scores.row(t).iter().map(|score| score.exp()).sum();
            let largest = (0..3).max_by(|a, b| scores.at(t, *a).total_cmp(&scores.at(t, *b))).unwrap();
            chosen[largest] += 1.0;
            (0..3).for_each(|depth| shared[depth] += scores.at(t, depth).exp() / sum);
            sizes += sum.ln() * sum.ln();
            steps += 1.0;
        }
    }
    assert!(chosen.iter().filter(|count| **count > 0.0).count() > 1, "{chosen:?}");
    let load: f64 = (0..3).map(|depth| chosen[depth] / steps * shared[depth] / steps).sum();
    let expected = 0.01 * 3.0 * load + 1e-3 * sizes / steps;
    let batch = batch(&cases, 14, 1e3, Kind::Double);
    let found = trained(&model(&network, Kind::Double), &batch, None).1.unwrap().double_value(&[]);
    assert!((found - expected).abs() < 1e-12, "{found} is not {expected}");
}

#[test]
fn dropout_draws_as_much_wherever_steps_stop() {
    let lengths = [9, 1, 12, 4];
    let batch = batch(&cases(&lengths), 12, 0.0, Kind::Float);
    for network in &examples() {
        let model = Model::new(network, 1, Kind::Float, Device::Cpu);
        let streams = || Dropout::new(0.3, Rng::named(1, "dropout", 0));
        let (mut drawn, mut skipped) = (streams(), streams());
        let _ = trained(&model, &batch, Some(&mut drawn));
        let elements = lengths.len() * model.tokens(12) * network.genome.width;
        (0..model.masks()).for_each(|_| skipped.skip(elements));
        let x = Tensor::ones([64], (Kind::Float, Device::Cpu));
        assert_eq!(drawn.apply(&x), skipped.apply(&x), "{}", network.genome.summary());
    }
}

#[test]
fn training_repeats_bit_for_bit() {
    let batch = batch(&cases(&[9, 1, 12, 4]), 14, 0.0, Kind::Float);
    let train = |seed| {
        let model = Model::new(&example(), seed, Kind::Float, Device::Cpu);
        let mut dropout = Dropout::new(0.1, Rng::named(seed, "dropout", 0));
        for _ in 0..5 {
            descend(&model, &batch, Some(&mut dropout));
        }
        numbers(model.flat())
    };
    assert_eq!(train(1), train(1));
    assert_ne!(train(1), train(2));
}

/// Attention whose scores do not depend on the step is a mean, padding or not.
#[test]
fn attention_pooling_without_weights_is_mean_pooling() {
    for layout in ["steps", "grid"] {
        let read = |pooling: &str| {
            read(&format!(
                r#"{{"width": 16, "layout": "{layout}", "pooling": "{pooling}", "layers": [{{"token": {{"kind": "gru"}}}}]}}"#
            ))
        };
        let [attention, mean] = ["attention", "mean"].map(|pooling| model(&read(pooling), Kind::Double));
        let batch = batch(&cases(&[9, 1, 12, 4]), 14, 1e3, Kind::Double);
        let logits = || [&attention, &mean].map(|model| numbers(&model.forward(&batch, None)));
        let [with, without] = logits();
        assert!(error(&with, &without) > 1e-3);
        let weight = attention.names().position(|name| name == "head.pool.weight").unwrap();
        let _ = tch::no_grad(|| attention.parameters()[weight].shallow_clone().zero_());
        let [with, without] = logits();
        assert!(error(&with, &without) < 1e-12, "{layout}");
    }
}

#[test]
fn a_head_reads_prefixes_with_the_weights_of_the_whole() {
    let cases = cases(&[9, 1, 12, 4]);
    for (ends, head) in [
        (r#""pooling": "mean""#, "linear"),
        (r#""pooling": "attention", "layout": "grid""#, "linear"),
        (r#""pooling": "step-mean""#, "linear"),
        (r#""pooling": "none""#, "linear"),
        (r#""pooling": "max""#, "simplex"),
    ] {
        let of = |prefixes: usize| {
            let training = format!(r#""training": {{"prefixes": {prefixes}}}"#);
            let layers = r#""layers": [{"token": {"kind": "gru"}}]"#;
            let network =
                read(&format!(r#"{{"width": 16, "head": "{head}", {ends}, {layers}, {training}}}"#));
            model(&network, Kind::Double)
        };
        let (nested, whole) = (of(3), of(1));
        assert_eq!((nested.prefixes(), whole.prefixes()), (&[16, 8, 4][..], &[16][..]));
        let batch = batch(&cases, 12, 1e3, Kind::Double);
        let (logits, _) = trained(&nested, &batch, None);
        assert_eq!(logits.len(), 3);
        for found in [&logits[0], &nested.forward(&batch, None)] {
            assert_eq!(numbers(found), numbers(&whole.forward(&batch, None)));
        }
        // The rest does not count: as if its weights were zero.
        let named = whole.names().position(|name| name == format!("head.{head}.weight")).unwrap();
        for (logits, prefix) in logits[1..].iter().zip([8, 4]) {
            let _ = tch::no_grad(|| whole.parameters()[named].narrow(1, prefix, 16 - prefix).zero_());
            let error = error(&numbers(logits), &numbers(&whole.forward(&batch, None)));
            assert!(error < 1e-12, "{ends} {head} {prefix}: {error:e}");
        }
    }
}

/// In training experts keep the best of all scores; a prefix that is asked for keeps those above zero, as the whole does.
#[test]
fn a_prefix_is_answered_by_the_steps_that_the_whole_would_keep() {
    let network = read(
        r#"{"width": 16, "layers": [{"token": {"kind": "gru"}, "channel": {"kind": "mlp"}}], "training": {"prefixes": 2},
            "sharing": {"pattern": "cycle", "passes": 3, "depth": "expert-choice"}}"#,
    );
    let (model, cases) = (model(&network, Kind::Double), cases(&[9, 1, 12, 4]));
    let batch = batch(&cases, 12, 1e3, Kind::Double);
    let in_training = trained(&model, &batch, None).0;
    let asked = [16, 8].map(|prefix| numbers(&model.forward_at(&batch, prefix)));
    assert_eq!(asked[0], numbers(&model.forward(&batch, None)));
    assert!(error(&asked[1], &numbers(&in_training[1])) > 1e-6);
    let head = model.names().position(|name| name == "head.linear.weight").unwrap();
    let _ = tch::no_grad(|| model.parameters()[head].narrow(1, 8, 8).zero_());
    assert!(error(&asked[1], &numbers(&model.forward(&batch, None))) < 1e-12);
}

/// A step down the gradient, in place on the flat buffer.
fn descend(model: &Model, batch: &Batch, dropout: Option<&mut Dropout>) {
    let gradients: Vec<_> = gradients(model, batch, dropout).iter().map(|g| g.flatten(0, -1)).collect();
    tch::no_grad(|| {
        let mut flat = model.flat().shallow_clone();
        flat -= Tensor::cat(&gradients, 0) * 0.01;
    });
}

#[test]
fn steps_on_the_flat_buffer_reach_the_parameters_and_lower_the_loss() {
    let model = Model::new(&example(), 1, Kind::Float, Device::Cpu);
    let batch = batch(&cases(&[9, 1, 12, 4]), 12, 0.0, Kind::Float);
    let labels = Tensor::from_slice(&[0i64, 1, 2, 3]);
    let loss = || model.forward(&batch, None).cross_entropy_for_logits(&labels).double_value(&[]);
    let first = loss();
    for _ in 0..30 {
        descend(&model, &batch, None);
        let parameters: Vec<f64> = model.parameters().iter().flat_map(numbers).collect();
        assert_eq!(parameters, numbers(model.flat()));
    }
    assert!(loss() < 0.9 * first, "{first} to {}", loss());
}

#[test]
fn every_tensor_starts_from_the_stream_of_its_name() {
    let network = example();
    let model = Model::new(&network, 7, Kind::Double, Device::Cpu);
    let tensors = network.tensors();
    assert!(model.names().eq(tensors.iter().map(|named| named.name.as_str())));
    let mut decays = Vec::new();
    for (named, parameter) in tensors.iter().zip(model.parameters()) {
        assert_eq!(
            numbers(parameter),
            named.tensor.start(&mut Rng::named(7, &named.name, 0)),
            "{}",
            named.name
        );
        decays.extend(vec![f64::from(u8::from(named.tensor.decay)); named.tensor.len()]);
    }
    assert_eq!(numbers(&model.decay_mask()), decays);
    assert_eq!(network.parameters(), model.flat().numel() as u64);
}

#[test]
fn parameters_are_loaded_whole_or_not_at_all() {
    let [first, second] = [1, 2].map(|seed| Model::new(&example(), seed, Kind::Float, Device::Cpu));
    let (mut model, mut values) = (first, second.values());
    let before = numbers(model.flat());
    values.reverse();
    let name = values[0].0.clone();
    let whole = std::mem::replace(&mut values[0].1, Tensor::from_slice(&[0.0]));
    let (expected, found) = (whole.size(), vec![1]);
    assert_eq!(model.load(&values), Err(LoadError::Shape { name: name.clone(), expected, found }));
    values[0].1 = whole;
    assert_eq!(model.load(&values[1..]), Err(LoadError::Missing(name)));
    values.push(("stray".into(), Tensor::from_slice(&[0.0])));
    assert_eq!(model.load(&values), Err(LoadError::Unknown("stray".into())));
    assert_eq!(numbers(model.flat()), before);
    values.pop();
    model.load(&values).unwrap();
    assert_eq!(numbers(model.flat()), numbers(second.flat()));
}
