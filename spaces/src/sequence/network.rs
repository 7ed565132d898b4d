//! A genome with the shape of its task: which tensors there are, what they cost, and the `f64` definition of the whole.

use std::borrow::Cow;
use std::f64::consts::LN_2;

use super::block::{Init, Place, Tensor, Weights};
use super::genome::{Genome, Norm, Order, Position, Run, name_of};
use super::head;
use super::layout::{Layout, by_column};
use super::math::{Matrix, layer_norm, linear, product, rms_norm, sigmoid};
use super::pointer::{Pointed, Pointer};
use super::routing::{Kept, Routed, Routing};
use super::skeleton::at_level;
use super::snake::{along_snakes, directions};

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

/// Tensors that belong together: the embedding, the positions, one branch of a layer with its norm, what joins branches of
/// the skeleton, or the head with its norm.
#[derive(Clone, Debug)]
pub struct Group {
    pub name: String,
    /// Operation and settings: the start of the group's role.
    pub kind: String,
    /// Parts with a name each (`norm`, `mixer`, `reverse`, `linear`), in a fixed order.
    pub parts: Vec<(&'static str, Vec<Tensor>)>,
}

/// The parts of a branch that mix: of the layer's own direction, and of the other one where there are two. Each with
/// its low-rank corrections: A of every run (runs × rank × inputs) and B (runs × outputs × rank), called as the matrices
/// that they correct.
pub const MIXERS: [[&str; 3]; 2] =
    [["mixer", "mixer_down", "mixer_up"], ["reverse", "reverse_down", "reverse_up"]];

/// The part of a branch that tells tokens of a grid from where a snake came.
pub const DIRECTIONS: &str = "directions";

/// A genome for a task.
#[derive(Clone, Debug)]
pub struct Network {
    pub genome: Genome,
    pub shape: Shape,
    /// The head, where the task is answered by positions of the input: then there are no classes.
    pub pointer: Option<Pointer>,
}

/// Gives the values of a group's tensors, part by part; `inputs` are what the group reads, one matrix a case.
pub type Supply<'a> = dyn FnMut(&Group, &[Matrix]) -> Vec<Weights> + 'a;

impl Network {
    pub fn new(genome: &Genome, shape: Shape) -> Self {
        Self { genome: genome.clone(), shape, pointer: None }
    }

    /// One that points, of a genome that [`Pointer::unfit`] has nothing to say of.
    pub fn pointing(genome: &Genome, channels: usize, pointer: Pointer) -> Self {
        let shape = Shape { channels, classes: 0 };
        Self { pointer: Some(pointer), ..Self::new(genome, shape) }
    }

    pub fn embedding(&self) -> Group {
        let Genome { tokens, layout, width, .. } = self.genome;
        layout.embedding(tokens, self.shape.channels, width)
    }

    /// Tokens side by side: of a step, or of what stands for several.
    pub fn columns(&self) -> usize {
        self.genome.layout.columns(self.shape.channels)
    }

    /// `None` where steps are not told apart by where they are.
    pub fn position(&self) -> Option<Group> {
        let width = self.genome.width;
        let tensors = match self.genome.position {
            Position::None => return None,
            Position::Learned => vec![Tensor {
                name: "table",
                shape: vec![Position::LEARNED, width],
                init: Init::Normal(0.02),
                probe: (0.0, 0.5),
                decay: false,
            }],
            Position::Decay => vec![
                Tensor {
                    name: "decay",
                    shape: vec![width],
                    init: Init::Indexed(logit_of_decay),
                    probe: (0.5, 1.0),
                    decay: false,
                },
                Tensor::gain("gain", width),
            ],
            Position::Prior => vec![
                Tensor {
                    name: "prior",
                    shape: vec![Position::LEARNED],
                    init: Init::Constant(1.0),
                    probe: (0.5, 0.25),
                    decay: false,
                },
                Tensor {
                    name: "weight",
                    shape: vec![width],
                    init: Init::Normal(0.02),
                    probe: (0.0, 0.5),
                    decay: false,
                },
            ],
        };
        let kind = format!("position {}", name_of(&self.genome.position));
        Some(Group { name: "position".into(), kind, parts: vec![("code", tensors)] })
    }

    /// The branch of a layer at this place; `None` where the mixer is the identity.
    pub fn branch(&self, index: usize, place: Place) -> Option<Group> {
        let layer = &self.genome.layers[index];
        let mixer = layer.mixer(place);
        if mixer.is_identity() {
            return None;
        }
        let tensors = mixer.block(place).tensors(&mixer.settings, self.genome.width);
        let mut parts = vec![("norm", self.norm_tensors())];
        let snakes = place == Place::Token && layer.order.snakes() > 0;
        if snakes && self.genome.layout == Layout::Grid {
            parts.push((DIRECTIONS, vec![directions(self.genome.width)]));
        }
        let both = place == Place::Token && layer.order == Order::Bidirectional;
        let (runs, rank) = (self.genome.runs_of(index), self.genome.rank_of(index));
        for [mixer, down, up] in &MIXERS[..1 + usize::from(both)] {
            parts.push((mixer, tensors.clone()));
            if rank > 0 {
                let (of_down, of_up) = corrections(&tensors, runs, rank).unzip();
                parts.extend([(*down, of_down), (*up, of_up)]);
            }
        }
        let genes: Vec<_> = mixer.settings.0.iter().map(|(gene, value)| format!("{gene}={value}")).collect();
        // The order of steps is not a parameter: where it matters, the response shows it.
        let mut kind = format!("{place} {} {} {}", mixer.kind, genes.join(","), name_of(&self.genome.norm));
        if rank > 0 {
            kind += &format!(" rank {rank}");
        }
        Some(Group { name: format!("layers.{index}.{place}"), kind, parts })
    }

    /// What maps two branches of the skeleton back to the width; `None` where nothing does.
    pub fn join(&self) -> Option<Group> {
        self.genome.skeleton.join(self.genome.width)
    }

    pub fn head(&self) -> Group {
        head::group(self, self.norm_tensors())
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
        let rows = self.genome.tokens.count(length);
        let tokens = rows.saturating_mul(self.columns());
        let read = rows.saturating_mul(self.genome.tokens.features());
        let inputs = self.shape.channels.saturating_mul(read).saturating_mul(width) as u64;
        let ends = inputs.saturating_add(head::multiply_adds(self, tokens));
        let joins = self.genome.skeleton.join(width).map_or(0, |_| 2 * width * width);
        let ends = ends.saturating_add(joins.saturating_mul(tokens) as u64);
        let layers = self.genome.layers.iter().enumerate().map(|(index, layer)| {
            let pooled = 1 << self.genome.level(index);
            let tokens_of = |rows: usize| rows.div_ceil(pooled).saturating_mul(self.columns());
            let rank = self.genome.rank_of(index);
            let cost = |place, run, tokens| {
                let mixer = layer.mixer(place);
                let block = mixer.block(place);
                let tensors = block.tensors(&mixer.settings, width);
                let corrected = tensors.iter().filter(|tensor| rank > 0 && tensor.is_matrix());
                let correcting =
                    corrected.fold(0usize, |sum, w| sum.saturating_add(w.len().saturating_mul(rank)));
                let of_run = block.of_run(&mixer.settings, run);
                let settings = of_run.as_ref().unwrap_or(&mixer.settings);
                block.multiply_adds(settings, width, tokens).saturating_add(correcting as u64)
            };
            let directions =
                if layer.order == Order::Bidirectional { 2 } else { layer.order.snakes().max(1) as u64 };
            let once = |run, tokens| {
                cost(Place::Token, run, tokens).saturating_mul(directions).saturating_add(cost(
                    Place::Channel,
                    run,
                    tokens,
                ))
            };
            let passes = self.genome.passes().filter(|_| self.genome.is_shared(index));
            let rows_of = |run: usize| passes.map_or(rows, |passes| passes.counted(run / layer.repeat, rows));
            let runs = 0..self.genome.runs_of(index);
            runs.map(|run| once(run, tokens_of(rows_of(run)))).fold(0, u64::saturating_add)
        });
        layers.fold(ends, u64::saturating_add).saturating_add(self.multiply_adds_of_passes(rows))
    }

    fn groups(&self) -> Vec<Group> {
        let layers = (0..self.genome.layers.len())
            .flat_map(|i| Place::ALL.into_iter().filter_map(move |place| self.branch(i, place)));
        let between = layers.chain(self.join()).chain(self.groups_of_passes());
        std::iter::once(self.embedding()).chain(self.position()).chain(between).chain([self.head()]).collect()
    }

    pub(super) fn norm_tensors(&self) -> Vec<Tensor> {
        let width = self.genome.width;
        match self.genome.norm {
            Norm::Layer => vec![
                Tensor::gain("gain", width),
                Tensor { init: super::Init::Constant(0.0), ..Tensor::bias("bias", width, 1) },
            ],
            Norm::Rms => vec![Tensor::gain("gain", width)],
        }
    }

    /// Logits of every case (length × channels each), classes in a row, one row or one a token; of a network that points,
    /// the probabilities of [`point`](Self::point), told nothing. The definition that training is tested against.
    pub fn forward(&self, cases: &[Matrix], supply: &mut Supply) -> Vec<Vec<f64>> {
        self.forward_routed(Routing::Inference, cases, supply).logits
    }

    /// The same, where steps that differ in depth go as deep as this says.
    pub fn forward_routed(&self, routing: Routing, cases: &[Matrix], supply: &mut Supply) -> Routed {
        let (xs, kept) = self.encode(routing, cases, supply);
        let weights = supply(&self.head(), &xs);
        Routed { logits: xs.iter().map(|x| self.apply_head(x, &weights)).collect(), kept }
    }

    /// What a network that points answers to every case: the positions that it is told, or else its own.
    pub fn point(&self, cases: &[Matrix], told: Option<&[Vec<usize>]>, supply: &mut Supply) -> Vec<Pointed> {
        let pointer = self.pointer.expect("a network that points");
        let (xs, _) = self.encode(Routing::Inference, cases, supply);
        let weights = supply(&self.head(), &xs);
        let told = |case: usize| told.map(|told| told[case].as_slice());
        let normed = xs.iter().map(|x| self.apply_norm(x, &weights[0]));
        normed.enumerate().map(|(case, x)| pointer.answer(&x, &weights[1..], told(case))).collect()
    }

    /// Tokens × width of every case, before the head, and what every pass kept.
    fn encode(&self, routing: Routing, cases: &[Matrix], supply: &mut Supply) -> (Vec<Matrix>, Vec<Kept>) {
        let weights = supply(&self.embedding(), cases);
        let Genome { tokens, layout, .. } = self.genome;
        let embed = |x: &Matrix| layout.embed(&tokens.read(x), tokens.features(), &weights[0]);
        let mut xs: Vec<Matrix> = cases.iter().map(embed).collect();
        if let Some(group) = self.position() {
            let weights = supply(&group, &xs);
            let place = |x: &mut Matrix| place_steps(x, self.genome.position, &weights[0]);
            xs.iter_mut().for_each(|x| by_column(x, self.columns(), place));
        }
        let mut branches: Branches = (0..self.genome.layers.len())
            .map(|index| Place::ALL.map(|place| Branch::new(self, index, place)))
            .collect();
        if let Some(branches_of) = self.genome.branches() {
            let joined = self.run_branches(&branches_of, &mut branches, &xs, supply);
            return (joined, Vec::new());
        }
        let turns = self.genome.turns();
        self.run(&turns.before, &mut branches, &mut xs, supply);
        let kept = self.run_passes(routing, &mut branches, &mut xs, supply);
        self.run(&turns.after, &mut branches, &mut xs, supply);
        (xs, kept)
    }

    /// These runs of layers, one after the other.
    pub(super) fn run(&self, runs: &[Run], branches: &mut Branches, xs: &mut [Matrix], supply: &mut Supply) {
        for run in runs {
            let level = self.genome.level(run.layer);
            for branch in branches[run.layer].iter_mut().flatten() {
                branch.supplied.get_or_insert_with(|| supply(&branch.group, xs));
                // Of some sequences a pass may keep no step.
                for x in xs.iter_mut().filter(|x| x.rows > 0) {
                    let mix = |x: &Matrix| self.apply_branch(branch, *run, x);
                    *x = at_level(level, x, self.columns(), &mix).zip(x, |added, x| x + added);
                }
            }
        }
    }

    fn apply_branch(&self, branch: &Branch, run: Run, x: &Matrix) -> Matrix {
        let (layer, place) = (&self.genome.layers[run.layer], branch.place);
        let mixer = layer.mixer(place);
        let block = mixer.block(place);
        let of_run = block.of_run(&mixer.settings, run.number);
        let settings = of_run.as_ref().unwrap_or(&mixer.settings);
        let x = self.apply_norm(x, branch.part("norm").expect("every branch has a norm"));
        let weights = |direction: usize| branch.mixer(direction, run.number);
        let mix = |weights: &Weights, x: &Matrix| block.forward_grid(settings, weights, x, self.columns());
        let reverse = |weights: &Weights| mix(weights, &x.reversed()).reversed();
        match (place, layer.order) {
            (Place::Channel, _) | (Place::Token, Order::Forward) => mix(&weights(0), &x),
            (Place::Token, Order::Reverse) => reverse(&weights(0)),
            (Place::Token, Order::Bidirectional) => {
                mix(&weights(0), &x).zip(&reverse(&weights(1)), |a, b| a + b)
            }
            // Along a snake there are no columns.
            (Place::Token, Order::Snake | Order::Snake2 | Order::Snake4) => {
                let (table, snakes, weights) = (branch.part(DIRECTIONS), layer.order.snakes(), weights(0));
                along_snakes(&x, self.columns(), snakes, table, |x| block.forward(settings, &weights, x))
            }
        }
    }

    fn apply_head(&self, x: &Matrix, weights: &[Weights]) -> Vec<f64> {
        let x = self.apply_norm(x, &weights[0]);
        head::logits(self, &x, &weights[1..]).data
    }

    pub(super) fn apply_norm(&self, x: &Matrix, weights: &Weights) -> Matrix {
        match self.genome.norm {
            Norm::Layer => layer_norm(x, &weights["gain"], &weights["bias"]),
            Norm::Rms => rms_norm(x, &weights["gain"]),
        }
    }
}

/// Those of every layer, while a network is run.
pub(super) type Branches = Vec<[Option<Branch>; 2]>;

/// A branch while its network is run.
pub(super) struct Branch {
    place: Place,
    group: Group,
    /// A value for every part, from its first run on.
    supplied: Option<Vec<Weights>>,
}

impl Branch {
    fn new(network: &Network, index: usize, place: Place) -> Option<Self> {
        Some(Self { place, group: network.branch(index, place)?, supplied: None })
    }

    fn tensors(&self, name: &str) -> &[Tensor] {
        self.group.parts.iter().find(|(part, _)| *part == name).map_or(&[], |(_, tensors)| tensors)
    }

    fn part(&self, name: &str) -> Option<&Weights> {
        let number = self.group.parts.iter().position(|(part, _)| *part == name)?;
        self.supplied.as_ref().map(|supplied| &supplied[number])
    }

    /// What mixes in this direction (0 or 1), in the run of this number: W + B A wherever there are corrections.
    fn mixer(&self, direction: usize, run: usize) -> Cow<'_, Weights> {
        let [mixer, down, up] = MIXERS[direction].map(|part| self.part(part));
        let shared = mixer.expect("supplied before it is run");
        let (Some(down), Some(up)) = (down, up) else { return Cow::Borrowed(shared) };
        let mut weights = shared.clone();
        for (a, b) in self.tensors(MIXERS[direction][1]).iter().zip(self.tensors(MIXERS[direction][2])) {
            let of_run = |tensor: &Tensor, all: &Weights| {
                let (rows, columns) = (tensor.shape[1], tensor.shape[2]);
                Matrix::new(
                    rows,
                    columns,
                    all[tensor.name][run * rows * columns..][..rows * columns].to_vec(),
                )
            };
            let correction = product(&of_run(b, up), &of_run(a, down));
            let w = weights.0.get_mut(a.name).expect("what is corrected is there");
            w.iter_mut().zip(correction.data).for_each(|(w, correction)| *w += correction);
        }
        Cow::Owned(weights)
    }
}

/// A and B of every matrix: of so many runs, of this rank.
fn corrections(tensors: &[Tensor], runs: usize, rank: usize) -> impl Iterator<Item = (Tensor, Tensor)> {
    tensors.iter().filter(|tensor| tensor.is_matrix()).map(move |matrix| {
        let (rows, columns) = (matrix.shape[0], matrix.shape[1]);
        let down = Tensor { shape: vec![runs, rank, columns], ..Tensor::matrix(matrix.name, rank, columns) };
        let up = Tensor {
            shape: vec![runs, rows, rank],
            init: Init::Constant(0.0),
            probe: (0.0, 0.5),
            ..Tensor::matrix(matrix.name, rows, rank)
        };
        (down, up)
    })
}

/// Tells steps apart by where they are.
fn place_steps(x: &mut Matrix, position: Position, weights: &Weights) {
    match position {
        Position::None => {}
        Position::Learned => {
            for t in 0..x.rows {
                let code = &weights["table"][t.min(Position::LEARNED - 1) * x.columns..];
                x.row_mut(t).iter_mut().zip(code).for_each(|(x, code)| *x += code);
            }
        }
        Position::Prior => {
            for t in 0..x.rows {
                let prior = weights["prior"][t.min(Position::LEARNED - 1)];
                x.row_mut(t).iter_mut().zip(&weights["weight"]).for_each(|(x, w)| *x += prior * w);
            }
        }
        Position::Decay => {
            let decay: Vec<f64> = weights["decay"].iter().map(|logit| sigmoid(*logit)).collect();
            let mut mean = vec![0.0; x.columns];
            for t in 0..x.rows {
                let channels = x.row_mut(t).iter_mut().zip(&mut mean).zip(decay.iter().zip(&weights["gain"]));
                for ((x, mean), (decay, gain)) in channels {
                    *mean = decay * *mean + (1.0 - decay) * *x;
                    *x += gain * *mean;
                }
            }
        }
    }
}

/// Half-lives from 1 to 64 steps, spread evenly over the channels on a logarithmic scale: λ = 2^(−1/half-life).
fn logit_of_decay(index: usize, shape: &[usize]) -> f64 {
    let half_life = libm::exp(64f64.ln() * index as f64 / (shape[0].max(2) - 1) as f64);
    // λ/(1 − λ) = 1/(2^(1/half-life) − 1).
    -libm::log(libm::expm1(LN_2 / half_life))
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

pub(super) fn linear_tensors(outputs: usize, inputs: usize) -> Vec<Tensor> {
    vec![Tensor::matrix("weight", outputs, inputs), Tensor::bias("bias", outputs, inputs)]
}

pub(super) fn apply_linear(x: &Matrix, weights: &Weights) -> Matrix {
    linear(x, &weights["weight"], &weights["bias"])
}
