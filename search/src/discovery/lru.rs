//! What is remembered of programs, and for how long: the key that was asked for least recently goes first.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use hashing::Mark;
use serde::{Deserialize, Serialize};

/// Fitness by mark. Of a bounded size; and a key is forgotten when it has answered so many times, so that an answer that
/// was lucky does not stay.
pub struct Lru {
    places: HashMap<u64, u32, BuildHasherDefault<Mixed>>,
    entries: Vec<Entry>,
    newest: u32,
    oldest: u32,
    most: usize,
    forget_every: u32,
}

/// What is kept of an entry on the disk.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Known {
    pub key: u64,
    pub fitness: f64,
    pub uses: u32,
}

struct Entry {
    key: u64,
    fitness: f64,
    uses: u32,
    newer: u32,
    older: u32,
}

/// Stands for no entry.
const NONE: u32 = u32::MAX;

/// Marks are mixed already.
#[derive(Default)]
pub struct Mixed(u64);

impl Hasher for Mixed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0 = bytes.iter().fold(self.0, |word, byte| word.rotate_left(8) ^ u64::from(*byte));
    }

    fn write_u64(&mut self, word: u64) {
        self.0 = word;
    }
}

impl Lru {
    /// `forget_every` 0: never.
    pub fn new(most: usize, forget_every: u32) -> Self {
        let places = HashMap::default();
        Self { places, entries: Vec::new(), newest: NONE, oldest: NONE, most: most.max(1), forget_every }
    }

    pub fn get(&mut self, key: Mark) -> Option<f64> {
        let place = *self.places.get(&key.0)?;
        self.unlink(place);
        let entry = &mut self.entries[place as usize];
        entry.uses += 1;
        let (fitness, uses) = (entry.fitness, entry.uses);
        if self.forget_every > 0 && uses >= self.forget_every {
            self.remove(place);
        } else {
            self.link(place);
        }
        Some(fitness)
    }

    /// Of a key that is not there.
    pub fn put(&mut self, key: Mark, fitness: f64) {
        let entry = Entry { key: key.0, fitness, uses: 1, newer: NONE, older: NONE };
        let place = if self.entries.len() < self.most {
            self.entries.push(entry);
            (self.entries.len() - 1) as u32
        } else {
            let oldest = self.oldest;
            self.unlink(oldest);
            self.places.remove(&self.entries[oldest as usize].key);
            self.entries[oldest as usize] = entry;
            oldest
        };
        self.places.insert(key.0, place);
        self.link(place);
    }

    /// All that is known, from what was asked for least recently to what was last.
    pub fn known(&self) -> Vec<Known> {
        let mut known = Vec::with_capacity(self.entries.len());
        let mut place = self.oldest;
        while let Some(Entry { key, fitness, uses, newer, .. }) = self.entries.get(place as usize) {
            known.push(Known { key: *key, fitness: *fitness, uses: *uses });
            place = *newer;
        }
        known
    }

    /// Knows this, in this order, and nothing else. A key that comes twice counts once.
    pub fn restore(&mut self, known: Vec<Known>) {
        *self = Self::new(self.most, self.forget_every);
        for Known { key, fitness, uses } in known {
            if !self.places.contains_key(&key) {
                self.put(Mark(key), fitness);
                self.entries[self.newest as usize].uses = uses;
            }
        }
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        self.entries.len()
    }

    /// Takes the entry out, which is not linked; the last one moves to its place.
    fn remove(&mut self, place: u32) {
        self.places.remove(&self.entries[place as usize].key);
        self.entries.swap_remove(place as usize);
        let moved = self.entries.len() as u32;
        if let Some(entry) = self.entries.get(place as usize) {
            let (key, newer, older) = (entry.key, entry.newer, entry.older);
            self.places.insert(key, place);
            self.set_older(newer, place);
            self.set_newer(older, place);
            debug_assert!(moved != place);
        }
    }

    fn unlink(&mut self, place: u32) {
        let Entry { newer, older, .. } = self.entries[place as usize];
        self.set_older(newer, older);
        self.set_newer(older, newer);
    }

    /// As the newest.
    fn link(&mut self, place: u32) {
        let older = std::mem::replace(&mut self.newest, place);
        let entry = &mut self.entries[place as usize];
        (entry.newer, entry.older) = (NONE, older);
        self.set_newer(older, place);
    }

    /// Of the entry at `place`; of none, the newest of all is meant.
    fn set_older(&mut self, place: u32, older: u32) {
        match self.entries.get_mut(place as usize) {
            Some(entry) => entry.older = older,
            None => self.newest = older,
        }
    }

    fn set_newer(&mut self, place: u32, newer: u32) {
        match self.entries.get_mut(place as usize) {
            Some(entry) => entry.newer = newer,
            None => self.oldest = newer,
        }
    }
}

#[cfg(test)]
mod tests {
    use hashing::Rng;

    use super::*;

    #[test]
    fn the_least_recently_used_goes_first() {
        let mut lru = Lru::new(2, 0);
        lru.put(Mark(1), 0.1);
        lru.put(Mark(2), 0.2);
        assert_eq!(lru.get(Mark(1)), Some(0.1));
        lru.put(Mark(3), 0.3);
        assert_eq!([1, 2, 3].map(|key| lru.get(Mark(key))), [Some(0.1), None, Some(0.3)]);
    }

    #[test]
    fn a_key_is_forgotten_once_it_was_used_so_often() {
        let mut lru = Lru::new(10, 3);
        lru.put(Mark(1), 0.5);
        lru.put(Mark(2), 0.6);
        // Put and answered twice: three uses.
        assert_eq!([lru.get(Mark(1)), lru.get(Mark(1)), lru.get(Mark(1))], [Some(0.5), Some(0.5), None]);
        assert_eq!((lru.len(), lru.get(Mark(2))), (1, Some(0.6)));
    }

    /// The definition, in its plainest words.
    struct Plain(Vec<(u64, f64, u32)>);

    impl Plain {
        fn keys(&self) -> Vec<u64> {
            self.0.iter().map(|(key, _, _)| *key).collect()
        }
    }

    #[test]
    fn it_agrees_with_a_plain_list() {
        let (mut lru, mut plain) = (Lru::new(20, 4), Plain(Vec::new()));
        let mut rng = Rng::named(0, "lru", 0);
        for n in 0..20_000 {
            let key = rng.below(40) as u64;
            let at = plain.0.iter().position(|(other, _, _)| *other == key);
            let expected = at.map(|at| {
                let (key, fitness, uses) = plain.0.remove(at);
                if uses + 1 < 4 {
                    plain.0.push((key, fitness, uses + 1));
                }
                fitness
            });
            assert_eq!(lru.get(Mark(key)), expected);
            if expected.is_none() {
                let fitness = f64::from(n);
                if plain.0.len() == 20 {
                    plain.0.remove(0);
                }
                plain.0.push((key, fitness, 1));
                lru.put(Mark(key), fitness);
            }
            assert_eq!(lru.len(), plain.0.len());
            if n % 1000 == 0 {
                // What is written and read goes on as if nothing had happened.
                let known = lru.known();
                assert_eq!(known.iter().map(|it| it.key).collect::<Vec<_>>(), plain.keys());
                lru.restore(known);
            }
        }
    }
}
