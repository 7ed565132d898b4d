//! Miss, partial hit, full hit, shared; forgetting, audits, late answers: what a record of several evaluations answers.

#[path = "common/cells.rs"]
mod cells;
#[path = "common/noisy.rs"]
mod noisy;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex};

use cells::{Counting, assert_same, evolution, objective, plan, score, study};
use evaluator::{EvalError, Evaluator, Job, Outcome};
use hashing::{Context, Key};
use noisy::{AtOnce, Noisy};
use search::{Finished, Miss, Origin, Plan, Statistics, Study, Task, Threads, Trial};
use spaces::cell201::{Cell, CellSpace, Operation};
use storage::{MemoryStore, Purpose, Record, Store};
use tasks::{Reason, Scores, Verdict};

fn study_of(evaluator: &Noisy, plan: Plan<Cell>, store: &Arc<MemoryStore>, jobs: usize) -> Study<CellSpace> {
    Study::new(CellSpace::default(), evaluator.clone(), evolution(), plan)
        .with_store(Arc::clone(store) as Arc<dyn Store>)
        .with_executor(Threads::new(jobs).unwrap())
}

/// The trials of a noisy study, and what its store holds then.
fn run(plan: Plan<Cell>, jobs: usize) -> (Vec<Trial<Cell>>, Vec<(Key, Record)>) {
    let store = Arc::new(MemoryStore::new());
    let mut study = study_of(&Noisy::default(), plan, &store, jobs);
    study.run().unwrap();
    (study.trials().to_vec(), store.entries())
}

fn value(verdict: &Verdict) -> f64 {
    objective().value(verdict).unwrap()
}

fn by_key(trials: &[Trial<Cell>]) -> BTreeMap<Key, Vec<&Trial<Cell>>> {
    let mut by_key: BTreeMap<Key, Vec<_>> = BTreeMap::new();
    trials
        .iter()
        .filter(|trial| !trial.is_ruled_out())
        .for_each(|t| by_key.entry(t.key).or_default().push(t));
    by_key
}

fn evaluated<'a>(trials: &[&'a Trial<Cell>]) -> Vec<&'a Trial<Cell>> {
    trials.iter().copied().filter(|trial| trial.origin.is_evaluated()).collect()
}

const THREE: u64 = 3;

fn three(trials: u64) -> Plan<Cell> {
    Plan { evaluations_per_key: THREE, ..plan(trials) }
}

#[test]
fn a_key_is_evaluated_as_often_as_asked_under_fresh_seeds_and_answers_with_the_mean() {
    let (evaluator, store) = (Noisy::default(), Arc::new(MemoryStore::new()));
    let mut study = study_of(&evaluator, three(500), &store, 2);
    study.run().unwrap();
    let statistics = Statistics::of(study.trials()).total;
    assert!(
        statistics.partial_hits > 50 && statistics.full_hits > 10 && statistics.shared > 0,
        "{statistics:?}"
    );
    let seeds = evaluator.seeds();
    assert_eq!(
        seeds.iter().collect::<HashSet<_>>().len(),
        seeds.len(),
        "every evaluation has a seed of its own"
    );
    for (key, trials) in by_key(study.trials()) {
        let evaluated = evaluated(&trials);
        assert!(evaluated.len() as u64 <= THREE);
        assert_eq!(evaluated[0].origin, Origin::Miss(Miss::Unseen));
        assert!(evaluated[1..].iter().all(|trial| trial.origin == Origin::PartialHit));
        let mut found = Vec::new();
        for trial in trials {
            if trial.origin.is_evaluated() {
                found.push(value(trial.measured.as_ref().unwrap_or(&trial.verdict)));
            }
            let mean = found.iter().sum::<f64>() / found.len() as f64;
            assert!((value(&trial.verdict) - mean).abs() < 1e-12, "the mean of what is known: {trial:?}");
            assert_eq!(
                trial.origin == Origin::FullHit,
                !trial.origin.is_evaluated() && trial.origin != Origin::Shared
            );
        }
        assert_eq!(store.get(&key).unwrap().unwrap().evaluations.len(), found.len());
    }
}

#[test]
fn a_full_hit_comes_only_when_a_key_has_all_of_its_evaluations() {
    let (trials, _) = run(three(500), 2);
    for trials in by_key(&trials).into_values() {
        for hit in trials.iter().filter(|trial| trial.origin == Origin::FullHit) {
            let before = trials.iter().filter(|t| t.number < hit.number && t.origin.is_evaluated()).count();
            assert_eq!(before as u64, THREE, "{hit:?}");
        }
    }
}

#[test]
fn several_evaluations_a_key_change_nothing_of_determinism_and_resume() {
    let plan = || Plan { forget: 0.2, ..three(300) };
    let (whole, _) = run(plan(), 1);
    assert_same(&run(plan(), 4).0, &whole);
    for cut in [1, 40, 150, 299] {
        for store_is_lost in [false, true] {
            let mut store = Arc::new(MemoryStore::new());
            let mut first = study_of(&Noisy::default(), Plan { trials: Some(cut), ..plan() }, &store, 2);
            first.run().unwrap();
            if store_is_lost {
                store = Arc::new(MemoryStore::new());
            }
            let mut second = study_of(&Noisy::default(), plan(), &store, 3);
            second.resume(first.trials().to_vec());
            second.run().unwrap();
            assert_same(second.trials(), &whole);
        }
    }
}

#[test]
fn forgetting_evaluates_full_hits_anew_and_the_newest_score_counts() {
    let (always, _) = run(Plan { forget: 1.0, ..plan(300) }, 2);
    let statistics = Statistics::of(&always);
    assert_eq!(
        statistics.total.full_hits,
        Statistics::of(&always).total.proposals - statistics.total.misses - statistics.total.shared
    );
    assert!(statistics.forgotten > 30, "{statistics:?}");
    let certain = |trial: &Trial<Cell>| trial.is_ruled_out();
    assert!(
        always.iter().filter(|t| t.origin == Origin::FullHit).all(certain),
        "only what no seed can change"
    );
    for trials in by_key(&always).into_values() {
        let scores: Vec<_> =
            evaluated(&trials).into_iter().map(|trial| value(&trial.verdict).to_bits()).collect();
        assert_eq!(scores.iter().collect::<HashSet<_>>().len(), scores.len(), "a fresh seed each time");
    }
    let (sometimes, _) = run(Plan { forget: 0.25, ..plan(300) }, 2);
    let Statistics { forgotten, total, .. } = Statistics::of(&sometimes);
    assert!(forgotten > 5 && total.full_hits > 2 * forgotten, "{forgotten} of {total:?}");
}

#[test]
fn the_best_are_ranked_by_their_last_verdicts_and_not_by_their_luckiest() {
    let (trials, _) = run(Plan { forget: 1.0, ..plan(300) }, 2);
    let best = objective().best(&trials, 1000);
    assert_eq!(best.len(), by_key(&trials).len());
    let mut lucky = 0;
    for (key, trials) in by_key(&trials) {
        let shown = best.iter().find(|trial| trial.key == key).unwrap();
        assert_eq!(shown.verdict, trials.last().unwrap().verdict);
        lucky += usize::from(trials.iter().any(|trial| value(&trial.verdict) > value(&shown.verdict)));
    }
    assert!(lucky > 10, "{lucky} functions had a luckier score once");
}

#[test]
fn audits_check_answers_and_the_search_does_not_see_them() {
    let (undisturbed, _) = run(plan(300), 2);
    let (trials, records) = run(Plan { audit: 0.5, ..plan(300) }, 3);
    assert_same(&trials, &undisturbed);
    let answered = |trial: &u64| {
        let trial = &trials[*trial as usize];
        !trial.origin.is_evaluated() && !trial.is_ruled_out()
    };
    let audits: Vec<_> = records
        .iter()
        .flat_map(|(_, record)| &record.evaluations)
        .filter(|evaluation| evaluation.purpose == Purpose::Audit)
        .collect();
    let hits = trials.iter().filter(|trial| answered(&trial.number)).count();
    assert!(audits.len() * 3 > hits && audits.len() * 3 < 2 * hits, "{} of {hits}", audits.len());
    assert!(audits.iter().all(|audit| answered(&audit.trial)), "only answers are audited");
    assert!(
        audits.iter().any(|audit| audit.form.is_some()),
        "the candidate that was answered is trained as it is"
    );
}

#[test]
fn an_audit_answers_nobody() {
    let store = Arc::new(MemoryStore::new());
    let audited = Plan { study: "a".into(), audit: 1.0, ..plan(200) };
    let mut first = study_of(&Noisy::default(), audited, &store, 2);
    first.run().unwrap();
    let plan = || Plan { study: "b".into(), evaluations_per_key: 2, ..plan(60) };
    let mut second = study_of(&Noisy::default(), plan(), &store, 2);
    second.run().unwrap();
    let known: HashSet<Key> = first.trials().iter().map(|trial| trial.key).collect();
    let met: Vec<_> = by_key(second.trials()).into_iter().filter(|(key, _)| known.contains(key)).collect();
    assert!(
        met.len() > 20 && met.iter().all(|(_, trials)| trials[0].origin == Origin::PartialHit),
        "{met:?}"
    );
}

/// Scores differently each time it is asked: what no evaluator should do, and a machine may.
#[derive(Clone, Default)]
struct Moody(Arc<Mutex<HashMap<Cell, u64>>>);

impl Evaluator<Cell> for Moody {
    fn context(&self) -> Context {
        Context::new().with("evaluator", "noisy v1")
    }

    fn evaluate(&self, cell: &Cell, _: &Job) -> Result<Outcome, EvalError> {
        let mut asked = self.0.lock().unwrap();
        let times = asked.entry(*cell).or_default();
        *times += 1;
        let scores = Scores([("score".to_string(), score(cell) + 100.0 * (*times - 1) as f64)].into());
        Ok(Outcome { verdict: Verdict::Scored(scores), steps: 10, seconds: None, provenance: String::new() })
    }
}

#[test]
fn a_late_answer_is_kept_and_marked_and_not_used() {
    let in_order: fn(&Task) -> Vec<Finished> = |task| vec![task(), task()];
    let late_first: fn(&Task) -> Vec<Finished> = |task| {
        let first = task();
        vec![task(), first]
    };
    for twice in [in_order, late_first] {
        let store = Arc::new(MemoryStore::new());
        let mut study = Study::new(CellSpace::default(), Moody::default(), evolution(), plan(200))
            .with_store(Arc::clone(&store) as Arc<dyn Store>)
            .with_executor(AtOnce::new(twice));
        study.run().unwrap();
        let verdicts = |trials: &[Trial<Cell>]| trials.iter().map(|t| t.verdict.clone()).collect::<Vec<_>>();
        for trial in study.trials() {
            let first = &store.get(&trial.key).unwrap().unwrap().evaluations[0];
            assert_eq!(trial.verdict, first.verdict, "the answer that came first");
        }
        for (key, record) in store.entries() {
            let purposes: Vec<_> = record.evaluations.iter().map(|evaluation| evaluation.purpose).collect();
            assert_eq!(purposes, [Purpose::Search, Purpose::Late], "{key}");
        }
        // What came late answers nobody later.
        let plan = Plan { study: "b".into(), ..plan(200) };
        let mut second =
            Study::new(CellSpace::default(), Moody::default(), evolution(), plan).with_store(store);
        second.run().unwrap();
        assert!(second.trials().iter().all(|trial| trial.origin == Origin::FullHit));
        assert_eq!(verdicts(second.trials()), verdicts(study.trials()));
    }
}

#[test]
fn evaluations_of_another_study_count_once_for_each_seed() {
    let store = Arc::new(MemoryStore::new());
    let first = |name: &str, store: &Arc<MemoryStore>| {
        study_of(&Noisy::default(), Plan { study: name.into(), ..plan(100) }, store, 2).run().unwrap();
    };
    first("a", &store);
    // The same evaluations under another name, as a merged cache of an equal study has them.
    for (key, mut record) in store.entries() {
        let twins = record
            .evaluations
            .clone()
            .into_iter()
            .map(|it| storage::Evaluation { study: "twin".into(), ..it });
        record.evaluations.extend(twins.collect::<Vec<_>>());
        store.put(&key, &record).unwrap();
    }
    let known: HashSet<u64> = store.entries().iter().map(|(key, _)| key.seed(0)).collect();
    let evaluator = Noisy::default();
    let mut second =
        study_of(&evaluator, Plan { study: "b".into(), evaluations_per_key: 2, ..plan(100) }, &store, 2);
    second.run().unwrap();
    assert!(evaluator.seeds().iter().all(|seed| !known.contains(seed)), "no seed is spent twice");
    let partial = Statistics::of(second.trials()).total.partial_hits;
    assert!(partial > 20, "one seed is known, and two are wanted: {partial}");
}

/// Diverges on every candidate, or only under some seeds.
#[derive(Clone, Default)]
struct Diverging(Noisy, bool);

impl Evaluator<Cell> for Diverging {
    fn context(&self) -> Context {
        Context::new().with("evaluator", "diverging v1")
    }

    fn evaluate(&self, cell: &Cell, job: &Job) -> Result<Outcome, EvalError> {
        let outcome = self.0.evaluate(cell, job)?;
        let diverges = !self.1 || job.seed.is_multiple_of(2);
        let invalid = Verdict::Invalid(Reason::NotFinite { step: 3 });
        Ok(if diverges { Outcome { verdict: invalid, ..outcome } } else { outcome })
    }
}

#[test]
fn what_failed_is_remembered_and_not_tried_again() {
    let evaluator = Diverging::default();
    let mut study = Study::new(CellSpace::default(), evaluator.clone(), evolution(), plan(200));
    study.run().unwrap();
    let keys: HashSet<_> =
        study.trials().iter().filter(|t| !t.is_ruled_out()).map(|trial| trial.key).collect();
    assert_eq!(evaluator.0.seeds().len(), keys.len());
    let hits = study.trials().iter().filter(|trial| trial.origin == Origin::FullHit);
    assert!(hits.clone().count() > 0);
    assert!(hits.clone().all(|trial| matches!(trial.verdict, Verdict::Invalid(_))));
    let failures = Statistics::of(study.trials()).failures["not_finite"];
    assert_eq!(failures.misses, keys.len() as u64);
}

#[test]
fn what_fails_under_some_seeds_has_the_mean_of_the_others() {
    let mut study =
        Study::new(CellSpace::default(), Diverging(Noisy::default(), true), evolution(), three(400));
    study.run().unwrap();
    let mut mixed = 0;
    for trials in by_key(study.trials()).into_values() {
        let found: Vec<_> = evaluated(&trials)
            .into_iter()
            .map(|trial| trial.measured.as_ref().unwrap_or(&trial.verdict))
            .collect();
        let scores: Vec<_> = found.iter().filter_map(|verdict| objective().value(verdict)).collect();
        let last = &trials.last().unwrap().verdict;
        match objective().value(last) {
            Some(mean) => assert!((mean - scores.iter().sum::<f64>() / scores.len() as f64).abs() < 1e-12),
            None => assert!(scores.is_empty(), "{last:?}"),
        }
        mixed += usize::from(!scores.is_empty() && scores.len() < found.len());
    }
    assert!(mixed > 10, "{mixed} functions failed under some of their seeds only");
}

#[test]
fn equal_candidates_in_flight_cost_one_training_however_they_are_written() {
    use Operation::{Conv1, None};
    // The other spelling has one more convolution, which leads nowhere.
    let written = [[None, None, None, Conv1, None, None], [Conv1, None, None, Conv1, None, None]];
    let forms = written.map(Cell::new);
    let evaluator = Counting::slow();
    let plan = Plan { enqueued: (0..10).map(|n| forms[n % 2]).collect(), ..plan(10) };
    let mut study = study(&evaluator, plan, 4);
    study.run().unwrap();
    assert_eq!(evaluator.count(), 1);
    let origins: Vec<_> = study.trials().iter().map(|trial| trial.origin).collect();
    assert_eq!(origins[0], Origin::Miss(Miss::Unseen));
    assert!(origins[1..].iter().all(|origin| *origin == Origin::Shared), "{origins:?}");
    assert!(study.trials().iter().all(|trial| trial.verdict == study.trials()[0].verdict));
}

#[test]
fn what_no_seed_can_change_is_found_once() {
    let dead = Cell::new([Operation::None; 6]);
    let plan = Plan { enqueued: vec![dead; 40], window: 1, forget: 1.0, ..three(40) };
    let mut study = study(&Counting::default(), plan, 1);
    study.run().unwrap();
    let statistics = Statistics::of(study.trials()).total;
    assert_eq!((statistics.misses, statistics.full_hits), (1, 39));
}
