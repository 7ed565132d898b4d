//! About how many different keys there were, in 4 KiB: HyperLogLog (Flajolet et al. 2007), standard error 1.6 %.

use libm::{exp2, log};

use super::counts::mix;

#[derive(Clone, Debug)]
pub struct HyperLogLog {
    registers: Vec<u8>,
}

impl Default for HyperLogLog {
    fn default() -> Self {
        Self { registers: vec![0; 1 << Self::BITS] }
    }
}

impl HyperLogLog {
    const BITS: u32 = 12;

    pub fn add(&mut self, key: u64) {
        let hash = mix(key);
        let register = &mut self.registers[(hash >> (64 - Self::BITS)) as usize];
        let rest = hash << Self::BITS | 1 << (Self::BITS - 1);
        *register = (*register).max(rest.leading_zeros() as u8 + 1);
    }

    pub fn estimate(&self) -> f64 {
        let size = self.registers.len() as f64;
        let sum: f64 = self.registers.iter().map(|zeros| exp2(-f64::from(*zeros))).sum();
        let raw = 0.7213 / (1.0 + 1.079 / size) * size * size / sum;
        let free = self.registers.iter().filter(|zeros| **zeros == 0).count();
        // Few values leave registers free, whose number says more.
        if raw <= 2.5 * size && free > 0 { size * log(size / free as f64) } else { raw }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn estimates_are_within_five_percent() {
        for count in [100u64, 5000, 30_000, 1_000_000] {
            let mut distinct = HyperLogLog::default();
            (0..count).for_each(|key| distinct.add(key * 3 + 1));
            let ratio = distinct.estimate() / count as f64;
            assert!((ratio - 1.0).abs() < 0.05, "{count}: {ratio}");
        }
    }
}
