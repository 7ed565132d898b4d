//! A network that can be trained: the parameters of a genome as views of one flat buffer, and its forward pass.

use std::collections::BTreeMap;

use spaces::sequence::{
    DIRECTIONS, Layout, MIXERS, Network, Order, Place, Position, Run, Settings, Tokenizer, Turns,
};
use tch::{Device, Kind, Tensor};

use crate::blocks::{self, TorchBlock, TorchWeights};
use crate::dropout::Dropout;
use crate::head::Head;
use crate::parameters::{LoadError, Parameters};
use crate::passes::Passes;
use crate::pointer::Answer;
use crate::scan::scan;
use crate::skeleton::{Branches, at_level};
use crate::steps::Steps;
use crate::tokens::joined;

/// Cases of unequal length, padded at the end.
#[derive(Debug)]
pub struct Batch {
    /// B×L×C. What padded steps hold is never read.
    pub x: Tensor,
    /// B×L in x's kind, 1 where a step is real; `None` where nothing is padded.
    pub mask: Option<Tensor>,
    /// B, int64, each at least 1.
    pub lengths: Tensor,
}

/// A genome for a task, with parameters.
pub struct Model {
    tensors: Parameters,
    tokens: Tokenizer,
    /// Tokens side by side.
    columns: i64,
    embedding: (Layout, TorchWeights),
    position: (Position, TorchWeights),
    /// Of every layer of the genome.
    layers: Vec<Layer>,
    turns: Turns,
    /// Where the skeleton has two; then all turns are theirs.
    branches: Option<Branches>,
    passes: Passes,
    head: Head,
}

/// What a layer adds, and how often tokens are pooled by two for it.
struct Layer {
    branches: Vec<Branch>,
    level: usize,
}

/// Norm and mixer: what is added to the residual stream.
struct Branch {
    norm: TorchWeights,
    block: &'static dyn TorchBlock,
    /// Of every run.
    settings: Vec<Settings>,
    order: Order,
    /// A row for each direction of a snake, where they are told.
    directions: Option<Tensor>,
    /// Of the first direction and, where there is one, of the second.
    mixers: [Shared; 2],
}

/// Weights that all runs share, and the corrections of each: A is runs × rank × inputs, B runs × outputs × rank.
struct Shared {
    weights: TorchWeights,
    down: TorchWeights,
    up: TorchWeights,
}

/// What the head reads of a batch: B×width, or B×tokens×width where it needs every token.
struct Encoded {
    read: Tensor,
    steps: Steps,
}

impl Model {
    /// Every tensor starts from its own stream, called by its full name.
    pub fn new(network: &Network, seed: u64, kind: Kind, device: Device) -> Self {
        let tensors = Parameters::new(network.tensors(), seed, kind, device);
        let by_name = tensors.iter().map(|(n, p)| (n.name.as_str(), (n.tensor.name, p))).collect();
        let parts = Parts { network, by_name };
        let columns = network.columns() as i64;
        let (embedding, layers) = (parts.embedding(), parts.layers());
        let head = Head::of(network, |start| parts.part(start));
        let position = (network.genome.position, parts.part("position.code."));
        let (tokens, turns) = (network.genome.tokens, network.genome.turns());
        let branches = Branches::of(network, |start| parts.part(start));
        let passes = Passes::new(network, |start| parts.part(start));
        Self { tensors, tokens, columns, embedding, position, layers, turns, branches, passes, head }
    }

    /// All parameters in one vector, without gradients; see [`Parameters::flat`].
    pub fn flat(&self) -> &Tensor {
        self.tensors.flat()
    }

    /// The leaves that gradients are taken for, in the order of [`names`](Self::names).
    pub fn parameters(&self) -> &[Tensor] {
        self.tensors.leaves()
    }

    /// Full names, as in `layers.0.token.mixer.w_q`.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.tensors.names()
    }

    /// Like [`flat`](Self::flat): 1 where weight decay applies, 0 elsewhere.
    pub fn decay_mask(&self) -> Tensor {
        self.tensors.decay_mask()
    }

    /// A copy of every parameter, by name.
    pub fn values(&self) -> Vec<(String, Tensor)> {
        self.tensors.values()
    }

    /// Takes every parameter from `values`, in any kind and order. Changes nothing if there is an error.
    pub fn load(&mut self, values: &[(String, Tensor)]) -> Result<(), LoadError> {
        self.tensors.load(values)
    }

    /// Lets positions start from what each token tells about the class, where they are priors; from the first one on.
    pub fn start_from_prior(&mut self, prior: &[f64]) {
        if let (Position::Prior, weights) = &self.position {
            let start = Tensor::from_slice(prior).to_kind(self.flat().kind()).to_device(self.flat().device());
            tch::no_grad(|| weights["prior"].shallow_clone().copy_(&start));
        }
    }

    /// Tokens that the network makes of so many steps.
    pub fn tokens(&self, steps: usize) -> usize {
        self.tokens.count(steps) * self.columns as usize
    }

    /// Masks of dropout that one forward pass draws, each of B·tokens·width elements.
    pub fn masks(&self) -> usize {
        let Turns { before, passes, after } = &self.turns;
        let runs = before.iter().chain(passes.iter().flatten()).chain(after);
        runs.map(|run| self.layers[run.layer].branches.len()).sum()
    }

    /// Logits, B×classes, or B×tokens×classes where nothing is pooled. Without dropout they do not depend on how much
    /// padding there is and what it holds. Of a network that points, the scores of [`answer`](Self::answer).
    pub fn forward(&self, batch: &Batch, dropout: Option<&mut Dropout>) -> Tensor {
        self.forward_by(batch, self.head.prefixes[0], dropout)
    }

    /// The same by the first channels, so many, of what the head reads.
    pub fn forward_at(&self, batch: &Batch, prefix: i64) -> Tensor {
        self.forward_by(batch, prefix, None)
    }

    fn forward_by(&self, batch: &Batch, prefix: i64, dropout: Option<&mut Dropout>) -> Tensor {
        let Encoded { read, steps } = self.encode(batch, dropout, None);
        self.head.logits(&read, prefix, &steps)
    }

    /// As [`forward`](Self::forward); but a network that points is told the targets, B×steps: at every step those before it.
    pub fn forward_told(&self, batch: &Batch, targets: &Tensor) -> Tensor {
        let Encoded { read, steps } = self.encode(batch, None, None);
        self.head.told(&read, self.head.prefixes[0], &steps, targets)
    }

    /// The same by every prefix that the head learns to read, the whole first; and what the blocks add to the loss, if any
    /// of them does. Steps are routed as in training.
    pub fn forward_with_penalty(
        &self,
        batch: &Batch,
        targets: &Tensor,
        dropout: Option<&mut Dropout>,
    ) -> (Vec<Tensor>, Option<Tensor>) {
        let mut penalties = Vec::new();
        let Encoded { read, steps } = self.encode(batch, dropout, Some(&mut penalties));
        let told = |prefix: &i64| self.head.told(&read, *prefix, &steps, targets);
        let told = self.head.prefixes.iter().map(told).collect();
        (told, penalties.into_iter().reduce(|sum, penalty| sum + penalty))
    }

    /// Widths of the beginnings of what the head reads that it learns to read by themselves, the whole first.
    pub fn prefixes(&self) -> &[i64] {
        &self.head.prefixes
    }

    /// B×width: what the head reads, without dropout; where it answers at every token, the mean of these.
    pub fn features(&self, batch: &Batch) -> Tensor {
        let Encoded { read, steps } = self.encode(batch, None, None);
        if read.dim() == 3 { steps.mean(&read) } else { read }
    }

    /// What a network that points answers.
    pub fn answer(&self, batch: &Batch) -> Answer {
        let Encoded { read, steps } = self.encode(batch, None, None);
        self.head.pointer().expect("a network that points").answer(&read, steps.mask())
    }

    fn encode(
        &self,
        batch: &Batch,
        dropout: Option<&mut Dropout>,
        penalties: Option<&mut Vec<Tensor>>,
    ) -> Encoded {
        let given = &joined(batch, self.tokens);
        let steps = Steps::of(given, self.columns);
        let (cases, length, _) = given.x.size3().expect("x is B×L×C");
        let mut walk = Walk { layers: &self.layers, dropout, penalties, steps: cases * length, rows: None };
        let x = self.place(embed(&given.x, &self.embedding));
        let x = match &self.branches {
            Some(branches) => branches.run(&mut walk, &x, &steps),
            None => {
                let x = walk.through(&self.turns.before, x, &steps);
                let x = self.passes.run(&self.turns.passes, &mut walk, x, &steps);
                walk.through(&self.turns.after, x, &steps)
            }
        };
        Encoded { read: self.head.read(&x, &steps), steps }
    }

    /// Tells steps apart by where they are: the tokens of each column by themselves.
    fn place(&self, x: Tensor) -> Tensor {
        if self.columns == 1 || self.position.0 == Position::None {
            return place_steps(x, &self.position);
        }
        let columns = x.unflatten(1, [-1, self.columns]).transpose(1, 2);
        let placed = place_steps(columns.flatten(0, 1), &self.position);
        placed.view_as(&columns).transpose(1, 2).flatten(1, 2)
    }
}

/// A forward pass on its way.
pub struct Walk<'a> {
    layers: &'a [Layer],
    dropout: Option<&'a mut Dropout>,
    /// Of a training.
    penalties: Option<&'a mut Vec<Tensor>>,
    /// B·L of the batch as it is given.
    steps: i64,
    /// Where it is about a part of that batch, which of these steps are in it.
    rows: Option<Tensor>,
}

impl Walk<'_> {
    /// These runs of layers, one after the other.
    pub fn through(&mut self, runs: &[Run], mut x: Tensor, steps: &Steps) -> Tensor {
        for run in runs {
            let layer = &self.layers[run.layer];
            for branch in &layer.branches {
                let mut mix = |steps: &Steps, x: &Tensor| {
                    branch.forward(x, run.number, steps, self.penalties.as_deref_mut())
                };
                let mut added = at_level(steps, layer.level, &x, &mut mix);
                if let Some(dropout) = &mut self.dropout {
                    added = match &self.rows {
                        None => dropout.apply(&added),
                        Some(rows) => dropout.apply_to_rows(&added, rows, self.steps),
                    };
                }
                x = &x + added;
            }
        }
        x
    }

    /// What `make` makes of steps that are these of B·L of the whole batch.
    pub fn on_rows(&mut self, rows: Tensor, make: impl FnOnce(&mut Self) -> Tensor) -> Tensor {
        self.rows = Some(rows);
        let made = make(self);
        self.rows = None;
        made
    }

    /// Leaves the stream of dropout where these runs of layers would, of so many numbers a step.
    pub fn skip(&mut self, runs: &[Run], width: i64) {
        let branches: usize = runs.iter().map(|run| self.layers[run.layer].branches.len()).sum();
        let elements = (self.steps * width) as usize;
        if let Some(dropout) = &mut self.dropout {
            (0..branches).for_each(|_| dropout.skip(elements));
        }
    }

    /// Whether somebody asks for what is added to the loss.
    pub fn is_training(&self) -> bool {
        self.penalties.is_some()
    }

    /// Adds to the loss, in a training.
    pub fn penalize(&mut self, penalty: impl FnOnce() -> Tensor) {
        if let Some(penalties) = &mut self.penalties {
            penalties.push(penalty());
        }
    }
}

impl Branch {
    fn forward(
        &self,
        x: &Tensor,
        run: usize,
        steps: &Steps,
        mut penalties: Option<&mut Vec<Tensor>>,
    ) -> Tensor {
        let x = &apply_norm(x, &self.norm);
        let settings = &self.settings[run];
        // Along a snake there are no columns.
        let columns = if self.order.snakes() > 0 { 1 } else { steps.columns() };
        let mut mix = |direction: usize, x: &Tensor| {
            let shared = &self.mixers[direction];
            let corrected = shared.corrected(run);
            let weights = corrected.as_ref().unwrap_or(&shared.weights);
            if let Some(penalties) = &mut penalties {
                penalties.extend(self.block.penalty(settings, weights, x, steps.mask()));
            }
            self.block.forward_grid(settings, weights, x, steps.mask(), columns)
        };
        match self.order {
            Order::Forward => mix(0, x),
            Order::Reverse => steps.reverse(&mix(0, &steps.reverse(x))),
            Order::Bidirectional => mix(0, x) + steps.reverse(&mix(1, &steps.reverse(x))),
            Order::Snake | Order::Snake2 | Order::Snake4 => {
                let along = |number| {
                    let snake = steps.snake(number, x);
                    snake.undo(&mix(0, &snake.along(x, self.directions.as_ref())))
                };
                (0..self.order.snakes()).map(along).reduce(|sum, y| sum + y).expect("a snake")
            }
        }
    }
}

impl Shared {
    /// W + B A for every matrix, if there are corrections.
    fn corrected(&self, run: usize) -> Option<TorchWeights> {
        let corrected = |(name, w): (&&'static str, &Tensor)| {
            let w = match (self.down.0.get(name), self.up.0.get(name)) {
                (Some(a), Some(b)) => w.addmm(&b.select(0, run as i64), &a.select(0, run as i64)),
                _ => w.shallow_clone(),
            };
            (*name, w)
        };
        (!self.down.0.is_empty()).then(|| TorchWeights(self.weights.0.iter().map(corrected).collect()))
    }
}

/// Looks up the parameters of a network's parts while a model is made.
struct Parts<'a> {
    network: &'a Network,
    by_name: BTreeMap<&'a str, (&'static str, &'a Tensor)>,
}

impl Parts<'_> {
    fn embedding(&self) -> (Layout, TorchWeights) {
        let group = self.network.embedding();
        (self.network.genome.layout, self.part(&format!("{}.{}.", group.name, group.parts[0].0)))
    }

    fn layers(&self) -> Vec<Layer> {
        let genome = &self.network.genome;
        let layer = |index: usize| Layer {
            branches: Place::ALL.into_iter().filter_map(|place| self.branch(index, place)).collect(),
            level: genome.level(index),
        };
        (0..genome.layers.len()).map(layer).collect()
    }

    /// `None` where the mixer is the identity.
    fn branch(&self, index: usize, place: Place) -> Option<Branch> {
        let layer = &self.network.genome.layers[index];
        let mixer = layer.mixer(place);
        if mixer.is_identity() {
            return None;
        }
        let block = blocks::find(place, &mixer.kind).expect("every listed block has a libtorch form");
        let part = |part| self.part(&format!("layers.{index}.{place}.{part}."));
        let order = if place == Place::Token { layer.order } else { Order::Forward };
        let of_run = |run| mixer.block(place).of_run(&mixer.settings, run);
        let runs = 0..self.network.genome.runs_of(index);
        let settings = runs.map(|run| of_run(run).unwrap_or_else(|| mixer.settings.clone())).collect();
        Some(Branch {
            norm: part("norm"),
            block,
            settings,
            order,
            directions: part(DIRECTIONS).0.remove("table"),
            mixers: MIXERS.map(|names| {
                let [weights, down, up] = names.map(&part);
                Shared { weights, down, up }
            }),
        })
    }

    /// The parameters whose full names start so, by what follows; empty if there are none.
    fn part(&self, start: &str) -> TorchWeights {
        let found = self.by_name.range(start..).take_while(|(name, _)| name.starts_with(start));
        TorchWeights(found.map(|(_, (name, parameter))| (*name, parameter.shallow_clone())).collect())
    }
}

/// Tells steps apart by where they are.
fn place_steps(x: Tensor, (position, weights): &(Position, TorchWeights)) -> Tensor {
    let length = x.size()[1];
    match position {
        Position::None => x,
        Position::Learned => x + of_each_step(&weights["table"], length),
        Position::Prior => x + of_each_step(&weights["prior"], length).unsqueeze(-1) * &weights["weight"],
        Position::Decay => {
            let decay = weights["decay"].sigmoid();
            let added = &x * (1.0 - &decay);
            x + scan(&decay.expand_as(&added), &added) * &weights["gain"]
        }
    }
}

/// The first `length` rows; the last one again where there are fewer.
fn of_each_step(table: &Tensor, length: i64) -> Tensor {
    let rows = Tensor::arange(length, (Kind::Int64, table.device())).clamp_max(table.size()[0] - 1);
    table.index_select(0, &rows)
}

/// B×L×C, or B×L×(F·C) where several steps were joined, to B×tokens×D.
fn embed(x: &Tensor, (layout, weights): &(Layout, TorchWeights)) -> Tensor {
    match layout {
        Layout::Steps => apply_linear(x, weights),
        Layout::Grid if weights["weight"].dim() == 3 => embed_several(x, weights),
        Layout::Grid => weights["bias"].addcmul(&x.unsqueeze(-1), &weights["weight"]).flatten(1, 2),
    }
}

/// B×L×(F·C) to B×L·C×D: every channel has a map of its F numbers, C×D×F.
fn embed_several(x: &Tensor, weights: &TorchWeights) -> Tensor {
    let (weight, bias) = (&weights["weight"], &weights["bias"]);
    let (length, channels) = (x.size()[1], bias.size()[0]);
    // C×(B·L)×F.
    let by_channel = x.unflatten(2, [-1, channels]).flatten(0, 1).permute([2, 0, 1]);
    let mapped = bias.unsqueeze(1).baddbmm(&by_channel, &weight.transpose(1, 2), 1.0, 1.0);
    mapped.transpose(0, 1).unflatten(0, [-1, length]).flatten(1, 2)
}

pub fn apply_linear(x: &Tensor, weights: &TorchWeights) -> Tensor {
    x.linear(&weights["weight"], Some(&weights["bias"]))
}

/// A norm with a bias is a layer norm, one without is by root mean square.
pub fn apply_norm(x: &Tensor, weights: &TorchWeights) -> Tensor {
    const EPSILON: f64 = spaces::sequence::math::EPSILON;
    let gain = &weights["gain"];
    match weights.0.get("bias") {
        Some(bias) => x.layer_norm(gain.size(), Some(gain), Some(bias), EPSILON, false),
        None => x.rms_norm(gain.size(), Some(gain), EPSILON),
    }
}
