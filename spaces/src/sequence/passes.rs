//! Passes over shared layers, where they are more than repetitions of these.
//!
//! A pass G_r, of the N passes r = 0, …, N − 1, runs the shared layers, each in its turn. Where there are projections,
//! it ends in one that no other pass has: x ← c₁ x + c₂ MLP(norm x), with two trained numbers c that start at 1, and
//! one hidden unit a channel (Shen et al. 2021, arXiv 2111.05297).
//!
//! How many passes a step takes is its depth. Steps that a pass keeps are taken out of the sequence, in the order of time,
//! and the pass sees them alone: mixers that know the distance of steps know it among those that are kept. No pass keeps a
//! step that the pass before it did not keep; the first one keeps all. A step of a grid goes as deep as all of its tokens,
//! so that what is kept is a grid again; x of that step is then the mean of its tokens to a router, and all of their
//! channels to a norm.
//!
//! - [`Depth::Fixed`]: every step takes every pass, x ← G_r(x).
//! - [`Depth::TokenChoice`] (Bae et al. 2025, arXiv 2507.10524): p = softmax(W x), and a step takes as many passes d as
//!   its largest share says, of equal ones the first: x ← x + p_d G_{d−1}(… G_0(x)). Training adds N Σ f_d P_d to the
//!   loss (times 0.01): f_d is the share of the steps of depth d, P_d the mean p_d of all steps; and (times 0.001) the
//!   mean square of log Σ exp(W x).
//! - [`Depth::ExpertChoice`] (the same): w = 0.1 σ(θ_r·x), and of the steps that a pass keeps x ← x + w G_r(x), with the
//!   G_r that holds x already. In training, which may see the whole sequence, pass r keeps the ⌈(N − r)/N · length⌉ largest
//!   θ_r·x, those with equal ones by their number. That cannot be known of a step while others are to come: so training
//!   adds to the loss (times 0.001), of every pass but the first, how badly σ(θ_r·x) foretells who is kept (the mean
//!   cross-entropy over what the pass before it kept), and a network that answers keeps θ_r·x > 0 of these.
//! - [`Depth::Converge`]: x ← G_r(x), and a step stops after the pass that changes it by less than a share ε of it:
//!   ‖G_r(x) − x‖ < ε ‖x‖ over its channels. Those that go on no longer see it.

use serde::{Deserialize, Serialize};

use super::block::{Init, Place, Settings, Tensor, Value};
use super::genome::{Genome, Mixer, Pattern, Run, Sharing, name_of};
use super::network::{Group, Network};
use super::{Block, blocks};

/// How many passes a step takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Depth {
    /// All.
    #[default]
    Fixed,
    /// As many as it asks for.
    TokenChoice,
    /// Every pass keeps the steps that it scores best.
    ExpertChoice,
    /// As many as change it.
    Converge,
}

impl Depth {
    pub const ALL: [Self; 4] = [Self::Fixed, Self::TokenChoice, Self::ExpertChoice, Self::Converge];
    /// The ε of [`Depth::Converge`] that the search may choose.
    pub const EPSILONS: [f64; 2] = [0.1, 0.03];
}

/// What passes over shared layers do beside running these.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Passes {
    /// At least 2.
    pub count: usize,
    pub projection: bool,
    pub depth: Depth,
    /// Of [`Depth::Converge`]; beside others 0.
    pub epsilon: f64,
}

/// The runs of layers, from input to output.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Turns {
    /// All of them, where there are no [`Passes`].
    pub before: Vec<Run>,
    pub passes: Vec<Vec<Run>>,
    pub after: Vec<Run>,
}

impl Passes {
    /// The largest weight w of what an expert's pass makes.
    pub const ALPHA: f64 = 0.1;

    /// The mixer of projections.
    pub fn mixer() -> Mixer {
        let mlp = blocks::find(Place::Channel, "mlp").expect("it is listed");
        let genes = [("activation", Value::Word("gelu".into())), ("ratio", Value::Number(1))];
        let settings = Settings(genes.map(|(gene, value)| (gene.to_string(), value)).into());
        Mixer { kind: mlp.name().into(), settings }
    }

    pub fn is_routed(&self) -> bool {
        self.depth != Depth::Fixed
    }

    /// Whether training adds to the loss what routers make of every step.
    pub fn penalizes(&self) -> bool {
        matches!(self.depth, Depth::TokenChoice | Depth::ExpertChoice)
    }

    /// ⌈(N − r)/N · length⌉: the steps that pass r keeps of so many, where load is balanced.
    pub fn capacity(&self, pass: usize, length: usize) -> usize {
        length.saturating_mul(self.count - pass).div_ceil(self.count)
    }

    /// The steps for which multiply-adds of a pass are counted.
    pub(super) fn counted(&self, pass: usize, length: usize) -> usize {
        match self.depth {
            // How many stop is not known: at most all go on.
            Depth::Fixed | Depth::Converge => length,
            Depth::TokenChoice | Depth::ExpertChoice => self.capacity(pass, length),
        }
    }
}

pub(super) fn projector() -> &'static dyn Block {
    Passes::mixer().block(Place::Channel)
}

impl Genome {
    /// `None` where passes are repetitions of what they run, or run nothing.
    pub fn passes(&self) -> Option<Passes> {
        let Sharing { pattern, passes: count, projection, depth, epsilon } = self.sharing;
        let epsilon = if depth == Depth::Converge { epsilon } else { 0.0 };
        let passes = Passes { count, projection, depth, epsilon };
        let in_turn = matches!(pattern, Pattern::Cycle | Pattern::MiddleCycle);
        let adds = |layer: &usize| {
            self.is_shared(*layer) && Place::ALL.iter().any(|p| !self.layers[*layer].mixer(*p).is_identity())
        };
        let more = count > 1 && (projection || passes.is_routed());
        (in_turn && more && (0..self.layers.len()).any(|layer| adds(&layer))).then_some(passes)
    }

    pub fn turns(&self) -> Turns {
        let mut runs = self.schedule();
        let Some(Passes { count, .. }) = self.passes() else {
            return Turns { before: runs, ..Turns::default() };
        };
        let shared = |run: &Run| self.is_shared(run.layer);
        let first = runs.iter().position(shared).expect("passes run something");
        let last = runs.iter().rposition(shared).expect("passes run something");
        let after = runs.split_off(last + 1);
        let in_passes = runs.split_off(first);
        let passes = in_passes.chunks(in_passes.len() / count).map(<[Run]>::to_vec).collect();
        Turns { before: runs, passes, after }
    }
}

impl Network {
    /// What belongs to passes, and to no layer.
    pub(super) fn groups_of_passes(&self) -> Vec<Group> {
        let count = self.genome.passes().map_or(0, |passes| passes.count);
        let routers = (0..count).filter_map(|pass| self.router(pass));
        routers.chain((0..count).filter_map(|pass| self.projection(pass))).collect()
    }

    /// What says, before this pass, how deep steps go; `None` where nothing does.
    pub fn router(&self, pass: usize) -> Option<Group> {
        let passes = self.genome.passes()?;
        let (routers, outputs) = match passes.depth {
            Depth::Fixed | Depth::Converge => return None,
            Depth::TokenChoice => (1, passes.count),
            Depth::ExpertChoice => (passes.count, 1),
        };
        let weight = Tensor::matrix("weight", outputs, self.genome.width);
        let parts = vec![("linear", vec![Tensor { init: Init::Normal(0.02), ..weight }])];
        let kind = format!("router {}", name_of(&passes.depth));
        (pass < routers).then(|| Group { name: format!("routers.{pass}"), kind, parts })
    }

    /// The projection that ends this pass; `None` where there are none.
    pub fn projection(&self, pass: usize) -> Option<Group> {
        self.genome.passes().filter(|passes| passes.projection)?;
        let parts = vec![
            ("norm", self.norm_tensors()),
            ("mixer", projector().tensors(&Passes::mixer().settings, self.genome.width)),
            ("residual", vec![Tensor::gain("coefficients", 2)]),
        ];
        let kind = format!("projection {}", name_of(&self.genome.norm));
        Some(Group { name: format!("projections.{pass}"), kind, parts })
    }

    /// Multiply-adds of what belongs to passes, and to no layer, of a sequence of so many rows. As many steps go deep
    /// as do where load is balanced.
    pub(super) fn multiply_adds_of_passes(&self, rows: usize) -> u64 {
        let (Some(passes), width) = (self.genome.passes(), self.genome.width) else { return 0 };
        let routing = match passes.depth {
            Depth::Fixed | Depth::Converge => 0,
            Depth::TokenChoice => rows.saturating_mul(width).saturating_mul(passes.count),
            // A router scores what the pass before it kept.
            Depth::ExpertChoice => {
                let scored = |pass: usize| passes.counted(pass.saturating_sub(1), rows).saturating_mul(width);
                (0..passes.count).map(scored).fold(0, usize::saturating_add)
            }
        };
        let projecting = |pass| {
            let tokens = passes.counted(pass, rows).saturating_mul(self.columns());
            projector().multiply_adds(&Passes::mixer().settings, width, tokens)
        };
        let projections = (0..passes.count).filter(|_| passes.projection).map(projecting);
        projections.fold(routing as u64, u64::saturating_add)
    }
}
