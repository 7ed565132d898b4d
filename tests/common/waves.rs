//! A task of noisy waves, small enough to be trained many times.

#![allow(dead_code, reason = "each test target uses its own part")]

use std::fs;
use std::path::Path;

use evaluator::sequence::{SequenceTask, Summary};
use hashing::Rng;
use spaces::sequence::Genome;
use tasks::{Case, Sequences, Validation};
use torch::Service;

pub fn genome(json: &str) -> Genome {
    serde_json::from_str(json).unwrap()
}

/// Noisy waves of 5 to 12 steps in two channels; the class is the frequency.
pub fn waves(cases: usize) -> Sequences {
    let case = |i: usize| {
        let mut rng = Rng::named(3, "wave", i as u64);
        let (label, length) = (i % 3, 5 + rng.below(8));
        let (phase, frequency) = (rng.between(0.0, 6.0), 0.4 + 0.5 * label as f64);
        let mut value = |n: usize| {
            let time = (n / 2) as f64;
            100.0 * f64::sin(phase + frequency * time + (n % 2) as f64) + 20.0 * rng.normal()
        };
        Case { values: (0..2 * length).map(&mut value).collect(), length, label }
    };
    let classes = ["slow", "middle", "fast"].map(str::to_string).to_vec();
    Sequences { name: "waves".into(), channels: 2, classes, cases: (0..cases).map(case).collect() }
}

pub fn task(data: &Sequences) -> SequenceTask {
    tch::set_num_threads(1);
    let task = SequenceTask::of(data, Path::new("waves.ts"));
    SequenceTask { validation: Validation::KFold(3), epochs: 6, batch_size: 8, ..task }
}

pub fn service(change: impl FnOnce(&mut SequenceTask)) -> Service {
    let data = waves(60);
    let mut task = task(&data);
    change(&mut task);
    Service::with_data(task, data).unwrap()
}

pub fn summary(folder: &Path) -> Summary {
    serde_json::from_slice(&fs::read(folder.join("summary.json")).unwrap()).unwrap()
}

/// The data in the format of the archives.
pub fn text(data: &Sequences) -> String {
    let line = |case: &Case| {
        let channel = |c: usize| {
            let values = case.values.iter().skip(c).step_by(data.channels);
            values.map(f64::to_string).collect::<Vec<_>>().join(",")
        };
        let channels: Vec<_> = (0..data.channels).map(channel).collect();
        format!("{}:{}\n", channels.join(":"), data.classes[case.label])
    };
    let lines: String = data.cases.iter().map(line).collect();
    let classes = data.classes.join(" ");
    format!(
        "@problemName waves\n@univariate false\n@equalLength false\n@classLabel true {classes}\n@data\n{lines}"
    )
}
