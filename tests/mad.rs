//! Laws of the MAD tasks: every target follows from the input, what is not asked for is marked, and the same settings
//! give the same cases. The solvers here know the rules and nothing of the generators.

use std::collections::{BTreeMap, BTreeSet};

use tasks::mad::{Kind, Mad, Part, dictionary};
use tasks::{IGNORED, Tokens};

/// Small and published sizes, and odd ones.
fn settings() -> Vec<Mad> {
    let few = |task: Mad| Mad { training: 60, epoch: 60, validation: 60, test: 60, ..task };
    let both = Kind::ALL.into_iter().flat_map(|kind| [few(kind.small()), few(kind.published())]);
    let [recall, fuzzy, noisy, copying, compression, memorization] = Kind::ALL.map(|kind| few(kind.small()));
    let odd = [
        Mad { length: 4, vocabulary: 7, ..recall },
        Mad { length: 19, motif: 3, vocabulary: 9, ..fuzzy.clone() },
        Mad { length: 13, motif: 2, vocabulary: 30, ..fuzzy },
        Mad { noise_share: 0.99, ..noisy },
        Mad { length: 17, copied: 8, vocabulary: 6, ..copying },
        Mad { length: 2, vocabulary: 6, ..compression },
        Mad { length: 2, vocabulary: 6, ..memorization },
    ];
    both.chain(odd).collect()
}

/// What a reader who knows the rules can tell of each step; `None` where nothing is asked.
fn solve(task: &Mad, inputs: &[i32]) -> Vec<Option<i32>> {
    match task.task {
        Kind::InContextRecall | Kind::NoisyInContextRecall => recalled(task, inputs),
        Kind::FuzzyInContextRecall => recalled_groups(task, inputs),
        Kind::SelectiveCopying => copied(task, inputs),
        Kind::Compression => {
            let last = inputs.len() - 1;
            inputs.iter().enumerate().map(|(t, token)| (t < last).then_some(*token)).collect()
        }
        Kind::Memorization => {
            let mut before = None;
            let mut tell = |token: &i32| {
                let sign = *token as usize == task.vocabulary - 1;
                let told = if sign { before.take() } else { None };
                before = Some(*token);
                told.map(|key| dictionary(task)[key as usize])
            };
            inputs.iter().map(&mut tell).collect()
        }
    }
}

fn recalled(task: &Mad, inputs: &[i32]) -> Vec<Option<i32>> {
    let is_key = |token: i32| (token as usize) < task.keys();
    let mut known = BTreeMap::new();
    let mut tell = |t: usize| {
        let told = if is_key(inputs[t]) { known.get(&inputs[t]).copied() } else { None };
        if is_key(inputs[t]) && t + 1 < inputs.len() {
            known.insert(inputs[t], inputs[t + 1]);
        }
        told
    };
    (0..inputs.len()).map(&mut tell).collect()
}

/// Keys of the largest size; a value goes on as long as it did before.
fn recalled_groups(task: &Mad, inputs: &[i32]) -> Vec<Option<i32>> {
    let kind = |token: i32| match token as usize {
        key if key < task.keys() => 'k',
        value if value < task.keys() + task.values() => 'v',
        _ => 'b',
    };
    let runs: Vec<&[i32]> = inputs.chunk_by(|a, b| kind(*a) == kind(*b)).collect();
    let (mut known, mut told) = (BTreeMap::new(), vec![None; inputs.len()]);
    let mut at = 0;
    for (place, run) in runs.iter().enumerate() {
        at += run.len();
        if kind(run[0]) != 'k' || run.len() < task.motif {
            continue;
        }
        let value: Option<Vec<i32>> = known.get(*run).cloned();
        for (i, token) in value.iter().flatten().enumerate() {
            told[at - 1 + i] = Some(*token);
        }
        if let Some(value) = runs.get(place + 1).filter(|_| place + 2 < runs.len()) {
            known.insert(run.to_vec(), value.to_vec());
        }
    }
    told
}

fn copied(task: &Mad, inputs: &[i32]) -> Vec<Option<i32>> {
    let (blank, sign) = (task.vocabulary as i32 - 2, task.vocabulary as i32 - 1);
    let at = inputs.iter().position(|token| *token == sign).unwrap();
    let tokens: Vec<_> = inputs[..at].iter().filter(|token| **token != blank).copied().collect();
    let told = |t: usize| t.checked_sub(at + 1).map(|place| tokens[place]);
    (0..inputs.len()).map(told).collect()
}

fn targets(told: &[Option<i32>]) -> Vec<i32> {
    told.iter().map(|told| told.unwrap_or(IGNORED)).collect()
}

#[test]
fn every_target_follows_from_the_input_and_is_asked_for() {
    for task in settings() {
        task.check().unwrap();
        for part in [Part::Validation, Part::Test] {
            for (inputs, asked) in task.cases(part).iter() {
                assert_eq!(targets(&solve(&task, inputs)), asked, "{task:?} {inputs:?}");
                assert!(asked.iter().any(|target| *target != IGNORED), "{task:?} {inputs:?}");
            }
        }
    }
}

#[test]
fn training_asks_for_the_next_token_of_a_recall_and_else_for_the_answers() {
    for task in settings() {
        let cases = task.cases(Part::Training);
        for (inputs, asked) in cases.iter() {
            let next = |t: usize| inputs.get(t + 1).is_none_or(|next| asked[t] == *next);
            match task.task {
                Kind::InContextRecall | Kind::NoisyInContextRecall => {
                    assert!((0..inputs.len()).all(next), "{task:?} {inputs:?}");
                }
                Kind::FuzzyInContextRecall => {
                    let blank = |t: usize| inputs.get(t + 1) == Some(&(task.vocabulary as i32 - 1));
                    let right = |t: usize| if blank(t) { asked[t] == IGNORED } else { next(t) };
                    assert!((0..inputs.len()).all(right), "{task:?} {inputs:?}");
                }
                _ => assert_eq!(targets(&solve(&task, inputs)), asked, "{task:?}"),
            }
        }
    }
}

#[test]
fn tokens_are_in_the_vocabulary_and_parts_have_their_sizes() {
    for task in settings() {
        for part in [Part::Training, Part::Validation, Part::Test] {
            let Tokens { vocabulary, length, inputs, targets } = task.cases(part);
            assert_eq!((vocabulary, length), (task.vocabulary, task.steps()));
            assert_eq!((inputs.len(), targets.len()), (60 * length, 60 * length), "{task:?}");
            let within = |token: &i32| (0..vocabulary as i32).contains(token);
            assert!(inputs.iter().all(within), "{task:?}");
            assert!(targets.iter().all(|target| *target == IGNORED || within(target)), "{task:?}");
        }
    }
}

#[test]
fn noise_is_never_a_key_or_a_value_and_has_its_share() {
    let task = Mad { validation: 400, ..Kind::NoisyInContextRecall.published() };
    let noise = |token: &i32| *token >= 16;
    let mut noisy = 0;
    for (inputs, asked) in task.cases(Part::Validation).iter() {
        for pair in inputs[..126].chunks(2) {
            assert_eq!(noise(&pair[0]), noise(&pair[1]), "{pair:?}");
            noisy += usize::from(noise(&pair[0]));
        }
        let at_noise = inputs.iter().zip(asked).filter(|(token, _)| noise(token));
        assert!(at_noise.clone().count() > 0 && at_noise.map(|(_, target)| *target).all(|it| it == IGNORED));
        assert!(asked.iter().all(|target| !noise(target)));
    }
    let share = noisy as f64 / (400.0 * 63.0);
    assert!((share - 0.2).abs() < 0.02, "{share}");
}

/// A guess that knows which tokens may be asked for, and nothing of the case.
#[test]
fn no_single_answer_does_much_better_than_chance() {
    for kind in Kind::ALL {
        let task = Mad { validation: 2_000, ..kind.small() };
        let mut counts = BTreeMap::new();
        let asked = task.cases(Part::Validation).targets.into_iter().filter(|target| *target != IGNORED);
        asked.for_each(|target| *counts.entry(target).or_insert(0) += 1);
        let total: usize = counts.values().sum();
        let best = *counts.values().max().unwrap() as f64 / total as f64;
        assert!((1.0..1.5).contains(&(best / task.chance())), "{kind:?}: {best} of {}", task.chance());
    }
}

#[test]
fn cases_are_the_same_for_the_same_seed_and_differ_between_parts_seeds_and_numbers() {
    for kind in Kind::ALL {
        let task = Mad { training: 50, epoch: 50, validation: 50, test: 50, ..kind.small() };
        assert_eq!(task.cases(Part::Test), task.cases(Part::Test));
        let longer = Mad { test: 60, ..task.clone() }.cases(Part::Test);
        assert_eq!(longer.inputs[..50 * task.steps()], task.cases(Part::Test).inputs);
        let other = Mad { seed: 1, ..task.clone() };
        let parts = [
            task.cases(Part::Training),
            task.cases(Part::Validation),
            task.cases(Part::Test),
            other.cases(Part::Test),
        ];
        let all = parts.iter().flat_map(Tokens::iter).map(|(inputs, _)| inputs.to_vec());
        let distinct: BTreeSet<_> = all.collect();
        assert_eq!(distinct.len(), 200, "{kind:?}");
    }
}

#[test]
fn a_dictionary_has_one_value_a_key_and_belongs_to_its_seed() {
    let task = Kind::Memorization.published();
    let values = dictionary(&task);
    assert_eq!(values.len(), 127);
    assert_eq!(values.iter().collect::<BTreeSet<_>>().len(), 127);
    assert!(values.iter().all(|value| (127..255).contains(value)));
    assert_ne!(values, dictionary(&Mad { seed: 1, ..task }));
}

#[test]
fn blanks_stand_before_every_token_with_the_same_probability() {
    let task = Mad { validation: 2_000, ..Kind::SelectiveCopying.small() };
    let blank = task.vocabulary as i32 - 2;
    let mut first = 0;
    for (inputs, _) in task.cases(Part::Validation).iter() {
        first += inputs.iter().take_while(|token| **token == blank).count();
    }
    // 47 blanks before 8 tokens.
    let mean = first as f64 / 2_000.0;
    assert!((mean - 47.0 / 8.0).abs() < 0.3, "{mean}");
}

/// The first training case of each, as a sum that depends on every token and its place.
#[test]
fn cases_are_pinned() {
    let sum = |kind: Kind| {
        let cases = Mad { training: 20, epoch: 20, ..kind.published() }.cases(Part::Training);
        let tokens = cases.inputs.iter().chain(&cases.targets);
        tokens.fold(0u64, |sum, token| sum.wrapping_mul(31).wrapping_add(*token as u64))
    };
    assert_eq!(Kind::ALL.map(sum), PINNED, "cases drifted: raise mad::VERSION, and pin the new ones");
}
const PINNED: [u64; 6] = [
    3_307_201_958_481_944_837,
    12_162_569_194_961_115_062,
    14_346_835_167_049_130_772,
    4_740_706_673_245_171_276,
    183_781_113_197_733_628,
    8_830_656_241_400_831_490,
];

#[test]
fn what_cannot_be_drawn_is_refused_with_the_name_of_the_task() {
    type Change = fn(&mut Mad);
    let refused: [(Kind, Change, &str); 15] = [
        (Kind::InContextRecall, |it| it.length = 63, "even"),
        (Kind::InContextRecall, |it| it.length = 2, "4 or more"),
        (Kind::InContextRecall, |it| it.length = usize::MAX, "steps"),
        (Kind::InContextRecall, |it| it.vocabulary = 5, "fewer than 6"),
        (Kind::InContextRecall, |it| it.noise_share = 0.1, "belong to noisy recall"),
        (Kind::NoisyInContextRecall, |it| it.noise_share = 1.0, "below 1"),
        (Kind::NoisyInContextRecall, |it| it.noise_share = f64::NAN, "below 1"),
        (Kind::NoisyInContextRecall, |it| it.noise = 27, "27 of them noise"),
        (Kind::FuzzyInContextRecall, |it| it.motif = 6, "motif must be 1 to 5"),
        (Kind::FuzzyInContextRecall, |it| it.length = 12, "more than 6 times"),
        (Kind::SelectiveCopying, |it| it.copied = 32, "more than twice"),
        (Kind::Compression, |it| it.length = 1, "2 to 4096 steps"),
        (Kind::Memorization, |it| it.training = 0, "0 training cases"),
        (Kind::Memorization, |it| it.epoch = 801, "1 to the 800"),
        (Kind::Memorization, |it| it.test = 1 << 40, "test cases"),
    ];
    for (kind, change, word) in refused {
        let mut task = kind.small();
        assert_eq!(task.check(), Ok(()));
        change(&mut task);
        let error = task.check().unwrap_err();
        assert!(error.contains(word) && error.contains(kind.name()), "{word}: {error}");
    }
}

#[test]
fn settings_survive_json_and_kinds_are_named_as_they_are_written() {
    for kind in Kind::ALL {
        let json = serde_json::to_string(&kind.published()).unwrap();
        assert_eq!(serde_json::from_str::<Mad>(&json).unwrap(), kind.published());
        assert!(json.contains(&format!("\"task\":\"{}\"", kind.name())), "{json}");
    }
}
