//! Weight inheritance: training that starts from what parents have learned.
//!
//! The branches of child and parent are laid out as they are run and aligned (`align.rs`); each branch of the child takes
//! over what the aligned ones hold: copied where layers are the same, tied or untied with low-rank corrections where they
//! are shared otherwise (`branch.rs`, `low_rank.rs`), with units duplicated or merged where a perceptron has another
//! number of them and the map stays what it was (`units.rs`). Everything else that has the name and the shape of a
//! parent's tensor is copied; what has not keeps its fresh start. Of two parents the first layers come from one and the last
//! from the other, as the space crosses genomes; relatives of one stack are averaged instead.
//!
//! All in `f64` on the processor.

mod align;
mod branch;
mod low_rank;
mod units;

use std::collections::BTreeMap;
use std::path::Path;

use evaluator::sequence::{Part, Summary, weights_name};
use hashing::{Digest, KeyWriter};
use spaces::sequence::{Genome, Network, Training};
use tch::{Device, Kind, Tensor};

use crate::data::KIND;
use crate::{Model, weights};
use align::{Passage, align, passages};

/// Tensors by full name, `f64` on the processor.
type Values = BTreeMap<String, Tensor>;

/// What one fold of an evaluation left, for others to start from.
pub struct Parent {
    network: Network,
    values: Values,
    root: Digest,
}

/// Where a training starts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Start {
    /// Of the drawn values that it goes back to.
    pub root: Digest,
    /// Share of the parameters whose values came from parents.
    pub inherited: f64,
}

impl Parent {
    /// From the folder of an evaluation, its fold of this number. Files may come from anywhere: everything is checked.
    pub fn read(folder: &Path, fold: usize, part: &Part) -> Result<Self, String> {
        let summary = Summary::read(folder)?;
        let lacking = |what: &str| format!("{} has no {what} to inherit from", folder.display());
        let genome = summary.genome.ok_or_else(|| lacking("genome"))?;
        let root = summary.folds.get(fold).and_then(|fold| fold.root).ok_or_else(|| lacking("root"))?;
        let (network, file) = (part.network(&genome), folder.join(weights_name(fold)));
        weights::check_size(&network, &file)?;
        let mut model = Model::new(&network, 0, KIND, Device::Cpu);
        weights::read(&mut model, part.shape.channels, &file)?;
        Ok(Self { values: values_of(&model), network, root })
    }

    #[cfg(test)]
    fn of(model: &Model, network: &Network) -> Self {
        Self { values: values_of(model), network: network.clone(), root: root_of(model) }
    }
}

/// Gives a fresh model the values that it inherits.
pub fn begin(model: &mut Model, network: &Network, parents: &[Parent]) -> Start {
    let root = root_of(model);
    if parents.is_empty() {
        return Start { root, inherited: 0.0 };
    }
    let fresh = values_of(model);
    let mut values = taken(network, &fresh, parents);
    let share = size(&values) / size(&fresh);
    let root = match parents {
        [only] if same_stack(network, only) => only.root,
        [a, b] if are_relatives(network, a, b) => a.root,
        _ => root,
    };
    for (name, value) in fresh {
        values.entry(name).or_insert(value);
    }
    model.load(&values.into_iter().collect::<Vec<_>>()).expect("every tensor keeps its name and shape");
    Start { root, inherited: share }
}

/// What comes from parents, by name.
fn taken(network: &Network, fresh: &Values, parents: &[Parent]) -> Values {
    match parents {
        [] => Values::new(),
        [a, b] if are_relatives(network, a, b) => averaged(&a.values, &b.values),
        _ => crossed(network, fresh, parents),
    }
}

/// Equal but for how they are trained and where they started.
fn same_stack(network: &Network, parent: &Parent) -> bool {
    let stack =
        |genome: &Genome| Genome { training: Training::default(), inherits: Vec::new(), ..genome.clone() };
    stack(&network.genome) == stack(&parent.network.genome)
}

/// Parents of the child's own stack whose weights go back to the same draw: between those the loss is low (Li et al.
/// 2022, arXiv 2208.03306); between others units have no common order.
fn are_relatives(network: &Network, a: &Parent, b: &Parent) -> bool {
    a.root == b.root && [a, b].into_iter().all(|parent| same_stack(network, parent))
}

fn averaged(a: &Values, b: &Values) -> Values {
    a.iter().map(|(name, value)| (name.clone(), (value + &b[name]) * 0.5)).collect()
}

/// The first layers of one parent and the last ones of the next, cut where most is alike; the first parent has what it
/// can where it makes no difference. The ends go with the layers that are next to them.
fn crossed(network: &Network, fresh: &Values, parents: &[Parent]) -> Values {
    let own = passages(&network.genome);
    let aligned: Vec<_> = parents.iter().map(|parent| aligned_with(network, &own, parent)).collect();
    let likeness: Vec<Vec<u32>> =
        aligned.iter().map(|found| likeness_of_layers(network, &own, found)).collect();
    let cut = cut(&likeness);
    let of_layer = |layer: usize| usize::from(layer >= cut);
    let mut values = ends(network, fresh, parents, cut);
    for index in 0..network.genome.layers.len() {
        let (parent, aligned) = (&parents[of_layer(index)], &aligned[of_layer(index)]);
        values.extend(branch::taken(network, index, fresh, parent, &own, aligned));
    }
    values
}

/// With the passages of each parent that they are aligned to; none at another width, where channels mean something else.
fn aligned_with<'a>(
    network: &Network,
    own: &[Passage],
    parent: &'a Parent,
) -> Vec<Option<(Passage<'a>, u32)>> {
    let genome = &parent.network.genome;
    let theirs = if genome.width == network.genome.width { passages(genome) } else { Vec::new() };
    align(own, &theirs)
}

fn likeness_of_layers(network: &Network, own: &[Passage], aligned: &[Option<(Passage, u32)>]) -> Vec<u32> {
    let mut likeness = vec![0; network.genome.layers.len()];
    for (passage, found) in own.iter().zip(aligned) {
        likeness[passage.layer] += found.map_or(0, |(_, alike)| alike);
    }
    likeness
}

/// How many of the first layers come from the first parent: the most of the best.
fn cut(likeness: &[Vec<u32>]) -> usize {
    let [first, second] = likeness else { return likeness.first().map_or(0, Vec::len) };
    let alike = |cut: usize| first[..cut].iter().sum::<u32>() + second[cut..].iter().sum::<u32>();
    (0..=first.len()).max_by_key(|cut| alike(*cut)).unwrap_or(0)
}

/// What lies outside the layers, wherever name and shape are the same: before them from the parent of the first layer,
/// behind them from that of the last.
fn ends(network: &Network, fresh: &Values, parents: &[Parent], cut: usize) -> Values {
    let depth = network.genome.layers.len();
    let parent = |name: &str| {
        let second = if name.starts_with("head.") { cut < depth } else { cut == 0 && depth > 0 };
        &parents[usize::from(second && parents.len() > 1)]
    };
    let outside = fresh.iter().filter(|(name, _)| !name.starts_with("layers."));
    let copied = outside.filter_map(|(name, value)| {
        let theirs = parent(name).values.get(name).filter(|theirs| theirs.size() == value.size())?;
        Some((name.clone(), theirs.shallow_clone()))
    });
    copied.collect()
}

fn values_of(model: &Model) -> Values {
    let doubles = |value: Tensor| value.to_device(Device::Cpu).to_kind(Kind::Double);
    model.values().into_iter().map(|(name, value)| (name, doubles(value))).collect()
}

/// Number of parameters.
fn size(values: &Values) -> f64 {
    values.values().map(Tensor::numel).sum::<usize>() as f64
}

fn root_of(model: &Model) -> Digest {
    let flat = model.flat().to_device(Device::Cpu);
    let mut bytes = vec![0; flat.numel() * flat.kind().elt_size_in_bytes()];
    flat.copy_data_u8(&mut bytes, flat.numel());
    let mut out = KeyWriter::new("fecund root v1");
    out.bytes(&bytes);
    out.finish()
}

#[cfg(test)]
mod tests;
