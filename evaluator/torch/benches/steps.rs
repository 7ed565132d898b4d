//! Our side of `tests/bench/steps`, which measures training steps a second against PyTorch; run that.
//!
//! `--where` prints the path of this program, `--export FOLDER` writes every stack as `model.py` with the weights that
//! ours start from, `--serve` reads rounds from stdin, a line each, and answers with the seconds that each took.

#[path = "common/clock.rs"]
mod clock;

use std::collections::BTreeMap;
use std::io::{BufRead, Write};
use std::path::Path;
use std::time::Instant;
use std::{env, fs, io};

use clock::clock;
use evaluator::Control;
use hashing::Rng;
use serde::Deserialize;
use spaces::sequence::export::model_py;
use spaces::sequence::{Genome, Network, Shape};
use tasks::{Case, Scaler, Sequences};
use tch::Device;
use torch::data::{Cases, KIND};
use torch::train::{Effort, Trainer};
use torch::{Model, weights};

/// As Japanese Vowels has.
const SHAPE: Shape = Shape { channels: 12, classes: 9 };
const BATCH: usize = 32;
/// Batches of an epoch, on both sides.
const BATCHES: usize = 8;
/// Width 32, the default.
const STACKS: [(&str, &str, &str); 7] = [
    ("mlp", "identity", "mlp"),
    ("attention", "attention", "mlp"),
    ("gru", "gru", "mlp"),
    ("mamba", "mamba", "mlp"),
    ("s4d", "s4d", "mlp"),
    ("convolution", "convolution", "mlp"),
    ("glu", "identity", "glu"),
];

/// A line of stdin.
#[derive(Deserialize)]
struct Round {
    stack: String,
    length: usize,
    /// Series of 7 steps to `length` rather than all of `length`.
    padded: bool,
    steps: usize,
}

fn main() {
    tch::set_num_threads(1);
    tch::set_num_interop_threads(1);
    let arguments: Vec<String> = env::args().collect();
    match arguments.get(1).map(String::as_str) {
        Some("--where") => println!("{}", env::current_exe().expect("a path").display()),
        Some("--export") => export(Path::new(arguments.get(2).expect("a folder"))),
        Some("--serve") => serve(),
        _ => println!("run tests/bench/steps, which compares this with PyTorch"),
    }
}

fn network(stack: &str) -> Network {
    let (_, token, channel) = STACKS.iter().find(|listed| listed.0 == stack).expect("a listed stack");
    let json =
        format!(r#"{{"layers": [{{"token": {{"kind": "{token}"}}, "channel": {{"kind": "{channel}"}}}}]}}"#);
    Network::new(&serde_json::from_str::<Genome>(&json).expect("a genome"), SHAPE)
}

fn export(folder: &Path) {
    let classes: Vec<String> = (0..SHAPE.classes).map(|class| class.to_string()).collect();
    let scaler = Scaler { mean: vec![0.0; SHAPE.channels], scale: vec![1.0; SHAPE.channels] };
    for (stack, ..) in STACKS {
        let (network, folder) = (network(stack), folder.join(stack));
        assert!(network.parameters() < 100_000, "{stack}");
        fs::create_dir_all(&folder).expect("a folder to write to");
        fs::write(folder.join("model.py"), model_py(&network, &classes)).expect("model.py written");
        let model = Model::new(&network, 0, KIND, Device::Cpu);
        weights::write(&model, &scaler, &folder.join("model.safetensors")).expect("weights written");
    }
}

fn serve() {
    let mut trainers: BTreeMap<(String, usize, bool), (Trainer<'static>, u64)> = BTreeMap::new();
    for line in io::stdin().lock().lines() {
        let round: Round = serde_json::from_str(&line.expect("a line")).expect("a round");
        let key = (round.stack.clone(), round.length, round.padded);
        let (trainer, epoch) = trainers.entry(key).or_insert_with(|| (trainer(&round), 0));
        let (wall, processor) = (Instant::now(), clock());
        for _ in 0..round.steps / BATCHES {
            trainer.epoch(*epoch, &Control::new()).expect("finite numbers");
            *epoch += 1;
        }
        let (processor, wall) = (clock() - processor, wall.elapsed().as_secs_f64());
        println!("[{wall}, {processor}]");
        io::stdout().flush().expect("a reader");
    }
}

/// The loop of the workers, on random series. They stay in memory as long as the program runs.
fn trainer(round: &Round) -> Trainer<'static> {
    let case = |i: usize| {
        let mut rng = Rng::named(0, "series", i as u64);
        let length = if round.padded { 7 + rng.below(round.length - 6) } else { round.length };
        let values = (0..length * SHAPE.channels).map(|_| rng.normal()).collect();
        Case { values, length, label: rng.below(SHAPE.classes) }
    };
    let data = Sequences {
        name: "random".into(),
        channels: SHAPE.channels,
        classes: (0..SHAPE.classes).map(|class| class.to_string()).collect(),
        cases: (0..BATCHES * BATCH).map(case).collect(),
    };
    let all: Vec<usize> = (0..data.cases.len()).collect();
    let scaler = Scaler { mean: vec![0.0; SHAPE.channels], scale: vec![1.0; SHAPE.channels] };
    let cases = Box::leak(Box::new(Cases::new(&data, &all, &scaler, Device::Cpu)));
    // A schedule that does not end here.
    let effort = Effort { largest: 1_000_000, epochs: 1, batch_size: BATCH };
    Trainer::new(&network(&round.stack), cases, effort, 0, Device::Cpu)
}
