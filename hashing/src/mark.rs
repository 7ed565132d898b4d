//! 64-bit marks: the small change of the probe, for roles and streams. Never stored, never compared across runs.

use multiversion::multiversion;

/// A mixed 64-bit word. Inside one candidate some dozens are compared, so that two are alike by accident once in 10^16
/// candidates; what is stored is a [`crate::Digest`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mark(pub u64);

impl Mark {
    /// This mark, then `word`: order matters.
    pub fn then(self, word: u64) -> Self {
        Self(scramble(self.0.rotate_left(25) ^ scramble(word.wrapping_add(GOLDEN))))
    }

    /// This mark, then `text` and its length.
    pub fn then_text(self, text: &str) -> Self {
        let words = text.as_bytes().chunks(8).map(|chunk| {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            u64::from_le_bytes(word)
        });
        words.fold(self.then(text.len() as u64), Self::then)
    }

    /// Fills `out` with numbers uniform around `center` with standard deviation `spread`. Number i depends on the mark
    /// and on i alone (the generator of Steele, Lea and Flood 2014, "Fast splittable pseudorandom number generators").
    pub fn fill_uniform(self, out: &mut [f64], center: f64, spread: f64) {
        fill_uniform(self, out, center, spread);
    }
}

#[multiversion(targets("x86_64+avx+avx2"))]
fn fill_uniform(mark: Mark, out: &mut [f64], center: f64, spread: f64) {
    let half_width = spread * SQRT_3;
    let mut word = mark.0;
    for x in out {
        word = word.wrapping_add(GOLDEN);
        let unit = (scramble(word) >> 11) as f64 * (1.0 / (1u64 << 53) as f64);
        *x = center + half_width * (2.0 * unit - 1.0);
    }
}

const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;
const SQRT_3: f64 = 1.732_050_807_568_877_2;

/// The finalizer of splitmix64 (constants of Stafford's variant 13): a bijection in which every bit depends on every bit.
#[inline(always)]
fn scramble(word: u64) -> u64 {
    let word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn order_length_and_every_word_count() {
        let start = Mark::default();
        let all = [
            start,
            start.then(0),
            start.then(0).then(0),
            start.then(1).then(2),
            start.then(2).then(1),
            start.then_text("a"),
            start.then_text("a\0"),
            start.then_text("twelve bytes"),
            start.then_text("twelve byte"),
        ];
        assert_eq!(all.iter().collect::<HashSet<_>>().len(), all.len());
    }

    #[test]
    fn draws_have_the_moments_they_should_and_no_ties() {
        let mut x = vec![0.0; 100_000];
        Mark(7).fill_uniform(&mut x, 1.0, 0.5);
        let n = x.len() as f64;
        let mean = x.iter().sum::<f64>() / n;
        let variance = x.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / n;
        assert!((mean - 1.0).abs() < 0.01 && (variance - 0.25).abs() < 0.005, "{mean} {variance}");
        assert_eq!(x.iter().map(|x| x.to_bits()).collect::<HashSet<_>>().len(), x.len());
    }

    #[test]
    fn streams_are_pinned() {
        let mut x = [0.0; 2];
        Mark::default().then_text("stream").then(3).fill_uniform(&mut x, 0.0, 1.0);
        assert_eq!(x.map(f64::to_bits), PINNED, "streams drifted: give the scheme a new version");
    }
    const PINNED: [u64; 2] = [13_829_638_300_299_041_497, 13_816_511_816_944_556_549];
}
