//! What a candidate is like, told coarsely: for searches that keep the best of every sort.

use std::collections::BTreeMap;

/// How many parts a candidate has, and of which kind most of them are.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Niche {
    pub size: usize,
    /// Empty where there are no parts.
    pub kind: String,
}

impl Niche {
    /// Of the kinds of all parts. Of kinds that come equally often, the first by name counts.
    pub fn of<'a>(kinds: impl IntoIterator<Item = &'a str>) -> Self {
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        kinds.into_iter().for_each(|kind| *counts.entry(kind).or_default() += 1);
        let size = counts.values().sum();
        let most = counts.into_iter().rev().max_by_key(|(_, count)| *count);
        Self { size, kind: most.map_or(String::new(), |(kind, _)| kind.into()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_frequent_kind_counts_and_of_equals_the_first_by_name() {
        let niche = |kinds: &[&'static str]| Niche::of(kinds.iter().copied());
        assert_eq!(niche(&["gru", "mamba", "mamba"]), Niche { size: 3, kind: "mamba".into() });
        assert_eq!(niche(&["gru", "attention", "mamba"]), Niche { size: 3, kind: "attention".into() });
        assert_eq!(niche(&[]), Niche::default());
    }
}
