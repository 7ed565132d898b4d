//! Compression: random tokens and a sign, from whose step alone all the tokens are asked for.
//!
//! Target t is token t, to be told from the vector of the last step. The published task also asks for the sign itself,
//! which is the same in all cases; nobody asks for it here.

use hashing::Rng;

use super::{Case, Mad, draw};
use crate::IGNORED;

pub fn case(task: &Mad, rng: &mut Rng) -> Case {
    let tokens: Vec<i32> = (1..task.length).map(|_| draw(0, task.plain(), rng)).collect();
    let with_last = |last: i32| [tokens.as_slice(), &[last]].concat();
    Case { inputs: with_last(task.plain() as i32), targets: with_last(IGNORED) }
}
