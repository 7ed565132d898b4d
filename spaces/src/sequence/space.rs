//! Drawing, mutating and canonicalizing stacks.

use hashing::Rng;

use super::block::{Block, Place, Value};
use super::blocks;
use super::genome::{Genome, Layer, Mixer, Norm, Order, Pooling, Training};
use crate::Space;

/// What the search may choose from.
#[derive(Clone, Debug, PartialEq)]
pub struct Limits {
    /// Layers as they are run. Default: 8.
    pub max_depth: usize,
    /// Default: 16, 32, 64.
    pub widths: Vec<usize>,
    /// Names of blocks; the identity is always among them. Default: all.
    pub blocks: Vec<String>,
    /// Whether the task has a target at every step: then nothing is pooled, and no step sees a later one. Default: no.
    pub every_step: bool,
}

/// The space of [`Genome`]s within limits.
pub struct SequenceSpace {
    limits: Limits,
    token: Vec<&'static dyn Block>,
    channel: Vec<&'static dyn Block>,
}

/// Layers drawn for a new genome: few, so that evolution starts small.
const FIRST_DEPTH: usize = 3;
const MOST_REPEATS: usize = 3;

impl Default for Limits {
    fn default() -> Self {
        let named = blocks::ALL.iter().map(|block| block.name()).filter(|name| *name != "identity");
        let blocks = named.map(String::from).collect();
        Self { max_depth: 8, widths: vec![32, 16, 64], blocks, every_step: false }
    }
}

impl Default for SequenceSpace {
    fn default() -> Self {
        Self::new(Limits::default()).expect("the default limits name known blocks")
    }
}

impl SequenceSpace {
    /// An error names a block that does not exist, or a depth of zero.
    pub fn new(limits: Limits) -> Result<Self, String> {
        let known = |name: &String| blocks::ALL.iter().any(|block| block.name() == name);
        if let Some(unknown) = limits.blocks.iter().find(|name| !known(name)) {
            let mut names: Vec<_> = blocks::ALL.iter().map(|block| block.name()).collect();
            names.sort_unstable();
            names.dedup();
            return Err(format!("no block `{unknown}`; known: {}", names.join(", ")));
        }
        if limits.max_depth == 0 || limits.widths.is_empty() {
            return Err("a stack needs a depth of at least 1 and a width".into());
        }
        let allowed = |place| {
            let listed = |block: &&dyn Block| {
                block.name() == "identity" || limits.blocks.iter().any(|b| b == block.name())
            };
            blocks::at(place).filter(listed).collect::<Vec<_>>()
        };
        Ok(Self { token: allowed(Place::Token), channel: allowed(Place::Channel), limits })
    }

    fn layer(&self, rng: &mut Rng) -> Layer {
        let mut order = Order::Forward;
        if rng.chance(0.3) {
            order = *rng.choose(&Order::ALL);
        }
        Layer { token: mixer(&self.token, rng), order, channel: mixer(&self.channel, rng), repeat: 1 }
    }

    /// Applies one random change; `None` where that change is not possible here.
    fn change(&self, genome: &mut Genome, rng: &mut Rng) -> Option<()> {
        let room = self.limits.max_depth.saturating_sub(genome.depth());
        let layers = genome.layers.len();
        match rng.below(13) {
            0 if room > 0 => genome.layers.insert(rng.below(layers + 1), self.layer(rng)),
            1 if layers > 1 => drop(genome.layers.remove(rng.below(layers))),
            2 if room > 0 && layers > 0 => {
                let copied = rng.below(layers);
                let layer = Layer { repeat: 1, ..genome.layers[copied].clone() };
                genome.layers.insert(copied, layer);
            }
            3 if layers > 1 => genome.layers.swap(rng.below(layers), rng.below(layers)),
            4 => any(&mut genome.layers, rng)?.token = mixer(&self.token, rng),
            5 => any(&mut genome.layers, rng)?.channel = mixer(&self.channel, rng),
            6 => change_gene(&mut any(&mut genome.layers, rng)?.token, Place::Token, rng)?,
            7 => change_gene(&mut any(&mut genome.layers, rng)?.channel, Place::Channel, rng)?,
            8 => any(&mut genome.layers, rng)?.order = *rng.choose(&Order::ALL),
            9 => {
                let layer = any(&mut genome.layers, rng)?;
                layer.repeat = 1 + rng.below(MOST_REPEATS.min(layer.repeat + room));
            }
            10 => genome.width = *rng.choose(&self.limits.widths),
            11 if rng.chance(0.5) => genome.norm = *rng.choose(&Norm::ALL),
            11 => genome.pooling = *rng.choose(&Pooling::ALL),
            12 => change_training(&mut genome.training, rng),
            _ => return None,
        }
        Some(())
    }
}

fn mixer(allowed: &[&'static dyn Block], rng: &mut Rng) -> Mixer {
    let block = *rng.choose(allowed);
    let mut mixer = Mixer::of(block);
    for gene in block.genes() {
        mixer.settings.0.insert(gene.name.into(), rng.choose(&gene.choices).clone());
    }
    mixer
}

fn any<'a>(layers: &'a mut [Layer], rng: &mut Rng) -> Option<&'a mut Layer> {
    if layers.is_empty() { None } else { Some(&mut layers[rng.below(layers.len())]) }
}

fn change_gene(mixer: &mut Mixer, place: Place, rng: &mut Rng) -> Option<()> {
    let genes = mixer.block(place).genes();
    if genes.is_empty() {
        return None;
    }
    let gene = rng.choose(&genes);
    let others: Vec<&Value> =
        gene.choices.iter().filter(|v| mixer.settings.0.get(gene.name) != Some(v)).collect();
    mixer.settings.0.insert(gene.name.into(), (*rng.choose(&others)).clone());
    Some(())
}

fn change_training(training: &mut Training, rng: &mut Rng) {
    match rng.below(3) {
        0 => training.learning_rate = *rng.choose(&Training::LEARNING_RATES),
        1 => training.weight_decay = *rng.choose(&Training::WEIGHT_DECAYS),
        _ => training.dropout = *rng.choose(&Training::DROPOUTS),
    }
}

impl Space for SequenceSpace {
    type Candidate = Genome;

    fn name(&self) -> &str {
        "sequence v1"
    }

    /// One to three layers, every gene drawn from its choices.
    fn sample(&self, rng: &mut Rng) -> Genome {
        let depth = 1 + rng.below(FIRST_DEPTH.min(self.limits.max_depth));
        Genome {
            version: 1,
            width: *rng.choose(&self.limits.widths),
            norm: *rng.choose(&Norm::ALL),
            pooling: *rng.choose(&Pooling::ALL),
            layers: (0..depth).map(|_| self.layer(rng)).collect(),
            training: Training {
                learning_rate: *rng.choose(&Training::LEARNING_RATES),
                weight_decay: *rng.choose(&Training::WEIGHT_DECAYS),
                dropout: *rng.choose(&Training::DROPOUTS),
            },
        }
    }

    /// One change of the genome's data. It may leave the function as it is: that is what the cache is for.
    fn mutate(&self, parent: &Genome, rng: &mut Rng) -> Genome {
        loop {
            let mut child = parent.clone();
            if self.change(&mut child, rng).is_some() && child != *parent {
                return child;
            }
        }
    }

    /// The first layers of one parent and the last ones of the other, cut at the same place, wherever that keeps within
    /// the depth; every other gene of either.
    fn crossover(&self, a: &Genome, b: &Genome, rng: &mut Rng) -> Option<Genome> {
        let joined = |cut: usize| a.layers[..cut].iter().chain(&b.layers[cut..]);
        let fits =
            |cut: &usize| joined(*cut).map(|layer| layer.repeat).sum::<usize>() <= self.limits.max_depth;
        let cuts: Vec<_> = (0..=a.layers.len().min(b.layers.len())).filter(fits).collect();
        let cut = if cuts.is_empty() { return None } else { *rng.choose(&cuts) };
        let mut either = || *rng.choose(&[a, b]);
        Some(Genome {
            version: a.version,
            width: either().width,
            norm: either().norm,
            pooling: either().pooling,
            layers: joined(cut).cloned().collect(),
            training: Training {
                learning_rate: either().training.learning_rate,
                weight_decay: either().training.weight_decay,
                dropout: either().training.dropout,
            },
        })
    }

    /// Mixers are written in their simplest form, empty layers go, halves of one layer that stand in two are joined, inert genes are reset: the order of a mixer
    /// that does not know it, the mask of one whose last step alone is read, the dropout of no mixer at all.
    fn canonicalize(&self, genome: &Genome) -> Genome {
        let mut layers: Vec<Layer> = Vec::new();
        for layer in &genome.layers {
            let layer = simplest(layer);
            if layer.token.is_identity() && layer.channel.is_identity() {
                continue;
            }
            match layers.last_mut() {
                Some(last)
                    if last.channel.is_identity()
                        && layer.token.is_identity()
                        && last.repeat * layer.repeat == 1 =>
                {
                    last.channel = layer.channel;
                }
                _ => layers.push(layer),
            }
        }
        if genome.pooling == Pooling::Last {
            unmask(&mut layers);
        }
        let mut training = genome.training;
        if layers.is_empty() {
            training.dropout = 0.0;
        }
        Genome { layers, training, ..genome.clone() }
    }

    fn check(&self, genome: &Genome) -> Result<(), String> {
        let Limits { max_depth, .. } = self.limits;
        if genome.depth() > max_depth {
            return Err(format!(
                "depth {} is above the limit {max_depth}; raise --max-depth",
                genome.depth()
            ));
        }
        Ok(())
    }
}

fn simplest(layer: &Layer) -> Layer {
    let mut layer = layer.clone();
    for place in [Place::Token, Place::Channel] {
        while let Some(simpler) = layer.mixer(place).block(place).simpler(&layer.mixer(place).settings) {
            *layer.mixer_mut(place) = simpler;
        }
    }
    layer.order = canonical_order(&layer);
    layer
}

/// Reversing is inert where the mixer does not know the order; both directions are not (two sets of weights).
fn canonical_order(layer: &Layer) -> Order {
    let reversible = layer.token.block(Place::Token).reversible(&layer.token.settings);
    match layer.order {
        Order::Reverse if reversible => Order::Forward,
        _ if layer.token.is_identity() => Order::Forward,
        order => order,
    }
}

/// Where the last step alone is read of the last token mixer, a mask on the future hides nothing from it. (Where the
/// mixer runs backwards or is run again, other steps count too.)
fn unmask(layers: &mut [Layer]) {
    let last = layers.iter_mut().rev().find(|layer| !layer.token.is_identity());
    if let Some(Layer { token, order: Order::Forward, repeat: 1, .. }) = last
        && let Some(mask) = token.settings.0.get_mut("causal")
    {
        *mask = Value::Flag(false);
    }
}
