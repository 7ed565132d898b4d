//! Passes over shared layers that are more than repetitions of these, as defined in [`spaces::sequence::Passes`].
//!
//! Whoever goes deep is a step, with all of its columns V: here x is B×L×VD, and only what runs layers sees B×LV×D.

use spaces::sequence::{Depth, Mixer, Network, Place, Run, Settings};
use tch::{Device, Kind, Tensor};

use crate::blocks::{self, TorchBlock, TorchWeights};
use crate::model::{Batch, Walk, apply_norm};
use crate::steps::Steps;

/// Weight of the balance of depths in the loss: that of experts.
const BALANCE: f64 = 0.01;

/// Weight in the loss of how large scores are (Bae et al. 2025; Zoph et al. 2022, arXiv 2202.08906).
const SIZE: f64 = 1e-3;

/// Weight in the loss of how badly scores foretell what a pass keeps (Bae et al. 2025).
const FORETELLING: f64 = 1e-3;

/// What belongs to passes, and to no layer.
pub struct Passes {
    depth: Depth,
    epsilon: f64,
    /// Tokens of a step.
    columns: i64,
    /// Scores × width of every router.
    routers: Vec<Tensor>,
    /// Of every pass, where there are any.
    projections: Vec<Projection>,
}

/// x ← c₁ x + c₂ MLP(norm x).
struct Projection {
    norm: TorchWeights,
    mixer: TorchWeights,
    coefficients: Tensor,
    block: &'static dyn TorchBlock,
    settings: Settings,
}

impl Passes {
    /// `part` gives the parameters whose full names start so.
    pub fn new(network: &Network, part: impl Fn(&str) -> TorchWeights) -> Self {
        let passes = network.genome.passes();
        let (count, depth, epsilon) =
            passes.map_or((0, Depth::Fixed, 0.0), |passes| (passes.count, passes.depth, passes.epsilon));
        let router = |name: String| part(&format!("{name}.linear."))["weight"].shallow_clone();
        let projection = |name: String| {
            let Mixer { kind, settings } = spaces::sequence::Passes::mixer();
            let block = blocks::find(Place::Channel, &kind).expect("every listed block has a libtorch form");
            let part = |of: &str| part(&format!("{name}.{of}."));
            let (norm, mixer, residual) = (part("norm"), part("mixer"), part("residual"));
            Projection {
                norm,
                mixer,
                coefficients: residual["coefficients"].shallow_clone(),
                block,
                settings,
            }
        };
        let routers = (0..count).filter_map(|pass| network.router(pass));
        let projections = (0..count).filter_map(|pass| network.projection(pass));
        Self {
            depth,
            epsilon,
            columns: network.columns() as i64,
            routers: routers.map(|group| router(group.name)).collect(),
            projections: projections.map(|group| projection(group.name)).collect(),
        }
    }

    /// All passes, of these runs, over the tokens x.
    pub fn run(&self, passes: &[Vec<Run>], walk: &mut Walk, x: Tensor, steps: &Steps) -> Tensor {
        let routed = match self.depth {
            Depth::Fixed => {
                return (0..passes.len()).fold(x, |x, pass| self.pass(pass, passes, walk, x, steps));
            }
            Depth::TokenChoice => Self::chosen_by_tokens,
            Depth::ExpertChoice => Self::chosen_by_passes,
            Depth::Converge => Self::until_still,
        };
        let (by_step, real) = (x.unflatten(1, [-1, self.columns]).flatten(2, 3), steps.real(&x));
        routed(self, passes, walk, by_step, real).view_as(&x)
    }

    fn pass(&self, pass: usize, passes: &[Vec<Run>], walk: &mut Walk, x: Tensor, steps: &Steps) -> Tensor {
        let x = walk.through(&passes[pass], x, steps);
        match self.projections.get(pass) {
            Some(projection) => projection.forward(&x, steps),
            None => x,
        }
    }

    /// x with what a pass makes of the kept steps of every case, B×L, alone.
    fn kept(&self, pass: usize, passes: &[Vec<Run>], walk: &mut Walk, x: &Tensor, kept: &Tensor) -> Tensor {
        let Some(Part { batch, rows }) = Part::of(x, kept) else {
            walk.skip(&passes[pass], x.size()[2]);
            return x.shallow_clone();
        };
        let steps = Steps::of(&batch, self.columns);
        let tokens = batch.x.unflatten(2, [self.columns, -1]).flatten(1, 2);
        let made = walk
            .on_rows(rows.shallow_clone(), |walk| self.pass(pass, passes, walk, tokens, &steps))
            .view_as(&batch.x);
        let made = match &batch.mask {
            None => made,
            Some(mask) => made.where_self(&mask.ne(0.0).unsqueeze(-1), &batch.x),
        };
        x.flatten(0, 1).index_copy(0, &rows, &made.flatten(0, 1)).view_as(x)
    }

    /// What a router says of every step: of the mean of its tokens.
    fn scores(&self, router: &Tensor, x: &Tensor) -> Tensor {
        let read = match self.columns {
            1 => x.shallow_clone(),
            columns => x.unflatten(2, [columns, -1]).mean_dim(2, false, None),
        };
        read.linear(router, None::<&Tensor>)
    }

    /// x + p_d h, of the h that d passes make.
    fn chosen_by_tokens(&self, passes: &[Vec<Run>], walk: &mut Walk, x: Tensor, real: Tensor) -> Tensor {
        let scores = self.scores(&self.routers[0], &x);
        let shares = scores.softmax(-1, None);
        // Of equal scores the first.
        let last = scores.sort_stable(true, -1, true).1.narrow(-1, 0, 1);
        walk.penalize(|| {
            let chosen = shares.zeros_like().scatter_value(-1, &last, 1.0);
            let load = mean_of(&chosen, &real) * mean_of(&shares, &real);
            let size = mean_of(&scores.logsumexp([-1], true).square(), &real);
            load.sum(None) * (BALANCE * passes.len() as f64) + size.sum(None) * SIZE
        });
        let mut hidden = x.shallow_clone();
        for pass in 0..passes.len() {
            let kept = last.squeeze_dim(-1).ge(pass as i64).logical_and(&real);
            hidden = self.kept(pass, passes, walk, &hidden, &kept);
        }
        x + shares.gather(-1, &last, false) * hidden
    }

    /// G_r(x), of the steps that go on.
    fn until_still(&self, passes: &[Vec<Run>], walk: &mut Walk, mut x: Tensor, mut kept: Tensor) -> Tensor {
        let norm = |x: &Tensor| x.norm_scalaropt_dim(2, [-1], false);
        for pass in 0..passes.len() {
            let made = self.kept(pass, passes, walk, &x, &kept);
            let moves = tch::no_grad(|| norm(&(&made - &x)).ge_tensor(&(norm(&x) * self.epsilon)));
            kept = kept.logical_and(&moves);
            x = made;
        }
        x
    }

    /// x + w G_r(x), of the steps that pass r keeps.
    fn chosen_by_passes(
        &self,
        passes: &[Vec<Run>],
        walk: &mut Walk,
        mut x: Tensor,
        mut kept: Tensor,
    ) -> Tensor {
        let lengths = kept.sum_dim_intlist(1, true, Kind::Int64);
        let count = passes.len() as i64;
        for (pass, router) in self.routers.iter().enumerate() {
            let scores = self.scores(router, &x);
            if pass > 0 {
                let flat = scores.squeeze_dim(-1);
                let next = if walk.is_training() {
                    let capacity =
                        (&lengths * (count - pass as i64) + (count - 1)).divide_scalar_mode(count, "floor");
                    best(&flat, &kept, &capacity)
                } else {
                    flat.gt(0.0).logical_and(&kept)
                };
                walk.penalize(|| surprise(&flat, &next, &kept) * FORETELLING);
                kept = next;
            }
            let made = self.kept(pass, passes, walk, &x, &kept);
            let added = made * scores.sigmoid() * spaces::sequence::Passes::ALPHA;
            x = &x + added.masked_fill(&kept.logical_not().unsqueeze(-1), 0.0);
        }
        x
    }
}

impl Projection {
    fn forward(&self, x: &Tensor, steps: &Steps) -> Tensor {
        let made = self.block.forward(&self.settings, &self.mixer, &apply_norm(x, &self.norm), steps.mask());
        x * self.coefficients.select(0, 0) + made * self.coefficients.select(0, 1)
    }
}

/// Some steps of a batch: of every case that has any, at its front, in the order of time.
struct Part {
    batch: Batch,
    /// Which of the B·L rows these are, those behind the last kept step of a case included.
    rows: Tensor,
}

impl Part {
    /// `None` of nothing.
    fn of(x: &Tensor, kept: &Tensor) -> Option<Self> {
        let (_, length, width) = x.size3().expect("x is B×L×D");
        let counts = kept.sum_dim_intlist(1, false, Kind::Int64).to_device(Device::Cpu);
        let counts = Vec::<i64>::try_from(counts).expect("a vector of integers on the processor");
        let most = *counts.iter().max().expect("a batch has cases");
        if most == 0 {
            return None;
        }
        let some: Vec<i64> =
            (0..).zip(&counts).filter(|(_, count)| **count > 0).map(|(case, _)| case).collect();
        let lengths: Vec<i64> = counts.into_iter().filter(|count| *count > 0).collect();
        let [cases, lengths] = [some, lengths].map(|list| Tensor::from_slice(&list).to_device(x.device()));
        let first = kept.logical_not().to_kind(Kind::Int8).sort_stable(true, 1, false).1.narrow(1, 0, most);
        let rows = (first.index_select(0, &cases) + (&cases * length).unsqueeze(1)).flatten(0, -1);
        let time = Tensor::arange(most, (Kind::Int64, x.device()));
        let is_padded = lengths.ne(most).any().int64_value(&[]) != 0;
        let mask = is_padded.then(|| time.lt_tensor(&lengths.unsqueeze(1)).to_kind(x.kind()));
        let x = x.flatten(0, 1).index_select(0, &rows).view([-1, most, width]);
        Some(Self { batch: Batch { x, mask, lengths }, rows })
    }
}

/// The steps with the `capacity` largest scores of every case among the kept ones, B×L; of equal ones the first.
fn best(scores: &Tensor, kept: &Tensor, capacity: &Tensor) -> Tensor {
    let ranked = scores.masked_fill(&kept.logical_not(), f64::NEG_INFINITY).sort_stable(true, 1, true).1;
    let places = Tensor::arange(scores.size()[1], (Kind::Int64, scores.device())).expand_as(&ranked);
    ranked.zeros_like().scatter(1, &ranked, &places).lt_tensor(capacity).logical_and(kept)
}

/// The mean cross-entropy of σ(score) against who is kept next, over those that are kept now.
fn surprise(scores: &Tensor, next: &Tensor, kept: &Tensor) -> Tensor {
    let [next, count] = [next, kept].map(|steps| steps.to_kind(scores.kind()));
    let scores = scores.masked_fill(&kept.logical_not(), 0.0);
    let each = scores.softplus() - &scores * next;
    (each * &count).sum(None) / count.sum(None)
}

/// The mean of B×L×N over the steps of B×L.
fn mean_of(x: &Tensor, steps: &Tensor) -> Tensor {
    let steps = steps.to_kind(x.kind());
    steps.flatten(0, 1).unsqueeze(0).mm(&x.flatten(0, 1)).squeeze_dim(0) / steps.sum(None)
}
