//! Every gene counts: toggling it changes the key, or there is a reason why it cannot matter where it stands, and then
//! the key stays. The same for tensors: changing one changes the response, or there is a reason.

use std::collections::{BTreeMap, BTreeSet};

use hashing::{CandidateHasher, Fingerprint, Rng, TwoStage};
use serde_json::{Value, json};
use spaces::mlp::MlpSpace;
use spaces::nb_macro::MacroSpace;
use spaces::sequence::math::Matrix;
use spaces::sequence::{
    Depth, Genome, Join, Layer, Layout, Mixer, NamedTensor, Network, Norm, Order, Place, Pooling, Run,
    SequenceSpace, Settings, Shape, Skeleton, Tensor, Tokenizer, Training, Weights, blocks,
};
use spaces::{Candidate, Space, cell101, cell201, nb_graph};

/// Sampled, then mutated some times.
fn drawn<S: Space>(space: &S, count: u64) -> impl Iterator<Item = S::Candidate> + '_ {
    (0..count).map(|n| {
        let rng = &mut Rng::named(5, "genes", n);
        let sampled = space.sample(rng);
        (0..rng.below(12)).fold(sampled, |candidate, _| space.mutate(&candidate, rng))
    })
}

/// A gene by its path in the JSON form, and the candidate with another value of it.
type Toggle<C> = (String, C);

/// Checks the law in both directions; says how often each reason was given, and which genes changed a key.
struct Law<'a, S: Space> {
    space: &'a S,
    hasher: TwoStage,
    reasons: BTreeMap<&'static str, usize>,
    live: BTreeSet<String>,
    broken: Vec<String>,
    toggles: usize,
}

impl<'a, S: Space> Law<'a, S> {
    fn of(space: &'a S) -> Self {
        let (reasons, live, broken) = Default::default();
        Self { space, hasher: TwoStage::default(), reasons, live, broken, toggles: 0 }
    }

    fn key(&self, candidate: &S::Candidate) -> Fingerprint {
        self.hasher.identify(&self.space.canonicalize(candidate)).unwrap().fingerprint
    }

    fn check(
        &mut self,
        candidate: &S::Candidate,
        toggles: Vec<Toggle<S::Candidate>>,
        inert: impl Fn(&S::Candidate, &S::Candidate, &str) -> Option<&'static str>,
    ) {
        let key = self.key(candidate);
        for (gene, toggled) in toggles {
            assert_ne!(*candidate, toggled, "{gene} was not toggled");
            self.toggles += 1;
            let reason = inert(candidate, &toggled, &gene);
            if (self.key(&toggled) == key) != reason.is_some() {
                let what = reason.unwrap_or("nothing explains an equal key");
                self.broken.push(format!("{gene} ({what})\n  {}\n  {}", text(candidate), text(&toggled)));
            }
            match reason {
                Some(reason) => *self.reasons.entry(reason).or_default() += 1,
                None => drop(self.live.insert(without_numbers(&gene))),
            }
        }
    }

    /// The law holds, every one of these genes changed a key, and every one of these reasons was met.
    fn assert_held(&self, genes: &[&str], reasons: &[&str]) {
        let broken = &self.broken[..self.broken.len().min(12)];
        assert!(broken.is_empty(), "{} times, as\n{}", self.broken.len(), broken.join("\n"));
        println!(
            "{}: {} toggles, {} of them inert",
            self.space.name(),
            self.toggles,
            self.reasons.values().sum::<usize>()
        );
        let met: Vec<_> = self.reasons.keys().copied().collect();
        assert_eq!(self.live.iter().collect::<Vec<_>>(), genes, "{:?}", self.reasons);
        assert_eq!(met, reasons, "{:?}", self.reasons);
    }
}

fn text(candidate: &impl Candidate) -> String {
    serde_json::to_string(candidate).unwrap()
}

fn without_numbers(path: &str) -> String {
    path.split('/').filter(|part| part.parse::<usize>().is_err()).collect::<Vec<_>>().join("/")
}

/// Paths of all leaves of a JSON value.
fn leaves(value: &Value) -> Vec<String> {
    let children: Vec<(String, &Value)> = match value {
        Value::Object(fields) => fields.iter().map(|(name, value)| (name.clone(), value)).collect(),
        Value::Array(items) => items.iter().enumerate().map(|(i, value)| (i.to_string(), value)).collect(),
        _ => return vec![String::new()],
    };
    let under = |(name, value): (String, &Value)| {
        leaves(value).into_iter().map(|path| format!("/{name}{path}")).collect::<Vec<_>>()
    };
    children.into_iter().flat_map(under).collect()
}

/// The candidate with each of the other values, by path. A mixer of another kind has the defaults of that kind.
fn toggled<C: Candidate>(candidate: &C, choices: impl Fn(&Value, &str) -> Vec<Value>) -> Vec<Toggle<C>> {
    let json = serde_json::to_value(candidate).unwrap();
    let mut all = Vec::new();
    for path in leaves(&json) {
        let now = json.pointer(&path).unwrap();
        for other in choices(&json, &path).into_iter().filter(|other| other != now) {
            let mut json = json.clone();
            match path.strip_suffix("/kind") {
                Some(mixer) => *json.pointer_mut(mixer).unwrap() = json!({ "kind": other }),
                None => *json.pointer_mut(&path).unwrap() = other,
            }
            all.push((path.clone(), serde_json::from_value(json).unwrap()));
        }
    }
    all
}

mod sequence {
    use super::*;

    pub fn choices(genome: &Value, path: &str) -> Vec<Value> {
        let list = |choices: &[&str]| choices.iter().map(|choice| json!(choice)).collect();
        let (before, name) = path.rsplit_once('/').unwrap();
        match name {
            "version" => Vec::new(),
            "width" => vec![json!(16), json!(32), json!(64)],
            "layout" => list(&["steps", "grid"]),
            "kind" if before == "/skeleton" => choices_of_skeleton(genome),
            "join" => list(&["sum", "concat"]),
            "part" => vec![json!(0), json!(1), json!(2)],
            "kind" if before == "/tokens" => list(&Tokenizer::KINDS),
            "size" if before == "/tokens" => Tokenizer::SIZES.map(|size| json!(size)).to_vec(),
            "norm" => list(&["layer", "rms"]),
            "pooling" => list(&["mean", "max", "last", "attention", "step-mean"]),
            "head" => list(&["linear", "simplex"]),
            "position" if before.is_empty() => list(&["none", "learned", "decay"]),
            "pattern" | "passes" | "projection" | "depth" | "epsilon" => choices_of_sharing(genome, name),
            "rank" => vec![json!(0), json!(2)],
            "order" => list(&["forward", "reverse", "bidirectional", "snake", "snake2", "snake4"]),
            "repeat" => vec![json!(1), json!(2), json!(3)],
            "learning_rate" => Training::LEARNING_RATES.map(|rate| json!(rate)).to_vec(),
            "weight_decay" => Training::WEIGHT_DECAYS.map(|decay| json!(decay)).to_vec(),
            "dropout" => Training::DROPOUTS.map(|dropout| json!(dropout)).to_vec(),
            "prefixes" => Training::PREFIXES.map(|prefixes| json!(prefixes)).to_vec(),
            _ if before.ends_with("/token") => choices_of_mixer(genome, Place::Token, before, name),
            _ if before.ends_with("/channel") => choices_of_mixer(genome, Place::Channel, before, name),
            _ => panic!("no choices of {path}"),
        }
    }

    /// Those that go together with the other genes of how layers are shared.
    fn choices_of_sharing(genome: &Value, gene: &str) -> Vec<Value> {
        let mut choices = match gene {
            "pattern" => ["none", "cycle", "sequence", "middle-cycle"].map(|choice| json!(choice)).to_vec(),
            "passes" => vec![json!(1), json!(2), json!(3)],
            "projection" => vec![json!(false), json!(true)],
            "epsilon" => Depth::EPSILONS.map(|epsilon| json!(epsilon)).to_vec(),
            _ => Depth::ALL.map(|depth| json!(depth)).to_vec(),
        };
        let mut genome = genome.clone();
        choices.retain(|choice| {
            genome["sharing"][gene] = choice.clone();
            serde_json::from_value::<Genome>(genome.clone()).is_ok()
        });
        choices
    }

    /// Those that go together with how layers are shared.
    fn choices_of_skeleton(genome: &Value) -> Vec<Value> {
        let mut genome = genome.clone();
        let mut fits = |kind: &&str| {
            genome["skeleton"] = json!({ "kind": kind });
            serde_json::from_value::<Genome>(genome.clone()).is_ok()
        };
        Skeleton::KINDS.into_iter().filter(|kind| fits(kind)).map(|kind| json!(kind)).collect()
    }

    fn choices_of_mixer(genome: &Value, place: Place, mixer: &str, gene: &str) -> Vec<Value> {
        if gene == "kind" {
            return blocks::at(place).map(|block| json!(block.name())).collect();
        }
        let kind = genome.pointer(&format!("{mixer}/kind")).unwrap().as_str().unwrap();
        let genes = blocks::find(place, kind).unwrap().genes();
        let gene = genes.into_iter().find(|listed| listed.name == gene).unwrap();
        gene.choices.iter().map(|choice| serde_json::to_value(choice).unwrap()).collect()
    }

    pub fn inert(before: &Genome, after: &Genome, gene: &str) -> Option<&'static str> {
        let parts: Vec<&str> = gene.split('/').skip(1).collect();
        match parts[..] {
            ["training", "dropout"] if before.layers.iter().all(adds_nothing) => Some("nothing is added"),
            ["sharing", "epsilon"] if before.sharing.depth != Depth::Converge => Some("nothing converges"),
            ["sharing", "projection" | "depth" | "epsilon"] => {
                before.passes().or(after.passes()).is_none().then_some("nothing is passed")
            }
            ["skeleton", _] | ["layers", _, "part"] => (put_together(before) == put_together(after))
                .then_some("the layers are put together in the same way"),
            ["sharing", _] => (put_together(before) == put_together(after)
                && before.passes() == after.passes())
            .then_some("the same layers are run in the same order"),
            ["layers", number, ref gene @ ..] => {
                let number: usize = number.parse().unwrap();
                inert_in_layer(before, number, &after.layers[number], gene)
            }
            _ => None,
        }
    }

    fn runs(genome: &Genome) -> Vec<Run> {
        let mut runs = genome.schedule();
        runs.retain(|run| !adds_nothing(&genome.layers[run.layer]));
        runs
    }

    /// A layer, how often it has been run before, and how often the tokens that it reads are pooled.
    type Placed = (usize, usize, usize);

    /// Which layers run, in which order, and where in the skeleton they stand.
    fn put_together(genome: &Genome) -> (Skeleton, [Vec<Placed>; 2]) {
        let runs = runs(genome);
        let of_branch = |branch: usize| -> Vec<Placed> {
            let here = |run: &&Run| genome.skeleton.branch(genome.layers[run.layer].part) == branch;
            let shown = |run: &Run| (run.layer, run.number, genome.level(run.layer));
            runs.iter().filter(here).map(shown).collect()
        };
        let mut branches = [of_branch(0), of_branch(1)];
        let concatenated = genome.skeleton == Skeleton::TwoBranch { join: Join::Concat };
        if !concatenated {
            branches.sort();
        }
        let pooled = branches.iter().flatten().any(|(.., level)| *level > 0);
        let stacked = !concatenated && !pooled && branches[0].is_empty();
        (if stacked { Skeleton::Stack } else { genome.skeleton }, branches)
    }

    fn adds_nothing(layer: &Layer) -> bool {
        layer.token.is_identity() && layer.channel.is_identity()
    }

    fn inert_in_layer(before: &Genome, number: usize, after: &Layer, gene: &[&str]) -> Option<&'static str> {
        let layer = &before.layers[number];
        let forward = |layer: &Layer| {
            layer.order == Order::Forward || layer.order == Order::Snake && before.layout == Layout::Steps
        };
        let one_way = |layer: &Layer| layer.order == Order::Reverse || forward(layer);
        let gates_by_others = |layer: &Layer| layer.channel.kind == "se";
        let is_pointwise = |layer: &Layer| layer.token.is_identity() && !gates_by_others(layer);
        let trains_by_all_steps =
            |layer: &Layer| layer.channel.block(Place::Channel).penalizes(&layer.channel.settings);
        let last = before.pooling == Pooling::Last
            && put_together(before).0 == Skeleton::Stack
            && before.layout == Layout::Steps
            && before.runs_of(number) == 1
            && before.layers[number + 1..].iter().all(is_pointwise)
            && !before.layers[number..].iter().any(trains_by_all_steps)
            && !routes_by_all_steps(before, number);
        match gene {
            ["order"] if layer.token.is_identity() => Some("nothing is ordered"),
            ["order"] if before.layout == Layout::Steps && forward(layer) && forward(after) => {
                Some("a snake through steps goes forward")
            }
            ["order"] if one_way(layer) && one_way(after) => {
                let (block, settings) = (layer.token.block(Place::Token), &layer.token.settings);
                let only_run = block.of_run(settings, 0).filter(|_| before.runs_of(number) == 1);
                let reversible = block.reversible(only_run.as_ref().unwrap_or(settings));
                reversible.then_some("the mixer does not know the order")
            }
            ["token", "strided" | "regroup"] if layer.token.settings.number("groups") == 1 => {
                Some("one group has every step")
            }
            ["token", "regroup"] => (before.runs_of(number) == 1).then_some("nothing is shared"),
            ["token", "causal"] if last => {
                let forward = forward(layer) && !gates_by_others(layer);
                forward.then_some("the last step sees everything")
            }
            ["channel", "context"] if last => Some("the last step sees everything"),
            ["token", gene]
                if (before.layout == Layout::Steps || layer.order.snakes() > 0)
                    && is_mamba(layer, after, gene) =>
            {
                Some("there is one column")
            }
            ["rank"] if adds_nothing(layer) => Some("nothing is corrected"),
            ["rank"] => (before.runs_of(number) == 1).then_some("nothing is shared"),
            ["repeat"] if adds_nothing(layer) => Some("nothing is repeated"),
            ["channel", gene] if layer.channel.kind == "moe" => {
                inert_in_mixture(&layer.channel.settings, &after.channel, gene)
            }
            _ => None,
        }
    }

    /// Whether one of two token mixers that differ in this gene is Mamba, and the other one Chimera without cross terms.
    fn is_mamba(before: &Layer, after: &Layer, gene: &str) -> bool {
        let uncrossed = |mixer: &Mixer| mixer.kind == "chimera" && !mixer.settings.flag("cross");
        let euler = |mixer: &Mixer| mixer.kind == "mamba" && mixer.settings.word("discretization") == "euler";
        let same =
            |a: &Mixer, b: &Mixer| uncrossed(a) && euler(b) && a.settings.0["state"] == b.settings.0["state"];
        gene == "kind" && (same(&before.token, &after.token) || same(&after.token, &before.token))
    }

    /// Whether passes, over this layer or a later one, train routers by what they make of all steps.
    fn routes_by_all_steps(genome: &Genome, number: usize) -> bool {
        let mut runs = genome.turns().passes.into_iter().flatten();
        genome.passes().is_some_and(|passes| passes.penalizes()) && runs.any(|run| run.layer >= number)
    }

    /// Without a shared expert, one expert is a perceptron, and all others of its genes are dead.
    fn inert_in_mixture(before: &Settings, after: &Mixer, gene: &str) -> Option<&'static str> {
        let one = before.number("experts") == 1;
        let all_asked = |settings: &Settings| settings.number("top") >= settings.number("experts");
        let dead = match gene {
            "kind" => {
                let same = |gene: &str| before.0[gene] == after.settings.0[gene];
                one && !before.flag("shared") && after.kind == "mlp" && same("ratio") && same("activation")
            }
            "top" => all_asked(before) && all_asked(&after.settings),
            "balance" | "normalize" => all_asked(before),
            _ => false,
        };
        dead.then_some(if one { "there is one expert" } else { "all experts are asked" })
    }
}

#[test]
fn every_gene_of_a_stack_reaches_the_key_or_is_inert_for_a_reason() {
    let space = SequenceSpace::default();
    let mut law = Law::of(&space);
    let seldom_drawn = [
        r#"{"layers": [{}]}"#,
        r#"{"layers": [{"token": {"kind": "lightnet"}, "channel": {"kind": "moe"}}], "pooling": "last"}"#,
        r#"{"layers": [{"channel": {"kind": "se"}}, {"channel": {"kind": "moe"}}], "pooling": "last"}"#,
        r#"{"layers": [{"token": {"kind": "chimera", "cross": false}}]}"#,
        r#"{"layers": [{"token": {"kind": "lightnet"}}, {"channel": {"kind": "mlp"}}, {}], "pooling": "last",
            "sharing": {"pattern": "middle-cycle", "passes": 2, "projection": true}}"#,
        r#"{"layers": [{"token": {"kind": "gru"}}, {}, {"token": {"kind": "attention"}, "part": 1}], "pooling": "last",
            "skeleton": {"kind": "two-branch"}}"#,
        r#"{"layers": [{"token": {"kind": "gru"}, "part": 2}, {"part": 1}, {"channel": {"kind": "mlp"}}],
            "skeleton": {"kind": "two-branch", "join": "concat"}, "training": {"dropout": 0.1}}"#,
        r#"{"layers": [{"token": {"kind": "attention"}, "part": 1}, {"channel": {"kind": "mlp"}, "part": 2}, {"part": 1}],
            "skeleton": {"kind": "u-shape"}, "pooling": "last",
            "sharing": {"pattern": "middle-cycle", "passes": 2, "depth": "token-choice"}}"#,
    ];
    for genome in drawn(&space, 200).chain(seldom_drawn.map(|json| serde_json::from_str(json).unwrap())) {
        let mut toggles = toggled(&genome, sequence::choices);
        toggles.retain(|(_, toggled)| space.check(toggled).is_ok());
        law.check(&genome, toggles, sequence::inert);
    }
    let mut genes: BTreeSet<String> = ["head", "layout", "norm", "pooling", "position", "width"]
        .into_iter()
        .chain([
            "sharing/depth",
            "sharing/epsilon",
            "sharing/passes",
            "sharing/pattern",
            "sharing/projection",
        ])
        .chain(["tokens/kind", "tokens/size", "skeleton/kind", "skeleton/join"])
        .chain(["layers/order", "layers/part", "layers/rank", "layers/repeat"])
        .chain(["training/dropout", "training/learning_rate", "training/prefixes", "training/weight_decay"])
        .map(|gene| format!("/{gene}"))
        .collect();
    for &block in blocks::ALL {
        genes.insert(format!("/layers/{}/kind", block.place()));
        genes.extend(block.genes().iter().map(|gene| format!("/layers/{}/{}", block.place(), gene.name)));
    }
    let reasons = [
        "a snake through steps goes forward",
        "all experts are asked",
        "nothing converges",
        "nothing is added",
        "nothing is corrected",
        "nothing is ordered",
        "nothing is passed",
        "nothing is repeated",
        "nothing is shared",
        "one group has every step",
        "the last step sees everything",
        "the layers are put together in the same way",
        "the mixer does not know the order",
        "the same layers are run in the same order",
        "there is one column",
        "there is one expert",
    ];
    law.assert_held(&genes.iter().map(String::as_str).collect::<Vec<_>>(), &reasons);
}

/// Vertices that 0 reaches and vertices that reach the last one, along edges given as pairs.
fn on_the_way(vertices: usize, edges: &[(usize, usize)]) -> (BTreeSet<usize>, BTreeSet<usize>) {
    let (mut fed, mut read) = (BTreeSet::from([0]), BTreeSet::from([vertices - 1]));
    for _ in 0..vertices {
        for (from, to) in edges {
            fed.extend(fed.contains(from).then_some(*to));
            read.extend(read.contains(to).then_some(*from));
        }
    }
    (fed, read)
}

mod cells201 {
    use super::*;
    use cell201::{Cell, EDGES, Operation};

    pub fn toggles(cell: &Cell) -> Vec<Toggle<Cell>> {
        let edges = (0..EDGES.len()).flat_map(|edge| {
            let others = Operation::ALL.into_iter().filter(move |op| *op != cell.operations[edge]);
            others.map(move |other| {
                let mut toggled = *cell;
                toggled.operations[edge] = other;
                (format!("/arch/{edge}"), toggled)
            })
        });
        let poolings = spaces::Pooling::ALL.into_iter().filter(|pooling| *pooling != cell.pooling);
        edges.chain(poolings.map(|pooling| ("/pooling".into(), Cell { pooling, ..*cell }))).collect()
    }

    pub fn inert(cell: &Cell, _: &Cell, gene: &str) -> Option<&'static str> {
        let carrying: Vec<_> = (0..EDGES.len()).filter(|e| cell.operations[*e] != Operation::None).collect();
        let edges: Vec<_> = carrying.into_iter().map(|edge| EDGES[edge]).collect();
        let (fed, read) = on_the_way(4, &edges);
        let live = |edge: usize| fed.contains(&EDGES[edge].0) && read.contains(&EDGES[edge].1);
        match gene.strip_prefix("/arch/") {
            Some(edge) => (!live(edge.parse().unwrap())).then_some("on no way from input to output"),
            None => {
                let pools = (0..EDGES.len()).any(|e| cell.operations[e] == Operation::Pool && live(e));
                (!pools).then_some("nothing is pooled")
            }
        }
    }
}

#[test]
fn every_gene_of_a_cell_of_nas_bench_201_reaches_the_key_or_is_inert_for_a_reason() {
    for pooling in spaces::Pooling::ALL {
        let space = cell201::CellSpace { pooling };
        let mut law = Law::of(&space);
        for cell in drawn(&space, 300) {
            law.check(&cell, cells201::toggles(&cell), cells201::inert);
        }
        law.assert_held(&["/arch", "/pooling"], &["nothing is pooled", "on no way from input to output"]);
    }
}

mod cells101 {
    use super::*;
    use cell101::Cell;

    const OPERATIONS: [&str; 3] = ["conv1x1-bn-relu", "conv3x3-bn-relu", "maxpool3x3"];

    /// The upper triangle of the matrix, the operations between the ends, and what pooling is.
    pub fn toggles(cell: &Cell) -> Vec<Toggle<Cell>> {
        let mut toggles = toggled(cell, |json, path| {
            let last = json["ops"].as_array().unwrap().len() - 1;
            match path.split('/').skip(1).collect::<Vec<_>>()[..] {
                ["matrix", from, to] if from.parse::<usize>().unwrap() < to.parse().unwrap() => {
                    vec![json!(0), json!(1)]
                }
                ["ops", vertex] if (1..last).contains(&vertex.parse().unwrap()) => {
                    OPERATIONS.map(|op| json!(op)).to_vec()
                }
                _ => Vec::new(),
            }
        });
        let poolings = spaces::Pooling::ALL.into_iter().filter(|pooling| *pooling != cell.pooling());
        toggles.extend(poolings.map(|pooling| {
            let mut json = serde_json::to_value(cell).unwrap();
            json["pooling"] = serde_json::to_value(pooling).unwrap();
            ("/pooling".to_string(), serde_json::from_value(json).unwrap())
        }));
        toggles
    }

    pub fn inert(cell: &Cell, _: &Cell, gene: &str) -> Option<&'static str> {
        let json = serde_json::to_value(cell).unwrap();
        let vertices = cell.vertices();
        let pairs = (0..vertices).flat_map(|from| (from + 1..vertices).map(move |to| (from, to)));
        let edges: Vec<_> = pairs.filter(|(from, to)| json["matrix"][from][to] == 1).collect();
        let (fed, read) = on_the_way(vertices, &edges);
        let live = |vertex: usize| fed.contains(&vertex) && read.contains(&vertex);
        let dead = match gene.split('/').skip(1).collect::<Vec<_>>()[..] {
            ["matrix", from, to] => {
                !(fed.contains(&from.parse().unwrap()) && read.contains(&to.parse().unwrap()))
            }
            ["ops", vertex] => !live(vertex.parse().unwrap()),
            _ => {
                let pools = (0..vertices).any(|vertex| json["ops"][vertex] == OPERATIONS[2] && live(vertex));
                return (!pools).then_some("nothing is pooled");
            }
        };
        dead.then_some("on no way from input to output")
    }
}

#[test]
fn every_gene_of_a_cell_of_nas_bench_101_reaches_the_key_or_is_inert_for_a_reason() {
    for pooling in spaces::Pooling::ALL {
        let space = cell101::CellSpace { pooling, ..Default::default() };
        let mut law = Law::of(&space);
        for cell in drawn(&space, 300) {
            let mut toggles = cells101::toggles(&cell);
            // What has too many edges without its dead ones, or no way through, is outside of the space.
            toggles.retain(|(_, toggled)| {
                let canonical = space.canonicalize(toggled);
                canonical.edges() > 0 && space.check(&canonical).is_ok()
            });
            law.check(&cell, toggles, cells101::inert);
        }
        let reasons = ["nothing is pooled", "on no way from input to output"];
        law.assert_held(&["/matrix", "/ops", "/pooling"], &reasons);
    }
}

mod networks {
    use super::*;
    use nb_graph::{Cell, LINKS, NODES, Operation};

    pub fn choices(_: &Value, path: &str) -> Vec<Value> {
        match path {
            "/links" => LINKS.map(|links| json!(links.map(|n| n.to_string()).concat())).to_vec(),
            _ => Operation::ALL.map(|operation| json!(operation)).to_vec(),
        }
    }

    pub fn inert(before: &Cell, after: &Cell, _: &str) -> Option<&'static str> {
        let (nodes, outputs) = trained(before);
        let other = trained(after);
        let renamed = |names: &[usize]| {
            let name = |node: usize| if node == 0 { 0 } else { names[node - 1] };
            let nodes = nodes.iter().map(|(node, op, source)| (name(*node), *op, name(*source))).collect();
            let mut outputs: Vec<usize> = outputs.iter().map(|node| name(*node)).collect();
            outputs.sort_unstable();
            (nodes, outputs) == other
        };
        permutations(NODES).iter().any(|names| renamed(names)).then_some("the same network in other words")
    }

    /// Nodes that are trained, with what each reads, and what goes to the output.
    fn trained(cell: &Cell) -> (BTreeSet<(usize, Operation, usize)>, Vec<usize>) {
        let (links, operations) = (cell.links(), cell.operations());
        let mut values = vec![0];
        for node in 1..=NODES {
            let skip = operations[node - 1] == Operation::Skip;
            values.push(if skip { values[links[node - 1]] } else { node });
        }
        let nodes = (1..=NODES).filter(|node| values[*node] == *node);
        let nodes = nodes.map(|node| (node, operations[node - 1], values[links[node - 1]])).collect();
        let unread = (1..=NODES).filter(|node| !links.contains(node));
        let mut outputs: Vec<usize> = unread.map(|node| values[node]).collect();
        outputs.sort_unstable();
        (nodes, outputs)
    }

    /// Of 1 to n.
    fn permutations(n: usize) -> Vec<Vec<usize>> {
        if n == 0 {
            return vec![Vec::new()];
        }
        let shorter = permutations(n - 1);
        let with_n = |at: usize| {
            shorter.iter().map(move |names| [&names[..at], &[n], &names[at..]].concat()).collect::<Vec<_>>()
        };
        (0..n).flat_map(with_n).collect()
    }
}

#[test]
fn every_gene_of_a_graph_network_reaches_the_key_or_is_inert_for_a_reason() {
    let space = nb_graph::CellSpace;
    let mut law = Law::of(&space);
    for cell in drawn(&space, 1000) {
        law.check(&cell, toggled(&cell, networks::choices), networks::inert);
    }
    law.assert_held(&["/links", "/ops"], &["the same network in other words"]);
}

#[test]
fn every_digit_of_a_macro_network_reaches_the_key() {
    let digits = |network: &Value, path: &str| {
        let arch = network.pointer(path).unwrap().as_str().unwrap();
        let other = |layer: usize, digit: char| {
            json!(arch.char_indices().map(|(i, c)| if i == layer { digit } else { c }).collect::<String>())
        };
        (0..arch.len()).flat_map(|layer| ['0', '1', '2'].map(|digit| other(layer, digit))).collect()
    };
    let mut law = Law::of(&MacroSpace);
    for network in drawn(&MacroSpace, 300) {
        law.check(&network, toggled(&network, digits), |_, _, _| None);
    }
    law.assert_held(&["/arch"], &[]);
}

#[test]
fn every_gene_of_a_perceptron_reaches_the_key_or_is_inert_for_a_reason() {
    use spaces::mlp::{Activation, Genome, Norm, Training};
    let choices = |_: &Value, path: &str| match path {
        "/depth" => vec![json!(0), json!(1), json!(2), json!(5)],
        "/width" => Genome::WIDTHS.map(Value::from).to_vec(),
        "/embedding" => Genome::EMBEDDINGS.map(Value::from).to_vec(),
        "/activation" => Activation::ALL.map(|it| json!(it)).to_vec(),
        "/norm" => Norm::ALL.map(|it| json!(it)).to_vec(),
        "/residual" => vec![json!(false), json!(true)],
        "/training/learning_rate" => Training::LEARNING_RATES.map(Value::from).to_vec(),
        "/training/weight_decay" => Training::WEIGHT_DECAYS.map(Value::from).to_vec(),
        "/training/dropout" => Training::DROPOUTS.map(Value::from).to_vec(),
        _ => Vec::new(),
    };
    let inert = |genome: &Genome, _: &Genome, path: &str| match path {
        "/width" | "/activation" | "/norm" | "/training/dropout" if genome.depth == 0 => {
            Some("no hidden layer")
        }
        "/residual" if genome.depth < 2 => Some("no hidden layer to add to"),
        _ => None,
    };
    let space = MlpSpace::default();
    let mut law = Law::of(&space);
    for genome in drawn(&space, 300) {
        law.check(&genome, toggled(&genome, choices), inert);
    }
    let genes = [
        "/activation",
        "/depth",
        "/embedding",
        "/norm",
        "/residual",
        "/training/dropout",
        "/training/learning_rate",
        "/training/weight_decay",
        "/width",
    ];
    law.assert_held(&genes, &["no hidden layer", "no hidden layer to add to"]);
}

/// What the table does not have tells nobody apart.
#[test]
fn embeddings_are_inert_where_the_table_has_no_categories() {
    use spaces::mlp::{Genome, Limits};
    let space = MlpSpace::new(Limits { categories: false, ..Limits::default() }).unwrap();
    for genome in drawn(&space, 50) {
        let other = Genome { embedding: 1, ..genome.clone() };
        assert_eq!(space.canonicalize(&genome), space.canonicalize(&other));
    }
}

const SHAPE: Shape = Shape { channels: 3, classes: 4 };

/// Logits under generic values, one tensor drawn anew, in one of several ways.
fn response(network: &Network, redrawn: Option<(&str, u64)>) -> Vec<f64> {
    let normal = |name: &str, n, len: usize| {
        let mut rng = Rng::named(n, name, 0);
        (0..len).map(|_| rng.normal()).collect::<Vec<_>>()
    };
    let cases = [14, 11].map(|length| Matrix::new(length, 3, normal("case", length as u64, 3 * length)));
    let logits = network.forward(&cases, &mut |group, _| {
        let part = |(part, tensors): &(&str, Vec<Tensor>)| {
            let values = tensors.iter().map(|tensor| {
                let name = format!("{}.{part}.{}", group.name, tensor.name);
                let drawing =
                    redrawn.filter(|(redrawn, _)| *redrawn == name).map_or(0, |(_, drawing)| drawing);
                let normal = normal(&name, drawing, tensor.len());
                let (center, spread) = tensor.probe;
                (tensor.name, normal.into_iter().map(|x| center + spread * x).collect())
            });
            Weights(values.collect())
        };
        group.parts.iter().map(part).collect()
    });
    logits.concat()
}

/// Why a tensor of a layer that stands alone is dead.
fn dead(genome: &Genome, tensor: &str) -> Option<&'static str> {
    let layer = &genome.layers[0];
    let (rest, name) = tensor.rsplit_once('.').unwrap();
    let part = rest.rsplit_once('.').unwrap_or_default().1;
    if layer.token.kind == "chimera" && ["log_a_across", "couple_across"].contains(&name) {
        return Some("there is one column");
    }
    if genome.pooling != Pooling::Last || layer.repeat > 1 {
        return None;
    }
    // The last step is the first of a mixer that runs backwards: there it has seen nothing else.
    let backwards = match layer.order {
        Order::Forward | Order::Snake => false,
        // The last step is the last of one mixer and the first of another one, of the same weights.
        Order::Snake2 | Order::Snake4 => return None,
        Order::Reverse => part == "mixer",
        Order::Bidirectional => part == "reverse",
    };
    let settings = &layer.token.settings;
    match (layer.token.kind.as_str(), name) {
        ("rcnn", "w_l" | "v_l") if backwards => Some("nothing stands on that side"),
        ("rcnn", "w_r" | "v_r") if !backwards => Some("nothing stands on that side"),
        _ if !backwards => None,
        ("attention", "w_q" | "w_k") if settings.flag("causal") => Some("one step has all the attention"),
        ("gru" | "lstm" | "elman", "w_hh") | ("para-gru" | "para-lstm", "a") => Some("the state is zero"),
        ("lstm", "p_i" | "p_f") => Some("the state is zero"),
        ("mamba2" | "chimera", "log_a") | ("chimera", "couple") => Some("the state is zero"),
        ("lightnet", "w_k") if settings.flag("causal") => Some("one step has all the attention"),
        ("mamba", "log_a") if settings.word("discretization") == "euler" => Some("the state is zero"),
        _ => None,
    }
}

/// One layer of every block: the default of every gene, then every other choice of one, in every order, under every
/// norm and pooling.
fn single_layers() -> Vec<Genome> {
    let mut mixers: Vec<(Place, Mixer)> = Vec::new();
    for &block in blocks::ALL {
        mixers.push((block.place(), Mixer::of(block)));
        for gene in block.genes() {
            for choice in &gene.choices[1..] {
                let mut mixer = Mixer::of(block);
                mixer.settings.0.insert(gene.name.into(), choice.clone());
                mixers.push((block.place(), mixer));
            }
        }
        if block.name() == "attention" {
            let mut causal = Mixer::of(block);
            causal.settings.0.insert("heads".into(), spaces::sequence::Value::Number(2));
            causal.settings.0.insert("causal".into(), spaces::sequence::Value::Flag(true));
            mixers.push((block.place(), causal));
        }
    }
    let mut genomes = Vec::new();
    for (place, mixer) in mixers {
        let (token, channel) = match place {
            Place::Token => (mixer, Mixer::identity()),
            Place::Channel => (Mixer::identity(), mixer),
        };
        let orders = if place == Place::Token { &Order::ALL[..] } else { &Order::ALL[..1] };
        for order in orders {
            for (norm, pooling) in Norm::ALL.into_iter().flat_map(|norm| Pooling::ALL.map(|p| (norm, p))) {
                let (token, channel) = (token.clone(), channel.clone());
                let layers = vec![Layer { token, order: *order, channel, repeat: 1, rank: 0, part: 0 }];
                let plain: Genome = serde_json::from_str("{}").unwrap();
                genomes.push(Genome { width: 8, norm, pooling, layers, ..plain });
            }
        }
    }
    genomes
}

#[test]
fn every_tensor_reaches_the_response_or_is_dead_for_a_reason() {
    let (mut reasons, mut live) = (BTreeSet::new(), BTreeSet::new());
    for genome in single_layers() {
        let network = Network::new(&genome, SHAPE);
        let usual = response(&network, None);
        for NamedTensor { name, .. } in network.tensors() {
            // What decides between experts may decide alike twice.
            let drawn = (1..=4).map(|drawing| {
                let changed = response(&network, Some((&name, drawing)));
                usual.iter().zip(changed).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
            });
            let change = drawn.fold(0.0, f64::max);
            match dead(&genome, &name) {
                Some(reason) => {
                    assert_eq!(change, 0.0, "{name} is alive ({reason})\n{}", text(&genome));
                    reasons.insert(reason);
                }
                None => {
                    assert!(change > 1e-4, "{name} is dead: {change:e}\n{}", text(&genome));
                    live.insert(name);
                }
            }
        }
    }
    assert_eq!(
        Vec::from_iter(reasons),
        [
            "nothing stands on that side",
            "one step has all the attention",
            "the state is zero",
            "there is one column"
        ]
    );
    assert!(live.len() > 40, "{live:?}");
}
