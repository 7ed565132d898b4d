//! Searches whose children start from what their parents left: known by their parents, the same with any number of jobs,
//! after kills, and when artifacts are lost.

mod common;
#[path = "common/lives.rs"]
mod lives;

use std::collections::HashSet;
use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use common::{Folder, assert_fails, run, stderr_of, stdout, worker_is_there};
use evaluator::{EvalError, Evaluator, Job, Outcome};
use hashing::{Context, Digest, Key, KeyWriter, Rng};
use lives::{assert_same, signal, spawn, trials, wait_for_trials};
use search::{Objective, Observer, Options, Origin, Plan, RegularizedEvolution, Study, Threads, Trial};
use spaces::Candidate;
use spaces::sequence::{Genome, SequenceSpace};
use storage::{MemoryStore, Store};
use tasks::{Reason, Scores, Verdict};

/// Learns nothing, and leaves a number that follows from what a training follows from: the seed, which is made from the key,
/// and what the parents left.
#[derive(Clone, Default)]
struct Heirs {
    evaluated: Arc<Mutex<Vec<Genome>>>,
}

/// Name of the only artifact: a number, twice.
const LEFT: &str = "number";

fn left_in(folder: &Path) -> Option<String> {
    let text = fs::read_to_string(folder.join(LEFT)).ok()?;
    let (first, second) = text.split_once(' ')?;
    (first == second).then(|| first.to_string())
}

impl Evaluator<Genome> for Heirs {
    fn context(&self) -> Context {
        Context::new().with("evaluator", "heirs v1")
    }

    fn evaluate(&self, genome: &Genome, job: &Job) -> Result<Outcome, EvalError> {
        self.evaluated.lock().unwrap().push(genome.clone());
        assert_eq!(job.parents.len(), genome.parents().len());
        let mut out = KeyWriter::new("heirs");
        out.u64(job.seed);
        for folder in job.parents {
            out.text(&left_in(folder).expect("what is handed over is whole"));
        }
        let number = out.finish();
        fs::create_dir_all(job.artifacts).unwrap();
        fs::write(job.artifacts.join(LEFT), format!("{number} {number}")).unwrap();
        let (verdict, provenance) = match number.0[0] {
            0..20 => (Verdict::Invalid(Reason::NotFinite { step: 1 }), String::new()),
            first => (
                Verdict::Scored(Scores([("score".to_string(), f64::from(first))].into())),
                number.to_string(),
            ),
        };
        Ok(Outcome { verdict, steps: 1, seconds: None, provenance })
    }

    fn is_whole(&self, artifacts: &Path) -> bool {
        left_in(artifacts).is_some()
    }
}

fn plan(artifacts: &Path, most: u64) -> Plan<Genome> {
    let artifacts = artifacts.to_path_buf();
    Plan { inherit: true, trials: Some(most), window: 6, artifacts, ..Plan::default() }
}

/// With children of one parent and of two.
fn study(evaluator: &Heirs, plan: Plan<Genome>, jobs: usize) -> Study<SequenceSpace> {
    let options = Options { crossover: 0.5, population: 8.try_into().unwrap(), ..Options::default() };
    let strategy = RegularizedEvolution::new(Objective::new("score", true)).with_options(options);
    Study::new(SequenceSpace::default(), evaluator.clone(), strategy, plan)
        .with_executor(Threads::new(jobs).unwrap())
}

fn searched(plan: Plan<Genome>, jobs: usize) -> Vec<Trial<Genome>> {
    let mut study = study(&Heirs::default(), plan, jobs);
    study.run().unwrap();
    study.trials().to_vec()
}

#[test]
fn children_are_known_by_the_keys_of_the_trials_that_they_were_made_from() {
    let folder = tempfile::tempdir().unwrap();
    let trials = searched(plan(folder.path(), 80), 2);
    let mut counts = [0; 3];
    for trial in &trials {
        let mut keys = Vec::new();
        for parent in trial.parents.iter().map(|parent| &trials[*parent as usize]) {
            if matches!(parent.verdict, Verdict::Scored(_)) && !keys.contains(&parent.key) {
                keys.push(parent.key);
            }
        }
        assert_eq!(trial.candidate.parents(), keys, "trial {}", trial.number);
        counts[keys.len()] += 1;
    }
    assert!(counts.iter().all(|count| *count > 5), "{counts:?}");
    let names: Vec<_> =
        fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(
        names.iter().all(|name| !name.to_string_lossy().contains('.')),
        "nothing is held any more: {names:?}"
    );
}

#[test]
fn the_trials_are_the_same_with_any_number_of_jobs_and_without_reuse() {
    let run = |jobs, reuse| {
        let folder = tempfile::tempdir().unwrap();
        searched(Plan { reuse, ..plan(folder.path(), 80) }, jobs)
    };
    let one = run(1, true);
    assert_same(&one, &run(4, true));
    let told = |trials: &[Trial<Genome>]| {
        trials.iter().map(|t| (t.candidate.clone(), t.key, t.verdict.clone())).collect::<Vec<_>>()
    };
    assert_eq!(told(&one), told(&run(3, false)));
}

/// Keeps what a study has to say.
#[derive(Clone, Default)]
struct Said(Arc<Mutex<Vec<String>>>);

impl<C> Observer<C> for Said {
    fn noticed(&mut self, message: &str) {
        self.0.lock().unwrap().push(message.to_string());
    }
}

fn folders(artifacts: &Path) -> Vec<PathBuf> {
    let mut folders: Vec<_> = fs::read_dir(artifacts).unwrap().map(|entry| entry.unwrap().path()).collect();
    folders.sort();
    folders
}

#[test]
fn artifacts_that_are_lost_or_damaged_are_made_again_and_change_no_trial() {
    let folder = tempfile::tempdir().unwrap();
    let whole = searched(plan(folder.path(), 80), 2);
    let mut made_again = 0;
    for seed in 0..12 {
        let mut rng = Rng::named(seed, "losses", 0);
        let (place, said, evaluator) = (tempfile::tempdir().unwrap(), Said::default(), Heirs::default());
        let store: Arc<dyn Store> = Arc::new(MemoryStore::default());
        let cut = 20 + rng.below(50);
        let mut first = study(&evaluator, plan(place.path(), cut as u64), 2).with_store(Arc::clone(&store));
        first.run().unwrap();
        let mut gone = 0;
        for folder in folders(place.path()) {
            match rng.below(3) {
                0 => fs::remove_dir_all(folder).unwrap(),
                1 => fs::write(folder.join(LEFT), "half a").unwrap(),
                _ => continue,
            }
            gone += 1;
        }
        // All of a journal but its end, or nothing but the cache.
        let kept = first.trials()[..if rng.chance(0.5) { cut - 5 } else { 0 }].to_vec();
        let before = evaluator.evaluated.lock().unwrap().len();
        let mut second =
            study(&evaluator, plan(place.path(), 80), 3).with_store(store).with_observer(said.clone());
        second.resume(kept);
        second.run().unwrap();
        assert_same(second.trials(), &whole);
        let made = evaluator.evaluated.lock().unwrap().len() - before;
        let new = whole[cut..].iter().filter(|trial| trial.is_trained()).count();
        let said = said.0.lock().unwrap();
        // By chance no parent of what is new is among what is lost.
        assert_eq!(made > new, !said.is_empty(), "seed {seed}: {gone} gone, {made} made for {new}: {said:?}");
        made_again += usize::from(made > new);
        assert!(said.iter().all(|message| message.contains("trained again")), "{said:?}");
    }
    assert!(made_again >= 8, "{made_again} of 12");
}

#[test]
fn who_inherits_neither_answers_for_nor_is_answered_by_who_does_not() {
    let folder = tempfile::tempdir().unwrap();
    let plan = |study: &str, inherit| Plan { study: study.into(), inherit, ..plan(folder.path(), 80) };
    let run = |plan, store: &Arc<MemoryStore>| {
        let mut study = study(&Heirs::default(), plan, 2).with_store(Arc::clone(store) as Arc<dyn Store>);
        study.run().unwrap();
        study.trials().to_vec()
    };
    let inherits = |trial: &&Trial<Genome>| !trial.candidate.parents().is_empty();
    let answered = |trial: &Trial<Genome>| trial.origin == Origin::FullHit && trial.payer.is_none();
    for first in [true, false] {
        let store = Arc::new(MemoryStore::default());
        let before = run(plan("first", first), &store);
        let after = run(plan("second", !first), &store);
        let (heirs, others): (Vec<_>, Vec<_>) = before.iter().chain(&after).partition(inherits);
        let [heirs, others] =
            [heirs, others].map(|trials| trials.iter().map(|trial| trial.key).collect::<HashSet<_>>());
        assert!(heirs.len() > 20 && heirs.is_disjoint(&others), "{} and {}", heirs.len(), others.len());
        assert!(after.iter().filter(inherits).all(|trial| !answered(trial)));
        assert!(after.iter().any(answered), "samples are the same in both");
    }
}

#[test]
fn who_names_parents_that_are_not_there_is_not_trained() {
    let folder = tempfile::tempdir().unwrap();
    let genome: Genome = serde_json::from_str(r#"{"layers": [{"token": {"kind": "gru"}}]}"#).unwrap();
    let enqueued = vec![genome.inheriting(vec![Key(Digest([7; 32]))])];
    for (inherit, words) in [(true, "no scored trial before it"), (false, "--inherit")] {
        let plan = Plan { inherit, enqueued: enqueued.clone(), ..plan(folder.path(), 1) };
        let trials = searched(plan, 1);
        let Verdict::Invalid(Reason::Malformed { what }) = &trials[0].verdict else { panic!("{trials:?}") };
        assert!(what.contains(words), "{what}");
        assert!(trials[0].is_ruled_out());
    }
}

const SEARCH: [&str; 17] = [
    "search",
    "--data",
    "Waves_TRAIN.ts",
    "--inherit",
    "--crossover",
    "0.3",
    "--population",
    "6",
    "--epochs",
    "2",
    "--validation",
    "0.25",
    "--max-depth",
    "2",
    "--trials",
    "30",
    "--out",
];

/// What the records of a run say of the trainings.
fn provenances(folder: &Folder, run: &str) -> Vec<String> {
    let (store, _) = storage::JournalStore::read(&folder.path(run).join("cache")).unwrap();
    let records = store.0.entries().into_iter().flat_map(|(_, record)| record.evaluations);
    records.map(|evaluation| evaluation.provenance).collect()
}

#[test]
fn kills_and_lost_weights_cost_trainings_and_change_no_trial() {
    if !worker_is_there() {
        return;
    }
    let folder = Folder::new();
    folder.waves();
    stdout(&folder, &[&SEARCH, &["whole", "--jobs", "2"][..]].concat());
    let whole = trials(&folder, "whole");
    let heirs = whole.iter().filter(|trial| !trial.candidate.parents().is_empty()).count();
    assert!(heirs > 12, "{heirs}");
    let inherited = provenances(&folder, "whole").iter().filter(|it| it.contains("inherited")).count();
    assert!(inherited > 8, "{inherited} of {heirs}");
    let mut child = spawn(&folder, &[&SEARCH, &["cut", "--jobs", "3"][..]].concat());
    let mut said = String::new();
    for stop in [9, 16, 23] {
        wait_for_trials(&folder, "cut", stop);
        signal(-(child.id() as i32), libc::SIGKILL);
        let killed = child.wait_with_output().unwrap();
        assert_eq!(killed.status.signal(), Some(libc::SIGKILL));
        said += &stderr_of(&killed);
        folders(&folder.path("cut/artifacts")).iter().for_each(|path| fs::remove_dir_all(path).unwrap());
        child = spawn(&folder, &["resume", "cut"]);
    }
    let output = child.wait_with_output().unwrap();
    said += &stderr_of(&output);
    assert!(output.status.success() && said.contains("trained again"), "{said}");
    assert_same(&whole, &trials(&folder, "cut"));
}

#[test]
fn a_model_that_inherits_is_tested_confirmed_and_exported_without_its_parents_weights() {
    if !worker_is_there() {
        return;
    }
    let folder = Folder::new();
    folder.waves();
    stdout(&folder, &[&SEARCH, &["run", "--jobs", "2"][..]].concat());
    let all = trials(&folder, "run");
    let last = all
        .iter()
        .rev()
        .find(|trial| !trial.candidate.parents().is_empty() && matches!(trial.verdict, Verdict::Scored(_)));
    let number = last.unwrap().number.to_string();
    let test = ["test", "run", "--trial", number.as_str(), "--format", "csv"];
    let kept = stdout(&folder, &test);
    assert_eq!(folders(&folder.path("run/artifacts")).len(), keys_of_scored(&all), "all are kept");
    folders(&folder.path("run/artifacts")).iter().for_each(|path| fs::remove_dir_all(path).unwrap());
    let output = run(&folder, &test);
    let said = stderr_of(&output);
    assert!(output.status.success() && !said.contains("scores otherwise"), "{said}");
    assert_eq!(String::from_utf8_lossy(&output.stdout), kept);
    stdout(&folder, &["confirm", "run", "--top", "1", "--seeds", "1"]);
    stdout(&folder, &["export", "run", "--trial", &number, "--refit", "--to", "exported"]);
    assert!(folder.path("exported/model.py").is_file());
}

fn keys_of_scored(trials: &[Trial<Genome>]) -> usize {
    let scored = trials.iter().filter(|trial| matches!(trial.verdict, Verdict::Scored(_)));
    scored.map(|trial| trial.key).collect::<HashSet<_>>().len()
}

#[test]
fn promotions_keep_the_parents_of_their_function() {
    if !worker_is_there() {
        return;
    }
    let folder = Folder::new();
    folder.waves();
    let rungs = |out| {
        let mut words = SEARCH.to_vec();
        let epochs = words.iter().position(|word| *word == "--epochs").unwrap();
        words.splice(epochs..epochs + 2, ["--fidelity", "epochs=1,2,4"]);
        [&words[..], &[out]].concat()
    };
    stdout(&folder, &[&rungs("whole")[..], &["--jobs", "2"]].concat());
    let whole = trials(&folder, "whole");
    let promoted: Vec<_> = whole.iter().filter(|trial| trial.operator == "promote").collect();
    let of = |trial: &Trial<Genome>| whole[trial.parents[0] as usize].candidate.clone();
    assert!(promoted.iter().all(|trial| trial.candidate == of(trial)));
    let heirs = promoted.iter().filter(|trial| !trial.candidate.parents().is_empty()).count();
    assert!(heirs > 1, "{heirs} of {}", promoted.len());
    let said = provenances(&folder, "whole");
    assert!(said.iter().any(|it| it.contains("continued") && it.contains("inherited")), "{said:?}");
    let mut child = spawn(&folder, &[&rungs("cut")[..], &["--jobs", "3"]].concat());
    wait_for_trials(&folder, "cut", 15);
    signal(-(child.id() as i32), libc::SIGKILL);
    child.wait().unwrap();
    folders(&folder.path("cut/artifacts")).iter().for_each(|path| fs::remove_dir_all(path).unwrap());
    stdout(&folder, &["resume", "cut"]);
    assert_same(&whole, &trials(&folder, "cut"));
}

#[test]
fn what_does_not_go_with_inheritance_is_refused() {
    let folder = Folder::new();
    folder.waves();
    let with = |more: &[&'static str]| [&SEARCH[..], &["run"], more].concat();
    assert_fails(&folder, &with(&["--keep", "3"]), 2, &["--keep", "--inherit"]);
    assert_fails(&folder, &with(&["--redraws", "3"]), 2, &["--redraws", "--inherit"]);
    let other = ["search", "--space", "cell201", "--data", "x.csv", "--objective", "y", "--inherit"];
    assert_fails(&folder, &other, 2, &["--inherit does not apply"]);
}
