//! A published table, plain or gzipped, for each space that has one.

use std::fs;
use std::path::Path;

use evaluator::replay::{Replay, ReplayTask, Table};
use evaluator::{Control, Evaluator, Job};
use hashing::Fidelity;
use spaces::cell201::CellSpace;
use spaces::nb_macro::MacroSpace;
use spaces::{Space, Tabulated, nb_graph};

use super::scratch;

pub fn run(bytes: &[u8]) -> bool {
    let folder = scratch::folder();
    let name = if scratch::is_gzip(bytes) { "t.csv.gz" } else { "t.csv" };
    let path = folder.path().join(name);
    fs::write(&path, bytes).expect("a temporary file can be written");
    let read =
        [replay::<MacroSpace>(&path), replay::<CellSpace>(&path), replay::<nb_graph::CellSpace>(&path)];
    read.contains(&true)
}

/// Every row answers for its own candidate.
fn replay<S: Space<Candidate: Tabulated> + Default>(path: &Path) -> bool {
    let Ok(table) = Table::<S::Candidate>::read(path, &[]) else { return false };
    let Some(objective) = table.columns().first().cloned() else { return false };
    let task = ReplayTask::of(&table, &objective, true, None);
    let candidates: Vec<_> = table.candidates().take(50).cloned().collect();
    let rows: Vec<f64> = (0..candidates.len()).map(|row| table.row(row).0[0]).collect();
    let replay = Replay::new(S::default(), table, task).expect("the table is that of its task");
    let control = Control::new();
    let job = Job {
        fidelity: Fidelity(1),
        seed: 0,
        artifacts: "".as_ref(),
        previous: None,
        parents: &[],
        control: &control,
    };
    for (candidate, score) in candidates.iter().zip(rows) {
        let outcome = replay.evaluate(candidate, &job).expect("a look-up does not fail");
        assert_eq!(outcome.verdict.score(&objective), Some(score));
    }
    true
}
