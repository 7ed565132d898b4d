//! Milliseconds of processor time for one training step on Japanese Vowels, and where they go.
//!
//! `cargo bench -p fecund-torch --bench training`. Width 32, one layer, batches of 32, one thread.

#[path = "common/clock.rs"]
mod clock;

use std::path::Path;

use clock::clock;
use spaces::sequence::{Genome, Network, Shape};
use tasks::{Scaler, Sequences};
use tch::{Device, Tensor};
use torch::Model;
use torch::data::{Cases, KIND, batches};
use torch::optimizer::AdamW;
use torch::train::flat_gradient;

const STACKS: [(&str, &str); 7] = [
    ("identity", "mlp"),
    ("identity", "glu"),
    ("convolution", "mlp"),
    ("attention", "mlp"),
    ("gru", "mlp"),
    ("s4d", "mlp"),
    ("mamba", "mlp"),
];
const PHASES: [&str; 5] = ["batch", "forward", "backward", "gradient", "optimizer"];
const WARM_UP: u64 = 2;
const EPOCHS: u64 = 10;

fn main() {
    tch::set_num_threads(1);
    tch::set_num_interop_threads(1);
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data/japanese_vowels/JapaneseVowels_TRAIN.ts.gz");
    let data = Sequences::read(&path).expect("the data set of the repository");
    let all: Vec<usize> = (0..data.cases.len()).collect();
    let cases = Cases::new(&data, &all, &Scaler::fit(&data, &all), Device::Cpu);
    let shape = Shape { channels: data.channels, classes: data.classes.len() };
    println!("{:18} {:>9} {}", "ms a step", "all", PHASES.map(|phase| format!("{phase:>9}")).join(" "));
    for (token, channel) in STACKS {
        let json = format!(
            r#"{{"layers": [{{"token": {{"kind": "{token}"}}, "channel": {{"kind": "{channel}"}}}}]}}"#
        );
        let genome: Genome = serde_json::from_str(&json).expect("a genome");
        let phases = measure(&Network::new(&genome, shape), &cases);
        let columns = phases.map(|ms| format!("{ms:9.3}")).join(" ");
        println!("{:18} {:9.3} {columns}", format!("{token}+{channel}"), phases.iter().sum::<f64>());
    }
}

/// Mean milliseconds of each phase, after a warm-up.
fn measure(network: &Network, cases: &Cases) -> [f64; 5] {
    let model = Model::new(network, 0, KIND, Device::Cpu);
    let mut optimizer = AdamW::new(model.flat(), &model.decay_mask(), 0.01);
    let (mut totals, mut steps) = ([0.0; 5], 0);
    for epoch in 0..WARM_UP + EPOCHS {
        for positions in batches(cases.len(), cases.len(), 32, 0, epoch) {
            let times = step(&model, &mut optimizer, cases, &positions);
            if epoch >= WARM_UP {
                (0..5).for_each(|phase| totals[phase] += times[phase + 1] - times[phase]);
                steps += 1;
            }
        }
    }
    totals.map(|seconds| 1e3 * seconds / f64::from(steps))
}

/// One step as the trainer does it; the clock before and after each phase.
fn step(model: &Model, optimizer: &mut AdamW, cases: &Cases, positions: &[i64]) -> [f64; 6] {
    let start = clock();
    let (batch, targets) = cases.batch(positions);
    let prepared = clock();
    let loss = model.forward(&batch, None).cross_entropy_for_logits(&targets);
    let forward = clock();
    let gradients = Tensor::run_backward(&[&loss], model.parameters(), false, false);
    let backward = clock();
    let gradient = flat_gradient(&gradients);
    let (_, _) = (gradient.norm().double_value(&[]), loss.double_value(&[]));
    let flattened = clock();
    optimizer.step(&mut model.flat().shallow_clone(), &gradient, 1e-3);
    [start, prepared, forward, backward, flattened, clock()]
}
