//! A hurdle: what does worse on the probe than most of what was seen of late is not trained any further.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

/// The third quartile of the distinct values among the last ones.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Hurdle {
    last: VecDeque<f64>,
    height: f64,
    since: usize,
}

/// Values that the quartile is taken of, and after how many new ones it is taken again.
const WINDOW: usize = 1000;
const EVERY: usize = 100;

impl Hurdle {
    /// Whether a value clears the hurdle, which then knows it. Before it knows enough of them, all do.
    pub fn cleared_by(&mut self, value: f64) -> bool {
        let cleared = value >= self.height;
        self.last.push_back(value);
        if self.last.len() > WINDOW {
            self.last.pop_front();
        }
        self.since += 1;
        if self.since >= EVERY && self.last.len() == WINDOW {
            (self.height, self.since) = (self.third_quartile(), 0);
        }
        cleared
    }

    fn third_quartile(&self) -> f64 {
        let mut values: Vec<f64> = self.last.iter().copied().collect();
        values.sort_unstable_by(f64::total_cmp);
        values.dedup();
        values[values.len() * 3 / 4]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quarter_of_the_distinct_values_clears_it() {
        let mut hurdle = Hurdle::default();
        let cleared =
            |hurdle: &mut Hurdle| (0..1000).filter(|n| hurdle.cleared_by(f64::from(n % 100))).count();
        assert_eq!(cleared(&mut hurdle), 1000);
        assert_eq!(cleared(&mut hurdle), 250);
        // Values that are met often do not count more.
        for _ in 0..2000 {
            hurdle.cleared_by(99.0);
        }
        assert!(!hurdle.cleared_by(98.0) && hurdle.cleared_by(99.0));
    }
}
