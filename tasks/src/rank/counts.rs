//! How often each value of a column meets each class: open addressing from 64-bit keys to rows of counts.

use super::relevance::Contingency;

/// Rows are numbered in the order in which their values were met.
#[derive(Clone, Debug)]
pub struct ValueCounts {
    classes: usize,
    keys: Vec<u64>,
    counts: Vec<u32>,
    /// Number of a row, plus one; 0 where a slot is free. A power of two of them.
    slots: Vec<u32>,
    /// Whether keys were folded into so many buckets.
    buckets: Option<u64>,
}

/// A value by its key: short texts as they are, with their length; longer ones by a hash.
pub fn key_of(text: &[u8]) -> u64 {
    if text.len() < 8 {
        let mut bytes = [0; 8];
        bytes[..text.len()].copy_from_slice(text);
        return u64::from_le_bytes(bytes) | (text.len() as u64) << 56;
    }
    let mut hash = text.len() as u64 ^ 0x9e37_79b9_7f4a_7c15;
    for piece in text.chunks(8) {
        let mut bytes = [0; 8];
        bytes[..piece.len()].copy_from_slice(piece);
        hash = folded_product(hash ^ u64::from_le_bytes(bytes), 0xa076_1d64_78bd_642f);
    }
    // No short text has a length of 128 and more.
    mix(hash) | 1 << 63
}

/// Spreads a key over all bits, one to one (the finalizer of SplitMix64).
pub fn mix(key: u64) -> u64 {
    let key = key.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let key = (key ^ key >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let key = (key ^ key >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    key ^ key >> 31
}

fn folded_product(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    (product as u64) ^ (product >> 64) as u64
}

impl ValueCounts {
    pub fn new(classes: usize) -> Self {
        Self { classes, keys: Vec::new(), counts: Vec::new(), slots: vec![0; 16], buckets: None }
    }

    pub fn len(&self) -> usize {
        self.keys.len()
    }

    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    pub fn keys(&self) -> &[u64] {
        &self.keys
    }

    pub fn buckets(&self) -> Option<u64> {
        self.buckets
    }

    /// Row after row, a count a class.
    pub fn counts(&self) -> &[u32] {
        &self.counts
    }

    pub fn row(&self, number: usize) -> &[u32] {
        &self.counts[number * self.classes..(number + 1) * self.classes]
    }

    /// Counts one case, and returns the number of its row.
    pub fn add(&mut self, key: u64, class: u32) -> u32 {
        let row = self.row_of(key);
        self.counts[row as usize * self.classes + class as usize] += 1;
        row
    }

    /// Number of the row of a key, which is met by this.
    pub fn row_of(&mut self, key: u64) -> u32 {
        let key = self.buckets.map_or(key, |buckets| mix(key) % buckets);
        let mask = self.slots.len() - 1;
        let mut at = mix(key) as usize & mask;
        loop {
            match self.slots[at] {
                0 => return self.insert(key, at),
                row if self.keys[row as usize - 1] == key => return row - 1,
                _ => at = (at + 1) & mask,
            }
        }
    }

    fn insert(&mut self, key: u64, at: usize) -> u32 {
        self.keys.push(key);
        self.counts.resize(self.counts.len() + self.classes, 0);
        self.slots[at] = self.keys.len() as u32;
        if self.keys.len() * 2 > self.slots.len() {
            self.grow();
        }
        self.keys.len() as u32 - 1
    }

    fn grow(&mut self) {
        let size = self.slots.len() * 2;
        self.slots.clear();
        self.slots.resize(size, 0);
        for (row, key) in self.keys.iter().enumerate() {
            let mut at = mix(*key) as usize & (size - 1);
            while self.slots[at] != 0 {
                at = (at + 1) & (size - 1);
            }
            self.slots[at] = row as u32 + 1;
        }
    }

    /// Makes room for classes that were not known before.
    pub fn widen(&mut self, classes: usize) {
        let mut counts = vec![0; self.keys.len() * classes];
        for (wide, row) in counts.chunks_exact_mut(classes).zip(self.counts.chunks_exact(self.classes.max(1)))
        {
            wide[..row.len()].copy_from_slice(row);
        }
        self.counts = counts;
        self.classes = classes;
    }

    /// Throws values together that share a bucket, from now on too: what a column of ids takes is bounded.
    pub fn fold(&mut self, buckets: u64) {
        let mut folded = Self::new(self.classes);
        folded.buckets = Some(buckets);
        for (row, key) in self.keys.iter().enumerate() {
            let to = folded.row_of(*key) as usize * self.classes;
            let counts = &mut folded.counts[to..to + self.classes];
            counts.iter_mut().zip(self.row(row)).for_each(|(sum, count)| *sum += count);
        }
        *self = folded;
    }
}

impl Contingency for ValueCounts {
    fn for_each(&self, visit: &mut dyn FnMut(&[u32])) {
        self.counts.chunks_exact(self.classes.max(1)).for_each(visit);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_texts_have_keys_of_their_own() {
        let texts: [&[u8]; 6] = [b"", b"\0", b"\0\0", b"a", b"a\0", b"1234567"];
        let keys: std::collections::BTreeSet<_> = texts.iter().map(|text| key_of(text)).collect();
        assert_eq!(keys.len(), texts.len());
        assert_ne!(key_of(b"12345678"), key_of(b"12345679"));
    }

    #[test]
    fn counts_survive_growth_new_classes_and_folding() {
        let mut counts = ValueCounts::new(1);
        for value in 0..1000u64 {
            counts.add(value % 300, 0);
        }
        counts.widen(2);
        for value in 0..1000u64 {
            counts.add(value % 400, 1);
        }
        assert_eq!((counts.len(), counts.row(0), counts.row(350)), (400, &[4, 3][..], &[0, 2][..]));
        counts.fold(32);
        let sum = |class| counts.counts().iter().skip(class).step_by(2).sum::<u32>();
        assert_eq!((counts.len(), sum(0), sum(1)), (32, 1000, 1000));
        counts.add(12345, 1);
        assert_eq!(counts.len(), 32);
    }
}
