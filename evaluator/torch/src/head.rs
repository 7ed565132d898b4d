//! The end of a network: what is read of its normed tokens, and how that becomes logits, or positions.

use spaces::sequence::{self, Corners, Head as Kind, Network, Pooling};
use tch::Tensor;

use crate::blocks::TorchWeights;
use crate::model::apply_norm;
use crate::pointer::Pointer;
use crate::steps::Steps;

/// A head with its parameters.
pub struct Head {
    norm: TorchWeights,
    pooling: Pooling,
    /// Of attention pooling; else empty.
    pool: TorchWeights,
    map: Map,
    /// Widths of the beginnings of a vector that it learns to read, the whole first.
    pub prefixes: Vec<i64>,
}

/// From what is read to logits.
enum Map {
    Linear(TorchWeights),
    /// P, and the corners that what it makes lies among; of a single class there are none.
    Simplex(TorchWeights, Option<Corners>),
    /// Of the unpooled tokens.
    Pointer(Pointer),
}

impl Head {
    /// `part` gives the parameters whose full names start so.
    pub fn of(network: &Network, part: impl Fn(&str) -> TorchWeights) -> Self {
        let map = match (network.pointer, network.genome.head) {
            (Some(_), _) => {
                let [pointer, decoder] = sequence::Pointer::PARTS.map(|name| part(&format!("head.{name}.")));
                Map::Pointer(Pointer { pointer, decoder })
            }
            (None, Kind::Linear) => Map::Linear(part("head.linear.")),
            (None, Kind::Simplex) => Map::Simplex(part("head.simplex."), Corners::of(network.shape.classes)),
        };
        let pooling = network.genome.pooling;
        let prefixes = network.genome.prefixes().map(|prefix| prefix as i64).collect();
        Self { norm: part("head.norm."), pooling, pool: part("head.pool."), map, prefixes }
    }

    /// B×L×D to B×D, or B×L×D where there is an answer at every token.
    pub fn read(&self, x: &Tensor, steps: &Steps) -> Tensor {
        let x = apply_norm(x, &self.norm);
        match self.pooling {
            Pooling::None | Pooling::StepMean => x,
            Pooling::Attention => steps.attend(&x, &self.pool["weight"]),
            Pooling::Mean => steps.mean(&x),
            Pooling::Max => steps.max(&x),
            Pooling::Last => steps.last(&x),
        }
    }

    /// `None` of a network that answers by classes.
    pub fn pointer(&self) -> Option<&Pointer> {
        if let Map::Pointer(pointer) = &self.map { Some(pointer) } else { None }
    }

    /// Of the first channels of what is read: B×classes, or B×L×classes where nothing is pooled. A pointer reads all
    /// channels, and scores its own answer.
    pub fn logits(&self, read: &Tensor, prefix: i64, steps: &Steps) -> Tensor {
        let first = |weights: &TorchWeights| weights["weight"].narrow(1, 0, prefix);
        let part = read.narrow(-1, 0, prefix);
        let logits = match &self.map {
            Map::Linear(weights) => part.linear(&first(weights), Some(&weights["bias"])),
            Map::Simplex(weights, corners) => {
                let place = part.linear::<&Tensor>(&first(weights), None);
                corners.map_or_else(|| place.shallow_clone(), |corners| products(&place, corners))
            }
            Map::Pointer(pointer) => return pointer.answer(read, steps.mask()).scores,
        };
        if self.pooling == Pooling::StepMean { steps.log_of_mean(&logits) } else { logits }
    }

    /// The same; but a pointer is told the targets, B×steps, and scores at every step what comes after them.
    pub fn told(&self, read: &Tensor, prefix: i64, steps: &Steps, targets: &Tensor) -> Tensor {
        match self.pointer() {
            Some(pointer) => pointer.told(read, steps.mask(), targets),
            None => self.logits(read, prefix, steps),
        }
    }
}

/// Of places, … × (K − 1), with each of K corners.
fn products(place: &Tensor, corners: Corners) -> Tensor {
    let sum = place.sum_dim_intlist(-1, true, None);
    let others = (place - &sum * corners.center) * corners.scale;
    Tensor::cat(&[others, sum * -corners.last], -1)
}
