//! What a candidate may cost is asked of its written form: before training where that is known, afterwards where it is
//! measured; and never answers for an equal function that costs less.

#[path = "common/cells.rs"]
mod cells;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use cells::{Counting, evolution, objective, plan, score};
use evaluator::{Control, EvalError, Evaluator, Job, Outcome};
use hashing::{CandidateHasher, Class, Context, HashError, Identity, Keyed, TwoStage};
use search::{
    Constraint, Nsga2, Origin, Plan, RandomSearch, Stop, Strategy, Study, Tradeoff, Trial,
    structural_identity,
};
use spaces::cell201::{Cell, CellSpace, Operation};
use spaces::{Enumerated, Space};
use storage::{MemoryStore, Store};
use tasks::{Reason, Verdict};

/// Counts evaluations; a form has a parameter for each of its operations, and takes a millisecond for each.
#[derive(Clone, Default)]
struct Priced(Counting);

fn operations(cell: &Cell) -> f64 {
    cell.operations.iter().filter(|operation| **operation != Operation::None).count() as f64
}

impl Evaluator<Cell> for Priced {
    fn context(&self) -> Context {
        self.0.context()
    }

    fn evaluate(&self, cell: &Cell, job: &Job) -> Result<Outcome, EvalError> {
        self.0.evaluate(cell, job)
    }

    fn costs(&self, cell: &Cell) -> BTreeMap<String, f64> {
        [("parameters".to_string(), operations(cell))].into()
    }

    fn measure(&self, cell: &Cell, _: &Control) -> Result<BTreeMap<String, f64>, EvalError> {
        Ok([("latency".to_string(), operations(cell))].into())
    }
}

/// The form is the identity: what is too large is known by the same key as what was trained elsewhere.
struct Form;

impl<C: Keyed> CandidateHasher<C> for Form {
    fn scheme(&self) -> String {
        "form".into()
    }

    fn identify(&self, candidate: &C) -> Result<Identity, HashError> {
        Ok(structural_identity(candidate))
    }
}

/// Two canonical forms of one function, the first with more operations.
fn equal_forms() -> (Cell, Cell) {
    let space = CellSpace::default();
    let mut known = HashMap::new();
    for cell in space.all().filter(|cell| space.canonicalize(cell) == *cell) {
        let identity = TwoStage::default().identify(&cell).unwrap();
        let other: Cell = *known.entry(identity.fingerprint).or_insert(cell);
        if identity.class == Class::Function && operations(&other) != operations(&cell) {
            let cell_is_dearer = operations(&cell) > operations(&other);
            return if cell_is_dearer { (cell, other) } else { (other, cell) };
        }
    }
    panic!("this space has functions that are written with more operations and with fewer");
}

fn at_most(name: &str, most: f64) -> Plan<Cell> {
    Plan { constraints: vec![Constraint::on_cost(name, most)], window: 1, ..plan(200) }
}

fn run(
    evaluator: &Priced,
    strategy: impl Strategy<CellSpace> + 'static,
    plan: Plan<Cell>,
) -> Vec<Trial<Cell>> {
    let mut study = Study::new(CellSpace::default(), evaluator.clone(), strategy, plan);
    study.run().unwrap();
    study.trials().to_vec()
}

#[test]
fn an_equal_form_that_costs_less_is_trained() {
    let (dear, cheap) = equal_forms();
    let most = operations(&cheap);
    let evaluator = Priced::default();
    let enqueued = vec![dear, cheap, dear, cheap];
    let plan = Plan { trials: Some(4), enqueued, ..at_most("parameters", most) };
    let trials = run(&evaluator, RandomSearch, plan);
    let too_large =
        Reason::TooLarge { what: "parameters".into(), value: operations(&dear) as u64, limit: most as u64 };
    for place in [0, 2] {
        assert_eq!(trials[place].verdict, Verdict::Invalid(too_large.clone()));
        assert!(!trials[place].is_trained());
        assert_eq!(trials[place + 1].verdict.score("score"), Some(score(&cheap)));
    }
    assert_eq!(trials[3].origin, Origin::FullHit);
    assert_eq!(*evaluator.0.seen.lock().unwrap(), [cheap], "one form is trained, once");
}

#[test]
fn limits_of_one_study_say_nothing_in_another() {
    let (dear, _) = equal_forms();
    let store: Arc<dyn Store> = Arc::new(MemoryStore::default());
    let run = |name: &str, most: f64| {
        let plan = Plan {
            study: name.into(),
            trials: Some(2),
            enqueued: vec![dear, dear],
            ..at_most("parameters", most)
        };
        let evaluator = Priced::default();
        let mut study = Study::new(CellSpace::default(), evaluator.clone(), RandomSearch, plan)
            .with_hasher(Form)
            .with_store(Arc::clone(&store));
        study.run().unwrap();
        let key = study.trials()[0].key;
        (study.trials()[1].verdict.clone(), evaluator.0.count(), key)
    };
    let (low, high) = (operations(&dear) - 1.0, operations(&dear));
    let is_too_large = |verdict| matches!(verdict, Verdict::Invalid(Reason::TooLarge { .. }));
    let (ruled_out, count, key) = run("low", low);
    assert!(is_too_large(ruled_out) && count == 0);
    let (trained, count, same_key) = run("high", high);
    assert!(trained.score("score").is_some() && count == 1 && same_key == key);
    let (ruled_out, count, _) = run("low again", low);
    assert!(
        is_too_large(ruled_out) && count == 0,
        "the score in the store answers nothing that is too large"
    );
    let (answered, count, _) = run("high again", high);
    assert!(answered.score("score").is_some() && count == 0, "but what is not");
}

#[test]
fn a_search_in_which_everything_is_too_large_ends_and_says_so() {
    let evaluator = Priced::default();
    let plan = Plan { trials: None, trainings: Some(5), ..at_most("parameters", -1.0) };
    let mut study = Study::new(CellSpace::default(), evaluator.clone(), RandomSearch, plan);
    let stop = study.run().unwrap();
    let Stop::RuledOut(1000, new) = stop else { panic!("{stop}") };
    assert!(new > 500 && stop.to_string().starts_with("nothing left to train: 1000 proposals"), "{stop}");
    assert_eq!(evaluator.0.count(), 0);
}

const MOST: f64 = 4.0;

fn limited() -> Plan<Cell> {
    Plan { constraints: vec![Constraint::on_measure("latency", MOST)], ..plan(300) }
}

#[test]
fn what_measures_too_much_keeps_its_verdict_and_ranks_below_all_that_does_not() {
    let trials = run(&Priced::default(), evolution(), limited());
    for trial in trials.iter().filter(|trial| trial.verdict.score("score").is_some()) {
        let measured = trial.measures.get("latency");
        assert_eq!(trial.breaks.is_some(), measured.is_none_or(|latency| *latency > MOST), "{trial:?}");
    }
    let value = |trial: &Trial<Cell>| trial.verdict.score("score").unwrap();
    let (best, out) = (objective().best(&trials, 500), objective().out_of_bounds(&trials, 500));
    assert!(
        best.iter().all(|trial| trial.breaks.is_none()) && out.iter().all(|trial| trial.breaks.is_some())
    );
    assert!(value(out[0]) > value(best[0]), "the best score is one that nobody may have");
    let tradeoff = Tradeoff::of(&objective(), &["parameters".into()]);
    assert!(tradeoff.front(&trials).iter().all(|trial| trial.breaks.is_none()));
}

#[test]
fn searches_turn_away_from_what_measures_too_much() {
    type Made = fn() -> Box<dyn Strategy<CellSpace>>;
    let made: [Made; 2] =
        [|| Box::new(evolution()), || Box::new(Nsga2::new(Tradeoff::of(&objective(), &[])))];
    for strategy in made {
        let slow = |plan| {
            let trials = run(&Priced::default(), strategy(), plan);
            trials[100..].iter().filter(|trial| operations(&trial.candidate) > MOST).count()
        };
        let (bounded, free) = (slow(limited()), slow(plan(300)));
        assert!(2 * bounded < free, "{bounded} of 200, {free} where nothing is limited");
    }
}
