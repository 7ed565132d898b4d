//! `fecund list`: what there is to choose from.

use spaces::sequence::{SequenceSpace, Settings, Value, blocks};

use super::args::{ListArgs, Listing};
use super::domains;
use super::failure::Outcome;
use super::table::Table;
use crate::{Listed, strategies};

pub fn list(args: &ListArgs) -> Outcome {
    match args.what {
        Listing::Spaces => spaces().print(args.format),
        Listing::Blocks => all_blocks().print(args.format),
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
    let mut table = Table::new(&["block", "place", "genes", "causal", "source"]);
    for &block in blocks::ALL {
        let genes = block.genes();
        let shown = genes.iter().map(|gene| {
            let choices: Vec<_> = gene.choices.iter().map(Value::to_string).collect();
            format!("{}: {}", gene.name, choices.join("|"))
        });
        let defaults = genes.iter().map(|gene| (gene.name.to_string(), gene.choices[0].clone()));
        let causal = block.causal(&Settings(defaults.collect()));
        table.row(vec![
            block.name().into(),
            block.place().to_string().into(),
            shown.collect::<Vec<_>>().join(", ").into(),
            (if causal { "yes" } else { "by gene" }).into(),
            block.source().into(),
        ]);
    }
    table
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
