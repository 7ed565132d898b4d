//! The end of a stack: what is read of its normed tokens, and how that becomes logits; or a [`Pointer`](super::Pointer).

use serde::{Deserialize, Serialize};

use super::block::{Tensor, Weights};
use super::genome::{Genome, name_of};
use super::math::{Matrix, linear, log_of_mean, softmax};
use super::network::{Group, Network, apply_linear, linear_tensors};

/// From tokens to one vector, or to one distribution.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Pooling {
    #[default]
    Mean,
    Max,
    /// The last step: of a grid the mean of its tokens.
    Last,
    /// Σ_t w_t ∘ x_t with w = softmax over all tokens of W x_t, in every channel by itself (Yang et al. 2018, arXiv
    /// 1808.00758): the mean where W is zero.
    Attention,
    /// Every token has a vote: ln of the mean over the tokens of the class probabilities of each. (Donahue et al. 2014,
    /// arXiv 1411.4389, train every step by itself and take the mean afterwards.)
    StepMean,
    /// Every step has logits of its own, for tasks with a target at every step.
    None,
}

/// From what is read to the logits of the classes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Head {
    /// W x + b.
    #[default]
    Linear,
    /// V P x with a trained P, (classes − 1) × width, and as rows of V one corner of a regular simplex for each class,
    /// which stay where they are (Pernici et al. 2021, arXiv 2103.15632).
    Simplex,
}

impl Pooling {
    /// Those that make one vector, or one distribution.
    pub const ALL: [Self; 5] = [Self::Mean, Self::Max, Self::Last, Self::Attention, Self::StepMean];

    /// Whether the head answers at every token.
    pub fn reads_every_token(self) -> bool {
        matches!(self, Self::StepMean | Self::None)
    }
}

impl Head {
    pub const ALL: [Self; 2] = [Self::Linear, Self::Simplex];
}

/// The norm of the head and the head.
pub(super) fn group(network: &Network, norm: Vec<Tensor>) -> Group {
    let Genome { width, pooling, head, .. } = network.genome;
    let classes = network.shape.classes;
    if let Some(pointer) = network.pointer {
        let kind = format!("pointer {}", name_of(&network.genome.norm));
        let parts = [("norm", norm)].into_iter().chain(pointer.parts(width)).collect();
        return Group { name: "head".into(), kind, parts };
    }
    let mut kind = format!("head {} {}", name_of(&network.genome.norm), name_of(&pooling));
    let mut parts = vec![("norm", norm)];
    if pooling == Pooling::Attention {
        parts.push(("pool", vec![Tensor::matrix("weight", width, width)]));
    }
    parts.push(match head {
        Head::Linear => ("linear", linear_tensors(classes, width)),
        Head::Simplex => {
            kind += " simplex";
            ("simplex", vec![Tensor::matrix("weight", simplex_dimensions(classes), width)])
        }
    });
    Group { name: "head".into(), kind, parts }
}

/// Of the matrix products, for so many tokens.
pub(super) fn multiply_adds(network: &Network, tokens: usize) -> u64 {
    let Genome { width, pooling, head, .. } = network.genome;
    let classes = network.shape.classes;
    if let Some(pointer) = network.pointer {
        return pointer.multiply_adds(width, tokens);
    }
    let answers = if pooling.reads_every_token() { tokens } else { 1 };
    let outputs = match head {
        Head::Linear => classes,
        Head::Simplex => simplex_dimensions(classes),
    };
    let scores = if pooling == Pooling::Attention { tokens.saturating_mul(width) } else { 0 };
    outputs.saturating_mul(answers).saturating_add(scores).saturating_mul(width) as u64
}

/// Logits of normed tokens, tokens × width: one row of classes, or one a token; of a pointer the probabilities of its own
/// answer. `weights` are those of the parts behind the norm.
pub(super) fn logits(network: &Network, x: &Matrix, weights: &[Weights]) -> Matrix {
    if let Some(pointer) = network.pointer {
        return pointer.answer(x, weights, None).probabilities;
    }
    let of_answer = weights.last().expect("every head has weights");
    let answer = |x: &Matrix| match network.genome.head {
        Head::Linear => apply_linear(x, of_answer),
        Head::Simplex => {
            let place = linear(x, &of_answer["weight"], &[]);
            match Corners::of(network.shape.classes) {
                Some(corners) => corners.products(&place),
                None => place,
            }
        }
    };
    match network.genome.pooling {
        Pooling::None => answer(x),
        Pooling::StepMean => log_of_mean(&softmax(answer(x))),
        Pooling::Attention => answer(&attend(x, &weights[0]["weight"])),
        Pooling::Mean => answer(&mean(x, 0)),
        Pooling::Max => answer(&of_channels(x, |channel| channel.fold(f64::NEG_INFINITY, f64::max))),
        Pooling::Last => answer(&mean(x, x.rows - network.columns())),
    }
}

/// One row: of every channel what becomes of its tokens.
fn of_channels(x: &Matrix, pool: impl Fn(&mut dyn Iterator<Item = f64>) -> f64) -> Matrix {
    let pooled = (0..x.columns).map(|d| pool(&mut (0..x.rows).map(|t| x.at(t, d))));
    Matrix::new(1, x.columns, pooled.collect())
}

/// Of the tokens from this one on.
fn mean(x: &Matrix, from: usize) -> Matrix {
    of_channels(x, |channel| channel.skip(from).sum::<f64>() / (x.rows - from) as f64)
}

/// Σ_t w_t ∘ x_t with w = softmax over t of W x_t, in every channel. W is width × width.
fn attend(x: &Matrix, weight: &[f64]) -> Matrix {
    let scores = linear(x, weight, &[]);
    let shares = softmax(Matrix::transposed(scores.rows, scores.columns, &scores.data));
    let mean = |d: usize| shares.row(d).iter().enumerate().map(|(t, share)| share * x.at(t, d)).sum();
    Matrix::new(1, x.columns, (0..x.columns).map(mean).collect())
}

/// Of a space that has a regular simplex with a corner for each class.
fn simplex_dimensions(classes: usize) -> usize {
    classes.saturating_sub(1).max(1)
}

/// A regular simplex with a corner for each of K classes: unit vectors of K − 1 = n numbers, any two with the cosine −1/n.
/// Corner i < n is scale·(eᵢ − center·1), the last one is −last·1: the unit vectors and a multiple of the vector of ones,
/// moved to have their mean at zero and scaled.
#[derive(Clone, Copy, Debug)]
pub struct Corners {
    /// √(K/n).
    pub scale: f64,
    /// 1/(√K (√K + 1)).
    pub center: f64,
    /// 1/√n.
    pub last: f64,
}

impl Corners {
    /// `None` for a single class, whose corner is the number 1.
    pub fn of(classes: usize) -> Option<Self> {
        let (k, n) = (classes as f64, classes.checked_sub(1).filter(|n| *n > 0)? as f64);
        let root = k.sqrt();
        Some(Self { scale: (k / n).sqrt(), center: 1.0 / (root * (root + 1.0)), last: 1.0 / n.sqrt() })
    }

    /// Products of every row, a place among the corners, with each of them.
    fn products(self, x: &Matrix) -> Matrix {
        let mut y = Matrix::zeros(x.rows, x.columns + 1);
        for t in 0..x.rows {
            let sum: f64 = x.row(t).iter().sum();
            let (last, others) = y.row_mut(t).split_last_mut().expect("there are two corners");
            others.iter_mut().zip(x.row(t)).for_each(|(y, x)| *y = self.scale * (x - self.center * sum));
            *last = -self.last * sum;
        }
        y
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sequence::math::dot;

    #[test]
    fn the_corners_of_a_simplex_are_as_far_apart_as_can_be() {
        for classes in [2, 3, 9, 100] {
            let n = classes - 1;
            let axes = (0..n * n).map(|i| f64::from(u8::from(i / n == i % n))).collect();
            let products = Corners::of(classes).unwrap().products(&Matrix::new(n, n, axes));
            let corners = Matrix::transposed(n, classes, &products.data);
            for i in 0..classes {
                for j in 0..classes {
                    let cosine = if i == j { 1.0 } else { -1.0 / n as f64 };
                    let found = dot(corners.row(i), corners.row(j));
                    assert!((found - cosine).abs() < 1e-12, "{classes}: {i} {j}: {found}");
                }
            }
        }
        assert!(Corners::of(1).is_none());
    }
}
