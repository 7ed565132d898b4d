//! Every listed strategy keeps the laws, climbs, and can be had from the command line. A new one joins by its line in
//! the list.

#[path = "common/cells.rs"]
mod cells;
mod common;

use std::collections::{BTreeMap, HashMap};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use cells::{Counting, evolution, objective, plan};
use common::{Folder, assert_fails, stdout};
use evaluator::replay::{Replay, ReplayTask, Table};
use hashing::{Fingerprint, KeyWriter, Keyed};
use search::pareto::{Point, dominates, hypervolume};
use search::{
    Goal, Ledger, LocalSearch, Objective, Options, Plan, RandomSearch, Redrawing, Statistics, Strategy,
    Study, Tradeoff, Trial, conformance, strategies,
};
use serde_json::Value;
use spaces::cell101::CellSpace as Cell101Space;
use spaces::cell201::{Cell, CellSpace};
use spaces::mlp::MlpSpace;
use spaces::nb_graph::CellSpace as GraphSpace;
use spaces::nb_macro::{MacroSpace, Network};
use spaces::sequence::SequenceSpace;
use spaces::{Candidate, Niche, Space};

fn size(n: usize) -> NonZeroUsize {
    NonZeroUsize::new(n).unwrap()
}

/// Defaults, and what else each strategy has to bear.
fn options() -> Vec<Options> {
    let against = vec!["parameters".to_string()];
    vec![
        Options { against: against.clone(), ..Options::default() },
        Options { crossover: 0.5, against, ..Options::default() },
        Options {
            population: size(1),
            tournament: size(1),
            patience: size(1),
            crossover: 1.0,
            redraws: 2,
            ..Options::default()
        },
    ]
}

fn all_keep_the_laws<S: Space + 'static>(space: impl Fn() -> S) {
    for listed in strategies::<S>() {
        for options in options() {
            println!("{} over {} with {options:?}", listed.name, space().name());
            conformance::keeps_the_laws(&space, || listed.strategy(&conformance::objective(), &options));
        }
    }
}

#[test]
fn every_listed_strategy_keeps_the_laws_over_cells() {
    all_keep_the_laws(CellSpace::default);
    all_keep_the_laws(Cell101Space::default);
    all_keep_the_laws(|| GraphSpace);
}

#[test]
fn every_listed_strategy_keeps_the_laws_over_networks() {
    all_keep_the_laws(|| MacroSpace);
}

#[test]
fn every_listed_strategy_keeps_the_laws_over_perceptrons() {
    all_keep_the_laws(MlpSpace::default);
}

#[test]
fn every_listed_strategy_keeps_the_laws_over_stacks() {
    all_keep_the_laws(SequenceSpace::default);
}

#[test]
fn evolution_without_crossover_makes_the_trials_that_it_always_made() {
    let mut study = cells::study(&Counting::default(), plan(300), 1);
    study.run().unwrap();
    let mut out = KeyWriter::new("trials");
    study.trials().iter().for_each(|trial| trial.candidate.write_key(&mut out));
    assert_eq!(out.finish().to_string(), PINNED, "runs cannot be resumed under other proposals");
}
const PINNED: &str = "e98ad9b10554e714cff7dc2d1bb06e23bc4fff950f539acdf742912ecad1311a";

/// Trials of a search among cells, which are scored by their form.
fn climbed(strategy: impl Strategy<CellSpace> + 'static, seed: u64, trials: u64) -> Vec<Trial<Cell>> {
    let plan = Plan { seed, window: 4, trials: Some(trials), ..Plan::default() };
    let mut study = Study::new(CellSpace::default(), Counting::default(), strategy, plan);
    study.run().unwrap();
    study.trials().to_vec()
}

fn best(trials: &[Trial<Cell>]) -> f64 {
    trials.iter().filter_map(|trial| trial.verdict.score("score")).fold(0.0, f64::max)
}

#[test]
fn every_strategy_beats_random_search_where_there_is_something_to_climb() {
    let mean = |make: &dyn Fn() -> Box<dyn Strategy<CellSpace>>| {
        (0..20).map(|seed| best(&climbed(make(), seed, 120))).sum::<f64>() / 20.0
    };
    let random = mean(&|| Box::new(RandomSearch));
    for listed in strategies::<CellSpace>().into_iter().filter(|listed| listed.name != "random") {
        for crossover in [0.0, 0.5] {
            let options = Options { crossover, ..Options::default() };
            let found = mean(&|| listed.strategy(&objective(), &options));
            assert!(found > random, "{}, crossover {crossover}: {found} against {random}", listed.name);
        }
    }
}

#[test]
fn children_of_two_are_made_where_they_are_asked_for() {
    let count = |crossover| {
        let options = Options { crossover, ..Options::default() };
        let trials = climbed(evolution().with_options(options), 0, 300);
        let bred = trials.iter().filter(|trial| trial.operator == "crossover");
        let bred: Vec<_> = bred.inspect(|trial| assert_eq!(trial.parents.len(), 2)).collect();
        for trial in &bred {
            let [a, b] = [0, 1].map(|n| trials[trial.parents[n] as usize].candidate);
            let of_either = |(place, operation)| [a, b].iter().any(|it| it.operations[place] == operation);
            assert!(trial.candidate.operations.into_iter().enumerate().all(of_either));
        }
        bred.len()
    };
    let [none, some, most] = [0.0, 0.3, 1.0].map(count);
    assert!(none == 0 && some > 30 && most > 2 * some, "{none} {some} {most}");
}

#[test]
fn whoever_draws_again_keeps_the_laws_too() {
    for listed in strategies::<CellSpace>() {
        conformance::keeps_the_laws(CellSpace::default, || {
            let strategy = (listed.make)(&conformance::objective(), &Options::default());
            Redrawing::new(strategy, conformance::Coarse, 3, Some(size(2)))
        });
    }
}

#[test]
fn what_computes_the_same_as_its_parent_or_came_too_often_is_drawn_again() {
    let run = |redraws, most_visits: Option<usize>| {
        let options = Options { redraws, most_visits: most_visits.map(size), ..Options::default() };
        let evaluator = Counting { by_function: true, ..Counting::default() };
        let strategy = strategies()[0].strategy(&objective(), &options);
        let mut study = Study::new(CellSpace::default(), evaluator, strategy, plan(400));
        study.run().unwrap();
        study.trials().to_vec()
    };
    let print = |trial: &Trial<Cell>| trial.identity.fingerprint;
    let like_parent = |trials: &[Trial<Cell>]| {
        let is_like = |trial: &&Trial<Cell>| {
            trial.parents.iter().any(|parent| print(&trials[*parent as usize]) == print(trial))
        };
        trials.iter().filter(is_like).count()
    };
    let most = |trials: &[Trial<Cell>]| {
        let mut visits: HashMap<Fingerprint, usize> = HashMap::new();
        trials.iter().for_each(|trial| *visits.entry(print(trial)).or_default() += 1);
        visits.into_values().max().unwrap()
    };
    let (plain, fresh, tabu) = (run(0, None), run(20, None), run(20, Some(3)));
    assert!(like_parent(&plain) > 10, "{}", like_parent(&plain));
    assert_eq!(like_parent(&fresh), 0);
    let visits = [most(&plain), most(&tabu)];
    assert!(visits[0] > 20 && visits[1] <= 3 + 12, "{visits:?}: a window's are under way");
    let drawn_again = |trials: &[Trial<Cell>]| {
        let by_operator = Statistics::of(trials).by_operator;
        by_operator.get("mutate again").map_or(0, |tally| tally.proposals)
    };
    let drawn = [&plain, &fresh, &tabu].map(|trials| drawn_again(trials));
    assert!(drawn[0] == 0 && drawn[1] > 10 && drawn[2] > 10, "{drawn:?}");
}

#[test]
fn a_climb_goes_up_to_a_top_and_begins_afresh() {
    let options = Options { patience: size(20), ..Options::default() };
    let trials = climbed(LocalSearch::new(objective()).with_options(options), 3, 600);
    let value = |number: u64| trials[number as usize].verdict.score("score").unwrap();
    // Of the numbers of the parents, in order: the places of all climbs.
    let mut places: Vec<u64> = trials.iter().flat_map(|trial| trial.parents.clone()).collect();
    places.dedup();
    let begun = |place: &&u64| trials[**place as usize].parents.is_empty();
    let climbs = places.iter().filter(begun).count();
    assert!(climbs > 3 && places.len() > 3 * climbs, "{climbs} climbs over {} places", places.len());
    for step in places.windows(2).filter(|step| !begun(&&step[1])) {
        assert!(value(step[1]) > value(step[0]), "{step:?}: {} to {}", value(step[0]), value(step[1]));
    }
    assert_eq!(best(&trials), 24.0, "the highest there is");
}

fn published() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../data/nas_bench_macro/nas_bench_macro_cifar10.csv.gz")
}

/// Trials of a search through the published table.
fn looked_up(strategy: Box<dyn Strategy<MacroSpace>>, seed: u64, trials: u64) -> Vec<Trial<Network>> {
    let table = Table::read(&published(), &["mean_acc"]).unwrap();
    let task = ReplayTask::of(&table, "mean_acc", true, None);
    let plan = Plan { seed, trials: Some(trials), ..Plan::default() };
    let mut study = Study::new(MacroSpace, Replay::new(MacroSpace, table, task).unwrap(), strategy, plan);
    study.run().unwrap();
    study.trials().to_vec()
}

fn accuracy() -> Objective {
    Objective::new("mean_acc", true)
}

#[test]
fn the_front_is_what_no_trial_dominates() {
    let tradeoff = Tradeoff::of(&accuracy(), &["params".into(), "flops".into()]);
    let goal = |metric: &str, higher_is_better| Goal { metric: metric.into(), higher_is_better };
    assert_eq!(tradeoff.0, [goal("mean_acc", true), goal("params", false), goal("flops", false)]);
    let trials = looked_up(Box::new(RandomSearch), 0, 500);
    let points: Vec<Point> = trials.iter().map(|trial| tradeoff.point(trial).unwrap()).collect();
    let expected = (0..trials.len()).filter(|n| {
        let beaten = points.iter().any(|point| dominates(point, &points[*n]));
        !beaten && !points[..*n].contains(&points[*n])
    });
    let front: Vec<u64> = tradeoff.front(&trials).iter().map(|trial| trial.number).collect();
    assert_eq!(front, expected.map(|n| n as u64).collect::<Vec<_>>());
    assert!(front.len() > 10 && front.len() < 100, "{}", front.len());
    let lacking = Tradeoff::of(&accuracy(), &["watts".into()]);
    assert!(lacking.front(&trials).is_empty(), "what no trial has weighs nothing");
}

/// The mean over ten searches of what `measure` finds in their trials, for a listed strategy.
fn mean(name: &str, options: &Options, measure: impl Fn(&[Trial<Network>]) -> f64) -> f64 {
    let listed = strategies::<MacroSpace>().into_iter().find(|listed| listed.name == name).unwrap();
    let run = |seed| measure(&looked_up(listed.strategy(&accuracy(), options), seed, 300));
    (0..10).map(run).sum::<f64>() / 10.0
}

#[test]
fn nsga2_covers_more_of_the_front_than_searches_with_one_goal() {
    let options = |crossover| Options { against: vec!["params".into()], crossover, ..Options::default() };
    let tradeoff = Tradeoff::of(&accuracy(), &options(0.0).against);
    let volume = |points: &[Point]| hypervolume(points, &[85.0, -4e6]);
    let table = Table::<Network>::read(&published(), &["mean_acc", "params"]).unwrap();
    let [accuracy, params] =
        ["mean_acc", "params"].map(|name| table.columns().iter().position(|column| column == name).unwrap());
    let row = |index| vec![table.row(index).0[accuracy], -table.row(index).0[params]];
    let all = volume(&(0..table.len()).map(row).collect::<Vec<_>>());
    let covered = |trials: &[Trial<Network>]| {
        let front = tradeoff.front(trials);
        volume(&front.iter().map(|trial| tradeoff.point(trial).unwrap()).collect::<Vec<_>>()) / all
    };
    let [weighed, bred] = [0.0, 0.5].map(|crossover| mean("nsga2", &options(crossover), covered));
    for name in ["evolution", "random", "local", "map-elites"] {
        let found = mean(name, &options(0.0), covered);
        assert!(weighed > found && bred > found && bred < 1.0, "{weighed} {bred}; {name} {found}");
    }
}

#[test]
fn map_elites_finds_good_candidates_of_more_sorts_than_evolution() {
    let good = |trials: &[Trial<Network>]| {
        let mut elites: BTreeMap<Niche, f64> = BTreeMap::new();
        for trial in trials {
            let elite = elites.entry(trial.candidate.niche()).or_default();
            *elite = elite.max(trial.verdict.score("mean_acc").unwrap());
        }
        elites.values().sum()
    };
    let varied = mean("map-elites", &Options::default(), good);
    for name in ["evolution", "random", "local"] {
        let found = mean(name, &Options::default(), good);
        assert!(varied > 1.05 * found, "map-elites {varied}; {name} {found}");
    }
}

/// A search through the published table, into a run folder.
fn search(folder: &Folder, out: &str, more: &[&str]) {
    let table = published().display().to_string();
    let common = ["search", "--space", "nb-macro", "--objective", "mean_acc", "--data", &table, "--out", out];
    stdout(folder, &[&common, more].concat());
}

fn json(folder: &Folder, arguments: &[&str]) -> Vec<Value> {
    serde_json::from_str(&stdout(folder, &[arguments, &["--format", "json"]].concat())).unwrap()
}

#[test]
fn every_listed_strategy_can_be_had_from_the_command_line_and_resumed() {
    let folder = Folder::new();
    let listed = json(&folder, &["list", "strategies"]);
    let trials =
        |run: &str| Ledger::read::<Network>(&folder.path(run).join("trials.journal")).unwrap().trials;
    for strategy in &listed {
        let [name, options] = ["strategy", "options"].map(|column| strategy[column].as_str().unwrap());
        let more = if options.contains("--against") { &["--against", "params"][..] } else { &[] };
        let search = |out: &str, trials: &str| {
            search(&folder, out, &[&["--strategy", name, "--trials", trials], more].concat());
        };
        let [whole, part] = ["whole", "part"].map(|run| format!("{name}-{run}"));
        search(&whole, "70");
        search(&part, "41");
        stdout(&folder, &["resume", &part, "--trials", "70"]);
        let (whole, part) = (trials(&whole), trials(&part));
        assert!(whole.len() == 70 && part.len() == 70, "{name}: {} and {}", whole.len(), part.len());
        assert!(whole.iter().zip(&part).all(|(a, b)| a.same_as(b)), "{name}");
        let bred = whole.iter().any(|trial| !trial.parents.is_empty());
        assert_eq!(bred, name != "random", "{name}");
    }
    assert_eq!(listed.len(), strategies::<MacroSpace>().len());
}

#[test]
fn options_of_a_strategy_reach_it_and_those_of_others_are_refused() {
    let folder = Folder::new();
    let table = published().display().to_string();
    let search_with = |more: &[&'static str]| -> Vec<String> {
        let common = ["search", "--space", "nb-macro", "--objective", "mean_acc", "--data", &table];
        common.iter().chain(more).map(|word| word.to_string()).collect()
    };
    for (more, words) in [
        (&["--strategy", "local", "--crossover", "0.5"][..], vec!["--crossover", "--strategy local"]),
        (&["--strategy", "random", "--patience", "5"], vec!["--patience", "--strategy random"]),
        (&["--against", "params"], vec!["--against", "--strategy evolution"]),
        (&["--strategy", "nsga2"], vec!["several goals", "--against", "params, flops"]),
        (&["--strategy", "nsga2", "--against", "watts"], vec!["`watts`", "params, flops"]),
        (&["--strategy", "nsga2", "--against", "mean_acc"], vec!["`mean_acc`", "params, flops"]),
        (&["--crossover", "1.5"], vec!["--crossover", "0 to 1"]),
        (&["--strategy", "tabu"], vec!["`tabu`", "evolution, random, local, nsga2, map-elites"]),
    ] {
        let arguments = search_with(more);
        assert_fails(&folder, &arguments.iter().map(String::as_str).collect::<Vec<_>>(), 2, &words);
    }
    assert!(!folder.path("runs").exists(), "nothing is made on disk for a bad command");
    search(&folder, "bred", &["--trials", "200", "--crossover", "0.5", "--population", "8"]);
    let trials = Ledger::read::<Network>(&folder.path("bred/trials.journal")).unwrap().trials;
    assert!(trials.iter().filter(|trial| trial.operator == "crossover").count() > 20);
    assert_eq!(trials.iter().position(|trial| trial.operator != "sample"), Some(15), "8 seen a window later");
}

#[test]
fn a_leaderboard_shows_the_front_of_what_is_weighed() {
    let folder = Folder::new();
    search(&folder, "run", &["--trials", "150", "--strategy", "nsga2", "--against", "params"]);
    let front = json(&folder, &["leaderboard", "run", "--against", "params", "--top", "200"]);
    let column = |name: &str| front.iter().map(|row| row[name].as_f64().unwrap()).collect::<Vec<_>>();
    assert!(column("mean_acc").is_sorted_by(|a, b| a > b), "{:?}", column("mean_acc"));
    assert!(column("params").is_sorted_by(|a, b| a > b), "{:?}", column("params"));
    let best = json(&folder, &["leaderboard", "run", "--top", "1"]);
    assert!(front.len() > 5 && front[0]["mean_acc"] == best[0]["mean_acc"]);
    assert_fails(&folder, &["leaderboard", "run", "--against", "watts"], 2, &["`watts`", "params, flops"]);
}
