//! Fuzzy in-context recall: as recall, where keys and values are groups of 1 to `motif` different tokens.
//!
//! Training draws keys of all sizes; elsewhere they have the largest, so that it is known where a key ends. Before the
//! first pair there are blanks, which nobody has to tell. The last key has come before: the published generator can
//! forget that, and asks for blanks in training.

use std::collections::{BTreeMap, BTreeSet};

use hashing::Rng;

use super::{Case, Mad, Part, next_tokens};
use crate::IGNORED;

pub fn case(task: &Mad, part: Part, rng: &mut Rng) -> Case {
    let key = |rng: &mut Rng| {
        let size = if part == Part::Training { 1 + rng.below(task.motif) } else { task.motif };
        group(0, task.keys(), size, rng)
    };
    let value = |rng: &mut Rng| group(task.keys(), task.values(), 1 + rng.below(task.motif), rng);
    let probe = (key(rng), value(rng));
    let room = task.length - probe.0.len() - probe.1.len() - 2 * task.motif;
    let place = rng.below(room - 2 * task.motif);
    let mut text = Text { known: [probe.clone()].into(), ..Text::default() };
    while text.tokens.len() < room {
        let due = text.tokens.len() >= place && !text.presented.contains(&probe.0);
        let (key, value) = if due { probe.clone() } else { (key(rng), value(rng)) };
        text.add(key, value);
    }
    text.add(probe.0, probe.1);
    text.case(task, part)
}

/// What has been said so far.
#[derive(Default)]
struct Text {
    tokens: Vec<i32>,
    answers: Vec<bool>,
    known: BTreeMap<Vec<i32>, Vec<i32>>,
    presented: BTreeSet<Vec<i32>>,
}

impl Text {
    /// A key with its own value; `value` if it has none yet.
    fn add(&mut self, key: Vec<i32>, value: Vec<i32>) {
        let value = self.known.entry(key.clone()).or_insert(value);
        self.answers.extend(key.iter().map(|_| false));
        self.tokens.extend(&key);
        let again = !self.presented.insert(key);
        self.answers.extend(value.iter().map(|_| again));
        self.tokens.extend(value.iter());
    }

    fn case(self, task: &Mad, part: Part) -> Case {
        let blanks = task.length + 1 - self.tokens.len();
        let blank = task.plain() as i32;
        let text = [vec![blank; blanks], self.tokens].concat();
        let mut case = next_tokens(&text, &[vec![false; blanks], self.answers].concat(), part);
        case.targets[..blanks - 1].fill(IGNORED);
        case
    }
}

/// So many different tokens of `first..first + count`.
fn group(first: usize, count: usize, size: usize, rng: &mut Rng) -> Vec<i32> {
    let mut tokens: Vec<i32> = (first..first + count).map(|token| token as i32).collect();
    rng.shuffle(&mut tokens);
    tokens.truncate(size);
    tokens
}
