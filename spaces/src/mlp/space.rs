//! The space of perceptrons: which sizes there are, neighbors, children, and one spelling for what is equal.

use hashing::Rng;

use super::{Activation, Genome, Norm, Training};
use crate::Space;

/// What a search may draw.
#[derive(Clone, Debug, PartialEq)]
pub struct Limits {
    /// Most hidden layers. Default: 6.
    pub max_depth: usize,
    /// Units of a hidden layer. Default: [`Genome::WIDTHS`].
    pub widths: Vec<usize>,
    /// Whether the table has categories; without, all embeddings are the same network. Default: it has.
    pub categories: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_depth: 6, widths: Genome::WIDTHS.to_vec(), categories: true }
    }
}

/// All [`Genome`]s within some [`Limits`].
#[derive(Clone, Debug, Default)]
pub struct MlpSpace {
    limits: Limits,
}

/// What a mutation changes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Gene {
    Depth,
    Width,
    Embedding,
    Activation,
    Norm,
    Residual,
    LearningRate,
    WeightDecay,
    Dropout,
}

impl MlpSpace {
    /// An error says which limit no network can keep.
    pub fn new(limits: Limits) -> Result<Self, String> {
        if limits.max_depth > Genome::DEEPEST {
            return Err(format!("depth {} is more than {}", limits.max_depth, Genome::DEEPEST));
        }
        if limits.widths.is_empty() {
            return Err("no width to choose from".into());
        }
        limits.widths.iter().try_for_each(|width| Genome::check_width(*width))?;
        Ok(Self { limits })
    }

    /// Genes that another value of changes the network, and that have one.
    fn live(&self, genome: &Genome) -> Vec<Gene> {
        let Limits { max_depth, widths, categories } = &self.limits;
        let hidden = genome.depth > 0;
        let is_live = |gene: &Gene| match gene {
            Gene::Depth => *max_depth > 0,
            Gene::Width => hidden && widths.iter().any(|width| *width != genome.width),
            Gene::Embedding => *categories,
            Gene::Activation | Gene::Norm | Gene::Dropout => hidden,
            Gene::Residual => genome.depth > 1,
            Gene::LearningRate | Gene::WeightDecay => true,
        };
        let all = [
            Gene::Depth,
            Gene::Width,
            Gene::Embedding,
            Gene::Activation,
            Gene::Norm,
            Gene::Residual,
            Gene::LearningRate,
            Gene::WeightDecay,
            Gene::Dropout,
        ];
        all.into_iter().filter(is_live).collect()
    }

    /// One layer more or less.
    fn neighboring_depth(&self, depth: usize, rng: &mut Rng) -> usize {
        let most = self.limits.max_depth;
        if depth == 0 || (depth < most && rng.chance(0.5)) { depth + 1 } else { depth - 1 }
    }
}

/// One of the others.
fn other<T: PartialEq + Copy>(now: T, all: &[T], rng: &mut Rng) -> T {
    let others: Vec<T> = all.iter().copied().filter(|it| *it != now).collect();
    *rng.choose(&others)
}

impl Space for MlpSpace {
    type Candidate = Genome;

    fn name(&self) -> &str {
        "mlp v1"
    }

    fn sample(&self, rng: &mut Rng) -> Genome {
        let Limits { max_depth, widths, categories } = &self.limits;
        let default = Genome::default();
        Genome {
            version: default.version,
            depth: rng.below(max_depth + 1),
            width: *rng.choose(widths),
            embedding: if *categories { *rng.choose(&Genome::EMBEDDINGS) } else { default.embedding },
            activation: *rng.choose(&Activation::ALL),
            norm: *rng.choose(&Norm::ALL),
            residual: rng.chance(0.5),
            training: Training {
                learning_rate: *rng.choose(&Training::LEARNING_RATES),
                weight_decay: *rng.choose(&Training::WEIGHT_DECAYS),
                dropout: *rng.choose(&Training::DROPOUTS),
            },
        }
    }

    /// Another value of one gene.
    fn mutate(&self, parent: &Genome, rng: &mut Rng) -> Genome {
        let mut child = parent.clone();
        let training = &mut child.training;
        match *rng.choose(&self.live(parent)) {
            Gene::Depth => child.depth = self.neighboring_depth(parent.depth, rng),
            Gene::Width => child.width = other(parent.width, &self.limits.widths, rng),
            Gene::Embedding => child.embedding = other(parent.embedding, &Genome::EMBEDDINGS, rng),
            Gene::Activation => child.activation = other(parent.activation, &Activation::ALL, rng),
            Gene::Norm => child.norm = other(parent.norm, &Norm::ALL, rng),
            Gene::Residual => child.residual = !parent.residual,
            Gene::LearningRate => {
                training.learning_rate = other(training.learning_rate, &Training::LEARNING_RATES, rng);
            }
            Gene::WeightDecay => {
                training.weight_decay = other(training.weight_decay, &Training::WEIGHT_DECAYS, rng);
            }
            Gene::Dropout => training.dropout = other(training.dropout, &Training::DROPOUTS, rng),
        }
        child
    }

    /// Each gene as one of the parents has it.
    fn crossover(&self, a: &Genome, b: &Genome, rng: &mut Rng) -> Option<Genome> {
        let mut either = || *rng.choose(&[a, b]);
        Some(Genome {
            version: a.version,
            depth: either().depth,
            width: either().width,
            embedding: either().embedding,
            activation: either().activation,
            norm: either().norm,
            residual: either().residual,
            training: Training {
                learning_rate: either().training.learning_rate,
                weight_decay: either().training.weight_decay,
                dropout: either().training.dropout,
            },
        })
    }

    /// Genes of what is not there have their defaults: those of hidden layers where there are none, the sum with its input
    /// where there is one, the embedding where the table has no categories.
    fn canonicalize(&self, candidate: &Genome) -> Genome {
        let (mut genome, default) = (candidate.clone(), Genome::default());
        if genome.depth == 0 {
            genome.width = default.width;
            genome.activation = default.activation;
            genome.norm = default.norm;
            genome.training.dropout = default.training.dropout;
        }
        if genome.depth < 2 {
            genome.residual = default.residual;
        }
        if !self.limits.categories {
            genome.embedding = default.embedding;
        }
        genome
    }

    fn check(&self, candidate: &Genome) -> Result<(), String> {
        let Limits { max_depth, .. } = self.limits;
        match candidate.depth > max_depth {
            true => Err(format!("{} hidden layers; at most {max_depth} are asked for", candidate.depth)),
            false => Ok(()),
        }
    }
}
