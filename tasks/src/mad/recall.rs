//! In-context recall: key, value, key, value, …; when a key comes again, its value is asked for.
//!
//! Which value belongs to a key is drawn anew for every case. The last pair is a key that has come before.

use std::collections::BTreeMap;

use hashing::Rng;

use super::{Case, Mad, Part, draw, next_tokens};

pub fn case(task: &Mad, part: Part, rng: &mut Rng) -> Case {
    pairs(task, part, rng, |_| None)
}

/// Pairs up to the length, some of them replaced by two tokens of noise, but never all.
pub fn pairs(task: &Mad, part: Part, rng: &mut Rng, noise: impl Fn(&mut Rng) -> Option<[i32; 2]>) -> Case {
    let drawn = task.length / 2 - 1;
    let certain = rng.below(drawn);
    let (mut known, mut text, mut answers) = (BTreeMap::new(), Vec::new(), Vec::new());
    for number in 0..drawn {
        if let Some(noise) = noise(rng).filter(|_| number != certain) {
            text.extend(noise);
            answers.extend([false; 2]);
            continue;
        }
        let (key, value) = (draw(0, task.keys(), rng), draw(task.keys(), task.values(), rng));
        answers.extend([false, known.contains_key(&key)]);
        text.extend([key, *known.entry(key).or_insert(value)]);
    }
    let presented: Vec<_> = known.into_iter().collect();
    let (key, value) = *rng.choose(&presented);
    text.extend([key, value]);
    answers.extend([false, true]);
    next_tokens(&text, &answers, part)
}
