//! Noisy in-context recall: as recall, with pairs of noise in between, which have tokens of their own.

use hashing::Rng;

use super::{Case, Mad, Part, draw, recall};

pub fn case(task: &Mad, part: Part, rng: &mut Rng) -> Case {
    let token = |rng: &mut Rng| draw(task.plain(), task.noise, rng);
    recall::pairs(task, part, rng, |rng| rng.chance(task.noise_share).then(|| [token(rng), token(rng)]))
}
