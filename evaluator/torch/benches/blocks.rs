//! Every block in training: one layer of it, with an `mlp` after it (before a channel mixer: attention), on two tasks, with
//! the accuracy on validation cases after so many epochs and seconds of processor time. Japanese Vowels: the first of five
//! folds, width 32. Selective copying: the small task, two such layers of width 64, causal; blocks that cannot be made
//! causal by one gene are left out.
//!
//! `cargo bench -p fecund-torch --bench blocks [-- TASK NAME …]` with `vowels` or `copying` prints a table.

#[path = "common/clock.rs"]
mod clock;

use std::env;
use std::path::Path;

use clock::clock;
use evaluator::Control;
use evaluator::sequence::SequenceTask;
use spaces::sequence::{Block, Genome, Mixer, Network, Place, Settings, blocks};
use tasks::mad::{self, Kind};
use tasks::{Metric, Scaler, Sequences, Validation};
use tch::Device;
use torch::data::Cases;
use torch::train::{Effort, Trainer, predict};

fn main() {
    tch::set_num_threads(1);
    let arguments: Vec<String> = env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    let wanted = |name: &str| arguments.len() < 2 || arguments[1..].iter().any(|wanted| wanted == name);
    let listed: Vec<_> = blocks::ALL.iter().copied().filter(|block| wanted(block.name())).collect();
    match arguments.first().map(String::as_str) {
        None => {
            vowels(&listed);
            copying(&listed);
        }
        Some("vowels") => vowels(&listed),
        Some("copying") => copying(&listed),
        Some(other) => panic!("no task `{other}`; known: vowels, copying"),
    }
}

fn vowels(listed: &[&dyn Block]) {
    let train =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data/japanese_vowels/JapaneseVowels_TRAIN.ts.gz");
    let data = Sequences::read(&train).expect("the data that are shipped");
    let task = SequenceTask::of(&data, &train);
    let splits = Validation::KFold(5).splits(&data.labels(), &data.classes, 0).expect("enough cases");
    let scaler = Scaler::fit(&data, &splits[0].train);
    let cases = |indices| Cases::new(&data, indices, &scaler, Device::Cpu);
    let parts = [cases(&splits[0].train), cases(&splits[0].validation)];
    title("Japanese Vowels", [1, 2, 5, 10, 20]);
    for block in listed {
        let network = Network::new(&genome(*block, Mixer::of(*block).settings, 32, 1, "mean"), task.shape());
        row(*block, &network, &parts, task.batch_size, [1, 2, 5, 10, 20]);
    }
}

fn copying(listed: &[&dyn Block]) {
    let small = Kind::SelectiveCopying.small();
    let task = SequenceTask::of_mad(vec![small.clone()]);
    let cases = |part| Cases::of_tokens(&small.cases(part), Device::Cpu);
    let parts = [cases(mad::Part::Training).by_portions(small.epoch), cases(mad::Part::Validation)];
    title("selective copying", [5, 10, 20, 40, 60]);
    for block in listed {
        let Some(settings) = causal(*block) else { continue };
        let network = task.parts()[0].network(&genome(*block, settings, 64, 2, "none"));
        row(*block, &network, &parts, task.batch_size, [5, 10, 20, 40, 60]);
    }
}

fn title(task: &str, epochs: [u64; 5]) {
    println!("\n{task}:\n");
    println!(
        "| block | place | parameters | {} | seconds |",
        epochs.map(|n| format!("epoch {n}")).join(" | ")
    );
    println!("|---|---|---|{}---|", "---|".repeat(epochs.len()));
}

/// By default, or with another choice of one gene.
fn causal(block: &dyn Block) -> Option<Settings> {
    let default = Mixer::of(block).settings;
    let genes = block.genes();
    let others = genes.iter().flat_map(|gene| gene.choices.iter().map(|value| (gene.name, value.clone())));
    let all = std::iter::once(default.clone()).chain(others.map(|(name, value)| default.with(name, value)));
    all.into_iter().find(|settings| block.causal(settings))
}

/// So many layers of the block with these settings.
fn genome(block: &dyn Block, settings: Settings, width: usize, layers: usize, pooling: &str) -> Genome {
    let other = match block.place() {
        Place::Token => r#"{"channel": {"kind": "mlp"}}"#,
        Place::Channel if pooling == "none" => r#"{"token": {"kind": "attention", "causal": true}}"#,
        Place::Channel => r#"{"token": {"kind": "attention"}}"#,
    };
    let json = format!(r#"{{"width": {width}, "pooling": "{pooling}", "layers": [{other}]}}"#);
    let mut genome: Genome = serde_json::from_str(&json).expect("a genome");
    *genome.layers[0].mixer_mut(block.place()) = Mixer { settings, ..Mixer::of(block) };
    genome.layers = vec![genome.layers[0].clone(); layers];
    genome
}

/// Trains to the last of these epochs, and shows the accuracy after each.
fn row(
    block: &dyn Block,
    network: &Network,
    [train, validation]: &[Cases; 2],
    batch_size: usize,
    epochs: [u64; 5],
) {
    let begun = clock();
    let effort = Effort { largest: epochs[4], epochs: epochs[4], batch_size };
    let mut trainer = Trainer::new(network, train, effort, 0, Device::Cpu);
    let mut done = 0;
    let curve = epochs.map(|epochs| {
        for epoch in done..epochs {
            trainer.epoch(epoch, &Control::new()).expect("finite losses");
        }
        done = epochs;
        let probabilities = predict(&trainer.model, validation);
        let accuracy = Metric::Accuracy.score(&probabilities, validation.classes(), validation.labels());
        format!("{accuracy:.3}")
    });
    let (name, place, parameters) = (block.name(), block.place(), network.parameters());
    println!("| {name} | {place} | {parameters} | {} | {:.1} |", curve.join(" | "), clock() - begun);
}
