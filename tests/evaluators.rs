//! Every evaluator keeps the laws. A new one joins with one line. (Those of worker processes join in `worker_pool`,
//! `study_faults` and `worker`.)

#[path = "common/cells.rs"]
mod cells;

use std::path::Path;
use std::sync::Arc;

use cells::Counting;
use evaluator::conformance::{judges_what_cannot_work, keeps_the_laws, needs_no_seed};
use evaluator::replay::{Replay, ReplayTask, Table};
use evaluator::{Evaluator, Retried};
use spaces::cell201::{Cell, Operation};
use spaces::nb_macro::{MacroSpace, Network};
use spaces::{Enumerated, Tabulated};

fn published() -> Replay<MacroSpace> {
    let file =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../data/nas_bench_macro/nas_bench_macro_cifar10.csv.gz");
    let table = Table::read(&file, &["mean_acc"]).unwrap();
    let task = ReplayTask::of(&table, "mean_acc", true, Some("flops*1e-6".parse().unwrap()));
    Replay::new(MacroSpace, table, task).unwrap()
}

/// Ten of the space, in any spelling.
fn networks() -> Vec<Network> {
    MacroSpace.all().step_by(660).collect()
}

fn cells() -> Vec<Cell> {
    Operation::ALL.map(|operation| Cell::new([operation; 6])).to_vec()
}

#[test]
fn every_evaluator_keeps_the_laws() {
    keeps_the_laws(published, &networks());
    keeps_the_laws(|| Retried(published()), &networks());
    keeps_the_laws(|| Box::new(published()) as Box<dyn Evaluator<Network>>, &networks());
    keeps_the_laws(Counting::default, &cells());
    keeps_the_laws(Counting::slow, &cells());
    keeps_the_laws(|| Counting { by_function: true, ..Counting::default() }, &cells());
    keeps_the_laws(|| Retried(Arc::new(Counting::default())), &cells());
}

#[test]
fn what_is_looked_up_needs_no_seed() {
    needs_no_seed(&published(), &networks());
    needs_no_seed(&Counting::slow(), &cells());
}

#[test]
fn what_is_not_in_a_table_is_a_verdict() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("table.csv");
    std::fs::write(&file, "arch,mean_acc\n22212202,93.1\n").unwrap();
    let table = Table::read(&file, &["mean_acc"]).unwrap();
    let task = ReplayTask::of(&table, "mean_acc", true, None);
    let replay = Replay::new(MacroSpace, table, task).unwrap();
    let network = |arch: &str| Network::from_row(&[arch]).unwrap();
    judges_what_cannot_work(&replay, &["00000000", "11111111"].map(network), &network("22212220"));
}
