//! A perceptron that can be trained: its parameters as views of one flat buffer, and its forward pass.

use spaces::mlp::{Activation, Network, TABLE};
use tch::{Device, Kind, Tensor, no_grad};

use super::Rows;
use crate::Dropout;
use crate::parameters::Parameters;

/// A genome over a table, with parameters.
pub struct Mlp {
    pub tensors: Parameters,
    /// Of the categories: the table, and the row of it where each begins.
    embedding: Option<(Tensor, Tensor)>,
    hidden: Vec<Hidden>,
    head: [Tensor; 2],
    activation: Activation,
    residual: bool,
}

struct Hidden {
    map: [Tensor; 2],
    norm: Option<[Tensor; 2]>,
}

impl Mlp {
    /// Words that were never seen start with an embedding of zeros, which says nothing.
    pub fn new(network: &Network, seed: u64, kind: Kind, device: Device) -> Self {
        let tensors = Parameters::new(network.tensors(), seed, kind, device);
        let leaf = |name: String| tensors.leaf(&name).shallow_clone();
        let of = |layer: &str, names: [&str; 2]| names.map(|name| leaf(format!("{layer}.{name}")));
        let embedding = network.table().map(|_| {
            let offsets: Vec<i64> = network.offsets().0.into_iter().map(|offset| offset as i64).collect();
            let (table, offsets) = (leaf(TABLE.into()), Tensor::from_slice(&offsets).to_device(device));
            let _ = no_grad(|| table.shallow_clone().index_fill_(0, &offsets, 0.0));
            (table, offsets)
        });
        let layers = network.layers();
        let hidden = layers.iter().filter(|layer| layer.is_hidden).map(|layer| Hidden {
            map: of(&layer.name, ["weight", "bias"]),
            norm: (network.tensors_of(layer).len() > 2).then(|| of(&layer.name, ["norm.gain", "norm.bias"])),
        });
        let (activation, residual) = (network.genome.activation, network.genome.residual);
        let (hidden, head) = (hidden.collect(), of("head", ["weight", "bias"]));
        Self { embedding, hidden, head, activation, residual, tensors }
    }

    /// Logits of the classes, or standardized numbers: B×outputs.
    pub fn forward(&self, rows: &Rows, mut dropout: Option<&mut Dropout>) -> Tensor {
        const EPSILON: f64 = spaces::sequence::math::EPSILON;
        let mut x = self.joined(rows);
        for (number, Hidden { map: [weight, bias], norm }) in self.hidden.iter().enumerate() {
            let mut y = x.linear(weight, Some(bias));
            if let Some([gain, bias]) = norm {
                y = y.layer_norm(gain.size(), Some(gain), Some(bias), EPSILON, false);
            }
            y = activate(&y, self.activation);
            if let Some(dropout) = &mut dropout {
                y = dropout.apply(&y);
            }
            x = if self.residual && number > 0 { y + x } else { y };
        }
        let [weight, bias] = &self.head;
        x.linear(weight, Some(bias))
    }

    /// Numbers and flags, then the embeddings.
    fn joined(&self, rows: &Rows) -> Tensor {
        let Some((table, offsets)) = &self.embedding else { return rows.numbers.shallow_clone() };
        let places = (&rows.codes + offsets).flatten(0, -1);
        let embedded = table.index_select(0, &places).view([rows.codes.size()[0], -1]);
        Tensor::cat(&[&rows.numbers, &embedded], 1)
    }
}

fn activate(x: &Tensor, activation: Activation) -> Tensor {
    match activation {
        Activation::Relu => x.relu(),
        Activation::Gelu => x.gelu("none"),
        Activation::Silu => x.silu(),
        Activation::Tanh => x.tanh(),
    }
}
