//! Tells columns that are copies of each other, without keeping them.

use super::counts::mix;

/// Digests over all rows of a column, in their order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Digests {
    /// Of the values.
    pub exact: u64,
    /// Of the numbers of the values in the order in which they were met: alike for a column with other names.
    pub renamed: u64,
}

impl Digests {
    pub fn add(&mut self, key: u64, code: u64) {
        self.exact = mix(self.exact.rotate_left(1) ^ key);
        self.renamed = mix(self.renamed.rotate_left(1) ^ code);
    }
}
