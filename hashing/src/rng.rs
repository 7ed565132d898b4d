//! Named random streams: the same numbers for the same name, on every machine and in every order of drawing.

use rand_core::{RngCore, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

use crate::KeyWriter;

/// A stream of random numbers (xoshiro256++, seeded by a digest of its name).
#[derive(Clone, Debug)]
pub struct Rng(Xoshiro256PlusPlus);

impl Rng {
    /// The stream called `name`, number `index`, of a study with this `seed`.
    pub fn named(seed: u64, name: &str, index: u64) -> Self {
        let mut writer = KeyWriter::new("fecund stream v1");
        writer.u64(seed);
        writer.text(name);
        writer.u64(index);
        Self::from_digest(&writer.finish())
    }

    pub fn from_digest(digest: &crate::Digest) -> Self {
        Self(Xoshiro256PlusPlus::from_seed(digest.0))
    }

    pub fn next_u64(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// Uniform in [0, 1), 53 bits.
    pub fn uniform(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 * (1.0 / (1u64 << 53) as f64)
    }

    /// Uniform in [low, high).
    pub fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.uniform()
    }

    /// Uniform in 0..n, without bias. Panics if `n` is 0.
    pub fn below(&mut self, n: usize) -> usize {
        assert!(n > 0, "below(0) has no answer");
        let n = n as u64;
        let limit = u64::MAX - u64::MAX % n;
        loop {
            let draw = self.next_u64();
            if draw < limit {
                return (draw % n) as usize;
            }
        }
    }

    /// Uniform in 0..n, without bias and without division but once in 2^64/n draws (Lemire 2019, arXiv 1805.10941). Another
    /// stream than [`below`](Self::below), whose numbers are written down. Panics if `n` is 0.
    pub fn index(&mut self, n: usize) -> usize {
        assert!(n > 0, "index(0) has no answer");
        let n = n as u64;
        let product = |draw: u64| u128::from(draw) * u128::from(n);
        let mut scaled = product(self.next_u64());
        if (scaled as u64) < n {
            let least = n.wrapping_neg() % n;
            while (scaled as u64) < least {
                scaled = product(self.next_u64());
            }
        }
        (scaled >> 64) as usize
    }

    pub fn chance(&mut self, probability: f64) -> bool {
        self.uniform() < probability
    }

    /// Standard normal, by Box and Muller's transform.
    pub fn normal(&mut self) -> f64 {
        let radius = libm::sqrt(-2.0 * libm::log(1.0 - self.uniform()));
        radius * libm::cos(std::f64::consts::TAU * self.uniform())
    }

    /// Panics if `items` is empty.
    pub fn choose<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len())]
    }

    /// Fisher and Yates's shuffle.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for i in (1..items.len()).rev() {
            items.swap(i, self.below(i + 1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_are_pinned() {
        let mut rng = Rng::named(7, "propose", 3);
        assert_eq!(rng.next_u64(), PINNED, "a stream drifted: give it a new version, not a new expectation");
    }
    const PINNED: u64 = 14_282_611_485_313_327_474;

    #[test]
    fn names_seeds_and_numbers_make_different_streams() {
        let first = |seed, name, n| Rng::named(seed, name, n).next_u64();
        let all = [first(0, "a", 0), first(1, "a", 0), first(0, "b", 0), first(0, "a", 1)];
        for (i, a) in all.iter().enumerate() {
            assert!(all[i + 1..].iter().all(|b| a != b));
        }
    }

    #[test]
    fn draws_have_the_moments_they_should() {
        let mut rng = Rng::named(1, "moments", 0);
        let n = 100_000;
        let (mut sum, mut squares, mut below, mut index) = (0.0, 0.0, [0usize; 5], [0usize; 5]);
        for _ in 0..n {
            let z = rng.normal();
            sum += z;
            squares += z * z;
            below[rng.below(5)] += 1;
            index[rng.index(5)] += 1;
        }
        let n = f64::from(n);
        assert!((sum / n).abs() < 0.015, "{}", sum / n);
        assert!((squares / n - 1.0).abs() < 0.02, "{}", squares / n);
        for counts in [below, index] {
            assert!(counts.iter().all(|&count| (count as f64 / n - 0.2).abs() < 0.01), "{counts:?}");
        }
        let large = (0..1000).map(|_| rng.index(usize::MAX)).filter(|index| *index > usize::MAX / 2).count();
        assert!((400..600).contains(&large), "{large}");
    }
}
