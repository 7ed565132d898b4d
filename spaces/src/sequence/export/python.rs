//! A network as one self-contained PyTorch module, which holds only the code that it needs.

use std::fmt::Write as _;

use super::head;
use crate::sequence::genome::name_of;
use crate::sequence::{
    Block, Depth, Genome, Join, Layout, Mixer, Network, Norm, Order, Passes, Place, Pooling, Position, Run,
    Skeleton, Tokenizer, Turns, Value, blocks,
};

/// Columns of the Python code.
const WIDEST: usize = 110;

/// `model.py`: `Model`, whose state dict has our tensor names, `load(folder)`, `logits(model, series)` and `CLASSES`.
/// It takes raw series (batch × length × channels) and their lengths.
pub fn model_py(network: &Network, classes: &[String]) -> String {
    assert_eq!(classes.len(), network.shape.classes, "one name a class");
    let names = format!("CLASSES = {}", list_of_strings(classes));
    let mut sections = vec![header(network), if network.pointer.is_some() { String::new() } else { names }];
    if network.genome.layout == Layout::Grid {
        sections[1] += &format!("\nCHANNELS = {}", network.shape.channels);
    }
    if network.genome.tokens != Tokenizer::Steps {
        sections[1] += &format!("\n# Steps of a token.\nSIZE = {}", network.genome.tokens.size());
    }
    sections.extend(fragments(network).into_iter().map(|code| told_the_run(network, code)));
    sections.push(head::class(network));
    sections.push(model(network));
    sections.push(match network.pointer {
        None => include_str!("fragments/load.py").into(),
        Some(_) => include_str!("fragments/load_pointing.py").into(),
    });
    let (head, definitions) = sections.split_at(2);
    let definitions: Vec<_> = definitions.iter().map(|section| section.trim_end()).collect();
    format!("{}\n\n\n{}\n", head.join("\n").trim_end(), definitions.join("\n\n\n"))
}

fn header(network: &Network) -> String {
    let Network { genome, shape, pointer } = network;
    let answer = match pointer {
        None => format!("{} classes", shape.classes),
        Some(_) => "positions of steps".into(),
    };
    format!(
        r#""""Found by fecund: {} channels to {answer}, {} parameters.

{}

Loads with `model.load(folder)`; needs torch and safetensors.
"""

import json
import sys
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import nn
"#,
        shape.channels,
        network.parameters(),
        genome.summary(),
    )
}

/// What the genome uses, each once: norm, blocks in the order of their listing, pooling and the frame around them.
fn fragments(network: &Network) -> Vec<&'static str> {
    let genome = &network.genome;
    let mut parts = vec![match genome.norm {
        Norm::Layer => include_str!("fragments/layer_norm.py"),
        Norm::Rms => include_str!("fragments/rms_norm.py"),
    }];
    let used = |block: &&&dyn Block| {
        genome.layers.iter().any(|layer| layer.mixer(block.place()).kind == block.name())
    };
    for block in blocks::ALL.iter().filter(used) {
        let shared = block.python_shared().iter().copied().filter(|code| !parts.contains(code));
        let code = Some(block.python()).filter(|code| !code.is_empty());
        let code: Vec<_> = shared.chain(code).collect();
        parts.extend(code);
    }
    let position: &[&str] = match genome.position {
        Position::None => &[],
        Position::Learned => &[include_str!("fragments/position_learned.py")],
        Position::Decay => &[blocks::LINEAR_SCAN, include_str!("fragments/position_decay.py")],
        Position::Prior => &[include_str!("fragments/position_prior.py")],
    };
    let position: Vec<_> = position.iter().copied().filter(|code| !parts.contains(code)).collect();
    parts.extend(position);
    let grid = genome.layout == Layout::Grid;
    if grid && genome.position != Position::None {
        parts.push(include_str!("fragments/position_of_grid.py"));
    }
    if !genome.layers.is_empty() {
        parts.push(include_str!("fragments/branch.py"));
    }
    if (0..genome.layers.len()).any(|layer| genome.rank_of(layer) > 0) {
        parts.push(include_str!("fragments/corrected.py"));
    }
    let along_snakes = |layer: &usize| genome.layers[*layer].order.snakes() > 0;
    let mut snakes = (0..genome.layers.len()).filter(along_snakes).peekable();
    if snakes.peek().is_some() {
        parts.push(include_str!("fragments/snake.py"));
    }
    if snakes.any(|layer| genome.rank_of(layer) > 0) {
        parts.push(include_str!("fragments/snake_corrected.py"));
    }
    parts.extend(match genome.skeleton {
        Skeleton::TwoBranch { join: Join::Concat } => Some(include_str!("fragments/join.py")),
        Skeleton::UShape => Some(include_str!("fragments/u_shape.py")),
        Skeleton::Stack | Skeleton::TwoBranch { .. } => None,
    });
    if let Some(passes) = genome.passes() {
        let code = code_of_passes(passes, grid).into_iter().filter(|code| !parts.contains(code));
        let code: Vec<_> = code.collect();
        parts.extend(code);
    }
    parts.extend(head::fragments(network));
    parts.push(include_str!("fragments/input.py"));
    parts.extend(match genome.tokens {
        Tokenizer::Steps => None,
        Tokenizer::Patch { .. } => Some(include_str!("fragments/patches.py")),
        Tokenizer::Values { .. } => Some(include_str!("fragments/values.py")),
    });
    parts.push(match (genome.layout, genome.tokens) {
        (Layout::Steps, _) => include_str!("fragments/embedding.py"),
        (Layout::Grid, Tokenizer::Steps) => include_str!("fragments/embedding_of_channels.py"),
        (Layout::Grid, _) => include_str!("fragments/embedding_of_several.py"),
    });
    parts
}

/// Where mixers differ from run to run, branches tell them which one it is.
fn told_the_run(network: &Network, code: &str) -> String {
    let layers = &network.genome.layers;
    let differs = |mixer: &Mixer| mixer.block(Place::Token).of_run(&mixer.settings, 0).is_some();
    if !layers.iter().any(|layer| differs(&layer.token)) {
        return code.to_string();
    }
    const ARGUMENTS: &str = "(x, mask, run) if isinstance(mixer, Attention) else (x, mask)";
    let plain = "        return getattr(self, name)(x, mask)\n";
    let told = format!("        mixer = getattr(self, name)\n        return mixer(*({ARGUMENTS}))\n");
    let corrected = "        return torch.func.functional_call(mixer, matrices, (x, mask))\n";
    let told_corrected = format!(
        "        arguments = {ARGUMENTS}\n        return torch.func.functional_call(mixer, matrices, arguments)\n"
    );
    code.replace(plain, &told).replace(corrected, &told_corrected)
}

/// What passes need beside the layers.
fn code_of_passes(passes: Passes, grid: bool) -> Vec<&'static str> {
    let mut parts = Vec::new();
    if passes.projection {
        let mixer = Passes::mixer();
        parts.extend([mixer.block(Place::Channel).python(), include_str!("fragments/projection.py")]);
    }
    if matches!(passes.depth, Depth::TokenChoice | Depth::ExpertChoice) {
        parts.push(if grid {
            include_str!("fragments/router_of_grid.py")
        } else {
            include_str!("fragments/router.py")
        });
    }
    if passes.is_routed() && grid {
        parts.push(include_str!("fragments/steps_of_grid.py"));
    }
    if passes.is_routed() {
        parts.push(include_str!("fragments/routed.py"));
    }
    match passes.depth {
        Depth::Fixed => {}
        Depth::Converge => parts.push(include_str!("fragments/converge.py")),
        Depth::TokenChoice => parts.push(include_str!("fragments/token_choice.py")),
        Depth::ExpertChoice => parts.push(include_str!("fragments/expert_choice.py")),
    }
    parts
}

fn model(network: &Network) -> String {
    let Network { genome, shape, pointer } = network;
    let width = genome.width;
    let mut out = format!("class Model(nn.Module):\n    \"\"\"{}\"\"\"\n\n", genome.summary());
    out += "    def __init__(self):\n        super().__init__()\n";
    let _ = writeln!(out, "        self.input = Input({})", shape.channels);
    let _ = writeln!(out, "        self.embedding = Embedding({})", embedding_arguments(network));
    if genome.position != Position::None {
        let _ = writeln!(out, "        self.position = Position({width})");
    }
    let layers: Vec<_> = (0..genome.layers.len()).map(|index| layer_call(network, index)).collect();
    out += &assignment("self.layers", &layers);
    if network.join().is_some() {
        let _ = writeln!(out, "        self.join = Join({width})");
    }
    if let Some(passes) = genome.passes() {
        out += &modules_of_passes(passes, width);
    }
    let head = match pointer {
        None => shape.classes.to_string(),
        Some(pointer) => format!("ends={}", literal(&Value::Flag(pointer.ends))),
    };
    let _ = writeln!(out, "        self.head = Head({width}, {head})");
    out + "\n" + &forward(network)
}

fn modules_of_passes(passes: Passes, width: usize) -> String {
    let list = |name: &str, module: String, count| {
        format!("        self.{name} = nn.ModuleList({module} for _ in range({count}))\n")
    };
    let mut out = String::new();
    match passes.depth {
        Depth::Fixed | Depth::Converge => {}
        Depth::TokenChoice => out += &list("routers", format!("Router({width}, {})", passes.count), 1),
        Depth::ExpertChoice => out += &list("routers", format!("Router({width}, 1)"), passes.count),
    }
    if passes.projection {
        out += &list("projections", format!("Projection({width})"), passes.count);
    }
    out
}

/// What is listed of every run; in a U also how often tokens are pooled by two for it.
fn comment(genome: &Genome) -> &'static str {
    match genome.skeleton {
        Skeleton::UShape => {
            "# Which layer is run, how often it has been before, and how often tokens are pooled by two for it.\n"
        }
        Skeleton::Stack | Skeleton::TwoBranch { .. } => {
            "# Which layer is run, and how often it has been before.\n"
        }
    }
}

/// These runs, as the comment says.
fn listed(genome: &Genome, runs: &[Run]) -> String {
    let run = |Run { layer, number }: &Run| match genome.skeleton {
        Skeleton::UShape => format!("({layer}, {number}, {})", genome.level(*layer)),
        Skeleton::Stack | Skeleton::TwoBranch { .. } => format!("({layer}, {number})"),
    };
    format!("[{}]", runs.iter().map(run).collect::<Vec<_>>().join(", "))
}

/// The loop over these runs, which change x, after `indentation` columns.
fn looped(genome: &Genome, runs: &str, x: &str, indentation: usize) -> String {
    let indentation = " ".repeat(indentation);
    let columns = if genome.layout == Layout::Grid { "CHANNELS" } else { "1" };
    let [run, made] = match genome.skeleton {
        Skeleton::UShape => {
            ["run, level", &format!("at_level(self.layers[layer], {x}, mask, run, level, {columns})")]
        }
        Skeleton::Stack | Skeleton::TwoBranch { .. } => {
            ["run", &format!("self.layers[layer]({x}, mask, run)")]
        }
    };
    format!("{indentation}for layer, {run} in {runs}:\n{indentation}    {x} = {made}\n")
}

/// Two branches, and what joins them.
fn in_branches(genome: &Genome, branches: &[Vec<Run>; 2], join: Join) -> String {
    let mut out = format!("a = b = x\n        {}", comment(genome));
    for (runs, x) in branches.iter().zip(["a", "b"]).filter(|(runs, _)| !runs.is_empty()) {
        out += &looped(genome, &listed(genome, runs), x, 8);
    }
    let joined = match join {
        Join::Sum => "a + b - x",
        Join::Concat => "self.join(a, b)",
    };
    out + &format!("        x = {joined}\n")
}

/// Layers before and after passes, and these.
fn in_passes(genome: &Genome, passes: Passes) -> String {
    let Turns { before, passes: runs_of, after } = genome.turns();
    let mut out = comment(genome).to_string();
    let outside = |runs: &[Run]| match runs {
        [] => String::new(),
        _ => looped(genome, &listed(genome, runs), "x", 8),
    };
    out += &outside(&before);
    let listed: Vec<_> =
        runs_of.iter().map(|runs| format!("            {},\n", listed(genome, runs))).collect();
    let _ = write!(out, "        passes = [\n{}        ]\n", listed.concat());
    if passes.is_routed() {
        out += &routed(genome, passes);
    } else {
        out += "        for runs, projection in zip(passes, self.projections):\n";
        out += &looped(genome, "runs", "x", 12);
        out += "            x = projection(x, mask)\n";
    }
    out + &outside(&after)
}

/// Passes as a function of steps, and who says which of them take it. Of a grid, steps are those of all channels.
fn routed(genome: &Genome, passes: Passes) -> String {
    let grid = genome.layout == Layout::Grid;
    let mut out = "\n        def make(number, x, mask):\n".to_string();
    if grid {
        out += "            x, mask = tokens_of(x), mask.repeat_interleave(CHANNELS, 1)\n";
    }
    out += &looped(genome, "passes[number]", "x", 12);
    let made = if passes.projection { "self.projections[number](x, mask)" } else { "x" };
    let made = if grid { format!("steps_of({made})") } else { made.into() };
    let (function, arguments) = match passes.depth {
        Depth::Fixed => unreachable!("every step takes every pass"),
        Depth::TokenChoice => ("token_choice", "self.routers[0]".to_string()),
        Depth::ExpertChoice => ("expert_choice", "self.routers".into()),
        Depth::Converge => ("converge", format!("{}, {}", passes.epsilon, passes.count)),
    };
    let call = if grid {
        format!("tokens_of({function}(steps_of(x), mask_of_steps(mask), {arguments}, make))")
    } else {
        format!("{function}(x, mask, {arguments}, make)")
    };
    let _ = write!(out, "            return {made}\n\n        x = {call}\n");
    out
}

/// Channels, width and, where every channel has a map of several numbers, how many.
fn embedding_arguments(network: &Network) -> String {
    let (Genome { tokens, layout, width, .. }, channels) = (&network.genome, network.shape.channels);
    match (layout, tokens) {
        (Layout::Steps, _) => format!("{}, {width}", tokens.features() * channels),
        (Layout::Grid, Tokenizer::Steps) => format!("{channels}, {width}"),
        (Layout::Grid, _) => format!("{channels}, {width}, {}", tokens.features()),
    }
}

/// Of the model. Runs are counted only where layers are run again.
fn forward(network: &Network) -> String {
    let genome = &network.genome;
    let mut code = match network.pointer {
        None => include_str!("fragments/forward.py").to_string(),
        Some(_) => include_str!("fragments/forward_pointing.py").to_string(),
    };
    let mut replace = |plain: &str, other: &str| {
        assert!(code.contains(plain), "the fragment has changed");
        code = code.replace(plain, other);
    };
    if genome.pooling == Pooling::None && network.pointer.is_none() {
        replace("Logits, batch × classes, of", "Logits, batch × length × classes, of");
    }
    if genome.layout == Layout::Grid {
        replace(
            "(self.input(x, mask))\n",
            "(self.input(x, mask))
        if mask is not None:
            mask = mask.repeat_interleave(CHANNELS, 1)
",
        );
    }
    if genome.position != Position::None {
        let placed = match genome.layout {
            Layout::Steps => "self.position(x)",
            Layout::Grid => "by_channel(self.position, x)",
        };
        let line = format!("(self.input(x, mask))\n        x = {placed}\n");
        replace("(self.input(x, mask))\n", &line);
    }
    if genome.tokens != Tokenizer::Steps {
        let joined = "x, mask = joined(self.input(x, mask), mask)\n        x = self.embedding(x)\n";
        replace("x = self.embedding(self.input(x, mask))\n", joined);
    }
    const LAYERS: &str = "for layer in self.layers:\n            x = layer(x, mask)\n";
    if let Some(passes) = genome.passes() {
        replace(LAYERS, &in_passes(genome, passes));
    } else if let (Some(branches), Skeleton::TwoBranch { join }) = (genome.branches(), genome.skeleton) {
        replace(LAYERS, &in_branches(genome, &branches, join));
    } else if genome.skeleton == Skeleton::UShape || genome.depth() > genome.layers.len() {
        let counted = looped(genome, &listed(genome, &genome.schedule()), "x", 8);
        replace(LAYERS, &(comment(genome).to_string() + &counted));
    }
    code
}

fn assignment(name: &str, layers: &[Call]) -> String {
    if layers.is_empty() {
        return format!("        {name} = nn.ModuleList()\n");
    }
    let layers: String =
        layers.iter().map(|layer| format!("                {},\n", layer.render(16, 1))).collect();
    format!("        {name} = nn.ModuleList(\n            [\n{layers}            ]\n        )\n")
}

/// A call in Python, laid out as its formatters do: on one line if it fits, else one argument a line.
struct Call {
    name: String,
    arguments: Vec<Argument>,
}

struct Argument {
    keyword: Option<&'static str>,
    value: Expression,
}

enum Expression {
    Text(String),
    Call(Call),
}

impl Call {
    /// At this indentation; `after` columns follow on the last line.
    fn render(&self, indentation: usize, after: usize) -> String {
        let flat = self.flat();
        if indentation + flat.chars().count() + after <= WIDEST {
            return flat;
        }
        let inner = indentation + 4;
        let lines: String = self
            .arguments
            .iter()
            .map(|argument| format!("{}{},\n", " ".repeat(inner), argument.render(inner)))
            .collect();
        format!("{}(\n{lines}{})", self.name, " ".repeat(indentation))
    }

    fn flat(&self) -> String {
        let arguments: Vec<_> = self.arguments.iter().map(Argument::flat).collect();
        format!("{}({})", self.name, arguments.join(", "))
    }
}

impl Argument {
    fn plain(text: String) -> Self {
        Self { keyword: None, value: Expression::Text(text) }
    }

    fn positional(call: Call) -> Self {
        Self { keyword: None, value: Expression::Call(call) }
    }

    fn text(keyword: &'static str, text: impl ToString) -> Self {
        Self { keyword: Some(keyword), value: Expression::Text(text.to_string()) }
    }

    fn call(keyword: &'static str, call: Call) -> Self {
        Self { keyword: Some(keyword), value: Expression::Call(call) }
    }

    fn prefix(&self) -> String {
        self.keyword.map_or_else(String::new, |keyword| format!("{keyword}="))
    }

    fn render(&self, indentation: usize) -> String {
        let prefix = self.prefix();
        match &self.value {
            Expression::Text(text) => prefix + text,
            Expression::Call(call) => {
                let rendered = call.render(indentation, prefix.len() + 1);
                prefix + &rendered
            }
        }
    }

    fn flat(&self) -> String {
        match &self.value {
            Expression::Text(text) => self.prefix() + text,
            Expression::Call(call) => self.prefix() + &call.flat(),
        }
    }
}

fn layer_call(network: &Network, index: usize) -> Call {
    let layer = &network.genome.layers[index];
    let mut arguments = Vec::new();
    for (place, keyword) in [(Place::Token, "token"), (Place::Channel, "channel")] {
        if !layer.mixer(place).is_identity() {
            arguments.push(Argument::call(keyword, branch_call(network, index, place)));
        }
    }
    Call { name: "Layer".into(), arguments }
}

fn branch_call(network: &Network, index: usize, place: Place) -> Call {
    let genome = &network.genome;
    let layer = &genome.layers[index];
    // Along a snake there are no columns.
    let grid = genome.layout == Layout::Grid && layer.order.snakes() == 0;
    let mixer = || mixer_call(network, layer.mixer(place), place, grid);
    let norm = format!("Norm({})", genome.width);
    let mut arguments = vec![Argument::plain(norm), Argument::positional(mixer())];
    let snakes = if place == Place::Token { layer.order.snakes() } else { 0 };
    if snakes > 0 {
        arguments.push(Argument::text("snakes", snakes));
        if genome.layout == Layout::Grid {
            arguments.push(Argument::text("columns", "CHANNELS"));
        }
    } else if place == Place::Token && layer.order != Order::Forward {
        arguments.push(Argument::text("order", string(&name_of(&layer.order))));
        if layer.order == Order::Bidirectional {
            arguments.push(Argument::call("reverse", mixer()));
        }
    }
    if genome.training.dropout > 0.0 {
        arguments.push(Argument::text("dropout", genome.training.dropout));
    }
    let rank = genome.rank_of(index);
    let corrected = corrected(network, index, place);
    let name = if snakes > 0 { "SnakeBranch" } else { "Branch" };
    if rank == 0 || corrected.is_empty() {
        return Call { name: name.into(), arguments };
    }
    arguments.push(Argument::text("corrected", format!("[{}]", corrected.join(", "))));
    arguments.push(Argument::text("rank", rank));
    arguments.push(Argument::text("runs", genome.runs_of(index)));
    Call { name: format!("Corrected{name}"), arguments }
}

/// Names of the matrices that every run corrects, quoted.
fn corrected(network: &Network, index: usize, place: Place) -> Vec<String> {
    let mixer = network.genome.layers[index].mixer(place);
    let tensors = mixer.block(place).tensors(&mixer.settings, network.genome.width);
    tensors.iter().filter(|tensor| tensor.is_matrix()).map(|tensor| string(tensor.name)).collect()
}

fn mixer_call(network: &Network, mixer: &Mixer, place: Place, grid: bool) -> Call {
    let genes = mixer.settings.0.iter().map(|(gene, value)| format!("{gene}={}", literal(value)));
    let columns = (grid && mixer.block(place).knows_grid()).then(|| "columns=CHANNELS".to_string());
    let width = std::iter::once(network.genome.width.to_string());
    let arguments = width.chain(genes).chain(columns).map(Argument::plain).collect();
    Call { name: class_name(&mixer.kind), arguments }
}

/// `attention` is the class `Attention`, `gated-fsmn` is `GatedFsmn`.
fn class_name(kind: &str) -> String {
    let capitalized = |word: &str| word[..1].to_uppercase() + &word[1..];
    kind.split('-').map(capitalized).collect()
}

fn literal(value: &Value) -> String {
    match value {
        Value::Flag(true) => "True".into(),
        Value::Flag(false) => "False".into(),
        Value::Number(number) => number.to_string(),
        Value::Word(word) => string(word),
    }
}

/// A string of JSON is one of Python as well.
fn string(text: &str) -> String {
    serde_json::to_string(text).expect("a string can be written as JSON")
}

fn list_of_strings(texts: &[String]) -> String {
    let flat = texts.iter().map(|text| string(text)).collect::<Vec<_>>();
    let line = format!("[{}]", flat.join(", "));
    if "CLASSES = ".len() + line.chars().count() <= WIDEST {
        return line;
    }
    format!("[\n{}]", flat.iter().map(|text| format!("    {text},\n")).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sequence::Shape;

    fn written(json: &str, classes: &[&str]) -> String {
        let genome = serde_json::from_str(json).unwrap();
        let classes: Vec<_> = classes.iter().map(ToString::to_string).collect();
        model_py(&Network::new(&genome, Shape { channels: 3, classes: classes.len() }), &classes)
    }

    #[test]
    fn every_block_has_a_class_of_its_name_and_a_keyword_for_every_gene() {
        for block in blocks::ALL.iter().filter(|block| block.name() != "identity") {
            let code = block.python();
            let class = format!("class {}(", class_name(block.name()));
            assert_eq!(code.matches(&class).count(), 1, "{class}");
            let mut genes: Vec<_> = block.genes().iter().map(|gene| gene.name).collect();
            genes.sort_unstable();
            genes.extend(block.knows_grid().then_some("columns=1"));
            let keywords =
                if genes.is_empty() { String::new() } else { format!(", *, {}", genes.join(", ")) };
            assert!(code.contains(&format!("def __init__(self, width{keywords}):")), "{}", block.name());
        }
    }

    #[test]
    fn only_what_is_used_is_written_and_only_once() {
        let code = written(r#"{"layers": [{"token": {"kind": "gru"}}, {"token": {"kind": "gru"}}]}"#, &["a"]);
        assert_eq!((code.matches("class Gru").count(), code.matches("Gru(32)").count()), (1, 2));
        assert!(
            !code.contains("class Attention")
                && code.contains("F.layer_norm")
                && !code.contains("F.rms_norm")
        );
        let code = written("{}", &["a"]);
        assert!(!code.contains("Branch") && code.contains("nn.ModuleList()"));
    }

    #[test]
    fn a_grid_knows_its_channels() {
        let code = written(r#"{"layout": "grid", "position": "decay", "pooling": "last"}"#, &["a"]);
        for expected in [
            "CHANNELS = 3",
            "self.embedding = Embedding(3, 32)",
            "x = by_channel(self.position, x)",
            "mask = mask.repeat_interleave(CHANNELS, 1)",
            "mask.sum(1) // CHANNELS - 1",
        ] {
            assert!(code.contains(expected), "{expected}: {code}");
        }
        assert!(!written("{}", &["a"]).contains("CHANNELS"));
    }

    #[test]
    fn joined_steps_have_an_embedding_of_all_their_numbers() {
        for (tokens, layout, expected) in [
            (r#"{"kind": "patch", "size": 2}"#, "steps", "Embedding(6, 32)"),
            (r#"{"kind": "values", "size": 8}"#, "steps", "Embedding(15, 32)"),
            (r#"{"kind": "patch", "size": 2}"#, "grid", "Embedding(3, 32, 2)"),
            (r#"{"kind": "values", "size": 8}"#, "grid", "Embedding(3, 32, 5)"),
            (r#"{"kind": "steps"}"#, "steps", "Embedding(3, 32)"),
        ] {
            let genome = format!(r#"{{"tokens": {tokens}, "layout": "{layout}", "position": "decay"}}"#);
            let code = written(&genome, &["a"]);
            assert!(code.contains(&format!("self.embedding = {expected}\n")), "{expected}: {code}");
            assert_eq!(code.matches("joined(").count(), if tokens.contains("steps") { 0 } else { 2 });
        }
    }

    #[test]
    fn layers_are_run_where_they_stand_in_a_skeleton() {
        let layers = r#""layers": [{"token": {"kind": "gru"}}, {"token": {"kind": "gru"}, "part": 1}]"#;
        let branches = "        a = b = x
        # Which layer is run, and how often it has been before.
        for layer, run in [(0, 0)]:
            a = self.layers[layer](a, mask, run)
        for layer, run in [(1, 0)]:
            b = self.layers[layer](b, mask, run)
        x = ";
        let added = format!("{branches}a + b - x\n");
        let side_by_side = format!("{branches}self.join(a, b)\n");
        let pooled = "
        for layer, run, level in [(0, 0, 0), (1, 0, 1)]:
            x = at_level(self.layers[layer], x, mask, run, level, 1)\n";
        for (skeleton, expected) in [
            (r#"{"kind": "two-branch"}"#, added.as_str()),
            (r#"{"kind": "two-branch", "join": "concat"}"#, &side_by_side),
            (r#"{"kind": "two-branch", "join": "concat"}"#, "self.join = Join(32)\n"),
            (r#"{"kind": "u-shape"}"#, pooled),
        ] {
            let code = written(&format!(r#"{{"skeleton": {skeleton}, {layers}}}"#), &["a"]);
            assert!(code.contains(expected), "{expected}: {code}");
        }
        let passes = r#""sharing": {"pattern": "cycle", "passes": 2, "depth": "converge"}"#;
        let grid = r#""skeleton": {"kind": "u-shape"}, "layout": "grid""#;
        let code = written(&format!("{{{grid}, {layers}, {passes}}}"), &["a"]);
        let expected = "
            for layer, run, level in passes[number]:
                x = at_level(self.layers[layer], x, mask, run, level, CHANNELS)\n";
        assert!(code.contains(expected), "{code}");
    }

    #[test]
    fn a_head_is_written_as_it_pools_and_answers() {
        for (pooling, head, expected) in [
            ("mean", "linear", ["return self.linear(pool(self.norm(x), mask))", "def pool(x, mask):"]),
            ("max", "simplex", ["return self.simplex(pool(self.norm(x), mask))", "class Simplex("]),
            (
                "attention",
                "linear",
                [
                    "self.pool = nn.Linear(width, width, bias=False)\n        self.linear = nn.Linear(width, classes)\n",
                    "return self.linear(pool(self.norm(x), mask, self.pool))",
                ],
            ),
            ("step-mean", "simplex", ["return votes(self.simplex(self.norm(x)), mask)", "def votes("]),
        ] {
            let code = written(&format!(r#"{{"pooling": "{pooling}", "head": "{head}"}}"#), &["a", "b"]);
            for expected in expected {
                assert!(code.contains(expected), "{expected}: {code}");
            }
            assert_eq!(code.contains("class Simplex"), head == "simplex");
        }
        let code = written(r#"{"training": {"prefixes": 3}}"#, &["a", "b"]);
        assert!(code.contains("It learned to answer by the first 16, or 8 channels"), "{code}");
    }

    #[test]
    fn layers_are_written_as_one_would() {
        let genome = r#"{"layers": [{"token": {"kind": "mamba", "state": 16}, "order": "bidirectional",
            "channel": {"kind": "mlp"}, "repeat": 2}], "training": {"dropout": 0.1}}"#;
        let expected = r#"
        self.layers = nn.ModuleList(
            [
                Layer(
                    token=Branch(
                        Norm(32),
                        Mamba(32, discretization="euler", state=16),
                        order="bidirectional",
                        reverse=Mamba(32, discretization="euler", state=16),
                        dropout=0.1,
                    ),
                    channel=Branch(Norm(32), Mlp(32, activation="gelu", ratio=2), dropout=0.1),
                ),
            ]
        )
"#;
        let code = written(genome, &["a"]);
        assert!(code.contains(expected), "{code}");
        assert!(code.contains("for layer, run in [(0, 0), (0, 1)]:"), "{code}");
    }

    #[test]
    fn passes_are_written_with_what_ends_them() {
        let genome = r#"{"layers": [{"token": {"kind": "gru"}, "repeat": 2}, {"token": {"kind": "s4d"}}],
            "sharing": {"pattern": "cycle", "passes": 2, "projection": true}}"#;
        let expected = "        # Which layer is run, and how often it has been before.
        passes = [
            [(0, 0), (0, 1), (1, 0)],
            [(0, 2), (0, 3), (1, 1)],
        ]
        for runs, projection in zip(passes, self.projections):
            for layer, run in runs:
                x = self.layers[layer](x, mask, run)
            x = projection(x, mask)
        return self.head(x, mask)
";
        let code = written(genome, &["a"]);
        assert!(code.contains(expected), "{code}");
        assert!(
            code.contains("self.projections = nn.ModuleList(Projection(32) for _ in range(2))"),
            "{code}"
        );
        assert_eq!(["class Projection", "class Mlp"].map(|class| code.matches(class).count()), [1, 1]);
    }

    #[test]
    fn routed_passes_are_handed_to_what_routes_them() {
        let layers = r#""layers": [{}, {"token": {"kind": "gru"}}, {"channel": {"kind": "mlp"}}]"#;
        for (depth, call, routers) in [
            (
                "token-choice",
                "token_choice(x, mask, self.routers[0], make)",
                "Router(32, 3) for _ in range(1)",
            ),
            (
                "expert-choice",
                "expert_choice(x, mask, self.routers, make)",
                "Router(32, 1) for _ in range(3)",
            ),
            ("converge", "converge(x, mask, 0.1, 3, make)", ""),
        ] {
            let sharing = format!(r#"{{"pattern": "middle-cycle", "passes": 3, "depth": "{depth}"}}"#);
            let code = written(&format!(r#"{{{layers}, "sharing": {sharing}}}"#), &["a"]);
            let expected = format!(
                "        def make(number, x, mask):
            for layer, run in passes[number]:
                x = self.layers[layer](x, mask, run)
            return x

        x = {call}
        for layer, run in [(2, 0)]:
            x = self.layers[layer](x, mask, run)
"
            );
            assert!(code.contains(&expected) && code.contains(routers), "{code}");
            let function = format!("def {}(", depth.replace('-', "_"));
            assert_eq!([&function, "def with_kept("].map(|code_of| code.matches(code_of).count()), [1, 1]);
        }
    }

    #[test]
    fn steps_of_a_grid_go_deep_with_all_of_their_channels() {
        let code = written(
            r#"{"layout": "grid", "layers": [{"token": {"kind": "gru"}}],
                "sharing": {"pattern": "cycle", "passes": 2, "depth": "expert-choice", "projection": true}}"#,
            &["a"],
        );
        for expected in [
            "            x, mask = tokens_of(x), mask.repeat_interleave(CHANNELS, 1)\n            for layer, run in",
            "            return steps_of(self.projections[number](x, mask))\n",
            "        x = tokens_of(expert_choice(steps_of(x), mask_of_steps(mask), self.routers, make))\n",
        ] {
            assert!(code.contains(expected), "{expected}: {code}");
        }
        assert_eq!(["class Router", "def steps_of("].map(|of| code.matches(of).count()), [1, 1]);
    }

    #[test]
    fn class_names_are_escaped() {
        let code = written("{}", &["a \"b\"", "\\n\n", "日本"]);
        assert!(code.contains(r#"CLASSES = ["a \"b\"", "\\n\n", "日本"]"#), "{code}");
    }
}
