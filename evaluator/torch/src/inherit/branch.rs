//! What the branches of one layer take over from those that they are made of.

use spaces::sequence::{MIXERS, Mixer, Network, Place};
use tch::Tensor;

use super::align::Passage;
use super::low_rank::low_rank;
use super::units::resized;
use super::{Parent, Values};

/// One branch of a layer of the child, with the runs of the parent that its own runs are made of, at least one.
struct Branch<'a> {
    network: &'a Network,
    fresh: &'a Values,
    parent: &'a Parent,
    /// `layers.N.PLACE` of the child.
    name: String,
    mixer: &'a Mixer,
    /// Of low-rank corrections of the child.
    rank: usize,
    runs: usize,
    sources: Vec<Source<'a>>,
}

#[derive(Clone, Copy)]
struct Source<'a> {
    /// Of the child's layer.
    run: usize,
    of: Passage<'a>,
}

/// Of layer `index`, by full name.
pub fn taken(
    network: &Network,
    index: usize,
    fresh: &Values,
    parent: &Parent,
    own: &[Passage],
    aligned: &[Option<(Passage, u32)>],
) -> Values {
    let mut values = Values::new();
    for place in Place::ALL {
        let here =
            own.iter().zip(aligned).filter(|(passage, _)| (passage.layer, passage.place) == (index, place));
        let sources: Vec<_> =
            here.filter_map(|(passage, found)| Some(Source { run: passage.run, of: (*found)?.0 })).collect();
        if sources.is_empty() {
            continue;
        }
        let (name, mixer) = (format!("layers.{index}.{place}"), network.genome.layers[index].mixer(place));
        let (rank, runs) = (network.genome.rank_of(index), network.genome.runs_of(index));
        let branch = Branch { network, fresh, parent, name, mixer, rank, runs, sources };
        values.extend(branch.taken(index, place));
    }
    values
}

impl Branch<'_> {
    fn taken(&self, index: usize, place: Place) -> Values {
        let group = self.network.branch(index, place).expect("a passage is of a mixer");
        let mut values = Values::new();
        for (part, tensors) in &group.parts {
            match MIXERS.into_iter().find(|names| names.contains(part)) {
                Some(names) if names[0] == *part => values.extend(self.mixed(names)),
                // With the mixer that they correct.
                Some(_) => {}
                None => {
                    let of_layers = tensors.iter().filter_map(|tensor| self.plain(part, tensor.name));
                    values.extend(of_layers);
                }
            }
        }
        values
    }

    /// A tensor that all runs of a layer share: of several layers the mean.
    fn plain(&self, part: &str, tensor: &str) -> Option<(String, Tensor)> {
        let name = format!("{}.{part}.{tensor}", self.name);
        let values = self.layers().into_iter().map(|source| self.theirs(&source, part, tensor));
        let mean = mean(&values.collect::<Option<Vec<_>>>()?);
        (mean.size() == self.fresh.get(&name)?.size()).then_some((name, mean))
    }

    /// The mixer of one direction and, where runs have any, its corrections. Runs that come from one layer keep what it
    /// shares; those that come from several share the mean of what these mix with. What a run had beyond that is in its
    /// correction, as far as the rank goes.
    fn mixed(&self, names: [&str; 3]) -> Values {
        let layers = self.layers();
        let theirs = |source: &Source| self.parent.network.genome.rank_of(source.of.layer);
        let of_runs: Vec<Values> = self.sources.iter().map(|source| self.effective(source, names)).collect();
        let one_layer = layers.len() == 1;
        let shared = if one_layer && (self.rank > 0 || theirs(&layers[0]) == 0) {
            self.fitted(self.shared(&layers[0], names[0]), layers[0].of.mixer, names[0])
        } else {
            means(&of_runs)
        };
        let mut values = Values::new();
        for (tensor, value) in shared {
            let name = |part: &str| format!("{}.{part}.{tensor}", self.name);
            if self.fresh.get(&name(names[0])).is_none_or(|fresh| fresh.size() != value.size()) {
                continue;
            }
            let fresh = [names[1], names[2]].map(|part| self.fresh.get(&name(part)));
            if let [Some(down), Some(up)] = fresh {
                let kept = |source: &Source| {
                    let is_same = one_layer && theirs(source) == self.rank && source.of.mixer == self.mixer;
                    is_same.then(|| self.correction(source, names, &tensor)).flatten()
                };
                let of_run = |run: usize| match self.sources.iter().position(|source| source.run == run) {
                    None => [down, up].map(|fresh| fresh.select(0, run as i64)),
                    Some(at) => kept(&self.sources[at]).unwrap_or_else(|| {
                        let residual = &of_runs[at][&tensor] - &value;
                        low_rank(&residual, self.rank as i64, &down.select(0, run as i64))
                    }),
                };
                let pairs: Vec<_> = (0..self.runs).map(of_run).collect();
                for (side, part) in [names[1], names[2]].into_iter().enumerate() {
                    let of_runs: Vec<_> = pairs.iter().map(|pair| &pair[side]).collect();
                    values.insert(name(part), Tensor::stack(&of_runs, 0));
                }
            }
            values.insert(name(names[0]), value);
        }
        values
    }

    /// One source for each layer of the parent.
    fn layers(&self) -> Vec<Source<'_>> {
        let mut layers: Vec<Source> = Vec::new();
        for source in &self.sources {
            if layers.iter().all(|known| known.of.layer != source.of.layer) {
                layers.push(*source);
            }
        }
        layers
    }

    fn theirs(&self, source: &Source, part: &str, tensor: &str) -> Option<Tensor> {
        let Passage { layer, place, .. } = source.of;
        self.parent.values.get(&format!("layers.{layer}.{place}.{part}.{tensor}")).map(Tensor::shallow_clone)
    }

    /// What the runs of a layer mix with, without corrections, by the names of the tensors.
    fn shared(&self, source: &Source, part: &str) -> Values {
        let mixer = source.of.mixer;
        let tensors = mixer.block(source.of.place).tensors(&mixer.settings, self.network.genome.width);
        let value = |name: &str| Some((name.to_string(), self.theirs(source, part, name)?));
        tensors.iter().filter_map(|tensor| value(tensor.name)).collect()
    }

    /// A and B of a matrix in this run of the parent.
    fn correction(&self, source: &Source, names: [&str; 3], tensor: &str) -> Option<[Tensor; 2]> {
        let of_run = |part| Some(self.theirs(source, part, tensor)?.select(0, source.of.run as i64));
        Some([of_run(names[1])?, of_run(names[2])?])
    }

    /// What this run of the parent mixes with, W + B A, with as many units as the child has.
    fn effective(&self, source: &Source, names: [&str; 3]) -> Values {
        let corrected = |(tensor, w): (String, Tensor)| match self.correction(source, names, &tensor) {
            Some([a, b]) => (tensor, w + b.matmul(&a)),
            None => (tensor, w),
        };
        let values = self.shared(source, names[0]).into_iter().map(corrected).collect();
        self.fitted(values, source.of.mixer, names[0])
    }

    /// With as many units as the child has, where that keeps the map; else as they are.
    fn fitted(&self, values: Values, from: &Mixer, part: &str) -> Values {
        if from == self.mixer {
            return values;
        }
        let start = format!("{}.{part}.", self.name);
        let own = self.fresh.iter().filter_map(|(name, value)| {
            Some((name.strip_prefix(&start)?.to_string(), value.shallow_clone()))
        });
        resized(from, self.mixer, &values, &own.collect()).unwrap_or(values)
    }
}

/// Of at least one, all of one shape; of one it is that, bit for bit.
fn mean(values: &[Tensor]) -> Tensor {
    match values {
        [one] => one.shallow_clone(),
        _ => Tensor::stack(values, 0).mean_dim(0, false, None),
    }
}

/// Of every tensor that all of them have in one shape.
fn means(of_runs: &[Values]) -> Values {
    let [first, others @ ..] = of_runs else { return Values::new() };
    let in_all = |name: &String, value: &Tensor| {
        others.iter().all(|other| other.get(name).is_some_and(|it| it.size() == value.size()))
    };
    let of_all = |name: &String| of_runs.iter().map(|run| run[name].shallow_clone()).collect::<Vec<_>>();
    first
        .iter()
        .filter(|(name, value)| in_all(name, value))
        .map(|(name, _)| (name.clone(), mean(&of_all(name))))
        .collect()
}
