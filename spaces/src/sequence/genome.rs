//! A genome: the plain data that says which stack is meant. JSON in files, checked against the blocks when it is read.

use std::collections::BTreeMap;
use std::fmt;
use std::iter::repeat_n;

use hashing::{Key, KeyWriter, Keyed};
use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use super::block::{Place, Settings, Value};
use super::passes::Depth;
use super::{Block, Head, Layout, Pooling, Skeleton, Tokenizer, blocks};

/// A stack of layers with its embedding, head and training genes. Missing fields take their defaults, unknown ones
/// are errors.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Raw")]
pub struct Genome {
    /// Version of this form. Default: 1, the only one.
    pub version: u32,
    /// Channels between layers. Default: 32.
    pub width: usize,
    /// How many steps are a token. Default: `steps`, each is one.
    pub tokens: Tokenizer,
    /// Default: `steps`.
    pub layout: Layout,
    /// Default: `layer`.
    pub norm: Norm,
    /// Default: `none`.
    pub position: Position,
    /// Default: `mean`.
    pub pooling: Pooling,
    /// Default: `linear`.
    pub head: Head,
    /// From input to output. Default: none.
    pub layers: Vec<Layer>,
    /// How the layers are put together. Default: `stack`.
    pub skeleton: Skeleton,
    /// Default: every layer is run in its turn.
    pub sharing: Sharing,
    pub training: Training,
    /// Keys of the evaluations whose weights training starts from, at most [`Genome::PARENTS`]. Default: none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub inherits: Vec<Key>,
}

/// x ← x + token(norm x), x ← x + channel(norm x), `repeat` times in a row with the same weights.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Layer {
    #[serde(default = "Mixer::identity")]
    pub token: Mixer,
    /// In which order the token mixer sees the steps. Default: `forward`.
    #[serde(default)]
    pub order: Order,
    #[serde(default = "Mixer::identity")]
    pub channel: Mixer,
    /// Default: 1.
    #[serde(default = "one")]
    pub repeat: usize,
    /// Of what each run adds to the weights that it shares with other runs of this layer: every matrix W of the mixers
    /// is W + B A in a run of its own A (rank × inputs) and B (outputs × rank), which starts at zero (Bae et al. 2024,
    /// arXiv 2410.20672). Inert where the layer is run once. Default: 0.
    #[serde(default)]
    pub rank: usize,
    /// Of the skeleton: which branch, or how often tokens are pooled by two here. Inert in a stack. Default: 0.
    #[serde(default)]
    pub part: usize,
}

/// A block and its genes, as in `{"kind": "attention", "heads": 4}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mixer {
    pub kind: String,
    #[serde(flatten)]
    pub settings: Settings,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Order {
    #[default]
    Forward,
    /// The last step first.
    Reverse,
    /// Both, with weights of their own, added.
    Bidirectional,
    /// Along a snake through the rows of the grid, as [`snake`](super::snake) numbers them: of steps, forward.
    Snake,
    /// That and its reverse, with one set of weights, added.
    Snake2,
    /// These and two through the columns, with one set of weights, added: of steps, twice those of `snake2`.
    Snake4,
}

/// Norm before every mixer and before the head.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Norm {
    #[default]
    Layer,
    Rms,
}

/// What tells steps apart by where they are, added to the embedding.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Position {
    #[default]
    None,
    /// A vector for each of the first [`Position::LEARNED`] steps, and the last of them for all later ones.
    Learned,
    /// x_t + gain ∘ p_t with p_t = λ ∘ p_{t−1} + (1 − λ) ∘ x_t and a λ for each channel: the one-dimensional form of
    /// the decaying Toeplitz mix of Qin et al. 2024, arXiv 2405.21022.
    Decay,
    /// x_t + p_t w with a number p_t for each of the first [`Position::LEARNED`] tokens, the last of them for all later
    /// ones. It starts from what the training cases show: the share of the variance at these steps that is between the
    /// classes; from 1 where sequences have no class (after Xi et al. 2024, arXiv 2412.16515, VSFormer).
    Prior,
}

/// Weights that several runs share, beside [`Layer::repeat`] (Bae et al. 2025, arXiv 2507.10524).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Sharing {
    /// Default: `none`.
    pub pattern: Pattern,
    /// How often the shared layers are run. Default: 1.
    pub passes: usize,
    /// Whether every pass ends in a projection of its own (see [`Passes`](super::Passes)). Inert where there is one
    /// pass. Default: no.
    pub projection: bool,
    /// How many passes a step takes. Inert where there is one pass. Default: `fixed`, all of them.
    pub depth: Depth,
    /// Of the depth `converge`, and inert beside others: a step stops once a pass changes it by less than this share of
    /// it. Default: 0.1.
    pub epsilon: f64,
}

/// Which layers are run again, and when.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Pattern {
    /// None.
    #[default]
    None,
    /// All in turn: 0 1 2 0 1 2.
    Cycle,
    /// Each in a row: 0 0 1 1 2 2.
    Sequence,
    /// All but the first and the last, in turn: 0 1 2 1 2 3.
    MiddleCycle,
}

/// One run of a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// Index into [`Genome::layers`].
    pub layer: usize,
    /// How often this layer has been run before.
    pub number: usize,
}

/// Genes that no response can show: they enter the fingerprint by value.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Training {
    /// Peak of the schedule. Default: 0.003.
    pub learning_rate: f64,
    /// Of AdamW, on matrices. Default: 0.01.
    pub weight_decay: f64,
    /// On what a mixer adds. Default: 0.
    pub dropout: f64,
    /// Beginnings of the vector that the head reads, each of which it learns to read by itself: the whole, its first
    /// half, its first quarter and so on, with the first columns of the same weights. Their losses are added (Kusupati et
    /// al. 2022, arXiv 2205.13147, MRL-E). Default: 1, the whole alone.
    pub prefixes: usize,
}

impl Order {
    pub const ALL: [Self; 6] =
        [Self::Forward, Self::Reverse, Self::Bidirectional, Self::Snake, Self::Snake2, Self::Snake4];

    /// Snakes that are added; 0 where tokens are seen in another order.
    pub fn snakes(self) -> usize {
        match self {
            Self::Forward | Self::Reverse | Self::Bidirectional => 0,
            Self::Snake => 1,
            Self::Snake2 => 2,
            Self::Snake4 => 4,
        }
    }
}
impl Norm {
    pub const ALL: [Self; 2] = [Self::Layer, Self::Rms];
}
impl Position {
    pub const ALL: [Self; 4] = [Self::None, Self::Learned, Self::Decay, Self::Prior];
    /// Tokens that have a vector or a number of their own.
    pub const LEARNED: usize = 256;
}
impl Pattern {
    pub const ALL: [Self; 4] = [Self::None, Self::Cycle, Self::Sequence, Self::MiddleCycle];
}
impl Training {
    pub const LEARNING_RATES: [f64; 4] = [3e-3, 1e-3, 3e-4, 1e-2];
    pub const WEIGHT_DECAYS: [f64; 3] = [0.01, 0.0, 0.1];
    pub const DROPOUTS: [f64; 3] = [0.0, 0.1, 0.3];
    pub const PREFIXES: [usize; 3] = [1, 2, 3];
    /// A width is a multiple of 8, which can be halved three times.
    pub const MOST_PREFIXES: usize = 4;
}

impl Sharing {
    /// An error names a gene, or says which do not go together.
    pub(super) fn check(&self, skeleton: Skeleton) -> Result<(), String> {
        if !(self.epsilon > 0.0 && self.epsilon <= 1.0) {
            return Err(format!("sharing: epsilon {} is not in (0, 1]", self.epsilon));
        }
        let gene = match self.depth {
            _ if self.pattern == Pattern::None || self.passes == 1 => return Ok(()),
            Depth::Fixed if !self.projection => return Ok(()),
            Depth::Fixed => "projection true".to_string(),
            depth => format!("depth {}", name_of(&depth)),
        };
        if self.pattern == Pattern::Sequence {
            return Err(format!(
                "sharing: {gene} is of passes over all layers, which pattern sequence has none of; choose cycle or \
                 middle-cycle"
            ));
        }
        if let Skeleton::TwoBranch { .. } = skeleton {
            return Err(format!(
                "sharing: {gene} is of passes over one stream of tokens, and two branches are two; choose the skeleton \
                 stack or u-shape"
            ));
        }
        Ok(())
    }
}

impl Default for Sharing {
    fn default() -> Self {
        Self {
            pattern: Pattern::None,
            passes: 1,
            projection: false,
            depth: Depth::Fixed,
            epsilon: Depth::EPSILONS[0],
        }
    }
}

impl Default for Training {
    fn default() -> Self {
        Self {
            learning_rate: Self::LEARNING_RATES[0],
            weight_decay: Self::WEIGHT_DECAYS[0],
            dropout: Self::DROPOUTS[0],
            prefixes: Self::PREFIXES[0],
        }
    }
}

impl Mixer {
    pub fn identity() -> Self {
        Self { kind: "identity".into(), settings: Settings::default() }
    }

    /// The block of this name with the default of every gene.
    pub fn of(block: &dyn Block) -> Self {
        let defaults = block.genes().into_iter().map(|gene| (gene.name.to_string(), gene.choices[0].clone()));
        Self { kind: block.name().into(), settings: Settings(defaults.collect()) }
    }

    pub fn is_identity(&self) -> bool {
        self.kind == "identity"
    }

    /// Panics on an unknown kind: genomes are checked when they are made.
    pub fn block(&self, place: Place) -> &'static dyn Block {
        blocks::find(place, &self.kind).unwrap_or_else(|| panic!("no {place} mixer `{}`", self.kind))
    }

    /// With the default of every gene that is missing; an error names a kind, gene or value that does not exist.
    fn checked(self, place: Place) -> Result<Self, String> {
        let block = blocks::find(place, &self.kind).ok_or_else(|| {
            let known: Vec<_> = blocks::at(place).map(Block::name).collect();
            format!("no {place} mixer `{}`; known: {}", self.kind, known.join(", "))
        })?;
        let mut settings = self.settings.0;
        let mut complete = BTreeMap::new();
        for gene in block.genes() {
            let value = settings.remove(gene.name).unwrap_or_else(|| gene.choices[0].clone());
            if !gene.choices.contains(&value) {
                let choices: Vec<_> = gene.choices.iter().map(Value::to_string).collect();
                let (kind, gene) = (&self.kind, gene.name);
                return Err(format!("`{kind}` has no `{gene}` {value}; choices: {}", choices.join(", ")));
            }
            complete.insert(gene.name.to_string(), value);
        }
        match settings.into_keys().next() {
            Some(unknown) => Err(format!("`{}` has no gene `{unknown}`", self.kind)),
            None => Ok(Self { kind: self.kind, settings: Settings(complete) }),
        }
    }
}

impl Layer {
    pub fn mixer(&self, place: Place) -> &Mixer {
        match place {
            Place::Token => &self.token,
            Place::Channel => &self.channel,
        }
    }

    /// Whether it has no mixer, so that it adds nothing.
    pub fn is_empty(&self) -> bool {
        self.token.is_identity() && self.channel.is_identity()
    }

    pub fn mixer_mut(&mut self, place: Place) -> &mut Mixer {
        match place {
            Place::Token => &mut self.token,
            Place::Channel => &mut self.channel,
        }
    }
}

impl Genome {
    /// Most parents of a genome.
    pub const PARENTS: usize = 2;

    /// Where training starts enters keys by value, and only where there are parents: what trains from the start is known
    /// by what it was known by before genomes could have any.
    pub(super) fn write_parents(&self, out: &mut KeyWriter) {
        if !self.inherits.is_empty() {
            out.text("inherits");
            out.list(&self.inherits, |out, key| out.digest(&key.0));
        }
    }

    /// An error says which widths there are.
    pub(super) fn check_width(width: usize) -> Result<(), String> {
        let fits = (8..=LARGEST).contains(&width) && width.is_multiple_of(8);
        let refused = || format!("width {width} is not a multiple of 8 from 8 to {LARGEST}");
        fits.then_some(()).ok_or_else(refused)
    }

    /// Layers as they are run.
    pub fn depth(&self) -> usize {
        (0..self.layers.len()).fold(0, |sum, layer| sum.saturating_add(self.runs_of(layer)))
    }

    /// How often tokens are pooled by two where this layer stands; 0 where it adds nothing.
    pub fn level(&self, layer: usize) -> usize {
        let layer = &self.layers[layer];
        if layer.is_empty() { 0 } else { self.skeleton.level(layer.part) }
    }

    /// How often a layer is run.
    pub fn runs_of(&self, layer: usize) -> usize {
        let passes = if self.is_shared(layer) { self.sharing.passes } else { 1 };
        self.layers[layer].repeat.saturating_mul(passes)
    }

    pub(super) fn is_shared(&self, layer: usize) -> bool {
        match self.sharing.pattern {
            Pattern::None => false,
            Pattern::Cycle | Pattern::Sequence => true,
            Pattern::MiddleCycle => 0 < layer && layer + 1 < self.layers.len(),
        }
    }

    /// The runs of layers, from input to output.
    pub fn schedule(&self) -> Vec<Run> {
        let all = || 0..self.layers.len();
        let turns: Vec<usize> = match self.sharing.pattern {
            Pattern::None => all().collect(),
            Pattern::Sequence => all().flat_map(|layer| repeat_n(layer, self.sharing.passes)).collect(),
            Pattern::Cycle | Pattern::MiddleCycle => {
                let (shared, before) = (|layer: &usize| self.is_shared(*layer), |layer: &usize| *layer == 0);
                let first = all().filter(|layer| !shared(layer) && before(layer));
                let last = all().filter(|layer| !shared(layer) && !before(layer));
                let middle = (0..self.sharing.passes).flat_map(|_| all().filter(shared));
                first.chain(middle).chain(last).collect()
            }
        };
        let mut done = vec![0; self.layers.len()];
        let mut run = |layer: usize| {
            done[layer] += 1;
            Run { layer, number: done[layer] - 1 }
        };
        turns.into_iter().flat_map(|layer| repeat_n(layer, self.layers[layer].repeat)).map(&mut run).collect()
    }

    /// The first layer whose steps see later ones, or how many there are, by its number, and the kind of the mixer that lets them.
    pub fn looks_ahead(&self) -> Option<(usize, &str)> {
        let ahead = |layer: &'_ Layer| {
            // A snake through steps goes forward.
            let turned = !matches!(layer.order, Order::Forward | Order::Snake) && !layer.token.is_identity();
            let not_causal = |place: &Place| {
                let mixer = layer.mixer(*place);
                (*place == Place::Token && turned) || !mixer.block(*place).causal(&mixer.settings)
            };
            Place::ALL.into_iter().find(not_causal)
        };
        let mut layers = self.layers.iter().enumerate();
        layers.find_map(|(number, layer)| Some((number, layer.mixer(ahead(layer)?).kind.as_str())))
    }

    /// Rank of what each run of a layer adds to shared weights; 0 where none are shared.
    pub fn rank_of(&self, layer: usize) -> usize {
        if self.runs_of(layer) > 1 { self.layers[layer].rank } else { 0 }
    }

    /// `mamba+glu ×2 · attention+mlp`: what one reads in a table.
    pub fn summary(&self) -> String {
        let shown = |layer: &Layer| match layer.part {
            part if part > 0 && self.skeleton != Skeleton::Stack => format!("{layer} [{part}]"),
            _ => layer.to_string(),
        };
        let layers: Vec<_> = self.layers.iter().map(shown).collect();
        let mut stack = if layers.is_empty() { "linear".to_string() } else { layers.join(" · ") };
        let Sharing { pattern, passes, projection, depth, epsilon } = self.sharing;
        if pattern != Pattern::None {
            stack += &format!(" | {} ×{passes}", name_of(&pattern));
            stack += if projection { ", projected" } else { "" };
            if depth != Depth::Fixed {
                stack += &format!(", {}", name_of(&depth));
            }
            if depth == Depth::Converge {
                stack += &format!(" within {epsilon}");
            }
        }
        if self.skeleton != Skeleton::Stack {
            stack += &format!(" | {}", self.skeleton);
        }
        if self.position != Position::None {
            stack += &format!(" | {} positions", name_of(&self.position));
        }
        if self.tokens != Tokenizer::Steps {
            stack += &format!(" | {}", self.tokens);
        }
        if self.layout != Layout::Steps {
            stack += &format!(" | {}", name_of(&self.layout));
        }
        if !self.inherits.is_empty() {
            stack += " | inherits";
        }
        stack += &format!(" | width {}, {}", self.width, name_of(&self.pooling));
        if self.head != Head::Linear {
            stack += &format!(", {}", name_of(&self.head));
        }
        if self.training.prefixes > 1 {
            stack += &format!(", {} prefixes", self.training.prefixes);
        }
        stack
    }

    /// Widths of the beginnings of a vector that the head learns to read, the whole first.
    pub fn prefixes(&self) -> impl Iterator<Item = usize> {
        (0..self.training.prefixes).map(|halvings| self.width >> halvings)
    }
}

/// The name under which a field is written: lower case, words joined by hyphens.
pub(super) fn name_of(value: &impl fmt::Debug) -> String {
    let mut name = String::new();
    for letter in format!("{value:?}").chars() {
        if letter.is_uppercase() && !name.is_empty() {
            name.push('-');
        }
        name.extend(letter.to_lowercase());
    }
    name
}

impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mixers: Vec<_> = [&self.token, &self.channel]
            .into_iter()
            .filter(|m| !m.is_identity())
            .map(|m| m.kind.as_str())
            .collect();
        f.write_str(&if mixers.is_empty() { "identity".into() } else { mixers.join("+") })?;
        match self.order {
            Order::Forward => {}
            Order::Reverse => f.write_str(" ←")?,
            Order::Bidirectional => f.write_str(" ↔")?,
            snakes => write!(f, " {}", name_of(&snakes))?,
        }
        if self.repeat > 1 {
            write!(f, " ×{}", self.repeat)?;
        }
        if self.rank > 0 { write!(f, " +rank {}", self.rank) } else { Ok(()) }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Token => "token",
            Self::Channel => "channel",
        })
    }
}

impl Keyed for Genome {
    fn write_key(&self, out: &mut KeyWriter) {
        out.u64(u64::from(self.version));
        out.u64(self.width as u64);
        out.text(&name_of(&self.layout));
        out.text(&name_of(&self.norm));
        out.text(&name_of(&self.position));
        out.text(&name_of(&self.pooling));
        let Sharing { pattern, passes, projection, depth, epsilon } = self.sharing;
        out.text(&name_of(&pattern));
        out.u64(passes as u64);
        if self.sharing != (Sharing { pattern, passes, ..Sharing::default() }) {
            out.bool(projection);
            out.text(&name_of(&depth));
            out.f64(epsilon);
        }
        out.list(&self.layers, |out, layer| {
            layer.token.write_key(out);
            out.text(&name_of(&layer.order));
            layer.channel.write_key(out);
            out.u64(layer.repeat as u64);
            out.u64(layer.rank as u64);
        });
        self.training.write_key(out);
        self.tokens.write_key(out);
        if self.head != Head::Linear {
            out.text(&name_of(&self.head));
        }
        if self.skeleton != Skeleton::Stack {
            out.text(&self.skeleton.to_string());
            out.list(&self.layers, |out, layer| out.u64(layer.part as u64));
        }
        self.write_parents(out);
    }
}

impl Keyed for Mixer {
    fn write_key(&self, out: &mut KeyWriter) {
        out.text(&self.kind);
        let genes: Vec<_> = self.settings.0.iter().collect();
        out.list(&genes, |out, (gene, value)| {
            out.text(gene);
            match value {
                Value::Flag(flag) => out.bool(*flag),
                Value::Number(number) => out.u64(*number as u64),
                Value::Word(word) => out.text(word),
            }
        });
    }
}

impl Keyed for Training {
    fn write_key(&self, out: &mut KeyWriter) {
        out.f64(self.learning_rate);
        out.f64(self.weight_decay);
        out.f64(self.dropout);
        if self.prefixes > 1 {
            out.u64(self.prefixes as u64);
        }
    }
}

/// A genome as it is read, before it is checked.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    #[serde(default = "version")]
    version: u32,
    #[serde(default = "width")]
    width: usize,
    #[serde(default)]
    tokens: Tokenizer,
    #[serde(default)]
    layout: Layout,
    #[serde(default)]
    norm: Norm,
    #[serde(default)]
    position: Position,
    #[serde(default)]
    pooling: Pooling,
    #[serde(default)]
    head: Head,
    #[serde(default, deserialize_with = "layers")]
    layers: Vec<Layer>,
    #[serde(default)]
    skeleton: Skeleton,
    #[serde(default)]
    sharing: Sharing,
    #[serde(default)]
    training: Training,
    #[serde(default)]
    inherits: Vec<Key>,
}

/// No more than there can be: a layer of three bytes takes two hundred in memory.
fn layers<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Layer>, D::Error> {
    struct Layers;
    impl<'de> Visitor<'de> for Layers {
        type Value = Vec<Layer>;

        fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
            write!(f, "a list of at most {LARGEST} layers")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut listed: A) -> Result<Vec<Layer>, A::Error> {
            let mut layers = Vec::new();
            while let Some(layer) = listed.next_element()? {
                if layers.len() == LARGEST {
                    return Err(serde::de::Error::invalid_length(LARGEST + 1, &self));
                }
                layers.push(layer);
            }
            Ok(layers)
        }
    }
    deserializer.deserialize_seq(Layers)
}

fn one() -> usize {
    1
}
fn version() -> u32 {
    1
}
fn width() -> usize {
    32
}

/// Genomes from elsewhere are untrusted: bounds keep the arithmetic of shapes and costs from overflowing.
const LARGEST: usize = 4096;
const MOST_RANK: usize = 64;

impl TryFrom<Raw> for Genome {
    type Error = String;

    fn try_from(raw: Raw) -> Result<Self, String> {
        let Raw {
            version,
            width,
            tokens,
            layout,
            norm,
            position,
            pooling,
            head,
            layers,
            skeleton,
            sharing,
            training,
            inherits,
        } = raw;
        if version != 1 {
            return Err(format!("genome version {version} is not known; this program reads version 1"));
        }
        Self::check_width(width)?;
        let Training { learning_rate, weight_decay, dropout, prefixes } = training;
        if !(learning_rate > 0.0 && learning_rate <= 1.0 && (0.0..=1.0).contains(&weight_decay)) {
            return Err("learning_rate must be in (0, 1], weight_decay in [0, 1]".into());
        }
        if !(0.0..1.0).contains(&dropout) {
            return Err(format!("dropout {dropout} is not in [0, 1)"));
        }
        if !(1..=Training::MOST_PREFIXES).contains(&prefixes) {
            return Err(format!("prefixes {prefixes} is not from 1 to {}", Training::MOST_PREFIXES));
        }
        let layers = layers
            .into_iter()
            .enumerate()
            .map(|(i, layer)| layer.checked(i))
            .collect::<Result<Vec<_>, _>>()?;
        if !(1..=LARGEST).contains(&sharing.passes) {
            return Err(format!("sharing: passes {} is not from 1 to {LARGEST}", sharing.passes));
        }
        sharing.check(skeleton)?;
        if inherits.len() > Self::PARENTS || inherits.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err(format!("inherits: {} keys; name at most two, each once", inherits.len()));
        }
        let genome = Self {
            version,
            width,
            tokens,
            layout,
            norm,
            position,
            pooling,
            head,
            layers,
            skeleton,
            sharing,
            training,
            inherits,
        };
        let depth = genome.depth();
        if depth > LARGEST {
            return Err(format!("{depth} layers and repetitions are more than {LARGEST}"));
        }
        Ok(genome)
    }
}

impl Layer {
    fn checked(self, number: usize) -> Result<Self, String> {
        if self.repeat == 0 {
            return Err(format!("layer {number}: repeat must be at least 1"));
        }
        if self.rank > MOST_RANK {
            return Err(format!("layer {number}: rank {} is above {MOST_RANK}", self.rank));
        }
        if self.part > Skeleton::DEEPEST {
            return Err(format!("layer {number}: part {} is above {}", self.part, Skeleton::DEEPEST));
        }
        let at = |error| format!("layer {number}: {error}");
        let token = self.token.checked(Place::Token).map_err(at)?;
        let channel = self.channel.checked(Place::Channel).map_err(at)?;
        Ok(Self { token, channel, ..self })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<Genome, String> {
        serde_json::from_str(json).map_err(|error| error.to_string())
    }

    #[test]
    fn missing_fields_take_their_defaults() {
        let genome = read(r#"{"layers": [{"token": {"kind": "attention", "heads": 2}}]}"#).unwrap();
        assert_eq!((genome.width, genome.norm, genome.pooling), (32, Norm::Layer, Pooling::Mean));
        assert_eq!((genome.tokens, genome.layout), (Tokenizer::Steps, Layout::Steps));
        let layer = &genome.layers[0];
        assert_eq!((layer.token.settings.number("heads"), layer.token.settings.flag("causal")), (2, false));
        assert!(layer.channel.is_identity() && layer.repeat == 1);
        assert_eq!(read(&serde_json::to_string(&genome).unwrap()).unwrap(), genome);
    }

    #[test]
    fn patterns_run_layers_in_their_order() {
        for (pattern, expected) in [
            ("none", "00 01 10 20"),
            ("cycle", "00 01 10 20 02 03 11 21"),
            ("sequence", "00 01 02 03 10 11 20 21"),
            ("middle-cycle", "00 01 10 11 20"),
        ] {
            let sharing = format!(r#""sharing": {{"pattern": "{pattern}", "passes": 2}}"#);
            let genome = read(&format!(r#"{{"layers": [{{"repeat": 2}}, {{}}, {{}}], {sharing}}}"#)).unwrap();
            let shown = |run: Run| format!("{}{}", run.layer, run.number);
            let runs: Vec<_> = genome.schedule().into_iter().map(shown).collect();
            assert_eq!((runs.join(" ").as_str(), runs.len()), (expected, genome.depth()), "{pattern}");
            assert_eq!(read(&serde_json::to_string(&genome).unwrap()).unwrap(), genome);
        }
    }

    #[test]
    fn prefixes_are_halves_of_halves() {
        let genome = read(r#"{"width": 24, "training": {"prefixes": 4}}"#).unwrap();
        assert_eq!(genome.prefixes().collect::<Vec<_>>(), [24, 12, 6, 3]);
        assert_eq!(genome.summary(), "linear | width 24, mean, 4 prefixes");
        assert_eq!(read("{}").unwrap().prefixes().collect::<Vec<_>>(), [32]);
    }

    #[test]
    fn layers_are_counted_while_they_are_read() {
        let listed = |count: usize| format!(r#"{{"layers": [{}"#, vec!["{}"; count].join(","));
        assert_eq!(read(&(listed(LARGEST) + "]}")).unwrap().depth(), LARGEST);
        // The list never ends, so whoever reads on fails otherwise.
        let error = read(&(listed(LARGEST + 1) + "[")).unwrap_err();
        assert!(error.contains("expected a list of at most 4096 layers"), "{error}");
    }

    #[test]
    fn what_is_unknown_is_named() {
        for (json, named) in [
            (r#"{"widht": 32}"#, "widht"),
            (r#"{"width": 12}"#, "width 12"),
            (r#"{"version": 2}"#, "version 2"),
            (r#"{"layers": [{"token": {"kind": "hopfield"}}]}"#, "hopfield"),
            (r#"{"layers": [{"token": {"kind": "mlp"}}]}"#, "mlp"),
            (r#"{"layers": [{"token": {"kind": "attention", "headz": 2}}]}"#, "headz"),
            (r#"{"layers": [{"token": {"kind": "attention", "heads": 3}}]}"#, "heads"),
            (r#"{"layers": [{"token": {"kind": "attention", "heads": "many"}}]}"#, "many"),
            (r#"{"layers": [{"repeat": 0}]}"#, "repeat"),
            (r#"{"layers": [{"repeat": 99999999}]}"#, "repetitions"),
            (r#"{"layers": [{}, {}], "sharing": {"pattern": "cycle", "passes": 4000}}"#, "repetitions"),
            (r#"{"sharing": {"pattern": "spiral"}}"#, "spiral"),
            (r#"{"sharing": {"passes": 0}}"#, "passes"),
            (r#"{"sharing": {"pattern": "sequence", "passes": 2, "projection": true}}"#, "projection"),
            (
                r#"{"sharing": {"pattern": "sequence", "passes": 2, "depth": "token-choice"}}"#,
                "depth token-choice",
            ),
            (
                r#"{"skeleton": {"kind": "two-branch"}, "sharing": {"pattern": "cycle", "passes": 2, "projection": true}}"#,
                "projection true is of passes over one stream",
            ),
            (
                r#"{"skeleton": {"kind": "two-branch"}, "sharing": {"pattern": "cycle", "passes": 2, "depth": "converge"}}"#,
                "depth converge is of passes over one stream",
            ),
            (r#"{"sharing": {"depth": "bottomless"}}"#, "bottomless"),
            (r#"{"sharing": {"epsilon": 0}}"#, "epsilon 0"),
            (r#"{"sharing": {"epsilon": 1.5}}"#, "epsilon 1.5"),
            (r#"{"layers": [{"rank": 65}]}"#, "rank 65"),
            (r#"{"position": "somewhere"}"#, "somewhere"),
            (r#"{"layers": [{"part": 3}]}"#, "part 3"),
            (r#"{"skeleton": {"kind": "tree"}}"#, "no kind `tree`"),
            (r#"{"layout": "hexagons"}"#, "hexagons"),
            (r#"{"tokens": {"kind": "patch", "size": 3}}"#, "no `size` 3"),
            (r#"{"pooling": "median"}"#, "median"),
            (r#"{"head": "round"}"#, "round"),
            (r#"{"training": {"dropout": 1.5}}"#, "dropout"),
            (r#"{"training": {"prefixes": 0}}"#, "prefixes 0 is not from 1 to 4"),
            (r#"{"training": {"prefixes": 5}}"#, "prefixes 5"),
            (r#"{"training": {"learning_rate": 0}}"#, "learning_rate"),
        ] {
            let error = read(json).unwrap_err();
            assert!(error.contains(named), "{json}: {error}");
        }
    }
}
