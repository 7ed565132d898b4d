//! Drawing, mutating and canonicalizing stacks.

use hashing::Rng;

use super::block::{Block, Place, Settings, Tensor, Value};
use super::blocks;
use super::genome::{Genome, Layer, Mixer, Norm, Order, Pattern, Position, Run, Sharing, Training, name_of};
use super::head::{Head, Pooling};
use super::layout::Layout;
use super::passes::Depth;
use super::pointer::Pointer;
use super::skeleton::{Join, Skeleton};
use super::tokenizer::Tokenizer;
use crate::Space;

/// What the search may choose from.
#[derive(Clone, Debug, PartialEq)]
pub struct Limits {
    /// Layers as they are run. Default: 8.
    pub max_depth: usize,
    /// Default: 16, 32, 64.
    pub widths: Vec<usize>,
    /// Names of blocks; the identity is always among them. Default: all.
    pub blocks: Vec<String>,
    /// Whether the task has a target at every step: then nothing is pooled, and no step sees a later one. Default: no.
    pub every_step: bool,
    /// Whether the task is answered by positions of the input: then nothing is pooled, and steps may see all others.
    /// Default: no.
    pub points: bool,
}

/// The space of [`Genome`]s within limits.
pub struct SequenceSpace {
    limits: Limits,
    token: Vec<&'static dyn Block>,
    channel: Vec<&'static dyn Block>,
}

/// Layers drawn for a new genome: few, so that evolution starts small.
const FIRST_DEPTH: usize = 3;
const MOST_REPEATS: usize = 3;
const MOST_PASSES: usize = 3;
const RANKS: [usize; 4] = [0, 1, 2, 4];

impl Default for Limits {
    fn default() -> Self {
        let named = blocks::ALL.iter().map(|block| block.name()).filter(|name| *name != "identity");
        let blocks = named.map(String::from).collect();
        Self { max_depth: 8, widths: vec![32, 16, 64], blocks, every_step: false, points: false }
    }
}

impl Limits {
    fn is_unpooled(&self) -> bool {
        self.every_step || self.points
    }
}

impl Default for SequenceSpace {
    fn default() -> Self {
        Self::new(Limits::default()).expect("the default limits name known blocks")
    }
}

impl SequenceSpace {
    /// An error names a block that does not exist, a width that no genome has, or a depth of zero.
    pub fn new(limits: Limits) -> Result<Self, String> {
        let known = |name: &String| blocks::ALL.iter().any(|block| block.name() == name);
        if let Some(unknown) = limits.blocks.iter().find(|name| !known(name)) {
            let mut names: Vec<_> = blocks::ALL.iter().map(|block| block.name()).collect();
            names.sort_unstable();
            names.dedup();
            return Err(format!("no block `{unknown}`; known: {}", names.join(", ")));
        }
        if limits.every_step && limits.points {
            return Err("a task has a target at every step or is answered by positions, not both".into());
        }
        if limits.max_depth == 0 || limits.widths.is_empty() {
            return Err("a stack needs a depth of at least 1 and a width".into());
        }
        limits.widths.iter().try_for_each(|width| Genome::check_width(*width))?;
        let allowed = |place| {
            let listed = |block: &&dyn Block| {
                block.name() == "identity" || limits.blocks.iter().any(|b| b == block.name())
            };
            blocks::at(place).filter(listed).collect::<Vec<_>>()
        };
        Ok(Self { token: allowed(Place::Token), channel: allowed(Place::Channel), limits })
    }

    fn layer(&self, rng: &mut Rng) -> Layer {
        let order = if rng.chance(0.3) { self.order(rng) } else { Order::Forward };
        let [token, channel] = Place::ALL.map(|place| self.mixer(place, rng));
        Layer { token, order, channel, repeat: 1, rank: 0, part: 0 }
    }

    fn order(&self, rng: &mut Rng) -> Order {
        if self.limits.every_step { Order::Forward } else { *rng.choose(&Order::ALL) }
    }

    fn pooling(&self, rng: &mut Rng) -> Pooling {
        if self.limits.is_unpooled() { Pooling::None } else { *rng.choose(&Pooling::ALL) }
    }

    fn layout(&self, rng: &mut Rng) -> Layout {
        if self.limits.is_unpooled() { Layout::Steps } else { *rng.choose(&Layout::ALL) }
    }

    fn skeleton(&self, rng: &mut Rng) -> Skeleton {
        let allowed = |skeleton: &Skeleton| !(self.limits.every_step && *skeleton == Skeleton::UShape);
        let allowed: Vec<_> = Skeleton::ALL.into_iter().filter(allowed).collect();
        *rng.choose(&allowed)
    }

    fn tokens(&self, rng: &mut Rng) -> Tokenizer {
        let all: Vec<_> = Tokenizer::all().collect();
        if self.limits.is_unpooled() { Tokenizer::Steps } else { *rng.choose(&all) }
    }

    fn head(&self, rng: &mut Rng) -> Head {
        if self.limits.points { Head::Linear } else { *rng.choose(&Head::ALL) }
    }

    /// One that this task allows, every gene drawn from its choices.
    fn mixer(&self, place: Place, rng: &mut Rng) -> Mixer {
        let allowed = if place == Place::Token { &self.token } else { &self.channel };
        loop {
            let block = *rng.choose(allowed);
            let mut mixer = Mixer::of(block);
            for gene in block.genes() {
                mixer.settings.0.insert(gene.name.into(), rng.choose(&gene.choices).clone());
            }
            if !self.limits.every_step || block.causal(&mixer.settings) {
                return mixer;
            }
        }
    }

    /// Applies one random change, which may lead out of the limits; `None` where it is not possible here.
    fn change(&self, genome: &mut Genome, rng: &mut Rng) -> Option<()> {
        let layers = genome.layers.len();
        match rng.below(27) {
            0 => genome.layers.insert(rng.below(layers + 1), self.layer(rng)),
            1 if layers > 1 => drop(genome.layers.remove(rng.below(layers))),
            2 if layers > 0 => {
                let copied = rng.below(layers);
                let layer = Layer { repeat: 1, ..genome.layers[copied].clone() };
                genome.layers.insert(copied, layer);
            }
            3 if layers > 1 => genome.layers.swap(rng.below(layers), rng.below(layers)),
            4 => any(&mut genome.layers, rng)?.token = self.mixer(Place::Token, rng),
            5 => any(&mut genome.layers, rng)?.channel = self.mixer(Place::Channel, rng),
            6 | 7 => change_gene(&mut any(&mut genome.layers, rng)?.token, Place::Token, rng)?,
            8 => change_gene(&mut any(&mut genome.layers, rng)?.channel, Place::Channel, rng)?,
            9 => any(&mut genome.layers, rng)?.order = self.order(rng),
            10 => any(&mut genome.layers, rng)?.repeat = 1 + rng.below(MOST_REPEATS),
            11 => any(&mut genome.layers, rng)?.rank = *rng.choose(&RANKS),
            12 => tie(&mut genome.layers, rng)?,
            13 => untie(&mut genome.layers, rng)?,
            14 => genome.sharing = sharing(rng),
            15 => genome.width = *rng.choose(&self.limits.widths),
            16 if rng.chance(0.5) => genome.norm = *rng.choose(&Norm::ALL),
            16 => genome.pooling = self.pooling(rng),
            17 => genome.position = *rng.choose(&Position::ALL),
            18 => change_training(&mut genome.training, rng),
            19 => genome.layout = self.layout(rng),
            20 => genome.sharing.projection = !genome.sharing.projection,
            21 => genome.sharing.depth = *rng.choose(&Depth::ALL),
            22 => genome.sharing.epsilon = *rng.choose(&Depth::EPSILONS),
            23 => genome.tokens = self.tokens(rng),
            24 => genome.head = self.head(rng),
            25 => {
                genome.skeleton = self.skeleton(rng);
                if rng.chance(0.5) {
                    spread(genome);
                }
            }
            26 => any(&mut genome.layers, rng)?.part = rng.below(1 + Skeleton::DEEPEST),
            _ => return None,
        }
        Some(())
    }
}

/// Halves of the layers go to two branches, and those between the ends of a U down: of one or two layers all.
fn spread(genome: &mut Genome) {
    let count = genome.layers.len();
    for (index, layer) in genome.layers.iter_mut().enumerate() {
        layer.part = match genome.skeleton {
            Skeleton::Stack => 0,
            Skeleton::TwoBranch { .. } => usize::from(2 * index >= count),
            Skeleton::UShape if count < 3 => 1,
            Skeleton::UShape => index.min(count - 1 - index).min(Skeleton::DEEPEST),
        };
    }
}

fn sharing(rng: &mut Rng) -> Sharing {
    let pattern = *rng.choose(&Pattern::ALL);
    let depth = if rng.chance(0.5) { *rng.choose(&Depth::ALL) } else { Depth::Fixed };
    let (projection, epsilon) = (rng.chance(0.3), *rng.choose(&Depth::EPSILONS));
    Sharing { pattern, passes: 1 + rng.below(MOST_PASSES), projection, depth, epsilon }
}

/// One layer in place of it and the next: it is run as often as both were.
fn tie(layers: &mut Vec<Layer>, rng: &mut Rng) -> Option<()> {
    if layers.len() < 2 {
        return None;
    }
    let first = rng.below(layers.len() - 1);
    layers[first].repeat += layers.remove(first + 1).repeat;
    (layers[first].repeat <= MOST_REPEATS).then_some(())
}

/// The last run of a layer gets weights of its own.
fn untie(layers: &mut Vec<Layer>, rng: &mut Rng) -> Option<()> {
    let repeated: Vec<usize> = (0..layers.len()).filter(|layer| layers[*layer].repeat > 1).collect();
    let layer = if repeated.is_empty() { return None } else { *rng.choose(&repeated) };
    layers[layer].repeat -= 1;
    layers.insert(layer + 1, Layer { repeat: 1, ..layers[layer].clone() });
    Some(())
}

fn any<'a>(layers: &'a mut [Layer], rng: &mut Rng) -> Option<&'a mut Layer> {
    if layers.is_empty() { None } else { Some(&mut layers[rng.below(layers.len())]) }
}

fn change_gene(mixer: &mut Mixer, place: Place, rng: &mut Rng) -> Option<()> {
    let genes = mixer.block(place).genes();
    if genes.is_empty() {
        return None;
    }
    let gene = rng.choose(&genes);
    let others: Vec<&Value> =
        gene.choices.iter().filter(|v| mixer.settings.0.get(gene.name) != Some(v)).collect();
    mixer.settings.0.insert(gene.name.into(), (*rng.choose(&others)).clone());
    Some(())
}

fn change_training(training: &mut Training, rng: &mut Rng) {
    match rng.below(4) {
        0 => training.learning_rate = *rng.choose(&Training::LEARNING_RATES),
        1 => training.weight_decay = *rng.choose(&Training::WEIGHT_DECAYS),
        2 => training.dropout = *rng.choose(&Training::DROPOUTS),
        _ => training.prefixes = *rng.choose(&Training::PREFIXES),
    }
}

impl Space for SequenceSpace {
    type Candidate = Genome;

    fn name(&self) -> &str {
        "sequence v6"
    }

    /// One to three layers, every gene drawn from its choices; shared weights and prefixes are for mutations to find.
    fn sample(&self, rng: &mut Rng) -> Genome {
        let depth = 1 + rng.below(FIRST_DEPTH.min(self.limits.max_depth));
        let mut genome = Genome {
            version: 1,
            width: *rng.choose(&self.limits.widths),
            norm: *rng.choose(&Norm::ALL),
            position: if rng.chance(0.3) { *rng.choose(&Position::ALL) } else { Position::None },
            pooling: self.pooling(rng),
            layers: (0..depth).map(|_| self.layer(rng)).collect(),
            skeleton: if rng.chance(0.2) { self.skeleton(rng) } else { Skeleton::Stack },
            sharing: Sharing::default(),
            training: Training {
                learning_rate: *rng.choose(&Training::LEARNING_RATES),
                weight_decay: *rng.choose(&Training::WEIGHT_DECAYS),
                dropout: *rng.choose(&Training::DROPOUTS),
                prefixes: 1,
            },
            layout: if rng.chance(0.3) { self.layout(rng) } else { Layout::Steps },
            tokens: if rng.chance(0.3) { self.tokens(rng) } else { Tokenizer::Steps },
            head: if rng.chance(0.2) { self.head(rng) } else { Head::Linear },
            inherits: Vec::new(),
        };
        spread(&mut genome);
        genome
    }

    /// One change of the genome's data. It may leave the function as it is: that is what the cache is for. Whom the child
    /// inherits from is for the search to say.
    fn mutate(&self, parent: &Genome, rng: &mut Rng) -> Genome {
        let parent = Genome { inherits: Vec::new(), ..parent.clone() };
        loop {
            let mut child = parent.clone();
            if self.change(&mut child, rng).is_some() && child != parent && self.check(&child).is_ok() {
                return child;
            }
        }
    }

    /// The first layers of one parent and the last ones of the other, cut at the same place, wherever that keeps within
    /// the limits; every other gene of either.
    fn crossover(&self, a: &Genome, b: &Genome, rng: &mut Rng) -> Option<Genome> {
        let mut either = || *rng.choose(&[a, b]);
        let genes = Genome {
            version: a.version,
            width: either().width,
            norm: either().norm,
            position: either().position,
            pooling: either().pooling,
            layers: Vec::new(),
            skeleton: either().skeleton,
            sharing: either().sharing,
            training: Training {
                learning_rate: either().training.learning_rate,
                weight_decay: either().training.weight_decay,
                dropout: either().training.dropout,
                prefixes: either().training.prefixes,
            },
            layout: either().layout,
            tokens: either().tokens,
            head: either().head,
            inherits: Vec::new(),
        };
        let children = |(skeleton, sharing): (Skeleton, Sharing)| {
            let cut_at = |cut: usize| {
                let layers = a.layers[..cut].iter().chain(&b.layers[cut..]).cloned().collect();
                Genome { layers, skeleton, sharing, ..genes.clone() }
            };
            let cuts = 0..=a.layers.len().min(b.layers.len());
            cuts.map(cut_at).filter(|child| self.check(child).is_ok()).collect::<Vec<_>>()
        };
        let with_either = [&genes, a, b].map(|of| children((of.skeleton, of.sharing)));
        with_either.iter().find(|children| !children.is_empty()).map(|children| rng.choose(children).clone())
    }

    /// Mixers are written in their simplest form, layers that are shared in a row as repeated ones, empty layers go,
    /// halves of one layer that stand in two are joined, a skeleton with one stream and no pooled tokens is a stack, inert
    /// genes are reset: the order of a mixer that does not know it, the part of a layer in a stack, the projections and
    /// depths of no pass, the rank of corrections and the schedule of groups where nothing is shared, the mask of a mixer
    /// whose last step alone is read, the dropout of no mixer at all.
    fn canonicalize(&self, genome: &Genome) -> Genome {
        let mut genome = genome.clone();
        loop {
            let before = genome.clone();
            drop_schedules(&mut genome);
            genome.layers = genome.layers.iter().map(|layer| simplest(layer, genome.layout)).collect();
            drop_passes(&mut genome);
            unshare(&mut genome);
            drop_empty(&mut genome);
            drop_parts(&mut genome);
            drop_ranks(&mut genome);
            join_halves(&mut genome);
            if genome == before {
                break;
            }
        }
        // The last step of a grid is read in several tokens, of which the last alone sees all; where tokens are pooled by
        // two, mixers of channels know other steps, too; and of two branches, each has a last mixer.
        let one_by_one = genome.layout == Layout::Steps && genome.skeleton == Skeleton::Stack;
        if genome.pooling == Pooling::Last && one_by_one {
            unmask(&mut genome);
        }
        if genome.layers.is_empty() {
            genome.training.dropout = 0.0;
        }
        genome
    }

    fn check(&self, genome: &Genome) -> Result<(), String> {
        genome.sharing.check(genome.skeleton)?;
        let Limits { max_depth, every_step, .. } = self.limits;
        if genome.depth() > max_depth {
            return Err(format!(
                "depth {} is above the limit {max_depth}; raise --max-depth",
                genome.depth()
            ));
        }
        if self.limits.points {
            return Pointer::unfit(genome).map_or(Ok(()), Err);
        }
        if every_step != (genome.pooling == Pooling::None) {
            let given = name_of(&genome.pooling);
            let wanted = if every_step { "none" } else { "mean, max, last, attention or step-mean" };
            return Err(format!("pooling {given} does not fit the targets of this task; choose {wanted}"));
        }
        if every_step && genome.layout != Layout::Steps {
            let given = name_of(&genome.layout);
            return Err(format!(
                "layout {given} has no token for a step, which has a target in this task; choose steps"
            ));
        }
        if every_step && genome.tokens != Tokenizer::Steps {
            return Err(format!(
                "{} are one token, and every step has a target in this task; choose the tokens steps",
                genome.tokens
            ));
        }
        if every_step && genome.skeleton == Skeleton::UShape {
            return Err(
                "the skeleton u-shape pools steps, each of which has a target in this task; choose the kind \
                        stack or two-branch"
                    .into(),
            );
        }
        if every_step && let Some((number, kind)) = genome.looks_ahead() {
            return Err(format!(
                "`{kind}` of layer {number} sees later steps, which hold the targets of this task, or how many there \
                 are; give it the order forward, make it causal, and its groups strided"
            ));
        }
        Ok(())
    }
}

/// Whether the layer has a matrix that low-rank corrections are for.
fn corrects(layer: &Layer, width: usize) -> bool {
    Place::ALL.into_iter().any(|place| {
        let mixer = layer.mixer(place);
        mixer.block(place).tensors(&mixer.settings, width).iter().any(Tensor::is_matrix)
    })
}

/// Where there are no passes, nothing ends them, and no step goes deep; where none stops, none has to come near.
fn drop_passes(genome: &mut Genome) {
    let Sharing { pattern, passes, .. } = genome.sharing;
    match genome.passes() {
        None => genome.sharing = Sharing { pattern, passes, ..Sharing::default() },
        Some(passes) if passes.depth != Depth::Converge => {
            genome.sharing.epsilon = Sharing::default().epsilon;
        }
        Some(_) => {}
    }
}

/// Passes over layers in a row that do nothing else are repetitions of these; one pass shares nothing.
fn unshare(genome: &mut Genome) {
    if genome.passes().is_some() {
        return;
    }
    let count = genome.layers.len();
    let shared = match genome.sharing.pattern {
        _ if genome.sharing.passes == 1 => 0..0,
        Pattern::Sequence => 0..count,
        Pattern::Cycle if count <= 1 => 0..count,
        Pattern::MiddleCycle if count <= 3 => 1.min(count)..count.saturating_sub(1).max(1.min(count)),
        Pattern::Cycle | Pattern::MiddleCycle => return,
        Pattern::None => 0..0,
    };
    genome.layers[shared].iter_mut().for_each(|layer| layer.repeat *= genome.sharing.passes);
    genome.sharing = Sharing::default();
}

/// Layers without a mixer go; but the first and the last one say which are shared in a middle cycle.
fn drop_empty(genome: &mut Genome) {
    let (pattern, last) = (genome.sharing.pattern, genome.layers.len().saturating_sub(1));
    let mut index = 0;
    genome.layers.retain_mut(|layer| {
        let bounds = pattern == Pattern::MiddleCycle && (index == 0 || index == last);
        index += 1;
        if layer.is_empty() {
            layer.repeat = 1;
        }
        bounds || !layer.is_empty()
    });
}

/// What differs from run to run in none of those that there are.
fn drop_schedules(genome: &mut Genome) {
    for index in 0..genome.layers.len() {
        let runs = genome.runs_of(index);
        for place in Place::ALL {
            let mixer = genome.layers[index].mixer_mut(place);
            let of_run = |run| mixer.block(place).of_run(&mixer.settings, run);
            let Some(first) = of_run(0) else { continue };
            if (1..runs).all(|run| of_run(run).as_ref() == Some(&first)) {
                mixer.settings = first;
            }
        }
    }
}

/// Parts that mean the same are the same: one branch alone, beside one that adds nothing, and a U that pools nothing, are
/// a stack; branches that are added may change their names.
fn drop_parts(genome: &mut Genome) {
    let skeleton = genome.skeleton;
    for layer in &mut genome.layers {
        layer.part = if layer.is_empty() { 0 } else { skeleton.simplest_part(layer.part) };
    }
    let adds = skeleton == Skeleton::TwoBranch { join: Join::Sum };
    let mut live = genome.layers.iter_mut().filter(|layer| !layer.is_empty()).peekable();
    if adds && live.peek().is_some_and(|first| first.part > 0) {
        live.for_each(|layer| layer.part = 1 - layer.part);
    }
    if (adds || skeleton == Skeleton::UShape) && genome.layers.iter().all(|layer| layer.part == 0) {
        genome.skeleton = Skeleton::Stack;
    }
}

/// Corrections where nothing is shared, or nothing can be corrected, are not there.
fn drop_ranks(genome: &mut Genome) {
    for index in 0..genome.layers.len() {
        if genome.rank_of(index) == 0 || !corrects(&genome.layers[index], genome.width) {
            genome.layers[index].rank = 0;
        }
    }
}

/// A token mixer alone, and a channel mixer alone after it, both run once in every pass, are one layer.
fn join_halves(genome: &mut Genome) {
    let mut index = 1;
    while index < genome.layers.len() {
        let ends = index == 1 || index + 1 == genome.layers.len();
        let [before, layer] = [&genome.layers[index - 1], &genome.layers[index]];
        let halves =
            before.channel.is_identity() && layer.token.is_identity() && before.repeat * layer.repeat == 1;
        let together = !(ends && genome.sharing.pattern == Pattern::MiddleCycle)
            && (before.rank, before.part) == (layer.rank, layer.part);
        if halves && together && !before.is_empty() && !layer.is_empty() {
            genome.layers[index - 1].channel = genome.layers.remove(index).channel;
        } else {
            index += 1;
        }
    }
}

/// With mixers in the simplest form that they have in this layout.
pub(super) fn simplest(layer: &Layer, layout: Layout) -> Layer {
    let mut layer = layer.clone();
    for place in Place::ALL {
        let order = layer.order;
        let simpler = |Mixer { kind: _, settings }: &Mixer, block: &dyn Block| {
            let one_column = layout == Layout::Steps || order.snakes() > 0;
            let in_steps = || block.simpler_in_steps(settings).filter(|_| one_column);
            block.simpler(settings).or_else(in_steps)
        };
        while let Some(simpler) = simpler(layer.mixer(place), layer.mixer(place).block(place)) {
            *layer.mixer_mut(place) = simpler;
        }
    }
    layer.order = canonical_order(&layer, layout);
    layer
}

/// Reversing is inert where the mixer does not know the order; both directions are not (two sets of weights), and neither
/// are several snakes (a sum). One snake through steps is their order.
fn canonical_order(layer: &Layer, layout: Layout) -> Order {
    let reversible = layer.token.block(Place::Token).reversible(&layer.token.settings);
    match layer.order {
        Order::Reverse if reversible => Order::Forward,
        Order::Snake if layout == Layout::Steps => Order::Forward,
        _ if layer.token.is_identity() => Order::Forward,
        order => order,
    }
}

/// Where the last step alone is read of the last mixer that knows other steps, a mask on the future hides
/// nothing from it. (Where the mixer runs backwards or is run again, other steps count too, as they do where a mixer
/// or a router behind it adds to the loss what it makes of them.)
fn unmask(genome: &mut Genome) {
    type Property = fn(&dyn Block, &Settings) -> bool;
    let has = |layer: &Layer, place, property: Property| {
        let mixer = layer.mixer(place);
        property(mixer.block(place), &mixer.settings)
    };
    let schedule = genome.schedule();
    let anywhere = |run: &Run, property| {
        Place::ALL.into_iter().any(|place| has(&genome.layers[run.layer], place, property))
    };
    let mixes: Property = |block, settings| block.reads_other_steps(settings);
    let Some(last) = schedule.iter().rposition(|run| anywhere(run, mixes)) else { return };
    let routed = genome.passes().is_some_and(|passes| passes.penalizes());
    let penalized = |run: &Run| {
        let in_passes = routed && genome.is_shared(run.layer);
        in_passes || anywhere(run, |block, settings| block.penalizes(settings))
    };
    let index = schedule[last].layer;
    if genome.runs_of(index) > 1 || schedule[last..].iter().any(penalized) {
        return;
    }
    let layer = &mut genome.layers[index];
    if has(layer, Place::Channel, mixes) {
        if let Some(context) = layer.channel.settings.0.get_mut("context") {
            *context = Value::Word("all".into());
        }
    } else if layer.order == Order::Forward
        && let Some(mask) = layer.token.settings.0.get_mut("causal")
    {
        *mask = Value::Flag(false);
    }
}
