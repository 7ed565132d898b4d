//! What each way of recognizing a candidate saves, on the published table of NAS-Bench-201: regularized evolution
//! (population 50, tournament 10) over 200 seeds, until 100, 200 and 400 evaluations were really made.
//!
//! `cargo bench -p fecund --bench replay -- TABLE.csv.gz [SEEDS]`, with a table that has the columns `arch`,
//! `c10_val_12ep`, `c10_test_200ep` and `c10_sec_per_epoch`; without one it says so and ends.

use std::num::NonZeroUsize;
use std::path::Path;

use evaluator::replay::{Replay, ReplayTask, Table};
use hashing::{CandidateHasher, HashError, Identity, Keyed, Rng, TwoStage};
use rayon::prelude::*;
use search::{Objective, Options, Plan, RegularizedEvolution, Study, Trial, structural_identity};
use spaces::Space;
use spaces::cell201::{Cell, CellSpace};

const TRAININGS: [u64; 3] = [100, 200, 400];
const OBJECTIVE: &str = "c10_val_12ep";
const TEST: &str = "c10_test_200ep";
/// Twelve epochs on half of the data, the pass over the other half included.
const COST: &str = "c10_sec_per_epoch*6.78";

/// Without a canonical form: candidates are what is written.
#[derive(Clone, Default)]
struct AsWritten(CellSpace);

impl Space for AsWritten {
    type Candidate = Cell;

    fn name(&self) -> &str {
        "cell201 as written"
    }

    fn sample(&self, rng: &mut Rng) -> Cell {
        self.0.sample(rng)
    }

    fn mutate(&self, parent: &Cell, rng: &mut Rng) -> Cell {
        self.0.mutate(parent, rng)
    }

    fn canonicalize(&self, cell: &Cell) -> Cell {
        *cell
    }
}

/// The form is the identity.
struct Form;

impl<C: Keyed> CandidateHasher<C> for Form {
    fn scheme(&self) -> String {
        "form".into()
    }

    fn identify(&self, candidate: &C) -> Result<Identity, HashError> {
        Ok(structural_identity(candidate))
    }
}

/// At one number of evaluations: share answered, best validation, its test accuracy, seconds saved.
type Row = [f64; 4];

fn run<S: Space<Candidate = Cell> + Clone + 'static>(
    space: &S,
    table: &Path,
    hasher: impl CandidateHasher<Cell> + 'static,
    reuse: bool,
    window: u64,
    seed: u64,
) -> Vec<Row> {
    let table = Table::<Cell>::read(table, &[OBJECTIVE]).expect("the table could be read before");
    let task = ReplayTask::of(&table, OBJECTIVE, true, Some(COST.parse().expect("a column and a factor")));
    let replay = Replay::new(space.clone(), table, task).expect("the table is the one just read");
    let size = |n| NonZeroUsize::new(n).expect("not zero");
    let options = Options { population: size(50), tournament: size(10), ..Options::default() };
    let strategy = RegularizedEvolution::new(Objective::new(OBJECTIVE, true)).with_options(options);
    let plan = Plan { seed, window, reuse, trainings: Some(TRAININGS[2]), ..Plan::default() };
    let mut study = Study::new(space.clone(), replay, strategy, plan).with_hasher(hasher);
    study.run().expect("a replay cannot fail");
    TRAININGS.iter().map(|most| row(study.trials(), *most)).collect()
}

/// The trials up to the last one before evaluation `most` + 1.
fn row(trials: &[Trial<Cell>], most: u64) -> Row {
    let (mut trained, mut answered, mut saved, mut proposals) = (0, 0, 0.0, 0);
    let (mut best, mut test) = (f64::NEG_INFINITY, f64::NAN);
    for trial in trials {
        if trained == most && trial.is_trained() {
            break;
        }
        trained += u64::from(trial.is_trained());
        proposals += 1;
        answered += u64::from(!trial.origin.is_evaluated());
        saved += trial.times.saved;
        if let Some(score) = trial.verdict.score(OBJECTIVE).filter(|score| *score > best) {
            (best, test) = (score, trial.verdict.score(TEST).unwrap_or(f64::NAN));
        }
    }
    [answered as f64 / f64::from(proposals.max(1)), best, test, saved]
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with("--")).collect();
    let Some(table) = arguments.first().map(Path::new) else {
        println!(
            "skipped: name the table of NAS-Bench-201, which may not be shipped: -- TABLE.csv.gz [SEEDS]"
        );
        return;
    };
    let seeds: u64 = arguments.get(1).map_or(Ok(200), |n| n.parse()).expect("SEEDS is a number");
    if let Err(error) = Table::<Cell>::read(table, &[OBJECTIVE, TEST]) {
        eprintln!("error: {error}");
        std::process::exit(1);
    }
    println!(
        "| window | known by | answered at 100 / 200 / 400 | best validation | its test accuracy | GPU hours saved |"
    );
    println!("|---|---|---|---|---|---|");
    for window in [1, 32] {
        let (written, space) = (AsWritten::default(), CellSpace::default());
        report(window, "nothing (no cache)", seeds, |seed| run(&written, table, Form, false, window, seed));
        report(window, "genotype", seeds, |seed| run(&written, table, Form, true, window, seed));
        report(window, "canonical form", seeds, |seed| run(&space, table, Form, true, window, seed));
        report(window, "function", seeds, |seed| run(&space, table, TwoStage::default(), true, window, seed));
    }
}

/// Means over the seeds, in the order of [`TRAININGS`].
fn report(window: u64, name: &str, seeds: u64, run: impl Fn(u64) -> Vec<Row> + Sync + Send) {
    let runs: Vec<Vec<Row>> = (0..seeds).into_par_iter().map(run).collect();
    let mean =
        |at: usize, column: usize| runs.iter().map(|rows| rows[at][column]).sum::<f64>() / runs.len() as f64;
    let shown = |column: usize, digits: usize, factor: f64| {
        [0, 1, 2].map(|at| format!("{:.digits$}", factor * mean(at, column))).join(" / ")
    };
    println!(
        "| {window} | {name} | {} | {} | {} | {} |",
        shown(0, 3, 1.0),
        shown(1, 2, 1.0),
        shown(2, 2, 1.0),
        shown(3, 1, 1.0 / 3600.0)
    );
}
