//! The probe of a stack: two short sequences of unequal length, reduced width, generic weights by role.

use std::collections::BTreeMap;

use hashing::{Behavior, HashError, Key, Keyed, Probe, Response};

use super::block::Weights;
use super::genome::name_of;
use super::math::Matrix;
use super::network::{Group, Network, Shape};
use super::space::simplest;
use super::{Genome, Layout, Passes, Routing};
use crate::{Candidate, Niche};

/// Width of the network that is run; the true one enters by value.
const WIDTH: usize = 8;
const SHAPE: Shape = Shape { channels: 3, classes: 4 };
/// Tokens of a channel, unequal; they make more tokens than the widest kernel has, in a grid too.
fn lengths(layout: Layout) -> [usize; 2] {
    match layout {
        Layout::Steps => [14, 11],
        Layout::Grid => [7, 5],
    }
}

impl Candidate for Genome {
    /// Of the token mixers in their simplest form, repetitions counted.
    fn niche(&self) -> Niche {
        let layers: Vec<_> = self.layers.iter().map(|layer| simplest(layer, self.layout)).collect();
        let mixers = self.schedule().into_iter().map(|run| &layers[run.layer].token);
        Niche::of(mixers.filter(|mixer| !mixer.is_identity()).map(|mixer| mixer.kind.as_str()))
    }

    fn parents(&self) -> &[Key] {
        &self.inherits
    }

    fn inheriting(self, parents: Vec<Key>) -> Self {
        Self { inherits: parents, ..self }
    }
}

impl Behavior for Genome {
    fn respond(&self, probe: &mut Probe) -> Result<Response, HashError> {
        let network = Network::new(&Genome { width: WIDTH, ..self.clone() }, SHAPE);
        // Where several steps are a token, or tokens are pooled, the last one is short.
        let deepest = (0..self.layers.len()).map(|layer| self.level(layer)).max().unwrap_or(0);
        let size = self.tokens.size() << deepest;
        let cases = lengths(self.layout).map(|tokens| tokens * size - size / 2).map(|length| {
            let input = probe.input(&length.to_string(), length * SHAPE.channels);
            Matrix::new(length, SHAPE.channels, probe.read(input).to_vec())
        });
        let routed = network.genome.passes().filter(Passes::is_routed);
        let logits = match routed {
            None => network.forward(&cases, &mut |group, inputs| draw(group, inputs, probe)),
            Some(_) => forward_to_every_depth(&network, &cases, probe),
        };
        let outputs = probe.record(&logits.concat());
        Ok(Response::rows(outputs, SHAPE.classes).with_values(|out| {
            out.u64(self.width as u64);
            self.training.write_key(out);
            if let Some(Passes { count, depth, epsilon, .. }) = routed {
                out.text(&name_of(&depth));
                out.u64(count as u64);
                out.f64(epsilon);
            }
            self.write_parents(out);
        }))
    }
}

/// With every depth taken by some step, and then as deep as steps go by themselves, with the same parameters: few of
/// them may go deep of themselves, or all.
fn forward_to_every_depth(network: &Network, cases: &[Matrix], probe: &mut Probe) -> Vec<Vec<f64>> {
    let mut drawn: BTreeMap<String, Vec<Weights>> = BTreeMap::new();
    let mut supply = |group: &Group, inputs: &[Matrix]| {
        drawn.entry(group.name.clone()).or_insert_with(|| draw(group, inputs, probe)).clone()
    };
    let routings = [Routing::Forced, Routing::Inference];
    routings.map(|routing| network.forward_routed(routing, cases, &mut supply).logits).concat()
}

fn draw(group: &Group, inputs: &[Matrix], probe: &mut Probe) -> Vec<Weights> {
    let inputs: Vec<_> = inputs.iter().map(|x| probe.record(&x.data)).collect();
    let drawn = probe.group(&group.kind, &inputs);
    let draw_part = |(part, tensors): &(&str, Vec<super::Tensor>)| {
        let values = tensors.iter().map(|tensor| {
            let (center, spread) = tensor.probe;
            let name = format!("{part}.{}", tensor.name);
            let values = probe.tensor(drawn, &name, tensor.len(), center, spread);
            (tensor.name, probe.read(values).to_vec())
        });
        Weights(values.collect())
    };
    group.parts.iter().map(draw_part).collect()
}
