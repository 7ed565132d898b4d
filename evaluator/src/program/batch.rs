//! Examples of several problems side by side: example i of every problem is run at once.

use hashing::Rng;
use tasks::{Example, Problem};

use super::lanes::Lanes;

/// The examples of up to L problems; lanes beyond those repeat the first problem.
pub(super) struct Batch<const L: usize> {
    /// In the order of each epoch.
    pub training: Vec<Rows<L>>,
    pub validation: Rows<L>,
}

pub(super) struct Rows<const L: usize> {
    features: Vec<Lanes<L>>,
    labels: Vec<Lanes<L>>,
}

impl<const L: usize> Batch<L> {
    /// Of at least one problem, all of one size; `first` is the number of the first task.
    pub fn new(problems: &[Problem], epochs: usize, first: u64) -> Self {
        let count = problems[0].training.len();
        let training = |epoch| {
            let orders: [Vec<usize>; L] =
                std::array::from_fn(|lane| order(first + lane as u64, epoch, count));
            Rows::new(problems, |problem| &problem.training, |lane, i| orders[lane][i])
        };
        Self {
            training: (0..epochs.max(1)).map(training).collect(),
            validation: Rows::new(problems, |problem| &problem.validation, |_, i| i),
        }
    }
}

/// In which order the examples of a task come: first as the problem has them, then in an order of each epoch.
pub(super) fn order(task: u64, epoch: usize, count: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..count).collect();
    if epoch > 0 {
        Rng::named(task, "order of an epoch", epoch as u64).shuffle(&mut order);
    }
    order
}

impl<const L: usize> Rows<L> {
    fn new(
        problems: &[Problem],
        part: fn(&Problem) -> &[Example],
        order: impl Fn(usize, usize) -> usize,
    ) -> Self {
        let of_lane: [&[Example]; L] =
            std::array::from_fn(|lane| part(problems.get(lane).unwrap_or(&problems[0])));
        let (mut features, mut labels) = (Vec::new(), Vec::new());
        for i in 0..of_lane[0].len() {
            let examples: [&Example; L] = std::array::from_fn(|lane| &of_lane[lane][order(lane, i)]);
            let size = examples[0].features.len();
            features.extend((0..size).map(|j| examples.map(|example| example.features[j])));
            labels.push(examples.map(|example| example.label));
        }
        Self { features, labels }
    }

    /// The features of an example, and its labels.
    #[inline(always)]
    pub fn example<const F: usize>(&self, i: usize) -> (&[Lanes<L>], &Lanes<L>) {
        (&self.features[i * F..(i + 1) * F], &self.labels[i])
    }
}
