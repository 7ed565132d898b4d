//! What was proposed lately, by its symbol.

use std::collections::{HashMap, VecDeque};
use std::hash::BuildHasherDefault;

use hashing::Mark;

use super::lru::Mixed;

/// The symbols of the last proposals.
pub struct Tabu {
    last: VecDeque<u64>,
    /// How often each of them is among those.
    counts: HashMap<u64, u32, BuildHasherDefault<Mixed>>,
    most: usize,
}

impl Tabu {
    /// Of so many proposals; 0: of none.
    pub fn new(most: usize) -> Self {
        Self { last: VecDeque::new(), counts: HashMap::default(), most }
    }

    pub fn is_off(&self) -> bool {
        self.most == 0
    }

    pub fn has(&self, symbol: Mark) -> bool {
        self.counts.contains_key(&symbol.0)
    }

    pub fn add(&mut self, symbol: Mark) {
        self.last.push_back(symbol.0);
        *self.counts.entry(symbol.0).or_default() += 1;
        if self.last.len() > self.most
            && let Some(oldest) = self.last.pop_front()
            && let Some(count) = self.counts.get_mut(&oldest)
        {
            *count -= 1;
            if *count == 0 {
                self.counts.remove(&oldest);
            }
        }
    }

    /// The oldest first.
    pub fn symbols(&self) -> Vec<u64> {
        self.last.iter().copied().collect()
    }

    /// Knows these, and no others.
    pub fn restore(&mut self, symbols: &[u64]) {
        *self = Self::new(self.most);
        symbols.iter().for_each(|symbol| self.add(Mark(*symbol)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_proposed_lately_is_known_and_what_was_before_that_is_not() {
        let mut tabu = Tabu::new(3);
        [1, 2, 1, 3].into_iter().for_each(|symbol| tabu.add(Mark(symbol)));
        let known = |tabu: &Tabu| [1, 2, 3, 4].map(|symbol| tabu.has(Mark(symbol)));
        assert_eq!((known(&tabu), tabu.symbols()), ([true, true, true, false], vec![2, 1, 3]));
        tabu.add(Mark(4));
        assert_eq!(known(&tabu), [true, false, true, true]);
        let mut other = Tabu::new(3);
        other.restore(&tabu.symbols());
        assert_eq!((other.symbols(), known(&other)), (tabu.symbols(), known(&tabu)));
    }
}
