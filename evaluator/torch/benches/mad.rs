//! Seconds of processor time and accuracy of small stacks on the small MAD tasks, one thread.
//!
//! `cargo bench -p fecund-torch --bench mad -- [WORD]`: only tasks and stacks in whose name the word occurs.

#[path = "common/clock.rs"]
mod clock;

use clock::clock;
use evaluator::Control;
use evaluator::sequence::{Reply, Request, SequenceTask};
use spaces::sequence::Genome;
use tasks::Verdict;
use tasks::mad::Kind;
use torch::Service;

const STACKS: [(&str, &str); 3] = [
    (
        "attention",
        r#"{"token": {"kind": "attention", "causal": true}, "channel": {"kind": "mlp"}},
           {"token": {"kind": "attention", "causal": true}, "channel": {"kind": "mlp"}}"#,
    ),
    (
        "gru",
        r#"{"token": {"kind": "gru"}, "channel": {"kind": "mlp"}},
           {"token": {"kind": "gru"}, "channel": {"kind": "mlp"}}"#,
    ),
    (
        "convolution-attention",
        r#"{"token": {"kind": "convolution"}, "channel": {"kind": "mlp"}},
           {"token": {"kind": "attention", "causal": true}, "channel": {"kind": "mlp"}}"#,
    ),
];

fn main() {
    tch::set_num_threads(1);
    tch::set_num_interop_threads(1);
    let word = std::env::args().skip(1).find(|word| !word.starts_with("--")).unwrap_or_default();
    println!("{:24} {:22} {:>8} {:>9} {:>6} {:>7}", "task", "stack", "seconds", "accuracy", "best", "chance");
    for kind in Kind::ALL {
        for (name, layers) in STACKS {
            if kind.name().contains(&word) || name.contains(&word) {
                measure(kind, name, layers);
            }
        }
    }
}

fn measure(kind: Kind, name: &str, layers: &str) {
    let json = format!(r#"{{"width": 64, "pooling": "none", "layers": [{layers}]}}"#);
    let genome: Genome = serde_json::from_str(&json).expect("a genome");
    let task = SequenceTask::of_mad(vec![kind.small()]);
    let fidelity = task.epochs;
    let service = Service::new(task).expect("small tasks can be drawn");
    let folder = tempfile::tempdir().expect("a folder for temporary files");
    let artifacts = folder.path().join("artifacts");
    let request = Request::Evaluate {
        genome,
        fidelity,
        seed: 0,
        artifacts,
        previous: None,
        checkpoint: false,
        parents: Vec::new(),
    };
    let begun = clock();
    let answer = service.answer(&request, &Control::new()).expect("a training");
    let seconds = clock() - begun;
    let Reply::Evaluated(outcome) = answer else { panic!("{answer:?}") };
    let Verdict::Scored(scores) = outcome.verdict else { panic!("{:?}", outcome.verdict) };
    let (accuracy, best, chance) = (scores.0["accuracy"], scores.0["best_epoch"], kind.small().chance());
    println!("{:24} {name:22} {seconds:8.1} {accuracy:9.3} {best:6} {chance:7.3}", kind.name());
}
