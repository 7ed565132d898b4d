//! Several fidelities: who goes on is decided by the trials observed, as published; seeds, forms and folders are those that
//! let a training go on; and no score answers at another fidelity.

#[path = "common/cells.rs"]
mod cells;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use cells::{assert_same, evolution, objective, plan, score_of_function};
use evaluator::{EvalError, Evaluator, Job, Outcome};
use hashing::{CandidateHasher, Context, Fidelity, Fingerprint, Rng, TwoStage};
use search::{Halving, Origin, Plan, RandomSearch, Strategy, Study, Threads, Tradeoff, Trial};
use spaces::Space;
use spaces::cell201::{Cell, CellSpace};
use storage::{MemoryStore, Store};
use tasks::{Reason, Scores, Verdict};

const FIDELITIES: [Fidelity; 4] = [Fidelity(1), Fidelity(3), Fidelity(9), Fidelity(27)];

/// What a job was given.
#[derive(Clone, Debug, PartialEq)]
struct Asked {
    cell: Cell,
    fidelity: Fidelity,
    seed: u64,
    artifacts: PathBuf,
    previous: Option<PathBuf>,
}

/// Scores a function otherwise at every fidelity, the lower the further it is trained, and remembers what it was asked.
#[derive(Clone, Default)]
struct Curve {
    asked: Arc<Mutex<Vec<Asked>>>,
    pause: bool,
}

impl Evaluator<Cell> for Curve {
    fn context(&self) -> Context {
        Context::new().with("evaluator", "curve v1")
    }

    fn evaluate(&self, cell: &Cell, job: &Job) -> Result<Outcome, EvalError> {
        let Job { fidelity, seed, .. } = *job;
        let (artifacts, previous) = (job.artifacts.to_path_buf(), job.previous.map(Into::into));
        self.asked.lock().unwrap().push(Asked { cell: *cell, fidelity, seed, artifacts, previous });
        if self.pause {
            std::thread::sleep(Duration::from_micros(
                Rng::named(seed, "pause", fidelity.0).below(2000) as u64
            ));
        }
        // By what it computes, so that equal functions score alike; with ties, and crossings between fidelities.
        let function = TwoStage::default().identify(cell).unwrap().fingerprint.0.0;
        let luck = f64::from(function[fidelity.0 as usize % 7] % 16);
        let verdict = match function[1] % 20 {
            0 if fidelity.0 > 1 => Verdict::Invalid(Reason::NotFinite { step: 7 }),
            _ => {
                let score = score_of_function(cell) / 8.0 + luck - fidelity.0 as f64;
                Verdict::Scored(Scores([("score".into(), score)].into()))
            }
        };
        Ok(Outcome { verdict, steps: fidelity.0, seconds: None, provenance: String::new() })
    }
}

fn halved(
    evaluator: &Curve,
    strategy: impl Strategy<CellSpace> + 'static,
    plan: Plan<Cell>,
    jobs: usize,
) -> Study<CellSpace> {
    Study::new(CellSpace::default(), evaluator.clone(), strategy, plan)
        .with_executor(Threads::new(jobs).unwrap())
        .with_halving(Halving::new(objective(), &FIDELITIES).unwrap())
}

fn run(evaluator: &Curve, plan: Plan<Cell>, jobs: usize) -> Vec<Trial<Cell>> {
    let mut study = halved(evaluator, evolution(), plan, jobs);
    study.run().unwrap();
    study.trials().to_vec()
}

fn is_promotion(trial: &&Trial<Cell>) -> bool {
    trial.operator == "promote"
}

/// Last verdict and first trial of each function at a fidelity, by the trials observed; those that took no training are
/// left out.
fn rung(observed: &[Trial<Cell>], fidelity: Fidelity) -> Vec<(Fingerprint, f64, u64)> {
    let mut functions: BTreeMap<Fingerprint, (f64, u64)> = BTreeMap::new();
    for trial in observed.iter().filter(|trial| trial.fidelity() == Some(fidelity)) {
        let certain = matches!(&trial.verdict, Verdict::Invalid(reason) if reason.is_certain());
        if !certain {
            let score = trial.verdict.score("score").unwrap_or(f64::NEG_INFINITY);
            functions.entry(trial.identity.fingerprint).or_insert((score, trial.number)).0 = score;
        }
    }
    let mut sorted: Vec<_> = functions.into_iter().map(|(of, (score, trial))| (of, score, trial)).collect();
    sorted.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.2.cmp(&b.2)));
    sorted
}

/// The published rule, in the plainest words: from the highest fidelity down, the best ⌊n / η⌋ that have not gone on.
fn due(trials: &[Trial<Cell>], number: usize, window: usize) -> Option<(u64, Fidelity)> {
    let observed = &trials[..(number + 1).saturating_sub(window).min(trials.len())];
    FIDELITIES.windows(2).rev().find_map(|pair| {
        let known = rung(observed, pair[0]);
        let gone: HashSet<_> = trials[..number]
            .iter()
            .filter(|trial| trial.fidelity() == Some(pair[1]))
            .map(|trial| trial.identity.fingerprint)
            .collect();
        let most = known.len() / 3;
        let mut best = known.into_iter().take(most);
        let found = best.find(|(of, score, _)| score.is_finite() && !gone.contains(of));
        found.map(|(_, _, trial)| (trial, pair[1]))
    })
}

#[test]
fn whoever_is_among_the_best_third_goes_on_as_soon_as_that_is_observed() {
    for window in [1, 5, 12] {
        let trials = run(&Curve::default(), Plan { window, ..plan(300) }, 3);
        for (number, trial) in trials.iter().enumerate() {
            let promoted = is_promotion(&trial).then(|| (trial.parents[0], trial.fidelity().unwrap()));
            assert_eq!(promoted, due(&trials, number, window as usize), "trial {number}, window {window}");
        }
        let at = |fidelity| trials.iter().filter(|trial| trial.fidelity() == Some(fidelity)).count();
        assert!(at(FIDELITIES[1]) > 20 && at(FIDELITIES[3]) > 1, "{:?}", FIDELITIES.map(at));
    }
}

#[test]
fn a_promotion_goes_on_with_the_form_the_seed_and_the_folder_that_were_trained() {
    let evaluator = Curve::default();
    let trials = run(&evaluator, plan(300), 1);
    let asked = evaluator.asked.lock().unwrap();
    let by_place: HashMap<_, _> = asked.iter().map(|asked| (asked.artifacts.clone(), asked)).collect();
    let mut continued = 0;
    for asked in asked.iter().filter(|asked| asked.fidelity > FIDELITIES[0]) {
        let previous = asked.previous.as_ref().expect("there is a lower fidelity");
        let before = by_place.get(previous).expect("it was trained in this study");
        assert_eq!((before.cell, before.seed), (asked.cell, asked.seed));
        assert_eq!(before.fidelity.0 * 3, asked.fidelity.0);
        continued += 1;
    }
    assert!(continued > 20);
    assert!(asked.iter().filter(|asked| asked.fidelity == FIDELITIES[0]).all(|it| it.previous.is_none()));
    for trial in trials.iter().filter(is_promotion) {
        let parent = &trials[trial.parents[0] as usize];
        assert_eq!((trial.candidate, trial.identity), (parent.candidate, parent.identity));
        assert_eq!(trial.seed_key(), parent.seed_key());
        assert!(parent.fidelity() < trial.fidelity() && parent.key != trial.key);
    }
}

#[test]
fn a_score_answers_at_its_own_fidelity_only_and_is_paid_for_once() {
    let evaluator = Curve::default();
    let trials = run(&evaluator, plan(400), 2);
    let asked = evaluator.asked.lock().unwrap();
    let hasher = TwoStage::default();
    let made: Vec<_> =
        asked.iter().map(|it| (hasher.identify(&it.cell).unwrap().fingerprint, it.fidelity)).collect();
    assert_eq!(made.iter().collect::<HashSet<_>>().len(), made.len(), "one training for each");
    let mut scores: HashMap<_, _> = HashMap::new();
    for trial in trials.iter().filter(|trial| !trial.is_ruled_out()) {
        let place = (trial.identity.fingerprint, trial.fidelity().unwrap());
        assert!(made.contains(&place), "{place:?} was never trained");
        assert_eq!(scores.entry(place).or_insert(&trial.verdict), &&trial.verdict);
    }
    assert!(trials.iter().any(|trial| trial.origin == Origin::FullHit));
}

#[test]
fn the_trials_are_the_same_with_any_number_of_workers_and_after_a_resume() {
    let evaluator = Curve { pause: true, ..Curve::default() };
    let one = run(&evaluator, plan(300), 1);
    assert_same(&one, &run(&evaluator, plan(300), 4));
    for cut in [1, 37, 150, 299] {
        let mut study = halved(&evaluator, evolution(), plan(300), 2);
        study.resume(one[..cut].to_vec());
        study.run().unwrap();
        assert_same(&one, study.trials());
    }
}

#[test]
fn reuse_changes_the_cost_and_never_the_result() {
    let run = |reuse, store: &Arc<MemoryStore>| {
        let evaluator = Curve::default();
        let plan = Plan { reuse, study: format!("reuse {reuse}"), ..plan(300) };
        let mut study =
            halved(&evaluator, evolution(), plan, 2).with_store(Arc::clone(store) as Arc<dyn Store>);
        study.run().unwrap();
        let told: Vec<_> = study.trials().iter().map(|t| (t.candidate, t.key, t.verdict.clone())).collect();
        let paid = evaluator.asked.lock().unwrap().len();
        (told, paid)
    };
    let store = Arc::new(MemoryStore::default());
    let (with, paid_with) = run(true, &store);
    let (without, paid_without) = run(false, &Arc::default());
    assert_eq!(with, without);
    assert!(paid_with < paid_without, "{paid_with} against {paid_without}");
    let (warm, paid_warm) = {
        let evaluator = Curve::default();
        let plan = Plan { study: "warm".into(), ..plan(300) };
        let mut study = halved(&evaluator, evolution(), plan, 2).with_store(store as Arc<dyn Store>);
        study.run().unwrap();
        let told: Vec<_> = study.trials().iter().map(|t| (t.candidate, t.key, t.verdict.clone())).collect();
        let paid = evaluator.asked.lock().unwrap().len();
        (told, paid)
    };
    assert_eq!((warm, paid_warm), (with, 0), "another study answers at every fidelity");
}

#[test]
fn a_space_that_is_used_up_is_promoted_to_its_end() {
    let few: Vec<Cell> = {
        let mut rng = Rng::named(3, "few", 0);
        (0..120).map(|_| CellSpace::default().sample(&mut rng)).collect()
    };
    /// Proposes what it was given, over and over.
    struct Given(Vec<Cell>);
    impl Strategy<CellSpace> for Given {
        fn propose(&self, _: &CellSpace, rng: &mut Rng) -> search::Proposal<Cell> {
            let candidate = self.0[rng.below(self.0.len())];
            search::Proposal { candidate, operator: "given", parents: Vec::new() }
        }
    }
    let evaluator = Curve::default();
    let mut study = halved(&evaluator, Given(few), Plan { trials: None, ..plan(0) }, 2);
    assert_eq!(study.run().unwrap(), search::Stop::Converged(1000));
    let counts = FIDELITIES.map(|fidelity| rung(study.trials(), fidelity).len());
    // What was among the best third when few were known is not taken back.
    assert!(counts.windows(2).all(|pair| pair[1] >= pair[0] / 3 && pair[1] < pair[0] / 2), "{counts:?}");
    assert_eq!(due(study.trials(), study.trials().len(), 0), None);
}

#[test]
fn what_was_trained_further_leads_whatever_it_scores() {
    let trials = run(&Curve::default(), plan(300), 2);
    let best = objective().best(&trials, usize::MAX);
    assert_eq!(best[0].fidelity(), Some(FIDELITIES[3]));
    assert!(best.windows(2).all(|pair| pair[0].fidelity() >= pair[1].fidelity()));
    let functions: HashSet<_> = best.iter().map(|trial| trial.identity.fingerprint).collect();
    assert_eq!(functions.len(), best.len(), "a function is listed once");
    assert!(best.iter().any(|low| low.verdict.score("score") > best[0].verdict.score("score")));
    let front = Tradeoff::of(&objective(), &[]).front(&trials);
    assert!(front.iter().all(|trial| trial.fidelity() == Some(FIDELITIES[3])));
}

#[test]
fn every_listed_strategy_searches_at_several_fidelities() {
    for listed in search::strategies::<CellSpace>() {
        let strategy = listed.strategy(&objective(), &search::Options::default());
        let mut study = halved(&Curve::default(), strategy, plan(200), 2);
        study.run().unwrap();
        let promotions = study.trials().iter().filter(is_promotion).count();
        assert!(promotions > 10, "{}: {promotions}", listed.name);
    }
    let mut random = halved(&Curve::default(), RandomSearch, plan(200), 1);
    random.run().unwrap();
    let samples = random.trials().iter().filter(|trial| trial.operator == "sample");
    assert!(samples.clone().all(|trial| trial.fidelity() == Some(FIDELITIES[0])) && samples.count() > 100);
}
