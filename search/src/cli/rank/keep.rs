//! Which columns are worth keeping.

use super::ranking::Ranking;
use crate::cli::args::{Keep, StatisticName};

/// Share of false columns among those that `auto` keeps.
const RATE: f64 = 0.05;

pub fn choose(ranking: &mut Ranking, keep: Keep) {
    let (line, statistic, z) = (ranking.noise.best, ranking.statistic, ranking.noise.best_z);
    // A plain mutual information is above the noise by its number of values alone.
    let is_fair = statistic != StatisticName::Mi;
    for (place, feature) in ranking.features.iter_mut().enumerate() {
        feature.keep = match keep {
            Keep::Auto => feature.q <= RATE && feature.relevance.z > z && (!is_fair || feature.score > line),
            Keep::Number(number) => place < number,
            Keep::Rate(rate) => feature.q <= rate,
        };
    }
}

/// In the order of the ranking.
pub fn names(ranking: &Ranking) -> impl Iterator<Item = &str> {
    ranking.features.iter().filter(|feature| feature.keep).map(|feature| feature.name.as_str())
}
