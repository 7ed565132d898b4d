//! A genome over a table of a certain shape: its tensors, and its definition in `f64`.
//!
//! x = [numbers, flags, E[c₁], …, E[c_k]];  h₁ = act(norm(W₁ x + b₁));  hᵢ = act(norm(Wᵢ hᵢ₋₁ + bᵢ)), plus hᵢ₋₁ where it is
//! residual;  y = W h + b. Every category has rows of its own in the one table E.

use super::{Genome, Norm};
use crate::sequence::math::{Matrix, activate, layer_norm, linear};
use crate::sequence::{Init, NamedTensor, Tensor};

/// What the columns of a table come to, and what is asked of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Standardized numbers of a row.
    pub numbers: usize,
    /// Columns of which it is told whether they are known.
    pub flags: usize,
    /// Values of each category.
    pub values: Vec<usize>,
    /// Classes, or 1 for a number.
    pub outputs: usize,
}

/// Rows of a table, as a network reads them.
#[derive(Clone, Debug)]
pub struct Inputs {
    /// Rows × (numbers + flags).
    pub numbers: Matrix,
    /// Rows × categories, row-major; the code of a category is below its number of values.
    pub codes: Vec<usize>,
}

/// A linear map of a network, with what comes after it.
#[derive(Clone, Debug)]
pub struct Layer {
    /// `layers.0`, or `head`.
    pub name: String,
    pub inputs: usize,
    pub outputs: usize,
    pub is_hidden: bool,
}

#[derive(Clone, Debug)]
pub struct Network {
    pub genome: Genome,
    pub shape: Shape,
}

/// Name of the one table of all categories.
pub const TABLE: &str = "embedding.table";

/// Gives the numbers of the table, asked for without what it depends on, or of the tensors of a layer, asked for with what that
/// reads; in order.
pub type Supply<'a> = dyn FnMut(Option<(&Layer, &Matrix)>) -> Vec<Vec<f64>> + 'a;

impl Network {
    pub fn new(genome: &Genome, shape: &Shape) -> Self {
        Self { genome: genome.clone(), shape: shape.clone() }
    }

    /// Numbers that the first layer reads.
    pub fn inputs(&self) -> usize {
        let Shape { numbers, flags, values, .. } = &self.shape;
        numbers + flags + values.len() * self.genome.embedding
    }

    /// The first row of each category in the table, and how many rows it has.
    pub fn offsets(&self) -> (Vec<usize>, usize) {
        let mut rows = 0;
        let place = |values: &usize| {
            rows += values;
            rows - values
        };
        let offsets = self.shape.values.iter().map(place).collect();
        (offsets, rows)
    }

    /// The hidden layers, then the head.
    pub fn layers(&self) -> Vec<Layer> {
        let Genome { depth, width, .. } = self.genome;
        let read = |layer: usize| if layer == 0 { self.inputs() } else { width };
        let hidden = (0..depth).map(|layer| Layer {
            name: format!("layers.{layer}"),
            inputs: read(layer),
            outputs: width,
            is_hidden: true,
        });
        let outputs = self.shape.outputs;
        let head = Layer { name: "head".into(), inputs: read(depth), outputs, is_hidden: false };
        hidden.chain([head]).collect()
    }

    /// Of a layer: its map, and its norm.
    pub fn tensors_of(&self, layer: &Layer) -> Vec<Tensor> {
        let Layer { inputs, outputs, is_hidden, .. } = *layer;
        // A table without a column left has no inputs.
        let fan_in = inputs.max(1);
        let map = [
            Tensor { shape: vec![outputs, inputs], ..Tensor::matrix("weight", outputs, fan_in) },
            Tensor::bias("bias", outputs, fan_in),
        ];
        let norm = [Tensor::gain("norm.gain", outputs), zeros("norm.bias", outputs)];
        let has_norm = is_hidden && self.genome.norm == Norm::Layer;
        map.into_iter().chain(norm.into_iter().filter(|_| has_norm)).collect()
    }

    /// The table of the categories, if there are any.
    pub fn table(&self) -> Option<Tensor> {
        let (_, rows) = self.offsets();
        let columns = self.genome.embedding;
        let deviation = 1.0 / (columns as f64).sqrt();
        let (shape, init) = (vec![rows, columns], Init::Normal(deviation));
        (rows > 0).then_some(Tensor { name: "table", shape, init, probe: (0.0, deviation), decay: true })
    }

    /// Every tensor, in the order in which they are written.
    pub fn tensors(&self) -> Vec<NamedTensor> {
        let table = self.table().map(|tensor| NamedTensor { name: TABLE.into(), tensor });
        let of_layer = |layer: &Layer| {
            let tensors = self.tensors_of(layer).into_iter();
            let named =
                |tensor: Tensor| NamedTensor { name: format!("{}.{}", layer.name, tensor.name), tensor };
            tensors.map(named).collect::<Vec<_>>()
        };
        table.into_iter().chain(self.layers().iter().flat_map(of_layer)).collect()
    }

    pub fn parameters(&self) -> u64 {
        self.tensors().iter().fold(0, |sum, named| sum.saturating_add(named.tensor.len() as u64))
    }

    /// Of one row. Looking up an embedding takes none.
    pub fn multiply_adds(&self) -> u64 {
        let of_layer = |layer: &Layer| (layer.inputs as u64).saturating_mul(layer.outputs as u64);
        self.layers().iter().map(of_layer).fold(0, u64::saturating_add)
    }

    /// Rows × outputs.
    pub fn forward(&self, inputs: &Inputs, weights: &mut Supply) -> Matrix {
        let table = if self.table().is_some() { weights(None).remove(0) } else { Vec::new() };
        let mut x = self.joined(inputs, &table);
        for (number, layer) in self.layers().iter().enumerate() {
            let weights = weights(Some((layer, &x)));
            let mut y = linear(&x, &weights[0], &weights[1]);
            if layer.is_hidden {
                if self.genome.norm == Norm::Layer {
                    y = layer_norm(&y, &weights[2], &weights[3]);
                }
                y = activate(y, self.genome.activation.name());
                if self.genome.residual && number > 0 {
                    y = y.zip(&x, |y, x| y + x);
                }
            }
            x = y;
        }
        x
    }

    /// What the first layer reads.
    fn joined(&self, inputs: &Inputs, table: &[f64]) -> Matrix {
        let (offsets, _) = self.offsets();
        let (rows, size) = (inputs.numbers.rows, self.genome.embedding);
        let mut data = Vec::with_capacity(rows * self.inputs());
        for row in 0..rows {
            data.extend_from_slice(inputs.numbers.row(row));
            let codes = &inputs.codes[row * offsets.len()..][..offsets.len()];
            for (offset, code) in offsets.iter().zip(codes) {
                data.extend_from_slice(&table[(offset + code) * size..][..size]);
            }
        }
        Matrix::new(rows, self.inputs(), data)
    }
}

fn zeros(name: &'static str, len: usize) -> Tensor {
    Tensor { name, shape: vec![len], init: Init::Constant(0.0), probe: (0.0, 0.3), decay: false }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(json: &str) -> Network {
        let shape = Shape { numbers: 2, flags: 1, values: vec![3, 4], outputs: 2 };
        Network::new(&serde_json::from_str(json).unwrap(), &shape)
    }

    #[test]
    fn sizes_are_those_of_the_formula() {
        let linear = network(r#"{"depth": 0, "embedding": 2}"#);
        assert_eq!((linear.inputs(), linear.offsets()), (7, (vec![0, 3], 7)));
        assert_eq!((linear.parameters(), linear.multiply_adds()), (7 * 2 + 7 * 2 + 2, 14));
        let deep = network(r#"{"depth": 2, "width": 16, "embedding": 2, "norm": "layer"}"#);
        assert_eq!(deep.multiply_adds(), 7 * 16 + 16 * 16 + 16 * 2);
        assert_eq!(deep.parameters(), 14 + deep.multiply_adds() + 2 * 3 * 16 + 2);
        assert_eq!(deep.tensors()[0].name, TABLE);
    }

    #[test]
    fn a_linear_network_is_the_sum_of_its_inputs_by_their_weights() {
        let network = network(r#"{"depth": 0, "embedding": 1}"#);
        let inputs = Inputs { numbers: Matrix::new(1, 3, vec![1.0, 2.0, 1.0]), codes: vec![2, 3] };
        let y = network.forward(&inputs, &mut |asked| match asked {
            None => vec![vec![0.0, 0.0, 0.5, 0.0, 0.0, 0.0, 0.25]],
            Some((layer, x)) => {
                assert_eq!(
                    (layer.name.as_str(), x.data.as_slice()),
                    ("head", &[1.0, 2.0, 1.0, 0.5, 0.25][..])
                );
                vec![[vec![1.0; 5], vec![2.0, 0.0, 0.0, 0.0, 4.0]].concat(), vec![0.0, 10.0]]
            }
        });
        assert_eq!(y.data, [4.75, 13.0]);
    }

    #[test]
    fn a_table_without_columns_is_answered_by_a_constant() {
        let shape = Shape { numbers: 0, flags: 0, values: vec![], outputs: 2 };
        let network = Network::new(&Genome { depth: 0, ..Genome::default() }, &shape);
        assert_eq!((network.parameters(), network.multiply_adds()), (2, 0));
    }
}
