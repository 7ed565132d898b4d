//! Series of tokens with a target at some of their steps.

/// A target that nobody asks for.
pub const IGNORED: i32 = -1;

/// Cases of one length over one vocabulary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tokens {
    /// Tokens and targets are numbers below it.
    pub vocabulary: usize,
    /// Steps of every case.
    pub length: usize,
    /// Cases × length.
    pub inputs: Vec<i32>,
    /// Cases × length; [`IGNORED`] where nothing is asked.
    pub targets: Vec<i32>,
}

impl Tokens {
    /// Number of cases.
    pub fn cases(&self) -> usize {
        self.inputs.len() / self.length.max(1)
    }

    /// Inputs and targets of each case.
    pub fn iter(&self) -> impl Iterator<Item = (&[i32], &[i32])> {
        self.inputs.chunks_exact(self.length.max(1)).zip(self.targets.chunks_exact(self.length.max(1)))
    }

    /// These cases, so many at a time.
    pub fn portions(&self, cases: usize) -> impl Iterator<Item = Self> {
        let size = (cases * self.length).max(1);
        let both = self.inputs.chunks(size).zip(self.targets.chunks(size));
        both.map(|(inputs, targets)| Self { inputs: inputs.to_vec(), targets: targets.to_vec(), ..*self })
    }

    /// `at_most` cases of these, spread evenly.
    pub fn spread(&self, at_most: usize) -> Self {
        let (cases, chosen) = (self.cases(), self.cases().min(at_most));
        let pick = |all: &[i32]| {
            let case = |i: usize| &all[i * cases / chosen * self.length..][..self.length];
            (0..chosen).flat_map(case).copied().collect()
        };
        Self { inputs: pick(&self.inputs), targets: pick(&self.targets), ..*self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cases_are_spread_evenly_and_whole() {
        let all = Tokens { vocabulary: 20, length: 2, inputs: (0..20).collect(), targets: (1..21).collect() };
        let few = all.spread(3);
        assert_eq!((few.inputs.as_slice(), few.cases()), ([0, 1, 6, 7, 12, 13].as_slice(), 3));
        assert_eq!(few.targets, [1, 2, 7, 8, 13, 14]);
        assert_eq!(all.spread(10), all);
        assert_eq!(all.spread(99), all);
        let portions: Vec<_> = all.portions(4).map(|portion| portion.inputs.clone()).collect();
        assert_eq!((portions.len(), portions.concat()), (3, all.inputs.clone()));
        assert_eq!(all.iter().nth(4), Some(([8, 9].as_slice(), [9, 10].as_slice())));
    }
}
