//! The laws of checkpoints: what goes on from one ends with the bits of what was never interrupted, and what is damaged,
//! of something else or not there costs a training and changes nothing.

#[path = "common/waves.rs"]
mod waves;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use evaluator::sequence::{Fold, Reply, Request, SequenceTask};
use evaluator::{Control, Outcome};
use hashing::Rng;
use spaces::sequence::Genome;
use tasks::{Reason, Validation, Verdict};
use tempfile::TempDir;
use torch::Service;
use waves::{genome, service};

/// Fidelities of the study; the last is the largest.
const RUNGS: [u64; 4] = [1, 3, 12, 27];

/// Every block with a state of its own, in the forms that training could treat differently.
const GENOMES: [&str; 5] = [
    r#"{"width": 8, "training": {"dropout": 0.3}, "layers": [
        {"token": {"kind": "attention"}, "channel": {"kind": "mlp"}, "repeat": 2}]}"#,
    r#"{"width": 8, "training": {"dropout": 0.1}, "layers": [
        {"token": {"kind": "gru"}, "order": "bidirectional"}, {"channel": {"kind": "glu"}}]}"#,
    r#"{"width": 8, "training": {"learning_rate": 0.01, "weight_decay": 0}, "layers": [
        {"token": {"kind": "mamba"}, "order": "reverse"}]}"#,
    r#"{"width": 8, "norm": "rms", "pooling": "last", "layers": [
        {"token": {"kind": "s4d"}, "channel": {"kind": "mlp"}}]}"#,
    r#"{"width": 8, "layout": "grid", "tokens": {"kind": "patch", "size": 4}, "training": {"dropout": 0.1},
        "layers": [{"channel": {"kind": "mlp"}}]}"#,
];
const SMALL: &str =
    r#"{"width": 8, "training": {"dropout": 0.1}, "layers": [{"token": {"kind": "convolution"}}]}"#;

fn study(change: impl FnOnce(&mut SequenceTask)) -> Service {
    service(|task| {
        task.epochs = RUNGS[3];
        change(task);
    })
}

/// One split, so that one file decides.
fn study_of_one_split() -> Service {
    study(|task| task.validation = Validation::Holdout(0.25))
}

/// An evaluation to be made.
#[derive(Clone)]
struct Ask<'a> {
    service: &'a Service,
    genome: &'a Genome,
    fidelity: u64,
    seed: u64,
    previous: Option<&'a Path>,
}

impl Ask<'_> {
    fn request(&self, artifacts: &Path) -> Request {
        Request::Evaluate {
            genome: self.genome.clone(),
            fidelity: self.fidelity,
            seed: self.seed,
            artifacts: artifacts.to_path_buf(),
            previous: self.previous.map(Path::to_path_buf),
            checkpoint: self.fidelity < RUNGS[3],
            parents: Vec::new(),
        }
    }

    fn answer(&self, artifacts: &Path) -> Outcome {
        match self.service.answer(&self.request(artifacts), &Control::new()).unwrap() {
            Reply::Evaluated(outcome) => outcome,
            other => panic!("{other:?}"),
        }
    }
}

/// The outcome without its provenance, and every byte that is left.
type Left = (Verdict, u64, BTreeMap<String, Vec<u8>>);

fn left(outcome: &Outcome, artifacts: &Path) -> Left {
    (outcome.verdict.clone(), outcome.steps, files(artifacts))
}

fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(folder).into_iter().flatten().map(|entry| entry.unwrap().path());
    let named = entries
        .map(|path| (path.file_name().unwrap().to_str().unwrap().to_string(), fs::read(path).unwrap()));
    named.collect()
}

/// `(epoch, made, steps)` of `continued from epoch E, M of S steps made`, if it says so.
fn continued(outcome: &Outcome) -> Option<[u64; 3]> {
    let said = outcome.provenance.split("; continued from epoch ").nth(1)?;
    let numbers: Vec<u64> = said.split([' ', ',']).filter_map(|word| word.parse().ok()).collect();
    Some(numbers.try_into().unwrap())
}

/// Climbs the rungs, each from the one below, and compares with an uninterrupted training of each; the outcomes and
/// folders of the climb.
fn climb(service: &Service, genome: &Genome, place: &TempDir) -> Vec<(Outcome, PathBuf)> {
    let mut climbed: Vec<(Outcome, PathBuf)> = Vec::new();
    for fidelity in RUNGS {
        let previous = climbed.last().map(|(_, folder)| folder.clone());
        let ask = Ask { service, genome, fidelity, seed: 11, previous: previous.as_deref() };
        let [parts, whole] = ["parts", "whole"].map(|name| place.path().join(format!("{name}-{fidelity}")));
        let outcome = ask.answer(&parts);
        let uninterrupted = Ask { previous: None, ..ask }.answer(&whole);
        assert_eq!(continued(&uninterrupted), None);
        assert!(left(&outcome, &parts) == left(&uninterrupted, &whole), "{fidelity} epochs of {genome:?}");
        climbed.push((outcome, parts));
    }
    climbed
}

#[test]
fn a_training_that_goes_on_ends_with_the_bits_of_one_that_was_never_interrupted() {
    let service = study(|_| ());
    for json in GENOMES {
        let place = tempfile::tempdir().unwrap();
        let climbed = climb(&service, &genome(json), &place);
        for (pair, fidelity) in climbed.windows(2).zip(RUNGS) {
            let (before, after) = (&pair[0].0, &pair[1].0);
            let made = after.steps - before.steps;
            assert_eq!(continued(after), Some([fidelity, made, after.steps]), "{json}");
        }
    }
}

/// At every step, decay makes each matrix this much longer rather than shorter, once the schedule is at its peak.
fn growing(factor: f64) -> Genome {
    let mut genome = genome(SMALL);
    genome.training.weight_decay = (1.0 + factor) / genome.training.learning_rate;
    genome
}

/// Of a summary whose genome no file may hold.
fn folds(folder: &Path) -> Vec<Fold> {
    let summary = fs::read(folder.join("summary.json")).unwrap();
    let mut summary: serde_json::Value = serde_json::from_slice(&summary).unwrap();
    serde_json::from_value(summary["folds"].take()).unwrap()
}

#[test]
fn what_early_stopping_ended_stays_ended_and_keeps_its_best_epoch() {
    let (service, place) = (study(|_| ()), tempfile::tempdir().unwrap());
    let climbed = climb(&service, &growing(2.0), &place);
    let [third, last] = [2, 3].map(|rung| &climbed[rung]);
    let ended = folds(&third.1);
    assert!(ended.iter().all(|fold| fold.best_epoch < fold.epochs && fold.epochs < 12), "{ended:?}");
    assert_eq!(folds(&last.1), ended);
    assert_eq!(continued(&last.0).unwrap()[1], 0, "nothing is left to be trained");
}

#[test]
fn numbers_leave_the_finite_at_the_same_step_however_training_got_there() {
    let (service, place) = (study(|_| ()), tempfile::tempdir().unwrap());
    let climbed = climb(&service, &growing(8.0), &place);
    let scored = climbed.iter().filter(|(outcome, _)| outcome.verdict.score("log_loss").is_some()).count();
    assert!((1..4).contains(&scored), "{scored} rungs are finite");
    let (outcome, folder) = &climbed[scored];
    let Verdict::Invalid(Reason::NotFinite { step }) = outcome.verdict else { panic!("{outcome:?}") };
    assert!(step > 5 * RUNGS[scored - 1], "after the checkpoint: {step}");
    assert!(!folder.exists(), "nothing is left of it");
}

/// Does something to the folder of an evaluation.
type Damage = Box<dyn Fn(&Path)>;

/// Writes a checkpoint anew.
fn rewrite(change: impl Fn(&mut Vec<u8>) + 'static) -> Damage {
    Box::new(move |folder| {
        let file = folder.join("fold-0.checkpoint");
        let mut bytes = fs::read(&file).unwrap();
        change(&mut bytes);
        fs::write(&file, bytes).unwrap();
    })
}

fn damages(len: usize) -> Vec<(String, Damage)> {
    let mut rng = Rng::named(5, "damage", 0);
    let remove = |folder: &Path| fs::remove_file(folder.join("fold-0.checkpoint")).unwrap();
    let mut damages: Vec<(String, Damage)> = vec![
        ("missing".into(), Box::new(remove)),
        ("no folder".into(), Box::new(|folder| fs::remove_dir_all(folder).unwrap())),
        ("empty".into(), rewrite(Vec::clear)),
        (
            "weights".into(),
            Box::new(|folder| {
                fs::copy(folder.join("fold-0.safetensors"), folder.join("fold-0.checkpoint"))
                    .map(drop)
                    .unwrap();
            }),
        ),
        (
            "folder".into(),
            Box::new(move |folder| {
                remove(folder);
                fs::create_dir(folder.join("fold-0.checkpoint")).unwrap();
            }),
        ),
        (
            "endless".into(),
            Box::new(move |folder| {
                remove(folder);
                symlink("/dev/zero", folder.join("fold-0.checkpoint")).unwrap();
            }),
        ),
        (
            "a tebibyte".into(),
            Box::new(|folder| {
                let file = fs::File::options().write(true).open(folder.join("fold-0.checkpoint")).unwrap();
                file.set_len(1 << 40).unwrap();
            }),
        ),
        ("longer".into(), rewrite(|bytes| bytes.push(0))),
        ("header".into(), rewrite(|bytes| bytes[..8].fill(0xff))),
    ];
    for cut in (0..8).map(|_| rng.below(len)) {
        damages.push((format!("cut at {cut}"), rewrite(move |bytes| bytes.truncate(cut))));
    }
    for bit in (0..48).map(|_| rng.below(8 * len)) {
        damages.push((format!("bit {bit}"), rewrite(move |bytes| bytes[bit / 8] ^= 1 << (bit % 8))));
    }
    damages
}

#[test]
fn a_checkpoint_that_is_damaged_costs_a_training_and_changes_nothing() {
    let (service, place, genome) = (study_of_one_split(), tempfile::tempdir().unwrap(), genome(SMALL));
    let ask = Ask { service: &service, genome: &genome, fidelity: 1, seed: 11, previous: None };
    let [first, previous, artifacts] = ["first", "previous", "artifacts"].map(|name| place.path().join(name));
    ask.answer(&first);
    let ask = Ask { fidelity: 3, ..ask };
    let expected = left(&ask.answer(&artifacts), &artifacts);
    let ask = Ask { previous: Some(&previous), ..ask };
    for (name, damage) in damages(files(&first)["fold-0.checkpoint"].len()) {
        let _ = fs::remove_dir_all(&previous);
        fs::create_dir(&previous).unwrap();
        files(&first).iter().for_each(|(name, bytes)| fs::write(previous.join(name), bytes).unwrap());
        assert!(continued(&ask.answer(&artifacts)).is_some(), "what is whole is of use");
        damage(&previous);
        let outcome = ask.answer(&artifacts);
        assert!(left(&outcome, &artifacts) == expected, "{name}");
        assert_eq!(continued(&outcome), None, "{name}");
    }
}

#[test]
fn a_checkpoint_of_something_else_is_not_gone_on_from() {
    let place = tempfile::tempdir().unwrap();
    let [small, other] = [SMALL, GENOMES[3]].map(genome);
    let service = study_of_one_split();
    let shorter = study(|task| (task.validation, task.epochs) = (Validation::Holdout(0.25), 9));
    let finer = study(|task| (task.validation, task.batch_size) = (Validation::Holdout(0.25), 4));
    let elsewhere = study(|task| task.validation = Validation::Holdout(0.5));
    let own = Ask { service: &service, genome: &small, fidelity: 1, seed: 11, previous: None };
    let mut smoother = small.clone();
    smoother.training.dropout = 0.3;
    let others = [
        ("another genome", Ask { genome: &other, ..own.clone() }),
        ("another gene", Ask { genome: &smoother, ..own.clone() }),
        ("another seed", Ask { seed: 12, ..own.clone() }),
        ("another largest fidelity", Ask { service: &shorter, ..own.clone() }),
        ("another batch size", Ask { service: &finer, ..own.clone() }),
        ("another split", Ask { service: &elsewhere, ..own.clone() }),
        ("a higher fidelity", Ask { fidelity: 9, ..own.clone() }),
    ];
    let wanted = Ask { fidelity: 3, ..own };
    let [previous, artifacts] = ["previous", "artifacts"].map(|name| place.path().join(name));
    let expected = left(&wanted.answer(&artifacts), &artifacts);
    for (name, other) in others {
        other.answer(&previous);
        let outcome = Ask { previous: Some(&previous), ..wanted.clone() }.answer(&artifacts);
        assert!(left(&outcome, &artifacts) == expected, "{name}");
        assert_eq!(continued(&outcome), None, "{name}");
    }
}

#[test]
fn folds_go_on_each_from_its_own_checkpoint() {
    let (service, place, genome) = (study(|_| ()), tempfile::tempdir().unwrap(), genome(SMALL));
    let ask = Ask { service: &service, genome: &genome, fidelity: 3, seed: 11, previous: None };
    let [previous, artifacts] = ["previous", "artifacts"].map(|name| place.path().join(name));
    Ask { fidelity: 1, ..ask.clone() }.answer(&previous);
    let expected = left(&ask.answer(&artifacts), &artifacts);
    let [first, second] = [0, 1].map(|fold| previous.join(format!("fold-{fold}.checkpoint")));
    fs::copy(first, second).unwrap();
    let outcome = Ask { previous: Some(&previous), ..ask }.answer(&artifacts);
    assert!(left(&outcome, &artifacts) == expected);
    // Three folds of three epochs of five steps; two of the folds need but two epochs.
    assert_eq!(continued(&outcome), Some([1, 5 * (2 + 3 + 2), 45]));
}

#[test]
fn a_checkpoint_is_left_where_it_was_asked_for() {
    let (service, place, genome) = (study_of_one_split(), tempfile::tempdir().unwrap(), genome(SMALL));
    let ask = Ask { service: &service, genome: &genome, fidelity: 9, seed: 11, previous: None };
    let names = |fidelity| {
        let artifacts = place.path().join(format!("{fidelity}"));
        Ask { fidelity, ..ask.clone() }.answer(&artifacts);
        files(&artifacts).into_keys().collect::<Vec<_>>()
    };
    assert_eq!(names(9), ["fold-0.checkpoint", "fold-0.safetensors", "summary.json"]);
    assert_eq!(names(27), ["fold-0.safetensors", "summary.json"]);
}

#[test]
fn what_goes_on_can_be_followed_and_cancelled() {
    let (service, place, genome) = (study(|_| ()), tempfile::tempdir().unwrap(), genome(SMALL));
    let [previous, artifacts] = ["previous", "artifacts"].map(|name| place.path().join(name));
    let ask = Ask { service: &service, genome: &genome, fidelity: 1, seed: 11, previous: None };
    ask.answer(&previous);
    let before = files(&previous);
    let request = Ask { fidelity: 3, previous: Some(&previous), ..ask }.request(&artifacts);
    let cancelled = Control::new();
    cancelled.cancel();
    assert_eq!(service.answer(&request, &cancelled), Err("cancelled".to_string()));
    assert_eq!(fs::read_dir(place.path()).unwrap().count(), 1, "nothing is left of it");
    let control = Control::new();
    service.answer(&request, &control).unwrap();
    assert_eq!(control.progress(), 1.0);
    assert!(files(&previous) == before, "what was gone on from is as it was");
}
