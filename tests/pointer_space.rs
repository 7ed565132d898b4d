//! What points, as a space: genomes that have a token for each of the input's, and whose fingerprints tell networks that point
//! apart exactly where they tell apart those with a linear head at every step.

use std::collections::{BTreeMap, BTreeSet};

use hashing::{Behavior, FunctionalHasher, HashError, Keyed, Probe, Response, Rng, Scheme};
use spaces::Space;
use spaces::sequence::math::Matrix;
use spaces::sequence::{Genome, Group, Layout, Limits, Network, Pointer, Pooling, SequenceSpace, Weights};

fn space() -> SequenceSpace {
    SequenceSpace::new(Limits { points: true, ..Limits::default() }).unwrap()
}

fn genome(json: &str) -> Genome {
    serde_json::from_str(json).unwrap()
}

#[test]
fn where_a_task_points_every_token_stays_and_all_may_be_seen() {
    let space = space();
    let mut genome = space.sample(&mut Rng::named(2, "walk", 0));
    let other = space.sample(&mut Rng::named(3, "walk", 0));
    let mut ahead = 0;
    for step in 0..1000 {
        let rng = &mut Rng::named(2, "step", step);
        genome = space.mutate(&genome, rng);
        ahead += usize::from(genome.looks_ahead().is_some());
        for genome in [Some(genome.clone()), space.crossover(&genome, &other, rng)].into_iter().flatten() {
            for genome in [space.canonicalize(&genome), genome] {
                assert_eq!(space.check(&genome), Ok(()));
                assert_eq!((genome.pooling, genome.layout), (Pooling::None, Layout::Steps));
                assert_eq!(Pointer::unfit(&genome), None);
            }
        }
    }
    assert!(ahead > 300, "{ahead} of 1000 see later tokens");
}

#[test]
fn what_pools_does_not_point_and_what_does_not_point_pools() {
    for (json, named) in [
        ("{}", "pooling mean"),
        (r#"{"pooling": "none", "layout": "grid"}"#, "layout grid"),
        (r#"{"pooling": "none", "head": "simplex"}"#, "head simplex"),
        (r#"{"pooling": "none", "training": {"prefixes": 2}}"#, "prefixes 2"),
    ] {
        let reason = space().check(&genome(json)).unwrap_err();
        assert!(reason.contains(named) && reason.contains("choose"), "{reason}");
    }
    let unpooled = genome(r#"{"pooling": "none"}"#);
    assert!(
        SequenceSpace::default()
            .check(&unpooled)
            .unwrap_err()
            .contains("choose mean, max, last, attention or step-mean")
    );
    let deep = genome(r#"{"pooling": "none", "layers": [{"repeat": 9}]}"#);
    assert!(space().check(&deep).unwrap_err().contains("depth 9"));
    let both = Limits { points: true, every_step: true, ..Limits::default() };
    assert!(SequenceSpace::new(both).err().unwrap().contains("not both"));
}

/// A network that points, as the probe of a stack would run it.
struct Pointing<'a>(&'a Genome);

const CHANNELS: usize = 3;

impl Behavior for Pointing<'_> {
    fn respond(&self, probe: &mut Probe) -> Result<Response, HashError> {
        let small = Genome { width: 8, ..self.0.clone() };
        let network = Network::pointing(&small, CHANNELS, Pointer { ends: true });
        let cases = [14, 11].map(|length: usize| {
            let input = probe.input(&length.to_string(), length * CHANNELS);
            Matrix::new(length, CHANNELS, probe.read(input).to_vec())
        });
        let told = [14, 11].map(|length| (0..=length).rev().collect());
        let answers = network.point(&cases, Some(&told), &mut |group, inputs| draw(group, inputs, probe));
        let all: Vec<f64> = answers.into_iter().flat_map(|answer| answer.probabilities.data).collect();
        let outputs = probe.record(&all);
        Ok(Response::rows(outputs, 1).with_values(|out| {
            out.u64(self.0.width as u64);
            self.0.training.write_key(out);
        }))
    }
}

fn draw(group: &Group, inputs: &[Matrix], probe: &mut Probe) -> Vec<Weights> {
    let inputs: Vec<_> = inputs.iter().map(|x| probe.record(&x.data)).collect();
    let drawn = probe.group(&group.kind, &inputs);
    let mut tensor = |part: &str, tensor: &spaces::sequence::Tensor| {
        let ((center, spread), name) = (tensor.probe, format!("{part}.{}", tensor.name));
        let values = probe.tensor(drawn, &name, tensor.len(), center, spread);
        (tensor.name, probe.read(values).to_vec())
    };
    let parts = group.parts.iter();
    parts.map(|(part, tensors)| Weights(tensors.iter().map(|it| tensor(part, it)).collect())).collect()
}

/// So that the fingerprint of a genome needs no pointer.
#[test]
fn networks_that_point_are_equal_exactly_where_those_with_a_linear_head_at_every_step_are() {
    let (space, hasher) = (space(), FunctionalHasher::new(Scheme::default()));
    let mut genomes: Vec<Genome> = [
        r#"{"token": {"kind": "gru"}, "order": "forward"}"#,
        r#"{"token": {"kind": "gru"}, "order": "snake"}"#,
        r#"{"token": {"kind": "gru"}, "order": "reverse"}"#,
        r#"{"token": {"kind": "attention"}}, {}"#,
        r#"{"token": {"kind": "attention"}, "order": "reverse"}"#,
        r#"{}, {"token": {"kind": "attention"}}"#,
        r#"{"token": {"kind": "attention", "causal": true}}"#,
    ]
    .map(|layers| genome(&format!(r#"{{"pooling": "none", "layers": [{layers}]}}"#)))
    .into();
    for number in 0..25 {
        let rng = &mut Rng::named(4, "genome", number);
        let parent = space.sample(rng);
        let children: Vec<_> = (0..3).map(|_| space.mutate(&parent, rng)).collect();
        genomes.extend([vec![parent], children].concat());
    }
    let (mut pointing, mut linear) = (BTreeMap::new(), BTreeMap::new());
    for genome in &genomes {
        let [(of_steps, _), (of_pointer, _)] =
            [genome as &dyn Behavior, &Pointing(genome)].map(|it| hasher.fingerprint(it).unwrap());
        pointing.entry(of_steps.unwrap().0).or_insert_with(BTreeSet::new).insert(of_pointer.unwrap().0);
        linear.entry(of_pointer.unwrap().0).or_insert_with(BTreeSet::new).insert(of_steps.unwrap().0);
    }
    assert!(pointing.values().chain(linear.values()).all(|others| others.len() == 1));
    let classes = pointing.len();
    assert!(classes < genomes.len() - 4 && classes > 50, "{classes} functions of {}", genomes.len());
}
