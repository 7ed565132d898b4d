//! Which of the tasks, and how large: plain data.

use serde::{Deserialize, Serialize};

/// One of the tasks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    Sort,
    ConvexHull,
}

/// A task with its sizes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pointing {
    pub task: Kind,
    /// Tokens of the shortest training case.
    pub shortest: usize,
    /// Tokens of the longest training case, and of every validation and test case; half of those that are scored as twice
    /// as long.
    pub longest: usize,
    /// Training cases.
    pub training: usize,
    /// Training cases of an epoch; the next one takes those that follow, round and round.
    pub epoch: usize,
    /// Cases that select the epoch and score a candidate, and as many that are twice as long.
    pub validation: usize,
    /// Cases that are drawn for a test only, and as many that are twice as long.
    pub test: usize,
    /// Of all streams.
    pub seed: u64,
}

/// Tokens of a training case: a network that points compares all pairs of what it has said and what there is.
const MOST_TOKENS: usize = 64;
/// Cases of a part.
const MOST_CASES: usize = 1 << 20;

impl Kind {
    pub const ALL: [Self; 2] = [Self::Sort, Self::ConvexHull];

    /// As it is written.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sort => "sort",
            Self::ConvexHull => "convex-hull",
        }
    }

    pub fn summary(self) -> &'static str {
        match self {
            Self::Sort => "the positions of numbers, from the smallest to the largest",
            Self::ConvexHull => "the corners of the convex hull of points in a square, counter-clockwise",
        }
    }

    /// Numbers of a token.
    pub fn channels(self) -> usize {
        match self {
            Self::Sort => 1,
            Self::ConvexHull => 2,
        }
    }

    /// Whether an answer says where it ends; else it points at every token.
    pub fn ends(self) -> bool {
        self == Self::ConvexHull
    }

    /// Sizes for one processor core: 5 to 10 tokens; in 20 epochs of 3,200 cases none comes twice.
    pub fn small(self) -> Pointing {
        Pointing {
            task: self,
            shortest: 5,
            longest: 10,
            training: 64_000,
            epoch: 3_200,
            validation: 512,
            test: 2_048,
            seed: 0,
        }
    }

    fn fewest_tokens(self) -> usize {
        match self {
            Self::Sort => 2,
            Self::ConvexHull => 3,
        }
    }
}

impl Pointing {
    /// What cannot be drawn, if anything cannot. Everything else of a task assumes that it can.
    pub fn check(&self) -> Result<(), String> {
        let Self { task, shortest, longest, training, epoch, validation, test, .. } = self;
        let refuse = |what: String| Err(format!("task {}: {what}", task.name()));
        let fewest = task.fewest_tokens();
        if *shortest < fewest || longest < shortest || *longest > MOST_TOKENS {
            return refuse(format!(
                "{shortest} to {longest} tokens; give {fewest} or more, and at most {MOST_TOKENS}"
            ));
        }
        let parts = [("training", training), ("validation", validation), ("test", test)];
        if let Some((name, cases)) = parts.iter().find(|(_, cases)| !(1..=MOST_CASES).contains(*cases)) {
            return refuse(format!("{cases} {name} cases; give 1 to {MOST_CASES}"));
        }
        if !(1..=*training).contains(epoch) {
            return refuse(format!("an epoch of {epoch} cases; give 1 to the {training} there are"));
        }
        Ok(())
    }
}
