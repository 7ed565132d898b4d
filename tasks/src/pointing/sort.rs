//! Sorting: different numbers; point at them from the smallest to the largest.

use hashing::Rng;

use super::{Pointed, UNIT};

pub fn case(length: usize, rng: &mut Rng) -> Pointed {
    let mut numbers: Vec<i64> = Vec::with_capacity(length);
    while numbers.len() < length {
        let number = rng.below(UNIT as usize) as i64;
        if !numbers.contains(&number) {
            numbers.push(number);
        }
    }
    let mut targets: Vec<usize> = (0..length).collect();
    targets.sort_by_key(|position| numbers[*position]);
    Pointed { channels: 1, numbers, targets }
}
