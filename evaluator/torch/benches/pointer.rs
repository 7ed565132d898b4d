//! Networks that point, trained on 5 to 10 tokens and asked about 10 and 20, three seeds, one thread. Beside them, of sorting,
//! the same stack with a linear head at every step that tells the rank of each number, one of 20 classes.
//!
//! `tests/bench/pointer [WORD]...`: only tasks, stacks and heads in whose names all words occur. Prints CSV.

#[path = "common/clock.rs"]
mod clock;

use clock::clock;
use evaluator::Control;
use evaluator::sequence::{Reply, Request, SequenceTask};
use spaces::sequence::{Genome, Network, Shape};
use tasks::Verdict;
use tasks::pointing::{AT_TWICE, Kind, Part, Pointed, Pointing};
use tch::{Device, Tensor, no_grad};
use torch::data::{Cases, in_order};
use torch::train::{Effort, Trainer};
use torch::{Model, Service, pointing};

const STACKS: [(&str, &str); 2] = [
    ("gru", r#"{"token": {"kind": "gru"}, "order": "bidirectional", "channel": {"kind": "mlp"}}"#),
    ("attention", r#"{"token": {"kind": "attention"}, "channel": {"kind": "mlp"}}"#),
];
const SEEDS: u64 = 3;

fn main() {
    tch::set_num_threads(1);
    tch::set_num_interop_threads(1);
    let words: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with("--")).collect();
    println!("task,stack,head,seed,seconds,best_epoch,score,at_10,at_20");
    for task in Kind::ALL {
        for (stack, layers) in STACKS {
            let genome = format!(r#"{{"width": 64, "pooling": "none", "layers": [{layers}]}}"#);
            let genome: Genome = serde_json::from_str(&genome).expect("a genome");
            let heads: [(&str, Train); 2] = [("pointer", points), ("ranks", ranks)];
            for (head, train) in &heads[..1 + usize::from(task == Kind::Sort)] {
                let name = format!("{},{stack},{head}", task.name());
                if words.iter().all(|word| name.contains(word)) {
                    (0..SEEDS).for_each(|seed| {
                        show(&name, &Run { task: task.small(), genome: genome.clone(), seed }, *train)
                    });
                }
            }
        }
    }
}

struct Run {
    task: Pointing,
    genome: Genome,
    seed: u64,
}

/// Epoch, name of a score, and the score at both lengths.
type Row = (u64, String, [f64; 2]);

type Train = fn(&Run) -> Vec<Row>;

fn show(name: &str, run: &Run, train: Train) {
    let begun = clock();
    let rows = train(run);
    let seconds = clock() - begun;
    for (epoch, score, [at_10, at_20]) in rows {
        println!("{name},{},{seconds:.1},{epoch},{score},{at_10:.4},{at_20:.4}", run.seed);
    }
}

/// As a search trains it.
fn points(run: &Run) -> Vec<Row> {
    let task = SequenceTask::of_pointing(run.task.clone());
    let fidelity = task.epochs;
    let service = Service::new(task).expect("small tasks can be drawn");
    let folder = tempfile::tempdir().expect("a folder for temporary files");
    let (artifacts, genome, seed) = (folder.path().join("artifacts"), run.genome.clone(), run.seed);
    let (parents, previous) = (Vec::new(), None);
    let request =
        Request::Evaluate { genome, fidelity, seed, parents, artifacts, previous, checkpoint: false };
    let answer = service.answer(&request, &Control::new()).expect("a training");
    let Reply::Evaluated(outcome) = answer else { panic!("{answer:?}") };
    let Verdict::Scored(scores) = outcome.verdict else { panic!("{:?}", outcome.verdict) };
    let score = |name: &str| [name.to_string(), format!("{name}{AT_TWICE}")].map(|name| scores.0[&name]);
    let names = run.task.score_names().iter();
    names.map(|name| (scores.0["best_epoch"] as u64, name.to_string(), score(name))).collect()
}

/// Without early stopping: the last epoch of the same schedule.
fn ranks(run: &Run) -> Vec<Row> {
    let Pointing { longest, epoch, .. } = run.task;
    let task = SequenceTask::of_pointing(run.task.clone());
    let effort = Effort { largest: task.epochs, epochs: task.epochs, batch_size: task.batch_size };
    let network = Network::new(&run.genome, Shape { channels: 1, classes: 2 * longest });
    let train = of_ranks(&run.task.cases(Part::Training)).by_portions(epoch);
    let mut trainer = Trainer::new(&network, &train, effort, run.seed, Device::Cpu);
    trainer.run(&Control::new()).expect("a training");
    let tests = [run.task.cases(Part::Validation), run.task.cases_at_twice(Part::Validation)];
    let [[at, whole], [at_twice, whole_at_twice]] = tests.map(|cases| told_right(&trainer.model, &cases));
    let row = |name: &str, scores| (task.epochs, name.to_string(), scores);
    vec![row("accuracy", [at, at_twice]), row("sequence_accuracy", [whole, whole_at_twice])]
}

/// The target of a token is its rank.
fn of_ranks(cases: &[Pointed]) -> Cases {
    let ranked = |case: &Pointed| {
        let mut ranks = vec![0; case.targets.len()];
        case.targets.iter().enumerate().for_each(|(rank, at)| ranks[*at] = rank);
        Pointed { targets: ranks, ..case.clone() }
    };
    let ranked: Vec<_> = cases.iter().map(ranked).collect();
    Cases::of_positions(&ranked, false, &pointing::scaler(1), Device::Cpu)
}

/// The share of numbers whose rank is told, and of cases in which all are.
fn told_right(model: &Model, cases: &[Pointed]) -> [f64; 2] {
    let data = of_ranks(cases);
    let right = |positions: &Vec<i64>| {
        let (batch, ranks) = data.batch(positions);
        no_grad(|| model.forward(&batch, None)).argmax(2, false).eq_tensor(&ranks)
    };
    let right: Vec<Tensor> = in_order(cases.len(), 128).iter().map(right).collect();
    let right = Tensor::cat(&right, 0).to_kind(tch::Kind::Double);
    let whole = right.amin(1, false);
    [right, whole].map(|shares| shares.mean(None).double_value(&[]))
}
