//! Every block in training: one layer of it, with an `mlp` after it (before a channel mixer: attention), on Japanese
//! Vowels; validation accuracy of the first fifth after so many epochs, and seconds of processor time.
//!
//! `cargo bench -p fecund-torch --bench blocks [-- NAME …]` prints a table.

use std::path::Path;
use std::time::Instant;

use evaluator::Control;
use evaluator::sequence::SequenceTask;
use spaces::sequence::{Block, Genome, Mixer, Network, Place, blocks};
use tasks::{Metric, Scaler, Sequences, Validation};
use tch::Device;
use torch::data::Cases;
use torch::train::{Effort, Trainer, predict};

const EPOCHS: [u64; 5] = [1, 2, 5, 10, 20];

fn main() {
    tch::set_num_threads(1);
    let wanted: Vec<String> =
        std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    let train =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data/japanese_vowels/JapaneseVowels_TRAIN.ts.gz");
    let data = Sequences::read(&train).expect("the data that are shipped");
    let task = SequenceTask::of(&data, &train);
    println!(
        "| block | place | parameters | {} | seconds |",
        EPOCHS.map(|n| format!("epoch {n}")).join(" | ")
    );
    println!("|---|---|---|{}---|", "---|".repeat(EPOCHS.len()));
    for &block in
        blocks::ALL.iter().filter(|block| wanted.is_empty() || wanted.iter().any(|w| w == block.name()))
    {
        let network = Network::new(&genome(block), task.shape());
        let start = Instant::now();
        let curve = curve(&network, &task, &data).map(|accuracy| format!("{accuracy:.3}")).join(" | ");
        let (name, place, parameters) = (block.name(), block.place(), network.parameters());
        println!("| {name} | {place} | {parameters} | {curve} | {:.1} |", start.elapsed().as_secs_f64());
    }
}

fn genome(block: &dyn Block) -> Genome {
    let mut genome: Genome = serde_json::from_str(match block.place() {
        Place::Token => r#"{"layers": [{"channel": {"kind": "mlp"}}]}"#,
        Place::Channel => r#"{"layers": [{"token": {"kind": "attention"}}]}"#,
    })
    .expect("a genome");
    *genome.layers[0].mixer_mut(block.place()) = Mixer::of(block);
    genome
}

/// Validation accuracy after each of [`EPOCHS`].
fn curve(network: &Network, task: &SequenceTask, data: &Sequences) -> [f64; EPOCHS.len()] {
    let splits = Validation::KFold(5).splits(&data.labels(), &data.classes, 0).expect("enough cases");
    let scaler = Scaler::fit(data, &splits[0].train);
    let cases = |indices| Cases::new(data, indices, &scaler, Device::Cpu);
    let (train, validation) = (cases(&splits[0].train), cases(&splits[0].validation));
    let largest = EPOCHS[EPOCHS.len() - 1];
    let effort = Effort { largest, epochs: largest, batch_size: task.batch_size };
    let mut trainer = Trainer::new(network, &train, effort, 0, Device::Cpu);
    let mut done = 0;
    EPOCHS.map(|epochs| {
        for epoch in done..epochs {
            trainer.epoch(epoch, &Control::new()).expect("finite losses");
        }
        done = epochs;
        let probabilities = predict(&trainer.model, &validation);
        Metric::Accuracy.score(&probabilities, task.classes.len(), validation.labels())
    })
}
