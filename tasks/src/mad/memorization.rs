//! Memorization: key, sign, key, sign, …; at each sign the value of the key before it is asked for, by a dictionary that
//! is the same in all cases and stands in none.

use hashing::Rng;

use super::{Case, Mad, draw};
use crate::IGNORED;

pub fn case(task: &Mad, rng: &mut Rng) -> Case {
    let (dictionary, sign) = (dictionary(task), task.plain() as i32);
    let (mut inputs, mut targets) = (Vec::new(), Vec::new());
    for _ in 0..task.length / 2 {
        let key = draw(0, task.keys(), rng);
        inputs.extend([key, sign]);
        targets.extend([IGNORED, dictionary[key as usize]]);
    }
    Case { inputs, targets }
}

/// The value of each key; no two keys share one.
pub fn dictionary(task: &Mad) -> Vec<i32> {
    let mut values: Vec<i32> = (task.keys()..task.plain()).map(|value| value as i32).collect();
    Rng::named(task.seed, "mad dictionary", 0).shuffle(&mut values);
    values.truncate(task.keys());
    values
}
