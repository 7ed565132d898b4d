//! `fecund list`: what there is to choose from.

use spaces::sequence::{Block, Mixer, SequenceSpace, Value, blocks};
use tasks::mad::{Kind, Mad};
use tasks::{Windows, pointing};

use super::args::{ListArgs, Listing};
use super::domains;
use super::failure::Outcome;
use super::table::Table;
use crate::{Listed, strategies};

/// For which the cost of blocks is shown: multiply-adds at this width, of sequences this long.
const WIDTH: usize = 32;
const STEPS: usize = 64;

pub fn list(args: &ListArgs) -> Outcome {
    match args.what {
        Listing::Spaces => spaces().print(args.format),
        Listing::Blocks => all_blocks().print(args.format),
        Listing::Tasks => all_tasks().print(args.format),
        Listing::Strategies => all_strategies().print(args.format),
    }
}

fn spaces() -> Table {
    let mut table = Table::new(&["space", "what", "commands"]);
    for listed in &domains::ALL {
        let search = listed.runs.map(|_| "search");
        let count = listed.count.map(|_| "count");
        let commands: Vec<&str> =
            [search, Some("create"), count, Some("hash")].into_iter().flatten().collect();
        table.row(vec![listed.name.into(), listed.summary.into(), commands.join(", ").into()]);
    }
    table
}

fn all_blocks() -> Table {
    let mut table = Table::new(&["block", "place", "genes", "causal", "multiply-adds a step", "source"]);
    for &block in blocks::ALL {
        let genes = block.genes();
        let shown = genes.iter().map(|gene| {
            let choices: Vec<_> = gene.choices.iter().map(Value::to_string).collect();
            format!("{}: {}", gene.name, choices.join("|"))
        });
        let defaults = Mixer::of(block).settings;
        table.row(vec![
            block.name().into(),
            block.place().to_string().into(),
            shown.collect::<Vec<_>>().join(", ").into(),
            causal(block).into(),
            (block.multiply_adds(&defaults, WIDTH, STEPS) / STEPS as u64).into(),
            block.source().into(),
        ]);
    }
    table
}

/// By default, and with any other choice of one gene.
fn causal(block: &dyn Block) -> &'static str {
    let defaults = Mixer::of(block).settings;
    let others = block.genes().into_iter().flat_map(|gene| {
        let choices: Vec<_> =
            gene.choices.iter().map(|value| defaults.with(gene.name, value.clone())).collect();
        choices
    });
    let all: Vec<bool> = std::iter::once(defaults.clone()).chain(others).map(|s| block.causal(&s)).collect();
    match (all.contains(&true), all.contains(&false)) {
        (true, false) => "yes",
        (false, _) => "no",
        (true, true) => "by gene",
    }
}

fn all_tasks() -> Table {
    let mut table = Table::new(&["task", "what", "small", "full"]);
    let row = |name: String, what: &str, small: String, full: String| {
        vec![name.into(), what.into(), small.into(), full.into()]
    };
    table.row(row("mad".into(), "all six of these, and the mean of them", String::new(), String::new()));
    for kind in Kind::ALL {
        let [small, full] = [kind.small(), kind.published()].map(|task| size(&task));
        table.row(row(format!("mad/{}", kind.name()), kind.summary(), small, full));
    }
    let Windows { length, epoch, .. } = Windows::default();
    let windows = format!("windows of {length} characters, {epoch} an epoch");
    table.row(row("text".into(), "the next character of the text in --data", windows, String::new()));
    for kind in pointing::Kind::ALL {
        let task = kind.small();
        let size = format!("{} to {} steps, {} cases an epoch", task.shortest, task.longest, task.epoch);
        table.row(row(kind.name().into(), kind.summary(), size, String::new()));
    }
    for (name, what) in OF_PROGRAMS {
        table.row(row(name.into(), what, String::new(), String::new()));
    }
    table
}

/// Those of programs: what their labels are.
const OF_PROGRAMS: [(&str, &str); 4] = [
    ("linear", "--space program: w·x"),
    ("nonlinear", "--space program: u·max(Wx, 0)"),
    ("digits", "--space program: which of two handwritten digits it is"),
    ("classes", "--space program: which of two classes of --data it is"),
];

fn size(task: &Mad) -> String {
    format!("{} tokens, {} steps, {} cases an epoch", task.vocabulary, task.steps(), task.epoch)
}

fn all_strategies() -> Table {
    let mut table = Table::new(&["strategy", "what", "options"]);
    for listed in strategies::<SequenceSpace>() {
        let options = listed.options.iter().chain(&Listed::<SequenceSpace>::FOR_ALL);
        let options: Vec<_> = options.map(|option| format!("--{option}")).collect();
        table.row(vec![listed.name.into(), listed.summary.into(), options.join(", ").into()]);
    }
    table
}
