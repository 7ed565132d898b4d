//! What a kind of mixer is: genes, tensors, and its plain `f64` definition.

use std::collections::BTreeMap;
use std::fmt;

use hashing::Rng;
use serde::{Deserialize, Serialize};

use super::genome::Mixer;
use super::math::Matrix;

/// Where in a layer a block stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Mixes along time.
    Token,
    /// Mixes the channels of one time step; of others it knows a summary at most.
    Channel,
}

impl Place {
    pub const ALL: [Self; 2] = [Self::Token, Self::Channel];
}

/// The value of a gene.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Value {
    Flag(bool),
    Number(usize),
    Word(String),
}

/// A setting of a block that the search may choose.
#[derive(Clone, Debug)]
pub struct Gene {
    pub name: &'static str,
    /// The first one is the default.
    pub choices: Vec<Value>,
}

/// The genes of one block in a genome. A gene that is not there has its default.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Settings(pub BTreeMap<String, Value>);

/// How a tensor starts.
#[derive(Clone, Copy, Debug)]
pub enum Init {
    Constant(f64),
    /// Uniform in ±bound.
    Uniform(f64),
    Normal(f64),
    /// By row-major index within the tensor; `shape` is its shape.
    Indexed(fn(index: usize, shape: &[usize]) -> f64),
    /// Each element by its own draw.
    Drawn(fn(&mut Rng) -> f64),
}

/// A trainable tensor of a block.
#[derive(Clone, Debug)]
pub struct Tensor {
    pub name: &'static str,
    /// Row-major.
    pub shape: Vec<usize>,
    pub init: Init,
    /// Center and spread of the generic values that the functional hash draws; never the training initialization.
    pub probe: (f64, f64),
    /// Whether weight decay applies.
    pub decay: bool,
}

/// The tensors of a block, by name.
#[derive(Clone, Debug, Default)]
pub struct Weights(pub BTreeMap<&'static str, Vec<f64>>);

/// A kind of mixer. Sequences are matrices of time steps × width.
pub trait Block: Send + Sync {
    /// As it stands in genomes.
    fn name(&self) -> &'static str;
    fn place(&self) -> Place;
    /// Where the formula is from.
    fn source(&self) -> &'static str;
    fn genes(&self) -> Vec<Gene>;

    /// Whether `y[t]` depends on `x[..=t]` alone: not on how many steps follow either.
    fn causal(&self, settings: &Settings) -> bool;

    /// Whether `y[t]` depends on other steps than t. Default: where the block mixes along time.
    fn reads_other_steps(&self, _settings: &Settings) -> bool {
        self.place() == Place::Token
    }

    /// Whether reversing time commutes with the block, so that the order of scanning is inert. Default: no.
    fn reversible(&self, _settings: &Settings) -> bool {
        false
    }

    /// Whether training adds to the loss what the block makes of every step, so that steps count which no output
    /// reads. Default: no.
    fn penalizes(&self, _settings: &Settings) -> bool {
        false
    }

    /// The same map, trained in the same way, written with another kind or other settings, which canonical genomes
    /// hold: a gene that is dead beside others has its default there. Its tensors have the names that they have here,
    /// and as many numbers; what is missing there is dead here. Default: there is none.
    fn simpler(&self, _settings: &Settings) -> Option<Mixer> {
        None
    }

    /// [`simpler`](Self::simpler) where there is one column. Default: there is none.
    fn simpler_in_steps(&self, _settings: &Settings) -> Option<Mixer> {
        None
    }

    /// What it does in run `run` of its layer, the first being 0, with weights that all runs share; `None` where all runs
    /// do the same. Default: they do.
    fn of_run(&self, _settings: &Settings, _run: usize) -> Option<Settings> {
        None
    }

    /// What the block trains, in a fixed order.
    fn tensors(&self, settings: &Settings, width: usize) -> Vec<Tensor>;

    /// The definition: one sequence without padding, length × width to length × width.
    fn forward(&self, settings: &Settings, weights: &Weights, x: &Matrix) -> Matrix;

    /// Whether the block knows the columns of a grid. Default: no.
    fn knows_grid(&self) -> bool {
        false
    }

    /// The definition on a grid: steps of so many tokens each, one after the other. [`forward`](Self::forward) is the
    /// grid of one column. Default: the tokens are a sequence.
    fn forward_grid(&self, settings: &Settings, weights: &Weights, x: &Matrix, _columns: usize) -> Matrix {
        self.forward(settings, weights, x)
    }

    /// Multiply-adds for one sequence of `length` steps.
    fn multiply_adds(&self, settings: &Settings, width: usize, length: usize) -> u64;

    /// A PyTorch module `class NAME(nn.Module)` with `__init__(self, width, **genes)` (and `columns=1` where it
    /// [knows the grid](Self::knows_grid)) and `forward(self, x, mask)`:
    /// x is batch × length × width, mask is batch × length, 1 where a step is real, or `None` where all are.
    /// The same algorithm as ours.
    fn python(&self) -> &'static str;

    /// Functions that this module shares with those of other blocks: each is written once. Default: none.
    fn python_shared(&self) -> &'static [&'static str] {
        &[]
    }
}

impl Gene {
    pub fn numbers(name: &'static str, choices: &[usize]) -> Self {
        Self { name, choices: choices.iter().map(|n| Value::Number(*n)).collect() }
    }

    pub fn words(name: &'static str, choices: &[&str]) -> Self {
        Self { name, choices: choices.iter().map(|word| Value::Word((*word).to_string())).collect() }
    }

    /// On or off, by default `default`.
    pub fn flag(name: &'static str, default: bool) -> Self {
        Self { name, choices: vec![Value::Flag(default), Value::Flag(!default)] }
    }
}

impl Settings {
    /// These, with another value of one gene.
    pub fn with(&self, gene: &str, value: Value) -> Self {
        let mut other = self.clone();
        other.0.insert(gene.into(), value);
        other
    }

    /// Panics if the gene is not a number: genomes are checked against the genes of their blocks when they are made.
    pub fn number(&self, gene: &str) -> usize {
        match self.0.get(gene) {
            Some(Value::Number(n)) => *n,
            other => panic!("gene `{gene}` should be a number, is {other:?}"),
        }
    }

    pub fn flag(&self, gene: &str) -> bool {
        match self.0.get(gene) {
            Some(Value::Flag(flag)) => *flag,
            other => panic!("gene `{gene}` should be a flag, is {other:?}"),
        }
    }

    pub fn word(&self, gene: &str) -> &str {
        match self.0.get(gene) {
            Some(Value::Word(word)) => word,
            other => panic!("gene `{gene}` should be a word, is {other:?}"),
        }
    }
}

impl Tensor {
    /// A matrix applied to `fan_in` numbers: uniform in ±1/√fan_in, as PyTorch's linear layers start.
    pub fn matrix(name: &'static str, rows: usize, fan_in: usize) -> Self {
        let scale = 1.0 / (fan_in as f64).sqrt();
        Self { name, shape: vec![rows, fan_in], init: Init::Uniform(scale), probe: (0.0, scale), decay: true }
    }

    /// A bias after a matrix with `fan_in` inputs: uniform in ±1/√fan_in.
    pub fn bias(name: &'static str, len: usize, fan_in: usize) -> Self {
        let init = Init::Uniform(1.0 / (fan_in as f64).sqrt());
        Self { name, shape: vec![len], init, probe: (0.0, 0.5), decay: false }
    }

    /// A vector of gains around one.
    pub fn gain(name: &'static str, len: usize) -> Self {
        Self { name, shape: vec![len], init: Init::Constant(1.0), probe: (1.0, 0.3), decay: false }
    }

    pub fn len(&self) -> usize {
        self.shape.iter().fold(1, |len, extent| len.saturating_mul(*extent))
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether it is a matrix that weight decay applies to: what low-rank corrections are for.
    pub fn is_matrix(&self) -> bool {
        self.decay && self.shape.len() == 2
    }

    /// The values that training starts from.
    pub fn start(&self, rng: &mut Rng) -> Vec<f64> {
        (0..self.len()).map(|i| self.init.value(i, &self.shape, rng)).collect()
    }
}

impl Init {
    fn value(self, index: usize, shape: &[usize], rng: &mut Rng) -> f64 {
        match self {
            Self::Constant(value) => value,
            Self::Uniform(bound) => rng.between(-bound, bound),
            Self::Normal(deviation) => deviation * rng.normal(),
            Self::Indexed(value) => value(index, shape),
            Self::Drawn(draw) => draw(rng),
        }
    }
}

impl std::ops::Index<&str> for Weights {
    type Output = [f64];

    /// Panics if the block has no tensor of that name: an error of the block, which the laws catch.
    fn index(&self, name: &str) -> &[f64] {
        self.0.get(name).unwrap_or_else(|| panic!("no tensor `{name}`"))
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(flag) => write!(f, "{flag}"),
            Self::Number(number) => write!(f, "{number}"),
            Self::Word(word) => f.write_str(word),
        }
    }
}
