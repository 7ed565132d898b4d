//! The probe of a perceptron: a few rows of numbers and categories, reduced width and embedding, generic weights by role.

use hashing::{Behavior, HashError, Keyed, Probe, Response};

use super::network::Layer;
use super::{Genome, Inputs, Network, Shape};
use crate::sequence::Tensor;
use crate::sequence::math::Matrix;
use crate::{Candidate, Niche};

const ROWS: usize = 12;
/// Width and embedding of the network that is run; the true ones enter by value.
const WIDTH: usize = 8;
const EMBEDDING: usize = 2;
const NUMBERS: usize = 3;
const VALUES: [usize; 2] = [3, 4];

impl Candidate for Genome {
    /// Hidden layers, and their activation.
    fn niche(&self) -> Niche {
        Niche::of(std::iter::repeat_n(self.activation.name(), self.depth))
    }
}

impl Behavior for Genome {
    fn respond(&self, probe: &mut Probe) -> Result<Response, HashError> {
        let shape = Shape { numbers: NUMBERS, flags: 0, values: VALUES.to_vec(), outputs: 2 };
        let reduced = Self { width: WIDTH, embedding: EMBEDDING, ..self.clone() };
        let network = Network::new(&reduced, &shape);
        let x = probe.input("numbers", ROWS * NUMBERS);
        let numbers = Matrix::new(ROWS, NUMBERS, probe.read(x).to_vec());
        let codes = (0..ROWS).flat_map(|row| VALUES.map(|values| row % values)).collect();
        let y = network.forward(&Inputs { numbers, codes }, &mut |asked| match asked {
            None => draw("embedding", network.table().as_slice(), &[], probe),
            Some((layer, x)) => draw(&self.kind(layer), &network.tensors_of(layer), &x.data, probe),
        });
        let outputs = probe.record(&y.data);
        Ok(Response::rows(outputs, shape.outputs).with_values(|out| {
            let hidden = self.depth > 0;
            out.u64(self.embedding as u64);
            out.u64(if hidden { self.width as u64 } else { 0 });
            // Dropout is of hidden layers.
            let dropout = if hidden { self.training.dropout } else { 0.0 };
            super::Training { dropout, ..self.training }.write_key(out);
        }))
    }
}

impl Genome {
    /// The operation of a layer, with every setting of it.
    fn kind(&self, layer: &Layer) -> String {
        match layer.is_hidden {
            true => format!("hidden, {}, norm {}", self.activation.name(), self.norm.name()),
            false => "head".into(),
        }
    }
}

/// Of a group of this kind that reads these numbers.
fn draw(kind: &str, tensors: &[Tensor], reads: &[f64], probe: &mut Probe) -> Vec<Vec<f64>> {
    let reads = probe.record(reads);
    let group = probe.group(kind, &[reads]);
    let values = tensors.iter().map(|tensor| {
        let (center, spread) = tensor.probe;
        let values = probe.tensor(group, tensor.name, tensor.len(), center, spread);
        probe.read(values).to_vec()
    });
    values.collect()
}
