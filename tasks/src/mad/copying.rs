//! Selective copying: tokens strewn over blanks, a sign to copy, and as many blanks, at which they are asked for in
//! their order.

use hashing::Rng;

use super::{Case, Mad, draw};
use crate::IGNORED;

/// Each of the leading blanks stands before one of the tokens, any with the same probability.
pub fn case(task: &Mad, rng: &mut Rng) -> Case {
    let (blank, sign) = (task.plain() as i32, task.plain() as i32 + 1);
    let tokens: Vec<i32> = (0..task.copied).map(|_| draw(0, task.plain(), rng)).collect();
    let mut before = vec![0; task.copied];
    (0..task.length - 2 * task.copied - 1).for_each(|_| before[rng.below(task.copied)] += 1);
    let mut inputs = Vec::with_capacity(task.length);
    for (token, blanks) in tokens.iter().zip(before) {
        inputs.extend(vec![blank; blanks]);
        inputs.push(*token);
    }
    inputs.push(sign);
    let unasked = inputs.len();
    inputs.extend(vec![blank; task.copied]);
    Case { inputs, targets: [vec![IGNORED; unasked], tokens].concat() }
}
