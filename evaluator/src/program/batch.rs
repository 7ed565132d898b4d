//! Examples of several problems side by side: example i of every problem is run at once.

use tasks::{Example, Problem};

use super::lanes::Lanes;

/// The examples of up to L problems; lanes beyond those repeat the first problem.
pub(super) struct Batch<const L: usize> {
    pub training: Rows<L>,
    pub validation: Rows<L>,
}

pub(super) struct Rows<const L: usize> {
    features: Vec<Lanes<L>>,
    labels: Vec<Lanes<L>>,
}

impl<const L: usize> Batch<L> {
    /// Of at least one problem, all of one size.
    pub fn new(problems: &[Problem]) -> Self {
        Self {
            training: Rows::new(problems, |problem| &problem.training),
            validation: Rows::new(problems, |problem| &problem.validation),
        }
    }
}

impl<const L: usize> Rows<L> {
    fn new(problems: &[Problem], part: fn(&Problem) -> &[Example]) -> Self {
        let of_lane: [&[Example]; L] =
            std::array::from_fn(|lane| part(problems.get(lane).unwrap_or(&problems[0])));
        let (mut features, mut labels) = (Vec::new(), Vec::new());
        for i in 0..of_lane[0].len() {
            let size = of_lane[0][i].features.len();
            features.extend((0..size).map(|j| of_lane.map(|examples| examples[i].features[j])));
            labels.push(of_lane.map(|examples| examples[i].label));
        }
        Self { features, labels }
    }

    /// The features of an example, and its labels.
    #[inline(always)]
    pub fn example<const F: usize>(&self, i: usize) -> (&[Lanes<L>], &Lanes<L>) {
        (&self.features[i * F..(i + 1) * F], &self.labels[i])
    }
}
