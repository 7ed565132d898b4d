//! A perceptron with another number of hidden units that computes what it computed: units are duplicated, or duplicates
//! merged (Chen et al. 2015, arXiv 1511.05641; which merges are exact: after Iterative Feature Merging, 2023). Where that
//! is not exact, nothing is done.

use spaces::sequence::{Mixer, Value};
use tch::Tensor;

use super::Values;

/// Hidden units: what each reads, a row each, and where it writes, a column each.
#[derive(Debug)]
struct Units {
    incoming: Tensor,
    outgoing: Tensor,
}

/// The gene that says how many there are.
const RATIO: &str = "ratio";
/// How far multiples may be from one another, as a share: weights are `f32`.
const ROUNDING: f64 = 1e-6;

/// Names of the tensors of a kind: those that units read with, and the one that they write with.
fn names(kind: &str) -> Option<(&'static [&'static str], &'static str)> {
    match kind {
        "mlp" => Some((&["w_1", "b_1"], "w_2")),
        "glu" => Some((&["w_g", "w_v"], "w_o")),
        _ => None,
    }
}

/// The tensors of the mixer `from` with as many units as `to` has, which computes the same. `fresh` are those that `to`
/// starts with. `None` where the mixers differ in more than that, or the map would be another.
pub fn resized(from: &Mixer, to: &Mixer, weights: &Values, fresh: &Values) -> Option<Values> {
    let (reading, writing) = names(&to.kind)?;
    let ratio = Value::Number(1);
    if from.kind != to.kind || from.settings.with(RATIO, ratio.clone()) != to.settings.with(RATIO, ratio) {
        return None;
    }
    let units = Units::of(reading, writing, weights)?.merged(is_homogeneous(to));
    let units = units.duplicated(fresh.get(writing)?)?;
    let mut resized: Values = weights.iter().map(|(name, w)| (name.clone(), w.shallow_clone())).collect();
    let mut column = 0;
    for name in reading {
        let shape = fresh.get(*name)?.size();
        let width = shape.get(1).copied().unwrap_or(1);
        resized.insert((*name).into(), units.incoming.narrow(1, column, width).reshape(&shape));
        column += width;
    }
    resized.insert(writing.into(), units.outgoing);
    Some(resized)
}

/// Whether act(c x) = c act(x) for c > 0, of a unit that reads with one row.
fn is_homogeneous(mixer: &Mixer) -> bool {
    mixer.kind == "mlp" && mixer.settings.word("activation") == "relu"
}

impl Units {
    fn of(reading: &[&str], writing: &str, weights: &Values) -> Option<Self> {
        let outgoing = weights.get(writing)?.shallow_clone();
        let rows = outgoing.size()[1];
        let read = reading.iter().map(|name| Some(weights.get(*name)?.reshape([rows, -1])));
        Some(Self { incoming: Tensor::cat(&read.collect::<Option<Vec<_>>>()?, 1), outgoing })
    }

    /// As many as `fresh` has columns: unit n reads what unit n modulo the number of units reads. Copies write with fresh
    /// columns, and the unit that they are copies of with that much less, so that their sum is what it was and they learn
    /// different things. `None` where there are more units than that.
    fn duplicated(&self, fresh: &Tensor) -> Option<Self> {
        let (all, count) = (fresh.size()[1], self.outgoing.size()[1]);
        if count == 0 || count > all {
            return None;
        }
        let source = Tensor::from_slice(&(0..all).map(|unit| unit % count).collect::<Vec<_>>());
        let copies = fresh.narrow(1, count, all - count);
        let lent = self.outgoing.zeros_like().index_add(1, &source.narrow(0, count, all - count), &copies);
        Some(Self {
            incoming: self.incoming.index_select(0, &source),
            outgoing: Tensor::cat(&[&self.outgoing - lent, copies], 1),
        })
    }

    /// Without duplicates: of units that read alike the first stays and writes with the sum of their columns, whatever the
    /// activation. Where it is homogeneous, a unit that reads c times what another reads, c > 0, adds c times its column.
    fn merged(&self, homogeneous: bool) -> Self {
        let rows = rows_of(&self.incoming);
        let mut columns = rows_of(&self.outgoing.tr());
        let mut kept: Vec<usize> = Vec::new();
        for unit in 0..rows.len() {
            let alike = |other: &usize| Some((*other, multiple(&rows[*other], &rows[unit], homogeneous)?));
            match kept.iter().find_map(alike) {
                None => kept.push(unit),
                Some((first, factor)) => {
                    let more = columns[unit].clone();
                    columns[first].iter_mut().zip(more).for_each(|(sum, column)| *sum += factor * column);
                }
            }
        }
        let chosen = |rows: &[Vec<f64>]| {
            let rows: Vec<_> = kept.iter().map(|unit| Tensor::from_slice(&rows[*unit])).collect();
            Tensor::stack(&rows, 0)
        };
        Self { incoming: chosen(&rows), outgoing: chosen(&columns).tr().contiguous() }
    }
}

/// The factor c > 0 by which `row` is `first`: 1 where they are equal; another only where any will do.
fn multiple(first: &[f64], row: &[f64], any: bool) -> Option<f64> {
    if first == row {
        return Some(1.0);
    }
    let largest = (0..first.len()).max_by(|a, b| first[*a].abs().total_cmp(&first[*b].abs()))?;
    let factor = row[largest] / first[largest];
    let bound = ROUNDING * row[largest].abs();
    let is_multiple = first.iter().zip(row).all(|(first, row)| (row - factor * first).abs() <= bound);
    (any && factor > 0.0 && factor.is_finite() && is_multiple).then_some(factor)
}

fn rows_of(x: &Tensor) -> Vec<Vec<f64>> {
    Vec::try_from(x.contiguous()).expect("a matrix of doubles on the processor")
}

#[cfg(test)]
mod tests {
    use hashing::Rng;
    use spaces::sequence::math::Matrix;
    use spaces::sequence::{Place, Weights, blocks};

    use super::*;

    const WIDTH: usize = 8;

    fn mixer(json: &str) -> Mixer {
        let layer = format!(r#"{{"layers": [{{"channel": {json}}}]}}"#);
        let genome: spaces::sequence::Genome = serde_json::from_str(&layer).unwrap();
        genome.layers[0].channel.clone()
    }

    fn drawn(mixer: &Mixer, name: &str) -> Values {
        let mut rng = Rng::named(2, name, 0);
        let tensors = mixer.block(Place::Channel).tensors(&mixer.settings, WIDTH);
        let value = |tensor: spaces::sequence::Tensor| {
            let values: Vec<f64> = (0..tensor.len()).map(|_| rng.normal()).collect();
            let shape: Vec<i64> = tensor.shape.iter().map(|n| *n as i64).collect();
            (tensor.name.to_string(), Tensor::from_slice(&values).view(shape.as_slice()))
        };
        tensors.into_iter().map(value).collect()
    }

    /// What the definition of the block says, on some steps.
    fn response(mixer: &Mixer, values: &Values) -> Vec<f64> {
        let block = blocks::find(Place::Channel, &mixer.kind).unwrap();
        let mut rng = Rng::named(3, "steps", 0);
        let x = Matrix::new(6, WIDTH, (0..6 * WIDTH).map(|_| 2.0 * rng.normal()).collect());
        let tensors = block.tensors(&mixer.settings, WIDTH);
        let numbers = |name: &str| Vec::<f64>::try_from(values[name].flatten(0, -1)).unwrap();
        let weights = Weights(tensors.iter().map(|tensor| (tensor.name, numbers(tensor.name))).collect());
        block.forward(&mixer.settings, &weights, &x).data
    }

    fn furthest(a: &[f64], b: &[f64]) -> f64 {
        a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
    }

    /// A perceptron of two sizes.
    fn sizes(kind: &str, activation: &str) -> [Mixer; 2] {
        [1, 4].map(|ratio| {
            mixer(&format!(r#"{{"kind": "{kind}", "ratio": {ratio}, "activation": "{activation}"}}"#))
        })
    }

    const ALL: [(&str, &str); 6] = [
        ("mlp", "gelu"),
        ("mlp", "relu"),
        ("mlp", "tanh"),
        ("glu", "silu"),
        ("glu", "relu"),
        ("glu", "identity"),
    ];

    #[test]
    fn with_more_units_it_computes_the_same_and_no_two_of_them_write_alike() {
        for (kind, activation) in ALL {
            let [small, large] = sizes(kind, activation);
            let (before, fresh) = (drawn(&small, "trained"), drawn(&large, "fresh"));
            let after = resized(&small, &large, &before, &fresh).unwrap();
            let far = furthest(&response(&small, &before), &response(&large, &after));
            assert!(far < 1e-10, "{kind} {activation}: {far}");
            let shapes =
                |values: &Values| values.iter().map(|(n, v)| (n.clone(), v.size())).collect::<Vec<_>>();
            assert_eq!(shapes(&after), shapes(&fresh));
            let columns = rows_of(&after[names(kind).unwrap().1].tr());
            assert!((0..columns.len()).all(|unit| !columns[..unit].contains(&columns[unit])));
        }
    }

    #[test]
    fn duplicates_are_merged_again_whatever_the_activation() {
        for (kind, activation) in ALL {
            let [small, large] = sizes(kind, activation);
            let before = drawn(&small, "trained");
            let grown = resized(&small, &large, &before, &drawn(&large, "fresh")).unwrap();
            let back = resized(&large, &small, &grown, &drawn(&small, "fresh")).unwrap();
            let far = furthest(&response(&small, &before), &response(&small, &back));
            assert!(far < 1e-10, "{kind} {activation}: {far}");
        }
    }

    #[test]
    fn units_that_are_no_duplicates_are_not_merged() {
        for (kind, activation) in ALL {
            let [small, large] = sizes(kind, activation);
            let trained = drawn(&large, "trained");
            assert!(
                resized(&large, &small, &trained, &drawn(&small, "fresh")).is_none(),
                "{kind} {activation}"
            );
        }
    }

    /// Every unit of a large perceptron reads a multiple of what one of a small one reads.
    #[test]
    fn multiples_are_merged_under_relu_and_refused_under_others() {
        for (kind, activation) in ALL {
            let [small, large] = sizes(kind, activation);
            let mut trained = resized(&small, &large, &drawn(&small, "a"), &drawn(&large, "b")).unwrap();
            let (reading, _) = names(kind).unwrap();
            let factors = Tensor::from_slice(&(0..4 * WIDTH).map(|n| 0.5 + n as f64).collect::<Vec<_>>());
            for name in reading {
                let scaled = if trained[*name].dim() == 2 {
                    &trained[*name] * factors.unsqueeze(1)
                } else {
                    &trained[*name] * &factors
                };
                trained.insert((*name).into(), scaled);
            }
            let merged = resized(&large, &small, &trained, &drawn(&small, "fresh"));
            assert_eq!(merged.is_some(), kind == "mlp" && activation == "relu", "{kind} {activation}");
            if let Some(merged) = merged {
                let far = furthest(&response(&large, &trained), &response(&small, &merged));
                assert!(far < 1e-10, "{far}");
            }
        }
    }

    #[test]
    fn the_sum_of_rows_and_the_mean_of_columns_would_not_do() {
        // The published fold, of a pair of duplicates: W ← sum of the rows, and the mean of the columns.
        let [small, _] = sizes("mlp", "tanh");
        let mut twins = drawn(&small, "twins");
        let halves = |name: &str, dim| twins[name].narrow(dim, 0, 4);
        let (w, b, out) = (halves("w_1", 0), halves("b_1", 0), twins["w_2"].narrow(1, 0, 8));
        twins.insert("w_1".into(), Tensor::cat(&[&w, &w], 0));
        twins.insert("b_1".into(), Tensor::cat(&[&b, &b], 0));
        let mut published = twins.iter().map(|(n, v)| (n.clone(), v.copy())).collect::<Values>();
        let none = Tensor::zeros([8, 4], (tch::Kind::Double, tch::Device::Cpu));
        published.insert("w_1".into(), Tensor::cat(&[&(&w * 2.0), &w], 0));
        published.insert("b_1".into(), Tensor::cat(&[&(&b * 2.0), &b], 0));
        let mean = (out.narrow(1, 0, 4) + out.narrow(1, 4, 4)) * 0.5;
        published.insert("w_2".into(), Tensor::cat(&[&mean, &none], 1));
        let ours = resized(&small, &small, &twins, &drawn(&small, "fresh")).unwrap();
        let truth = response(&small, &twins);
        assert!(furthest(&response(&small, &ours), &truth) < 1e-10);
        assert!(furthest(&response(&small, &published), &truth) > 0.1);
    }

    #[test]
    fn mixers_that_differ_in_more_are_not_resized() {
        let [gelu, _] = sizes("mlp", "gelu");
        let [_, tanh] = sizes("mlp", "tanh");
        let (before, fresh) = (drawn(&gelu, "trained"), drawn(&tanh, "fresh"));
        assert!(resized(&gelu, &tanh, &before, &fresh).is_none());
        let [_, glu] = sizes("glu", "gelu");
        assert!(resized(&gelu, &glu, &before, &drawn(&glu, "fresh")).is_none());
    }
}
