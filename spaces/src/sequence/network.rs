//! A genome with the shape of its task: which tensors there are, what they cost, and the `f64` definition of the whole.

use super::block::{Place, Settings, Tensor, Weights};
use super::genome::{Genome, Layer, Norm, Order, Pooling, name_of};
use super::math::{Matrix, layer_norm, linear, rms_norm};

/// What the task fixes: channels of the input, classes of the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    pub channels: usize,
    pub classes: usize,
}

/// A tensor with its full name, as in `layers.0.token.mixer.w_q`: the same in definition, training and export.
#[derive(Clone, Debug)]
pub struct NamedTensor {
    pub name: String,
    pub tensor: Tensor,
}

/// Tensors that belong together: the embedding, one branch of a layer with its norm, or the head with its norm.
#[derive(Clone, Debug)]
pub struct Group {
    pub name: String,
    /// Operation and settings: the start of the group's role.
    pub kind: String,
    /// Parts with a name each (`norm`, `mixer`, `reverse`, `linear`), in a fixed order.
    pub parts: Vec<(&'static str, Vec<Tensor>)>,
}

/// A genome for a task.
#[derive(Clone, Debug)]
pub struct Network {
    pub genome: Genome,
    pub shape: Shape,
}

/// Gives the values of a group's tensors, part by part; `inputs` are what the group reads, one matrix a case.
pub type Supply<'a> = dyn FnMut(&Group, &[Matrix]) -> Vec<Weights> + 'a;

impl Network {
    pub fn new(genome: &Genome, shape: Shape) -> Self {
        Self { genome: genome.clone(), shape }
    }

    pub fn embedding(&self) -> Group {
        let parts = vec![("linear", linear_tensors(self.genome.width, self.shape.channels))];
        Group { name: "embedding".into(), kind: "embedding".into(), parts }
    }

    /// The branch of a layer at this place; `None` where the mixer is the identity.
    pub fn branch(&self, index: usize, place: Place) -> Option<Group> {
        let layer = &self.genome.layers[index];
        let mixer = layer.mixer(place);
        if mixer.is_identity() {
            return None;
        }
        let tensors = mixer.block(place).tensors(&mixer.settings, self.genome.width);
        let mut parts = vec![("norm", self.norm_tensors()), ("mixer", tensors.clone())];
        if place == Place::Token && layer.order == Order::Bidirectional {
            parts.push(("reverse", tensors));
        }
        let genes: Vec<_> = mixer.settings.0.iter().map(|(gene, value)| format!("{gene}={value}")).collect();
        // The order of steps is not a parameter: where it matters, the response shows it.
        let kind = format!("{place} {} {} {}", mixer.kind, genes.join(","), name_of(&self.genome.norm));
        Some(Group { name: format!("layers.{index}.{place}"), kind, parts })
    }

    pub fn head(&self) -> Group {
        let kind = format!("head {} {}", name_of(&self.genome.norm), name_of(&self.genome.pooling));
        let parts = vec![
            ("norm", self.norm_tensors()),
            ("linear", linear_tensors(self.shape.classes, self.genome.width)),
        ];
        Group { name: "head".into(), kind, parts }
    }

    /// Every tensor that training sees, in order.
    pub fn tensors(&self) -> Vec<NamedTensor> {
        self.groups().iter().flat_map(Group::tensors).collect()
    }

    /// Number of trainable parameters.
    pub fn parameters(&self) -> u64 {
        self.tensors().iter().fold(0, |sum, named| sum.saturating_add(named.tensor.len() as u64))
    }

    /// Multiply-adds of the matrix products and mixers for one sequence of `length` steps; norms and sums are left out.
    pub fn multiply_adds(&self, length: usize) -> u64 {
        let width = self.genome.width;
        let inputs = self.shape.channels.saturating_mul(length);
        let ends = inputs.saturating_add(self.shape.classes).saturating_mul(width) as u64;
        let layers = self.genome.layers.iter().map(|layer| {
            let directions = if layer.order == Order::Bidirectional { 2 } else { 1 };
            let cost = |place| {
                let mixer = layer.mixer(place);
                mixer.block(place).multiply_adds(&mixer.settings, width, length)
            };
            let once = cost(Place::Token).saturating_mul(directions).saturating_add(cost(Place::Channel));
            once.saturating_mul(layer.repeat as u64)
        });
        layers.fold(ends, u64::saturating_add)
    }

    fn groups(&self) -> Vec<Group> {
        let layers = (0..self.genome.layers.len()).flat_map(|i| {
            [Place::Token, Place::Channel].into_iter().filter_map(move |place| self.branch(i, place))
        });
        std::iter::once(self.embedding()).chain(layers).chain([self.head()]).collect()
    }

    fn norm_tensors(&self) -> Vec<Tensor> {
        let width = self.genome.width;
        match self.genome.norm {
            Norm::Layer => vec![
                Tensor::gain("gain", width),
                Tensor { init: super::Init::Constant(0.0), ..Tensor::bias("bias", width, 1) },
            ],
            Norm::Rms => vec![Tensor::gain("gain", width)],
        }
    }

    /// Logits of every case (length × channels each), classes in a row, one row or one a step. The definition that
    /// training is tested against.
    pub fn forward(&self, cases: &[Matrix], supply: &mut Supply) -> Vec<Vec<f64>> {
        let weights = supply(&self.embedding(), cases);
        let mut xs: Vec<Matrix> = cases.iter().map(|x| apply_linear(x, &weights[0])).collect();
        for (index, layer) in self.genome.layers.iter().enumerate() {
            let places = [Place::Token, Place::Channel];
            let branches = places.map(|place| self.branch(index, place));
            let mut supplied = [None, None];
            for _ in 0..layer.repeat {
                for ((place, group), weights) in places.into_iter().zip(&branches).zip(&mut supplied) {
                    let Some(group) = group else { continue };
                    let weights = weights.get_or_insert_with(|| supply(group, &xs));
                    for x in &mut xs {
                        *x = self.apply_branch(layer, place, weights, x).zip(x, |added, x| x + added);
                    }
                }
            }
        }
        let weights = supply(&self.head(), &xs);
        xs.iter().map(|x| self.apply_head(x, &weights)).collect()
    }

    fn apply_branch(&self, layer: &Layer, place: Place, weights: &[Weights], x: &Matrix) -> Matrix {
        let mixer = layer.mixer(place);
        let (block, settings): (_, &Settings) = (mixer.block(place), &mixer.settings);
        let x = self.apply_norm(x, &weights[0]);
        let reverse = |weights| block.forward(settings, weights, &x.reversed()).reversed();
        match (place, layer.order) {
            (Place::Channel, _) | (Place::Token, Order::Forward) => block.forward(settings, &weights[1], &x),
            (Place::Token, Order::Reverse) => reverse(&weights[1]),
            (Place::Token, Order::Bidirectional) => {
                block.forward(settings, &weights[1], &x).zip(&reverse(&weights[2]), |a, b| a + b)
            }
        }
    }

    fn apply_head(&self, x: &Matrix, weights: &[Weights]) -> Vec<f64> {
        let x = self.apply_norm(x, &weights[0]);
        apply_linear(&pool(x, self.genome.pooling), &weights[1]).data
    }

    fn apply_norm(&self, x: &Matrix, weights: &Weights) -> Matrix {
        match self.genome.norm {
            Norm::Layer => layer_norm(x, &weights["gain"], &weights["bias"]),
            Norm::Rms => rms_norm(x, &weights["gain"]),
        }
    }
}

impl Group {
    /// The tensors of all parts with their full names.
    pub fn tensors(&self) -> Vec<NamedTensor> {
        let full = |part: &str, tensor: &Tensor| format!("{}.{part}.{}", self.name, tensor.name);
        let parts = self.parts.iter();
        parts
            .flat_map(|(part, tensors)| {
                tensors
                    .iter()
                    .map(|t| NamedTensor { name: full(part, t), tensor: t.clone() })
                    .collect::<Vec<_>>()
            })
            .collect()
    }
}

fn linear_tensors(outputs: usize, inputs: usize) -> Vec<Tensor> {
    vec![Tensor::matrix("weight", outputs, inputs), Tensor::bias("bias", outputs, inputs)]
}

fn apply_linear(x: &Matrix, weights: &Weights) -> Matrix {
    linear(x, &weights["weight"], &weights["bias"])
}

fn pool(x: Matrix, pooling: Pooling) -> Matrix {
    if pooling == Pooling::None {
        return x;
    }
    let x = &x;
    let column = |d: usize| (0..x.rows).map(move |t| x.at(t, d));
    let value = |d: usize| match pooling {
        Pooling::Mean => column(d).sum::<f64>() / x.rows as f64,
        Pooling::Max => column(d).fold(f64::NEG_INFINITY, f64::max),
        Pooling::Last | Pooling::None => x.at(x.rows - 1, d),
    };
    Matrix::new(1, x.columns, (0..x.columns).map(value).collect())
}
